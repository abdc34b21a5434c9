"""The developer's command: what it takes for installed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import dev
import needs
import pytest

ROOT = Path(__file__).parents[2]


def test_a_program_that_is_not_on_the_path_counts_as_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(dev, "_MORE_PATHS", (str(tmp_path / "libexec"),))
    assert not dev.is_installed("settings-daemon")
    assert "settings-daemon" in needs.left_out(["settings-daemon"])
    (tmp_path / "libexec").mkdir()
    (tmp_path / "libexec" / "settings-daemon").touch(0o755)
    assert dev.is_installed("settings-daemon")
    assert "settings-daemon" not in needs.left_out(["settings-daemon"])


@pytest.mark.parametrize("name", sorted(file.stem for file in (ROOT / "benchmarks").glob("[!_]*.py")))
def test_a_benchmark_starts_without_what_pytest_puts_on_the_path(name: str) -> None:
    command = [sys.executable, "-m", f"benchmarks.{name}", "--help"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_a_program_of_the_fleet_is_built_again_only_after_its_sources_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dev, "FLEET", tmp_path)
    source = tmp_path / "source"
    source.mkdir()
    (source / "main").write_text("one")
    copy: list[str | Path] = ["cp", "main", tmp_path / "program"]
    assert [dev._build_once("program", source, copy) for _ in range(2)] == [True, False]
    (source / "main").write_text("two")
    assert dev._build_once("program", source, copy)
    assert (tmp_path / "program").read_text() == "two"
    (source / "main").unlink()  # now the compiler fails, and no program of other sources is left for the tests
    assert not dev._build_once("program", source, copy)
    assert not (tmp_path / "program").exists()
    assert not dev._build_once("program", source, ["compiler-that-nobody-has"])
