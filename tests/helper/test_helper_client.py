"""The client against helpers that follow the protocol, and against others that violate it."""

from __future__ import annotations

import socket
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from netwatch_tray import clock
from netwatch_tray.collect import helper_client
from netwatch_tray.collect.helper_client import HelperClient
from netwatch_tray.collect.helper_readings import (
    TCP,
    UDP,
    Flow,
    Owner,
    PacketKind,
    Reading,
    Refusal,
    TcpEnd,
)
from netwatch_tray.helper import layout, protocol

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux")

PEER = bytes(10) + b"\xff\xff" + bytes((192, 0, 2, 7))
OWN = bytes(10) + b"\xff\xff" + bytes((192, 0, 2, 1))
FLOW = Flow(7, UDP, "192.0.2.7", 443, 5000)


class Helper:
    """What a helper sends is the test's choice."""

    def __init__(self, path: Path) -> None:
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._listener.bind(str(path))
        self._listener.listen()
        self._listener.settimeout(10)
        self.connection: socket.socket | None = None

    def accept(self) -> None:
        self.close_connection()
        self.connection = self._listener.accept()[0]
        self.connection.settimeout(10)

    def send(self, message: bytes) -> None:
        assert self.connection is not None
        self.connection.send(message)

    def request(self) -> tuple[int, int]:
        """Stamp and position."""
        assert self.connection is not None
        kind, since, position = protocol.READ.unpack(self.connection.recv(100))
        assert kind == protocol.READ_KIND
        return since, position

    def close_connection(self) -> None:
        if self.connection is not None:
            self.connection.close()

    def close(self) -> None:
        self.close_connection()
        self._listener.close()


@pytest.fixture
def helper(tmp_path: Path) -> Iterator[Helper]:
    made = Helper(tmp_path / "s")
    yield made
    made.close()


