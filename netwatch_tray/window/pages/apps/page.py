"""The page Apps: which programs use the network, and how much belongs to none."""

from __future__ import annotations

import time
from datetime import datetime

from PySide6.QtCore import QModelIndex, Qt, Signal
from PySide6.QtGui import QKeyEvent, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QVBoxLayout

from netwatch_tray import units
from netwatch_tray.feed.protocol import WATCHED_INTERVAL_S, AppsMessage, Hello, ServerMessage, SettingsMessage, Topic
from netwatch_tray.settings import DataPlan
from netwatch_tray.units import Units
from netwatch_tray.window.data.history_queries import HistoryQueries
from netwatch_tray.window.data.history_range import HistoryRange
from netwatch_tray.window.pages.apps.columns import AppContext, app_columns
from netwatch_tray.window.pages.apps.rows import AppAmounts, AppRow, RecentRates, app_rows, query_amounts
from netwatch_tray.window.pages.page import Page
from netwatch_tray.window.table.model import SortedModel
from netwatch_tray.window.table.view import TableView
from netwatch_tray.window.widgets.empty_state import EmptyState
from netwatch_tray.window.widgets.formatting import long_date, native_keys
from netwatch_tray.window.widgets.search_field import SearchField
from netwatch_tray.window.widgets.strip import Strip
from netwatch_tray.window.widgets.text import Text
from netwatch_tray.window.widgets.theme import GAP, MARGIN, Theme

_SPAN_S = 300.0
_STALE_AFTER_S = 60.0
"""The agent writes once a minute."""
_SEARCH_WIDTH = 240
_SETTLE_MS = 2000


