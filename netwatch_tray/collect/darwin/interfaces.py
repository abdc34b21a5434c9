"""Interface counters of macOS by sysctl(3): one system call a tick, and no other process.

The properties in the counters' dump (state, type, MTU) are as recent as the counters. Addresses, default routes and the
kind of a link are read when the list of interfaces changes and every 10 s.
"""

from __future__ import annotations

import fcntl
import logging
import socket
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import NamedTuple

import msgspec
import psutil

from netwatch_tray import clock
from netwatch_tray.collect.darwin.parsers import (
    RTF_GATEWAY,
    RTF_STATIC,
    Row,
    parse_default_routes,
    parse_host_routes,
    parse_ifalldata,
    parse_iflist2,
)
from netwatch_tray.collect.darwin.sysctl import Sysctl
from netwatch_tray.collect.portable.interface_facts import InterfaceFacts
from netwatch_tray.collect.portable.psutil_interfaces import addresses
from netwatch_tray.errors import CollectError, Message, UnsupportedError, message, reason_of
from netwatch_tray.kinds import InterfaceKind
from netwatch_tray.model import Interface, Sample

_log = logging.getLogger(__name__)

_CTL_NET, _PF_ROUTE, _PF_LINK = 4, 17, 18
_NETLINK_GENERIC, _IFMIB_IFALLDATA, _IFDATA_GENERAL = 0, 3, 1
_NET_RT_FLAGS, _NET_RT_IFLIST2 = 2, 6

_DEFAULT_ROUTES = (_CTL_NET, _PF_ROUTE, 0, 0, _NET_RT_FLAGS, RTF_GATEWAY | RTF_STATIC)
"""Numbers of the sysctl that returns only routes with these flags. It leaves out neighbours (entries of the ARP table),
of which a large network has thousands."""

_SATURATED_BAUDRATE = 0xFFFFFFFF

_IFT_ETHER = 0x6
_KIND_OF_TYPE = {
    _IFT_ETHER: InterfaceKind.ETHERNET,
    0x17: InterfaceKind.PPP,
    0x18: InterfaceKind.LOOPBACK,
    0x37: "gif",
    0x39: "stf",
    0x87: InterfaceKind.VLAN,
    0x88: InterfaceKind.BOND,
    0x90: "firewire",
    0xD1: InterfaceKind.BRIDGE,
    0xFF: InterfaceKind.CELLULAR,
}
_KIND_OF_DRIVER = {
    "utun": InterfaceKind.TUN,
    "tun": InterfaceKind.TUN,
    "tap": InterfaceKind.TUN,
    "ipsec": "ipsec",
    **dict.fromkeys(("anpi", "ap", "awdl", "feth", "llw", "vmenet", "vmnet")),
}
"""Kind of an interface by its name without the number, where the name is more precise than the type. None: the kind is
the name itself."""
_TUNNELS = frozenset({InterfaceKind.TUN, "ipsec", "gif", "stf"})
"""Kinds of interfaces that run over another one. PPP is not among them, because it may be a modem."""

_SIOCGIFMEDIA = 0xC02C6938
"""Number of the ioctl: _IOWR('i', 56, struct ifmediareq). The struct has 44 bytes: the interface's name, the current
medium at offset 16, the status at offset 24."""
_IFM_NMASK, _IFM_IEEE80211 = 0xE0, 0x80
_IFM_AVALID, _IFM_ACTIVE = 0x1, 0x2
_SCOPED = 1
"""Metric assigned to default routes that only sockets bound to their interface use; see parse_default_routes."""


class Medium(NamedTuple):
    """What the driver reports about the medium of an interface (<net/if_media.h>)."""

    is_wireless: bool
    """Whether it is Wi-Fi (IEEE 802.11)."""
    has_carrier: bool | None
    """Whether a cable has a device at its other end, or a Wi-Fi network is joined; None if the driver does not report
    it."""


NO_MEDIUM = Medium(is_wireless=False, has_carrier=None)


class Dump(NamedTuple):
    """One of the two sysctl requests by which the kernel returns its counters, with the parser of the response."""

    name: str
    note: Message | None
    """What the user should know about these counters; see InterfaceSource.note."""
    mib: tuple[int, ...]
    parse: Callable[[memoryview], list[Row]]
    counter_bits: int


IFALLDATA = Dump(
    "sysctl IFMIB_IFALLDATA",
    None,
    (_CTL_NET, _PF_LINK, _NETLINK_GENERIC, _IFMIB_IFALLDATA, 0, _IFDATA_GENERAL),
    parse_ifalldata,
    64,
)
IFLIST2 = Dump(
    "sysctl NET_RT_IFLIST2 (32-bit, KiB-rounded)",
    # The kernel rounds only bytes, and only for programs that Apple did not build, like this one (XNU, sysctl_iflist2).
    message("The kernel rounds these byte counters to 1024 and wraps them at 4 GiB."),
    (_CTL_NET, _PF_ROUTE, 0, 0, _NET_RT_IFLIST2, 0),
    parse_iflist2,
    32,
)


