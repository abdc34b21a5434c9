"""Exports snapshots to OpenTelemetry: OTLP over HTTP by the official SDK, with the names of netwatch-agent.

An optional extra. The SDK takes more memory than the whole agent, so it runs only in the process of `serve-metrics`.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import netwatch_tray
from netwatch_tray.cloud.wire import Snapshot
from netwatch_tray.errors import UnsupportedError

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import MetricReader


class Instrument(NamedTuple):
    name: str
    unit: str
    is_counter: bool
    points: Callable[[Snapshot], Iterator[tuple[float | None, dict[str, str]]]]
    """Yields values with their attributes; `None`: unknown, not exported."""


_DIRECTIONS = (("receive", "rx"), ("transmit", "tx"))


def _interfaces(field: str) -> Callable[[Snapshot], Iterator[tuple[float | None, dict[str, str]]]]:
    def points(snapshot: Snapshot) -> Iterator[tuple[float | None, dict[str, str]]]:
        for each in snapshot.interfaces:
            for direction, prefix in _DIRECTIONS:
                value = getattr(each, f"{prefix}_{field}")
                attributes = {"network.io.direction": direction, "network.interface.name": each.name}
                yield (value if isinstance(value, int | float) else None), attributes

    return points


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


INSTRUMENTS = (
    Instrument("system.network.io", "By", True, _interfaces("bytes")),
    Instrument("system.network.throughput", "By/s", False, _interfaces("rate")),
    Instrument("netwatch.connections.count", "{connection}", False, lambda found: iter([(found.connection_count, {})])),
    Instrument("system.network.connections", "{connection}", False, _states),
    Instrument("netwatch.link.rtt", "s", False, _links("rtt_ms", 1000)),
    Instrument("netwatch.link.loss", "1", False, _links("loss_pct", 100)),
    Instrument("system.cpu.utilization", "1", False, _system("cpu_usage_pct", 100)),
    Instrument("system.memory.usage", "By", False, _system("memory_used_bytes")),
    Instrument("system.cpu.load_average.1m", "{thread}", False, _system("load_avg_1m")),
)


def start(endpoint: str | None, interval_s: float, latest: Callable[[], Snapshot]) -> MeterProvider:
    """Export until `shutdown` of the returned provider is called.

    `endpoint`: of a collector; by default the environment variables OTEL_EXPORTER_OTLP_… apply.
    Raise UnsupportedError where the extra is not installed.
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
    exporter = OTLPMetricExporter(endpoint=endpoint) if endpoint else OTLPMetricExporter()
    return provide(PeriodicExportingMetricReader(exporter, export_interval_millis=interval_s * 1000), latest)


def provide(reader: MetricReader, latest: Callable[[], Snapshot]) -> MeterProvider:
    """Register all instruments with a reader of the SDK."""
    from opentelemetry.metrics import CallbackOptions, Observation  # noqa: PLC0415  extra
    from opentelemetry.sdk.metrics import MeterProvider  # noqa: PLC0415  extra
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415  extra

    resource = Resource.create(
        {
            "service.name": "netwatch-tray",
            "service.version": netwatch_tray.__version__,
            "host.name": socket.gethostname(),
        }
    )
    provider = MeterProvider(metric_readers=[reader], resource=resource)
    meter = provider.get_meter("netwatch-tray", netwatch_tray.__version__)

    def observed(instrument: Instrument) -> Callable[[CallbackOptions], Iterable[Any]]:
        return lambda _options: [
            Observation(value, attributes) for value, attributes in instrument.points(latest()) if value is not None
        ]

    for each in INSTRUMENTS:
        create = meter.create_observable_counter if each.is_counter else meter.create_observable_gauge
        create(each.name, [observed(each)], unit=each.unit)
    return provider
