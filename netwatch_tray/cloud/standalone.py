"""Snapshots without an agent, for the subcommands that show or serve what would be sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from netwatch_tray.cloud import wire
from netwatch_tray.cloud.account import Identity
from netwatch_tray.cloud.collector import SnapshotCollector
from netwatch_tray.collect.connections import open_source
from netwatch_tray.collect.health import Health
from netwatch_tray.collect.interfaces import open_interfaces
from netwatch_tray.collect.sockets import ConnectionSource
from netwatch_tray.engine.monitor import Monitor
from netwatch_tray.engine.observation import Observation
from netwatch_tray.errors import CollectError, Message, UnsupportedError
from netwatch_tray.kinds import TcpState
from netwatch_tray.model import Tick
from netwatch_tray.settings import Settings

NOBODY = Identity(host_id="00000000-0000-0000-0000-000000000000", secret="00" * 16)
"""While no key is set up there is no ID."""


class Standalone:
    """Measures without an agent. Call `step` each period, then `snapshot` or `envelope` as needed. Not thread-safe."""

    def __init__(
        self,
        settings: Settings,
        identity: Identity = NOBODY,
        *,
        period: float = 1.0,
        on_health: Callable[[Health], None] = lambda _: None,
    ) -> None:
        """`period`: seconds between steps. `on_health`: gets each probe of gateway and DNS server.

        Raise UnsupportedError: nothing can be measured here.
        """
        self._interfaces = open_interfaces().source
        self._monitor = Monitor(self._interfaces, period, settings.total)
        self._collector = SnapshotCollector(
            settings.upload, identity, with_health=settings.health or settings.upload.on, on_health=on_health
        )
        self._observation = Observation(self._monitor)
        self._connections: ConnectionSource | None = None
        self._has_read = False
        self._tick: Tick | None = None
        try:
            if self._collector.wants_connections:
                self._connections = open_source()
        except UnsupportedError as error:
            self._collector.lack_connections(error.message)

    @property
    def faults(self) -> tuple[Message, ...]:
        """Return what could not be read, for the user."""
        return tuple(filter(None, (self._monitor.fault, *self._collector.faults)))

    @property
    def states(self) -> Mapping[TcpState, int] | None:
        """Return the number of TCP sockets by state as of the last step; `None` if unknown."""
        return self._observation.table.states() if self._has_read else None

    def step(self) -> Tick:
        """Measure everything; gateway and DNS server are probed meanwhile.

        Less than half a period after the previous step there is nothing to measure yet: the tick is the previous one.
        """
        tick = self._monitor.tick()
        if tick is None:
            return self._last()
        self._tick = tick
        self._collector.add(tick)
        self._observation.count(tick)
        if self._connections is not None:
            try:
                self._observation.take(self._connections.read(), is_monotonic=self._connections.is_monotonic)
            except CollectError as error:
                self._has_read = False
                self._collector.lack_connections(error.message)
            else:
                self._has_read = True
                while self._observation.table.search(1.0):
                    pass
                self._collector.add_connections(self._observation.table)
        return tick

    def wait_for_health(self) -> None:
        """Wait for the probe under way: seconds where nothing responds."""
        self._collector.wait_for_health()

    def snapshot(self) -> wire.Snapshot:
        """Return the snapshot as of the last step, with deltas since the previous snapshot."""
        tick = self._last()
        draft = self._collector.draft(tick, self._observation.table if self._has_read else None)
        return self._collector.finished(draft)

    def host(self) -> wire.HostInfo:
        """Return the current facts."""
        return self._collector.host()

    def envelope(self) -> bytes:
        """Return the body that would be sent now, made by the functions that send it."""
        snapshot = self.snapshot()
        health = wire.AgentHealth(collectors_ok=not self.faults, dropped_count=0, queue_depth=1)
        return wire.encode_envelope(self.host(), wire.AGENT, [wire.encode(snapshot)], health)

    def _last(self) -> Tick:
        """Return the tick of the last step; the first step always makes one."""
        return self._tick or self.step()

    def close(self) -> None:
        self._collector.close()
        self._interfaces.close()
        if self._connections is not None:
            self._connections.close()
