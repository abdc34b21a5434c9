"""The pane beside the usage charts: today, earlier months and networks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from PySide6.QtCore import QRect, QSize, Qt, Signal
from PySide6.QtGui import QFontMetrics, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QGridLayout, QSizePolicy, QVBoxLayout, QWidget

from netwatch_tray import units
from netwatch_tray.text import printable
from netwatch_tray.units import Units
from netwatch_tray.window.widgets.painting import aligned, paint_pane, text_painter
from netwatch_tray.window.widgets.text import Paragraph
from netwatch_tray.window.widgets.theme import ANY_SIZE, GAP, MARGIN, Theme, faded, text_width

_WIDTH = 296
_ROW = 22
_BAR, _BAR_OPACITY = 8, 0.75
_LEAST_BAR = 20
_AROUND = 3 * MARGIN
"""Width in dip of the margins and the scroll bar."""


class Amount(NamedTuple):
    """A line of a list: a name, and an amount in bytes (None: unknown). The amount is also drawn as a bar relative to
    `of`, the amount of a full bar; 0: no bar."""

    name: str
    size: int | None
    of: int = 0
    is_strong: bool = False
    text: str = ""
    """Text to show instead of the amount."""


class UsagePane(QWidget):
    """Sections with lists of amounts: one below the other if the pane is beside the charts, side by side if it is below
    them. Bars have a mark at the cap of the data plan.

    Signal `opened` carries the index of a section, and the index of the line in it that the user has clicked.
    """

    opened = Signal(int, int)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._is_beside = True
        column = QVBoxLayout(self)
        column.setContentsMargins(MARGIN + 1, 12, MARGIN, 12)
        column.setSpacing(2)
        self._sections = Sections(theme)
        column.addWidget(self._sections)
        self._note = Paragraph(theme, theme.fonts.small)
        self._note.show_text(self.tr("Measured on this computer. Your provider may count differently."))
        column.addWidget(self._note)
        column.addStretch(1)

    def set_beside(self, is_beside: bool, width: int) -> None:
        """Set whether the pane is beside the charts or below them. `width`: of the window, in dip."""
        self._is_beside = is_beside
        self._sections.fit(0 if is_beside else width - _AROUND)
        self._note.setVisible(is_beside)
        self.setMinimumWidth(self._theme.height(_WIDTH) if is_beside else 0)
        self.setMaximumWidth(self._theme.height(_WIDTH) if is_beside else ANY_SIZE)
        self.update()

    def show_sections(self, sections: Sequence[tuple[str, Sequence[Amount]]], cap: int | None, shown_in: Units) -> None:
        filled = [(title, amounts) for title, amounts in sections if amounts]
        while len(self._sections.each) > len(filled):
            self._sections.remove_last()
        while len(self._sections.each) < len(filled):
            number = len(self._sections.each)
            self._sections.add().opened.connect(lambda line, number=number: self.opened.emit(number, line))
        for section, (title, amounts) in zip(self._sections.each, filled, strict=True):
            section.show_amounts(title, amounts, cap, shown_in)
        self._sections.arrange()

    def paintEvent(self, _event: QPaintEvent) -> None:
        paint_pane(self, self._theme, "leading" if self._is_beside else "upper")


class Sections(QWidget):
    """Sections one below the other, or in as many columns as there is room for without cutting texts."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._room = 0
        self._placed: tuple[int, list[Section]] = (0, [])
        self.each: list[Section] = []
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(2 * MARGIN)
        self._grid.setVerticalSpacing(2)

    def add(self) -> Section:
        section = Section(self._theme)
        section.setParent(self)
        self.each.append(section)
        return section

    def remove_last(self) -> None:
        section = self.each.pop()
        self._grid.removeWidget(section)
        section.hide()
        section.deleteLater()  # not now: it may be the one that was clicked

    def fit(self, room: int) -> None:
        """Place the sections in columns within `room` dip; 0: one below the other."""
        self._room = room
        self.arrange()

    def arrange(self) -> None:
        """Place the sections that have lines again, and hide the others. Call this when lines have changed."""
        shown = [section for section in self.each if section.has_lines]
        columns = self._columns(shown)
        if self._placed == (columns, shown):
            return
        self._placed = columns, shown
        for section in self.each:
            self._grid.removeWidget(section)
            section.setVisible(section in shown)
        for column in range(max(columns, self._grid.columnCount())):
            self._grid.setColumnStretch(column, 1 if column < columns else 0)
        for place, section in enumerate(shown):
            self._grid.addWidget(section, place // columns, place % columns, Qt.AlignmentFlag.AlignTop)

    def _columns(self, shown: Sequence[Section]) -> int:
        count = len(shown)
        if not count:
            return 1
        least, apart = max(section.least_width() for section in shown), 2 * MARGIN
        most = max(1, min(count, (self._room + apart) // (least + apart)))
        return math.ceil(count / math.ceil(count / most))  # as many in each row


class Section(QWidget):
    """A heading, and a list of lines with name, bar and amount.

    Signal `opened` carries the index of the line that the user has clicked, if lines can be chosen.
    """

    opened = Signal(int)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._title = ""
        self._amounts: Sequence[Amount] = ()
        self._cap: int | None = None
        self._units = Units()
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)

    def show_amounts(self, title: str, amounts: Sequence[Amount], cap: int | None, shown_in: Units) -> None:
        self._title, self._amounts, self._cap, self._units = title, amounts, cap, shown_in
        told = (f"{each.name} {self._text(each)}" for each in amounts)
        self.setAccessibleName(f"{title}: {', '.join(told)}")
        self.updateGeometry()
        self.update()

    @property
    def has_lines(self) -> bool:
        return bool(self._amounts)

    def least_width(self) -> int:
        """Return the least width in dip at which no text is cut off."""
        names, amounts = self._text_widths()
        return names + amounts + 2 * GAP + (_LEAST_BAR if any(each.of for each in self._amounts) else 0)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        place = int(event.position().y() // self._theme.height(_ROW)) - 1
        if 0 <= place < len(self._amounts):
            self.opened.emit(place)

    def minimumSizeHint(self) -> QSize:
        return QSize(120, self.sizeHint().height())

    def sizeHint(self) -> QSize:
        return QSize(_WIDTH, self._theme.height(_ROW) * (len(self._amounts) + 1) + MARGIN)

    def paintEvent(self, _event: QPaintEvent) -> None:
        tokens, fonts = self._theme.tokens, self._theme.fonts
        painter = text_painter(self)
        row = QRect(0, 0, self.width(), self._theme.height(_ROW))
        leading = aligned(self, Qt.AlignmentFlag.AlignLeading | Qt.AlignmentFlag.AlignVCenter)
        trailing = aligned(self, Qt.AlignmentFlag.AlignTrailing | Qt.AlignmentFlag.AlignVCenter)
        painter.setFont(fonts.small_strong)
        painter.setPen(tokens.ink2)
        painter.drawText(row, leading, self._title)
        names, amounts = self._text_widths()
        room = self.width() - amounts - 2 * GAP
        names = min(names, room - _LEAST_BAR if any(each.of for each in self._amounts) else room)
        for each in self._amounts:
            row.translate(0, self._theme.height(_ROW))
            painter.setFont(fonts.strong if each.is_strong else fonts.base)
            painter.setPen(tokens.ink if each.is_strong else tokens.ink2)
            if not each.of:
                names = self.width() - text_width(fonts.base, self._text(each)) - 2 * GAP
            name = QFontMetrics(painter.font()).elidedText(printable(each.name), Qt.TextElideMode.ElideRight, names)
            painter.drawText(row, leading, name)
            painter.setFont(fonts.base)
            painter.setPen(tokens.ink if each.size or each.text else tokens.ink3)
            painter.drawText(row, trailing, self._text(each))
            if each.of:
                bar = QRect(names + GAP, row.center().y() - _BAR // 2, room - names, _BAR)
                self._draw_bar(painter, bar, each)

    def _text_widths(self) -> tuple[int, int]:
        """Return the widths of the longest name and of the longest amount, in dip."""
        fonts = self._theme.fonts
        names = max(
            (text_width(fonts.strong if each.is_strong else fonts.base, each.name) for each in self._amounts), default=0
        )
        return names, max((text_width(fonts.base, self._text(each)) for each in self._amounts), default=0)

    def _text(self, amount: Amount) -> str:
        return amount.text or str(units.size(amount.size, self._units))

    def _draw_bar(self, painter: QPainter, box: QRect, amount: Amount) -> None:
        tokens = self._theme.tokens
        right_to_left = self.layoutDirection() == Qt.LayoutDirection.RightToLeft
        painter.save()
        if right_to_left:
            painter.translate(self.width(), 0)
            painter.scale(-1, 1)
        length = round(box.width() * (amount.size or 0) / amount.of)
        is_over = self._cap is not None and (amount.size or 0) > self._cap
        colour = tokens.err if is_over else faded(tokens.down, _BAR_OPACITY)
        painter.fillRect(QRect(box.left(), box.top(), length, box.height()), colour)
        if self._cap and self._cap <= amount.of:
            x = box.left() + round(box.width() * self._cap / amount.of) - 1
            painter.fillRect(QRect(x, box.top() - 2, 2, box.height() + 4), tokens.ink)
        painter.restore()
