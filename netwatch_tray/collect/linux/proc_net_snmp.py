"""Protocol counters in /proc/net/snmp and /proc/net/netstat (proc(5), RFC 4022, RFC 4113): new TCP connections, which
take 17 µs to read, and packets that this machine refused."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from typing import NamedTuple

from netwatch_tray.collect.sockets import RefusalCounts
from netwatch_tray.errors import ParseError, UnsupportedError

_FILE = "/proc/thread-self/net/snmp"
"""The file for the network namespace of the calling thread; /proc/net would be that of the main thread."""
_NETSTAT = "/proc/thread-self/net/netstat"
_LARGEST = 1 << 14
"""Most bytes that are read of a file; the two have some 1.5 and 4 KB."""
_ABORTS = (b"TCPAbortOnData", b"TCPAbortOnClose", b"TCPAbortOnLinger", b"TCPAbortOnMemory")
"""Names of the counters of connections that this machine ended by a reset instead of a FIN."""


class TcpOpenings:
    """Counts opened TCP connections, from a file that stays open. Implements `sockets.Openings`."""

    def __init__(self, file: str = _FILE) -> None:
        """Read the file once, to check that it works. Raise UnsupportedError if the file or the counters
        are missing."""
        self._descriptor = _open(file)
        try:
            content = os.pread(self._descriptor, _LARGEST, 0)
            # Once: finding the counters by their names takes longer than reading the file.
            self._line = openings_line(content)
            self._take(content)
        except (OSError, ParseError) as error:
            self.close()
            raise UnsupportedError("{file} does not count TCP connections.", file=file) from error

    def count(self) -> int | None:
        """Return how many connections were opened since boot, inbound and outbound, or `None` if the file could not be
        read."""
        try:
            content = os.pread(self._descriptor, _LARGEST, 0)
            if not content.startswith(self._counted, self._place):
                self._take(content)
        except (OSError, ParseError):
            return None
        return self._count

    def _take(self, content: bytes) -> None:
        self._count = sum(self._line.read(content))
        # Compared at its place, which rarely moves: searching for it takes a fifth of the time of reading the file.
        self._counted = self._line.through(content)
        self._place = content.index(self._counted)

    def close(self) -> None:
        os.close(self._descriptor)


class RefusalCounters:
    """Counts packets that this machine refused, from files that stay open. Implements `sockets.Refusals`."""

    def __init__(self, snmp: str = _FILE, netstat: str = _NETSTAT) -> None:
        """Read the files once, to check that they work. Raise UnsupportedError if a file or a counter is missing."""
        with contextlib.ExitStack() as undo:
            self._snmp = _open(snmp)
            undo.callback(os.close, self._snmp)
            self._netstat = _open(netstat)
            undo.callback(os.close, self._netstat)
            if self.read() is None:
                raise UnsupportedError("{file} does not count what is refused.", file=snmp)
            self.close = undo.pop_all().close

    def read(self) -> RefusalCounts | None:
        """Return the counts since boot, or `None` if they could not be read."""
        try:
            return parse_refusals(os.pread(self._snmp, _LARGEST, 0), os.pread(self._netstat, _LARGEST, 0))
        except (OSError, ParseError):
            return None


def _open(file: str) -> int:
    try:
        return os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise UnsupportedError("{file} cannot be read: {reason}.", file=file, reason=error) from error


class Line(NamedTuple):
    """Where the wanted counters of a protocol are in such a file, which has for each protocol a line with the names and
    then a line with the values."""

    titles: bytes
    """The line with the names, and the beginning of the line with the values."""
    places: tuple[int, ...]
    """Indexes of the wanted counters among the values."""

    @classmethod
    def of(cls, content: bytes, protocol: bytes, names: Sequence[bytes]) -> Line:
        """Find the counters with these names of a protocol. Raise ParseError if one is missing."""
        try:
            _, titles, rest = (b"\n" + content).split(b"\n" + protocol)
            found, values = titles.partition(b"\n")[0].split(), rest.partition(b"\n")[0].split()
            places = {name: place for place, (name, _) in enumerate(zip(found, values, strict=True))}
            return cls(protocol + titles + b"\n" + protocol, tuple([places[name] for name in names]))
        except (KeyError, ValueError) as error:
            raise ParseError(f"The kernel's {protocol.decode()} counters lack one of {names}.") from error

    def read(self, content: bytes) -> list[int]:
        """Return the values of the counters from a later content of the same file. Raise ParseError if its names have
        changed."""
        values = content.partition(self.titles)[2].split(None, max(self.places) + 1)
        try:
            return [int(values[place]) for place in self.places]
        except (IndexError, ValueError) as error:
            raise ParseError("The kernel's counters are in another place than before.") from error

    def through(self, content: bytes) -> bytes:
        """Return the part of a content that begins with `titles` and ends after the last of the counters."""
        rest = content.partition(self.titles)[2]
        following = rest.split(None, max(self.places) + 1)[max(self.places) + 1 :]
        return self.titles + rest[: len(rest) - sum(map(len, following))]


def openings_line(content: bytes) -> Line:
    """Find the counters of opened connections, ActiveOpens and PassiveOpens of the line `Tcp:`. Raise ParseError if
    they are missing."""
    return Line.of(content, b"Tcp:", (b"ActiveOpens", b"PassiveOpens"))


def parse_refusals(snmp: bytes, netstat: bytes) -> RefusalCounts:
    """Parse the counters of packets that this machine refused. Raise ParseError if one is missing.

    OutRsts counts every segment with RST that was sent. Resets that end a connection are also in the counters of
    aborts. Connections from this machine to closed ports, its own or those of other machines, are in AttemptFails. What
    is left of OutRsts is the least number of resets that refused packets of others.
    """
    resets, failed = _counters(snmp, b"Tcp:", (b"OutRsts", b"AttemptFails"))
    (datagrams,) = _counters(snmp, b"Udp:", (b"NoPorts",))
    (unreachables,) = _counters(snmp, b"Icmp:", (b"OutDestUnreachs",))
    return RefusalCounts(resets, failed + sum(_counters(netstat, b"TcpExt:", _ABORTS)), datagrams, unreachables)


def _counters(content: bytes, protocol: bytes, names: Sequence[bytes]) -> list[int]:
    return Line.of(content, protocol, names).read(content)
