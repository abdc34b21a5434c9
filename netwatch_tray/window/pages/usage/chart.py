"""The charts of usage: the sum so far with its projection, and a bar for each day or month."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QFontMetricsF, QHelpEvent, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QToolTip, QWidget

from netwatch_tray import units
from netwatch_tray.units import DOWN, UP, Units
from netwatch_tray.window.chart.axes import rate_ticks
from netwatch_tray.window.widgets.painting import draw_hatch, hair_line, text_painter
from netwatch_tray.window.widgets.theme import GAP, MARGIN, Theme, faded

_HEADROOM = 1.18
_FADED = 0.72
_WIDEST_BAR = 40
_LABELS_APART = 56
_END_LABELS = 118
"""Room at the trailing side for the labels at the ends of lines."""
_SO_FAR_SHARE = 0.5


class Bar(NamedTuple):
    """A day or a month; bytes, None: nothing was recorded."""

    name: str
    """Below the axis."""
    full_name: str
    rx: int | None
    tx: int | None
    is_now: bool = False


class Plan(NamedTuple):
    """Use of a data plan in one month. Amounts in bytes."""

    used: int
    cap: int | None
    allowance: int | None
    """Bytes left per remaining day."""
    projection: int | None
    """At the end of the month; None: too little is measured."""
    today: float
    """How much of the month has passed, in bars."""


class UsageChart(QWidget):
    """Bars; for a month also the sum so far, above them."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._units = Units()
        self._bars: Sequence[Bar] = ()
        self._plan: Plan | None = None
        self._unmeasured = 0.0
        self.setMinimumHeight(220)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        theme.changed.connect(self.update)

    def sizeHint(self) -> QSize:
        return QSize(640, 400)

    def show_bars(self, bars: Sequence[Bar], plan: Plan | None, shown_in: Units, unmeasured: float = 0.0) -> None:
        """`unmeasured`: number of bars before measuring began."""
        self._bars, self._plan, self._units, self._unmeasured = bars, plan, shown_in, unmeasured
        known = [each for each in bars if each.rx is not None and each.tx is not None]
        self.setAccessibleName(self.tr("Usage"))
        self.setAccessibleDescription(", ".join(self._told(each) for each in known))
        self.update()

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            box = self._bars_box()
            place = math.floor((event.pos().x() - box.left()) / max(1.0, box.width()) * len(self._bars))
            inside = 0 <= place < len(self._bars) and event.pos().y() >= box.top()
            QToolTip.showText(event.globalPos(), self._told(self._bars[place]) if inside else "", self)
            return True
        return super().event(event)

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = text_painter(self)
        painter.fillRect(self.rect(), self._theme.tokens.surface)
        if not self._bars:
            return
        if self._plan is not None:
            title = QRectF(MARGIN, 6, self.width() - 2 * MARGIN, self._title_height())
            self._draw_title(painter, title, self.tr("Used so far"))
            top = title.bottom() + 6
            box = self._box(top, self.height() * _SO_FAR_SHARE - self._axis_height())
            self._draw_so_far(painter, box, self._plan)
        box = self._bars_box()
        title = QRectF(MARGIN, box.top() - self._title_height() - 6, self.width() - 2 * MARGIN, self._title_height())
        self._draw_title(painter, title, self.tr("Per day") if len(self._bars) != 12 else self.tr("Per month"))
        self._draw_bars(painter, box)

    def _told(self, bar: Bar) -> str:
        if bar.rx is None or bar.tx is None:
            return self.tr("{day}: nothing recorded").format(day=bar.full_name)
        return (
            f"{bar.full_name}: {DOWN} {units.size(bar.rx, self._units)}, {UP} {units.size(bar.tx, self._units)}, "
            f"{self.tr('together')} {units.size(bar.rx + bar.tx, self._units)}"
        )

    def _title_height(self) -> float:
        return QFontMetricsF(self._theme.fonts.title).height()

    def _axis_height(self) -> float:
        return QFontMetricsF(self._theme.fonts.small).height() + GAP

    def _box(self, top: float, bottom: float) -> QRectF:
        metrics = QFontMetricsF(self._theme.fonts.small)
        left = MARGIN + math.ceil(metrics.horizontalAdvance("500 MiB")) + GAP
        right = self.width() - MARGIN - (_END_LABELS if self._plan is not None else 0)
        return QRectF(left, top, max(1.0, right - left), max(1.0, bottom - top))

    def _bars_box(self) -> QRectF:
        above = self.height() * _SO_FAR_SHARE if self._plan is not None else 0.0
        return self._box(above + self._title_height() + 18, self.height() - self._axis_height() - 6)

    def _draw_title(self, painter: QPainter, box: QRectF, text: str) -> None:
        painter.setFont(self._theme.fonts.title)
        painter.setPen(self._theme.tokens.ink)
        painter.drawText(box, Qt.AlignmentFlag.AlignLeading | Qt.AlignmentFlag.AlignVCenter, text)

    def _draw_grid(self, painter: QPainter, box: QRectF, top: float) -> None:
        tokens = self._theme.tokens
        painter.setFont(self._theme.fonts.small)
        metrics = QFontMetricsF(self._theme.fonts.small)
        ticks = [0.0, *rate_ticks(top, 4, Units(binary=self._units.binary))]
        outermost = units.size(ticks[-1], self._units)
        for tick in ticks:
            y = math.floor(box.bottom() - tick / top * box.height()) + 0.5
            painter.setPen(hair_line(tokens.line if tick else tokens.ink3))
            painter.drawLine(QPointF(box.left(), y), QPointF(box.right(), y))
            text = f"{float(outermost.value) * tick / ticks[-1]:g}" if ticks[-1] else "0"
            if tick == ticks[-1] and tick:
                text += f" {outermost.unit}"
            painter.setPen(tokens.ink3)
            width = metrics.horizontalAdvance(text)
            painter.drawText(QPointF(box.left() - GAP - width, y + metrics.capHeight() / 2), text)

    def _draw_unmeasured(self, painter: QPainter, box: QRectF) -> None:
        """Hatch unmeasured time, like the gaps of the rate chart: it is unknown, not zero."""
        now = next((place for place, bar in enumerate(self._bars) if bar.is_now), len(self._bars))
        width = box.width() / len(self._bars)
        painter.setPen(hair_line(faded(self._theme.tokens.ink3, 0.4)))
        for place, bar in enumerate(self._bars[: now + 1]):
            share = min(1.0, max(0.0, self._unmeasured - place))
            if place < now and (bar.rx is None or bar.tx is None):
                share = 1.0
            if share:
                draw_hatch(painter, QRectF(box.left() + place * width, box.top(), share * width, box.height()))

    def _draw_names(self, painter: QPainter, box: QRectF) -> None:
        """Draw the names that have room, and always the present one."""
        fonts, tokens = self._theme.fonts, self._theme.tokens
        width = box.width() / len(self._bars)
        widest = max(QFontMetricsF(fonts.small_strong).horizontalAdvance(bar.name) for bar in self._bars) + GAP
        every = max(1, math.ceil(max(widest, min(_LABELS_APART, 4 * width)) / width))
        now = next((place for place, bar in enumerate(self._bars) if bar.is_now), None)
        for place, bar in enumerate(self._bars):
            near_now = now is not None and place != now and abs(place - now) * width < widest
            if (place % every and not bar.is_now) or near_now:
                continue
            painter.setFont(fonts.small_strong if bar.is_now else fonts.small)
            painter.setPen(tokens.ink if bar.is_now else tokens.ink3)
            room = QRectF(box.left() + (place + 0.5) * width - 60, box.bottom() + 4, 120, self._axis_height())
            painter.drawText(room, Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop, bar.name)

    def _draw_bars(self, painter: QPainter, box: QRectF) -> None:
        tokens = self._theme.tokens
        allowance = self._plan.allowance if self._plan and self._plan.allowance else 0
        greatest = max([*((bar.rx or 0) + (bar.tx or 0) for bar in self._bars), allowance, 1])
        top = greatest * _HEADROOM
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
            painter.fillRect(solid, tokens.down if bar.is_now else faded(tokens.down, _FADED))
            if up >= 1:
                # Hollow, so that it differs from the received part also without colours.
                painter.setPen(QPen(tokens.up, 1.5))
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.drawRect(QRectF(x + 0.75, solid.top() - up, thick - 1.5, max(1.0, up - 0.75)))
        if allowance and self._plan:
            y = math.floor(box.bottom() - allowance / top * box.height()) + 0.5
            painter.setPen(QPen(tokens.ink, 1.5))
            painter.drawLine(QPointF(box.left() + math.floor(self._plan.today) * width, y), QPointF(box.right(), y))
            text = self.tr("{amount} a day").format(amount=units.size(allowance, self._units))
            self._draw_end(painter, box, y, text, self.tr("allowance"))
        self._draw_names(painter, box)
        self._draw_key(painter, box)

    def _draw_key(self, painter: QPainter, box: QRectF) -> None:
        tokens, fonts = self._theme.tokens, self._theme.fonts
        painter.setFont(fonts.small_strong)
        metrics = QFontMetricsF(fonts.small_strong)
        words = ((f"{DOWN} {self.tr('Download')}", tokens.down), (f"{UP} {self.tr('Upload')}", tokens.up))
        x = box.right() - sum(metrics.horizontalAdvance(text) for text, _colour in words) - MARGIN
        for text, colour in words:
            painter.setPen(colour)
            painter.drawText(QPointF(x, box.top() - GAP), text)
            x += metrics.horizontalAdvance(text) + MARGIN

    def _draw_so_far(self, painter: QPainter, box: QRectF, plan: Plan) -> None:
        tokens = self._theme.tokens
        top = max(plan.used, plan.projection or 0, plan.cap or 0, 1) * _HEADROOM
        self._draw_grid(painter, box, top)
        self._draw_unmeasured(painter, box)

        def point(bars: float, amount: float) -> QPointF:
            return QPointF(
                box.left() + bars / len(self._bars) * box.width(), box.bottom() - amount / top * box.height()
            )

        runs: list[list[QPointF]] = []
        total, was_known = 0, False
        for place, bar in enumerate(self._bars):
            if place > plan.today:
                break
            is_known = bar.rx is not None and bar.tx is not None
            if is_known and not was_known:
                runs.append([point(max(place, self._unmeasured), total)])
            if is_known:
                total += (bar.rx or 0) + (bar.tx or 0)
                runs[-1].append(point(min(place + 1, plan.today), total))
            was_known = is_known
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        pen = QPen(tokens.down, 1.5, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap, Qt.PenJoinStyle.RoundJoin)
        for line in runs:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(faded(tokens.down, tokens.fill))
            foot = [QPointF(line[-1].x(), box.bottom()), QPointF(line[0].x(), box.bottom())]
            painter.drawPolygon(QPolygonF([*line, *foot]))
            painter.setPen(pen)
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
