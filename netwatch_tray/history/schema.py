"""The history file: its tables and versions, and how it is opened.

SQLite in WAL mode: one program writes, any number read at the same time. A commit is on the disk when it returns
(`synchronous=FULL`), so a power failure loses only what was not committed.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import quote

from netwatch_tray.errors import HistoryError, NoHistoryYetError, message
from netwatch_tray.history.codes import INTERRUPTED, LEGACY_REASONS, LOST, NETWORK_KINDS, OTHER, SERIES_KINDS
from netwatch_tray.model import GapReason

_APPLICATION_ID = 0x4E575448
"""The letters `NWTH` in the header of the file, by which SQLite files of other programs are recognized."""


def _code(column: str, codes: Mapping[str, int], otherwise: int) -> str:
    """Return a SQL expression with the code of the text in a column, or `otherwise` if the text is not in `codes`."""
    cases = " ".join(f"WHEN '{text}' THEN {code:d}" for text, code in codes.items())
    return f"CASE {column} {cases} ELSE {otherwise:d} END"


MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE series (
        id INTEGER PRIMARY KEY,
        kind TEXT NOT NULL,      -- total, interface, app, carrier (a tunnel's own connections: in no sum)
        key TEXT NOT NULL,       -- what it is known by from boot to boot
        name TEXT NOT NULL,      -- what a person calls it
        lasting INTEGER NOT NULL,
        UNIQUE (kind, key)
    );
    CREATE TABLE recent (        -- one row a commit, for a minute or a part of one
        id INTEGER PRIMARY KEY,
        start INTEGER NOT NULL,  -- unix time of the minute
        packed INTEGER NOT NULL, -- 1: is in chunk as well
        minute BLOB NOT NULL,    -- packing.Minute
        fine BLOB NOT NULL       -- packing.Fine
    );
    CREATE TABLE chunk (
        id INTEGER PRIMARY KEY,  -- packing.chunk_id: tier, time, series
        data BLOB NOT NULL       -- packing.Columns
    );
    CREATE TABLE usage (
        day TEXT NOT NULL,       -- local date, as the clock on the wall said then
        network INTEGER NOT NULL REFERENCES network,
        data BLOB NOT NULL,      -- packing.Ledger
        PRIMARY KEY (day, network)
    );
    CREATE TABLE network (
        id INTEGER PRIMARY KEY,
        key TEXT NOT NULL UNIQUE,-- networks.Network.key
        kind TEXT NOT NULL,      -- of its uplink: wifi, ethernet …
        metered INTEGER          -- 1, 0; NULL: nobody knows
    );
    CREATE TABLE imported (      -- as another program told it, see imports
        name TEXT NOT NULL,      -- of an interface
        span TEXT NOT NULL,      -- day, month, year
        first TEXT NOT NULL,     -- its first local day
        rx INTEGER NOT NULL,
        tx INTEGER NOT NULL,
        counted INTEGER NOT NULL,-- 1: in the total as well
        PRIMARY KEY (name, span, first)
    ) WITHOUT ROWID;
    CREATE TABLE gap (
        id INTEGER PRIMARY KEY,
        start REAL NOT NULL,     -- unix time of the last measurement before
        finish REAL,             -- and of the first after; NULL: still lasts
        series INTEGER REFERENCES series, -- NULL: of everything
        reason TEXT NOT NULL,
        complete INTEGER NOT NULL -- 1: the bytes carried meanwhile are all in gap_bytes
    );
    CREATE INDEX gap_by_finish ON gap (finish);
    CREATE TABLE gap_bytes (
        gap INTEGER NOT NULL REFERENCES gap,
        series INTEGER NOT NULL REFERENCES series,
        rx INTEGER NOT NULL,
        tx INTEGER NOT NULL,
        PRIMARY KEY (gap, series)
    ) WITHOUT ROWID;
    CREATE TABLE uplinks (
        at REAL PRIMARY KEY,     -- unix time since when
        names TEXT NOT NULL      -- the interfaces counted in the total, one a line
    ) WITHOUT ROWID;
    CREATE TABLE alert (
        cycle TEXT NOT NULL,     -- first day of the billing month
        percent INTEGER NOT NULL,
        at REAL NOT NULL,
        PRIMARY KEY (cycle, percent)
    ) WITHOUT ROWID;
    CREATE TABLE state (         -- where to go on after a restart: one row
        id INTEGER PRIMARY KEY CHECK (id = 1),
        data BLOB NOT NULL       -- recorder.State
    );
    """,
    """
    CREATE TABLE once (          -- what must not be done twice: a repair, the merging of a file
        what TEXT PRIMARY KEY,
        at REAL NOT NULL
    ) WITHOUT ROWID;
    """,
    f"""
    CREATE TABLE new_series (
        id INTEGER PRIMARY KEY,
        kind INTEGER NOT NULL,   -- codes.SERIES_KINDS
        key TEXT NOT NULL,       -- identifies it among those of its kind, from boot to boot
        name TEXT NOT NULL,      -- what the user calls it
        lasting INTEGER NOT NULL,
        UNIQUE (kind, key)
    );
    CREATE TABLE new_network (
        id INTEGER PRIMARY KEY,
        key TEXT NOT NULL UNIQUE,-- networks.Network.key
        kind INTEGER NOT NULL,   -- codes.NETWORK_KINDS, of its uplink
        metered INTEGER          -- 1, 0; NULL: unknown
    );
    CREATE TABLE new_gap (
        id INTEGER PRIMARY KEY,
        start REAL NOT NULL,     -- Unix time of the last measurement before
        finish REAL,             -- and of the first after; NULL: it lasts
        series INTEGER REFERENCES series, -- NULL: of everything
        reason INTEGER NOT NULL, -- model.GapReason
        complete INTEGER NOT NULL -- 1: the bytes carried meanwhile are all in gap_bytes
    );
    INSERT OR IGNORE INTO new_series SELECT id, {_code("kind", SERIES_KINDS, LOST)}, key, name, lasting FROM series;
    INSERT OR IGNORE INTO new_network SELECT id, key, {_code("kind", NETWORK_KINDS, OTHER)}, metered FROM network;
    INSERT OR IGNORE INTO new_gap SELECT id, start, finish, series,
        CASE WHEN reason LIKE '{INTERRUPTED}%' THEN {GapReason.INTERRUPTED:d}
        ELSE {_code("reason", LEGACY_REASONS, GapReason.UNKNOWN)} END, complete FROM gap;
    DROP TABLE gap;
    DROP TABLE network;
    DROP TABLE series;
    ALTER TABLE new_series RENAME TO series;
    ALTER TABLE new_network RENAME TO network;
    ALTER TABLE new_gap RENAME TO gap;
    CREATE INDEX gap_by_finish ON gap (finish);
    """,  # noqa: S608  our own words
    """
    CREATE TABLE event (
        id INTEGER PRIMARY KEY,  -- event.Event.id
        first REAL NOT NULL,     -- Unix time
        last REAL NOT NULL,
        kind INTEGER NOT NULL,   -- event.EventKind
        severity INTEGER NOT NULL, -- event.Severity
        count INTEGER NOT NULL,
        muted INTEGER NOT NULL,  -- 1: was muted when it last happened
        seen INTEGER NOT NULL,   -- 1: the user has seen it
        key TEXT NOT NULL,       -- of its findings
        app TEXT,                -- key of the app
        app_name TEXT,
        host TEXT,
        pid INTEGER,
        evidence BLOB NOT NULL   -- event.packed
    );
    CREATE INDEX event_by_last ON event (last);
    """,
    """
    CREATE TABLE network_name (  -- only of networks that had one while the user wanted names
        network INTEGER PRIMARY KEY REFERENCES network,
        name TEXT NOT NULL       -- the latest, as NetworkManager calls it
    );
    """,
)
"""SQL scripts: the one at index n migrates a file from version n to n + 1. Released ones are never changed, not even
their comments, because SQLite stores these in the file."""

