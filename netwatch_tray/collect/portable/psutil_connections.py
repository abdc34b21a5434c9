"""Source of sockets by psutil, the last choice on Linux. Not used on macOS, where its net_connections can
hang forever."""

from __future__ import annotations

import socket

import psutil

from netwatch_tray import clock
from netwatch_tray.collect.sockets import Changes, Socket, SocketSample, numeric_address, tcp_state
from netwatch_tray.errors import CollectError, Message, message


class PsutilSource:
    """Source of sockets that calls psutil.net_connections once per reading. It has no byte counters."""

    name = "psutil"
    is_costly = True
    is_monotonic = False
    descriptor: int | None = None

    def __init__(self) -> None:
        self.note: Message | None = message(
            "psutil reports neither bytes nor rates, and other users' sockets without their owner."
        )
        self._changes = Changes()

    def catch_up(self) -> None:
        """Do nothing; this source reports nothing between two readings."""

    def read(self) -> SocketSample:
        sockets: dict[str, Socket] = {}
        try:
            found = psutil.net_connections("inet")
        except (psutil.Error, OSError, RuntimeError) as error:
            raise CollectError("psutil could not list the connections: {error}", error=error) from error
        for each in found:
            protocol = "TCP" if each.type == socket.SOCK_STREAM else "UDP"
            local = (numeric_address(each.laddr[0]), each.laddr[1] or None) if each.laddr else ("*", None)
            remote = (numeric_address(each.raddr[0]), each.raddr[1]) if each.raddr else (None, None)
            sockets.setdefault(
                f"{protocol} {int(each.family)} {local[0]} {local[1]} {remote[0]} {remote[1]} {each.pid}",
                Socket(
                    protocol=protocol,
                    local_address=local[0],
                    local_port=local[1],
                    remote_address=remote[0],
                    remote_port=remote[1],
                    state=tcp_state(each.status) if protocol == "TCP" else None,
                    pid=each.pid,
                ),
            )
        return self._changes.since_last(clock.boottime(), sockets)

    def close(self) -> None:
        """Do nothing; no descriptor is kept open."""
