"""The chart of the Usage page: a bar for each day or month and, above them, the running sum ("sum so far") of a plan
period with its projection to the end. Positions on the axis are in bars: 2.5 is the middle of the third bar."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from PySide6.QtCore import QCoreApplication, QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFontMetricsF, QHelpEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QToolTip, QWidget

from netwatch_tray import units
from netwatch_tray.units import DOWN, UP, Units
from netwatch_tray.window.chart.axes import size_labels, size_ticks
from netwatch_tray.window.widgets.icons import icon
from netwatch_tray.window.widgets.painting import draw_hatch, hair_line, text_painter
from netwatch_tray.window.widgets.theme import GAP, MARGIN, Theme, faded

translate = QCoreApplication.translate

_HEADROOM = 1.18
_FADED = 0.72
_WIDEST_BAR = 40
_LABELS_APART = 56
_END_LABELS = 118
"""Width in dip that is left free beside the sum so far, for the labels at the ends of its lines."""
_SO_FAR_SHARE = 0.5
_LEAST_HEIGHT = 190
_FOLDED = 36
_CHEVRON = 14


class Bar(NamedTuple):
    """A day or a month. Amounts in bytes; None if nothing was recorded."""

    name: str
    """Text below the axis; empty if there is none."""
    full_name: str
    rx: int | None
    tx: int | None
    is_now: bool = False


class Plan(NamedTuple):
    """The use of a data plan in one period. Amounts in bytes."""

    used: int
    cap: int | None
    allowance: int | None
    """Bytes that may be used on each remaining day; None if there is no cap."""
    projection: int | None
    """Expected amount at the end of the period; None if too little is measured."""
    today: float
    """The current time as a position on the axis."""


class Band(NamedTuple):
    """A part of the chart without data, from position `first` to `last`, and the reason. It is drawn pale."""

    first: float
    last: float
    text: str


class UsageChart(QWidget):
    """Bars and, for a plan period, the sum so far above them, which can be folded to one line of text.

    Signals: `chosen` carries the index of the bar that the user chose. `folded`: the user folded (True) or unfolded the
    sum so far.
    """

    chosen = Signal(int)
    folded = Signal(bool)

    def __init__(self, theme: Theme, *, can_choose: bool = True) -> None:
        super().__init__()
        self._can_choose = can_choose
        self._title = ""
        self._summary = ""
        """Text that replaces the sum so far while it is folded."""
        self._bands: Sequence[Band] = ()
        self._selected: int | None = None
        self._is_folded = False
        self._theme = theme
        self._units = Units()
        self._bars: Sequence[Bar] = ()
        self._plan: Plan | None = None
        self._unmeasured = 0.0
        self.setMinimumHeight(theme.height(_LEAST_HEIGHT))
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        theme.changed.connect(self.update)

    def sizeHint(self) -> QSize:
        return QSize(640, 400)

    def show_bars(
        self,
        title: str,
        bars: Sequence[Bar],
        plan: Plan | None,
        shown_in: Units,
        unmeasured: float = 0.0,
        *,
        summary: str = "",
        bands: Sequence[Band] = (),
    ) -> None:
        """Show bars. `plan`: for the sum so far; None: there is none. `unmeasured`: position at which measuring began.
        `summary`: text to show while the sum so far is folded. `bands`: parts without data."""
        self._title, self._summary, self._bands = title, summary, bands
        self._bars, self._plan, self._units, self._unmeasured = bars, plan, shown_in, unmeasured
        known = [each for each in bars if each.rx is not None and each.tx is not None]
        self.setAccessibleName(title)
        self.setAccessibleDescription(", ".join(_told(each, self._units) for each in known))
        self.update()

    def select(self, place: int | None) -> None:
        """Mark the bar with this index; None marks none."""
        if place != self._selected:
            self._selected = place
            self.update()

    def fold(self, is_folded: bool) -> None:
        """Fold the sum so far to one line of text, or unfold it."""
        if is_folded != self._is_folded:
            self._is_folded = is_folded
            self.update()

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            place = self._place_at(event.pos().toPointF())
            QToolTip.showText(event.globalPos(), "" if place is None else _told(self._bars[place], self._units), self)
            return True
        return super().event(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        place = self._place_at(event.position())
        if self._plan is not None and event.position().y() < self._theme.height(_FOLDED):
            self.folded.emit(not self._is_folded)
        elif place is not None and self._can_choose:
            self.chosen.emit(place)

    def _place_at(self, position: QPointF) -> int | None:
        """Return the index of the bar at a point of the widget, or None if there is none."""
        boxes = [self._bars_box(), *([self._so_far_box()] if self._has_sum else [])]
        if not self._bars or not any(box.top() <= position.y() <= box.bottom() + 20 for box in boxes):
            return None
        place = math.floor((position.x() - boxes[0].left()) / boxes[0].width() * len(self._bars))
        return place if 0 <= place < len(self._bars) else None

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = text_painter(self)
        painter.fillRect(self.rect(), self._theme.tokens.surface)
        if not self._bars:
            return
        if self._plan is not None:
            self._draw_fold(painter)
            if self._has_sum:
                self._draw_so_far(painter, self._so_far_box(), self._plan)
        box = self._bars_box()
        title = QRectF(MARGIN, box.top() - self._title_height() - 6, self.width() - 2 * MARGIN, self._title_height())
        _draw_title(self._theme, painter, title, self._title)
        if self._can_choose and self._selected is None:
            left = MARGIN + QFontMetricsF(self._theme.fonts.title).horizontalAdvance(self._title) + GAP
            painter.setFont(self._theme.fonts.small)
            painter.setPen(self._theme.tokens.ink3)
            hint = title.adjusted(left - MARGIN, 1, -150, 1)
            text = self.tr("choose a day to see its hours and apps")
            if QFontMetricsF(self._theme.fonts.small).horizontalAdvance(text) <= hint.width():
                painter.drawText(hint, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, text)
        self._draw_bars(painter, box)

    def _title_height(self) -> float:
        return QFontMetricsF(self._theme.fonts.title).height()

    def _axis_height(self) -> float:
        return QFontMetricsF(self._theme.fonts.small).height() + GAP

    def _box(self, top: float, bottom: float) -> QRectF:
        metrics = QFontMetricsF(self._theme.fonts.small)
        left = MARGIN + math.ceil(metrics.horizontalAdvance("500 MiB")) + GAP
        right = self.width() - MARGIN - (self._theme.height(_END_LABELS) if self._plan is not None else 0)
        return QRectF(left, top, max(1.0, right - left), max(1.0, bottom - top))

    @property
    def _has_sum(self) -> bool:
        """Return whether the sum so far is shown as a chart: there is a plan, and it is not folded."""
        return self._plan is not None and not self._is_folded

    def _so_far_box(self) -> QRectF:
        return self._box(self._title_height() + 12, self.height() * _SO_FAR_SHARE - self._axis_height())

    def _draw_fold(self, painter: QPainter) -> None:
        """Draw the heading of the sum so far with the mark that folds it, and `_summary` if it is folded."""
        tokens, fonts = self._theme.tokens, self._theme.fonts
        row = QRectF(MARGIN, 0, self.width() - 2 * MARGIN, self._theme.height(_FOLDED))
        pixmap = icon("chevron", _CHEVRON, tokens.ink2, self.devicePixelRatioF())
        painter.save()
        painter.translate(row.left() + _CHEVRON / 2, row.center().y())
        painter.rotate(-90 if self._is_folded else 0)
        painter.drawPixmap(QPointF(-_CHEVRON / 2, -_CHEVRON / 2), pixmap)
        painter.restore()
        row.setLeft(row.left() + _CHEVRON + GAP)
        _draw_title(self._theme, painter, row, self.tr("Used so far"))
        if self._is_folded:
            row.setLeft(row.left() + QFontMetricsF(fonts.title).horizontalAdvance(self.tr("Used so far")) + MARGIN)
            painter.setFont(fonts.small)
            painter.setPen(tokens.ink2)
            text = QFontMetricsF(fonts.small).elidedText(self._summary, Qt.TextElideMode.ElideRight, row.width())
            painter.drawText(row, Qt.AlignmentFlag.AlignLeading | Qt.AlignmentFlag.AlignVCenter, text)
            painter.setPen(hair_line(tokens.line))
            painter.drawLine(QPointF(0, row.bottom()), QPointF(self.width(), row.bottom()))

    def _draw_selected(self, painter: QPainter, box: QRectF, colour: QColor) -> None:
        if self._selected is not None:
            width = box.width() / len(self._bars)
            painter.fillRect(QRectF(box.left() + self._selected * width, box.top(), width, box.height()), colour)

    def _draw_bands(self, painter: QPainter, box: QRectF) -> None:
        tokens, fonts = self._theme.tokens, self._theme.fonts
        width, metrics = box.width() / len(self._bars), QFontMetricsF(fonts.small)
        painter.setFont(fonts.small)
        for first, last, text in self._bands:
            band = QRectF(box.left() + first * width, box.top(), (last - first) * width, box.height())
            painter.fillRect(band, tokens.quiet)
            if metrics.horizontalAdvance(text) + GAP <= band.width():
                painter.setPen(tokens.ink3)
                painter.drawText(
                    band.adjusted(0, 0, 0, -GAP), Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignBottom, text
                )

    def _bars_box(self) -> QRectF:
        above = 0.0
        if self._plan is not None:
            above = self._theme.height(_FOLDED) if self._is_folded else self.height() * _SO_FAR_SHARE
        return self._box(above + self._title_height() + 18, self.height() - self._axis_height() - 6)

    def _draw_grid(self, painter: QPainter, box: QRectF, top: float) -> None:
        tokens = self._theme.tokens
        painter.setFont(self._theme.fonts.small)
        metrics = QFontMetricsF(self._theme.fonts.small)
        ticks = size_ticks(top, 4, self._units)
        for tick, text in zip([0.0, *ticks], ["0", *size_labels(ticks, self._units)], strict=True):
            y = math.floor(box.bottom() - tick / top * box.height()) + 0.5
            painter.setPen(hair_line(tokens.line if tick else tokens.ink3))
            painter.drawLine(QPointF(box.left(), y), QPointF(box.right(), y))
            painter.setPen(tokens.ink3)
            width = metrics.horizontalAdvance(text)
            painter.drawText(QPointF(box.left() - GAP - width, y + metrics.capHeight() / 2), text)

    def _draw_unmeasured(self, painter: QPainter, box: QRectF) -> None:
        """Hatch the time before measuring began, because its amounts are unknown, not zero."""
        now = next((place for place, bar in enumerate(self._bars) if bar.is_now), len(self._bars))
        width = box.width() / len(self._bars)
        painter.setPen(hair_line(faded(self._theme.tokens.ink3, 0.4)))
        for place, bar in enumerate(self._bars[: now + 1]):
            share = min(1.0, max(0.0, self._unmeasured - place))
            is_explained = any(first < place + 1 and place < last for first, last, _text in self._bands)
            if place < now and (bar.rx is None or bar.tx is None) and not is_explained:
                share = 1.0
            if share:
                draw_hatch(painter, QRectF(box.left() + place * width, box.top(), share * width, box.height()))

    def _draw_names(self, painter: QPainter, box: QRectF) -> None:
        """Draw the names of the bars below the axis, as many as have room, and always that of the current bar."""
        fonts, tokens = self._theme.fonts, self._theme.tokens
        width = box.width() / len(self._bars)
        widest = max(QFontMetricsF(fonts.small_strong).horizontalAdvance(bar.name) for bar in self._bars) + GAP
        every = max(1, math.ceil(max(widest, min(_LABELS_APART, 4 * width)) / width))
        now = next((place for place, bar in enumerate(self._bars) if bar.is_now), None)
        has_unnamed = not all(bar.name for bar in self._bars)
        for place, bar in enumerate(self._bars):
            is_strong = bar.is_now or place == self._selected
            marked = [each for each in (now, self._selected) if each is not None]
            is_near = place != self._selected and any(0 < abs(place - each) * width < widest for each in marked)
            if not bar.name or (place % every and not is_strong and not has_unnamed) or is_near:
                continue
            painter.setFont(fonts.small_strong if is_strong else fonts.small)
            painter.setPen(tokens.ink if is_strong else tokens.ink3)
            room = QRectF(box.left() + (place + 0.5) * width - 60, box.bottom() + 4, 120, self._axis_height())
            painter.drawText(room, Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop, bar.name)

    def _draw_bars(self, painter: QPainter, box: QRectF) -> None:
        tokens = self._theme.tokens
        allowance = self._plan.allowance if self._plan and self._plan.allowance else 0
        greatest = max([*((bar.rx or 0) + (bar.tx or 0) for bar in self._bars), allowance, 1])
        top = greatest * _HEADROOM
        self._draw_selected(painter, box, self._theme.tokens.select)
        self._draw_bands(painter, box)
        self._draw_grid(painter, box, top)
        self._draw_unmeasured(painter, box)
        width = box.width() / len(self._bars)
        thick = math.floor(min(_WIDEST_BAR, width * 0.66))
        for place, bar in enumerate(self._bars):
            if bar.rx is None or bar.tx is None:
                continue
            x = math.floor(box.left() + (place + 0.5) * width - thick / 2)
            down, up = bar.rx / top * box.height(), bar.tx / top * box.height()
            solid = QRectF(x, box.bottom() - down, thick, down)
            is_strong = bar.is_now or place == self._selected
            painter.fillRect(solid, tokens.down if is_strong else faded(tokens.down, _FADED))
            if up >= 1:
                # Hollow, so that it differs from the received part also without colours.
                painter.setPen(QPen(tokens.up, 1.5))
                painter.setBrush(tokens.surface)
                painter.drawRect(QRectF(x + 0.75, solid.top() - up, thick - 1.5, max(1.0, up - 0.75)))
        if allowance and self._plan:
            y = math.floor(box.bottom() - allowance / top * box.height()) + 0.5
            painter.setPen(QPen(tokens.ink, 1.5))
            painter.drawLine(QPointF(box.left() + math.floor(self._plan.today) * width, y), QPointF(box.right(), y))
            text = self.tr("{amount} a day").format(amount=units.size(allowance, self._units))
            self._draw_end(painter, box, y, text, self.tr("allowance"))
        self._draw_names(painter, box)
        _draw_key(self._theme, painter, box)

    def _draw_so_far(self, painter: QPainter, box: QRectF, plan: Plan) -> None:
        tokens = self._theme.tokens
        top = max(plan.used, plan.projection or 0, plan.cap or 0, 1) * _HEADROOM
        self._draw_selected(painter, box, tokens.hover)
        self._draw_grid(painter, box, top)
        self._draw_unmeasured(painter, box)

        def point(bars: float, amount: float) -> QPointF:
            return QPointF(
                box.left() + bars / len(self._bars) * box.width(), box.bottom() - amount / top * box.height()
            )

        runs, unknown, total = _runs(self._bars, self._unmeasured, plan, point)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        pen = QPen(tokens.down, 1.5, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap, Qt.PenJoinStyle.RoundJoin)
        for line in runs:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(faded(tokens.down, tokens.fill))
            foot = [QPointF(line[-1].x(), box.bottom()), QPointF(line[0].x(), box.bottom())]
            painter.drawPolygon(QPolygonF([*line, *foot]))
            painter.setPen(pen)
            painter.drawPolyline(line)
        painter.setPen(QPen(tokens.ink3, 1.5, Qt.PenStyle.DotLine))
        for line in unknown:  # at least as much as before
            painter.drawPolyline(line)
        now = point(plan.today, total)
        labels = []
        if plan.projection is not None:
            end = point(len(self._bars), plan.projection)
            painter.setPen(QPen(tokens.down, 1.5, Qt.PenStyle.DashLine))
            painter.drawLine(now, end)
            labels.append((end.y(), f"≈ {units.size(plan.projection, self._units)}", self.tr("at this pace")))
        painter.setPen(QPen(tokens.down, 1.5))
        painter.setBrush(tokens.surface)
        painter.drawEllipse(now, 3.5, 3.5)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        painter.setFont(self._theme.fonts.small_strong)
        painter.setPen(tokens.ink)
        has_room = now.y() + 20 < box.bottom()
        painter.drawText(now + QPointF(GAP, 16 if has_room else -GAP), str(units.size(plan.used, self._units)))
        if plan.cap:
            y = point(0, plan.cap).y()
            painter.setPen(QPen(tokens.ink, 1.5))
            painter.drawLine(QPointF(box.left(), y), QPointF(box.right(), y))
            labels.append((y, self.tr("cap {amount}").format(amount=units.size(plan.cap, self._units)), ""))
        least = 2 * QFontMetricsF(self._theme.fonts.small).height() + 4
        labels.sort()
        for place, (y, text, below) in enumerate(labels):
            lower = max(y, labels[0][0] + least) if place else y
            self._draw_end(painter, box, lower, text, below)
        self._draw_names(painter, box)

    def _draw_end(self, painter: QPainter, box: QRectF, y: float, text: str, below: str) -> None:
        fonts, tokens = self._theme.fonts, self._theme.tokens
        metrics = QFontMetricsF(fonts.small_strong)
        painter.setFont(fonts.small_strong)
        painter.setPen(tokens.ink)
        base = y + metrics.capHeight() / 2
        painter.drawText(QPointF(box.right() + GAP, base), text)
        painter.setFont(fonts.small)
        painter.setPen(tokens.ink3)
        painter.drawText(QPointF(box.right() + GAP, base + metrics.height()), below)


def _told(bar: Bar, shown_in: Units) -> str:
    """Return a text with name and amounts of a bar, for the tooltip and screen readers."""
    if bar.rx is None or bar.tx is None:
        return translate("UsageChart", "{day}: nothing recorded").format(day=bar.full_name)
    return (
        f"{bar.full_name}: {DOWN} {units.size(bar.rx, shown_in)}, {UP} {units.size(bar.tx, shown_in)}, "
        f"{translate('UsageChart', 'together')} {units.size(bar.rx + bar.tx, shown_in)}"
    )


def _runs(
    bars: Sequence[Bar], unmeasured: float, plan: Plan, point: Callable[[float, float], QPointF]
) -> tuple[list[list[QPointF]], list[list[QPointF]], int]:
    """Return the points of the sum so far: lines over known days, lines over unknown days, and the last sum in bytes.
    `point`: returns the point for a position and an amount."""
    runs: list[list[QPointF]] = []
    total, was_known = 0, False
    unknown: list[list[QPointF]] = []
    for place, bar in enumerate(bars):
        if place >= plan.today:
            break
        is_known = bar.rx is not None and bar.tx is not None
        if is_known and not was_known:
            runs.append([point(max(place, unmeasured), total)])
        if is_known:
            total += (bar.rx or 0) + (bar.tx or 0)
            runs[-1].append(point(min(place + 1, plan.today), total))
        elif runs:
            unknown.append([point(place, total), point(min(place + 1, plan.today), total)])
        was_known = is_known
    return runs, unknown, total


def _draw_key(theme: Theme, painter: QPainter, box: QRectF) -> None:
    tokens, fonts = theme.tokens, theme.fonts
    painter.setFont(fonts.small_strong)
    metrics = QFontMetricsF(fonts.small_strong)
    words = (
        (f"{DOWN} {translate('UsageChart', 'Download')}", tokens.down),
        (f"{UP} {translate('UsageChart', 'Upload')}", tokens.up),
    )
    x = box.right() - sum(metrics.horizontalAdvance(text) for text, _colour in words) - MARGIN
    for text, colour in words:
        painter.setPen(colour)
        painter.drawText(QPointF(x, box.top() - GAP), text)
        x += metrics.horizontalAdvance(text) + MARGIN


def _draw_title(theme: Theme, painter: QPainter, box: QRectF, text: str) -> None:
    painter.setFont(theme.fonts.title)
    painter.setPen(theme.tokens.ink)
    painter.drawText(box, Qt.AlignmentFlag.AlignLeading | Qt.AlignmentFlag.AlignVCenter, text)
