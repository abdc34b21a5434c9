"""Pens, lines, hatch and focus ring that every widget, table and chart draws alike."""

from __future__ import annotations

import math

from PySide6.QtCore import QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen
from PySide6.QtWidgets import QStyle, QWidget

from netwatch_tray.window.widgets.theme import RING, Theme

_HATCH = 8


def hair_line(colour: QColor) -> QPen:
    """One device pixel wide at every scale."""
    pen = QPen(colour, 0)
    pen.setCosmetic(True)
    return pen


def draw_line_below(painter: QPainter, box: QRect, colour: QColor) -> None:
    """A hair line along the lower edge, without a hole where the next box begins."""
    y = box.bottom() + 0.5
    painter.setPen(hair_line(colour))
    painter.drawLine(QPointF(box.left(), y), QPointF(box.right() + 1, y))


def draw_hatch(painter: QPainter, box: QRectF) -> None:
    """With the painter's pen; for time in which nothing was measured."""
    painter.save()
    painter.setClipRect(box)
    height = math.ceil(box.height())
    # From a fixed origin, so that the lines stand still while the box moves.
    first = math.floor(box.left() / _HATCH) * _HATCH - math.ceil(height / _HATCH) * _HATCH
    for foot in range(first, math.ceil(box.right()), _HATCH):
        painter.drawLine(QPointF(foot, box.bottom()), QPointF(foot + height, box.top()))
    painter.restore()


def draw_ring(painter: QPainter, theme: Theme, box: QRectF, radius: float) -> None:
    """The focus ring, just inside `box`."""
    inset = RING / 2
    painter.setPen(QPen(theme.tokens.focus, RING))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawRoundedRect(box.adjusted(inset, inset, -inset, -inset), radius, radius)


def text_painter(widget: QWidget) -> QPainter:
    """Puts each text in the order of its own letters, so that `12.4 MB/s` is that also where lines run leftwards."""
    painter = QPainter(widget)
    painter.setLayoutDirection(Qt.LayoutDirection.LayoutDirectionAuto)
    return painter


def aligned(widget: QWidget, alignment: Qt.AlignmentFlag) -> Qt.AlignmentFlag:
    """As seen on the screen: where lines run leftwards in this widget, left is right."""
    return QStyle.visualAlignment(widget.layoutDirection(), alignment)
