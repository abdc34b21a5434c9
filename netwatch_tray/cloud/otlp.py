"""Exports snapshots to OpenTelemetry: OTLP over HTTP by the official SDK, with the names of netwatch-agent.

An optional extra. The SDK takes more memory than the whole agent, so it runs only in the process of `serve-metrics`.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

import netwatch_tray
from netwatch_tray.cloud.wire import Snapshot
from netwatch_tray.errors import UnsupportedError

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics.export import MetricReader


class Gauge(NamedTuple):
    name: str
    unit: str
    points: Callable[[Snapshot], Iterator[tuple[float | None, dict[str, str]]]]
    """Yields values with their attributes; `None`: unknown, not exported."""


def _throughput(snapshot: Snapshot) -> Iterator[tuple[float | None, dict[str, str]]]:
    for each in snapshot.interfaces:
        for direction, rate in (("receive", each.rx_rate), ("transmit", each.tx_rate)):
            yield (rate if isinstance(rate, float) else None), _io_attributes(direction, each.name)


def _io_attributes(direction: str, interface: str) -> dict[str, str]:
    return {"network.io.direction": direction, "network.interface.name": interface}


def _states(snapshot: Snapshot) -> Iterator[tuple[float | None, dict[str, str]]]:
    yield snapshot.tcp_time_wait, {"system.network.state": "time_wait"}
    yield snapshot.tcp_close_wait, {"system.network.state": "close_wait"}


def _links(field: str, scale: float) -> Callable[[Snapshot], Iterator[tuple[float | None, dict[str, str]]]]:
    def points(snapshot: Snapshot) -> Iterator[tuple[float | None, dict[str, str]]]:
        if snapshot.health is not None:
            for target in ("gateway", "dns"):
                value = getattr(snapshot.health, f"{target}_{field}")
                yield (None if value is None else value / scale), {"netwatch.link.target": target}

    return points


def _system(field: str, scale: float = 1) -> Callable[[Snapshot], Iterator[tuple[float | None, dict[str, str]]]]:
    def points(snapshot: Snapshot) -> Iterator[tuple[float | None, dict[str, str]]]:
        value = None if snapshot.system is None else getattr(snapshot.system, field)
        yield (value / scale if value is not None and scale != 1 else value), {}

    return points


_GAUGES = (
    Gauge("system.network.throughput", "By/s", _throughput),
    Gauge("netwatch.connections.count", "{connection}", lambda found: iter([(found.connection_count, {})])),
    Gauge("system.network.connections", "{connection}", _states),
    Gauge("netwatch.link.rtt", "s", _links("rtt_ms", 1000)),
    Gauge("netwatch.link.loss", "1", _links("loss_pct", 100)),
    Gauge("system.cpu.utilization", "1", _system("cpu_usage_pct", 100)),
    Gauge("system.memory.usage", "By", _system("memory_used_bytes")),
    Gauge("system.cpu.load_average.1m", "1", _system("load_avg_1m")),
)


class Export:
    """Exports the snapshots it is given until `close`.

    Cumulative amounts are counted from the first snapshot, since the SDK gives them the program's start time: with the
    kernel's counters a collector would take all bytes since boot for the first interval's.
    """

    def __init__(self, reader: MetricReader, first: Snapshot) -> None:
        """`reader`: of the SDK."""
        from opentelemetry.metrics import CallbackOptions, Observation  # noqa: PLC0415  extra
        from opentelemetry.sdk.metrics import MeterProvider  # noqa: PLC0415  extra
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415  extra

        self._latest = first
        self._counters: dict[tuple[str, str], int] = {}
        """As of the latest snapshot, by direction and interface."""
        self._moved: dict[tuple[str, str], int] = {}
        self.add(first)
        resource = Resource.create(
            {
                "service.name": "netwatch-tray",
                "service.version": netwatch_tray.__version__,
                "host.name": socket.gethostname(),
            }
        )
        self._provider = MeterProvider(metric_readers=[reader], resource=resource)
        meter = self._provider.get_meter("netwatch-tray", netwatch_tray.__version__)

        def moved(_options: CallbackOptions) -> Iterable[Observation]:
            return [Observation(amount, _io_attributes(*key)) for key, amount in self._moved.items()]

        def observed(gauge: Gauge) -> Callable[[CallbackOptions], Iterable[Observation]]:
            return lambda _options: [
                Observation(value, attributes) for value, attributes in gauge.points(self._latest) if value is not None
            ]

        meter.create_observable_counter("system.network.io", [moved], unit="By")
        for each in _GAUGES:
            meter.create_observable_gauge(each.name, [observed(each)], unit=each.unit)

    def add(self, snapshot: Snapshot) -> None:
        """Export this one from now on. Call it for each snapshot, in order."""
        counters = {
            (direction, each.name): count
            for each in snapshot.interfaces
            for direction, count in (("receive", each.rx_bytes), ("transmit", each.tx_bytes))
        }
        moved = {}
        for key, count in counters.items():
            before = self._counters.get(key, count)
            # A counter that fell back began at 0.
            moved[key] = self._moved.get(key, 0) + (count - before if count >= before else count)
        self._latest, self._moved = snapshot, {**self._moved, **moved}
        self._counters |= counters

    def flush(self) -> bool:
        """Export now. Return whether the collector accepted it."""
        return self._provider.force_flush()

    def close(self) -> None:
        """Export once more, and end."""
        self._provider.shutdown()


def start(endpoint: str | None, interval_s: float, first: Snapshot) -> Export:
    """Begin to export over HTTP each `interval_s`.

    `endpoint`: URL of a collector, with or without the path for metrics; by default the environment variables
    OTEL_EXPORTER_OTLP_… apply. Raise UnsupportedError where the extra is not installed.
    """
    try:
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter  # noqa: PLC0415  extra
        from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader  # noqa: PLC0415  extra
    except ImportError as error:
        raise UnsupportedError(
            "OpenTelemetry is not part of this installation; /metrics for Prometheus works without it. "
            "An installation by pipx takes it with: "
            "pipx inject netwatch-tray opentelemetry-sdk opentelemetry-exporter-otlp-proto-http"
        ) from error
    exporter = OTLPMetricExporter(endpoint=_with_path(endpoint)) if endpoint else OTLPMetricExporter()
    return Export(PeriodicExportingMetricReader(exporter, export_interval_millis=interval_s * 1000), first)


def _with_path(endpoint: str) -> str:
    """Complete `http://host:4318`, as the SDK does with the URL of OTEL_EXPORTER_OTLP_ENDPOINT."""
    return endpoint if urlsplit(endpoint).path.strip("/") else f"{endpoint.rstrip('/')}/v1/metrics"