VERSION = len(MIGRATIONS)
LAST_NOT_LAID_OUT = 2
"""Last version of the format for which `_lay_out` was not called: tables are on the pages where migrations put them."""

_CORRUPT = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


class CorruptHistoryError(HistoryError):
    """The history file is damaged: SQLite reports that it is corrupt or no database."""


@contextlib.contextmanager
def explained(file: Path) -> Iterator[None]:
    """Replace an sqlite3.Error in the block by CorruptHistoryError if the file is damaged, else by a HistoryError whose
    message says what the user can do.
    """
    try:
        yield
    except UnicodeDecodeError as error:  # SQLite's message about a damaged table may contain damaged names
        raise CorruptHistoryError("The history {file} is damaged ({error}).", file=file, error=error) from error
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in _CORRUPT:
            raise CorruptHistoryError("The history {file} is damaged ({error}).", file=file, error=error) from error
        advice = {
            sqlite3.SQLITE_FULL: message(
                "The disk is full: live rates still work, recording continues when there is room."
            ),
            sqlite3.SQLITE_READONLY: message(
                "It cannot be written; live rates still work. Check who owns it and its folder."
            ),
            sqlite3.SQLITE_CANTOPEN: message(
                "It cannot be opened; live rates still work. Check who owns it and its folder."
            ),
            sqlite3.SQLITE_BUSY: message("Another program is writing it; NetWatch tries again in a minute."),
        }.get(code, message("Live rates still work; NetWatch tries again in a minute."))
        raise HistoryError("The history {file}: {error}. {advice}", file=file, error=error, advice=advice) from error


