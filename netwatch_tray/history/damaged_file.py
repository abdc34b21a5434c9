"""Reads as much as possible of a history file that SQLite may call corrupt: row by row, around damaged pages."""

from __future__ import annotations

import contextlib
import logging
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Generator, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import quote

from netwatch_tray.errors import reason_of
from netwatch_tray.history import schema

_log = logging.getLogger(__name__)

MOST_MISSES = 20_000
"""Most consecutive keys without a readable row that are tried. Then the rest of the table is read from its other
end."""
_LEAST_ROW = 16
"""Bytes of the smallest row. It limits the keys that are tried to the number of rows that fit into the file."""
_RECOVERY_TIMEOUT = 300.0
"""Most seconds that the command `sqlite3 .recover` may take."""
_UNREADABLE = (sqlite3.Error, UnicodeDecodeError, MemoryError, OverflowError)
TABLES = {
    "series": ("id", "kind", "key", "name", "lasting"),
    "network": ("id", "key", "kind", "metered"),
    "network_name": ("network", "name"),
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
    "event": (
        "id",
        "first",
        "last",
        "kind",
        "severity",
        "count",
        "muted",
        "seen",
        "key",
        "app",
        "app_name",
        "host",
        "pid",
        "evidence",
    ),
}
"""Names of the columns by table. In the tables of `KEYED` the first one is the primary key."""
KEYED = frozenset(
    {"series", "network", "network_name", "usage", "chunk", "recent", "gap", "gap_bytes", "state", "event"}
)
"""Tables whose first column is an integer primary key, so that SQLite sorts the rows by it."""
_SINCE = {"once": 2, "event": 4, "network_name": 5}
"""Version of the file format that added a table; all other tables are in version 1."""


class DamagedFile:
    """Reads a file that may be damaged anywhere. `close` removes temporary files."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._undo = contextlib.ExitStack()
        self.is_whole = True
        """Whether everything could be read so far."""
        self._connection = self._opened()
        self._recovered: sqlite3.Connection | None = None

    def close(self) -> None:
        self._undo.close()

    def rows(self, table: str) -> Iterator[tuple[Any, ...]]:
        """Yield each readable row of a table once. If some cannot be read, also rows that `sqlite3 .recover` finds."""
        columns = TABLES[table]
        seen: set[object] = set()
        sources = [] if self._is_older_than(table) else [self._connection]
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

    def _is_older_than(self, table: str) -> bool:
        """Return whether the table is missing only because a later version of the format added it. False if the version
        cannot be read."""
        with contextlib.suppress(*_UNREADABLE):
            (version,) = self._connection.execute("PRAGMA user_version").fetchone()
            found = self._connection.execute("SELECT name FROM sqlite_master WHERE name = ?", (table,)).fetchone()
            return found is None and 0 < version < _SINCE.get(table, 0)
        return False

    def indexed(self, table: str, columns: Sequence[str]) -> list[tuple[Any, ...]]:
        """Return the values of these columns from the index that contains them. An index is stored apart from its
        table, so it may still have rows that the table has lost."""
        found: list[tuple[Any, ...]] = []
        query = f"SELECT {', '.join(columns)} FROM {table} ORDER BY {', '.join(columns[:-1])}"  # noqa: S608  our names
        with contextlib.suppress(*_UNREADABLE):
            found += iter(self._connection.execute(query))
        return found

    def _scanned(self, connection: sqlite3.Connection, table: str, columns: Sequence[str]) -> Iterator[tuple[Any, ...]]:
        """Yield the readable rows from the first on. If the last one is not reached, also read backwards from the end,
        so rows may be yielded twice."""
        query = f"SELECT {', '.join(columns)} FROM {table}"  # noqa: S608  our names
        if table not in KEYED:
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
        """Yield rows in order of `key`. After one that cannot be read, try the following keys one by one. Return
        whether the last row was reached."""
        # Of the 2^32 IDs between two hours only those of known series are tried.
        width = 2 + self._most_series(connection) if table == "chunk" else 1 << 32
        place, misses = 0, 0
        most_misses = min(MOST_MISSES, self._file.stat().st_size // _LEAST_ROW)
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
        """Yield the rows of a query up to the first that cannot be read. If all could be read, yield None at the
        end."""
        count = 0
        try:
            for row in connection.execute(query, values):
                count += 1
                yield row
        except _UNREADABLE:
            self.is_whole = False
            # sqlite3 reads one row ahead of what it returns, so the last readable row was lost with the next one.
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
        # The first page holds the schema. A new history has the same tables on the same pages.
        self.is_whole = False
        found = [self._with_first_page_of(version) for version in (schema.VERSION, schema.LAST_NOT_LAID_OUT)]
        return max(found, key=_count_days)

    def _with_first_page_of(self, version: int) -> sqlite3.Connection:
        """Return a copy of the file in which the first page, which holds the schema, is replaced by that of a new
        history of this format version. For files whose schema cannot be read."""
        directory = self._directory()
        copy = directory / "copy.sqlite3"
        shutil.copyfile(self._file, copy)
        first = bytearray(schema.first_page(directory / "new.sqlite3", version))
        pages = copy.stat().st_size // len(first)
        first[28:32] = pages.to_bytes(4, "big")
        first[32:40] = bytes(8)  # no free pages
        first[92:96] = first[24:28]
        with copy.open("r+b") as target:
            target.write(first)
        connection = _connect(copy)
        self._undo.callback(connection.close)
        return connection

    def _directory(self) -> Path:
        """Return a temporary directory beside the history, because /tmp may be in memory. `close` removes it."""
        made = tempfile.TemporaryDirectory(dir=self._file.parent, prefix=".salvage-")
        return Path(self._undo.enter_context(made))

    def _recover(self) -> sqlite3.Connection | None:
        """Return a database that the command `sqlite3 .recover` made of the file, or `None` if the command is not
        installed or fails. It runs at most once."""
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
            _log.info("sqlite3 .recover did not help: %s", reason_of(error))
            return None
        script.unlink(missing_ok=True)
        if not made.exists():
            return None
        self._recovered = _connect(made)
        self._undo.callback(self._recovered.close)
        return self._recovered


def _connect(file: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(f"file:{quote(str(file))}?mode=ro", uri=True, timeout=5, isolation_level=None)
    connection.text_factory = lambda data: data.decode(errors="replace")
    return connection


def _count_days(connection: sqlite3.Connection) -> int:
    """Return how many rows of the table `usage` can be read. 0 shows that a replaced first page does not fit the
    file."""
    with contextlib.suppress(*_UNREADABLE):
        query = "SELECT count(*) FROM usage WHERE typeof(day) = 'text' AND typeof(data) = 'blob'"
        return int(connection.execute(query).fetchone()[0])
    return 0


def _has_tables(connection: sqlite3.Connection) -> bool:
    """Return whether the schema can be read and has all tables of version 1 of the format."""
    for table, columns in TABLES.items():
        if table in _SINCE:
            continue
        try:
            connection.execute(f"SELECT {', '.join(columns)} FROM {table} LIMIT 0")  # noqa: S608  our names
        except _UNREADABLE:
            return False
    return True
