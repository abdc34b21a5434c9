"""Metrics for Prometheus: what is written, who may read it, and what hostile clients cost."""

from __future__ import annotations

import contextlib
import re
import select
import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings as hypothesis_settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from netwatch_tray import clock
from netwatch_tray.cloud import metrics, metrics_service
from netwatch_tray.cloud.metrics import Reading, render
from netwatch_tray.cloud.metrics_server import (
    LONGEST_REQUEST,
    MOST_CLIENTS,
    PATIENCE,
    MetricsServer,
    is_served,
)
from netwatch_tray.cloud.metrics_service import MetricsService
from netwatch_tray.collect.disks import Traffic as DiskTraffic, Usage
from netwatch_tray.collect.health import Health, Reachability
from netwatch_tray.collect.system import Memory, SystemSample
from netwatch_tray.engine.events import EventLog, Outcome
from netwatch_tray.engine.scheduler import Scheduler
from netwatch_tray.errors import SettingsError
from netwatch_tray.event import EventKind, Finding, NewListener, Severity
from netwatch_tray.kinds import TcpState
from netwatch_tray.model import GapReason, InterfaceTick, Role, Tick, Total, Why, WhyCode
from netwatch_tray.settings import Events, Metrics, Settings, Upload


def interface(name: str, index: int = 2, **options: Any) -> InterfaceTick:
    values: dict[str, Any] = {
        "kind": "ethernet", "is_up": True, "is_uplink": True, "why": Why(WhyCode.DEFAULT_ROUTE), "role": Role.UPLINK,
        "speed": 1_000_000_000, "rx_bytes": 10_000_000_001, "tx_bytes": 20, "rx_packets": 3, "tx_packets": 4,
        "rx_errors": 5, "tx_errors": 6, "rx_drops": 7, "tx_drops": 8, "rx_rate": 1.5, "tx_rate": 2.5,
    }  # fmt: skip
    return InterfaceTick(index=index, name=name, **{**values, **options})


def tick(*interfaces: InterfaceTick, gap: GapReason | None = None) -> Tick:
    total = Total(rx_rate=None, tx_rate=None, uplinks=())
    return Tick(at=datetime(2026, 1, 1, tzinfo=UTC), interval_s=1.0, gap=gap, total=total, interfaces=interfaces)


EVERYTHING = Reading(
    interfaces=(interface("eth0"),),
    states={TcpState.ESTABLISHED: 3},
    system=SystemSample(12.5, (10.0, 15.0), Memory(1000, 400, 100, 30), (0.5, 0.25, 0.125)),
    health=Health(Reachability("192.0.2.1", 0.00125, 0.0), Reachability("192.0.2.2", None, 1.0)),
    usages=(Usage("/", "/dev/sda1", 300, 100, 150),),
    traffic=DiskTraffic(512, 1024),
    events={EventKind.BEACON: 2},
    alerts={EventKind.BEACON: 1},
)


def samples(text: str) -> dict[str, str]:
    return dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))


def test_each_number_is_served_in_base_units() -> None:
    found = samples(render(EVERYTHING))
    assert found['netwatch_interface_receive_bytes_total{interface="eth0"}'] == "10000000001"
    assert found['netwatch_interface_transmit_drops_total{interface="eth0"}'] == "8"
    assert found['netwatch_interface_speed_bytes_per_second{interface="eth0"}'] == "125000000.0"
    assert found['netwatch_interface_info{interface="eth0",kind="ethernet",role="uplink"}'] == "1"
    assert found['netwatch_tcp_connections{state="established"}'] == "3"
    assert found['netwatch_tcp_connections{state="time_wait"}'] == "0"
    assert found["netwatch_cpu_busy_ratio"] == "0.125"
    assert found["netwatch_memory_available_bytes"] == "400"
    assert found['netwatch_link_rtt_seconds{target="gateway"}'] == "0.00125"
    assert 'netwatch_link_rtt_seconds{target="dns"}' not in found
    assert found['netwatch_link_loss_ratio{target="dns"}'] == "1.0"
    assert found['netwatch_filesystem_used_bytes{mountpoint="/",device="/dev/sda1"}'] == "100"
    assert found["netwatch_disk_written_bytes_total"] == "1024"
    assert found['netwatch_events_total{kind="beacon"}'] == "2"
    assert found['netwatch_alerts_total{kind="beacon"}'] == "1"
    assert found['netwatch_events_total{kind="dns-tunnel"}'] == "0"


def test_unknown_values_are_omitted_and_never_0() -> None:
    assert set(samples(render(Reading()))) == {'netwatch_build_info{version="0.1.0"}', "process_cpu_seconds_total"}


