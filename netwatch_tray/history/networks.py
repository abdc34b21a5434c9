"""Identifies the network that the computer is in by a hash of its gateway, so that no location is stored."""

from __future__ import annotations

from _blake2 import blake2b  # hashlib's, without the OpenSSL that hashlib loads beside it: 2 MB in the agent
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from netwatch_tray.collect.gateway import gateway_address, is_metered
from netwatch_tray.model import InterfaceTick


class Network(NamedTuple):
    """A network by which usage is recorded."""

    key: str
    """Hash of the gateway and of the kind of the uplink."""
    kind: str
    """Of the uplink, see model.Interface; `offline` without one."""
    is_metered: bool | None = None
    """`None` if unknown."""


OFFLINE = Network("offline", "offline")


def current_network(interfaces: Iterable[InterfaceTick], proc: Path = Path("/proc/net")) -> Network:
    """Return the network of the first uplink. Waits for NetworkManager, which reports whether it is metered.

    Without the address of a gateway, networks of the same kind on the same interface are one network.
    """
    uplink = next((each for each in interfaces if each.is_uplink), None)
    if uplink is None:
        return OFFLINE
    identity = f"{uplink.kind} {gateway_address(proc) or uplink.name}".encode(errors="backslashreplace")
    return Network(blake2b(identity, digest_size=6).hexdigest(), uplink.kind, is_metered())
