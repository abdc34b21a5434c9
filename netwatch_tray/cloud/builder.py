"""Makes snapshots from the engine's measurements: one for each upload interval, with the numbers that the tray shows.

Deltas and rates cover the time since the previous snapshot; the fields named `history` have the last sixty seconds.
Pure: the caller reads the system and passes in the results.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import msgspec
from msgspec import UNSET

from netwatch_tray.cloud import wire
from netwatch_tray.cloud.privacy import is_sent
from netwatch_tray.collect.disks import Traffic as DiskTraffic, Usage
from netwatch_tray.collect.health import Health, Reachability
from netwatch_tray.collect.process_facts import ProcessFacts
from netwatch_tray.collect.system import SystemSample
from netwatch_tray.engine.ledger import AppInterval
from netwatch_tray.kinds import TcpState
from netwatch_tray.model import Connection, InterfaceTick, Tick, Traffic

if TYPE_CHECKING:
    from netwatch_tray.engine.detectors.questions import DnsCounts

MOST_PROCESSES = 25
MOST_CONNECTIONS = 100
_MOST_HELD_TICKS = 15
"""Number of ticks that are kept and then summed together. Summing each at once would take several times as long,
because a second later the processor's caches hold other data."""
_MOST_HELD_ALERTS = 20
"""Most alerts kept until the next snapshot. Fewer happen in the longest interval."""


class Sockets(NamedTuple):
    """What a snapshot needs from the connection table."""

    states: dict[TcpState, int]
    rows: tuple[Connection, ...] | None
    """All connections; None if the level of uploading includes neither apps nor connections."""


class Readings(NamedTuple):
    """What a snapshot contains besides ticks and disks. A field is None if the level excludes it, or it is unknown."""

    system: SystemSample | None = None
    health: wire.HealthMetric | None = None
    sockets: Sockets | None = None
    dns: DnsCounts | None = None


class _Meter:
    """Sums the traffic of one interface since the previous snapshot."""

    __slots__ = ("elapsed", "is_whole", "last", "rx", "rx_history", "tx", "tx_history")

    def __init__(self, tick: InterfaceTick) -> None:
        self.last = tick
        self.rx_history: deque[int] = deque(maxlen=wire.LONGEST_HISTORY)
        self.tx_history: deque[int] = deque(maxlen=wire.LONGEST_HISTORY)
        self.restart()

    def restart(self) -> None:
        self.rx = self.tx = 0
        self.elapsed = 0.0
        self.is_whole = True

    def add(self, tick: InterfaceTick, interval: float | None) -> None:
        """Add the interface's part of a tick. `interval`: measured seconds since the previous sample;
        None if unknown."""
        if (
            tick.rx_rate is None
            or tick.tx_rate is None
            or tick.rx_delta is None
            or tick.tx_delta is None
            or interval is None
        ):
            # The format cannot express a gap within a history, so it restarts; a mean across a gap is not a rate.
            self.is_whole = False
            self.rx_history.clear()
            self.tx_history.clear()
            return
        self.rx += tick.rx_delta
        self.tx += tick.tx_delta
        self.elapsed += interval
        self.rx_history.append(round(tick.rx_rate))
        self.tx_history.append(round(tick.tx_rate))


