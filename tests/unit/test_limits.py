"""The check of the sizes of modules and classes."""

from __future__ import annotations

from pathlib import Path

import limits
import pytest


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(limits, "SOURCES", tmp_path)
    monkeypatch.setattr(limits, "EXCEPTIONS", {})
    return tmp_path / "module.py"


def _class(methods: int) -> str:
    return "class Big:\n" + "".join(f"    def m{number}(self) -> None: ...\n" for number in range(methods))


def test_sizes_at_the_limit_pass(module: Path) -> None:
    module.write_text(_class(limits.MOST_METHODS) + "#\n" * (limits.MOST_LINES - limits.MOST_METHODS - 1))
    assert limits.excesses(module) == []
    limits.main()


@pytest.mark.parametrize(
    ("source", "name"),
    [(_class(limits.MOST_METHODS + 1), "module.py:Big"), ("#\n" * (limits.MOST_LINES + 1), "module.py")],
)
def test_modules_and_classes_above_a_limit_fail_unless_excepted(
    module: Path, monkeypatch: pytest.MonkeyPatch, source: str, name: str
) -> None:
    module.write_text(source)
    with pytest.raises(SystemExit, match=f"{name}: .* more than "):
        limits.main()
    monkeypatch.setattr(limits, "EXCEPTIONS", {name: "a reason"})
    limits.main()


def test_exception_that_is_not_needed_fails(module: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module.write_text("")
    monkeypatch.setattr(limits, "EXCEPTIONS", {"module.py:Big": "a reason"})
    with pytest.raises(SystemExit, match=r"module\.py:Big: no longer needs an exception"):
        limits.main()
