from __future__ import annotations

import csv
import json
import time
from pathlib import Path

import pytest
from painted import Record, drawn
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog
from statuses import status
from windows import Open, Opened, button, child, connection, until, visible_text

from netwatch_tray import units
from netwatch_tray.errors import Message
from netwatch_tray.feed.protocol import AppsMessage, ConnectionsMessage, ServerMessage
from netwatch_tray.model import App, Connection
from netwatch_tray.window.pages.connections.grouping import Grouping
from netwatch_tray.window.pages.connections.page import ConnectionsPage
from netwatch_tray.window.pages.connections.reconciliation import ReconciliationStrip
from netwatch_tray.window.pages.connections.rows import Group
from netwatch_tray.window.shell.banner import Banner
from netwatch_tray.window.widgets.text import Paragraph, Text

_HOST, _LOCAL, _REMOTE, _RX, _TX, _RTT, _AGE = 3, 4, 5, 7, 8, 9, 10


def _some() -> tuple[Connection, ...]:
    now = time.time()
    return (
        connection(1, "firefox", app="ff", rx_rate=5e6, tx_rate=4e4, rtt_s=0.018, since=now - 250),
        connection(2, "firefox", app="ff", rx_rate=1e3, tx_rate=0.0, rtt_s=0.0004, remote_address="203.0.113.9"),
        connection(3, "curl", app="curl", rx_rate=9e5, tx_rate=1e3, since=now - 4000),
        connection(4, None, pid=None, app="db", user="postgres", unit="postgresql.service", rx_rate=0.0, tx_rate=70.0),
        connection(5, None, pid=None, user="mallory", protocol="UDP", state=None),
    )


def _app(key: str, name: str, **more: object) -> App:
    values: dict[str, object] = {
        "processes": 1, "connections": 2, "rx_bytes": 10, "tx_bytes": 20, "rx_rate": 1.0, "tx_rate": 2.0,
        "local_rx_bytes": 0, "local_tx_bytes": 0,
    }  # fmt: skip
    return App(key=key, name=name, **(values | more))  # type: ignore[arg-type]  # spelled out above


def _open(
    open_window: Open, *messages: ServerMessage, size: tuple[int, int] = (1280, 800)
) -> tuple[Opened, ConnectionsPage]:
    opened = open_window(size=size)
    opened.window.turn_to(1)
    opened.say(*messages, ConnectionsMessage(reset=True, added=_some(), source="sock_diag"))
    return opened, opened.window.connections


def _column(page: ConnectionsPage, column: int) -> list[str]:
    model = page.table.model()
    return [str(model.index(row, column).data()) for row in range(model.rowCount())]


def _tip(page: ConnectionsPage, row: int, column: int) -> str:
    return str(page.table.model().index(row, column).data(Qt.ItemDataRole.ToolTipRole))


@pytest.mark.parametrize("width", [720, 960])
def test_sums_above_the_connections_are_never_cut_off(open_window: Open, width: int) -> None:
    opened = open_window(size=(width, 480))
    opened.window.turn_to(1)
    opened.say(
        AppsMessage(apps=(), interval_s=1.0, uplink=(999_000_000, 9), tcp=(987_000_000, 0), other=(12_000_000, 9))
    )
    strip = child(opened.window, ReconciliationStrip)
    record = Record(strip)
    with record.watched():
        strip.grab()
    drawn = " ".join(each.text for each in record.texts)
    assert "987 MB/s" in drawn
    assert "12.0 MB/s" in drawn
    assert ("UDP, QUIC and other" in drawn) == (width == 960), "words are left out where there is no room"


