"""The verdict that `doctor` begins with."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from statuses import status

from netwatch_tray import language, paths
from netwatch_tray.cli import diagnose, main
from netwatch_tray.collect import sources
from netwatch_tray.errors import message


@pytest.fixture(autouse=True)
def english_in_own_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setenv(paths.HOME, str(tmp_path))
    monkeypatch.setenv("LANGUAGE", "en")
    monkeypatch.setattr(sources, "HELPER_SOCKET", str(tmp_path / "helper.socket"))  # not the one of this machine
    yield
    language.use("en")


def first_lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    assert main(["doctor"]) == 0
    verdict, _, _ = capsys.readouterr().out.partition("\n\n")
    return verdict.splitlines()


def test_running_agent_without_faults_is_fine(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(diagnose, "ask_status", status)
    assert first_lines(capsys) == ["✓ all fine"]


def test_stopped_agent_is_a_problem(capsys: pytest.CaptureFixture[str]) -> None:
    verdict, problem = first_lines(capsys)
    assert verdict == "✗ 1 problem"
    assert problem.startswith("  The agent is not running. Start it with: netwatch-tray ")


def test_each_fault_is_listed_once(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    faulty = status(
        no_tray=message("No tray."), upload_fault=message("No key."), faults=(message("No disk."), message("No key."))
    )
    monkeypatch.setattr(diagnose, "ask_status", lambda: faulty)
    assert first_lines(capsys) == ["✗ 3 problems", "  No tray.", "  No key.", "  No disk."]


def test_settings_fault_is_a_problem(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(diagnose, "ask_status", status)
    paths.settings_file().parent.mkdir(parents=True, exist_ok=True)
    paths.settings_file().write_text("[units]\nbits = 'yes'\n")
    verdict, problem = first_lines(capsys)
    assert verdict == "✗ 1 problem"
    assert "units.bits must be true or false" in problem


def test_json_lists_the_problems(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(diagnose, "ask_status", lambda: status(faults=(message("No disk."),)))
    main(["doctor", "--json"])
    assert json.loads(capsys.readouterr().out)["problems"] == ["No disk."]


@pytest.mark.skipif(sys.platform != "linux", reason="macOS has no session bus")
@pytest.mark.parametrize("form", [[], ["--json"]])
def test_a_missing_session_bus_is_explained(
    form: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(diagnose, "ask_status", status)
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", f"unix:path={tmp_path}/none")
    main(["doctor", *form])
    found = capsys.readouterr().out
    assert f"The session bus at unix:path={tmp_path}/none cannot be used (No such file or directory), so " in found
    assert "Start NetWatch from within the desktop session to get the icon." in found
    assert "Errno" not in found


@pytest.mark.parametrize(
    ("opener", "reason"), [(None, "No such file or directory"), ("#!/bin/sh\nexit 3\n", "exit code 3")]
)
def test_a_report_that_no_program_shows_is_named_with_the_reason(
    opener: str | None, reason: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(diagnose, "ask_status", status)
    monkeypatch.setenv("PATH", str(tmp_path))
    for name in ("xdg-open", "open") if opener else ():
        (tmp_path / name).write_text(opener or "")
        (tmp_path / name).chmod(0o755)
    assert main(["doctor", "--show"]) == 1
    assert capsys.readouterr().err.rstrip().endswith(f" cannot show it: {reason}.")


@pytest.mark.parametrize(("problems", "text"), [(0, "all fine"), (1, "1 problem"), (2, "2 problems")])
def test_doctor_prints_only_characters_of_the_encoding(
    problems: int, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), "ascii"))
    assert diagnose._verdict(problems) == text


@pytest.mark.parametrize("terminal", ["linux", "dumb"])
def test_doctor_prints_only_characters_of_the_console_font(terminal: str, monkeypatch: pytest.MonkeyPatch) -> None:
    stdout = io.TextIOWrapper(io.BytesIO(), "utf-8")
    monkeypatch.setattr(sys, "stdout", stdout)
    monkeypatch.setattr(stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", terminal)
    assert diagnose._verdict(0) == "all fine"
