"""The heat map: a year as twelve calendar months, in which the colour of a day shows how much was used."""

from __future__ import annotations

import calendar
import math
from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING, NamedTuple

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFontMetricsF,
    QHelpEvent,
    QHideEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
    QShowEvent,
)
from PySide6.QtWidgets import QToolTip, QWidget

from netwatch_tray import units
from netwatch_tray.history.usage import heat_limits, heat_step
from netwatch_tray.units import Units
from netwatch_tray.window.pages.usage.figures import busiest_day
from netwatch_tray.window.pages.usage.words import month_name, weekday_initials
from netwatch_tray.window.widgets.formatting import day_name
from netwatch_tray.window.widgets.painting import DENSE_HATCH, aligned, draw_hatch, hair_line, text_painter
from netwatch_tray.window.widgets.theme import GAP, MARGIN, Theme

if TYPE_CHECKING:
    from netwatch_tray.history.results import Used

_CELL, _GAP = 22, 3
_LEAST_CELL = 14
_ROWS = 6
"""Number of rows of a month: the most weeks that a month can overlap."""
_FOUR_FROM = 700
"""Width in dip from which on four months are in a row; otherwise three are."""
_MONTHS_APART = 28
_SWATCH = 22


class _Grid(NamedTuple):
    """Computes where the months and days of a year are drawn, in dip."""

    year: int
    week_begins: int
    columns: int
    pitch_x: float
    pitch_y: float
    top: float
    name_height: float
    cell: QSize
    is_mirrored: bool

    def origin(self, month: int) -> QPointF:
        """Return the upper left corner of a month (1 to 12)."""
        row, column = divmod(month - 1, self.columns)
        if self.is_mirrored:
            column = self.columns - 1 - column
        return QPointF(MARGIN + column * self.pitch_x, self.top + row * self.pitch_y)

    def box(self, day: date) -> QRectF:
        """Return the rectangle of a day."""
        origin = self.origin(day.month)
        lead = (day.replace(day=1).weekday() - self.week_begins) % 7
        row, column = divmod(lead + day.day - 1, 7)
        x = origin.x() + column * (self.cell.width() + _GAP)
        y = origin.y() + self.name_height + row * (self.cell.height() + _GAP)
        return QRectF(round(x), round(y), self.cell.width(), self.cell.height())

    def days(self, month: int) -> list[date]:
        """Return all days of a month of this year."""
        last = calendar.monthrange(self.year, month)[1]
        return [date(self.year, month, number) for number in range(1, last + 1)]

    def month_at(self, position: QPointF) -> int | None:
        """Return the month at a position, also of its name, or None if there is none."""
        size = QSize(7 * (self.cell.width() + _GAP), math.floor(self.pitch_y)).toSizeF()
        boxes = {month: QRectF(self.origin(month), size) for month in range(1, 13)}
        return next((month for month, box in boxes.items() if box.contains(position)), None)

    def day_at(self, position: QPointF) -> date | None:
        """Return the day at a position, or None if there is none."""
        month = self.month_at(position)
        days = self.days(month) if month is not None else ()
        return next((day for day in days if self.box(day).adjusted(-1, -1, 2, 2).contains(position)), None)


