"""The picture of who used the line: the layers of a stack, linked with the rows of the table."""

from __future__ import annotations

from bisect import bisect_right
from datetime import datetime
from itertools import pairwise

from PySide6.QtCore import QEvent, QLineF, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFontMetrics,
    QHelpEvent,
    QMouseEvent,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QPen,
    QPolygonF,
)
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from netwatch_tray import units, wording
from netwatch_tray.text import qt_tool_tip
from netwatch_tray.units import Units
from netwatch_tray.window.chart import labels
from netwatch_tray.window.chart.axes import rate_ticks, time_ticks
from netwatch_tray.window.pages.apps.stack import Bin, Gap, Layer, Stack
from netwatch_tray.window.widgets.formatting import duration, short_date
from netwatch_tray.window.widgets.painting import DENSE_HATCH, aligned, draw_hatch, hair_line, text_painter
from netwatch_tray.window.widgets.theme import GAP, MARGIN, Theme, faded

_PLOT = 60
_HEADROOM = 1.15
_LEAST_TOP = 1000.0
_SEAM_FROM = 3
"""Dip: thinner layers are not set apart."""
_LABEL_LEAST, _TIME_APART = 72, 90
_OTHERS_OPACITY, _PLATE_OPACITY = 0.35, 0.92
_COLUMN_SHARE, _LEAST_COLUMN = 0.72, 4
_DAY_S = 86400


