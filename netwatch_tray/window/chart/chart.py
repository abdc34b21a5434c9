"""The live chart: download above the axis, upload mirrored below, each on its own scale; gaps are breaks."""

from __future__ import annotations

import math
import time
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from datetime import date, datetime
from typing import NamedTuple

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QAccessible,
    QAccessibleAnnouncementEvent,
    QColor,
    QFontMetricsF,
    QHelpEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPixmap,
    QResizeEvent,
)
from PySide6.QtWidgets import QToolTip, QWidget

from netwatch_tray import units, wording
from netwatch_tray.units import DOWN, UP, Units
from netwatch_tray.window.chart.series import (
    Gap,
    Known,
    Point,
    Scale,
    bucket_width,
    bucketed,
    rate_ticks,
    split,
    time_ticks,
)
from netwatch_tray.window.chart.sparkline import DOWN_SHARE, LEAST_TOP, Frame, draw_run, longest_step
from netwatch_tray.window.widgets.formatting import short_date
from netwatch_tray.window.widgets.painting import draw_hatch, draw_ring, hair_line, text_painter
from netwatch_tray.window.widgets.theme import CONTROL_RADIUS, GAP, MARGIN, Theme, faded

LEAST_HEIGHT = 140
_RELATIVE_UP_TO_S = 60
_SECONDS_UP_TO_S = 3600
_DAYS_FROM_S = 86400
"""Ranges above this are told in days."""
_TICKS_APART = 90
_CLOCK_TICKS_APART = 120
_GAP_LABEL_LEAST = 72
_BOX_WIDTH = 136
_BOX_FLIPS = 152
_DESCRIBED_EVERY_S = 5.0
_LEAST_DRAG = 6
"""Dip; less is a click."""
_LEAST_POINTS_SHOWN, _FINEST_PAST_S = 8, 60.0
"""Nobody needs a closer look; and what the history may know of long ago."""
_ZOOM_STEP = 2.0


class _Closer(NamedTuple):
    """A part of the range that is looked at closer, with the points there were then: it stands still."""

    start: float
    end: float
    points: Sequence[Point]
    interval: float


