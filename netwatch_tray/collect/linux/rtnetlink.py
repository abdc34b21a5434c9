"""Linux interface counters over one RTNETLINK socket (rtnetlink(7), <linux/if_link.h>, <linux/rtnetlink.h>).

A tick costs two system calls: a dump request and one datagram of answers. Names, flags, addresses and routes are read
once and again only when the same socket delivers an event, which the kernel queues before the dump's answer. On a host
where interfaces come and go all the time that is once a tick: counters of interfaces that are known are never given up
because others changed. All of it works without privileges and sees the network namespace that the socket was opened in.
"""

from __future__ import annotations

import errno
import socket
import struct
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import msgspec

from netwatch_tray import clock
from netwatch_tray.collect.linux.devices import is_physical, number_in
from netwatch_tray.collect.linux.netlink import (
    HEADER,
    NLMSG_DONE,
    NLMSG_ERROR,
    NetlinkSocket,
    attribute,
    attributes,
    dump_request,
    messages,
    raise_for_error,
    single_request,
)
from netwatch_tray.collect.linux.pppoe import card_of_pppoe
from netwatch_tray.errors import CollectError, ParseError, UnsupportedError
from netwatch_tray.model import CounterRow, Interface, Sample
from netwatch_tray.text import decoded

_NETLINK_ROUTE = 0
RTM_NEWLINK, RTM_GETLINK = 16, 18
RTM_NEWADDR, RTM_GETADDR = 20, 22
RTM_NEWROUTE, RTM_GETROUTE = 24, 26
RTM_NEWSTATS, RTM_GETSTATS = 92, 94

# RTMGRP_LINK, _IPV4_IFADDR, _IPV4_ROUTE, _IPV6_IFADDR, _IPV6_ROUTE: whatever may change what we know of an interface.
_GROUPS = 0x1 | 0x10 | 0x40 | 0x100 | 0x400

_IF_STATS = struct.Struct("=BBHII")
"""struct if_stats_msg: family, padding, padding, ifindex, filter_mask."""
_IFLA_STATS_LINK_64 = 1
_IFINFO = struct.Struct("=BBHiII")
"""struct ifinfomsg: family, padding, ARPHRD type, index, flags, change."""
_IFLA_BROADCAST, _IFLA_IFNAME, _IFLA_MTU, _IFLA_LINK, _IFLA_MASTER = 2, 3, 4, 5, 10
_IFLA_LINKINFO, _IFLA_STATS64 = 18, 23
_IFLA_EXT_MASK, _IFLA_LINK_NETNSID = 29, 37
_IFLA_INFO_KIND, _IFLA_INFO_DATA = 1, 2
_REMOTES = {
    "gretap": (7,),  # IFLA_GRE_REMOTE
    "erspan": (7,),
    "ip6gretap": (7,),
    "vxlan": (2, 16),  # IFLA_VXLAN_GROUP, IFLA_VXLAN_GROUP6
    "geneve": (2, 7),  # IFLA_GENEVE_REMOTE, IFLA_GENEVE_REMOTE6
}
"""Attributes of IFLA_INFO_DATA with the peer's address, for tunnels whose hardware address is another one."""
_POINT_TO_POINT = frozenset({"ipip", "gre", "sit", "vti", "vti6", "ip6tnl", "ip6gre"})
"""Tunnels whose IFLA_BROADCAST is the peer's address."""
_RTEXT_FILTER_SKIP_STATS = 1 << 3
_IFADDR = struct.Struct("=BBBBI")
"""struct ifaddrmsg: family, prefix length, flags, scope, index."""
_IFA_ADDRESS, _IFA_LOCAL = 1, 2
_RTMSG = struct.Struct("=BBBBBBBBI")
"""struct rtmsg: family, dst_len, src_len, tos, table, protocol, scope, type, flags."""
_RTA_DST, _RTA_OIF, _RTA_GATEWAY, _RTA_PRIORITY, _RTA_MULTIPATH, _RTA_TABLE, _RTA_VIA = 1, 4, 5, 6, 9, 15, 18
_RT_TABLE_MAIN, _RTN_UNICAST = 254, 1
_RTNEXTHOP = struct.Struct("=HBBi")
"""struct rtnexthop: length, flags, hops, ifindex."""
_LINK_LOCAL = (bytes((169, 254)), bytes((0xFE, 0x80)))
_STATS = struct.Struct("=8Q")
"""The first eight counters of struct rtnl_link_stats64, in the order of model.Counters."""

