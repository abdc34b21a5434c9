"""Functions for painting that widgets, tables and charts share: thin lines, hatches, the focus ring, directions of
text."""

from __future__ import annotations

import math
from typing import Literal

from PySide6.QtCore import QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen
from PySide6.QtWidgets import QWidget

from netwatch_tray.window.widgets.theme import RING, Theme

WIDE_HATCH, DENSE_HATCH = 8, 5
"""Distances in dip between the lines of a hatch: the first for charts, the second for bars and tiles."""


def hair_line(colour: QColor) -> QPen:
    """Return a pen for lines that are one device pixel wide, whatever the display scale."""
    pen = QPen(colour, 0)
    pen.setCosmetic(True)
    return pen


def draw_line_below(painter: QPainter, box: QRect, colour: QColor) -> None:
    """Draw a thin line along the lower edge of a rectangle, over its whole width."""
    y = box.bottom() + 0.5
    painter.setPen(hair_line(colour))
    painter.drawLine(QPointF(box.left(), y), QPointF(box.right() + 1, y))


def paint_pane(pane: QWidget, theme: Theme, edge: Literal["leading", "upper"] | None = "leading") -> None:
    """Fill a pane with its background colour, and draw a line along one edge: the leading one (left, in Arabic right)
    or the upper one; None: no line."""
    painter = QPainter(pane)
    painter.fillRect(pane.rect(), theme.tokens.surface)
    painter.setPen(hair_line(theme.tokens.line))
    if edge == "leading":
        x = pane.width() - 1 if pane.layoutDirection() == Qt.LayoutDirection.RightToLeft else 0
        painter.drawLine(x, 0, x, pane.height())
    elif edge == "upper":
        painter.drawLine(0, 0, pane.width(), 0)


def draw_hatch(painter: QPainter, box: QRectF, apart: int = WIDE_HATCH, origin: float = 0.0) -> None:
    """Fill `box` with diagonal lines in the painter's pen, `apart` dip from each other.

    One of the lines begins at the x coordinate `origin` on the lower edge. By default it does not depend on the box, so
    the lines stand still while the box moves.
    """
    painter.save()
    painter.setClipRect(box, Qt.ClipOperation.IntersectClip)
    height = math.ceil(box.height())
    first = math.floor((box.left() - height - origin) / apart)
    for index in range(first, math.ceil((box.right() - origin) / apart)):
        foot = origin + index * apart
        painter.drawLine(QPointF(foot, box.bottom()), QPointF(foot + height, box.top()))
    painter.restore()


def draw_ring(painter: QPainter, theme: Theme, box: QRectF, radius: float) -> None:
    """Draw the focus ring just inside `box`."""
    inset = RING / 2
    painter.setPen(QPen(theme.tokens.focus, RING))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawRoundedRect(box.adjusted(inset, inset, -inset, -inset), radius, radius)


def text_painter(widget: QWidget) -> QPainter:
    """Return a painter that takes the direction of each text from its letters, so that `12.4 MB/s` is not reordered in
    a right-to-left layout."""
    painter = QPainter(widget)
    painter.setLayoutDirection(Qt.LayoutDirection.LayoutDirectionAuto)
    return painter


def aligned(widget: QWidget, alignment: Qt.AlignmentFlag) -> Qt.AlignmentFlag:
    """Return the alignment with left and right swapped if the widget's layout is right-to-left.

    `QStyle.visualAlignment` does the same, but importing the enums of QStyle takes 6 ms at each start.
    """
    flag = Qt.AlignmentFlag
    sides = flag.AlignLeft | flag.AlignRight
    if not alignment & flag.AlignHorizontal_Mask:
        alignment |= flag.AlignLeft
    if alignment & sides and not alignment & flag.AlignAbsolute:
        if widget.layoutDirection() == Qt.LayoutDirection.RightToLeft:
            alignment ^= sides
        alignment |= flag.AlignAbsolute
    return alignment
