"""The messages of sock_diag(7) about a socket: their layout, and parsers (<linux/inet_diag.h>). Pure."""

from __future__ import annotations

import socket
import struct
import sys

import msgspec

from netwatch_tray.collect.linux.netlink import HEADER, NLMSG_ERROR, attributes
from netwatch_tray.collect.sockets import Socket, packed_address
from netwatch_tray.errors import ParseError
from netwatch_tray.kinds import TcpState

TCPDIAG_GETSOCK, SOCK_DIAG_BY_FAMILY = 18, 20
INET_DIAG_INFO, _INET_DIAG_CGROUP_ID = 2, 21
AF_INET, AF_INET6, IPPROTO_TCP, IPPROTO_UDP = 2, 10, 6, 17
"""Linux's numbers, because the parsers run on every system."""

_IDENTITY = struct.Struct("=B3xHH16s16sI20xII")
"""struct inet_diag_msg: family, ports and addresses (in network order), bound interface, uid, inode."""
_ATTRIBUTES = HEADER.size + _IDENTITY.size
_QUEUES = struct.Struct("=44xQ4xII")
"""From the same struct: cookie, bytes received but not yet read, bytes sent but not yet acknowledged."""
_SOCKET_ID = slice(HEADER.size + 4, HEADER.size + 52)
"""Place of struct inet_diag_sockid in the same struct; a request for one socket contains it."""
_REQUEST = struct.Struct("=BBBxI48s")
"""struct inet_diag_req_v2: family, protocol, attributes wanted, states, struct inet_diag_sockid."""
_ROW = "=Q9xB42xQ16xI"
"""Format of the fields by which a message is compared with the previous one about the same socket: length, type and
flags (as one number); state; cookie (which does not change); inode …"""
_ROW_INFO = "I68xI28xI24x8s64x16s"
"""… and from the attribute with struct tcp_info: its header, rtt, total_retrans, bytes_received, bytes_sent and
bytes_retrans."""
_TCP_INFO = struct.Struct("=56xI8xI28xI16xQQ64xQQ")
"""From struct tcp_info: last_ack_recv (ms ago), rtt (µs), total_retrans, bytes_acked, bytes_received, bytes_sent,
bytes_retrans; the last two since Linux 4.19."""

_STATES = (
    *(TcpState.CLOSED, TcpState.ESTABLISHED, TcpState.SYN_SENT, TcpState.SYN_RECV, TcpState.FIN_WAIT_1),
    *(TcpState.FIN_WAIT_2, TcpState.TIME_WAIT, TcpState.CLOSED, TcpState.CLOSE_WAIT, TcpState.LAST_ACK),
    *(TcpState.LISTEN, TcpState.CLOSING, TcpState.SYN_RECV),
)
"""States of TCP by the kernel's number (<net/tcp_states.h>)."""
BEFORE_PEERS_FIN = frozenset(
    {TcpState.SYN_SENT, TcpState.SYN_RECV, TcpState.ESTABLISHED, TcpState.FIN_WAIT_1, TcpState.FIN_WAIT_2}
)
"""States in which the peer's FIN has not arrived. In all other states it has, or may have."""
_LISTEN = TcpState.LISTEN
"""Kept as a constant, because looking up an enum member takes 0.1 µs for each socket of a dump."""
_BEFORE_OUR_FIN = {TcpState.ESTABLISHED, TcpState.CLOSE_WAIT}


class Shape(msgspec.Struct, frozen=True):
    """The layout of messages about sockets that have the same header: how to unpack them, and where their attributes
    are."""

    row: struct.Struct
    stride: int
    head: int
    info: int | None
    """Offset in bytes of the attribute with struct tcp_info; None if there is none."""
    cgroup: int | None


class Destroyed(msgspec.Struct, frozen=True, gc=False):
    """The kernel's message about a socket that it has destroyed."""

    cookie: int
    last: Socket
    """The last state of the socket. Its bytes received may include one for the peer's FIN."""
    quiet_s: float
    """Seconds from the last acknowledgement of the peer to the end of the socket."""


def parse_socket(message: memoryview, shape: Shape | None = None) -> Socket:
    """Parse a message of a dump into a socket. Raise ParseError if it is malformed.

    `shape`: the layout that the message probably has; if it does not fit, the attributes are searched.
    """
    if shape is None or not _fits(message, shape):
        shape = shape_of(message)
    is_tcp, number = message[4] == TCPDIAG_GETSOCK, message[HEADER.size + 1]
    state = _STATES[number] if is_tcp and number < len(_STATES) else None
    rx_bytes = tx_bytes = rtt_s = retransmits = is_incoming = cgroup = None
    if shape.cgroup is not None:
        cgroup = int.from_bytes(message[shape.cgroup + 4 : shape.cgroup + 12], sys.byteorder)
    if shape.info is not None and is_tcp and state is not _LISTEN:
        _, rtt, retransmits, acknowledged, received, sent, again = _TCP_INFO.unpack_from(message, shape.info + 4)
        rx_bytes, tx_bytes = max(0, received - (state not in BEFORE_PEERS_FIN)), max(0, sent - again)
        rtt_s = rtt / 1e6 or None
        if state in _BEFORE_OUR_FIN and not _QUEUES.unpack_from(message, HEADER.size)[2]:
            # With no data in flight, bytes acknowledged beyond those sent are our SYN: the connection is outbound.
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


