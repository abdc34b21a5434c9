"""The agent's part in uploading: makes a snapshot at each interval, keeps it in the spool, lets the uploader send it.

Everything here runs in the scheduler's thread; what may block (the keyring, the probes of gateway and DNS server, the
network) has threads of its own and hands its result back to the loop.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

import netwatch_tray
from netwatch_tray import clock, paths
from netwatch_tray.cloud import account, wire
from netwatch_tray.cloud.account import Account
from netwatch_tray.cloud.client import ServerClient
from netwatch_tray.cloud.collector import SnapshotCollector
from netwatch_tray.cloud.spool import Spool
from netwatch_tray.cloud.uploader import PACE, Uploader
from netwatch_tray.collect.health import Health, HealthSource
from netwatch_tray.engine.connections import ConnectionTable
from netwatch_tray.engine.scheduler import Scheduler, Timer
from netwatch_tray.errors import CollectError, NetWatchError
from netwatch_tray.model import Tick
from netwatch_tray.settings import Upload

_log = logging.getLogger(__name__)

_HEALTH_PERIOD = 30.0
"""Seconds between probes."""
_LONGEST_GOODBYE = 5.0
"""Seconds."""


class Reporter:
    """Runs from its making to `stop`; there is one only while uploading is on."""

    def __init__(
        self,
        scheduler: Scheduler,
        upload: Upload,
        connections: Callable[[], ConnectionTable | None],
        *,
        after: Reporter | None = None,
    ) -> None:
        """`connections`: the table as of the last reading; `None`: it is not known. `after`: the one before, stopped,
        whose last request must be over before anything is sent again."""
        self._scheduler = scheduler
        self._upload = upload
        self._connections = connections
        self._collector: SnapshotCollector | None = None
        self._spool: Spool | None = None
        self._uploader: Uploader | None = None
        self._interval = float(upload.interval)
        self._slot: int | None = None
        """Number of the interval under way since boot."""
        self._fault: str | None = None
        self._health_timer: Timer | None = None
        self._health_source = HealthSource()
        self._is_probing = False
        self._has_ended = False
        self._resolving = threading.Thread(target=self._resolve, args=(after,), name="upload account", daemon=True)
        self._resolving.start()

    @property
    def status(self) -> str:
        """For tray, window and terminal: in words, what becomes of the snapshots."""
        if self._uploader is None:
            return self._fault or "starting"
        try:
            words = str(self._uploader.state())
        except NetWatchError as error:
            return str(error)
        faults = [self._fault] if self._fault else []
        return " ".join([words, *faults, *(self._collector.faults.values() if self._collector else ())])

    @property
    def needs_person(self) -> bool:
        """Nothing is sent until somebody does what `status` says."""
        return self._uploader is None and self._fault is not None

    def tick(self, tick: Tick) -> None:
        """Each tick, in order."""
        if self._collector is None:
            return
        self._collector.add(tick)
        if tick.interval_s is None:  # paused, or unreadable: old numbers make no snapshot
            return
        slot = int(clock.boottime() // self._interval)
        if self._slot is not None and slot != self._slot:
            self._keep(self._collector.snapshot(tick, self._connections()), tick)
        self._slot = slot

    def connections_read(self, table: ConnectionTable) -> None:
        """After each reading of the connections."""
        if self._collector is not None:
            self._collector.add_connections(table)

    def stop(self) -> None:
        """No snapshot is made after this. What waits is sent meanwhile, or goes with the next start."""
        self._has_ended = True
        if self._health_timer is not None:
            self._health_timer.cancel()
        if self._uploader is not None:
            self._uploader.stop()
        self._collector = None

    def wait(self) -> None:
        """After `stop`, from any thread: until it is over, though not for ever."""
        self._resolving.join(_LONGEST_GOODBYE)
        if self._uploader is not None and self._uploader.wait(_LONGEST_GOODBYE) and self._spool is not None:
            self._spool.close()

    def _resolve(self, before: Reporter | None) -> None:
        """In a thread: a keyring may wait for its person."""
        if before is not None:
            before.wait()
        try:
            interval = account.interval(self._upload)
            found = account.resolve(self._upload)
        except NetWatchError as error:
            message = str(error)
            self._scheduler.call_soon(lambda: self._fail(message))
        else:
            self._scheduler.call_soon(lambda: self._begin(found, interval))

    def _begin(self, found: Account, interval: int) -> None:
        if self._has_ended:
            return
        try:
            self._spool = Spool(paths.spool_file())
        except NetWatchError as error:
            self._fail(str(error))
            return
        collector = self._collector = SnapshotCollector(self._upload, found.identity)
        self._interval = float(interval)
        client = ServerClient(found, f"netwatch-tray/{netwatch_tray.__version__}", timeout=PACE.timeout)
        self._uploader = Uploader(
            self._spool, client, collector.host, collectors_ok=lambda: not collector.faults, pace=PACE
        )
        self._uploader.start()
        _log.info("Snapshots (%s) go to %s each %d s.", self._upload.level, found.endpoint, interval)
        if collector.wants_health:
            self._health_timer = self._scheduler.every(_HEALTH_PERIOD, self._probe)
            self._probe()

    def _keep(self, snapshot: wire.Snapshot, tick: Tick) -> None:
        if self._spool is None or self._uploader is None or self._collector is None:
            return
        try:
            self._spool.append(self._collector.identity.host_id, tick.at.timestamp(), wire.encode(snapshot))
        except NetWatchError as error:
            if self._fault is None:
                _log.warning("%s Until then there are no snapshots.", error)
            self._fault = str(error)
        else:
            self._fault = None
            self._uploader.wake()

    def _fail(self, fault: str) -> None:
        _log.warning("Uploading is on, but cannot begin: %s", fault)
        self._fault = fault

    def _probe(self) -> None:
        if not self._is_probing:
            self._is_probing = True
            threading.Thread(target=self._probe_in_thread, name="health", daemon=True).start()

    def _probe_in_thread(self) -> None:
        try:
            found = self._health_source.probe()
        except CollectError as error:
            message = str(error)
            self._scheduler.call_soon(lambda: self._probed(None, message))
        else:
            self._scheduler.call_soon(lambda: self._probed(found, ""))

    def _probed(self, found: Health | None, fault: str) -> None:
        self._is_probing = False
        if self._collector is None:
            return
        if found is None:
            self._collector.faults["health"] = fault
            self._collector.health.metric = None
        else:
            self._collector.faults.pop("health", None)
            self._collector.health.add(found)
