"""Network namespaces of processes (namespaces(7))."""

from __future__ import annotations

import os


def shares_network(pid: int) -> bool | None:
    """Return whether a process is in the network namespace of this one, or `None` if it exited or may not be
    examined."""
    try:
        found, own = os.stat(f"/proc/{pid}/ns/net"), os.stat("/proc/self/ns/net")  # noqa: PTH116  as in process_map
    except OSError:
        return None
    return (found.st_dev, found.st_ino) == (own.st_dev, own.st_ino)
