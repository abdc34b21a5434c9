"""Columns as descriptors: how a record becomes text, order and a drawn cell."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from PySide6.QtCore import QPointF, QRect, Qt
from PySide6.QtGui import QColor, QFont, QPainter

from netwatch_tray.window.widgets.theme import Theme, Tokens

Record = TypeVar("Record")


@dataclass(slots=True)
class Cell:
    """Where and with what a column draws; the next cell is drawn with the same object."""

    painter: QPainter
    theme: Theme
    right_to_left: bool
    box: QRect
    """Without the padding."""
    row: QRect
    """The whole row's."""

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
        """One line; by default in ink and the base font over the whole cell. Leftwards lines swap left and right."""
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
        # By a point: laying a line out in a rectangle takes longer, and this is done a thousand times a second.
        self.painter.drawText(QPointF(x, base), shown)


@dataclass(frozen=True, kw_only=True, slots=True)
class Column(Generic[Record]):
    """One column: adding one to a table is adding one of these."""

    title: str
    text: Callable[[Record], str]
    """For copying, filtering and screen readers; what is drawn unless `draw` says otherwise."""
    order: Callable[[Record], Any] | None = None
    """What rows are sorted by, None last; without it the column cannot be sorted by."""
    draw: Callable[[Cell, Record], None] | None = None
    tooltip: Callable[[Record], str | None] | None = None
    widest: str | int
    """A text the column is wide enough for, or its width."""
    least: str | int | None = None
    """A text it may shrink to, or a width."""
    stretch: int = 0
    """Its share of the width that is left over."""
    numeric: bool = False
    """Stands at the right."""
    drop_order: int | None = None
    """When there is no room, columns go in this order; None stays."""
    offered: Callable[[], bool] | None = None
    """Whether there is anything to show in it; None: always. `TableView.fit_columns` evaluates it."""

    @property
    def align(self) -> Qt.AlignmentFlag:
        return Qt.AlignmentFlag.AlignRight if self.numeric else Qt.AlignmentFlag.AlignLeft
