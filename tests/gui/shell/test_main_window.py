"""Tabs, keys, pause, and what is remembered."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QWidget
from windows import FEW, Open, Opened, button, connection, interface, readouts, rx_of, tick, until, uplink, visible_text

from netwatch_tray.feed.protocol import ConnectionsMessage, Goodbye, Subscribe, TickMessage
from netwatch_tray.window.pages.connections.grouping import Grouping
from netwatch_tray.window.widgets.text import Text

_FEW = (uplink(2, "eth0", 12.4e6, 840e3), interface(3, "wg0", 2.1e6, 96.2e3, over=("eth0",)))


def test_keys_choose_page_range_and_crosshair(open_window: Open) -> None:
    opened = open_window()
    window, page = opened.window, opened.window.interfaces
    opened.say(*(TickMessage(tick(*FEW, ago=ago)) for ago in (2, 1, 0)))
    QTest.keySequence(window, "Ctrl+2")
    assert window.connections.isVisible()
    QTest.keySequence(window, "Ctrl+1")
    assert page.isVisible()
    QTest.keySequence(window, "Alt+2")
    assert page.range_chart.index == 1
    until(page.table.hasFocus, "the table has the focus")
    page.range_chart.chart.grab()
    QTest.keyClick(page.table, Qt.Key.Key_Left)
    QTest.keyClick(page.table, Qt.Key.Key_Left)
    assert page.range_chart.chart.crosshair == page.range_chart.chart.series.visible[-2].at
    QTest.keyClick(page.table, Qt.Key.Key_Down)
    assert page.range_chart.chart._title is not None
    QTest.keyClick(window, Qt.Key.Key_Escape)
    assert page.range_chart.chart._title is None
    assert window.isVisible()
    QTest.keyClick(window, Qt.Key.Key_Escape)
    assert window.isVisible(), "nobody loses a window by one key too many"


def test_escape_undoes_one_step_at_a_time(open_window: Open) -> None:
    opened = open_window()
    window = opened.window
    opened.say(ConnectionsMessage(reset=True, added=(connection(1), connection(2))))
    window.turn_to(1)
    window.connections.table.selectRow(0)
    QTest.keyClick(window, Qt.Key.Key_Escape)
    assert not window.connections.table.selectionModel().hasSelection()
    QTest.keySequence(window, "Ctrl+,")
    assert window.settings.isVisible()
    QTest.keyClick(window, Qt.Key.Key_Escape)
    assert window.connections.isVisible(), "back where the settings were opened"
    QTest.keyClick(window, Qt.Key.Key_Escape)
    assert window.connections.isVisible()


@pytest.mark.parametrize("keys", ["Ctrl+W", "Ctrl+Q"])
def test_keys_close_the_window(open_window: Open, keys: str) -> None:
    opened = open_window()
    QTest.keySequence(opened.window, keys)
    assert not opened.window.isVisible()


def test_tab_reaches_every_control_in_reading_order(open_window: Open) -> None:
    opened = open_window()
    opened.say(TickMessage(tick(*FEW)))
    page = opened.window.interfaces
    page.table.setFocus()
    reached: list[QWidget] = []
    for _ in range(9):
        QTest.keyClick(opened.window.focusWidget(), Qt.Key.Key_Tab)
        reached.append(opened.window.focusWidget())
    names = [
        each.text() or each.accessibleName() if isinstance(each, QAbstractButton) else type(each).__name__
        for each in reached
    ]
    # Of buttons that exclude each other Tab reaches the pressed one, and the arrows move between them.
    chart = ["1 min", "The chart as a table", "Chart"]
    assert names == ["Interfaces", "Freeze", "Keys", "Why this total", *chart, "TableView", "Interfaces"]


def test_page_range_grouping_and_order_are_remembered(open_window: Open) -> None:
    first = open_window(size=(1000, 700))
    first.window.turn_to(1)
    first.window.interfaces.choose_range(1)
    first.window.usage.choose_range(2)
    first.window.connections.bar.group_by(Grouping("remote"))
    first.window.connections.table.sortByColumn(0, Qt.SortOrder.AscendingOrder)
    first.window.apps.table.sortByColumn(6, Qt.SortOrder.DescendingOrder)
    first.window.close()
    first.memory.sync()
    again = open_window(connected=False)
    assert again.window.connections.isVisible()
    assert [first.memory.value(f"{table}/column") for table in ("connections", "apps")] == ["app", "month"]
    assert again.window.interfaces.range_chart.index == 1
    assert again.window.usage.period == 2
    assert again.window.connections.bar.grouping == "remote"
    headers = [table.horizontalHeader() for table in (again.window.connections.table, again.window.apps.table)]
    assert [header.sortIndicatorSection() for header in headers] == [0, 6]
    assert [header.sortIndicatorOrder() for header in headers] == [
        Qt.SortOrder.AscendingOrder,
        Qt.SortOrder.DescendingOrder,
    ]
    first.memory.setValue("page", "nonsense")
    first.memory.setValue("range", "99")
    first.memory.setValue("connections/column", "0")
    first.memory.setValue("apps/column", "activity")
    strange = open_window(connected=False)
    assert strange.window.interfaces.isVisible()
    assert strange.window.interfaces.range_chart.index == 0
    tables = strange.window.connections.table, strange.window.apps.table
    titles = [table.model().columns[table.horizontalHeader().sortIndicatorSection()].title for table in tables]
    assert titles == ["↓", "↓ now"], (
        "as at first: one is the index that earlier versions stored, the other has no order"
    )


def test_stored_values_of_a_page_that_was_not_shown_are_kept(open_window: Open) -> None:
    first = open_window()
    first.window.connections.bar.group_by(Grouping("remote"))
    first.window.close()
    open_window(connected=False).window.close()
    assert open_window(connected=False).window.connections.bar.grouping == "remote"


def test_a_page_that_is_shown_first_is_brought_up_to_date(opened: Opened) -> None:
    """The agent sends the first message of a topic again on request."""
    window, agent = opened.window, opened.agent
    opened.say(TickMessage(tick(*_FEW)))
    window.turn_to(1)
    agent.heard()
    window.turn_to(2)
    heard = [each for each in agent.heard() if isinstance(each, Subscribe)]
    assert heard == [Subscribe(window.apps.topics, again=frozenset({"apps"}))], (
        "the agent would read twice in a moment if nobody subscribed in between, and show the rates of that moment"
    )
    window.turn_to(1)
    heard = [each for each in agent.heard() if isinstance(each, Subscribe)]
    assert heard == [Subscribe(window.connections.topics)]


def test_a_page_that_is_shown_first_without_an_agent_shows_that(opened: Opened) -> None:
    opened.agent.stop()
    until(lambda: not opened.link.connected, "the window notices")
    opened.window.turn_to(1)
    assert "Connections are not known" in visible_text(opened.window)


def test_pausing_freezes_the_pages(opened: Opened) -> None:
    window, page = opened.window, opened.window.interfaces
    opened.say(TickMessage(tick(*_FEW)))
    end = page.range_chart.chart.viewport.end
    page.table.setFocus()
    QTest.keyClick(page.table, Qt.Key.Key_Space)
    assert button(window, "Live").isVisible()
    later = tick(uplink(2, "eth0", 1.0, 1.0))
    opened.say(TickMessage(later))
    assert page.range_chart.chart.viewport.end == end
    assert readouts(window)[0] == "download 12.4 MB/s"
    assert "Frozen: measuring continues" in visible_text(window)
    window.turn_to(1)
    opened.agent.heard()
    until(lambda: True, "")
    opened.say(ConnectionsMessage(reset=True, added=(connection(1),)))
    assert window.connections.table.model().rowCount() == 0
    button(window, "Live").click()
    until(lambda: Subscribe(window.connections.topics) in opened.agent.heard(), "asks again")
    window.turn_to(0)
    opened.say(TickMessage(later))
    assert readouts(window)[0] == "download 1 B/s"
    assert [rx_of(point) for point in page.range_chart.chart.moments()[-3:]].count(12.4e6) == 1, (
        "what came meanwhile has no hole"
    )


def test_f1_shows_keys_until_a_key_is_pressed(opened: Opened) -> None:
    window = opened.window
    QTest.keySequence(window, "F1")
    sheet = window.help
    assert sheet.isVisible()
    assert "Ctrl+G | Group connections" in visible_text(sheet)
    assert all(each.width() >= each.minimumWidth() for each in sheet.findChildren(Text))
    QTest.keyClick(sheet, Qt.Key.Key_A)
    assert not sheet.isVisible()


def test_goodbye_closes_the_window(open_window: Open) -> None:
    opened = open_window()
    opened.agent.say(Goodbye())
    until(lambda: not opened.window.isVisible(), "the window closes")
