"""macOS sources on any system: parsers from constructed bytes, layouts by a compiler, I/O against a fake kernel.

The fake kernel is a C function as far as ctypes can tell, so that the real calling convention is used.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import itertools
import os
import re
import socket
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, strategies as st
from structures import Layout, build, compiled

from netwatch_tray import clock
from netwatch_tray.collect.darwin import interfaces as darwin, parsers
from netwatch_tray.collect.darwin.interfaces import (
    IFALLDATA,
    IFLIST2,
    NO_MEDIUM,
    Medium,
    SysctlSource,
    kind_of,
    medium_of,
)
from netwatch_tray.collect.darwin.liveness import LivenessGuard
from netwatch_tray.collect.darwin.parsers import (
    parse_default_routes,
    parse_host_routes,
    parse_ifalldata,
    parse_iflist2,
)
from netwatch_tray.collect.darwin.sysctl import Sysctl
from netwatch_tray.engine.topology import decide
from netwatch_tray.errors import CollectError, Message, ParseError, UnsupportedError
from netwatch_tray.model import Counters, Interface, Sample

UP, LOOPBACK, RUNNING, MULTICAST = 0x1, 0x8, 0x40, 0x8000
ANYWHERE = "0.0.0.0"  # noqa: S104  a destination: nothing is bound to it
ROUTES_MIB = (4, 17, 0, 0, 2, 0x802)


@pytest.fixture(scope="module")
def layout(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    return compiled("darwin_net", tmp_path_factory.mktemp("layout"))


# Every value differs and fills its field, so that none can be taken for another, or for half of one.
COUNTERS = Counters._make((*(0x0102030405060700 + n for n in range(7)), 0x0A0B0C0D))
IF_DATA = {
    "data__type": 0x6,
    "data__mtu": 0x01020304,
    "data__baudrate": 0xF1F2F3F4,
    "data__rx_packets": COUNTERS.rx_packets,
    "data__tx_packets": COUNTERS.tx_packets,
    "data__rx_bytes": COUNTERS.rx_bytes,
    "data__tx_bytes": COUNTERS.tx_bytes,
    "data__rx_errors": COUNTERS.rx_errors,
    "data__tx_errors": COUNTERS.tx_errors,
    "data__rx_drops": COUNTERS.rx_drops,
    "tx_drops": COUNTERS.tx_drops,
}


def mib_row(layout: Layout, name: bytes, flags: int = UP | RUNNING, **data: int) -> bytes:
    return build(layout, "ifmibdata", name=name, flags=flags, **(IF_DATA | data))


def message(kind: int, body: bytes, version: int = 5) -> bytes:
    body += bytes(-len(body) % 4)
    return (len(body) + 4).to_bytes(2, "little") + bytes((version, kind)) + body


def link_address(name: bytes, index: int = 0, family: int = 18, name_length: int | None = None) -> bytes:
    content = name + b"\xde\xad\xbe\xef\0\1"  # the hardware address follows the name without a NUL between
    length = max(20, 8 + len(content))
    head = bytes((length, family)) + index.to_bytes(2, "little")
    head += bytes((6, len(name) if name_length is None else name_length, 6, 0))
    return (head + content).ljust(length, b"\0")


def ifinfo2(layout: Layout, name: bytes, index: int, flags: int = UP | RUNNING, **data: int) -> bytes:
    head = build(layout, "if_msghdr2", addresses=0x10, flags=flags, index=index, **(IF_DATA | data))
    return message(0x12, head[4:] + link_address(name, index))


OTHER_MESSAGES = (message(0xC, bytes(40)), message(0x13, bytes(16)), message(0x77, b""))
"""RTM_NEWADDR, RTM_NEWMADDR2 and one of a macOS to come."""


def sockaddr(address: str) -> bytes:
    if ":" in address:
        content = bytes((28, 30)) + bytes(6) + socket.inet_pton(socket.AF_INET6, address) + bytes(4)
    else:
        content = bytes((16, 2)) + bytes(2) + socket.inet_aton(address) + bytes(8)
    return pad(content)


def netmask(family_offset: int, mask: bytes) -> bytes:
    """Return a netmask as the kernel sends it: without trailing zeros, 0xff before the address, and empty
    for 0.0.0.0."""
    mask = mask.rstrip(b"\0")
    if not mask:
        return bytes(4)
    return pad(bytes((family_offset + len(mask),)) + b"\xff" * (family_offset - 1) + mask)


def pad(content: bytes) -> bytes:
    return content + bytes(-len(content) % 4)


def route(
    layout: Layout, index: int, flags: int, destination: str = ANYWHERE, mask: bytes = b"", kind: int = 4
) -> bytes:
    is_v6 = ":" in destination
    gateway = sockaddr("fe80::1" if is_v6 else "192.0.2.1")
    head = build(layout, "rt_msghdr", index=index, flags=flags, addresses=0x7)
    return message(kind, head[4:] + sockaddr(destination) + gateway + netmask(8 if is_v6 else 4, mask))


class TestLayouts:
    def test_sizes_of_structures_match_the_compiler(self, layout: Layout) -> None:
        assert parsers.IFMIBDATA.size == layout["ifmibdata", "-"][1]
        assert parsers.IF_MSGHDR2.size == layout["if_msghdr2", "-"][1]
        assert parsers.RT_MSGHDR.size == layout["rt_msghdr", "-"][1]
        assert layout["ifmediareq", "-"][1] == darwin._SIOCGIFMEDIA >> 16 & 0x1FFF
        assert layout["ifmediareq", "current"] == (16, 4)
        assert layout["ifmediareq", "status"] == (24, 4)
        assert layout["sockaddr_dl", "data"][0] == 8

    def test_each_field_of_ifmibdata_is_where_the_compiler_puts_it(self, layout: Layout) -> None:
        (row,) = parse_ifalldata(mib_row(layout, b"en0", flags=UP | RUNNING | MULTICAST))
        assert row.link == parsers.Link("en0", None, is_up=True, is_loopback=False, type=6, mtu=0x01020304)
        assert row.baudrate == 0xF1F2F3F4
        assert row.counters == COUNTERS

    def test_each_field_of_if_msghdr2_is_where_the_compiler_puts_it(self, layout: Layout) -> None:
        (row,) = parse_iflist2(ifinfo2(layout, b"lo0", 0x0102, flags=UP | LOOPBACK))
        assert row.link == parsers.Link("lo0", 0x0102, is_up=False, is_loopback=True, type=6, mtu=0x01020304)
        assert row.baudrate == 0xF1F2F3F4
        assert row.counters == COUNTERS


class TestIfalldata:
    def test_rows_keep_their_order_and_detached_interfaces_are_left_out(self, layout: Layout) -> None:
        data = mib_row(layout, b"lo0") + mib_row(layout, b"", flags=0) + mib_row(layout, b"utun3")
        assert [row.link.name for row in parse_ifalldata(data)] == ["lo0", "utun3"]

    def test_a_name_as_long_as_its_field_is_read_completely(self, layout: Layout) -> None:
        assert parse_ifalldata(mib_row(layout, b"abcdefghijklmnop"))[0].link.name == "abcdefghijklmnop"

    def test_the_first_of_two_rows_with_the_same_name_counts(self, layout: Layout) -> None:
        data = mib_row(layout, b"en0", data__mtu=1) + mib_row(layout, b"en0", data__mtu=2)
        assert [row.link.mtu for row in parse_ifalldata(data)] == [1]

    def test_rows_are_parsed_at_any_memory_alignment(self, layout: Layout) -> None:
        data = mib_row(layout, b"en0")
        shifted = memoryview(b"x" + data)[1:]
        assert parse_ifalldata(shifted) == parse_ifalldata(data)

    def test_data_cut_within_a_row_raises_parse_error(self, layout: Layout) -> None:
        data = mib_row(layout, b"en0") + mib_row(layout, b"en1")
        for length in range(len(data)):
            if length % 180:
                with pytest.raises(ParseError):
                    parse_ifalldata(data[:length])
            else:
                assert len(parse_ifalldata(data[:length])) == length // 180

    def test_malformed_interface_name_raises_parse_error(self, layout: Layout) -> None:
        with pytest.raises(ParseError, match="called"):
            parse_ifalldata(mib_row(layout, b"en\xff"))

    @given(st.binary(max_size=1000) | st.binary(min_size=360, max_size=360))
    def test_random_bytes_raise_nothing_but_parse_error(self, data: bytes) -> None:
        rows_or_parse_error(parse_ifalldata, data)


class TestIflist2:
    def test_foreign_messages_are_skipped(self, layout: Layout) -> None:
        data = b"".join((OTHER_MESSAGES[0], ifinfo2(layout, b"en0", 4), *OTHER_MESSAGES, ifinfo2(layout, b"utun0", 9)))
        assert [(row.link.ifindex, row.link.name) for row in parse_iflist2(data)] == [(4, "en0"), (9, "utun0")]

    def test_an_interface_without_a_name_is_left_out(self, layout: Layout) -> None:
        assert parse_iflist2(ifinfo2(layout, b"", 4)) == []

    def test_data_cut_within_a_row_raises_parse_error(self, layout: Layout) -> None:
        messages = (ifinfo2(layout, b"en0", 4), *OTHER_MESSAGES, ifinfo2(layout, b"en1", 5))
        data = b"".join(messages)
        whole = set(itertools.accumulate(map(len, messages), initial=0))
        for length in range(len(data)):
            if length in whole:
                parse_iflist2(data[:length])
            else:
                with pytest.raises(ParseError):
                    parse_iflist2(data[:length])

    @pytest.mark.parametrize("length", [0, 2, 3, 4, 159, 186, 187, 192, 0xFFFF])
    def test_wrong_lengths_raise_parse_error(self, layout: Layout, length: int) -> None:
        data = ifinfo2(layout, b"en0", 4)
        assert len(data) == 180
        with pytest.raises(ParseError):
            parse_iflist2(length.to_bytes(2, "little") + data[2:])

    def test_message_length_not_rounded_up_raises_parse_error(self) -> None:
        with pytest.raises(ParseError, match="claims 6 bytes"):
            parse_iflist2(b"\x06\x00\x05\x77\0\0" + OTHER_MESSAGES[2])

    def test_another_version_of_the_protocol_raises_parse_error(self) -> None:
        with pytest.raises(ParseError, match="version 6"):
            parse_iflist2(message(0x12, bytes(180), version=6))

    @pytest.mark.parametrize(
        ("addresses", "address"),
        [
            (0x10, link_address(b"en0", family=2)),
            (0x10, link_address(b"en0", name_length=200)),
            (0x10, link_address(b"e\0n")),
            (0x10, link_address(b"en\xe9")),
            (0x10, b"\x14\x12"),
            (0x10, b""),
            (0x10, b"\xff" + link_address(b"en0")[1:]),
            (0x00, link_address(b"en0")),
        ],
    )
    def test_message_without_usable_address_raises_parse_error(
        self, layout: Layout, addresses: int, address: bytes
    ) -> None:
        head = build(layout, "if_msghdr2", addresses=addresses, index=4)
        with pytest.raises(ParseError):
            parse_iflist2(message(0x12, head[4:] + address))

    def test_the_first_of_two_rows_with_the_same_name_counts(self, layout: Layout) -> None:
        data = ifinfo2(layout, b"en0", 4) + ifinfo2(layout, b"en0", 5)
        assert [row.link.ifindex for row in parse_iflist2(data)] == [4]

    def test_index_0_raises_parse_error(self, layout: Layout) -> None:
        with pytest.raises(ParseError):
            parse_iflist2(ifinfo2(layout, b"en0", 0))

    @given(data=st.data())
    def test_random_bytes_raise_nothing_but_parse_error(self, layout: Layout, data: st.DataObject) -> None:
        dump = b"".join((ifinfo2(layout, b"en0", 4), *OTHER_MESSAGES))
        rows_or_parse_error(parse_iflist2, data.draw(st.binary(max_size=400) | mutations(dump)))


class TestDefaultRoutes:
    UP, GATEWAY, HOST, REJECT, STATIC, SCOPED = 0x1, 0x2, 0x4, 0x8, 0x800, 0x1000000

    def test_default_routes_of_both_families_are_parsed(self, layout: Layout) -> None:
        flags = self.UP | self.GATEWAY | self.STATIC
        data = route(layout, 4, flags) + route(layout, 7, flags, "::")
        assert parse_default_routes(data) == {4: 0, 7: 0}

    def test_scoped_routes_come_after_the_primary_one(self, layout: Layout) -> None:
        flags = self.UP | self.GATEWAY
        data = route(layout, 4, flags | self.SCOPED) + route(layout, 5, flags) + route(layout, 5, flags | self.SCOPED)
        assert parse_default_routes(data) == {4: 1, 5: 0}

    def test_a_vpn_takes_the_default_route_without_a_gateway(self, layout: Layout) -> None:
        assert parse_default_routes(route(layout, 20, self.UP | self.STATIC)) == {20: 0}

    def test_scoped_route_without_a_gateway_is_left_out(self, layout: Layout) -> None:
        assert parse_default_routes(route(layout, 24, self.UP | self.STATIC | self.SCOPED)) == {}

    @pytest.mark.parametrize("flags", [GATEWAY, UP | GATEWAY | REJECT, UP | GATEWAY | HOST, UP | GATEWAY | 0x1000])
    def test_routes_that_lead_nowhere_are_left_out(self, layout: Layout, flags: int) -> None:
        assert parse_default_routes(route(layout, 4, flags)) == {}

    @pytest.mark.parametrize(
        ("destination", "mask"),
        [(ANYWHERE, b"\x80"), ("192.0.2.0", b"\xff\xff\xff"), ("::", b"\x80"), ("2000::", b"\xe0"), ("fe80::", b"")],
    )
    def test_routes_to_smaller_networks_are_not_default_routes(
        self, layout: Layout, destination: str, mask: bytes
    ) -> None:
        assert parse_default_routes(route(layout, 4, self.UP | self.GATEWAY, destination, mask)) == {}

    def test_foreign_messages_and_families_are_left_out(self, layout: Layout) -> None:
        head = build(layout, "rt_msghdr", index=4, flags=self.UP, addresses=0x1)
        appletalk = message(4, head[4:] + bytes((16, 16)) + bytes(14))
        no_destination = message(4, build(layout, "rt_msghdr", index=4, flags=self.UP)[4:])
        data = b"".join((appletalk, no_destination, *OTHER_MESSAGES, route(layout, 4, self.UP, kind=0x14)))
        assert parse_default_routes(data) == {}

    def test_only_static_host_routes_by_a_gateway_are_returned(self, layout: Layout) -> None:
        pinned = self.UP | self.GATEWAY | self.HOST | self.STATIC
        cloned, on_link, blocked = pinned & ~self.STATIC, pinned & ~self.GATEWAY, pinned | self.REJECT
        data = b"".join(
            route(layout, index, flags, "203.0.113.5")
            for index, flags in ((4, pinned), (5, cloned), (6, on_link), (7, blocked), (8, pinned | self.SCOPED))
        )
        assert parse_host_routes(data) == {4, 8}
        assert parse_default_routes(data) == {}

    def test_data_cut_within_a_row_raises_parse_error(self, layout: Layout) -> None:
        data = route(layout, 4, self.UP | self.GATEWAY)
        for length in range(1, len(data)):
            cut = length.to_bytes(2, "little") + data[2:length] if length > 3 else data[:length]
            with pytest.raises(ParseError):
                parse_default_routes(cut)

    @given(data=st.data())
    def test_random_bytes_raise_nothing_but_parse_error(self, layout: Layout, data: st.DataObject) -> None:
        dump = route(layout, 4, self.UP) + route(layout, 5, self.UP | self.GATEWAY, "::", b"\xff")
        noise = data.draw(st.binary(max_size=300) | mutations(dump))
        rows_or_parse_error(parse_default_routes, noise)
        rows_or_parse_error(parse_host_routes, noise)


def rows_or_parse_error(parse: Callable[[bytes], object], data: bytes) -> None:
    with contextlib.suppress(ParseError):
        assert parse(data) is not None


def mutations(valid: bytes) -> st.SearchStrategy[bytes]:
    """Return the dump with a few bytes changed, which reaches code that random bytes do not."""
    changes = st.lists(st.tuples(st.integers(0, len(valid) - 1), st.integers(0, 255)), min_size=1, max_size=6)

    def apply(places: list[tuple[int, int]]) -> bytes:
        content = bytearray(valid)
        for place, value in places:
            content[place] = value
        return bytes(content)

    return changes.map(apply)


class Kernel:
    """Responds to sysctl with the bytes in `tables`, or with the error number in their place."""

    def __init__(self) -> None:
        self.tables: dict[tuple[int, ...], bytes | int] = {}
        self.calls: list[tuple[int, ...]] = []
        prototype = ctypes.CFUNCTYPE(
            ctypes.c_int,
            ctypes.POINTER(ctypes.c_int),
            ctypes.c_uint,
            ctypes.c_void_p,
            ctypes.POINTER(ctypes.c_size_t),
            ctypes.c_void_p,
            ctypes.c_size_t,
            use_errno=True,
        )
        self.function = prototype(self._sysctl)

    def _sysctl(self, mib: Any, length: int, buffer: Any, size: Any, new: Any, new_size: int) -> int:
        name = tuple(mib[:length])
        self.calls.append(name)
        answer = self.tables.get(name, errno.ENOENT)
        if new or new_size:
            answer = errno.EPERM
        if isinstance(answer, bytes) and len(answer) > size[0]:
            answer = errno.ENOMEM
        if isinstance(answer, int):
            ctypes.set_errno(answer)
            return -1
        ctypes.memmove(buffer, answer, len(answer))
        size[0] = len(answer)
        return 0


@pytest.fixture
def kernel() -> Kernel:
    return Kernel()


class TestSysctl:
    MIB = (4, 18, 0, 3, 0, 1)

    def test_each_read_takes_one_call(self, kernel: Kernel) -> None:
        kernel.tables[self.MIB] = b"abc"
        sysctl = Sysctl(self.MIB, kernel.function)
        assert bytes(sysctl.read()) == b"abc"
        kernel.tables[self.MIB] = b""
        assert bytes(sysctl.read()) == b""
        assert kernel.calls == [self.MIB] * 2

    def test_table_that_outgrew_the_buffer_takes_more_calls_only_once(self, kernel: Kernel) -> None:
        table = bytes(range(256)) * 200
        kernel.tables[self.MIB] = table
        sysctl = Sysctl(self.MIB, kernel.function)
        assert bytes(sysctl.read()) == table
        assert 1 < len(kernel.calls) <= 4
        kernel.calls.clear()
        assert bytes(sysctl.read()) == table
        assert len(kernel.calls) == 1

    def test_sysctl_refused_by_the_kernel_raises_the_reason(self, kernel: Kernel) -> None:
        kernel.tables[self.MIB] = errno.EPERM
        with pytest.raises(CollectError, match=r"4\.18\.0\.3\.0\.1: Operation not permitted"):
            Sysctl(self.MIB, kernel.function).read()

    def test_endlessly_growing_table_raises_collect_error(self, kernel: Kernel) -> None:
        kernel.tables[self.MIB] = errno.ENOMEM
        with pytest.raises(CollectError, match="memory"):
            Sysctl(self.MIB, kernel.function).read()
        assert len(kernel.calls) < 16


class Mac:
    """A Mac as far as SysctlSource reads it: interfaces, addresses, routes and a clock."""

    def __init__(self, layout: Layout, kernel: Kernel, monkeypatch: pytest.MonkeyPatch) -> None:
        self.layout = layout
        self.kernel = kernel
        self.now = 100.0
        self.indexes: dict[str, int] = {}
        self.rows: list[tuple[str, dict[str, int]]] = []
        self.addresses: dict[str, tuple[str, ...]] = {}
        self.media: dict[str, Medium] = {}
        self.set_routes()
        monkeypatch.setattr(socket, "if_nametoindex", self._if_nametoindex)
        monkeypatch.setattr(clock, "boottime", lambda: self.now)
        monkeypatch.setattr(darwin, "addresses", lambda: self.addresses)
        monkeypatch.setattr(darwin, "medium_of", lambda name: self.media.get(name, NO_MEDIUM))

    def attach(self, name: str, index: int, **fields: int) -> None:
        self.indexes[name] = index
        self.rows.append((name, fields))
        self._publish()

    def detach(self, name: str) -> None:
        del self.indexes[name]
        self.rows = [row for row in self.rows if row[0] != name]
        self._publish()

    def change(self, name: str, **fields: int) -> None:
        self.rows = [(known, values | fields if known == name else values) for known, values in self.rows]
        self._publish()

    def set_routes(self, *routes: bytes) -> None:
        self.kernel.tables[ROUTES_MIB] = b"".join(routes)

    def open(self, dump: darwin.Dump = IFALLDATA) -> SysctlSource:
        return SysctlSource(dump, self.kernel.function)

    def _publish(self) -> None:
        self.kernel.tables[IFALLDATA.mib] = b"".join(
            mib_row(self.layout, name.encode(), **fields) for name, fields in self.rows
        )
        self.kernel.tables[IFLIST2.mib] = b"".join(
            ifinfo2(self.layout, name.encode(), self.indexes.get(name, 999), **fields) + OTHER_MESSAGES[0]
            for name, fields in self.rows
        )

    def _if_nametoindex(self, name: str) -> int:
        if name not in self.indexes:
            raise OSError(errno.ENXIO, "no interface with this name")
        return self.indexes[name]


@pytest.fixture
def mac(layout: Layout, kernel: Kernel, monkeypatch: pytest.MonkeyPatch) -> Mac:
    return Mac(layout, kernel, monkeypatch)


class TestSource:
    def test_sample_of_either_dump_has_counters_and_interfaces(self, mac: Mac) -> None:
        mac.attach("lo0", 1, flags=UP | RUNNING | LOOPBACK, data__type=0x18, data__baudrate=0, data__mtu=16384)
        mac.attach("en0", 11, data__baudrate=1_000_000_000, data__mtu=1500)
        mac.addresses = {"en0": ("192.0.2.24/24", "fe80::1/64")}
        mac.set_routes(route(mac.layout, 11, 0x803))
        for dump, bits in ((IFALLDATA, 64), (IFLIST2, 32)):
            source = mac.open(dump)
            sample = source.sample()
            source.close()
            assert sample.boottime == 100.0
            assert sample.counter_bits == bits
            assert sample.counters == {1: COUNTERS, 11: COUNTERS}
            assert sample.interfaces == {
                1: Interface(index=1, name="lo0", is_up=True, is_loopback=True, kind="loopback", mtu=16384),
                11: Interface(
                    index=11,
                    name="en0",
                    is_up=True,
                    kind="ethernet",
                    mtu=1500,
                    speed=1_000_000_000,
                    addresses=("192.0.2.24/24", "fe80::1/64"),
                    default_metric=0,
                ),
            }

    @pytest.mark.parametrize("dump", [IFALLDATA, IFLIST2])
    def test_a_tick_costs_one_call_and_keeps_the_interfaces(self, mac: Mac, dump: darwin.Dump) -> None:
        mac.attach("en0", 11)
        source = mac.open(dump)
        first = source.sample()
        mac.kernel.calls.clear()
        mac.change("en0", data__rx_bytes=5, data__baudrate=7)
        mac.now += 1
        second = source.sample()
        assert mac.kernel.calls == [dump.mib]
        assert second.interfaces is first.interfaces
        assert Counters(*second.counters[11]).rx_bytes == 5

    def test_rows_are_matched_by_name_not_by_order(self, mac: Mac) -> None:
        for name, index in (("lo0", 1), ("en0", 11), ("utun0", 15)):
            mac.attach(name, index, data__rx_bytes=index)
        source = mac.open()
        mac.detach("en0")
        mac.attach("en0", 23, data__rx_bytes=23)
        sample = source.sample()
        assert {index: row[2] for index, row in sample.counters.items()} == {1: 1, 15: 15, 23: 23}
        assert sample.interfaces[23].name == "en0"
        assert 11 not in sample.interfaces

    def test_a_link_going_down_is_noticed_at_once(self, mac: Mac) -> None:
        mac.attach("en0", 11)
        source = mac.open()
        assert source.sample().interfaces[11].is_up
        mac.change("en0", flags=UP)
        assert not source.sample().interfaces[11].is_up

    def test_interface_without_an_index_is_left_out_until_it_has_one(self, mac: Mac) -> None:
        mac.attach("en0", 11)
        mac.attach("utun4", 20)
        del mac.indexes["utun4"]
        source = mac.open()
        assert source.sample().counters.keys() == {11}
        mac.indexes["utun4"] = 21
        assert source.sample().counters.keys() == {11, 21}

    def test_addresses_routes_and_speed_are_read_again_after_ten_seconds(self, mac: Mac) -> None:
        mac.attach("en0", 11, data__baudrate=100)
        source = mac.open()
        before = source.sample().interfaces
        mac.addresses = {"en0": ("192.0.2.9/24",)}
        mac.set_routes(route(mac.layout, 11, 0x803))
        mac.change("en0", data__baudrate=200)
        mac.now += 9
        assert source.sample().interfaces is before
        mac.now += 1.5
        after = source.sample().interfaces[11]
        assert (after.addresses, after.default_metric, after.speed) == (("192.0.2.9/24",), 0, 200)
        again = source.sample().interfaces
        mac.now += 11
        assert source.sample().interfaces is again

    @pytest.mark.parametrize("baudrate", [0, 0xFFFFFFFF])
    def test_a_speed_of_zero_or_of_all_bits_is_unknown(self, mac: Mac, baudrate: int) -> None:
        mac.attach("en0", 11, data__baudrate=baudrate)
        assert mac.open().sample().interfaces[11].speed is None

    def test_wireless_medium_gives_kind_wifi(self, mac: Mac) -> None:
        mac.media["en0"] = Medium(is_wireless=True, has_carrier=None)
        mac.attach("en0", 11)
        assert mac.open().sample().interfaces[11].kind == "wifi"

    def test_unreadable_routes_keep_the_counters_and_are_logged_once(
        self, mac: Mac, expected_logs: list[str], caplog: pytest.LogCaptureFixture
    ) -> None:
        mac.attach("en0", 11)
        mac.kernel.tables[ROUTES_MIB] = b"\x01\x00\x05\x04"
        expected_logs.append("default routes are unknown")
        source = mac.open()
        for _ in range(3):
            mac.now += 11
            sample = source.sample()
            assert sample.counters == {11: COUNTERS}
            assert sample.interfaces[11].default_metric is None
        assert len([one for one in caplog.records if "default routes" in one.getMessage()]) == 1

    def test_a_failed_read_is_a_collect_error_and_the_next_one_works(self, mac: Mac) -> None:
        mac.attach("en0", 11)
        source = mac.open()
        good, mac.kernel.tables[IFALLDATA.mib] = mac.kernel.tables[IFALLDATA.mib], errno.EIO
        with pytest.raises(CollectError):
            source.sample()
        mac.kernel.tables[IFALLDATA.mib] = good
        assert source.sample().counters == {11: COUNTERS}

    def test_a_refused_sysctl_raises_unsupported_error(self, mac: Mac) -> None:
        with pytest.raises(UnsupportedError, match=re.escape(os.strerror(errno.ENOENT))):
            mac.open()

    def test_an_unknown_layout_raises_unsupported_error(self, mac: Mac) -> None:
        mac.kernel.tables[IFALLDATA.mib] = bytes(188)
        with pytest.raises(UnsupportedError, match="188 bytes"):
            mac.open()


@pytest.mark.parametrize(
    ("name", "type_", "kind"),
    [
        ("lo0", 0x18, "loopback"),
        ("utun12", 0x1, "tun"),
        ("ipsec0", 0x1, "ipsec"),
        ("ppp0", 0x17, "ppp"),
        ("gif0", 0x37, "gif"),
        ("stf0", 0x39, "stf"),
        ("bridge100", 0xD1, "bridge"),
        ("vlan0", 0x87, "vlan"),
        ("bond0", 0x88, "bond"),
        ("pdp_ip0", 0xFF, "cellular"),
        ("awdl0", 0x6, "awdl"),
        ("llw0", 0x6, "llw"),
        ("anpi1", 0x6, "anpi"),
        ("vmenet0", 0x6, "vmenet"),
        ("XHC20", 0x10, "other"),
    ],
)
def test_kind_follows_name_type_and_medium(name: str, type_: int, kind: str) -> None:
    assert kind_of(name, type_, is_wireless=False) == kind


@pytest.mark.parametrize(
    ("current", "status", "medium"),
    [
        (0x80, 0x3, Medium(is_wireless=True, has_carrier=True)),
        (0x80 | 0x5, 0x1, Medium(is_wireless=True, has_carrier=False)),
        (0x20 | 0x100000, 0x1, Medium(is_wireless=False, has_carrier=False)),
        (0x20, 0x0, NO_MEDIUM),
        (0x20, 0x2, NO_MEDIUM),  # without IFM_AVALID the other bit means nothing
        (None, 0x0, NO_MEDIUM),
    ],
)
def test_the_medium_distinguishes_wireless_from_wired_and_connected_from_not(
    layout: Layout, monkeypatch: pytest.MonkeyPatch, current: int | None, status: int, medium: Medium
) -> None:
    def ioctl(_socket: socket.socket, request: int, argument: bytes) -> bytes:
        assert (request, argument) == (0xC02C6938, b"en0".ljust(44, b"\0"))
        if current is None:
            raise OSError(errno.EOPNOTSUPP, "no media")
        return build(layout, "ifmediareq", current=current, status=status)

    monkeypatch.setattr(fcntl, "ioctl", ioctl)
    assert medium_of("en0") == medium


class TestOffline:
    """The interfaces of a Mac without a network, replayed: they must not become a total."""

    UNSCOPED, SCOPED = 0x803, 0x1000803

    @pytest.fixture
    def mac(self, mac: Mac) -> Mac:
        mac.attach("lo0", 1, flags=UP | RUNNING | LOOPBACK, data__type=0x18)
        mac.attach("en0", 4)
        mac.attach("en1", 5)  # Thunderbolt, nothing plugged in
        mac.attach("awdl0", 6)
        mac.attach("llw0", 7)
        mac.attach("ap1", 8)
        mac.attach("anpi0", 9)
        mac.attach("bridge0", 10, data__type=0xD1)
        mac.attach("utun0", 11, data__type=0x1)
        mac.attach("utun4", 12, data__type=0x1)
        mac.media["en0"] = Medium(is_wireless=True, has_carrier=True)
        mac.media["en1"] = Medium(is_wireless=False, has_carrier=False)
        return mac

    def uplinks(self, mac: Mac, *routes: bytes) -> list[str]:
        mac.set_routes(*routes)
        interfaces = mac.open().sample().interfaces
        return [interfaces[index].name for index, part in decide(interfaces, {}).items() if part.is_uplink]

    def of_apple(self, mac: Mac) -> bytes:
        return route(mac.layout, 11, self.SCOPED, "::")

    def test_card_with_the_primary_route_is_the_uplink(self, mac: Mac) -> None:
        assert self.uplinks(mac, route(mac.layout, 4, self.UNSCOPED), self.of_apple(mac)) == ["en0"]

    def test_card_below_a_vpn_stays_the_uplink(self, mac: Mac) -> None:
        routes = route(mac.layout, 12, 0x801), route(mac.layout, 4, self.SCOPED), self.of_apple(mac)
        assert self.uplinks(mac, *routes) == ["en0"]

    @pytest.mark.parametrize("is_joined", [True, False])
    def test_tunnels_are_no_uplinks_while_wifi_is_not_joined(self, mac: Mac, *, is_joined: bool) -> None:
        mac.media["en0"] = Medium(is_wireless=True, has_carrier=is_joined)
        for routes in ((), (self.of_apple(mac),), (route(mac.layout, 12, 0x801),)):
            assert self.uplinks(mac, *routes) == (["en0"] if is_joined else [])

    def test_interface_is_down_after_its_wifi_network_was_left(self, mac: Mac) -> None:
        source = mac.open()
        assert source.sample().interfaces[4].is_up
        mac.media["en0"] = Medium(is_wireless=True, has_carrier=False)
        mac.now += 11
        assert not source.sample().interfaces[4].is_up


class Fake:
    """A source whose interface `en0` changes by the arguments of `tick`."""

    name = "one"
    note: Message | None = None

    def __init__(self) -> None:
        self.now = 0.0
        self.row = [0] * 8
        self.is_loopback = False
        self.is_closed = False

    def tick(self, seconds: float, *, packets: int, octets: int, column: int = 0) -> None:
        self.now += seconds
        self.row[column] += packets
        self.row[column + 2] += octets

    def sample(self) -> Sample:
        interface = Interface(index=4, name="en0", is_loopback=self.is_loopback)
        return Sample(self.now, {4: Counters._make(self.row)}, {4: interface}, 64)

    def close(self) -> None:
        self.is_closed = True


class TestLiveness:
    @pytest.fixture
    def source(self) -> Fake:
        return Fake()

    @pytest.fixture
    def guard(self, source: Fake) -> LivenessGuard:
        guard = LivenessGuard(source)
        guard.sample()
        return guard

    def test_growing_counters_are_not_reported_as_faulty(self, guard: LivenessGuard, source: Fake) -> None:
        for _ in range(100):
            source.tick(1, packets=100, octets=1)
            assert guard.sample() == source.sample()
        assert guard.note is None

    @pytest.mark.parametrize(("packets", "octets"), [(0, 0), (3, 0), (0, 9)])
    def test_idle_interface_is_not_reported_as_faulty(
        self, guard: LivenessGuard, source: Fake, packets: int, octets: int
    ) -> None:
        for _ in range(5):
            source.tick(20, packets=packets, octets=octets)
            guard.sample()
        assert guard.note is None

    def test_byte_counter_stuck_for_a_short_time_is_not_reported(self, guard: LivenessGuard, source: Fake) -> None:
        source.tick(19, packets=1000, octets=0)
        guard.sample()
        source.tick(2, packets=1, octets=1)
        guard.sample()
        assert guard.note is None

    def test_stuck_byte_counter_of_the_loopback_is_not_reported(self, guard: LivenessGuard, source: Fake) -> None:
        source.is_loopback = True
        source.tick(21, packets=1000, octets=0)
        guard.sample()
        assert guard.note is None

    def test_counters_that_were_reset_are_not_reported_as_stuck(self, guard: LivenessGuard, source: Fake) -> None:
        source.tick(21, packets=500, octets=500)
        guard.sample()
        source.tick(21, packets=-500, octets=-500)
        guard.sample()
        assert guard.note is None

    @pytest.mark.parametrize(("column", "direction"), [(0, "received"), (1, "sent")])
    def test_byte_counter_stuck_while_packets_are_counted_is_reported_once(
        self, guard: LivenessGuard, source: Fake, expected_logs: list[str], column: int, direction: str
    ) -> None:
        expected_logs.append(f"counts packets but no bytes on en0 ({direction})")
        for _ in range(3):
            source.tick(21, packets=1000, octets=0, column=column)
            assert guard.sample() == source.sample()
        assert guard.note is not None
        assert f"en0 ({direction})" in str(guard.note)
        guard.close()
        assert source.is_closed
