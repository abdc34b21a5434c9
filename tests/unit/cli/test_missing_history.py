"""What `usage` and `export` report before the history has its first minute."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from unittest.mock import Mock

import pytest

from netwatch_tray import paths
from netwatch_tray.cli import main, session
from netwatch_tray.errors import Message
from netwatch_tray.settings import History, Settings


@pytest.fixture(autouse=True)
def own_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(paths.HOME, str(tmp_path))
    monkeypatch.setenv("LANGUAGE", "en")


def run_agent(monkeypatch: pytest.MonkeyPatch, settings: Settings, *faults: Message) -> None:
    """Let an agent with these settings and faults of its history seem to run."""
    monkeypatch.setattr(session, "connect", lambda: (Mock(), Mock(settings=settings)))
    monkeypatch.setattr(session, "ask_status", lambda: Mock(faults=faults))


def told(subcommand: str, capsys: pytest.CaptureFixture[str]) -> str:
    assert main([subcommand]) == 1
    return capsys.readouterr().err


@pytest.mark.parametrize("subcommand", ["usage", "export"])
def test_missing_history_without_an_agent_suggests_starting_it(
    subcommand: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "start the program with `netwatch-tray`" in told(subcommand, capsys)


@pytest.mark.parametrize("subcommand", ["usage", "export"])
def test_missing_history_of_a_running_agent_is_explained_by_its_first_minute(
    subcommand: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run_agent(monkeypatch, Settings())
    assert "the first minute is being recorded" in told(subcommand, capsys)


def test_history_turned_off_is_explained_by_the_setting(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run_agent(monkeypatch, Settings(history=History(on=False)))
    assert "it is off. Turn it on in the settings." in told("usage", capsys)


@pytest.mark.parametrize("content", [None, b"", "PRAGMA journal_mode = WAL"])
def test_history_that_could_not_be_created_is_explained_by_the_agents_fault(
    content: bytes | str | None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = paths.history_file()
    file.parent.mkdir(parents=True)
    if isinstance(content, bytes):
        file.write_bytes(content)
    elif content:
        with contextlib.closing(sqlite3.connect(file)) as connection:
            connection.execute(content)
    assert "start the program with `netwatch-tray`" in told("usage", capsys)
    run_agent(monkeypatch, Settings(), Message("The disk is full.", {}))
    assert "There is no history yet. The agent reports: The disk is full." in told("usage", capsys)
