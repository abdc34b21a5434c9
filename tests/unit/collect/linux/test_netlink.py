"""The parsers of rtnetlink messages: no bytes of the kernel's make anything but rows or a ParseError."""

from __future__ import annotations

import contextlib
import socket
import struct

import pytest
from hypothesis import given, strategies as st

from netwatch_tray.collect.linux import rtnetlink
from netwatch_tray.collect.linux.netlink import HEADER, NLMSG_DONE, attributes, messages
from netwatch_tray.collect.linux.rtnetlink_messages import (
    parse_address,
    parse_default_route,
    parse_host_route,
    parse_link,
    parse_link_stats,
    parse_remote,
    parse_route_answer,
    parse_stats,
)
from netwatch_tray.errors import CollectError, ParseError, UnsupportedError
from netwatch_tray.model import CounterRow

COUNTERS = (1, 2, 3, 2**64 - 1, 5, 6, 7, 8)


def message(kind: int, body: bytes, sequence: int = 1) -> bytes:
    return HEADER.pack(HEADER.size + len(body), kind, 2, sequence, 0) + body


def attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)


def stats(index: int, size: int = 200, before: bytes = b"", sequence: int = 1) -> bytes:
    counters = struct.pack("=8Q", *COUNTERS).ljust(size, b"\xee")
    return message(92, struct.pack("=BBHII", 0, 0, 0, index, 1) + before + attribute(1, counters), sequence)


def done(sequence: int = 1, code: int = 0) -> bytes:
    return message(NLMSG_DONE, struct.pack("=i", code), sequence)


class FakeSocket:
    """Returns the given datagrams; an exception among them is raised."""

    def __init__(self, *datagrams: bytes | OSError) -> None:
        self.datagrams = list(datagrams)
        self.drained = self.repeats = 0
        self.sequence = 1

    def request_dump(self, _request: bytearray) -> int:
        return self.sequence

    def repeat(self, _request: bytearray) -> None:
        self.repeats += 1

    def receive(self) -> memoryview:
        datagram = self.datagrams.pop(0)
        if isinstance(datagram, OSError):
            raise datagram
        return memoryview(datagram)

    def drain(self) -> None:
        self.drained += 1


def source_of(*datagrams: bytes | OSError) -> tuple[rtnetlink.StatsSource, FakeSocket]:
    """A source whose interfaces were read, as of a socket that has these datagrams."""
    source, fake = object.__new__(rtnetlink.StatsSource), FakeSocket(*datagrams)
    source._request, source._layouts, source._stale = bytearray(), {}, False
    source._sequence, source._response, source._counters = None, None, {}
    source._socket = fake  # type: ignore[assignment]
    return source, fake


def dumped(*datagrams: bytes) -> dict[int, CounterRow]:
    source, _ = source_of(*datagrams)
    counters, stamp = source._dump_counters()
    assert stamp > 0
    return counters


@pytest.mark.parametrize("size", [64, 192, 200, 208])
def test_counters_are_read_from_rows_of_every_kernel_version(size: int) -> None:
    assert dumped(stats(1, size) + stats(7, size) + done()) == {1: COUNTERS, 7: COUNTERS}


def test_end_of_dump_may_arrive_in_a_separate_datagram() -> None:
    assert dumped(stats(1) + stats(2), stats(3), done()) == {1: COUNTERS, 2: COUNTERS, 3: COUNTERS}


def test_rows_of_different_sizes_are_parsed_one_by_one() -> None:
    padded = stats(3, before=attribute(0, b""))
    assert dumped(stats(1) + stats(2, 192) + padded + done()) == {1: COUNTERS, 2: COUNTERS, 3: COUNTERS}


def test_event_beside_the_rows_of_a_dump_is_not_parsed_as_a_row() -> None:
    event = message(16, bytes(len(stats(1)) - HEADER.size), sequence=0)
    assert dumped(event, stats(1) + event, event + stats(2) + done()) == {1: COUNTERS, 2: COUNTERS}


def test_empty_dump_gives_no_interfaces() -> None:
    assert dumped(done()) == {}


def test_dump_refused_by_the_kernel_raises_the_reason() -> None:
    with pytest.raises(CollectError, match="not supported"):
        dumped(message(2, struct.pack("=i", -95)))


def test_identical_response_is_parsed_only_once() -> None:
    source, fake = source_of(stats(1) + done(), stats(1) + done(), stats(1) + stats(2) + done())
    first, second, third = (source._dump_counters()[0] for _ in range(3))
    assert second is first
    assert third == {1: COUNTERS, 2: COUNTERS}
    assert fake.repeats == 2


def test_identical_response_in_two_datagrams_is_read_to_its_end() -> None:
    source, fake = source_of(*[stats(1), stats(2) + done()] * 2)
    assert [source._dump_counters()[0] for _ in range(2)] == [{1: COUNTERS, 2: COUNTERS}] * 2
    assert fake.datagrams == []


def test_event_within_an_identical_response_is_still_noticed() -> None:
    event = message(16, bytes(8), sequence=0)
    source, _ = source_of(*[stats(1) + event + done()] * 2)
    for _ in range(2):
        source._stale = False
        assert source._dump_counters()[0] == {1: COUNTERS}
        assert source._stale


