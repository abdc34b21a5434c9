"""Reads what a snapshot of the chosen level contains besides ticks, and the facts about this host. A snapshot is the
set of measurements that is uploaded at one time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from netwatch_tray import clock
from netwatch_tray.cloud import wire
from netwatch_tray.cloud.account import Identity
from netwatch_tray.cloud.alerts import alert
from netwatch_tray.cloud.builder import HealthHistory, Readings, SnapshotBuilder, Sockets, with_disks
from netwatch_tray.cloud.privacy import includes, limited, limited_host
from netwatch_tray.collect import disks
from netwatch_tray.collect.health import Health
from netwatch_tray.collect.process_facts import ProcessFacts, read_facts
from netwatch_tray.collect.system import CpuTimes, Memory, SystemSource, hostname, machine, open_readings
from netwatch_tray.engine.connections import ConnectionTable
from netwatch_tray.errors import CollectError, Message
from netwatch_tray.event import Event
from netwatch_tray.model import Tick
from netwatch_tray.settings import Upload

if TYPE_CHECKING:
    from netwatch_tray.engine.detectors.questions import DnsCounts

_Found = TypeVar("_Found")
_FRESH = 0.5
"""Seconds for which a reading is shared; less than the time between two ticks."""


class Recent:
    """Caches readings for half a second, so that services which make snapshots at the same tick share them.
    Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._at = 0.0
        """Time (boot-time clock) of the first cached reading."""
        self._found: dict[object, Any] = {}

    def read(self, key: object, source: Callable[[], _Found]) -> _Found:
        """Return the cached reading with this key; if there is none, call `source` for it. Raise what
        `source` raises."""
        with self._lock:
            now = clock.boottime()
            if now - self._at >= _FRESH:
                self._at = now
                self._found.clear()
            if key not in self._found:
                self._found[key] = source()
            found: _Found = self._found[key]
            return found


class SharedReadings:
    """Readings of this system that uploading and the export to an OpenTelemetry collector share."""

    def __init__(self) -> None:
        self._system = open_readings()
        self._of_tick = Recent()
        self._of_disks = Recent()
        """A separate cache, because its lock is held while a disk is read, which may block."""

    def cpu(self) -> Sequence[CpuTimes]:
        return self._of_tick.read("cpu", self._system.cpu)

    def memory(self) -> Memory:
        return self._of_tick.read("memory", self._system.memory)

    def facts(self, pid: int) -> ProcessFacts | None:
        return self._of_tick.read(pid, lambda: read_facts(pid))

    def usages(self) -> tuple[disks.Usage, ...]:
        return self._of_disks.read("usages", disks.usages)

    def traffic(self) -> disks.Traffic | None:
        return self._of_disks.read("traffic", disks.traffic)


