"""Parsers of macOS's sysctl dumps of interfaces and routes: bytes in, rows out.

The layouts are those of <net/if_mib.h> (struct ifmibdata), <net/if.h> (struct if_msghdr2), <net/if_var.h> (struct
if_data64, packed to 4 bytes) and <net/route.h> (struct rt_msghdr) of XNU, little-endian like every Mac that runs it.
Each parser returns rows or raises ParseError, whatever the bytes are. If two rows have the same name the first counts,
because the kernel uses that one for the name.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

from netwatch_tray.errors import ParseError
from netwatch_tray.model import CounterRow

_IF_DATA64 = "B7xI4xQQQQQ8xQQ16xQ24x"
"""The 128 bytes of struct if_data64: type, mtu, baudrate, packets in, errors in, packets out, errors out, bytes in,
bytes out, drops in."""
IFMIBDATA = struct.Struct(f"<16s4xI8xI16x{_IF_DATA64}")
"""struct ifmibdata: name, flags, drops of the send queue, if_data64."""
IF_MSGHDR2 = struct.Struct(f"<HBBiiH10xI4x{_IF_DATA64}")
"""struct if_msghdr2: length, version, type, addresses (bit mask), flags, index, drops of the send queue, if_data64."""
RT_MSGHDR = struct.Struct("<HBBH2xii76x")
"""struct rt_msghdr: length, version, type, index, flags, addresses (bit mask)."""

_MESSAGE = struct.Struct("<HBB")
"""The beginning of every routing message: length, version, type."""
_RTM_VERSION, _RTM_GET, _RTM_IFINFO2 = 5, 0x4, 0x12
_RTA_DST, _RTA_GATEWAY, _RTA_NETMASK, _RTA_IFP = 0x1, 0x2, 0x4, 0x10

_SOCKADDR_DL = struct.Struct("<BBHBB2x")
"""struct sockaddr_dl up to its data: length, family, index, type, length of the name that follows."""
_AF_LINK = 18
_ADDRESS_OFFSET = {2: 4, 30: 8}
"""Offset of the address in a sockaddr, by family: AF_INET, AF_INET6."""

RTF_UP, RTF_GATEWAY, RTF_STATIC = 0x1, 0x2, 0x800
_IFF_UP_AND_RUNNING, _IFF_LOOPBACK = 0x1 | 0x40, 0x8
_RTF_HOST, _RTF_REJECT, _RTF_BLACKHOLE, _RTF_IFSCOPE = 0x4, 0x8, 0x1000, 0x1000000
_HOST_BY_GATEWAY = RTF_UP | RTF_GATEWAY | _RTF_HOST | RTF_STATIC


class Link(NamedTuple):
    """The properties of an interface in a dump, without its counters."""

    name: str
    ifindex: int | None
    """Index of the interface; `None` if the dump does not contain it."""
    is_up: bool
    is_loopback: bool
    type: int
    """Number of the type of interface, such as IFT_ETHER (<net/if_types.h>)."""
    mtu: int


class Row(NamedTuple):
    """Properties and counters of one interface in a dump."""

    link: Link
    baudrate: int
    """Speed of the link in bit/s. The kernel keeps 32 bits of it: 0xFFFFFFFF means that or more (XNU,
    ifnet_set_baudrate)."""
    counters: CounterRow


def parse_ifalldata(data: bytes | memoryview) -> list[Row]:
    """Parse the response to IFMIB_IFALLDATA: an array of struct ifmibdata in the order in which interfaces were
    attached.

    An interface being detached has an empty name and is left out. The array has no indexes, and its order differs from
    theirs once an interface has been removed and added (XNU, sysctl_ifalldata walks ifnet_head).
    """
    if len(data) % IFMIBDATA.size:
        raise ParseError(f"IFMIB_IFALLDATA has {len(data)} bytes, which is no multiple of {IFMIBDATA.size}.")
    rows: dict[str, Row] = {}
    for field, flags, tx_drops, *if_data in IFMIBDATA.iter_unpack(data):
        name = _name(field.partition(b"\0")[0])
        if name:
            rows.setdefault(name, _row(name, None, flags, tx_drops, *if_data))
    return list(rows.values())


def parse_iflist2(data: bytes | memoryview) -> list[Row]:
    """Parse the RTM_IFINFO2 messages of a NET_RT_IFLIST2 dump; the addresses between them are skipped."""
    rows: dict[str, Row] = {}
    for kind, message in _messages(data):
        if kind != _RTM_IFINFO2:
            continue
        if len(message) < IF_MSGHDR2.size:
            raise ParseError(f"An RTM_IFINFO2 message has {len(message)} of {IF_MSGHDR2.size} bytes.")
        _length, _version, _type, addresses, flags, index, tx_drops, *if_data = IF_MSGHDR2.unpack_from(message)
        if not addresses & _RTA_IFP or not index:
            raise ParseError("An RTM_IFINFO2 message names no interface.")
        name = _link_name(message[IF_MSGHDR2.size :])
        if name:
            rows.setdefault(name, _row(name, index, flags, tx_drops, *if_data))
    return list(rows.values())


def parse_default_routes(data: bytes | memoryview) -> dict[int, int]:
    """Return the metric of the default route of each interface, by index, from a NET_RT_DUMP or NET_RT_FLAGS dump.

    macOS has no metrics, so they are made up: 0 for the one default route that unbound sockets take, 1 for those that
    only sockets bound to their interface take (RTF_IFSCOPE); each further network service has one. A scoped route
    without a gateway is left out, because it leads to a network within this machine, such as that of its virtual
    machines.
    """
    metrics: dict[int, int] = {}
    for index, flags, addresses, sockaddrs in _routes(data):
        if not flags & RTF_UP or flags & (_RTF_HOST | _RTF_REJECT | _RTF_BLACKHOLE):
            continue
        scoped = bool(flags & _RTF_IFSCOPE)
        if scoped and not flags & RTF_GATEWAY:
            continue
        if _leads_everywhere(sockaddrs, addresses):
            metrics[index] = min(int(scoped), metrics.get(index, 1))
    return metrics


def parse_host_routes(data: bytes | memoryview) -> set[int]:
    """Return the indexes of the interfaces that have a static route to a single host through a gateway, from such a
    dump.

    VPN clients add such a route for their server. Routes that the kernel clones from others are not static.
    """
    blocked = _RTF_REJECT | _RTF_BLACKHOLE
    return {
        index
        for index, flags, _addresses, _sockaddrs in _routes(data)
        if flags & (_HOST_BY_GATEWAY | blocked) == _HOST_BY_GATEWAY
    }


def _routes(data: bytes | memoryview) -> Iterator[tuple[int, int, int, memoryview]]:
    """Yield for each route: interface index, flags, the bit mask that says which addresses follow (rtm_addrs), and the
    bytes of these addresses."""
    for kind, message in _messages(data):
        if kind != _RTM_GET:
            continue
        if len(message) < RT_MSGHDR.size:
            raise ParseError(f"A routing message has {len(message)} of {RT_MSGHDR.size} bytes.")
        _length, _version, _type, index, flags, addresses = RT_MSGHDR.unpack_from(message)
        yield index, flags, addresses, message[RT_MSGHDR.size :]


def _row(
    name: str,
    index: int | None,
    flags: int,
    tx_drops: int,
    type_: int,
    mtu: int,
    baudrate: int,
    rx_packets: int,
    rx_errors: int,
    tx_packets: int,
    tx_errors: int,
    rx_bytes: int,
    tx_bytes: int,
    rx_drops: int,
) -> Row:
    is_up = flags & _IFF_UP_AND_RUNNING == _IFF_UP_AND_RUNNING
    link = Link(name, index, is_up, bool(flags & _IFF_LOOPBACK), type_, mtu)
    counters = (rx_packets, tx_packets, rx_bytes, tx_bytes, rx_errors, tx_errors, rx_drops, tx_drops)
    return Row(link, baudrate, counters)


def _messages(data: bytes | memoryview) -> Iterator[tuple[int, memoryview]]:
    """Yield type and bytes of each routing message in a dump. Lengths are multiples of four, because the kernel pads
    messages."""
    rest = memoryview(data)
    while rest:
        if len(rest) < _MESSAGE.size:
            raise ParseError(f"{len(rest)} bytes after the last routing message.")
        length, version, kind = _MESSAGE.unpack_from(rest)
        if not _MESSAGE.size <= length <= len(rest) or length % 4:
            raise ParseError(f"A routing message claims {length} bytes of {len(rest)}.")
        if version != _RTM_VERSION:
            raise ParseError(f"A routing message of version {version} instead of {_RTM_VERSION}.")
        yield kind, rest[:length]
        rest = rest[length:]


def _link_name(addresses: memoryview) -> str:
    """Return the interface's name from the sockaddr_dl that follows an if_msghdr2."""
    if len(addresses) < _SOCKADDR_DL.size:
        raise ParseError(f"A link-level address has {len(addresses)} bytes.")
    length, family, _index, _type, name_length = _SOCKADDR_DL.unpack_from(addresses)
    end = _SOCKADDR_DL.size + name_length
    if family != _AF_LINK or not end <= length <= len(addresses):
        raise ParseError(f"A link-level address of family {family} has {length} bytes, its name {name_length}.")
    return _name(bytes(addresses[_SOCKADDR_DL.size : end]))


