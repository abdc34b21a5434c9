"""The wire format: golden JSON, round trips, and the document that describes it."""

from __future__ import annotations

import contextlib
import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, strategies as st
from ingest_server import SCHEMA
from json_schema import faults
from msgspec import UNSET

from netwatch_tray.cloud import wire
from netwatch_tray.errors import ParseError

AT = "2026-01-31T12:00:00.000000Z"
INTERFACE = wire.InterfaceMetric(
    name="eth0",
    is_up=True,
    rx_bytes=2**64 - 1,
    tx_bytes=2,
    rx_bytes_delta=3,
    tx_bytes_delta=4,
    rx_packets=5,
    tx_packets=6,
    rx_errors=7,
    tx_errors=8,
    rx_drops=9,
    tx_drops=10,
)
EVERYTHING = wire.Snapshot(
    timestamp=AT,
    interfaces=(
        INTERFACE,
        msgspec.structs.replace(INTERFACE, rx_rate=1.5, tx_rate=0.0, rx_history=(1, 2), tx_history=(0,)),
    ),
    health=wire.HealthMetric(
        gateway_ip="192.0.2.1",
        gateway_rtt_ms=1.25,
        gateway_loss_pct=0.0,
        dns_ip="192.0.2.53",
        dns_rtt_ms=20.0,
        dns_loss_pct=33.3,
        gateway_rtt_history=(1.25, None),
        dns_rtt_history=(20.0,),
    ),
    connection_count=4,
    system=wire.SystemMetric(cpu_usage_pct=12.5, memory_total_bytes=8, cpu_per_core=(1.0, 24.0)),
    disk_usage=(
        wire.DiskUsage(
            mount_point="/", device="/dev/sda1", total_bytes=9, used_bytes=4, available_bytes=5, usage_pct=44.4
        ),
    ),
    disk_io=wire.DiskIo(read_bytes=1, write_bytes=2),
    tcp_time_wait=1,
    tcp_close_wait=0,
    processes=(
        wire.ProcessBandwidth(
            process_name="curl",
            pid=7,
            rx_bytes=1,
            tx_bytes=2,
            rx_rate=0.5,
            tx_rate=1.0,
            connection_count=1,
            ppid=1,
            user="ada",
            cpu_pct=1.0,
            mem_rss_bytes=10,
            mem_virt_bytes=20,
            state="S",
            started_at=AT,
            cmd="/usr/bin/curl",
        ),
        wire.ProcessBandwidth(process_name="x", rx_bytes=0, tx_bytes=0, rx_rate=0.0, tx_rate=0.0, connection_count=0),
    ),
    connections=(
        wire.ConnectionDetail(
            protocol="TCP",
            local_addr="[::1]:443",
            remote_addr="*:*",
            state="LISTEN",
            kernel_rtt_us=12.0,
            rx_bytes=1,
            tx_bytes=2,
        ),
    ),
    alerts=(wire.Alert(severity="warning", category="bandwidth", message="m", detail="d", timestamp=AT, time=AT),),
    dns_analytics=wire.DnsAnalytics(
        total_queries=1,
        total_responses=1,
        nxdomain_count=0,
        latency_buckets=(1, 0, 0, 0, 0, 0, 0, 0),
        top_domains=(("example.org", 1),),
    ),
)
HOST = wire.HostInfo(host_id="6f1c2d3e-0000-4000-8000-123456789abc", hostname="here")


def test_unknown_values_are_null_or_omitted_as_in_the_sdk() -> None:
    bare = json.loads(wire.encode(wire.Snapshot(timestamp=AT, interfaces=(INTERFACE,))))
    assert bare == {
        "timestamp": AT,
        "interfaces": [
            {
                "name": "eth0",
                "is_up": True,
                "rx_bytes": 18446744073709551615,
                "tx_bytes": 2,
                "rx_bytes_delta": 3,
                "tx_bytes_delta": 4,
                "rx_packets": 5,
                "tx_packets": 6,
                "rx_errors": 7,
                "tx_errors": 8,
                "rx_drops": 9,
                "tx_drops": 10,
            }
        ],
        "health": None,
        "connection_count": None,
        "system": None,
        "disk_usage": None,
        "disk_io": None,
        "tcp_time_wait": None,
        "tcp_close_wait": None,
    }
    assert json.loads(msgspec.json.encode(wire.HealthMetric())) == dict.fromkeys(
        ("gateway_ip", "gateway_rtt_ms", "gateway_loss_pct", "dns_ip", "dns_rtt_ms", "dns_loss_pct")
    )
    process = wire.ProcessBandwidth(
        process_name="x", rx_bytes=0, tx_bytes=0, rx_rate=0.0, tx_rate=0.0, connection_count=0
    )
    assert json.loads(msgspec.json.encode(process)).keys() == {
        *("process_name", "pid", "rx_bytes", "tx_bytes", "rx_rate", "tx_rate", "connection_count")
    }
    assert json.loads(msgspec.json.encode(HOST)) == {
        "host_id": HOST.host_id,
        "hostname": "here",
        **dict.fromkeys(("os", "kernel", "uptime_secs", "cpu_model", "cpu_cores", "memory_total_bytes")),
    }


