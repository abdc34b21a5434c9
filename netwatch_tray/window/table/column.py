"""Descriptors of columns: the text, the sort key and the drawn cell of a record."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic

from PySide6.QtCore import QPointF, QRect, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter

from netwatch_tray.window.table.sorted_rows import Record
from netwatch_tray.window.widgets.theme import Theme, Tokens


@dataclass(slots=True)
class Cell:
    """The box, the painter and the fonts for drawing one cell. One object is reused for all cells of a paint event."""

    painter: QPainter
    theme: Theme
    right_to_left: bool
    box: QRect
    """The cell without its padding."""
    row: QRect
    """The whole row."""

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
        align: Qt.AlignmentFlag = Qt.AlignmentFlag.AlignLeft,
        elide: Qt.TextElideMode = Qt.TextElideMode.ElideRight,
    ) -> None:
        """Draw one line of text, by default in `ink` and the base font, over the whole cell.

        `align` is that of a left-to-right layout; a right-to-left layout swaps left and right.
        """
        if box is None:
            box = self.box
        font = font or self.theme.fonts.base
        metrics = self.theme.metrics(font)
        shown, width = metrics.fit(text, box.width(), elide)
        at_left = (align == Qt.AlignmentFlag.AlignLeft) != self.right_to_left
        x = box.left() if at_left else box.left() + box.width() - width
        base = box.top() + round((box.height() - metrics.height) / 2 + metrics.ascent)
        self.painter.setFont(font)
        self.painter.setPen(colour or self.tokens.ink)
        # At a point: laying out a line in a rectangle takes longer, and scrolling draws a thousand texts a second.
        self.painter.drawText(QPointF(x, base), shown)

    def lines(self) -> tuple[QRect, QRect]:
        """Return the boxes of a line in the base font and one in the small font below it."""
        upper, lower = (QFontMetrics(font).height() for font in (self.theme.fonts.base, self.theme.fonts.small))
        top = self.box.top() + (self.box.height() - upper - lower) // 2
        return (
            QRect(self.box.left(), top, self.box.width(), upper),
            QRect(self.box.left(), top + upper, self.box.width(), lower),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Column(Generic[Record]):
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
