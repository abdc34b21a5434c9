"""The agent's part in uploading: makes a snapshot at each interval and stores it for the uploader.

The scheduler's thread never blocks here. Whatever may block runs in a thread: the keyring, disks and the spool's file,
probes of gateway and DNS server, the network.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Mapping
from datetime import datetime

from netwatch_tray import clock, paths
from netwatch_tray.cloud import account, wire
from netwatch_tray.cloud.account import Account
from netwatch_tray.cloud.client import ServerClient
from netwatch_tray.cloud.collector import SnapshotCollector
from netwatch_tray.cloud.privacy import scope
from netwatch_tray.cloud.spool import Spool
from netwatch_tray.cloud.uploader import PACE, Uploader
from netwatch_tray.engine.connections import ConnectionTable
from netwatch_tray.engine.scheduler import Scheduler
from netwatch_tray.errors import Message, NetWatchError, joined, message
from netwatch_tray.model import Tick
from netwatch_tray.settings import Upload

_log = logging.getLogger(__name__)

_LONGEST_END = 5.0
"""Seconds that `wait` blocks at most."""
_MAX_HELD = 100
"""Snapshots held in memory while they cannot be written to the spool."""


class UploadService:
    """Runs from its creation to `stop`. The agent has one only while uploading is on."""

    def __init__(
        self,
        scheduler: Scheduler,
        upload: Upload,
        environment: Mapping[str, str],
        connections: Callable[[], ConnectionTable | None],
        notify: Callable[[Message], None],
        *,
        after: UploadService | None = None,
    ) -> None:
        """`connections`: returns the table as of the last tick, after `connections_read` got what it read for that;
        `None`: unknown. `notify`: gets what the user has to do before anything is sent, in the scheduler's thread.
        `after`: the stopped predecessor, whose last request ends before anything is sent."""
        self._scheduler = scheduler
        self._upload = upload
        self._environment = environment
        self._connections = connections
        self._notify = notify
        self._collector: SnapshotCollector | None = None
        self._spool: Spool | None = None
        self._uploader: Uploader | None = None
        self._interval = float(upload.interval)
        self._slot: int | None = None
        """Number of the current interval since boot."""
        self._fault: Message | None = None
        self._held: deque[tuple[datetime, wire.Snapshot]] = deque(maxlen=_MAX_HELD)
        """Not yet in the spool."""
        self._storing: threading.Thread | None = None
        self._scope = scope(upload)
        self._has_ended = False
        self._ending: threading.Thread | None = None
        self._resolving = self._begin_to_resolve(after)

    @property
    def status(self) -> Message:
        """Return the state of uploading in words, for tray, window and terminal. Never blocks."""
        if self._uploader is None or self._collector is None:
            return self._fault or message("starting")
        faults = [self._fault] if self._fault else []
        return joined([self._uploader.state().message, *faults, *self._collector.faults])

    @property
    def fault(self) -> Message | None:
        """Return why snapshots are not sent at the moment, if something prevents that."""
        return self._fault or (self._uploader.state().fault if self._uploader is not None else None)

    def tick(self, tick: Tick) -> None:
        """Each tick, in order."""
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
            self._begin_to_store()
        self._slot = slot

    def connections_read(self, table: ConnectionTable) -> None:
        """After each reading of the connections."""
        if self._collector is not None:
            self._collector.add_connections(table)

    def stop(self, *, drain: bool) -> None:
        """Make no more snapshots, and begin to end. `drain`: send pending snapshots if that is quick."""
        self._has_ended = True
        self._collector = None
        if self._uploader is not None:
            self._uploader.stop(drain=drain)
        self._ending = threading.Thread(target=self._end, name="upload end", daemon=True)
        self._ending.start()

    def wait(self) -> None:
        """Wait for the end after `stop`, from any thread, at most `_LONGEST_END`."""
        if self._ending is not None:
            self._ending.join(_LONGEST_END)

    def _begin_to_resolve(self, before: UploadService | None = None) -> threading.Thread:
        thread = threading.Thread(target=self._resolve, args=(before,), name="upload account", daemon=True)
        thread.start()
        return thread

    def _resolve(self, before: UploadService | None) -> None:
        """Runs in a thread: a keyring may wait for the user, and a file for its disk."""
        if before is not None:
            before.wait()
        try:
            interval = account.interval(self._upload, self._environment)
            found = account.resolve(self._upload, self._environment)
            self._spool = Spool(paths.spool_file(), to_send=True)
            self._spool.drop_beyond(self._scope)
            client = ServerClient(found, wire.AGENT, timeout=PACE.timeout)
            collector = SnapshotCollector(self._upload, found.identity, with_health=True)
            uploader = Uploader(
                self._spool,
                client,
                collector.host,
                collectors_ok=lambda: not collector.faults,
                notify=lambda reason: self._scheduler.call_soon(lambda: self._notify(reason)),
            )
        except NetWatchError as error:
            fault = error.message
            if self._spool is not None:  # locked until it is closed
                self._spool.close()
                self._spool = None
            self._scheduler.call_soon(lambda: self._fail(fault))
        else:
            self._scheduler.call_soon(lambda: self._begin(found, interval, collector, uploader))

    def _begin(self, found: Account, interval: int, collector: SnapshotCollector, uploader: Uploader) -> None:
        if self._has_ended:
            return
        self._collector, self._uploader, self._interval, self._fault = collector, uploader, float(interval), None
        uploader.start()
        _log.info("Snapshots (%s) go to %s each %d s.", self._upload.level, found.endpoint, interval)

    def _fail(self, fault: Message) -> None:
        """Report the fault and retry later: a keyring may be locked until the user logs in."""
        if fault != self._fault:
            _log.warning("Uploading is on, but cannot begin: %s", fault)
            self._notify(fault)
        self._fault = fault
        self._scheduler.after(PACE.paused, self._try_again)

    def _try_again(self) -> None:
        if not self._has_ended:
            self._resolving = self._begin_to_resolve()

    def _begin_to_store(self) -> None:
        if self._storing is None and self._collector and self._spool and self._uploader:
            arguments = self._collector, self._spool, self._uploader
            self._storing = threading.Thread(target=self._store, args=arguments, name="spool", daemon=True)
            self._storing.start()

    def _store(self, collector: SnapshotCollector, spool: Spool, uploader: Uploader) -> None:
        """Runs in a thread."""
        fault: Message | None = None
        while self._held and fault is None:
            at, draft = self._held.popleft()
            try:
                spool.append(collector.host_id, at.timestamp(), wire.encode(collector.finished(draft)), self._scope)
                uploader.wake()
            except NetWatchError as error:
                fault = error.message
                if len(self._held) < _MAX_HELD:
                    self._held.appendleft((at, draft))
        self._scheduler.call_soon(lambda: self._stored(fault))

    def _stored(self, fault: Message | None) -> None:
        self._storing = None
        if fault and not self._fault:
            _log.warning("%s Until then the last %d snapshots are held in memory.", fault, _MAX_HELD)
        self._fault = fault

    def _end(self) -> None:
        """Runs in a thread."""
        self._resolving.join()
        storing = self._storing
        if storing is not None:
            storing.join()
        if self._uploader is not None:
            self._uploader.wait()
        if self._spool is not None:
            self._spool.close()
