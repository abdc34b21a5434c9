"""The network behind the default gateway: what identifies it, and whether it is metered."""

from __future__ import annotations

import socket
import struct
from pathlib import Path

from netwatch_tray.collect.linux import network_manager
from netwatch_tray.text import decoded

_RTF_GATEWAY = 0x2


def gateway_address(proc: Path = Path("/proc/net")) -> str | None:
    """Return the hardware address of the IPv4 default gateway, or its IP address where the kernel has no other.

    `None`: there is no gateway, or the system is not Linux. Source: route(5), arp in proc_pid_net(5).
    """
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


def is_metered() -> bool | None:
    """Return whether NetworkManager calls the network metered; `None`: unknown. Waits some seconds at most."""
    return network_manager.is_metered()


def _rows(file: Path) -> list[list[str]]:
    try:
        return [decoded(line).split() for line in file.read_bytes().split(b"\n")[1:]]
    except OSError:
        return []
