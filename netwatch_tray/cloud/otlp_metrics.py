"""Converts snapshots to OTLP metrics, under the names of OpenTelemetry's semantic conventions.

Names that begin with `netwatch.`, `system.network.throughput` and `system.cpu.load_average.1m` are those of
netwatch-agent, for which there is no convention.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from enum import Enum, auto
from typing import NamedTuple

from msgspec import UNSET

from netwatch_tray.cloud import otlp_json, wire
from netwatch_tray.cloud.otlp_json import Attributes, Metric, NumberDataPoint
from netwatch_tray.cloud.wire import Snapshot

MOST_PROCESSES = 25
"""Most processes in one export. The sums of the others are continued, but not exported."""
_MOST_SERIES = 4096
"""Most interfaces, and most processes, whose counters are kept from export to export."""


class Kind(Enum):
    GAUGE = auto()
    UP_DOWN = auto()
    """An amount that may fall and that can be summed over several machines, such as bytes in use."""


Points = Iterator[tuple[float | None, Attributes]]


class Instrument(NamedTuple):
    name: str
    unit: str
    kind: Kind
    points: Callable[[Snapshot], Points]
    """Yields the values in a snapshot, each with its attributes. None is unknown and not exported."""


def _throughput(snapshot: Snapshot) -> Points:
    for each in snapshot.interfaces:
        for direction, rate in (("receive", each.rx_rate), ("transmit", each.tx_rate)):
            yield (rate if isinstance(rate, float) else None), _io(direction, each.name)


def _io(direction: str, interface: str) -> dict[str, str]:
    return {"network.io.direction": direction, "network.interface.name": interface}


def _states(snapshot: Snapshot) -> Points:
    for state, count in (
        ("established", snapshot.connection_count),
        ("time_wait", snapshot.tcp_time_wait),
        ("close_wait", snapshot.tcp_close_wait),
    ):
        yield count, {"network.connection.state": state, "network.transport": "tcp"}


def _links(field: str, scale: float) -> Callable[[Snapshot], Points]:
    def points(snapshot: Snapshot) -> Points:
        if snapshot.health is not None:
            for target in ("gateway", "dns"):
                value = getattr(snapshot.health, f"{target}_{field}")
                yield (None if value is None else value / scale), {"netwatch.link.target": target}

    return points


def _system(field: str, scale: float = 1, attributes: Attributes | None = None) -> Callable[[Snapshot], Points]:
    def points(snapshot: Snapshot) -> Points:
        value = None if snapshot.system is None else getattr(snapshot.system, field)
        yield (value / scale if value is not None and scale != 1 else value), attributes or {}

    return points


def _swap(snapshot: Snapshot) -> Points:
    found = snapshot.system
    if found is not None and found.swap_total_bytes is not None and found.swap_used_bytes is not None:
        yield found.swap_used_bytes, {"system.paging.state": "used"}
        yield max(0, found.swap_total_bytes - found.swap_used_bytes), {"system.paging.state": "free"}


def _memory_share(snapshot: Snapshot) -> Points:
    found = snapshot.system
    if found is not None and found.memory_total_bytes and found.memory_used_bytes is not None:
        yield found.memory_used_bytes / found.memory_total_bytes, _USED_MEMORY


def _file_systems(snapshot: Snapshot) -> Points:
    for each in snapshot.disk_usage or ():
        reserved = max(0, each.total_bytes - each.used_bytes - each.available_bytes)
        for state, amount in (("used", each.used_bytes), ("free", each.available_bytes), ("reserved", reserved)):
            yield (
                amount,
                {
                    "system.device": each.device,
                    "system.filesystem.mountpoint": each.mount_point,
                    "system.filesystem.state": state,
                },
            )


def _processes(snapshot: Snapshot) -> tuple[wire.ProcessBandwidth, ...]:
    return snapshot.processes if isinstance(snapshot.processes, tuple) else ()


def _process(each: wire.ProcessBandwidth) -> dict[str, str | int]:
    found: dict[str, str | int] = {"process.executable.name": each.process_name}
    if each.pid is not None:
        found["process.pid"] = each.pid
    if isinstance(each.user, str):
        found["process.owner"] = each.user
    return found


def _of_processes(field: str) -> Callable[[Snapshot], Points]:
    def points(snapshot: Snapshot) -> Points:
        for each in _processes(snapshot)[:MOST_PROCESSES]:
            value = getattr(each, field)
            yield (None if value is UNSET else value), _process(each)

    return points


_USED_MEMORY = {"system.memory.state": "used"}

INSTRUMENTS = (
    Instrument("system.network.throughput", "By/s", Kind.GAUGE, _throughput),
    Instrument(
        "netwatch.connections.count", "{connection}", Kind.GAUGE, lambda found: iter([(found.connection_count, {})])
    ),
    Instrument("system.network.connection.count", "{connection}", Kind.UP_DOWN, _states),
    Instrument("netwatch.link.rtt", "s", Kind.GAUGE, _links("rtt_ms", 1000)),
    Instrument("netwatch.link.loss", "1", Kind.GAUGE, _links("loss_pct", 100)),
    Instrument("system.cpu.utilization", "1", Kind.GAUGE, _system("cpu_usage_pct", 100)),
    Instrument("system.cpu.load_average.1m", "1", Kind.GAUGE, _system("load_avg_1m")),
    Instrument("system.memory.usage", "By", Kind.UP_DOWN, _system("memory_used_bytes", 1, _USED_MEMORY)),
    Instrument("system.memory.limit", "By", Kind.UP_DOWN, _system("memory_total_bytes")),
    Instrument("system.memory.utilization", "1", Kind.GAUGE, _memory_share),
    Instrument("system.paging.usage", "By", Kind.UP_DOWN, _swap),
    Instrument("system.filesystem.usage", "By", Kind.UP_DOWN, _file_systems),
    Instrument("process.memory.usage", "By", Kind.UP_DOWN, _of_processes("mem_rss_bytes")),
    Instrument("process.memory.virtual", "By", Kind.UP_DOWN, _of_processes("mem_virt_bytes")),
    Instrument("netwatch.process.connections.count", "{connection}", Kind.GAUGE, _of_processes("connection_count")),
)


COUNTER_UNITS = {
    "system.network.io": "By",
    "system.network.packet.count": "{packet}",
    "system.network.errors": "{error}",
    "system.network.packet.dropped": "{packet}",
    "system.disk.io": "By",
}
"""Unit of each counter in UCUM notation, by the counter's name."""


