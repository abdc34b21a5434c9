"""Draws a chart of rates from bottom to top: the cached picture of grid and curves, then what is drawn over it."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from datetime import datetime

import msgspec
from PySide6.QtCore import QCoreApplication, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPen, QPixmap

from netwatch_tray import units
from netwatch_tray.units import DOWN, UP, Units
from netwatch_tray.window.chart import labels
from netwatch_tray.window.chart.axes import rate_labels, rate_ticks, time_ticks
from netwatch_tray.window.chart.curve import draw_curve
from netwatch_tray.window.chart.marks import Joined
from netwatch_tray.window.chart.series import GapSpan, KnownPoint, Series
from netwatch_tray.window.chart.viewport import Frame
from netwatch_tray.window.widgets.painting import draw_hatch, hair_line
from netwatch_tray.window.widgets.theme import CONTROL_RADIUS, GAP, Theme, faded

_LINE = 1.5
_DOWN_TICKS, _UP_TICKS = 4, 2
_TICKS_APART = 90
_CLOCK_TICKS_APART = 120
_GAP_LABEL_LEAST = 72
_BOX_WIDTH = 136
_BOX_FLIPS = 152
"""If the crosshair is closer than this to the right edge, in dip, its box is drawn on its left."""

translate = QCoreApplication.translate


def crisp(position: float, ratio: float) -> float:
    """Return the coordinate (dip), moved to the centre of its device pixel, where a thin line is sharp.

    `ratio`: device pixels per dip.
    """
    return (math.floor(position * ratio) + 0.5) / ratio


class Scene(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """Everything that is needed to draw a chart of rates at one size."""

    theme: Theme
    units: Units
    title: str | None
    """Name of the interface; None for the total."""
    series: Series
    frame: Frame
    size: QSize
    """Size of the whole chart, dip."""
    ratio: float
    """Device pixels per dip."""
    is_zoomed: bool
    marks: Sequence[Joined] = ()
    lane: float = 0.0
    """Height in dip of the strip with the marks of events below the curves; 0 if there is none."""

    @property
    def span(self) -> float:
        """Return the number of seconds between the left and the right edge of the chart."""
        return self.series.span

    @property
    def lane_box(self) -> QRectF:
        """Return the rectangle of the marks of events, below the curves."""
        box = self.frame.box
        return QRectF(box.left(), box.bottom(), box.width(), self.lane)

    @property
    def pixel(self) -> float:
        """Return the seconds that a device pixel covers."""
        return self.span / (self.frame.box.width() * self.ratio)

    def crisp(self, position: float) -> float:
        """Return the coordinate (dip), moved to the centre of its device pixel."""
        return crisp(position, self.ratio)

    def rate_ticks(self) -> Iterator[tuple[float, str]]:
        """Yield y coordinate and label of each round rate that the grid shows, download first."""
        down = rate_ticks(self.frame.down_top, _DOWN_TICKS, self.units)
        up = rate_ticks(self.frame.up_top, _UP_TICKS, self.units)
        yield from zip(map(self.frame.down_y, down), rate_labels(down, self.units), strict=True)
        yield from zip(map(self.frame.up_y, up), rate_labels(up, self.units), strict=True)


class Picture:
    """Grid and curves of a chart in a cached pixmap.

    While points are only appended and the scales do not change, it is scrolled by whole device pixels and only the new
    part is drawn, so the cost does not depend on the number of points.
    """

    def __init__(self) -> None:
        self._pixmap: QPixmap | None = None
        self._drawn: tuple[object, ...] = ()
        """All values with which the pixmap was drawn, apart from the points. If one changes, everything is redrawn."""
        self._column = 0
        """Time at the right edge of the pixmap, converted to whole device pixels."""

    def clear(self) -> None:
        """Drop the pixmap, so that the next `update` draws everything."""
        self._pixmap = None

    def fits(self, ratio: float) -> bool:
        """Return whether there is a pixmap and it was drawn for this device pixel ratio."""
        return self._pixmap is not None and self._pixmap.devicePixelRatio() == ratio

    def paint(self, painter: QPainter) -> None:
        """Paint the pixmap that `update` made."""
        if self._pixmap:
            painter.drawPixmap(0, 0, self._pixmap)

    def update(self, scene: Scene) -> None:
        """Update the pixmap for this scene, drawing only what has changed."""
        frame, ratio, box = scene.frame, scene.ratio, scene.frame.box
        drawn = (
            scene.size, scene.lane, ratio, scene.span, frame.down_top, frame.up_top, id(scene.theme.tokens),
            scene.units,
        )  # fmt: skip
        column = round(frame.end / scene.pixel)
        moved = column - self._column
        left, right = math.ceil(box.left() * ratio), math.floor(box.right() * ratio) + 1
        changed_from = scene.series.changed_from
        pixmap = self._pixmap
        if pixmap is None or drawn != self._drawn or changed_from is None or not 0 <= moved < right - left:
            pixmap = QPixmap(math.ceil(scene.size.width() * ratio), math.ceil(scene.size.height() * ratio))
            pixmap.setDevicePixelRatio(ratio)
            pixmap.fill(scene.theme.tokens.surface)
            painter = QPainter(pixmap)
            painter.setLayoutDirection(Qt.LayoutDirection.LayoutDirectionAuto)
            _draw_rate_labels(painter, scene)
            _draw_curves(painter, scene, box.left())
        else:
            if moved:
                pixmap.scroll(-moved, 0, left, 0, right - left, pixmap.height())
            painter = QPainter(pixmap)
            _draw_curves(painter, scene, max(box.left(), frame.x(changed_from) - 2))
        painter.end()
        self._pixmap, self._drawn, self._column = pixmap, drawn, column


def _draw_curves(painter: QPainter, scene: Scene, left: float) -> None:
    """Draw the grid, the curves and the axis from the x coordinate `left`, in dip, to the right edge."""
    tokens, frame, box = scene.theme.tokens, scene.frame, scene.frame.box
    left = math.floor(left) - (1 if left <= box.left() else 0)
    strip = QRectF(left, box.top() - 1, box.right() + 1 - left, box.height() + 2)
    painter.setClipRect(strip)
    painter.fillRect(strip, tokens.surface)
    painter.setPen(hair_line(tokens.line))
    for y, _label in scene.rate_ticks():
        painter.drawLine(QPointF(box.left(), scene.crisp(y)), QPointF(box.right(), scene.crisp(y)))
    since = frame.at(left)
    for run in scene.series.runs:
        if run[-1].at >= since:
            first = bisect_left(run, since, key=lambda known: known.at)
            draw_curve(painter, frame, run[max(0, first - 2) :], tokens, _LINE)
    painter.setPen(hair_line(tokens.ink3))
    painter.drawLine(QPointF(box.left(), frame.zero), QPointF(box.right(), frame.zero))


def _draw_rate_labels(painter: QPainter, scene: Scene) -> None:
    """Draw the labels of the grid: rates at its left."""
    font = scene.theme.fonts.small
    width_of, rise = scene.theme.metrics(font).width, QFontMetricsF(font).capHeight() / 2
    right = scene.frame.box.left() - GAP
    painter.setFont(font)
    painter.setPen(scene.theme.tokens.ink3)
    for y, text in ((scene.frame.zero, "0"), *scene.rate_ticks()):
        painter.drawText(QPointF(right - width_of(text), y + rise), text)


def draw_time_axis(painter: QPainter, scene: Scene) -> None:
    """Draw the labels of the time axis below the curves."""
    series, box, span = scene.series, scene.frame.box, scene.span
    metrics = scene.theme.metrics(scene.theme.fonts.small)
    painter.setFont(scene.theme.fonts.small)
    relative = not scene.is_zoomed and span <= labels.RELATIVE_UP_TO_S
    apart = _TICKS_APART if relative else _CLOCK_TICKS_APART
    base = box.bottom() + scene.lane + 6 + metrics.ascent
    offset = datetime.fromtimestamp(series.end).astimezone().utcoffset()
    ahead = offset.total_seconds() if offset else 0.0
    for at in time_ticks(series.start, series.end, box.width(), relative=relative, apart=apart, offset=ahead):
        text = f"−{round(series.end - at)} s" if relative else labels.axis_moment(at, span)
        _draw_time(painter, scene, scene.frame.x(at), text, base)
    last = labels.axis_moment(series.end, span) if scene.is_zoomed else translate("Chart", "now")
    _draw_time(painter, scene, box.right(), last, base)


def _draw_time(painter: QPainter, scene: Scene, x: float, text: str, base: float) -> None:
    tokens, box = scene.theme.tokens, scene.frame.box
    width = scene.theme.metrics(scene.theme.fonts.small).width(text)
    painter.setPen(hair_line(tokens.ctl))
    top = box.bottom() + scene.lane
    painter.drawLine(QPointF(scene.crisp(x), top), QPointF(scene.crisp(x), top + 4))
    painter.setPen(tokens.ink3)
    painter.drawText(QPointF(min(max(x - width / 2, box.left()), box.right() - width), base), text)


def draw_gaps(painter: QPainter, scene: Scene) -> None:
    """Hatch the gaps (times without rates), mark the axis there as broken, and write the reasons that fit."""
    painter.setFont(scene.theme.fonts.small)
    for gap in scene.series.gaps:
        _draw_gap(painter, scene, gap)


def _draw_gap(painter: QPainter, scene: Scene, gap: GapSpan) -> None:
    tokens, frame, series = scene.theme.tokens, scene.frame, scene.series
    left = max(frame.x(gap.start), frame.box.left())
    right = min(frame.x(gap.end), frame.box.right())
    span = QRectF(left, frame.box.top(), right - left, frame.box.height())
    if span.width() <= 0:
        return
    painter.setPen(hair_line(faded(tokens.ink3, 0.4)))
    draw_hatch(painter, span)
    for at, x in ((gap.start, left), (gap.end, right)):
        if series.start < at < series.end:
            painter.setPen(QPen(tokens.ink3, 1, Qt.PenStyle.DotLine))
            painter.drawLine(QPointF(scene.crisp(x), span.top()), QPointF(scene.crisp(x), span.bottom()))
            _draw_break(painter, QPointF(x, frame.zero), tokens.ink2)
    metrics = QFontMetricsF(painter.font())
    text = labels.gap_text(gap, series)
    room = span.width() - 2 * GAP
    if metrics.horizontalAdvance(text) > room:
        text = labels.gap_reason(gap)
    if span.width() >= _GAP_LABEL_LEAST and metrics.horizontalAdvance(text) <= room:
        middle = QPointF(span.center().x(), frame.box.top() + (frame.zero - frame.box.top()) / 2)
        draw_label(painter, scene.theme, middle, text, tokens.ink2)


def _draw_break(painter: QPainter, middle: QPointF, colour: QColor) -> None:
    """Draw two short strokes through the axis, which mark it as broken."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(colour, 1))
    for offset in (-2, 2):
        x = middle.x() + offset
        painter.drawLine(QPointF(x - 2, middle.y() + 5), QPointF(x + 2, middle.y() - 5))
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)


