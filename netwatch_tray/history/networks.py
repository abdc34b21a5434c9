"""Which network the machine is in, known again without storing where that is: a hash of its gateway."""

from __future__ import annotations

import socket
import struct
from _blake2 import blake2b  # hashlib's, without the OpenSSL that hashlib loads beside it: 2 MB in the agent
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from netwatch_tray.collect.linux.network_manager import is_metered
from netwatch_tray.model import InterfaceTick
from netwatch_tray.text import decoded

_RTF_GATEWAY = 0x2


class Network(NamedTuple):
    """What usage is told apart by."""

    key: str
    """Hash of the gateway and of the kind of the uplink."""
    kind: str
    """Of the uplink: `wifi`, `ethernet` …; `offline` without one."""
    is_metered: bool | None = None
    """`None`: nobody knows."""


OFFLINE = Network("offline", "offline")


def current_network(interfaces: Iterable[InterfaceTick], proc: Path = Path("/proc/net")) -> Network:
    """The network of the first uplink. Waits for NetworkManager, where there is one, to say whether it is metered.

    By its gateway's hardware address, or else its IPv4 address, where the system tells them (Linux, route(5));
    elsewhere two networks of the same kind on the same interface are one.
    """
    uplink = next((each for each in interfaces if each.is_uplink), None)
    if uplink is None:
        return OFFLINE
    gateway = _gateway(proc)
    known_by = f"{uplink.kind} {gateway or uplink.name}".encode(errors="backslashreplace")
    return Network(blake2b(known_by, digest_size=6).hexdigest(), uplink.kind, is_metered())


def _gateway(proc: Path) -> str | None:
    """Of the best default route: its hardware address where the kernel knows it, else its address."""
    best: tuple[int, str] | None = None
    for fields in _rows(proc / "route"):
        # Iface Destination Gateway Flags RefCnt Use Metric Mask …, addresses in the machine's byte order
        try:
            destination, gateway, flags, metric, mask = (int(fields[n], 10 if n == 6 else 16) for n in (1, 2, 3, 6, 7))
            address = socket.inet_ntoa(struct.pack("=I", gateway))
        except (ValueError, IndexError, struct.error):
            continue
        if not destination and not mask and flags & _RTF_GATEWAY and (best is None or metric < best[0]):
            best = metric, address
    if best is None:
        return None
    for fields in _rows(proc / "arp"):  # IP address, HW type, Flags, HW address, Mask, Device
        if len(fields) == 6 and fields[0] == best[1] and fields[3] != "00:00:00:00:00:00":
            return fields[3]
    return best[1]


def _rows(file: Path) -> list[list[str]]:
    try:
        return [decoded(line).split() for line in file.read_bytes().split(b"\n")[1:]]
    except OSError:
        return []
