"""Draws an amount chart (`amount_chart`) from bottom to top: bars, the lane of rates below them, gaps and dates."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence

import msgspec
from PySide6.QtCore import QCoreApplication, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QFontMetricsF, QPainter, QPen, QPolygonF

from netwatch_tray.units import Units
from netwatch_tray.window.chart import amount_labels, labels
from netwatch_tray.window.chart.amounts import Amounts, ShownGap, Slot, shown_gaps
from netwatch_tray.window.chart.axes import rate_labels, rate_ticks, size_labels, size_ticks
from netwatch_tray.window.chart.curve import PIECE, fill_below
from netwatch_tray.window.chart.layers import crisp, draw_label
from netwatch_tray.window.chart.marks import Joined, Mark, draw_marks, join
from netwatch_tray.window.chart.series import KnownPoint, longest_step, split
from netwatch_tray.window.widgets.painting import draw_hatch, hair_line
from netwatch_tray.window.widgets.theme import GAP, Theme, faded

_HEADROOM = 1.12
_RATE_HEADROOM = 1.25
_BAR_SHARE, _BAR_OPACITY = 0.72, 0.75
_TICKS, _RATE_TICKS = 3, 2
_NAMES_APART = 72
_GAP_LABEL_LEAST = 72
_PEAK_WIDTH, _PEAK_HEIGHT = 8, 1.5
_ABOVE_WIDTH, _ABOVE_HEIGHT = 7, 5.5
_HALO = tuple(QPointF(x, y) for x, y in ((-2, 0), (2, 0), (0, -2), (0, 2), (-1, -1), (-1, 1), (1, -1), (1, 1)))

translate = QCoreApplication.translate


class AmountScene(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """Everything that is needed to draw an amount chart at one size. Fields with a default are computed from the
    others. Coordinates and lengths are in dip."""

    theme: Theme
    units: Units
    amounts: Amounts
    size: QSize
    ratio: float
    """Device pixels per dip (device-independent pixel)."""
    bars: QRectF
    """Rectangle of the bars."""
    lane: QRectF | None
    """Rectangle of the rates; None if there is no room for them."""
    events: Sequence[Mark]
    """Marks of events, oldest first."""
    mark_lane: QRectF
    """Rectangle of the marks of events; empty if there are none."""
    base: float
    """The y coordinate of the baseline of the dates."""
    zero: float = 0.0
    """The y coordinate of the axis between download and upload."""
    per_byte: float = 0.0
    """Height of a byte, for both directions."""
    gaps: list[ShownGap] = []
    marks: list[Joined] = []
    runs: list[list[KnownPoint]] = []
    rate_top: float = 0.0
    """The rate at the upper edge of the lane of rates, bytes/s."""

    def __post_init__(self) -> None:
        slots, box = self.amounts.slots, self.bars
        average = amount_labels.average_amount(self.amounts) or 0.0
        rx, tx = max(average, *(slot.rx for slot in slots)), max(slot.tx for slot in slots)
        both = max(1, rx + tx)
        room = box.height() - 2  # each bar is at least one dip high
        set_ = msgspec.structs.force_setattr
        set_(self, "zero", crisp(box.top() + 1 + room * (rx / both if rx + tx else 0.8), self.ratio))
        set_(self, "per_byte", room / (both * _HEADROOM))
        set_(self, "gaps", shown_gaps(self.amounts, self.span / box.width(), box.height()))
        end = slots[-1].end
        set_(self, "marks", join(self.events, slots[0].start, end, self.x) if self.mark_lane.height() else [])
        runs, _gaps = split(self.amounts.points, slots[0].start, self.amounts.end, longest_step(self.amounts.step))
        set_(self, "runs", runs)
        greatest = max((known.rx for run in runs for known in run), default=0.0)
        set_(self, "rate_top", max(1000.0, greatest * _RATE_HEADROOM))

    @property
    def span(self) -> float:
        """Return the number of seconds between the left and the right edge of the chart."""
        return self.amounts.slots[-1].end - self.amounts.slots[0].start

    def x(self, at: float) -> float:
        """Return the x coordinate of a Unix time, in dip."""
        return self.bars.left() + (at - self.amounts.slots[0].start) / self.span * self.bars.width()

    def at(self, x: float) -> float:
        """Return the Unix time at an x coordinate."""
        return self.amounts.slots[0].start + (x - self.bars.left()) / self.bars.width() * self.span

    def place_at(self, position: QPointF) -> int | None:
        """Return the index of the slot at a position in the widget, or None if there is none."""
        bottom = self.lane.bottom() if self.lane is not None else self.bars.bottom()
        if not (self.bars.left() <= position.x() <= self.bars.right() and self.bars.top() <= position.y() <= bottom):
            return None
        return self._place(position.x())

    def between(self, x: float, other: float) -> tuple[Slot, Slot]:
        """Return the first and the last slot between two x coordinates, which may be in any order."""
        first, last = sorted((self._place(x), self._place(other)))
        return self.amounts.slots[first], self.amounts.slots[last]

    def _place(self, x: float) -> int:
        return max(0, bisect_right(self.amounts.slots, self.at(x), key=lambda slot: slot.start) - 1)

    def crisp(self, position: float) -> float:
        """Return the coordinate, moved to the centre of its device pixel, where a thin line is sharp."""
        return crisp(position, self.ratio)

    def column(self, slot: Slot) -> tuple[float, float]:
        """Return the x coordinates of the left and right side of a slot's bar, at the centres of device pixels."""
        left, right = self.x(slot.start), self.x(slot.end)
        margin = (right - left) * (1 - _BAR_SHARE) / 2
        left = self.crisp(left + margin)
        return left, max(self.crisp(right - margin), left + 1)

    def rate_y(self, rate: float) -> float:
        """Return the y coordinate of a rate (bytes/s) in the lane of rates; rates above its scale are at its upper
        edge."""
        lane = self.lane or self.bars
        return max(lane.top(), lane.bottom() - rate / self.rate_top * lane.height())


