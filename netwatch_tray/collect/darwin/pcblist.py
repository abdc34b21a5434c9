"""Sockets and their byte counters from sysctl net.inet.{tcp,udp}.pcblist_n, as netstat -b reads them on macOS.

The structures are private (bsd/netinet/in_pcb.h, bsd/sys/socketvar.h, bsd/netinet/tcp_var.h of XNU), so each one's
length is checked against the layout known here, and any other is refused rather than misread.
"""

from __future__ import annotations

import ctypes
import struct
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from netwatch_tray import clock
from netwatch_tray.collect.darwin.sysctl import Sysctl
from netwatch_tray.collect.sockets import Changes, Socket, SocketSample, packed_address
from netwatch_tray.errors import CollectError, ParseError, UnsupportedError

_TABLES = {"net.inet.tcp.pcblist_n": "TCP", "net.inet.udp.pcblist_n": "UDP"}
_XINPGEN = 24
"""Size of struct xinpgen, before the first item and after the last."""
_SOCKET, _RECEIVE, _SEND, _STATS, _INPCB, _TCPCB = 0x1, 0x2, 0x4, 0x8, 0x10, 0x20
_LENGTHS = {_SOCKET: 104, _RECEIVE: 32, _SEND: 32, _STATS: 136, _INPCB: 104, _TCPCB: 204}
_ITEM = struct.Struct("=II")
"""Length and kind; items are padded to 8 bytes."""
_PCB = struct.Struct("=8xQ")
"""struct xinpcb_n: an id that no other socket has."""
_PORTS = struct.Struct(">HH")
_PORTS_AT, _FLAGS_AT, _REMOTE_AT, _LOCAL_AT = 16, 44, 48, 64
"""Remote and local port; 1: IPv4, 2: IPv6; addresses of 16 bytes, IPv4 in the last 4."""
_OWNER = struct.Struct("=64xIii")
"""struct xsocket_n: uid, pid of who used it last, pid on whose behalf."""
_COUNTERS = struct.Struct("=8x" + "QQQQ" * 4)
"""struct xsockstat_n: for each traffic class, packets and bytes received, packets and bytes sent."""
_STATE = struct.Struct("=36xi96xI")
"""struct xtcpcb_n: t_state; t_srtt in 1/32 ms."""
_STATES = (
    *("CLOSED LISTEN SYN_SENT SYN_RECV ESTABLISHED CLOSE_WAIT FIN_WAIT_1 CLOSING LAST_ACK".split()),
    *("FIN_WAIT_2 TIME_WAIT".split()),
)
"""By BSD's number (<netinet/tcp_fsm.h>)."""


class PcblistSource:
    """Reads both tables, two system calls a reading."""

    name = "sysctl pcblist_n"
    is_costly = False
    is_monotonic = False
    descriptor: int | None = None

    def __init__(self) -> None:
        """Raises UnsupportedError where the kernel has no such tables, lays them out differently or hides them."""
        self.note: str | None = "macOS does not tell the last bytes of connections between two readings."
        self._tables = [(Sysctl(_mib(name)), protocol) for name, protocol in _TABLES.items()]
        self._changes = Changes()
        try:
            sockets = self._read()
        except CollectError as error:
            raise UnsupportedError(str(error)) from error
        if not sockets:
            # No Mac is without sockets: newer systems hide them from programs of an unknown developer.
            raise UnsupportedError("macOS shows no sockets to this program.")

    def catch_up(self) -> None:
        """Nothing happens between two readings."""

    def read(self) -> SocketSample:
        return self._changes.since_last(clock.boottime(), self._read())

    def close(self) -> None:
        """Holds nothing open."""

    def _read(self) -> dict[str, Socket]:
        sockets: dict[str, Socket] = {}
        for table, protocol in self._tables:
            sockets.update(parse(table.read(), protocol))
        return sockets


