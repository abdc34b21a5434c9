"""Sources that return the contents of a recording, one reading after the other."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from netwatch_tray.collect.country import Countries
from netwatch_tray.collect.hosts_file import HostsFile
from netwatch_tray.collect.interfaces import OpenedSource
from netwatch_tray.collect.process import Process, ProcessFinder
from netwatch_tray.collect.sockets import ConnectionSource, Socket, SocketSample
from netwatch_tray.collect.sources import Sources
from netwatch_tray.errors import CollectError, Message, NetWatchError, UnsupportedError, message
from netwatch_tray.model import Interface, Sample
from netwatch_tray.recording.format import (
    ConnectionFacts,
    Connections,
    Counters,
    Fault,
    Interfaces,
    OwnerDetails,
    Owners,
    Record,
    RecordingReader,
)


class Replay(Sources):
    """Replaces the sources of this machine by a recording. Each opener returns the same source every time.

    A sample of the interfaces begins the next step of the recording. A reading of the sockets returns the readings of
    all steps since the previous one, as one reading.
    """

    is_live = False

    def __init__(self, file: Path, *, speed: float = 1.0, keeps_time: bool = False) -> None:
        """`speed`: recorded seconds per second. `keeps_time`: whether measurements have their recorded time; otherwise
        the recording seems to begin now. Raise NetWatchError if the file cannot be read, or has no measurement."""
        self.speed = speed
        self._reader = RecordingReader(file)
        self._steps = _steps(self._reader)
        self._next = next(self._steps, None)
        if self._next is None:
            self._reader.close()
            raise NetWatchError("The recording {file} holds no measurement.", file=file)
        header = self._reader.header
        self._fault = header.connections_fault
        self._finder = _Finder()
        self._interfaces = _Interfaces(self, header.interfaces)
        self._connections = None if header.connections is None else _Connections(header.connections, self._finder)
        self._shift = 0.0 if keeps_time else None
        """Seconds from the recorded time of day to that of the measurements; `None` if there is no measurement yet."""
        self._now = 0.0

    @property
    def has_ended(self) -> bool:
        """Return whether every step has begun."""
        return self._next is None

    @property
    def has_reading(self) -> bool:
        """Return whether there is a reading of the sockets, successful or failed, that was not returned yet."""
        return self._connections is not None and self._connections.is_pending

    def now(self) -> float:
        """Return the Unix time of the current step."""
        return self._now

    def interfaces(self) -> OpenedSource:
        return OpenedSource(self._interfaces, ((self._interfaces.name, message("replayed")),))

    def connections(self) -> ConnectionSource:
        if self._connections is None:
            raise UnsupportedError(self._fault)
        return self._connections

    def openings(self) -> None:
        """Return None: a recording has no data between its steps."""

    def refusals(self) -> None:
        """Return None: a recording has no counts of packets that the machine refused."""

    def finder(self) -> ProcessFinder:
        return self._finder

    def hosts_file(self) -> HostsFile:
        """Return an empty file: names that are given on this machine do not apply to addresses of another one."""
        return HostsFile(os.devnull)

    def helper(self) -> None:
        """Return None: the helper's readings are not recorded."""

    def countries(self) -> Countries:
        """Return the lookup of countries; replaced addresses have none."""
        return Countries(()) if self._reader.header.hides_addresses else super().countries()

    def begin_step(self) -> Sample:
        """Begin the next step and return its sample. Raise CollectError if this reading failed, or the recording has
        ended."""
        step, self._next = self._next, next(self._steps, None)
        if step is None:
            raise CollectError("The recording has ended.")
        for record in step.records:
            if isinstance(record, Owners | OwnerDetails):
                self._finder.add(record)
            elif self._connections is not None:
                self._connections.add(record)
        if isinstance(step.begin, Fault):
            raise CollectError(step.begin.text)
        found = step.begin
        if self._shift is None:
            self._shift = time.time() - found.at
        self._now = max(0.0, found.at + self._shift)
        if self._connections is not None:
            self._connections.boottime = found.boottime
        return Sample(
            boottime=found.boottime,
            counters={index: row for index, row in found.rows.items() if index in step.interfaces},
            interfaces=step.interfaces,
            counter_bits=found.counter_bits,
            uptime=found.uptime,
            at=self._now,
        )

    def close(self) -> None:
        """Close the file."""
        self._reader.close()


class _Step(NamedTuple):
    begin: Counters | Fault
    interfaces: Mapping[int, Interface]
    """By index; the same object until they change."""
    records: list[Connections | Owners | OwnerDetails | Fault]
    """The records that follow `begin`, in order."""


