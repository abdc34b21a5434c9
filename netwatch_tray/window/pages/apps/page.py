"""The page Apps: which program uses the network, and what no program accounts for."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from datetime import date, datetime
from typing import TYPE_CHECKING, NamedTuple

from PySide6.QtCore import QModelIndex, Qt, QTimer, Signal
from PySide6.QtGui import QHideEvent, QKeyEvent, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QVBoxLayout

from netwatch_tray import units
from netwatch_tray.errors import HistoryError
from netwatch_tray.feed.protocol import AppsMessage, Hello, ServerMessage, SettingsMessage, Topic
from netwatch_tray.history.usage import Days, period_of
from netwatch_tray.settings import DataPlan
from netwatch_tray.units import Units
from netwatch_tray.window.chart.series import Point
from netwatch_tray.window.data.history_queries import HistoryQueries, why_no_history
from netwatch_tray.window.pages.apps.columns import AppContext, AppRow, Moved, app_columns
from netwatch_tray.window.pages.page import Page
from netwatch_tray.window.table.model import SortedModel
from netwatch_tray.window.table.view import TableView
from netwatch_tray.window.widgets.empty_state import EmptyState
from netwatch_tray.window.widgets.formatting import long_date, native_keys
from netwatch_tray.window.widgets.search_field import SearchField
from netwatch_tray.window.widgets.strip import Strip
from netwatch_tray.window.widgets.text import Text
from netwatch_tray.window.widgets.theme import GAP, MARGIN, Theme

if TYPE_CHECKING:
    from netwatch_tray.history.reader import HistoryReader

_SPAN_S = 300.0
_INTERVAL = 2.0
"""Seconds between readings while somebody looks."""
_READ_EVERY_MS = 60_000
"""As often as the agent writes."""
_FIND_WIDTH = 240
_SETTLE_MS = 2000
_RX_RATE = 2
"""The column."""
_REST, _UNMEASURED = "", " "
"""Keys of what no app accounts for, and of what moved while nothing was measured."""

_Rates = tuple[float | None, float | None]


class _Span(NamedTuple):
    """What moved in some days, by the names of apps."""

    apps: dict[str, Moved]
    rest: Moved
    """What the interfaces counted beyond that."""
    unmeasured: Moved
    """What they counted while NetWatch was not measuring, so that no app can be named."""


class _Found(NamedTuple):
    days: Days
    today: _Span
    month: _Span


class AppsPage(Page):
    """`show_connections`: the person wants to see those of the app with this name."""

    show_connections = Signal(str)

    def __init__(self, theme: Theme, history: HistoryQueries | None) -> None:
        super().__init__()
        self._units = Units()
        self._plan = DataPlan()
        self._message: AppsMessage | None = None
        """None: nothing is known of now."""
        self._history = history
        self._keeps_history: bool | None = None
        """Whether the agent records; None: there is no agent."""
        self._found: _Found | None = None
        self._no_history = self.tr("There is no history")
        self._rows: list[AppRow] = []
        self._most_rx, self._about_month = 0, ""
        """For `AppContext`; computed once for all cells."""
        self._recent: deque[tuple[float, dict[str, _Rates]]] = deque()
        """Rates of the apps that moved anything, by moment."""
        self._agent_away = False
        self._paused = False

        strip = Strip(theme, theme.height(60))
        self._title = Text(theme, theme.fonts.title)
        self._sentence = Text(theme, theme.fonts.small, "ink2")
        self.search = SearchField(theme, self.tr("Find an app"), self.tr("Find an app"))
        self.search.setToolTip(
            self.tr("Apps whose names hold this stay ({keys} or /)").format(keys=native_keys("Ctrl+F"))
        )
        self.search.setFixedWidth(theme.height(_FIND_WIDTH))
        self._model: SortedModel[AppRow] = SortedModel(
            app_columns(self._context), lambda row: row.key, settle_ms=_SETTLE_MS
        )
        self.table: TableView[AppRow] = TableView(theme, self._model, row_height=theme.height(36), lines=True)
        self.table.make_sortable(_RX_RATE, Qt.SortOrder.DescendingOrder)
        self.table.setAccessibleName(self.tr("Apps"))
        self.table.setAccessibleDescription(self.tr("Enter shows the connections of the selected app"))
        self._instead = EmptyState(theme, "apps", self.tr("Clear search"))
        self._stack = QStackedWidget()
        self._stack.addWidget(self._instead)
        self._stack.addWidget(self.table)
        said = QVBoxLayout()
        said.setSpacing(2)
        said.addStretch(1)
        said.addWidget(self._title)
        said.addWidget(self._sentence)
        said.addStretch(1)
        row = QHBoxLayout(strip)
        row.setContentsMargins(MARGIN, 0, MARGIN, 1)
        row.setSpacing(GAP)
        row.addLayout(said, 1)
        row.addWidget(self.search)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(strip)
        column.addWidget(self._stack, 1)

        self._timer = QTimer(self, interval=_READ_EVERY_MS)
        self._timer.timeout.connect(self._ask)
        self.search.textChanged.connect(lambda _text: self._show())
        self.search.returnPressed.connect(self.table.setFocus)
        self._instead.button.clicked.connect(self.search.clear)
        self.table.doubleClicked.connect(self._open)
        self._show()

    @property
    def topics(self) -> frozenset[Topic]:
        return frozenset({"interfaces"} if self._paused else {"interfaces", "apps"})

    def receive(self, message: ServerMessage) -> None:
        if isinstance(message, Hello | SettingsMessage):
            self._units, self._plan = message.settings.units, message.settings.plan
            self._keeps_history = message.settings.history.on
            self._agent_away = False
            if self.isVisible():
                self._ask()
        elif isinstance(message, AppsMessage) and not self._paused:
            self._take(message)

    def lose_agent(self) -> None:
        if not self._agent_away:
            self._agent_away, self._message, self._keeps_history = True, None, None
            self._recent.clear()
            self._show()

    def set_paused(self, paused: bool) -> None:
        self._paused = paused
        self.changed.emit()

    def status(self) -> list[str]:
        if self._message is None:
            return []
        live = self.tr("Paused") if self._paused else self.tr("Live, every {seconds:.0f} s")
        return [live.format(seconds=_INTERVAL), self.tr("An app is a program with all its helper processes")]

    def take_focus(self) -> None:
        self._stack.currentWidget().setFocus()

    def go_to_filter(self) -> None:
        self.search.go_to()

    def escape(self) -> bool:
        return self.search.step_back(self.table)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        current = self.table.currentIndex()
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and current.isValid():
            self._open(current)
        else:
            super().keyPressEvent(event)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._timer.start()
        self._ask()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._timer.stop()

    def _ask(self) -> None:
        """What the apps moved today and in this month."""
        if self._history is None:
            return
        today = datetime.fromtimestamp(time.time()).astimezone().date()
        month = period_of(today, "billing", self._plan.billing_day)

        def question(reader: HistoryReader) -> _Found:
            return _Found(month, _span(reader, today, today), _span(reader, *month))

        def answer(found: _Found) -> None:
            self._found, self._no_history = found, ""
            self._show()

        def fail(error: HistoryError) -> None:
            self._found, self._no_history = None, why_no_history(error, self._keeps_history)
            self._show()

        self._history.submit(question, answer, fail)

    def _take(self, message: AppsMessage) -> None:
        self._message, self._agent_away = message, False
        now = time.time()
        if message.interval_s:
            moved = {row.key: (row.rx_rate, row.tx_rate) for row in self._live_rows() if row.rx_rate or row.tx_rate}
            self._recent.append((now, moved))
        while self._recent and self._recent[0][0] < now - _SPAN_S - 2 * _INTERVAL:
            self._recent.popleft()
        self._show()

    def _live_rows(self) -> Iterator[AppRow]:
        """What the agent tells of now, the remainder last."""
        message = self._message
        if message is None:
            return
        for app in message.apps:
            yield AppRow(app.key, app.name, app, app.rx_rate, app.tx_rate, None, None)
        interval = message.interval_s
        rates: _Rates = (message.other[0] / interval, message.other[1] / interval) if interval else (None, None)
        yield AppRow(_REST, self.tr("UDP, QUIC and other"), None, *rates, None, None, is_rest=True)

    def _all_rows(self) -> Iterator[AppRow]:
        """With what the history knows of them, and of apps that do nothing now."""
        found = self._found
        if found is None:
            yield from self._live_rows()
            return
        nothing = Moved(0, 0)
        # An app that is there twice under one name has one sum in the history; the first of them shows it.
        today, month = dict(found.today.apps), dict(found.month.apps)
        for row in self._live_rows():
            if row.is_rest:
                yield row._replace(today=found.today.rest, month=found.month.rest)
            else:
                yield row._replace(today=today.pop(row.name, nothing), month=month.pop(row.name, nothing))
        unmeasured = found.today.unmeasured, found.month.unmeasured
        if any(map(any, unmeasured)):
            name = self.tr("While NetWatch was not measuring")
            yield AppRow(_UNMEASURED, name, None, None, None, *unmeasured, is_rest=True)
        still = None if self._message is None else 0.0
        for name, moved in month.items():
            yield AppRow(f"{name} (ended)", name, None, still, still, today.get(name, nothing), moved)

    def _say(self) -> None:
        message = self._message
        if message is None:
            self._title.show_text(self.tr("Apps"))
            self._sentence.show_text("")
            return
        active = sum(1 for app in message.apps if app.rx_rate or app.tx_rate)
        one, many = self.tr("1 app uses the network now"), self.tr("{count} apps use the network now")
        title = one if active == 1 else many.format(count=active)
        if self._found:
            month = self.tr("{count} this month").format(count=len(self._found.month.apps))
            title = f"{title}, {month}"
        self._title.show_text(title)
        if not message.interval_s:
            self._sentence.show_text(self.tr("Rates come with the second reading."))
            return
        down, rest, uplink = (
            units.rate(pair[0] / message.interval_s, self._units)
            for pair in (message.tcp, message.other, message.uplink)
        )
        sentence = self.tr("Download: apps {apps} + other {other} = interfaces {uplink}")
        self._sentence.show_text(sentence.format(apps=down, other=rest, uplink=uplink))

    def _show(self) -> None:
        self._rows = list(self._all_rows())
        self._most_rx = max((row.month.rx for row in self._rows if row.month), default=0)
        self._about_month = self._about_the_month()
        wanted = self.search.text().strip().casefold()
        rows = [row for row in self._rows if wanted in row.name.casefold()]
        there = {row.key for row in rows}
        with self.table.anchored():
            self._model.put(rows, [row.key for row in self._model.records() if row.key not in there])
        self.table.viewport().update()  # the spark lines move, also of rows whose numbers stayed
        count = self.tr("{shown} of {total}").format(shown=len(rows), total=len(self._rows)) if wanted else ""
        self.search.show_count(count)
        self._stack.setCurrentWidget(self.table if rows else self._instead)
        self._say()
        if not rows:
            self._explain_emptiness()
        self.changed.emit()

    def _explain_emptiness(self) -> None:
        if self._rows:
            self._instead.say(
                self.tr("No app matches"),
                self.tr("Apps known: {total}, none has “{words}” in its name.").format(
                    total=len(self._rows), words=self.search.text().strip()
                ),
                button=True,
            )
        elif self._agent_away:
            self._instead.say(
                self.tr("Apps are not known"), self.tr("The list comes back by itself together with the agent.")
            )
        else:
            self._instead.say(self.tr("Reading who uses the network …"), "")

    def _context(self) -> AppContext:
        now = self._recent[-1][0] if self._recent else time.time()
        span = (now - _SPAN_S, now)
        return AppContext(self._points, span, _INTERVAL, self._units, self._most_rx, self._about_month)

    def _about_the_month(self) -> str:
        if self._found is None:
            return self._no_history or self.tr("Reading the history …")
        first = long_date(self._found.days.first)
        return self.tr("TCP over the counted interfaces; the month began on {first}. Updated each minute.").format(
            first=first
        )

    def _points(self, app: str, since: float) -> list[Point]:
        nothing: _Rates = (0.0, 0.0)
        return [Point(at, *rates.get(app, nothing)) for at, rates in self._recent if at >= since - _INTERVAL]

    def _open(self, index: QModelIndex) -> None:
        row = self._model.record(index.row())
        if row.app is not None:
            self.show_connections.emit(row.name)


def _span(reader: HistoryReader, first: date, last: date) -> _Span:
    apps = {name: Moved(used.rx, used.tx) for name, used in reader.by_name("app", first, last).items()}
    remainder = reader.remainder(first, last)
    other, unmeasured = (Moved(each.rx, each.tx) for each in (remainder.other, remainder.unmeasured))
    return _Span(apps, other, unmeasured)
