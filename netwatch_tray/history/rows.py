"""Reads the history row by row. A damaged row is left out, counted and logged once; all other rows are returned."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import TypeVar, cast

from netwatch_tray.collect.odd_rows import LeftOut
from netwatch_tray.errors import Message, message
from netwatch_tray.history.codes import SERIES_KINDS
from netwatch_tray.history.packing import (
    Columns,
    CorruptRowError,
    Fine,
    Ledger,
    MinuteValues,
    TickBytes,
    Value,
    mended,
    start_of,
    tens_of,
    unpack_columns,
    unpack_fine,
    unpack_ledger,
    unpack_line,
    unpack_minute,
)
from netwatch_tray.history.schema import explained
from netwatch_tray.history.usage import LATEST

_KINDS = {code: kind for kind, code in SERIES_KINDS.items()}

Unpacked = TypeVar("Unpacked")
Types = tuple[type | tuple[type, ...], ...]

_MOST_LOGGED = 50
"""Most damaged rows that are logged. Further ones are only counted."""
_MOST_REMEMBERED = 1000


class Rows:
    """Runs queries and decodes blobs (`packing`) on one connection. Not thread-safe."""

    def __init__(self, connection: sqlite3.Connection, file: Path) -> None:
        self._connection = connection
        self._file = file
        self._reported: set[str] = set()
        self._left_out = LeftOut("Part of the history is damaged, everything else is kept", _MOST_LOGGED)

    @property
    def lost(self) -> int:
        """Return how many damaged rows and values were left out or set to 0 since this object was created."""
        return self._left_out.count

    @property
    def note(self) -> Message | None:
        """Return a message for the user about damaged rows, or `None` if there were none."""
        if not self.lost:
            return None
        return message(
            "Damaged values in the history, left out or set to 0: {count}, first: {first}. Everything else is kept, "
            "and totals are what the interfaces counted.",
            count=self.lost,
            first=self._left_out.first,
        )

    def report(self, what: str) -> None:
        """Count and log a damaged row, described by `what`. The same text is counted once."""
        if what in self._reported:
            return
        if len(self._reported) < _MOST_REMEMBERED:
            self._reported.add(what)
        self._left_out.add(what)

    def refuse(self, series: int | None, when: object, how: str) -> None:
        """Count and log a damaged value of a series. `series`: its ID; None: unknown. `when`: Unix time, or day as
        text. `how`: what was done with the value."""
        self.report(f"{self._name(series)}, {moment(when)} ({how})")

    def mended(self, values: Mapping[int, Value] | bytes, when: object, most: int = 1 << 62) -> dict[int, Value]:
        """Return the usable values of a damaged minute or ledger, and report the others; see `packing.mended`.

        `when`: Unix time or day of the row, for the log. Raise CorruptRowError if nothing is usable.
        """
        found, faulty = mended(values, most)
        for series in faulty:
            self.refuse(series, when, "below 0, counts as 0" if series in found else "left out")
        return found

    def minute(self, at: object, data: object) -> MinuteValues:
        """Decode the values of a minute. Damaged ones are left out and reported. `at`: Unix time of the minute."""
        return self._table(unpack_minute, at, data, 1 << 62)

    def ledger(self, day: object, data: object) -> Ledger:
        """Decode the ledger of a day. Damaged values are left out and reported."""
        return self._table(unpack_ledger, day, data, (1 << 63) - 1)

    def fine(self, at: object, data: object) -> Fine | None:
        return self._whole(unpack_fine, f"the seconds of {moment(at)}", data)

    def tens(self, at: int, data: object, wanted: Collection[int] | None = None) -> Iterator[tuple[int, int, Value]]:
        """Decode the ticks of the minute at Unix time `at`, and yield values of ten seconds as `packing.tens_of` does.
        Series that cannot be decoded are left out and reported."""
        fine = self.fine(at, data)
        if fine is not None:
            yield from tens_of(fine, wanted, lambda series: self.refuse(series, at, "its seconds are left out"))

    def line(self, at: object, fine: Fine, series: int) -> TickBytes | None:
        """Return the bytes of a series in each tick of the minute, or `None` if it is not in this minute. One that
        cannot be decoded is reported and `None`, too."""
        try:
            return unpack_line(fine, series)
        except CorruptRowError:
            self.refuse(series, at, "its seconds are left out")
            return None

    def columns(self, chunk: int, data: object) -> Columns | None:
        try:
            tier, at = start_of(chunk)
            return unpack_columns(cast("bytes", data), tier)
        except (CorruptRowError, TypeError, IndexError) as error:
            at = start_of(chunk)[1] if 0 <= chunk >> 60 <= 2 else chunk
            self.refuse(chunk & 0xFFFF_FFFF, at, str(error))
            return None

    def query(self, query: str, *values: object) -> list[tuple]:  # type: ignore[type-arg]  # columns as queried
        """Return the rows of a query with these parameters. Raise HistoryError."""
        with explained(self._file):
            return self._connection.execute(query, values).fetchall()

    def one(self, query: str, *values: object) -> tuple:  # type: ignore[type-arg]  # columns as queried
        """Return the row of a query that always has one. Raise HistoryError."""
        (row,) = self.query(query, *values)
        return row

    def typed(self, what: str, types: Types, query: str, *values: object) -> list[tuple]:  # type: ignore[type-arg]  # columns as queried
        """Return the rows of a query whose columns have these types. Others are left out and reported as `what`,
        because SQLite may return any type from a damaged row.

        Raise HistoryError.
        """
        rows = []
        for row in self.query(query, *values):
            if all(map(isinstance, row, types)):
                rows.append(row)
            else:
                self.report(f"a row of {what} ({', '.join(map(repr, row))[:80]})")
        return rows

    def _table(self, unpack: Callable[[bytes], MinuteValues], when: object, data: object, most: int) -> MinuteValues:
        if not isinstance(data, bytes):
            self.report(f"the row of {moment(when)}")
            return {}
        try:
            return unpack(data)
        except CorruptRowError:
            try:
                return self.mended(data, when, most)
            except CorruptRowError as error:
                self.report(f"the row of {moment(when)} ({error})")
                return {}

    def _whole(self, unpack: Callable[[bytes], Unpacked], what: str, data: object) -> Unpacked | None:
        try:
            return unpack(cast("bytes", data))
        except CorruptRowError as error:
            self.report(f"{what} ({error})")
            return None

    def _name(self, series: int | None) -> str:
        row = None
        if series is not None:
            row = self._connection.execute("SELECT kind, name FROM series WHERE id = ?", (series,)).fetchone()
        if row is None:
            return "something unnamed"
        kind, name = row
        return name if kind == SERIES_KINDS["total"] else f"{_KINDS.get(kind, 'lost')} {name}"


def moment(at: object) -> str:
    """Format a Unix time as local time without seconds. Anything else, such as a day, is returned as text."""
    if isinstance(at, int | float):
        try:
            return f"{datetime.fromtimestamp(at):%Y-%m-%d %H:%M}"  # noqa: DTZ006  the user's own time
        except (ValueError, OverflowError, OSError):
            pass
    return str(at)[:40]


def is_moment(at: object) -> bool:
    """Return whether a value is a Unix time in a year from 1970 to 9999, which can be formatted."""
    return isinstance(at, int | float) and 0 <= at <= LATEST