_IFF_UP_AND_RUNNING, _IFF_LOOPBACK = 0x1 | 0x40, 0x8
_KIND_OF_ARPHRD = {1: "ethernet", 32: "infiniband", 512: "ppp", 768: "ipip", 769: "ip6tnl", 772: "loopback", 776: "sit"}

_STACKED_BY_ROUTE = _POINT_TO_POINT | _REMOTES.keys() | {"ppp"}
"""Tunnels that the kernel runs, so that it has the peer's address."""

_KIND_OF_DEVTYPE = {"wlan": "wifi", "wwan": "cellular"}
_KINDS_TO_REFINE = frozenset({"ethernet", "other", "wwan"})
"""Those of which sysfs may know more; a container's end is nothing else, and there may be a thousand of them."""

_ATTRIBUTE_OFFSET = HEADER.size + _IF_STATS.size
_ROW_HEAD = struct.Struct("=IH2xI16xHH")
"""Of an RTM_NEWSTATS message: length, type, sequence; length and type of its first attribute."""
_SMALLEST_ROW = _ATTRIBUTE_OFFSET + 4 + _STATS.size
_DONE = struct.Struct("=IH2xI4xi")
"""NLMSG_DONE: length, type, sequence, outcome of the dump."""

_ATTEMPTS = 5


class _Source:
    """What both dumps share: the cache of interfaces, and the retries when the world moves under a dump."""

    name: str
    note: str | None = None

    def __init__(self) -> None:
        """Reads once, to prove that it works. Raises UnsupportedError where the kernel refuses."""
        try:
            self._socket = NetlinkSocket(_NETLINK_ROUTE, _GROUPS)
        except OSError as error:
            raise UnsupportedError(f"no rtnetlink here: {error.strerror}") from error
        self._interfaces: dict[int, Interface] = {}
        self._stale = True
        try:
            self.sample()
        except CollectError as error:
            self.close()
            raise UnsupportedError(str(error)) from error

    def sample(self) -> Sample:
        """All counters of this moment. Raises CollectError when the kernel refuses, or events are lost all the time."""
        for _ in range(_ATTEMPTS):
            try:
                counters, stamp = self._dump_counters()
                if not self._stale and counters.keys() <= self._interfaces.keys():
                    return Sample(stamp, counters, self._interfaces, 64)
                # Once, and not until nothing changes any more; what changes meanwhile is read with the next sample.
                self._stale = False
                found = self._dump_interfaces()
                earlier = counters
                counters, stamp = self._dump_counters()
            except OSError as error:
                if error.errno not in (errno.ENOBUFS, errno.EAGAIN):
                    raise CollectError(f"Reading the interfaces failed: {error.strerror}.") from error
                # Events were lost, or an answer never came: nothing that waits in the socket is of use.
                self._socket.drain()
                self._stale = True
                continue
            if self._stale:  # dumps of a list that changes may leave out interfaces that are there all the time
                found = {index: each for index, each in self._interfaces.items() if index in counters} | found
                counters = earlier | counters
            # An equal dump keeps the object, which is how readers see that nothing changed.
            if found != self._interfaces:
                self._interfaces = found
            known = {index: row for index, row in counters.items() if index in found}
            return Sample(stamp, known, self._interfaces, 64)
        raise CollectError("The interfaces change faster than they can be read; the next tick tries again.")

    def close(self) -> None:
        self._socket.close()

    def _dump_counters(self) -> tuple[dict[int, CounterRow], float]:
        raise NotImplementedError

    def _answers(self, kind: int, body: bytes) -> Iterator[tuple[int, memoryview]]:
        """One dump, message by message (type, body); events among them mark the cache stale."""
        sequence = self._socket.request_dump(dump_request(kind, body))
        while True:
            for found, answers, content in messages(self._socket.receive()):
                if answers != sequence:
                    self._stale = True
                elif found in (NLMSG_DONE, NLMSG_ERROR):
                    raise_for_error(content)
                    return
                else:
                    yield found, content

    def _dump_interfaces(self) -> dict[int, Interface]:
        addresses: dict[int, list[str]] = {}
        peers: dict[int, bytes] = {}
        for kind, body in self._answers(RTM_GETADDR, _IFADDR.pack(0, 0, 0, 0, 0)):
            if kind == RTM_NEWADDR and (near := parse_address(body)):
                addresses.setdefault(near.interface, []).append(near.address)
                if near.peer is not None:
                    peers[near.interface] = near.peer
        metrics: dict[int, int] = {}
        pinned: set[int] = set()
        for kind, body in self._answers(RTM_GETROUTE, _RTMSG.pack(0, 0, 0, 0, 0, 0, 0, 0, 0)):
            if kind == RTM_NEWROUTE:
                for index, metric in parse_default_route(body):
                    metrics[index] = min(metric, metrics.get(index, metric))
                pinned.update(parse_host_route(body))
        request = _IFINFO.pack(0, 0, 0, 0, 0, 0) + struct.pack("=HHI", 8, _IFLA_EXT_MASK, _RTEXT_FILTER_SKIP_STATS)
        links: list[Interface] = []
        for kind, body in self._answers(RTM_GETLINK, request):
            if kind == RTM_NEWLINK:
                links.append(link := parse_link(body))
                if remote := parse_remote(body, link.kind):
                    peers[link.index] = remote
        found = {
            link.index: _with_facts(
                link,
                tuple(addresses.get(link.index, ())),
                metrics.get(link.index),
                has_host_route=link.index in pinned,
            )
            for link in links
        }
        return {index: self._with_underlay(each, found, peers.get(index)) for index, each in found.items()}

    def _with_underlay(
        self, interface: Interface, interfaces: Mapping[int, Interface], peer: bytes | None
    ) -> Interface:
        """With what a tunnel runs over as its parent, where the kernel's tables show it."""
        if interface.parent is not None or interface.kind not in _STACKED_BY_ROUTE:
            return interface
        parent = None if peer is None else self._towards(peer)
        if parent in (None, interface.index) and interface.kind == "ppp":
            parent = card_of_pppoe(interfaces.values())
        under = None if parent is None else interfaces.get(parent)
        if under is None or under is interface or under.is_loopback:
            return interface
        return msgspec.structs.replace(interface, parent=under.index)

    def _towards(self, peer: bytes) -> int | None:
        """Index of the interface by which the kernel sends to this address; None: by none."""
        family = socket.AF_INET if len(peer) == 4 else socket.AF_INET6
        body = _RTMSG.pack(family, 8 * len(peer), 0, 0, 0, 0, 0, 0, 0) + attribute(_RTA_DST, peer)
        sequence = self._socket.request_dump(single_request(RTM_GETROUTE, body))
        while True:
            for kind, answers, content in messages(self._socket.receive()):
                if answers != sequence:
                    self._stale = True
                elif kind == RTM_NEWROUTE:
                    return parse_route_answer(content)
                elif kind == NLMSG_ERROR:  # unreachable
                    return None


