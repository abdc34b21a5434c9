"""Findings of a real agent reach the page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from desktop import Session
from networks import LISTENER, Wire
from PySide6.QtCore import QSettings, Qt
from windows import application, button, until

from netwatch_tray import settings
from netwatch_tray.event import NewListener
from netwatch_tray.window.data.agent_link import AgentLink
from netwatch_tray.window.data.history_queries import HistoryThread
from netwatch_tray.window.pages.events.rows import Row
from netwatch_tray.window.shell.main_window import MainWindow
from netwatch_tray.window.widgets.theme import Theme

_PORT = 22017


@pytest.fixture
def session(network: Wire) -> Iterator[Session]:
    with Session(display=False, netns=network.near) as started:
        started.start_agent()
        yield started


@pytest.fixture
def window(session: Session, tmp_path: Path) -> Iterator[MainWindow]:
    theme = Theme(application(), Qt.ColorScheme.Light)
    link = AgentLink(session.feed)
    history = HistoryThread(Path(session.environment["XDG_DATA_HOME"]) / "netwatch-tray" / "history.sqlite3")
    memory = QSettings(str(tmp_path / "window.ini"), QSettings.Format.IniFormat)
    window = MainWindow(theme, link, memory, history)
    window.resize(1280, 800)
    window.show()
    link.try_now()
    yield window
    window.close()
    history.close()
    window.deleteLater()
    theme.deleteLater()


def _listeners(window: MainWindow) -> list[Row]:
    model = window.events.table.model()
    lines = [model.record(row) for row in range(model.rowCount())]
    return [line for line in lines if isinstance(line, Row) and isinstance(line.event.evidence, NewListener)]


def test_a_new_listener_is_an_event_that_can_be_muted(network: Wire, session: Session, window: MainWindow) -> None:
    window.turn_to_page("connections")
    until(window.connections.status, "the agent has read the sockets once")
    window.turn_to_page("events")
    listener = network.python(network.near, LISTENER, str(_PORT))
    try:
        assert listener.stdout
        assert listener.stdout.readline() == "listens\n"
        until(lambda: _listeners(window), "the listener is an event")
        (row,) = _listeners(window)
        evidence = row.event.evidence
        assert isinstance(evidence, NewListener)
        assert (evidence.port, row.event.pid) == (_PORT, listener.pid)
        assert window._row.bell.accessibleName() == "Events", "a notice does not count"
        window.events.table.selectRow(1)
        button(window.events.details, "Mute all new ports").click()
        until(lambda: "Muted: New port" in window.events.status(), "the agent has changed its settings")
        file = Path(session.environment["XDG_CONFIG_HOME"]) / "netwatch-tray" / "settings.toml"
        assert settings.load(file).events.muted == {"listener": True}
        assert not _listeners(window), "a line of the day stands for it"
    finally:
        listener.kill()
        listener.communicate()
