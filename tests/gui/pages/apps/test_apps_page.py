from __future__ import annotations

import time

from painted import drawn
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from windows import FakeHistory, FakeReader, Open, button, child, tick, until, uplink, visible_text

from netwatch_tray import units
from netwatch_tray.feed.protocol import AppsMessage, Subscribe, TickMessage
from netwatch_tray.history.results import Used
from netwatch_tray.model import App, GapReason
from netwatch_tray.window.pages.apps.page import AppsPage
from netwatch_tray.window.widgets.empty_state import EmptyState


def _app(name: str, rx: float | None, **more: object) -> App:
    values: dict[str, object] = {
        "processes": 1, "connections": 2, "rx_bytes": 10_000, "tx_bytes": 20, "rx_rate": rx, "tx_rate": 2.0,
        "local_rx_bytes": 0, "local_tx_bytes": 0,
    }  # fmt: skip
    return App(key=name.lower(), name=name, **(values | more))  # type: ignore[arg-type]  # spelled out above


def _message(*apps: App) -> AppsMessage:
    return AppsMessage(apps=apps, interval_s=2.0, uplink=(4000, 2), tcp=(3000, 2), other=(1000, 0))


def _column(page: AppsPage, column: str) -> list[str]:
    model = page.table.model()
    place = [each.id for each in model.columns].index(column)
    return [str(model.index(row, place).data()) for row in range(model.rowCount())]


def test_apps_and_the_remainder_are_listed(open_window: Open) -> None:
    opened = open_window()
    QTest.keySequence(opened.window, "Ctrl+3")
    page = opened.window.apps
    assert child(page, EmptyState).isVisible()
    wanted = Subscribe(frozenset({"interfaces", "events", "apps"}), again=frozenset({"apps"}))
    until(lambda: wanted in opened.agent.heard(), "the window subscribes to apps")
    opened.say(
        _message(_app("curl", 5.0), _app("Firefox", 1495.0, local_rx_bytes=77), _app("wg", 9e6, is_tunnel_process=True))
    )
    assert "3 apps use the network now" in visible_text(page)
    assert "apps 1.50 kB/s + not of any app 500 B/s = interfaces 2.00 kB/s" in visible_text(page)
    assert _column(page, "app") == ["wg", "Firefox", "curl", "Not of any app"]
    assert _column(page, "month") == [units.UNKNOWN] * 4, "there is no history"
    tips = [str(page.table.model().index(row, 0).data(Qt.ItemDataRole.ToolTipRole)) for row in range(4)]
    assert "A tunnel" in tips[0]
    assert "Within this computer: ↓ 77 B" in tips[1]
    assert "no connection of an app" in tips[3]
    page.table.sortByColumn(0, Qt.SortOrder.AscendingOrder)
    assert _column(page, "app") == ["curl", "Firefox", "wg", "Not of any app"], "it is last in both directions"
    opened.say(_message(_app("curl", None, tx_rate=None)))
    assert _column(page, "rx_rate") == [units.UNKNOWN, "500 B/s"]
    assert "Not of any app" in drawn(page.table)


def test_search_enter_and_the_details_lead_to_the_connections(open_window: Open) -> None:
    opened = open_window()
    opened.window.turn_to(2)
    page = opened.window.apps
    opened.say(_message(_app("curl", 5.0), _app("Web Content", 6.0)))
    QTest.keySequence(opened.window, "Ctrl+F")
    until(page.search.hasFocus, "the field has the focus")
    QTest.keyClicks(page.search, "zzz")
    assert child(page, EmptyState).isVisible()
    button(page, "Clear search").click()
    QTest.keyClicks(page.search, "web")
    assert _column(page, "app") == ["Web Content"]
    assert "1 of 3" in drawn(page.search)
    page.table.selectRow(0)
    page.table.setFocus()
    QTest.keyClick(page.table, Qt.Key.Key_Return)
    assert page.details is not None
    button(page.details, "Show connections").click()
    assert opened.window.connections.isVisible()
    assert opened.window.connections.bar.field.text() == 'app:"Web Content"'


def test_without_the_agent_no_rate_is_shown(open_window: Open) -> None:
    opened = open_window()
    opened.window.turn_to(2)
    opened.say(_message(_app("curl", 5.0)))
    opened.agent.stop()
    until(lambda: not opened.link.connected, "it is noticed")
    page = opened.window.apps
    assert page.table.model().rowCount() == 0
    assert "Apps are not known" in visible_text(page)


def test_paused_rows_outlive_the_agent(open_window: Open) -> None:
    opened = open_window()
    opened.window.turn_to(2)
    opened.say(_message(_app("curl", 5.0)))
    opened.window.toggle_pause()
    opened.agent.stop()
    until(lambda: not opened.link.connected, "the agent is lost")
    page = opened.window.apps
    assert _column(page, "rx_rate") == ["5 B/s", "500 B/s"]
    opened.window.toggle_pause()
    assert page.table.model().rowCount() == 0
    assert "Apps are not known" in visible_text(page)


