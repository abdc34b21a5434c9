"""Metrics of OpenTelemetry: names and units of the conventions, and sums whose first difference is right."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given, strategies as st
from msgspec.structs import replace
from otlp_collector import Collector, Point
from test_snapshot_builder import connection, everything
from uploading import snapshot

from netwatch_tray.cloud import otlp_json, wire
from netwatch_tray.cloud.otlp_metrics import COUNTER_UNITS, INSTRUMENTS, MOST_PROCESSES, Kind, MetricsEncoder
from netwatch_tray.model import Traffic

T0 = datetime(2026, 11, 27, 12, tzinfo=UTC)
RESOURCE = {"service.name": "netwatch-tray"}


def points(*elements: bytes) -> list[Point]:
    collector = Collector()
    collector.metrics = [msgspec.json.decode(each) for each in elements]
    return collector.points()


def at(seconds: float, rx_bytes: int) -> wire.Snapshot:
    return snapshot(T0 + timedelta(seconds=seconds), rx_bytes)


def received(found: list[Point]) -> list[Point]:
    return [
        each
        for each in found
        if each.name == "system.network.io" and each.attributes["network.io.direction"] == "receive"
    ]


def nanoseconds(seconds: float) -> int:
    return int((T0 + timedelta(seconds=seconds)).timestamp() * 1000) * 1_000_000


def test_a_sum_begins_at_zero_and_counts_each_byte() -> None:
    encoder = MetricsEncoder()
    found = received(points(*(encoder.encode(at(15 * n, 4_000_000_000 + 1000 * n), RESOURCE) for n in range(4))))
    assert [each.value for each in found] == [0, 1000, 2000, 3000]
    assert {each.start for each in found} == {nanoseconds(0)}
    assert [each.at for each in found] == [nanoseconds(15 * n) for n in range(4)]


def test_a_reset_counter_gets_the_time_of_the_reading_before_as_start() -> None:
    encoder = MetricsEncoder()
    found = received(
        points(*(encoder.encode(at(15 * n, count), RESOURCE) for n, count in enumerate((5000, 6000, 70, 80))))
    )
    assert [each.value for each in found] == [0, 1000, 70, 80]
    assert [each.start for each in found] == [nanoseconds(seconds) for seconds in (0, 0, 15, 15)]


def test_after_the_clock_was_set_back_no_time_precedes_its_start() -> None:
    encoder = MetricsEncoder()
    found = received(
        points(*(encoder.encode(at(*each), RESOURCE) for each in ((0, 10), (15, 20), (-3600, 30), (-3585, 45))))
    )
    assert [(each.start, each.value) for each in found[2:]] == [(nanoseconds(-3600), 0), (nanoseconds(-3600), 15)]


def test_sum_of_an_interface_added_later_begins_at_zero() -> None:
    encoder = MetricsEncoder()
    later = at(15, 2000)
    (eth0,) = later.interfaces
    found = points(
        encoder.encode(at(0, 1000), RESOURCE),
        encoder.encode(replace(later, interfaces=(eth0, replace(eth0, name="wg0", rx_bytes=70))), RESOURCE),
    )
    (wg0,) = [each for each in received(found) if each.attributes["network.interface.name"] == "wg0"]
    assert (wg0.value, wg0.start, wg0.at) == (0, nanoseconds(15), nanoseconds(15))


def test_the_same_snapshot_again_adds_nothing() -> None:
    """If the disk of the spool is full, the same snapshot is encoded again."""
    encoder = MetricsEncoder()
    first, second = (
        replace(everything((connection(1),), {100: Traffic(70, 7)}), timestamp=at(n, 0).timestamp) for n in (0, 15)
    )
    encoder.encode(first, RESOURCE)
    once = encoder.encode(second, RESOURCE)
    assert encoder.encode(second, RESOURCE) == once


@given(st.lists(st.integers(0, 1 << 64), min_size=1, max_size=30))
def test_sums_grow_and_intervals_of_a_series_never_overlap(counts: list[int]) -> None:
    encoder = MetricsEncoder()
    found = received(points(*(encoder.encode(at(n, count), RESOURCE) for n, count in enumerate(counts))))
    total = 0
    for before, after in itertools.pairwise(found):
        assert after.start is not None
        if after.start == before.start:
            assert after.value >= before.value
            total += int(after.value - before.value)
        else:
            assert after.start == before.at
            total += int(after.value)
    assert total == sum(later - earlier if later >= earlier else later for earlier, later in itertools.pairwise(counts))


def process(number: int, received: int) -> wire.ProcessBandwidth:
    return wire.ProcessBandwidth(
        process_name="curl",
        pid=number,
        rx_bytes=received,
        tx_bytes=1,
        rx_rate=0.0,
        tx_rate=0.0,
        connection_count=1,
        started_at="2026-11-27T11:00:00.000000Z",
    )


def of_process(found: list[Point], pid: int) -> list[tuple[float, int | None, int]]:
    return [
        (each.value, each.start, each.at)
        for each in found
        if each.name == "process.network.io"
        and each.attributes["process.pid"] == pid
        and each.attributes["network.io.direction"] == "receive"
    ]


def test_sum_of_a_new_process_starts_at_the_previous_export() -> None:
    encoder = MetricsEncoder()
    found = points(
        encoder.encode(replace(at(0, 0), processes=(process(1, 900),)), RESOURCE),
        encoder.encode(replace(at(15, 0), processes=(process(1, 100), process(2, 70))), RESOURCE),
        encoder.encode(replace(at(30, 0), processes=(process(2, 5),)), RESOURCE),
    )
    assert of_process(found, 1) == [(0, nanoseconds(0), nanoseconds(0)), (100, nanoseconds(0), nanoseconds(15))]
    start = nanoseconds(15)
    assert of_process(found, 2) == [
        (0, nanoseconds(0), nanoseconds(0)),
        (70, nanoseconds(0), start),
        (75, nanoseconds(0), nanoseconds(30)),
    ]


def test_bytes_of_a_process_that_was_not_exported_for_a_while_are_in_its_sum() -> None:
    encoder = MetricsEncoder()
    others = tuple(process(number, 1000) for number in range(10, 10 + MOST_PROCESSES))
    encoder.encode(at(0, 0), RESOURCE)
    hidden = points(encoder.encode(replace(at(15, 0), processes=(*others, process(1, 30))), RESOURCE))
    shown = points(encoder.encode(replace(at(30, 0), processes=(process(1, 4),)), RESOURCE))
    assert of_process(hidden, 1) == []
    assert [value for value, _, _ in of_process(shown, 1)] == [34]


def test_the_body_is_valid_by_the_protocol_and_unknown_values_are_left_out() -> None:
    json_format: Any = pytest.importorskip("google.protobuf.json_format")
    service: Any = pytest.importorskip("opentelemetry.proto.collector.metrics.v1.metrics_service_pb2")
    element = MetricsEncoder().encode(everything((connection(1),), {100: Traffic(1, 1)}), RESOURCE)
    body = otlp_json.request("metrics", [element, element])
    found = json_format.Parse(body, service.ExportMetricsServiceRequest())
    assert len(found.resource_metrics) == 2
    names = {metric.name for metric in found.resource_metrics[0].scope_metrics[0].metrics}
    assert {"process.network.io", "process.memory.usage", "system.disk.io", "system.network.io"} <= names
    assert "system.network.throughput" not in names, "the first snapshot has no rate"


def test_names_and_units_follow_the_semantic_conventions() -> None:
    ours = {"system.network.throughput", "system.cpu.load_average.1m"}  # and those that begin with netwatch.
    pytest.importorskip("opentelemetry.semconv._incubating.metrics.system_metrics")
    from opentelemetry.sdk.metrics import MeterProvider  # noqa: PLC0415  extra
    from opentelemetry.semconv._incubating.metrics import process_metrics, system_metrics  # noqa: PLC0415  extra

    meter = MeterProvider(metric_readers=[]).get_meter("test")
    found = {}
    for module in (system_metrics, process_metrics):
        for name, create in vars(module).items():
            if name.startswith("create_"):
                try:
                    made = create(meter, ())
                except TypeError:
                    made = create(meter)
                found[made.name] = made.unit, type(made).__name__
    for name, unit in COUNTER_UNITS.items():
        assert found[name][0] == unit
        assert "Counter" in found[name][1]
        assert "UpDown" not in found[name][1]
    for each in INSTRUMENTS:
        if not each.name.startswith("netwatch.") and each.name not in ours:
            unit, kind = found[each.name]
            assert unit == each.unit, each.name
            assert ("Gauge" in kind) == (each.kind is Kind.GAUGE), each.name
