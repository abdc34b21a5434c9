"""The details of an app, beside the list or in its place."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import Any

import pytest
from painted import drawn
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QToolTip
from windows import FakeHistory, FakeReader, Open, Opened, button, connection, until, visible_text

from netwatch_tray.feed.protocol import (
    AppsMessage,
    ChangeMute,
    ConnectionsMessage,
    HostsMessage,
    HostsRequest,
    SettingsMessage,
    Subscribe,
)
from netwatch_tray.history.results import Used
from netwatch_tray.model import App, HostAmount
from netwatch_tray.settings import DataPlan, Events, Settings
from netwatch_tray.window.pages.apps.details import AppDetails
from netwatch_tray.window.pages.apps.page import AppsPage
from netwatch_tray.window.pages.apps.parts import Figures
from netwatch_tray.window.widgets.formatting import short_date

_KEY = "executable:/usr/bin/curl"


def _app(name: str, key: str) -> App:
    return App(
        key=key, name=name, processes=2, connections=2, rx_bytes=1, tx_bytes=1, rx_rate=5.0, tx_rate=1.0,
        local_rx_bytes=0, local_tx_bytes=0,
    )  # fmt: skip


def _message() -> AppsMessage:
    apps = (_app("curl", _KEY), _app("wget", "executable:/usr/bin/wget"))
    return AppsMessage(apps=apps, interval_s=2.0, uplink=(4000, 2), tcp=(3000, 2), other=(1000, 0))


def _used(rx: int) -> Used:
    return Used(rx, rx // 10, 0, 0, 86400.0)


def _open(open_window: Open, width: int) -> Opened:
    reader = FakeReader()
    reader.names["app"] = {"curl": (_used(5_000), _used(9_000_000)), "Steam": (_used(0), _used(7_000_000))}
    reader.names["total"] = {"total": (_used(6_000), _used(40_000_000))}
    opened = open_window(history=FakeHistory(reader), size=(width, 800))
    opened.window.turn_to(2)
    opened.say(_message())
    return opened


def _click(page: AppsPage, name: str) -> None:
    model = page.table.model()
    (row,) = (place for place in range(model.rowCount()) if model.record(place).name == name)
    place = page.table.visualRect(model.index(row, 0)).center()
    QTest.mouseClick(page.table.viewport(), Qt.MouseButton.LeftButton, pos=place)


def _details(page: AppsPage) -> AppDetails:
    assert page.details is not None
    return page.details


def _figures(details: AppDetails) -> str:
    found = details.findChild(Figures)
    assert found is not None
    return found.accessibleName()


def test_a_click_opens_the_details_beside_the_list(open_window: Open) -> None:
    opened = _open(open_window, 1280)
    page = opened.window.apps
    assert page.details is None
    _click(page, "curl")
    details = _details(page)
    assert page.list.isVisible()
    assert "2 processes, /usr/bin/curl" in visible_text(details)
    until(lambda: "Alerts | none in 30 d" in visible_text(details), "the facts are shown")
    assert _figures(details).startswith("Today 1.50 GB, This week ")
    assert "Usual day 1.50 GB" in _figures(details)
    _click(page, "wget")
    assert "/usr/bin/wget" in visible_text(details)
    assert opened.window.findChild(AppDetails) is details, "the same widget"
    QTest.keyClick(page.table, Qt.Key.Key_Escape)
    assert page.details is None
    assert not details.isVisible()


def test_details_replace_the_list_in_a_narrow_window(open_window: Open) -> None:
    opened = _open(open_window, 960)
    page = opened.window.apps
    _click(page, "curl")
    assert _details(page).isVisible()
    assert not page.list.isVisible()
    assert "curl | ↓ 5 B/s  ↑ 1 B/s" in visible_text(page.strip)
    opened.window.resize(1280, 800)
    until(page.list.isVisible, "there is room for both")
    opened.window.resize(960, 800)
    until(lambda: not page.list.isVisible(), "there is none again")
    button(page, "Apps").click()
    assert page.list.isVisible()
    assert "apps use the network" in visible_text(page.strip)


def test_connections_and_ports_are_those_of_the_app(open_window: Open) -> None:
    opened = _open(open_window, 1280)
    page = opened.window.apps
    _click(page, "curl")
    wanted = Subscribe(frozenset({"interfaces", "events", "apps", "connections"}))
    until(lambda: wanted in opened.agent.heard(), "the window subscribes to the connections")
    assert "Listens on | –" in visible_text(_details(page)), "not known yet"
    udp: dict[str, Any] = {"protocol": "UDP", "state": None, "app": _KEY}
    sockets = (
        connection(1, app=_KEY),
        connection(2, app=_KEY),
        connection(3, app="other"),
        connection(4, **udp),
        connection(5, **(udp | {"remote_address": None, "remote_port": None, "local_port": 5353})),
        connection(6, app=_KEY, state="LISTEN", remote_address=None, remote_port=None, local_port=8080),
    )
    opened.say(ConnectionsMessage(reset=True, added=sockets), _message())
    shown = visible_text(_details(page))
    assert "3 now: 2 TCP, 1 UDP" in shown
    assert "TCP 8080, UDP 5353" in shown
    opened.say(ConnectionsMessage(removed=("key1", "key6")), _message())
    shown = visible_text(_details(page))
    assert "2 now: 1 TCP, 1 UDP" in shown
    assert "8080" not in shown


def _host(number: int, **more: Any) -> HostAmount:
    values: dict[str, Any] = {
        "host": f"h{number}.example", "origin": "TLS", "address": f"192.0.2.{number}", "scope": "internet",
        "rx_bytes": 1000 - number, "tx_bytes": 10, "last_at": 1.0,
    }  # fmt: skip
    return HostAmount(**(values | more))


def test_hosts_come_from_the_agent_and_smaller_ones_are_behind_a_link(open_window: Open) -> None:
    opened = _open(open_window, 1280)
    page = opened.window.apps
    _click(page, "curl")
    until(lambda: HostsRequest(_KEY) in opened.agent.heard(), "the window requests the hosts")
    hosts = (*(_host(number) for number in range(9)), _host(10, host=None, address=None, origin=None))
    opened.say(HostsMessage(app="another", since=0.0, hosts=(_host(77),)))
    assert "h77" not in drawn(_details(page).hosts)
    opened.say(HostsMessage(app=_KEY, since=0.0, hosts=hosts))
    shown = _details(page).hosts
    assert "h5.example" in drawn(shown)
    assert "h6.example" not in drawn(shown)
    rest = sum(each.rx_bytes + each.tx_bytes for each in hosts[6:])
    button(shown, f"4 hosts more, {rest / 1000:.2f} kB").click()
    assert "h8.example" in drawn(shown)
    assert "Other hosts together" in drawn(shown)


def test_app_known_only_from_the_history_has_amounts_and_no_connections(open_window: Open) -> None:
    opened = _open(open_window, 1280)
    page = opened.window.apps
    _click(page, "Steam")
    details = _details(page)
    until(lambda: "none now" in visible_text(details), "the facts are shown")
    assert not button(details, "Show connections").isEnabled()
    assert details.hosts.isVisible()


@pytest.mark.parametrize(("index", "has_bars"), [(0, False), (1, False), (2, True), (3, True), (4, True), (5, True)])
def test_chosen_range_applies_to_stacked_chart_and_details(open_window: Open, index: int, has_bars: bool) -> None:
    opened = _open(open_window, 1280)
    page = opened.window.apps
    _click(page, "curl")
    QTest.keySequence(opened.window, f"Alt+{index + 1}")
    assert page.range_index == index
    details = _details(page)
    assert details.amounts.isVisible() == has_bars
    assert details.chart.isVisible() != has_bars
    assert (details.amounts.amounts is not None) == has_bars or not has_bars
    stack = page.list.stack.stack
    assert stack is not None
    assert stack.is_amounts == (index > 2)


def test_pointing_at_a_row_marks_its_layer(open_window: Open) -> None:
    opened = _open(open_window, 1280)
    page = opened.window.apps
    stack = page.list.stack
    assert stack.stack is not None
    assert stack.stack.rank("curl") is not None
    model = page.table.model()
    rows = {model.record(row).name: row for row in range(model.rowCount())}
    QTest.mouseMove(page.table.viewport(), page.table.visualRect(model.index(rows["curl"], 0)).center())
    until(lambda: stack._marked == "curl", "the layer is marked")
    stack.hovered.emit("")
    assert page.table._marked == "", "the row of what belongs to no app"
    stack.hovered.emit(None)
    assert page.table._marked is None


def test_menu_of_a_row_opens_details_and_copies_the_row(open_window: Open) -> None:
    opened = _open(open_window, 1280)
    page = opened.window.apps
    row = next(row for row in page.table.model().records() if row.name == "curl")
    menu = page.list.menu.make(row)
    texts = [action.text().partition("\t")[0] for action in menu.actions() if not action.isSeparator()]
    assert texts == [
        "Details",
        "Show connections",
        "Mute alerts",
        "Copy name",
        "Copy program",
        "Copy rows",
        "Copy all rows",
    ]
    menu.actions()[0].trigger()
    assert _details(page).isVisible()
    menu.actions()[2].trigger()
    until(lambda: ChangeMute(f"any app {_KEY}", True) in opened.agent.heard(), "the agent mutes it")
    menu.close()
    opened.say(SettingsMessage(Settings(events=Events(muted={f"any app {_KEY}": True}))))
    muted = page.list.menu.make(row)
    assert muted.actions()[2].text() == "Notify again"
    muted.close()
    assert len(page.list.menu.make(None).actions()) == 2


def test_without_an_agent_nothing_can_be_muted(open_window: Open) -> None:
    opened = _open(open_window, 1280)
    page = opened.window.apps
    row = next(row for row in page.table.model().records() if row.name == "curl")
    opened.agent.stop()
    until(lambda: not opened.link.connected, "it is noticed")
    menu = page.list.menu.make(row)
    action = menu.actions()[2]
    assert (action.text(), action.isEnabled()) == ("Mute alerts (the agent is not running)", False)
    menu.close()
    page.list.menu.mute_requested.emit("any app", True)
    until(lambda: QToolTip.text() == "Nothing was changed: the agent is not running", "it is announced")
    QToolTip.hideText()


def test_live_traffic_is_added_to_amounts_before_the_history_is_written(open_window: Open) -> None:
    opened = _open(open_window, 1280)
    page = opened.window.apps
    assert opened.history
    reader = opened.history.reader
    reader.written = time.time() - 5.0
    reader.names["app"]["curl"] = (_used(0), _used(0))
    page._history.set_plan(DataPlan(billing_day=2), is_recorded=True)  # read again
    page.hide()
    page.show()
    opened.say(_message())
    until(lambda: all(row.today.both for row in page._rows if row.name == "wget" and row.today), "it has an amount")
    page.open_details("wget")
    until(lambda: "Today 0 B" not in _figures(_details(page)), "so have the details")


@pytest.mark.parametrize(("ago", "index"), [(0, 2), (1, 3), (6, 3), (7, 4), (29, 4), (30, 5), (400, 5)])
def test_day_chosen_on_the_usage_page_is_shown_until_escape(open_window: Open, ago: int, index: int) -> None:
    opened = _open(open_window, 1280)
    page = opened.window.apps
    page.open_details("curl")
    header = page.table.model()
    (place,) = (number for number, column in enumerate(header.columns) if column.id == "today")

    def title() -> str:
        return str(header.headerData(place, Qt.Orientation.Horizontal))

    today = datetime.now().astimezone().date()
    day = today - timedelta(days=ago)
    opened.window.usage.apps_requested.emit(day)
    assert page.details is None, "the list shows the day"
    assert page.range_index == index
    assert title() == ("Today" if ago == 0 else short_date(day))
    assert (page.list.stack._chosen is not None) == (ago > 0)
    if ago:
        assert any("Escape shows today again" in text for text in page.status())
        assert page.escape()
        assert title() == "Today"
        assert page.list.stack._chosen is None


@pytest.mark.parametrize("searches", [False, True])
def test_focus_follows_into_details_that_replace_the_list(open_window: Open, searches: bool) -> None:
    opened = _open(open_window, 960)
    page, window = opened.window.apps, opened.window
    if searches:
        page.search.setFocus()
    page.open_details("curl")
    assert window.focusWidget() is _details(page)
    window.turn_to(0)
    window.turn_to(2)
    assert window.focusWidget() is _details(page)
    button(page, "Apps").click()
    assert window.focusWidget() is page.table


def test_focus_stays_in_the_list_beside_the_details(open_window: Open) -> None:
    opened = _open(open_window, 1280)
    page, window = opened.window.apps, opened.window
    page.open_details("curl")
    assert window.focusWidget() is page.table
    window.resize(960, 800)
    until(lambda: window.focusWidget() is page.details, "the list is hidden")