class Counter(NamedTuple):
    name: str
    attributes: Mapping[str, str]
    amount: int
    """Amount since boot."""


def interface_counters(each: wire.InterfaceMetric) -> tuple[Counter, ...]:
    """Return the counters of an interface in the wire format. Their order is always the same."""
    receive, transmit = _io("receive", each.name), _io("transmit", each.name)
    return (
        Counter("system.network.io", receive, each.rx_bytes),
        Counter("system.network.io", transmit, each.tx_bytes),
        Counter("system.network.packet.count", receive, each.rx_packets),
        Counter("system.network.packet.count", transmit, each.tx_packets),
        Counter("system.network.errors", receive, each.rx_errors),
        Counter("system.network.errors", transmit, each.tx_errors),
        Counter("system.network.packet.dropped", receive, each.rx_drops),
        Counter("system.network.packet.dropped", transmit, each.tx_drops),
    )


def disk_counters(found: wire.DiskIo) -> tuple[Counter, ...]:
    return (
        Counter("system.disk.io", {"disk.io.direction": "read"}, found.read_bytes),
        Counter("system.disk.io", {"disk.io.direction": "write"}, found.write_bytes),
    )


class _Series:
    """Counters that begin at 0 together: those of one interface, or those of the disks."""

    __slots__ = ("base", "last", "seen", "start")

    def __init__(self, start: float, counts: tuple[int, ...]) -> None:
        self.start = self.seen = start
        """Unix time from which the sums count. `seen`: Unix time of the latest reading."""
        self.base = self.last = counts

    def add(self, at: float, counts: tuple[int, ...]) -> tuple[int, ...]:
        """Add a reading of the counters. Return the sums since `start`.

        If a counter is less than before, it was reset, and the sums begin again at the previous reading.
        """
        if any(count < before for count, before in zip(counts, self.last, strict=True)):
            # The counters began at 0 after the latest reading.
            self.start, self.base = self.seen, (0,) * len(counts)
        self.seen, self.last = at, counts
        return tuple(count - base for count, base in zip(counts, self.base, strict=True))