class AppsPage(Page):
    """`connections_requested`: the user wants to see the connections of the app with this name."""

    connections_requested = Signal(str)

    def __init__(self, theme: Theme, history: HistoryQueries | None) -> None:
        super().__init__()
        self._units = Units()
        self._plan = DataPlan()
        self._message: AppsMessage | None = None
        """None: the present is unknown."""
        self._stored: HistoryRange[AppAmounts] = HistoryRange(history, self)
        self._rows: list[AppRow] = []
        self._most_rx, self._about_month = 0, ""
        """For `AppContext`; computed once for all cells."""
        self._recent = RecentRates(_SPAN_S + 2 * WATCHED_INTERVAL_S)
        self._agent_away = False
        self._paused = False

        strip = Strip(theme, theme.height(60))
        self._title = Text(theme, theme.fonts.title)
        self._sentence = Text(theme, theme.fonts.small, "ink2")
        self.search = SearchField(theme, self.tr("Find an app"), self.tr("Find an app"))
        self.search.setToolTip(
            self.tr("Apps whose names hold this stay ({keys} or /)").format(keys=native_keys("Ctrl+F"))
        )
        self.search.setFixedWidth(theme.height(_SEARCH_WIDTH))
        self._model: SortedModel[AppRow] = SortedModel(
            app_columns(self._context), lambda row: row.key, settle_ms=_SETTLE_MS
        )
        self.table: TableView[AppRow] = TableView(theme, self._model, row_height=theme.height(36), lines=True)
        self.table.make_sortable("rx_rate", Qt.SortOrder.DescendingOrder)
        self.table.setAccessibleName(self.tr("Apps"))
        self.table.setAccessibleDescription(self.tr("Enter shows the connections of the selected app"))
        self._instead = EmptyState(theme, "apps", self.tr("Clear search"))
        self._stack = QStackedWidget()
        self._stack.addWidget(self._instead)
        self._stack.addWidget(self.table)
        texts = QVBoxLayout()
        texts.setSpacing(2)
        texts.addStretch(1)
        texts.addWidget(self._title)
        texts.addWidget(self._sentence)
        texts.addStretch(1)
        row = QHBoxLayout(strip)
        row.setContentsMargins(MARGIN, 0, MARGIN, 1)
        row.setSpacing(GAP)
        row.addLayout(texts, 1)
        row.addWidget(self.search)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(strip)
        column.addWidget(self._stack, 1)

        self._stored.stale.connect(self._request)
        self._stored.loaded.connect(self._show)
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
            self._stored.set_recorded(message.settings.history.on)
            self._agent_away = False
            self._request()
            self._show()
        elif isinstance(message, AppsMessage) and not self._paused:
            self._take(message)

    def lose_agent(self) -> None:
        if not self._agent_away:
            self._agent_away = True
            self._forget()

    def set_paused(self, paused: bool) -> None:
        self._paused = paused
        if self._agent_away:
            self._forget()
        self.changed.emit()

    def status(self) -> list[str]:
        if self._message is None:
            return []
        live = self.tr("Paused") if self._paused else self.tr("Live, every {seconds:.0f} s")
        return [live.format(seconds=WATCHED_INTERVAL_S), self.tr("An app is a program with all its helper processes")]

    def take_focus(self) -> None:
        self._stack.currentWidget().setFocus()

    def go_to_filter(self) -> None:
        self.search.focus_and_select()

    def escape(self) -> bool:
        return self.search.handle_escape(self.table)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        current = self.table.currentIndex()
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and current.isValid():
            self._open(current)
        else:
            super().keyPressEvent(event)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._request()

    @property
    def _amounts(self) -> AppAmounts | None:
        """What the history holds; None: unknown."""
        return self._stored.result(self._plan.billing_day)

    def _request(self) -> None:
        if self.isVisible():
            today = datetime.fromtimestamp(time.time()).astimezone().date()
            billing_day = self._plan.billing_day
            self._stored.request(billing_day, lambda reader: query_amounts(reader, today, billing_day), _STALE_AFTER_S)

    def _take(self, message: AppsMessage) -> None:
        self._message, self._agent_away = message, False
        self._recent.add(time.time(), message)
        self._show()

    def _forget(self) -> None:
        """Show the present as unknown, unless the picture is frozen."""
        if not self._paused:
            self._message = None
            self._stored.set_recorded(None)
            self._recent.clear()
            self._show()

    def _show_title(self) -> None:
        message = self._message
        if message is None:
            self._title.show_text(self.tr("Apps"))
            self._sentence.show_text("")
            return
        active = sum(1 for app in message.apps if app.rx_rate or app.tx_rate)
        one, many = self.tr("1 app uses the network now"), self.tr("{count} apps use the network now")
        title = one if active == 1 else many.format(count=active)
        if amounts := self._amounts:
            month = self.tr("{count} this month").format(count=len(amounts.month.apps))
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
        self._rows = list(app_rows(self._message, self._amounts))
        self._most_rx = max((row.month.rx for row in self._rows if row.month), default=0)
        self._about_month = self._about_the_month()
        wanted = self.search.text().strip().casefold()
        rows = [row for row in self._rows if wanted in row.name.casefold()]
        keys = {row.key for row in rows}
        with self.table.anchored():
            self._model.put(rows, [row.key for row in self._model.records() if row.key not in keys])
        self.table.viewport().update()  # the sparklines move, also in rows whose numbers stay
        count = self.tr("{shown} of {total}").format(shown=len(rows), total=len(self._rows)) if wanted else ""
        self.search.show_count(count)
        self._stack.setCurrentWidget(self.table if rows else self._instead)
        self._show_title()
        if not rows:
            self._explain_emptiness()
        self.changed.emit()

    def _explain_emptiness(self) -> None:
        if self._rows:
            self._instead.show_message(
                self.tr("No app matches"),
                self.tr("Apps known: {total}, none has “{words}” in its name.").format(
                    total=len(self._rows), words=self.search.text().strip()
                ),
                button=True,
            )
        elif self._agent_away:
            self._instead.show_message(
                self.tr("Apps are not known"), self.tr("The list comes back by itself together with the agent.")
            )
        else:
            self._instead.show_message(self.tr("Reading who uses the network …"), "")

    def _context(self) -> AppContext:
        now = self._recent.newest or time.time()
        span = (now - _SPAN_S, now)
        return AppContext(self._recent.points, span, WATCHED_INTERVAL_S, self._units, self._most_rx, self._about_month)

    def _about_the_month(self) -> str:
        amounts = self._amounts
        if amounts is None:
            waiting = self.tr("Reading the history …") if self._stored.is_loading else self.tr("There is no history")
            return self._stored.missing or waiting
        first = long_date(amounts.days.first)
        return self.tr("TCP over the counted interfaces; the month began on {first}. Updated each minute.").format(
            first=first
        )

    def _open(self, index: QModelIndex) -> None:
        row = self._model.record(index.row())
        if row.app is not None:
            self.connections_requested.emit(row.name)