def test_fastest_connection_is_first_and_cells_have_explaining_tooltips(open_window: Open) -> None:
    _opened, page = _open(open_window)
    assert _column(page, 0) == ["firefox", "curl", "firefox", "postgresql.service", "user mallory"]
    assert _column(page, _RX) == ["5.00 MB/s", "900 kB/s", "1.00 kB/s", "0 B/s", units.UNKNOWN]
    assert _column(page, _RTT) == ["18 ms", units.UNKNOWN, "0.4 ms", units.UNKNOWN, units.UNKNOWN]
    assert _column(page, _AGE) == ["4 min", "1 h", units.UNKNOWN, units.UNKNOWN, units.UNKNOWN]
    assert "another user" in _tip(page, 3, 0)
    assert "does not count the bytes of a UDP socket" in _tip(page, 4, _RX)
    assert "before NetWatch" in _tip(page, 2, _AGE)


def _named() -> tuple[Connection, ...]:
    now = time.time()
    seen = {"host_at": now, "host_is_providers": False, "scope": "internet", "country": "SE"}
    quic = {"protocol": "UDP", "state": None, "host": "video.example", "host_origin": "QUIC"}
    doubtful = {"host": "front.example", "host_origin": "TLS", "host_at": now, "host_is_providers": None}
    return (
        connection(11, "firefox", rx_rate=9e6, tx_rate=1.0, **(seen | quic)),
        connection(12, "firefox", rx_rate=8e6, tx_rate=1.0, remote_address="203.0.113.9", **doubtful),
    )


def test_column_of_hosts_appears_once_a_host_has_a_name(open_window: Open) -> None:
    opened, page = _open(open_window)
    header = page.table.horizontalHeader()
    assert (header.isSectionHidden(_HOST), header.isSectionHidden(_LOCAL)) == (True, False)
    opened.say(ConnectionsMessage(added=_named()))
    assert (header.isSectionHidden(_HOST), header.isSectionHidden(_LOCAL)) == (False, True)
    assert _column(page, _HOST)[:3] == ["video.example", "front.example", units.UNKNOWN]
    assert _column(page, 2)[:2] == ["QUIC", "TCP"]
    assert "QUIC greeting" in _tip(page, 0, _HOST)
    assert "may be the name of the provider" in _tip(page, 1, _HOST)
    page.table.viewport().grab()
    opened.say(ConnectionsMessage(removed=("key11", "key12")))
    page._rows.drop_closed(time.monotonic() + 10)
    assert not page._rows.has_hosts


def test_details_show_the_origin_of_the_name(open_window: Open) -> None:
    opened, page = _open(open_window)
    opened.say(ConnectionsMessage(added=_named()))
    page.side.toggle()
    page.table.setCurrentIndex(page.table.model().index(0, 0))
    shown = {each.text() for each in page.details.findChildren(Text)}
    assert {"video.example", "Internet", "SE", "QUIC"} <= shown
    assert any(each.startswith("QUIC greeting, ") for each in shown)


def test_groups_by_host_are_titled_with_the_names_of_hosts(open_window: Open) -> None:
    opened, page = _open(open_window)
    opened.say(ConnectionsMessage(added=_named()))
    page.bar.group_by(Grouping.REMOTE)
    assert {"video.example (1)", "front.example (1)", "203.0.113.9 (1)"} <= set(_column(page, 0))


@pytest.mark.parametrize("width", [720, 960, 1280])
def test_offer_shows_its_whole_text_at_any_width(open_window: Open, width: int) -> None:
    opened, page = _open(open_window)
    opened.window.resize(width, 640)
    opened.say(status(offers_helper=True))
    text = child(page.offer, Paragraph)
    until(lambda: text.heightForWidth(text.width()) <= text.height() > 0, "there is room for every line")


def test_helper_is_offered_until_it_is_declined(open_window: Open) -> None:
    opened, page = _open(open_window)
    assert page.offer.isHidden()
    opened.say(status(offers_helper=True))
    opened.say(AppsMessage(apps=(), interval_s=1.0, uplink=(100, 1), tcp=(32, 1), other=(68, 0)))
    assert not page.offer.isHidden()
    assert page.offer.share.text() == "68 % of this download has no app yet."
    page.offer.grab()
    opened.say(status(offers_helper=True, faults=(Message("Something is missing."),)))
    assert page.offer.isHidden(), "never beside a banner"
    opened.say(status(offers_helper=True))
    page.offer.set_up_button.click()
    assert opened.window.settings.isVisible()
    opened.window.turn_to(1)
    page.offer.decline_button.click()
    opened.say(status(offers_helper=True))
    assert page.offer.isHidden()
    assert opened.window._memory.number("helper_declined") == 1


