"""The owner of a socket: its process, user, and systemd unit or container, and the interface (Protocol) of what finds
it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

import msgspec

from netwatch_tray.collect.sockets import Socket
from netwatch_tray.text import from_os


class Process(msgspec.Struct, frozen=True, kw_only=True):
    """A process, as it was when it was found to own a socket."""

    pid: int
    name: str
    executable: str | None = None
    """Full path; None if this user may not see it."""
    script: str | None = None
    """The program that an interpreter executes (`runtimes.py`): `manage.py` of `python3 /srv/manage.py`. None if the
    process is no interpreter, or its code has no name."""
    parent: int | None = None
    """PID of the parent."""
    unit: str | None = None
    """Systemd unit or container that it runs in; None if it has none."""
    desktop_name: str | None = None
    """Name from the desktop entry of the app whose systemd unit this is. Looked up only for interpreters."""


class ProcessFinder(Protocol):
    """Finds owners of sockets in small steps, so that a search through all processes never delays a tick."""

    def look_for(self, sockets: Mapping[str, Socket]) -> None:
        """Begin to search for the owners of these sockets, given by key."""

    def forget(self, keys: Mapping[str, Socket]) -> None:
        """Stop searching for the owners of these sockets, given by key, because they are closed."""

    def search(self, budget_s: float) -> Mapping[str, Process | None]:
        """Continue the search for about `budget_s` seconds. Return the owners found since the last call, by the key of
        the socket; None for a socket whose owner this user cannot see."""

    @property
    def is_searching(self) -> bool:
        """Return whether the search is unfinished, so that `search` should be called again soon."""

    def ended(self, pids: Iterable[int]) -> set[int]:
        """Return those of the PIDs whose process has exited. A child may still use the process's socket."""

    def process(self, pid: int) -> Process | None:
        """Return a process by its PID; None if it has exited or this user cannot see it."""

    def unit(self, cgroup: int) -> str | None:
        """Return the systemd unit or container of a control group, given by ID; None if it has none or is unknown."""

    def user(self, uid: int) -> str:
        """Return the login name of a UID, or the number as text if it has none."""


class UserNames:
    """Login names by UID. Each is looked up once."""

    def __init__(self) -> None:
        self._names: dict[int, str] = {}

    def __getitem__(self, uid: int) -> str:
        """Return the login name of a UID, or the number as text if it has none."""
        name = self._names.get(uid)
        if name is None:
            import pwd  # noqa: PLC0415  there is none on Windows

            try:
                name = from_os(pwd.getpwuid(uid).pw_name)
            except (KeyError, OverflowError):
                name = str(uid)
            self._names[uid] = name
        return name
