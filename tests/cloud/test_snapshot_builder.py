"""Each number of a snapshot equals its source, and only what was chosen is in it."""

from __future__ import annotations

import dataclasses
import json
import random
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given, strategies as st
from ingest_server import SCHEMA
from json_schema import faults
from msgspec import UNSET

from netwatch_tray.cloud import privacy, wire
from netwatch_tray.cloud.builder import HealthHistory, Readings, SnapshotBuilder, Sockets, with_disks
from netwatch_tray.collect.disks import Traffic as DiskTraffic, Usage
from netwatch_tray.collect.health import Health, Reachability
from netwatch_tray.collect.process_facts import ProcessFacts
from netwatch_tray.collect.system import Memory, SystemSample
from netwatch_tray.engine.ledger import AppInterval
from netwatch_tray.engine.monitor import Monitor
from netwatch_tray.errors import Message
from netwatch_tray.kinds import TcpState
from netwatch_tray.model import Connection, CounterRow, Interface, Sample, Tick, Traffic
from netwatch_tray.settings import UploadLevel

SECRET = b"\1" * 16
START = datetime(2026, 1, 31, 12, tzinfo=UTC)


@dataclasses.dataclass
class Kernel:
    """An interface source whose counters the test sets."""

    at: float = 1000.0
    rows: dict[int, list[int]] = dataclasses.field(default_factory=dict)
    interfaces: dict[int, Interface] = dataclasses.field(default_factory=dict)
    name: str = "test"
    note: Message | None = None

    def sample(self) -> Sample:
        counters: dict[int, CounterRow] = {index: tuple(row) for index, row in self.rows.items()}
        return Sample(self.at, counters, self.interfaces, 64)

    def close(self) -> None: ...


def kernel() -> Kernel:
    made = Kernel()
    for index, name, options in (
        (1, "lo", {"is_loopback": True, "kind": "loopback", "is_up": True}),
        (2, "eth0", {"kind": "ethernet", "is_up": True, "default_metric": 100}),
        (3, "docker0", {"kind": "bridge", "is_up": False}),
        (4, "wg0", {"kind": "wireguard", "is_up": True}),
    ):
        made.interfaces[index] = Interface(index=index, name=name, **options)  # type: ignore[arg-type]
        made.rows[index] = [10 * index] * 8
    return made


def measured(monitor: Monitor) -> Tick:
    tick = monitor.tick()
    assert tick is not None, "the source's clock has advanced"
    return tick


def test_deltas_rates_and_counters_equal_those_of_the_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    source = kernel()
    monkeypatch.setattr("netwatch_tray.clock.uptime", lambda: source.at)
    monitor = Monitor(source, 1.0, {})
    builder = SnapshotBuilder(all_interfaces=False, facts=lambda _pid: None)
    tick = measured(monitor)
    builder.add(tick)
    chance = random.Random(3)
    for _ in range(4):
        before, at = list(source.rows[2]), source.at
        rates = []
        for _ in range(15):
            step, rx, tx = chance.uniform(0.7, 1.9), chance.randrange(10**9), chance.randrange(10**6)
            source.at += step
            for field, more in enumerate((3, 2, rx, tx, 0, 1, 0, 1)):
                source.rows[2][field] += more
                source.rows[4][field] += more
            rates.append((round(rx / step), round(tx / step)))
            tick = measured(monitor)
            builder.add(tick)
        (found,) = builder.build(tick, Readings(), source.at).interfaces
        row, elapsed = source.rows[2], source.at - at
        assert (found.name, found.is_up) == ("eth0", True)
        assert (found.rx_bytes, found.tx_bytes) == (row[2], row[3])
        assert (found.rx_packets, found.tx_packets, found.rx_errors, found.tx_errors) == (
            row[0],
            row[1],
            row[4],
            row[5],
        )
        assert (found.rx_drops, found.tx_drops) == (row[6], row[7])
        assert (found.rx_bytes_delta, found.tx_bytes_delta) == (row[2] - before[2], row[3] - before[3])
        assert found.rx_rate == pytest.approx((row[2] - before[2]) / elapsed)
        assert found.tx_rate == pytest.approx((row[3] - before[3]) / elapsed)
        assert isinstance(found.rx_history, tuple)
        assert isinstance(found.tx_history, tuple)
        assert list(zip(found.rx_history, found.tx_history, strict=True))[-15:] == rates
        assert len(found.rx_history) <= 60


