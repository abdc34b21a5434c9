"""What the user may do with the history: delete days, back up, restore, and merge the history of another machine.

Each change is one transaction of SQLite, so a full disk or a killed process leaves the file as it was. It is safe while
the agent records: before its next transaction the agent notices that another program wrote, and drops its caches.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import date, timedelta
from hashlib import blake2b
from pathlib import Path

from netwatch_tray.errors import HistoryError, Message
from netwatch_tray.history import salvage, schema
from netwatch_tray.history.codes import SERIES_KINDS
from netwatch_tray.history.packing import (
    SPAN,
    CorruptRowError,
    chunk_id,
    pack_columns,
    start_of,
    unpack_columns,
    unpack_ledger,
    unpack_minute,
)
from netwatch_tray.history.schema import explained
from netwatch_tray.history.usage import midnight, midnight_after, period_of

_TABLES = (
    "recent", "chunk", "usage", "imported", "gap_bytes", "gap", "uplinks", "alert", "event", "once", "series",
    "network_name", "network",
)  # fmt: skip
"""All tables but `state`. That one has the last values of the counters; if it were deleted, the agent would count bytes
twice."""
_SERIES_MASK = 0xFFFF_FFFF
_WAIT_S = 60
"""Seconds to wait until a transaction of the agent ends."""


def delete_days(file: Path, first: date, last: date) -> int:
    """Delete everything that was recorded or imported for the local days from `first` to `last`. Return how many of
    them had data.

    Raise NoHistoryYetError if there is no file, and HistoryError if it cannot be changed.
    """
    start, end = int(midnight(first)), int(midnight_after(last))
    with _changing(file) as connection:
        span = first.isoformat(), last.isoformat()
        days = {day for (day,) in connection.execute("SELECT day FROM usage WHERE day BETWEEN ? AND ?", span)}
        connection.execute("DELETE FROM usage WHERE day BETWEEN ? AND ?", span)
        connection.execute("DELETE FROM recent WHERE start >= ? AND start < ?", (start, end))
        _clear_chunks(connection, start, end)
        days |= _delete_imports(connection, first, last)
        connection.execute(
            "DELETE FROM gap_bytes WHERE gap IN (SELECT id FROM gap WHERE finish >= ? AND finish < ?)", (start, end)
        )
        connection.execute("DELETE FROM gap WHERE start >= ? AND finish < ?", (start, end))
        connection.execute(
            "DELETE FROM uplinks WHERE at >= ? AND at < ? AND at < (SELECT max(at) FROM uplinks)", (start, end)
        )
        connection.execute("DELETE FROM event WHERE last >= ? AND last < ?", (start, end))
        _delete_unused_names(connection)
    return len(days)


def delete_network_names(file: Path) -> int:
    """Delete the names of all networks, but not their amounts. Return how many names there were.

    Raise NoHistoryYetError if there is no file, and HistoryError if it cannot be changed.
    """
    with _changing(file) as connection:
        return connection.execute("DELETE FROM network_name").rowcount


def back_up(file: Path, target: Path) -> int:
    """Write a copy of the history to `target`, even while the agent records. Return its size in bytes.

    `target` replaces an existing file, and only when it is complete. Raise NoHistoryYetError if there is no
    history, and HistoryError if it cannot be read or the copy cannot be written.
    """
    beside = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with closing(schema.open_for_reading(file)) as connection, explained(file):
            try:
                if target.exists() and not target.is_file():  # root could replace a device, such as /dev/stdout
                    raise HistoryError("The backup {file} cannot be written: it is no regular file.", file=target)
                os.close(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
                connection.execute("VACUUM INTO ?", (str(beside),))
                descriptor = os.open(beside, os.O_RDONLY)
                try:
                    os.fsync(descriptor)
                finally:
                    os.close(descriptor)
                beside.replace(target)
            except OSError as error:
                raise HistoryError(
                    "The backup {file} cannot be written: {reason}.", file=target, reason=error
                ) from error
    finally:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)
    return target.stat().st_size


def restore(file: Path, source: Path) -> Message:
    """Replace the history by a backup of any format version. Return a message about what was restored. Raise
    HistoryError if the backup cannot be read or the history cannot be replaced."""
    with _readable_copy(source) as copy, _changing(file, may_create=True) as connection:
        for table in _TABLES:
            connection.execute(f"DELETE FROM {table}")  # noqa: S608  our own names
        return salvage.merge(connection, copy)


def merge(file: Path, source: Path) -> Message:
    """Add the history of another machine. Return a message about what was added.

    Raise HistoryError if a file cannot be read or changed, and if this history already has days of the other one: they
    would count twice.
    """
    with _readable_copy(source) as copy, _changing(file, may_create=True) as connection:
        with closing(schema.open_for_reading(copy)) as other:
            marks = _marks(other)
        known = {mark for (mark,) in connection.execute("SELECT what FROM once WHERE what LIKE 'merged %'")}
        if marks & (known | _marks(connection)):
            raise HistoryError(
                "Days of {file} are in this history already, so nothing was merged: they would count twice. To go back "
                "to a backup, restore it.",
                file=source,
            )
        has_state = connection.execute("SELECT 1 FROM state").fetchone() is not None
        done = salvage.merge(connection, copy)
        if not has_state:  # the state of the other machine has its counters
            connection.execute("DELETE FROM state")
        now = time.time()
        connection.executemany("INSERT OR IGNORE INTO once VALUES (?, ?)", [(mark, now) for mark in sorted(marks)])
        return done


@contextmanager
def _changing(file: Path, *, may_create: bool = False) -> Iterator[sqlite3.Connection]:
    """Run the block in one transaction. What it deletes is overwritten with zeros in the file.

    `may_create`: create the history if there is none; otherwise raise NoHistoryYetError.
    """
    if not may_create:
        schema.open_for_reading(file).close()  # raises NoHistoryYetError instead of creating a file
    with closing(schema.open_for_writing(file)) as connection, explained(file):
        connection.execute(f"PRAGMA busy_timeout = {1000 * _WAIT_S}")
        connection.execute("PRAGMA secure_delete = ON")
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
            connection.execute("COMMIT")
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        with contextlib.suppress(sqlite3.Error):  # a transaction of the agent; its next checkpoint will do it
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


@contextmanager
def _readable_copy(source: Path) -> Iterator[Path]:
    """Copy a history file, migrate the copy to the current format version, and yield its path; `source` is only read.

    Raise HistoryError. If the block raises one that names the copy, the name is replaced by that of `source`.
    """
    with tempfile.TemporaryDirectory(prefix="netwatch-tray-") as directory:
        copy = Path(directory) / source.name
        try:
            for suffix in ("", "-wal"):
                part = source.with_name(source.name + suffix)
                if not suffix or part.exists():
                    shutil.copyfile(part, copy.with_name(copy.name + suffix))
        except OSError as error:
            raise HistoryError("{file} cannot be read: {reason}.", file=source, reason=error) from error
        if copy.stat().st_size == 0:
            raise HistoryError("{file} is empty: it is no history.", file=source)
        try:
            with closing(schema.open_for_writing(copy)) as connection, explained(copy):
                schema.verify(connection, copy)
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            yield copy
        except HistoryError as error:
            raise HistoryError(_about(error.message, copy, source)) from error


def _about(said: Message, copy: Path, source: Path) -> Message:
    """Return the message with the path of the copy replaced by the path of the file that the user chose."""
    values = {
        name: value.replace(str(copy), str(source)) if isinstance(value, str) else value
        for name, value in said.values.items()
    }
    return Message(said.template, values)


def _clear_chunks(connection: sqlite3.Connection, start: int, end: int) -> None:
    """Delete all values between two Unix times from the chunks (rows with values of an hour or more, see `packing`)."""
    for tier, span in SPAN.items():
        low, high = chunk_id(tier, max(0, start - span)), chunk_id(tier, end, _SERIES_MASK)
        rows = connection.execute("SELECT id FROM chunk WHERE id >= ? AND id <= ?", (low, high)).fetchall()
        for (number,) in rows:
            found, at = start_of(number)
            if found != tier or at >= end or at + span <= start:
                continue
            if start <= at and at + span <= end:
                connection.execute("DELETE FROM chunk WHERE id = ?", (number,))
            else:
                _clear_part(connection, number, tier, (max(0, (start - at) // tier), -(-(end - at) // tier)))


def _clear_part(connection: sqlite3.Connection, number: int, tier: int, places: tuple[int, int]) -> None:
    """Delete some values of a chunk. If the chunk cannot be read, delete all of it. `number`: its ID. `places`: index
    of the first value to delete, and of the first one after them."""
    (data,) = connection.execute("SELECT data FROM chunk WHERE id = ?", (number,)).fetchone()
    with contextlib.suppress(CorruptRowError, TypeError):
        columns = unpack_columns(data, tier)
        part = slice(places[0], min(places[1], len(columns.covered)))
        nothing = [0] * len(columns.covered[part])
        for row in (columns.covered, columns.rx, columns.tx, columns.rx_peak, columns.tx_peak):
            row[part] = nothing
        if any(columns.covered) or any(columns.rx) or any(columns.tx):
            connection.execute("UPDATE chunk SET data = ? WHERE id = ?", (pack_columns(columns), number))
            return
    connection.execute("DELETE FROM chunk WHERE id = ?", (number,))


def _delete_imports(connection: sqlite3.Connection, first: date, last: date) -> set[str]:
    """Delete imported days from `first` to `last`, and imported months and years that lie wholly between them. Return
    all these days."""
    deleted: set[str] = set()
    rows = connection.execute("SELECT name, span, first FROM imported").fetchall()
    for name, span, begin in rows:
        with contextlib.suppress(ValueError, TypeError):
            days = period_of(date.fromisoformat(begin), span)
            if first <= days.first and days.last <= last:
                connection.execute(
                    "DELETE FROM imported WHERE name = ? AND span = ? AND first = ?", (name, span, begin)
                )
                deleted |= {(days.first + timedelta(place)).isoformat() for place in range(days.length)}
    return deleted


def _delete_unused_names(connection: sqlite3.Connection) -> None:
    """Delete the names of interfaces, apps and networks that have no data any more."""
    used = {number & _SERIES_MASK for (number,) in connection.execute("SELECT id FROM chunk")}
    for (data,) in connection.execute("SELECT data FROM usage"):
        with contextlib.suppress(CorruptRowError, TypeError):
            used |= unpack_ledger(data).keys()
    for (data,) in connection.execute("SELECT minute FROM recent"):
        with contextlib.suppress(CorruptRowError, TypeError):
            used |= unpack_minute(data).keys()
    used |= {series for (series,) in connection.execute("SELECT series FROM gap_bytes")}
    known = {number for (number,) in connection.execute("SELECT id FROM series")}
    unused = [(number,) for number in sorted(known - used)]
    connection.executemany("DELETE FROM gap WHERE series = ?", unused)
    connection.executemany("DELETE FROM series WHERE id = ?", unused)
    connection.execute("DELETE FROM network WHERE id NOT IN (SELECT network FROM usage)")
    connection.execute("DELETE FROM network_name WHERE network NOT IN (SELECT id FROM network)")


def _marks(connection: sqlite3.Connection) -> set[str]:
    """Return a hash of day, network and bytes for each day and network with traffic. If two histories have a hash in
    common, both contain the same recorded day."""
    total = connection.execute("SELECT id FROM series WHERE kind = ?", (SERIES_KINDS["total"],)).fetchone()
    found: set[str] = set()
    if total is None:
        return found
    rows = connection.execute("SELECT day, key, data FROM usage JOIN network ON network.id = network").fetchall()
    for day, key, data in rows:
        with contextlib.suppress(CorruptRowError, TypeError):
            entry = unpack_ledger(data).get(total[0])
            if entry is not None and entry[0] + entry[1]:
                content = f"{day} {key} {entry}".encode(errors="backslashreplace")
                found.add(f"merged {blake2b(content, digest_size=12).hexdigest()}")
    return found
