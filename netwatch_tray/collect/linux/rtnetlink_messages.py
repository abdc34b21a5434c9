"""The messages of rtnetlink(7) about links, addresses and routes (<linux/if_link.h>, <linux/rtnetlink.h>). Pure."""

from __future__ import annotations

import socket
import struct
import sys
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from netwatch_tray.collect.linux.netlink import attributes
from netwatch_tray.errors import ParseError
from netwatch_tray.kinds import InterfaceKind
from netwatch_tray.model import CounterRow, Interface
from netwatch_tray.text import decoded

RTM_NEWLINK, RTM_GETLINK = 16, 18
RTM_NEWADDR, RTM_GETADDR = 20, 22
RTM_NEWROUTE, RTM_GETROUTE = 24, 26
RTM_NEWSTATS, RTM_GETSTATS = 92, 94

IF_STATS = struct.Struct("=BBHII")
"""struct if_stats_msg: family, padding, padding, ifindex, filter_mask."""
IFLA_STATS_LINK_64 = 1
IFINFO = struct.Struct("=BBHiII")
"""struct ifinfomsg: family, padding, ARPHRD type, index, flags, change."""
_IFLA_BROADCAST, _IFLA_IFNAME, _IFLA_MTU, _IFLA_LINK, _IFLA_MASTER = 2, 3, 4, 5, 10
_IFLA_LINKINFO, _IFLA_STATS64 = 18, 23
IFLA_EXT_MASK, _IFLA_LINK_NETNSID = 29, 37
_IFLA_INFO_KIND, _IFLA_INFO_DATA = 1, 2
_REMOTES = {
    "gretap": (7,),  # IFLA_GRE_REMOTE
    "erspan": (7,),
    "ip6gretap": (7,),
    InterfaceKind.VXLAN: (2, 16),  # IFLA_VXLAN_GROUP, IFLA_VXLAN_GROUP6
    "geneve": (2, 7),  # IFLA_GENEVE_REMOTE, IFLA_GENEVE_REMOTE6
}
"""For kinds of tunnels whose hardware address is not the peer's: the attribute in IFLA_INFO_DATA that has the peer's
address."""
_POINT_TO_POINT = frozenset({"ipip", "gre", "sit", "vti", "vti6", "ip6tnl", "ip6gre"})
"""Kinds of tunnels whose IFLA_BROADCAST is the peer's address."""
RTEXT_FILTER_SKIP_STATS = 1 << 3
IFADDR = struct.Struct("=BBBBI")
"""struct ifaddrmsg: family, prefix length, flags, scope, index."""
_IFA_ADDRESS, _IFA_LOCAL = 1, 2
RTMSG = struct.Struct("=BBBBBBBBI")
"""struct rtmsg: family, dst_len, src_len, tos, table, protocol, scope, type, flags."""
RTA_DST, _RTA_OIF, _RTA_GATEWAY, _RTA_PRIORITY, _RTA_MULTIPATH, _RTA_TABLE, _RTA_VIA = 1, 4, 5, 6, 9, 15, 18
_RT_TABLE_MAIN, _RTN_UNICAST = 254, 1
_RTNEXTHOP = struct.Struct("=HBBi")
"""struct rtnexthop: length, flags, hops, ifindex."""
_LINK_LOCAL = (bytes((169, 254)), bytes((0xFE, 0x80)))
STATS = struct.Struct("=8Q")
"""The first eight counters of struct rtnl_link_stats64, in the order of model.Counters."""

_IFF_UP_AND_RUNNING, _IFF_LOOPBACK = 0x1 | 0x40, 0x8
_KIND_OF_ARPHRD = {
    1: InterfaceKind.ETHERNET,
    32: InterfaceKind.INFINIBAND,
    512: InterfaceKind.PPP,
    768: "ipip",
    769: "ip6tnl",
    772: InterfaceKind.LOOPBACK,
    776: "sit",
}

STACKED_BY_ROUTE = _POINT_TO_POINT | _REMOTES.keys() | {InterfaceKind.PPP}
"""Kinds of tunnels whose peer's address the kernel knows, so that a route lookup shows what they run over."""


def parse_stats(body: memoryview) -> Mapping[int, CounterRow]:
    """Return the counters in an RTM_NEWSTATS body by interface index; empty if it has no 64-bit counters."""
    index = _unpack(IF_STATS, body)[3]
    for kind, value in attributes(body[IF_STATS.size :]):
        if kind == IFLA_STATS_LINK_64:
            return {index: _unpack(STATS, value)}  # type: ignore[dict-item]  # the format has eight numbers
    return {}


