"""Known amounts between two network namespaces and over the loopback are reported exactly, at both ends."""

from __future__ import annotations

import json
import os
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from helper_service import (
    PATIENCE,
    cookie,
    make,
    need_ebpf,
    read,
    receive,
    service,
    sums,
    use_small_frames,
)
from networks import FAR, FAR6, NEAR, NEAR6, Wire, entered, wire

from netwatch_tray.collect.helper_client import HelperClient
from netwatch_tray.collect.helper_readings import UDP
from netwatch_tray.collect.namespaces import has_system_pids
from netwatch_tray.helper import layout, probes

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux")

DATAGRAM, STREAM = socket.SOCK_DGRAM, socket.SOCK_STREAM
Ends = tuple[tuple[str | None, int, str], tuple[str | None, int, str]]
Pair = tuple[socket.socket, socket.socket]
SIZES = [1, 100, 1200, 1452, 0, 333] * 50
_IP_MTU_DISCOVER, _IPV6_MTU_DISCOVER, _PMTUDISC_DONT = 10, 23, 0
_UDP_SEGMENT, _UDP_GRO, _UDP_CORK = 103, 104, 1


@pytest.fixture(scope="module")
def link() -> Iterator[Wire]:
    need_ebpf()
    with wire() as made:
        use_small_frames(made)
        yield made


@pytest.fixture(scope="module")
def client() -> Iterator[HelperClient]:
    with service() as running:
        connected = running.client()
        yield connected
        connected.close()


@pytest.fixture(params=["v4", "v6", "v4 loopback", "v6 loopback"])
def ends(request: pytest.FixtureRequest, link: Wire) -> Ends:
    """Return namespace, family and address of both ends."""
    four, six = socket.AF_INET, socket.AF_INET6
    return {
        "v4": ((link.near, four, NEAR), (link.far, four, FAR)),
        "v6": ((link.near, six, NEAR6), (link.far, six, FAR6)),
        "v4 loopback": ((link.near, four, "127.0.0.1"), (link.near, four, "127.0.0.1")),
        "v6 loopback": ((link.near, six, "::1"), (link.near, six, "::1")),
    }[request.param]


@pytest.fixture
def pair(ends: Ends) -> Iterator[Pair]:
    """Yield two sockets that may send datagrams larger than a frame."""
    made = []
    for namespace, family, address in ends:
        each = make(namespace, family, DATAGRAM, address)
        is_four = family == socket.AF_INET
        level, option = (socket.IPPROTO_IP, _IP_MTU_DISCOVER) if is_four else (socket.IPPROTO_IPV6, _IPV6_MTU_DISCOVER)
        each.setsockopt(level, option, _PMTUDISC_DONT)
        made.append(each)
    yield made[0], made[1]
    for each in made:
        each.close()


def test_connected_socket_counts_every_byte(client: HelperClient, pair: Pair) -> None:
    near, far = pair
    near.connect(far.getsockname())
    read(client)
    for size in SIZES:
        near.send(bytes(size))
    receive(far, sum(SIZES))
    amounts = read(client).amounts
    assert sums(amounts, near) == (0, sum(SIZES), 0, len(SIZES), 1)
    assert sums(amounts, far) == (sum(SIZES), 0, len(SIZES), 0, 1)


def test_unconnected_socket_counts_bytes_by_peer(client: HelperClient, link: Wire, pair: Pair) -> None:
    near, far = pair
    read(client)
    for size in SIZES:
        near.sendto(bytes(size), far.getsockname())
        far.sendto(bytes(2 * size), near.getsockname())
    receive(near, 2 * sum(SIZES))
    amounts = read(client).amounts
    assert sums(amounts, near) == (2 * sum(SIZES), sum(SIZES), len(SIZES), len(SIZES), 1)
    assert sums(amounts, far) == (sum(SIZES), 2 * sum(SIZES), len(SIZES), len(SIZES), 1)
    ((flow, amount),) = [(flow, amount) for flow, amount in amounts.items() if flow.cookie == cookie(near)]
    assert (flow.protocol, flow.peer_address, flow.peer_port) == (UDP, *far.getsockname()[:2])
    assert (amount.local_address, flow.local_port) == near.getsockname()[:2]
    name = "lo" if near.getsockname()[0] in {"127.0.0.1", "::1"} else "uplink"
    (shown,) = json.loads(link.run(link.near, "ip", "-json", "link", "show", name))
    assert (amount.interface, amount.uid) == (shown["ifindex"], 0)