def test_event_with_the_sequence_number_of_the_dump_is_an_event() -> None:
    source, _ = source_of(message(16, bytes(8)), stats(1) + done())
    assert source._dump_counters()[0] == {1: COUNTERS}
    assert source._stale


def test_rest_of_a_failed_dump_is_not_taken_for_the_next_dump() -> None:
    source, fake = source_of(stats(1), OSError(11, "timed out"), stats(3) + done(), stats(1, sequence=2) + done(2))
    with pytest.raises(OSError, match="timed out"):
        source._dump_counters()
    fake.sequence = 2
    assert source._dump_counters()[0] == {1: COUNTERS}
    assert fake.repeats == 0


@given(st.binary(max_size=400))
def test_no_datagram_raises_anything_but_a_parse_error(noise: bytes) -> None:
    for datagram in (noise, stats(1) + noise, stats(1)[:20] + noise):
        with contextlib.suppress(CollectError):
            dumped(datagram, done())


@given(st.binary(max_size=200))
def test_any_bytes_are_parsed_or_raise_parse_error(body: bytes) -> None:
    view = memoryview(body)
    parsers = (
        parse_stats, parse_link_stats, parse_link, parse_address,
        parse_default_route, parse_host_route, parse_route_answer,
        lambda view: parse_remote(view, "ipip"), lambda view: parse_remote(view, "vxlan"),
        lambda view: list(messages(view)), lambda view: list(attributes(view)),
    )  # fmt: skip
    for parse in parsers:
        with contextlib.suppress(ParseError):
            parse(view)


def link(index: int, *values: bytes, arphrd: int = 1, flags: int = 0x43) -> memoryview:
    return memoryview(struct.pack("=BBHiII", 0, 0, arphrd, index, flags, 0) + b"".join(values))


def kind(name: bytes) -> bytes:
    return attribute(18 | 0x8000, attribute(1, name + b"\0"))


def number(of: int, value: int) -> bytes:
    return attribute(of, struct.pack("=I", value))


NAME = attribute(3, b"x0\0")


@pytest.mark.parametrize("word", ["bond", "vlan", "macvlan", "wireguard", "bridge", "vxlan", "ipvlan", "team"])
def test_parent_and_master_are_parsed_for_every_kind(word: str) -> None:
    found = parse_link(link(5, NAME, kind(word.encode()), number(5, 3), number(10, 2), number(4, 1420)))
    assert (found.kind, found.parent, found.master, found.mtu) == (word, 3, 2, 1420)
    assert found.is_up


def test_parent_in_another_namespace_is_ignored() -> None:
    # Attributes 5 and 37: IFLA_LINK and IFLA_LINK_NETNSID (<linux/if_link.h>).
    assert parse_link(link(5, NAME, number(5, 3), number(37, 0))).parent is None


def test_kind_and_state_are_derived_from_flags_and_hardware_type() -> None:
    loopback = parse_link(link(1, NAME, arphrd=772, flags=0x49))
    assert (loopback.is_loopback, loopback.is_up, loopback.kind) == (True, True, "loopback")
    assert not parse_link(link(2, NAME, flags=0x3)).is_up  # up, but no carrier
    assert parse_link(link(2, NAME, arphrd=512)).kind == "ppp"
    assert parse_link(link(2)).name == "if2"
    assert parse_link(link(2, attribute(3, b"\xff\xfe\0"))).name == "\ufffd\ufffd"


def address(family: int, *values: bytes, prefix: int = 24) -> memoryview:
    return memoryview(struct.pack("=BBBBI", family, prefix, 0, 0, 9) + b"".join(values))


def test_addresses_are_parsed() -> None:
    near, far = socket.inet_aton("192.0.2.24"), socket.inet_aton("192.0.2.99")
    assert parse_address(address(socket.AF_INET, attribute(1, near))) == (9, "192.0.2.24/24", None)
    point_to_point = parse_address(address(socket.AF_INET, attribute(1, far), attribute(2, near)))
    assert point_to_point == (9, "192.0.2.24/24", far)
    six = socket.inet_pton(socket.AF_INET6, "2001:db8::1")
    assert parse_address(address(socket.AF_INET6, attribute(1, six), prefix=64)) == (
        9,
        "2001:db8::1/64",
        None,
    )
    assert parse_address(address(socket.AF_INET6, attribute(1, near))) is None
    assert parse_address(address(28, attribute(1, near))) is None


def route(*values: bytes, length: int = 0, table: int = 254, kind: int = 1) -> memoryview:
    return memoryview(struct.pack("=BBBBBBBBI", 2, length, 0, 0, table, 3, 0, kind, 0) + b"".join(values))


