from __future__ import annotations

import time

import msgspec
import pytest
from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QLabel, QLineEdit, QWidget
from windows import connection, interface, past_tick, tick, until, uplink

from netwatch_tray import units
from netwatch_tray.feed.protocol import Command, ConnectionsMessage, Goodbye, Status, Subscribe, TickMessage
from netwatch_tray.model import GapReason, Why, WhyCode
from netwatch_tray.units import Units
from netwatch_tray.window.pages.connections.grouping import Grouping
from netwatch_tray.window.pages.connections.page import ConnectionsPage
from netwatch_tray.window.shell.banner import Banner
from netwatch_tray.window.shell.main_window import STARTED_BY_ATTEMPT
from netwatch_tray.window.table.column import Cell
from netwatch_tray.window.table.view import TableView
from netwatch_tray.window.widgets.buttons import LinkButton
from netwatch_tray.window.widgets.rate_readout import RateReadout
from netwatch_tray.window.widgets.text import Text
from netwatch_tray.window.widgets.theme import text_width

_FEW = (
    uplink(2, "eth0", 12.4e6, 840e3),
    interface(3, "wg0", 2.1e6, 96.2e3, why=Why(WhyCode.COUNTED_BELOW, ("eth0",))),
    interface(1, "lo", 2.64e6, 2.64e6, why=Why(WhyCode.LOOPBACK)),
)


def _texts(table: TableView) -> list[list[str]]:
    model = table.model()
    return [
        [str(model.index(row, column).data()) for column in range(len(model.columns))]
        for row in range(model.rowCount())
    ]


def _readouts(window: QWidget) -> list[str]:
    return [each.accessibleName() for each in window.findChildren(RateReadout)]


def _said(widget: QWidget) -> str:
    return " | ".join(each.text() for each in widget.findChildren(QLabel) if each.isVisible())


def test_interfaces_and_the_total(open_window) -> None:
    opened = open_window()
    assert _readouts(opened.window) == ["download unknown", "upload unknown"]
    opened.say(TickMessage(tick(*_FEW)))
    page = opened.window.interfaces
    assert _readouts(opened.window) == ["download 12.4 MB/s", "upload 840 kB/s"]
    assert "eth0 only. 2 interfaces not counted." in _said(page)
    assert "Live, every 1 s   1 point = 1 s" in _said(opened.window)
    assert [row[:4] for row in _texts(page.table)] == [
        ["eth0", "", "12.4 MB/s", "840 kB/s"],
        ["lo", "", "2.64 MB/s", "2.64 MB/s"],
        ["wg0", "", "2.10 MB/s", "96.2 kB/s"],
    ]
    assert _texts(page.table)[2][7] == "Not counted: traffic of wg0 already passes eth0"


def test_what_an_interface_is(open_window, monkeypatch) -> None:
    drawn: list[str] = []
    text = Cell.text

    def spy(cell: Cell, words: str, *arguments: object, **more: object) -> None:
        drawn.append(words)
        text(cell, words, *arguments, **more)

    monkeypatch.setattr(Cell, "text", spy)
    opened = open_window(size=(1280, 800))
    opened.say(
        TickMessage(
            tick(
                uplink(2, "wlan0", 1.0, 1.0, kind="wifi", speed=866_700_000, tx_drops=14, drop_rate=2.0, mtu=1500,
                       addresses=("fe80::1/64", "2001:db8::24/64", "192.0.2.24/24")),
                interface(3, "eth0", kind="ethernet", is_up=False, speed=None),
                interface(4, "wg0", 0.0, 0.0, kind="wireguard", over=("wlan0",)),
                interface(5, "eth1", 0.0, 0.0, kind="ethernet", speed=2_500_000_000, error_rate=0.25, rx_errors=7),
            )
        )
    )  # fmt: skip
    page = opened.window.interfaces
    page.table.grab()
    assert {"Wi-Fi, uplink", "Ethernet, down", "WireGuard tunnel over wlan0"} <= set(drawn)
    assert {"867 Mbit/s", "2.5 Gbit/s"} <= set(drawn)
    assert {"2 drop/s", "7", "0.25 err/s"} <= set(drawn), "while it goes wrong, how fast"
    assert {"192.0.2.24/24", "2001:db8::24/64 +1", "no address"} <= set(drawn), "what others reach it by comes first"
    model = page.table.model()
    tips = {str(model.index(row, column).data(Qt.ItemDataRole.ToolTipRole)) for row in range(4) for column in range(8)}
    assert "192.0.2.24/24\n2001:db8::24/64\nfe80::1/64" in tips
    assert "wlan0\nWi-Fi, uplink\nLink: 867 Mbit/s\nPackets of up to 1\u202f500 bytes (MTU)" in tips
    assert any("Now, per second: 0.25 errors" in tip for tip in tips)
    assert any("errors, 2 dropped." in tip for tip in tips)


