"""Network namespaces of processes (namespaces(7))."""

from __future__ import annotations

import os
import socket
import sys

_SO_NETNS_COOKIE = 71


def network_cookie(of: socket.socket) -> int:
    """Return what identifies the network namespace of a socket, or 0 before Linux 5.14."""
    try:
        return int.from_bytes(of.getsockopt(socket.SOL_SOCKET, _SO_NETNS_COOKIE, 8), sys.byteorder)
    except OSError:
        return 0


def shares_network(pid: int) -> bool | None:
    """Return whether a process is in the network namespace of this one, or `None` if it exited or may not be
    examined."""
    try:
        found, own = os.stat(f"/proc/{pid}/ns/net"), os.stat("/proc/self/ns/net")  # noqa: PTH116  as in process_map
    except OSError:
        return None
    return (found.st_dev, found.st_ino) == (own.st_dev, own.st_ino)
