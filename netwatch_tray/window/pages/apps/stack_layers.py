"""Draws the stacked chart of the Apps page from bottom to top: grid, gaps, layers of apps, grid line and axis.

A bin is a part of the time range with one value of each layer (`stack`)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise

import msgspec
from PySide6.QtCore import QCoreApplication, QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QPainterPath, QPen, QPolygonF

from netwatch_tray import units, wording
from netwatch_tray.units import Quantity, Units
from netwatch_tray.window.chart import labels
from netwatch_tray.window.chart.axes import rate_ticks, time_ticks
from netwatch_tray.window.pages.apps.stack import Bin, Gap, Layer, Stack
from netwatch_tray.window.widgets.painting import DENSE_HATCH, draw_hatch, hair_line
from netwatch_tray.window.widgets.theme import GAP, Theme, faded

_HEADROOM = 1.15
_LEAST_TOP = 1000.0
_SEAM_FROM = 3
"""Least height in dip from which on a layer is separated from the next one by a line."""
_LABEL_LEAST, _TIME_APART = 72, 90
_OTHERS_OPACITY, _PLATE_OPACITY = 0.35, 0.92
_COLUMN_SHARE, _LEAST_COLUMN = 0.72, 4
DAY_S = 86400

translate = QCoreApplication.translate


class StackScene(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """Everything that is needed to draw the chart at one size."""

    theme: Theme
    units: Units
    stack: Stack
    span: tuple[float, float]
    """Unix times at the left and right edge."""
    box: QRectF
    """Rectangle of the layers, in dip."""
    marked: str | None
    """Name of the app whose layer is highlighted; empty: the layer of other apps; None: no layer."""
    top: float
    """Value at the upper edge (bytes/s or bytes), see `top_of`."""

    @property
    def mark(self) -> float:
        """Return the round value at which the only grid line is drawn."""
        shown_in = Units(binary=self.units.binary) if self.stack.is_amounts else self.units
        return next(iter(rate_ticks(self.top, 1, shown_in)[-1:]), self.top)

    @property
    def mark_y(self) -> float:
        """Return the y coordinate of the grid line, in dip."""
        return round(self.box.bottom() - self.box.height() * self.mark / self.top) + 0.5

    def x(self, at: float) -> float:
        """Return the x coordinate of a Unix time, in dip."""
        start, end = self.span
        return self.box.left() + self.box.width() * (min(max(at, start), end) - start) / (end - start)

    def quantity(self, value: float) -> Quantity:
        """Return a value (bytes/s or bytes) as a number with its unit."""
        return units.size(value, self.units) if self.stack.is_amounts else units.rate(value, self.units)


def top_of(stack: Stack) -> float:
    """Return the value at the upper edge of the chart."""
    return max(_LEAST_TOP, max((top or 0.0 for top in stack.tops), default=0.0) * _HEADROOM)


def draw_stack(painter: QPainter, scene: StackScene) -> None:
    """Draw the whole chart, except for its heading."""
    stack = scene.stack
    painter.setPen(hair_line(scene.theme.tokens.line))
    painter.drawLine(QLineF(scene.box.left(), scene.mark_y, scene.box.right(), scene.mark_y))
    for gap in stack.gaps:
        _draw_gap(painter, scene, gap)
    below = [0.0] * len(stack.bins)
    for place, layer in enumerate(stack.layers):
        _draw_layer(painter, scene, layer, below, scene.theme.tokens.apps[place])
    _draw_layer(painter, scene, Layer("", stack.other), below, None)
    _draw_mark(painter, scene)
    draw_axis(painter, scene)


def draw_axis(painter: QPainter, scene: StackScene) -> None:
    """Draw the line below the layers, and the times below it."""
    box, tokens, fonts = scene.box, scene.theme.tokens, scene.theme.fonts
    painter.setPen(hair_line(tokens.ink3))
    y = round(box.bottom()) + 0.5
    painter.drawLine(QLineF(box.left(), y, box.right(), y))
    start, end = scene.span
    painter.setFont(fonts.small)
    painter.setPen(tokens.ink3)
    metrics = QFontMetrics(fonts.small)
    base = QRectF(box.left(), box.bottom() + 3, box.width(), metrics.height())
    offset = datetime.fromtimestamp(end).astimezone().utcoffset()
    ahead = offset.total_seconds() if offset else 0.0
    for at in time_ticks(start, end, box.width(), relative=False, apart=_TIME_APART, offset=ahead):
        text = labels.axis_moment(at, end - start)
        width = metrics.horizontalAdvance(text)
        left = max(box.left(), scene.x(at) - width / 2)
        painter.drawText(QRectF(left, base.top(), width + 1, base.height()), Qt.AlignmentFlag.AlignLeft, text)
    now = translate("StackView", "now") if end - start <= DAY_S else translate("StackView", "today")
    painter.drawText(base, Qt.AlignmentFlag.AlignRight, now)


def gap_text(gap: Gap, stack: Stack) -> str:
    """Return why nothing is known in a gap. In a chart of rates the text includes start and end of the gap."""
    reason = wording.gap(gap.reason) if gap.reason is not None else translate("StackView", "not known")
    if stack.is_amounts or gap.start <= stack.bins[0].start:
        return reason
    start, end = (labels.clock(at, seconds=False) for at in (gap.start, gap.end))
    return f"{reason} {start}–{end}"


def _draw_mark(painter: QPainter, scene: StackScene) -> None:
    """Draw the label of the grid line, on a background so that it is readable over any layer."""
    box, tokens, fonts = scene.box, scene.theme.tokens, scene.theme.fonts
    quantity = scene.quantity(scene.mark)
    value = f"{float(quantity.value):g}" if quantity.value[:1].isdigit() else quantity.value
    text, metrics = f"{value} {quantity.unit}", QFontMetrics(fonts.small)
    above = scene.mark_y - 2 - metrics.height()
    # Below the line where the heading is above it.
    place = above if above >= box.top() else scene.mark_y + 2
    plate = QRectF(box.left(), place, metrics.horizontalAdvance(text) + 4, metrics.height())
    painter.fillRect(plate, faded(tokens.surface, _PLATE_OPACITY))
    painter.setFont(fonts.small)
    painter.setPen(tokens.ink3)
    painter.drawText(plate, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, text)


def _draw_gap(painter: QPainter, scene: StackScene, gap: Gap) -> None:
    box, tokens, font = scene.box, scene.theme.tokens, scene.theme.fonts.small
    left, right = scene.x(gap.start), scene.x(gap.end)
    if right - left < 1:
        return
    area = QRectF(left, box.top(), right - left, box.height())
    if scene.stack.is_amounts:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(tokens.line, 1))
        draw_hatch(painter, area)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
    else:
        painter.fillRect(area, tokens.window)
    text = gap_text(gap, scene.stack)
    if area.width() >= max(_LABEL_LEAST, QFontMetrics(font).horizontalAdvance(text) + GAP):
        painter.setFont(font)
        painter.setPen(tokens.ink3)
        painter.drawText(area, Qt.AlignmentFlag.AlignCenter, text)


def _draw_layer(painter: QPainter, scene: StackScene, layer: Layer, below: list[float], colour: QColor | None) -> None:
    """Draw a layer on top of those drawn before, and add its values to `below`. `below`: sum of the layers drawn so
    far, for each bin. `colour`: None: draw the layer hatched."""
    stack, bottom, scale = scene.stack, scene.box.bottom(), scene.box.height() / scene.top
    is_faint = scene.marked is not None and scene.marked != layer.name
    if colour is not None and is_faint:
        colour = faded(colour, _OTHERS_OPACITY)
    ink = scene.theme.tokens.ink3
    hatch = QPen(faded(ink, _OTHERS_OPACITY) if is_faint else ink, 1)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, not stack.is_amounts)
    for begin, end in _runs(layer.values):
        bins = stack.bins[begin:end]
        lower = [bottom - below[place] * scale for place in range(begin, end)]
        for place in range(begin, end):
            below[place] += layer.values[place] or 0.0
        upper = [bottom - below[place] * scale for place in range(begin, end)]
        if stack.is_amounts:
            _draw_columns(painter, scene, bins, (lower, upper), colour or hatch)
        else:
            _draw_area(painter, scene, bins, (lower, upper), colour or hatch)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)


def _draw_area(
    painter: QPainter,
    scene: StackScene,
    bins: Sequence[Bin],
    edges: tuple[list[float], list[float]],
    ink: QColor | QPen,
) -> None:
    """Draw a layer in consecutive bins as one area. `edges`: lower and upper y coordinates for each bin. `ink`: a
    colour to fill the area, or a pen to hatch it."""
    lower, upper = edges
    xs = _points(scene, bins)
    if len(xs) > len(upper):  # a single bin has two edges
        lower, upper = lower * 2, upper * 2
    outline = [QPointF(x, y) for x, y in zip(xs, upper, strict=True)]
    outline += [QPointF(x, y) for x, y in zip(reversed(xs), reversed(lower), strict=True)]
    polygon = QPolygonF(outline)
    if isinstance(ink, QPen):
        _hatch(painter, polygon, ink)
        return
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(ink)
    painter.drawPolygon(polygon)
    painter.setPen(QPen(scene.theme.tokens.surface, 1))
    edge = zip(xs, upper, lower, strict=True)
    seams = [
        QLineF(x1, up1, x2, up2)
        for (x1, up1, low1), (x2, up2, low2) in pairwise(edge)
        if min(low1 - up1, low2 - up2) >= _SEAM_FROM
    ]
    painter.drawLines(seams)


def _points(scene: StackScene, bins: Sequence[Bin]) -> list[float]:
    """Return the x coordinate for the value of each bin: its middle, but for the first and last bin their outer edges,
    so that the area covers them completely."""
    middles = [scene.x((each.start + each.end) / 2) for each in bins]
    return [scene.x(bins[0].start), *middles[1:-1], scene.x(bins[-1].end)]


def _draw_columns(
    painter: QPainter,
    scene: StackScene,
    bins: Sequence[Bin],
    edges: tuple[list[float], list[float]],
    ink: QColor | QPen,
) -> None:
    """Draw a layer as one column for each bin. `edges`: lower and upper y coordinates for each bin. `ink`: a colour to
    fill the columns, or a pen to hatch them."""
    for each, low, high in zip(bins, *edges, strict=True):
        left, right = scene.x(each.start), scene.x(each.end)
        if (right - left) * _COLUMN_SHARE >= _LEAST_COLUMN:
            inset = (right - left) * (1 - _COLUMN_SHARE) / 2
            left, right = left + inset, right - inset
        seam = 1 if low - high >= _SEAM_FROM and isinstance(ink, QColor) else 0
        column = QRectF(round(left), high + seam, max(1, round(right) - round(left)), max(0.0, low - high - seam))
        if isinstance(ink, QPen):
            _hatch(painter, QPolygonF(column), ink)
        else:
            painter.fillRect(column, ink)


def _hatch(painter: QPainter, polygon: QPolygonF, pen: QPen) -> None:
    area = polygon.boundingRect()
    if area.height() < 1:
        return
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(pen)
    path = QPainterPath()
    path.addPolygon(polygon)
    painter.setClipPath(path, Qt.ClipOperation.IntersectClip)
    draw_hatch(painter, area, DENSE_HATCH)
    painter.restore()


def _runs(values: Sequence[float | None]) -> list[tuple[int, int]]:
    """Return first index and end index (exclusive) of each run of consecutive values that are not None."""
    found: list[tuple[int, int]] = []
    begin: int | None = None
    for place, value in enumerate((*values, None)):
        if value is not None and begin is None:
            begin = place
        elif value is None and begin is not None:
            found.append((begin, place))
            begin = None
    return found