def test_rates_come_in_the_persons_units(open_window) -> None:
    opened = open_window(units=Units(bits=True))
    opened.say(TickMessage(tick(*_FEW)))
    assert _readouts(opened.window) == ["download 99.2 Mbit/s", "upload 6.72 Mbit/s"]


def test_unknown_is_a_dash_and_says_why(open_window) -> None:
    opened = open_window()
    opened.say(TickMessage(tick(uplink(2, "eth0", None, None), gap=GapReason.ASLEEP)))
    page = opened.window.interfaces
    assert _texts(page.table)[0][2:4] == [units.UNKNOWN, units.UNKNOWN]
    assert [each.toolTip() for each in page.findChildren(RateReadout)] == ["Unknown for this moment: asleep"] * 2
    opened.say(TickMessage(tick(uplink(2, "eth0", 0.0, 0.0))))
    assert _texts(page.table)[0][2:4] == ["0 B/s", "0 B/s"]
    assert [each.toolTip() for each in page.findChildren(RateReadout)] == ["", ""]


def test_a_live_number_moves_nothing(open_window) -> None:
    opened = open_window()
    opened.say(TickMessage(tick(*_FEW)))
    before = [each.geometry() for each in opened.window.findChildren(QWidget)]
    for rate in (0.0, 9.1, 999.4e6, None):
        opened.say(TickMessage(tick(uplink(2, "eth0", rate, rate), *_FEW[1:])))
        assert [each.geometry() for each in opened.window.findChildren(QWidget)] == before


def test_the_selected_interface_is_drawn_large(open_window) -> None:
    opened = open_window()
    opened.say(TickMessage(tick(*_FEW)))
    page = opened.window.interfaces
    page.table.selectRow(2)
    opened.say(TickMessage(tick(interface(7, "aaa0", 1.0, 1.0), *_FEW)))
    assert page.range_chart.chart._title == "wg0", "selected by identity, not by row"
    assert _readouts(opened.window) == ["download 2.10 MB/s", "upload 96.2 kB/s"]
    assert (page._strip._name.text(), page._strip._sentence.text()) == ("wg0", "Other.")
    assert page.range_chart.chart.moments()[-1].rx == 2.1e6
    opened.say(TickMessage(tick(*_FEW[:1])))
    assert page.range_chart.chart._title is None, "it is gone: the total again"
    assert _readouts(opened.window) == ["download 12.4 MB/s", "upload 840 kB/s"]
    assert page._strip._name.text() == "Total"
    assert page.range_chart.chart.moments()[-1].rx == 12.4e6
    page.table.selectRow(0)
    assert page.range_chart.chart._title == "eth0"
    QTest.keyClick(opened.window, Qt.Key.Key_Escape)
    assert page.range_chart.chart._title is None
    assert opened.window.isVisible()


def test_the_past_comes_with_the_greeting(open_window) -> None:
    past_minute = [past_tick(60 - second, 1e6, 1e5) for second in range(60)]
    opened = open_window(Qt.ColorScheme.Light, (960, 640), *past_minute)
    opened.say(TickMessage(tick(*_FEW)))
    chart = opened.window.interfaces.range_chart.chart
    chart.grab()
    assert [len(run) for run in chart.series.runs] == [61]
    assert not chart.series.gaps