def open_for_writing(file: Path) -> sqlite3.Connection:
    """Open the history file. Create it if it is missing, readable by the user only. Migrate one of an older version.

    Raise CorruptHistoryError; HistoryError if it cannot be written or was written by a newer program.
    """
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise HistoryError(
            "The history {file} cannot be written: {reason}. Live rates still work; check who owns its folder.",
            file=file,
            reason=error,
        ) from error
    with explained(file):
        connection = sqlite3.connect(file, timeout=5, isolation_level=None, check_same_thread=False)
        connection.text_factory = _text
        try:
            version = _check(connection, file)
            # A small cache is enough for a writer that appends, and saves memory of the agent.
            connection.execute("PRAGMA cache_size = -256")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA journal_mode = WAL")
            if version < VERSION:
                _migrate(connection, version)
                _lay_out(connection)
            _compare(connection, file)
        except BaseException:
            connection.close()
            raise
    return connection


def open_for_reading(file: Path) -> sqlite3.Connection:
    """Open the history file so that its writer is never blocked. Each query sees the state of the last commit.

    Raise NoHistoryYetError if there is no file or it has no tables; HistoryError if it is of another version or cannot
    be read.
    """
    try:
        file.stat()
    except (FileNotFoundError, NotADirectoryError):
        raise _no_history_yet(file) from None
    except OSError as error:
        raise HistoryError(
            "The history {file} cannot be read: {reason}. Live rates still work; check who owns its folder.",
            file=file,
            reason=error,
        ) from error
    with explained(file):
        try:
            return _connect_for_reading(file, "mode=ro")
        except sqlite3.OperationalError:
            # SQLite cannot create its index of the WAL in a read-only directory; without a WAL it needs none.
            if file.with_name(file.name + "-wal").exists():
                raise
            return _connect_for_reading(file, "mode=ro&immutable=1")


def _columns(connection: sqlite3.Connection) -> dict[str, list[str]]:
    tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    return {
        name: [column[1] for column in connection.execute("SELECT * FROM pragma_table_info(?)", (name,))]
        for (name,) in tables
    }


def _compare(connection: sqlite3.Connection, file: Path) -> None:
    """Raise CorruptHistoryError if names of tables and columns are not those of this version. SQLite does not detect
    damage that changes a name."""
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as model:
        _migrate(model)
        wanted = _columns(model)
    found = _columns(connection)
    for name, columns in wanted.items():
        if found.get(name) != columns:
            raise CorruptHistoryError(
                "The history {file} is damaged (its table {name} has other columns).", file=file, name=name
            )


def _text(data: bytes) -> str:
    """Decode a text that SQLite has read from a file (`text_factory`). Invalid UTF-8 becomes U+FFFD."""
    return data.decode(errors="replace")


