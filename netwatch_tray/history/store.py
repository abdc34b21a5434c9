"""Writes the history file for the agent: stores batches and, once an hour, packs values and drops old ones."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from netwatch_tray.errors import HistoryError, Message, joined, message
from netwatch_tray.event import Event
from netwatch_tray.history import event_memory, event_rows, repair, schema
from netwatch_tray.history.batch import Batch, RecordedGap, RecordedMinute, RecorderState
from netwatch_tray.history.codes import NETWORK_KINDS, OTHER, SERIES_KINDS
from netwatch_tray.history.compaction import Compactor
from netwatch_tray.history.day_ledgers import DayLedgers
from netwatch_tray.history.event_memory import EventMemory
from netwatch_tray.history.networks import Network
from netwatch_tray.history.packing import CorruptRowError, Ledger, TickBytes, Value, pack_fine, pack_minute
from netwatch_tray.history.rows import Rows
from netwatch_tray.history.schema import explained
from netwatch_tray.history.series import LAN, TOTAL, Series, storable
from netwatch_tray.settings import Counts

_NOTHING = (0, 0, 0, 0, 0)


class Store:
    """The history file, open for writing until `close`. Each method is one or more transactions that leave the file
    consistent."""

    def __init__(self, file: Path) -> None:
        """Take the lock and open the file. Raise HistoryError if another process holds the lock or the file cannot be
        opened, and CorruptHistoryError if the file is damaged."""
        self._file = file
        self._lock = _locked(file)
        try:
            self._connection = schema.open_for_writing(file)
        except BaseException:
            os.close(self._lock)
            raise
        self.rows = Rows(self._connection, file)
        self._days = DayLedgers(self._connection, self.rows)
        self._compactor = Compactor(self._connection, self.rows)
        self._identity = _identity(file)
        self._series: dict[Series, int] = {}
        self._networks: dict[str, tuple[int, Network]] = {}
        self._packed_hour = 0
        self.data_version = 0
        """SQLite's `PRAGMA data_version` at the last transaction. It changes when another program writes, such as an
        import, or a command of the user that deletes days."""
        try:
            with explained(file):
                is_repaired = repair.is_repaired(self._connection)
            if not is_repaired:
                with self._transaction():
                    repair.repair(self._connection, self.rows)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        with suppress(sqlite3.Error):  # data that is not in the file is in the WAL, for the next start
            self._connection.close()
        os.close(self._lock)

    @property
    def is_there(self) -> bool:
        """Return whether the open file is still the one at its path: it was neither removed nor replaced."""
        return _identity(self._file) == self._identity

    def restore(self) -> Message | None:
        """Merge the damaged files that `schema.set_aside` renamed, each once. Return a message for the user, or None if
        there were none to merge.

        Never raises. A file that cannot be merged now is tried again at the next start.
        """
        done = []
        for aside in schema.set_aside_files(self._file):
            try:
                if self._connection.execute("SELECT 1 FROM once WHERE what = ?", (aside.name,)).fetchone():
                    continue
                from netwatch_tray.history import salvage  # noqa: PLC0415  2 MB that few starts need

                done.append(salvage.carry_over(self._connection, aside))
            except Exception as error:  # noqa: BLE001  whatever is in such a file, recording goes on
                done.append(
                    message(
                        "{name} is not carried over yet ({error}); NetWatch tries again at the next start.",
                        name=aside.name,
                        error=error,
                    )
                )
        self._forget()
        return joined(done) if done else None

    def state(self) -> RecorderState | None:
        """Return what the previous run stored for this one to continue from, or None if there is nothing usable. Raise
        HistoryError."""
        with explained(self._file):
            row = self._connection.execute("SELECT data FROM state").fetchone()
            if row is None:
                return None
            try:
                return msgspec.msgpack.decode(row[0], type=RecorderState)
            except (msgspec.DecodeError, UnicodeDecodeError, TypeError, RecursionError):
                self.rows.report("where the last run ended; what passed since then is not known")
                return None

    def write(self, batch: Batch, network: Network) -> None:
        """Store a batch in one transaction. Values that cannot be encoded are left out and reported.

        `network`: the network in which the bytes passed. Raise HistoryError; then nothing of the batch is stored.
        """
        with self._transaction():
            place = self._network(network)
            for at, series in batch.refused:
                self.rows.refuse(self._id(series), at, "more than any link carries, left out")
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
        """Pack finished hours into chunks, and drop values that are too old or beyond the size of `most_bytes`. Does
        nothing if that was done for this hour. `now`: Unix time. Raise HistoryError."""
        hour = int(now) // 3600 * 3600
        if hour == self._packed_hour:
            return
        with self._transaction():
            self._compactor.pack(hour)
            self._compactor.drop(now)
            event_rows.drop(self._connection, now)
        with self._transaction():
            self._compactor.shrink(now, most_bytes)
        self._packed_hour = hour

    @property
    def has_imports(self) -> bool:
        """Return whether there is usage that other programs measured. Raise HistoryError."""
        with explained(self._file):
            return self._connection.execute("SELECT 1 FROM imported LIMIT 1").fetchone() is not None

    def used(self, first_day: str, last_day: str, counts: Counts = "all") -> int:
        """Return the bytes of the total from `first_day` to `last_day` (ISO dates), received and sent together.
        `counts`: which traffic counts for the data plan. Raise HistoryError."""
        with explained(self._file):
            without = self._id(LAN) if counts == "internet" else None
            return self._days.used(
                self._id(TOTAL), first_day, last_day, metered_only=counts == "metered", without=without
            )

    def alerted(self, cycle: str) -> frozenset[int]:
        """Return the percentages of the data plan about which the user was already notified in the billing month that
        begins on the day `cycle` (ISO date). Raise HistoryError.
        """
        with explained(self._file):
            rows = self._connection.execute("SELECT percent FROM alert WHERE cycle = ?", (cycle,)).fetchall()
        return frozenset(percent for (percent,) in rows)

    def remember_alerts(self, cycle: str, percents: Iterable[int]) -> None:
        """Store that the user was notified about these percentages of the data plan in the billing month that begins on
        the day `cycle` (ISO date). Raise HistoryError."""
        with self._transaction():
            self._connection.executemany(
                "INSERT OR IGNORE INTO alert VALUES (?, ?, ?)", [(cycle, percent, time.time()) for percent in percents]
            )

    def write_events(self, events: Iterable[Event], seen: Iterable[int] | None = ()) -> None:
        """Store events; one whose ID exists is replaced. `seen`: IDs of events to mark as seen; None: all. Raise
        HistoryError."""
        with self._transaction():
            event_rows.write(self._connection, events)
            event_rows.mark_seen(self._connection, seen)

    def event_memory(self, now: float, most_events: int) -> EventMemory:
        """Return what the detectors need of earlier runs, with at most `most_events` events. `now`: Unix time. Raise
        HistoryError."""
        return event_memory.read(self.rows, now, most_events)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with explained(self._file):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                self._note_others()  # nobody can write from here on
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                self._forget()
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def _note_others(self) -> None:
        """Drop cached IDs and sums if another program wrote since the last transaction."""
        (version,) = self._connection.execute("PRAGMA data_version").fetchone()
        if version != self.data_version:
            self.data_version = int(version)
            self._forget()

    def _forget(self) -> None:
        """Drop cached IDs and sums. Called when a transaction was rolled back or other code wrote."""
        self._series.clear()
        self._networks.clear()
        self._days.forget()

    def _id(self, series: Series) -> int:
        known = self._series.get(series)
        if known is None:
            kind = SERIES_KINDS[series.kind]
            self._connection.execute(
                "INSERT INTO series (kind, key, name, lasting) VALUES (?, ?, ?, ?) "
                "ON CONFLICT DO UPDATE SET lasting = 1 WHERE excluded.lasting > lasting",
                (kind, *series[1:]),
            )
            query = "SELECT id FROM series WHERE kind = ? AND key = ?"
            known = self._series[series] = self._found(query, (kind, series.key))
        return known

    def _found(self, query: str, values: tuple[object, ...]) -> int:
        """Return the ID that a query finds; the row was just inserted, so it exists. If it is not found, the index is
        damaged and is rebuilt. Raise HistoryError."""
        row = self._connection.execute(query, values).fetchone()
        if row is None or not isinstance(row[0], int):
            # The index is damaged: either the check finds that as well, or rebuilding the index helps.
            schema.verify(self._connection, self._file)
            self._connection.execute("REINDEX")
            row = self._connection.execute(query, values).fetchone()
            if row is None:
                raise HistoryError(
                    "The history {file}: a row that was just stored cannot be found again.", file=self._file
                )
        return int(row[0])

    def _network(self, network: Network) -> int:
        known, before = self._networks.get(network.key, (None, None))
        if known is None or network != before:
            self._connection.execute(
                "INSERT INTO network (key, kind, metered) VALUES (?, ?, ?) "
                "ON CONFLICT DO UPDATE SET metered = coalesce(excluded.metered, metered)",
                (network.key, NETWORK_KINDS.get(network.kind, OTHER), network.is_metered),
            )
            known = self._found("SELECT id FROM network WHERE key = ?", (network.key,))
            if network.name is not None:
                self._connection.execute(
                    "INSERT INTO network_name VALUES (?, ?) ON CONFLICT DO UPDATE SET name = excluded.name "
                    "WHERE name != excluded.name",
                    (known, storable(network.name)),
                )
            self._networks[network.key] = known, network
        return known

    def _write_minute(self, minute: RecordedMinute, network: int) -> None:
        values: dict[int, Value] = {}
        lasting: list[int] = []
        for series, value in minute.values.items():
            number = self._id(series)
            if number in values:  # an app changed its name within the minute
                value = _combined(values[number], value)  # noqa: PLW2901
            elif series.is_lasting:
                lasting.append(number)
            values[number] = value
        try:
            packed = pack_minute(values)
        except CorruptRowError:
            values = self.rows.mended(values, minute.start)
            packed = pack_minute(values)
        self._connection.execute(
            "INSERT INTO recent (start, packed, minute, fine) VALUES (?, 0, ?, ?)",
            (minute.start, packed, self._packed_fine(minute)),
        )
        total = self._id(TOTAL)
        entries: Ledger = {}
        for number in lasting:
            covered, rx, tx, _rx_peak, _tx_peak = values.get(number, _NOTHING)
            if rx or tx or (number == total and covered):
                entries[number] = (rx, tx, 0, 0, covered)
        self._days.add(minute.start, network, entries)

    def _packed_fine(self, minute: RecordedMinute) -> bytes:
        lines = {self._id(series): line for series, line in minute.lines.items()}
        try:
            return pack_fine(minute.times, minute.elapsed, lines)
        except CorruptRowError:
            sound: dict[int, TickBytes] = {}
            for series, line in lines.items():
                try:
                    pack_fine(minute.times, minute.elapsed, {series: line})
                except CorruptRowError:
                    self.rows.refuse(series, minute.start, "its seconds are left out")
                else:
                    sound[series] = line
            return pack_fine(minute.times, minute.elapsed, sound) if sound else pack_fine([], [], {})

    def _write_gap(self, gap: RecordedGap, network: int) -> None:
        cursor = self._connection.execute(
            "INSERT INTO gap (start, finish, series, reason, complete) VALUES (?, ?, ?, ?, ?)",
            (
                gap.start,
                gap.finish,
                None if gap.series is None else self._id(gap.series),
                int(gap.reason),
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
            self.rows.refuse(self._id(series), at, "carried in a gap, left out")
        return is_fit


def _combined(one: Value, other: Value) -> Value:
    covered, rx, tx, rx_peak, tx_peak = one
    return max(covered, other[0]), rx + other[1], tx + other[2], max(rx_peak, other[3]), max(tx_peak, other[4])


def _locked(file: Path) -> int:
    """Lock the lock file of the history. Return its descriptor; closing it releases the lock. Raise HistoryError if
    another program holds the lock."""
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        held = os.open(file.with_name(file.name + ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise HistoryError(
            "The history {file} cannot be written: {reason}. Live rates still work; check who owns its folder.",
            file=file,
            reason=error,
        ) from error
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(held)
        raise HistoryError(
            "Another program records into {file}: this one does not, so that nothing is counted twice.", file=file
        ) from error
    return held


def _identity(file: Path) -> tuple[int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
