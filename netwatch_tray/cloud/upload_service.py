"""The agent's part of uploading: makes a snapshot every interval and stores it in the spool, from which the uploader
sends it.

The scheduler's thread never blocks here. Whatever may block runs in a thread: the keyring, disks and the spool's file,
probes of gateway and DNS server, the network.
"""

from __future__ import annotations

import contextlib
import logging
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from netwatch_tray import clock, paths
from netwatch_tray.cloud import account, wire
from netwatch_tray.cloud.client import ServerClient
from netwatch_tray.cloud.collector import SharedReadings, SnapshotCollector
from netwatch_tray.cloud.privacy import includes, scope
from netwatch_tray.cloud.spool import Spool
from netwatch_tray.cloud.uploader import PACE, Uploader
from netwatch_tray.engine.connections import ConnectionTable
from netwatch_tray.engine.events import Outcome
from netwatch_tray.engine.scheduler import Scheduler
from netwatch_tray.errors import Message, NetWatchError, joined, message
from netwatch_tray.model import Tick
from netwatch_tray.settings import Upload
from netwatch_tray.worker import Worker, fault_of

if TYPE_CHECKING:
    from netwatch_tray.collect.health import Health
    from netwatch_tray.engine.detectors.questions import DnsCounts

_log = logging.getLogger(__name__)

_LONGEST_END = 5.0
"""Most seconds for which `wait` blocks."""
_MAX_HELD = 100
"""Most snapshots held in memory while they cannot be written to the spool."""


class Resolved(NamedTuple):
    """What the worker thread has made according to the settings."""

    server: str
    """Name of the server that snapshots are sent to, for the log."""
    interval: int
    collector: SnapshotCollector
    uploader: Uploader