class StackView(QWidget):
    """`hovered`: the pointer is over the layer of the app with this name; empty: over the others; None: over none."""

    hovered = Signal(object)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._stack: Stack | None = None
        self._range_name = ""
        self._span = (0.0, 1.0)
        """Of the picture, Unix times."""
        self._notice = ""
        self._units = Units()
        self._names: dict[str, str] = {}
        self._marked: str | None = None
        self._pointed: str | None = None
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.setMouseTracking(True)
        theme.changed.connect(self.update)

    def sizeHint(self) -> QSize:
        return QSize(300, self._head() + self._theme.height(_PLOT) + self._foot())

    @property
    def stack(self) -> Stack | None:
        """What is shown."""
        return self._stack

    def show_stack(
        self, stack: Stack | None, span: tuple[float, float], range_name: str, names: dict[str, str], notice: str
    ) -> None:
        """`stack` None: unknown, for which there is the `notice`. `names`: what apps call themselves, by their names in
        the stack."""
        shown = stack, span, range_name, names, notice
        if stack is self._stack and shown[1:] == (self._span, self._range_name, self._names, self._notice):
            return
        self._stack, self._span, self._range_name, self._names, self._notice = shown
        self.setAccessibleName(self.tr("Who used the line, {range}").format(range=range_name))
        self.setAccessibleDescription(self._spoken(stack) if stack else self._notice)
        self.update()

    def set_units(self, shown_in: Units) -> None:
        if shown_in != self._units:
            self._units = shown_in
            self.update()

    def mark(self, name: str | None) -> None:
        """Make the layer of this app stand out; empty: the others; None: none."""
        if name != self._marked:
            self._marked = name
            self.update()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._point(self._layer_at(event.position()))

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        self._point(None)

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            text = self._tool_tip(QPointF(event.pos()))
            QToolTip.showText(event.globalPos(), qt_tool_tip(text), self)
            return True
        return super().event(event)

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = text_painter(self)
        painter.fillRect(self.rect(), self._theme.tokens.surface)
        box = self._box()
        self._draw_heading(painter)
        stack = self._stack
        if stack is None or not stack.bins:
            painter.setFont(self._theme.fonts.small)
            painter.setPen(self._theme.tokens.ink3)
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, self._notice)
            self._draw_axis(painter, box)
            return
        top = self._top(stack)
        self._draw_grid(painter, box, stack, top)
        for gap in stack.gaps:
            self._draw_gap(painter, box, gap, stack)
        below = [0.0] * len(stack.bins)
        for place, layer in enumerate(stack.layers):
            self._draw_layer(painter, box, stack, layer, below, top, self._theme.tokens.apps[place])
        self._draw_layer(painter, box, stack, Layer("", stack.other), below, top, None)
        self._draw_mark(painter, box, stack, top)
        self._draw_axis(painter, box)

    def _head(self) -> int:
        return self._theme.height(26)

    def _foot(self) -> int:
        return QFontMetrics(self._theme.fonts.small).height() + 6

    def _box(self) -> QRectF:
        return QRectF(MARGIN, self._head(), self.width() - 2 * MARGIN, self.height() - self._head() - self._foot())

    def _top(self, stack: Stack) -> float:
        return max(_LEAST_TOP, max((top or 0.0 for top in stack.tops), default=0.0) * _HEADROOM)

    def _x(self, at: float) -> float:
        start, end = self._span
        return MARGIN + (self.width() - 2 * MARGIN) * (min(max(at, start), end) - start) / (end - start)

    def _draw_heading(self, painter: QPainter) -> None:
        tokens, fonts = self._theme.tokens, self._theme.fonts
        row = self.rect().adjusted(MARGIN, 0, -MARGIN, 0)
        row.setHeight(self._head())
        leading = aligned(self, Qt.AlignmentFlag.AlignLeading | Qt.AlignmentFlag.AlignVCenter)
        trailing = aligned(self, Qt.AlignmentFlag.AlignTrailing | Qt.AlignmentFlag.AlignVCenter)
        title = self.tr("Who used the line")
        painter.setFont(fonts.small_strong)
        painter.setPen(tokens.ink)
        painter.drawText(row, leading, title)
        taken = QFontMetrics(fonts.small_strong).horizontalAdvance(title) + GAP
        painter.setFont(fonts.small)
        painter.setPen(tokens.ink3)
        point = self._point_text()
        reserved = QFontMetrics(fonts.small).horizontalAdvance(point) + GAP
        painter.drawText(row, trailing, point)
        is_mirrored = self.layoutDirection() == Qt.LayoutDirection.RightToLeft
        row = row.adjusted(reserved, 0, -taken, 0) if is_mirrored else row.adjusted(taken, 0, -reserved, 0)
        hint = self.tr("download and upload, {range}").format(range=self._range_name)
        painter.drawText(
            row, leading, QFontMetrics(fonts.small).elidedText(hint, Qt.TextElideMode.ElideRight, row.width())
        )

    def _point_text(self) -> str:
        stack = self._stack
        if stack is None or not stack.bins:
            return ""
        whole = stack.bins[-2:][0]  # the last one may be under way
        width = whole.end - whole.start
        if not stack.is_amounts:
            return self.tr("1 point = {length}").format(length=duration(round(width)))
        return self.tr("1 column = 1 week") if width > 2 * _DAY_S else self.tr("1 column = 1 day")

    def _mark(self, stack: Stack, top: float) -> float:
        """Return the round value that the grid line is at."""
        shown_in = Units(binary=self._units.binary) if stack.is_amounts else self._units
        return next(iter(rate_ticks(top, 1, shown_in)[-1:]), top)

    def _draw_grid(self, painter: QPainter, box: QRectF, stack: Stack, top: float) -> None:
        y = round(box.bottom() - box.height() * self._mark(stack, top) / top) + 0.5
        painter.setPen(hair_line(self._theme.tokens.line))
        painter.drawLine(QLineF(box.left(), y, box.right(), y))

    def _draw_mark(self, painter: QPainter, box: QRectF, stack: Stack, top: float) -> None:
        """Write the value of the grid line, readable over any layer."""
        tokens, fonts = self._theme.tokens, self._theme.fonts
        mark = self._mark(stack, top)
        y = round(box.bottom() - box.height() * mark / top) + 0.5
        quantity = units.size(mark, self._units) if stack.is_amounts else units.rate(mark, self._units)
        value = f"{float(quantity.value):g}" if quantity.value[:1].isdigit() else quantity.value
        text, metrics = f"{value} {quantity.unit}", QFontMetrics(fonts.small)
        above = y - 2 - metrics.height()
        # Below the line where the heading is above it.
        place = above if above >= box.top() else y + 2
        plate = QRectF(box.left(), place, metrics.horizontalAdvance(text) + 4, metrics.height())
        painter.fillRect(plate, faded(tokens.surface, _PLATE_OPACITY))
        painter.setFont(fonts.small)
        painter.setPen(tokens.ink3)
        painter.drawText(plate, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, text)

    def _draw_gap(self, painter: QPainter, box: QRectF, gap: Gap, stack: Stack) -> None:
        tokens = self._theme.tokens
        left, right = self._x(gap.start), self._x(gap.end)
        if right - left < 1:
            return
        area = QRectF(left, box.top(), right - left, box.height())
        if stack.is_amounts:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(QPen(tokens.line, 1))
            draw_hatch(painter, area)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        else:
            painter.fillRect(area, tokens.window)
        text = self._gap_text(gap, stack)
        if area.width() >= max(_LABEL_LEAST, QFontMetrics(self._theme.fonts.small).horizontalAdvance(text) + GAP):
            painter.setFont(self._theme.fonts.small)
            painter.setPen(tokens.ink3)
            painter.drawText(area, Qt.AlignmentFlag.AlignCenter, text)

    def _gap_text(self, gap: Gap, stack: Stack) -> str:
        reason = wording.gap(gap.reason) if gap.reason is not None else self.tr("not known")
        if stack.is_amounts or gap.start <= stack.bins[0].start:
            return reason
        start, end = (labels.clock(at, seconds=False) for at in (gap.start, gap.end))
        return f"{reason} {start}–{end}"

    def _draw_layer(
        self,
        painter: QPainter,
        box: QRectF,
        stack: Stack,
        layer: Layer,
        below: list[float],
        top: float,
        colour: QColor | None,
    ) -> None:
        """Draw a layer upon `below`, which becomes its upper edge. `colour` None: hatched."""
        scale = box.height() / top
        is_faint = self._marked is not None and self._marked != layer.name
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, not stack.is_amounts)
        for run in _runs(layer.values):
            places = range(run[0], run[1])
            lower = [box.bottom() - below[place] * scale for place in places]
            for place in places:
                below[place] += layer.values[place] or 0.0
            upper = [box.bottom() - below[place] * scale for place in places]
            if stack.is_amounts:
                self._draw_columns(painter, stack.bins[run[0] : run[1]], lower, upper, colour, is_faint=is_faint)
            else:
                xs = self._points(stack.bins[run[0] : run[1]])
                if len(xs) > len(upper):  # a single bin has two edges
                    lower, upper = lower * 2, upper * 2
                self._draw_area(painter, xs, lower, upper, colour, is_faint=is_faint)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)

    def _points(self, bins: tuple[Bin, ...]) -> list[float]:
        """Return where the values of a run are: in the middles of its bins, at the edges of the run itself."""
        middles = [self._x((each.start + each.end) / 2) for each in bins]
        if len(middles) == 1:
            return [self._x(bins[0].start), self._x(bins[0].end)]
        return [self._x(bins[0].start), *middles[1:-1], self._x(bins[-1].end)]

    def _draw_area(
        self,
        painter: QPainter,
        xs: list[float],
        lower: list[float],
        upper: list[float],
        colour: QColor | None,
        *,
        is_faint: bool,
    ) -> None:
        tokens = self._theme.tokens
        outline = [QPointF(x, y) for x, y in zip(xs, upper, strict=True)]
        outline += [QPointF(x, y) for x, y in zip(reversed(xs), reversed(lower), strict=True)]
        polygon = QPolygonF(outline)
        if colour is None:
            self._hatch(painter, polygon, is_faint=is_faint)
            return
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(faded(colour, _OTHERS_OPACITY) if is_faint else colour)
        painter.drawPolygon(polygon)
        painter.setPen(QPen(tokens.surface, 1))
        edge = zip(xs, upper, lower, strict=True)
        seams = [
            QLineF(x1, up1, x2, up2)
            for (x1, up1, low1), (x2, up2, low2) in pairwise(edge)
            if min(low1 - up1, low2 - up2) >= _SEAM_FROM
        ]
        painter.drawLines(seams)

    def _draw_columns(
        self,
        painter: QPainter,
        bins: tuple[Bin, ...],
        lower: list[float],
        upper: list[float],
        colour: QColor | None,
        *,
        is_faint: bool,
    ) -> None:
        for each, low, high in zip(bins, lower, upper, strict=True):
            left, right = self._x(each.start), self._x(each.end)
            if (right - left) * _COLUMN_SHARE >= _LEAST_COLUMN:
                left, right = (
                    left + (right - left) * (1 - _COLUMN_SHARE) / 2,
                    right - (right - left) * (1 - _COLUMN_SHARE) / 2,
                )
            seam = 1 if low - high >= _SEAM_FROM and colour is not None else 0
            column = QRectF(round(left), high + seam, max(1, round(right) - round(left)), max(0.0, low - high - seam))
            if colour is None:
                self._hatch(painter, QPolygonF(column), is_faint=is_faint)
            else:
                painter.fillRect(column, faded(colour, _OTHERS_OPACITY) if is_faint else colour)

    def _hatch(self, painter: QPainter, polygon: QPolygonF, *, is_faint: bool) -> None:
        ink = self._theme.tokens.ink3
        area = polygon.boundingRect()
        if area.height() < 1:
            return
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(faded(ink, _OTHERS_OPACITY) if is_faint else ink, 1))
        path = QPainterPath()
        path.addPolygon(polygon)
        painter.setClipPath(path, Qt.ClipOperation.IntersectClip)
        draw_hatch(painter, area, DENSE_HATCH)
        painter.restore()

    def _draw_axis(self, painter: QPainter, box: QRectF) -> None:
        tokens, fonts = self._theme.tokens, self._theme.fonts
        painter.setPen(hair_line(tokens.ink3))
        y = round(box.bottom()) + 0.5
        painter.drawLine(QLineF(box.left(), y, box.right(), y))
        start, end = self._span
        painter.setFont(fonts.small)
        painter.setPen(tokens.ink3)
        metrics = QFontMetrics(fonts.small)
        base = QRectF(0, box.bottom() + 3, self.width(), metrics.height())
        offset = datetime.fromtimestamp(end).astimezone().utcoffset()
        ahead = offset.total_seconds() if offset else 0.0
        for at in time_ticks(start, end, box.width(), relative=False, apart=_TIME_APART, offset=ahead):
            text = labels.axis_moment(at, end - start)
            width = metrics.horizontalAdvance(text)
            left = max(box.left(), self._x(at) - width / 2)
            painter.drawText(QRectF(left, base.top(), width + 1, base.height()), Qt.AlignmentFlag.AlignLeft, text)
        now = self.tr("now") if end - start <= _DAY_S else self.tr("today")
        painter.drawText(base.adjusted(0, 0, -MARGIN, 0), Qt.AlignmentFlag.AlignRight, now)

    def _place_at(self, x: float) -> int | None:
        stack, box, (start, end) = self._stack, self._box(), self._span
        if stack is None or not stack.bins or not box.left() <= x <= box.right():
            return None
        at = start + (x - box.left()) / box.width() * (end - start)
        place = bisect_right([each.start for each in stack.bins], at) - 1
        return place if place >= 0 and at <= stack.bins[place].end else None

    def _layer_at(self, position: QPointF) -> str | None:
        place, stack, box = self._place_at(position.x()), self._stack, self._box()
        if stack is None or place is None or not box.top() <= position.y() <= box.bottom() + 1:
            return None
        if stack.tops[place] is None:
            return None
        return stack.layer_at(place, (box.bottom() - position.y()) / box.height() * self._top(stack))

    def _point(self, name: str | None) -> None:
        if name != self._pointed:
            self._pointed = name
            self.mark(name)
            self.hovered.emit(name)

    def _tool_tip(self, position: QPointF) -> str:
        place, stack = self._place_at(position.x()), self._stack
        if stack is None or place is None:
            return ""
        each = stack.bins[place]
        if not stack.is_amounts:
            span = f"{labels.clock(each.start, seconds=False)}–{labels.clock(each.end, seconds=False)}"
        else:
            first, last = (datetime.fromtimestamp(at).astimezone().date() for at in (each.start, each.end - 1))
            span = short_date(first) if first == last else f"{short_date(first)} – {short_date(last)}"
        if stack.tops[place] is None:
            gap = next((gap for gap in stack.gaps if gap.start <= each.start < gap.end), None)
            return span if gap is None else f"{span}\n{self._gap_text(gap, stack)}"
        lines = [span]
        for layer in (Layer("", stack.other), *reversed(stack.layers)):
            value = layer.values[place] or 0.0
            if value:
                amount = units.size(value, self._units) if stack.is_amounts else units.rate(value, self._units)
                lines.append(f"{self._name(layer.name)}  {amount}")
        return "\n".join(lines)

    def _name(self, name: str) -> str:
        return self._names.get(name, name) if name else self.tr("Others, and not of any app")

    def _spoken(self, stack: Stack) -> str:
        whole = sum(stack.weight(values) for values in (stack.other, *(layer.values for layer in stack.layers)))
        if not whole:
            return self.tr("Nothing was used.")
        shares = (f"{self._name(each.name)} {100 * stack.weight(each.values) / whole:.0f} %" for each in stack.layers)
        return ", ".join(shares)


def _runs(values: tuple[float | None, ...]) -> list[tuple[int, int]]:
    """Return the beginnings and ends of the known values in a row."""
    found: list[tuple[int, int]] = []
    begin: int | None = None
    for place, value in enumerate((*values, None)):
        if value is not None and begin is None:
            begin = place
        elif value is None and begin is not None:
            found.append((begin, place))
            begin = None
    return found
