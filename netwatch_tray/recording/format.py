"""The file format of recordings (docs/record.md): a header, then one JSON record a line, in the order in which they
were read.

A file whose name ends in `.gz` is compressed by gzip. A damaged line is skipped; the others remain readable.
"""

from __future__ import annotations

import gzip
import logging
import os
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Annotated, Literal, Self

import msgspec
from msgspec import Meta

from netwatch_tray.collect.process import Process
from netwatch_tray.collect.sockets import Socket
from netwatch_tray.errors import NetWatchError, reason_of
from netwatch_tray.model import Interface

_log = logging.getLogger(__name__)

VERSION = 1
MAX_BYTES = 1 << 30
"""Largest size of a file's records, uncompressed."""
MAX_SEARCHES = 10_000
_MAX_LINE = 32 << 20
"""Bytes of a line. The first reading of about 100 000 sockets fits."""
_MAX_REPORTED = 10
"""Most damaged lines that are logged singly."""

_Amount = Annotated[int, Meta(ge=0)]
_Seconds = Annotated[float, Meta(ge=0, le=1e11)]
_Row = tuple[_Amount, _Amount, _Amount, _Amount, _Amount, _Amount, _Amount, _Amount]
Origin = Literal["interfaces", "connections"]


class _Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="is"):
    """Base class of the records; each line is one record."""


class ConnectionFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Properties of the source of connections; see ConnectionSource."""

    name: str
    note: str | None = None
    is_monotonic: bool


class Header(_Record, frozen=True, kw_only=True, tag="NetWatch recording"):
    """The first line of a recording."""

    version: int
    program: str
    """Its version."""
    interfaces: str
    """Name of the source."""
    connections: ConnectionFacts | None = None
    """`None` if they could not be read, see `connections_fault`."""
    connections_fault: str = ""
    hides_addresses: bool
    hides_names: bool


class Interfaces(_Record, frozen=True, kw_only=True, tag="interfaces"):
    """The properties of the interfaces, valid from the next counters on."""

    interfaces: tuple[Interface, ...]


class Counters(_Record, frozen=True, kw_only=True, tag="counters"):
    """A reading of the interface counters. It begins a step, to which the records up to the next reading belong."""

    boottime: _Seconds
    uptime: _Seconds
    """Seconds since boot without time asleep, `clock.uptime`."""
    at: _Seconds
    """Unix time."""
    counter_bits: Annotated[int, Meta(ge=32, le=64)] = 64
    rows: Mapping[int, _Row]
    """By interface index, in the order of `model.Counters`."""


class Connections(_Record, frozen=True, kw_only=True, tag="connections"):
    """A reading of the sockets; the fields are those of SocketSample."""

    boottime: _Seconds
    changed: Mapping[str, Socket] = {}
    removed: Mapping[str, Socket] = {}
    overrun: bool = False
    ended: Mapping[str, _Seconds] = {}


class Owners(_Record, frozen=True, kw_only=True, tag="owners"):
    """The result of a search for the owners of sockets. `None` stands for an owner that this user cannot see."""

    search: Annotated[int, Meta(ge=1, le=MAX_SEARCHES)]
    """Number of this search since the last reading of the sockets, from 1."""
    found: Mapping[str, Process | None]


class OwnerDetails(_Record, frozen=True, kw_only=True, tag="owner facts"):
    """What the finder of owners returned for a PID, a control group or a user, or that processes exited.

    Written when a result differs from the one before. In a replay, each is returned until a later record replaces it.
    """

    processes: Mapping[int, Process | None] = {}
    """By PID."""
    units: Mapping[int, str | None] = {}
    """By control group."""
    users: Mapping[int, str] = {}
    """By uid."""
    exited: tuple[int, ...] | None = None
    """PIDs of owners that have exited; `None` if they are the same as before."""


class Fault(_Record, frozen=True, kw_only=True, tag="fault"):
    """A reading failed."""

    origin: Origin
    text: str


Record = Interfaces | Counters | Connections | Owners | OwnerDetails | Fault

_encoder = msgspec.json.Encoder()
_header_decoder = msgspec.json.Decoder(Header)
_decoder = msgspec.json.Decoder(Record)


class RecordingWriter:
    """Writes a new file that only the user can read. Each method raises NetWatchError if that fails."""

    def __init__(self, file: Path, header: Header) -> None:
        """Create the file. An existing file is not overwritten."""
        self._file = file
        self.size = 0
        """Bytes of the records, uncompressed."""
        try:
            descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise self._fault(error) from error
        raw = os.fdopen(descriptor, "wb")
        self._raw = raw
        self._stream: IO[bytes] = (
            gzip.GzipFile(filename="", fileobj=raw, mode="wb", mtime=0) if file.suffix == ".gz" else raw  # type: ignore[assignment]
        )
        self.add(header)

    def add(self, record: Record | Header) -> None:
        line = _encoder.encode(record) + b"\n"
        self.size += len(line)
        try:
            self._stream.write(line)
        except OSError as error:
            raise self._fault(error) from error

    def flush(self) -> None:
        """Pass everything written so far to the operating system."""
        try:
            self._stream.flush()
        except OSError as error:
            raise self._fault(error) from error

    def close(self) -> None:
        try:
            self._stream.close()
            self._raw.close()
        except OSError as error:
            raise self._fault(error) from error

    def _fault(self, error: OSError) -> NetWatchError:
        return NetWatchError("The recording cannot be written to {file}: {reason}.", file=self._file, reason=error)


class RecordingReader:
    """Iterates over the records of a file; use it as a context manager. Damaged records are logged and skipped."""

    def __init__(self, file: Path) -> None:
        """Open a recording. Raise NetWatchError if the file cannot be read, or is not a recording of this version."""
        self._file = file
        self._damaged = 0
        self._number = 1
        try:
            raw = file.open("rb")
        except OSError as error:
            raise NetWatchError("The recording {file} cannot be read: {reason}.", file=file, reason=error) from error
        self._stream: IO[bytes] = raw
        try:
            if raw.peek(2)[:2] == b"\x1f\x8b":
                self._stream = gzip.GzipFile(fileobj=raw)  # type: ignore[assignment]
            self._raw = raw
            self.header = self._read_header()
        except BaseException:
            raw.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._stream.close()
        self._raw.close()

    def __iter__(self) -> Iterator[Record]:
        read = 0
        while line := self._read_line():
            read += len(line)
            if read > MAX_BYTES:
                _log.warning("%s is longer than any recording. The rest is ignored.", self._file)
                return
            try:
                yield _decoder.decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                self._report(str(error))
        if self._damaged > _MAX_REPORTED:
            _log.warning("%s: %d lines are damaged and were skipped.", self._file, self._damaged)

    def _read_header(self) -> Header:
        line = self._read_line()
        try:
            header = _header_decoder.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise NetWatchError(
                "{file} is not a recording of NetWatch Tray ({error}).", file=self._file, error=error
            ) from error
        if header.version != VERSION:
            raise NetWatchError(
                "{file} is a recording of version {version}, and this program reads version {known}. "
                "Replay it with NetWatch Tray {program}.",
                file=self._file,
                version=header.version,
                known=VERSION,
                program=header.program,
            )
        return header

    def _read_line(self) -> bytes:
        """Return the next line; empty at the end, or if the rest cannot be read."""
        try:
            line = self._stream.readline(_MAX_LINE)
            while len(line) == _MAX_LINE and not line.endswith(b"\n"):
                self._report("the line is too long")
                while (rest := self._stream.readline(_MAX_LINE)) and not rest.endswith(b"\n"):
                    pass
                line = self._stream.readline(_MAX_LINE)
        except (OSError, EOFError, zlib.error) as error:
            _log.warning("%s: the recording ends within line %d (%s).", self._file, self._number, reason_of(error))
            return b""
        self._number += 1
        return line

    def _report(self, reason: str) -> None:
        self._damaged += 1
        if self._damaged <= _MAX_REPORTED:
            _log.warning("%s: line %d is damaged and was skipped (%s).", self._file, self._number - 1, reason)