def test_a_full_envelope_round_trips() -> None:
    assert wire.decode(wire.encode(EVERYTHING)) == EVERYTHING
    body = wire.encode_envelope(
        HOST,
        "netwatch-tray/1",
        [wire.encode(EVERYTHING)],
        wire.AgentHealth(collectors_ok=True, dropped_count=0, queue_depth=1),
    )
    envelope = wire.decode_envelope(body)
    assert (envelope.host, envelope.snapshots) == (HOST, (EVERYTHING,))
    assert faults(json.loads(body), json.loads(SCHEMA.read_text())) == []


def in_lines(part: Any) -> Any:
    """Return a schema with descriptions in one line: from Python 3.13 on, docstrings are not indented."""
    if isinstance(part, list):
        return [in_lines(each) for each in part]
    if not isinstance(part, dict):
        return part
    return {
        name: " ".join(value.split()) if name == "description" and isinstance(value, str) else in_lines(value)
        for name, value in part.items()
    }


def test_the_documented_schema_equals_the_types() -> None:
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **msgspec.json.schema(wire.Envelope)}
    assert in_lines(json.loads(SCHEMA.read_text())) == in_lines(schema), (
        "write msgspec.json.schema(wire.Envelope) to docs/ again"
    )


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("timestamp", "2026-01-31T12:00:00Z"),
        ("timestamp", "2026-01-31T13:00:00.000000+01:00"),
        ("interfaces", None),
        ("connection_count", -1),
        ("connection_count", 2**32),
        ("connection_count", 1.5),
        ("tcp_time_wait", "1"),
        ("dns_analytics", {"total_queries": 1}),
        ("alerts", [{"severity": "shrug"}]),
    ],
)
def test_schema_and_types_refuse_the_same_values(path: str, value: Any) -> None:
    envelope = {"agent_version": "1", "host": msgspec.to_builtins(HOST), "snapshots": [msgspec.to_builtins(EVERYTHING)]}
    schema = json.loads(SCHEMA.read_text())
    assert faults(json.loads(json.dumps(envelope)), schema) == []
    envelope["snapshots"][0][path] = value
    body = json.dumps(envelope).encode()
    assert faults(json.loads(body), schema)
    with pytest.raises(ParseError):
        wire.decode_envelope(body)


def test_null_and_absent_decode_alike() -> None:
    body = json.loads(wire.encode(wire.Snapshot(timestamp=AT, interfaces=())))
    found = wire.decode(json.dumps({**body, "processes": None, "unknown key": 1}).encode())
    assert found.processes is None
    assert found.connections is UNSET


@given(st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=45))])))
def test_timestamps_have_six_digits_and_z_and_sort_as_text(at: datetime) -> None:
    if at.astimezone(UTC).year < 1000:
        return
    text = wire.timestamp(at)
    assert len(text) == 27
    assert datetime.fromisoformat(text) == at
    assert (wire.timestamp(at) < wire.timestamp(datetime(2026, 1, 1, tzinfo=UTC))) == (
        at < datetime(2026, 1, 1, tzinfo=UTC)
    )


@example(b'{"accepted":1,"rejected":0,"host_id":"\xff"}')
@given(
    st.binary(max_size=300)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["accepted", "rejected", "results", "index", "status", "host"]), inner)
        ),
    ).map(lambda value: json.dumps(value).encode())
)
def test_any_bytes_decode_or_raise_parse_error(body: bytes) -> None:
    for decode in (wire.decode, wire.decode_envelope, wire.decode_response):
        with contextlib.suppress(ParseError):
            decode(body)


def test_nan_and_infinity_become_null() -> None:
    snapshot = wire.Snapshot(timestamp=AT, interfaces=(), system=wire.SystemMetric(load_avg_1m=float("nan")))
    assert json.loads(wire.encode(snapshot))["system"]["load_avg_1m"] is None
