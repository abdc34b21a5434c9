"""Sockets, exact byte counters and round trips from the kernel itself (sock_diag(7), <linux/inet_diag.h>).

A reading is three dumps over one netlink socket: TCP of both families in one walk of the kernel's table, then UDP over
IPv4 and IPv6. It needs no privilege and lists every user's sockets. A second netlink socket is told of each TCP socket
that is destroyed, with its final counters, so that no byte is lost between two readings however short a connection
lives.

Most sockets are the same as last time, so the loop over a dump only unpacks what may have changed and compares it;
a message is parsed when it is new or different.
"""

from __future__ import annotations

import errno
import math
import socket
import struct
import sys
from typing import Any, NamedTuple

import msgspec

from netwatch_tray import clock
from netwatch_tray.collect.linux.netlink import (
    HEADER,
    NLMSG_DONE,
    NLMSG_ERROR,
    NetlinkSocket,
    attributes,
    dump_request,
    raise_for_error,
)
from netwatch_tray.collect.sockets import Socket, SocketSample, packed_address
from netwatch_tray.errors import CollectError, ParseError, UnsupportedError

NETLINK_SOCK_DIAG = 4
TCPDIAG_GETSOCK, SOCK_DIAG_BY_FAMILY = 18, 20
_DESTROYED_TCP = 1 << 0 | 1 << 2
"""Multicast groups SKNLGRP_INET_TCP_DESTROY and SKNLGRP_INET6_TCP_DESTROY, as a mask."""
_DESTROYED_BUFFER = 4 << 20
"""Bytes asked for; the kernel grants net.core.rmem_max, whose usual 208 KiB hold some 330 destroyed sockets."""

_INET_DIAG_INFO, _INET_DIAG_CGROUP_ID = 2, 21
_AF_INET, _AF_INET6, _IPPROTO_UDP = 2, 10, 17
"""As Linux numbers them; the parsers run everywhere."""
_ALL_STATES = 0xFFF
_TCP_REQUEST = struct.pack("=BBBB48xII", 0, 0, 0, 1 << (_INET_DIAG_INFO - 1), _ALL_STATES, 0)
"""struct inet_diag_req: the older request, which dumps both families at once."""
_UDP_REQUEST = struct.Struct("=BBBxI48x")
"""struct inet_diag_req_v2: family, protocol, attributes wanted, states; no endpoint."""

_IDENTITY = struct.Struct("=B3xHH16s16sI20xII")
"""struct inet_diag_msg: family, ports and addresses (in network order), bound interface, uid, inode."""
_ATTRIBUTES = HEADER.size + _IDENTITY.size
_QUEUES = struct.Struct("=44xQ4xII")
"""Of the same struct: cookie, bytes not yet read, bytes not yet acknowledged."""
_ROW = "=Q9xB42xQ16xI"
"""What may change of a message: length, type and flags (its head); state; cookie (which does not); inode …"""
_ROW_INFO = "I68xI28xI24x8s64x16s"
"""… and of the attribute with struct tcp_info: its header, rtt, total_retrans, bytes_received, bytes_sent and
bytes_retrans."""
_TCP_INFO = struct.Struct("=56xI8xI28xI16xQQ64xQQ")
"""last_ack_recv (ms ago), rtt (µs), total_retrans, bytes_acked, bytes_received, bytes_sent, bytes_retrans; the last two
since Linux 4.19."""

_STATES = (
    *("CLOSED ESTABLISHED SYN_SENT SYN_RECV FIN_WAIT_1 FIN_WAIT_2 TIME_WAIT CLOSED CLOSE_WAIT LAST_ACK".split()),
    *("LISTEN CLOSING SYN_RECV".split()),
)
"""By number (<net/tcp_states.h>)."""
_AFTER_PEERS_FIN = {"CLOSE_WAIT", "LAST_ACK", "CLOSING"}
_BEFORE_OUR_FIN = {"ESTABLISHED", "CLOSE_WAIT"}
_MOST_SHAPES = 256
_BURST = 2000
"""Sockets; after so many and more their memory is given back."""


