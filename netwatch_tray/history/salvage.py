"""Merges the readable rows of another history file into the current one: of a damaged file, a backup, another machine.

The agent renames a history that SQLite reports as corrupt to `*.damaged-*` ("sets it aside") and begins a new one.
Version 1 of the format did so for sound files with a negative amount, too. Such files are merged once, table by table.
The merged file itself is only read and keeps its name.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec

from netwatch_tray.errors import Message, message
from netwatch_tray.history import event_rows
from netwatch_tray.history.codes import LOST, OTHER, SERIES_KINDS, network_kind_of, reason_of, series_kind_of
from netwatch_tray.history.damaged_file import DamagedFile
from netwatch_tray.history.packing import (
    MINUTES,
    Columns,
    CorruptRowError,
    Ledger,
    MinuteValues,
    Value,
    chunk_id,
    mended,
    pack_columns,
    pack_fine,
    pack_ledger,
    pack_minute,
    start_of,
    unpack_columns,
    unpack_fine,
    unpack_ledger,
    unpack_minute,
)
from netwatch_tray.history.rows import Types, is_moment
from netwatch_tray.history.series import TOTAL

_SERIES: Types = (int, (int, str), str, str)
_NETWORK: Types = (int, str, (int, str))
"""Types of the columns in the tables `series` and `network`. Versions 1 and 2 of the format stored kinds as text."""
_NOTHING: Value = (0, 0, 0, 0, 0)


def carry_over(connection: sqlite3.Connection, aside: Path) -> Message:
    """Merge a file that was set aside, in one transaction, and mark it as merged, so that it happens once.

    Return a message about the result for the user. Raise HistoryError, sqlite3.Error, OSError.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        done = _Merger(connection).merge(aside)
        connection.execute("INSERT OR REPLACE INTO once VALUES (?, ?)", (aside.name, time.time()))
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
    return done


def merge(connection: sqlite3.Connection, source: Path) -> Message:
    """Merge the history file `source`. The caller begins and commits the transaction. Return a message about the result
    for the user. Raise HistoryError, sqlite3.Error, OSError."""
    return _Merger(connection).merge(source)