def test_the_sum_of_sent_deltas_is_the_total(monkeypatch: pytest.MonkeyPatch) -> None:
    """The cloud server sums the deltas of all interfaces; a VPN over the same uplink must not double them."""
    source = kernel()
    monkeypatch.setattr("netwatch_tray.clock.uptime", lambda: source.at)
    monitor = Monitor(source, 1.0, {})
    for everything, names in ((False, ["eth0"]), (True, ["eth0", "docker0", "wg0"])):
        builder = SnapshotBuilder(all_interfaces=everything, facts=lambda _pid: None)
        ticks: list[Tick] = []
        for _ in range(5):
            source.at += 1
            for index in (2, 4):
                source.rows[index][2] += 1000
            ticks.append(measured(monitor))
            builder.add(ticks[-1])
        total = sum(tick.total.rx_delta for tick in ticks)
        found = builder.build(ticks[-1], Readings(), source.at)
        assert [each.name for each in found.interfaces] == names
        if not everything:
            assert abs(sum(each.rx_bytes_delta for each in found.interfaces) - total) <= 1000  # its first tick


def test_a_gap_has_no_rate_and_restarts_the_history(monkeypatch: pytest.MonkeyPatch) -> None:
    source = kernel()
    monkeypatch.setattr("netwatch_tray.clock.uptime", lambda: source.at)
    monitor = Monitor(source, 1.0, {})
    builder = SnapshotBuilder(all_interfaces=False, facts=lambda _pid: None)
    builder.add(tick := measured(monitor))
    for step in (1, 1, 3600, 1, 1):
        source.at += step
        source.rows[2][2] += 500 * step
        builder.add(tick := measured(monitor))
    (found,) = builder.build(tick, Readings(), source.at).interfaces
    assert (found.rx_rate, found.tx_rate) == (UNSET, UNSET)
    assert found.rx_history == (500, 500)
    assert found.rx_bytes_delta == 4 * 500
    source.at += 1
    source.rows[2][2] += 700
    tick = measured(monitor)
    builder.add(tick)
    (found,) = builder.build(tick, Readings(), source.at).interfaces
    assert found.rx_rate == pytest.approx(700.0)


def test_an_uplink_replaced_within_the_interval_is_sent_with_its_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    source = kernel()
    monkeypatch.setattr("netwatch_tray.clock.uptime", lambda: source.at)
    monitor = Monitor(source, 1.0, {})
    builder = SnapshotBuilder(all_interfaces=False, facts=lambda _pid: None)
    source.interfaces[5] = Interface(index=5, name="wlan0", kind="wifi", is_up=True)
    source.rows[5] = [0] * 8
    ticks: list[Tick] = []
    for second in range(6):
        source.at += 1
        if second == 3:
            source.interfaces = {
                index: msgspec.structs.replace(each, default_metric=600 if index == 5 else None)
                for index, each in source.interfaces.items()
            }
        if second == 5:  # unplugged
            source.interfaces = {index: each for index, each in source.interfaces.items() if index != 2}
            del source.rows[2]
        for index in source.rows:
            source.rows[index][2] += 1000 * index
        ticks.append(measured(monitor))
        builder.add(ticks[-1])
    sent = builder.build(ticks[-1], Readings(), source.at).interfaces
    assert {each.name: (each.is_up, each.rx_bytes_delta) for each in sent} == {
        "eth0": (False, 3 * 2000),
        "wlan0": (True, 3 * 5000),
    }
    assert sum(each.rx_bytes_delta for each in sent) == sum(tick.total.rx_delta for tick in ticks)
    (found,) = builder.build(ticks[-1], Readings(), source.at).interfaces
    assert found.name == "wlan0"


def test_a_re_created_interface_is_sent_once_with_the_bytes_of_both(monkeypatch: pytest.MonkeyPatch) -> None:
    source = kernel()
    monkeypatch.setattr("netwatch_tray.clock.uptime", lambda: source.at)
    monitor = Monitor(source, 1.0, {})
    builder = SnapshotBuilder(all_interfaces=False, facts=lambda _pid: None)
    ticks: list[Tick] = []
    for second in range(6):
        source.at += 1
        if second == 3:
            source.interfaces = {
                **{index: each for index, each in source.interfaces.items() if index != 2},
                7: msgspec.structs.replace(source.interfaces[2], index=7),
            }
            source.rows[7] = [0] * 8
            del source.rows[2]
        source.rows[2 if second < 3 else 7][2] += 1000
        ticks.append(measured(monitor))
        builder.add(ticks[-1])
    (found,) = builder.build(ticks[-1], Readings(), source.at).interfaces
    assert (found.name, found.rx_bytes, found.rx_bytes_delta) == ("eth0", 3000, 4000)


def connection(number: int, **options: Any) -> Connection:
    given: dict[str, Any] = {
        "key": f"{number:04}",
        "protocol": "TCP",
        "local_address": "192.0.2.7",
        "local_port": 40000 + number,
        "remote_address": "2001:db8::9",
        "remote_port": 443,
        "state": "ESTABLISHED",
        "pid": 100,
        "process": "curl",
        "rx_bytes": 1000,
        "tx_bytes": 10,
        "rx_rate": 5.0,
        "tx_rate": 1.0,
        "rtt_s": 0.0125,
    }
    return Connection(**(given | options))


