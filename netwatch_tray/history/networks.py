"""Identifies the current network by a hash of its gateway's address, so that the history contains no location.

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
    """A network in which usage is recorded."""

    key: str
    """Hash of the gateway's address and the kind of the uplink. If names are stored, the ID of the connection in
    NetworkManager is hashed as well, because a guest network may have the same gateway."""
    kind: str
    """Kind of the uplink (model.Interface.kind); `offline` if there is none."""
    is_metered: bool | None = None
    """Whether NetworkManager reports the network as metered; `None` if unknown."""
    name: str | None = None
    """Name of the connection in NetworkManager; `None` if unknown, or the user does not want names stored."""


OFFLINE = Network("offline", "offline")


def current_network(
    interfaces: Iterable[InterfaceTick], proc: Path = Path("/proc/net"), *, with_name: bool = False
) -> Network:
    """Return the network of the first uplink. Blocks until NetworkManager has responded.

    If the address of the gateway is unknown, the name of the interface replaces it, so that all networks on this
    interface are one. `with_name`: also request the name of the network.
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