def test_counted_udp_has_a_separate_sum(open_window: Open) -> None:
    opened, _page = _open(open_window)
    sums = AppsMessage(
        apps=(), interval_s=1.0, uplink=(2_000_000, 20), tcp=(1_000_000, 10), udp=(900_000, 9), other=(100_000, 1)
    )
    opened.say(sums)
    strip = child(opened.window, ReconciliationStrip)
    strip.grab()
    assert "TCP 1.00 MB/s + UDP and QUIC 900 kB/s + other 100 kB/s" in strip.accessibleName()
    assert "the helper those of UDP and QUIC" in strip.explanation()


def test_row_order_is_stable_for_a_while_and_under_the_pointer(open_window: Open) -> None:
    opened, page = _open(open_window)
    faster = connection(3, "curl", app="curl", rx_rate=8e6, tx_rate=1e3)
    slower = connection(3, "curl", app="curl", rx_rate=9.0, tx_rate=1e3)
    page.table.model()._settled.setInterval(600_000)  # longer than any test takes
    page.table.model().hold_order(False)  # wherever the pointer is
    opened.say(ConnectionsMessage(changed=(faster,)))
    assert _column(page, 0)[:2] == ["curl", "firefox"]
    opened.say(ConnectionsMessage(changed=(slower,)))
    assert _column(page, 0)[:2] == ["curl", "firefox"], "it has moved a moment ago"
    assert _column(page, _RX)[0] == "9 B/s"
    page.table.model()._settled.start(1)
    until(lambda: _column(page, 0)[:2] == ["firefox", "firefox"], "it moves when its time has come")
    page.table.model().hold_order(True)
    opened.say(ConnectionsMessage(changed=(faster,)))
    until(lambda: not page.table.model()._settled.isActive(), "the pause is over")
    assert _column(page, 0)[0] == "firefox"
    page.table.model().hold_order(False)
    assert _column(page, 0)[0] == "curl"


def test_groups_have_their_sums_and_fold(open_window: Open) -> None:
    opened, page = _open(open_window, AppsMessage(apps=(_app("ff", "Firefox"),), interval_s=2.0))
    QTest.keySequence(opened.window, "Ctrl+G")
    assert page.bar.grouping == "app"
    assert _column(page, 0) == [
        "Firefox (2)", "firefox", "firefox", "curl (1)", "curl", "postgresql.service (1)", "postgresql.service",
        "user mallory (1)", "user mallory",
    ]  # fmt: skip
    assert _column(page, _RX)[0] == "5.00 MB/s"
    page.table.sortByColumn(_RX, Qt.SortOrder.AscendingOrder)
    # Unknown is last in both directions.
    assert _column(page, 0)[:3] == ["postgresql.service (1)", "postgresql.service", "curl (1)"]
    assert _column(page, 0)[-2:] == ["user mallory (1)", "user mallory"]
    assert _column(page, 0)[4:7] == ["Firefox (2)", "firefox", "firefox"]
    page.table.selectRow(5)
    page.table.setFocus()
    QTest.keyClick(page.table, Qt.Key.Key_Left)
    assert page.table.currentIndex().row() == 4, "from a connection to its heading"
    QTest.keyClick(page.table, Qt.Key.Key_Left)
    assert _column(page, 0)[4:] == ["Firefox (2)", "user mallory (1)", "user mallory"]
    opened.say(ConnectionsMessage(added=(connection(6, "firefox", app="ff", rx_rate=1.0, tx_rate=1.0),)))
    assert _column(page, 0)[4] == "Firefox (3)", "folded groups stay folded, and go on counting"
    assert isinstance(page.table.model().record(page.table.currentIndex().row()), Group)
    QTest.keyClick(page.table, Qt.Key.Key_Return)
    assert _column(page, 0)[4:8] == ["Firefox (3)", "firefox", "firefox", "firefox"]
    QTest.keySequence(opened.window, "Ctrl+G")
    assert "203.0.113.9 (1)" in _column(page, 0)
    QTest.keySequence(opened.window, "Ctrl+G")
    assert len(_column(page, 0)) == 6