def test_only_names_of_counters_end_in_total() -> None:
    kinds = {line.split()[2]: line.split()[3] for line in render(EVERYTHING).splitlines() if line.startswith("# TYPE")}
    assert all((kind == "counter") == name.endswith("_total") for name, kind in kinds.items())


_LABEL = r'[a-z_]+="(?:[^"\\\n]|\\["\\n])*"'
_SAMPLE = re.compile(rf"((?:netwatch|process)_[a-z0-9_]+)(\{{{_LABEL}(?:,{_LABEL})*\}})? [0-9.e+-]+")
"""Of the text format, version 0.0.4, with the names that we use."""
_NAMES = st.text(st.characters(exclude_categories=()), min_size=1, max_size=12)
"""Lone surrogates as well, as in names that are not UTF-8."""


@given(_NAMES, _NAMES)
def test_metrics_are_well_formed_for_any_names(name: str, other: str) -> None:
    """Each family occurs once, help and type precede its samples, no sample occurs twice, and each line
    is well formed."""
    found = EVERYTHING._replace(
        interfaces=(interface(name), interface(other, 3)),
        usages=(Usage(name, other, 3, 2, 1), Usage(other, name, 3, 2, 1)),
    )
    text = render(found)
    assert text.encode().endswith(b"\n")
    family, families, lines = "", [], []
    for line in text[:-1].split("\n"):
        if line.startswith("# HELP "):
            family = line.split(" ")[2]
            families.append(family)
        elif line.startswith("# TYPE "):
            assert line in {f"# TYPE {family} counter", f"# TYPE {family} gauge"}
        else:
            sample = _SAMPLE.fullmatch(line)
            assert sample, line
            assert sample[1] == family
            lines.append(line.rpartition(" ")[0])
    assert len(set(families)) == len(families)
    assert len(set(lines)) == len(lines)


@pytest.mark.parametrize(
    ("host", "is_right"),
    [
        ("127.0.0.1:9464", True), ("127.0.0.1", True), ("LOCALHOST:9464", True), ("[::1]:9464", True),
        ("192.0.2.7:9464", True), (f"{socket.gethostname()}:9464", True), ("", False), ("evil.example", False),
        ("evil.example:9464", False), ("localhost.evil.example", False), ("127.0.0.1.evil.example:80", False),
    ],
)  # fmt: skip
def test_host_header_with_a_foreign_name_is_refused(host: str, is_right: bool) -> None:
    assert is_served(host) == is_right


def turn(scheduler: Scheduler) -> None:
    """Run the callbacks that are due and ready, several times."""
    for _ in range(3):
        scheduler.after(0, scheduler.stop)
        scheduler.run()
        scheduler._stopping = False


REQUEST = b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
TEXT = b"netwatch_build_info 1\n" * 20_000
"""More than a socket takes at once."""


class HostileClients(RuleBasedStateMachine):
    """Whatever clients do, the server holds a bounded number of them, of bounded size, for a bounded time. A client
    that follows the protocol gets the text."""

    def __init__(self) -> None:
        super().__init__()
        self.patch = pytest.MonkeyPatch()
        self.now = 1000.0
        self.patch.setattr(clock, "boottime", lambda: self.now)
        self.scheduler = Scheduler()
        self.server = MetricsServer(self.scheduler, "127.0.0.1", 0, self.wanted)
        self.port = int(self.server._socket.getsockname()[1])
        self.is_slow = False
        """The text is not made at once."""
        self.clients: list[socket.socket] = []

    def wanted(self) -> None:
        if not self.is_slow:
            self.server.publish(TEXT)

    def connect(self) -> socket.socket:
        made = socket.socket()
        made.setblocking(False)
        made.connect_ex(("127.0.0.1", self.port))
        self.clients.append(made)
        return made

    def let_in(self) -> None:
        """Let time pass until no connection waits to be accepted: with a full backlog the kernel takes real seconds."""
        turn(self.scheduler)
        while select.select([self.server._socket], [], [], 0)[0]:
            self.now += 1.0
            turn(self.scheduler)

    @rule(count=st.integers(1, 40))
    def flood(self, count: int) -> None:
        for _ in range(count):
            if len(self.clients) < 100:
                self.connect()
            self.let_in()

    @rule(
        data=st.one_of(st.binary(max_size=5000), st.just(REQUEST), st.just(REQUEST[:20]), st.just(b"\r\n" * 2000)),
        at=st.integers(0, 99),
    )
    def write(self, data: bytes, at: int) -> None:
        if self.clients:
            with contextlib.suppress(OSError):
                self.clients[at % len(self.clients)].send(data)
        turn(self.scheduler)

    @rule(at=st.integers(0, 99))
    def hang_up(self, at: int) -> None:
        if self.clients:
            self.clients.pop(at % len(self.clients)).close()
        turn(self.scheduler)

    @rule(seconds=st.sampled_from([0.5, 2.0, PATIENCE]))
    def wait(self, seconds: float) -> None:
        self.now += seconds
        turn(self.scheduler)

    @rule(is_slow=st.booleans())
    def choose(self, is_slow: bool) -> None:
        self.is_slow = is_slow
        if not is_slow:
            self.server.publish(TEXT)
        turn(self.scheduler)

    @precondition(lambda self: not self.is_slow)
    @rule()
    def a_good_client_gets_the_text(self) -> None:
        client = self.connect()
        self.let_in()
        client.sendall(REQUEST)
        found = bytearray()
        for _ in range(1000):
            turn(self.scheduler)
            if select.select([client], [], [], 0)[0]:
                data = client.recv(1 << 20)
                if not data:
                    break
                found += data
        head, _, body = bytes(found).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 ")
        assert body == TEXT

    @rule()
    def after_their_patience_all_are_gone(self) -> None:
        self.now += PATIENCE
        turn(self.scheduler)
        assert self.server.clients == 0
        for each in self.clients:
            each.close()
        self.clients.clear()

    @invariant()
    def all_is_bounded(self) -> None:
        held = list(self.server._clients.values())
        assert len(held) <= MOST_CLIENTS
        assert all(len(each.received) <= LONGEST_REQUEST + 4096 for each in held)
        assert sum(timer.callback is not None for *_, timer in self.scheduler._timers) <= 2, (
            "the sweep, and the listener's rest"
        )
        assert len({id(view.obj) for each in held for view in each.unsent[1:]}) <= 4, (
            "one text for all, and short replies"
        )

    def teardown(self) -> None:
        for each in self.clients:
            each.close()
        self.server.close()
        self.scheduler.close()
        self.patch.undo()


