"""Descriptors of columns: the text, the sort key and the drawn cell of a record."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic

import msgspec
from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter

from netwatch_tray.window.table.sorted_rows import Record
from netwatch_tray.window.widgets.theme import Theme, Tokens

_LEFT, _ELIDE_RIGHT = Qt.AlignmentFlag.AlignLeft, Qt.TextElideMode.ElideRight


class Cell(msgspec.Struct, eq=False):
    """The box, the painter and the fonts for drawing one cell. One object is reused for all cells of a paint event.

    Positions are plain numbers, dip: making a QRect for each cell, and reading it, would take a tenth of the time of
    the whole table.
    """

    painter: QPainter
    theme: Theme
    right_to_left: bool
    ratio: float
    """Device pixels per dip."""
    row_width: int
    top: int = 0
    """Top of the row."""
    height: int = 0
    """Height of the row."""
    left: int = 0
    """Left edge of the cell without its padding."""
    width: int = 0
    """Width of the cell without its padding."""

    @property
    def box(self) -> QRect:
        """Return the cell without its padding."""
        return QRect(self.left, self.top, self.width, self.height)

    @property
    def row(self) -> QRect:
        """Return the whole row."""
        return QRect(0, self.top, self.row_width, self.height)

    @property
    def tokens(self) -> Tokens:
        return self.theme.tokens

    def text(
        self,
        text: str,
        colour: QColor | None = None,
        font: QFont | None = None,
        *,
        box: QRect | None = None,
        align: Qt.AlignmentFlag = _LEFT,
        elide: Qt.TextElideMode = _ELIDE_RIGHT,
    ) -> None:
        """Draw one line of text, by default in `ink` and the base font, over the whole cell.

        `align` is that of a left-to-right layout; a right-to-left layout swaps left and right.
        """
        left, top, room, height = self.left, self.top, self.width, self.height
        if box is not None:
            left, top, room, height = box.left(), box.top(), box.width(), box.height()
        theme, painter = self.theme, self.painter
        font = font or theme.fonts.base
        metrics = theme.metrics(font)
        shown, width = metrics.fit(text, room, elide)
        at_left = (align is _LEFT) is not self.right_to_left
        x = left if at_left else left + room - width
        base = top + round((height - metrics.height) / 2 + metrics.ascent)
        painter.setFont(font)
        painter.setPen(colour or theme.tokens.ink)
        metrics.draw(painter, self.ratio, x, base, shown)

    def lines(self) -> tuple[QRect, QRect]:
        """Return the boxes of a line in the base font and one in the small font below it."""
        upper, lower = (QFontMetrics(font).height() for font in (self.theme.fonts.base, self.theme.fonts.small))
        top = self.box.top() + (self.box.height() - upper - lower) // 2
        return (
            QRect(self.box.left(), top, self.box.width(), upper),
            QRect(self.box.left(), top + upper, self.box.width(), lower),
        )


class Column(msgspec.Struct, Generic[Record], frozen=True, kw_only=True, eq=False):
    """One column of a table."""

    id: str
    """Its name in the code and in what the window remembers; unique in its table and never translated."""
    title: str
    retitled: Callable[[], str] | None = None
    """Returns the current title, if it changes."""
    text: Callable[[Record], str]
    """Returns the text that is copied, filtered, read by screen readers and, without `draw`, drawn."""
    order: Callable[[Record], Any] | None = None
    """Returns the sort key of a record, None last. Without it the table cannot be sorted by this column."""
    draw: Callable[[Cell, Record], None] | None = None
    tooltip: Callable[[Record], str | None] | None = None
    widest: str | int
    """A text that the column is wide enough for, or its width in dip."""
    least: str | int | None = None
    """A text that the column may shrink to, or a width in dip."""
    stretch: int = 0
    """Its share of the width that is left over."""
    numeric: bool = False
    """Whether the text is aligned to the right."""
    drop_order: int | None = None
    """Order in which columns are hidden in a narrow table; None if the column always stays."""
    offered: Callable[[], bool] | None = None
    """Returns whether there is anything to show in the column; None if it is always shown. `TableView.fit_columns`
    evaluates it."""

    @property
    def shown_title(self) -> str:
        return self.retitled() if self.retitled else self.title

    @property
    def align(self) -> Qt.AlignmentFlag:
        return Qt.AlignmentFlag.AlignRight if self.numeric else Qt.AlignmentFlag.AlignLeft