def draw_picture(painter: QPainter, scene: AmountScene) -> None:
    """Draw the whole chart, but for what follows the mouse pointer (crosshair, selection)."""
    painter.fillRect(QRectF(QPointF(), scene.size.toSizeF()), scene.theme.tokens.surface)
    _draw_quiet(painter, scene)
    _draw_amount_grid(painter, scene)
    for place, slot in enumerate(scene.amounts.slots):
        draw_bar(painter, scene, slot, is_strong=place == len(scene.amounts.slots) - 1)
    draw_zero(painter, scene)
    if scene.lane is not None:
        _draw_lane(painter, scene, scene.lane)
    for gap in scene.gaps:
        if not gap.is_quiet:
            _draw_hatched(painter, scene, gap)
    draw_marks(painter, scene.theme, scene.marks, scene.mark_lane)
    _draw_average(painter, scene)
    _draw_dates(painter, scene)


def draw_bar(painter: QPainter, scene: AmountScene, slot: Slot, *, is_strong: bool) -> None:
    """Draw the bar of a slot: download solid above the axis, upload as an outline below it. `is_strong`:
    highlighted."""
    tokens, (left, right) = scene.theme.tokens, scene.column(slot)
    if slot.rx:
        top = min(scene.zero - 1.5, scene.zero - slot.rx * scene.per_byte)  # at least one dip from the axis
        painter.fillRect(
            QRectF(left, top, right - left, scene.zero - top),
            tokens.down if is_strong else faded(tokens.down, _BAR_OPACITY),
        )
    if slot.tx:
        painter.setPen(QPen(tokens.up, 1))
        painter.setBrush(tokens.surface)
        height = max(1.0, slot.tx * scene.per_byte - 0.5)
        painter.drawRect(QRectF(left + 0.5, scene.zero + 0.5, max(0.5, right - left - 1), height))


def _draw_amount_grid(painter: QPainter, scene: AmountScene) -> None:
    tokens, fonts, box = scene.theme.tokens, scene.theme.fonts, scene.bars
    above, below = (scene.zero - box.top()) / scene.per_byte, (box.bottom() - scene.zero) / scene.per_byte
    ticks = size_ticks(max(above, below), _TICKS, scene.units)
    texts = size_labels(ticks, scene.units)
    painter.setFont(fonts.small)
    metrics = QFontMetricsF(fonts.small)
    marks = [(scene.zero - tick * scene.per_byte, text) for tick, text in zip(ticks, texts, strict=True)]
    marks += [(scene.zero + tick * scene.per_byte, text) for tick, text in zip(ticks, texts, strict=True)]
    for y, text in marks:
        if not box.top() + 4 <= y <= box.bottom() - 4:
            continue
        painter.setPen(hair_line(tokens.line))
        painter.drawLine(QPointF(box.left(), scene.crisp(y)), QPointF(box.right(), scene.crisp(y)))
        _draw_beside(painter, scene, metrics, y, text)
    _draw_beside(painter, scene, metrics, scene.zero, "0")


def _draw_beside(painter: QPainter, scene: AmountScene, metrics: QFontMetricsF, y: float, text: str) -> None:
    painter.setPen(scene.theme.tokens.ink3)
    x = scene.bars.left() - GAP - metrics.horizontalAdvance(text)
    painter.drawText(QPointF(x, y + metrics.capHeight() / 2), text)


def draw_zero(painter: QPainter, scene: AmountScene) -> None:
    """Draw the horizontal axis, at the amount 0."""
    painter.setPen(hair_line(scene.theme.tokens.ink3))
    painter.drawLine(QPointF(scene.bars.left(), scene.zero), QPointF(scene.bars.right(), scene.zero))


