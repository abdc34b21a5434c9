"""Makes the rows that clients show (`Connection`) from the entries of the table of connections."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from netwatch_tray.collect.country import Countries
from netwatch_tray.collect.hosts_file import HostsFile
from netwatch_tray.collect.process import ProcessFinder
from netwatch_tray.engine.apps import SEARCHING_KEY, UNSEEN_KEY
from netwatch_tray.engine.entries import Entry, Peer
from netwatch_tray.engine.owners import Owners
from netwatch_tray.engine.routes import Routes
from netwatch_tray.model import Connection

if TYPE_CHECKING:
    from netwatch_tray.engine.hosts import Host, Hosts

_NOT_KNOWN = frozenset({SEARCHING_KEY, UNSEEN_KEY})


class ConnectionChanges(msgspec.Struct, frozen=True, kw_only=True):
    """The rows that a sample added, changed and removed, with which a client updates its list."""

    added: tuple[Connection, ...] = ()
    changed: tuple[Connection, ...] = ()
    removed: tuple[str, ...] = ()
    """Keys of the removed rows."""


class Rows:
    """Makes the row of an entry: adds names of user, unit and remote host, country and scope to what was read."""

    def __init__(
        self, finder: ProcessFinder, owners: Owners, countries: Countries | None, hosts_file: HostsFile | None
    ) -> None:
        self._finder = finder
        self._owners = owners
        self._countries = countries or Countries()
        self._hosts_file = hosts_file or HostsFile()

    def row(self, key: str, entry: Entry, routes: Routes, hosts: Hosts | None) -> Connection:
        found, process = entry.found, entry.process
        peer, host = self.peer(key, entry, routes, hosts), entry.host
        return Connection(
            key=key,
            protocol=found.protocol,
            local_address=found.local_address,
            local_port=found.local_port,
            remote_address=found.remote_address,
            remote_port=found.remote_port,
            state=found.state,
            pid=found.pid if process is None else process.pid,
            process=found.process if process is None else process.name,
            app=entry.app.key,
            app_name=None if entry.app.key in _NOT_KNOWN else entry.app.name,
            uid=found.uid,
            user=None if found.uid is None else self._finder.user(found.uid),
            unit=process.unit if process is not None else self._owners.unit(found),
            interface=entry.route.interface,
            scope=peer.scope,
            country=peer.country,
            host=peer.name,
            host_origin=peer.origin,
            host_at=None if host is None else host.at,
            host_ttl_s=None if host is None else host.ttl_s,
            host_is_providers=None if host is None else host.is_providers,
            rx_bytes=None if found.rx_bytes is None else entry.rx,
            tx_bytes=None if found.tx_bytes is None else entry.tx,
            rx_rate=entry.rx_rate,
            tx_rate=entry.tx_rate,
            rtt_s=found.rtt_s,
            retransmits=found.retransmits,
            is_incoming=found.is_incoming,
            since=entry.since,
        )

    def peer(self, key: str, entry: Entry, routes: Routes, hosts: Hosts | None) -> Peer:
        """Return the remote end of a connection: its address, name, scope and country, as far as they are known now."""
        address = entry.found.remote_address
        scope = routes.scope(entry.found)
        country = self._countries.of(address) if scope == "internet" and address else None
        host = _host(key, entry, hosts)
        if host is not None:
            return Peer(address, scope, country, host.name, host.origin)
        name = None if address is None or scope == "machine" else self._hosts_file.name(address)
        return Peer(address, scope, country, name, "hosts" if name else None)


def _host(key: str, entry: Entry, hosts: Hosts | None) -> Host | None:
    """Return the name of the remote host, or None if it is unknown. It is also stored in the entry.

    A name from DNS does not replace one that the connection already has. `hosts`: None if no helper runs.
    """
    found = entry.found
    if hosts is not None and found.remote_address is not None:
        cookie = int(found.part_of or key, 16)
        host = hosts.of(cookie, found.remote_address, found.remote_port, entry.pid)
        if host is not None and (entry.host is None or host.origin != "DNS"):
            entry.host = host
    return entry.host
