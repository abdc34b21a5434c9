"""Which app owns a socket: by its process, else by the process that created it, else by its systemd unit or user."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from netwatch_tray import clock
from netwatch_tray.collect.namespaces import shares_network
from netwatch_tray.collect.process import Process, ProcessFinder
from netwatch_tray.collect.sockets import Socket
from netwatch_tray.engine import apps
from netwatch_tray.engine.apps import AppName, app_of_unit, app_of_user

if TYPE_CHECKING:
    from netwatch_tray.collect.helper_readings import Owner

_MOST_PROCESSES = 2000
"""Most processes whose app is remembered."""
_MOST_CREATORS = 4096
"""Most sockets whose creator is remembered, closed ones included."""
_CREATOR_KEPT_FOR = 30.0
"""Seconds for which the facts read about a process that creates sockets are reused."""


class Owners:
    """Finds the apps of processes, and remembers which process created a socket. Memory is bounded."""

    def __init__(self, finder: ProcessFinder, shares_network: Callable[[int], bool | None] = shares_network) -> None:
        self._finder = finder
        self._shares_network = shares_network
        self._apps: dict[Process, AppName] = {}
        self._creators: dict[str, tuple[AppName, Process | None]] = {}
        """App and process that created a socket, or owned it until it closed, by key of the socket."""
        self._creating: dict[int, tuple[float, Process, bool | None]] = {}
        """Processes that created sockets, by PID: boot-time clock of the reading, the process, and whether it is in
        this network namespace (None: unknown)."""

    def note_creators(self, owners: Mapping[int, Owner]) -> dict[int, bool]:
        """Remember the creators of new sockets, to be used where no process is found for a socket.

        `owners`: what the helper reported, by cookie. Call this at once, because the processes may be about to exit.
        Return by cookie whether the socket belongs to this network namespace; unknown ones are left out.
        """
        now = clock.boottime()
        is_here: dict[int, bool] = {}
        exited: set[int] = set()
        for cookie, owner in owners.items():
            pid = owner.pid
            known = None if pid is None or pid in exited else self._running(pid, now)
            process = None if known is None else known[1]
            if known is not None and known[2] is not None:
                is_here[cookie] = known[2]
            unit = self._finder.unit(owner.cgroup)
            if pid is not None and process is None:
                exited.add(pid)
                if owner.thread is not None:
                    process = Process(pid=pid, name=owner.thread, unit=unit)
            if process is not None:
                self.remember(f"{cookie:x}", self.app_of(process), process)
            elif unit is not None:
                self.remember(f"{cookie:x}", app_of_unit(unit), None)
        if len(self._creating) > _MOST_PROCESSES:
            self._creating.clear()
        return is_here

    def _running(self, pid: int, now: float) -> tuple[float, Process, bool | None] | None:
        """Return the entry of `_creating` for a process, read again if it is too old; `None` if the process exited."""
        known = self._creating.get(pid)
        if known is None or now - known[0] >= _CREATOR_KEPT_FOR:
            found = self._finder.process(pid)
            if found is None:
                return None
            known = self._creating[pid] = now, found, self._shares_network(pid)
        return known

    def creator(self, key: str) -> tuple[AppName, Process | None] | None:
        """Return app and process that created the socket with this key, or `None` if unknown."""
        return self._creators.get(key)

    def knows_maker(self, key: str, found: Socket) -> bool:
        """Return whether the creator of a socket is known, or its systemd unit or container."""
        return key in self._creators or self.unit(found) is not None

    def app_of(self, process: Process) -> AppName:
        """Return the app of a process. Results are cached."""
        if process not in self._apps:
            if len(self._apps) >= _MOST_PROCESSES:
                self._apps.clear()
            self._apps[process] = apps.app_of(process, self._parent)
        return self._apps[process]

    def remember(self, key: str, app: AppName, process: Process | None) -> None:
        """Store the owner of a socket that closed, for bytes of it that are reported later."""
        self._creators[key] = app, process
        while len(self._creators) > _MOST_CREATORS:
            del self._creators[next(iter(self._creators))]

    def presumed(self, found: Socket) -> AppName | None:
        """Return the app of the socket's systemd unit, or else of its user; None if the source reports neither.

        For sockets without a known process: the kernel has unit and user of every socket.
        """
        unit = self.unit(found)
        if unit is not None:
            return app_of_unit(unit)
        if found.uid is not None:
            return app_of_user(self._finder.user(found.uid))
        return None

    def unit(self, found: Socket) -> str | None:
        """Return the systemd unit or container of a socket, by its control group; `None` if there is none or the source
        reports no control group."""
        return None if found.cgroup is None else self._finder.unit(found.cgroup)

    def _parent(self, process: Process) -> Process | None:
        return None if process.parent is None else self._finder.process(process.parent)