def _draw_average(painter: QPainter, scene: AmountScene) -> None:
    """Draw a line at the average download of a slot, as wide as the measured time."""
    average = amount_labels.average_amount(scene.amounts)
    if average is None:
        return
    tokens, fonts, box = scene.theme.tokens, scene.theme.fonts, scene.bars
    y = scene.crisp(scene.zero - average * scene.per_byte)
    painter.setPen(QPen(tokens.ink, 1, Qt.PenStyle.CustomDashLine))
    pen = painter.pen()
    pen.setDashPattern([5, 4])
    painter.setPen(pen)
    painter.drawLine(QPointF(box.left(), y), QPointF(box.right(), y))
    metrics = QFontMetricsF(fonts.small_strong)
    text = amount_labels.average_text(scene.amounts, average, scene.units)
    above = y - 5 if y - metrics.ascent() > box.top() else y + metrics.ascent() + 2
    _draw_with_halo(painter, scene.theme, QPointF(box.left() + 6, above), text)


def _draw_with_halo(painter: QPainter, theme: Theme, foot: QPointF, text: str) -> None:
    # Draw the text itself at each side as its outline: stroking the letters takes a third of the time of the whole
    # chart.
    painter.setFont(theme.fonts.small_strong)
    painter.setPen(theme.tokens.surface)
    for offset in _HALO:
        painter.drawText(foot + offset, text)
    painter.setPen(theme.tokens.ink)
    painter.drawText(foot, text)


def _draw_quiet(painter: QPainter, scene: AmountScene) -> None:
    """Draw pale bands for gaps that need no attention (`ShownGap.is_quiet`), with their reason if there is room."""
    painter.setFont(scene.theme.fonts.small)
    metrics = QFontMetricsF(scene.theme.fonts.small)
    box = scene.lane or scene.bars
    for gap in scene.gaps:
        if gap.is_quiet:
            left, right = scene.x(gap.span.start), scene.x(gap.span.end)
            painter.fillRect(QRectF(left, box.top(), right - left, box.height()), scene.theme.tokens.quiet)
            text = labels.gap_reason(gap.span)
            width = metrics.horizontalAdvance(text)
            if scene.lane is None and right - left >= width + 2 * GAP:
                painter.setPen(scene.theme.tokens.ink3)
                painter.drawText(QPointF((left + right - width) / 2, scene.zero - GAP), text)


def _draw_lane(painter: QPainter, scene: AmountScene, lane: QRectF) -> None:
    tokens, fonts = scene.theme.tokens, scene.theme.fonts
    metrics = QFontMetricsF(fonts.small)
    painter.setFont(fonts.small)
    ticks = rate_ticks(scene.rate_top, _RATE_TICKS, scene.units)
    for tick, text in zip([0.0, *ticks], ["0", *rate_labels(ticks, scene.units)], strict=True):
        y = scene.rate_y(tick)
        painter.setPen(hair_line(tokens.line if tick else tokens.ink3))
        painter.drawLine(QPointF(lane.left(), scene.crisp(y)), QPointF(lane.right(), scene.crisp(y)))
        _draw_beside(painter, scene, metrics, y, text)
    for run in scene.runs:
        line = [QPointF(scene.x(known.at), scene.rate_y(known.rx)) for known in run]
        first = max(scene.x(run[0].at - scene.amounts.step), lane.left())
        line.insert(0, QPointF(first, line[0].y()))  # a point stands at the end of its time
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(faded(tokens.down, tokens.fill))
        fill_below(painter, line, lane.bottom())
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(
            QPen(tokens.down, 1.5, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap, Qt.PenJoinStyle.RoundJoin)
        )
        for place in range(0, len(line) - 1, PIECE):
            painter.drawPolyline(line[place : place + PIECE + 1])
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
    for slot in scene.amounts.slots:
        if slot.rx_peak and slot.rx_peak_at is not None:
            _draw_slot_peak(painter, scene, lane, slot.rx_peak, slot.rx_peak_at)


def _draw_slot_peak(painter: QPainter, scene: AmountScene, lane: QRectF, peak: float, at: float) -> None:
    """Draw a dash at the height of a slot's peak rate, or a triangle at the upper edge if the peak is above the scale.
    `peak`: bytes/s. `at`: Unix time."""
    x = min(max(scene.x(at), lane.left() + _PEAK_WIDTH / 2), lane.right() - _PEAK_WIDTH / 2)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(scene.theme.tokens.down)
    if peak > scene.rate_top:
        foot = lane.top() - 1
        painter.drawPolygon(
            QPolygonF(
                [
                    QPointF(x - _ABOVE_WIDTH / 2, foot),
                    QPointF(x + _ABOVE_WIDTH / 2, foot),
                    QPointF(x, foot - _ABOVE_HEIGHT),
                ]
            )
        )
    else:
        y = scene.rate_y(peak)
        painter.drawRect(QRectF(x - _PEAK_WIDTH / 2, y - _PEAK_HEIGHT / 2, _PEAK_WIDTH, _PEAK_HEIGHT))
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)


