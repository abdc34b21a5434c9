"""Rows that open, change and close, and what is shown without any."""

from __future__ import annotations

import time

import pytest
from painted import drawn
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel
from windows import Open, button, child, connection, table_texts, until, visible_text

from netwatch_tray import units
from netwatch_tray.errors import Message
from netwatch_tray.feed.protocol import ConnectionsMessage, Subscribe
from netwatch_tray.window.pages.connections.page import ConnectionsPage
from netwatch_tray.window.shell.banner import Banner
from netwatch_tray.window.widgets.empty_state import EmptyState


def _cells(page: ConnectionsPage, row: int, *titles: str) -> list[str]:
    """Return the texts of a row in these columns."""
    columns = [column.title for column in page.table.model().columns]
    return [table_texts(page.table)[row][columns.index(title)] for title in titles]


def test_connections_open_change_and_close(open_window: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("netwatch_tray.window.pages.connections.page._CLOSED_STAY_S", 0.0)
    opened = open_window()
    opened.window.turn_to(1)
    wanted = Subscribe(
        frozenset({"interfaces", "events", "connections", "apps"}), again=frozenset({"connections", "apps"})
    )
    until(lambda: wanted in opened.agent.heard(), "the window subscribes to connections")
    page = opened.window.connections
    listening = connection(3, "sshd", state="LISTEN", remote_address=None, remote_port=None, local_address="*")
    nobodys = connection(4, None, pid=None, protocol="UDP", state=None)
    opened.say(
        ConnectionsMessage(reset=True, added=(connection(1), connection(2, "apt"), listening, nobodys), source="lsof")
    )
    page.table.sortByColumn(0, Qt.SortOrder.AscendingOrder)
    assert [row[0] for row in table_texts(page.table)] == ["apt", "firefox", "sshd", units.UNKNOWN]
    assert _cells(page, 2, "Protocol", "Local", "Remote", "State") == ["TCP", "*:40003", units.UNKNOWN, "Listening"]
    assert _cells(page, 3, "App", "PID", "Protocol") == [units.UNKNOWN, units.UNKNOWN, "UDP"]
    assert "Sockets: 4, listening: 1   read with lsof" in visible_text(opened.window)
    page.table.selectRow(2)
    opened.say(ConnectionsMessage(changed=(connection(1, state="CLOSE_WAIT"),), removed=("key2",)))
    assert [_cells(page, row, "State") for row in (0, 1)] == [["Closed"], ["Close wait"]]
    assert "Sockets: 3, listening: 1" in visible_text(opened.window)
    opened.say(ConnectionsMessage(source="lsof"))
    assert len(table_texts(page.table)) == 3, "the closed one goes with the next refresh"
    assert [index.row() for index in page.table.selectionModel().selectedRows()] == [1]
    opened.say(ConnectionsMessage(reset=True, added=(listening,)))
    assert [row[0] for row in table_texts(page.table)] == ["sshd"]
    assert page.table.selectionModel().selectedRows(), "a reset keeps the selection as well"


def test_a_closed_connection_that_reopens_is_not_removed(open_window: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("netwatch_tray.window.pages.connections.page._CLOSED_STAY_S", 0.0)
    opened = open_window()
    opened.window.turn_to(1)
    page = opened.window.connections
    opened.say(ConnectionsMessage(reset=True, added=(connection(1), connection(2))))
    opened.say(ConnectionsMessage(removed=("key1", "key2")), ConnectionsMessage(added=(connection(1),)))
    opened.say(ConnectionsMessage())
    assert len(table_texts(page.table)) == 1, "the one that stayed away goes"
    assert page.table.model().key(0) == "key1"


def _instead(page: ConnectionsPage) -> str:
    """Return the text that replaces the table."""
    empty = child(page, EmptyState)
    return ": ".join(each.text() for each in empty.findChildren(QLabel)) if empty.isVisible() else ""


def test_an_empty_list_shows_why_it_is_empty(open_window: Open) -> None:
    opened = open_window(connected=False)
    opened.window.turn_to(1)
    page = opened.window.connections
    assert _instead(page) == ": ", "nothing flickers in the first moments"
    opened.connect()
    until(lambda: _instead(page).startswith("Reading the connections"), "the page shows that it reads")
    opened.say(ConnectionsMessage(reset=True))
    assert _instead(page).startswith("No connections: No program")
    opened.say(ConnectionsMessage(fault=Message("The program “lsof” is not installed.")))
    assert _instead(page) == "The connection list is missing: The program “lsof” is not installed."
    opened.say(ConnectionsMessage(reset=True, added=(connection(1),)))
    assert _instead(page) == ""
    assert child(opened.window, Banner).isHidden()
    opened.say(ConnectionsMessage(fault=Message("lsof did not answer.")))
    banner = child(opened.window, Banner)
    assert banner.isVisible()
    assert visible_text(banner) == "The connection list may be old | lsof did not answer."
    QTest.keyClick(opened.window, Qt.Key.Key_Slash)
    QTest.keyClicks(page.bar.field, "thunder / bird")
    assert _instead(page).startswith("No connection matches: The only socket does not match “thunder / bird”")
    button(page, "Clear filter").click()
    assert _instead(page) == ""


def test_loading_text_appears_a_while_after_the_page_is_shown(open_window: Open) -> None:
    opened = open_window()
    page = opened.window.connections
    until(lambda: not page._loading.isActive(), "a delay that began earlier is over")
    page._loading.setInterval(60_000)
    opened.window.turn_to(1)
    assert _instead(page) == ": "
    page._loading.setInterval(0)
    until(lambda: _instead(page).startswith("Reading the connections"), "reading is announced")
    opened.say(ConnectionsMessage(reset=True, added=(connection(1),)))
    opened.agent.stop()
    until(lambda: _instead(page).startswith("Connections are not known"), "the agent is lost")
    page._loading.setInterval(60_000)
    opened.agent.start()
    opened.connect()
    assert _instead(page) == ": "
    page._loading.setInterval(0)
    until(lambda: _instead(page).startswith("Reading the connections"), "reading is announced again")


def test_paused_list_outlives_the_agent(open_window: Open) -> None:
    opened = open_window()
    opened.window.turn_to(1)
    page = opened.window.connections
    opened.say(ConnectionsMessage(reset=True, added=(connection(1),)))
    opened.window.toggle_pause()
    opened.agent.stop()
    until(lambda: not opened.link.connected, "the agent is lost")
    assert len(table_texts(page.table)) == 1
    opened.window.toggle_pause()
    assert _instead(page).startswith("Connections are not known")


def test_filter_applies_to_present_and_later_connections(open_window: Open) -> None:
    opened = open_window()
    opened.window.turn_to(1)
    page = opened.window.connections
    opened.say(
        ConnectionsMessage(
            reset=True, added=(connection(1), connection(2, "Syncthing", remote_port=22000), connection(3, "ssh"))
        )
    )
    page.table.sortByColumn(0, Qt.SortOrder.AscendingOrder)
    QTest.keySequence(opened.window, "Ctrl+F")
    until(page.bar.field.hasFocus, "the filter has the focus")
    for words, left in (
        ("s", ["firefox", "ssh", "Syncthing"]),
        ("SYNC 22000", ["Syncthing"]),
        ("ssh tcp :443", ["ssh"]),
    ):
        page.bar.field.setText(words)
        assert [row[0] for row in table_texts(page.table)] == left
    assert "1 of 3" in drawn(page.bar.field)
    opened.say(ConnectionsMessage(added=(connection(4, "openssh"), connection(5, "curl"))))
    assert [row[0] for row in table_texts(page.table)] == ["openssh", "ssh"], "it holds for those that come later"
    QTest.keyClick(opened.window, Qt.Key.Key_Escape)
    assert page.bar.field.text() == ""
    assert len(table_texts(page.table)) == 5


def test_ten_thousand_connections_take_no_quadratic_time(open_window: Open) -> None:
    opened = open_window()
    opened.window.turn_to(1)
    rows = tuple(connection(number, f"app{number % 300}") for number in range(10_000))
    began = time.process_time()
    opened.say(ConnectionsMessage(reset=True, added=rows))
    table = opened.window.connections.table
    table.verticalScrollBar().setValue(50_000)
    top = table.model().key(table.rowAt(0))
    for beat in range(5):
        gone = tuple(f"key{number}" for number in range(beat * 50, beat * 50 + 50))
        added = tuple(connection(20_000 + beat * 50 + number, "aaa") for number in range(50))
        opened.say(ConnectionsMessage(added=added, removed=gone))
    assert table.model().key(table.rowAt(0)) == top
    assert time.process_time() - began < 20, "something is quadratic"


def test_focus_stays_in_the_page_while_the_agent_is_away(open_window: Open) -> None:
    opened = open_window()
    opened.window.activateWindow()
    page = opened.window.connections
    opened.window.turn_to(1)
    opened.say(ConnectionsMessage(reset=True, added=(connection(1),)))
    page.go_to_filter()
    QTest.keyClicks(page.bar.field, "nosuch")
    assert child(page, EmptyState).button.isVisible()
    page.escape()
    page.escape()
    until(page.table.hasFocus, "Escape clears the filter and leaves its field")
    opened.agent.stop()
    until(lambda: not opened.link.connected, "it is noticed")
    focused = QApplication.focusWidget()
    assert focused is not None
    assert page.isAncestorOf(focused)
    opened.agent.start()
    opened.link.try_now()
    opened.agent.greet()
    until(lambda: opened.link.connected, "it is there")
    opened.say(ConnectionsMessage(reset=True, added=(connection(1),)))
    until(page.table.hasFocus, "the list has the focus again")
