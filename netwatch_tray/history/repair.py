"""Sets negative amounts in a history file to 0, once. Version 1 of the format stored them and then refused to read
them."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from contextlib import suppress

from netwatch_tray.history.packing import (
    CorruptRowError,
    Value,
    pack_ledger,
    pack_minute,
    unpack_ledger,
    unpack_minute,
)
from netwatch_tray.history.rows import Rows

_DONE = "amounts below 0"
"""The row in the table `once` that marks a file as repaired."""


def is_repaired(connection: sqlite3.Connection) -> bool:
    """Return whether this history file was repaired already. Raise sqlite3.Error."""
    return connection.execute("SELECT 1 FROM once WHERE what = ?", (_DONE,)).fetchone() is not None


def repair(connection: sqlite3.Connection, rows: Rows) -> None:
    """Set negative amounts to 0 and mark the file as repaired. The caller begins and commits the transaction. Raise
    sqlite3.Error."""
    for row, at, data in connection.execute("SELECT id, start, minute FROM recent").fetchall():
        with suppress(CorruptRowError):
            if (values := _repaired(rows, data, at, unpack_minute)) is not None:
                connection.execute("UPDATE recent SET minute = ? WHERE id = ?", (pack_minute(values), row))
    for row, day, data in connection.execute("SELECT rowid, day, data FROM usage").fetchall():
        with suppress(CorruptRowError):
            if (values := _repaired(rows, data, day, unpack_ledger)) is not None:
                connection.execute("UPDATE usage SET data = ? WHERE rowid = ?", (pack_ledger(values), row))
    connection.execute("INSERT INTO once VALUES (?, ?)", (_DONE, time.time()))


def _repaired(
    rows: Rows, data: object, when: object, unpack: Callable[[bytes], dict[int, Value]]
) -> dict[int, Value] | None:
    """Return the usable values of a damaged row, or `None` if it is not damaged. Raise CorruptRowError if nothing is
    usable. `when`: time of the row, for the log."""
    if not isinstance(data, bytes):
        raise CorruptRowError("no bytes")
    try:
        unpack(data)
    except CorruptRowError:
        return rows.mended(data, when)
    return None
