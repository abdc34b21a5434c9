"""The one writer of the history file: stores batches, packs what is an hour old into chunks, drops what is too old."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from itertools import groupby
from pathlib import Path

import msgspec

from netwatch_tray.errors import HistoryError
from netwatch_tray.history import schema
from netwatch_tray.history.day_ledgers import DayLedgers
from netwatch_tray.history.gap_reasons import sentence_of
from netwatch_tray.history.networks import Network
from netwatch_tray.history.packing import (
    HOURS,
    MINUTES,
    SPAN,
    TENS,
    Columns,
    CorruptRowError,
    Ledger,
    Line,
    Value,
    chunk_id,
    pack_columns,
    pack_fine,
    pack_ledger,
    pack_minute,
    start_of,
    unpack_ledger,
    unpack_minute,
)
from netwatch_tray.history.recorder import TOTAL, Batch, Gap, Minute, Series, State
from netwatch_tray.history.rows import Rows, is_moment
from netwatch_tray.history.schema import explained

_FINE_KEPT = 3600 + 60
"""Seconds; one more minute, so that the last hour is whole at any moment."""
_KEPT = {TENS: 86400 + 3600, MINUTES: 30 * 86400}
"""Seconds, by tier; hours are kept for ever, within the size the person allows."""
_MENDED = "amounts below 0"
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
        self.damage = Rows(self._connection)
        """What could not be read or written, for `status`."""
        self._days = DayLedgers(self._connection, self.damage)
        self._identity = _identity(file)
        self._series: dict[Series, int] = {}
        self._networks: dict[str, tuple[int, bool | None]] = {}
        self._packed_hour = 0
        try:
            self._mend_once()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        with suppress(sqlite3.Error):  # whatever it could not tidy up is in the WAL, where the next one finds it
            self._connection.close()
        os.close(self._lock)

    @property
    def is_there(self) -> bool:
        """Whether the file that is open is still the one under its name."""
        return _identity(self._file) == self._identity

    def restore(self) -> str | None:
        """Carry over what can be read of files that were set aside, each once; return what was done, for the user.

        Never raises: a file that cannot be carried over now keeps its name and is tried again at the next start.
        """
        done = []
        for aside in schema.set_aside_files(self._file):
            try:
                if self._connection.execute("SELECT 1 FROM once WHERE what = ?", (aside.name,)).fetchone():
                    continue
                from netwatch_tray.history import salvage  # noqa: PLC0415  2 MB, and nearly nobody needs it

                done.append(salvage.carry_over(self._connection, aside))
            except Exception as error:  # noqa: BLE001  whatever is in such a file, recording goes on
                done.append(f"{aside.name} is not carried over yet ({error}); this is tried again at the next start.")
        self._forget()
        return " ".join(done) or None

    def state(self) -> State | None:
        """Where the run before ended. Raises HistoryError."""
        with explained(self._file):
            row = self._connection.execute("SELECT data FROM state").fetchone()
            if row is None:
                return None
            try:
                return msgspec.msgpack.decode(row[0], type=State)
            except (msgspec.DecodeError, UnicodeDecodeError, TypeError, RecursionError):
                self.damage.report("where the last run ended; what passed since then is not known")
                return None

    def write(self, batch: Batch, network: Network) -> None:
        """All of it or nothing, but for values that could not be read again: these are reported.

        Raises HistoryError.
        """
        with self._transaction():
            place = self._network(network)
            for at, series in batch.refused:
                self.damage.refuse(self._id(series), at, "more than any link carries, left out")
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
        with explained(self._file):
            return self._days.used(self._id(TOTAL), first_day, last_day)

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

    def _mend_once(self) -> None:
        """Repair what the first version of the format wrote: amounts below 0, which its own reader then refused."""
        with explained(self._file):
            if self._connection.execute("SELECT 1 FROM once WHERE what = ?", (_MENDED,)).fetchone():
                return
        with self._transaction():
            for row, at, data in self._connection.execute("SELECT id, start, minute FROM recent").fetchall():
                with suppress(CorruptRowError):
                    if (values := self._repaired(data, at, unpack_minute)) is not None:
                        change = pack_minute(values), row
                        self._connection.execute("UPDATE recent SET minute = ? WHERE id = ?", change)
            for row, day, data in self._connection.execute("SELECT rowid, day, data FROM usage").fetchall():
                with suppress(CorruptRowError):
                    if (values := self._repaired(data, day, unpack_ledger)) is not None:
                        change = pack_ledger(values), row
                        self._connection.execute("UPDATE usage SET data = ? WHERE rowid = ?", change)
            self._connection.execute("INSERT INTO once VALUES (?, ?)", (_MENDED, time.time()))

    def _repaired(
        self, data: object, when: object, unpack: Callable[[bytes], dict[int, Value]]
    ) -> dict[int, Value] | None:
        """`None`: nothing is wrong. Raises CorruptRowError where nothing can be read: such a row stays as it is."""
        if not isinstance(data, bytes):
            raise CorruptRowError("no bytes")
        try:
            unpack(data)
        except CorruptRowError:
            return self.damage.mended(data, when)
        return None

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with explained(self._file):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                self._forget()
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def _forget(self) -> None:
        """What is in memory may not be in the file: a transaction was rolled back, or `salvage` wrote."""
        self._series.clear()
        self._networks.clear()
        self._days.forget()

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
            # An index that leads elsewhere: either SQLite finds that as well, or it is made anew.
            schema.verify(self._connection, self._file)
            self._connection.execute("REINDEX")
            row = self._connection.execute(query, values).fetchone()
            if row is None:
                raise HistoryError(f"The history {self._file}: a row that was just stored cannot be found again.")
        return int(row[0])

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
        ids = {series: self._id(series) for series in minute.values}
        values = self._by_id(minute.values, ids)
        try:
            packed = pack_minute(values)
        except CorruptRowError:
            values = self.damage.mended(values, minute.start)
            packed = pack_minute(values)
        self._connection.execute(
            "INSERT INTO recent (start, packed, minute, fine) VALUES (?, 0, ?, ?)",
            (minute.start, packed, self._packed_fine(minute)),
        )
        entries: Ledger = {}
        for series, number in ids.items():
            if series.is_lasting and number in values:
                covered, rx, tx, _rx_peak, _tx_peak = values[number]
                if rx or tx or series is TOTAL:
                    entries[number] = (rx, tx, 0, 0, covered)
        self._days.add(minute.start, network, entries)

    @staticmethod
    def _by_id(values: Mapping[Series, Value], ids: dict[Series, int]) -> dict[int, Value]:
        """Added up where an app changed its name within the minute."""
        found = {ids[series]: value for series, value in values.items()}
        if len(found) < len(values):
            found = {}
            for series, value in values.items():
                covered, rx, tx, rx_peak, tx_peak = found.get(ids[series], _NOTHING)
                found[ids[series]] = (
                    max(covered, value[0]),
                    rx + value[1],
                    tx + value[2],
                    max(rx_peak, value[3]),
                    max(tx_peak, value[4]),
                )
        return found

    def _packed_fine(self, minute: Minute) -> bytes:
        lines = {self._id(series): line for series, line in minute.lines.items()}
        try:
            return pack_fine(minute.times, minute.elapsed, lines)
        except CorruptRowError:
            sound: dict[int, Line] = {}
            for series, line in lines.items():
                try:
                    pack_fine(minute.times, minute.elapsed, {series: line})
                except CorruptRowError:
                    self.damage.refuse(series, minute.start, "its seconds are left out")
                else:
                    sound[series] = line
            return pack_fine(minute.times, minute.elapsed, sound) if sound else pack_fine([], [], {})

    def _write_gap(self, gap: Gap, network: int) -> None:
        cursor = self._connection.execute(
            "INSERT INTO gap (start, finish, series, reason, complete) VALUES (?, ?, ?, ?, ?)",
            (
                gap.start,
                gap.finish,
                None if gap.series is None else self._id(gap.series),
                sentence_of(gap.reason, (gap.finish or gap.start) - gap.start),
                int(gap.is_complete),
            ),
        )
        carried = [
            (self._id(series), rx, tx)
            for series, (rx, tx) in gap.carried.items()
            if series.is_lasting and self._fits(series, gap.start, rx, tx)
        ]
        self._connection.executemany(
            "INSERT INTO gap_bytes VALUES (?, ?, ?, ?)", [(cursor.lastrowid, *row) for row in carried]
        )
        if gap.finish is not None and carried:
            self._days.add(gap.finish, network, {series: (rx, tx, rx, tx, 0) for series, rx, tx in carried})

    def _fits(self, series: Series, at: float, rx: int, tx: int) -> bool:
        is_fit = 0 <= rx < 1 << 62 and 0 <= tx < 1 << 62
        if not is_fit:
            self.damage.refuse(self._id(series), at, "carried in a gap, left out")
        return is_fit

    def _pack(self, hour: int) -> None:
        """Moves the minutes of hours that are over into chunks."""
        rows = self._connection.execute(
            "SELECT id, start, minute, fine FROM recent WHERE packed = 0 AND start < ? ORDER BY start", (hour,)
        ).fetchall()
        places = [row for row in rows if isinstance(row[1], int) and is_moment(row[1]) and row[1] % MINUTES == 0]
        if len(places) < len(rows):
            self.damage.report(f"{len(rows) - len(places)} minutes of no known time are left out")
        passing = {each for (each,) in self._connection.execute("SELECT id FROM series WHERE lasting = 0")}
        for start, in_hour in groupby(places, lambda row: row[1] // 3600 * 3600):
            minutes: defaultdict[int, Columns] = defaultdict(partial(Columns.empty, MINUTES))
            tens: defaultdict[int, Columns] = defaultdict(partial(Columns.empty, TENS))
            for _id, at, minute, fine_data in in_hour:
                place = (at - start) // MINUTES
                for series, value in self.damage.minute(at, minute).items():
                    minutes[series].add(place, value)
                place = (at - start) // TENS
                for series, second, value in self.damage.tens(at, fine_data):
                    tens[series].add(place + second // TENS, value)
            # Of these minutes alone, before those of an earlier packing are merged into them.
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
        """What is stored of it; `None`: nothing that can be read."""
        key = chunk_id(tier, at, series)
        row = self._connection.execute("SELECT data FROM chunk WHERE id = ?", (key,)).fetchone()
        return None if row is None else self.damage.columns(key, row[0])

    def _store_chunk(self, tier: int, at: int, series: int, columns: Columns) -> None:
        key = chunk_id(tier, at, series)
        try:
            packed = pack_columns(columns)
        except CorruptRowError as error:
            self.damage.refuse(series, at, str(error))
            return
        self._connection.execute("INSERT OR REPLACE INTO chunk VALUES (?, ?)", (key, packed))

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
