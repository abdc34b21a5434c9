"""The page Interfaces: the total and why it is that, a live chart, and every interface with its rates."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

import msgspec
from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent, QPainter, QPaintEvent, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QAbstractItemView, QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from netwatch_tray import wording
from netwatch_tray.errors import HistoryError
from netwatch_tray.feed.protocol import Hello, ServerMessage, SettingsMessage, TickMessage
from netwatch_tray.model import GapReason, InterfaceTick, Tick
from netwatch_tray.units import DOWN, UP, Units
from netwatch_tray.window.chart.as_table import ChartTable
from netwatch_tray.window.chart.chart import LEAST_HEIGHT, Chart
from netwatch_tray.window.chart.series import Point
from netwatch_tray.window.data.history_queries import HistoryQueries, why_no_history
from netwatch_tray.window.data.recent_ticks import RecentTicks
from netwatch_tray.window.pages.interfaces.columns import InterfaceContext, interface_columns
from netwatch_tray.window.pages.interfaces.why_total import WhyTotal
from netwatch_tray.window.pages.page import Page
from netwatch_tray.window.table.model import SortedModel
from netwatch_tray.window.table.view import TableView
from netwatch_tray.window.widgets.buttons import LinkButton, Segments, ToolButton
from netwatch_tray.window.widgets.formatting import how_long
from netwatch_tray.window.widgets.interface_words import describe
from netwatch_tray.window.widgets.painting import hair_line
from netwatch_tray.window.widgets.rate_readout import RateReadout
from netwatch_tray.window.widgets.strip import Strip
from netwatch_tray.window.widgets.text import Text
from netwatch_tray.window.widgets.theme import GAP, MARGIN, Theme

if TYPE_CHECKING:
    from netwatch_tray.history.reader import Curve, GapFound, HistoryReader

_DAY_S = 86400
_RANGES_S = (60, 300, 3600, _DAY_S, 7 * _DAY_S, 30 * _DAY_S, 365 * _DAY_S)
_LIVE = 2
"""So many of them need no history."""
_KEPT_S = 300 + 30.0
_READ_AGAIN = 240
"""Times in a range: as often as something new can be seen."""
_MISSED_AGAIN_S = 15
"""The first minute of a history is soon there."""
_READING_SHOWS_MS = 200
_MOST_POINTS = 1200
_LOOK_BEYOND = 20
"""Of a part of the range, so many parts of its own length before and after it: the curve goes on over the edge."""
_BUTTON_FROM = 840
_WIDE, _LOW = 1120, 560
"""From this width on and below this height the layout is another one."""


class InterfacesPage(Page):
    """`choice_asked`: the person wants to choose what the total counts."""

    choice_asked = Signal()

    def __init__(self, theme: Theme, history: HistoryQueries | None) -> None:
        super().__init__()
        self._theme = theme
        self._history = history
        self._long: list[Point] = []
        """What the history told of the chosen range, and its seconds a point."""
        self._long_step = 1.0
        self._asked: tuple[int, int | None, float] | None = None
        """Range, interface and moment of the last question."""
        self._no_history = ""
        self._keeps_history: bool | None = None
        """Whether the agent records; None: there is no agent."""
        self._paused = False
        self._recent = RecentTicks(_KEPT_S)
        self._units = Units()
        self._interval = 1.0
        self._tick: Tick | None = None
        self._is_live = False
        self._range = 0

        self._strip = Strip(theme, theme.height(68))
        self._down, self._up = RateReadout(theme, DOWN), RateReadout(theme, UP)
        self._whose = Text(theme, theme.fonts.small_strong)
        self._sentence = Text(theme, theme.fonts.small, "ink2")
        self._why_link = LinkButton(theme, self.tr("Why this total"))
        self._why_link.setAccessibleDescription(self.tr("Lists every interface and whether it is counted"))
        self._chosen = LinkButton(theme, self.tr("Show the total"))
        self._chosen.setToolTip(self.tr("Show the total again (Escape)"))
        self._chosen.hide()
        self._reading = QTimer(self, singleShot=True, interval=_READING_SHOWS_MS)
        self._reading.timeout.connect(self._show_reading)
        names = [self.tr("1 min"), self.tr("5 min")]
        names += [self.tr("1 h"), self.tr("24 h"), self.tr("7 d"), self.tr("30 d"), self.tr("1 y")] if history else []
        self._ranges = Segments(theme, names, self.tr("Time range"))
        for index, name in enumerate(names):
            self._ranges.button(index).setToolTip(f"{name} (Alt+{index + 1})")
        self.chart = Chart(theme)
        self.chart_table = ChartTable(theme, self.chart)
        self._drawn = QStackedWidget()
        self._drawn.addWidget(self.chart)
        self._drawn.addWidget(self.chart_table)
        self._as_table = ToolButton(theme, "", "table")
        self._as_table.setCheckable(True)
        self._as_table.setAccessibleName(self.tr("The chart as a table"))
        self._as_table.setToolTip(self.tr("The chart as a table (T)"))
        self._model = SortedModel(interface_columns(self._context), key=lambda each: each.index)
        self.table = TableView(theme, self._model, row_height=theme.height(44), lines=True)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.setAccessibleName(self.tr("Interfaces"))
        self.table.setAccessibleDescription(self.tr("The chart above shows the selected interface"))
        self._why = WhyTotal(theme, self)
        self._lay_out()

        self._why_link.clicked.connect(self._open_why)
        self._why.choice_asked.connect(self.choice_asked)
        self._chosen.clicked.connect(self.table.clearSelection)
        self._ranges.chosen.connect(self._choose)
        self.chart.zoomed.connect(self._look_closer)
        self._as_table.toggled.connect(self._show_as_table)
        self.table.selectionModel().selectionChanged.connect(self._show_selected)
        self._ranges.choose(0)
        self._say_rates()

    @property
    def ranges(self) -> int:
        """How many there are."""
        return len(_RANGES_S) if self._history else _LIVE

    @property
    def range_index(self) -> int:
        return self._range

    def receive(self, message: ServerMessage) -> None:
        if isinstance(message, Hello):
            self._interval = message.interval_s
            self._recent.merge(message.recent)
        if isinstance(message, Hello | SettingsMessage):
            self._units = message.settings.units
            self._follow_history(keeps=message.settings.history.on)
            self.chart.set_units(self._units)
            self._refresh()
        elif isinstance(message, TickMessage):
            self._recent.add(message.tick)
            if not self._paused:
                self._tick, self._is_live = message.tick, True
                self._fill_table()
                self._refresh()

    def set_paused(self, paused: bool) -> None:
        self._paused = paused
        self._recent.hold(paused)

    def lose_agent(self) -> None:
        if self._is_live and self._tick is not None:
            nothing: dict[str, None] = dict.fromkeys(("rx_rate", "tx_rate", "error_rate", "drop_rate"))
            unknown = [msgspec.structs.replace(each, **nothing) for each in self._tick.interfaces]
            total = msgspec.structs.replace(self._tick.total, rx_rate=None, tx_rate=None)
            self._tick = msgspec.structs.replace(self._tick, interfaces=tuple(unknown), total=total)
            self._is_live = False
            self._fill_table()
            self._why.hide()
        self._follow_history(keeps=None)
        self._refresh()

    def status(self) -> list[str]:
        width = self.chart.point_width()
        length = how_long(width) if width >= 60 else self.tr("{seconds:g} s").format(seconds=width)
        point = self.tr("1 point = {length}").format(length=length)
        if self._range >= _LIVE:
            point = f"{point}, {self.tr('line: average, band: peak')}"
        if self._no_history and self._range >= _LIVE:
            return [self._no_history]
        if self.chart.zoom:
            return [self.tr("A part of the range: Escape or a double click shows all"), point]
        if not self._is_live:
            return [point]
        if self._paused:
            return [self.tr("Paused: measuring goes on"), point]
        return [self.tr("Live, every {seconds:g} s").format(seconds=self._interval), point]

    @property
    def tick(self) -> Tick | None:
        """The one that is shown."""
        return self._tick

    def known_until(self) -> datetime | None:
        """When the last tick was, local time."""
        newest = self._recent.newest
        return None if newest is None else datetime.fromtimestamp(newest).astimezone()

    def take_focus(self) -> None:
        self.table.setFocus()

    def choose_range(self, index: int) -> None:
        if index < self.ranges:
            self._ranges.choose(index)

    def escape(self) -> bool:
        if self.chart.clear_crosshair() or self.chart.show_all():
            return True
        if self._selected() is not None:
            self.table.clearSelection()
            return True
        return False

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_T:
            self._as_table.toggle()
        elif self._as_table.isChecked() or not self.chart.take_key(event.key()):
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
        rates = QHBoxLayout()
        rates.setSpacing(24)
        rates.addWidget(self._down)
        rates.addWidget(self._up)
        rates.addStretch(1)
        said = QHBoxLayout()
        said.setSpacing(GAP)
        said.addWidget(self._whose)
        said.addWidget(self._sentence)
        said.addWidget(self._why_link)
        said.addWidget(self._chosen)
        said.addStretch(1)
        left = QVBoxLayout()
        left.setSpacing(2)
        left.addStretch(1)
        left.addLayout(rates)
        left.addLayout(said)
        left.addStretch(1)
        strip = QHBoxLayout(self._strip)
        strip.setContentsMargins(MARGIN, 0, MARGIN, 1)
        strip.setSpacing(GAP)
        strip.addLayout(left, 1)
        strip.addWidget(self._ranges)
        strip.addWidget(self._as_table)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._strip)
        column.addWidget(self._drawn, 1)
        column.addSpacing(1)  # the line over the table
        column.addWidget(self.table)
        order: tuple[QWidget, ...] = (
            self._ranges.button(self.ranges - 1),
            self._as_table,
            self.chart,
            self.chart_table,
            self.table,
        )
        for before, after in pairwise(order):
            QWidget.setTabOrder(before, after)

    def _arrange(self) -> None:
        """Rows as high as the window allows, the table as high as its rows, the chart gets the rest."""
        window = self.window()
        wide, low = window.width() >= _WIDE, window.height() < _LOW
        self._strip.setFixedHeight(self._theme.height(68 if wide else 62))
        self._as_table.setVisible(window.width() >= _BUTTON_FROM)  # its key always works
        row = self._theme.height(26 if low else 44 if wide else 38)
        self.table.set_row_height(row)
        content = self.height() - self._strip.height()
        wanted = self.table.horizontalHeader().sizeHint().height() + row * max(1, self._model.rowCount())
        self.table.setFixedHeight(max(0, min(wanted, max(content // 2, content - 320), content - LEAST_HEIGHT - 1)))

    def _context(self) -> InterfaceContext:
        return InterfaceContext(self._recent.points, self._end(), self._interval, self._units, self._is_live)

    def _end(self) -> float:
        """The right edge of the charts: the newest tick, or now when no tick comes any more."""
        newest = self._recent.newest
        if self._paused and newest is not None:
            return newest
        return newest if self._is_live and newest is not None else time.time()

    def _selected(self) -> int | None:
        """Index of the interface that the chart shows."""
        rows = self.table.selectionModel().selectedRows()
        return self._model.record(rows[0].row()).index if rows else None

    def _fill_table(self) -> None:
        assert self._tick is not None  # noqa: S101  its callers hold one
        rows = self._model.rowCount()
        present = {each.index for each in self._tick.interfaces}
        gone = [each.index for each in self._model.records() if each.index not in present]
        with self.table.anchored():
            self._model.put(self._tick.interfaces, gone)
        if self._model.rowCount() != rows:
            self._arrange()

    def _refresh(self) -> None:
        if not self.isVisible():
            return
        self._say_rates()
        self._draw_chart()
        self.table.viewport().update()  # the spark lines moved, also of rows whose numbers stayed
        if self._why.isVisible() and self._tick is not None:
            self._why.show_tick(self._tick, self._units)
        self.changed.emit()

    def _show_as_table(self, as_table: bool) -> None:
        shown = self.chart_table if as_table else self.chart
        has_focus = self._drawn.currentWidget().hasFocus()
        self._drawn.setCurrentWidget(shown)
        if has_focus:
            shown.setFocus()
        self._draw_chart()

    def _draw_chart(self) -> None:
        self._fill_chart()
        if self._as_table.isChecked():
            self.chart_table.follow()

    def _fill_chart(self) -> None:
        selected, name = self._selected_name()
        if self._range < _LIVE:
            points = self._recent.points(selected, self._end() - _RANGES_S[self._range])
            self.chart.set_series(name, points, self._end(), self._interval)
            return
        self._ask_history(selected, name)
        points = self._with_newest(self._long, selected)
        self.chart.set_series(name, points, self._end(), max(self._interval, self._long_step))

    def _with_newest(self, points: list[Point], selected: int | None) -> list[Point]:
        """The history is written once a minute; what came since is still here."""
        written = points[-1].at if points else 0.0
        return [*points, *(each for each in self._recent.points(selected, self._end() - _KEPT_S) if each.at > written)]

    def _selected_name(self) -> tuple[int | None, str | None]:
        """Index and name of the interface that the chart shows."""
        selected = self._selected()
        row = None if selected is None else self._model.row_of(selected)
        return selected, None if row is None else self._model.record(row).name

    def _follow_history(self, *, keeps: bool | None) -> None:
        if keeps != self._keeps_history:
            self._keeps_history = keeps
            self._asked = None  # what is missing is missing for another reason now

    def _ask_history(self, selected: int | None, name: str | None) -> None:
        """Unless it was asked the same a moment ago."""
        end, span = time.time(), _RANGES_S[self._range]
        before = self._asked
        if self._history is None or self._paused:
            return
        pause = min(span / _READ_AGAIN, _MISSED_AGAIN_S if self._no_history else span)
        if before and before[:2] == (self._range, selected) and end - before[2] < pause:
            return
        is_another = before is None or before[:2] != (self._range, selected)
        if is_another:
            self._reading.start()
        asked = self._asked = (self._range, selected, end)

        def answer(found: tuple[Curve, list[GapFound]]) -> None:
            if asked == self._asked:  # else the person has chosen another range meanwhile
                self._take_history(*found)
                if is_another:
                    self.chart.start_over()
                    self._look_closer()
                else:
                    self.chart.points_changed()

        def fail(error: HistoryError) -> None:
            if asked == self._asked:
                self._no_history = why_no_history(error, self._keeps_history)
                self._forget_history()
                self.changed.emit()

        self._history.submit(_question(name, end - span, end), answer, fail)

    def _look_closer(self) -> None:
        """Asks for finer points of the part of a long range that the chart shows now."""
        self.changed.emit()
        zoom, (selected, name) = self.chart.zoom, self._selected_name()
        if zoom is None or self._range < _LIVE or self._history is None:
            return
        start, end = zoom

        def answer(found: tuple[Curve, list[GapFound]]) -> None:
            if (zoom, selected) == (self.chart.zoom, self._selected()):
                points = self._with_newest(_points(*found), selected)
                self.chart.show_closer(points, max(self._interval, found[0].step))
                self.changed.emit()

        def fail(_error: HistoryError) -> None:
            """The coarse points stay; the next question of the whole range says what is wrong."""

        beyond = (end - start) / _LOOK_BEYOND
        self._history.submit(_question(name, start - beyond, end + beyond), answer, fail)

    def _show_reading(self) -> None:
        self.chart.show_reading(self.tr("Reading the history …"))

    def _take_history(self, curve: Curve, gaps: list[GapFound]) -> None:
        self._no_history = ""
        self._long = _points(curve, gaps)
        self._long_step = curve.step
        while self._long and self._long[-1].rx is None:  # not written yet, or still to come
            self._long.pop()
        self._show_history()

    def _forget_history(self) -> None:
        self._long, self._long_step = [], 1.0
        self.chart.start_over()
        self._show_history()

    def _show_history(self) -> None:
        self._reading.stop()
        self.chart.show_reading("")
        if self.isVisible():
            self._draw_chart()
            self.changed.emit()

    def _show_selected(self) -> None:
        selected = self._selected()
        row = None if selected is None else self._model.row_of(selected)
        if row is not None:
            name = self._model.record(row).name
            self._chosen.setAccessibleName(
                self.tr("Rates and chart are those of {name}. Show the total").format(name=name)
            )
        self._chosen.setVisible(row is not None)
        self._say_rates()
        self._long = []
        self._draw_chart()

    def _choose(self, index: int) -> None:
        self._range = index
        names = (
            self.tr("last minute"),
            self.tr("last 5 minutes"),
            self.tr("last hour"),
            self.tr("last 24 hours"),
            self.tr("last 7 days"),
            self.tr("last 30 days"),
            self.tr("last year"),
        )
        self._long, self._asked = [], None
        self._reading.stop()
        self.chart.show_reading("")
        self.chart.set_range(_RANGES_S[index], names[index])
        self._draw_chart()
        self.changed.emit()

    def _open_why(self) -> None:
        if self._tick is not None:
            self._why.show_tick(self._tick, self._units)
            self._why.open_in(self.window(), self._strip)

    def _say_rates(self) -> None:
        """Of what the chart shows: the total, or the selected interface."""
        selected = self._selected()
        row = None if selected is None else self._model.row_of(selected)
        one = None if row is None else self._model.record(row)
        of = one or (self._tick.total if self._tick else None)
        unknown = self._why_unknown(of.gap if of else None)
        self._down.show_rate(of.rx_rate if of else None, self._units, unknown)
        self._up.show_rate(of.tx_rate if of else None, self._units, unknown)
        self._whose.show_text(one.name if one else self.tr("Total"))
        self._sentence.show_text(self._sentence_of(one))
        self._why_link.setVisible(self._is_live and one is None)

    def _why_unknown(self, gap: GapReason | None) -> str:
        """`gap`: of what is shown."""
        if not self._is_live or self._tick is None:
            return self.tr("Unknown: the agent is not measuring")
        if reason := self._tick.gap or gap:
            return self.tr("Unknown for this moment: {reason}").format(reason=wording.gap(reason))
        return self.tr("Unknown until the second sample: a rate needs two")

    def _sentence_of(self, one: InterfaceTick | None) -> str:
        if self._tick is None:
            return self.tr("Nothing is measured yet.")
        if not self._is_live:
            return self.tr("Nothing is measured now.")
        if one is not None:
            return f"{describe(one)}."
        uplinks = self._tick.total.uplinks
        if not uplinks:
            return self.tr("No interface is counted: none leads out of this computer.")
        others = len(self._tick.interfaces) - len(uplinks)
        names = ", ".join(uplinks)
        if others <= 0:
            return self.tr("All of {names}.").format(names=names)
        counted = self.tr("{names} only.").format(names=names)
        if others == 1:
            return f"{counted} {self.tr('1 interface not counted.')}"
        return f"{counted} {self.tr('{count} interfaces not counted.').format(count=others)}"


def _question(name: str | None, start: float, end: float) -> Callable[[HistoryReader], tuple[Curve, list[GapFound]]]:
    """The curve of this interface (None: of the total), and why it has holes."""

    def question(reader: HistoryReader) -> tuple[Curve, list[GapFound]]:
        kind: Literal["total", "interface"] = "total" if name is None else "interface"
        return reader.curve(kind, name, start, end, _MOST_POINTS), reader.gaps(start, end)

    return question


def _points(curve: Curve, gaps: list[GapFound]) -> list[Point]:
    """What the history told, with the reason of each hole that has one."""
    points, place = [], 0
    for at, rx, tx, rx_peak, tx_peak in zip(curve.at, curve.rx, curve.tx, curve.rx_peak, curve.tx_peak, strict=True):
        reason = None
        if rx is None:
            while place < len(gaps) - 1 and (gaps[place].finish or at) < at:
                place += 1
            known = place < len(gaps) and gaps[place].start <= at
            reason = gaps[place].reason if known else None
        points.append(Point(at, rx, tx, reason, rx_peak, tx_peak))
    return points
