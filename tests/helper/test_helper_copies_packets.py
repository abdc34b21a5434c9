"""Packets that contain names of hosts are copied with their socket, whole and in order; others are not copied."""

from __future__ import annotations

import mmap
import socket
import struct
import sys
from collections.abc import Iterator

import pytest
from helper_service import cookie, make, need_ebpf, read, receive, service
from networks import FAR, FAR6, NEAR, NEAR6, Wire, wire

from netwatch_tray.collect.helper_client import HelperClient
from netwatch_tray.collect.helper_readings import Packet, PacketKind
from netwatch_tray.helper import layout, probes

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux")

SMALL_RING = max(1 << 14, mmap.PAGESIZE)
"""Bytes of a ring buffer that a few packets fill; the kernel makes it of whole pages."""
DATAGRAM, STREAM = socket.SOCK_DGRAM, socket.SOCK_STREAM
Pair = tuple[socket.socket, socket.socket]
QUERY = bytes.fromhex("123401000001000000000000076578616d706c65036f72670000010001")
ANSWER = bytes.fromhex("123481800001000000000000076578616d706c65036f72670000010001")
HELLO = bytes.fromhex("1603010700") + b"\1" + bytes(range(256)) * 7 + bytes(3)
QUIC_1 = bytes.fromhex("c300000001") + bytes(range(250)) * 5
QUIC_2 = bytes.fromhex("d36b3343cf") + bytes(range(250)) * 5


@pytest.fixture(scope="module")
def link() -> Iterator[Wire]:
    need_ebpf()
    with wire() as made:
        yield made


@pytest.fixture(scope="module")
def client() -> Iterator[HelperClient]:
    with service() as running:
        connected = running.client()
        yield connected
        connected.close()


@pytest.fixture(params=[(socket.AF_INET, NEAR, FAR), (socket.AF_INET6, NEAR6, FAR6)], ids=["v4", "v6"])
def pair(request: pytest.FixtureRequest, link: Wire) -> Iterator[Pair]:
    family, near, far = request.param
    with make(link.near, family, DATAGRAM, near) as one, make(link.far, family, DATAGRAM, far) as other:
        yield one, other


def packets(client: HelperClient, of: socket.socket) -> list[Packet]:
    return [packet for packet in read(client).packets if packet.flow.cookie == cookie(of)]


def test_dns_queries_and_responses_are_copied_from_the_right_side_only(client: HelperClient, link: Wire) -> None:
    v4 = socket.AF_INET
    with make(link.near, v4, DATAGRAM, NEAR) as near, make(link.far, v4, DATAGRAM, FAR, port=53) as server:
        read(client)
        near.sendto(QUERY, (FAR, 53))
        near.sendto(ANSWER, (FAR, 53))  # an answer from the wrong side
        receive(server, len(QUERY) + len(ANSWER))
        server.sendto(ANSWER, near.getsockname())
        server.sendto(QUERY, near.getsockname())
        receive(near, len(QUERY) + len(ANSWER))
        found = packets(client, near)
    assert [(each.kind, each.payload) for each in found] == [
        (PacketKind.DNS_QUERY, QUERY),
        (PacketKind.DNS_ANSWER, ANSWER),
    ]
    assert {(each.flow.peer_address, each.flow.peer_port, each.uid) for each in found} == {(FAR, 53, 0)}


def test_tls_client_hello_is_copied(client: HelperClient, link: Wire) -> None:
    for family, near_address, far_address in ((socket.AF_INET, NEAR, FAR), (socket.AF_INET6, NEAR6, FAR6)):
        with (
            make(link.far, family, STREAM, far_address) as listener,
            make(link.near, family, STREAM, near_address) as near,
        ):
            listener.listen()
            near.connect(listener.getsockname())
            far = listener.accept()[0]
            with far:
                read(client)
                near.sendall(HELLO)
                receive(far, len(HELLO))
                near.sendall(b"\x17" + HELLO[1:])  # application data
                near.sendall(HELLO[:5] + b"\2" + HELLO[6:])  # a ServerHello
                receive(far, 2 * len(HELLO))
                (found,) = packets(client, near)
                assert (found.flow.peer_address, found.flow.peer_port) == listener.getsockname()[:2]
        assert (found.kind, found.payload, found.length) == (PacketKind.TLS_HELLO, HELLO, len(HELLO))