class StatsSource(_Source):
    """RTM_GETSTATS: counters only, 232 bytes an interface; Linux 4.7 and newer."""

    name = "rtnetlink RTM_GETSTATS"

    def __init__(self) -> None:
        filter_mask = 1 << (_IFLA_STATS_LINK_64 - 1)
        self._request = dump_request(RTM_GETSTATS, _IF_STATS.pack(0, 0, 0, 0, filter_mask))
        self._layouts: dict[int, struct.Struct] = {}
        super().__init__()

    def _dump_counters(self) -> tuple[dict[int, CounterRow], float]:
        sequence = self._socket.request_dump(self._request)
        counters: dict[int, CounterRow] = {}
        stamp = 0.0
        while True:
            datagram = self._socket.receive()
            stamp = stamp or clock.boottime()
            end = 0
            layout = self._row_layout(datagram, sequence)
            if layout is not None:
                rest = len(datagram) % layout.size
                end = len(datagram) - rest
                for row in layout.iter_unpack(datagram[:end]):
                    counters[row[0]] = row[1:]
                if rest == _DONE.size and _DONE.unpack_from(datagram, end) == (rest, NLMSG_DONE, sequence, 0):
                    return counters, stamp
            for kind, answers, body in messages(datagram[end:]):
                if answers != sequence:
                    self._stale = True
                elif kind == RTM_NEWSTATS:
                    counters.update(parse_stats(body))
                elif kind in (NLMSG_DONE, NLMSG_ERROR):
                    raise_for_error(body)
                    return counters, stamp

    def _row_layout(self, datagram: memoryview, sequence: int) -> struct.Struct | None:
        """How to unpack all rows of a datagram in one go: index and counters; None where each must be looked at.

        A datagram of a dump holds answers of that dump alone, of one size because the kernel writes one structure in
        each. So the first row shows the layout (newer kernels append counters), and the last proves the stride.
        """
        if len(datagram) < _SMALLEST_ROW:
            return None
        head = _ROW_HEAD.unpack_from(datagram)
        size, kind, answers, attribute_size, attribute = head
        if (answers, kind, attribute) != (sequence, RTM_NEWSTATS, _IFLA_STATS_LINK_64):
            return None
        last = len(datagram) // size * size - size
        if attribute_size != size - _ATTRIBUTE_OFFSET or (last and _ROW_HEAD.unpack_from(datagram, last) != head):
            return None
        layout = self._layouts.get(size)
        if layout is None and size >= _SMALLEST_ROW:
            layout = self._layouts[size] = struct.Struct(f"=20xI8x8Q{size - _SMALLEST_ROW}x")
        return layout


