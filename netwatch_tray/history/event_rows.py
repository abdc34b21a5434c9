"""Reads and writes the table of events: one row for each event, which is replaced when the event changes."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable
from typing import Any

import msgspec

from netwatch_tray.event import Event, EventKind, Severity, packed, unpacked
from netwatch_tray.history.rows import Rows, Types, is_moment
from netwatch_tray.history.usage import LATEST

KEPT_S = 90 * 86400
"""Seconds for which an event is kept after its last finding."""
MOST = 5000
"""Most events that are kept; those with the oldest last finding are dropped first."""

_COLUMNS = "id, first, last, kind, severity, count, muted, seen, key, app, app_name, host, pid, evidence"
_NUMBER = (int, float)
_TEXT = (str, type(None))
TYPES: Types = (int, _NUMBER, _NUMBER, int, int, int, int, int, str, _TEXT, _TEXT, _TEXT, (int, type(None)), bytes)
_INSERT = f"INTO event ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"


def write(connection: sqlite3.Connection, events: Iterable[Event]) -> None:
    """Insert events. One whose ID exists already replaces the stored event. Raise sqlite3.Error."""
    connection.executemany(
        f"INSERT OR REPLACE {_INSERT}",
        [
            (
                each.id, each.first, each.last, int(each.kind), int(each.severity), each.count, int(each.is_muted),
                int(each.is_seen), each.key, each.app, each.app_name, each.host, each.pid, packed(each.evidence),
            )
            for each in events
        ],
    )  # fmt: skip


def insert(connection: sqlite3.Connection, row: tuple[Any, ...]) -> None:
    """Insert a row of the table, as read from another history file, unless its ID exists. Raise sqlite3.Error."""
    connection.execute(f"INSERT OR IGNORE {_INSERT}", row)


def mark_seen(connection: sqlite3.Connection, ids: Iterable[int] | None) -> None:
    """Mark the events with these IDs as seen by the user, or all if `ids` is None. Raise sqlite3.Error."""
    if ids is None:
        connection.execute("UPDATE event SET seen = 1 WHERE seen = 0")
    else:
        connection.executemany("UPDATE event SET seen = 1 WHERE id = ?", [(each,) for each in ids])


def drop(connection: sqlite3.Connection, now: float) -> None:
    """Delete events older than `KEPT_S` and beyond `MOST`. `now`: Unix time. Raise sqlite3.Error."""
    connection.execute("DELETE FROM event WHERE last < ?", (now - KEPT_S,))
    connection.execute(
        "DELETE FROM event WHERE id IN (SELECT id FROM event ORDER BY last DESC LIMIT -1 OFFSET ?)", (MOST,)
    )


def select(
    rows: Rows, start: float, end: float, kinds: Collection[EventKind] | None = None, most: int = MOST
) -> list[Event]:
    """Return the newest `most` events whose last finding is between two Unix times, oldest first.

    `kinds`: only events of these kinds; None: of all kinds. Raise HistoryError.
    """
    codes = [int(kind) for kind in EventKind if kinds is None or kind in kinds]
    found = rows.typed(
        "events",
        TYPES,
        f"SELECT {_COLUMNS} FROM event WHERE last >= ? AND last < ? "  # noqa: S608  our own names
        f"AND kind IN ({', '.join(map(str, codes))}) ORDER BY last DESC, id DESC LIMIT ?",
        max(start, 0),
        min(end, LATEST),
        most,
    )
    events = [event for row in found if (event := _event(rows, row)) is not None]
    return events[::-1]


def _event(rows: Rows, row: tuple) -> Event | None:  # type: ignore[type-arg]  # columns as queried
    number, first, last, kind, severity, count, muted, seen, key, app, app_name, host, pid, data = row
    try:
        evidence = unpacked(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        rows.report(f"event {number} ({error})")
        return None
    if int(evidence.kind) != kind or not is_moment(first) or not is_moment(last) or count < 1:
        rows.report(f"event {number} (its columns contradict each other)")
        return None
    return Event(
        id=number, first=first, last=last, count=count, severity=Severity(severity), key=key, evidence=evidence,
        app=app, app_name=app_name, host=host, pid=pid, is_muted=bool(muted), is_seen=bool(seen),
    )  # fmt: skip
