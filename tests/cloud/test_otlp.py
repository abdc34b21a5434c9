"""OpenTelemetry: a collector receives the numbers of the snapshot from the official SDK, under the documented names."""

from __future__ import annotations

import http.server
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from msgspec.structs import replace
from test_snapshot_builder import connection, everything

import netwatch_tray
from netwatch_tray.cloud import otlp
from netwatch_tray.cloud.otlp_metrics import COUNTER_UNITS
from netwatch_tray.cloud.wire import Snapshot
from netwatch_tray.errors import UnsupportedError
from netwatch_tray.model import Traffic

Point = tuple[str, str, frozenset[tuple[str, str]], float]
"""Name, unit, attributes, value."""


@pytest.fixture
def collector() -> Iterator[tuple[str, list[tuple[str, bytes]]]]:
    """Run an OTLP receiver on the loopback. Yield its URL, and the paths and bodies that it received."""
    came: list[tuple[str, bytes]] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            came.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}", came
    server.shutdown()
    server.server_close()
    thread.join()


def exported(
    endpoint: str, came: list[tuple[str, bytes]], snapshot: Snapshot, *later: Snapshot
) -> tuple[dict[str, str], list[Point]]:
    """Return the resource and the points received after these snapshots."""
    service = pytest.importorskip("opentelemetry.proto.collector.metrics.v1.metrics_service_pb2")
    export = otlp.start(endpoint, 3600.0, snapshot)
    for each in later:
        export.add(each)
    assert export.flush()
    export.close()
    path, body = came[0]
    assert path == "/v1/metrics"
    (resource,) = service.ExportMetricsServiceRequest.FromString(body).resource_metrics
    (scope,) = resource.scope_metrics
    points = []
    for metric in scope.metrics:
        kind = metric.WhichOneof("data")
        data = getattr(metric, kind)
        if kind == "sum":
            assert data.is_monotonic == (metric.name in COUNTER_UNITS)
            assert data.aggregation_temporality == 2, "cumulative"
        for point in data.data_points:
            value = point.as_int if point.WhichOneof("value") == "as_int" else point.as_double
            points.append((metric.name, metric.unit, frozenset(_strings(point.attributes).items()), value))
    return _strings(resource.resource.attributes), points


def _strings(attributes: Any) -> dict[str, str]:
    return {each.key: each.value.string_value for each in attributes}


def test_a_collector_receives_the_numbers_of_the_snapshot(collector: tuple[str, list[tuple[str, bytes]]]) -> None:
    snapshot = everything((connection(1),), {100: Traffic(1, 1)})
    resource, points = exported(*collector, snapshot)
    assert resource["service.name"] == "netwatch-tray"
    assert resource["service.version"] == netwatch_tray.__version__
    assert resource["host.name"]

    def point(name: str, unit: str, value: float, **attributes: str) -> Point:
        return name, unit, frozenset((key.replace("__", "."), text) for key, text in attributes.items()), value

    def io(direction: str) -> dict[str, str]:
        return {"network__io__direction": direction, "network__interface__name": "eth0"}

    def zeros(name: str, unit: str) -> list[Point]:
        return [point(name, unit, 0, **io("receive")), point(name, unit, 0, **io("transmit"))]

    def connections(value: int, state: str) -> Point:
        attributes = {"network__connection__state": state, "network__transport": "tcp"}
        return point("system.network.connection.count", "{connection}", value, **attributes)

    def file_system(value: int, state: str) -> Point:
        attributes = {"system__device": "/dev/sda1", "system__filesystem__mountpoint": "/home/ada"}
        return point("system.filesystem.usage", "By", value, **attributes, system__filesystem__state=state)

    points = [each for each in points if not each[0].startswith(("process.", "netwatch.process."))]
    assert Counter(points) == Counter(
        [
            # No throughput: the first snapshot has no rate, and 0 would be a lie. No round trip to a silent server.
            *zeros("system.network.io", "By"),
            *zeros("system.network.packet.count", "{packet}"),
            *zeros("system.network.errors", "{error}"),
            *zeros("system.network.packet.dropped", "{packet}"),
            point("system.disk.io", "By", 0, disk__io__direction="read"),
            point("system.disk.io", "By", 0, disk__io__direction="write"),
            point("netwatch.connections.count", "{connection}", 3),
            connections(3, "established"),
            connections(2, "time_wait"),
            connections(1, "close_wait"),
            point("netwatch.link.rtt", "s", 0.00125, netwatch__link__target="gateway"),
            point("netwatch.link.loss", "1", 0.0, netwatch__link__target="gateway"),
            point("netwatch.link.loss", "1", 1.0, netwatch__link__target="dns"),
            point("system.cpu.utilization", "1", 0.125),
            point("system.memory.usage", "By", 600, system__memory__state="used"),
            point("system.memory.utilization", "1", 0.6, system__memory__state="used"),
            point("system.memory.limit", "By", 1000),
            point("system.paging.usage", "By", 25, system__paging__state="used"),
            point("system.paging.usage", "By", 75, system__paging__state="free"),
            file_system(400, "used"),
            file_system(500, "free"),
            file_system(100, "reserved"),
            point("system.cpu.load_average.1m", "1", 0.5),
        ]
    )


def test_unknown_rates_are_not_exported(collector: tuple[str, list[tuple[str, bytes]]]) -> None:
    snapshot = everything((), {})
    metric = replace(snapshot.interfaces[0], rx_rate=1500.5, tx_rate=0.0)
    _, points = exported(*collector, replace(snapshot, interfaces=(metric,)))
    rates = {dict(attributes)["network.io.direction"]: value for name, _, attributes, value in points if "put" in name}
    assert rates == {"receive": 1500.5, "transmit": 0.0}


def test_amounts_are_counted_from_the_first_snapshot(collector: tuple[str, list[tuple[str, bytes]]]) -> None:
    """The start time is that of the program, so a collector counts only bytes that passed since then."""
    first = everything((), {})
    (eth0,) = first.interfaces

    def at(name: str, received: int) -> Snapshot:
        return replace(first, interfaces=(replace(eth0, name=name, rx_bytes=received, tx_bytes=0),))

    later = (at("eth0", 4_000_000_500), at("wlan0", 70), at("eth0", 4_000_001_000), at("eth0", 30))
    _, points = exported(*collector, at("eth0", 4_000_000_000), *later)
    amounts = {
        dict(attributes)["network.interface.name"]: value
        for name, _, attributes, value in points
        if name == "system.network.io" and dict(attributes)["network.io.direction"] == "receive"
    }
    assert amounts == {"eth0": 1000 + 30, "wlan0": 0}


@pytest.mark.parametrize("path", ["", "/", "/v1/metrics"])
def test_collector_url_gets_the_path_for_metrics(collector: tuple[str, list[tuple[str, bytes]]], path: str) -> None:
    endpoint, came = collector
    exported(f"{endpoint}{path}", came, everything((), {}))
    assert {each for each, _ in came} == {"/v1/metrics"}


def test_without_the_extra_the_error_names_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.metric_exporter", None)
    with pytest.raises(UnsupportedError, match=r"works without it.*pipx inject netwatch-tray opentelemetry-sdk"):
        otlp.start(None, 15.0, everything((), {}))
