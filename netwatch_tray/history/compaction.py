"""Once an hour: packs recorded minutes into chunks, and drops values that are too old or exceed the size limit.

A chunk is one row with the compressed values of a series for an hour or more; see `packing`, also for the tiers."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from functools import partial
from itertools import groupby

from netwatch_tray.history.packing import (
    HOURS,
    MINUTES,
    SPAN,
    TENS,
    Columns,
    CorruptRowError,
    chunk_id,
    pack_columns,
    start_of,
)
from netwatch_tray.history.rows import Rows, is_moment

_FINE_KEPT = 3600 + 60
"""Seconds for which ticks (values of one second) are kept: an hour and a minute, so that an hour is always complete."""
_KEPT = {TENS: 86400 + 3600, MINUTES: 30 * 86400}
"""Seconds for which values are kept, by tier. Values of hours are kept until the file is larger than the user
allows."""
_MOST_DROPPED = 3
"""Most chunks of each series and tier that are dropped at a time. Normally it is one an hour; if the clock is set years
ahead by mistake, the limit keeps most of the data."""
_SHRINK_STEP = 30 * 86400
"""Seconds of the oldest values of hours that are dropped at a time while the file is too large."""


class Compactor:
    """Packs and drops stored values. The caller begins and commits the transaction. Each method may raise
    sqlite3.Error."""

    def __init__(self, connection: sqlite3.Connection, rows: Rows) -> None:
        self._connection = connection
        self._rows = rows

    def pack(self, hour: int) -> None:
        """Add the recorded minutes before the Unix time `hour` to the chunks of all tiers, and mark them as packed."""
        rows = self._connection.execute(
            "SELECT id, start, minute, fine FROM recent WHERE packed = 0 AND start < ? ORDER BY start", (hour,)
        ).fetchall()
        places = [row for row in rows if isinstance(row[1], int) and is_moment(row[1]) and row[1] % MINUTES == 0]
        if len(places) < len(rows):
            self._rows.report(f"{len(rows) - len(places)} minutes of no known time are left out")
        passing = {each for (each,) in self._connection.execute("SELECT id FROM series WHERE lasting = 0")}
        for start, in_hour in groupby(places, lambda row: row[1] // 3600 * 3600):
            minutes: defaultdict[int, Columns] = defaultdict(partial(Columns.empty, MINUTES))
            tens: defaultdict[int, Columns] = defaultdict(partial(Columns.empty, TENS))
            for _id, at, minute, fine_data in in_hour:
                place = (at - start) // MINUTES
                for series, value in self._rows.minute(at, minute).items():
                    minutes[series].add(place, value)
                place = (at - start) // TENS
                for series, second, value in self._rows.tens(at, fine_data):
                    tens[series].add(place + second // TENS, value)
            # The sums of these minutes alone, before minutes of an earlier packing are merged.
            wholes = {series: minutes[series].whole() for series in sorted(minutes.keys() - passing)}
            for tier, chunks in ((TENS, tens), (MINUTES, minutes)):
                for series in sorted(chunks):
                    columns, old = chunks[series], self._chunk(tier, start, series)
                    if old is not None:  # the clock was set back
                        columns.merge(old)
                    self._store_chunk(tier, start, series, columns)
            for series, whole in wholes.items():
                columns = self._chunk(HOURS, start, series) or Columns.empty(HOURS)
                columns.add(start % SPAN[HOURS] // HOURS, whole)
                self._store_chunk(HOURS, start, series, columns)
        self._connection.executemany("UPDATE recent SET packed = 1 WHERE id = ?", [(row[0],) for row in rows])

    def _chunk(self, tier: int, at: int, series: int) -> Columns | None:
        """Return the values of the chunk that contains the Unix time `at`; `None` if it is missing or damaged."""
        key = chunk_id(tier, at, series)
        row = self._connection.execute("SELECT data FROM chunk WHERE id = ?", (key,)).fetchone()
        return None if row is None else self._rows.columns(key, row[0])

    def _store_chunk(self, tier: int, at: int, series: int, columns: Columns) -> None:
        key = chunk_id(tier, at, series)
        try:
            packed = pack_columns(columns)
        except CorruptRowError as error:
            self._rows.refuse(series, at, str(error))
            return
        self._connection.execute("INSERT OR REPLACE INTO chunk VALUES (?, ?)", (key, packed))

    def drop(self, now: float) -> None:
        """Drop values that are older than `_FINE_KEPT` and `_KEPT` allow. `now`: Unix time."""
        self._connection.execute("DELETE FROM recent WHERE packed = 1 AND start < ?", (now - _FINE_KEPT,))
        for tier, kept in _KEPT.items():
            oldest = self._oldest(tier)
            if oldest is not None:
                until = min(int(now) - kept - SPAN[tier], oldest + _MOST_DROPPED * SPAN[tier])
                self._delete_chunks(tier, until)

    def shrink(self, now: float, most_bytes: int) -> None:
        """Drop the oldest values until the file uses at most `most_bytes`. The sums of each day are always kept.

        Values of hours are dropped first, then those of minutes, but nothing of the last day. The file does not become
        shorter; SQLite reuses the freed space.
        """
        while self.bytes_in_use() > most_bytes:
            oldest = self._oldest(HOURS)
            if oldest is None or oldest > now - _SHRINK_STEP:
                oldest = self._oldest(MINUTES)
                if oldest is None or oldest > now - 2 * 86400:
                    return
                self._delete_chunks(MINUTES, oldest + 86400)
                continue
            until = oldest + _SHRINK_STEP
            self._delete_chunks(HOURS, until)
            self._connection.execute(
                "DELETE FROM gap_bytes WHERE gap IN (SELECT id FROM gap WHERE finish < ?)", (until,)
            )
            self._connection.execute("DELETE FROM gap WHERE finish < ?", (until,))

    def _oldest(self, tier: int) -> int | None:
        row = self._connection.execute(
            "SELECT id FROM chunk WHERE id >= ? ORDER BY id LIMIT 1", (chunk_id(tier, 0),)
        ).fetchone()
        found, start = (None, 0) if row is None else start_of(row[0])
        return start if found == tier else None

    def _delete_chunks(self, tier: int, until: int) -> None:
        """Delete all chunks of a tier that end before the one that contains the Unix time `until`."""
        self._connection.execute(
            "DELETE FROM chunk WHERE id >= ? AND id < ?", (chunk_id(tier, 0), chunk_id(tier, max(0, until)))
        )

    def bytes_in_use(self) -> int:
        """Return the number of bytes that the file uses: its size without free pages."""
        (size,) = self._connection.execute("PRAGMA page_size").fetchone()
        (pages,) = self._connection.execute("PRAGMA page_count").fetchone()
        (free,) = self._connection.execute("PRAGMA freelist_count").fetchone()
        return int(size * (pages - free))