def parse_destroyed(datagram: memoryview) -> Destroyed | None:
    """Parse the message about a destroyed socket; None if it has no counters. Raise ParseError if it is malformed."""
    message, _ = first_message(datagram)
    info = shape_of(message).info
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
        state=TcpState.CLOSED,
        rx_bytes=received,
        tx_bytes=max(0, sent - again),
        rtt_s=rtt / 1e6 or None,
        retransmits=retransmits,
    )
    return Destroyed(_QUEUES.unpack_from(message, HEADER.size)[0], last, quiet_ms / 1000)


def first_message(datagram: memoryview) -> tuple[memoryview, int]:
    """Return the first netlink message of a datagram, header included, and its type. Raise ParseError if it is
    incomplete."""
    if len(datagram) < HEADER.size:
        raise ParseError("A netlink datagram ends within a header.")
    length, kind, *_ = HEADER.unpack_from(datagram)
    if not HEADER.size <= length <= len(datagram):
        raise ParseError(f"A netlink message claims {length} bytes of {len(datagram)}.")
    return datagram[:length], kind


def shape_of(message: memoryview) -> Shape:
    """Find out the layout of a message about a socket by going through its attributes. Raise ParseError if it is
    malformed."""
    if len(message) < _ATTRIBUTES:
        raise ParseError(f"A socket is reported in {len(message)} bytes instead of {_ATTRIBUTES}.")
    info = cgroup = None
    offset = _ATTRIBUTES
    for kind, value in attributes(message[_ATTRIBUTES:]):
        if kind == INET_DIAG_INFO and len(value) >= _TCP_INFO.size:
            info = offset
        elif kind == _INET_DIAG_CGROUP_ID and len(value) == 8:
            cgroup = offset
        offset += (len(value) + 7) & ~3
    row = _ROW
    if info is not None:
        row += f"{info - struct.calcsize(row)}x{_ROW_INFO}"
    stride = (len(message) + 3) & ~3
    row += f"{stride - struct.calcsize(row)}x"
    return Shape(struct.Struct(row), stride, int.from_bytes(message[:8], sys.byteorder), info, cgroup)


def _fits(message: memoryview, shape: Shape) -> bool:
    """Return whether the message has its attributes at the offsets of the shape. Messages of the same length may differ
    in that."""
    return all(
        offset is None or message[offset + 2 : offset + 4] == kind.to_bytes(2, sys.byteorder)
        for offset, kind in ((shape.info, INET_DIAG_INFO), (shape.cgroup, _INET_DIAG_CGROUP_ID))
    )


def _identity(message: memoryview) -> tuple[str, int | None, str | None, int | None, int, int]:
    """Return local address and port, remote address and port, UID and inode of a message."""
    family, local_port, remote_port, local, remote, interface, uid, inode = _IDENTITY.unpack_from(message, HEADER.size)
    size = 4 if family == AF_INET else 16
    scope = f"%{interface}" if interface and local[:2] == b"\xfe\x80" else ""
    return (
        packed_address(local[:size]) + scope,
        socket.ntohs(local_port) or None,
        packed_address(remote[:size]) + scope if remote_port else None,
        socket.ntohs(remote_port) or None,
        uid,
        inode,
    )


def state_request(message: memoryview) -> bytes:
    """Return the body of a request for the current state of the TCP socket that a message is about."""
    return _REQUEST.pack(message[HEADER.size], IPPROTO_TCP, 0, 0, bytes(message[_SOCKET_ID]))


def parse_state(datagram: memoryview) -> tuple[int, TcpState | None] | None:
    """Return cookie and state from the response to a `state_request`; None if the socket no longer exists.

    Raise ParseError if the response is malformed.
    """
    message, kind = first_message(datagram)
    if kind == NLMSG_ERROR:
        return None
    if len(message) < _ATTRIBUTES:
        raise ParseError(f"A socket is reported in {len(message)} bytes instead of {_ATTRIBUTES}.")
    number = message[HEADER.size + 1]
    return _QUEUES.unpack_from(message, HEADER.size)[0], _STATES[number] if number < len(_STATES) else None