FACTS = ProcessFacts("curl", 1, "ada", 2.0, 4096, 8192, "S", 1.8e9, "/usr/bin/curl")
SYSTEM = SystemSample(12.5, (10.0, 15.0), Memory(1000, 400, 100, 25), (0.5, 0.25, 0.125))
DISK = Usage("/home/ada", "/dev/sda1", 1000, 400, 500)
HEALTH = Health(Reachability("192.0.2.1", 0.00125, 0.0), Reachability("192.0.2.53", None, 1.0))


def everything(rows: tuple[Connection, ...], processes: dict[int, Traffic] | None = None) -> wire.Snapshot:
    source = kernel()
    monitor = Monitor(source, 1.0, {})
    builder = SnapshotBuilder(all_interfaces=False, facts=lambda pid: FACTS if pid == 100 else None)
    tick = measured(monitor)
    builder.add(tick)
    builder.add_connections(
        AppInterval(elapsed_s=10.0, apps={}, processes=processes or {}, local=Traffic()), lambda: rows
    )
    history = HealthHistory()
    metric = [history.add(HEALTH) for _ in range(70)][-1]
    readings = Readings(
        system=SYSTEM,
        health=metric,
        sockets=Sockets(
            {TcpState.ESTABLISHED: 3, TcpState.TIME_WAIT: 2, TcpState.CLOSE_WAIT: 1, TcpState.LISTEN: 9}, rows
        ),
    )
    return with_disks(builder.build(tick, readings, 1000.0), (DISK,), DiskTraffic(7, 8))


def test_system_disk_and_connection_numbers_equal_their_source() -> None:
    rows = (connection(1), connection(2, pid=None, process=None, state="LISTEN", remote_address=None, rtt_s=None))
    found = everything(rows, {100: Traffic(5000, 50)})
    assert (found.connection_count, found.tcp_time_wait, found.tcp_close_wait) == (3, 2, 1)
    assert msgspec.structs.asdict(found.system) == {  # type: ignore[arg-type]
        "cpu_usage_pct": 12.5,
        "memory_total_bytes": 1000,
        "memory_used_bytes": 600,
        "memory_available_bytes": 400,
        "load_avg_1m": 0.5,
        "load_avg_5m": 0.25,
        "load_avg_15m": 0.125,
        "swap_total_bytes": 100,
        "swap_used_bytes": 25,
        "cpu_per_core": (10.0, 15.0),
    }
    assert found.disk_usage == (
        wire.DiskUsage(
            mount_point="/home/ada",
            device="/dev/sda1",
            total_bytes=1000,
            used_bytes=400,
            available_bytes=500,
            usage_pct=44.4,
        ),
    )
    assert found.disk_io == wire.DiskIo(read_bytes=7, write_bytes=8)
    assert found.health == wire.HealthMetric(
        gateway_ip="192.0.2.1",
        gateway_rtt_ms=1.25,
        gateway_loss_pct=0.0,
        dns_ip="192.0.2.53",
        dns_rtt_ms=None,
        dns_loss_pct=100.0,
        gateway_rtt_history=(1.25,) * 60,
        dns_rtt_history=(None,) * 60,
    )
    (process,) = found.processes
    assert process == wire.ProcessBandwidth(
        process_name="curl",
        pid=100,
        rx_bytes=5000,
        tx_bytes=50,
        rx_rate=500.0,
        tx_rate=5.0,
        connection_count=1,
        ppid=1,
        user="ada",
        mem_rss_bytes=4096,
        mem_virt_bytes=8192,
        state="S",
        started_at=wire.timestamp(datetime.fromtimestamp(1.8e9, UTC)),
        cmd="/usr/bin/curl",
    )
    assert found.connections == (
        wire.ConnectionDetail(
            protocol="TCP",
            local_addr="192.0.2.7:40001",
            remote_addr="[2001:db8::9]:443",
            state="ESTABLISHED",
            pid=100,
            process_name="curl",
            kernel_rtt_us=12500.0,
            rx_bytes=1000,
            tx_bytes=10,
        ),
        wire.ConnectionDetail(
            protocol="TCP",
            local_addr="192.0.2.7:40002",
            remote_addr="*:*",
            state="LISTEN",
            rx_bytes=1000,
            tx_bytes=10,
        ),
    )


