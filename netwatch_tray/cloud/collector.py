"""Reads the sources of a snapshot beside the ticks, as many as the chosen level needs, and says who this host is."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from netwatch_tray import clock
from netwatch_tray.cloud import wire
from netwatch_tray.cloud.account import Identity
from netwatch_tray.cloud.builder import HealthHistory, Readings, SnapshotBuilder, Sockets, text
from netwatch_tray.cloud.privacy import includes, limited, limited_host
from netwatch_tray.collect import disks
from netwatch_tray.collect.process_facts import read_facts
from netwatch_tray.collect.system import SystemSource, machine
from netwatch_tray.engine.connections import ConnectionTable
from netwatch_tray.errors import CollectError
from netwatch_tray.model import Tick
from netwatch_tray.settings import Upload

_Found = TypeVar("_Found")


class SnapshotCollector:
    """From ticks and connections to the very snapshots that are stored and sent. In one thread, but for `host`."""

    def __init__(self, upload: Upload, identity: Identity) -> None:
        self._upload = upload
        self._identity = identity
        self._builder = SnapshotBuilder(all_interfaces=upload.all_interfaces, facts=read_facts)
        self._machine = machine()
        self._memory_total: int | None = None
        self._system = SystemSource() if includes(upload.level, "system") else None
        self.health = HealthHistory()
        """To be fed by whoever probes."""
        self.faults: dict[str, str] = {}
        """What could not be read for the last snapshot, by source, in words for the person."""
        if self._system is not None:
            self._read("system", self._system.sample)  # what the first shares are compared with

    @property
    def identity(self) -> Identity:
        return self._identity

    @property
    def wants_health(self) -> bool:
        return includes(self._upload.level, "system")

    @property
    def wants_connections(self) -> bool:
        return includes(self._upload.level, "system")

    def add(self, tick: Tick) -> None:
        """Each tick, in order."""
        self._builder.add(tick)

    def add_connections(self, table: ConnectionTable) -> None:
        """After each update of the table."""
        if includes(self._upload.level, "apps"):
            self._builder.add_connections(table.interval, lambda: table.reset().added)

    def snapshot(self, tick: Tick, table: ConnectionTable | None) -> wire.Snapshot:
        """As it is sent, at the last tick added. `table`: `None` where the connections are not known."""
        readings = Readings()
        if includes(self._upload.level, "system"):
            system = None if self._system is None else self._read("system", self._system.sample)
            if system is not None:
                self._memory_total = system.memory.total
            sockets = None
            if table is not None:
                with_rows = includes(self._upload.level, "apps")
                sockets = Sockets(table.states(), table.reset().added if with_rows else ())
            readings = Readings(
                system=system,
                disks=self._read("disks", disks.usages),
                disk_traffic=self._read("disk traffic", disks.traffic),
                health=self.health.metric,
                sockets=sockets,
            )
        upload = self._upload
        return limited(
            self._builder.build(tick, readings, clock.boottime()),
            upload.level,
            bytes.fromhex(self._identity.secret),
            hide_addresses=upload.hide_addresses,
            hide_names=upload.hide_names,
        )

    def host(self) -> wire.HostInfo:
        """As it is now."""
        found = self._machine
        host = wire.HostInfo(
            host_id=self._identity.host_id,
            hostname=text(found.hostname),
            os=text(found.os),
            kernel=text(found.kernel),
            uptime_secs=int(clock.boottime()),
            cpu_model=None if found.cpu_model is None else text(found.cpu_model),
            cpu_cores=found.cpu_cores,
            memory_total_bytes=self._memory_total,
        )
        return limited_host(host, hide_names=self._upload.hide_names)

    def _read(self, name: str, source: Callable[[], _Found]) -> _Found | None:
        try:
            found = source()
        except CollectError as error:
            self.faults[name] = str(error)
            return None
        self.faults.pop(name, None)
        return found