class _Merger:
    """Adds the rows of one file to a history, table by table. The caller begins and commits the transaction."""

    def __init__(self, target: sqlite3.Connection) -> None:
        self._target = target
        self._series: dict[int, int] = {}
        self._networks: dict[int, int] = {}
        self._passing: set[int] = set()
        self._total = 0
        self._twice: dict[str, list[MinuteValues]] = {}
        """Values of minutes that are in both files, by local day; subtracted from the day's sums, so they count
        once."""
        self._carried: Counter[str] = Counter()
        """Number of merged rows by table."""
        self._days: set[str] = set()
        self._refused = 0
        self._aside = ""

    def merge(self, file: Path) -> Message:
        """Merge all readable rows of a file. Return a message about the result for the user."""
        self._aside = file.name
        source = DamagedFile(file)
        try:
            self._take_names(source)
            self._take_network_names(source)
            self._take_minutes(source)
            self._take_chunks(source)
            self._take_days(source)
            self._take_gaps(source)
            self._take_rest(source)
            self._take_marks(source)
            is_whole = source.is_whole and not self._refused
        finally:
            source.close()
        days, hours = len(self._days), self._carried["chunk"]
        if not self._carried:
            return message("Nothing in {file} could be read.", file=file.name)
        if is_whole:
            return message(
                "All of {file} was carried over (days: {days}, parts of curves: {hours}).",
                file=file.name,
                days=days,
                hours=hours,
            )
        return message(
            "What can be read of {file} was carried over (days: {days}, parts of curves: {hours}).",
            file=file.name,
            days=days,
            hours=hours,
        )

    def _take_names(self, source: DamagedFile) -> None:
        rows = {row[0]: row for row in source.rows("series")}
        for kind, key, number in source.indexed("series", ("kind", "key", "id")):
            rows.setdefault(number, (number, kind, key, _name_of(kind, key), 1))
        for number, stored_kind, key, name, lasting in rows.values():
            if all(map(isinstance, (number, stored_kind, key, name), _SERIES)):
                kind = series_kind_of(stored_kind)
                self._target.execute(
                    "INSERT OR IGNORE INTO series VALUES (?, ?, ?, ?, ?)", (number, kind, key, name, int(bool(lasting)))
                )
                self._target.execute(  # where another series has that ID
                    "INSERT OR IGNORE INTO series (kind, key, name, lasting) VALUES (?, ?, ?, ?)",
                    (kind, key, name, int(bool(lasting))),
                )
                (self._series[number],) = self._target.execute(
                    "SELECT id FROM series WHERE kind = ? AND key = ?", (kind, key)
                ).fetchone()
                if not lasting:
                    self._passing.add(self._series[number])
                if kind == SERIES_KINDS["total"]:
                    self._total = self._series[number]
        networks = {row[0]: row for row in source.rows("network")}
        for key, number in source.indexed("network", ("key", "id")):
            networks.setdefault(number, (number, key, OTHER, None))
        for number, key, kind, metered in networks.values():
            if all(map(isinstance, (number, key, kind), _NETWORK)):
                known = metered if metered in (0, 1) else None
                self._networks[number] = self._network(key, network_kind_of(kind), known, number)

    def _take_network_names(self, source: DamagedFile) -> None:
        for number, name in source.rows("network_name"):
            if number in self._networks and isinstance(name, str):
                self._target.execute("INSERT OR IGNORE INTO network_name VALUES (?, ?)", (self._networks[number], name))

    def _network(self, key: str, kind: int, metered: int | None, number: int) -> int:
        self._target.execute("INSERT OR IGNORE INTO network VALUES (?, ?, ?, ?)", (number, key, kind, metered))
        self._target.execute(
            "INSERT OR IGNORE INTO network (key, kind, metered) VALUES (?, ?, ?)", (key, kind, metered)
        )
        (found,) = self._target.execute("SELECT id FROM network WHERE key = ?", (key,)).fetchone()
        return int(found)

    def _id(self, series: int) -> int:
        """Return the ID in the history of a series of the merged file, given by its ID there. If the row with its name
        cannot be read, it gets a series of the kind LOST, so that its bytes are kept."""
        found = self._series.get(series)
        if found is None:
            key = f"{self._aside} {series}"
            self._target.execute(
                "INSERT OR IGNORE INTO series (kind, key, name, lasting) VALUES (?, ?, ?, 1)", (LOST, key, key)
            )
            row = self._target.execute("SELECT id FROM series WHERE kind = ? AND key = ?", (LOST, key)).fetchone()
            found = self._series[series] = int(row[0])
        return found

    def _values(self, data: object, unpack: Any, most: int) -> dict[int, Value] | None:
        """Decode a minute or ledger of the merged file. Return its values by the IDs that their series have in the
        history, or `None` if nothing is usable. `unpack`, `most`: see `packing`."""
        if not isinstance(data, bytes):
            return None
        try:
            values = unpack(data)
        except CorruptRowError:
            self._refused += 1
            try:
                values, _faulty = mended(data, most)
            except CorruptRowError:
                return None
        return {self._id(series): value for series, value in values.items()}

    def _take_minutes(self, source: DamagedFile) -> None:
        for _id, start, packed, minute, fine in source.rows("recent"):
            values = self._values(minute, unpack_minute, 1 << 62)
            if values is None or not isinstance(start, int) or not is_moment(start) or start % 60:
                self._refused += 1
                continue
            if self._is_there(start, values):
                self._twice.setdefault(_day(start), []).append(values)
                continue
            self._target.execute(
                "INSERT INTO recent (start, packed, minute, fine) VALUES (?, ?, ?, ?)",
                (start, int(packed == 1), pack_minute(values), self._seconds(fine)),
            )
            self._carried["recent"] += 1

    def _is_there(self, start: int, values: MinuteValues) -> bool:
        """Return whether the history has the same minute with the same total already. Version 1 of the format wrote the
        last minute both into the file that it set aside and into the new one. `start`: Unix time."""
        wanted = values.get(self._total, _NOTHING)[:3]
        if not any(wanted[1:]):
            return False
        found = []
        for (data,) in self._target.execute("SELECT minute FROM recent WHERE start = ?", (start,)):
            with contextlib.suppress(CorruptRowError):
                found.append(unpack_minute(data).get(self._total, _NOTHING)[:3])
        key = chunk_id(MINUTES, start, self._total)
        for (data,) in self._target.execute("SELECT data FROM chunk WHERE id = ?", (key,)):
            with contextlib.suppress(CorruptRowError):
                columns, place = unpack_columns(data, MINUTES), start % 3600 // 60
                found.append((columns.covered[place], columns.rx[place], columns.tx[place]))
        return wanted in found

    def _seconds(self, data: object) -> bytes:
        if isinstance(data, bytes):
            with contextlib.suppress(CorruptRowError):
                fine = unpack_fine(data)
                lines = {self._id(series): msgspec.msgpack.decode(line) for series, line in fine.lines.items()}
                return pack_fine(fine.times, fine.elapsed, lines)
        self._refused += 1
        return pack_fine([], [], {})

    def _take_chunks(self, source: DamagedFile) -> None:
        for number, data in source.rows("chunk"):
            try:
                tier, start = start_of(number)
                columns = unpack_columns(data, tier)
            except (CorruptRowError, IndexError, TypeError):
                self._refused += 1
                continue
            self._add(chunk_id(tier, start, self._id(number & 0xFFFF_FFFF)), tier, columns)

    def _add(self, key: int, tier: int, columns: Columns) -> None:
        row = self._target.execute("SELECT data FROM chunk WHERE id = ?", (key,)).fetchone()
        with contextlib.suppress(CorruptRowError):
            if row is not None:
                columns.merge(unpack_columns(row[0], tier))
            self._target.execute("INSERT OR REPLACE INTO chunk VALUES (?, ?)", (key, pack_columns(columns)))
            self._carried["chunk"] += 1

    def _take_days(self, source: DamagedFile) -> None:
        for _rowid, day, network, data in source.rows("usage"):
            values = self._values(data, unpack_ledger, (1 << 63) - 1)
            if values is None or not isinstance(day, str) or not isinstance(network, int):
                self._refused += 1
                continue
            for minute in self._twice.pop(day, []):
                _subtract(values, minute)
            if network not in self._networks:
                key = f"{self._aside} {network}"
                self._networks[network] = self._network(key, OTHER, None, network)
            row = self._target.execute(
                "SELECT data FROM usage WHERE day = ? AND network = ?", (day, self._networks[network])
            ).fetchone()
            with contextlib.suppress(CorruptRowError):
                packed = pack_ledger(_added(values, unpack_ledger(row[0]) if row else {}))
                self._target.execute(
                    "INSERT OR REPLACE INTO usage VALUES (?, ?, ?)", (day, self._networks[network], packed)
                )
                self._carried["usage"] += 1
                self._days.add(day)

    def _take_gaps(self, source: DamagedFile) -> None:
        has_state = self._target.execute("SELECT 1 FROM state").fetchone() is not None
        numbers: dict[int, int] = {}
        for number, start, end, series, stored_reason, complete in source.rows("gap"):
            if not is_moment(start) or not isinstance(stored_reason, int | str) or not (end is None or is_moment(end)):
                self._refused += 1
                continue
            # The recorder of the current history does not know an open gap of the file and would never end it.
            finish = start if end is None and has_state else end
            reason = int(reason_of(stored_reason))
            known = None if series is None else self._id(series)
            same = self._target.execute(
                "SELECT 1 FROM gap WHERE start = ? AND finish IS ? AND series IS ? AND reason = ?",
                (start, finish, known, reason),
            ).fetchone()
            if same is not None:
                continue
            cursor = self._target.execute(
                "INSERT INTO gap (start, finish, series, reason, complete) VALUES (?, ?, ?, ?, ?)",
                (start, finish, known, reason, int(bool(complete))),
            )
            numbers[number] = int(cursor.lastrowid or 0)
            self._carried["gap"] += 1
        for gap, series, rx, tx in source.rows("gap_bytes"):
            amounts = all(isinstance(each, int) and 0 <= each < 1 << 62 for each in (series, rx, tx))
            if gap in numbers and amounts:
                row = (numbers[gap], self._id(series), rx, tx)
                self._target.execute("INSERT OR IGNORE INTO gap_bytes VALUES (?, ?, ?, ?)", row)

    def _take_rest(self, source: DamagedFile) -> None:
        for at, names in source.rows("uplinks"):
            if is_moment(at) and isinstance(names, str):
                self._target.execute("INSERT OR IGNORE INTO uplinks VALUES (?, ?)", (at, names))
        for row in source.rows("imported"):
            if all(map(isinstance, row, (str, str, str, int, int, int))) and min(row[3:5]) >= 0:
                self._target.execute(
                    "INSERT INTO imported VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
                    "rx = max(rx, excluded.rx), tx = max(tx, excluded.tx)",
                    row,
                )
        for row in source.rows("alert"):
            if isinstance(row[0], str) and isinstance(row[1], int) and is_moment(row[2]):
                self._target.execute("INSERT OR IGNORE INTO alert VALUES (?, ?, ?)", row)
        for row in source.rows("event"):
            if all(map(isinstance, row, event_rows.TYPES)):
                event_rows.insert(self._target, row)

    def _take_marks(self, source: DamagedFile) -> None:
        for _id, data in source.rows("state"):
            if isinstance(data, bytes):
                self._target.execute("INSERT OR IGNORE INTO state VALUES (1, ?)", (data,))
        for what, at in source.rows("once"):
            if isinstance(what, str) and is_moment(at):
                self._target.execute("INSERT OR IGNORE INTO once VALUES (?, ?)", (what, at))


def _name_of(kind: object, key: object) -> str:
    """Return a name for a series made from its key, because the row with its own name cannot be read."""
    text = str(key)
    if kind in ("interface", SERIES_KINDS["interface"]):
        return text.rpartition("/")[0]
    return TOTAL.name if kind in ("total", SERIES_KINDS["total"]) else text.rpartition("/")[2] or text


def _day(at: int) -> str:
    return time.strftime("%Y-%m-%d", time.localtime(at))


def _subtract(values: Ledger, minute: MinuteValues) -> None:
    for series, (covered, rx, tx, _rx_peak, _tx_peak) in minute.items():
        old = values.get(series)
        if old is not None:
            values[series] = (
                max(0, old[0] - rx),
                max(0, old[1] - tx),
                old[2],
                old[3],
                max(0, old[4] - covered),
            )


def _added(values: Ledger, others: Ledger) -> Ledger:
    found = dict(values)
    for series, entry in others.items():
        old = found.get(series, _NOTHING)
        found[series] = (
            old[0] + entry[0], old[1] + entry[1], old[2] + entry[2], old[3] + entry[3], old[4] + entry[4],
        )  # fmt: skip
    return found
