"""Sources that write everything they return to a recording."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

import netwatch_tray
from netwatch_tray import clock
from netwatch_tray.collect.interface_source import InterfaceSource
from netwatch_tray.collect.interfaces import OpenedSource
from netwatch_tray.collect.process import Process, ProcessFinder
from netwatch_tray.collect.sockets import ConnectionSource, Socket, SocketSample
from netwatch_tray.collect.sources import Sources
from netwatch_tray.errors import CollectError, UnsupportedError, message
from netwatch_tray.model import Interface, Sample
from netwatch_tray.recording.format import (
    MAX_SEARCHES,
    VERSION,
    ConnectionFacts,
    Connections,
    Counters,
    Fault,
    Header,
    Interfaces,
    OwnerDetails,
    Owners,
    RecordingWriter,
)
from netwatch_tray.recording.redaction import Redaction

_REPEAT_INTERFACES = 60
"""Readings after which the interfaces are written again although nothing changed, in case that line gets damaged."""


class Recorder(Sources):
    """Sources that record what is read from other sources, until `close`. Each opener returns the same source every
    time."""

    def __init__(
        self, file: Path, sources: Sources | None = None, *, hides_addresses: bool = True, hides_names: bool = True
    ) -> None:
        """Create the recording. Raise NetWatchError if the file exists or cannot be written, or nothing can be measured
        here."""
        sources = sources or Sources()
        redaction = Redaction(hides_addresses=hides_addresses, hides_names=hides_names)
        with contextlib.ExitStack() as undo:
            interfaces = sources.interfaces().source
            undo.callback(interfaces.close)
            connections, fault = None, ""
            try:
                connections = sources.connections()
                undo.callback(connections.close)
            except UnsupportedError as error:
                fault = redaction.fault(str(error))
            header = Header(
                version=VERSION,
                program=netwatch_tray.__version__,
                interfaces=interfaces.name,
                connections=None
                if connections is None
                else ConnectionFacts(
                    name=connections.name,
                    note=connections.note and redaction.fault(str(connections.note)),
                    is_monotonic=connections.is_monotonic,
                ),
                connections_fault=fault,
                hides_addresses=hides_addresses,
                hides_names=hides_names,
            )
            self._writer = RecordingWriter(file, header)
            undo.callback(self._writer.close)
            self._close = undo.pop_all().close
        self._finder = _Finder(sources.finder(), self._writer, redaction)
        self._interfaces = _Interfaces(interfaces, self._writer, redaction)
        self._connections: _Connections | None = None
        if connections is not None:
            self._connections = _Connections(connections, self._writer, redaction, self._finder)
        self._fault = fault

    def now(self) -> float:
        """Return the Unix time of the last reading of the interfaces."""
        return self._interfaces.at

    def interfaces(self) -> OpenedSource:
        return OpenedSource(self._interfaces, ((self._interfaces.name, message("recorded")),))

    def connections(self) -> ConnectionSource:
        if self._connections is None:
            raise UnsupportedError(self._fault)
        return self._connections

    def finder(self) -> ProcessFinder:
        return self._finder

    @property
    def size(self) -> int:
        """Return the size of the records so far, in bytes, uncompressed."""
        return self._writer.size

    def flush(self) -> None:
        """Pass everything recorded so far to the operating system. Raise NetWatchError."""
        self._writer.flush()

    def close(self) -> None:
        """Close the recording. Raise NetWatchError if its end cannot be written."""
        self._close()


class _Interfaces:
    def __init__(self, source: InterfaceSource, writer: RecordingWriter, redaction: Redaction) -> None:
        self._source, self._writer, self._redaction = source, writer, redaction
        self.name, self.note = source.name, source.note
        self._written: Mapping[int, Interface] | None = None
        self._readings = 0
        self.at = 0.0

    def sample(self) -> Sample:
        try:
            sample = self._source.sample()
        except CollectError as error:
            self._writer.add(Fault(origin="interfaces", text=self._redaction.fault(str(error))))
            raise
        if sample.interfaces is not self._written or self._readings % _REPEAT_INTERFACES == 0:
            self._written = sample.interfaces
            self._writer.add(Interfaces(interfaces=tuple(map(self._redaction.interface, sample.interfaces.values()))))
        self._readings += 1
        uptime, at = clock.uptime(), time.time()
        self.at = at
        self._writer.add(
            Counters(
                boottime=sample.boottime,
                uptime=uptime,
                at=at,
                counter_bits=sample.counter_bits,
                rows=sample.counters,
            )
        )
        return msgspec.structs.replace(sample, uptime=uptime, at=at)  # so that a replay measures exactly the same

    def close(self) -> None:
        self._source.close()


class _Connections:
    def __init__(
        self, source: ConnectionSource, writer: RecordingWriter, redaction: Redaction, finder: _Finder
    ) -> None:
        self._source, self._writer, self._redaction, self._finder = source, writer, redaction, finder
        self.name, self.note, self.is_costly, self.is_monotonic = (
            source.name,
            source.note,
            source.is_costly,
            source.is_monotonic,
        )
        self.descriptor = source.descriptor

    def catch_up(self) -> None:
        self._source.catch_up()

    def read(self) -> SocketSample:
        try:
            sample = self._source.read()
        except CollectError as error:
            self._writer.add(Fault(origin="connections", text=self._redaction.fault(str(error))))
            raise
        self._writer.add(
            Connections(
                boottime=sample.boottime,
                changed=self._redaction.sockets(sample.changed),
                removed=self._redaction.sockets(sample.removed),
                overrun=sample.overrun,
                ended={self._redaction.key(key): at for key, at in sample.ended.items()},
            )
        )
        self._finder.searches = 0
        return sample

    def close(self) -> None:
        self._source.close()


class _Finder:
    def __init__(self, finder: ProcessFinder, writer: RecordingWriter, redaction: Redaction) -> None:
        self._finder, self._writer, self._redaction = finder, writer, redaction
        self.searches = 0
        """Since the last reading of the sockets."""
        self._processes: dict[int, Process | None] = {}
        """Recorded last, like the attributes below, so that only changes are recorded."""
        self._units: dict[int, str | None] = {}
        self._users: dict[int, str] = {}
        self._exited: tuple[int, ...] = ()

    @property
    def is_searching(self) -> bool:
        return self._finder.is_searching

    def look_for(self, sockets: Mapping[str, Socket]) -> None:
        self._finder.look_for(sockets)

    def forget(self, keys: Mapping[str, Socket]) -> None:
        self._finder.forget(keys)

    def search(self, budget_s: float) -> Mapping[str, Process | None]:
        found = self._finder.search(budget_s)
        self.searches = min(self.searches + 1, MAX_SEARCHES)
        if found:
            redacted = {self._redaction.key(key): self._redaction.process(each) for key, each in found.items()}
            self._writer.add(Owners(search=self.searches, found=redacted))
        return found

    def ended(self, pids: Iterable[int]) -> set[int]:
        found = self._finder.ended(pids)
        if (exited := tuple(sorted(found))) != self._exited:
            self._exited = exited
            self._writer.add(OwnerDetails(exited=exited))
        return found

    def process(self, pid: int) -> Process | None:
        found = self._finder.process(pid)
        if pid not in self._processes or self._processes[pid] != found:
            self._processes[pid] = found
            self._writer.add(OwnerDetails(processes={pid: self._redaction.process(found)}))
        return found

    def unit(self, cgroup: int) -> str | None:
        found = self._finder.unit(cgroup)
        if cgroup not in self._units or self._units[cgroup] != found:
            self._units[cgroup] = found
            self._writer.add(OwnerDetails(units={cgroup: None if found is None else self._redaction.name(found)}))
        return found

    def user(self, uid: int) -> str:
        found = self._finder.user(uid)
        if self._users.get(uid) != found:
            self._users[uid] = found
            self._writer.add(OwnerDetails(users={uid: self._redaction.name(found)}))
        return found