def test_why_this_total(open_window) -> None:
    opened = open_window()
    opened.say(TickMessage(tick(*_FEW)))
    page = opened.window.interfaces
    page._strip._why.click()
    said = _said(page.why)
    assert "eth0 | 12.4 MB/s | 840 kB/s | counted: carries the default route" in said
    assert "lo | 2.64 MB/s | 2.64 MB/s | not counted: traffic of this computer with itself" in said
    assert "Total | 12.4 MB/s | 840 kB/s" in said
    indents = [text.contentsMargins().left() for text in page.why.findChildren(Text)]
    assert not any(indents), "nothing is known to run over another"
    assert "would count it twice" not in said
    over = [*_FEW, interface(4, "tun0", 1.0, 1.0, over=("wg0",)), interface(5, "wg1", 1.0, 1.0, over=("eth0",))]
    opened.say(TickMessage(tick(*over)))
    opened.say(TickMessage(tick(*over[:1], interface(3, "wg0", 1.0, 1.0, over=("eth0",)), *over[2:])))
    tree = {
        text.text(): (text.contentsMargins().left(), text.accessibleName())
        for text in page.why.findChildren(Text)
        if text.accessibleName()
    }
    assert "would count it twice" in _said(page.why)
    assert list(tree) == ["eth0", "wg0", "tun0", "wg1", "lo"]
    assert [left // 18 for left, _spoken in tree.values()] == [0, 1, 2, 1, 0]
    assert tree["tun0"][1] == "tun0, over wg0"
    opened.say(TickMessage(tick(uplink(2, "eth0", 5e6, 1e3))))
    assert "Total | 5.00 MB/s | 1.00 kB/s" in _said(page.why)
    assert "lo" not in _said(page.why)
    page.why.findChild(LinkButton).click()
    assert not page.why.isVisible()
    settings = opened.window.settings
    until(lambda: settings.form.links.checkedButton().text() == "Interfaces in the total", "where that is chosen")


def test_connections_come_change_and_go(open_window, monkeypatch) -> None:
    monkeypatch.setattr("netwatch_tray.window.pages.connections.page._CLOSED_STAY_S", 0.0)
    opened = open_window()
    opened.window.turn_to(1)
    wanted = Subscribe(frozenset({"interfaces", "connections", "apps"}))
    until(lambda: wanted in opened.agent.heard(), "asks for connections")
    page = opened.window.connections
    listening = connection(3, "sshd", state="LISTEN", remote_address=None, remote_port=None, local_address="*")
    nobodys = connection(4, None, pid=None, protocol="UDP", state=None)
    opened.say(
        ConnectionsMessage(reset=True, added=(connection(1), connection(2, "apt"), listening, nobodys), source="lsof")
    )
    page.table.sortByColumn(0, Qt.SortOrder.AscendingOrder)
    assert [row[0] for row in _texts(page.table)] == ["apt", "firefox", "sshd", units.UNKNOWN]
    assert _texts(page.table)[2][2:6] == ["TCP", "*:40003", "any", "Listening"]
    assert _texts(page.table)[3][:3] == [units.UNKNOWN, units.UNKNOWN, "UDP"]
    assert "Sockets: 4, listening: 1   read with lsof" in _said(opened.window)
    page.table.selectRow(2)
    opened.say(ConnectionsMessage(changed=(connection(1, state="CLOSE_WAIT"),), removed=("key2",)))
    assert [row[5] for row in _texts(page.table)[:2]] == ["Closed", "Close wait"]
    assert "Sockets: 3, listening: 1" in _said(opened.window)
    opened.say(ConnectionsMessage(source="lsof"))
    assert len(_texts(page.table)) == 3, "the closed one goes with the next refresh"
    assert [index.row() for index in page.table.selectionModel().selectedRows()] == [1]
    opened.say(ConnectionsMessage(reset=True, added=(listening,)))
    assert [row[0] for row in _texts(page.table)] == ["sshd"]
    assert page.table.selectionModel().selectedRows(), "a reset keeps the selection as well"


def test_a_connection_that_comes_back_is_not_forgotten(open_window, monkeypatch) -> None:
    monkeypatch.setattr("netwatch_tray.window.pages.connections.page._CLOSED_STAY_S", 0.0)
    opened = open_window()
    opened.window.turn_to(1)
    page = opened.window.connections
    opened.say(ConnectionsMessage(reset=True, added=(connection(1), connection(2))))
    opened.say(ConnectionsMessage(removed=("key1", "key2")), ConnectionsMessage(added=(connection(1),)))
    opened.say(ConnectionsMessage())
    assert len(_texts(page.table)) == 1, "the one that stayed away goes"
    assert page.table.model().key(0) == "key1"


def _instead(page: ConnectionsPage) -> str:
    """What stands in the table's place."""
    shown = page._stack.currentWidget()
    return "" if shown is page.table else f"{page._instead._title.text()}: {page._instead._detail.text()}"


def test_states_of_the_connection_list(open_window) -> None:
    opened = open_window(connected=False)
    opened.window.turn_to(1)
    page = opened.window.connections
    assert _instead(page) == ": ", "nothing flickers in the first moments"
    opened.connect()
    until(lambda: _instead(page).startswith("Reading the connections"), "says that it reads")
    opened.say(ConnectionsMessage(reset=True))
    assert _instead(page).startswith("No connections: No program")
    opened.say(ConnectionsMessage(fault="The program “lsof” is not installed."))
    assert _instead(page) == "The connection list is missing: The program “lsof” is not installed."
    opened.say(ConnectionsMessage(reset=True, added=(connection(1),)))
    assert _instead(page) == ""
    assert opened.window.findChild(Banner).isHidden()
    opened.say(ConnectionsMessage(fault="lsof did not answer."))
    banner = opened.window.findChild(Banner)
    assert banner.isVisible()
    assert banner._notice == ("warn", "The connection list may be old", "lsof did not answer.", None)
    QTest.keyClick(opened.window, Qt.Key.Key_Slash)
    QTest.keyClicks(page.bar.field, "thunder / bird")
    assert _instead(page).startswith("No connection matches: Open sockets: 1, none has “thunder / bird”")
    page._instead.button.click()
    assert _instead(page) == ""


def test_filter(open_window) -> None:
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
        assert [row[0] for row in _texts(page.table)] == left
    assert page.bar.field._count == "1 of 3"
    opened.say(ConnectionsMessage(added=(connection(4, "openssh"), connection(5, "curl"))))
    assert [row[0] for row in _texts(page.table)] == ["openssh", "ssh"], "it holds for those that come later"
    QTest.keyClick(opened.window, Qt.Key.Key_Escape)
    assert page.bar.field.text() == ""
    assert len(_texts(page.table)) == 5


def test_the_agent_goes_and_comes_back(open_window) -> None:
    opened = open_window()
    window, link, agent = opened.window, opened.link, opened.agent
    opened.say(TickMessage(tick(*_FEW)), ConnectionsMessage(reset=True, added=(connection(1),)))
    banner = window.findChild(Banner)
    agent.stop()
    until(lambda: not link.connected, "it is noticed")
    assert banner.isVisible()
    assert banner._notice.severity == "err"
    assert banner._notice.title.startswith("The agent stopped. Trying again in 1 s, attempt 1.")
    assert _readouts(window) == ["download unknown", "upload unknown"]
    assert all(row[2:4] == [units.UNKNOWN] * 2 for row in _texts(window.interfaces.table))
    assert "Not measuring" in _said(window)
    assert {row[-1] for row in _texts(window.interfaces.table)} == {"Not known without the agent"}
    assert window.interfaces._strip._sentence.text() == "Nothing is measured now."
    assert not window.interfaces._strip._why.isVisible()
    assert window.connections.table.model().rowCount() == 0, "old values are not shown as if they were live"
    for attempt, pause in enumerate((2, 4, 8, 10, 10), start=2):
        link.try_now()
        assert (link.attempt, link.retry_in) == (attempt, pause)
    agent.start()
    banner._button.click()
    agent.greet(past_tick(1, 3e6, 1e5))
    until(lambda: link.connected, "it is back")
    assert banner.isHidden()
    opened.say(TickMessage(tick(*_FEW)))
    assert _readouts(window) == ["download 12.4 MB/s", "upload 840 kB/s"]
    assert Subscribe(frozenset({"interfaces"})) in agent.heard()


def test_an_agent_can_be_started_from_the_window(open_window) -> None:
    opened = open_window(connected=False)
    window, link, agent = opened.window, opened.link, opened.agent
    agent.stop()
    started: list[bool] = []
    window._start_agent = lambda: started.append(True) or True
    link.try_now()
    banner = window.findChild(Banner)
    assert banner._button.text() == "Start it"
    banner._button.click()
    assert started == [True]
    assert banner._notice.title == "The agent is starting …"
    assert not banner._button.isVisible(), "once is enough"
    for _attempt in range(STARTED_BY_ATTEMPT):
        link.try_now()
    assert banner._notice.title.startswith("The agent is not running."), "it did not start"
    banner._button.click()
    agent.start()
    link.try_now()
    agent.greet()
    until(lambda: link.connected, "it is there")
    assert banner.isHidden()
    assert not window._is_starting


def test_it_tries_again_by_itself(open_window, monkeypatch) -> None:
    monkeypatch.setattr("netwatch_tray.window.data.agent_link._RETRY_AFTER_S", (0,))
    opened = open_window(connected=False)
    opened.agent.stop()
    opened.link.try_now()
    banner = opened.window.findChild(Banner)
    assert banner._notice.title.startswith("The agent is not running.")
    opened.agent.start()
    until(lambda: opened.link._feed is not None, "it has connected")
    opened.agent.greet()
    until(lambda: opened.link.connected, "and is greeted")
    assert banner.isHidden()


def test_an_agent_that_talks_nonsense_is_left(open_window, expected_logs) -> None:
    opened = open_window()
    expected_logs.append("The agent sent a line that is not understood")
    opened.agent.write(b'{"type": "tick", "tick": 7}\n')
    until(lambda: opened.link.attempt == 1, "the line is cut")


def test_an_agent_of_another_version_is_named(open_window) -> None:
    opened = open_window(connected=False)
    opened.link.try_now()
    opened.agent.greet(protocol=999)
    banner = opened.window.findChild(Banner)
    until(banner.isVisible, "the banner")
    assert banner._notice.title == "The agent is of another version than this window."


def test_only_what_is_seen_is_asked_for(open_window) -> None:
    opened = open_window()
    opened.agent.heard()
    opened.window.turn_to(1)
    opened.window.hide()
    opened.window.show()
    opened.window.turn_to(0)
    heard: list = []
    until(
        lambda: heard.extend(opened.agent.heard()) or len([m for m in heard if isinstance(m, Subscribe)]) == 4, "asks"
    )
    wanted = [sorted(message.topics) for message in heard if isinstance(message, Subscribe)]
    everything = ["apps", "connections", "interfaces"]
    assert wanted == [everything, ["interfaces"], everything, ["interfaces"]]
    assert Command("status") in heard


def test_the_agents_own_cost(open_window) -> None:
    opened = open_window()
    status = Status(version="1", pid=1, uptime_s=100, cpu_s=1, rss_bytes=24_300_000, interfaces="", tray="", clients=1)
    opened.say(status)
    assert "Agent: CPU 1.0 %, memory 24.3 MB" in _said(opened.window)
    opened.say(msgspec.structs.replace(status, uptime_s=110, cpu_s=1.02, faults=("lsof is missing",)))
    assert "Agent: CPU 0.2 %" in _said(opened.window)
    assert "1 source missing" in _said(opened.window)
    banner = opened.window.findChild(Banner)
    assert "lsof is missing" in _said(banner)
    banner._button.click()
    assert not banner.isVisible(), "it was read"
    assert "1 source missing" in _said(opened.window)
    opened.say(msgspec.structs.replace(status, uptime_s=120, faults=("lsof is missing", "a", "b", "c")))
    assert "a And 2 more." in _said(banner)
    again = open_window(connected=False)
    assert again.window._memory.acknowledged == {"lsof is missing"}, "nor is it said again"


def test_keyboard(open_window) -> None:
    opened = open_window()
    window, page = opened.window, opened.window.interfaces
    opened.say(*(TickMessage(tick(*_FEW, ago=ago)) for ago in (2, 1, 0)))
    QTest.keySequence(window, "Ctrl+2")
    assert window.connections.isVisible()
    QTest.keySequence(window, "Ctrl+1")
    assert page.isVisible()
    QTest.keySequence(window, "Alt+2")
    assert page.range_index == 1
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


def test_escape_goes_back_by_steps(open_window) -> None:
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
def test_closing_by_keyboard(open_window, keys: str) -> None:
    opened = open_window()
    QTest.keySequence(opened.window, keys)
    assert not opened.window.isVisible()


def test_tab_reaches_every_control_in_reading_order(open_window) -> None:
    opened = open_window()
    opened.say(TickMessage(tick(*_FEW)))
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
    assert names == ["Interfaces", "Pause", "Keys", "Why this total", *chart, "TableView", "Interfaces"]


def test_size_page_and_range_are_remembered(open_window) -> None:
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
    assert again.window.interfaces.range_index == 1
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
    first.memory.setValue("connections/column", "99")
    first.memory.setValue("apps/column", "1")
    strange = open_window(connected=False)
    assert strange.window.interfaces.isVisible()
    assert strange.window.interfaces.range_index == 0
    assert strange.window.connections.table.horizontalHeader().sortIndicatorSection() == 6
    assert strange.window.apps.table.horizontalHeader().sortIndicatorSection() == 2, "not by what has no order"


def _extreme() -> tuple[TickMessage, ConnectionsMessage]:
    """Names as long as the kernel allows, 300 interfaces, 3000 connections."""
    many = [
        uplink(
            number,
            f"enx{number:012x}",
            999e6,
            999e3,
            rx_errors=7**number,
            why=Why(WhyCode.UNDERLAY, ("carries " * 12,)),
        )
        for number in range(1, 4)
    ]
    many += [
        interface(number, f"veth{number:08x}@if", None if number % 5 else 9.99, 0.0, is_up=bool(number % 7),
                  kind="a-kind-with-a-long-name", over=(f"veth{number - 1:08x}@if",), speed=400_000_000_000,
                  tx_drops=9**number, addresses=("2001:db8:ffff:ffff:ffff:ffff:ffff:ffff/128",) * 9)
        for number in range(4, 301)
    ]  # fmt: skip
    address = "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"
    rows = tuple(
        connection(number, "a-process-with-a-name-that-does-not-end" * 2, pid=4194304, local_address=address,
                   remote_address=address, local_port=65535, remote_port=65535, state="CLOSE_WAIT")
        for number in range(3000)
    )  # fmt: skip
    return TickMessage(tick(*many)), ConnectionsMessage(
        reset=True, added=rows, source="sock_diag and /proc", fault="lsof " * 40
    )


def _boxes(window: QWidget, parent: QWidget) -> list[tuple[QWidget, QRect]]:
    return [
        (each, QRect(each.mapTo(window, QPoint(0, 0)), each.size()))
        for each in parent.findChildren(QWidget, options=Qt.FindChildOption.FindDirectChildrenOnly)
        if each.isVisible() and not each.isWindow()
    ]


def _check(window: QWidget, parent: QWidget) -> None:
    """Each control lies inside its parent, beside its neighbours, and is as large as it asks to be."""
    inside = QRect(parent.mapTo(window, QPoint(0, 0)), parent.size())
    boxes = _boxes(window, parent)
    for number, (widget, box) in enumerate(boxes):
        assert inside.contains(box), f"{widget} sticks out of {parent}"
        assert not [other for other, taken in boxes[:number] if taken.intersects(box)], f"{widget} lies on another"
        if isinstance(widget, QAbstractButton | RateReadout):
            assert widget.width() >= widget.sizeHint().width(), f"{widget} is cut"
            assert widget.height() >= widget.sizeHint().height(), f"{widget} is cut"
        elif isinstance(widget, Text):
            assert widget.height() >= widget.fontMetrics().height(), f"“{widget.text()}” is cut"
        elif not isinstance(widget, TableView | QLineEdit):
            _check(window, widget)


def _check_table(table: TableView) -> None:
    columns = table.model().columns
    shown = [index for index in range(len(columns)) if not table.isColumnHidden(index)]
    assert sum(table.columnWidth(index) for index in shown) == table.viewport().width()
    for index in shown:
        column, room = columns[index], table.columnWidth(index)
        padding = table.padding(index)
        room -= padding.left() + padding.right()
        assert room >= text_width(table.theme.fonts.small_strong, column.title)
        if column.numeric:  # a number without its end would be another number
            assert isinstance(column.widest, str)
            assert room >= text_width(table.theme.fonts.strong, column.widest)


def test_a_count_too_large_for_its_column_is_not_cut(open_window, monkeypatch) -> None:
    drawn: list[str] = []
    text = Cell.text

    def spy(cell: Cell, words: str, *arguments: object, **more: object) -> None:
        drawn.append(words)
        text(cell, words, *arguments, **more)

    monkeypatch.setattr(Cell, "text", spy)
    opened = open_window()
    opened.say(TickMessage(tick(uplink(2, "eth0", 1.0, 1.0, rx_errors=99_999, tx_errors=1))))
    opened.window.interfaces.table.grab()
    assert ">99\u202f999" in drawn


@pytest.mark.parametrize("size", [(720, 480), (960, 640), (1280, 800)], ids=str)
@pytest.mark.parametrize("scheme", [Qt.ColorScheme.Light, Qt.ColorScheme.Dark], ids=lambda scheme: scheme.name)
@pytest.mark.parametrize("data", ["empty", "typical", "extreme", "lost"])
def test_nothing_is_cut_or_lies_on_another(application, open_window, size, scheme, data) -> None:
    opened = open_window(scheme, size)
    if data in ("typical", "lost"):
        opened.say(TickMessage(tick(*_FEW)), ConnectionsMessage(reset=True, added=(connection(1), connection(2))))
    elif data == "extreme":
        opened.say(*_extreme())
    if data == "lost":
        opened.agent.stop()
        until(lambda: not opened.link.connected, "it is noticed")
    for page, table in enumerate((opened.window.interfaces.table, opened.window.connections.table)):
        opened.window.turn_to(page)
        if data == "extreme":
            table.selectRow(1)
        application.processEvents()
        picture = opened.window.grab().toImage()
        assert (picture.width(), picture.height()) == size
        _check(opened.window, opened.window)
        if table.isVisible():
            _check_table(table)
        ground = opened.theme.tokens.window
        assert picture.pixelColor(size[0] - 2, 4) == ground
        assert picture.pixelColor(2, size[1] - 4) == ground
    assert opened.window.interfaces.range_chart.chart.height() >= 140


def test_large_fonts_make_everything_higher(application, open_window) -> None:
    before = application.font()
    larger = application.font()
    larger.setPixelSize(20)
    application.setFont(larger)
    try:
        opened = open_window(size=(960, 640))
        opened.say(TickMessage(tick(*_FEW)), ConnectionsMessage(reset=True, added=(connection(1),)))
        for page in (0, 1):
            opened.window.turn_to(page)
            application.processEvents()
            _check(opened.window, opened.window)
    finally:
        application.setFont(before)


def test_ten_thousand_connections_do_not_block(open_window) -> None:
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


def test_it_closes_when_the_person_quits_the_program(open_window) -> None:
    opened = open_window()
    opened.agent.say(Goodbye())
    until(lambda: not opened.window.isVisible(), "the window closes")