class LinkSource(_Source):
    """RTM_GETLINK with its 64-bit statistics: the same numbers from any kernel, for more work."""

    name = "rtnetlink RTM_GETLINK"

    def _dump_counters(self) -> tuple[dict[int, CounterRow], float]:
        counters: dict[int, CounterRow] = {}
        stamp = 0.0
        for kind, body in self._answers(RTM_GETLINK, _IFINFO.pack(0, 0, 0, 0, 0, 0)):
            stamp = stamp or clock.boottime()
            if kind == RTM_NEWLINK:
                counters.update(parse_link_stats(body))
        return counters, stamp


def parse_stats(body: memoryview) -> Mapping[int, CounterRow]:
    """One RTM_NEWSTATS body by its attributes: {index: counters}, empty without 64-bit counters."""
    index = _unpack(_IF_STATS, body)[3]
    for kind, value in attributes(body[_IF_STATS.size :]):
        if kind == _IFLA_STATS_LINK_64:
            return {index: _unpack(_STATS, value)}  # type: ignore[dict-item]  # the format says eight numbers
    return {}


def parse_link_stats(body: memoryview) -> Mapping[int, CounterRow]:
    """The counters in an RTM_NEWLINK body: {index: counters}, empty without 64-bit counters."""
    index = _unpack(_IFINFO, body)[3]
    for kind, value in attributes(body[_IFINFO.size :]):
        if kind == _IFLA_STATS64:
            return {index: _unpack(_STATS, value)}  # type: ignore[dict-item]  # the format says eight numbers
    return {}


def parse_link(body: memoryview) -> Interface:
    """One RTM_NEWLINK body: what the kernel's link table says of an interface."""
    _family, _pad, arphrd, index, flags, _change = _unpack(_IFINFO, body)
    values = dict(attributes(body[_IFINFO.size :]))
    kind = ""
    if _IFLA_LINKINFO in values:
        kind = _text(dict(attributes(values[_IFLA_LINKINFO])).get(_IFLA_INFO_KIND, memoryview(b"")))
    master = _number(values.get(_IFLA_MASTER))
    parent = _number(values.get(_IFLA_LINK))
    if parent == index or _IFLA_LINK_NETNSID in values:  # itself, or a number of another namespace
        parent = None
    return Interface(
        index=index,
        name=_text(values.get(_IFLA_IFNAME, memoryview(b""))) or f"if{index}",
        is_up=flags & _IFF_UP_AND_RUNNING == _IFF_UP_AND_RUNNING,
        is_loopback=bool(flags & _IFF_LOOPBACK),
        kind=kind or _KIND_OF_ARPHRD.get(arphrd, "other"),
        mtu=_number(values.get(_IFLA_MTU)),
        master=master or None,
        parent=parent or None,
    )


class Address(NamedTuple):
    """What an RTM_NEWADDR message reports."""

    interface: int
    """Index."""
    address: str
    """`192.0.2.24/24`"""
    peer: bytes | None
    """The far end of a point-to-point link."""


def parse_address(body: memoryview) -> Address | None:
    """One RTM_NEWADDR body; None for other families."""
    family, prefix, _flags, _scope, index = _unpack(_IFADDR, body)
    values = dict(attributes(body[_IFADDR.size :]))
    # IFA_ADDRESS is the far end of a point-to-point link, IFA_LOCAL the near one.
    address = values.get(_IFA_LOCAL, values.get(_IFA_ADDRESS))
    if address is None or (family, len(address)) not in ((socket.AF_INET, 4), (socket.AF_INET6, 16)):
        return None
    near, far = bytes(address), bytes(values.get(_IFA_ADDRESS, address))
    peer = far if far != near and len(far) == len(near) else None
    return Address(index, f"{socket.inet_ntop(family, near)}/{prefix}", peer)


def parse_default_route(body: memoryview) -> list[tuple[int, int]]:
    """One RTM_NEWROUTE body: (index, metric) of each next hop, if it is a default route of the main table."""
    family, length, _src, _tos, table, _protocol, _scope, kind, _flags = _unpack(_RTMSG, body)
    if length or kind != _RTN_UNICAST or family not in (socket.AF_INET, socket.AF_INET6):
        return []
    values = dict(attributes(body[_RTMSG.size :]))
    if (_number(values.get(_RTA_TABLE)) or table) != _RT_TABLE_MAIN:
        return []
    metric = _number(values.get(_RTA_PRIORITY)) or 0
    if _RTA_MULTIPATH in values:
        return [(index, metric) for index in _next_hops(values[_RTA_MULTIPATH])]
    index = _number(values.get(_RTA_OIF))
    return [(index, metric)] if index else []


