"""Rates and amounts in table cells: number and unit in columns of their own, and a bar that compares them."""

from __future__ import annotations

import math

from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QColor

from netwatch_tray import units
from netwatch_tray.units import Quantity, Units
from netwatch_tray.window.controls import widest_unit
from netwatch_tray.window.table import Cell
from netwatch_tray.window.theme import faded, text_width

_BAR = 2
_BAR_OPACITY = 0.75


def draw_rate(cell: Cell, rate: float | None, shown_in: Units, *, strong: bool = True) -> None:
    """Zero and unknown stand alone at the edge."""
    _draw(
        cell, units.rate(rate, shown_in), widest_unit(cell.theme.fonts.small, shown_in), known=bool(rate), strong=strong
    )


def draw_size(cell: Cell, count: float | None, shown_in: Units, *, strong: bool = False) -> None:
    """The same for an amount of bytes."""
    step = 1024 if shown_in.binary else 1000
    unit = max(text_width(cell.theme.fonts.small, units.size(step**power, shown_in).unit) for power in range(5))
    _draw(cell, units.size(count, shown_in), unit, known=bool(count), strong=strong)


def draw_bar(cell: Cell, value: float, greatest: float, colour: QColor) -> None:
    """Along the lower edge from the trailing end, as long as `value` is of `greatest`; something is never nothing."""
    share = min(1.0, value / greatest) if greatest > 0 else 0.0
    length = max(1, math.floor(cell.box.width() * share))
    right_to_left = cell.painter.layoutDirection() == Qt.LayoutDirection.RightToLeft
    x = cell.box.left() if right_to_left else cell.box.right() + 1 - length
    cell.painter.fillRect(QRect(x, cell.box.bottom() - _BAR - 1, length, _BAR), faded(colour, _BAR_OPACITY))


def _draw(cell: Cell, quantity: Quantity, unit: int, *, known: bool, strong: bool) -> None:
    tokens, fonts = cell.tokens, cell.theme.fonts
    if not known:
        cell.text(quantity.value, tokens.ink3, align=Qt.AlignmentFlag.AlignRight)
        return
    number = QRect(cell.box)
    number.setRight(cell.box.right() - unit - 4)
    font = fonts.strong if strong else fonts.base
    cell.text(quantity.value, font=font, box=number, align=Qt.AlignmentFlag.AlignRight)
    place = QRect(cell.box.right() + 1 - unit, cell.box.top() + 1, unit, cell.box.height())
    cell.text(quantity.unit, tokens.ink2, fonts.small, box=place)
