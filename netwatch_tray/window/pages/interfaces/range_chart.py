"""The chart of a chosen time range: live ticks for the short ranges, the history for the long ones.

Ranges of a day and more show amounts. A zoomed part of less than a day shows rates again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from PySide6.QtCore import QTimer, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QStackedWidget

from netwatch_tray.event import Event
from netwatch_tray.units import Units
from netwatch_tray.window.chart.amount_chart import AmountChart
from netwatch_tray.window.chart.amounts import Amounts
from netwatch_tray.window.chart.as_table import ChartTable, Tabulated
from netwatch_tray.window.chart.chart import Chart
from netwatch_tray.window.chart.series import Point
from netwatch_tray.window.data.amount_query import amounts_query
from netwatch_tray.window.data.event_marks import EventMarks
from netwatch_tray.window.data.history_queries import HistoryQueries
from netwatch_tray.window.data.history_range import HistoryRange, points_of, with_live
from netwatch_tray.window.data.live_events import LiveEvents
from netwatch_tray.window.data.recent_ticks import RecentTicks
from netwatch_tray.window.widgets.buttons import Segments, ToolButton
from netwatch_tray.window.widgets.formatting import duration
from netwatch_tray.window.widgets.theme import Theme

if TYPE_CHECKING:
    from netwatch_tray.history.reader import HistoryReader
    from netwatch_tray.history.series import SeriesKind

_DAY_S = 86400
_RANGES_S = (60, 300, 3600, _DAY_S, 7 * _DAY_S, 30 * _DAY_S, 365 * _DAY_S)
_LIVE_RANGES = 2
"""Number of time ranges, the first ones, that are drawn from live ticks instead of the history."""
_AMOUNTS_FROM_S = _DAY_S
_AMOUNTS_STALE_S = 60.0
"""Seconds after which a result of the history is queried again: the agent writes once a minute."""
LIVE_S = 300 + 30.0
"""Seconds for which live ticks are kept: the longest live range, or the time that is not in the history yet."""
_REFRESHES = 240
"""How often a long range is queried during its own length. More often the chart would look the same."""
_OVERLAY_DELAY_MS = 200
_MAX_POINTS = 1200
_MARGIN = 1 / 20
"""A zoomed part is queried with this share of its length before and after it, so that the curve reaches the edges."""


class Subject(NamedTuple):
    """What the chart shows: the total, or one interface."""

    interface: int | None
    """Index of the interface; None for the total."""
    name: str | None
    end: float
    """Unix time at the right edge."""
    interval: float
    """Seconds between ticks."""
    is_paused: bool
    faces_inside: bool = False
    """Whether to swap download and upload, as the interface leads to a container; see InterfaceTick.faces_inside."""

    def seen(self, points: Sequence[Point]) -> Sequence[Point]:
        return [point.swapped() for point in points] if self.faces_inside else points


class _Stored(NamedTuple):
    points: Sequence[Point]
    step: float
    """Seconds between points."""
    begin: float | None = None
    """Unix time at which the history begins; None if unknown."""
    amounts: Amounts | None = None
    """Amounts (bars) for ranges of a day and more; None for shorter ranges."""
    events: Sequence[Event] = ()


class RangeChart(QStackedWidget):
    """Shows a chart for the chosen time range, or a table of its data.

    The attributes `ranges` and `as_table` are controls, which the caller places. Signals: `changed`: `status` returns
    other texts than before. `events_requested`: the user wants to see the events between two Unix times, which it
    carries.
    """

    changed = Signal()
    events_requested = Signal(float, float)

    def __init__(
        self,
        theme: Theme,
        ticks: RecentTicks,
        live: LiveEvents,
        history: HistoryQueries | None,
        subject: Callable[[], Subject],
    ) -> None:
        super().__init__()
        self._ticks = ticks
        self._events = EventMarks(live)
        self._subject = subject
        self._index = 0
        self._stored: HistoryRange[_Stored] = HistoryRange(history, self)
        self._finer: HistoryRange[_Stored] = HistoryRange(history, self)
        """Query for finer points in the zoomed part of a long range."""
        self.chart = Chart(theme)
        """The chart of rates. It also shows a zoomed part of less than a day of ranges with amounts."""
        self.amounts = AmountChart(theme)
        self.table = ChartTable(theme, self._tabulated, lambda: self.chart.units)
        self._range_name = ""
        self.addWidget(self.chart)
        self.addWidget(self.amounts)
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
        self._overlay_timer.timeout.connect(lambda: self._show_notice(self.tr("Reading the history …")))
        self._stored.loaded.connect(self._show_stored)
        self._finer.loaded.connect(self._show_finer)
        self.ranges.chosen.connect(self._choose)
        self.as_table.toggled.connect(self._switch)
        self.chart.zoomed.connect(self._zoom)
        self.amounts.zoom_requested.connect(self.chart.zoom_to)
        self.amounts.all_requested.connect(self.chart.show_all)
        self.amounts.key_pressed.connect(self._zoom_by_key)
        self.chart.events_requested.connect(self.events_requested)
        self.amounts.events_requested.connect(self.events_requested)

    @property
    def index(self) -> int:
        """Return the index of the chosen range."""
        return self._index

    def choose(self, index: int) -> None:
        if index < self.range_count:
            self.ranges.choose(index)

    def set_recorded(self, is_recorded: bool | None) -> None:
        """Set whether the agent records a history; None if no agent is connected."""
        self._stored.set_recorded(is_recorded)

    def status(self, live: str) -> list[str]:
        """Return the texts of the status line about the chart. `live`: text about how the page follows the current
        values, which is replaced while a part is zoomed; empty: none."""
        if self._is_long and self._stored.missing:
            return [self._stored.missing]
        if self.chart.zoom:
            live = self.tr("A part of the range: Escape or a double click shows all")
        if self._has_amounts and (shown := self.amounts.amounts) is not None:
            return self._amount_status(live if self.chart.zoom else "", shown)
        width = self.chart.point_width()
        length = duration(width) if width >= 60 else self.tr("{seconds:g} s").format(seconds=width)
        point = self.tr("1 point = {length}").format(length=length)
        if self._is_long:
            point = f"{point}, {self.tr('line: average, band: peak')}"
        return [live, point] if live else [point]

    def draw(self) -> None:
        """Draw the current subject, and request missing data."""
        subject = self._subject()
        points = self._ticks.points(subject.interface, subject.end - min(_RANGES_S[self._index], LIVE_S))
        step = subject.interval
        events: Sequence[Event] = ()
        if self._is_long:
            stored = self._request(subject)
            points = with_live(stored.points, points)
            step = max(step, stored.step)
            events = stored.events
            self.chart.set_begin(stored.begin)
        self.chart.set_series(subject.name, subject.seen(points), subject.end, step)
        marks = self._events.marks(events, self.chart.units)
        self.chart.set_marks(marks)
        self.amounts.set_marks(marks)
        self._show_amounts(subject)
        self.setCurrentWidget(self.table if self.as_table.isChecked() else self.shown)
        if self.as_table.isChecked():
            self.table.follow()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if self._has_amounts:  # whether a gap is hatched or pale depends on the size
            self.changed.emit()

    def set_units(self, shown_in: Units) -> None:
        self.chart.set_units(shown_in)
        self.amounts.set_units(shown_in)

    @property
    def shown(self) -> Chart | AmountChart:
        """Return the chart in use: `amounts` for ranges of a day and more, `chart` for others and for a zoomed part."""
        return self.amounts if self._has_amounts else self.chart

    @property
    def _is_long(self) -> bool:
        return self._index >= _LIVE_RANGES

    @property
    def _has_amounts(self) -> bool:
        return self._is_long and self.chart.viewport.span >= _AMOUNTS_FROM_S

    def _show_amounts(self, subject: Subject) -> None:
        if not self._has_amounts:
            return
        zoom, key = self.chart.zoom, (self._index, subject.interface)
        found = self._finer.result((zoom, subject.interface)) if zoom else self._stored.result(key)
        words = self.tr("{range}, a part").format(range=self._range_name) if zoom else self._range_name
        title = _capitalised(words) if subject.name is None else f"{subject.name}, {words}"
        before = self.amounts.amounts
        if found is None and before is not None and zoom is not None:
            return  # the whole range stays until the part has been read
        shown = found.amounts if found else None
        self.amounts.show_amounts(title, shown.swapped() if shown and subject.faces_inside else shown)

    def _amount_status(self, live: str, shown: Amounts) -> list[str]:
        bars = {
            "hour": self.tr("1 bar = 1 h"),
            "quarter": self.tr("1 bar = 6 h"),
            "day": self.tr("1 bar = 1 day"),
            "week": self.tr("1 bar = 1 week"),
        }
        point = self.tr("rate: 1 point = {length}").format(length=duration(shown.step))
        return [
            each for each in (live, f"{bars[shown.width]}, {point}", _capitalised(self.amounts.quiet_text())) if each
        ]

    def _tabulated(self) -> Tabulated:
        if self._has_amounts and (shown := self.amounts.amounts) is not None:
            return Tabulated(self.amounts.accessibleName(), self.amounts.moments(), shown)
        return Tabulated(self.chart.accessibleName(), self.chart.moments(), self.chart.series)

    def _zoom_by_key(self, key: int) -> None:
        crossed = self.amounts.crosshair
        self.chart.zoom_by_key(key, (crossed.start + crossed.end) / 2 if crossed else None)

    def _show_notice(self, text: str) -> None:
        self.chart.show_notice(text)
        self.amounts.show_notice(text)

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
        self._range_name = names[index]
        self.chart.set_range(_RANGES_S[index], names[index])
        self.draw()
        self.changed.emit()

    def _switch(self, as_table: bool) -> None:
        shown: Chart | AmountChart | ChartTable = self.table if as_table else self.shown
        has_focus = self.currentWidget().hasFocus()
        self.setCurrentWidget(shown)
        if has_focus:
            shown.setFocus()
        self.draw()

    def _request(self, subject: Subject) -> _Stored:
        """Return the data of the range from the history as far as it has arrived, and query what is missing or too
        old."""
        key = (self._index, subject.interface)
        if not subject.is_paused:
            end, span = time.time(), _RANGES_S[self._index]
            lifetime = _AMOUNTS_STALE_S if span >= _AMOUNTS_FROM_S else span / _REFRESHES
            self._stored.request(key, _query(subject.name, end - span, end), lifetime)
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
        self._show_notice("")

    def _zoom(self) -> None:
        """Called when the zoomed part of the chart changes: query finer points for it, if the range is a long one."""
        zoom, subject = self.chart.zoom, self._subject()
        if zoom is None or not self._is_long:
            self._finer.forget()
        else:
            start, end = zoom
            margin = 0.0 if end - start >= _AMOUNTS_FROM_S else (end - start) * _MARGIN
            self._finer.request((zoom, subject.interface), _query(subject.name, start - margin, end + margin), _DAY_S)
        if self.isVisible():
            self.draw()
        self.changed.emit()

    def _show_finer(self) -> None:
        """Called when finer points for the zoomed part have been queried: show them. If the query failed, nothing is
        done; the next query of the whole range reports the error."""
        subject = self._subject()
        if (found := self._finer.result((self.chart.zoom, subject.interface))) is not None:
            live = self._ticks.points(subject.interface, subject.end - LIVE_S)
            self.chart.set_zoomed_points(subject.seen(with_live(found.points, live)), max(subject.interval, found.step))
            self.draw()
            self.changed.emit()


def _query(name: str | None, start: float, end: float) -> Callable[[HistoryReader], _Stored]:
    """Return a function that queries the data of the chart between two Unix times. `name`: of an interface; None: the
    total."""
    kind: SeriesKind = "total" if name is None else "interface"

    def query(reader: HistoryReader) -> _Stored:
        if end - start >= _AMOUNTS_FROM_S:
            found = amounts_query(kind, name, start, end)(reader)
            return _Stored(found.points, found.step, reader.begin(), found, reader.events(start, end))
        curve = reader.curve(kind, name, start, end, _MAX_POINTS)
        return _Stored(
            points_of(curve, reader.gaps(start, end)), curve.step, reader.begin(), events=reader.events(start, end)
        )

    return query


def _capitalised(text: str) -> str:
    return text[:1].upper() + text[1:]