class SnapshotCollector:
    """Turns ticks and connections into snapshots. One thread uses it, except for `finished` and `host`."""

    def __init__(
        self,
        upload: Upload,
        identity: Identity,
        *,
        dns: Callable[[], DnsCounts | None] = lambda: None,
        all_moved: bool = False,
        shared: SharedReadings | None = None,
    ) -> None:
        """`dns`: returns the counts of DNS queries since the agent started. `all_moved`: include every process that
        sent or received bytes, not only the busiest. `shared`: by default readings of its own."""
        self._upload = upload
        self._identity = identity
        self._builder = SnapshotBuilder(all_interfaces=upload.all_interfaces, facts=self._facts, all_moved=all_moved)
        self._machine = machine()
        self._faults: dict[str, Message] = {}
        self._readings = shared or SharedReadings()
        self._system = SystemSource(self._readings) if includes(upload.level, "system") else None
        self._dns = dns
        self._probes = HealthHistory()
        self._health: wire.HealthMetric | None = None
        """Results of the last probes; None if there is none yet, or the last one failed."""
        if self._system is not None:
            self._read("system", self._system.sample)  # the start of the first interval

    @property
    def host_id(self) -> str:
        return self._identity.host_id

    @property
    def wants_connections(self) -> bool:
        return includes(self._upload.level, "system")

    @property
    def faults(self) -> tuple[Message, ...]:
        """Return in words what could not be read for the last snapshot."""
        return tuple(self._faults.values())

    def add(self, tick: Tick) -> None:
        """Add a tick. Call it for every tick, in order."""
        self._builder.add(tick)

    def add_connections(self, table: ConnectionTable) -> None:
        """Add the traffic of apps between the last two readings of the sockets. Call it after each reading."""
        self._faults.pop("connections", None)
        if includes(self._upload.level, "apps"):
            self._builder.add_connections(table.interval, table.rows)

    def add_alert(self, event: Event) -> None:
        """Add an event that became an alert. The next snapshot has it, if the level includes events."""
        if includes(self._upload.level, "events"):
            found = alert(event, self._upload, bytes.fromhex(self._identity.secret))
            if found is not None:
                self._builder.add_alert(found)

    def connections_failed(self, fault: Message) -> None:
        """Note why connections and apps cannot be read; it is among the `faults` until the next `add_connections`."""
        self._faults["connections"] = fault

    def add_health(self, health: Health) -> None:
        """Add the result of probing gateway and DNS server. Every snapshot has the last results, if the level includes
        them."""
        self._faults.pop("health", None)
        self._health = self._probes.add(health)

    def health_failed(self, fault: Message) -> None:
        """Note why the last probe failed; if the level includes probes, it is among the `faults` until the next
        `add_health`."""
        self._health = None
        if self._system is not None:
            self._faults["health"] = fault

    def draft(self, tick: Tick, table: ConnectionTable | None) -> wire.Snapshot:
        """Return the snapshot at the last tick added, still without disks and unreduced; pass it to `finished`. Never
        blocks.

        `table`: None if the connections are unknown.
        """
        readings = Readings()
        if self._system is not None:
            sockets = None
            if table is not None:
                with_rows = includes(self._upload.level, "apps")
                sockets = Sockets(table.states(), table.rows() if with_rows else None)
            readings = Readings(
                system=self._read("system", self._system.sample),
                health=self._health,
                sockets=sockets,
                dns=self._dns(),
            )
        return self._builder.build(tick, readings, clock.boottime())

    def finished(self, draft: wire.Snapshot) -> wire.Snapshot:
        """Add the disks to a draft, and remove what level, `hide_addresses` and `hide_names` exclude. Return the
        snapshot to send.

        Callable from any thread; may block while a disk is read.
        """
        upload = self._upload
        if includes(upload.level, "system"):
            draft = with_disks(
                draft, self._read("disks", self._readings.usages), self._read("disk traffic", self._readings.traffic)
            )
        return limited(
            draft,
            upload.level,
            bytes.fromhex(self._identity.secret),
            hide_addresses=upload.hide_addresses,
            hide_names=upload.hide_names,
        )

    def host(self) -> wire.HostInfo:
        """Return the current facts about this host, reduced as the user chose."""
        found = self._machine
        host = wire.HostInfo(
            host_id=self._identity.host_id,
            hostname=wire.text(hostname()),
            os=wire.text(found.os),
            kernel=wire.text(found.kernel),
            uptime_secs=int(clock.boottime()),
            cpu_model=None if found.cpu_model is None else wire.text(found.cpu_model),
            cpu_cores=found.cpu_cores,
            memory_total_bytes=found.memory_bytes,
        )
        return limited_host(host, hide_names=self._upload.hide_names)

    def _facts(self, pid: int) -> ProcessFacts | None:
        return self._read("processes", lambda: self._readings.facts(pid))

    def _read(self, name: str, source: Callable[[], _Found]) -> _Found | None:
        try:
            found = source()
        except CollectError as error:
            self._faults[name] = error.message
            return None
        self._faults.pop(name, None)
        return found
