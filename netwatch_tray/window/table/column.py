"""Describes the columns of a table. A record is the data of a row; a column returns its text and sort key, and draws
it.

Lengths are in dip (device-independent pixels).
"""

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
    """Painter, fonts and rectangle for drawing one cell. One object is reused for all cells of a paint event.

    Positions are plain numbers: a QRect for each cell would take a tenth of the time for drawing the table.
    """

    painter: QPainter
    theme: Theme
    right_to_left: bool
    ratio: float
    """Device pixels per dip."""
    row_width: int
    top: int = 0
    """The y coordinate of the row."""
    height: int = 0
    """Height of the row."""
    left: int = 0
    """Left edge of the cell without its padding."""
    width: int = 0
    """Width of the cell without its padding."""

    @property
    def box(self) -> QRect:
        """Return the rectangle of the cell without its padding."""
        return QRect(self.left, self.top, self.width, self.height)

    @property
    def row(self) -> QRect:
        """Return the rectangle of the whole row, across all columns."""
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
        """Draw one line of text into the cell, by default in the usual colour and font.

        `box`: another rectangle than the cell. `align`: as in a left-to-right layout; in a right-to-left one, left and
        right are swapped.
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
        """Return two rectangles within the cell: for a line of text in the base font, and below it one in the small
        font."""
        upper, lower = (QFontMetrics(font).height() for font in (self.theme.fonts.base, self.theme.fonts.small))
        top = self.box.top() + (self.box.height() - upper - lower) // 2
        return (
            QRect(self.box.left(), top, self.box.width(), upper),
            QRect(self.box.left(), top + upper, self.box.width(), lower),
        )


class Column(msgspec.Struct, Generic[Record], frozen=True, kw_only=True, eq=False):
    """One column of a table."""

    id: str
    """Name of the column in code and in what the window remembers; unique in its table, never changed or translated."""
    title: str
    retitled: Callable[[], str] | None = None
    """Returns the current title, for a column whose title changes."""
    text: Callable[[Record], str]
    """Returns the text of a record: for copying, filtering, screen readers, and for drawing if there is no `draw`."""
    order: Callable[[Record], Any] | None = None
    """Returns the sort key of a record; those with None are sorted last. None: the table cannot be sorted by this
    column."""
    draw: Callable[[Cell, Record], None] | None = None
    tooltip: Callable[[Record], str | None] | None = None
    widest: str | int
    """Usual width of the column: a text that must fit, or a number of dip."""
    least: str | int | None = None
    """Least width of the column in a narrow table: a text that must fit, or a number of dip. None: it does not
    shrink."""
    stretch: int = 0
    """The share that the column gets of the remaining width of the table; 0: none."""
    numeric: bool = False
    """Whether the text is aligned to the right."""
    drop_order: int | None = None
    """Order in which columns are hidden if the table is too narrow, the lowest number first; None: never."""
    offered: Callable[[], bool] | None = None
    """Returns whether the column has anything to show, else it is hidden; None: always. Called by
    `TableView.fit_columns`."""

    @property
    def shown_title(self) -> str:
        return self.retitled() if self.retitled else self.title

    @property
    def align(self) -> Qt.AlignmentFlag:
        return Qt.AlignmentFlag.AlignRight if self.numeric else Qt.AlignmentFlag.AlignLeft