class _Shape(NamedTuple):
    """How the messages with one head are laid out."""

    row: struct.Struct
    stride: int
    head: int
    info: int | None
    """Where the attribute with struct tcp_info begins."""
    cgroup: int | None


class _Destroyed(NamedTuple):
    """What the kernel reports of a socket when it destroys it."""

    cookie: int
    last: Socket
    """Its bytes received may include one for the peer's FIN."""
    quiet_s: float
    """Seconds since the peer acknowledged anything, when the socket was destroyed."""


class SocketTable:
    """What the dumps and the messages about destroyed sockets say; bytes in, changes out, no system calls.

    **The peer's FIN** takes a sequence number, and `bytes_received` counts it like a byte of payload (see
    tcp_rcv_nxt_update in the kernel's net/ipv4/tcp_input.c). In a dump the state shows whether it came. The message
    about a destroyed socket has no such state: after an orderly close, a reset or a TIME_WAIT socket alike, it may be
    included or not. So the last counter of a socket is taken as one less, unless an earlier dump proves more: exact or
    one byte low, never high.

    **The end of a socket.** One that no dump lists any more is destroyed, or closed (by a reset, say) and still held by
    a program. Then the message comes when the program lets go of it, maybe hours later, with the counters of its whole
    life.
    """

    def __init__(self) -> None:
        self._shapes: dict[bytes, _Shape] = {}
        self._rows: dict[int, tuple[Any, ...]] = {}
        self._sockets: dict[int, Socket] = {}
        self._alive: list[int] = []
        self._changed: dict[int, Socket] = {}
        self._destroyed: list[_Destroyed] = []
        self._missing: set[int] = set()
        self._final: set[int] = set()
        """Cookies of TIME_WAIT sockets whose last counters are known."""
        self._has_baseline = False
        self._most = 0
        """Sockets at a time since memory was given back."""

    def begin(self) -> None:
        """A set of dumps begins; what one that failed has told until then is kept."""
        self._alive.clear()

    def take(self, datagram: memoryview) -> bool:
        """Takes in a datagram of a dump; True when it holds the dump's end.

        Raises ParseError, and CollectError when the kernel says that the dump failed.
        """
        rows, seen = self._rows, self._alive.append
        known = rows.get
        offset, size = 0, len(datagram)
        while offset < size:
            head = bytes(datagram[offset : offset + 8])
            shape = self._shapes.get(head)
            if shape is None:
                message, kind = _message(datagram[offset:])
                if kind in {NLMSG_DONE, NLMSG_ERROR}:
                    raise_for_error(message[HEADER.size :])
                    return True
                shape = self._learn(head, message)
            whole = (size - offset) // shape.stride * shape.stride
            if not whole:
                raise ParseError("A netlink datagram ends within a socket.")
            for row in shape.row.iter_unpack(datagram[offset : offset + whole]):
                if row[0] != shape.head:
                    break
                cookie = row[2]
                seen(cookie)
                if known(cookie) != row:
                    self._change(cookie, datagram[offset : offset + shape.stride], shape)
                    rows[cookie] = row
                offset += shape.stride
        return False

    def take_destroyed(self, datagram: memoryview, since_first_s: float = math.inf) -> None:
        """Take in the message about a destroyed socket. Raises ParseError.

        `since_first_s`: seconds since the first dump began. A socket that no dump listed and that has been quiet for
        longer was closed before that: its bytes are not of the time that is measured.
        """
        destroyed = parse_destroyed(datagram)
        if destroyed is not None and (destroyed.quiet_s <= since_first_s or destroyed.cookie in self._sockets):
            self._destroyed.append(destroyed)

    def changes(self) -> tuple[dict[int, Socket], dict[int, Socket]]:
        """What all complete dumps and messages since the last call changed and removed, by cookie."""
        destroyed, self._destroyed = self._destroyed, []
        changed, self._changed = self._changed, {}
        removed = self._remove_missing({each.cookie for each in destroyed})
        for each in destroyed:
            self._bury(each, changed, removed)
        for cookie in removed:
            changed.pop(cookie, None)
        self._has_baseline = True
        self._give_back_memory()
        return changed, removed

    def _give_back_memory(self) -> None:
        """Shrink after a burst: dicts keep the room of their largest size."""
        count = len(self._rows)
        self._most = max(self._most, count)
        if self._most >= _BURST and count <= self._most // 4:
            self._most = count
            self._rows, self._sockets, self._final = dict(self._rows), dict(self._sockets), set(self._final)
            self._alive = []

    def _learn(self, head: bytes, message: memoryview) -> _Shape:
        if len(self._shapes) >= _MOST_SHAPES:
            self._shapes.clear()
        shape = self._shapes[head] = _shape(message)
        return shape

    def _change(self, cookie: int, message: memoryview, shape: _Shape) -> None:
        found, before = parse_socket(message, shape), self._sockets.get(cookie)
        if before is not None and before.is_incoming is not None:
            found = msgspec.structs.replace(found, is_incoming=before.is_incoming)
        if before is not None and found.inode is None:
            # Without a descriptor the kernel knows the owner no more, and at TIME_WAIT not even the counters.
            found = msgspec.structs.replace(found, uid=before.uid, cgroup=before.cgroup)
            if found.tx_bytes is None:
                found = msgspec.structs.replace(found, rx_bytes=before.rx_bytes, tx_bytes=before.tx_bytes)
        self._changed[cookie] = self._sockets[cookie] = found

    def _remove_missing(self, destroyed: set[int]) -> dict[int, Socket]:
        """Drop what the dumps no longer list.

        A dump is no snapshot: it may skip a socket while its neighbours in the kernel's table come and go. One that
        has counters and was not destroyed gets a second chance.
        """
        if len(self._alive) == len(self._rows):
            self._missing = set()
            return {}
        gone = self._rows.keys() - set(self._alive)
        kept = {
            cookie
            for cookie in gone - self._missing - destroyed
            if self._sockets[cookie].tx_bytes is not None and self._sockets[cookie].state != "TIME_WAIT"
        }
        self._missing = kept
        removed = {}
        for cookie in gone - kept:
            del self._rows[cookie]
            found = self._sockets.pop(cookie)
            if cookie in self._final:
                self._final.remove(cookie)
                found = msgspec.structs.replace(found, state="CLOSED")
            removed[cookie] = found
        return removed

    def _bury(self, destroyed: _Destroyed, changed: dict[int, Socket], removed: dict[int, Socket]) -> None:
        """Enter the last counters of a socket; also of one that no dump has met, unless it is older than the first."""
        cookie, last = destroyed.cookie, destroyed.last
        living = self._sockets.get(cookie)
        before = living or removed.get(cookie)
        if before is None and not self._has_baseline:
            return
        last = msgspec.structs.replace(last, rx_bytes=max(0, (last.rx_bytes or 0) - 1))
        if before is not None:
            last = msgspec.structs.replace(
                before,
                state="CLOSED",
                rx_bytes=max(before.rx_bytes or 0, last.rx_bytes or 0),
                tx_bytes=max(before.tx_bytes or 0, last.tx_bytes or 0),
                retransmits=last.retransmits,
            )
        if living is not None and living.state == "TIME_WAIT":  # the rest of the same connection
            changed[cookie] = self._sockets[cookie] = msgspec.structs.replace(last, state=living.state)
            self._final.add(cookie)
        else:
            self._rows.pop(cookie, None)
            self._sockets.pop(cookie, None)
            removed[cookie] = last


