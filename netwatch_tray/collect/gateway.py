"""The network that the default gateway belongs to: how it is identified, its name, and whether it is metered."""

from __future__ import annotations

from pathlib import Path

from netwatch_tray.collect.linux import network_manager
from netwatch_tray.collect.linux.network_manager import Connection
from netwatch_tray.errors import ParseError
from netwatch_tray.text import decoded


def gateway_address(proc: Path = Path("/proc/net")) -> str | None:
    """Return the hardware address of the IPv4 default gateway, which identifies the network; the gateway's IP address
    if the kernel does not know the hardware address.

    None if there is no gateway, or on a system other than Linux. Source: route(5), arp in proc_pid_net(5).
    """
    from netwatch_tray.collect.linux.proc import default_gateway, parse_routes  # noqa: PLC0415  once an hour

    try:
        best = default_gateway(parse_routes(_content(proc / "route")))
    except ParseError:
        best = None
    if best is None:
        return None
    # IP address, HW type, Flags, HW address, Mask, Device
    for fields in (decoded(line).split() for line in _content(proc / "arp").split(b"\n")[1:]):
        if len(fields) == 6 and fields[0] == best.next_hop and fields[3] != "00:00:00:00:00:00":
            return fields[3]
    return best.next_hop


def is_metered() -> bool | None:
    """Return whether NetworkManager reports the network as metered, or `None` if unknown. Waits some seconds
    at most."""
    return network_manager.is_metered()


def connection_of(interface: str) -> Connection | None:
    """Return NetworkManager's connection profile that is active on an interface, or None if unknown. Waits some seconds
    at most."""
    return network_manager.connection_of(interface)


def _content(file: Path) -> bytes:
    """Return the content of a file; empty if it does not exist."""
    try:
        return file.read_bytes()
    except OSError:
        return b""