class Chart(QWidget):
    """Shows one series over one range.

    Grid and curves are a cached picture: while points are only appended and the scales stay, it is scrolled by whole
    device pixels and its end drawn anew, whatever the number of points. Labels, gaps and crosshair lie over it.

    A part of the range can be looked at closer; it stands still meanwhile, and `zoomed` says that it is another one.
    """

    zoomed = Signal()

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self.units = Units()
        self._title: str | None = None
        self._points: Sequence[Point] = ()
        self._newest = 0.0
        """The moment at the right edge of the whole range."""
        self._newest_interval = 1.0
        self._range = 60.0
        self._closer: _Closer | None = None
        self._pressed: float | None = None
        self._dragged: float | None = None
        """Where the mouse was pressed, and where it is now if that is a drag."""
        self._span_name = ""
        self._down, self._up = Scale(LEAST_TOP), Scale(LEAST_TOP)
        self._runs: list[list[Known]] = []
        self._gaps: list[Gap] = []
        self._bucket: float | None = None
        self._prepared: Point | None = None
        """The newest point that runs and gaps hold."""
        self._dirty_from: float | None = None
        """What was drawn before this moment is right; None: nothing is."""
        self._stale = True
        self._picture: QPixmap | None = None
        self._drawn: tuple[object, ...] = ()
        """What the picture depends on besides the points, and its last column in device pixels."""
        self._column = 0
        self._cross: float | None = None
        """Time under the crosshair."""
        self._frozen = False
        self._described = -math.inf
        self._reading = ""
        self.setMinimumHeight(LEAST_HEIGHT)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        theme.changed.connect(self._redraw)

    def sizeHint(self) -> QSize:
        return QSize(640, 280)

    def set_range(self, seconds: float, name: str) -> None:
        """`name`: in words, as "last minute"."""
        self._range, self._span_name = seconds, name
        self._closer = None
        self.start_over()

    def set_units(self, shown_in: Units) -> None:
        if shown_in != self.units:
            self.units = shown_in
            self._redraw()

    def set_series(self, title: str | None, points: Sequence[Point], end: float, interval: float) -> None:
        """`points` in order of time, from before the range's start on; `end`: the moment at the right edge.

        `title`: the interface; None for the total. `interval`: seconds between samples.
        """
        self._points, self._newest, self._newest_interval = points, end, interval
        if title != self._title:
            self._title = title
            if self._closer:
                self._closer = self._closer._replace(points=points, interval=interval)
            self.start_over()
        elif self._closer is None:
            self._redraw()

    def show_closer(self, points: Sequence[Point], interval: float) -> None:
        """Finer points of the part that is looked at closer, if it still is."""
        if self._closer:
            self._closer = self._closer._replace(points=points, interval=interval)
            self.start_over()

    def show_reading(self, text: str) -> None:
        """What is read at the moment, over the old picture; empty: nothing is."""
        if text != self._reading:
            self._reading = text
            self.update()

    def moments(self) -> list[Known | Gap]:
        """What is drawn, in order of time, whether it can be seen or not."""
        if self._stale:
            self._prepare()
            self._describe()
            self._picture = None  # it does not know what is new since it was drawn
        return sorted([*self._visible(), *self._gaps], key=lambda each: each[0])

    def point_width(self) -> float:
        """Seconds that one drawn point stands for."""
        return bucket_width(self._span, self._interval) or self._interval

    def step(self, by: int) -> None:
        """Moves the crosshair to a neighbouring point; the first time it appears at the newest."""
        known = self._visible()
        if not known:
            return
        if self._cross is None:
            index = len(known) - 1
        else:
            index = bisect_left(known, self._cross, key=lambda point: point.at) + by
        point = known[min(max(index, 0), len(known) - 1)]
        self._cross = point.at
        self._frozen = True
        self.update()
        if QAccessible.isActive():  # who cannot see the box hears it
            spoken = f"{self.when(point.at)}, {self._both_rates(point.rx, point.tx)}"
            QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(self, spoken))

    def clear_crosshair(self) -> bool:
        """Whether there was one."""
        shown = self._cross is not None
        self._cross, self._frozen = None, False
        self.update()
        return shown

    @property
    def zoom(self) -> tuple[float, float] | None:
        """From when to when, Unix time, when a part of the range is looked at closer."""
        return self._closer and (self._closer.start, self._closer.end)

    def zoom_to(self, start: float, end: float) -> None:
        """Looks at this part of the range alone, as far as it has enough points."""
        first, last = self._newest - self._range, self._newest
        if self._closer:  # meanwhile the range went on
            first = min(first, self._closer.start)
        least = _LEAST_POINTS_SHOWN * min(self._newest_interval, _FINEST_PAST_S)
        if end - start < least:
            middle = (start + end) / 2
            start, end = middle - least / 2, middle + least / 2
        length = min(end - start, last - first)
        start = min(max(start, first), last - length)
        if length > 0.99 * self._range:
            self.show_all()
        elif (start, start + length) != self.zoom:
            points, interval = self._closer[2:] if self._closer else (self._points, self._newest_interval)
            self._closer = _Closer(start, start + length, points, interval)
            self.start_over()
            self.zoomed.emit()

    def zoom_by(self, factor: float) -> None:
        """So many times closer around the crosshair, else around the middle; below 1 further away."""
        middle = self._end - self._span / 2 if self._cross is None else self._cross
        length = self._span / factor
        share = (middle - self._start) / self._span
        self.zoom_to(middle - share * length, middle + (1 - share) * length)

    def show_all(self) -> bool:
        """The whole range again; False: it was."""
        if self._closer is None:
            return False
        self._closer = None
        self.start_over()
        self.zoomed.emit()
        return True

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._redraw()

    def paintEvent(self, _event: QPaintEvent) -> None:
        picture = self._picture
        if self._stale or picture is None or picture.devicePixelRatio() != self.devicePixelRatioF():
            self._prepare()
            self._describe()
            picture = self._draw_picture(self._frame())
            self._stale = False
        frame = self._frame()
        painter = text_painter(self)
        painter.drawPixmap(0, 0, picture)
        painter.setFont(self._theme.fonts.small)
        self._draw_times(painter, frame)
        for gap in self._gaps:
            self._draw_gap(painter, frame, gap)
        self._draw_labels(painter, frame)
        if self._reading:
            painter.fillRect(self.rect(), faded(self._theme.tokens.surface, 0.65))
            painter.setFont(self._theme.fonts.base)
            self._draw_text(painter, QRectF(self.rect()).center(), self._reading, self._theme.tokens.ink)
        elif self._pressed is not None and self._dragged is not None:
            self._draw_drag(painter, frame, *sorted((self._pressed, self._dragged)))
        elif self._cross is not None:
            self._draw_crosshair(painter, self._cross)
        if self.hasFocus():
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            draw_ring(painter, self._theme, QRectF(self.rect()), 0)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        x = event.position().x()
        if self._pressed is not None and (self._dragged is not None or abs(x - self._pressed) >= _LEAST_DRAG):
            box = self._frame().box
            self._dragged = min(max(x, box.left()), box.right())
            self.update()
        elif not self._frozen:
            self._point_at(event.position())

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and self._frame().box.contains(event.position()):
            self._pressed = event.position().x()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() != Qt.MouseButton.LeftButton:
            return
        pressed, dragged, self._pressed, self._dragged = self._pressed, self._dragged, None, None
        if pressed is not None and dragged is not None:
            frame = self._frame()
            self.zoom_to(*sorted((frame.at(pressed), frame.at(dragged))))
        elif pressed is not None:
            self._frozen = not self._frozen
            self._point_at(event.position())
            self._frozen = self._frozen and self._cross is not None

    def mouseDoubleClickEvent(self, _event: QMouseEvent) -> None:
        self.clear_crosshair()
        self.show_all()

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        if not self._frozen:
            self.clear_crosshair()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if not self.take_key(event.key()):
            super().keyPressEvent(event)

    def take_key(self, key: int) -> bool:
        """Moves the crosshair, or looks closer or from further away; False: the key means nothing here."""
        if key == Qt.Key.Key_Left:
            self.step(-1)
        elif key == Qt.Key.Key_Right:
            self.step(+1)
        elif key in (Qt.Key.Key_Plus, Qt.Key.Key_Equal):  # without Shift it is the same key
            self.zoom_by(_ZOOM_STEP)
        elif key == Qt.Key.Key_Minus:
            self.zoom_by(1 / _ZOOM_STEP)
        else:
            return False
        return True

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            gap = self._gap_at(self._frame().at(event.pos().x()))
            QToolTip.showText(event.globalPos(), self.gap_text(gap) if gap else "", self)
            return True
        return super().event(event)

    @property
    def _end(self) -> float:
        """The moment at the right edge."""
        return self._closer.end if self._closer else self._newest

    @property
    def _span(self) -> float:
        """Seconds from edge to edge."""
        return self._closer.end - self._closer.start if self._closer else self._range

    @property
    def _start(self) -> float:
        return self._end - self._span

    @property
    def _interval(self) -> float:
        """Seconds between samples."""
        return self._closer.interval if self._closer else self._newest_interval

    def _seen(self) -> Sequence[Point]:
        """The points of what is shown, with one on either side that the curve comes from and goes to."""
        if self._closer is None:
            return self._points
        points = self._closer.points
        first = bisect_left(points, self._start, key=lambda point: point.at)
        last = bisect_right(points, self._end, key=lambda point: point.at)
        return points[max(0, first - 1) : last + 1]

    def start_over(self) -> None:
        """Another curve comes: scales and crosshair of this one say nothing about it."""
        self._down.reset()
        self._up.reset()
        self._cross, self._frozen = None, False
        self._described = -math.inf
        self._prepared = None
        self._redraw()

    def points_changed(self) -> None:
        """Those that are drawn already are others now; it is the same curve, so scales and crosshair stay."""
        self._prepared = None
        self._redraw()

    def _redraw(self) -> None:
        self._stale = True
        self.update()  # a hidden widget is not painted, and nothing is computed for it

    def _prepare(self) -> None:
        bucket = bucket_width(self._span, self._interval)
        self._dirty_from = None
        if self._closer or bucket != self._bucket or not self._extend():
            self._bucket = bucket
            self._runs, self._gaps = split(self._seen(), self._start, self._end, longest_step(self._interval))
            if bucket:
                self._runs = [bucketed(run, bucket) for run in self._runs]
        self._prepared = self._points[-1] if self._points else None
        visible = self._visible()
        self._down.update(max((known.rx_peak for known in visible), default=0), self._end)
        self._up.update(max((known.tx_peak for known in visible), default=0), self._end)
        if self._cross is not None and self._cross < self._start:
            self._cross, self._frozen = None, False

    def _visible(self) -> list[Known]:
        start, end = self._start, self._end
        return [known for run in self._runs for known in run if start <= known.at <= end]

    def _extend(self) -> bool:
        """Adds the points that are new to the runs and gaps there are; False when these do not go on like that."""
        last, points, bucket = self._prepared, self._points, self._bucket
        if last is None or last.rx is None or last.tx is None or not self._runs:
            return False
        first = bisect_left(points, last.at, key=lambda point: point.at)
        if first == len(points) or points[first] != last:
            return False
        if bucket:  # the last one is not full yet: back to the last point of the one before
            full = (math.ceil(last.at / bucket) - 1) * bucket
            first = bisect_right(points, full, key=lambda point: point.at) - 1
        if first < 0 or points[first].rx is None or points[first].tx is None:
            return False
        since = points[first].at
        kept = self._runs[-1]
        while kept and kept[-1].at > since:
            kept.pop()
        if not kept:
            return False
        runs, gaps = split(points[first:], since, self._end, longest_step(self._interval))
        tails = [bucketed(run, bucket) for run in runs] if bucket else runs
        self._dirty_from = kept[-1].at
        kept += tails[0][1:]
        self._runs += tails[1:]
        self._gaps = [gap for gap in self._gaps if self._start < gap.end <= since] + gaps
        if self._gaps and self._gaps[0].start < self._start:
            self._gaps[0] = self._gaps[0]._replace(start=self._start)
        while len(self._runs) > 1 and self._runs[0][-1].at < self._start:
            del self._runs[0]
        # One to the left of the edge continues the curve.
        left = bisect_left(self._runs[0], self._start, key=lambda known: known.at) - 1
        del self._runs[0][: max(0, left)]
        return True

    def _frame(self) -> Frame:
        metrics = QFontMetricsF(self._theme.fonts.small)
        step = 1024 if self.units.binary else 1000
        widest = max(metrics.horizontalAdvance(f"500 {units.rate(step**power, self.units).unit}") for power in range(4))
        left = MARGIN + math.ceil(widest) + GAP
        bottom = self.height() - math.ceil(metrics.height()) - 12
        box = QRectF(left, 12, max(1, self.width() - MARGIN - left), max(1, bottom - 12))
        zero = self._crisp(box.top() + box.height() * DOWN_SHARE)
        # The edge stands at a whole device pixel of time, so that what is drawn can be moved by whole pixels.
        pixel = self._pixel(box)
        end = math.ceil(self._end / pixel) * pixel
        return Frame(box, end - self._span, end, zero, self._down.top, self._up.top)

    def _crisp(self, position: float) -> float:
        """The middle of the device pixel at this position, where a hair line is sharp."""
        ratio = self.devicePixelRatioF()
        return (math.floor(position * ratio) + 0.5) / ratio

    def _pixel(self, box: QRectF) -> float:
        """Seconds of a device pixel."""
        return self._span / (box.width() * self.devicePixelRatioF())

    def _draw_picture(self, frame: Frame) -> QPixmap:
        """Grid, curves and axis, as much of them anew as has changed."""
        ratio, box = self.devicePixelRatioF(), frame.box
        drawn = (self.size(), ratio, self._span, self._down.top, self._up.top, id(self._theme.tokens), self.units)
        column = round(frame.end / self._pixel(box))
        moved = column - self._column
        left, right = math.ceil(box.left() * ratio), math.floor(box.right() * ratio) + 1
        picture = self._picture
        if picture is None or drawn != self._drawn or self._dirty_from is None or not 0 <= moved < right - left:
            picture = QPixmap(math.ceil(self.width() * ratio), math.ceil(self.height() * ratio))
            picture.setDevicePixelRatio(ratio)
            picture.fill(self._theme.tokens.surface)
            painter = QPainter(picture)
            painter.setLayoutDirection(Qt.LayoutDirection.LayoutDirectionAuto)
            self._draw_scales(painter, frame)
            self._draw_curves(painter, frame, box.left())
        else:
            if moved:
                picture.scroll(-moved, 0, left, 0, right - left, picture.height())
            painter = QPainter(picture)
            self._draw_curves(painter, frame, max(box.left(), frame.x(self._dirty_from) - 2))
        painter.end()
        self._picture, self._drawn, self._column = picture, drawn, column
        return picture

    def _draw_curves(self, painter: QPainter, frame: Frame, left: float) -> None:
        """From here to the right edge, with what lies below and above them."""
        tokens, box = self._theme.tokens, frame.box
        left = math.floor(left) - (1 if left <= box.left() else 0)
        strip = QRectF(left, box.top() - 1, box.right() + 1 - left, box.height() + 2)
        painter.setClipRect(strip)
        painter.fillRect(strip, tokens.surface)
        painter.setPen(hair_line(tokens.line))
        for y in self._grid_heights(frame):
            painter.drawLine(QPointF(box.left(), y), QPointF(box.right(), y))
        since = frame.at(left)
        for run in self._runs:
            if run[-1].at >= since:
                first = bisect_left(run, since, key=lambda known: known.at)
                draw_run(painter, frame, run[max(0, first - 2) :], tokens, 1.5)
        painter.setPen(hair_line(tokens.ink3))
        painter.drawLine(QPointF(box.left(), frame.zero), QPointF(box.right(), frame.zero))

    def _grid_heights(self, frame: Frame) -> list[float]:
        down, up = rate_ticks(frame.down_top, 4, self.units), rate_ticks(frame.up_top, 2, self.units)
        return [self._crisp(y) for y in (*map(frame.down_y, down), *map(frame.up_y, up))]

    def _draw_scales(self, painter: QPainter, frame: Frame) -> None:
        """The numbers beside the grid."""
        painter.setFont(self._theme.fonts.small)
        metrics = QFontMetricsF(self._theme.fonts.small)
        down = rate_ticks(frame.down_top, 4, self.units)
        up = rate_ticks(frame.up_top, 2, self.units)
        labels = [(frame.zero, "0")]
        labels += zip(map(frame.down_y, down), self._tick_texts(down), strict=True)
        labels += zip(map(frame.up_y, up), self._tick_texts(up), strict=True)
        painter.setPen(self._theme.tokens.ink3)
        for y, text in labels:
            width = metrics.horizontalAdvance(text)
            painter.drawText(QPointF(frame.box.left() - GAP - width, y + metrics.capHeight() / 2), text)

    def _draw_times(self, painter: QPainter, frame: Frame) -> None:
        box = frame.box
        metrics = QFontMetricsF(self._theme.fonts.small)
        relative = self._closer is None and self._span <= _RELATIVE_UP_TO_S
        apart = _TICKS_APART if relative else _CLOCK_TICKS_APART
        base = box.bottom() + 6 + metrics.ascent()
        offset = datetime.fromtimestamp(self._end).astimezone().utcoffset()
        ahead = offset.total_seconds() if offset else 0.0
        for at in time_ticks(self._start, self._end, box.width(), relative=relative, apart=apart, offset=ahead):
            text = f"−{round(self._end - at)} s" if relative else self._moment(at)
            self._draw_time(painter, box, frame.x(at), text, base)
        last = self._moment(self._end) if self._closer else self.tr("now")
        self._draw_time(painter, box, box.right(), last, base)

    def _draw_time(self, painter: QPainter, box: QRectF, x: float, text: str, base: float) -> None:
        tokens = self._theme.tokens
        width = QFontMetricsF(painter.font()).horizontalAdvance(text)
        painter.setPen(hair_line(tokens.ctl))
        painter.drawLine(QPointF(self._crisp(x), box.bottom()), QPointF(self._crisp(x), box.bottom() + 4))
        painter.setPen(tokens.ink3)
        painter.drawText(QPointF(min(max(x - width / 2, box.left()), box.right() - width), base), text)

    def _moment(self, at: float) -> str:
        """As exact as the range asks for."""
        if self._span > _DAYS_FROM_S:
            return short_date(_day(at))
        return _clock(at, seconds=at % 60 != 0 and self._span <= _SECONDS_UP_TO_S)

    def _tick_texts(self, ticks: list[float]) -> list[str]:
        """All in the unit of the outermost tick, which alone names it."""
        if not ticks:
            return []
        outermost = units.rate(ticks[-1], self.units)
        texts = [f"{float(outermost.value) * tick / ticks[-1]:g}" for tick in ticks]
        texts[-1] += f" {outermost.unit}"
        return texts

    def _draw_gap(self, painter: QPainter, frame: Frame, gap: Gap) -> None:
        tokens = self._theme.tokens
        left = max(frame.x(gap.start), frame.box.left())
        right = min(frame.x(gap.end), frame.box.right())
        span = QRectF(left, frame.box.top(), right - left, frame.box.height())
        if span.width() <= 0:
            return
        painter.setPen(hair_line(faded(tokens.ink3, 0.4)))
        draw_hatch(painter, span)
        for at, x in ((gap.start, left), (gap.end, right)):
            if self._start < at < self._end:
                painter.setPen(QPen(tokens.ink3, 1, Qt.PenStyle.DotLine))
                painter.drawLine(QPointF(self._crisp(x), span.top()), QPointF(self._crisp(x), span.bottom()))
                self._draw_break(painter, QPointF(x, frame.zero))
        text = self.gap_text(gap)
        room = span.width() - 2 * GAP
        if QFontMetricsF(painter.font()).horizontalAdvance(text) > room:
            text = self._gap_reason(gap)
        if span.width() >= _GAP_LABEL_LEAST and QFontMetricsF(painter.font()).horizontalAdvance(text) <= room:
            middle = QPointF(span.center().x(), frame.box.top() + (frame.zero - frame.box.top()) / 2)
            self._draw_text(painter, middle, text, tokens.ink2)

    def _draw_break(self, painter: QPainter, middle: QPointF) -> None:
        """Two strokes through the axis."""
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(self._theme.tokens.ink2, 1))
        for offset in (-2, 2):
            x = middle.x() + offset
            painter.drawLine(QPointF(x - 2, middle.y() + 5), QPointF(x + 2, middle.y() - 5))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)

    def _draw_text(self, painter: QPainter, middle: QPointF, text: str, colour: QColor) -> QRectF:
        """On a piece of the surface, so that it stays readable over curves; the rectangle taken."""
        metrics = QFontMetricsF(painter.font())
        size = metrics.size(0, text)
        box = QRectF(middle.x() - size.width() / 2, middle.y() - size.height() / 2, size.width(), size.height())
        painter.fillRect(box.adjusted(-4, -1, 4, 1), faded(self._theme.tokens.surface, 0.85))
        painter.setPen(colour)
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)
        return box

    def _draw_labels(self, painter: QPainter, frame: Frame) -> None:
        tokens = self._theme.tokens
        painter.setFont(self._theme.fonts.small_strong)
        metrics = QFontMetricsF(painter.font())
        down, up = f"{DOWN} {self.tr('Download')}", f"{UP} {self.tr('Upload')}"
        if self._title:
            down = f"{down}  {self._title}"
        left = frame.box.left() + GAP + 2
        corner = metrics.elidedText(down, Qt.TextElideMode.ElideRight, frame.box.width() / 2)
        half = metrics.height() / 2
        taken = self._draw_text(
            painter, QPointF(left + metrics.horizontalAdvance(corner) / 2, frame.box.top() + half), corner, tokens.down
        )
        self._draw_text(
            painter, QPointF(left + metrics.horizontalAdvance(up) / 2, frame.box.bottom() - half - 2), up, tokens.up
        )
        painter.setFont(self._theme.fonts.small)
        self._draw_peak(painter, frame, taken.adjusted(-GAP, 0, GAP, 0))

    def _draw_peak(self, painter: QPainter, frame: Frame, taken: QRectF) -> None:
        peak = self._peak()
        if peak is None:
            return
        metrics = QFontMetricsF(painter.font())
        text = self.tr("peak {rate}").format(rate=units.rate(peak.rx_peak, self.units))
        width, height = metrics.horizontalAdvance(text), metrics.height()
        x, y = frame.x(peak.at), frame.down_y(peak.rx_peak) - 4
        top = max(frame.box.top(), y - height)
        places = [QRectF(x + 6, top, width, height), QRectF(x - 6 - width, top, width, height)]
        fits = [each for each in places if frame.box.contains(each) and not each.intersects(taken)]
        if fits:
            painter.setPen(hair_line(self._theme.tokens.ink2))
            painter.drawLine(QPointF(self._crisp(x), top + 3), QPointF(self._crisp(x), max(y, top + 6)))
            self._draw_text(painter, fits[0].center(), text, self._theme.tokens.ink2)

    def _peak(self) -> Known | None:
        peak = max(self._visible(), key=lambda known: known.rx_peak, default=None)
        return peak if peak and peak.rx_peak > 0 else None

    def _draw_drag(self, painter: QPainter, frame: Frame, left: float, right: float) -> None:
        """What will be looked at closer."""
        tokens, box = self._theme.tokens, frame.box
        painter.fillRect(QRectF(left, box.top(), right - left, box.height()), faded(tokens.ink2, 0.14))
        painter.setPen(hair_line(tokens.ink2))
        for x in (left, right):
            painter.drawLine(QPointF(self._crisp(x), box.top()), QPointF(self._crisp(x), box.bottom()))
        seconds = right - left < _SECONDS_UP_TO_S / self._span * box.width()
        times = [self.when(frame.at(x)) if not seconds else _clock(frame.at(x), seconds=True) for x in (left, right)]
        painter.setFont(self._theme.fonts.small)
        self._draw_text(painter, QPointF((left + right) / 2, box.top() + 24), "–".join(times), tokens.ink)

    def _draw_crosshair(self, painter: QPainter, at: float) -> None:
        frame, tokens, fonts = self._frame(), self._theme.tokens, self._theme.fonts
        known = min((known for run in self._runs for known in run), key=lambda each: abs(each.at - at), default=None)
        if known is None:
            return
        x = frame.x(known.at)
        painter.setPen(QPen(tokens.ink2, 1))
        painter.drawLine(QPointF(self._crisp(x), frame.box.top()), QPointF(self._crisp(x), frame.box.bottom()))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setBrush(tokens.surface)
        for colour, y in ((tokens.down, frame.down_y(known.rx)), (tokens.up, frame.up_y(known.tx))):
            painter.setPen(QPen(colour, 1.5))
            painter.drawEllipse(QPointF(x, y), 3.5, 3.5)
        line = QFontMetricsF(fonts.base).height() + 1
        left = x + 10 if x + _BOX_FLIPS <= frame.box.right() else x - 10 - _BOX_WIDTH
        box = QRectF(math.floor(left) + 0.5, math.floor(frame.box.top()) + 4.5, _BOX_WIDTH, math.ceil(3 * line + 12))
        painter.setPen(QPen(tokens.ctl, 1))
        painter.setBrush(tokens.raised)
        painter.drawRoundedRect(box, CONTROL_RADIUS, CONTROL_RADIUS)
        text = box.adjusted(10, 5, -10, 0)
        text.setHeight(line)
        painter.setPen(tokens.ink2)
        painter.setFont(fonts.base)
        moment = _clock(known.at, seconds=self._span <= _SECONDS_UP_TO_S)
        if self._span >= _DAYS_FROM_S:
            moment = f"{short_date(_day(known.at))} {moment}"
        painter.drawText(text, Qt.AlignmentFlag.AlignLeft, moment)
        for arrow, colour, rate in ((DOWN, tokens.down, known.rx), (UP, tokens.up, known.tx)):
            text.translate(0, line)
            painter.setFont(fonts.strong)
            painter.setPen(colour)
            painter.drawText(text, Qt.AlignmentFlag.AlignLeft, arrow)
            painter.setPen(tokens.ink)
            painter.drawText(text, Qt.AlignmentFlag.AlignRight, str(units.rate(rate, self.units)))

    def _point_at(self, position: QPointF) -> None:
        frame = self._frame()
        at = frame.at(position.x())
        inside = frame.box.contains(position) and not self._gap_at(at)
        self._cross = at if inside and self._runs else None
        if self._cross is not None:
            self._cross = min((known.at for run in self._runs for known in run), key=lambda each: abs(each - at))
        self.update()

    def _gap_at(self, at: float) -> Gap | None:
        return next((gap for gap in self._gaps if gap.start < at < gap.end), None)

    def _gap_reason(self, gap: Gap) -> str:
        return wording.gap(gap.reason) if gap.reason else self.tr("no data")

    def gap_text(self, gap: Gap) -> str:
        reason = self._gap_reason(gap)
        nothing_before = gap.start == self._start
        if gap.end >= self._end and nothing_before:
            return reason
        start, end = self.when(gap.start), self.when(gap.end)
        if nothing_before and gap.reason is None:
            return self.tr("nothing recorded before {time}").format(time=end)
        if nothing_before:
            return self.tr("{reason} until {time}").format(reason=reason, time=end)
        if gap.end >= self._end:
            return self.tr("{reason} since {time}").format(reason=reason, time=start)
        if self._span <= _DAYS_FROM_S:
            seconds = self._span <= _RELATIVE_UP_TO_S or gap.end - gap.start < 120
            start, end = _clock(gap.start, seconds=seconds), _clock(gap.end, seconds=seconds)
        return f"{reason} {start}–{end}"

    def when(self, at: float) -> str:
        if self._span <= _DAYS_FROM_S:
            return _clock(at, seconds=True)
        return f"{short_date(_day(at))} {_clock(at, seconds=False)}"

    def _both_rates(self, rx: float | None, tx: float | None) -> str:
        """As it is spoken."""
        down = self.tr("download {rate}").format(rate=units.rate(rx, self.units))
        return f"{down}, {self.tr('upload {rate}').format(rate=units.rate(tx, self.units))}"

    def _describe(self) -> None:
        now = time.monotonic()
        if now - self._described < _DESCRIBED_EVERY_S:
            return
        self._described = now
        what = self.tr("Total rate") if self._title is None else self.tr("Rate of {name}").format(name=self._title)
        shown = f"{self.when(self._start)}–{self.when(self._end)}" if self._closer else self._span_name
        self.setAccessibleName(f"{what}, {shown}")
        last = self._points[-1] if self._points else Point(self._end, None, None)
        parts = [self._both_rates(last.rx, last.tx)]
        if peak := self._peak():
            parts.append(
                self.tr("peak {rate} at {time}").format(
                    rate=units.rate(peak.rx_peak, self.units), time=_clock(peak.at, seconds=True)
                )
            )
        parts += map(self.gap_text, self._gaps)
        self.setAccessibleDescription(", ".join(parts))


def _day(at: float) -> date:
    return datetime.fromtimestamp(at).astimezone().date()


def _clock(at: float, *, seconds: bool) -> str:
    return datetime.fromtimestamp(at).astimezone().strftime("%H:%M:%S" if seconds else "%H:%M")