def _used(rx: int) -> Used:
    return Used(rx, rx // 10, 0, 0, 60.0)


def test_today_and_this_month_come_from_the_history(open_window: Open) -> None:
    reader = FakeReader()
    reader.names["app"] = {"Steam": (_used(0), _used(28_000_000)), "curl": (_used(5_000), _used(9_000_000))}
    reader.names["total"] = {"total": (_used(6_000), _used(40_000_000))}
    opened = open_window(history=FakeHistory(reader), size=(1280, 800))
    opened.window.turn_to(2)
    page = opened.window.apps
    assert sorted(_column(page, "app")) == ["Steam", "curl"], "the history is there before the first reading"
    assert _column(page, "rx_rate") == [units.UNKNOWN] * 2
    opened.say(_message(_app("Firefox", 5.0), _app("curl", None, tx_rate=None), _app("sshd", 0.0, tx_rate=0.0)))
    assert "1 app uses the network now, 3 this month" in visible_text(page)
    names = ["Steam", "curl", "Firefox", "sshd", "Not of any app"]
    assert sorted(_column(page, "app")) == sorted(names)
    assert _column(page, "app")[:2] == names[:2], "the month decides"
    rows = {name: place for place, name in enumerate(_column(page, "app"))}

    def shown(column: str) -> list[str]:
        return [_column(page, column)[rows[name]] for name in names]

    assert shown("rx_rate") == ["0 B/s", units.UNKNOWN, "5 B/s", "0 B/s", "500 B/s"]
    assert shown("today") == ["0 B", "5.50 kB", "0 B", "0 B", "1.10 kB"]
    assert shown("month") == ["30.8 MB", "9.90 MB", "0 B", "0 B", "3.30 MB"]
    place = [each.id for each in page.table.model().columns].index("month")
    tip = str(page.table.model().index(rows["Steam"], place).data(Qt.ItemDataRole.ToolTipRole))
    assert "↓ 28.0 MB  ↑ 2.80 MB" in tip
    assert "the month began on" in tip
    opened.agent.stop()
    until(lambda: not opened.link.connected, "it is noticed")
    assert sorted(_column(page, "app")) == ["Steam", "curl"]
    assert _column(page, "rx_rate") == [units.UNKNOWN] * 2, "nothing is known of now"


def test_bytes_of_gaps_have_a_separate_row(open_window: Open) -> None:
    reader = FakeReader()
    reader.names["app"] = {"curl": (_used(5_000), _used(9_000_000))}
    today, month = Used(7_000, 0, 1_500, 0, 60.0), Used(12_000_000, 0, 2_000_000, 0, 60.0)
    reader.names["total"] = {"total": (today, month)}
    opened = open_window(history=FakeHistory(reader), size=(1280, 800))
    opened.window.turn_to(2)
    opened.say(_message(_app("curl", 5.0)))
    page = opened.window.apps
    rows = dict(
        zip(_column(page, "app"), zip(_column(page, "today"), _column(page, "month"), strict=True), strict=True)
    )
    assert rows == {
        "curl": ("5.50 kB", "9.90 MB"),
        "Not of any app": ("500 B", "1.00 MB"),
        "While NetWatch was not measuring": ("1.50 kB", "2.00 MB"),
    }


def test_the_reason_of_a_missing_history_is_in_the_tooltips(open_window: Open) -> None:
    opened = open_window(history=FakeHistory(error="There is no history yet."))
    opened.window.turn_to(2)
    opened.say(_message(_app("curl", 5.0)))
    model = opened.window.apps.table.model()
    place = [each.id for each in model.columns].index("month")
    assert model.index(0, place).data() == units.UNKNOWN
    assert model.index(0, place).data(Qt.ItemDataRole.ToolTipRole) == "There is no history yet."


def test_the_title_counts_apps_only_and_is_never_cut(open_window: Open) -> None:
    reader = FakeReader()
    reader.names["app"] = {"Exited before seen": (_used(5), _used(5))}
    opened = open_window(history=FakeHistory(reader), size=(1280, 800))
    opened.window.turn_to(2)
    opened.say(_message(_app("Firefox", 5.0), _app("Exited before seen", 5.0)))
    assert "1 app uses the network now, 1 this month" in visible_text(opened.window.apps)
    opened.window.resize(720, 480)
    until(lambda: "1 app uses the network now | " in visible_text(opened.window.apps), "the shorter title is shown")


def test_without_the_interfaces_bytes_the_sums_are_unknown(open_window: Open) -> None:
    reader = FakeReader()
    reader.written = time.time() - 60
    opened = open_window(history=FakeHistory(reader))
    for page in (1, 2):
        opened.window.turn_to(page)
    apps, sums = opened.window.apps, opened.window.connections.sums
    message = _message(_app("Firefox", 50.0))
    opened.say(TickMessage(tick(uplink(2, "eth0", None, None), gap=GapReason.PAUSED)), message)
    assert "The interfaces are not measured now." in visible_text(apps)
    assert _column(apps, "rx_rate") == ["50 B/s", units.UNKNOWN], "sockets are still read"
    assert _column(apps, "today")[0] == "0 B", "the history counts these bytes for no app"
    assert "0 B/s" not in sums.accessibleName()
    opened.say(TickMessage(tick(uplink(2, "eth0", 1e6, 1e6))), message)
    assert "= interfaces 2.00 kB/s" in visible_text(apps)
    assert _column(apps, "rx_rate") == ["50 B/s", "500 B/s"]
    assert "2.00 kB/s" in sums.accessibleName()
    opened.window.turn_to(0)
    assert "Live, every 1 s" in visible_text(opened.window)
    opened.say(TickMessage(tick(uplink(2, "eth0", None, None), gap=GapReason.PAUSED)))
    assert "Paused   1 point = 1 s" in visible_text(opened.window)