def _leads_everywhere(sockaddrs: memoryview, addresses: int) -> bool:
    """Return whether a route is a default route: its destination and netmask are 0.0.0.0/0 or ::/0.

    The sockaddrs follow in the order of their bits in `addresses`, each padded to four bytes. The kernel cuts trailing
    zeros of a netmask, even to length 0, and does not set its family reliably (XNU, rtm_scrub).
    """
    if not addresses & _RTA_DST:
        return False
    destination, sockaddrs = _sockaddr(sockaddrs)
    offset = _ADDRESS_OFFSET.get(destination[1]) if len(destination) > 1 else None
    if offset is None or any(destination[offset:]):
        return False
    if addresses & _RTA_GATEWAY:
        _gateway, sockaddrs = _sockaddr(sockaddrs)
    if addresses & _RTA_NETMASK:
        netmask, _rest = _sockaddr(sockaddrs)
        return not any(netmask[offset:])
    return True


def _sockaddr(sockaddrs: memoryview) -> tuple[memoryview, memoryview]:
    """Return the first sockaddr, and the bytes after it."""
    length = sockaddrs[0] if sockaddrs else 0
    padded = max(4, length + 3 & ~3)
    if padded > len(sockaddrs):
        raise ParseError(f"A socket address claims {length} bytes of {len(sockaddrs)}.")
    return sockaddrs[:length], sockaddrs[padded:]


def _name(name: bytes) -> str:
    try:
        text = name.decode("ascii")
    except UnicodeDecodeError as error:
        raise ParseError(f"An interface is called {name!r}.") from error
    if "\0" in text:
        raise ParseError(f"An interface is called {name!r}.")
    return text
