"""The Interfaces page: the total and why these interfaces make it, a chart, and the rates of every interface."""

from __future__ import annotations

import time
from datetime import datetime
from itertools import pairwise

import msgspec
from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent, QPainter, QPaintEvent, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QAbstractItemView, QVBoxLayout, QWidget

from netwatch_tray.feed.protocol import EventsMessage, Hello, ServerMessage, SettingsMessage, TickMessage
from netwatch_tray.model import GapReason, InterfaceTick, Tick
from netwatch_tray.units import Units
from netwatch_tray.window.chart.plot import LEAST_HEIGHT
from netwatch_tray.window.data.history_queries import HistoryQueries
from netwatch_tray.window.data.live_events import LiveEvents
from netwatch_tray.window.data.recent_ticks import RecentTicks
from netwatch_tray.window.pages.interfaces.columns import InterfaceContext, interface_columns
from netwatch_tray.window.pages.interfaces.range_chart import LIVE_S, RangeChart, Subject
from netwatch_tray.window.pages.interfaces.rates_strip import RatesStrip
from netwatch_tray.window.pages.interfaces.why_total import WhyTotal
from netwatch_tray.window.pages.page import Page
from netwatch_tray.window.table.model import SortedModel
from netwatch_tray.window.table.view import TableView
from netwatch_tray.window.widgets.painting import hair_line
from netwatch_tray.window.widgets.theme import Theme

_BUTTON_FROM = 840
_WIDE, _LOW = 1120, 560
"""Window width in dip from which on, and window height in dip below which, the layout is another one."""


