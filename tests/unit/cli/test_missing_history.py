"""What `usage` and `export` report before the history has its first minute."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from netwatch_tray import paths
from netwatch_tray.cli import main, session
from netwatch_tray.settings import History, Settings


@pytest.fixture(autouse=True)
def own_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(paths.HOME, str(tmp_path))
    monkeypatch.setenv("LANGUAGE", "en")


def connected(settings: Settings) -> tuple[Any, Any]:
    """Return a stand-in for a connection to an agent with these settings."""
    return Mock(), Mock(settings=settings)


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
    monkeypatch.setattr(session, "connect", lambda: connected(Settings()))
    assert "the first minute is being recorded" in told(subcommand, capsys)


def test_history_turned_off_is_explained_by_the_setting(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(session, "connect", lambda: connected(Settings(history=History(on=False))))
    assert "it is off. Turn it on in the settings." in told("usage", capsys)