def test_default_routes_are_parsed() -> None:
    assert parse_default_route(route(number(4, 3), number(6, 600))) == [(3, 600)]
    assert parse_default_route(route(number(4, 3))) == [(3, 0)]
    assert parse_default_route(route(number(4, 3), length=24)) == []
    assert parse_default_route(route(number(4, 3), kind=7)) == []  # unreachable
    assert parse_default_route(route(number(4, 3), number(15, 51820))) == []  # policy routing
    hops = struct.pack("=HBBi", 16, 0, 0, 3) + attribute(5, bytes(4)) + struct.pack("=HBBi", 8, 0, 0, 4)
    assert parse_default_route(route(attribute(9, hops), number(6, 5))) == [(3, 5), (4, 5)]


@given(st.binary(max_size=64))
def test_parsing_any_next_hops_terminates(hops: bytes) -> None:
    with contextlib.suppress(ParseError):
        parse_default_route(route(attribute(9, hops)))


def host_route(destination: str, *values: bytes, family: int = socket.AF_INET, length: int = 32) -> memoryview:
    head = struct.pack("=BBBBBBBBI", family, length, 0, 0, 254, 3, 0, 1, 0)
    return memoryview(head + attribute(1, socket.inet_pton(family, destination)) + b"".join(values))


def test_only_host_routes_by_a_gateway_are_returned() -> None:
    by, to = attribute(5, bytes(4)), number(4, 3)
    assert parse_host_route(host_route("192.0.2.9", by, to)) == [3]
    assert parse_host_route(host_route("192.0.2.9", to)) == []  # on the link
    assert parse_host_route(host_route("192.0.2.0", by, to, length=24)) == []
    assert parse_host_route(host_route("169.254.169.254", by, to)) == []  # a metadata service
    six = {"family": socket.AF_INET6, "length": 128}
    assert parse_host_route(host_route("2001:db8::9", attribute(5, bytes(16)), to, **six)) == [3]
    assert parse_host_route(host_route("fe80::9", attribute(5, bytes(16)), to, **six)) == []


def test_peer_of_a_tunnel_is_parsed() -> None:
    peer = socket.inet_aton("192.0.2.9")
    for word in ("ipip", "gre", "sit", "vti"):
        assert parse_remote(link(5, NAME, attribute(2, peer)), word) == peer
    assert parse_remote(link(5, NAME, attribute(2, bytes(4))), "sit") is None  # any peer
    assert parse_remote(link(5, NAME, attribute(2, b"\xff" * 6)), "ethernet") is None

    def with_data(kind: str, attribute_of: int) -> memoryview:
        info = attribute(1, kind.encode() + b"\0") + attribute(2 | 0x8000, attribute(attribute_of, peer))
        return link(5, NAME, attribute(2, b"\xff" * 6), attribute(18 | 0x8000, info))

    for word, place in (("gretap", 7), ("vxlan", 2), ("geneve", 2)):
        assert parse_remote(with_data(word, place), word) == peer
    assert parse_remote(with_data("vxlan", 1), "vxlan") is None


def test_lost_events_cause_a_complete_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    facts = [done(), done(), message(16, bytes(link(1, NAME))) + done()]
    fake = FakeSocket(
        stats(1) + done(), *facts, stats(1) + done(),  # the opening
        OSError(105, "No buffer space available"), stats(1) + done(), *facts, stats(1) + done(),
    )  # fmt: skip
    monkeypatch.setattr(rtnetlink, "NetlinkSocket", lambda *_: fake)
    source = rtnetlink.StatsSource()
    assert source.sample().counters == {1: COUNTERS}
    assert fake.drained == 1
    assert fake.datagrams == []


def up(index: int, name: bytes) -> bytes:
    return message(16, bytes(link(index, attribute(3, name + b"\0"))))


def test_known_interfaces_keep_counting_during_link_churn(monkeypatch: pytest.MonkeyPatch) -> None:
    event = message(16, bytes(link(9, NAME)), sequence=0)
    later = stats(1) + stats(6) + done()
    fake = FakeSocket(
        stats(1) + done(), done(), done(), up(1, b"eth0") + done(), stats(1) + done(),  # the opening
        # One comes, and before all is read another one does; the list of links leaves out the card that is there.
        event, stats(1) + stats(5) + done(), done(), done(), event, up(5, b"veth5") + done(), later,
        # What came last is read with the next sample.
        later, done(), done(), up(1, b"eth0") + up(6, b"veth6") + done(), later,
    )  # fmt: skip
    monkeypatch.setattr(rtnetlink, "NetlinkSocket", lambda *_: fake)
    source = rtnetlink.StatsSource()
    first = source.sample()
    assert {each.name for each in first.interfaces.values()} == {"eth0", "veth5"}
    assert first.counters == {1: COUNTERS, 5: COUNTERS}
    second = source.sample()
    assert (set(second.counters), set(second.interfaces)) == ({1, 6}, {1, 6})
    assert fake.datagrams == []


def test_endless_interface_changes_raise_collect_error(monkeypatch: pytest.MonkeyPatch) -> None:
    endless = FakeSocket(*[OSError(105, "No buffer space available")] * 5)
    endless.close = lambda: None  # type: ignore[attr-defined]
    monkeypatch.setattr(rtnetlink, "NetlinkSocket", lambda *_: endless)
    with pytest.raises(UnsupportedError, match="faster than they can be read"):
        rtnetlink.StatsSource()