def _steps(records: Iterable[Record]) -> Iterator[_Step]:
    interfaces: Mapping[int, Interface] = {}
    step: _Step | None = None
    for record in records:
        if isinstance(record, Interfaces):
            found = {each.index: each for each in record.interfaces}
            interfaces = interfaces if found == interfaces else found
        elif isinstance(record, Counters) or (isinstance(record, Fault) and record.origin == "interfaces"):
            if step is not None:
                yield step
            step = _Step(record, interfaces, [])
        elif step is not None:
            step.records.append(record)
    if step is not None:
        yield step


class _Interfaces:
    note: Message | None = None

    def __init__(self, replay: Replay, name: str) -> None:
        self._replay, self.name = replay, name

    def sample(self) -> Sample:
        return self._replay.begin_step()

    def close(self) -> None:
        self._replay.close()


class _Connections:
    is_costly = False
    descriptor: int | None = None

    def __init__(self, facts: ConnectionFacts, finder: _Finder) -> None:
        self.name, self.is_monotonic = facts.name, facts.is_monotonic
        self.note = None if facts.note is None else Message(facts.note)
        self._finder = finder
        self._pending: deque[Connections | Fault] = deque()
        self.boottime = 0.0
        """Boot-time clock of the current step."""

    def add(self, record: Connections | Fault) -> None:
        self._pending.append(record)
        if isinstance(record, Connections):
            self._finder.add_reading()

    @property
    def is_pending(self) -> bool:
        return bool(self._pending)

    def catch_up(self) -> None:
        """Do nothing: `descriptor` is None, so nothing is pending."""

    def read(self) -> SocketSample:
        boottime, overrun = self.boottime, False
        changed: dict[str, Socket] = {}
        removed: dict[str, Socket] = {}
        ended: dict[str, float] = {}
        while self._pending:
            found = self._pending[0]
            if isinstance(found, Fault):
                if changed or removed:
                    break
                self._pending.popleft()
                raise CollectError(found.text)
            self._pending.popleft()
            self._finder.begin_reading()
            for key, each in found.removed.items():
                changed.pop(key, None)
                removed[key] = each
            for key, each in found.changed.items():
                removed.pop(key, None)
                changed[key] = each
            ended.update(found.ended)
            boottime, overrun = found.boottime, overrun or found.overrun
        return SocketSample(boottime, changed, removed, overrun, ended)

    def close(self) -> None:
        """Do nothing: the source of interfaces closes the file."""


class _Finder:
    """Returns owners after as many searches since the reading of their sockets as it took in the recording."""

    is_searching = False

    def __init__(self) -> None:
        self._answers: deque[tuple[int, Owners]] = deque()
        """Owners to return, and the number of the reading after which they were found."""
        self._added = 0
        """Readings so far, and those of them that were returned."""
        self._begun = 0
        self._searches = 0
        """Since the last reading."""
        self._processes: dict[int, Process | None] = {}
        self._units: dict[int, str | None] = {}
        self._users: dict[int, str] = {}
        self._exited: frozenset[int] = frozenset()

    def add_reading(self) -> None:
        self._added += 1

    def begin_reading(self) -> None:
        self._begun += 1
        self._searches = 0

    def add(self, record: Owners | OwnerDetails) -> None:
        if isinstance(record, Owners):
            self._answers.append((self._added, record))
            return
        self._processes.update(record.processes)
        self._units.update(record.units)
        self._users.update(record.users)
        if record.exited is not None:
            self._exited = frozenset(record.exited)

    def look_for(self, sockets: Mapping[str, Socket]) -> None:
        """Do nothing: the recording has every owner that was found."""

    def forget(self, keys: Mapping[str, Socket]) -> None:
        """Do nothing, like `look_for`."""

    def search(self, budget_s: float) -> Mapping[str, Process | None]:  # noqa: ARG002  it takes no time
        self._searches += 1
        found: dict[str, Process | None] = {}
        while self._answers and (self._answers[0][0], self._answers[0][1].search) <= (self._begun, self._searches):
            found.update(self._answers.popleft()[1].found)
        self.is_searching = bool(self._answers) and self._answers[0][0] <= self._begun
        return found

    def ended(self, pids: Iterable[int]) -> set[int]:
        return set(self._exited.intersection(pids))

    def process(self, pid: int) -> Process | None:
        return self._processes.get(pid)

    def unit(self, cgroup: int) -> str | None:
        return self._units.get(cgroup)

    def user(self, uid: int) -> str:
        return self._users.get(uid) or str(uid)