class HeatMap(QWidget):
    """The heat map of a year. Signals: `chosen` carries the day that the user chose. `month_opened` carries any day of
    a month that the user wants to see."""

    chosen = Signal(object)
    month_opened = Signal(object)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._units = Units()
        self._year = 1970
        self._days: Mapping[date, Used] = {}
        self._limits = heat_limits(())
        self._today = date.min
        self._busiest: date | None = None
        self._selected: date | None = None
        self._week_begins: int = calendar.MONDAY
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        theme.changed.connect(self.update)

    def show_year(self, year: int, days: Mapping[date, Used], today: date, shown_in: Units, week_begins: int) -> None:
        """Show a year. `days`: amounts of the recorded days. `week_begins`: first day of the week, 0 (Monday) to 6."""
        self._year, self._days, self._today = year, days, today
        self._units, self._week_begins = shown_in, week_begins
        self._limits = heat_limits(used.both for used in days.values())
        self._busiest = busiest_day(days)
        self.setAccessibleName(self.tr("Per day, {year}").format(year=year))
        self.update()

    def select(self, day: date | None) -> None:
        """Mark a day; None marks none."""
        if day != self._selected:
            self._selected = day
            if day is not None:
                self.setAccessibleDescription(self.told(day))
            self.update()

    def told(self, day: date) -> str:
        """Return a text with a day and its amount, for the tooltip and screen readers."""
        used = self._days.get(day)
        if used is None:
            return self.tr("{day}, not known").format(day=day_name(day))
        text = f"{day_name(day)}, {units.size(used.both, self._units)}"
        return self.tr("{text}, busiest day").format(text=text) if day == self._busiest else text

    def sizeHint(self) -> QSize:
        return QSize(640, 240)

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            day = self._grid().day_at(event.pos().toPointF())
            has_text = day is not None and day <= self._today
            QToolTip.showText(event.globalPos(), self.told(day) if day is not None and has_text else "", self)
            return True
        return super().event(event)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.setMinimumHeight(self._least_height())

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self.setMinimumHeight(0)  # a stack is as high as its highest page

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if self.isVisible():
            self.setMinimumHeight(self._least_height())

    def mousePressEvent(self, event: QMouseEvent) -> None:
        grid = self._grid()
        day = grid.day_at(event.position())
        if day is not None:
            if day <= self._today:
                self.chosen.emit(day)
            return
        month = grid.month_at(event.position())
        if month is not None and date(self._year, month, 1) <= self._today:
            self.month_opened.emit(date(self._year, month, 1))

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        day = self._grid().day_at(event.position())
        if day is not None and day <= self._today:
            self.month_opened.emit(day)

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = text_painter(self)
        painter.fillRect(self.rect(), self._theme.tokens.surface)
        grid = self._grid()
        self._draw_legend(painter)
        for month in range(1, 13):
            self._draw_month(painter, grid, month)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        tokens = self._theme.tokens
        for day, pen, around in (
            (self._today, QPen(tokens.ink, 1.2, Qt.PenStyle.DotLine), 2),
            (self._busiest, QPen(tokens.ink, 1.5), 2),
            (self._selected, QPen(tokens.focus, 2), 1),
        ):
            if day is not None and day.year == self._year:
                painter.setPen(pen)
                painter.drawRoundedRect(grid.box(day).adjusted(-around, -around, around, around), 3, 3)

    def _least_height(self) -> int:
        rows = 3 if self.width() >= _FOUR_FROM else 4
        name = self._name_height()
        return math.ceil(self._top() + rows * (name + _ROWS * (_LEAST_CELL + _GAP) + GAP) + self._initials_height())

    def _top(self) -> float:
        return self._theme.metrics(self._theme.fonts.title).height + MARGIN + GAP

    def _initials_height(self) -> float:
        return self._theme.metrics(self._theme.fonts.small).height + GAP

    def _grid(self) -> _Grid:
        columns = 4 if self.width() >= _FOUR_FROM else 3
        rows = 12 // columns
        pitch_x = (self.width() - 2 * MARGIN + _MONTHS_APART) / columns
        pitch_y = (self.height() - self._top() - self._initials_height()) / rows
        name = self._name_height()
        width = math.floor((pitch_x - _MONTHS_APART - 6 * _GAP) / 7)
        height = math.floor((pitch_y - name - GAP) / _ROWS) - _GAP
        return _Grid(
            year=self._year,
            week_begins=self._week_begins,
            columns=columns,
            pitch_x=pitch_x,
            pitch_y=pitch_y,
            top=self._top(),
            name_height=name,
            cell=QSize(width, min(height, self._theme.height(_CELL))),
            is_mirrored=self.layoutDirection() == Qt.LayoutDirection.RightToLeft,
        )

    def _name_height(self) -> float:
        return self._theme.metrics(self._theme.fonts.strong).height + 4

    def _draw_month(self, painter: QPainter, grid: _Grid, month: int) -> None:
        tokens, fonts = self._theme.tokens, self._theme.fonts
        origin, width = grid.origin(month), 7 * (grid.cell.width() + _GAP) - _GAP
        own = [used.both for day, used in self._days.items() if day.month == month]
        head = QRectF(origin.x(), origin.y(), width, self._name_height() - 4)
        painter.setFont(fonts.small)
        total = str(units.size(sum(own), self._units)) if own else ""
        painter.setPen(tokens.ink2)
        painter.drawText(head, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, total)
        painter.setFont(fonts.strong)
        painter.setPen(tokens.ink)
        room = width - QFontMetricsF(fonts.small).horizontalAdvance(total) - GAP
        name = QFontMetricsF(fonts.strong).elidedText(month_name(month), Qt.TextElideMode.ElideRight, room)
        painter.drawText(head, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, name)
        painter.setFont(fonts.small)
        for day in grid.days(month):
            self._draw_cell(painter, grid.box(day), day)
        if month > 12 - grid.columns:
            self._draw_initials(painter, grid, origin)

    def _draw_cell(self, painter: QPainter, cell: QRectF, day: date) -> None:
        used = self._days.get(day)
        if used is not None and day <= self._today:
            self._draw_swatch(painter, cell, heat_step(used.both, self._limits))
        elif day >= self._today:
            painter.setPen(hair_line(self._theme.tokens.line))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(cell.adjusted(0.5, 0.5, -0.5, -0.5))
        else:
            self._draw_unknown(painter, cell)

    def _draw_swatch(self, painter: QPainter, cell: QRectF, step: int) -> None:
        tokens = self._theme.tokens
        if step:
            painter.fillRect(cell, tokens.heat[step - 1])
            return
        painter.setPen(hair_line(tokens.ctl))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRect(cell.adjusted(0.5, 0.5, -0.5, -0.5))
        painter.setPen(tokens.ink2)
        painter.drawText(cell, Qt.AlignmentFlag.AlignCenter, "0")

    def _draw_unknown(self, painter: QPainter, cell: QRectF) -> None:
        painter.setPen(hair_line(self._theme.tokens.ctl))
        draw_hatch(painter, cell, DENSE_HATCH, cell.left())

    def _draw_initials(self, painter: QPainter, grid: _Grid, origin: QPointF) -> None:
        painter.setPen(self._theme.tokens.ink2)
        y = origin.y() + self._name_height() + _ROWS * (grid.cell.height() + _GAP)
        for place, initial in enumerate(weekday_initials(self._week_begins)):
            x = origin.x() + place * (grid.cell.width() + _GAP)
            box = QRectF(x - 4, y, grid.cell.width() + 8, self._initials_height())
            painter.drawText(box, Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop, initial)

    def _draw_legend(self, painter: QPainter) -> None:
        """Draw the title, and the colours with the amounts from which on they are used, as far as there is room."""
        tokens, fonts = self._theme.tokens, self._theme.fonts
        row = QRectF(MARGIN, 8, self.width() - 2 * MARGIN, QFontMetricsF(fonts.title).height())
        painter.setFont(fonts.title)
        painter.setPen(tokens.ink)
        leading = aligned(self, Qt.AlignmentFlag.AlignLeading | Qt.AlignmentFlag.AlignVCenter)
        painter.drawText(row, leading, self.tr("Per day"))
        painter.setFont(fonts.small)
        metrics = QFontMetricsF(fonts.small)
        amounts = [units.size(limit, self._units) for limit in self._limits]
        texts = ["", *(self.tr("under {amount}").format(amount=_short(each)) for each in amounts)]
        texts += [self.tr("{amount} and more").format(amount=_short(amounts[-1])), self.tr("not measured")]
        widths = [_SWATCH + (6 + metrics.horizontalAdvance(text) if text else 0) + MARGIN for text in texts]
        width = sum(widths) - MARGIN
        heading = QFontMetricsF(fonts.title).horizontalAdvance(self.tr("Per day")) + MARGIN
        if width > row.width() - heading:
            return
        is_mirrored = self.layoutDirection() == Qt.LayoutDirection.RightToLeft
        x = row.left() if is_mirrored else row.right() - width
        for step, text in enumerate(texts):
            cell = QRectF(round(x), round(row.center().y() - 8), _SWATCH, 16)
            if step < len(texts) - 1:
                self._draw_swatch(painter, cell, step)
            else:
                self._draw_unknown(painter, cell)
            if step:
                painter.setPen(QColor(tokens.ink2))
                painter.drawText(QPointF(x + _SWATCH + 6, row.center().y() + metrics.capHeight() / 2), text)
            x += widths[step]


def _short(amount: units.Quantity) -> str:
    """Format a round amount without trailing zeros: `40 GB`."""
    value = amount.value.rstrip("0").rstrip(".") if "." in amount.value else amount.value
    return f"{value} {amount.unit}"