class InterfacesPage(Page):
    """The Interfaces page.

    Signals: `choice_requested`: the user wants to choose which interfaces the total counts. `events_requested`: the
    user wants to see the events between two Unix times, which it carries.
    """

    choice_requested = Signal()
    events_requested = Signal(float, float)

    def __init__(self, theme: Theme, live: LiveEvents, history: HistoryQueries | None) -> None:
        """`live`: the events that the agent has sent. `history`: None if there is none; then only short ranges
        exist."""
        super().__init__()
        self._theme = theme
        self._paused = False
        self._ticks = RecentTicks(LIVE_S)
        self._units = Units()
        self._interval = 1.0
        self._tick: Tick | None = None
        self._is_live = False
        """Whether an agent measures the values on the page; while the page is paused, whether one did when that
        began."""
        self._is_agent_away = False

        self._model = SortedModel(interface_columns(self._context), key=lambda each: each.index)
        self.table = TableView(theme, self._model, row_height=theme.height(44), lines=True)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.setAccessibleName(self.tr("Interfaces"))
        self.table.setAccessibleDescription(self.tr("The chart above shows the selected interface"))
        self.range_chart = RangeChart(theme, self._ticks, live, history, self._subject)
        self._strip = RatesStrip(theme, (self.range_chart.ranges, self.range_chart.as_table))
        self.why = WhyTotal(theme, self)
        self._lay_out()

        self._strip.why_requested.connect(self.open_why)
        self._strip.total_requested.connect(self.table.clearSelection)
        self.why.choice_requested.connect(self.choice_requested)
        self.range_chart.changed.connect(self.changed)
        self.range_chart.events_requested.connect(self.events_requested)
        self.table.selectionModel().selectionChanged.connect(self._refresh)
        self.range_chart.choose(0)
        self._show_rates()

    @property
    def tick(self) -> Tick | None:
        """Return the tick that the page shows, or None before the first one."""
        return self._tick

    def receive(self, message: ServerMessage) -> None:
        self._is_agent_away = False
        if isinstance(message, Hello):
            self._interval = message.interval_s
            self._ticks.merge(message.recent)
        if isinstance(message, Hello | SettingsMessage):
            self._units = message.settings.units
            self.range_chart.set_recorded(message.settings.history.on)
            self.range_chart.set_units(self._units)
            self.range_chart.chart.set_same_scale(message.settings.window.same_scale)
            self._refresh()
        elif isinstance(message, EventsMessage):
            self._refresh()
        elif isinstance(message, TickMessage):
            self._ticks.add(message.tick)
            if not self._paused:
                self._tick, self._is_live = message.tick, True
                self._fill_table()
                self._refresh()

    def set_paused(self, paused: bool) -> None:
        self._paused = paused
        self._ticks.hold(paused)
        if self._is_agent_away:
            self._forget_rates()

    def lose_agent(self) -> None:
        self._is_agent_away = True
        self._forget_rates()

    def status(self) -> list[str]:
        if not self._is_live:
            live = ""
        elif self._paused:
            live = self.tr("Frozen") if self._is_agent_away else self.tr("Frozen: measuring continues")
        elif self._tick is not None and self._tick.gap is GapReason.PAUSED:
            live = self.tr("Paused")
        else:
            live = self.tr("Live, every {seconds:g} s").format(seconds=self._interval)
        return self.range_chart.status(live)

    def known_until(self) -> datetime | None:
        """Return the local time of the last tick, up to which values are known; None before the first one."""
        newest = self._ticks.newest
        return None if newest is None else datetime.fromtimestamp(newest).astimezone()

    def take_focus(self) -> None:
        self.table.setFocus()

    def choose_range(self, index: int) -> None:
        self.range_chart.choose(index)

    def escape(self) -> bool:
        if self.range_chart.shown.clear_crosshair() or self.range_chart.chart.show_all():
            return True
        if self._selected() is not None:
            self.table.clearSelection()
            return True
        return False

    def open_why(self) -> None:
        """Open the popover that explains the total."""
        if self._tick is not None:
            self.why.show_tick(self._tick, self._units)
            self.why.open_in(self.window(), self._strip)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        as_table = self.range_chart.as_table
        if event.key() == Qt.Key.Key_T:
            as_table.toggle()
        elif as_table.isChecked() or not self.range_chart.shown.take_key(event.key()):
            super().keyPressEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._arrange()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._refresh()

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), self._theme.tokens.surface)
        painter.setPen(hair_line(self._theme.tokens.line))
        painter.drawLine(0, self.table.y() - 1, self.width(), self.table.y() - 1)

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._strip)
        column.addWidget(self.range_chart, 1)
        column.addSpacing(1)  # the line above the table
        column.addWidget(self.table)
        chart = self.range_chart
        order: tuple[QWidget, ...] = (
            chart.ranges.button(chart.range_count - 1),
            chart.as_table,
            chart.chart,
            chart.amounts,
            chart.table,
            self.table,
        )
        for before, after in pairwise(order):
            QWidget.setTabOrder(before, after)

    def _arrange(self) -> None:
        """Set row heights as the height of the window allows, and the table's height to that of its rows. The chart
        gets the rest."""
        window = self.window()
        wide, low = window.width() >= _WIDE, window.height() < _LOW
        self._strip.setFixedHeight(self._theme.height(68 if wide else 62))
        self.range_chart.as_table.setVisible(window.width() >= _BUTTON_FROM)  # its key works without the button
        row = self._theme.height(26 if low else 44 if wide else 38)
        self.table.set_row_height(row)
        content = self.height() - self._strip.height()
        wanted = self.table.horizontalHeader().sizeHint().height() + row * max(1, self._model.rowCount())
        self.table.setFixedHeight(max(0, min(wanted, max(content // 2, content - 320), content - LEAST_HEIGHT - 1)))

    def _context(self) -> InterfaceContext:
        return InterfaceContext(self._ticks.points, self._end(), self._interval, self._units, self._is_live)

    def _subject(self) -> Subject:
        selected = self._selected()
        index, name = (None, None) if selected is None else (selected.index, selected.name)
        inside = selected is not None and selected.faces_inside
        return Subject(index, name, self._end(), self._interval, self._paused, inside)

    def _end(self) -> float:
        """Return the Unix time at the right edge of the charts: that of the newest tick, or now if there are no ticks
        any more."""
        newest = self._ticks.newest
        return newest if newest is not None and (self._paused or self._is_live) else time.time()

    def _selected(self) -> InterfaceTick | None:
        rows = self.table.selectionModel().selectedRows()
        return self._model.record(rows[0].row()) if rows else None

    def _fill_table(self) -> None:
        assert self._tick is not None  # noqa: S101  its callers hold one
        rows = self._model.rowCount()
        present = {each.index for each in self._tick.interfaces}
        gone = [each.index for each in self._model.records() if each.index not in present]
        with self.table.anchored():
            self._model.put(self._tick.interfaces, gone)
        if self._model.rowCount() != rows:
            self._arrange()

    def _forget_rates(self) -> None:
        """Show rates as unknown, unless the page is paused. Counters stay, because they were measured. Called without
        an agent."""
        if self._paused:
            return
        if self._is_live and self._tick is not None:
            nothing: dict[str, None] = dict.fromkeys(("rx_rate", "tx_rate", "error_rate", "drop_rate"))
            unknown = [msgspec.structs.replace(each, **nothing) for each in self._tick.interfaces]
            total = msgspec.structs.replace(self._tick.total, rx_rate=None, tx_rate=None)
            self._tick = msgspec.structs.replace(self._tick, interfaces=tuple(unknown), total=total)
            self._is_live = False
            self._fill_table()
            self.why.hide()
        self.range_chart.set_recorded(None)
        self._refresh()

    def _refresh(self) -> None:
        if not self.isVisible():
            return
        self._show_rates()
        self.range_chart.draw()
        self.table.viewport().update()  # the sparklines move, also in rows whose numbers stay
        if self.why.isVisible() and self._tick is not None:
            self.why.show_tick(self._tick, self._units)
        self.changed.emit()

    def _show_rates(self) -> None:
        self._strip.show_tick(self._tick, self._selected(), self._units, is_live=self._is_live)
