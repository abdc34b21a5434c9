"""Linux interface counters from /proc/net/dev, for kernels and sandboxes without rtnetlink (proc_pid_net(5)).

The file stays open. Indexes, flags, kinds and default routes are read only when its list of names changes and every
10 s: flags by ioctl, because /sys/class/net/*/flags lacks IFF_RUNNING, which the kernel computes on request.
"""

from __future__ import annotations

import fcntl
import os
import socket
import struct
from collections.abc import Iterable
from pathlib import Path

import msgspec

from netwatch_tray import clock
from netwatch_tray.collect.linux.devices import number_in
from netwatch_tray.collect.linux.pppoe import card_of_pppoe
from netwatch_tray.collect.linux.proc import Route, parse_routes, parse_routes6
from netwatch_tray.collect.odd_rows import parsed
from netwatch_tray.collect.portable.interface_facts import InterfaceFacts
from netwatch_tray.errors import CollectError, Message, ParseError, UnsupportedError
from netwatch_tray.kinds import InterfaceKind
from netwatch_tray.model import CounterRow, Interface, Sample
from netwatch_tray.text import from_os

_CHUNK = 1 << 16
_SIOCGIFFLAGS = 0x8913
_IFREQ_NAME = struct.Struct("40s")
_IFREQ_FLAGS = struct.Struct("=16xH22x")
"""struct ifreq (netdevice(7)): name and flags. It has 40 bytes where pointers have 64 bits, and fewer elsewhere."""
_IFF_UP_AND_RUNNING, _IFF_LOOPBACK = 0x1 | 0x40, 0x8
_RTF_GATEWAY = 0x2
_LINK_LOCAL = bytes((169, 254))
_KIND_OF_ARPHRD = {1: InterfaceKind.ETHERNET, 512: InterfaceKind.PPP, 772: InterfaceKind.LOOPBACK}