class UploadService:
    """Uploads from its construction until `stop`. The agent has one only while uploading is turned on."""

    def __init__(
        self,
        scheduler: Scheduler,
        upload: Upload,
        environment: Mapping[str, str],
        connections: Callable[[], ConnectionTable | None],
        notify: Callable[[Message], None],
        *,
        dns: Callable[[], DnsCounts | None] = lambda: None,
        shared: SharedReadings | None = None,
        after: UploadService | None = None,
    ) -> None:
        """`connections`: returns the connection table at the last tick, None if it is unknown; if it reads the sockets
        for that, it calls `connections_read` before it returns. `notify`: called in the scheduler's thread with what
        the user has to do before anything can be sent. `dns`, `shared`: see SnapshotCollector. `after`: a stopped
        service, whose last request must end before this one sends."""
        self._scheduler = scheduler
        self._upload = upload
        self._environment = environment
        self._connections = connections
        self._notify = notify
        self._dns = dns
        self._shared = shared
        self._health: Health | None = None
        """Result of the last probe, kept for the collector while that does not exist yet."""
        self._collector: SnapshotCollector | None = None
        self._spool: Spool | None = None
        self._uploader: Uploader | None = None
        self._interval = float(upload.interval)
        self._slot: int | None = None
        """Number of the current interval, counted since boot; None before the first tick."""
        self._fault: Message | None = None
        self._held: deque[tuple[datetime, wire.Snapshot]] = deque(maxlen=_MAX_HELD)
        """Snapshots that are not in the spool yet, with their time."""
        self._scope = scope(upload)
        self._has_ended = False
        self._worker = Worker("upload storage", scheduler.call_soon)
        self._resolve_soon(after)

    @property
    def status(self) -> Message:
        """Return the state of uploading in words, for tray, window and terminal. Never blocks."""
        if self._uploader is None or self._collector is None:
            return self._fault or message("starting")
        faults = [self._fault] if self._fault else []
        return joined([self._uploader.state().message, *faults, *self._collector.faults])

    @property
    def fault(self) -> Message | None:
        """Return why snapshots are not sent at the moment; None if nothing prevents it."""
        return self._fault or (self._uploader.state().fault if self._uploader is not None else None)

    @property
    def wants_health(self) -> bool:
        """Return whether snapshots need results of probing gateway and DNS server.

        False if the level excludes them, or while a fault prevents uploading.
        """
        return includes(self._upload.level, "system") and (self._collector is not None or self._fault is None)

    def tick(self, tick: Tick) -> None:
        """Add a tick, and make a snapshot if an interval has ended. Call it for every tick, in order."""
        if self._collector is None:
            return
        self._collector.add(tick)
        if tick.interval_s is None:  # paused or unreadable: its numbers are those of an earlier tick
            return
        slot = int(clock.boottime() // self._interval)
        if self._slot is not None and slot != self._slot:
            # Both read at this moment, so that the bytes of processes and of interfaces are of the same seconds.
            table = self._connections() if self._collector.wants_connections else None
            self._held.append((tick.at, self._collector.draft(tick, table)))
            self._store_soon()
        self._slot = slot

    def connections_read(self, table: ConnectionTable) -> None:
        """Add the connections. Call it after each reading of the sockets."""
        if self._collector is not None:
            self._collector.add_connections(table)

    def health(self, health: Health) -> None:
        """Add the result of probing gateway and DNS server. Call it for every probe."""
        self._health = health
        if self._collector is not None:
            self._collector.add_health(health)

    def health_failed(self, fault: Message) -> None:
        """Note why the last probe failed. Until the next probe, snapshots have no result of one."""
        self._health = None
        if self._collector is not None:
            self._collector.health_failed(fault)

    def take(self, outcome: Outcome) -> None:
        """Add what became of a finding; a new alert goes into the next snapshot. Call it for every finding."""
        if self._collector is not None and outcome.is_new_alert:
            self._collector.add_alert(outcome.events[-1])

    def stop(self, *, drain: bool) -> None:
        """Make no more snapshots, and let the threads end. `drain`: send what is in the spool if that is quick."""
        self._has_ended = True
        self._collector = None
        if self._uploader is not None:
            self._uploader.stop(drain=drain)
        self._worker.close(0, finish=self._end)

    def wait(self) -> None:
        """Wait until the threads have ended after `stop`, for _LONGEST_END seconds at most. Callable from
        any thread."""
        self._worker.close(_LONGEST_END)

    def _resolve_soon(self, before: UploadService | None = None) -> None:
        self._worker.submit(partial(self._resolve, before), self._begin, self._fail)

    def _resolve(self, before: UploadService | None) -> Resolved:
        """Wait for the previous service, then `_connect`. Runs in the worker thread, because keyring and disk may
        block. Raise NetWatchError if uploading cannot begin."""
        if before is not None:
            before.wait()
        return self._connect()

    def _connect(self) -> Resolved:
        """Read the account, open the spool and make collector and uploader. Runs in the worker thread."""
        interval = account.interval(self._upload, self._environment)
        found = account.resolve(self._upload, self._environment)
        with self._opened(paths.spool_file()) as spool:
            client = ServerClient(found, wire.AGENT, timeout=PACE.timeout)
            collector = SnapshotCollector(self._upload, found.identity, dns=self._dns, shared=self._shared)
            uploader = Uploader(
                spool, client, collector.host, collectors_ok=lambda: not collector.faults, notify=self._notify_soon
            )
            return Resolved(str(found.endpoint), interval, collector, uploader)

    @contextlib.contextmanager
    def _opened(self, file: Path) -> Iterator[Spool]:
        """Context manager: open and lock the spool. If the block raises an error close it at once, otherwise `_end`
        closes it."""
        self._spool = Spool(file, to_send=True)
        try:
            self._spool.drop_beyond(self._scope)
            yield self._spool
        except BaseException:
            self._spool.close()  # locked until then
            self._spool = None
            raise

    def _notify_soon(self, reason: Message) -> None:
        """Call `notify` in the scheduler's thread. Callable from any thread."""
        self._scheduler.call_soon(lambda: self._notify(reason))

    def _begin(self, found: Resolved) -> None:
        self._collector, self._uploader = found.collector, found.uploader
        self._interval, self._fault = float(found.interval), None
        if self._health is not None:
            found.collector.add_health(self._health)
        found.uploader.start()
        _log.info("Sending to %s at the level %s, each %d s.", found.server, self._upload.level, found.interval)

    def _fail(self, error: Exception) -> None:
        """Report why uploading cannot begin, and try again later: a keyring may be locked until the user logs in."""
        fault = fault_of(error)
        if fault != self._fault:
            _log.warning("Sending is on, but cannot begin: %s", fault)
            self._notify(fault)
        self._fault = fault
        self._health = None  # nothing may be probed meanwhile, see `wants_health`
        self._scheduler.after(PACE.paused, self._try_again)

    def _try_again(self) -> None:
        if not self._has_ended:
            self._resolve_soon()

    def _store_soon(self) -> None:
        if not self._worker.pending and self._collector and self._spool and self._uploader:
            self._worker.submit(
                partial(self._store, self._collector, self._spool, self._uploader), self._stored, self._fail_to_store
            )

    def _store(self, collector: SnapshotCollector, spool: Spool, uploader: Uploader) -> Message | None:
        """Append the held snapshots to the spool. Runs in the worker thread. Return why some could not be appended, or
        None. Raise NetWatchError if the spool cannot be read afterwards."""
        while self._held:
            at, draft = self._held.popleft()
            try:
                spool.append(collector.host_id, at.timestamp(), self._encode(collector.finished(draft)), self._scope)
            except NetWatchError as error:
                if len(self._held) < _MAX_HELD:
                    self._held.appendleft((at, draft))
                return error.message
            uploader.wake()  # after an error of this the snapshot is stored, and must not be stored again
        return None

    def _encode(self, snapshot: wire.Snapshot) -> bytes:
        """Return the body to store for a snapshot. Called in the worker thread, once for each snapshot, in order."""
        return wire.encode(snapshot)

    def _fail_to_store(self, error: Exception) -> None:
        self._stored(fault_of(error))

    def _stored(self, fault: Message | None) -> None:
        if fault and not self._fault:
            _log.warning("%s Until then the last %d snapshots are held in memory.", fault, _MAX_HELD)
        self._fault = fault
        if fault is None and self._held:  # drafted after the thread had found none left
            self._store_soon()

    def _end(self) -> None:
        """Wait for the uploader's thread and close the spool. The last task of the worker thread."""
        if self._uploader is not None:
            self._uploader.wait()
        if self._spool is not None:
            self._spool.close()
