"""How many TCP connections were opened so far, from /proc/net/snmp (proc(5), RFC 4022): 17 µs to notice new ones."""

from __future__ import annotations

import os

from netwatch_tray.errors import ParseError, UnsupportedError

_FILE = "/proc/thread-self/net/snmp"
"""Of the network namespace of the thread that opens it; /proc/net would be the one of the main thread."""
_LARGEST = 1 << 14
"""Bytes; the file has some 1.5 KB."""


class TcpOpenings:
    """Reads the counter from a file that stays open."""

    def __init__(self, file: str = _FILE) -> None:
        """Read once, to prove that it works. Raises UnsupportedError where the file or the counters are missing."""
        try:
            self._descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise UnsupportedError("{file} cannot be read: {reason}.", file=file, reason=error.strerror) from error
        if self.count() is None:
            self.close()
            raise UnsupportedError("{file} does not count TCP connections.", file=file)

    def count(self) -> int | None:
        """Connections opened since boot, from here and from outside; `None`: the file could not be read."""
        try:
            return parse(os.pread(self._descriptor, _LARGEST, 0))
        except (OSError, ParseError):
            return None

    def close(self) -> None:
        os.close(self._descriptor)


def parse(content: bytes) -> int:
    """ActiveOpens and PassiveOpens of the line `Tcp:`, summed. Raises ParseError."""
    titles, _, values = content.partition(b"\nTcp:")[2].partition(b"\nTcp:")
    named = dict(zip(titles.split(), values.partition(b"\n")[0].split(), strict=False))
    try:
        return int(named[b"ActiveOpens"]) + int(named[b"PassiveOpens"])
    except (KeyError, ValueError) as error:
        raise ParseError("/proc/net/snmp has no ActiveOpens and PassiveOpens.") from error