class ProcNetDevSource:
    """Source of interface counters that reads /proc/net/dev by pread(2). Its drops include packets that the hardware
    missed."""

    name = "/proc/net/dev"
    note: Message | None = None

    def __init__(self) -> None:
        """Read the file once, to check that the source works. Raise UnsupportedError if it does not."""
        try:
            self._fd = os.open("/proc/net/dev", os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise UnsupportedError("/proc/net/dev cannot be opened: {reason}", reason=error) from error
        self._facts = InterfaceFacts()
        try:
            self.sample()
        except CollectError as error:
            self.close()
            raise UnsupportedError(error.message) from error

    def sample(self) -> Sample:
        try:
            content = self._read()
            now = clock.boottime()
            rows = parse_proc_net_dev(content)
            names = tuple(name for name, _ in rows)
            self._facts.update(now, names, lambda: _read_interfaces(names))
        except OSError as error:
            raise CollectError("Reading the interfaces of /proc/net failed: {reason}.", reason=error) from error
        index_of = self._facts.index_of
        counters = {index_of[name]: row for name, row in rows if name in index_of}
        return Sample(now, counters, self._facts.interfaces, 64)

    def close(self) -> None:
        os.close(self._fd)

    def _read(self) -> bytes:
        # A read returns about a page of whole lines; the end of the file is an empty one.
        content = b""
        while chunk := os.pread(self._fd, _CHUNK, len(content)):
            content += chunk
        return content


def parse_proc_net_dev(content: bytes) -> list[tuple[str, CounterRow]]:
    """Return name (in the form that `os` uses) and counters from each line below the two lines of headings.

    Raise ParseError if the headings differ, or no line can be parsed.
    """
    headings, *lines = content.removesuffix(b"\n").split(b"\n")
    if not headings.startswith(b"Inter-|") or not lines or b"|bytes" not in lines[0]:
        raise ParseError("/proc/net/dev begins with unknown headings.")
    return parsed("/proc/net/dev", lines[1:], _counters)


def _counters(line: bytes) -> tuple[str, CounterRow]:
    # From the right: kernels before 4.19 allow a colon in a name.
    name, _, columns = line.rpartition(b":")
    numbers = [int(column) for column in columns.split()]
    if not name or len(numbers) != 16 or min(numbers) < 0:
        raise ValueError(line)
    rx_bytes, rx_packets, rx_errors, rx_drops = numbers[:4]
    tx_bytes, tx_packets, tx_errors, tx_drops = numbers[8:12]
    counters = (rx_packets, tx_packets, rx_bytes, tx_bytes, rx_errors, tx_errors, rx_drops, tx_drops)
    return os.fsdecode(name.strip()), counters


def default_metrics(routes: Iterable[Route]) -> dict[str, int]:
    """Return the lowest metric of the usable default routes, by name of the interface."""
    metrics: dict[str, int] = {}
    for each in routes:
        if each.is_default and each.is_usable:
            metrics[each.interface] = min(each.metric, metrics.get(each.interface, each.metric))
    return metrics


def pinned_interfaces(routes: Iterable[Route]) -> set[str]:
    """Return the names of the interfaces that have a usable route to a single IPv4 host through a gateway.

    VPN clients add such a route for their server. Routes to link-local hosts (metadata services) do not count.
    """
    return {
        each.interface
        for each in routes
        if each.prefix == 32
        and each.is_usable
        and each.flags & _RTF_GATEWAY
        and not each.destination.startswith(_LINK_LOCAL)
    }


def _read_interfaces(names: tuple[str, ...]) -> Iterable[tuple[str, Interface]]:
    routes = parse_routes(_content(Path("/proc/net/route")))
    metrics = default_metrics([*routes, *parse_routes6(_content(Path("/proc/net/ipv6_route")))])
    pinned = pinned_interfaces(routes)
    found: dict[str, Interface] = {}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        for name in names:
            try:
                index = socket.if_nametoindex(name)
                (flags,) = _IFREQ_FLAGS.unpack(fcntl.ioctl(probe, _SIOCGIFFLAGS, _IFREQ_NAME.pack(os.fsencode(name))))
            except OSError:  # removed since its counters were read
                continue
            found[name] = _interface(index, name, flags, metrics.get(name), has_host_route=name in pinned)
    card = card_of_pppoe(found.values())
    if card is not None:
        for name, each in found.items():
            if each.kind == InterfaceKind.PPP:
                found[name] = msgspec.structs.replace(each, parent=card)
    return found.items()


def _interface(index: int, name: str, flags: int, default_metric: int | None, *, has_host_route: bool) -> Interface:
    device = Path("/sys/class/net", name)
    is_loopback = bool(flags & _IFF_LOOPBACK)
    # /sys shows the namespace it was mounted in, which need not be ours: the index shows it.
    is_ours = number_in(device / "ifindex") == index
    megabits = number_in(device / "speed") if is_ours else None
    return Interface(
        index=index,
        name=from_os(name),
        is_up=flags & _IFF_UP_AND_RUNNING == _IFF_UP_AND_RUNNING,
        is_loopback=is_loopback,
        kind=_kind(device) if is_ours else InterfaceKind.LOOPBACK if is_loopback else InterfaceKind.OTHER,
        mtu=number_in(device / "mtu") if is_ours else None,
        speed=megabits * 1_000_000 if megabits and megabits > 0 else None,
        default_metric=default_metric,
        has_host_route=has_host_route,
    )


def _kind(device: Path) -> str:
    for line in _content(device / "uevent").split(b"\n"):
        key, _, value = line.partition(b"=")
        if key == b"DEVTYPE":
            return InterfaceKind.WIFI if value == b"wlan" else value.decode(errors="replace")
    if (device / "tun_flags").exists():
        return InterfaceKind.TUN
    return _KIND_OF_ARPHRD.get(number_in(device / "type") or 0, InterfaceKind.OTHER)


def _content(file: Path) -> bytes:
    """Return the content of a file; empty if the kernel does not have it, or the interface was removed."""
    try:
        return file.read_bytes()
    except OSError:
        return b""
