"""The Apps page: which programs use the network now, how much they used before, and how many bytes belong to none."""

from __future__ import annotations

import time
from datetime import date, datetime
from typing import TYPE_CHECKING

import msgspec
from PySide6.QtCore import QTimer, Signal
from PySide6.QtGui import QResizeEvent, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from netwatch_tray import units, wording
from netwatch_tray.feed.protocol import (
    WATCHED_INTERVAL_S,
    AppsMessage,
    ConnectionsMessage,
    Hello,
    HostsMessage,
    ServerMessage,
    SettingsMessage,
    TickMessage,
    Topic,
)
from netwatch_tray.feed.unwritten import Unwritten
from netwatch_tray.history.usage import midnight, midnight_after
from netwatch_tray.model import Connection
from netwatch_tray.settings import DataPlan
from netwatch_tray.units import DOWN, UP, Units
from netwatch_tray.window.data.app_looks import AppLooks
from netwatch_tray.window.data.history_queries import HistoryQueries
from netwatch_tray.window.pages.apps import words
from netwatch_tray.window.pages.apps.app_list import AppList
from netwatch_tray.window.pages.apps.columns import AppContext, shown_name
from netwatch_tray.window.pages.apps.history import AppsHistory
from netwatch_tray.window.pages.apps.queries import DAY_S, LIVE, RANGES_S, Drawn
from netwatch_tray.window.pages.apps.recent import AGENT_STEP_S, RecentRates
from netwatch_tray.window.pages.apps.rows import AppRow, app_rows
from netwatch_tray.window.pages.apps.stack import Stack
from netwatch_tray.window.pages.apps.strip import AppsStrip
from netwatch_tray.window.pages.page import ALWAYS, Page
from netwatch_tray.window.widgets.formatting import long_date, short_date
from netwatch_tray.window.widgets.theme import ANY_SIZE, Theme

if TYPE_CHECKING:
    from netwatch_tray.window.pages.apps.details import AppDetails

_BESIDE_FROM = 1120
"""Window width in dip from which on the details are beside the list."""
_LIST_SHARE = 0.575
_DEFAULT_RANGE = 2
_HOSTS_EVERY_S = 10.0


