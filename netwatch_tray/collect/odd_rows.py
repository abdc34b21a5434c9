"""Handles rows of kernel files and tool output that cannot be parsed: each is left out and counted, and the first of
each source is logged."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import TypeVar

from netwatch_tray.errors import Message, ParseError, message

_log = logging.getLogger(__name__)

_SHOWN = 80
"""Characters of a row that are logged."""

_Row = TypeVar("_Row")
_Value = TypeVar("_Value")


class LeftOut:
    """Counts rows that cannot be parsed, and logs the first `most_logged` of them."""

    def __init__(self, message: str, most_logged: int = 1) -> None:
        """`message`: text before the row in the log."""
        self._message = message
        self._most_logged = most_logged
        self.count = 0
        self.first = ""

    def add(self, row: str) -> None:
        self.count += 1
        self.first = self.first or row
        if self.count <= self._most_logged:
            _log.warning("%s: %s.", self._message, row)


_left_out: dict[str, LeftOut] = {}
"""Rows that were left out, by the name of their source."""


def parsed(source: str, rows: Iterable[_Row], parse: Callable[[_Row], _Value]) -> list[_Value]:
    """Call `parse` for each row that is not empty, and return the results. A row that `parse` rejects is left out and
    counted.

    `parse` rejects a row by ParseError, ValueError, IndexError or OverflowError. If it rejects every row, the format
    must have changed: raise ParseError.
    """
    values: list[_Value] = []
    refused: list[_Row] = []
    for row in rows:
        if not row:
            continue
        try:
            values.append(parse(row))
        except (ParseError, ValueError, IndexError, OverflowError):
            refused.append(row)
    if refused and not values:
        raise ParseError(f"The rows of {source} are not understood; the first one is {_shown(refused[0])}.")
    for row in refused:
        leave_out(source, row)
    return values


def leave_out(source: str, row: object) -> None:
    """Count a row that cannot be parsed, and log it if it is the first of its source."""
    if source not in _left_out:
        _left_out[source] = LeftOut(f"A row of {source} is not understood and left out, as all like it will be")
    _left_out[source].add(_shown(row))


def counts() -> dict[str, int]:
    """Return how many rows were left out since the program started, by source."""
    return {source: found.count for source, found in _left_out.items()}


def clear() -> None:
    """Reset the counts; used by tests."""
    _left_out.clear()


def faults() -> tuple[Message, ...]:
    """Return a sentence for the user about each source with rows that were left out."""
    return tuple(
        message("Rows of {source} that cannot be read: {count}. They were left out.", source=source, count=count)
        for source, count in counts().items()
    )


def _shown(row: object) -> str:
    return repr(row)[:_SHOWN]
