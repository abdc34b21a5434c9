"""The one writer of the history file: stores batches, packs what is an hour old into chunks, drops what is too old."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from itertools import groupby
from pathlib import Path

import msgspec

from netwatch_tray.errors import HistoryError
from netwatch_tray.history import schema
from netwatch_tray.history.networks import Network
from netwatch_tray.history.packing import (
    HOURS,
    MINUTES,
    SPAN,
    TENS,
    Columns,
    Ledger,
    chunk_id,
    pack_columns,
    pack_fine,
    pack_ledger,
    pack_minute,
    start_of,
    tens_of,
    unpack_columns,
    unpack_fine,
    unpack_ledger,
    unpack_minute,
)
from netwatch_tray.history.recorder import TOTAL, Batch, Gap, Minute, Series, State
from netwatch_tray.history.schema import CorruptHistoryError, explained

_FINE_KEPT = 3600 + 60
"""Seconds; one more minute, so that the last hour is whole at any moment."""
_KEPT = {TENS: 86400 + 3600, MINUTES: 30 * 86400}
"""Seconds, by tier; hours are kept for ever, within the size the person allows."""
_NOTHING = (0, 0, 0, 0, 0)
_MOST_DROPPED = 3
"""Hours of a tier dropped at a time. One is due each hour; a clock that wrongly stands years ahead for a while must
not take the past with it."""
_SHRINK_STEP = 30 * 86400
"""Seconds of the oldest hours given up at a time when the file is too large."""


class Store:
    """Open from its creation to `close`; each method is one transaction or more, and leaves the file whole."""

    def __init__(self, file: Path) -> None:
        """Takes the lock. Raises HistoryError, CorruptHistoryError."""
        self._file = file
        self._lock = _locked(file)
        try:
            self._connection = schema.open_for_writing(file)
        except BaseException:
            os.close(self._lock)
            raise
        self._identity = _identity(file)
        self._series: dict[Series, int] = {}
        self._networks: dict[str, tuple[int, bool | None]] = {}
        self._packed_hour = 0

    def close(self) -> None:
        with suppress(sqlite3.Error):  # whatever it could not tidy up is in the WAL, where the next one finds it
            self._connection.close()
        os.close(self._lock)

    @property
    def is_there(self) -> bool:
        """Whether the file that is open is still the one under its name."""
        return _identity(self._file) == self._identity

    def state(self) -> State | None:
        """Where the run before ended. Raises HistoryError."""
        with explained(self._file):
            row = self._connection.execute("SELECT data FROM state").fetchone()
        try:
            return None if row is None else msgspec.msgpack.decode(row[0], type=State)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise CorruptHistoryError(f"The history {self._file} is damaged ({error}).") from error

    def write(self, batch: Batch, network: Network) -> None:
        """All of it or nothing. Raises HistoryError."""
        with self._transaction():
            place = self._network(network)
            for minute in batch.minutes:
                self._write_minute(minute, place)
            for gap in batch.gaps:
                self._write_gap(gap, place)
            for series, at in batch.returned.items():
                self._connection.execute(
                    "UPDATE gap SET finish = max(start, ?) WHERE finish IS NULL AND series = ?", (at, self._id(series))
                )
            for at, names in batch.uplinks:
                self._connection.execute("INSERT OR REPLACE INTO uplinks VALUES (?, ?)", (at, "\n".join(names)))
            if batch.state is not None:
                data = msgspec.msgpack.encode(batch.state)
                self._connection.execute("INSERT OR REPLACE INTO state VALUES (1, ?)", (data,))

    def tidy(self, now: float, most_bytes: int) -> None:
        """Once an hour: packs the hours that are over, drops what is too old or too much. Raises HistoryError.

        `most_bytes`: what the file may take.
        """
        hour = int(now) // 3600 * 3600
        if hour == self._packed_hour:
            return
        with self._transaction():
            self._pack(hour)
            self._drop(now)
        with self._transaction():
            self._shrink(now, most_bytes)
        self._packed_hour = hour

    def used(self, first_day: str, last_day: str) -> int:
        """Bytes of the total in these local days, both directions. Raises HistoryError."""
        used = 0
        with explained(self._file):
            query = "SELECT data FROM usage WHERE day BETWEEN ? AND ?"
            for (data,) in self._connection.execute(query, (first_day, last_day)):
                entry = unpack_ledger(data).get(self._id(TOTAL))
                used += entry[0] + entry[1] if entry else 0
        return used

    def alerted(self, cycle: str) -> frozenset[int]:
        """The percentages that the person was told of in the cycle that began that day. Raises HistoryError."""
        with explained(self._file):
            rows = self._connection.execute("SELECT percent FROM alert WHERE cycle = ?", (cycle,)).fetchall()
        return frozenset(percent for (percent,) in rows)

    def remember_alerts(self, cycle: str, percents: Iterable[int]) -> None:
        """Raises HistoryError."""
        with self._transaction():
            self._connection.executemany(
                "INSERT OR IGNORE INTO alert VALUES (?, ?, ?)", [(cycle, percent, time.time()) for percent in percents]
            )

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with explained(self._file):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                self._series.clear()  # ids that were new are taken back as well
                self._networks.clear()
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def _id(self, series: Series) -> int:
        known = self._series.get(series)
        if known is None:
            self._connection.execute(
                "INSERT OR IGNORE INTO series (kind, key, name, lasting) VALUES (?, ?, ?, ?)", series
            )
            known = self._series[series] = self._found("SELECT id FROM series WHERE kind = ? AND key = ?", series[:2])
        return known

    def _found(self, query: str, values: tuple[object, ...]) -> int:
        """The id of a row that is there, since it was just made if it was not."""
        row = self._connection.execute(query, values).fetchone()
        if row is None or not isinstance(row[0], int):
            raise CorruptHistoryError(f"The history {self._file} is damaged (a row that was stored cannot be found).")
        return row[0]

    def _network(self, network: Network) -> int:
        known, is_metered = self._networks.get(network.key, (None, None))
        if known is None or network.is_metered not in (None, is_metered):
            self._connection.execute(
                "INSERT INTO network (key, kind, metered) VALUES (?, ?, ?) "
                "ON CONFLICT DO UPDATE SET metered = coalesce(excluded.metered, metered)",
                network,
            )
            known = self._found("SELECT id FROM network WHERE key = ?", network[:1])
            self._networks[network.key] = known, network.is_metered
        return known

    def _write_minute(self, minute: Minute, network: int) -> None:
        self._connection.execute(
            "INSERT INTO recent (start, packed, minute, fine) VALUES (?, 0, ?, ?)",
            (
                minute.start,
                pack_minute({self._id(series): value for series, value in minute.values.items()}),
                pack_fine(
                    minute.times, minute.elapsed, {self._id(series): line for series, line in minute.lines.items()}
                ),
            ),
        )
        self._count(
            minute.start,
            network,
            {
                self._id(series): (rx, tx, 0, 0, covered)
                for series, (covered, rx, tx, _rx_peak, _tx_peak) in minute.values.items()
                if series.is_lasting and (rx or tx or series is TOTAL)
            },
        )

    def _write_gap(self, gap: Gap, network: int) -> None:
        cursor = self._connection.execute(
            "INSERT INTO gap (start, finish, series, reason, complete) VALUES (?, ?, ?, ?, ?)",
            (
                gap.start,
                gap.finish,
                None if gap.series is None else self._id(gap.series),
                gap.reason,
                int(gap.is_complete),
            ),
        )
        carried = [(self._id(series), rx, tx) for series, (rx, tx) in gap.carried.items() if series.is_lasting]
        self._connection.executemany(
            "INSERT INTO gap_bytes VALUES (?, ?, ?, ?)", [(cursor.lastrowid, *row) for row in carried]
        )
        if gap.finish is not None:
            self._count(gap.finish, network, {series: (rx, tx, rx, tx, 0) for series, rx, tx in carried})

    def _count(self, at: float, network: int, entries: Ledger) -> None:
        """Into the ledger of the local day that `at` is in."""
        key = time.strftime("%Y-%m-%d", time.localtime(at)), network
        row = self._connection.execute("SELECT data FROM usage WHERE day = ? AND network = ?", key).fetchone()
        ledger = unpack_ledger(row[0]) if row else {}
        for series, (rx, tx, gap_rx, gap_tx, covered) in entries.items():
            old_rx, old_tx, old_gap_rx, old_gap_tx, old_covered = ledger.get(series, _NOTHING)
            ledger[series] = (
                old_rx + rx, old_tx + tx, old_gap_rx + gap_rx, old_gap_tx + gap_tx, old_covered + covered,
            )  # fmt: skip
        self._connection.execute("INSERT OR REPLACE INTO usage VALUES (?, ?, ?)", (*key, pack_ledger(ledger)))

    def _pack(self, hour: int) -> None:
        """Moves the minutes of hours that are over into chunks."""
        rows = self._connection.execute(
            "SELECT id, start, minute, fine FROM recent WHERE packed = 0 AND start < ? ORDER BY start", (hour,)
        ).fetchall()
        if not all(isinstance(row[1], int) and row[1] % MINUTES == 0 for row in rows):
            raise CorruptHistoryError(f"The history {self._file} is damaged (minutes that are none).")
        passing = {each for (each,) in self._connection.execute("SELECT id FROM series WHERE lasting = 0")}
        for start, in_hour in groupby(rows, lambda row: row[1] // 3600 * 3600):
            minutes: defaultdict[int, Columns] = defaultdict(partial(Columns.empty, MINUTES))
            tens: defaultdict[int, Columns] = defaultdict(partial(Columns.empty, TENS))
            for _id, at, minute, fine_data in in_hour:
                place = (at - start) // MINUTES
                for series, value in unpack_minute(minute).items():
                    minutes[series].add(place, value)
                place = (at - start) // TENS
                for series, second, value in tens_of(unpack_fine(fine_data)):
                    tens[series].add(place + second // TENS, value)
            hours: dict[int, Columns] = {}
            for series in minutes.keys() - passing:
                hours[series] = Columns.empty(HOURS)
                hours[series].add(start % SPAN[HOURS] // HOURS, minutes[series].whole())
            for tier, chunks in ((TENS, tens), (MINUTES, minutes), (HOURS, hours)):
                for series in sorted(chunks):
                    self._add_chunk(tier, start, series, chunks[series])
        self._connection.executemany("UPDATE recent SET packed = 1 WHERE id = ?", [(row[0],) for row in rows])

    def _add_chunk(self, tier: int, at: int, series: int, columns: Columns) -> None:
        """To what is in its place already: hours side by side, or a clock that was set back."""
        key = chunk_id(tier, at, series)
        row = self._connection.execute("SELECT data FROM chunk WHERE id = ?", (key,)).fetchone()
        if row is not None:
            columns.merge(unpack_columns(row[0], tier))
        self._connection.execute("INSERT OR REPLACE INTO chunk VALUES (?, ?)", (key, pack_columns(columns)))

    def _drop(self, now: float) -> None:
        self._connection.execute("DELETE FROM recent WHERE packed = 1 AND start < ?", (now - _FINE_KEPT,))
        for tier, kept in _KEPT.items():
            oldest = self._oldest(tier)
            if oldest is not None:
                until = min(int(now) - kept - SPAN[tier], oldest + _MOST_DROPPED * SPAN[tier])
                self._delete_chunks(tier, until)

    def _shrink(self, now: float, most_bytes: int) -> None:
        """Gives up the oldest until the file is as small as the person wants; the days stay in the ledger.

        First hours, then minutes, but nothing of the last day. What is freed is used again; the file keeps its length.
        """
        while self._bytes_in_use() > most_bytes:
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
        """Those that begin before the one which `until` falls in."""
        self._connection.execute(
            "DELETE FROM chunk WHERE id >= ? AND id < ?", (chunk_id(tier, 0), chunk_id(tier, max(0, until)))
        )

    def _bytes_in_use(self) -> int:
        (size,) = self._connection.execute("PRAGMA page_size").fetchone()
        (pages,) = self._connection.execute("PRAGMA page_count").fetchone()
        (free,) = self._connection.execute("PRAGMA freelist_count").fetchone()
        return int(size * (pages - free))


def _locked(file: Path) -> int:
    """A descriptor that holds the lock beside the file. Raises HistoryError when another program does."""
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        held = os.open(file.with_name(file.name + ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise HistoryError(
            f"The history {file} cannot be written: {error.strerror}. Live rates still work; check who owns its folder."
        ) from error
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(held)
        raise HistoryError(
            f"Another program records into {file}: this one does not, so that nothing is counted twice."
        ) from error
    return held


def _identity(file: Path) -> tuple[int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
