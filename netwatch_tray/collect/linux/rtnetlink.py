"""Linux interface counters over one RTNETLINK socket (rtnetlink(7), <linux/if_link.h>, <linux/rtnetlink.h>).

A tick costs two system calls: a dump request and one datagram of responses. Names, flags, addresses and routes are read
once, and again only when the same socket delivers an event, which the kernel queues before the dump's response. On a
host where interfaces come and go all the time that is once a tick; the counters of known interfaces are used even while
others change. All of it works without privileges and sees the network namespace in which the socket was opened.
"""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from netwatch_tray import clock
from netwatch_tray.collect.linux.devices import is_physical, number_in
from netwatch_tray.collect.linux.netlink import (
    HEADER,
    NLMSG_DONE,
    NLMSG_ERROR,
    NetlinkSocket,
    attribute,
    dump_request,
    messages,
    raise_for_error,
    single_request,
)
from netwatch_tray.collect.linux.pppoe import card_of_pppoe
from netwatch_tray.collect.linux.rtnetlink_messages import (
    IF_STATS,
    IFADDR,
    IFINFO,
    IFLA_EXT_MASK,
    IFLA_STATS_LINK_64,
    RTA_DST,
    RTEXT_FILTER_SKIP_STATS,
    RTM_GETADDR,
    RTM_GETLINK,
    RTM_GETROUTE,
    RTM_GETSTATS,
    RTM_NEWADDR,
    RTM_NEWLINK,
    RTM_NEWROUTE,
    RTM_NEWSTATS,
    RTMSG,
    STACKED_BY_ROUTE,
    STATS,
    parse_address,
    parse_default_route,
    parse_host_route,
    parse_link,
    parse_link_stats,
    parse_remote,
    parse_route_answer,
    parse_stats,
)
from netwatch_tray.errors import CollectError, Message, UnsupportedError
from netwatch_tray.kinds import InterfaceKind
from netwatch_tray.model import CounterRow, Interface, Sample
from netwatch_tray.text import decoded

_NETLINK_ROUTE = 0
# RTMGRP_LINK, _IPV4_IFADDR, _IPV4_ROUTE, _IPV6_IFADDR, _IPV6_ROUTE: events that may change facts about an interface.
_GROUPS = 0x1 | 0x10 | 0x40 | 0x100 | 0x400

_KIND_OF_DEVTYPE = {"wlan": InterfaceKind.WIFI, "wwan": InterfaceKind.CELLULAR}
_KINDS_TO_REFINE = frozenset({InterfaceKind.ETHERNET, InterfaceKind.OTHER, "wwan"})
"""Kinds for which sysfs may have a more precise one. Container ends (veth) are not among them, because there may be a
thousand of them."""

_ATTRIBUTE_OFFSET = HEADER.size + IF_STATS.size
_ROW_HEAD = struct.Struct("=IH2xI16xHH")
"""From an RTM_NEWSTATS message: length, type, sequence number; length and type of its first attribute."""
_SMALLEST_ROW = _ATTRIBUTE_OFFSET + 4 + STATS.size
_DONE = struct.Struct("=IH2xI4xi")
"""NLMSG_DONE: length, type, sequence number, result of the dump."""

_ATTEMPTS = 5


