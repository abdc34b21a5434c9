"""Makes snapshots in this process, without an agent, for the subcommands that print or serve them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from queue import Empty, SimpleQueue

from netwatch_tray import clock
from netwatch_tray.cloud import wire
from netwatch_tray.cloud.account import Identity
from netwatch_tray.cloud.collector import SnapshotCollector
from netwatch_tray.cloud.privacy import includes
from netwatch_tray.collect.connections import open_source
from netwatch_tray.collect.health import PERIOD_S, Health, HealthSource
from netwatch_tray.collect.interfaces import open_interfaces
from netwatch_tray.collect.sockets import ConnectionSource
from netwatch_tray.engine.monitor import Monitor
from netwatch_tray.engine.observation import Observation
from netwatch_tray.errors import CollectError, Message, UnsupportedError
from netwatch_tray.kinds import TcpState
from netwatch_tray.model import Tick
from netwatch_tray.settings import Settings
from netwatch_tray.worker import Worker, fault_of

NOBODY = Identity(host_id="00000000-0000-0000-0000-000000000000", secret="00" * 16)
"""Identity used while no API key is set up, because a host has an ID only for an account."""


class Standalone:
    """Measures in this process. Call `step` every period, and after it `snapshot` or `envelope` as needed. Not
    thread-safe."""

    def __init__(
        self,
        settings: Settings,
        identity: Identity = NOBODY,
        *,
        period: float = 1.0,
        on_health: Callable[[Health], None] = lambda _: None,
    ) -> None:
        """`period`: seconds between two calls of `step`. `on_health`: called with each result of probing gateway and
        DNS server.

        Raise UnsupportedError if nothing can be measured on this machine.
        """
        self._interfaces = open_interfaces().source
        self._monitor = Monitor(self._interfaces, period, settings.total)
        self._collector = SnapshotCollector(settings.upload, identity)
        self._on_health = on_health
        is_probed = includes(settings.upload.level, "system") and (settings.health or settings.upload.on)
        self._health = _HealthWatch(self._take_health, self._collector.health_failed) if is_probed else None
        self._observation = Observation(self._monitor)
        self._connections: ConnectionSource | None = None
        self._has_read = False
        self._tick: Tick | None = None
        try:
            if self._collector.wants_connections:
                self._connections = open_source()
        except UnsupportedError as error:
            self._collector.connections_failed(error.message)

    @property
    def faults(self) -> tuple[Message, ...]:
        """Return in words what could not be read."""
        return tuple(filter(None, (self._monitor.fault, *self._collector.faults)))

    @property
    def states(self) -> Mapping[TcpState, int] | None:
        """Return the number of TCP sockets by state at the last step; None if unknown."""
        return self._observation.table.states() if self._has_read else None

    def step(self) -> Tick:
        """Measure once and return the tick. Gateway and DNS server are probed in a thread meanwhile.

        Less than half a period after the previous step nothing is measured, and the previous tick is returned.
        """
        tick = self._monitor.tick()
        if tick is None:
            return self._last()
        self._tick = tick
        self._collector.add(tick)
        if self._health is not None:
            self._health.poll()
        self._observation.count(tick)
        if self._connections is not None:
            try:
                self._observation.take(self._connections.read(), is_monotonic=self._connections.is_monotonic)
            except CollectError as error:
                self._has_read = False
                self._collector.connections_failed(error.message)
            else:
                self._has_read = True
                while self._observation.table.search(1.0):
                    pass
                self._collector.add_connections(self._observation.table)
        return tick

    def wait_for_health(self) -> None:
        """Wait until the running probe has ended, which takes seconds if gateway and DNS server do not respond."""
        if self._health is not None:
            self._health.wait()

    def snapshot(self) -> wire.Snapshot:
        """Return the snapshot at the last step. Its deltas are those since the previous snapshot."""
        tick = self._last()
        draft = self._collector.draft(tick, self._observation.table if self._has_read else None)
        return self._collector.finished(draft)

    def host(self) -> wire.HostInfo:
        """Return the facts about this host."""
        return self._collector.host()

    def envelope(self) -> bytes:
        """Return the body of a request with the snapshot at the last step, made by the same functions as the agent's
        uploads."""
        snapshot = self.snapshot()
        health = wire.AgentHealth(collectors_ok=not self.faults, dropped_count=0, queue_depth=1)
        return wire.encode_envelope(self.host(), wire.AGENT, [wire.encode(snapshot)], health)

    def _last(self) -> Tick:
        """Return the tick of the last step; the first step always makes one."""
        return self._tick or self.step()

    def _take_health(self, health: Health) -> None:
        self._collector.add_health(health)
        self._on_health(health)

    def close(self) -> None:
        if self._health is not None:
            self._health.close()
        self._interfaces.close()
        if self._connections is not None:
            self._connections.close()


class _HealthWatch:
    """Probes gateway and DNS server every half minute, in a thread. Call `poll` regularly to receive the results,
    because without an agent there is no event loop to deliver them."""

    def __init__(self, take: Callable[[Health], None], failed: Callable[[Message], None]) -> None:
        """`take`: called with each result. `failed`: called with the reason if a probe failed. Both are called by
        `poll`, in its thread."""
        self._take, self._failed = take, failed
        self._source = HealthSource()
        self._due = 0.0
        """Time (boot-time clock) of the next probe."""
        self._results: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._worker = Worker("health", self._results.put)

    def poll(self) -> None:
        """Deliver the result of the last probe if it has ended, and start the next one if it is due."""
        now = clock.boottime()
        with contextlib.suppress(Empty):
            self._results.get_nowait()()
        if not self._worker.pending and now >= self._due:
            self._due = now + PERIOD_S
            self._worker.submit(self._source.probe, self._take, lambda error: self._failed(fault_of(error)))

    def wait(self) -> None:
        """Wait until the running probe has ended."""
        if self._worker.pending:
            self._results.get()()

    def close(self) -> None:
        """Let the thread end, without waiting for a running probe."""
        self._worker.close(0)