class SnapshotBuilder:
    """Sums ticks and traffic of apps. `build` returns the snapshot of an interval, and begins the next interval."""

    def __init__(
        self, *, all_interfaces: bool, facts: Callable[[int], ProcessFacts | None], all_moved: bool = False
    ) -> None:
        """`all_interfaces`: include interfaces that are down or not part of the total; never the loopback, because
        servers sum all they receive. `facts`: returns the facts about a process by its PID. `all_moved`: include every
        process that sent or received bytes, even beyond `MOST_PROCESSES`."""
        self._all_interfaces = all_interfaces
        self._all_moved = all_moved
        self._facts = facts
        self._ticks: list[Tick] = []
        """Ticks that are not summed yet."""
        self._meters: dict[int, _Meter] = {}
        self._processes: dict[int, Traffic] = {}
        self._processes_elapsed = 0.0
        self._names: dict[int, str] = {}
        self._cpu: dict[tuple[int, float], tuple[float, float]] = {}
        """CPU time of processes at their last reading, by PID and start time: boot-time clock and CPU seconds."""
        self._alerts: deque[wire.Alert] = deque(maxlen=_MOST_HELD_ALERTS)
        """Alerts that are in no snapshot yet."""

    def add(self, tick: Tick) -> None:
        """Add a tick. Call it for every tick, in order."""
        self._ticks.append(tick)
        if len(self._ticks) >= _MOST_HELD_TICKS:
            self._sum_up()

    def _sum_up(self) -> None:
        for tick in self._ticks:
            self._sum(tick)
        self._ticks.clear()

    def _sum(self, tick: Tick) -> None:
        counted = tick.total.counted
        for each in tick.interfaces:
            meter = self._meters.get(each.index)
            is_new = meter is None
            if meter is None:
                if not self._is_sent(each):
                    continue
                meter = self._meters[each.index] = _Meter(each)
            meter.last = each
            if is_new and each.rx_rate is None:  # the first tick has no rate, which is not a gap
                continue
            # An interface whose bytes are not counted in this interval must add nothing to the servers' sums.
            if self._all_interfaces or each.index in counted or (self._is_sent(each) and each.rx_delta is None):
                meter.add(each, tick.interval_s)

    def add_connections(self, interval: AppInterval, rows: Callable[[], Iterable[Connection]]) -> None:
        """Add the traffic of apps between two readings of the sockets. Call it for each interval, in order. `rows`:
        returns the current connections."""
        if any(pid not in self._names for pid in interval.processes):
            self._names.update({row.pid: row.process for row in rows() if row.pid is not None and row.process})
        for pid, traffic in interval.processes.items():
            self._processes[pid] = self._processes.get(pid, Traffic()).plus(traffic)
        self._processes_elapsed += interval.elapsed_s or 0.0

    def add_alert(self, alert: wire.Alert) -> None:
        """Add an alert. It is part of the next snapshot only."""
        self._alerts.append(alert)

    def build(self, tick: Tick, readings: Readings, boottime: float) -> wire.Snapshot:
        """Return the snapshot at `tick`, which must be the last tick that was added. `boottime`: time of the readings,
        in seconds since boot."""
        self._sum_up()
        interfaces = self._interfaces({each.index for each in tick.interfaces})
        sockets = readings.sockets
        states: dict[TcpState, int] = sockets.states if sockets else {}
        rows = sockets.rows if sockets else None
        snapshot = wire.Snapshot(
            timestamp=wire.timestamp(tick.at),
            interfaces=interfaces,
            health=readings.health,
            connection_count=states.get(TcpState.ESTABLISHED, 0) if sockets else None,
            system=None if readings.system is None else _system(readings.system),
            tcp_time_wait=states.get(TcpState.TIME_WAIT, 0) if sockets else None,
            tcp_close_wait=states.get(TcpState.CLOSE_WAIT, 0) if sockets else None,
            processes=UNSET if rows is None else self._top_processes(rows, boottime),
            connections=UNSET if rows is None else _top_connections(rows),
            alerts=tuple(self._alerts) or UNSET,
            dns_analytics=UNSET if readings.dns is None else _dns(readings.dns),
        )
        self._alerts.clear()
        self._processes, self._processes_elapsed = {}, 0.0
        alive = {row.pid for row in rows or ()}
        self._names = {pid: name for pid, name in self._names.items() if pid in alive}
        return snapshot

    def _is_sent(self, interface: InterfaceTick) -> bool:
        return is_sent(interface, all_interfaces=self._all_interfaces)

    def _interfaces(self, there: set[int]) -> tuple[wire.InterfaceMetric, ...]:
        """Return the interfaces to send. One that has been removed or is no longer counted is sent a last time, with
        its bytes since the previous snapshot.

        `there`: indexes of the interfaces that exist.
        """
        names = {meter.last.name: meter for index, meter in self._meters.items() if index in there}
        found = []
        for index, meter in self._meters.items():
            successor = names.get(meter.last.name)
            if index not in there and successor is not None:  # re-created: servers identify interfaces by name
                successor.rx += meter.rx
                successor.tx += meter.tx
                successor.is_whole = False
            else:
                found.append((index, meter))
        metrics = tuple(self._interface(meter, is_there=index in there) for index, meter in found)
        self._meters = {index: meter for index, meter in found if index in there and self._is_sent(meter.last)}
        return metrics

    def _interface(self, meter: _Meter, *, is_there: bool) -> wire.InterfaceMetric:
        each = meter.last
        known = meter.is_whole and meter.elapsed > 0
        metric = wire.InterfaceMetric(
            name=wire.text(each.name),
            is_up=each.is_up and is_there,
            rx_bytes=each.rx_bytes,
            tx_bytes=each.tx_bytes,
            rx_bytes_delta=meter.rx,
            tx_bytes_delta=meter.tx,
            rx_packets=each.rx_packets,
            tx_packets=each.tx_packets,
            rx_errors=each.rx_errors,
            tx_errors=each.tx_errors,
            rx_drops=each.rx_drops,
            tx_drops=each.tx_drops,
            rx_rate=meter.rx / meter.elapsed if known else UNSET,
            tx_rate=meter.tx / meter.elapsed if known else UNSET,
            rx_history=tuple(meter.rx_history) or UNSET,
            tx_history=tuple(meter.tx_history) or UNSET,
        )
        meter.restart()
        return metric

    def _top_processes(self, rows: tuple[Connection, ...], boottime: float) -> tuple[wire.ProcessBandwidth, ...]:
        counts = Counter(row.pid for row in rows if row.pid is not None)
        pids = sorted(
            counts.keys() | self._processes.keys(),
            key=lambda pid: (-sum(self._processes.get(pid, Traffic())), -counts[pid], pid),
        )
        self._names.update({row.pid: row.process for row in rows if row.pid is not None and row.process})
        cpu_before, self._cpu = self._cpu, {}
        found = []
        most = max(MOST_PROCESSES, len(self._processes)) if self._all_moved else MOST_PROCESSES
        for pid in pids[:most]:
            traffic, elapsed = self._processes.get(pid, Traffic()), self._processes_elapsed
            facts = self._facts(pid)
            found.append(
                wire.ProcessBandwidth(
                    process_name=wire.text(self._names.get(pid) or (facts.name if facts else f"process {pid}")),
                    pid=pid,
                    rx_bytes=max(0, traffic.rx),
                    tx_bytes=max(0, traffic.tx),
                    rx_rate=max(0, traffic.rx) / elapsed if elapsed else 0.0,
                    tx_rate=max(0, traffic.tx) / elapsed if elapsed else 0.0,
                    connection_count=counts[pid],
                    **(self._costs(pid, facts, cpu_before, boottime) if facts else {}),
                )
            )
        return tuple(found)

    def _costs(
        self, pid: int, facts: ProcessFacts, before: dict[tuple[int, float], tuple[float, float]], boottime: float
    ) -> dict[str, Any]:
        key = (pid, facts.started)
        self._cpu[key] = (boottime, facts.cpu_s)
        at, cpu_s = before.get(key, (boottime, 0.0))
        elapsed = boottime - at
        return {
            "ppid": UNSET if facts.parent is None else facts.parent,
            "user": UNSET if facts.user is None else wire.text(facts.user),
            "cpu_pct": round(100 * max(0.0, facts.cpu_s - cpu_s) / elapsed, 1) if elapsed > 0 else UNSET,
            "mem_rss_bytes": facts.rss_bytes,
            "mem_virt_bytes": facts.virtual_bytes,
            "state": facts.state,
            "started_at": wire.timestamp(datetime.fromtimestamp(facts.started, UTC)),
            "cmd": UNSET if facts.executable is None else wire.text(facts.executable),
        }


