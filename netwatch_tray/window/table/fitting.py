"""Decides which columns of a table fit its width, and how wide each becomes. Without Qt."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from netwatch_tray.window.table.column import Column


class Room(NamedTuple):
    """Widths of a column's content in dip: the least one, and the usual one."""

    least: int
    """Width to which the column may shrink."""
    wanted: int


def fitted(columns: Mapping[int, Column[Any]], room_of: Callable[[Column[Any]], Room], width: int) -> dict[int, int]:
    """Return the widths in dip of the columns that fit, by number of the column.

    Columns are hidden in their `drop_order` until the rest fits `width`. The remaining width is shared between those
    that stretch. `columns`: by number. `room_of`: returns the width of a column's content. `width`: of the table
    without the margins of the page, which the first and the last column have in addition.
    """
    rooms = {index: room_of(column) for index, column in columns.items()}
    shown = dict(columns)
    droppable = [index for index, column in columns.items() if column.drop_order is not None]
    for index in sorted(droppable, key=lambda index: columns[index].drop_order or 0):
        if sum(rooms[each].least for each in shown) <= width:
            break
        del shown[index]
    widths = {index: rooms[index].least for index in shown}
    for index in shown:
        wish = rooms[index].wanted - rooms[index].least
        widths[index] += min(wish, max(0, width - sum(widths.values())))
    left_over = max(0, width - sum(widths.values()))
    stretch = sum(column.stretch for column in shown.values())
    for index, column in shown.items():
        share = left_over * column.stretch // stretch if stretch else 0
        widths[index] += share
        left_over -= share
        stretch -= column.stretch
    return widths
