"""A small chart in the details of an event: the bytes that an app sent on each of the last days, and its usual
amount."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import date, datetime, timedelta

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from netwatch_tray import units
from netwatch_tray.units import UP, Units
from netwatch_tray.window.chart.axes import size_labels, size_ticks
from netwatch_tray.window.widgets.formatting import short_date
from netwatch_tray.window.widgets.painting import hair_line, text_painter
from netwatch_tray.window.widgets.theme import GAP, Theme, faded

DAYS = 15
_HEIGHT = 150
_HEADROOM = 1.15
_BAR = 0.72
_LABEL_EVERY = 7
"""Days between two labels."""


class UploadChart(QWidget):
    """A bar for each of the last `DAYS` days. The last one, the day of the event, is solid."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._sent: Mapping[date, int] = {}
        self._last = date.min
        self._usual = 0
        self._units = Units()
        self.setFixedHeight(theme.height(_HEIGHT))
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        return QSize(0, self._theme.height(_HEIGHT))

    def show_days(self, sent: Mapping[date, int], last: date, usual: int, shown_in: Units) -> None:
        """Show the days up to `last`. `sent`: bytes by local day; unknown days are missing. `usual`: bytes that the app
        usually sends on a day."""
        self._sent, self._last, self._usual, self._units = sent, last, usual, shown_in
        amounts = ", ".join(f"{short_date(day)} {units.size(sent[day], shown_in)}" for day in sorted(sent))
        self.setAccessibleName(self.tr("Sent a day"))
        self.setAccessibleDescription(amounts)
        self.setVisible(bool(sent))
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        tokens, fonts = self._theme.tokens, self._theme.fonts
        small, strong = self._theme.metrics(fonts.small), self._theme.metrics(fonts.small_strong)
        painter = text_painter(self)
        painter.setFont(fonts.small_strong)
        painter.setPen(tokens.ink)
        title = self.tr("{arrow} a day").format(arrow=UP)
        right_to_left = self.layoutDirection() == Qt.LayoutDirection.RightToLeft
        painter.drawText(QPointF(self.width() - strong.width(title) if right_to_left else 0, strong.ascent), title)
        most = max([self._usual, *self._sent.values(), 1]) * _HEADROOM
        ticks = size_ticks(most, 2, self._units)
        labels = size_labels(ticks, self._units)
        left = max(map(small.width, labels), default=0.0) + GAP
        box = QRectF(left, strong.height + GAP, self.width() - left, 0)
        box.setBottom(self.height() - small.height - 6)
        painter.setFont(fonts.small)
        for tick, label in zip([0, *ticks], ["0", *labels], strict=True):
            y = box.bottom() - tick / most * box.height()
            painter.setPen(tokens.ink3)
            painter.drawText(QPointF(left - GAP - small.width(label), y + small.ascent / 2 - 1), label)
            painter.setPen(hair_line(tokens.line if tick else tokens.ink3))
            painter.drawLine(QPointF(box.left(), round(y) + 0.5), QPointF(box.right(), round(y) + 0.5))
        self._draw_bars(painter, box, most)
        self._draw_usual(painter, box, most)

    def _draw_bars(self, painter: QPainter, box: QRectF, most: float) -> None:
        """Draw the bars, and dates below them. `most`: bytes at the upper edge."""
        tokens, fonts = self._theme.tokens, self._theme.fonts
        slot = box.width() / DAYS
        for number in range(DAYS):
            day = self._last - timedelta(days=DAYS - 1 - number)
            middle = box.left() + (number + 0.5) * slot
            if (sent := self._sent.get(day)) is not None and sent > 0:
                height = max(1.0, sent / most * box.height())
                bar = QRectF(round(middle - slot * _BAR / 2) + 0.5, round(box.bottom() - height) + 0.5, 0, 0)
                bar.setRight(round(middle + slot * _BAR / 2) - 0.5)
                bar.setBottom(round(box.bottom()) + 0.5)
                painter.setPen(QPen(tokens.up, 1))
                painter.setBrush(tokens.up if day == self._last else faded(tokens.surface, 1))
                painter.drawRect(bar)
            is_last = number == DAYS - 1
            if is_last or (DAYS - 1 - number) % _LABEL_EVERY == 0:
                today = datetime.fromtimestamp(time.time()).astimezone().date()
                text = self.tr("today") if is_last and day == today else short_date(day)
                font = fonts.small_strong if is_last else fonts.small
                width = self._theme.metrics(font).width(text)
                painter.setFont(font)
                painter.setPen(tokens.ink if is_last else tokens.ink3)
                x = min(max(middle - width / 2, 0), self.width() - width)
                painter.drawText(QPointF(x, self.height() - 4), text)

    def _draw_usual(self, painter: QPainter, box: QRectF, most: float) -> None:
        tokens, fonts = self._theme.tokens, self._theme.fonts
        y = round(box.bottom() - self._usual / most * box.height()) + 0.5
        painter.setPen(QPen(tokens.ink, 1, Qt.PenStyle.CustomDashLine))
        pen = painter.pen()
        pen.setDashPattern([5, 4])
        painter.setPen(pen)
        painter.drawLine(QPointF(box.left(), y), QPointF(box.right(), y))
        text = self.tr("usual {amount}").format(amount=units.size(self._usual, self._units))
        metrics = self._theme.metrics(fonts.small_strong)
        place = QRectF(box.left() + 2, y - metrics.height - 3, metrics.width(text), metrics.height)
        painter.fillRect(place.adjusted(-4, -1, 4, 1), faded(tokens.surface, 0.85))
        painter.setFont(fonts.small_strong)
        painter.setPen(tokens.ink)
        painter.drawText(QPointF(place.left(), place.top() + metrics.ascent), text)