def parse_host_route(body: memoryview) -> list[int]:
    """One RTM_NEWROUTE body: the index, if it is a route of the main table to one host by way of a gateway.

    Such a route is what VPN clients add for their server. Link-local hosts (metadata services) are none.
    """
    family, length, _src, _tos, table, _protocol, _scope, kind, _flags = _unpack(_RTMSG, body)
    if kind != _RTN_UNICAST or (family, length) not in ((socket.AF_INET, 32), (socket.AF_INET6, 128)):
        return []
    values = dict(attributes(body[_RTMSG.size :]))
    if (_number(values.get(_RTA_TABLE)) or table) != _RT_TABLE_MAIN or not {_RTA_GATEWAY, _RTA_VIA} & values.keys():
        return []
    destination, index = bytes(values.get(_RTA_DST, b"")), _number(values.get(_RTA_OIF))
    return [] if not index or destination.startswith(_LINK_LOCAL) else [index]


def parse_route_answer(body: memoryview) -> int | None:
    """The RTM_NEWROUTE body that answers a question for one address: the index; None: it leads nowhere."""
    kind = _unpack(_RTMSG, body)[7]
    index = _number(dict(attributes(body[_RTMSG.size :])).get(_RTA_OIF))
    return index if kind == _RTN_UNICAST and index else None


def parse_remote(body: memoryview, kind: str) -> bytes | None:
    """One RTM_NEWLINK body of this kind: the address of a tunnel's peer; None: it has none, or it is not a tunnel."""
    if kind not in _POINT_TO_POINT and kind not in _REMOTES:
        return None
    values = dict(attributes(body[_IFINFO.size :]))
    if kind in _POINT_TO_POINT:
        found = [values.get(_IFLA_BROADCAST)]
    else:
        info = dict(attributes(values.get(_IFLA_LINKINFO, memoryview(b""))))
        data = dict(attributes(info.get(_IFLA_INFO_DATA, memoryview(b""))))
        found = [data.get(each) for each in _REMOTES[kind]]
    addresses = (bytes(each) for each in found if each is not None)
    return next((each for each in addresses if len(each) in (4, 16) and any(each)), None)


def _next_hops(value: memoryview) -> Iterator[int]:
    while value:
        length, _flags, _hops, index = _unpack(_RTNEXTHOP, value)
        if not _RTNEXTHOP.size <= length <= len(value):
            raise ParseError(f"A next hop claims {length} bytes of {len(value)}.")
        yield index
        value = value[(length + 3) & ~3 :]


def _unpack(layout: struct.Struct, body: memoryview) -> tuple[int, ...]:
    if len(body) < layout.size:
        raise ParseError(f"A netlink structure has {len(body)} of {layout.size} bytes.")
    return layout.unpack_from(body)


def _number(value: memoryview | None) -> int | None:
    return None if value is None else int.from_bytes(value[:4], sys.byteorder)


def _text(value: memoryview) -> str:
    return decoded(bytes(value).partition(b"\0")[0])


def _with_facts(
    link: Interface, addresses: tuple[str, ...], default_metric: int | None, *, has_host_route: bool
) -> Interface:
    """Adds what other tables and sysfs know of a link."""
    kind, speed, physical = link.kind, None, False
    device = Path("/sys/class/net", link.name)
    # /sys shows the namespace it was mounted in, which need not be ours: the index tells.
    if number_in(device / "ifindex") == link.index:
        megabits = number_in(device / "speed")
        speed = megabits * 1_000_000 if megabits and megabits > 0 else None
        physical = speed is not None and is_physical(device)
        if kind in _KINDS_TO_REFINE:
            kind = _KIND_OF_DEVTYPE.get(_device_type(device), kind)
    return msgspec.structs.replace(
        link,
        kind=kind,
        speed=speed,
        is_physical=physical,
        addresses=addresses,
        default_metric=default_metric,
        has_host_route=has_host_route,
    )


def _device_type(device: Path) -> str:
    """DEVTYPE of the device's uevent (kernel: SET_NETDEV_DEVTYPE), empty where there is none."""
    try:
        lines = (device / "uevent").read_bytes().split(b"\n")
    except OSError:
        return ""
    return next((decoded(line.partition(b"=")[2]) for line in lines if line.startswith(b"DEVTYPE=")), "")
