"""Identifies the current network by a hash of its gateway, so that no location is stored.

The name of the network is requested and stored only if the user wants that.
"""

from __future__ import annotations

from _blake2 import blake2b  # hashlib's, without the OpenSSL that hashlib loads beside it: 2 MB in the agent
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from netwatch_tray.collect.gateway import connection_of, gateway_address, is_metered
from netwatch_tray.model import InterfaceTick


class Network(NamedTuple):
    """A network to which usage is attributed."""

    key: str
    """Hash of the gateway and of the kind of the uplink; with a name, also of its connection in NetworkManager, because
    a network for guests may have the same gateway."""
    kind: str
    """Kind of the uplink, see model.Interface; `offline` without one."""
    is_metered: bool | None = None
    """Whether NetworkManager calls the network metered; `None` if unknown."""
    name: str | None = None
    """As NetworkManager calls it; `None` if unknown or not wanted."""


OFFLINE = Network("offline", "offline")


def current_network(
    interfaces: Iterable[InterfaceTick], proc: Path = Path("/proc/net"), *, with_name: bool = False
) -> Network:
    """Return the network of the first uplink. Blocks until NetworkManager has responded whether the network is metered.

    If the address of the gateway is unknown, networks of the same kind on the same interface are one network.
    `with_name`: request the name as well.
    """
    uplink = next((each for each in interfaces if each.is_uplink), None)
    if uplink is None:
        return OFFLINE
    identity = f"{uplink.kind} {gateway_address(proc) or uplink.name}"
    connection = connection_of(uplink.name) if with_name else None
    if connection is not None:
        identity = f"{identity} {connection.identity}"
    key = blake2b(identity.encode(errors="backslashreplace"), digest_size=6).hexdigest()
    return Network(key, uplink.kind, is_metered(), connection.name if connection is not None else None)
