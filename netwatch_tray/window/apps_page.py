"""The page Apps: which program uses the network, and what no program accounts for."""

from __future__ import annotations

import time
from collections import deque

from PySide6.QtCore import QModelIndex, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QVBoxLayout

from netwatch_tray import units
from netwatch_tray.feed.protocol import AppsMessage, Hello, ServerMessage, SettingsMessage, Topic
from netwatch_tray.units import Units
from netwatch_tray.window import app_table
from netwatch_tray.window.app_table import AppRow, key
from netwatch_tray.window.controls import Strip, Text
from netwatch_tray.window.empty_state import EmptyState
from netwatch_tray.window.geometry import Point
from netwatch_tray.window.page import Page
from netwatch_tray.window.search_field import SearchField
from netwatch_tray.window.table import SortedModel, TableView
from netwatch_tray.window.theme import GAP, MARGIN, Theme

_SPAN_S = 300.0
_FIND_WIDTH = 240
_SETTLE_MS = 2000
_RX_RATE = 2
"""The column."""

_Rates = tuple[float | None, float | None]


class AppsPage(Page):
    """`show_connections`: the person wants to see those of the app with this name."""

    show_connections = Signal(str)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._units = Units()
        self._rows: list[AppRow] = []
        self._past: deque[tuple[float, dict[str, _Rates]]] = deque()
        """Rates of the apps that moved anything, by moment."""
        self._interval = 2.0
        self._known = False
        self._agent_away = False
        self._paused = False

        strip = Strip(theme, theme.height(60))
        self._title = Text(theme, theme.fonts.title)
        self._sentence = Text(theme, theme.fonts.small, "ink2")
        self.search = SearchField(theme, self.tr("Find an app"), self.tr("Find an app"))
        self.search.setToolTip(self.tr("Apps whose names hold this stay (Ctrl+F or /)"))
        self.search.setFixedWidth(theme.height(_FIND_WIDTH))
        self._model: SortedModel[AppRow] = SortedModel(app_table.columns(self._live), key, settle_ms=_SETTLE_MS)
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
            self._units = message.settings.units
            self._agent_away = False
        elif isinstance(message, AppsMessage) and not self._paused:
            self._take(message)

    def lose_agent(self) -> None:
        if not self._agent_away:
            self._agent_away, self._known = True, False
            self._rows = []
            self._show()

    def set_paused(self, paused: bool) -> None:
        self._paused = paused
        self.changed.emit()

    def status(self) -> list[str]:
        if not self._known:
            return []
        live = self.tr("Paused") if self._paused else self.tr("Live, every {seconds:.0f} s")
        return [live.format(seconds=self._interval), self.tr("An app is a program with all its helper processes")]

    def take_focus(self) -> None:
        self._stack.currentWidget().setFocus()

    def go_to_filter(self) -> None:
        self.search.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.search.selectAll()

    def escape(self) -> bool:
        if self.search.text():
            self.search.clear()
            return True
        if self.search.hasFocus():
            self.table.setFocus()
            return True
        return False

    def keyPressEvent(self, event: QKeyEvent) -> None:
        current = self.table.currentIndex()
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and current.isValid():
            self._open(current)
        else:
            super().keyPressEvent(event)

    def _take(self, message: AppsMessage) -> None:
        self._known, self._agent_away = True, False
        interval = message.interval_s
        other: _Rates = (None, None)
        if interval:
            self._interval = interval
            other = (message.other[0] / interval, message.other[1] / interval)
        rest = AppRow(None, self.tr("UDP, QUIC and other"), *other, None, None)
        self._rows = [
            AppRow(app, app.name, app.rx_rate, app.tx_rate, app.rx_bytes, app.tx_bytes) for app in message.apps
        ]
        self._rows.append(rest)
        now = time.time()
        if interval:
            moved = {key(row): (row.rx_rate, row.tx_rate) for row in self._rows if row.rx_rate or row.tx_rate}
            self._past.append((now, moved))
        while self._past and self._past[0][0] < now - _SPAN_S - 2 * self._interval:
            self._past.popleft()
        self._say(message)
        self._show()

    def _say(self, message: AppsMessage) -> None:
        active = sum(1 for row in self._rows if row.app and (row.rx_rate or row.tx_rate))
        one, many = self.tr("1 app uses the network now"), self.tr("{count} apps use the network now")
        self._title.show_text(one if active == 1 else many.format(count=active))
        if not message.interval_s:
            self._sentence.show_text(self.tr("Rates come with the second reading."))
            return
        down, rest, uplink = (
            units.rate(pair[0] / message.interval_s, self._units)
            for pair in (message.tcp, message.other, message.uplink)
        )
        sentence = self.tr("Download: apps {apps} + UDP, QUIC and other {other} = {uplink} on the interfaces")
        self._sentence.show_text(sentence.format(apps=down, other=rest, uplink=uplink))

    def _show(self) -> None:
        wanted = self.search.text().strip().casefold()
        rows = [row for row in self._rows if wanted in row.name.casefold()]
        there = {key(row) for row in rows}
        with self.table.anchored():
            self._model.put(rows, [name for name in map(key, self._model.records()) if name not in there])
        self.table.viewport().update()  # the spark lines move, also of rows whose numbers stayed
        count = self.tr("{shown} of {total}").format(shown=len(rows), total=len(self._rows)) if wanted else ""
        self.search.show_count(count)
        self._stack.setCurrentWidget(self.table if rows else self._instead)
        if not self._known:
            self._title.show_text(self.tr("Apps"))
            self._sentence.show_text("")
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

    def _live(self) -> app_table.Live:
        now = self._past[-1][0] if self._past else time.time()
        most = max((row.rx_bytes or 0 for row in self._rows), default=0)
        return app_table.Live(self._points, (now - _SPAN_S, now), self._interval, self._units, most)

    def _points(self, app: str, since: float) -> list[Point]:
        nothing: _Rates = (0.0, 0.0)
        return [Point(at, *rates.get(app, nothing)) for at, rates in self._past if at >= since - self._interval]

    def _open(self, index: QModelIndex) -> None:
        row = self._model.record(index.row())
        if row.app is not None:
            self.show_connections.emit(row.name)
