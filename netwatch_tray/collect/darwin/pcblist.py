"""Sockets and their byte counters from sysctl net.inet.{tcp,udp}.pcblist_n, as netstat -b reads them on macOS.

The structures are private (bsd/netinet/in_pcb.h, bsd/sys/socketvar.h, bsd/netinet/tcp_var.h of XNU), so each one's
length is checked against the layouts known here, and any other is refused rather than misread. Kinds of items that are
not known are skipped: a socket without a buffer leaves the kind of that item 0.

What the counters of XSO_STATS mean depends on the kernel (bsd/netinet/tcp_input.c, tcp_output.c, in_pcb.c):

- up to Darwin 23 (macOS 14) each traffic class has its own; TCP counts headers and what is sent again;
- from Darwin 24 (macOS 15) the first one counts data and the second what was dropped for want of space, and TCP counts
  nothing that is sent.
"""

from __future__ import annotations

import ctypes
import os
import re
import struct
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from netwatch_tray import clock
from netwatch_tray.collect.darwin.sysctl import Sysctl
from netwatch_tray.collect.sockets import Changes, Socket, SocketSample, add_row, packed_address
from netwatch_tray.errors import CollectError, Message, ParseError, UnsupportedError, joined, message
from netwatch_tray.kinds import TcpState

_TABLES = {"net.inet.tcp.pcblist_n": "TCP", "net.inet.udp.pcblist_n": "UDP"}
_XINPGEN = 24
"""Size in bytes of struct xinpgen, which begins and ends a table."""
_SOCKET, _RECEIVE, _SEND, _STATS, _INPCB, _TCPCB = 0x1, 0x2, 0x4, 0x8, 0x10, 0x20
_LENGTHS = {_SOCKET: (76, 104), _RECEIVE: (32,), _SEND: (32,), _STATS: (136,), _INPCB: (104,), _TCPCB: (204,)}
"""Known sizes of the structures in bytes, by kind of item. struct xsocket_n ended with the PIDs in XNU 8019 (macOS 12)
and has grown since."""
_ITEM = struct.Struct("=II")
"""Head of every item in a table: its length and its kind. Items are padded to 8 bytes."""
_PCB = struct.Struct("=8xQ")
"""From struct xinpcb_n: an ID that no other socket has; 0 for the flows of the network stack in user
space (Skywalk)."""
_PORTS = struct.Struct(">HH")
_PORTS_AT, _FLAGS_AT, _REMOTE_AT, _LOCAL_AT = 16, 44, 48, 64
"""Remote and local port; 1: IPv4, 2: IPv6; addresses of 16 bytes, IPv4 in the last 4."""
_OWNER = struct.Struct("=8xQ48xIii")
"""From struct xsocket_n: the kernel's address of the socket (0 if it has none), UID, PID of its last user, PID on whose
behalf it is used."""
_COUNTERS = struct.Struct("=8x" + "QQQQ" * 4)
"""From struct xsockstat_n, for each of four traffic classes: packets and bytes received, packets and bytes sent."""
COUNTS_BYTES = (22, 23)
"""Darwin releases (macOS 13 and 14) whose byte counters are good enough for this source to be the one in use. On macOS
12 nettop is used, because no report shows that these counters are right there."""
_STATS_OF_DATA = 24
"""The first Darwin release whose first traffic class counts all data; see the module."""
_STATE = struct.Struct("=36xi96xI")
"""From struct xtcpcb_n: t_state; t_srtt in 1/32 ms."""
_STATES = (
    *(TcpState.CLOSED, TcpState.LISTEN, TcpState.SYN_SENT, TcpState.SYN_RECV, TcpState.ESTABLISHED),
    *(TcpState.CLOSE_WAIT, TcpState.FIN_WAIT_1, TcpState.CLOSING, TcpState.LAST_ACK, TcpState.FIN_WAIT_2),
    TcpState.TIME_WAIT,
)
"""States of TCP by BSD's number (<netinet/tcp_fsm.h>)."""


class PcblistSource:
    """Source of sockets that reads the kernel's tables of TCP and UDP, with two system calls a reading."""

    name = "sysctl pcblist_n"
    is_costly = False
    is_monotonic = False
    descriptor: int | None = None

    def __init__(self) -> None:
        """Read once. Raise UnsupportedError if the kernel has no such tables, hides them or has an unknown layout."""
        self._release = darwin_release()
        notes = [message("macOS does not report the last bytes of connections that close between two readings.")]
        if self._release >= _STATS_OF_DATA:
            notes.append(message("From macOS 15 on it does not report what TCP connections send."))
        self.note: Message | None = joined(notes)
        self._tables = [(Sysctl(_mib(name)), protocol) for name, protocol in _TABLES.items()]
        self._changes = Changes()
        try:
            self.sockets()
        except CollectError as error:
            raise UnsupportedError(error.message) from error

    def catch_up(self) -> None:
        """Do nothing; this source reports nothing between two readings."""

    def read(self) -> SocketSample:
        return self._changes.since_last(clock.boottime(), self.sockets())

    def sockets(self) -> Mapping[str, Socket]:
        """Return all sockets by key. Raise CollectError if the kernel refuses the request or hides sockets."""
        sockets: dict[str, Socket] = {}
        for table, protocol in self._tables:
            sockets.update(parse(table.read(), protocol, self._release))
        return require_other_programs(sockets)

    def close(self) -> None:
        """Do nothing; no descriptor is kept open."""


