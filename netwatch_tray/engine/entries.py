"""The state that the table of connections stores for each socket."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from netwatch_tray.collect.process import Process
from netwatch_tray.collect.sockets import Socket
from netwatch_tray.engine.apps import SEARCHING, AppName
from netwatch_tray.engine.routes import Route
from netwatch_tray.kinds import TcpState
from netwatch_tray.model import Connection, HostOrigin, Scope, Traffic

if TYPE_CHECKING:
    from netwatch_tray.engine.hosts import Host

UNMOVED = Traffic()
"""Sentinel for a socket without new traffic, so that there is nothing to book; compared by identity."""


class Entry:
    """The state of one open socket in the table: what was last read of it (`found`), owner, counters and row."""

    __slots__ = (
        *("app", "found", "host", "name_by", "peers", "process", "route", "row", "rx", "rx_rate", "since", "tx"),
        *("tx_rate", "unbooked"),
    )

    def __init__(self, found: Socket, route: Route, since: float | None) -> None:
        self.found = found
        self.route = route
        self.since = since
        self.app = SEARCHING
        self.process: Process | None = None
        self.rx = self.tx = 0
        """The highest values that the socket's counters have reached."""
        self.rx_rate: float | None = None
        self.tx_rate: float | None = None
        self.row: Connection | None = None
        self.host: Host | None = None
        self.peers: tuple[str, ...] = ()
        """For an unconnected UDP socket: keys of the entries for single peers; see `Socket.part_of`."""
        self.unbooked = UNMOVED
        """Bytes not yet stored by remote host, because the owner or the name of the host may still be found."""
        self.name_by = 0.0
        """Boot-time clock until which the name of the remote host is waited for."""

    @property
    def pid(self) -> int | None:
        return None if self.process is None else self.process.pid

    @property
    def is_over(self) -> bool:
        """Return whether the socket is in TIME_WAIT, so that it does not count as an open connection of its app."""
        return self.found.state == TcpState.TIME_WAIT

    def advance(self, found: Socket) -> Traffic | None:
        """Update the counters. Return the bytes since the previous reading, or `None` if the source has no counters.

        Counters can fall, because the kernel subtracts a FIN that it counted as a byte, or a source is not monotonic.
        Then nothing is added until the counter exceeds its highest value.
        """
        rx, tx = found.rx_bytes, found.tx_bytes
        if rx is None or tx is None:
            return None
        more_rx, more_tx = max(0, rx - self.rx), max(0, tx - self.tx)
        self.rx += more_rx
        self.tx += more_tx
        return Traffic(more_rx, more_tx) if more_rx or more_tx else UNMOVED


class Peer(msgspec.Struct, frozen=True, gc=False):
    """The remote end of a connection."""

    address: str | None
    """None if the remote end has no address."""
    scope: Scope | None
    country: str | None
    name: str | None
    origin: HostOrigin | None


class Departed(msgspec.Struct, frozen=True, gc=False):
    """A closed socket that may be listed again: its owner, and the highest values of its counters (bytes)."""

    rx: int
    tx: int
    app: AppName
    process: Process | None


class Ended(msgspec.Struct, frozen=True, gc=False):
    """A connection that ended, as the detectors get it."""

    app: AppName
    pid: int | None
    """`None` if its process was not found. Then `app` is that of its systemd unit or user, as the kernel reports it."""
    remote: str
    """Name of the remote host, or its address where none is known."""
    port: int | None
    """Port of the remote end."""
    is_incoming: bool
    is_own: bool
    """Whether NetWatch Tray itself made the connection."""
    crosses_uplink: bool
    moved: Traffic
    """Payload that the connection carried."""
    boottime: float


class Listeners:
    """The listening TCP sockets by port. A port may have several: of several programs, or one for each address."""

    def __init__(self) -> None:
        self._ports: dict[int | None, dict[str, Entry]] = {}
        """Listeners by port and key."""

    def add(self, key: str, entry: Entry) -> None:
        self._ports.setdefault(entry.found.local_port, {})[key] = entry

    def remove(self, key: str, port: int | None) -> None:
        """Remove the socket if it is one of the listeners; otherwise do nothing."""
        listeners = self._ports.get(port)
        if listeners is not None and listeners.pop(key, None) is not None and not listeners:
            del self._ports[port]

    def of(self, found: Socket) -> tuple[str, Entry] | None:
        """Return the key and the entry of the socket that listens on the local port of a TCP socket, or None. If there
        are several, prefer one whose owner is known."""
        listeners = self._ports.get(found.local_port) if found.protocol == "TCP" else None
        if not listeners:
            return None
        return next((each for each in listeners.items() if each[1].app is not SEARCHING), next(iter(listeners.items())))

    def will_accept(self, found: Socket) -> bool:
        """Return whether a connection was not yet accepted by a program, while the owner of the listening socket on its
        port is still being searched for. Then the listener's owner will be the connection's."""
        listening = self.of(found)
        return (
            found.inode is None
            and found.cgroup is None
            and found.state != TcpState.LISTEN
            and listening is not None
            and listening[1].app is SEARCHING
        )
