"""Finds the systemd unit or container that a control group belongs to (cgroups(7), systemd.unit(5)).

The kernel reports a socket's control group to every user, as the inode of its directory. So the unit of a root service
is known even if its processes may not be read.
"""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

from netwatch_tray.collect.linux.proc import parse_mounts
from netwatch_tray.collect.systemd import unescaped
from netwatch_tray.errors import ParseError
from netwatch_tray.text import from_os

_MOUNTS = Path("/proc/self/mounts")
_PERIOD_OF_WALKS = 5.0
"""Least seconds between two walks through the directories. One walk takes some milliseconds on a desktop."""
_CONTAINER = re.compile(
    r"^(?:(?P<runtime>docker|libpod|crio|cri-containerd|nerdctl|containerd)-)?(?P<id>[0-9a-f]{12})[0-9a-f]{52}(?:\.scope)?$"
)
_MACHINE = re.compile(r"^(?:machine-|lxc\.payload\.|lxc\.monitor\.)(?P<name>.+?)(?:\.scope)?$")
_OF_A_USER = re.compile(r"^(?:user@\d+\.service|session-.+\.scope|user-\d+\.slice)$")


class ControlGroups:
    """Looks up units by the ID of a control group. The directories of the v2 hierarchy are read when an
    ID is unknown."""

    def __init__(self, root: str | None = None) -> None:
        """`root`: directory where the v2 hierarchy is mounted; by default it is searched among the mounts."""
        self._root = root
        self._units: dict[int, str | None] = {}
        self._last_walk = -_PERIOD_OF_WALKS

    def unit(self, cgroup: int) -> str | None:
        """Return the unit or container of a control group, given by ID; None if it has none, or is not known yet."""
        if cgroup not in self._units and time.monotonic() - self._last_walk >= _PERIOD_OF_WALKS:
            self._walk()
            # A group that was removed while its sockets exist has no directory any more.
            self._units.setdefault(cgroup, None)
            self._last_walk = time.monotonic()
        return self._units.get(cgroup)

    def _walk(self) -> None:
        if self._root is None:
            self._root = _v2_mount()
        if not self._root:
            return
        self._units = {}
        waiting = [self._root]
        while waiting:
            directory = waiting.pop()
            try:
                with os.scandir(directory) as entries:
                    for entry in entries:
                        if entry.is_dir(follow_symlinks=False):
                            self._units[entry.inode()] = unit_of(from_os(entry.path[len(self._root) :]))
                            waiting.append(entry.path)
            except OSError:  # removed meanwhile
                continue


def _v2_mount() -> str:
    """Return the directory where the v2 hierarchy is mounted; empty if it is not mounted."""
    try:
        mounts = parse_mounts(_MOUNTS.read_bytes())
    except (OSError, ParseError):
        return ""
    return next((mount.point for mount in mounts if mount.kind == "cgroup2"), "")


def unit_of(path: str) -> str | None:
    """Return the readable name of the innermost unit or container in a control group's path, or `None` if there is
    none.

    `/system.slice/nginx.service` → `nginx.service`; `/system.slice/docker-0123456789ab….scope` → `docker 0123456789ab`;
    a user's login session and service manager are not units. The unit of a desktop app keeps its escapes, because they
    separate its parts.
    """
    for part in reversed(path.split("/")):
        container = _CONTAINER.match(part)
        if container is not None:
            return f"{container['runtime'] or 'container'} {container['id']}"
        name = part if part.startswith("app-") else unescaped(part)
        machine = _MACHINE.match(name)
        if machine is not None:
            return f"machine {machine['name']}"
        if name.endswith((".service", ".scope")) and not _OF_A_USER.match(name) and name != "init.scope":
            return name
    return None
