"""Rows of the history file, one by one: a row that cannot be read is left out, counted and reported once.

Everything around such a row stays in each sum and each curve.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import TypeVar, cast

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

_log = logging.getLogger(__name__)

_KINDS = {code: kind for kind, code in SERIES_KINDS.items()}

Unpacked = TypeVar("Unpacked")
Types = tuple[type | tuple[type, ...], ...]

_MOST_LOGGED = 50
"""A file with more damaged rows than this gets no longer log, only a higher count."""
_MOST_REMEMBERED = 1000


class Rows:
    """Belongs to one connection, as `sqlite3` connections do to one thread at a time."""

    def __init__(self, connection: sqlite3.Connection, file: Path) -> None:
        self._connection = connection
        self._file = file
        self._reported: set[str] = set()
        self._first = ""
        self.lost = 0
        """Rows and values left out or mended since the start."""

    @property
    def note(self) -> str | None:
        """For the user; `None`: every row was sound."""
        if not self.lost:
            return None
        return (
            f"{self.lost} damaged {'value' if self.lost == 1 else 'values'} in the history "
            f"{'was' if self.lost == 1 else 'were'} left out or set to 0, first: {self._first}. Everything else is "
            "kept, and totals are what the interfaces counted."
        )

    def report(self, what: str) -> None:
        """Count and log one row, once."""
        if what in self._reported:
            return
        self.lost += 1
        self._first = self._first or what
        if len(self._reported) < _MOST_REMEMBERED:
            self._reported.add(what)
        if self.lost <= _MOST_LOGGED:
            _log.warning("Part of the history is damaged: %s. Everything else is kept.", what)

    def refuse(self, series: int | None, when: object, how: str) -> None:
        """Report a value by the name of its series and its time."""
        self.report(f"{self._name(series)}, {moment(when)} ({how})")

    def mended(self, values: Mapping[int, Value] | bytes, when: object, most: int = 1 << 62) -> dict[int, Value]:
        """Return what can be kept of values that were refused, and report the others; see packing.mended.

        Raise CorruptRowError where nothing can be read.
        """
        found, faulty = mended(values, most)
        for series in faulty:
            self.refuse(series, when, "below 0, counts as 0" if series in found else "left out")
        return found

    def minute(self, at: object, data: object) -> MinuteValues:
        """What can be read of a minute; nothing of it: empty."""
        return self._table(unpack_minute, at, data, 1 << 62)

    def ledger(self, day: object, data: object) -> Ledger:
        """What can be read of a day's ledger; nothing of it: empty."""
        return self._table(unpack_ledger, day, data, (1 << 63) - 1)

    def fine(self, at: object, data: object) -> Fine | None:
        return self._whole(unpack_fine, f"the seconds of {moment(at)}", data)

    def tens(self, at: int, data: object, wanted: Collection[int] | None = None) -> Iterator[tuple[int, int, Value]]:
        """See packing.tens_of."""
        fine = self.fine(at, data)
        if fine is not None:
            yield from tens_of(fine, wanted, lambda series: self.refuse(series, at, "its seconds are left out"))

    def line(self, at: object, fine: Fine, series: int) -> TickBytes | None:
        """See packing.unpack_line."""
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
        """Raise HistoryError."""
        with explained(self._file):
            return self._connection.execute(query, values).fetchall()

    def one(self, query: str, *values: object) -> tuple:  # type: ignore[type-arg]  # columns as queried
        """Return the row of a query that always has one. Raise HistoryError."""
        (row,) = self.query(query, *values)
        return row

    def typed(self, what: str, types: Types, query: str, *values: object) -> list[tuple]:  # type: ignore[type-arg]  # columns as queried
        """Return the rows whose columns have these types: SQLite itself takes any bytes for a row.

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
    """A Unix time as the local time to the minute; a day as it is written; anything else as it is."""
    if isinstance(at, int | float):
        try:
            return f"{datetime.fromtimestamp(at):%Y-%m-%d %H:%M}"  # noqa: DTZ006  the user's own time
        except (ValueError, OverflowError, OSError):
            pass
    return str(at)[:40]


def is_moment(at: object) -> bool:
    """Whether it is a Unix time that can be shown."""
    return isinstance(at, int | float) and 0 <= at <= LATEST
