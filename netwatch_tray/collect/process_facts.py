"""Reads facts about a process besides its traffic: parent, user, CPU time, memory, start. Uploads need them for a few
processes."""

from __future__ import annotations

import os
import sys
from typing import NamedTuple

from netwatch_tray.collect.linux.proc import ProcessStat, parse_process_stat
from netwatch_tray.collect.process import UserNames
from netwatch_tray.errors import CollectError
from netwatch_tray.text import from_os


class ProcessFacts(NamedTuple):
    """Facts about a process. None: this user may not see it."""

    name: str
    parent: int | None
    user: str | None
    cpu_s: float
    """Seconds of CPU time since it started, user and system together."""
    rss_bytes: int
    virtual_bytes: int
    state: str
    """The kernel's letter: R running, S sleeping, I idle, Z zombie, T stopped …"""
    started: float
    """Unix time at which the process started."""
    executable: str | None


_users = UserNames()


def read_facts(pid: int) -> ProcessFacts | None:
    """Return the facts about a process; None if it has exited or this system does not show them. Raise ParseError if
    the kernel's file is malformed."""
    return _read_linux(pid) if sys.platform == "linux" else _read_psutil(pid)


def _read_linux(pid: int, root: str = "/proc") -> ProcessFacts | None:
    directory = f"{root}/{pid}"
    try:
        with open(f"{directory}/stat", "rb", buffering=0) as file:  # noqa: PTH123  twice as fast as pathlib
            facts = _facts(parse_process_stat(file.read(4096)), _boot_time())
            uid = os.fstat(file.fileno()).st_uid
    except OSError:
        return None
    try:
        executable: str | None = from_os(os.readlink(f"{directory}/exe")).removesuffix(" (deleted)")  # noqa: PTH115  as above
    except OSError:  # another user's
        executable = None
    return facts._replace(user=_users[uid], executable=executable)


def _facts(stat: ProcessStat, boot_time: float) -> ProcessFacts:
    """Return the facts that /proc/PID/stat contains; user and executable are None. `boot_time`: Unix time."""
    ticks = os.sysconf("SC_CLK_TCK")
    return ProcessFacts(
        name=stat.name,
        parent=stat.parent or None,
        user=None,
        cpu_s=stat.cpu_ticks / ticks,
        rss_bytes=stat.resident_pages * os.sysconf("SC_PAGE_SIZE"),
        virtual_bytes=stat.virtual_bytes,
        state=stat.state,
        started=boot_time + stat.start_ticks / ticks,
        executable=None,
    )


_boot: list[float] = []


def _boot_time() -> float:
    """Return the Unix time of boot that the kernel reports (`btime`). It is read once, so that the start time of a
    process does not change when the clock is set."""
    if not _boot:
        try:
            with open("/proc/stat", "rb") as file:  # noqa: PTH123  as above
                _boot.append(next(float(line.split()[1]) for line in file if line.startswith(b"btime")))
        except (OSError, StopIteration) as error:
            raise CollectError("/proc/stat has no boot time.") from error
    return _boot[0]


def _read_psutil(pid: int) -> ProcessFacts | None:
    import psutil  # noqa: PLC0415  4 MB, for systems without /proc

    states = {"running": "R", "sleeping": "S", "idle": "I", "zombie": "Z", "stopped": "T"}
    try:
        found = psutil.Process(pid)
        with found.oneshot():
            times, memory = found.cpu_times(), found.memory_info()
            try:
                executable = from_os(found.exe()) or None
            except psutil.AccessDenied:
                executable = None
            return ProcessFacts(
                name=from_os(found.name()),
                parent=found.ppid() or None,
                user=found.username(),
                cpu_s=times.user + times.system,
                rss_bytes=memory.rss,
                virtual_bytes=memory.vms,
                state=states.get(found.status(), "S"),
                started=found.create_time(),
                executable=executable,
            )
    except psutil.Error:
        return None
