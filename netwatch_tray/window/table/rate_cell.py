"""Draws rates and amounts in table cells: numbers and units of all rows are aligned, and a bar compares the values."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QColor

from netwatch_tray import units
from netwatch_tray.units import Quantity, Units
from netwatch_tray.window.table.column import Cell, Column
from netwatch_tray.window.table.sorted_rows import Record
from netwatch_tray.window.widgets.formatting import rate_units, size_units
from netwatch_tray.window.widgets.theme import faded

_LEFT, _RIGHT = Qt.AlignmentFlag.AlignLeft, Qt.AlignmentFlag.AlignRight
_BAR = 2
_BAR_OPACITY = 0.75
_BEFORE_UNIT = 4
_WIDEST_NUMBER = "0000"


def rate_column(
    column_id: str,
    title: str,
    rate: Callable[[Record], float | None],
    shown_in: Callable[[], Units],
    *,
    strong: bool = True,
    draw: Callable[[Cell, Record], None] | None = None,
    order: Callable[[Record], Any] | None = None,
    tooltip: Callable[[Record], str | None] | None = None,
    stretch: int = 0,
    drop_order: int | None = None,
) -> Column[Record]:
    """Return a column of rates. `rate`: returns the rate of a record in bytes/s, None if unknown. `strong`: emphasize
    the numbers. `draw`: replaces `draw_rate`. The other arguments are those of `Column`."""
    return Column(
        id=column_id,
        title=title,
        text=lambda record: str(units.rate(rate(record), shown_in())),
        order=order,
        draw=draw or (lambda cell, record: draw_rate(cell, rate(record), shown_in(), strong=strong)),
        tooltip=tooltip,
        widest="0000 Mbit/s",
        stretch=stretch,
        numeric=True,
        drop_order=drop_order,
    )


def draw_rate(cell: Cell, rate: float | None, shown_in: Units, *, strong: bool = True) -> None:
    """Draw a rate in bytes/s; None: unknown. Zero and unknown are drawn faint, and without a unit to align."""
    _draw(cell, units.rate(rate, shown_in), rate_units(shown_in), known=bool(rate), strong=strong)


def draw_size(cell: Cell, count: float | None, shown_in: Units, *, strong: bool = False) -> None:
    """Draw an amount in bytes, as `draw_rate` draws a rate."""
    _draw(cell, units.size(count, shown_in), size_units(shown_in), known=bool(count), strong=strong)


def draw_bar(cell: Cell, value: float, greatest: float, colour: QColor) -> None:
    """Draw a bar along the lower edge of the cell, from its end (right, in Arabic left) on. Its length shows the ratio
    of `value` to `greatest`, and is at least one dip."""
    share = min(1.0, value / greatest) if greatest > 0 else 0.0
    length = max(1, math.floor(cell.width * share))
    x = cell.left if cell.right_to_left else cell.left + cell.width - length
    cell.painter.fillRect(x, cell.top + cell.height - _BAR - 2, length, _BAR, faded(colour, _BAR_OPACITY))


def _draw(cell: Cell, quantity: Quantity, all_units: tuple[str, ...], *, known: bool, strong: bool) -> None:
    """Draw a number, and on its right its unit, even in a right-to-left layout. `all_units`: the units that may occur
    in the column, for the width. `known`: False: draw it faint."""
    tokens, fonts = cell.tokens, cell.theme.fonts
    if not known:
        cell.text(quantity.value, tokens.ink3, align=_RIGHT)
        return
    font = fonts.strong if strong else fonts.base
    unit_width = cell.theme.metrics(fonts.small).widest(all_units)
    left, right = (_RIGHT, _LEFT) if cell.right_to_left else (_LEFT, _RIGHT)
    if cell.right_to_left:
        number_width = math.ceil(cell.theme.metrics(font).width(_WIDEST_NUMBER))
    else:
        number_width = cell.width - unit_width - _BEFORE_UNIT
    number = QRect(cell.left, cell.top, number_width, cell.height)
    cell.text(quantity.value, font=font, box=number, align=right)
    unit = QRect(cell.left + number_width + _BEFORE_UNIT, cell.top + 1, unit_width, cell.height)
    cell.text(quantity.unit, tokens.ink2, fonts.small, box=unit, align=left)