class SockDiagSource:
    """Dumps the sockets of the network namespace it was opened in."""

    name = "sock_diag"
    is_costly = False
    is_monotonic = True

    def __init__(self) -> None:
        """Asks once, to prove that it works. Raises UnsupportedError where the kernel refuses."""
        self.note: str | None = None
        self._table = SocketTable()
        self._overrun = False
        self._first_read: float | None = None
        """When the first complete reading began."""
        try:
            self._dumps = NetlinkSocket(NETLINK_SOCK_DIAG)
            self._obituaries = _obituaries()
        except OSError as error:
            raise UnsupportedError(f"This kernel has no sock_diag ({error.strerror}).") from error
        self.descriptor: int | None = self._obituaries.fileno()
        try:
            self._requests = self._answered_requests()
        except (OSError, CollectError) as error:
            self.close()
            raise UnsupportedError(f"This kernel does not list sockets by sock_diag: {error}") from error

    def catch_up(self) -> None:
        since_first = math.inf if self._first_read is None else clock.boottime() - self._first_read
        while True:
            try:
                datagram = self._obituaries.recv(1 << 16)
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise CollectError(f"The kernel stopped telling of closed sockets: {error.strerror}.") from error
                self._overrun = True
                continue
            self._table.take_destroyed(memoryview(datagram), since_first)

    def read(self) -> SocketSample:
        now = clock.boottime()
        self._table.begin()
        try:
            for request in self._requests:
                self._dump(request, self._table)
        except (OSError, CollectError) as error:
            self._dumps.drain()
            raise CollectError(f"The list of sockets could not be read: {error}") from error
        if self._first_read is None:
            self._first_read = now
        self.catch_up()
        changed, removed = self._table.changes()
        overrun, self._overrun = self._overrun, False
        return SocketSample(
            now,
            {f"{cookie:x}": found for cookie, found in changed.items()},
            {f"{cookie:x}": found for cookie, found in removed.items()},
            overrun,
        )

    def close(self) -> None:
        self._dumps.close()
        self._obituaries.close()

    def _answered_requests(self) -> list[bytearray]:
        """The dumps that this kernel knows. TCP must be one of them; it may be built without UDP's."""
        requests = [dump_request(TCPDIAG_GETSOCK, _TCP_REQUEST)]
        self._dump(requests[0], SocketTable())
        for family in (_AF_INET, _AF_INET6):
            request = dump_request(SOCK_DIAG_BY_FAMILY, _UDP_REQUEST.pack(family, _IPPROTO_UDP, 0, _ALL_STATES))
            try:
                self._dump(request, SocketTable())
            except CollectError:
                self._dumps.drain()
                self.note = "This kernel does not list UDP sockets (it is built without CONFIG_INET_UDP_DIAG)."
            else:
                requests.append(request)
        return requests

    def _dump(self, request: bytearray, table: SocketTable) -> None:
        sequence = self._dumps.request_dump(request)
        while True:
            datagram = self._dumps.receive()
            # The answer to an earlier request, given up since, may still come.
            if len(datagram) >= HEADER.size and HEADER.unpack_from(datagram)[3] == sequence and table.take(datagram):
                return