@pytest.fixture(params=["system's PIDs"])
def client(
    request: pytest.FixtureRequest, helper: Helper, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[HelperClient]:
    monkeypatch.setattr(helper_client, "has_system_pids", lambda: request.param == "system's PIDs")
    made = HelperClient(str(tmp_path / "s"))
    helper.accept()
    yield made
    made.close()


def hello(attached_since: float | None = None, version: int = protocol.VERSION) -> bytes:
    since = clock.boottime() if attached_since is None else attached_since
    return protocol.HELLO_HEAD.pack(protocol.HELLO, protocol.WHOLE_SYSTEM, version, 99, since)


def row(rx: int, tx: int, *, created: int = 1, touched: int = 1, cookie: int = 7) -> bytes:
    key = layout.KEY.pack(cookie, PEER, 443, 5000, UDP)
    return key + layout.VALUE.pack(rx, tx, rx // 100, tx // 100, 55, OWN, 1000, 2, created, touched)


def rows(*each: bytes, position: int = protocol.BEGIN, since: int = 0, floor: int = 0, lost: int = 0) -> bytes:
    head = protocol.ROWS_HEAD.pack(protocol.ROWS, position, since, floor, lost, 0, 0, 0, lost)
    return head + b"".join(each)


def taken(client: HelperClient) -> Reading:
    reading = client.take()
    assert reading is not None, client.reason
    return reading


def exchange(client: HelperClient, helper: Helper, *each: bytes, **head: int) -> Reading:
    client.request()
    helper.request()
    helper.send(rows(*each, **head))
    return taken(client)


def greet(client: HelperClient, helper: Helper) -> None:
    """A helper that this client started, and the first reading."""
    helper.send(hello())
    assert client.take() is None
    assert helper.request() == (0, protocol.BEGIN)
    helper.send(rows())
    assert taken(client).amounts == {}


def test_amounts_are_those_since_the_previous_reading(client: HelperClient, helper: Helper) -> None:
    greet(client, helper)
    amount = exchange(client, helper, row(1000, 200)).amounts[FLOW]
    assert (amount.rx_bytes, amount.tx_bytes, amount.rx_datagrams, amount.tx_datagrams) == (1000, 200, 10, 2)
    assert (amount.local_address, amount.interface, amount.uid, amount.cgroup) == ("192.0.2.1", 2, 1000, 55)
    amount = exchange(client, helper, row(1500, 200)).amounts[FLOW]
    assert (amount.rx_bytes, amount.tx_bytes) == (500, 0)
    assert exchange(client, helper, row(1500, 200)).amounts == {}
    assert exchange(client, helper).amounts == {}


def test_bytes_counted_before_the_connection_are_not_reported(client: HelperClient, helper: Helper) -> None:
    helper.send(hello(attached_since=clock.boottime() - 100))
    assert client.take() is None
    helper.request()
    helper.send(rows(row(1000, 1000), lost=50))
    first = taken(client)
    assert (first.amounts, first.losses) == ({}, (0, 0, 0, 0, 0))
    following = exchange(client, helper, row(1100, 1000), row(9, 0, cookie=8), lost=53)
    assert following.amounts[FLOW].rx_bytes == 100
    assert sum(each.rx_bytes for each in following.amounts.values()) == 109
    assert (following.losses.rx_bytes, following.losses.records) == (3, 3)
    assert following.counted_since == first.boottime


def test_response_in_parts_becomes_one_reading(client: HelperClient, helper: Helper) -> None:
    greet(client, helper)
    client.request()
    helper.request()
    helper.send(rows(row(100, 0), position=17, since=40))
    assert client.take() is None
    assert helper.request() == (0, 17)
    client.request()  # nothing, while one is pending
    helper.send(rows(row(0, 300, cookie=8), since=44))
    reading = taken(client)
    assert {flow.cookie: (each.rx_bytes, each.tx_bytes) for flow, each in reading.amounts.items()} == {
        7: (100, 0),
        8: (0, 300),
    }
    client.request()
    assert helper.request() == (40, protocol.BEGIN)


def test_a_flow_created_again_counts_from_zero(client: HelperClient, helper: Helper) -> None:
    greet(client, helper)
    exchange(client, helper, row(1000, 0, created=1, touched=5))
    assert exchange(client, helper, floor=6).amounts == {}
    assert exchange(client, helper, row(1500, 0, created=9, touched=9), floor=6).amounts[FLOW].rx_bytes == 1500
    # Also when it came back before the client learned that it was deleted.
    assert exchange(client, helper, row(2000, 0, created=12, touched=12), floor=6).amounts[FLOW].rx_bytes == 2000


def test_a_flow_that_is_idle_but_not_deleted_keeps_its_counters(client: HelperClient, helper: Helper) -> None:
    greet(client, helper)
    exchange(client, helper, row(1000, 0, created=1, touched=5))
    exchange(client, helper, floor=5)
    assert exchange(client, helper, row(1001, 0, created=1, touched=9)).amounts[FLOW].rx_bytes == 1


def tcp_row(rx: int, tx: int, *, before: tuple[int, int] = (0, 0), is_closed: bool = False, touched: int = 1) -> bytes:
    value = layout.VALUE.pack(rx, tx, *before, 55, OWN, 0xFFFFFFFF, is_closed, 1, touched)
    return layout.KEY.pack(7, PEER, 443, 5000, TCP) + value


def test_connection_of_another_namespace_counts_from_where_its_row_begins(client: HelperClient, helper: Helper) -> None:
    greet(client, helper)
    flow = FLOW._replace(protocol=TCP)
    amount = exchange(client, helper, tcp_row(1000, 500, before=(900, 500))).amounts[flow]
    assert (amount.rx_bytes, amount.tx_bytes, amount.rx_datagrams, amount.tx_datagrams) == (100, 0, 0, 0)
    assert (amount.uid, amount.interface, amount.cgroup) == (None, 0, 55)
    # The helper deletes no row of an open connection, however long it is idle.
    assert exchange(client, helper, floor=50).amounts == {}
    reading = exchange(client, helper, tcp_row(1003, 502, before=(900, 500), touched=60), floor=50)
    assert (reading.amounts[flow].rx_bytes, reading.amounts[flow].tx_bytes, reading.closed) == (3, 2, frozenset())
    last = tcp_row(1003, 502, before=(900, 500), is_closed=True, touched=61)
    reading = exchange(client, helper, last, floor=50)
    assert (reading.amounts, reading.closed) == ({}, frozenset({7}))
    assert exchange(client, helper, last, floor=50).closed == frozenset()


def end(cookie: int, rx: int, tx: int, netns: int) -> bytes:
    return layout.TCP_END.pack(cookie, PEER, 443, 5000, TCP, layout.TCP_ENDED, rx, tx, OWN, netns)


def test_last_counters_of_closed_connections_are_reported(client: HelperClient, helper: Helper) -> None:
    assert helper.connection is not None
    here = int.from_bytes(helper.connection.getsockopt(socket.SOL_SOCKET, 71, 8), sys.byteorder)
    flags = protocol.WHOLE_SYSTEM | protocol.REPORTS_ENDS
    helper.send(protocol.HELLO_HEAD.pack(protocol.HELLO, flags, protocol.VERSION, 99, clock.boottime()))
    assert client.take() is None
    helper.request()
    records = end(7, 1000, 2000, here) + end(8, 3, 4, here + 1) + end(9, 5, 6, 0)
    helper.send(protocol.EVENTS_HEAD.pack(protocol.EVENTS) + records)
    helper.send(rows())
    found = taken(client).ends
    assert found == {
        7: TcpEnd("192.0.2.1", 5000, "192.0.2.7", 443, 1000, 2000, is_here=True),
        8: TcpEnd("192.0.2.1", 5000, "192.0.2.7", 443, 3, 4, is_here=False),
        9: TcpEnd("192.0.2.1", 5000, "192.0.2.7", 443, 5, 6, is_here=None),
    }
    assert exchange(client, helper).ends == {}


def test_ends_are_none_if_the_helper_cannot_report_them(client: HelperClient, helper: Helper) -> None:
    greet(client, helper)
    assert exchange(client, helper).ends is None


def test_owners_and_packets_are_decoded(client: HelperClient, helper: Helper) -> None:
    greet(client, helper)
    payload = b"\x16\x03" * 50
    packet = layout.PACKET.pack(7, PEER, 443, 5000, 6, layout.TLS_HELLO, 0, 1000, len(payload), 9000, 0) + payload
    owners = (
        layout.OWNER.pack(8, b"curl\0\0", 321, UDP, layout.NEW_SOCKET, 1000, 55),
        layout.OWNER.pack(9, b"\xff\n", 322, 6, layout.NEW_SOCKET, 1000, 55),
        layout.OWNER.pack(10, b"", 323, 6, layout.NEW_SOCKET, 1000, 55),
    )
    helper.send(protocol.EVENTS_HEAD.pack(protocol.EVENTS) + owners[0] + packet + owners[1] + owners[2])
    reading = exchange(client, helper)
    assert reading.owners == {
        8: Owner(321, 1000, 55, UDP, "curl"),
        9: Owner(322, 1000, 55, 6, "\ufffd\n"),
        10: Owner(323, 1000, 55, 6, None),
    }
    (found,) = reading.packets
    assert (found.flow, found.kind) == (FLOW._replace(protocol=6), PacketKind.TLS_HELLO)
    assert (found.payload, found.length, found.segment_size, found.uid) == (payload, 9000, 0, 1000)
    assert exchange(client, helper).packets == []


@pytest.mark.parametrize("client", ["PIDs of a namespace"], indirect=True)
def test_owners_have_no_pid_inside_a_pid_namespace(client: HelperClient, helper: Helper) -> None:
    greet(client, helper)
    owner = layout.OWNER.pack(8, b"curl\0\0", 321, UDP, layout.NEW_SOCKET, 1000, 55)
    helper.send(protocol.EVENTS_HEAD.pack(protocol.EVENTS) + owner)
    assert exchange(client, helper).owners == {8: Owner(None, 1000, 55, UDP, "curl")}


def test_refusals_are_reported_in_order_up_to_a_limit(client: HelperClient, helper: Helper) -> None:
    greet(client, helper)
    refusal = layout.PACKET.pack(0, PEER, 50001, 22, 6, layout.REFUSAL, 0, 0, 0, 0, 0)
    helper.send(protocol.EVENTS_HEAD.pack(protocol.EVENTS) + refusal * 2)
    reading = exchange(client, helper)
    assert reading.refusals == [Refusal("192.0.2.7", 50001, 22)] * 2
    for _ in range(20):
        helper.send(protocol.EVENTS_HEAD.pack(protocol.EVENTS) + refusal * 500)
        assert client.take() is None
    reading = exchange(client, helper)
    assert len(reading.refusals) + reading.losses.records == 10_000
    assert len(reading.refusals) == 8192


def test_packets_beyond_the_limit_are_dropped_and_counted(client: HelperClient, helper: Helper) -> None:
    greet(client, helper)
    size, count = 4096, 1100
    packet = layout.PACKET.pack(7, PEER, 443, 5000, 6, layout.TLS_HELLO, 0, 1000, size, size, 0) + bytes(size)
    for _ in range(count // 10):
        helper.send(protocol.EVENTS_HEAD.pack(protocol.EVENTS) + packet * 10)
        assert client.take() is None
    reading = exchange(client, helper)
    assert len(reading.packets) * size <= 4 << 20
    assert len(reading.packets) + reading.losses.records == count


def test_missing_helper_has_a_reason_and_no_readings(tmp_path: Path) -> None:
    client = HelperClient(str(tmp_path / "none"))
    assert str(client.reason) == "The helper is not set up."
    assert not client.is_set_up
    assert (client.descriptor, client.info, client.read(5)) == (None, None, None)
    client.request()
    assert client.take() is None


def test_client_reconnects_after_the_helper_stopped(client: HelperClient, helper: Helper) -> None:
    greet(client, helper)
    helper.close_connection()
    assert client.take() is None
    assert str(client.reason) == "The helper stopped."
    assert client.descriptor is None
    client.request()  # too early
    assert client.descriptor is None
    client.connect_now()
    helper.accept()
    greet(client, helper)
    assert client.reason is None


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (protocol.REFUSED_HEAD.pack(protocol.REFUSED) + "Not “you”.\x1b[0m".encode(), "Not “you”.\ufffd[0m"),
        (hello(version=protocol.VERSION + 1), "another version"),
        (hello()[:-1], "cannot be read"),
        (rows(), "cannot be read"),
        (b"\xff", "cannot be read"),
    ],
    ids=["refused", "version", "cut", "unasked", "unknown"],
)
def test_unexpected_responses_of_a_helper_have_a_reason(
    client: HelperClient, helper: Helper, message: bytes, reason: str
) -> None:
    helper.send(message)
    assert client.take() is None
    assert reason in str(client.reason)
    assert client.descriptor is None


def test_counters_that_go_back_end_the_connection(client: HelperClient, helper: Helper) -> None:
    greet(client, helper)
    exchange(client, helper, row(1000, 0))
    client.request()
    helper.request()
    helper.send(rows(row(999, 0)))
    assert client.take() is None
    assert "cannot be read" in str(client.reason)


def test_helper_that_lists_flows_without_end_is_disconnected(client: HelperClient, helper: Helper) -> None:
    greet(client, helper)
    size, cookie = 1000, 0
    for _ in range(200):
        client.request()
        helper.request()
        helper.send(rows(*(row(1, 1, cookie=cookie + each) for each in range(size))))
        cookie += size
        if client.take() is None:
            break
    assert cookie <= (1 << 16) + size
    assert "cannot be read" in str(client.reason)


_VALID = (
    rows(row(1000, 5)),
    rows(row(1, 1), row(2, 2, cookie=9), position=3),
    protocol.EVENTS_HEAD.pack(protocol.EVENTS) + layout.OWNER.pack(8, b"x", 1, 6, layout.NEW_SOCKET, 0, 1),
    protocol.EVENTS_HEAD.pack(protocol.EVENTS)
    + layout.PACKET.pack(7, PEER, 443, 5000, 6, layout.TLS_HELLO, 0, 1000, 20, 20, 0)
    + bytes(20),
    protocol.EVENTS_HEAD.pack(protocol.EVENTS) + end(7, 1000, 2000, 1),
    rows(tcp_row(1000, 500, before=(10, 20))),
    hello(),
    protocol.REFUSED_HEAD.pack(protocol.REFUSED) + b"no",
)
_CHANGES = st.lists(st.tuples(st.integers(0, 300), st.integers(0, 255)), max_size=4)


@st.composite
def _messages(draw: st.DrawFn) -> bytes:
    message = bytearray(draw(st.sampled_from(_VALID)))
    for at, value in draw(_CHANGES):
        message[at % len(message)] = value
    return bytes(message[: draw(st.integers(1, len(message)))]) if draw(st.booleans()) else bytes(message)


@settings(max_examples=400)
@given(messages=st.lists(_messages() | st.binary(min_size=1, max_size=200), max_size=8))
def test_no_message_of_the_helper_raises_or_makes_an_amount_negative(messages: list[bytes]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        helper = Helper(Path(directory) / "s")
        client = HelperClient(str(Path(directory) / "s"))
        try:
            helper.accept()
            helper.send(hello())
            for message in messages:
                client.request()
                try:
                    helper.send(message)
                except OSError:  # the client hung up
                    break
                reading = client.take()
                for amount in reading.amounts.values() if reading else ():
                    assert min(amount[:4]) >= 0
                    assert max(amount[:4]) > 0
                assert (client.descriptor is None) == (client.reason is not None)
        finally:
            client.close()
            helper.close()


def test_structures_have_the_documented_sizes() -> None:
    assert (layout.KEY.size, layout.VALUE.size) == (32, 72)
    assert layout.RECORD.size == layout.PACKET.size == layout.OWNER.size == 48
    assert layout.TCP_END.size == 72
    assert protocol.READ.size == 12
    assert layout.LOSSES.size == 8 + layout.VALUE.size
    assert layout.STAMP.size == 16
