"""The widget that plots rates over time, and describes itself to screen readers. `chart.Chart` adds crosshair and
mouse."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import NamedTuple

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QHelpEvent, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QToolTip, QWidget

from netwatch_tray import units
from netwatch_tray.units import Units
from netwatch_tray.window.chart import labels, layers
from netwatch_tray.window.chart.axes import Scale
from netwatch_tray.window.chart.curve import DOWN_SHARE, LEAST_TOP
from netwatch_tray.window.chart.marks import LANE, Joined, Mark, draw_marks, join, mark_at
from netwatch_tray.window.chart.series import GapSpan, KnownPoint, Point, Series, around, bucket_width
from netwatch_tray.window.chart.viewport import Frame, Viewport
from netwatch_tray.window.widgets.painting import draw_ring, text_painter
from netwatch_tray.window.widgets.theme import GAP, MARGIN, Theme

LEAST_HEIGHT = 140
_ABOVE, _BELOW = 12, 12
_DESCRIBED_EVERY_S = 5.0


class _Recording(NamedTuple):
    points: Sequence[Point]
    interval: float
    """Seconds between two points."""


class Plot(QWidget):
    """Plots download and upload over a range that ends now, or over a zoomed part of it, which does not move with time.

    Nothing is computed while the widget is hidden.
    """

    zoomed = Signal()
    """The zoomed part has changed, or the plot shows the whole range again."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self.units = Units()
        self.viewport = Viewport()
        self.series = Series()
        self._title: str | None = None
        self._range_name = ""
        self._live = _Recording((), 1.0)
        self._zoomed_points: _Recording | None = None
        """Finer points for the zoomed part; None if there are none."""
        self._down, self._up = Scale(LEAST_TOP), Scale(LEAST_TOP)
        self._is_same_scale = False
        self._picture = layers.Picture()
        self._stale = True
        """Whether points have changed since series, scales and picture were computed."""
        self._described = -math.inf
        """Monotonic clock at which the description for screen readers was set last."""
        self._marks: Sequence[Mark] = ()
        self.notice = ""
        """Text that is written over the faded chart, such as why there is no data; empty if there is none."""
        self.setMinimumHeight(LEAST_HEIGHT)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        theme.changed.connect(self._redraw)

    def sizeHint(self) -> QSize:
        return QSize(640, 280)

    def set_range(self, seconds: float, name: str) -> None:
        """Set the range: the last `seconds`. `name`: its name for screen readers, such as "last minute"."""
        self.viewport.range, self._range_name = seconds, name
        self.viewport.zoom = self._zoomed_points = None
        self.start_over()

    def set_begin(self, begin: float | None) -> None:
        """Set the Unix time of the first recorded point, or None if it is unknown."""
        self.series.begin = begin

    def set_same_scale(self, is_same: bool) -> None:
        """Set whether download and upload share one scale, so that equal heights are equal rates."""
        if is_same != self._is_same_scale:
            self._is_same_scale = is_same
            self._redraw()

    def set_marks(self, marks: Sequence[Mark]) -> None:
        """Show these marks of events below the axis. `marks`: oldest first."""
        if marks is not self._marks:
            self._marks = marks
            self._redraw()

    def set_units(self, shown_in: Units) -> None:
        if shown_in != self.units:
            self.units = shown_in
            self._redraw()

    def set_series(self, title: str | None, points: Sequence[Point], end: float, interval: float) -> None:
        """Set the points to plot. Called for each tick, usually with the same points and one more.

        `title`: name of the interface, None for the total. `points`: oldest first, beginning before the start of the
        range. `end`: Unix time at the right edge. `interval`: seconds between two points.
        """
        self._live = _Recording(points, interval)
        self.viewport.newest, self.viewport.interval = end, interval
        if title != self._title:
            self._title = title
            if self._zoomed_points:
                self._zoomed_points = self._live
            self.start_over()
        elif self._zoomed_points is None:
            self._redraw()

    def set_zoomed_points(self, points: Sequence[Point], interval: float) -> None:
        """Use finer points for the zoomed part; ignored if it is not zoomed any more. `interval`: seconds between two
        points."""
        if self._zoomed_points:
            self._zoomed_points = _Recording(points, interval)
            self.start_over()

    def show_notice(self, text: str) -> None:
        """Fade the chart and write this text over it; an empty text restores the chart."""
        if text != self.notice:
            self.notice = text
            self.update()

    def moments(self) -> list[KnownPoint | GapSpan]:
        """Return the visible points and gaps, oldest first, for the chart's view as a table.

        They are computed even if the plot is hidden.
        """
        if self._stale:
            self._prepare()
            self._picture.clear()  # it lacks points that were added since it was drawn
        return sorted([*self.series.visible, *self.series.gaps], key=lambda each: each[0])

    def point_width(self) -> float:
        """Return the number of seconds that one drawn point covers."""
        interval = self._shown().interval
        return bucket_width(self.viewport.span, interval) or interval

    @property
    def zoom(self) -> tuple[float, float] | None:
        """Return start and end (Unix time) of the zoomed part, or None if the whole range is shown."""
        return self.viewport.zoom

    def zoom_to(self, start: float, end: float) -> None:
        """Zoom to the part between two Unix times. If it is too short to draw a curve, a longer part is shown."""
        if self.viewport.zoom_to(start, end):
            self._start_zoomed()

    def zoom_by(self, factor: float, around: float | None = None) -> None:
        """Zoom in by `factor`; a factor below 1 zooms out. `around`: the Unix time that stays in place, by default the
        middle."""
        if self.viewport.zoom_by(factor, around):
            self._start_zoomed()

    def show_all(self) -> bool:
        """Show the whole range again. Return whether a part of it was zoomed."""
        if self.viewport.zoom is None:
            return False
        self.viewport.zoom = None
        self._start_zoomed()
        return True

    def start_over(self) -> None:
        """Call this before `set_series` with another curve: the scales of the previous one are dropped."""
        self._down.reset()
        self._up.reset()
        self._described = -math.inf
        self.points_changed()

    def points_changed(self) -> None:
        """Call this if points changed that were set before, not only new ones were added: everything is redrawn. The
        scales stay, because it is the same curve."""
        self.series.reset()
        self._redraw()

    def scene(self) -> layers.Scene:
        """Return everything that the drawing functions of `layers` need."""
        metrics = self._theme.metrics(self._theme.fonts.small)
        step = 1024 if self.units.binary else 1000
        widest = max(metrics.width(f"500 {units.rate(step**power, self.units).unit}") for power in range(4))
        left = MARGIN + math.ceil(widest) + GAP
        lane = LANE if any(self.viewport.start <= mark.at <= self.viewport.end for mark in self._marks) else 0
        bottom = self.height() - math.ceil(metrics.height) - _BELOW - lane
        box = QRectF(left, _ABOVE, max(1, self.width() - MARGIN - left), max(1, bottom - _ABOVE))
        ratio, span = self.devicePixelRatioF(), self.viewport.span
        zero = layers.crisp(box.top() + box.height() * DOWN_SHARE, ratio)
        # The right edge is at a whole device pixel of time, so that the picture can be scrolled by whole pixels.
        pixel = span / (box.width() * ratio)
        end = math.ceil(self.viewport.end / pixel) * pixel
        down_top, up_top = self._down.top, self._up.top
        if self._is_same_scale:
            per_height = max(down_top / DOWN_SHARE, up_top / (1 - DOWN_SHARE))
            down_top, up_top = per_height * DOWN_SHARE, per_height * (1 - DOWN_SHARE)
        frame = Frame(box, end - span, end, zero, down_top, up_top)
        return layers.Scene(
            theme=self._theme,
            units=self.units,
            title=self._title,
            series=self.series,
            frame=frame,
            size=self.size(),
            ratio=ratio,
            is_zoomed=self.viewport.zoom is not None,
            marks=join(self._marks, end - span, end, frame.x) if lane else (),
            lane=lane,
        )

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._redraw()

    def paintEvent(self, _event: QPaintEvent) -> None:
        if self._stale or not self._picture.fits(self.devicePixelRatioF()):
            self._prepare()
            scene = self.scene()
            self._picture.update(scene)
            self._stale = False
        else:
            scene = self.scene()
        painter = text_painter(self)
        self._picture.paint(painter)
        layers.draw_time_axis(painter, scene)
        draw_marks(painter, self._theme, scene.marks, scene.lane_box)
        layers.draw_gaps(painter, scene)
        layers.draw_titles(painter, scene)
        if self.notice:
            layers.draw_notice(painter, scene, self.notice)
        else:
            self._draw_overlay(painter, scene)
        if self.hasFocus():
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            draw_ring(painter, self._theme, QRectF(self.rect()), 0)

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            QToolTip.showText(event.globalPos(), self._tool_tip(event.pos().toPointF()), self)
            return True
        return super().event(event)

    def mark_at(self, place: QPointF) -> Joined | None:
        """Return the mark at a position of the widget, in dip, or None if there is none."""
        scene = self.scene()
        return mark_at(scene.marks, scene.lane_box, place)

    def _tool_tip(self, place: QPointF) -> str:
        if (joined := self.mark_at(place)) is not None:
            return labels.marks_text(joined, self.viewport.span)
        gap = self.series.gap_at(self.scene().frame.at(place.x()))
        return labels.gap_text(gap, self.series) if gap else ""

    def _draw_overlay(self, painter: QPainter, scene: layers.Scene) -> None:
        """Called after everything else is drawn. `Chart` overrides it to draw the crosshair."""

    def _shown(self) -> _Recording:
        return self._zoomed_points or self._live

    def _start_zoomed(self) -> None:
        self._zoomed_points = None if self.viewport.zoom is None else self._shown()
        self.start_over()
        self.zoomed.emit()

    def _redraw(self) -> None:
        self._stale = True
        self.update()

    def _prepare(self) -> None:
        view, (points, interval) = self.viewport, self._shown()
        if view.zoom:
            points = around(points, view.start, view.end)
        self.series.update(points, view.end, view.span, interval)
        self._down.update(max((known.rx_peak for known in self.series.visible), default=0), view.end)
        self._up.update(max((known.tx_peak for known in self.series.visible), default=0), view.end)
        self._describe()

    def _describe(self) -> None:
        """Set the widget's name and description for screen readers, at most every five seconds."""
        now = time.monotonic()
        if now - self._described < _DESCRIBED_EVERY_S:
            return
        self._described = now
        shown = self._range_name
        if zoom := self.viewport.zoom:
            shown = "–".join(labels.moment(at, self.viewport.span) for at in zoom)
        self.setAccessibleName(labels.accessible_name(self._title, shown))
        newest = self._live.points[-1] if self._live.points else Point(self.viewport.end, None, None)
        description = labels.accessible_description(newest.rx, newest.tx, self.series, self.units)
        self.setAccessibleDescription(description)