def _obituaries() -> socket.socket:
    """A netlink socket that is told of destroyed sockets. Raises OSError, UnsupportedError."""
    if sys.platform != "linux":
        raise UnsupportedError("sock_diag is Linux's.")
    kind = socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
    told = socket.socket(socket.AF_NETLINK, kind, NETLINK_SOCK_DIAG)
    told.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _DESTROYED_BUFFER)
    told.bind((0, _DESTROYED_TCP))
    return told


def parse_socket(message: memoryview, shape: _Shape | None = None) -> Socket:
    """A message of a dump. Raises ParseError.

    `shape`: where its attributes are expected; they are searched where it does not hold.
    """
    if shape is None or not _fits(message, shape):
        shape = _shape(message)
    is_tcp, number = message[4] == TCPDIAG_GETSOCK, message[HEADER.size + 1]
    state = _STATES[number] if is_tcp and number < len(_STATES) else None
    rx_bytes = tx_bytes = rtt_s = retransmits = is_incoming = cgroup = None
    if shape.cgroup is not None:
        cgroup = int.from_bytes(message[shape.cgroup + 4 : shape.cgroup + 12], sys.byteorder)
    if shape.info is not None and is_tcp and state != "LISTEN":
        _, rtt, retransmits, acknowledged, received, sent, again = _TCP_INFO.unpack_from(message, shape.info + 4)
        rx_bytes, tx_bytes = max(0, received - (state in _AFTER_PEERS_FIN)), max(0, sent - again)
        rtt_s = rtt / 1e6 or None
        if state in _BEFORE_OUR_FIN and not _QUEUES.unpack_from(message, HEADER.size)[2]:
            # With nothing on its way, what was acknowledged beyond what was sent is our SYN, if we called.
            is_incoming = acknowledged == sent - again
    local_address, local_port, remote_address, remote_port, uid, inode = _identity(message)
    return Socket(
        protocol="TCP" if is_tcp else "UDP",
        local_address=local_address,
        local_port=local_port,
        remote_address=remote_address,
        remote_port=remote_port,
        state=state,
        rx_bytes=rx_bytes,
        tx_bytes=tx_bytes,
        rtt_s=rtt_s,
        retransmits=retransmits,
        is_incoming=is_incoming,
        uid=uid if inode else None,
        inode=inode or None,
        cgroup=cgroup,
    )