def test_fragments_count_as_one_datagram(client: HelperClient, pair: Pair) -> None:
    near, far = pair
    read(client)
    for _ in range(20):
        near.sendto(bytes(8000), far.getsockname())
    receive(far, 160_000)
    amounts = read(client).amounts
    assert sums(amounts, near) == (0, 160_000, 0, 20, 1)
    assert sums(amounts, far) == (160_000, 0, 20, 0, 1)


@pytest.mark.parametrize("coalesce", [False, True])
def test_segments_of_large_packets_count_as_datagrams(client: HelperClient, pair: Pair, coalesce: bool) -> None:
    near, far = pair
    size, count, tail, times = 1232, 40, 17, 30
    near.setsockopt(socket.IPPROTO_UDP, _UDP_SEGMENT, size)
    far.setsockopt(socket.IPPROTO_UDP, _UDP_GRO, int(coalesce))
    read(client)
    for _ in range(times):
        near.sendto(bytes(size * count + tail), far.getsockname())
    total, datagrams = (size * count + tail) * times, (count + 1) * times
    receive(far, total)
    amounts = read(client).amounts
    assert sums(amounts, near) == (0, total, 0, datagrams, 1)
    assert sums(amounts, far) == (total, 0, datagrams, 0, 1)


def test_corked_writes_count_as_one_datagram(client: HelperClient, pair: Pair) -> None:
    near, far = pair
    near.connect(far.getsockname())
    read(client)
    for _ in range(10):
        near.setsockopt(socket.IPPROTO_UDP, _UDP_CORK, 1)
        for size in (100, 200, 333):
            near.send(bytes(size))
        near.setsockopt(socket.IPPROTO_UDP, _UDP_CORK, 0)
    receive(far, 6330)
    amounts = read(client).amounts
    assert sums(amounts, near) == (0, 6330, 0, 10, 1)
    assert sums(amounts, far) == (6330, 0, 10, 0, 1)


