from __future__ import annotations

from pathlib import Path

import pytest

from netwatch_tray import paths
from netwatch_tray.cli import ending, main
from netwatch_tray.cli.session import print_pairs


def test_values_of_several_lines_are_printed_below_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    print_pairs({"long name": "a\nb", "sent": ["first:", "- second", "- third"]})
    assert capsys.readouterr().out.splitlines() == [
        "long name  a\ufffdb", "sent       first:", "           - second", "           - third",
    ]  # fmt: skip


def test_upload_status_lists_the_sent_parts_on_separate_lines(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(paths.HOME, str(tmp_path))
    monkeypatch.setenv("LANGUAGE", "en")
    assert main(["upload", "status"]) == 0
    printed = capsys.readouterr().out
    assert "at the level rates:\n        - counters and rates" in printed
    assert "\ufffd" not in printed


def test_unexpected_error_is_logged_and_printed_as_a_sentence(
    capsys: pytest.CaptureFixture[str], expected_logs: list[str]
) -> None:
    def fail() -> int:
        raise LookupError("no such row")

    expected_logs.append("Unexpected error")
    assert ending.run(fail) == 1
    assert capsys.readouterr().err.splitlines()[-1].startswith("netwatch-tray: This is a bug of NetWatch.")