HostileClients.TestCase.settings = hypothesis_settings(max_examples=20, stateful_step_count=20, deadline=None)
TestHostileClients = HostileClients.TestCase


@contextlib.contextmanager
def running(scheduler: Scheduler) -> Iterator[None]:
    """Run the loop in a thread."""
    thread = threading.Thread(target=scheduler.run)
    thread.start()
    try:
        yield
    finally:
        scheduler.stop()
        thread.join()
        scheduler.close()


def response(port: int, request: bytes) -> bytes:
    found = b""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as client:
        client.sendall(request)
        while data := client.recv(1 << 16):
            found += data
    return found


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        ("GET /metrics HTTP/1.1", 200), ("GET /metrics?x=1 HTTP/1.0", 200), ("GET /healthz HTTP/1.1", 200),
        ("HEAD /metrics HTTP/1.1", 200), ("GET / HTTP/1.1", 404), ("POST /metrics HTTP/1.1", 405),
        ("GET /metrics", 400), ("", 400), ("GET /metrics HTTP/2", 400),
    ],
)  # fmt: skip
def test_each_kind_of_request_gets_its_status_code(request_line: str, status: int) -> None:
    scheduler = Scheduler()
    server = MetricsServer(scheduler, "127.0.0.1", 0, lambda: server.publish(b"x 1\n"))
    port = int(server._socket.getsockname()[1])
    with running(scheduler):
        found = response(port, f"{request_line}\r\nHost: localhost:{port}\r\n\r\n".encode())
        assert found.startswith(f"HTTP/1.1 {status} ".encode())
        assert found.endswith(b"\r\n\r\n") == request_line.startswith("HEAD")
        scheduler.call_soon(server.close)


def test_two_host_headers_and_endless_requests_are_refused() -> None:
    scheduler = Scheduler()
    server = MetricsServer(scheduler, "127.0.0.1", 0, lambda: server.publish(b"x 1\n"))
    port = int(server._socket.getsockname()[1])
    with running(scheduler):
        two = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n"
        assert response(port, two).startswith(b"HTTP/1.1 400 ")
        with contextlib.suppress(ConnectionError):  # closed before all was read
            assert response(port, b"GET /" + b"x" * LONGEST_REQUEST).startswith(b"HTTP/1.1 431 ")
        scheduler.call_soon(server.close)


def test_invalid_listen_address_is_reported_with_its_settings_key() -> None:
    scheduler = Scheduler()
    with pytest.raises(SettingsError, match=r"metrics\.address must be an IP address, not example\.org"):
        MetricsServer(scheduler, "example.org", 0, lambda: None)
    scheduler.close()


@pytest.fixture
def scheduler() -> Iterator[Scheduler]:
    made = Scheduler()
    yield made
    made.close()


@contextlib.contextmanager
def service(scheduler: Scheduler, upload: Upload | None = None) -> Iterator[MetricsService]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    settings = Settings(metrics=Metrics(on=True, port=port), upload=upload or Upload())
    made = MetricsService(scheduler, settings, lambda: {TcpState.LISTEN: 2}, with_events=True)
    try:
        yield made
    finally:
        made.close()