class SysctlSource:
    """Source of interface counters from one of the two dumps, with the properties of the interfaces."""

    def __init__(self, dump: Dump, function: Callable[..., int] | None = None) -> None:
        """Read the counters once, to check that the source works. Raise UnsupportedError if it does not. `function`:
        replaces C's sysctl in tests."""
        self.name = dump.name
        self.note = dump.note
        self._dump = dump
        self._counters = Sysctl(dump.mib, function)
        self._routes = Sysctl(_DEFAULT_ROUTES, function)
        self._routes_fault = ""
        self._facts = InterfaceFacts()
        try:
            self.sample()
        except CollectError as error:
            raise UnsupportedError(error.message) from error

    def sample(self) -> Sample:
        data = self._counters.read()
        now = clock.boottime()
        rows = self._dump.parse(data)
        self._facts.update(now, tuple(row.link for row in rows), lambda: self._named(rows))
        index_of = self._facts.index_of
        counters = {index_of[row.link.name]: row.counters for row in rows if row.link.name in index_of}
        return Sample(now, counters, self._facts.interfaces, self._dump.counter_bits)

    def close(self) -> None:
        """Do nothing; no descriptor is kept open."""

    def _named(self, rows: Iterable[Row]) -> Iterator[tuple[str, Interface]]:
        return ((interface.name, interface) for interface in self._read_interfaces(rows))

    def _read_interfaces(self, rows: Iterable[Row]) -> Iterator[Interface]:
        metrics, pinned = self._known_routes()
        addresses_of = _addresses()
        found = []
        for link, baudrate, _counters in rows:
            try:
                index = link.ifindex or socket.if_nametoindex(link.name)
            except OSError:  # removed since its counters were read
                continue
            medium = medium_of(link.name) if link.type == _IFT_ETHER else NO_MEDIUM
            interface = Interface(
                index=index,
                name=link.name,
                # IFF_RUNNING stays on without a cable and without a joined network.
                is_up=link.is_up and medium.has_carrier is not False,
                is_loopback=link.is_loopback,
                kind=kind_of(link.name, link.type, is_wireless=medium.is_wireless),
                mtu=link.mtu or None,
                speed=baudrate if 0 < baudrate < _SATURATED_BAUDRATE else None,
                addresses=addresses_of.get(link.name, ()),
                default_metric=metrics.get(index),
                has_host_route=index in pinned,
            )
            found.append(interface)
        return without_stranded_tunnels(found)

    def _known_routes(self) -> tuple[Mapping[int, int], Collection[int]]:
        """Return the metrics of default routes by interface index, and the indexes of the interfaces that have a static
        route to a single host.

        If the routes cannot be read, log that once and return none; the counters are still used.
        """
        try:
            dump = self._routes.read()
            metrics, pinned = parse_default_routes(dump), parse_host_routes(dump)
        except CollectError as error:
            if str(error) != self._routes_fault:
                _log.warning("The default routes are unknown, so no interface is known as the uplink: %s", error)
            self._routes_fault = str(error)
            return {}, ()
        self._routes_fault = ""
        return metrics, pinned


def without_stranded_tunnels(interfaces: Iterable[Interface]) -> Iterator[Interface]:
    """Yield the interfaces; those of tunnels that cannot reach anything now have no default route.

    macOS keeps scoped IPv6 default routes on the utun interfaces of its own services, with or without a network. A
    VPN's route may also outlast the network that the VPN runs over.
    """
    interfaces = tuple(interfaces)
    has_network = any(
        each.is_up and each.default_metric is not None and each.kind not in _TUNNELS for each in interfaces
    )
    for each in interfaces:
        is_stranded = each.kind in _TUNNELS and (not has_network or each.default_metric == _SCOPED)
        yield msgspec.structs.replace(each, default_metric=None) if is_stranded else each


def kind_of(name: str, type_: int, *, is_wireless: bool) -> str:
    """Return the kind of an interface (`ethernet`, `wifi`, `tun` …) by its name, its IFT_ number (<net/if_types.h>) and
    its medium."""
    driver = name.rstrip("0123456789")
    if driver in _KIND_OF_DRIVER:
        return _KIND_OF_DRIVER[driver] or driver
    if type_ == _IFT_ETHER and is_wireless:
        return InterfaceKind.WIFI
    return _KIND_OF_TYPE.get(type_, InterfaceKind.OTHER)


def medium_of(name: str) -> Medium:
    """Return the medium of an interface (ioctl SIOCGIFMEDIA), or NO_MEDIUM if the driver reports nothing."""
    request = name.encode().ljust(44, b"\0")
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            answer = fcntl.ioctl(probe, _SIOCGIFMEDIA, request)
    except OSError:
        return NO_MEDIUM
    current, status = (int.from_bytes(answer[at : at + 4], "little") for at in (16, 24))
    return Medium(
        is_wireless=current & _IFM_NMASK == _IFM_IEEE80211,
        has_carrier=bool(status & _IFM_ACTIVE) if status & _IFM_AVALID else None,
    )


def _addresses() -> Mapping[str, tuple[str, ...]]:
    try:
        return addresses()
    except (OSError, psutil.Error) as error:
        _log.info("The addresses of the interfaces are unknown: %s", reason_of(error))
        return {}
