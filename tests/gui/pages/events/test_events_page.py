"""The page Events."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from happened import BEACON, MOVED, NEW_APP, OFFLINE, PLAN, PORT, RESTARTED, SCAN, SENT_MUCH, alert, happened
from painted import drawn
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMenu
from windows import Opened, button, until, visible_text

from netwatch_tray.errors import HistoryError, NoHistoryYetError
from netwatch_tray.event import Event, EventKind, Mute
from netwatch_tray.feed.protocol import ChangeMute, ClientMessage, EventsMessage, MarkSeen, SettingsMessage
from netwatch_tray.settings import Events, History, Otlp, Settings, Upload
from netwatch_tray.window.pages.events.kinds import Group
from netwatch_tray.window.pages.events.page import EventsPage
from netwatch_tray.window.pages.events.rows import Day, Hidden, Row


class _Page:
    """The page in an open window, with the messages that the window sends."""

    def __init__(self, opened: Opened) -> None:
        self.opened = opened
        opened.window.turn_to_page("events")
        self.page: EventsPage = opened.window.events
        self._heard: list[ClientMessage] = []

    def say(self, *events: Event, reset: bool = True, unseen: int | None = None) -> None:
        count = sum(event.is_unseen_alert for event in events) if unseen is None else unseen
        self.opened.say(EventsMessage(reset=reset, events=events, unseen=count))

    def mute(self, *mutes: Mute) -> None:
        self.opened.say(SettingsMessage(Settings(events=Events(muted={mute.code: True for mute in mutes}))))

    def lines(self) -> list[Any]:
        model = self.page.table.model()
        return [model.record(row) for row in range(model.rowCount())]

    def shown(self) -> list[int]:
        return [line.event.id for line in self.lines() if isinstance(line, Row)]

    def select(self, event: Event) -> None:
        row = self.page.table.model().row_of(event.id)
        assert row is not None
        self.page.table.setCurrentIndex(self.page.table.model().index(row, 0))

    def sent(self, wanted: ClientMessage) -> bool:
        self._heard += self.opened.agent.heard()
        return wanted in self._heard

    def click_link(self, event: Event, text: str) -> None:
        table = self.page.table
        row = table.model().row_of(event.id)
        assert row is not None
        (link,) = (each for each in table.links(row) if each.text == text)
        QTest.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=link.box.center())

    def menu(self) -> QMenu:
        """Return the open menu."""
        menu = QApplication.activePopupWidget()
        assert isinstance(menu, QMenu)
        return menu

    def text(self) -> str:
        return visible_text(self.page)


@pytest.fixture
def page(opened: Opened) -> _Page:
    return _Page(opened)


def _choose(menu: QMenu, text: str) -> None:
    next(action for action in menu.actions() if action.text() == text).trigger()
    menu.close()


@pytest.mark.parametrize(
    "settings",
    [Settings(upload=Upload(on=True)), Settings(otlp=Otlp(on=True))],
    ids=["NetWatch Cloud", "OpenTelemetry"],
)
def test_nothing_is_sent_is_not_said_while_a_server_gets_snapshots(page: _Page, settings: Settings) -> None:
    page.say(happened(OFFLINE, ago=1.0))
    page.opened.say(SettingsMessage(settings))
    assert "They are found on this computer." in page.text()
    assert "nothing is sent" not in page.text()


def test_events_are_listed_under_their_days_latest_first(page: _Page) -> None:
    old, first, second = happened(OFFLINE, ago=86400.0), happened(PORT, ago=9.0, app="ssh"), alert(SCAN, ago=1.0)
    page.say(old, first, second)
    kinds = [type(line) for line in page.lines()]
    assert page.shown() == [second.id, first.id, old.id]
    assert kinds[0] is Day
    assert kinds.count(Day) == 2
    assert "1 alert since you last looked" in page.text()
    assert "3 events in 7 days. They are found on this computer; nothing is sent." in page.text()
    painted = drawn(page.page.table.viewport())
    assert "A computer in this network tried 214 ports of yours" in painted
    assert "1 new" in painted


def test_a_changed_event_moves_and_keeps_the_selection(page: _Page) -> None:
    one, other = happened(PORT, ago=30.0, app="ssh"), happened(BEACON, ago=20.0, app="Signal")
    page.say(one, other)
    page.select(one)
    page.say(happened(PORT, ago=1.0, app="ssh", id=one.id, count=2), reset=False)
    assert page.shown() == [one.id, other.id]
    current = page.page.table.current
    assert isinstance(current, Row)
    assert (current.event.id, current.event.count) == (one.id, 2)


def test_arrow_keys_skip_the_headings_of_days(page: _Page) -> None:
    page.say(happened(PORT, ago=86400.0, app="ssh"), happened(BEACON, ago=1.0, app="Signal"))
    table = page.page.table
    table.setFocus()
    QTest.keyClick(table, Qt.Key.Key_Home)
    for _ in range(4):
        QTest.keyClick(table, Qt.Key.Key_Down)
        assert isinstance(table.current, Row)


def test_lines_have_their_own_heights_also_after_changes(page: _Page) -> None:
    events = [happened(BEACON, ago=86400.0 * day, app="Signal") for day in range(3)]
    page.say(*events)
    page.mute(Mute(EventKind.BEACON))
    page.say(happened(PORT, ago=86400.0, app="ssh"), *events)
    rows = page.page.table.verticalHeader()
    heights = {Day: 28, Hidden: 30, Row: 44}
    for row, line in enumerate(page.lines()):
        assert rows.sectionSize(row) == heights[type(line)]


def test_screen_readers_get_severity_and_time_before_the_sentence(page: _Page) -> None:
    event = alert(SCAN)
    page.say(event)
    model = page.page.table.model()
    row, column = model.row_of(event.id), [each.id for each in model.columns].index("event")
    assert row is not None
    spoken = model.data(model.index(row, column), Qt.ItemDataRole.AccessibleTextRole)
    moment = time.strftime("%H:%M", time.localtime(event.last))
    assert spoken == f"Alert, new, {moment}, A computer in this network tried 214 ports of yours"


def test_chips_choose_a_kind_and_escape_shows_all(page: _Page) -> None:
    scan, port = alert(SCAN), happened(PORT, app="ssh")
    page.say(scan, port)
    page.page.bar.chips.choose(Group.SCAN)
    assert page.shown() == [scan.id]
    assert page.opened.window._page().escape()
    assert page.shown() == [port.id, scan.id] or page.shown() == [scan.id, port.id]
    assert page.page.bar.group is None


def test_a_kind_without_events_names_the_kinds_that_have_some(page: _Page) -> None:
    assert page.opened.history
    page.opened.history.reader.happened = [alert(SCAN, ago=30 * 86400.0)]
    page.say(happened(PORT, app="ssh"), happened(BEACON, app="Signal"))
    page.page.bar.chips.choose(Group.SCAN)
    assert "No port scan in 7 days" in page.text()
    assert "2 events of other kinds are there. The last one was on" in page.text()
    button(page.page, "Show all kinds").click()
    assert len(page.shown()) == 2


def test_search_shows_events_with_all_words_until_it_is_cleared(page: _Page) -> None:
    scan, port = alert(SCAN), happened(PORT, app="Syncthing")
    page.say(scan, port)
    page.page.bar.field.setText("LISTENS syncthing")
    assert page.shown() == [port.id]
    page.page.bar.field.setText("listens curl")
    assert "No event matches" in page.text()
    assert "None of 2 events has “listens curl”." in page.text()
    button(page.page, "Show all kinds").click()
    assert len(page.shown()) == 2


def test_an_empty_page_explains_what_will_appear_and_when(page: _Page) -> None:
    assert page.opened.history
    page.opened.history.reader.began = time.time() - 86400
    page.page.choose_range(0)
    assert "Nothing happened yet" in page.text()
    assert "Uploads are compared once an app has 7 days of history; the first is ready on" in page.text()
    assert "Watching since" in page.text()
    page.opened.history.reader.began = time.time() - 86400 * 30
    page.page.choose_range(1)
    assert "Uploads are compared" not in page.text()


def test_empty_page_reports_that_detection_is_off(page: _Page) -> None:
    page.opened.say(SettingsMessage(Settings(events=Events(on=False))))
    assert "Nothing is looked for" in page.text()
    page.say(alert(SCAN))
    assert len(page.shown()) == 1, "what was found before stays"


def test_events_of_the_range_come_from_the_history_and_the_agent(page: _Page) -> None:
    assert page.opened.history
    old, month = happened(PORT, ago=3 * 86400.0, app="ssh"), happened(NEW_APP, ago=20 * 86400.0, app="Steam")
    page.opened.history.reader.happened = [month, old]
    newer = happened(PORT, ago=3 * 86400.0, app="ssh", id=old.id, count=9)
    page.say(newer)
    page.page.choose_range(2)
    assert page.shown() == [old.id, month.id]
    (shown,) = (line.event for line in page.lines() if isinstance(line, Row) and line.event.id == old.id)
    assert shown.count == 9, "what the agent sends is newer than the history"
    page.page.choose_range(0)
    assert page.shown() == []


def test_muted_kind_is_one_line_a_day_until_it_is_expanded(page: _Page) -> None:
    beacons = [happened(BEACON, ago=10.0 + number, app="Signal", is_muted=True) for number in range(4)]
    port = happened(PORT, app="ssh")
    page.say(port, *beacons)
    page.mute(Mute(EventKind.BEACON))
    assert page.shown() == [port.id]
    hidden = page.lines()[-1]
    assert isinstance(hidden, Hidden)
    assert hidden.events == 4
    painted = drawn(page.page.table.viewport())
    assert "Steady beacons not shown: 4. This kind is muted | Show once | Unmute" in painted
    assert "5 events, 4 muted" in painted
    row = page.page.table.model().rowCount() - 1
    (once, _unmute) = page.page.table.links(row)
    QTest.mouseClick(page.page.table.viewport(), Qt.MouseButton.LeftButton, pos=once.box.center())
    assert len(page.shown()) == 5
    assert page.opened.window._page().escape()
    assert page.shown() == [port.id]
    page.page.bar.chips.choose(Group.BEACON)
    assert len(page.shown()) == 4
    assert "Steady beacons are muted: recorded, without notification." in page.text()
    button(page.page, "Unmute").click()
    until(lambda: page.sent(ChangeMute("beacon", on=False)), "the kind is unmuted")
    assert "Muted: Beacon" in visible_text(page.opened.window)


def test_an_alert_is_muted_by_its_link_and_by_keys(page: _Page) -> None:
    upload, scan = alert(SENT_MUCH, app="Syncthing"), alert(SCAN, host="192.0.2.77")
    page.say(upload, scan)
    page.click_link(upload, "Mute this app")
    assert upload.app
    until(lambda: page.sent(ChangeMute(Mute(EventKind.UPLOAD, app=upload.app).code, on=True)), "it is muted")
    until(lambda: page.sent(MarkSeen((upload.id,))), "it is seen")
    page.select(scan)
    page.page.table.setFocus()
    QTest.keyClick(page.page.table, Qt.Key.Key_E)
    until(lambda: page.sent(ChangeMute("scan host 192.0.2.77", on=True)), "it is expected")
    QTest.keyClick(page.page.table, Qt.Key.Key_M)
    _choose(page.menu(), "Mute all port scans")
    until(lambda: page.sent(ChangeMute("scan", on=True)), "the kind is muted")


def test_shift_f10_opens_the_menu_of_the_selected_event(page: _Page) -> None:
    upload = alert(SENT_MUCH, app="Syncthing")
    page.say(upload)
    page.select(upload)
    page.page.table.setFocus()
    QTest.keyClick(page.page.table, Qt.Key.Key_F10, Qt.KeyboardModifier.ShiftModifier)
    menu = page.menu()
    texts = [action.text() for action in menu.actions() if not action.isSeparator()]
    assert texts == ["Show connections", "Show app", "Mute unusual uploads of Syncthing", "Mute all unusual uploads"]
    menu.close()


def test_links_lead_to_connections_apps_usage_and_the_total(page: _Page) -> None:
    window = page.opened.window
    events = (
        alert(SENT_MUCH, app="Syncthing"), alert(SCAN, host="192.0.2.77"), happened(NEW_APP, app="Steam"),
        alert(PLAN), happened(MOVED),
    )  # fmt: skip

    def jump(event: Event, text: str) -> str:
        window.turn_to_page("events")
        page.say(*events)
        page.click_link(event, text)
        return window.pages[window._row.tabs.checkedId()].id

    assert jump(events[0], "Show connections") == "connections"
    assert window.connections.bar.field.text() == "app:Syncthing"
    assert jump(events[1], "Show connections") == "connections"
    assert window.connections.bar.field.text() == "host:192.0.2.77"
    assert jump(events[2], "Show app") == "apps"
    assert jump(events[3], "Open Usage") == "usage"
    assert jump(events[4], "Why this total") == "interfaces"


def test_details_pane_explains_the_event_and_mutes_it(page: _Page) -> None:
    upload = alert(SENT_MUCH, app="Syncthing", host="nas.example")
    page.say(upload, happened(RESTARTED, ago=1.0))
    page.select(upload)
    pane = page.page.details
    assert pane.isVisible(), "it opens by itself where it has a place"
    said = visible_text(pane)
    assert "Unusual upload | Syncthing" in said
    assert "Why this is an alert" in said
    assert "More than 4 times the usual day of this app" in said
    assert pane.chart.isVisible()
    assert "usual 720 MB" in drawn(pane.chart)
    button(pane, "Mute unusual uploads of Syncthing").click()
    assert upload.app
    until(lambda: page.sent(ChangeMute(f"upload app {upload.app}", on=True)), "it is muted")
    page.mute(Mute(EventKind.UPLOAD, app=upload.app))
    button(pane, "Unmute unusual uploads of Syncthing").click()
    until(lambda: page.sent(ChangeMute(f"upload app {upload.app}", on=False)), "it is unmuted")
    assert page.opened.window._page().escape()
    assert not pane.isVisible()


def test_in_a_narrow_window_enter_opens_the_pane_over_the_list(application: QApplication, page: _Page) -> None:
    page.opened.window.resize(720, 480)
    application.processEvents()
    event = alert(SCAN, host="192.0.2.77")
    page.say(event)
    page.select(event)
    assert not page.page.details.isVisible()
    page.page.table.setFocus()
    QTest.keyClick(page.page.table, Qt.Key.Key_Return)
    assert page.page.details.isVisible()
    assert page.page.side.is_floating
    assert "1 event, 1 new" in page.text()
    QTest.keyClick(page.page.table, Qt.Key.Key_Escape)
    assert not page.page.details.isVisible()


def test_viewed_events_become_seen_when_the_page_is_left(page: _Page, monkeypatch: pytest.MonkeyPatch) -> None:
    events = tuple(alert(SCAN, ago=float(number), host=f"192.0.2.{number}") for number in range(1, 60))
    notice = happened(PORT, ago=0.0, app="ssh")
    now = time.monotonic()
    monkeypatch.setattr("netwatch_tray.window.pages.events.timeline.time.monotonic", lambda: now)
    page.say(*events, notice)
    in_view = {event.id for event in page.page.table._visible_events()}
    assert 5 < len(in_view) < 40
    now += 1.0
    page.opened.window.turn_to(0)
    page.opened.window.turn_to_page("events")
    now += 2.5
    page.opened.window.turn_to(0)
    wanted = MarkSeen(tuple(sorted(in_view - {notice.id})))
    until(lambda: page.sent(wanted), "alerts that were in view for 2 s are seen, and nothing else")
    assert not [each for each in page._heard if isinstance(each, MarkSeen) and each != wanted]


def test_closing_the_window_marks_viewed_events_as_seen(page: _Page, monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.monotonic()
    monkeypatch.setattr("netwatch_tray.window.pages.events.timeline.time.monotonic", lambda: now)
    event = alert(SCAN)
    page.say(event)
    now += 3.0
    page.opened.window.close()
    until(lambda: page.sent(MarkSeen((event.id,))), "the window sent it before it closed")


def test_all_alerts_can_be_marked_as_seen(page: _Page) -> None:
    assert not page.page.bar.seen_button.isEnabled()
    page.say(alert(SCAN))
    button(page.page, "Mark all seen").click()
    until(lambda: page.sent(MarkSeen(None)), "all are seen")
    page.say(alert(SCAN, is_seen=True))
    assert "No alert since you last looked" in page.text()


def test_without_an_agent_the_history_is_shown(page: _Page) -> None:
    assert page.opened.history
    stored = alert(SCAN, ago=3600.0)
    page.opened.history.reader.happened = [stored]
    page.say()
    page.opened.agent.stop()
    until(lambda: not page.opened.link.connected, "the agent has exited")
    page.page.choose_range(2)
    assert page.shown() == [stored.id]
    assert "1 alert since you last looked" in page.text()
    assert not page.page.bar.seen_button.isEnabled()


@pytest.mark.parametrize(
    ("error", "title", "sentence"),
    [
        (HistoryError("It is damaged (some page)."), "The history cannot be read", "It is damaged (some page)."),
        (NoHistoryYetError("It is not there."), "There is no history yet", "The first minute is being recorded."),
    ],
)
def test_a_missing_history_is_reported_and_live_events_are_shown(
    page: _Page, error: HistoryError, title: str, sentence: str
) -> None:
    assert page.opened.history
    page.opened.say(SettingsMessage(Settings(history=History(on=True))))
    page.opened.history.error = error
    page.page.choose_range(2)
    assert f"{title} | {sentence}" in page.text()
    event = alert(SCAN)
    page.say(event)
    assert page.shown() == [event.id]
    assert sentence in visible_text(page.opened.window), "in the status line"


def test_paused_page_does_not_change(page: _Page) -> None:
    first, second = happened(PORT, app="ssh"), alert(SCAN)
    page.say(first)
    page.opened.window.toggle_pause()
    page.say(second, reset=False)
    assert page.shown() == [first.id]
    page.opened.window.toggle_pause()
    assert sorted(page.shown()) == [first.id, second.id]


def test_a_chosen_span_shows_only_its_events(page: _Page) -> None:
    inside, outside = happened(PORT, ago=100.0, app="ssh"), alert(SCAN, ago=1000.0)
    page.say(outside, inside)
    page.page.bar.chips.choose(Group.SCAN)
    page.page.show_span(inside.last - 10, inside.last + 10)
    assert page.shown() == [inside.id]
    page.page.show_span(inside.last + 10, inside.last + 20)
    assert "No event in" in page.text()
    button(page.page, "Show all events").click()
    assert page.shown() == [inside.id, outside.id]


def test_settings_of_events_are_reached_from_the_page(page: _Page) -> None:
    button(page.page, "More").click()
    _choose(page.menu(), "Settings of events …")
    window = page.opened.window
    assert window.settings.isVisible()
    until(lambda: window.settings.form.links.checkedButton().text() == "Events", "at their section")


def test_ten_thousand_events_are_listed_and_found(page: _Page) -> None:
    assert page.opened.history
    page.opened.history.reader.happened = [
        happened(PORT, ago=60.0 * number, app=f"app {number}") for number in reversed(range(10_000))
    ]
    page.page.choose_range(3)
    assert len(page.shown()) == 5000, "what the history gives at most"
    page.page.bar.field.setText("app 17 listens")
    assert page.shown()


@pytest.fixture(autouse=True)
def no_menu_stays_open() -> Iterator[None]:
    yield
    if (popup := QApplication.activePopupWidget()) is not None:
        popup.close()