def draw_label(painter: QPainter, theme: Theme, middle: QPointF, text: str, colour: QColor) -> QRectF:
    """Draw a text on a patch of the background colour, so that it is readable over curves. Return the rectangle of the
    patch."""
    size = QFontMetricsF(painter.font()).size(0, text)
    box = QRectF(middle.x() - size.width() / 2, middle.y() - size.height() / 2, size.width(), size.height())
    painter.fillRect(box.adjusted(-4, -1, 4, 1), faded(theme.tokens.surface, 0.85))
    painter.setPen(colour)
    painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)
    return box


def draw_titles(painter: QPainter, scene: Scene) -> None:
    """Draw the names of both directions in their corners, and the label of the highest rate if there is room left."""
    tokens, box = scene.theme.tokens, scene.frame.box
    painter.setFont(scene.theme.fonts.small_strong)
    metrics = QFontMetricsF(painter.font())
    down, up = f"{DOWN} {translate('Chart', 'Download')}", f"{UP} {translate('Chart', 'Upload')}"
    if scene.title:
        down = f"{down}  {scene.title}"
    left = box.left() + GAP + 2
    down = metrics.elidedText(down, Qt.TextElideMode.ElideRight, box.width() / 2)
    half = metrics.height() / 2
    upper = QPointF(left + metrics.horizontalAdvance(down) / 2, box.top() + half)
    lower = QPointF(left + metrics.horizontalAdvance(up) / 2, box.bottom() - half - 2)
    taken = draw_label(painter, scene.theme, upper, down, tokens.down)
    draw_label(painter, scene.theme, lower, up, tokens.up)
    painter.setFont(scene.theme.fonts.small)
    _draw_peak(painter, scene, taken.adjusted(-GAP, 0, GAP, 0))