def verify(connection: sqlite3.Connection, file: Path) -> None:
    """Raise CorruptHistoryError if SQLite's own check finds damage."""
    (verdict,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    if verdict != "ok":
        raise CorruptHistoryError("The history {file} is damaged ({verdict}).", file=file, verdict=verdict)


def set_aside(file: Path) -> Path:
    """Rename a damaged history, and its `-wal` and `-shm` files, to `NAME.damaged-DATE-TIME`. Return the new path.
    Raise HistoryError."""
    aside = file.with_name(f"{file.stem}.damaged-{time.strftime('%Y%m%d-%H%M%S')}{file.suffix}")
    try:
        for suffix in ("", "-wal", "-shm"):
            part = file.with_name(file.name + suffix)
            if part.exists():
                part.rename(aside.with_name(aside.name + suffix))
    except OSError as error:
        raise HistoryError(
            "The damaged history {file} cannot be renamed: {reason}.", file=file, reason=error
        ) from error
    return aside


def set_aside_files(file: Path) -> list[Path]:
    """Return the damaged histories that `set_aside` renamed, oldest first."""
    return sorted(file.parent.glob(f"{file.stem}.damaged-*{file.suffix}"))


def _no_history_yet(file: Path) -> NoHistoryYetError:
    return NoHistoryYetError("There is no history yet in {file}: start the program with `netwatch-tray`.", file=file)


def _connect_for_reading(file: Path, how: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"file:{quote(str(file))}?{how}", uri=True, timeout=5, isolation_level=None, check_same_thread=False
    )
    connection.text_factory = _text
    try:
        version = _check(connection, file)
    except BaseException:
        connection.close()
        raise
    if version < VERSION:
        connection.close()
        if version == 0:  # it was created, but nothing could be written: the disk is full
            raise _no_history_yet(file)
        raise HistoryError(
            "The history {file} is of an older version. Start the program once: it brings the file up to date.",
            file=file,
        )
    return connection


def _check(connection: sqlite3.Connection, file: Path) -> int:
    """Return the format version of the file, 0 if it is empty. Raise HistoryError if it belongs to another program or
    to a newer version of this one."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if tables and application != _APPLICATION_ID and not tables & {"recent", "chunk", "usage"}:
        raise HistoryError(
            "The file {file} is not a history of this program. It stays untouched and nothing is "
            "recorded; live rates still work. Move it away, and a history begins.",
            file=file,
        )
    if version > VERSION:
        raise HistoryError(
            "The history {file} was written by a newer version of this program (its format is "
            "{version}, this one reads {known}). It stays untouched, nothing is recorded. Install "
            "the newer version again.",
            file=file,
            version=version,
            known=VERSION,
        )
    return max(int(version), 1 if tables else 0)


def _migrate(connection: sqlite3.Connection, known: int = 0, until: int | None = None) -> None:
    """Migrate the file to format version `until`, by default to the newest. `known`: least version that the file is
    known to have, because a damaged header may contain a lower one."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        (version,) = connection.execute("PRAGMA user_version").fetchone()  # another program may have migrated it
        scripts = MIGRATIONS[:until]
        for script in scripts[max(version, known) :]:
            for statement in _statements(script):
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {len(scripts)}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _lay_out(connection: sqlite3.Connection) -> None:
    """Rewrite the file so that each table begins on the same page as in a new file, which helps `damaged_file` to read
    a file without a schema. Skipped if the disk has no room for a second copy of the file."""
    with contextlib.suppress(sqlite3.Error):
        connection.execute("VACUUM")


def first_page(file: Path, version: int) -> bytes:
    """Create an empty history of this format version at `file`. Return its first page, which holds the schema."""
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as connection:
        _migrate(connection, until=version)
        if version > LAST_NOT_LAID_OUT:
            _lay_out(connection)
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    return file.read_bytes()[:size]


def _statements(script: str) -> Iterator[str]:
    """Yield the SQL statements of a script one by one. `executescript` is not used, because it commits the transaction
    first, so half a migration could remain."""
    text = ""
    for line in script.splitlines(keepends=True):
        text += line
        if sqlite3.complete_statement(text):
            yield text
            text = ""
