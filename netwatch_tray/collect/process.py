"""The owner of a socket: its process, user, and systemd unit or container."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

import msgspec

from netwatch_tray.collect.sockets import Socket
from netwatch_tray.text import from_os


class Process(msgspec.Struct, frozen=True, kw_only=True):
    """A process at the time when it was found to own a socket."""

    pid: int
    name: str
    executable: str | None = None
    """Full path; `None` where the system does not show it."""
    script: str | None = None
    """What a runtime runs (`runtimes.py`): `manage.py` of `python3 /srv/manage.py`; `None`: something unnamed."""
    parent: int | None = None
    """PID of the parent."""
    unit: str | None = None
    """Systemd unit or container it runs in."""
    desktop_name: str | None = None
    """Name in the desktop entry of the app whose unit this is; looked up only for runtimes."""


class ProcessFinder(Protocol):
    """Finds owners in small steps, so that a search through all processes never delays a tick."""

    def look_for(self, sockets: Mapping[str, Socket]) -> None:
        """Begin to search for the owners of these sockets, by key."""

    def forget(self, keys: Mapping[str, Socket]) -> None:
        """End the search for the owners of these sockets, because they are closed."""

    def search(self, budget_s: float) -> Mapping[str, Process | None]:
        """Continue the search for about `budget_s` seconds. Return the owners found since the last call. `None` stands
        for an owner that this user cannot see."""

    @property
    def is_searching(self) -> bool:
        """Return whether `search` should be called again soon."""

    def ended(self, pids: Iterable[int]) -> set[int]:
        """Return those of the PIDs whose process exited. A child of the process may still have the socket."""

    def process(self, pid: int) -> Process | None:
        """Return a process by its PID, or `None` if it exited or is hidden."""

    def unit(self, cgroup: int) -> str | None:
        """Return the systemd unit or container of a socket's control group, or `None` if it has none or
        it is unknown."""

    def user(self, uid: int) -> str:
        """Return the login name of a uid, or the number itself where it has none."""


class UserNames:
    """Login names by UID, each looked up once."""

    def __init__(self) -> None:
        self._names: dict[int, str] = {}

    def __getitem__(self, uid: int) -> str:
        """Return the login name of a UID, or the number itself if it has none."""
        name = self._names.get(uid)
        if name is None:
            import pwd  # noqa: PLC0415  there is none on Windows

            try:
                name = from_os(pwd.getpwuid(uid).pw_name)
            except (KeyError, OverflowError):
                name = str(uid)
            self._names[uid] = name
        return name