def test_another_gateway_restarts_the_rtt_history() -> None:
    history = HealthHistory()
    elsewhere = Reachability("198.51.100.1", 0.002, 0.0)
    silent = Reachability("198.51.100.1", None, None)
    history.add(HEALTH)
    history.add(Health(None, None))  # nowhere, for a while
    assert history.add(HEALTH).gateway_rtt_history == (1.25, 1.25)
    found = history.add(Health(elsewhere, HEALTH.dns))
    assert found.gateway_rtt_history == (2.0,)
    assert found.dns_rtt_history == (None, None, None)
    assert history.add(Health(silent, None)).gateway_rtt_history == (2.0,), "unknown is no probe that failed"


def test_limits_keep_the_busiest_processes_and_connections() -> None:
    rows = tuple(
        connection(number, pid=number, process=f"p{number}", state="LISTEN" if number % 2 else "ESTABLISHED")
        for number in range(300)
    )
    found = everything(rows, {number: Traffic(number, 0) for number in range(300)})
    assert isinstance(found.connections, tuple)
    assert isinstance(found.processes, tuple)
    assert [each.state for each in found.connections] == ["ESTABLISHED"] * 100
    assert [each.pid for each in found.processes] == list(range(299, 274, -1))


@pytest.mark.parametrize(
    ("level", "absent"),
    [
        (
            "rates",
            {"health", "system", "disk_usage", "disk_io", "connection_count", "tcp_time_wait", "tcp_close_wait"}
            | {"processes", "connections"},
        ),
        ("system", {"processes", "connections"}),
        ("apps", {"connections"}),
        ("connections", set()),
        ("events", set()),
    ],
)
def test_a_level_omits_what_higher_levels_add(level: UploadLevel, absent: set[str]) -> None:
    whole = everything((connection(1),), {100: Traffic(1, 1)})
    found = privacy.limited(whole, level, SECRET, hide_addresses=False, hide_names=False)
    for name in wire.Snapshot.__struct_fields__:
        value = getattr(found, name)
        if name in absent:
            assert value is None or value is UNSET
        else:
            assert value == getattr(whole, name)


def test_hidden_addresses_and_names_are_nowhere_in_the_body() -> None:
    rows = (connection(1), connection(2, local_address="10.1.2.3", remote_address="1.1.1.1"))
    whole = everything(rows, {100: Traffic(1, 1)})
    found = wire.encode(privacy.limited(whole, "connections", SECRET, hide_addresses=True, hide_names=True)).decode()
    for secret in ("192.0.2", "2001:db8", "10.1.2.3", "1.1.1.1", "curl", "ada", "/home", "sda1"):
        assert secret not in found
        assert secret in wire.encode(whole).decode()
    assert '"remote_addr":"public:443"' in found
    host = wire.HostInfo(host_id="6f1c2d3e-0000-4000-8000-123456789abc", hostname="adas-laptop")
    assert privacy.limited_host(host, hide_names=True).hostname == "host-6f1c2d3e"
    assert privacy.limited_host(host, hide_names=False) == host


def test_words_that_replace_names_are_stable_and_depend_on_the_secret() -> None:
    whole = everything((connection(1),), {100: Traffic(1, 1)})

    def word(secret: bytes) -> str:
        found = privacy.limited(whole, "apps", secret, hide_addresses=False, hide_names=True)
        assert isinstance(found.processes, tuple)
        return found.processes[0].process_name

    assert word(SECRET) == word(SECRET) != word(b"\2" * 16)


@given(
    names=st.lists(st.text(max_size=8), max_size=4),
    rates=st.lists(st.none() | st.floats(0, 1e12), max_size=4),
    level=st.sampled_from(get_args(UploadLevel)),
    hide=st.booleans(),
)
def test_any_names_of_a_machine_make_a_valid_snapshot(
    names: list[str], rates: list[float | None], level: UploadLevel, hide: bool
) -> None:
    odd = "caf\udce9\0" + "".join(names)
    rows = tuple(
        connection(number, process=odd, rx_rate=rate, pid=number or None, protocol="UDP", state=None)
        for number, rate in enumerate(rates)
    )
    whole = everything(rows, {1: Traffic(5, 3)})
    found = privacy.limited(whole, level, SECRET, hide_addresses=hide, hide_names=hide)
    envelope = wire.encode_envelope(
        wire.HostInfo(host_id="x", hostname="y"),
        "test/1",
        [wire.encode(found)],
        wire.AgentHealth(collectors_ok=True, dropped_count=0, queue_depth=1),
    )
    assert faults(json.loads(envelope), json.loads(SCHEMA.read_text())) == []
    assert b"\\u0000" not in envelope


def test_timestamp_of_a_snapshot_is_that_of_its_tick() -> None:
    source = kernel()
    builder = SnapshotBuilder(all_interfaces=False, facts=lambda _pid: None)
    tick = msgspec.structs.replace(measured(Monitor(source, 1.0, {})), at=START + timedelta(microseconds=7))
    builder.add(tick)
    assert builder.build(tick, Readings(), 0.0).timestamp == "2026-01-31T12:00:00.000007Z"
