"""The chart of a chosen time range: live ticks for the short ranges, the history for the long ones."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, NamedTuple

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QStackedWidget

from netwatch_tray.window.chart.as_table import ChartTable
from netwatch_tray.window.chart.chart import Chart
from netwatch_tray.window.chart.series import Point
from netwatch_tray.window.data.history_queries import HistoryQueries
from netwatch_tray.window.data.history_range import HistoryRange, points_of, with_live
from netwatch_tray.window.data.recent_ticks import RecentTicks
from netwatch_tray.window.widgets.buttons import Segments, ToolButton
from netwatch_tray.window.widgets.formatting import duration
from netwatch_tray.window.widgets.theme import Theme

if TYPE_CHECKING:
    from netwatch_tray.history.reader import HistoryReader

_DAY_S = 86400
_RANGES_S = (60, 300, 3600, _DAY_S, 7 * _DAY_S, 30 * _DAY_S, 365 * _DAY_S)
_LIVE_RANGES = 2
"""The first ranges need no history."""
LIVE_S = 300 + 30.0
"""Seconds of live ticks to keep: the longest live range, and what the history has not written yet."""
_REFRESHES = 240
"""Queries during the length of a range: more often, the chart would not look different."""
_OVERLAY_DELAY_MS = 200
_MAX_POINTS = 1200
_MARGIN = 1 / 20
"""Share of a zoomed part to query before and after it, so that the curve continues to the edges."""


class Subject(NamedTuple):
    """What the chart shows."""

    interface: int | None
    """Its index; None: the total."""
    name: str | None
    end: float
    """Right edge, Unix time."""
    interval: float
    """Seconds between ticks."""
    is_paused: bool
    faces_inside: bool = False
    """Shown from its own side; see InterfaceTick."""

    def seen(self, points: list[Point]) -> list[Point]:
        return [point.swapped() for point in points] if self.faces_inside else points


class _Stored(NamedTuple):
    points: list[Point]
    step: float
    """Seconds between points."""


class RangeChart(QStackedWidget):
    """A chart, or the same as a table.

    `ranges` and `as_table` are its controls, for the caller to place. `changed`: `status` returns other texts.
    """

    changed = Signal()

    def __init__(
        self, theme: Theme, ticks: RecentTicks, history: HistoryQueries | None, subject: Callable[[], Subject]
    ) -> None:
        super().__init__()
        self._ticks = ticks
        self._subject = subject
        self._index = 0
        self._stored: HistoryRange[_Stored] = HistoryRange(history, self)
        self._finer: HistoryRange[_Stored] = HistoryRange(history, self)
        """Of the zoomed part of a long range."""
        self.chart = Chart(theme)
        self.table = ChartTable(theme, self.chart)
        self.addWidget(self.chart)
        self.addWidget(self.table)
        names = [self.tr("1 min"), self.tr("5 min")]
        names += [self.tr("1 h"), self.tr("24 h"), self.tr("7 d"), self.tr("30 d"), self.tr("1 y")] if history else []
        self.range_count = len(names)
        self.ranges = Segments(theme, names, self.tr("Time range"))
        for index, name in enumerate(names):
            self.ranges.button(index).setToolTip(f"{name} (Alt+{index + 1})")
        self.as_table = ToolButton(theme, "", "table")
        self.as_table.setCheckable(True)
        self.as_table.setAccessibleName(self.tr("The chart as a table"))
        self.as_table.setToolTip(self.tr("The chart as a table (T)"))
        self._overlay_timer = QTimer(self, singleShot=True, interval=_OVERLAY_DELAY_MS)
        self._overlay_timer.timeout.connect(lambda: self.chart.show_notice(self.tr("Reading the history …")))
        self._stored.loaded.connect(self._show_stored)
        self._finer.loaded.connect(self._show_finer)
        self.ranges.chosen.connect(self._choose)
        self.as_table.toggled.connect(self._switch)
        self.chart.zoomed.connect(self._zoom)

    @property
    def index(self) -> int:
        """The place of the chosen range."""
        return self._index

    def choose(self, index: int) -> None:
        if index < self.range_count:
            self.ranges.choose(index)

    def set_recorded(self, is_recorded: bool | None) -> None:
        """Set whether the agent records a history; None: there is no agent."""
        self._stored.set_recorded(is_recorded)

    def status(self, live: str) -> list[str]:
        """Return texts for the status line. `live`: how the chart follows the present; empty: it does not."""
        if self._is_long and self._stored.missing:
            return [self._stored.missing]
        width = self.chart.point_width()
        length = duration(width) if width >= 60 else self.tr("{seconds:g} s").format(seconds=width)
        point = self.tr("1 point = {length}").format(length=length)
        if self._is_long:
            point = f"{point}, {self.tr('line: average, band: peak')}"
        if self.chart.zoom:
            live = self.tr("A part of the range: Escape or a double click shows all")
        return [live, point] if live else [point]

    def draw(self) -> None:
        """Draw the subject as it is now, and request what is missing of it."""
        subject = self._subject()
        points = self._ticks.points(subject.interface, subject.end - min(_RANGES_S[self._index], LIVE_S))
        step = subject.interval
        if self._is_long:
            stored = self._request(subject)
            points = with_live(stored.points, points)
            step = max(step, stored.step)
        self.chart.set_series(subject.name, subject.seen(points), subject.end, step)
        if self.currentWidget() is self.table:
            self.table.follow()

    @property
    def _is_long(self) -> bool:
        return self._index >= _LIVE_RANGES

    def _choose(self, index: int) -> None:
        self._index = index
        names = (
            self.tr("last minute"),
            self.tr("last 5 minutes"),
            self.tr("last hour"),
            self.tr("last 24 hours"),
            self.tr("last 7 days"),
            self.tr("last 30 days"),
            self.tr("last year"),
        )
        self._hide_overlay()
        self._stored.forget()
        self.chart.set_range(_RANGES_S[index], names[index])
        self.draw()
        self.changed.emit()

    def _switch(self, as_table: bool) -> None:
        shown: Chart | ChartTable = self.table if as_table else self.chart
        has_focus = self.currentWidget().hasFocus()
        self.setCurrentWidget(shown)
        if has_focus:
            shown.setFocus()
        self.draw()

    def _request(self, subject: Subject) -> _Stored:
        """Return what is known of the range, and request it as necessary."""
        key = (self._index, subject.interface)
        if not subject.is_paused:
            end, span = time.time(), _RANGES_S[self._index]
            self._stored.request(key, _query(subject.name, end - span, end), span / _REFRESHES)
            if self._stored.is_loading and not self._overlay_timer.isActive():
                self._overlay_timer.start()
        return self._stored.result(key) or _Stored([], 1.0)

    def _show_stored(self, is_first: bool) -> None:
        self._hide_overlay()
        if self.isVisible():
            self.draw()
        if is_first or self._stored.missing:
            self.chart.start_over()
            self._zoom()
        else:
            self.chart.points_changed()
            self.changed.emit()

    def _hide_overlay(self) -> None:
        self._overlay_timer.stop()
        self.chart.show_notice("")

    def _zoom(self) -> None:
        """Request finer points of the zoomed part of a long range."""
        zoom, subject = self.chart.zoom, self._subject()
        if zoom is None or not self._is_long:
            self._finer.forget()
        else:
            start, end = zoom
            margin = (end - start) * _MARGIN
            self._finer.request((zoom, subject.interface), _query(subject.name, start - margin, end + margin), _DAY_S)
        self.changed.emit()

    def _show_finer(self) -> None:
        """Without a result the coarse points stay; the next query of the whole range reports the error."""
        subject = self._subject()
        if (found := self._finer.result((self.chart.zoom, subject.interface))) is not None:
            live = self._ticks.points(subject.interface, subject.end - LIVE_S)
            self.chart.set_zoomed_points(subject.seen(with_live(found.points, live)), max(subject.interval, found.step))
            self.changed.emit()


def _query(name: str | None, start: float, end: float) -> Callable[[HistoryReader], _Stored]:
    """Return the query of an interface's curve; `name` None: of the total."""

    def query(reader: HistoryReader) -> _Stored:
        kind: Literal["total", "interface"] = "total" if name is None else "interface"
        curve = reader.curve(kind, name, start, end, _MAX_POINTS)
        return _Stored(points_of(curve, reader.gaps(start, end)), curve.step)

    return query