@pytest.mark.parametrize("initial", [QUIC_1, QUIC_2], ids=["version 1", "version 2"])
def test_quic_initial_is_copied_and_similar_datagrams_are_not(client: HelperClient, pair: Pair, initial: bytes) -> None:
    near, far = pair
    read(client)
    others = [initial[:1199], b"\x43" + initial[1:], initial[:1] + b"\xff" + initial[2:], bytes(1255)]
    for each in (initial, *others):
        near.sendto(each, far.getsockname())
    receive(far, len(initial) + sum(map(len, others)))
    (found,) = packets(client, near)
    assert (found.kind, found.payload, found.segment_size) == (PacketKind.QUIC_INITIAL, initial, 0)
    assert packets(client, far) == []


def test_initials_in_one_large_packet_are_copied_with_their_size(client: HelperClient, pair: Pair) -> None:
    udp_segment = 103
    near, far = pair
    near.setsockopt(socket.IPPROTO_UDP, udp_segment, 1255)
    read(client)
    near.sendto(QUIC_1 * 4, far.getsockname())
    receive(far, 4 * 1255)
    (found,) = packets(client, near)
    assert (found.payload, found.length, found.segment_size) == ((QUIC_1 * 4)[: layout.MOST_PAYLOAD], 4 * 1255, 1255)


@pytest.mark.parametrize("size", [1200, 2047, 2048, 2049, 4095, 4096, 4097, 9000])
def test_packets_of_every_length_are_copied_whole_up_to_the_limit(client: HelperClient, pair: Pair, size: int) -> None:
    near, far = pair
    payload = (QUIC_1 * 8)[:size]
    read(client)
    near.sendto(payload, far.getsockname())
    receive(far, size)
    (found,) = packets(client, near)
    assert (found.payload, found.length) == (payload[: layout.MOST_PAYLOAD], size)


def test_a_closed_port_reports_the_address_of_the_peer(client: HelperClient, link: Wire) -> None:
    read(client)
    ports = set(range(20, 70))
    callers = set()
    for port in ports:
        with make(link.near, socket.AF_INET, STREAM, NEAR) as near:
            with pytest.raises(ConnectionRefusedError):
                near.connect((FAR, port))
            callers.add(near.getsockname())
    with (
        make(link.far, socket.AF_INET, STREAM, FAR) as listener,
        make(link.near, socket.AF_INET, STREAM, NEAR) as near,
    ):
        listener.listen()
        near.connect(listener.getsockname())
        listener.accept()[0].close()  # no refusal
        near.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # nor is our RST one
    # Other tests have networks with the same addresses.
    found = [each for each in read(client).refusals if (each.peer_address, each.peer_port) in callers]
    assert sorted(each.local_port or 0 for each in found if each.local_port in ports) == sorted(ports)


def test_a_full_ring_counts_lost_records(link: Wire) -> None:
    count = 40 * SMALL_RING >> 14
    small = probes.Probes(probes.root_cgroup(), ring_size=SMALL_RING)
    try:
        v4 = socket.AF_INET
        with make(link.near, v4, DATAGRAM, NEAR) as near, make(link.far, v4, DATAGRAM, FAR) as far:
            for _ in range(count):
                near.sendto(QUIC_1, far.getsockname())
            receive(far, count * len(QUIC_1))
            kept = [each for each in small.records(1 << 20) if cookie(near) == layout.RECORD.unpack_from(each)[0]]
            of_packets = [each for each in kept if len(each) > layout.OWNER.size]
            assert 0 < len(of_packets) < count
            assert small.losses()[-1] >= count - len(of_packets)
            near.sendto(QUIC_1, far.getsockname())
            assert len(list(small.records(1 << 20))) >= 1
    finally:
        small.close()


def test_records_across_the_end_of_the_ring_are_read(link: Wire) -> None:
    """Records cross the end of the ring at every position."""
    small = probes.Probes(probes.root_cgroup(), ring_size=SMALL_RING)
    try:
        v4 = socket.AF_INET
        with make(link.near, v4, DATAGRAM, NEAR) as near, make(link.far, v4, DATAGRAM, FAR) as far:
            for number in range(200):
                payload = QUIC_1[:1200] + number.to_bytes(2, "big")
                near.sendto(payload, far.getsockname())
                receive(far, len(payload))
                kept = [each for each in small.records(1 << 20) if len(each) > layout.OWNER.size]
                found = [each for each in kept if layout.RECORD.unpack_from(each)[0] == cookie(near)]
                assert [each[layout.PACKET.size :] for each in found] == [payload]
    finally:
        small.close()