def _draw_peak(painter: QPainter, scene: Scene, taken: QRectF) -> None:
    frame, tokens = scene.frame, scene.theme.tokens
    peak = scene.series.peak()
    if peak is None:
        return
    metrics = QFontMetricsF(painter.font())
    text = labels.peak_text(peak.rx_peak, scene.units)
    width, height = metrics.horizontalAdvance(text), metrics.height()
    x, y = frame.x(peak.at), frame.down_y(peak.rx_peak) - 4
    top = max(frame.box.top(), y - height)
    places = [QRectF(x + 6, top, width, height), QRectF(x - 6 - width, top, width, height)]
    fits = [each for each in places if frame.box.contains(each) and not each.intersects(taken)]
    if fits:
        painter.setPen(hair_line(tokens.ink2))
        painter.drawLine(QPointF(scene.crisp(x), top + 3), QPointF(scene.crisp(x), max(y, top + 6)))
        draw_label(painter, scene.theme, fits[0].center(), text, tokens.ink2)


def draw_notice(painter: QPainter, scene: Scene, text: str) -> None:
    """Fade the chart and write a text over it."""
    whole = QRectF(0, 0, scene.size.width(), scene.size.height())
    painter.fillRect(whole, faded(scene.theme.tokens.surface, 0.65))
    painter.setFont(scene.theme.fonts.base)
    draw_label(painter, scene.theme, whole.center(), text, scene.theme.tokens.ink)