def scraped(scheduler: Scheduler, made: MetricsService) -> dict[str, str]:
    """Return the samples that a client gets, by name with labels, while the loop runs here."""
    with socket.create_connection(made._server._socket.getsockname(), timeout=60) as client:
        client.sendall(REQUEST)
        found = b""
        client.setblocking(False)
        while True:
            scheduler.after(0.005, scheduler.stop)
            scheduler.run()
            scheduler._stopping = False
            with contextlib.suppress(BlockingIOError):
                data = client.recv(1 << 20)
                if not data:
                    break
                found += data
    return samples(found.partition(b"\r\n\r\n")[2].decode())


def test_only_interfaces_of_the_total_are_served(scheduler: Scheduler) -> None:
    inner = interface("docker0", 3, is_uplink=False, role=Role.BRIDGE)
    loopback = interface("lo", 1, is_uplink=False, role=Role.LOOPBACK)
    for upload, names in ((Upload(), {"eth0"}), (Upload(all_interfaces=True), {"eth0", "docker0"})):
        with service(scheduler, upload) as made:
            made.tick(tick(loopback, interface("eth0"), inner))
            found = scraped(scheduler, made)
        served = {name for line in found if (name := line.partition('_bytes_total{interface="')[2][:-2])}
        assert served == names


def test_counters_from_before_a_pause_are_not_served(scheduler: Scheduler) -> None:
    with service(scheduler) as made:
        made.tick(tick(interface("eth0"), gap=GapReason.PAUSED))
        assert not any("netwatch_interface" in line for line in scraped(scheduler, made))
        made.tick(tick(interface("eth0"), gap=GapReason.RESUMED))
        assert 'netwatch_interface_receive_bytes_total{interface="eth0"}' in scraped(scheduler, made)


def test_the_system_is_read_once_a_tick_however_often_clients_ask(
    scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[Reading] = []

    def noted(reading: Reading) -> str:
        reads.append(reading)
        return "x 1\n"

    monkeypatch.setattr(metrics, "render", noted)
    with service(scheduler) as made:
        for _ in range(2):
            made.tick(tick(interface("eth0")))
            assert [scraped(scheduler, made) for _ in range(5)] == [{"x": "1"}] * 5
    assert len(reads) == 2


def test_with_hidden_names_file_systems_are_left_out(scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics_service.disks, "usages", lambda: (Usage("/secret", "/dev/sda1", 3, 2, 1),))
    for hide_names in (False, True):
        with service(scheduler, Upload(hide_names=hide_names)) as made:
            found = scraped(scheduler, made)
        assert any("/secret" in line for line in found) != hide_names
        assert "netwatch_memory_size_bytes" in found


def test_unresponsive_disk_only_omits_disk_metrics(scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics_service, "DISK_PATIENCE", 0.01)
    is_back = threading.Event()
    monkeypatch.setattr(metrics_service.disks, "traffic", lambda: is_back.wait(60) and DiskTraffic(1, 2))
    with service(scheduler) as made:
        try:
            for _ in range(2):  # the second time it is still pending
                made.tick(tick(interface("eth0")))
                found = scraped(scheduler, made)
                assert 'netwatch_interface_receive_bytes_total{interface="eth0"}' in found
                assert "netwatch_disk_read_bytes_total" not in found
        finally:
            is_back.set()
        while made._worker.pending:
            turn(scheduler)
        made.tick(tick(interface("eth0")))
        monkeypatch.setattr(metrics_service, "DISK_PATIENCE", 60.0)
        assert scraped(scheduler, made)["netwatch_disk_read_bytes_total"] == "1"


def test_events_and_alerts_are_counted_by_kind(scheduler: Scheduler) -> None:
    """An event that occurs again is the same event and counts once."""
    log = EventLog(Events())

    def found(port: int, severity: Severity, at: float) -> Outcome:
        evidence = NewListener(protocol="TCP", address="*", port=port)
        return log.take(Finding(evidence=evidence, severity=severity, key=str(port), at=at))

    with service(scheduler) as made:
        made.take(found(80, Severity.NOTICE, 1000.0))
        made.take(found(80, Severity.NOTICE, 1010.0))
        made.take(found(443, Severity.NOTICE, 1020.0))
        made.take(found(443, Severity.ALERT, 1030.0))
        lines = scraped(scheduler, made)
    assert lines['netwatch_events_total{kind="listener"}'] == "2"
    assert lines['netwatch_alerts_total{kind="listener"}'] == "1"
    assert lines['netwatch_events_total{kind="beacon"}'] == "0"