def parse(table: bytes | memoryview, protocol: str) -> Mapping[str, Socket]:
    """One table. Raises ParseError on a layout other than the one known."""
    sockets = {}
    for items in _sockets(memoryview(table)):
        pcb, owner = items[_INPCB], items.get(_SOCKET)
        (identity,) = _PCB.unpack_from(pcb)
        remote_port, local_port = _PORTS.unpack_from(pcb, _PORTS_AT)
        first = 0 if pcb[_FLAGS_AT] & 2 else 12
        local_address, local_scope = _address(bytes(pcb[_LOCAL_AT + first : _LOCAL_AT + 16]))
        remote_address, remote_scope = _address(bytes(pcb[_REMOTE_AT + first : _REMOTE_AT + 16]))
        uid = pid = state = rtt_s = rx_bytes = tx_bytes = None
        if owner is not None:
            uid, last_pid, effective_pid = _OWNER.unpack_from(owner)
            pid = effective_pid or last_pid or None
        if protocol == "TCP" and _TCPCB in items:
            number, srtt = _STATE.unpack_from(items[_TCPCB])
            state = _STATES[number] if 0 <= number < len(_STATES) else None
            rtt_s = srtt / 32e3 or None
        if _STATS in items and state != "LISTEN":
            counters = _COUNTERS.unpack_from(items[_STATS])
            rx_bytes, tx_bytes = sum(counters[1::4]), sum(counters[3::4])
        sockets[f"{protocol} {identity:x} {local_port} {remote_address} {remote_port}"] = Socket(
            protocol=protocol,
            local_address=local_address + local_scope,
            local_port=local_port or None,
            remote_address=remote_address + remote_scope if remote_port else None,
            remote_port=remote_port or None,
            state=state,
            rx_bytes=rx_bytes,
            tx_bytes=tx_bytes,
            rtt_s=rtt_s,
            uid=uid,
            pid=pid,
        )
    return sockets


def _sockets(table: memoryview) -> Iterator[dict[int, memoryview]]:
    """The items of each socket, by kind; each socket begins with its INPCB."""
    if len(table) < _XINPGEN or _ITEM.unpack_from(table)[0] != _XINPGEN:
        raise ParseError("A table of sockets does not begin as macOS begins it.")
    items: dict[int, memoryview] = {}
    offset = _XINPGEN
    while offset + _ITEM.size <= len(table):
        length, kind = _ITEM.unpack_from(table, offset)
        if length == _XINPGEN:
            break
        if _LENGTHS.get(kind) != length:
            raise ParseError(f"macOS describes sockets in a way not known here (kind {kind:#x}, {length} bytes).")
        if offset + length > len(table):
            raise ParseError("A table of sockets ends within one.")
        if kind == _INPCB and items:
            yield items
            items = {}
        elif kind != _INPCB and not items:
            raise ParseError("A table of sockets has details of none.")
        items[kind] = table[offset : offset + length]
        offset += (length + 7) & ~7
    if items:
        yield items


def _address(packed: bytes) -> tuple[str, str]:
    """An address and its scope; the kernel keeps a link-local one's within it."""
    if len(packed) == 16 and packed.startswith(b"\xfe\x80") and any(packed[2:4]):
        return packed_address(b"\xfe\x80\0\0" + packed[4:]), f"%{int.from_bytes(packed[2:4], 'big')}"
    return packed_address(packed), ""


def _mib(name: str) -> tuple[int, ...]:
    """The numbers of a sysctl's name (sysctlnametomib(3)). Raises UnsupportedError."""
    if sys.platform != "darwin":
        raise UnsupportedError("pcblist_n is macOS's.")
    libc: Any = ctypes.CDLL(None, use_errno=True)
    numbers = (ctypes.c_int * 16)()
    size = ctypes.c_size_t(len(numbers))
    if libc.sysctlnametomib(name.encode(), numbers, ctypes.byref(size)):
        raise UnsupportedError(f"This macOS has no sysctl {name}.")
    return tuple(numbers[: size.value])