class _Source:
    """What both sources have in common: the cache of interfaces, and repeated dumps when interfaces
    change meanwhile."""

    name: str
    note: Message | None = None

    def __init__(self) -> None:
        """Read the counters once, to check that the source works. Raise UnsupportedError if it does not."""
        try:
            self._socket = NetlinkSocket(_NETLINK_ROUTE, _GROUPS)
        except OSError as error:
            raise UnsupportedError("no rtnetlink here: {reason}", reason=error) from error
        self._interfaces: dict[int, Interface] = {}
        self._stale = True
        try:
            self.sample()
        except CollectError as error:
            self.close()
            raise UnsupportedError(error.message) from error

    def sample(self) -> Sample:
        """Return all counters. Raise CollectError if the kernel refuses, or if events were lost in each of several
        attempts."""
        for _ in range(_ATTEMPTS):
            try:
                counters, stamp = self._dump_counters()
                if not self._stale and counters.keys() <= self._interfaces.keys():
                    return Sample(stamp, counters, self._interfaces, 64)
                # Only once: changes during this reading are read with the next sample.
                self._stale = False
                found = self._dump_interfaces()
                earlier = counters
                counters, stamp = self._dump_counters()
            except OSError as error:
                if error.errno not in (errno.ENOBUFS, errno.EAGAIN):
                    raise CollectError("Reading the interfaces failed: {reason}.", reason=error) from error
                # Events were lost, or a response never arrived: discard what is pending in the socket.
                self._socket.drain()
                self._stale = True
                continue
            if self._stale:  # a dump during changes may leave out interfaces that exist all the time
                found = {index: each for index, each in self._interfaces.items() if index in counters} | found
                counters = earlier | counters
            # An equal dump keeps the object, so that readers can see that nothing changed.
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
        """Request one dump, and yield type and body of each message of the response. Events that arrive meanwhile mark
        the cache of interfaces as stale."""
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
        for kind, body in self._answers(RTM_GETADDR, IFADDR.pack(0, 0, 0, 0, 0)):
            if kind == RTM_NEWADDR and (near := parse_address(body)):
                addresses.setdefault(near.interface, []).append(near.address)
                if near.peer is not None:
                    peers[near.interface] = near.peer
        metrics: dict[int, int] = {}
        pinned: set[int] = set()
        for kind, body in self._answers(RTM_GETROUTE, RTMSG.pack(0, 0, 0, 0, 0, 0, 0, 0, 0)):
            if kind == RTM_NEWROUTE:
                for index, metric in parse_default_route(body):
                    metrics[index] = min(metric, metrics.get(index, metric))
                pinned.update(parse_host_route(body))
        request = IFINFO.pack(0, 0, 0, 0, 0, 0) + struct.pack("=HHI", 8, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS)
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
        """Return the interface with its `parent` set to the interface that the tunnel runs over, if it is a tunnel and
        the kernel's tables show that. `peer`: address of the tunnel's far end, packed."""
        if interface.parent is not None or interface.kind not in STACKED_BY_ROUTE:
            return interface
        parent = None if peer is None else self._towards(peer)
        if parent in (None, interface.index) and interface.kind == InterfaceKind.PPP:
            parent = card_of_pppoe(interfaces.values())
        under = None if parent is None else interfaces.get(parent)
        if under is None or under is interface or under.is_loopback:
            return interface
        return msgspec.structs.replace(interface, parent=under.index)

    def _towards(self, peer: bytes) -> int | None:
        """Return the index of the interface through which the kernel would send to this address (packed); None if it is
        unreachable."""
        family = socket.AF_INET if len(peer) == 4 else socket.AF_INET6
        body = RTMSG.pack(family, 8 * len(peer), 0, 0, 0, 0, 0, 0, 0) + attribute(RTA_DST, peer)
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
    """Source that requests RTM_GETSTATS: counters only, 232 bytes an interface. Needs Linux 4.7."""

    name = "rtnetlink RTM_GETSTATS"

    def __init__(self) -> None:
        filter_mask = 1 << (IFLA_STATS_LINK_64 - 1)
        self._request = dump_request(RTM_GETSTATS, IF_STATS.pack(0, 0, 0, 0, filter_mask))
        self._layouts: dict[int, struct.Struct] = {}
        self._sequence: int | None = None
        """Sequence number of the previous dump; None if its response was not read to the end."""
        self._response: bytes | None = None
        """Response to the previous dump if it was a single datagram; None if it had several, or an event
        came with it."""
        self._counters: dict[int, CounterRow] = {}
        """Counters parsed from `_response`."""
        super().__init__()

    def _dump_counters(self) -> tuple[dict[int, CounterRow], float]:
        # With the same sequence number, the response is the same bytes while no counter changes: nothing is parsed.
        # Another number once a dump was not read to its end, because the rest of it may still arrive.
        sequence, self._sequence = self._sequence, None
        if sequence is None:
            sequence = self._socket.request_dump(self._request)
        else:
            self._socket.repeat(self._request)
        datagram = self._socket.receive()
        stamp = clock.boottime()
        response = bytes(datagram)
        if response != self._response:
            counters: dict[int, CounterRow] = {}
            is_single = True
            while not self._take(datagram, sequence, counters):
                is_single = False
                datagram = self._socket.receive()
            self._response = response if is_single and not self._stale else None
            self._counters = counters
        self._sequence = sequence
        return self._counters, stamp

    def _take(self, datagram: memoryview, sequence: int, counters: dict[int, CounterRow]) -> bool:
        """Add the counters of a datagram to `counters`. Return whether the dump is complete. Raise CollectError if the
        kernel reports an error."""
        end = 0
        layout = self._row_layout(datagram, sequence)
        if layout is not None:
            rest = len(datagram) % layout.size
            end = len(datagram) - rest
            for row in layout.iter_unpack(datagram[:end]):
                counters[row[0]] = row[1:]
            if rest == _DONE.size and _DONE.unpack_from(datagram, end) == (rest, NLMSG_DONE, sequence, 0):
                return True
        for kind, answers, body in messages(datagram[end:]):
            if answers == sequence and kind in (NLMSG_DONE, NLMSG_ERROR):
                raise_for_error(body)
                return True
            if answers == sequence and kind == RTM_NEWSTATS:
                counters.update(parse_stats(body))
            else:  # an event
                self._stale = True
        return False

    def _row_layout(self, datagram: memoryview, sequence: int) -> struct.Struct | None:
        """Return a Struct that unpacks index and counters of all messages in a datagram at once; None if each must be
        parsed by itself.

        A datagram of a dump holds responses of that dump only, of one size because the kernel writes the same structure
        in each. So the first message shows the layout (newer kernels append counters), and the last one proves that all
        have that size.
        """
        if len(datagram) < _SMALLEST_ROW:
            return None
        head = _ROW_HEAD.unpack_from(datagram)
        size, kind, answers, attribute_size, attribute = head
        if (answers, kind, attribute) != (sequence, RTM_NEWSTATS, IFLA_STATS_LINK_64):
            return None
        last = len(datagram) // size * size - size
        if attribute_size != size - _ATTRIBUTE_OFFSET or (last and _ROW_HEAD.unpack_from(datagram, last) != head):
            return None
        layout = self._layouts.get(size)
        if layout is None and size >= _SMALLEST_ROW:
            layout = self._layouts[size] = struct.Struct(f"=20xI8x8Q{size - _SMALLEST_ROW}x")
        return layout


