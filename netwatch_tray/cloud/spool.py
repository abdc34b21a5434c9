"""The spool: snapshots that wait to be sent, as a queue in SQLite that survives kill -9 and power failures.

It is limited by age, because the server refuses what is older than a day, and by size; dropped snapshots are counted.
The measuring thread adds and the uploader's thread deletes, under one lock that is never held during a request.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import sqlite3
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from netwatch_tray.cloud.privacy import Scope
from netwatch_tray.errors import NetWatchError

_log = logging.getLogger(__name__)

LONGEST_AGE = 24 * 3600.0
"""Seconds by which a timestamp may differ from the server's clock, in the past or in the future, for the server to
accept it."""
_CLOCK_WAS_SET = 1_767_225_600.0
"""Unix time of the beginning of 2026; an earlier time means that the clock is not set yet. A machine without a battery
starts decades earlier, and would take every stored snapshot for one from the future."""
MOST_BYTES = 48 << 20
"""Greatest size of all stored snapshots, compressed. A day at any level takes less at the default interval."""
_VERSION = 1
_BUSY_TIMEOUT = 5.0
_PATIENCE = 45.0
"""Seconds to wait for the lock of another agent, which may be finishing its last request."""
_RETRY_LOCK = 0.1
"""Seconds between two attempts to get that lock."""
_SCHEMA = """
CREATE TABLE snapshot (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    host_id TEXT NOT NULL,
    at REAL NOT NULL,
    level INTEGER NOT NULL,
    hides_addresses INTEGER NOT NULL,
    hides_names INTEGER NOT NULL,
    size INTEGER NOT NULL,
    body BLOB NOT NULL,
    failures INTEGER NOT NULL DEFAULT 0,
    aside TEXT
) STRICT;
CREATE INDEX snapshot_at ON snapshot (at);
CREATE TABLE counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO counter VALUES ('dropped', 0), ('delivered', 0);
"""
_INDEX = "CREATE INDEX IF NOT EXISTS snapshot_pending ON snapshot (host_id, aside, at)"
"""Index for counting. Without it SQLite would read the bodies of a day, which precede the column `aside`
in each row."""


class Stored(NamedTuple):
    """A snapshot in the spool that is not sent yet."""

    id: int
    at: float
    """Unix time of the snapshot."""
    body: bytes
    """The snapshot as JSON."""


class SpoolCounts(NamedTuple):
    """How many snapshots are in which state."""

    waiting: int
    aside: int
    """Refused by the server. They are kept until they are a day old, but not sent again."""
    dropped: int
    """Deleted without being sent, since the spool was created: too old, too many, damaged, made while the clock was
    wrong, or with more data than the user then wanted to send."""
    delivered: int
    """Stored by the server, since the spool was created."""
    reason: str | None
    """Why the latest of those in `aside` was refused."""


class Spool:
    """Keeps snapshots in a file until the server has stored them. Thread-safe. All methods but `close` raise
    NetWatchError if the file cannot be used."""

    def __init__(
        self,
        file: Path,
        *,
        to_send: bool = False,
        most_bytes: int = MOST_BYTES,
        now: Callable[[], float] = time.time,
    ) -> None:
        """`to_send`: lock the spool until `close`, so that no other agent sends the same snapshots; raise NetWatchError
        if another holds the lock. `now`: returns Unix time. A damaged file is renamed, and a new one is created."""
        self._file = file
        self._most_bytes = most_bytes
        self._now = now
        self._lock = threading.Lock()
        self._sending: int | None = None
        """Descriptor of the lock file; None without `to_send`. While it is locked no other process changes the spool,
        so the values below can be cached."""
        self._counts: dict[str | None, SpoolCounts] = {}
        """Counts by account; the key None has those of all accounts."""
        self._latest: tuple[str, Stored] | None = None
        """Account and content of the snapshot that was appended last, if it is still stored."""
        self._bounds: tuple[float, float] | None = None
        """Two times between which lie the times of all stored snapshots; None if unknown."""
        self._is_synchronous = True
        """Whether a commit waits until the disk has written it."""
        try:
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._sending = _locked(file.with_name(f"{file.name}.lock")) if to_send else None
            try:
                self._database = _opened(file)
            except sqlite3.DatabaseError as error:
                if isinstance(error, sqlite3.OperationalError):  # locked, or the disk is full: not the file's fault
                    raise
                beside = file.with_name(f"{file.name}.damaged")
                _log.warning("The spool %s is damaged (%s) and was renamed to %s.", file, error, beside.name)
                file.replace(beside)
                for suffix in ("-wal", "-shm"):
                    file.with_name(file.name + suffix).unlink(missing_ok=True)
                self._database = _opened(file)
            (self._bytes,) = self._database.execute("SELECT coalesce(sum(length(body)), 0) FROM snapshot").fetchone()
        except (OSError, sqlite3.Error) as error:
            self._unlock()
            raise NetWatchError("Snapshots cannot be kept in {file}: {error}.", file=file, error=error) from error

    def append(self, host_id: str, at: float, body: bytes, scope: Scope) -> None:
        """Store a snapshot, durably. Drop snapshots that are too old, and the oldest ones if the spool would be too
        large."""
        packed = _packed(body)
        with self._transaction() as database:
            self._expire(database)
            while self._bytes + len(packed) > self._most_bytes and self._drop_oldest(database):
                pass
            inserted = database.execute(
                "INSERT INTO snapshot (host_id, at, level, hides_addresses, hides_names, size, body)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (host_id, at, *scope, len(body), packed),
            )
            self._bytes += len(packed)
            self._change_counts(host_id, waiting=1)
            self._latest = host_id, Stored(inserted.lastrowid or 0, at, body)
            if self._bounds is not None:
                self._bounds = min(at, self._bounds[0]), max(at, self._bounds[1])

    def batch(self, host_id: str, most: int, most_bytes: int) -> list[Stored]:
        """Return the oldest snapshots of an account that are not sent yet, oldest first: at most `most`, with at most
        `most_bytes` in all, but at least one if there is any.

        Damaged snapshots are dropped and skipped.
        """
        with self._transaction() as database:
            self._expire(database)
            counts = self._counts.get(host_id) if self._is_alone else None
            if counts is not None and counts.waiting == 1 and self._latest and self._latest[0] == host_id:
                return [self._latest[1]]
            rows = database.execute(
                "SELECT id, at, size, body FROM snapshot WHERE host_id = ? AND aside IS NULL ORDER BY at, id",
                (host_id,),
            )
            found: list[Stored] = []
            damaged: list[tuple[int]] = []
            total = 0
            for number, at, size, packed in rows:
                if len(found) == most or (found and total + size + 1 > most_bytes):
                    break
                try:
                    found.append(Stored(number, at, zlib.decompress(packed)))
                except zlib.error:
                    damaged.append((number,))
                    continue
                total += size + 1
            rows.close()
            if damaged:
                self._count(database, "dropped", self._delete(database, "id = ?", damaged))
                _log.warning("Damaged snapshots in %s were dropped: %d.", self._file, len(damaged))
            return found

    def delivered(self, ids: Iterable[int]) -> None:
        """Delete snapshots that the server has stored.

        If there is only one, the commit does not wait for the disk; the next `append` does. After a power failure it
        may then be sent again, as after a lost response. With several, more than one batch might be sent again, but the
        uploader checks only the first batch against the server's list.
        """
        found = [(each,) for each in ids]
        with self._transaction(is_synchronous=len(found) > 1) as database:
            self._count(database, "delivered", self._delete(database, "id = ?", found))

    def set_aside(self, ids: Iterable[int], reason: str) -> None:
        """Exclude snapshots that the server will never store from later batches. They are kept for inspection until
        they expire."""
        with self._transaction() as database:
            database.executemany("UPDATE snapshot SET aside = ? WHERE id = ?", [(reason, each) for each in ids])
            self._forget()

    def failed(self, ids: Iterable[int], most: int, reason: str) -> None:
        """Count a failure for snapshots that the server failed to store although it stored others. After `most`
        failures a snapshot is set aside."""
        with self._transaction() as database:
            database.executemany(
                "UPDATE snapshot SET failures = failures + 1, aside = CASE WHEN failures + 1 >= ? THEN ? END"
                " WHERE id = ?",
                [(most, reason, each) for each in ids],
            )
            self._forget()

    def drop_beyond(self, scope: Scope) -> None:
        """Drop snapshots that contain more than the user wants to send now."""
        with self._transaction() as database:
            condition = "level > ? OR hides_addresses < ? OR hides_names < ?"
            self._count(database, "dropped", self._delete(database, condition, [scope]))

    def counts(self, host_id: str | None = None) -> SpoolCounts:
        """Count the snapshots of an account; of all accounts if `host_id` is None. `dropped` and `delivered` are always
        those of all accounts."""
        with self._transaction() as database:
            if self._is_alone and host_id in self._counts:
                return self._counts[host_id]
            which, host = ("", ()) if host_id is None else (" WHERE host_id = ?", (host_id,))
            waiting, aside, latest = database.execute(
                f"SELECT count(*) FILTER (WHERE aside IS NULL), count(aside), max(id) FILTER (WHERE aside IS NOT NULL)"  # noqa: S608
                f" FROM snapshot{which}",
                host,
            ).fetchone()
            reason = None
            if latest is not None:
                (reason,) = database.execute("SELECT aside FROM snapshot WHERE id = ?", (latest,)).fetchone()
            counters = dict(database.execute("SELECT name, value FROM counter").fetchall())
            found = SpoolCounts(waiting, aside, counters["dropped"], counters["delivered"], reason)
            self._counts[host_id] = found
            return found

    def close(self) -> None:
        with self._lock:
            self._database.close()
            self._unlock()

    def _unlock(self) -> None:
        if self._sending is not None:
            os.close(self._sending)
            self._sending = None

    @property
    def _is_alone(self) -> bool:
        return self._sending is not None

    @contextlib.contextmanager
    def _transaction(self, *, is_synchronous: bool = True) -> Iterator[sqlite3.Connection]:
        with self._lock:
            bytes_before = self._bytes
            try:
                if is_synchronous != self._is_synchronous:
                    self._database.execute(f"PRAGMA synchronous = {'FULL' if is_synchronous else 'NORMAL'}")
                    self._is_synchronous = is_synchronous
                with self._database:
                    yield self._database
            except BaseException as error:
                self._bytes = bytes_before
                self._forget()
                if isinstance(error, sqlite3.Error):
                    raise NetWatchError(
                        "The spool {file} cannot be used: {error}.", file=self._file, error=error
                    ) from error
                raise

    def _forget(self) -> None:
        """Clear what is cached, so that it is read from the file again."""
        self._counts.clear()
        self._latest = self._bounds = None

    def _expire(self, database: sqlite3.Connection) -> None:
        """Drop snapshots whose timestamp the server would refuse: too old, or made while this host's clock was far
        ahead."""
        now = self._now()
        if now < _CLOCK_WAS_SET:
            return
        first, last = now - LONGEST_AGE, now + LONGEST_AGE
        if self._is_alone and self._bounds is not None and first <= self._bounds[0] and self._bounds[1] <= last:
            return
        self._count(database, "dropped", self._delete(database, "at < ? OR at > ?", [(first, last)]))
        oldest, newest = database.execute("SELECT min(at), max(at) FROM snapshot").fetchone()
        self._bounds = (now, now) if oldest is None else (oldest, newest)

    def _drop_oldest(self, database: sqlite3.Connection) -> int:
        dropped = self._delete(database, "id = (SELECT id FROM snapshot ORDER BY at, id LIMIT 1)", [()])
        self._count(database, "dropped", dropped)
        return dropped

    def _delete(self, database: sqlite3.Connection, which: str, values: Sequence[tuple[float, ...]]) -> int:
        """Delete the snapshots that meet the condition `which` with any of these values. Return their number."""
        count = 0
        for each in values:
            # The condition is one of the literals above.
            for number, host_id, size, is_aside in database.execute(
                f"DELETE FROM snapshot WHERE {which} RETURNING id, host_id, length(body), aside IS NOT NULL",  # noqa: S608
                each,
            ):
                self._bytes -= size
                count += 1
                if is_aside:
                    self._counts.clear()
                else:
                    self._change_counts(host_id, waiting=-1)
                if self._latest is not None and number == self._latest[1].id:
                    self._latest = None
        return count

    def _count(self, database: sqlite3.Connection, name: str, by: int) -> None:
        if by:
            database.execute("UPDATE counter SET value = value + ? WHERE name = ?", (by, name))
            for host_id, counts in self._counts.items():
                self._counts[host_id] = counts._replace(**{name: getattr(counts, name) + by})

    def _change_counts(self, host_id: str, *, waiting: int) -> None:
        for each in (host_id, None):
            if each in self._counts:
                self._counts[each] = self._counts[each]._replace(waiting=self._counts[each].waiting + waiting)


def _packed(body: bytes) -> bytes:
    """Compress a body with a small window: repetitions in a snapshot are close to each other, and zlib's default window
    takes 256 KiB of memory."""
    packer = zlib.compressobj(level=1, wbits=13, memLevel=5)
    return packer.compress(body) + packer.flush()


def _locked(file: Path) -> int:
    """Lock a lock file by flock(2) and return its descriptor. Raise NetWatchError if another process holds the lock.
    The file is never deleted."""
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() < deadline:
                time.sleep(_RETRY_LOCK)
                continue
            os.close(descriptor)
            raise NetWatchError(
                "Another agent sends the snapshots in {directory}. Quit one of the two.", directory=file.parent
            ) from None
        except OSError:
            os.close(descriptor)
            raise
        return descriptor


def _opened(file: Path) -> sqlite3.Connection:
    """Open the spool; create the file if it does not exist. Raise sqlite3.DatabaseError if it is not a spool of this
    version."""
    # One connection for all threads, because each would have a cache of its own; Spool's lock serializes them.
    database = sqlite3.connect(file, timeout=_BUSY_TIMEOUT, check_same_thread=False)
    try:
        file.chmod(0o600)
        database.execute("PRAGMA cache_size = -256")  # KiB
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")
        database.execute(
            "PRAGMA wal_autocheckpoint = 64"
        )  # pages; else the log would hold a second copy of a day's queue
        database.execute("PRAGMA journal_size_limit = 1048576")
        # Read within the transaction that may create the tables: agent and terminal may open a new file at once.
        database.execute("BEGIN IMMEDIATE")
        (version,) = database.execute("PRAGMA user_version").fetchone()
        if version == 0:
            for statement in _SCHEMA.split(";"):
                database.execute(statement)
            database.execute(f"PRAGMA user_version = {_VERSION}")
        elif version != _VERSION:
            raise sqlite3.DatabaseError(f"it is of version {version}, this program knows {_VERSION}")  # noqa: TRY301  closed below
        database.execute(_INDEX)  # files of earlier versions have none
        database.commit()
    except BaseException:
        database.close()
        raise
    return database
