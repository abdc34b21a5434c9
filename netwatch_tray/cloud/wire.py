"""The wire format of NetWatch servers (netwatch-sdk 0.4.0): snapshots as JSON, documented in docs/wire.md.

Two kinds of optional keys, as the SDK writes them: those of its first version are `null` when unknown, those that came
later are left out. Integers are u64 or u32, times are RFC 3339 in UTC with six digits and `Z`: one server keys by the
microsecond, the other compares the text.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

import netwatch_tray
from netwatch_tray.errors import ParseError

AGENT = f"netwatch-tray/{netwatch_tray.__version__}"
"""This program's name in envelopes, and its User-Agent."""
SCHEMA_VERSION = 1
MOST_SNAPSHOTS = 100
"""Most snapshots in one request; both kinds of servers respond 413 to more."""
MOST_BYTES = 2 << 20
"""Most bytes of a body. The cloud server's framework refuses 2 MiB and more while it reads."""
LONGEST_HISTORY = 60

U64 = Annotated[int, Meta(ge=0, extra_json_schema={"maximum": 0xFFFF_FFFF_FFFF_FFFF})]
U32 = Annotated[int, Meta(ge=0, le=0xFFFF_FFFF)]
Timestamp = Annotated[str, Meta(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$")]
LatencyBuckets = tuple[U64, U64, U64, U64, U64, U64, U64, U64]
"""How many responses arrived within 5, 10, 25, 50, 100, 250 and 500 ms, and how many later."""


class HostInfo(msgspec.Struct, frozen=True, kw_only=True):
    host_id: str
    """A random UUID for this host; see `account.identity`."""
    hostname: str
    os: str | None = None
    kernel: str | None = None
    uptime_secs: U64 | None = None
    cpu_model: str | None = None
    cpu_cores: U32 | None = None
    memory_total_bytes: U64 | None = None


class InterfaceMetric(msgspec.Struct, frozen=True, kw_only=True):
    """An interface: counters since boot; deltas and rates since the previous snapshot."""

    name: str
    is_up: bool
    rx_bytes: U64
    tx_bytes: U64
    rx_bytes_delta: U64
    tx_bytes_delta: U64
    rx_packets: U64
    tx_packets: U64
    rx_errors: U64
    tx_errors: U64
    rx_drops: U64
    tx_drops: U64
    rx_rate: float | UnsetType | None = UNSET
    """Bytes/s."""
    tx_rate: float | UnsetType | None = UNSET
    rx_history: Annotated[tuple[U64, ...], Meta(max_length=LONGEST_HISTORY)] | UnsetType | None = UNSET
    """Bytes/s of the last seconds, oldest first."""
    tx_history: Annotated[tuple[U64, ...], Meta(max_length=LONGEST_HISTORY)] | UnsetType | None = UNSET


class HealthMetric(msgspec.Struct, frozen=True, kw_only=True):
    """Results of probing gateway and DNS server: RTTs in milliseconds, loss in percent. `null` in a history is a probe
    without a response."""

    gateway_ip: str | None = None
    gateway_rtt_ms: float | None = None
    gateway_loss_pct: float | None = None
    dns_ip: str | None = None
    dns_rtt_ms: float | None = None
    dns_loss_pct: float | None = None
    gateway_rtt_history: Annotated[tuple[float | None, ...], Meta(max_length=LONGEST_HISTORY)] | UnsetType | None = (
        UNSET
    )
    dns_rtt_history: Annotated[tuple[float | None, ...], Meta(max_length=LONGEST_HISTORY)] | UnsetType | None = UNSET


class SystemMetric(msgspec.Struct, frozen=True, kw_only=True):
    cpu_usage_pct: float | None = None
    memory_total_bytes: U64 | None = None
    memory_used_bytes: U64 | None = None
    memory_available_bytes: U64 | None = None
    load_avg_1m: float | None = None
    load_avg_5m: float | None = None
    load_avg_15m: float | None = None
    swap_total_bytes: U64 | None = None
    swap_used_bytes: U64 | None = None
    cpu_per_core: tuple[float, ...] | None = None


class DiskUsage(msgspec.Struct, frozen=True, kw_only=True):
    mount_point: str
    device: str
    total_bytes: U64
    used_bytes: U64
    available_bytes: U64
    usage_pct: float


class DiskIo(msgspec.Struct, frozen=True, kw_only=True):
    """Traffic of all disks: bytes since boot."""

    read_bytes: U64
    write_bytes: U64


class ProcessBandwidth(msgspec.Struct, frozen=True, kw_only=True):
    """TCP payload of a process over the uplinks since the previous snapshot."""

    process_name: str
    pid: U32 | None = None
    rx_bytes: U64
    tx_bytes: U64
    rx_rate: float
    """Bytes/s."""
    tx_rate: float
    connection_count: U32
    ppid: U32 | UnsetType | None = UNSET
    user: str | UnsetType | None = UNSET
    cpu_pct: float | UnsetType | None = UNSET
    mem_rss_bytes: U64 | UnsetType | None = UNSET
    mem_virt_bytes: U64 | UnsetType | None = UNSET
    state: Annotated[str, Meta(min_length=1, max_length=1)] | UnsetType | None = UNSET
    started_at: Timestamp | UnsetType | None = UNSET
    cmd: str | UnsetType | None = UNSET
    """The executable's path, never its arguments."""


class ConnectionDetail(msgspec.Struct, frozen=True, kw_only=True):
    protocol: str
    """`TCP` or `UDP`."""
    local_addr: str
    """Address and port: `192.0.2.1:443`, `[2001:db8::1]:443`."""
    remote_addr: str
    """Address and port of the peer; `*:*` if there is none."""
    state: str
    """For TCP `ESTABLISHED`, `TIME_WAIT` …; for UDP `ESTABLISHED` if it has a peer, else `UNCONN`."""
    pid: U32 | None = None
    process_name: str | None = None
    kernel_rtt_us: float | UnsetType | None = UNSET
    """The kernel's smoothed RTT in microseconds."""
    rx_bytes: U64 | UnsetType | None = UNSET
    """Payload received since the connection opened."""
    tx_bytes: U64 | UnsetType | None = UNSET


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    severity: Literal["warning", "critical"]
    category: Literal["port_scan", "beaconing", "dns_tunnel", "bandwidth"]
    message: str
    detail: str
    timestamp: Timestamp
    time: Timestamp | UnsetType | None = UNSET
    """The same time as `timestamp`. If this key is missing, netwatch-dashboard fails after it has stored
    the snapshot."""


class DnsAnalytics(msgspec.Struct, frozen=True, kw_only=True):
    """Counts of DNS queries and responses since the program started."""

    total_queries: U64
    total_responses: U64
    nxdomain_count: U64
    latency_buckets: LatencyBuckets
    top_domains: Annotated[tuple[tuple[str, U32], ...], Meta(max_length=20)]


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """The measurements of one host at one moment."""

    timestamp: Timestamp
    interfaces: tuple[InterfaceMetric, ...]
    health: HealthMetric | None = None
    connection_count: U32 | None = None
    """Number of established TCP connections."""
    system: SystemMetric | None = None
    disk_usage: tuple[DiskUsage, ...] | None = None
    disk_io: DiskIo | None = None
    tcp_time_wait: U32 | None = None
    tcp_close_wait: U32 | None = None
    processes: tuple[ProcessBandwidth, ...] | UnsetType | None = UNSET
    connections: tuple[ConnectionDetail, ...] | UnsetType | None = UNSET
    alerts: tuple[Alert, ...] | UnsetType | None = UNSET
    dns_analytics: DnsAnalytics | UnsetType | None = UNSET


class AgentHealth(msgspec.Struct, frozen=True, kw_only=True):
    collectors_ok: bool
    dropped_count: U64
    """Number of snapshots that were dropped without being sent, because they were too old or too many."""
    queue_depth: U64
    """Number of snapshots in the spool, those of this request included."""


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """The body of `POST /api/v1/ingest`: snapshots, with the facts about their host."""

    schema_version: U32 | UnsetType = UNSET
    agent_version: str
    host: HostInfo
    snapshots: Annotated[tuple[Snapshot, ...], Meta(min_length=1, max_length=MOST_SNAPSHOTS)]
    """Oldest first."""
    agent_health: AgentHealth | UnsetType = UNSET


class IngestResult(msgspec.Struct, frozen=True, kw_only=True):
    index: U32
    status: Annotated[int, Meta(ge=0, le=0xFFFF)]
    message: str = ""


class IngestResponse(msgspec.Struct, frozen=True, kw_only=True):
    accepted: U32
    rejected: U32
    host_id: str | None = None
    results: tuple[IngestResult, ...] = ()


class _StoredSnapshot(msgspec.Struct):
    time: str


class _StoredSnapshots(msgspec.Struct):
    """The keys that are read from netwatch-dashboard's response to `GET /api/v1/hosts/HOST_ID/metrics`."""

    points: tuple[_StoredSnapshot, ...]


class _StoredEnvelope(msgspec.Struct, kw_only=True):
    """An envelope whose snapshots are already encoded."""

    schema_version: int
    agent_version: str
    host: HostInfo
    snapshots: list[msgspec.Raw]
    agent_health: AgentHealth


_encoder = msgspec.json.Encoder()
_snapshot_decoder = msgspec.json.Decoder(Snapshot)
_envelope_decoder = msgspec.json.Decoder(Envelope)
_response_decoder = msgspec.json.Decoder(IngestResponse)
_stored_decoder = msgspec.json.Decoder(_StoredSnapshots)


def timestamp(at: datetime) -> str:
    """Return a time as `2026-01-31T12:00:00.000000Z`. `at` must have a time zone."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def text(found: str) -> str:
    """Return the text without the characters that JSON or PostgreSQL reject: lone surrogates (in file
    names) and NUL."""
    return found.encode("utf-8", "replace").decode().replace("\0", "")


def encode(snapshot: Snapshot) -> bytes:
    """Return the snapshot as JSON. NaN and infinity become null."""
    return _encoder.encode(snapshot)


def encode_envelope(host: HostInfo, version: str, snapshots: list[bytes], health: AgentHealth) -> bytes:
    """Return the body of a request. `snapshots`: encoded by `encode`, oldest first. `version`: name and version of this
    program."""
    return _encoder.encode(
        _StoredEnvelope(
            schema_version=SCHEMA_VERSION,
            agent_version=version,
            host=host,
            snapshots=[msgspec.Raw(each) for each in snapshots],
            agent_health=health,
        )
    )


def decode(body: bytes) -> Snapshot:
    """Decode a snapshot. Raise ParseError if the body is anything else."""
    try:
        return _snapshot_decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ParseError(f"This is not a snapshot: {error}.") from error


def decode_envelope(body: bytes) -> Envelope:
    """Decode an envelope. Raise ParseError if the body is anything else."""
    try:
        return _envelope_decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ParseError(f"This is not an envelope of snapshots: {error}.") from error


def decode_stored(body: bytes) -> frozenset[str]:
    """Return the timestamps of the snapshots in a server's list. Raise ParseError if the body is anything else."""
    try:
        return frozenset(each.time for each in _stored_decoder.decode(body).points)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ParseError(f"This is not a list of snapshots: {error}.") from error


def decode_response(body: bytes) -> IngestResponse:
    """Decode a server's response with its result for each snapshot. Raise ParseError if the body is anything else."""
    try:
        return _response_decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ParseError(f"This is not a response of a NetWatch server: {error}.") from error