class HealthHistory:
    """Results of the last probes of gateway and DNS server, in the wire format."""

    def __init__(self) -> None:
        self._gateway = _Probes()
        self._dns = _Probes()

    def add(self, health: Health) -> wire.HealthMetric:
        """Add a probe. Return it with the previous ones."""
        self._gateway.add(health.gateway)
        self._dns.add(health.dns)
        return wire.HealthMetric(
            gateway_ip=health.gateway and health.gateway.address,
            gateway_rtt_ms=_milliseconds(health.gateway),
            gateway_loss_pct=_percent_lost(health.gateway),
            dns_ip=health.dns and health.dns.address,
            dns_rtt_ms=_milliseconds(health.dns),
            dns_loss_pct=_percent_lost(health.dns),
            gateway_rtt_history=tuple(self._gateway.times) or UNSET,
            dns_rtt_history=tuple(self._dns.times) or UNSET,
        )


class _Probes:
    """RTTs of the probes of one address. They are dropped when the address changes."""

    def __init__(self) -> None:
        self.times: deque[float | None] = deque(maxlen=wire.LONGEST_HISTORY)
        self._address: str | None = None

    def add(self, found: Reachability | None) -> None:
        if found is None:
            return
        if found.address != self._address:
            self._address = found.address
            self.times.clear()
        if found.rtt_s is not None or found.loss is not None:  # unmeasurable is not a failed probe
            self.times.append(_milliseconds(found))


