"""Questions about network and PID namespaces (namespaces(7))."""

from __future__ import annotations

import os
from pathlib import Path

_INITIAL_PID_NAMESPACE = "pid:[4026531836]"
"""Inode of the initial PID namespace (PROC_PID_INIT_INO in linux/proc_ns.h)."""


def shares_network(pid: int) -> bool | None:
    """Return whether a process is in the same network namespace as this one; None if it exited or may not
    be examined."""
    try:
        found, own = os.stat(f"/proc/{pid}/ns/net"), os.stat("/proc/self/ns/net")  # noqa: PTH116  as in process_map
    except OSError:
        return None
    return (found.st_dev, found.st_ino) == (own.st_dev, own.st_ino)


def has_system_pids() -> bool:
    """Return whether this process is in the initial PID namespace and so sees the PIDs of the whole system. A sandbox
    such as Flatpak's has PIDs of its own."""
    try:
        return str(Path("/proc/self/ns/pid").readlink()) == _INITIAL_PID_NAMESPACE
    except FileNotFoundError:  # a kernel without PID namespaces
        return True
