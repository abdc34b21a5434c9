"""Detects a TCP port that accepts connections from other machines, opened while the agent runs."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator

from netwatch_tray.engine.apps import SEARCHING_KEY
from netwatch_tray.engine.detectors import Moment, SocketsSeen
from netwatch_tray.engine.routes import is_loopback
from netwatch_tray.event import Finding, NewListener, Severity
from netwatch_tray.kinds import TcpState

EPHEMERAL = 32768
"""First port that Linux chooses by itself (net.ipv4.ip_local_port_range). A program that listens on any free port has
another one at each start, so all of these ports are one event."""
_MOST = 1024
"""Most pairs of app and port that are remembered; a machine has about twenty."""


class ListenerWatch:
    """Finds listening TCP sockets that appear after the first reading. UDP is left out, because its sockets do not show
    whether they are a server's or a client's."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[str, int], set[str]] = OrderedDict()
        """The loopback addresses on which an app listens, by app and port, oldest first. The set is empty if it accepts
        connections from other machines."""

    def take(self, seen: SocketsSeen, now: Moment, /) -> Iterator[Finding]:
        for row in seen.rows:
            port, app = row.local_port, row.app
            if row.state is not TcpState.LISTEN or port is None or app is None or app == SEARCHING_KEY:
                continue
            key = app, min(port, EPHEMERAL)
            before = self._known.get(key)
            if is_loopback(row.local_address):
                if before is None:
                    self._know(key, {row.local_address})
                elif before and len(before) < 2:
                    before.add(row.local_address)
                continue
            if before is not None and not before:
                continue
            self._know(key, set())
            if row.since is not None:
                yield Finding(
                    evidence=NewListener(
                        protocol=row.protocol,
                        address=row.local_address,
                        port=port,
                        before=tuple(sorted(before or ())),
                    ),
                    severity=Severity.NOTICE,
                    key=f"{app} {key[1]}",
                    at=now.at,
                    app=app,
                    app_name=seen.name_of(app),
                    pid=row.pid,
                )

    def _know(self, key: tuple[str, int], addresses: set[str]) -> None:
        self._known[key] = addresses
        self._known.move_to_end(key)
        if len(self._known) > _MOST:
            self._known.popitem(last=False)
