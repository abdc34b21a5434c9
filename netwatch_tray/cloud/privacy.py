"""Reduces a snapshot to what the user chose to send: the level, with hidden addresses and names replaced.

This is the last step before a snapshot is stored in the spool, so the spool contains nothing else.
"""

from __future__ import annotations

import hashlib
import ipaddress
from typing import Any, NamedTuple, get_args

import msgspec
from msgspec import UNSET

from netwatch_tray.cloud import wire
from netwatch_tray.model import InterfaceTick, Role
from netwatch_tray.settings import Upload, UploadLevel

_ORDER: tuple[UploadLevel, ...] = get_args(UploadLevel)
"""The levels, from that which sends least to that which sends most."""


class Scope(NamedTuple):
    """How much a stored snapshot contains. Those that contain more than the user wants to send now are dropped."""

    level: int = 0
    """Index of the level in the order of UploadLevel, from 0."""
    hides_addresses: bool = False
    hides_names: bool = False


def scope(upload: Upload) -> Scope:
    return Scope(_ORDER.index(upload.level), upload.hide_addresses, upload.hide_names)


def includes(level: UploadLevel, part: UploadLevel) -> bool:
    """Return whether the data that the level `part` adds are sent at `level`."""
    return _ORDER.index(level) >= _ORDER.index(part)


def is_sent(interface: InterfaceTick, *, all_interfaces: bool) -> bool:
    """Return whether an interface is sent: one that counts in the total, or with `all_interfaces` (the user's choice)
    any but the loopback, because servers sum all they receive."""
    if all_interfaces:
        return interface.role is not Role.LOOPBACK
    return interface.is_uplink and interface.is_up


def limited(
    snapshot: wire.Snapshot, level: UploadLevel, secret: bytes, *, hide_addresses: bool, hide_names: bool
) -> wire.Snapshot:
    """Return the part of a snapshot that the user chose to send. `secret`: the words that replace names are derived
    from it; it is never sent."""
    changes: dict[str, Any] = {}
    if not includes(level, "events"):
        changes |= dict.fromkeys(("alerts", "dns_analytics"), UNSET)
    if not includes(level, "connections"):
        changes["connections"] = UNSET
    elif hide_addresses or hide_names:
        changes["connections"] = _each(
            snapshot.connections, lambda each: _connection(each, secret, hide_addresses, hide_names)
        )
    if not includes(level, "apps"):
        changes["processes"] = UNSET
    elif hide_names:
        changes["processes"] = _each(snapshot.processes, lambda each: _process(each, secret))
    if not includes(level, "system"):
        changes |= dict.fromkeys(
            ("health", "connection_count", "system", "disk_usage", "disk_io", "tcp_time_wait", "tcp_close_wait")
        )
    else:
        if hide_addresses and snapshot.health is not None:
            changes["health"] = msgspec.structs.replace(snapshot.health, gateway_ip=None, dns_ip=None)
        if hide_names and snapshot.disk_usage is not None:
            changes["disk_usage"] = tuple(
                msgspec.structs.replace(
                    each,
                    mount_point=word("mount", each.mount_point, secret),
                    device=word("disk", each.device, secret),
                )
                for each in snapshot.disk_usage
            )
    return msgspec.structs.replace(snapshot, **changes) if changes else snapshot


def limited_host(host: wire.HostInfo, *, hide_names: bool) -> wire.HostInfo:
    """Return the facts about the host; with `hide_names` its name is replaced by one made from its random ID."""
    return msgspec.structs.replace(host, hostname=f"host-{host.host_id[:8]}") if hide_names else host


def _each(found: Any, change: Any) -> Any:
    return tuple(map(change, found)) if isinstance(found, tuple) else found


def _process(each: wire.ProcessBandwidth, secret: bytes) -> wire.ProcessBandwidth:
    return msgspec.structs.replace(each, process_name=word("app", each.process_name, secret), user=UNSET, cmd=UNSET)


def _connection(
    each: wire.ConnectionDetail, secret: bytes, hide_addresses: bool, hide_names: bool
) -> wire.ConnectionDetail:
    changes: dict[str, Any] = {}
    if hide_addresses:
        changes |= {"local_addr": _scope(each.local_addr), "remote_addr": _scope(each.remote_addr)}
    if hide_names and each.process_name is not None:
        changes["process_name"] = word("app", each.process_name, secret)
    return msgspec.structs.replace(each, **changes)


def word(kind: str, name: str, secret: bytes) -> str:
    """Return a word that replaces a name. It looks random, but is the same for the same name on the same host, so that
    a server's charts stay consistent."""
    return f"{kind}-{hashlib.blake2b(name.encode(), digest_size=4, key=secret).hexdigest()}"


def _scope(endpoint: str) -> str:
    """Return an endpoint with its address replaced: `public:443` for `192.0.2.1:443`, also `private:443` and
    `loopback:443`; `*:443` stays."""
    address, _, port = endpoint.rpartition(":")
    return endpoint if address == "*" else f"{reach(address)}:{port}"


def reach(address: str) -> str:
    """Return the word that is sent in place of an address: `loopback`, `private` or `public`."""
    found = ipaddress.ip_address(address.strip("[]").partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped:
        found = found.ipv4_mapped
    return "loopback" if found.is_loopback else "private" if found.is_private or found.is_link_local else "public"
