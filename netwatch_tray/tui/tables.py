"""Columns that fit a width. The least important ones are left out first, then long texts are cut."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

GAP = 2
"""Cells between columns."""


class Width(NamedTuple):
    """The width that a column needs."""

    full: int
    """Cells of its longest text."""
    least: int
    """Width in cells to which the texts may be cut. Equal to `full` for a column whose texts must not be cut, such as
    numbers."""
    rank: int
    """The column with the highest rank is left out first; one with rank 0 always stays."""


def fit(columns: Sequence[Width], width: int) -> list[int | None]:
    """Return the width of each column in cells so that all fit `width`, or None for a column that is left out."""
    shown = set(range(len(columns)))

    def least() -> int:
        return sum(min(columns[each].least, columns[each].full) + GAP for each in shown) - GAP

    for each in sorted(shown, key=lambda each: -columns[each].rank):
        if least() <= width or not columns[each].rank:
            break
        shown.discard(each)
    left = width - least()
    found: list[int | None] = []
    for number, column in enumerate(columns):
        if number not in shown:
            found.append(None)
            continue
        cells = min(column.least, column.full)
        more = max(0, min(left, column.full - cells))
        left -= more
        found.append(cells + more)
    return found
