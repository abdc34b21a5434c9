"""Opens the finder of socket owners (ProcessFinder) for this system."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterable, Mapping

from netwatch_tray.collect.process import Process, ProcessFinder, UserNames
from netwatch_tray.collect.runtimes import is_runtime, script_of
from netwatch_tray.collect.sockets import Socket
from netwatch_tray.text import from_os


class NamedProcesses:
    """Finder for sources that report the PID of each socket themselves (macOS). It adds what psutil reports about the
    process."""

    is_searching = False

    def __init__(self) -> None:
        self._answers: dict[str, Process | None] = {}
        self._users = UserNames()

    def look_for(self, sockets: Mapping[str, Socket]) -> None:
        for key, found in sockets.items():
            if found.pid is None:
                self._answers[key] = None
            else:
                self._answers[key] = self.process(found.pid) or Process(pid=found.pid, name=found.process or "")

    def forget(self, keys: Mapping[str, Socket]) -> None:
        for key in keys:
            self._answers.pop(key, None)

    def search(self, budget_s: float) -> Mapping[str, Process | None]:  # noqa: ARG002  it takes no time
        answers, self._answers = self._answers, {}
        return answers

    def ended(self, pids: Iterable[int]) -> set[int]:  # noqa: ARG002  the source reports it with each reading
        return set()

    def process(self, pid: int) -> Process | None:
        import psutil  # noqa: PLC0415  4 MB, needed where connections are looked at only

        try:
            found = psutil.Process(pid)
            with found.oneshot():
                name, parent = from_os(found.name()), found.ppid()
                try:
                    executable = from_os(found.exe()) or None
                except psutil.AccessDenied:
                    executable = None
                program = (executable or "").rpartition("/")[2]
                script = None
                if is_runtime(program):
                    with contextlib.suppress(psutil.AccessDenied):
                        script = script_of(program, "\0".join(map(from_os, found.cmdline())))
        except psutil.Error:
            return None
        return Process(pid=pid, name=name, executable=executable, script=script, parent=parent or None)

    def unit(self, cgroup: int) -> str | None:  # noqa: ARG002  Linux alone has them
        return None

    def user(self, uid: int) -> str:
        return self._users[uid]


def open_finder() -> ProcessFinder:
    """Return the finder of socket owners for this system."""
    if sys.platform == "linux":
        from netwatch_tray.collect.linux.process_map import ProcessMap  # noqa: PLC0415  Linux only

        return ProcessMap()
    return NamedProcesses()