@pytest.mark.parametrize(("family", "address"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_tcp_of_the_clients_network_is_not_counted(
    client: HelperClient, family: socket.AddressFamily, address: str
) -> None:
    with make(None, family, STREAM, address) as listener, make(None, family, STREAM, address) as near:
        listener.listen()
        read(client)
        near.connect(listener.getsockname())
        far = listener.accept()[0]
        with far:
            near.sendall(bytes(300_000))
            receive(far, 300_000)
            amounts = read(client).amounts
            assert sums(amounts, near) == sums(amounts, far) == (0, 0, 0, 0, 0)


@pytest.mark.parametrize("is_first", [True, False])
def test_helpers_with_agents_in_different_networks_do_not_disturb_each_other(link: Wire, *, is_first: bool) -> None:
    with service() as first, service() as second, ExitStack() as stack:
        own, other = (first, second) if is_first else (second, first)
        home = own.client()
        stack.callback(home.close)
        with entered(link.far):
            elsewhere = other.client()
        stack.callback(elsewhere.close)
        read(home)
        read(elsewhere)
        with (
            make(None, socket.AF_INET, STREAM, "127.0.0.1") as listener,
            make(None, socket.AF_INET, STREAM, "127.0.0.1") as near,
        ):
            listener.listen()
            near.connect(listener.getsockname())
            far = listener.accept()[0]
            near.sendall(bytes(300_000))
            receive(far, 300_000)
            cookies = {cookie(near), cookie(far)}
            amounts, those = read(home).amounts, read(elsewhere).amounts
            assert sums(amounts, near) == sums(amounts, far) == (0, 0, 0, 0, 0)
            assert (sums(those, near)[1], sums(those, far)[0]) == (300_000, 300_000)
            far.close()
        ends, closed, deadline = set[int](), set[int](), time.monotonic() + PATIENCE
        while not cookies <= ends & closed and time.monotonic() < deadline:
            ends |= (read(home).ends or {}).keys()
            closed |= read(elsewhere).closed
        assert cookies <= ends & closed


def test_two_hundred_peers_are_counted_separately(client: HelperClient, link: Wire) -> None:
    near = make(link.near, socket.AF_INET, DATAGRAM, NEAR)
    others = [make(link.far, socket.AF_INET, DATAGRAM, FAR) for _ in range(200)]
    read(client)
    for number, other in enumerate(others):
        near.sendto(bytes(100 + number), other.getsockname())
        other.sendto(bytes(300 + number), other.recvfrom(1000)[1])
    receive(near, sum(range(300, 500)))
    amounts = read(client).amounts
    assert sums(amounts, near) == (sum(range(300, 500)), sum(range(100, 300)), 200, 200, 200)
    for number, other in enumerate(others):
        assert sums(amounts, other) == (100 + number, 300 + number, 1, 1, 1)
        other.close()
    near.close()


def test_datagrams_count_even_if_the_queue_is_full(client: HelperClient, link: Wire) -> None:
    with make(link.near, socket.AF_INET, DATAGRAM, NEAR) as near, make(link.far, socket.AF_INET, DATAGRAM, FAR) as far:
        far.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        read(client)
        for _ in range(100):
            near.sendto(bytes(1000), far.getsockname())
        assert sums(read(client).amounts, far) == (100_000, 0, 100, 0, 1)


def test_ipv4_traffic_of_an_ipv6_socket_has_an_ipv4_peer(client: HelperClient, link: Wire) -> None:
    with make(link.near, socket.AF_INET6, DATAGRAM) as near, make(link.far, socket.AF_INET, DATAGRAM, FAR) as far:
        read(client)
        for _ in range(100):
            near.sendto(bytes(1000), (f"::ffff:{FAR}", far.getsockname()[1]))
        amounts = read(client).amounts
        assert sums(amounts, near) == (0, 100_000, 0, 100, 1)
        (flow,) = [flow for flow in amounts if flow.cookie == cookie(near)]
        assert flow.peer_address == FAR


def test_extension_headers_are_no_payload(client: HelperClient, link: Wire) -> None:
    ipv6_dstopts = 59
    options = struct.pack("=BBBB4x", 0, 0, 1, 4)  # padding alone
    six = socket.AF_INET6
    with make(link.near, six, DATAGRAM, NEAR6) as near, make(link.far, six, DATAGRAM, FAR6) as far:
        near.setsockopt(socket.IPPROTO_IPV6, ipv6_dstopts, options)
        read(client)
        near.sendto(bytes(500), far.getsockname())
        receive(far, 500)
        amounts = read(client).amounts
        assert sums(amounts, near) == (0, 500, 0, 1, 1)
        assert sums(amounts, far) == (500, 0, 1, 0, 1)


def test_socket_closed_between_two_readings_is_counted(client: HelperClient, link: Wire) -> None:
    with make(link.far, socket.AF_INET, DATAGRAM, FAR) as far:
        read(client)
        with make(link.near, socket.AF_INET, DATAGRAM, NEAR) as near:
            near.sendto(bytes(700), far.getsockname())
            key, port = cookie(near), near.getsockname()[1]
        receive(far, 700)
        reading = read(client)
        ((flow, amount),) = [(flow, amount) for flow, amount in reading.amounts.items() if flow.cookie == key]
        assert (flow.local_port, amount.tx_bytes) == (port, 700)
        owner = reading.owners[key]
        assert (owner.pid, owner.uid, owner.protocol) == (os.getpid() if has_system_pids() else None, 0, UDP)


_IN_A_PID_NAMESPACE = """
import json, os, socket, struct, sys
from netwatch_tray.collect.helper_client import HelperClient
client = HelperClient(sys.argv[1])
assert client.read(float(sys.argv[2])) is not None, client.reason
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
    cookie = struct.unpack("Q", made.getsockopt(socket.SOL_SOCKET, 57, 8))[0]
    owner = client.read(float(sys.argv[2])).owners[cookie]
print(json.dumps([os.getpid(), owner.pid, owner.uid, owner.protocol]))
"""


def test_agent_in_a_pid_namespace_takes_no_other_process_for_the_owner() -> None:
    with service() as running:
        command = ["unshare", "--pid", "--fork", "--mount-proc", sys.executable, "-c", _IN_A_PID_NAMESPACE]
        done = subprocess.run(
            [*command, str(running.path), str(PATIENCE)], check=True, stdout=subprocess.PIPE, timeout=4 * PATIENCE
        )
    assert json.loads(done.stdout) == [1, None, 0, UDP]


def test_bytes_beyond_a_full_flow_table_are_in_the_sum_of_losses(link: Wire) -> None:
    others = [make(link.far, socket.AF_INET, DATAGRAM, FAR) for _ in range(200)]
    near = make(link.near, socket.AF_INET, DATAGRAM, NEAR)
    small = probes.Probes(probes.root_cgroup(), entries=64)
    try:
        for other in others:
            near.sendto(bytes(1000), other.getsockname())
            receive(other, 1000)
        rows, position = small.rows(0, 0, None)
        assert position is None
        size = layout.KEY.size + layout.VALUE.size
        values = [layout.VALUE.unpack_from(rows, at + layout.KEY.size) for at in range(0, len(rows), size)]
        lost = small.losses()
        # The machine may send something as well.
        assert sum(each[0] for each in values) + lost[0] >= 200_000
        assert len(values) == 64
        assert sum(each[1] for each in values) + lost[1] >= 200_000
        assert lost[2] + lost[3] >= 400 - 64
    finally:
        small.close()
        for each in (near, *others):
            each.close()


def test_an_idle_flow_is_deleted_after_it_was_returned(link: Wire) -> None:
    own = probes.Probes(probes.root_cgroup())

    def found(since: int, floor: int) -> list[tuple[int, int, int]]:
        """Bytes sent, stamps of creation and of the last packet, of the flow that is looked at."""
        rows, position = own.rows(since, floor, None)
        assert position is None
        size = layout.KEY.size + layout.VALUE.size
        values = []
        for at in range(0, len(rows), size):
            if layout.KEY.unpack_from(rows, at)[0] == cookie(near):
                value = layout.VALUE.unpack_from(rows, at + layout.KEY.size)
                values.append((value[1], value[-2], value[-1]))
        return values

    v4 = socket.AF_INET
    with make(link.near, v4, DATAGRAM, NEAR) as near, make(link.far, v4, DATAGRAM, FAR) as far:
        try:
            own.set_stamp(5)
            near.sendto(bytes(100), far.getsockname())
            assert found(5, 0) == [(100, 5, 5)]
            own.set_stamp(9)
            assert found(9, 5) == []
            near.sendto(bytes(100), far.getsockname())
            assert found(9, 9) == [(200, 5, 9)]
            own.set_stamp(20)
            assert found(0, 10) == [(200, 5, 9)]
            assert found(0, 10) == []
            near.sendto(bytes(100), far.getsockname())
            assert found(0, 0) == [(100, 20, 20)]
        finally:
            own.close()


@pytest.mark.parametrize("directly", [True, False])
def test_packets_are_copied_alike_with_and_without_direct_reads(
    link: Wire, monkeypatch: pytest.MonkeyPatch, *, directly: bool
) -> None:
    """Packets whose header has options are never read directly."""
    need_ebpf()
    load = probes.Probes._load_for_packets

    def choose(attached: probes.Probes, **_: bool) -> None:
        load(attached, directly=directly)

    monkeypatch.setattr(probes.Probes, "_load_for_packets", choose)
    attached = probes.attach()
    try:
        attached.set_stamp(2)
        with (
            make(link.near, socket.AF_INET, DATAGRAM, NEAR) as near,
            make(link.far, socket.AF_INET, DATAGRAM, FAR) as far,
        ):
            near.connect(far.getsockname())
            for options in (b"", b"\1\1\1\0", b"\1" * 39 + b"\0"):
                near.setsockopt(socket.IPPROTO_IP, socket.IP_OPTIONS, options)
                for size in (0, 7, 100, 1300):
                    near.send(bytes(size))
            receive(far, 3 * 1407)
            rows, _ = attached.rows(0, 0, None)
            size = layout.KEY.size + layout.VALUE.size
            found = {}
            for at in range(0, len(rows), size):
                of, peer, peer_port, port, protocol = layout.KEY.unpack_from(rows, at)
                value = layout.VALUE.unpack_from(rows, at + layout.KEY.size)
                found[of] = (peer[-4:], peer_port, port, protocol, value[:4], value[5][-4:])
            ends = socket.inet_aton(NEAR), socket.inet_aton(FAR)
            ports = near.getsockname()[1], far.getsockname()[1]
            assert found[cookie(near)] == (ends[1], ports[1], ports[0], UDP, (0, 3 * 1407, 0, 12), ends[0])
            assert found[cookie(far)] == (ends[0], ports[0], ports[1], UDP, (3 * 1407, 0, 12, 0), ends[1])
    finally:
        attached.close()