class AppsPage(Page):
    """The Apps page.

    Signals: `connections_requested` carries the name of the app whose connections the user wants to see.
    `hosts_requested` carries the key of the app about which the page needs a `HostsMessage` of the agent.
    `topics_changed`: `topics` returns others than before.
    """

    connections_requested = Signal(str)
    topics_changed = Signal()
    hosts_requested = Signal(str)

    def __init__(self, theme: Theme, history: HistoryQueries | None, looks: AppLooks) -> None:
        super().__init__()
        self._theme = theme
        self._looks = looks
        self._units = Units()
        self._plan = DataPlan()
        self._message: AppsMessage | None = None
        """The agent's latest message; None while current values are unknown."""
        self._sockets: dict[str, Connection] = {}
        """Connections by key, while the details need them."""
        self._history = AppsHistory(history, self)
        self._rows: list[AppRow] = []
        self._most, self._about_month = 0, ""
        """Values of `AppContext`, computed once for all cells."""
        self._recent = RecentRates(RANGES_S[LIVE] + AGENT_STEP_S)
        self._unwritten = Unwritten()
        self._agent_away = False
        self._is_unread = False
        """Whether the interfaces were not read in the last tick, as while measuring is paused. Then the sums are not
        known, and the history gets the bytes of no app."""
        self._paused = False
        self._range = LIVE
        self._chosen: str | None = None
        """Name of the app whose details are open."""
        self._hosts: HostsMessage | None = None
        self._hosts_requested: tuple[str, float] = "", 0.0
        """Key of the app whose hosts were requested last, and the monotonic clock at that time."""
        self.strip = AppsStrip(theme, looks, has_history=history is not None)
        self.search = self.strip.search
        self.list = AppList(theme, self._context, has_history=history is not None)
        self.table = self.list.table
        self._details: AppDetails | None = None
        """The pane with the details of one app; created when it is opened for the first time."""
        self._content = QHBoxLayout()
        self._content.setContentsMargins(0, 0, 0, 0)
        self._content.setSpacing(0)
        self._content.addWidget(self.list, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.strip)
        column.addLayout(self._content, 1)

        # Several results and icons come at a time.
        self._soon = QTimer(self, singleShot=True, interval=0)
        self._soon.timeout.connect(self._refresh)
        looks.changed.connect(self._soon.start)
        self._history.changed.connect(self._soon.start)
        self.search.textChanged.connect(lambda _text: self._show())
        self.search.returnPressed.connect(self.table.setFocus)
        self.list.instead.button.clicked.connect(self.search.clear)
        self.list.opened.connect(lambda row: self.open_details(row.name))
        self.list.connections_requested.connect(lambda row: self._request_connections(row.name))
        self.table.selectionModel().currentChanged.connect(self._follow)
        self.strip.ranges.chosen.connect(self._choose)
        self.strip.back.connect(self.close_details)
        self.strip.ranges.choose(min(_DEFAULT_RANGE, self.strip.range_count - 1))
        self._show()

    @property
    def details(self) -> AppDetails | None:
        """Return the widget with the details if they are open, else None."""
        return self._details if self._chosen is not None else None

    @property
    def range_index(self) -> int:
        return self._range

    @property
    def topics(self) -> frozenset[Topic]:
        if self._paused:
            return ALWAYS
        return ALWAYS | ({"apps", "connections"} if self._chosen else {"apps"})

    def receive(self, message: ServerMessage) -> None:
        if isinstance(message, Hello | SettingsMessage):
            self._units, self._plan = message.settings.units, message.settings.plan
            self._history.set_plan(self._plan, is_recorded=message.settings.history.on)
            self.list.stack.set_units(self._units)
            self.list.menu.muted = {code for code, on in message.settings.events.muted.items() if on}
            self._agent_away = False
            self.list.menu.can_mute = True
            self._refresh()
        elif isinstance(message, ConnectionsMessage) and not self._paused:
            message.apply(self._sockets)
        elif isinstance(message, HostsMessage):
            self._hosts = message
            self._show_details()
        elif isinstance(message, TickMessage):
            self._is_unread = message.tick.is_unread
        elif isinstance(message, AppsMessage) and not self._paused:
            if self._is_unread:
                message = msgspec.structs.replace(message, interval_s=None)
            self._message, self._agent_away = message, False
            now = time.time()
            self._recent.add(now, message)
            self._unwritten.add(now, message)
            self._show()

    def lose_agent(self) -> None:
        if not self._agent_away:
            self._agent_away = True
            self.list.menu.can_mute = False
            self._forget()

    def set_paused(self, paused: bool) -> None:
        self._paused = paused
        if self._agent_away:
            self._forget()
        self.changed.emit()

    def status(self) -> list[str]:
        if self._message is None:
            return []
        live = self.tr("Frozen") if self._paused else self.tr("Live, every {seconds:.0f} s")
        texts = [live.format(seconds=WATCHED_INTERVAL_S), self.tr("An app is a program with all its helper processes")]
        if self._history.day is not None:
            texts.insert(0, self.tr("{day}: Escape shows today again").format(day=long_date(self._history.day)))
        return texts

    def take_focus(self) -> None:
        if self._details is not None and self.list.isHidden():
            self._details.setFocus()
        else:
            self.list.take_focus()

    def go_to_filter(self) -> None:
        if self.search.isVisible():
            self.search.focus_and_select()

    def escape(self) -> bool:
        if self._chosen is not None:
            self.close_details()
            return True
        if self._history.day is not None:
            self.show_day(None)
            return True
        return self.search.handle_escape(self.table)

    def choose_range(self, index: int) -> None:
        if index < self.strip.range_count:
            self.strip.ranges.choose(index)

    def open_details(self, name: str) -> None:
        """Show the details of the app with this name."""
        if self._details is None:
            from netwatch_tray.window.pages.apps.details import AppDetails  # noqa: PLC0415  most windows never need it

            self._details = AppDetails(self._theme, self._looks)
            self._details.closed.connect(self.close_details)
            self._details.connections_requested.connect(lambda: self._request_connections(self._chosen or ""))
            self._content.addWidget(self._details, 1)
        was_closed, self._chosen = self._chosen is None, name
        self.list.select(name)
        self._arrange()
        self._refresh()
        if was_closed:
            self.topics_changed.emit()

    def show_day(self, day: date | None) -> None:
        """Show the amounts of a day instead of those of today, and the shortest time range that contains it. None shows
        today again."""
        today = datetime.fromtimestamp(time.time()).astimezone().date()
        self._history.day = None if day == today else day
        if day is not None:
            if self._chosen is not None:
                self.close_details()
            ago = (today - day).days * DAY_S
            index = next((place for place, span in enumerate(RANGES_S) if span > ago and place > 1), len(RANGES_S) - 1)
            self.choose_range(index)
            self.list.sort_by_day()
        shown = self._history.day
        self.list.stack.choose(None if shown is None else (midnight(shown), midnight_after(shown)))
        self.table.fit_columns()
        self._refresh()

    def close_details(self) -> None:
        self._chosen = None
        self._sockets.clear()
        self._arrange()
        self.list.take_focus()
        self.topics_changed.emit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._arrange()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._refresh()

    def _choose(self, index: int) -> None:
        self._range = index
        self._refresh()

    def _request_connections(self, name: str) -> None:
        self.connections_requested.emit(wording.app_name(name))

    def _follow(self) -> None:
        """Called when another row is selected: show its details, if details are open beside the list."""
        row = self.list.current()
        if self._chosen is not None and row is not None and not row.is_rest and row.name != self._chosen:
            self.open_details(row.name)

    def _forget(self) -> None:
        """Show current values as unknown, unless the page is paused."""
        if not self._paused:
            self._message = None
            self._history.set_recorded(None)
            self._recent.clear()
            self._unwritten.clear()
            self._sockets.clear()
            self._show()

    def _arrange(self) -> None:
        """Place list and details beside each other, or in a narrow window only the details."""
        is_open = self._chosen is not None
        is_beside = self.window().width() >= _BESIDE_FROM
        if self._details is not None:
            self._details.setVisible(is_open)
            self._details.stand_beside(is_beside)
            hidden = (self.search, *self.list.findChildren(QWidget))
            if is_open and not is_beside and self.window().focusWidget() in hidden:
                self._details.setFocus()  # Qt would move it to the first tab when the list is hidden
        self.list.setVisible(is_beside or not is_open)
        width = round(self.width() * _LIST_SHARE)
        fixed = is_open and is_beside
        self.list.setMinimumWidth(width if fixed else 0)
        self.list.setMaximumWidth(width if fixed else ANY_SIZE)
        if is_open and not is_beside:
            self._show()
        else:
            self.strip.show_list()

    def _refresh(self) -> None:
        """Show all data, and query the history for what is visible and missing or too old."""
        if self.isVisible():
            self._history.request_amounts()
            if self._range != LIVE:
                self._history.request_stack(self._range)
            if self._chosen is not None:
                self._history.request_app(self._chosen, self._range)
        self._soon.stop()  # what came meanwhile is shown now
        self._show()

    def _show(self) -> None:
        stored = self._history.amounts
        self._rows = list(app_rows(self._message, stored, self._unwritten.since(stored.written) if stored else {}))
        self._most = max((row.month.both for row in self._rows if row.month and not row.is_rest), default=0)
        self._about_month = words.about_month(self._history)
        wanted = self.search.text().strip().casefold()
        names = {row.name: shown_name(row, self._looks) for row in self._rows}
        rows = [row for row in self._rows if wanted in row.name.casefold() or wanted in names[row.name].casefold()]
        count = self.tr("{shown} of {total}").format(shown=len(rows), total=len(self._rows)) if wanted else ""
        self.search.show_count(count)
        self._show_stack(names)
        self.list.show_rows(rows)
        self.strip.show_texts(*words.title_of(self._message, self._history, self._units, is_unread=self._is_unread))
        if not rows:
            title, detail = words.why_empty(len(self._rows), self.search.text().strip(), is_away=self._agent_away)
            self.list.instead.show_message(title, detail, button=bool(self._rows))
        self._show_details()
        self.changed.emit()

    def _show_stack(self, names: dict[str, str]) -> None:
        now, span = self._recent.newest or time.time(), RANGES_S[self._range]
        view = self.list.stack
        if self._range == LIVE:
            stack: Stack | None = self._recent.stack(now - span)
        else:
            stack = self._history.stack(self._range)
            now = stack.bins[-1].end if stack and stack.bins else now
        waiting = self.tr("Reading the history …") if self._history.is_loading else self.tr("Nothing is known yet")
        notice = "" if self._range == LIVE else self._history.missing or waiting
        start = stack.bins[0].start if stack and stack.is_amounts and stack.bins else now - span
        view.show_stack(stack, (start, now), words.range_name(self._range), names, notice)

    def _show_details(self) -> None:
        details, name = self.details, self._chosen
        if details is None or name is None or not self.isVisible():
            return
        found = next((row for row in self._rows if row.name == name and not row.is_rest), None)
        row = found or AppRow(name, name, None, None, None, None, None)
        details.set_units(self._units)
        key = row.app.key if row.app else None
        sockets = [each for each in self._sockets.values() if each.app == key] if key else []
        month = self.tr("This month")
        facts = self._history.facts(name)
        if facts is not None and (moved := self._unwritten.since(facts.written).get(name)) is not None:
            facts = facts.plus(moved)
        details.show_app(row, facts, sockets, month, self._units)
        details.show_curve(name, self._curve_of(row), self._range)
        self._request_hosts(key)
        known = self._hosts if key and self._hosts and self._hosts.app == key else None
        details.hosts.show_hosts(known.hosts if known else None, known.since if known else 0.0, self._units)
        if self.window().width() < _BESIDE_FROM:
            rates = f"{DOWN} {units.rate(row.rx_rate, self._units)}  {UP} {units.rate(row.tx_rate, self._units)}"
            self.strip.show_app(row.app_key, shown_name(row, self._looks), rates)

    def _request_hosts(self, key: str | None) -> None:
        before, at = self._hosts_requested
        now = time.monotonic()
        if key and not self._agent_away and (key != before or now - at >= _HOSTS_EVERY_S):
            self._hosts_requested = key, now
            self.hosts_requested.emit(key)

    def _curve_of(self, row: AppRow) -> Drawn | None:
        if self._range != LIVE:
            return self._history.curve(row.name, self._range)
        now = self._recent.newest or time.time()
        return Drawn(self._recent.points(row.key, 0.0), now, AGENT_STEP_S)

    def _context(self) -> AppContext:
        now = self._recent.newest or time.time()
        stack = self.list.stack.stack
        return AppContext(
            looks=self._looks,
            rank=stack.rank if stack else lambda _name: None,
            points=self._recent.points,
            span=(now - RANGES_S[LIVE], now),
            interval=AGENT_STEP_S,
            units=self._units,
            most=self._most,
            day=short_date(self._history.day) if self._history.day else "",
            about_month=self._about_month,
        )
