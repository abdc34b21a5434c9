"""Subcommands where there is no private directory for the agent's socket, so that no agent can listen."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from netwatch_tray import language, paths
from netwatch_tray.cli import main
from netwatch_tray.cli.session import NO_AGENT

REASON = "There is no private directory for the agent's socket"


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Return a home in which a file has the name of the directory."""
    monkeypatch.setenv(paths.HOME, str(tmp_path))
    monkeypatch.setenv("LANGUAGE", "en")
    language.use(language.ENGLISH)
    (tmp_path / "runtime").touch()
    return tmp_path


@pytest.mark.parametrize("arguments", [["watch", "--once", "--json"], ["connections", "--json"], ["apps", "--json"]])
def test_what_needs_no_agent_still_works(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 0
    shown = capsys.readouterr()
    json.loads(shown.out)
    assert shown.err == ""


@pytest.mark.parametrize("subcommand", ["status", "quit"])
def test_what_needs_an_agent_names_the_reason(subcommand: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([subcommand]) == NO_AGENT
    assert capsys.readouterr().err.startswith(REASON)


def test_doctor_lists_it_once_as_a_problem(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert [each.startswith(REASON) for each in report["problems"]].count(True) == 1
    assert report["feed"].startswith(f"{REASON} ({home / 'runtime'}: File exists). Set XDG_RUNTIME_DIR ")


def test_settings_are_still_changed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["upload", "off"]) == 0
    assert REASON not in capsys.readouterr().err


@pytest.mark.parametrize("subcommand", ["usage", "export"])
def test_a_history_that_cannot_be_read_is_reported_with_advice(
    subcommand: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "state").symlink_to("state")
    assert main([subcommand]) == 1
    shown = capsys.readouterr().err
    assert f"The history {paths.history_file()} cannot be read: Too many levels of symbolic links. Live rates " in shown