class MetricsEncoder:
    """Encodes snapshots as OTLP metrics. One thread uses it.

    Sums begin at 0 with the first export of an interface or process, which is their start time: with counters since
    boot a collector would count gigabytes in its first interval. If the kernel's counters were reset, the sum begins
    again at 0, and the time of the previous reading is its start time.
    """

    def __init__(self) -> None:
        self._series: OrderedDict[str, _Series] = OrderedDict()
        """By name of the interface, or `/disks`; the one exported last is at the end."""
        self._processes: OrderedDict[tuple[int | None, str], tuple[float, int, int]] = OrderedDict()
        """By PID and start of a process: start time of its sums, received bytes, sent bytes. The one exported last is
        at the end."""
        self._last: tuple[str, bytes] = "", b""
        """Timestamp of the last snapshot, and the element that was made of it."""
        self._last_at: float | None = None
        self._started: float | None = None
        """Unix time of the first export, or of the first after the clock was set back."""

    def encode(self, snapshot: Snapshot, resource: Attributes) -> bytes:
        """Return the metrics of a snapshot as an encoded element for `otlp_json.request`. If it is the same snapshot as
        before, return the same element, and add nothing to the sums."""
        if snapshot.timestamp == self._last[0]:
            return self._last[1]
        at = datetime.fromisoformat(snapshot.timestamp).timestamp()
        if self._last_at is not None and at <= self._last_at:  # the clock was set back; times must not precede a start
            self._series.clear()
            self._processes.clear()
            self._last_at = self._started = None
        self._started = self._started or at
        metrics = [
            *self._sums(snapshot, at),
            *self._process_sums(snapshot, at),
            *_values(snapshot, self._started, at),
        ]
        found = otlp_json.resource_metrics(resource, metrics)
        self._last, self._last_at = (snapshot.timestamp, found), at
        return found

    def _sums(self, snapshot: Snapshot, at: float) -> Iterator[Metric]:
        points: dict[str, list[NumberDataPoint]] = {}
        groups = {each.name: interface_counters(each) for each in snapshot.interfaces}
        if snapshot.disk_io is not None:
            groups["/disks"] = disk_counters(snapshot.disk_io)  # names of interfaces have no slash
        for group, counters in groups.items():
            counts = tuple(each.amount for each in counters)
            series = self._series.setdefault(group, _Series(at, counts))
            self._series.move_to_end(group)
            for each, amount in zip(counters, series.add(at, counts), strict=True):
                point = _sum_point(each.attributes, series.start, at, amount)
                points.setdefault(each.name, []).append(point)
        _limit(self._series)
        for name, found in points.items():
            yield _counter(name, COUNTER_UNITS[name], found)

    def _process_sums(self, snapshot: Snapshot, at: float) -> Iterator[Metric]:
        points = []
        for number, each in enumerate(_processes(snapshot)):
            key = each.pid, each.started_at if isinstance(each.started_at, str) else ""
            before = self._processes.pop(key, None)
            # What a process moved before the first export is in no sum.
            start, rx, tx = before or (at if self._last_at is None else self._last_at, 0, 0)
            if start < at:
                rx, tx = rx + each.rx_bytes, tx + each.tx_bytes
            self._processes[key] = start, rx, tx
            if number >= MOST_PROCESSES:
                continue
            for direction, amount in (("receive", rx), ("transmit", tx)):
                attributes = {**_process(each), "network.io.direction": direction}
                if before is None and start < at:
                    # Consumers that ignore the start time, such as Prometheus, count from this value.
                    points.append(_sum_point(attributes, start, start, 0))
                points.append(_sum_point(attributes, start, at, amount))
        _limit(self._processes)
        if points:
            yield _counter("process.network.io", "By", points)


def _values(snapshot: Snapshot, start: float, at: float) -> Iterator[Metric]:
    time, start_time = otlp_json.nanoseconds(at), otlp_json.nanoseconds(start)
    for each in INSTRUMENTS:
        points = tuple(
            NumberDataPoint(
                attributes=otlp_json.key_values(attributes),
                start_time_unix_nano=UNSET if each.kind is Kind.GAUGE else start_time,
                time_unix_nano=time,
                as_int=str(value) if isinstance(value, int) else UNSET,
                as_double=UNSET if isinstance(value, int) else value,
            )
            for value, attributes in each.points(snapshot)
            if value is not None
        )
        if not points:
            continue
        if each.kind is Kind.GAUGE:
            yield Metric(name=each.name, unit=each.unit, gauge=otlp_json.Gauge(data_points=points))
        else:
            found = otlp_json.Sum(data_points=points, aggregation_temporality=otlp_json.CUMULATIVE)
            yield Metric(name=each.name, unit=each.unit, sum=found)


def _counter(name: str, unit: str, points: list[NumberDataPoint]) -> Metric:
    found = otlp_json.Sum(data_points=tuple(points), aggregation_temporality=otlp_json.CUMULATIVE, is_monotonic=True)
    return Metric(name=name, unit=unit, sum=found)


def _sum_point(attributes: Attributes, start: float, at: float, amount: int) -> NumberDataPoint:
    return NumberDataPoint(
        attributes=otlp_json.key_values(attributes),
        start_time_unix_nano=otlp_json.nanoseconds(start),
        time_unix_nano=otlp_json.nanoseconds(at),
        as_int=str(amount),
    )


def _limit(found: OrderedDict[str, _Series] | OrderedDict[tuple[int | None, str], tuple[float, int, int]]) -> None:
    """Delete the entries that were not used for longest until there are at most _MOST_SERIES."""
    while len(found) > _MOST_SERIES:
        found.popitem(last=False)