def _draw_hatched(painter: QPainter, scene: AmountScene, gap: ShownGap) -> None:
    tokens = scene.theme.tokens
    left, right = scene.x(gap.span.start), scene.x(gap.span.end)
    for box in filter(None, (scene.bars, scene.lane)):
        span = QRectF(left, box.top(), right - left, box.height())
        painter.setPen(hair_line(faded(tokens.ink3, 0.4)))
        draw_hatch(painter, span)
        painter.setPen(QPen(tokens.ink3, 1, Qt.PenStyle.DotLine))
        for at, x in ((gap.span.start, left), (gap.span.end, right)):
            if scene.amounts.slots[0].start < at < scene.amounts.end:
                painter.drawLine(QPointF(scene.crisp(x), span.top()), QPointF(scene.crisp(x), span.bottom()))
    painter.setFont(scene.theme.fonts.small)
    metrics = QFontMetricsF(scene.theme.fonts.small)
    room = right - left - 2 * GAP
    text = amount_labels.gap_text(scene.amounts, gap.span)
    if metrics.horizontalAdvance(text) > room:
        text = labels.gap_reason(gap.span)
    if right - left >= _GAP_LABEL_LEAST and metrics.horizontalAdvance(text) <= room:
        middle = QPointF((left + right) / 2, scene.bars.top() + (scene.zero - scene.bars.top()) / 2)
        draw_label(painter, scene.theme, middle, text, tokens.ink2)


def _draw_dates(painter: QPainter, scene: AmountScene) -> None:
    """Draw the names of the slots below the axis, as many as have room, and always the last one."""
    tokens, fonts, box = scene.theme.tokens, scene.theme.fonts, scene.bars
    slots = scene.amounts.slots
    named = [(slot, amount_labels.slot_mark(slot, scene.amounts.width)) for slot in slots]
    named = [(slot, text) for slot, text in named if text]
    last = amount_labels.last_mark(scene.amounts)
    metrics = QFontMetricsF(fonts.small_strong)
    taken = box.right() - metrics.horizontalAdvance(last) - GAP
    painter.setFont(fonts.small_strong)
    painter.setPen(tokens.ink)
    painter.drawText(QPointF(box.right() - metrics.horizontalAdvance(last), scene.base), last)
    painter.setFont(fonts.small)
    metrics = QFontMetricsF(fonts.small)
    is_centred = scene.amounts.width == "day"
    widest = max((metrics.horizontalAdvance(text) for _slot, text in named), default=0.0)
    pitch = box.width() / max(1, len(named))
    every = max(1, math.ceil(max(_NAMES_APART, widest + 2 * GAP) / pitch))
    painter.setPen(tokens.ink3)
    for slot, text in reversed(named[:-1] if is_centred else named):
        width = metrics.horizontalAdvance(text)
        x = (scene.x(slot.start) + scene.x(slot.end)) / 2 if is_centred else scene.x(slot.start)
        left = max(x - width / 2, box.left())
        place = next(index for index, (each, _text) in enumerate(named) if each is slot)
        if (len(named) - 1 - place) % every == 0 and left + width <= taken:
            painter.drawText(QPointF(left, scene.base), text)


def draw_notice(painter: QPainter, scene: AmountScene, text: str) -> None:
    """Fade the chart and write a text over it."""
    whole = QRectF(QPointF(), scene.size.toSizeF())
    painter.fillRect(whole, faded(scene.theme.tokens.surface, 0.65))
    painter.setFont(scene.theme.fonts.base)
    draw_label(painter, scene.theme, whole.center(), text, scene.theme.tokens.ink)


def draw_selection(painter: QPainter, scene: AmountScene, first: Slot, last: Slot) -> None:
    """Draw the selection from slot `first` to `last`, over which the user drags to zoom in."""
    tokens, box = scene.theme.tokens, scene.bars
    left, right = scene.x(first.start), scene.x(last.end)
    bottom = scene.lane.bottom() if scene.lane is not None else box.bottom()
    painter.fillRect(QRectF(left, box.top(), right - left, bottom - box.top()), faded(tokens.ink2, 0.14))
    painter.setPen(hair_line(tokens.ink2))
    for x in (left, right):
        painter.drawLine(QPointF(scene.crisp(x), box.top()), QPointF(scene.crisp(x), bottom))
    painter.setFont(scene.theme.fonts.small)
    text = amount_labels.span_text(first.start, last.end, scene.amounts.width)
    draw_label(painter, scene.theme, QPointF((left + right) / 2, box.top() + 24), text, tokens.ink)
