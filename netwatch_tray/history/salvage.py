"""What can be read of a history that was set aside is carried over into the one that is recorded into.

A file is set aside when SQLite calls it corrupt; the first version of the format also did that to sound files with an
amount below 0. Both kinds lie beside the history as `*.damaged-*` and are merged into it once: table by table, and
around pages that cannot be read row by row. The file itself is only read and keeps its name.
"""

from __future__ import annotations

import contextlib
import logging
import shutil
import sqlite3
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec

from netwatch_tray.history import schema
from netwatch_tray.history.packing import (
    MINUTES,
    Columns,
    CorruptRowError,
    Ledger,
    Minute,
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
from netwatch_tray.history.rows import is_moment

_log = logging.getLogger(__name__)

_MOST_MISSES = 20_000
"""Keys tried one after the other that cannot be read, before the rest of a table is read from its other end."""
_LEAST_ROW = 16
"""Bytes; of a small file no more keys are tried than it can hold rows."""
_RECOVERY_TIMEOUT = 300.0
"""Seconds that `sqlite3 .recover` may take; it runs beside the agent, once."""
_UNREADABLE = (sqlite3.Error, UnicodeDecodeError, MemoryError, OverflowError)
_TABLES = {
    "series": ("id", "kind", "key", "name", "lasting"),
    "network": ("id", "key", "kind", "metered"),
    "usage": ("rowid", "day", "network", "data"),
    "chunk": ("id", "data"),
    "recent": ("id", "start", "packed", "minute", "fine"),
    "gap": ("id", "start", "finish", "series", "reason", "complete"),
    "gap_bytes": ("gap", "series", "rx", "tx"),
    "uplinks": ("at", "names"),
    "imported": ("name", "span", "first", "rx", "tx", "counted"),
    "alert": ("cycle", "percent", "at"),
    "state": ("id", "data"),
    "once": ("what", "at"),
}
"""Columns by table, in the order in which they are carried over; the first is a key, see `_KEYED`."""
_KEYED = frozenset({"series", "network", "usage", "chunk", "recent", "gap", "gap_bytes", "state"})
"""Whose first column is an integer that the table is sorted by."""
_NOTHING: Value = (0, 0, 0, 0, 0)


def carry_over(connection: sqlite3.Connection, aside: Path) -> str:
    """Merge a file in one transaction, so that a full disk or a kill leaves everything as it was.

    Return what was done, for the user. Raises HistoryError, sqlite3.Error, OSError.
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


class Source:
    """A file that may be damaged anywhere. `close` removes what was made for reading it."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._undo = contextlib.ExitStack()
        self.is_whole = True
        """Nothing was met that cannot be read."""
        self._connection = self._opened()
        self._recovered: sqlite3.Connection | None = None

    def close(self) -> None:
        self._undo.close()

    def rows(self, table: str) -> Iterator[tuple[Any, ...]]:
        """Each row that can be read, once."""
        columns = _TABLES[table]
        seen: set[object] = set()
        sources = [self._connection]
        while sources:
            connection = sources.pop()
            for row in self._scanned(connection, table, columns):
                key = row[:2] if table in ("gap_bytes", "alert") else row[:3] if table == "imported" else row[0]
                if key not in seen:
                    seen.add(key)
                    yield row
            if not self.is_whole and connection is self._connection:
                recovered = self._recover()
                if recovered is not None:
                    sources.append(recovered)

    def indexed(self, table: str, columns: Sequence[str]) -> list[tuple[Any, ...]]:
        """Rows of an index that holds these columns, where the table itself has lost some."""
        found: list[tuple[Any, ...]] = []
        query = f"SELECT {', '.join(columns)} FROM {table} ORDER BY {', '.join(columns[:-1])}"  # noqa: S608  our names
        with contextlib.suppress(*_UNREADABLE):
            found += iter(self._connection.execute(query))
        return found

    def _scanned(self, connection: sqlite3.Connection, table: str, columns: Sequence[str]) -> Iterator[tuple[Any, ...]]:
        """From the first row to the last; where some cannot be read, from the last one on backwards as well."""
        query = f"SELECT {', '.join(columns)} FROM {table}"  # noqa: S608  our names
        if table not in _KEYED:
            rows = list(self._until_error(connection, query))
            yield from filter(None, rows)
            if None in rows:
                return
        elif (yield from self._by_key(connection, table, query, columns[0])):
            return
        yield from filter(None, self._until_error(connection, f"{query} ORDER BY {columns[0]} DESC"))

    def _by_key(
        self, connection: sqlite3.Connection, table: str, query: str, key: str
    ) -> Generator[tuple[Any, ...], None, bool]:
        """Forwards, key by key where rows cannot be read; returns whether the last row was reached."""
        # Of the 2^32 places between two hours only those of known series are tried.
        width = 2 + self._most_series(connection) if table == "chunk" else 1 << 32
        place, misses = 0, 0
        most_misses = min(_MOST_MISSES, self._file.stat().st_size // _LEAST_ROW)
        while misses < most_misses:
            low = (place // width) << 32 | place % width
            last = low - 1
            for row in self._until_error(connection, f"{query} WHERE {key} >= ? ORDER BY {key}", low):
                if row is None:
                    return True
                if isinstance(row[0], int):
                    last = max(last, row[0])
                    yield row
            misses += last < low
            last = max(last, low)
            place = (last >> 32) * width + min(last & 0xFFFF_FFFF, width - 1) + 1
        return False

    def _until_error(
        self, connection: sqlite3.Connection, query: str, *values: object
    ) -> Iterator[tuple[Any, ...] | None]:
        """Rows up to the first that cannot be read; `None` behind the last where all could."""
        count = 0
        try:
            for row in connection.execute(query, values):
                count += 1
                yield row
        except _UNREADABLE:
            self.is_whole = False
            # The module steps ahead of what it returns: the last row that could be read went down with the next one.
            with contextlib.suppress(*_UNREADABLE):
                yield from islice(connection.execute(f"{query} LIMIT {count + 1}", values), count, None)
        else:
            yield None

    @staticmethod
    def _most_series(connection: sqlite3.Connection) -> int:
        for query in ("SELECT max(id) FROM series", "SELECT max(id) FROM series NOT INDEXED WHERE id < 4096"):
            with contextlib.suppress(*_UNREADABLE):
                (most,) = connection.execute(query).fetchone()
                if isinstance(most, int) and 0 <= most < 1 << 20:
                    return most
        return 1000

    def _opened(self) -> sqlite3.Connection:
        connection = _connect(self._file)
        self._undo.callback(connection.close)
        if _has_tables(connection):
            return connection
        # The first page holds the schema. That of a new history is the same, so it leads to the same tables.
        self.is_whole = False
        directory = self._directory()
        copy = directory / "copy.sqlite3"
        shutil.copyfile(self._file, copy)
        with contextlib.closing(schema.open_for_writing(directory / "new.sqlite3")) as new:
            new.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            (size,) = new.execute("PRAGMA page_size").fetchone()
            first = bytearray((directory / "new.sqlite3").read_bytes()[:size])
        pages = copy.stat().st_size // size
        first[18:20] = b"\1\1"  # no WAL: this copy has none
        first[28:32] = pages.to_bytes(4, "big")
        first[32:40] = bytes(8)  # no free pages
        first[92:96] = first[24:28]
        with copy.open("r+b") as target:
            target.write(first)
        connection = _connect(copy)
        self._undo.callback(connection.close)
        return connection

    def _directory(self) -> Path:
        """On the disk of the history, because /tmp may be memory; removed by `close`."""
        made = tempfile.TemporaryDirectory(dir=self._file.parent, prefix=".salvage-")
        return Path(self._undo.enter_context(made))

    def _recover(self) -> sqlite3.Connection | None:
        """A database made by SQLite's own tool, where it is installed; made once."""
        if self._recovered is not None:
            return self._recovered
        tool = shutil.which("sqlite3")
        if tool is None:
            return None
        directory = self._directory()
        script, made = directory / "recovered.sql", directory / "recovered.sqlite3"
        try:
            for arguments, read, written in (
                (["-readonly", str(self._file), ".recover"], subprocess.DEVNULL, script),
                ([str(made)], script, None),
            ):
                with contextlib.ExitStack() as files:
                    source = files.enter_context(read.open("rb")) if isinstance(read, Path) else read
                    target = files.enter_context(written.open("wb")) if written else subprocess.DEVNULL
                    subprocess.run(
                        [tool, "-batch", "-init", "/dev/null", *arguments],
                        stdin=source,
                        stdout=target,
                        stderr=subprocess.DEVNULL,
                        timeout=_RECOVERY_TIMEOUT,
                        check=False,
                    )
        except (OSError, subprocess.SubprocessError) as error:
            _log.info("sqlite3 .recover did not help: %s", error)
            return None
        script.unlink(missing_ok=True)
        if not made.exists():
            return None
        self._recovered = _connect(made)
        self._undo.callback(self._recovered.close)
        return self._recovered


class _Merger:
    """Adds the rows of a source to a history, inside a transaction of it."""

    def __init__(self, target: sqlite3.Connection) -> None:
        self._target = target
        self._series: dict[int, int] = {}
        self._networks: dict[int, int] = {}
        self._passing: set[int] = set()
        self._total = 0
        self._twice: dict[str, list[Minute]] = {}
        """Minutes that the history has as well, by local day: not to be counted again."""
        self._carried: Counter[str] = Counter()
        """Rows by table."""
        self._days: set[str] = set()
        self._refused = 0
        self._aside = ""

    def merge(self, file: Path) -> str:
        """Return what was carried over, for the user."""
        self._aside = file.name
        source = Source(file)
        try:
            self._take_names(source)
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
            return f"Nothing could be read of {file.name}."
        rest = "all of it" if is_whole else "what can be read of it"
        return f"From {file.name} {rest} was carried over (days: {days}, parts of curves: {hours})."

    def _take_names(self, source: Source) -> None:
        rows = {row[0]: row for row in source.rows("series")}
        for kind, key, number in source.indexed("series", ("kind", "key", "id")):
            rows.setdefault(number, (number, kind, key, _name_of(kind, key), 1))
        for number, kind, key, name, lasting in rows.values():
            if isinstance(number, int) and all(isinstance(each, str) for each in (kind, key, name)):
                self._target.execute(
                    "INSERT OR IGNORE INTO series VALUES (?, ?, ?, ?, ?)", (number, kind, key, name, int(bool(lasting)))
                )
                self._target.execute(  # where that number is another's
                    "INSERT OR IGNORE INTO series (kind, key, name, lasting) VALUES (?, ?, ?, ?)",
                    (kind, key, name, int(bool(lasting))),
                )
                (self._series[number],) = self._target.execute(
                    "SELECT id FROM series WHERE kind = ? AND key = ?", (kind, key)
                ).fetchone()
                if not lasting:
                    self._passing.add(self._series[number])
                if kind == "total":
                    self._total = self._series[number]
        networks = {row[0]: row for row in source.rows("network")}
        for key, number in source.indexed("network", ("key", "id")):
            networks.setdefault(number, (number, key, "other", None))
        for number, key, kind, metered in networks.values():
            if isinstance(number, int) and isinstance(key, str) and isinstance(kind, str):
                self._networks[number] = self._network(key, kind, metered if metered in (0, 1) else None, number)

    def _network(self, key: str, kind: str, metered: int | None, number: int) -> int:
        self._target.execute("INSERT OR IGNORE INTO network VALUES (?, ?, ?, ?)", (number, key, kind, metered))
        self._target.execute(
            "INSERT OR IGNORE INTO network (key, kind, metered) VALUES (?, ?, ?)", (key, kind, metered)
        )
        (found,) = self._target.execute("SELECT id FROM network WHERE key = ?", (key,)).fetchone()
        return int(found)

    def _id(self, series: int) -> int:
        """One whose name is lost keeps its bytes, and its number is not given to another."""
        found = self._series.get(series)
        if found is None:
            key = f"{self._aside} {series}"
            self._target.execute(
                "INSERT OR IGNORE INTO series (kind, key, name, lasting) VALUES ('lost', ?, ?, 1)", (key, key)
            )
            row = self._target.execute("SELECT id FROM series WHERE kind = 'lost' AND key = ?", (key,)).fetchone()
            found = self._series[series] = int(row[0])
        return found

    def _values(self, data: object, unpack: Any, most: int) -> dict[int, Value] | None:
        """By the history's own numbers; `None`: nothing can be read."""
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

    def _take_minutes(self, source: Source) -> None:
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

    def _is_there(self, start: int, values: Minute) -> bool:
        """Whether the history has this very minute: the first version wrote the last one into both files."""
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

    def _take_chunks(self, source: Source) -> None:
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

    def _take_days(self, source: Source) -> None:
        for _rowid, day, network, data in source.rows("usage"):
            values = self._values(data, unpack_ledger, (1 << 63) - 1)
            if values is None or not isinstance(day, str) or not isinstance(network, int):
                self._refused += 1
                continue
            for minute in self._twice.pop(day, []):
                _subtract(values, minute)
            if network not in self._networks:
                key = f"{self._aside} {network}"
                self._networks[network] = self._network(key, "other", None, network)
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

    def _take_gaps(self, source: Source) -> None:
        has_state = self._target.execute("SELECT 1 FROM state").fetchone() is not None
        numbers: dict[int, int] = {}
        for number, start, end, series, reason, complete in source.rows("gap"):
            if not is_moment(start) or not isinstance(reason, str) or not (end is None or is_moment(end)):
                self._refused += 1
                continue
            # Of one that lasts nobody who records now knows.
            finish = start if end is None and has_state else end
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

    def _take_rest(self, source: Source) -> None:
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

    def _take_marks(self, source: Source) -> None:
        for _id, data in source.rows("state"):
            if isinstance(data, bytes):
                self._target.execute("INSERT OR IGNORE INTO state VALUES (1, ?)", (data,))
        for what, at in source.rows("once"):
            if isinstance(what, str) and is_moment(at):
                self._target.execute("INSERT OR IGNORE INTO once VALUES (?, ?)", (what, at))


def _connect(file: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(f"file:{quote(str(file))}?mode=ro", uri=True, timeout=5, isolation_level=None)
    connection.text_factory = lambda data: data.decode(errors="replace")
    return connection


def _has_tables(connection: sqlite3.Connection) -> bool:
    """Whether the schema can be read and has all that the first version had."""
    for table, columns in _TABLES.items():
        if table == "once":
            continue
        try:
            connection.execute(f"SELECT {', '.join(columns)} FROM {table} LIMIT 0")  # noqa: S608  our names
        except _UNREADABLE:
            return False
    return True


def _name_of(kind: object, key: object) -> str:
    """What a series is called whose name is lost."""
    text = str(key)
    if kind == "interface":
        return text.rpartition("/")[0]
    return "Total" if kind == "total" else text.rpartition("/")[2] or text


def _day(at: int) -> str:
    return time.strftime("%Y-%m-%d", time.localtime(at))


def _subtract(values: Ledger, minute: Minute) -> None:
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
