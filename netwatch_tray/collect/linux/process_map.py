"""Finds the process of a socket by its inode, through the links in /proc/PID/fd (proc(5)).

Reading every link of every process takes tens of milliseconds. So a search begins where the socket probably is: in the
processes that owned the sockets found last, then in those that are young or whose number of open files changed (Linux
6.2 reports it as the size of the directory), and only then everywhere, at most once in five seconds. A socket that was
found nowhere is not searched for again. The search runs in steps of limited time.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Mapping

from netwatch_tray.collect.linux.control_groups import ControlGroups, unit_of
from netwatch_tray.collect.linux.proc import parse_process_stat
from netwatch_tray.collect.process import Process, UserNames
from netwatch_tray.collect.runtimes import is_runtime, script_of
from netwatch_tray.collect.sockets import Socket
from netwatch_tray.collect.systemd import desktop_app
from netwatch_tray.errors import ParseError
from netwatch_tray.text import decoded, from_os

_PERIOD_OF_FULL_SCANS = 5.0
"""Least seconds between two searches through all processes."""
_YOUTH = 10.0
"""Seconds for which a new process is searched every time: it opens and closes files, so the number of its open files
says little."""
_REMEMBERED_OWNERS = 8
_LINKS_A_STEP = 128
_LONGEST_COMMAND = 64 << 10
"""Most bytes that are read of a command line. That of a Java program may be long, because it contains the
class path."""
_COMM_LENGTH = 15
"""Length at which the kernel cuts the name of a process (TASK_COMM_LEN without the NUL)."""


class ProcessMap:
    """Finds the owners of sockets in /proc. Implements ProcessFinder."""

    def __init__(self, root: str = "/proc", *, sees_all: bool | None = None) -> None:
        """`sees_all`: whether other users' processes can be read; by default if this user is root."""
        self._root = root
        self._sees_all = os.geteuid() == 0 if sees_all is None else sees_all
        self._wanted: dict[int, str] = {}
        """Sockets whose owner is to be found: key by inode."""
        self._answers: dict[str, Process | None] = {}
        self._recent_owners: list[int] = []
        """PIDs of the owners found last, latest first."""
        self._file_counts: dict[str, tuple[int, float]] = {}
        """By PID: number of open files, and the time at which the process was seen first (monotonic clock)."""
        self._steps: Iterator[None] | None = None
        self._is_stale = False
        """Whether sockets were added after the current search had begun, so that another search must follow."""
        self._last_full_scan = -_PERIOD_OF_FULL_SCANS
        self._groups = ControlGroups()
        self._users = UserNames()

    def look_for(self, sockets: Mapping[str, Socket]) -> None:
        for key, found in sockets.items():
            if found.pid is not None:
                self._answers[key] = self.process(found.pid)
            elif found.inode is None or not (self._sees_all or found.uid == os.geteuid()):
                self._answers[key] = None
            else:
                self._wanted[found.inode] = key
                self._is_stale = True

    def forget(self, keys: Mapping[str, Socket]) -> None:
        for key, gone in keys.items():
            self._answers.pop(key, None)
            if gone.inode is not None:
                self._wanted.pop(gone.inode, None)

    def search(self, budget_s: float) -> Mapping[str, Process | None]:
        end = time.perf_counter() + budget_s
        while self._wanted and time.perf_counter() < end:
            if self._steps is None:
                if not self.is_searching:
                    break
                self._is_stale = False
                self._steps = self._search()
            if next(self._steps, self) is self:
                self._steps = None
        if not self._wanted:  # found before the search came to its end
            self._steps = None
        answers, self._answers = self._answers, {}
        return answers

    @property
    def is_searching(self) -> bool:
        return bool(self._wanted) and (self._steps is not None or self._is_stale or self._may_scan_all())

    def ended(self, pids: Iterable[int]) -> set[int]:
        return {pid for pid in pids if not os.access(f"{self._root}/{pid}", os.F_OK)}

    def process(self, pid: int) -> Process | None:
        return read_process(f"{self._root}/{pid}")

    def unit(self, cgroup: int) -> str | None:
        return self._groups.unit(cgroup)

    def user(self, uid: int) -> str:
        return self._users[uid]

    def _may_scan_all(self) -> bool:
        return time.monotonic() - self._last_full_scan >= _PERIOD_OF_FULL_SCANS

    def _search(self) -> Iterator[None]:
        for owner in tuple(self._recent_owners):
            yield from self._scan(str(owner))
        if not self._wanted or not (pids := _numbers_in(self._root)):
            return
        before, self._file_counts = self._file_counts, {}
        now = time.monotonic()
        first_seen = now if before else -_YOUTH
        for position, pid in enumerate(pids):
            try:
                count = os.stat(f"{self._root}/{pid}/fd").st_size  # noqa: PTH116  a third of the time
            except OSError:
                continue
            known = before.get(pid)
            self._file_counts[pid] = count, first_seen if known is None else known[1]
            if position % _LINKS_A_STEP == 0:
                yield
        if before:
            for pid, counted in self._file_counts.items():
                if before.get(pid) != counted or now - counted[1] < _YOUTH:
                    yield from self._scan(pid)
        if self._wanted and self._may_scan_all():
            yield from self._scan_all(pids)

    def _scan_all(self, pids: list[str]) -> Iterator[None]:
        self._last_full_scan = time.monotonic()
        looked_for = dict(self._wanted)
        for pid in pids:
            yield from self._scan(pid)
        for inode, key in looked_for.items():
            if self._wanted.get(inode) == key:
                del self._wanted[inode]
                self._answers[key] = None

    def _scan(self, pid: str) -> Iterator[None]:
        """Look for the wanted sockets among the open files of one process, newest file first. Yields now and then, so
        that the search can be interrupted."""
        if not self._wanted:
            return
        owner: Process | None = None
        try:
            directory = os.open(f"{self._root}/{pid}/fd", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError:  # exited, or another user's
            return
        try:
            for position, name in enumerate(reversed(os.listdir(directory)), 1):  # noqa: PTH208  a descriptor
                inode = _socket_inode(name, directory)
                key = None if inode is None else self._wanted.pop(inode, None)
                if key is not None:
                    owner = owner or self.process(int(pid))
                    self._answers[key] = owner
                    if not self._wanted:
                        break
                if position % _LINKS_A_STEP == 0:
                    yield
        except OSError:  # it ended meanwhile
            return
        finally:
            os.close(directory)
        if owner is not None:
            recent = [owner.pid, *(each for each in self._recent_owners if each != owner.pid)]
            self._recent_owners = recent[:_REMEMBERED_OWNERS]
        yield


def _socket_inode(name: str, directory: int) -> int | None:
    try:
        target = os.readlink(name, dir_fd=directory)
    except OSError:  # closed meanwhile
        return None
    return int(target[8:-1]) if target.startswith("socket:[") else None


def read_process(directory: str) -> Process | None:
    """Read the facts about a process from its directory, /proc/PID. None if it has exited."""
    try:
        stat = parse_process_stat(_read(directory + "/stat"))
    except ParseError:
        return None
    name = stat.name
    try:
        executable: str | None = from_os(os.readlink(directory + "/exe")).removesuffix(" (deleted)")  # noqa: PTH115  as in _read
    except OSError:  # another user's, or the kernel's own
        executable = None
    unit = unit_of(_group(_read(directory + "/cgroup")))
    script = desktop_name = None
    if executable is not None:
        program = os.path.basename(executable)  # noqa: PTH119  text, not a path to open
        if len(name) == _COMM_LENGTH and program.startswith(name):
            name = program
        if is_runtime(program):
            script = script_of(program, decoded(_read(directory + "/cmdline", _LONGEST_COMMAND)))
            app = desktop_app(unit)
            if app is not None:
                from netwatch_tray.collect.linux.desktop_entries import name_of  # noqa: PLC0415  desktops only

                desktop_name = name_of(app[1])
    return Process(
        pid=stat.pid,
        name=name,
        executable=executable,
        script=script,
        parent=stat.parent or None,
        unit=unit,
        desktop_name=desktop_name,
    )


def _read(file: str, most: int = 4096) -> bytes:
    """Return the first `most` bytes of a file; empty if it cannot be read. It does not use pathlib, which takes longer
    than the kernel does here."""
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        return os.read(descriptor, most)
    except OSError:  # it ended meanwhile
        return b""
    finally:
        os.close(descriptor)


def _numbers_in(directory: str) -> list[str]:
    try:
        return [name for name in os.listdir(directory) if name.isdecimal()]  # noqa: PTH208  names are enough
    except OSError:  # out of descriptors or memory; the next search finds the owners
        return []


def _group(content: bytes) -> str:
    """Return the path of the control group that systemd or a container runtime made, from /proc/PID/cgroup, v2 or v1
    (cgroups(7))."""
    path = ""
    for line in decoded(content).split("\n"):
        _, _, rest = line.partition(":")
        controllers, _, found = rest.partition(":")
        if controllers == "name=systemd" or (controllers == "" and path in {"", "/"}):
            path = found
    return path