def draw_zoom_selection(painter: QPainter, scene: Scene, left: float, right: float) -> None:
    """Mark the part between two x coordinates, in dip, that the user drags over to zoom in."""
    tokens, frame, box = scene.theme.tokens, scene.frame, scene.frame.box
    painter.fillRect(QRectF(left, box.top(), right - left, box.height()), faded(tokens.ink2, 0.14))
    painter.setPen(hair_line(tokens.ink2))
    for x in (left, right):
        painter.drawLine(QPointF(scene.crisp(x), box.top()), QPointF(scene.crisp(x), box.bottom()))
    start, end = frame.at(left), frame.at(right)
    if end - start < labels.SECONDS_UP_TO_S:
        text = f"{labels.clock(start, seconds=True)}–{labels.clock(end, seconds=True)}"
    else:
        text = f"{labels.moment(start, scene.span)}–{labels.moment(end, scene.span)}"
    painter.setFont(scene.theme.fonts.small)
    draw_label(painter, scene.theme, QPointF((left + right) / 2, box.top() + 24), text, tokens.ink)


def draw_crosshair(painter: QPainter, scene: Scene, known: KnownPoint) -> None:
    """Draw the crosshair at a point: a line, a ring on each curve, and a box with time and rates."""
    frame, tokens = scene.frame, scene.theme.tokens
    x = frame.x(known.at)
    painter.setPen(QPen(tokens.ink2, 1))
    painter.drawLine(QPointF(scene.crisp(x), frame.box.top()), QPointF(scene.crisp(x), frame.box.bottom()))
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setBrush(tokens.surface)
    for colour, y in ((tokens.down, frame.down_y(known.rx)), (tokens.up, frame.up_y(known.tx))):
        painter.setPen(QPen(colour, 1.5))
        painter.drawEllipse(QPointF(x, y), 3.5, 3.5)
    _draw_crosshair_box(painter, scene, known, x)


def _draw_crosshair_box(painter: QPainter, scene: Scene, known: KnownPoint, x: float) -> None:
    frame, tokens, fonts = scene.frame, scene.theme.tokens, scene.theme.fonts
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
    painter.drawText(text, Qt.AlignmentFlag.AlignLeft, labels.crosshair_moment(known.at, scene.span))
    for arrow, colour, rate in ((DOWN, tokens.down, known.rx), (UP, tokens.up, known.tx)):
        text.translate(0, line)
        painter.setFont(fonts.strong)
        painter.setPen(colour)
        painter.drawText(text, Qt.AlignmentFlag.AlignLeft, arrow)
        painter.setPen(tokens.ink)
        painter.drawText(text, Qt.AlignmentFlag.AlignRight, str(units.rate(rate, scene.units)))