def test_an_invalid_filter_keeps_the_last_valid_one(open_window: Open) -> None:
    _opened, page = _open(open_window)
    page.bar.field.setText("app:firefox")
    assert _column(page, 0) == ["firefox", "firefox"]
    page.bar.field.setText("app:firefox prot:tcp")
    assert "“prot:” is not a filter." in visible_text(page.bar)
    assert _column(page, 0) == ["firefox", "firefox"]
    assert "“prot:” is not a filter." in drawn(page)
    page.bar.field.setText("app:curl")
    assert "prot" not in visible_text(page.bar)
    assert _column(page, 0) == ["curl"]
    assert "1 of 5" in drawn(page.bar.field)


def test_details_follow_the_selection(open_window: Open) -> None:
    opened, page = _open(open_window)
    page.table.selectRow(0)
    page.table.setFocus()
    QTest.keyClick(page.table, Qt.Key.Key_Return)
    said = [each.text() for each in page.details.findChildren(Text)]
    assert "firefox" in said
    assert said[said.index("Remote") + 1] == "198.51.100.7:443"
    assert said[said.index("Download") + 1] == "5.00 MB/s"
    assert not page.side.is_floating, "beside the table where there is room"
    opened.say(ConnectionsMessage(changed=(connection(1, "firefox", rx_rate=7e6, tx_rate=1.0),)))
    said = [each.text() for each in page.details.findChildren(Text)]
    assert said[said.index("Download") + 1] == "7.00 MB/s"
    minute = page.details._sparkline
    assert [point.rx for point in minute._points] == [5e6, 7e6]
    assert minute.isVisible()
    minute.grab()
    page.table.selectRow(1)
    assert minute._of != "key1", "another connection has a minute of its own"
    page.table.selectRow(0)
    button(page.details, "Only this app").click()
    assert page.bar.field.text() == "app:firefox"
    opened.window.resize(960, 640)
    until(lambda: page.side.is_floating, "over the table where there is none")
    QTest.keyClick(page.table, Qt.Key.Key_Escape)
    assert page.details.isHidden()
    assert page.bar.field.text() == "app:firefox", "one thing at a time"


def test_copying_puts_cells_and_rows_on_the_clipboard(open_window: Open) -> None:
    _opened, page = _open(open_window)
    page.table.setCurrentIndex(page.table.model().index(1, _REMOTE))
    page.table.setFocus()
    QTest.keySequence(page.table, "Ctrl+Shift+C")
    assert QGuiApplication.clipboard().text() == "198.51.100.7:443"
    QTest.keySequence(page.table, "Ctrl+C")
    assert QGuiApplication.clipboard().text().startswith("curl\t103\tTCP\t")
    page.table.copy_all()
    assert len(QGuiApplication.clipboard().text().splitlines()) == 5


def test_the_filtered_rows_are_exported(open_window: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened, page = _open(open_window)
    page.bar.field.setText("app:firefox")
    file = tmp_path / "out"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(file), ""))
    page.menu.export("csv")
    with file.open(newline="") as written:
        rows = list(csv.DictReader(written))
    assert [(row["key"], row["rx_rate"], row["since"] != "") for row in rows] == [
        ("key1", "5000000.0", True),
        ("key2", "1000.0", False),
    ]
    page.menu.export("json")
    found = json.loads(file.read_text())
    assert [(each["process"], each["rx_rate"], each["user"]) for each in found] == [
        ("firefox", 5e6, None),
        ("firefox", 1e3, None),
    ]
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "no" / "where"), ""))
    page.menu.export("csv")
    banner = child(opened.window, Banner)
    assert "The list was not saved" in visible_text(banner)
    assert str(tmp_path) in visible_text(banner)