def parse_destroyed(datagram: memoryview) -> _Destroyed | None:
    """The message about a destroyed socket; `None` when it has no counters. Raises ParseError."""
    message, _ = _message(datagram)
    info = _shape(message).info
    if info is None:
        return None
    quiet_ms, rtt, retransmits, _, received, sent, again = _TCP_INFO.unpack_from(message, info + 4)
    local_address, local_port, remote_address, remote_port, _, _ = _identity(message)
    last = Socket(
        protocol="TCP",
        local_address=local_address,
        local_port=local_port,
        remote_address=remote_address,
        remote_port=remote_port,
        state="CLOSED",
        rx_bytes=received,
        tx_bytes=max(0, sent - again),
        rtt_s=rtt / 1e6 or None,
        retransmits=retransmits,
    )
    return _Destroyed(_QUEUES.unpack_from(message, HEADER.size)[0], last, quiet_ms / 1000)


def _message(datagram: memoryview) -> tuple[memoryview, int]:
    """The first message of a datagram, header included, and its type. Raises ParseError."""
    if len(datagram) < HEADER.size:
        raise ParseError("A netlink datagram ends within a header.")
    length, kind, *_ = HEADER.unpack_from(datagram)
    if not HEADER.size <= length <= len(datagram):
        raise ParseError(f"A netlink message claims {length} bytes of {len(datagram)}.")
    return datagram[:length], kind


def _shape(message: memoryview) -> _Shape:
    """Searches the attributes of a socket's message. Raises ParseError."""
    if len(message) < _ATTRIBUTES:
        raise ParseError(f"A socket is told in {len(message)} bytes instead of {_ATTRIBUTES}.")
    info = cgroup = None
    offset = _ATTRIBUTES
    for kind, value in attributes(message[_ATTRIBUTES:]):
        if kind == _INET_DIAG_INFO and len(value) >= _TCP_INFO.size:
            info = offset
        elif kind == _INET_DIAG_CGROUP_ID and len(value) == 8:
            cgroup = offset
        offset += (len(value) + 7) & ~3
    row = _ROW
    if info is not None:
        row += f"{info - struct.calcsize(row)}x{_ROW_INFO}"
    stride = (len(message) + 3) & ~3
    row += f"{stride - struct.calcsize(row)}x"
    return _Shape(struct.Struct(row), stride, int.from_bytes(message[:8], sys.byteorder), info, cgroup)


def _fits(message: memoryview, shape: _Shape) -> bool:
    """Whether the attributes are where the shape says, for messages of one length may differ in them."""
    return all(
        offset is None or message[offset + 2 : offset + 4] == kind.to_bytes(2, sys.byteorder)
        for offset, kind in ((shape.info, _INET_DIAG_INFO), (shape.cgroup, _INET_DIAG_CGROUP_ID))
    )


def _identity(message: memoryview) -> tuple[str, int | None, str | None, int | None, int, int]:
    """Both ends, user and inode of a message."""
    family, local_port, remote_port, local, remote, interface, uid, inode = _IDENTITY.unpack_from(message, HEADER.size)
    size = 4 if family == _AF_INET else 16
    scope = f"%{interface}" if interface and local[:2] == b"\xfe\x80" else ""
    return (
        packed_address(local[:size]) + scope,
        socket.ntohs(local_port) or None,
        packed_address(remote[:size]) + scope if remote_port else None,
        socket.ntohs(remote_port) or None,
        uid,
        inode,
    )
