"""Sockets in /proc/net/{tcp,tcp6,udp,udp6} (proc(5)). Every Linux has these files; they contain no byte counters."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from netwatch_tray import clock
from netwatch_tray.collect.odd_rows import parsed
from netwatch_tray.collect.sockets import Changes, Socket, SocketSample, packed_address
from netwatch_tray.errors import CollectError, Message, UnsupportedError, message
from netwatch_tray.kinds import TcpState

_TABLES = {"tcp": "TCP", "tcp6": "TCP", "udp": "UDP", "udp6": "UDP"}
_STATES = (
    *(TcpState.ESTABLISHED, TcpState.SYN_SENT, TcpState.SYN_RECV, TcpState.FIN_WAIT_1, TcpState.FIN_WAIT_2),
    *(TcpState.TIME_WAIT, TcpState.CLOSED, TcpState.CLOSE_WAIT, TcpState.LAST_ACK, TcpState.LISTEN),
    *(TcpState.CLOSING, TcpState.SYN_RECV),
)
"""States of TCP by the kernel's number, from 1 on (<net/tcp_states.h>)."""


class ProcNetSource:
    """Source of sockets without their bytes, for systems on which SockDiagSource does not work."""

    name = "/proc/net/{tcp,udp}"
    is_costly = True
    is_monotonic = False
    descriptor: int | None = None

    def __init__(self, root: Path = Path("/proc/net")) -> None:
        """Read the tables once, to check that the source works. Raise UnsupportedError if /proc is not mounted or hides
        them."""
        self.note: Message | None = message("/proc/net has neither bytes nor rates.")
        self._root = root
        self._changes = Changes()
        try:
            self._read()
        except CollectError as error:
            raise UnsupportedError(error.message) from error

    def catch_up(self) -> None:
        """Do nothing; this source reports nothing between two readings."""

    def read(self) -> SocketSample:
        return self._changes.since_last(clock.boottime(), self._read())

    def close(self) -> None:
        """Do nothing; no descriptor is kept open."""

    def _read(self) -> dict[str, Socket]:
        sockets: dict[str, Socket] = {}
        found_any = False
        for table, protocol in _TABLES.items():
            try:
                content = (self._root / table).read_bytes()
            except FileNotFoundError:  # no IPv6, or no UDP
                continue
            except OSError as error:
                raise CollectError("{root} cannot be read: {reason}.", root=self._root / table, reason=error) from error
            found_any = True
            sockets.update(parse(content, protocol))
        if not found_any:
            raise CollectError("{root} has none of the tables of sockets.", root=self._root)
        return sockets


def parse(content: bytes, protocol: str) -> Mapping[str, Socket]:
    """Parse one table, whose first line has the headings. Raise ParseError if no line can be parsed."""
    return dict(parsed("/proc/net", content.split(b"\n")[1:], lambda line: _socket(line, protocol)))


def _socket(line: bytes, protocol: str) -> tuple[str, Socket]:
    words = line.split()
    local_address, local_port = _endpoint(words[1])
    remote_address, remote_port = _endpoint(words[2])
    number, uid, inode = int(words[3], 16), int(words[7]), int(words[9])
    if uid < 0 or inode < 0:
        raise ValueError(line)
    found = Socket(
        protocol=protocol,
        local_address=local_address,
        local_port=local_port,
        remote_address=remote_address if remote_port else None,
        remote_port=remote_port,
        state=_STATES[number - 1] if protocol == "TCP" and 1 <= number <= len(_STATES) else None,
        uid=uid if inode else None,
        inode=inode or None,
    )
    return f"{inode} {protocol} {local_address} {local_port} {remote_address} {remote_port}", found


def _endpoint(word: bytes) -> tuple[str, int | None]:
    """Parse `0100007F:0035`: an address in 32-bit words in host byte order, and a port. Raise ValueError if it is
    malformed."""
    host, _, port = word.partition(b":")
    packed = bytes.fromhex(host.decode("ascii"))
    if len(packed) not in {4, 16}:
        raise ValueError(word)
    if sys.byteorder == "little":
        packed = b"".join(packed[at : at + 4][::-1] for at in range(0, len(packed), 4))
    number = int(port, 16)
    if not 0 <= number <= 0xFFFF:
        raise ValueError(word)
    return packed_address(packed), number or None