def darwin_release() -> int:
    """Return the major version of this kernel: 21 for macOS 12, 24 for macOS 15; 0 if it is not a number."""
    found = re.match(r"\d{1,4}", os.uname().release)
    return int(found[0]) if found else 0


def require_other_programs(sockets: Mapping[str, Socket]) -> Mapping[str, Socket]:
    """Return the sockets unchanged, after checking that the list is complete. Raise CollectError if none of them is
    known to belong to another process.

    On every Mac some processes of the system have sockets. But newer systems report to a program of an unidentified
    developer only its own sockets, or none, without an error.
    """
    if all(found.pid in (None, os.getpid()) for found in sockets.values()):
        raise CollectError("macOS hides the sockets of other programs from this one.")
    return sockets


def parse(table: bytes | memoryview, protocol: str, release: int) -> Mapping[str, Socket]:
    """Parse the table of one protocol. `release`: the `darwin_release` of the kernel that made it. Raise ParseError if
    a layout is unknown."""
    sockets: dict[str, Socket] = {}
    for items in _sockets(memoryview(table)):
        pcb, owner = items[_INPCB], items.get(_SOCKET)
        (identity,) = _PCB.unpack_from(pcb)
        remote_port, local_port = _PORTS.unpack_from(pcb, _PORTS_AT)
        family = 6 if pcb[_FLAGS_AT] & 2 else 4
        first = 0 if family == 6 else 12
        local_address, local_scope = _address(bytes(pcb[_LOCAL_AT + first : _LOCAL_AT + 16]))
        remote_address, remote_scope = _address(bytes(pcb[_REMOTE_AT + first : _REMOTE_AT + 16]))
        uid = pid = state = rtt_s = rx_bytes = tx_bytes = None
        if owner is not None:
            in_kernel, owner_uid, last_pid, effective_pid = _OWNER.unpack_from(owner)
            uid = owner_uid if in_kernel else None  # not set for a flow in user space
            pid = effective_pid or last_pid or None
        if protocol == "TCP" and _TCPCB in items:
            number, srtt = _STATE.unpack_from(items[_TCPCB])
            state = _STATES[number] if 0 <= number < len(_STATES) else None
            rtt_s = srtt / 32e3 or None
        if _STATS in items and state != TcpState.LISTEN:
            rx_bytes, tx_bytes = _bytes(_COUNTERS.unpack_from(items[_STATS]), protocol, release)
        ends = f"{local_address}{local_scope} {local_port} {remote_address}{remote_scope} {remote_port}"
        key = f"{protocol} {identity:x} {ends}" if identity else f"{protocol} pid {pid} {family} {ends}"
        found = Socket(
            protocol=protocol,
            family=family,
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
        add_row(sockets, key, found)
    return sockets


def _bytes(counters: tuple[int, ...], protocol: str, release: int) -> tuple[int, int | None]:
    """Return the bytes received and sent (None if not counted). Which counters are right depends on the kernel; see the
    docstring of the module."""
    if release < _STATS_OF_DATA:
        return sum(counters[1::4]), sum(counters[3::4])
    return counters[1], None if protocol == "TCP" else counters[3]


def _sockets(table: memoryview) -> Iterator[dict[int, memoryview]]:
    """Yield for each socket the items that describe it, by kind. An item of the kind INPCB begins the next socket."""
    if len(table) < _XINPGEN or _ITEM.unpack_from(table)[0] != _XINPGEN:
        raise ParseError("A table of sockets does not begin as macOS begins it.")
    items: dict[int, memoryview] = {}
    offset = _XINPGEN
    while offset + _ITEM.size <= len(table):
        length, kind = _ITEM.unpack_from(table, offset)
        if length == _XINPGEN:
            break
        if length < _ITEM.size or length not in _LENGTHS.get(kind, (length,)):
            raise ParseError(f"macOS describes sockets in a way not known here (kind {kind:#x}, {length} bytes).")
        if offset + length > len(table):
            raise ParseError("A table of sockets ends within one.")
        if kind == _INPCB and items:
            yield items
            items = {}
        elif kind != _INPCB and not items:
            raise ParseError("A table of sockets has details of none.")
        if kind in _LENGTHS:
            items[kind] = table[offset : offset + length]
        offset += (length + 7) & ~7
    if items:
        yield items


def _address(packed: bytes) -> tuple[str, str]:
    """Return an address and, if it is link-local, its scope as `%4`; the kernel stores the scope inside the address."""
    if len(packed) == 16 and packed.startswith(b"\xfe\x80") and any(packed[2:4]):
        return packed_address(b"\xfe\x80\0\0" + packed[4:]), f"%{int.from_bytes(packed[2:4], 'big')}"
    return packed_address(packed), ""


def _mib(name: str) -> tuple[int, ...]:
    """Return the numbers that stand for a sysctl's name (sysctlnametomib(3)). Raise UnsupportedError if the kernel has
    none of that name."""
    if sys.platform != "darwin":
        raise UnsupportedError("pcblist_n exists on macOS only.")
    libc: Any = ctypes.CDLL(None, use_errno=True)
    numbers = (ctypes.c_int * 16)()
    size = ctypes.c_size_t(len(numbers))
    if libc.sysctlnametomib(name.encode(), numbers, ctypes.byref(size)):
        raise UnsupportedError("This macOS has no sysctl {name}.", name=name)
    return tuple(numbers[: size.value])