class LinkSource(_Source):
    """Source that requests RTM_GETLINK with its 64-bit statistics: the same counters, from any kernel, at a higher
    cost."""

    name = "rtnetlink RTM_GETLINK"

    def _dump_counters(self) -> tuple[dict[int, CounterRow], float]:
        counters: dict[int, CounterRow] = {}
        stamp = 0.0
        for kind, body in self._answers(RTM_GETLINK, IFINFO.pack(0, 0, 0, 0, 0, 0)):
            stamp = stamp or clock.boottime()
            if kind == RTM_NEWLINK:
                counters.update(parse_link_stats(body))
        return counters, stamp


def _with_facts(
    link: Interface, addresses: tuple[str, ...], default_metric: int | None, *, has_host_route: bool
) -> Interface:
    """Return the interface with addresses and routes from other tables, and with kind and speed from sysfs."""
    kind, speed, physical = link.kind, None, False
    device = Path("/sys/class/net", link.name)
    # /sys shows the namespace it was mounted in, which need not be ours: the index shows it.
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
    """Return DEVTYPE from the device's file `uevent` in sysfs, such as `wlan` (kernel: SET_NETDEV_DEVTYPE); empty if it
    has none."""
    try:
        lines = (device / "uevent").read_bytes().split(b"\n")
    except OSError:
        return ""
    return next((decoded(line.partition(b"=")[2]) for line in lines if line.startswith(b"DEVTYPE=")), "")
