"""Exports snapshots to OpenTelemetry by its official SDK: OTLP over HTTP, with the metrics of `otlp_metrics`.

Only the subcommand `serve-metrics --otlp` uses it, as an optional extra: the SDK takes more memory than the whole
agent. The agent's own export is `otlp_service`.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import netwatch_tray
from netwatch_tray.cloud.otlp_json import SCHEMA_URL
from netwatch_tray.cloud.otlp_metrics import (
    COUNTER_UNITS,
    INSTRUMENTS,
    Counter,
    Instrument,
    Kind,
    disk_counters,
    interface_counters,
)
from netwatch_tray.cloud.wire import Snapshot
from netwatch_tray.errors import UnsupportedError

if TYPE_CHECKING:
    from opentelemetry.metrics import CallbackOptions, Observation
    from opentelemetry.sdk.metrics.export import MetricReader

_Key = tuple[str, frozenset[tuple[str, str]]]
"""Identifies a counter: its name and its attributes."""


class Export:
    """Exports the snapshots that are added, from its construction until `close`.

    Cumulative amounts are those since the first snapshot. The SDK reports the start of this program as their start
    time, so a collector would take the kernel's counters, which count since boot, for traffic of the first interval.
    """

    def __init__(self, reader: MetricReader, first: Snapshot) -> None:
        """`reader`: the metric reader of the SDK."""
        from opentelemetry.metrics import Observation  # noqa: PLC0415  extra
        from opentelemetry.sdk.metrics import MeterProvider  # noqa: PLC0415  extra
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415  extra

        self._latest = first
        self._counters: dict[_Key, int] = {}
        """Amounts since boot at the latest snapshot."""
        self._moved: dict[_Key, int] = {}
        self.add(first)
        resource = Resource.create(
            {
                "service.name": "netwatch-tray",
                "service.version": netwatch_tray.__version__,
                "host.name": socket.gethostname(),
            }
        )
        self._provider = MeterProvider(metric_readers=[reader], resource=resource)
        meter = self._provider.get_meter("netwatch-tray", netwatch_tray.__version__, SCHEMA_URL)

        def moved(name: str) -> Callable[[CallbackOptions], Iterable[Observation]]:
            return lambda _options: [
                Observation(amount, dict(attributes)) for (of, attributes), amount in self._moved.items() if of == name
            ]

        def observed(instrument: Instrument) -> Callable[[CallbackOptions], Iterable[Observation]]:
            return lambda _options: [
                Observation(value, attributes)
                for value, attributes in instrument.points(self._latest)
                if value is not None
            ]

        for name, unit in COUNTER_UNITS.items():
            meter.create_observable_counter(name, [moved(name)], unit=unit)
        for each in INSTRUMENTS:
            is_gauge = each.kind is Kind.GAUGE
            create = meter.create_observable_gauge if is_gauge else meter.create_observable_up_down_counter
            create(each.name, [observed(each)], unit=each.unit)

    def add(self, snapshot: Snapshot) -> None:
        """Make this the snapshot that is exported from now on. Call it for each snapshot, in order."""
        counters = {(each.name, frozenset(each.attributes.items())): each.amount for each in _counters(snapshot)}
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
        """Export a last time, and stop the SDK."""
        self._provider.shutdown()


def _counters(snapshot: Snapshot) -> Iterable[Counter]:
    for each in snapshot.interfaces:
        yield from interface_counters(each)
    if snapshot.disk_io is not None:
        yield from disk_counters(snapshot.disk_io)


def start(endpoint: str | None, interval_s: float, first: Snapshot) -> Export:
    """Start an Export over HTTP every `interval_s` seconds.

    `endpoint`: URL of a collector, with or without the path for metrics; None: from the environment variables
    OTEL_EXPORTER_OTLP_…. Raise UnsupportedError if the extra is not installed.
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
    """Append the path for metrics to a URL such as `http://host:4318`, as the SDK does with
    OTEL_EXPORTER_OTLP_ENDPOINT."""
    return endpoint if urlsplit(endpoint).path.strip("/") else f"{endpoint.rstrip('/')}/v1/metrics"