def test_failed_export_is_reported_for_a_while(
    open_window: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened, page = _open(open_window)
    banner = child(opened.window, Banner)
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "no" / "where"), ""))
    page.menu.export("csv")
    opened.say(ConnectionsMessage(fault=Message("lsof did not answer.")))
    assert "The connection list may be old" in visible_text(banner), "the fault of the page comes first"
    opened.say(ConnectionsMessage())
    assert "The list was not saved" in visible_text(banner)
    page._export_fault.setInterval(0)
    page.menu.export("csv")
    until(banner.isHidden, "the failed export is not reported any more")


def test_sums_have_a_text_for_screen_readers_and_an_explanation(open_window: Open) -> None:
    message = AppsMessage(apps=(), interval_s=2.0, uplink=(2_000_000, 3000), tcp=(1_800_000, 4000), other=(200_000, 0))
    opened, page = _open(open_window, message)
    assert page.sums.accessibleName() == (
        "↓ Interfaces 1.00 MB/s = TCP by app 900 kB/s + UDP, QUIC and other 100 kB/s; "
        "↑ Interfaces 1.50 kB/s = TCP by app 2.00 kB/s + UDP, QUIC and other 0 B/s"
    )
    assert "Apps are 33 % above the interfaces" in page.sums.explanation()
    opened.agent.stop()
    until(lambda: not opened.link.connected, "it is noticed")
    assert units.UNKNOWN in page.sums.accessibleName()


def test_an_app_has_one_name_on_all_pages(open_window: Open) -> None:
    opened, page = _open(open_window)
    talk = connection(1, "python3", app="script:talk.py", app_name="talk.py")
    opened.say(AppsMessage(apps=(_app("script:talk.py", "talk.py"),), interval_s=2.0))
    opened.say(ConnectionsMessage(reset=True, added=(talk,)))
    until(lambda: _column(page, 0) == ["talk.py"], "the name of the app")
    opened.window.turn_to(2)
    opened.say(AppsMessage(apps=(_app("script:talk.py", "talk.py"),), interval_s=2.0))
    assert [row.name for row in opened.window.apps.table.model().records()][:1] == ["talk.py"]
    opened.window.turn_to(1)
    page.table.setCurrentIndex(page.table.model().index(0, 0))
    page.side.toggle()
    assert "talk.py" in visible_text(page.details)
    assert "Name: python3" in page.details._text, "the process is shown as well"


def test_connections_in_time_wait_are_counted_but_not_listed(open_window: Open) -> None:
    opened, page = _open(open_window)
    over = connection(9, None, pid=None, state="TIME_WAIT")
    opened.say(ConnectionsMessage(reset=True, added=(*_some()[:1], over)))
    until(lambda: len(_column(page, 0)) == 1, "it is left out")
    assert "In TIME_WAIT, not shown: 1 (state:time)" in page.status()
    page.bar.field.setText("state:time")
    assert len(_column(page, 0)) == 1
    assert not any("TIME_WAIT" in text for text in page.status())
    page.bar.field.clear()
    opened.say(ConnectionsMessage(reset=True, added=(over,)))
    until(lambda: not _column(page, 0), "nothing is open")
    assert "No program has a socket open" in visible_text(page)


def test_a_filter_finds_an_app_once_its_name_is_known(open_window: Open) -> None:
    opened, page = _open(open_window, AppsMessage(apps=(), interval_s=2.0))
    opened.say(ConnectionsMessage(added=(connection(7, "nautilus", app="n", rx_rate=1.0, tx_rate=1.0),)))
    page.bar.field.setText("app:files")
    assert page.table.model().rowCount() == 0
    opened.say(AppsMessage(apps=(_app("n", "Files"),), interval_s=2.0))
    assert page.table.model().rowCount() == 1
    page.bar.field.setText("nautilus")
    assert page.table.model().rowCount() == 1