def parse_link_stats(body: memoryview) -> Mapping[int, CounterRow]:
    """Return the counters in an RTM_NEWLINK body by interface index; empty if it has no 64-bit counters."""
    index = _unpack(IFINFO, body)[3]
    for kind, value in attributes(body[IFINFO.size :]):
        if kind == _IFLA_STATS64:
            return {index: _unpack(STATS, value)}  # type: ignore[dict-item]  # the format has eight numbers
    return {}


def parse_link(body: memoryview) -> Interface:
    """Parse an RTM_NEWLINK body into an interface with the properties that this message contains."""
    _family, _pad, arphrd, index, flags, _change = _unpack(IFINFO, body)
    values = dict(attributes(body[IFINFO.size :]))
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
        kind=kind or _KIND_OF_ARPHRD.get(arphrd, InterfaceKind.OTHER),
        mtu=_number(values.get(_IFLA_MTU)),
        master=master or None,
        parent=parent or None,
    )


class Address(NamedTuple):
    """An address of an interface, from an RTM_NEWADDR message."""

    interface: int
    """Index of the interface."""
    address: str
    """Address and prefix length, such as `192.0.2.24/24`."""
    peer: bytes | None
    """Address of the far end of a point-to-point link, packed; None if there is none."""


def parse_address(body: memoryview) -> Address | None:
    """Parse an RTM_NEWADDR body; None if the address is neither IPv4 nor IPv6."""
    family, prefix, _flags, _scope, index = _unpack(IFADDR, body)
    values = dict(attributes(body[IFADDR.size :]))
    # IFA_ADDRESS is the far end of a point-to-point link, IFA_LOCAL the near one.
    address = values.get(_IFA_LOCAL, values.get(_IFA_ADDRESS))
    if address is None or (family, len(address)) not in ((socket.AF_INET, 4), (socket.AF_INET6, 16)):
        return None
    near, far = bytes(address), bytes(values.get(_IFA_ADDRESS, address))
    peer = far if far != near and len(far) == len(near) else None
    return Address(index, f"{socket.inet_ntop(family, near)}/{prefix}", peer)


def parse_default_route(body: memoryview) -> list[tuple[int, int]]:
    """Return interface index and metric of each next hop in an RTM_NEWROUTE body; an empty list unless it is a default
    route of the main table."""
    family, length, _src, _tos, table, _protocol, _scope, kind, _flags = _unpack(RTMSG, body)
    if length or kind != _RTN_UNICAST or family not in (socket.AF_INET, socket.AF_INET6):
        return []
    values = dict(attributes(body[RTMSG.size :]))
    if (_number(values.get(_RTA_TABLE)) or table) != _RT_TABLE_MAIN:
        return []
    metric = _number(values.get(_RTA_PRIORITY)) or 0
    if _RTA_MULTIPATH in values:
        return [(index, metric) for index in _next_hops(values[_RTA_MULTIPATH])]
    index = _number(values.get(_RTA_OIF))
    return [(index, metric)] if index else []


def parse_host_route(body: memoryview) -> list[int]:
    """Return the index of the outgoing interface in an RTM_NEWROUTE body, as a list with one element; an empty list
    unless it is a route of the main table to a single host through a gateway.

    VPN clients add such a route for their server. Routes to link-local hosts (metadata services) are left out.
    """
    family, length, _src, _tos, table, _protocol, _scope, kind, _flags = _unpack(RTMSG, body)
    if kind != _RTN_UNICAST or (family, length) not in ((socket.AF_INET, 32), (socket.AF_INET6, 128)):
        return []
    values = dict(attributes(body[RTMSG.size :]))
    if (_number(values.get(_RTA_TABLE)) or table) != _RT_TABLE_MAIN or not {_RTA_GATEWAY, _RTA_VIA} & values.keys():
        return []
    destination, index = bytes(values.get(RTA_DST, b"")), _number(values.get(_RTA_OIF))
    return [] if not index or destination.startswith(_LINK_LOCAL) else [index]


def parse_route_answer(body: memoryview) -> int | None:
    """Return the index of the outgoing interface in an RTM_NEWROUTE body that responds to a route lookup; None if the
    address is unreachable."""
    kind = _unpack(RTMSG, body)[7]
    index = _number(dict(attributes(body[RTMSG.size :])).get(_RTA_OIF))
    return index if kind == _RTN_UNICAST and index else None


def parse_remote(body: memoryview, kind: str) -> bytes | None:
    """Return the packed address of a tunnel's peer from an RTM_NEWLINK body; None if it has none. `kind`: kind of the
    interface."""
    if kind not in _POINT_TO_POINT and kind not in _REMOTES:
        return None
    values = dict(attributes(body[IFINFO.size :]))
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