def with_disks(snapshot: wire.Snapshot, usages: tuple[Usage, ...] | None, traffic: DiskTraffic | None) -> wire.Snapshot:
    """Return the snapshot with usage and traffic of the disks, each None if it could not be read."""
    return msgspec.structs.replace(
        snapshot,
        disk_usage=None
        if usages is None
        else tuple(
            wire.DiskUsage(
                mount_point=wire.text(each.point),
                device=wire.text(each.device),
                total_bytes=each.total,
                used_bytes=each.used,
                available_bytes=each.available,
                usage_pct=each.percent,
            )
            for each in usages
        ),
        disk_io=None if traffic is None else wire.DiskIo(read_bytes=traffic.read, write_bytes=traffic.written),
    )


def _dns(found: DnsCounts) -> wire.DnsAnalytics:
    """Return the counts of DNS in the wire format, without names, because no level sends names."""
    return wire.DnsAnalytics(
        total_queries=found.queries,
        total_responses=found.responses,
        nxdomain_count=found.nxdomain,
        latency_buckets=cast("wire.LatencyBuckets", found.latencies),
        top_domains=(),
    )


def _system(found: SystemSample) -> wire.SystemMetric:
    return wire.SystemMetric(
        cpu_usage_pct=found.cpu_pct,
        memory_total_bytes=found.memory.total,
        memory_used_bytes=found.memory.used,
        memory_available_bytes=found.memory.available,
        load_avg_1m=found.load[0],
        load_avg_5m=found.load[1],
        load_avg_15m=found.load[2],
        swap_total_bytes=found.memory.swap_total,
        swap_used_bytes=found.memory.swap_used,
        cpu_per_core=found.cpu_per_core,
    )


def _top_connections(rows: tuple[Connection, ...]) -> tuple[wire.ConnectionDetail, ...]:
    """Return the connections to send, in the wire format: established ones first, then sorted by rate,
    highest first."""

    def rank(row: Connection) -> tuple[bool, float, int, str]:
        rate = (row.rx_rate or 0.0) + (row.tx_rate or 0.0)
        return row.state != TcpState.ESTABLISHED, -rate, -(row.rx_bytes or 0) - (row.tx_bytes or 0), row.key

    return tuple(
        wire.ConnectionDetail(
            protocol=row.protocol,
            local_addr=row.local,
            remote_addr=row.remote or "*:*",
            # The states that ss(8), and thereby the SDK, reports for UDP.
            state=row.state or ("UNCONN" if row.remote is None else TcpState.ESTABLISHED),
            pid=row.pid,
            process_name=None if row.process is None else wire.text(row.process),
            kernel_rtt_us=UNSET if row.rtt_s is None else round(row.rtt_s * 1e6, 1),
            rx_bytes=UNSET if row.rx_bytes is None else max(0, row.rx_bytes),
            tx_bytes=UNSET if row.tx_bytes is None else max(0, row.tx_bytes),
        )
        for row in sorted(rows, key=rank)[:MOST_CONNECTIONS]
    )


def _milliseconds(found: Reachability | None) -> float | None:
    return None if found is None or found.rtt_s is None else round(found.rtt_s * 1000, 3)


def _percent_lost(found: Reachability | None) -> float | None:
    return None if found is None or found.loss is None else round(found.loss * 100, 1)
