"""Files of /proc that several modules read, with one parser for each (proc(5)). Pure."""

from __future__ import annotations

import os
import re
import socket
import sys
from collections.abc import Iterable

import msgspec

from netwatch_tray.collect.odd_rows import parsed
from netwatch_tray.errors import ParseError
from netwatch_tray.text import decoded, from_os

_RTF_UP, _RTF_REJECT = 0x1, 0x200
_OCTAL = re.compile(rb"\\([0-3][0-7]{2})")


class Route(msgspec.Struct, frozen=True, gc=False):
    """A row of /proc/net/route or /proc/net/ipv6_route; addresses of 4 or 16 bytes in network order."""

    interface: str
    """Name of the interface in the form that `os` uses: undecodable bytes are surrogates."""
    destination: bytes
    prefix: int
    """Prefix length of `destination`, in bits."""
    gateway: bytes
    """Address of the gateway; all zeros if there is none."""
    metric: int
    flags: int

    @property
    def is_usable(self) -> bool:
        return self.flags & (_RTF_UP | _RTF_REJECT) == _RTF_UP

    @property
    def is_default(self) -> bool:
        return not self.prefix and not any(self.destination)

    @property
    def next_hop(self) -> str:
        """Return the gateway's address; a link-local one with its interface, as `fe80::1%eth0`."""
        is_four = len(self.gateway) == 4
        address = socket.inet_ntop(socket.AF_INET if is_four else socket.AF_INET6, self.gateway)
        is_link_local = not is_four and self.gateway[0] == 0xFE and self.gateway[1] & 0xC0 == 0x80
        return f"{address}%{from_os(self.interface)}" if is_link_local else address


def parse_routes(content: bytes) -> list[Route]:
    """Parse /proc/net/route: IPv4, after a line of headings. Raise ParseError if no line can be parsed."""
    return parsed("/proc/net/route", content.split(b"\n")[1:], _route)


def _route(line: bytes) -> Route:
    name, destination, gateway, flags, _references, _use, metric, mask, *_ = line.split()
    return Route(
        interface=os.fsdecode(name),
        destination=_in_network_order(destination),
        prefix=int.from_bytes(_in_network_order(mask), "big").bit_count(),
        gateway=_in_network_order(gateway),
        metric=int(metric),
        flags=int(flags, 16),
    )


def _in_network_order(address: bytes) -> bytes:
    return int(address, 16).to_bytes(4, sys.byteorder)


def parse_routes6(content: bytes) -> list[Route]:
    """Parse /proc/net/ipv6_route. Raise ParseError if no line can be parsed."""
    return parsed("/proc/net/ipv6_route", content.split(b"\n"), _route6)


def _route6(line: bytes) -> Route:
    destination, prefix, _source, _source_prefix, gateway, metric, _references, _use, flags, name = line.split()
    found = Route(
        interface=os.fsdecode(name),
        destination=bytes.fromhex(destination.decode()),
        prefix=int(prefix, 16),
        gateway=bytes.fromhex(gateway.decode()),
        metric=int(metric, 16),
        flags=int(flags, 16),
    )
    if len(found.destination) != 16 or len(found.gateway) != 16:
        raise ValueError(line)
    return found


def default_gateway(routes: Iterable[Route]) -> Route | None:
    """Return the default route with the lowest metric among those that are up and have a gateway; None if there is
    none."""
    usable = (each for each in routes if each.is_default and each.is_usable and any(each.gateway))
    return min(usable, key=lambda each: each.metric, default=None)


class ProcessStat(msgspec.Struct, frozen=True, gc=False):
    """The fields of /proc/PID/stat (proc_pid_stat(5)) that are used."""

    pid: int
    name: str
    """Name of the process; the kernel cuts it after 15 bytes."""
    state: str
    """One letter: R, S, I, Z or T …"""
    parent: int
    """PID of the parent; 0 if there is none."""
    cpu_ticks: int
    """CPU time used since it started, user and system together, in clock ticks (SC_CLK_TCK a second)."""
    start_ticks: int
    """Clock ticks from boot to the start of the process."""
    virtual_bytes: int
    resident_pages: int


def parse_process_stat(content: bytes) -> ProcessStat:
    """Parse /proc/PID/stat. The process name is in parentheses and may itself contain any; it ends at the last one.
    Raise ParseError if a field is missing."""
    try:
        start, end = content.index(b"("), content.rindex(b")")
        words = content[end + 1 :].split()
        return ProcessStat(
            pid=int(content[:start]),
            name=decoded(content[start + 1 : end]),
            state=words[0].decode("ascii")[:1],
            parent=int(words[1]),
            cpu_ticks=int(words[11]) + int(words[12]),
            start_ticks=int(words[19]),
            virtual_bytes=int(words[20]),
            resident_pages=max(0, int(words[21])),
        )
    except (ValueError, IndexError) as error:
        raise ParseError(f"/proc/PID/stat has {content[:80]!r}.") from error


class Mount(msgspec.Struct, frozen=True, gc=False):
    """A row of /proc/self/mounts. Names are in the form that `os` uses: undecodable bytes are surrogates."""

    device: str
    point: str
    kind: str


def parse_mounts(content: bytes) -> list[Mount]:
    """Parse /proc/self/mounts (fstab(5)). Space, tab, newline and backslash are written there as octal escapes, other
    bytes as they are.

    Raise ParseError if no line can be parsed.
    """
    return parsed("/proc/self/mounts", content.split(b"\n"), _mount)


def _mount(line: bytes) -> Mount:
    device, point, kind, _options, _dump, _pass = line.split(b" ")
    if not point.startswith(b"/"):
        raise ValueError(line)
    return Mount(*(os.fsdecode(_OCTAL.sub(_octal_byte, word)) for word in (device, point, kind)))


def _octal_byte(found: re.Match[bytes]) -> bytes:
    return bytes([int(found[1], 8)])
