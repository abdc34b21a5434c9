"""Sockets, exact byte counters and round-trip times from the kernel itself (sock_diag(7), <linux/inet_diag.h>).

A reading is three dumps over one netlink socket: TCP of both families in one walk of the kernel's table, then UDP over
IPv4 and IPv6. It needs no privilege and lists every user's sockets. A second netlink socket receives a message about
each TCP socket that is destroyed, with its final counters, so that no byte is lost between two readings however short a
connection lives.

Most sockets are the same as last time, so the loop over a dump only unpacks what may have changed and compares it;
a message is parsed when it is new or different.
"""

from __future__ import annotations

import errno
import math
import socket
import struct
import sys
from typing import Any

import msgspec

from netwatch_tray import clock
from netwatch_tray.collect.linux.inet_diag import (
    AF_INET,
    AF_INET6,
    BEFORE_PEERS_FIN,
    INET_DIAG_INFO,
    IPPROTO_UDP,
    SOCK_DIAG_BY_FAMILY,
    TCPDIAG_GETSOCK,
    Destroyed,
    Shape,
    first_message,
    parse_destroyed,
    parse_socket,
    parse_state,
    shape_of,
    state_request,
)
from netwatch_tray.collect.linux.netlink import (
    HEADER,
    NLMSG_DONE,
    NLMSG_ERROR,
    NetlinkSocket,
    dump_request,
    raise_for_error,
    single_request,
)
from netwatch_tray.collect.sockets import Socket, SocketSample
from netwatch_tray.errors import CollectError, Message, ParseError, UnsupportedError, message
from netwatch_tray.kinds import TcpState

NETLINK_SOCK_DIAG = 4
_DESTROYED_TCP = 1 << 0 | 1 << 2
"""Multicast groups with the kernel's messages about destroyed TCP sockets, as a bit mask: SKNLGRP_INET_TCP_DESTROY and
SKNLGRP_INET6_TCP_DESTROY."""
_DESTROYED_BUFFER = 4 << 20
"""Receive buffer to request, in bytes. The kernel grants at most net.core.rmem_max, whose usual 208 KiB hold about 330
messages about destroyed sockets."""
_STATES_AT_A_TIME = 64

_ALL_STATES = 0xFFF
_TCP_REQUEST = struct.pack("=BBBB48xII", 0, 0, 0, 1 << (INET_DIAG_INFO - 1), _ALL_STATES, 0)
"""struct inet_diag_req: the older form of request, which dumps IPv4 and IPv6 at once."""
_UDP_REQUEST = struct.Struct("=BBBxI48x")
"""struct inet_diag_req_v2 without addresses: family, protocol, attributes wanted, states."""
_MOST_SHAPES = 256
_BURST = 2000
"""Number of sockets above which the memory used for them is given back when most of them have closed."""


class SocketTable:
    """The sockets as of the last dumps and the messages about destroyed ones. Takes netlink datagrams, and returns the
    changed and the removed sockets; makes no system calls.

    **The peer's FIN** takes a sequence number, and `bytes_received` counts it like a byte of payload (see
    tcp_rcv_nxt_update in the kernel's net/ipv4/tcp_input.c). The bytes received are exact or one byte low, never high:

    - A state after the peer's FIN: one byte less.
    - A state before it proves nothing by itself: the kernel reads it first, then waits for the socket's lock and reads
      the counters (inet_sk_diag_fill and tcp_get_info), and the FIN may come between. So a counter that has grown is
      unconfirmed until a request for the state, sent after the dump, returns one before the FIN again.
    - CLOSED, in a dump or in the message about a destroyed socket: the FIN may have come or not. One byte less, unless
      an earlier dump proves more.

    **The end of a socket.** One that no dump lists any more is removed; if it has counters and no message says that it
    was destroyed, only after a second dump without it. If it was not destroyed but closed (by a reset, say) and is
    still held by a program, the message comes when the program closes its descriptor, maybe hours later, with the
    counters of its whole life. Then the socket is removed once more, with these counters.
    """

    def __init__(self) -> None:
        self._shapes: dict[bytes, Shape] = {}
        self._rows: dict[int, tuple[Any, ...]] = {}
        self._sockets: dict[int, Socket] = {}
        self._alive: list[int] = []
        self._changed: dict[int, Socket] = {}
        self._unconfirmed: dict[int, tuple[bytes, int]] = {}
        """By cookie: the request for the socket's state, and the received bytes that are certain without
        its response."""
        self._destroyed: list[Destroyed] = []
        self._ended: dict[int, float] = {}
        """By cookie: when the message about the destroyed socket arrived (boot-time clock)."""
        self._missing: set[int] = set()
        self._final: set[int] = set()
        """Cookies of sockets in TIME_WAIT whose last counters were received."""
        self._has_baseline = False
        self._most = 0
        """Greatest number of sockets since memory was given back last."""

    def begin(self) -> None:
        """Begin a reading (a set of dumps). If the previous reading failed, what its dumps reported is kept."""
        self._lower_unconfirmed()
        self._alive.clear()

    def take(self, datagram: memoryview) -> bool:
        """Add a datagram of a dump. Return whether the dump is complete.

        Raise ParseError if the datagram is malformed, and CollectError if the kernel reports that the dump failed.
        """
        rows, seen = self._rows, self._alive.append
        known = rows.get
        offset, size = 0, len(datagram)
        while offset < size:
            head = bytes(datagram[offset : offset + 8])
            shape = self._shapes.get(head)
            if shape is None:
                message, kind = first_message(datagram[offset:])
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

    def take_destroyed(self, datagram: memoryview, since_first_s: float = math.inf, boottime: float = 0.0) -> None:
        """Add the kernel's message about a destroyed socket. Raise ParseError if it is malformed.

        `boottime`: the time now. `since_first_s`: seconds since the first dump began; a socket that no dump listed and
        that has been quiet for longer was closed before, so its bytes are not counted.
        """
        destroyed = parse_destroyed(datagram)
        if destroyed is not None and (destroyed.quiet_s <= since_first_s or destroyed.cookie in self._sockets):
            self._destroyed.append(destroyed)
            self._ended[destroyed.cookie] = boottime

    def state_requests(self) -> list[bytes]:
        """Return the bodies of requests that the caller must send after the dumps. Their responses, passed to
        `take_state`, confirm the counters that have grown."""
        return [request for request, _ in self._unconfirmed.values()]

    def take_state(self, datagram: memoryview) -> None:
        """Add the response to one of the `state_requests`. Raise ParseError if it is malformed."""
        answered = parse_state(datagram)
        if answered is not None and answered[1] in BEFORE_PEERS_FIN:
            self._unconfirmed.pop(answered[0], None)

    def changes(self) -> tuple[dict[int, Socket], dict[int, Socket]]:
        """Return the changed and the removed sockets, by cookie, according to all complete dumps and messages since the
        last call."""
        destroyed, self._destroyed = self._destroyed, []
        self._lower_unconfirmed()
        changed, self._changed = self._changed, {}
        removed = self._remove_missing({each.cookie for each in destroyed})
        for each in destroyed:
            self._end(each, changed, removed)
        for cookie in removed:
            changed.pop(cookie, None)
        self._has_baseline = True
        self._give_back_memory()
        return changed, removed

    def take_ended(self) -> dict[int, float]:
        """Return when sockets were destroyed since the last call: seconds of the boot-time clock, by cookie."""
        ended, self._ended = self._ended, {}
        return ended

    def _give_back_memory(self) -> None:
        """Copy the dicts when most sockets of a burst have closed, because a dict keeps the memory of its greatest
        size."""
        count = len(self._rows)
        self._most = max(self._most, count)
        if self._most >= _BURST and count <= self._most // 4:
            self._most = count
            self._rows, self._sockets, self._final = dict(self._rows), dict(self._sockets), set(self._final)
            self._alive = []

    def _learn(self, head: bytes, message: memoryview) -> Shape:
        if len(self._shapes) >= _MOST_SHAPES:
            self._shapes.clear()
        shape = self._shapes[head] = shape_of(message)
        return shape

    def _change(self, cookie: int, message: memoryview, shape: Shape) -> None:
        found, before = parse_socket(message, shape), self._sockets.get(cookie)
        if before is not None and before.is_incoming is not None:
            found = msgspec.structs.replace(found, is_incoming=before.is_incoming)
        if found.rx_bytes is not None:
            found = self._confirmed_or_noted(cookie, found, before, message)
        if before is not None and found.inode is None:
            # Without a descriptor the kernel reports no owner, and at TIME_WAIT not even the counters.
            found = msgspec.structs.replace(found, uid=before.uid, cgroup=before.cgroup)
            if found.rx_bytes is None:
                found = msgspec.structs.replace(found, rx_bytes=before.rx_bytes, tx_bytes=before.tx_bytes)
        self._changed[cookie] = self._sockets[cookie] = found

    def _confirmed_or_noted(self, cookie: int, found: Socket, before: Socket | None, message: memoryview) -> Socket:
        """Return the socket. If a FIN may be among its received bytes, either lower them to what is certain, or add it
        to `_unconfirmed`, until the kernel reports its state again."""
        _, certain = self._unconfirmed.pop(cookie, (b"", 0 if before is None else before.rx_bytes or 0))
        rx_bytes = found.rx_bytes or 0
        if found.state == TcpState.CLOSED:
            return msgspec.structs.replace(found, rx_bytes=max(certain, rx_bytes))
        if found.state in BEFORE_PEERS_FIN and rx_bytes > certain:
            self._unconfirmed[cookie] = state_request(message), certain
        return found

    def _lower_unconfirmed(self) -> None:
        """Subtract the byte that may be a FIN from the sockets whose state no response has confirmed."""
        for cookie, (_, certain) in self._unconfirmed.items():
            found = self._sockets[cookie]
            rx_bytes = max(certain, (found.rx_bytes or 0) - 1)
            self._changed[cookie] = self._sockets[cookie] = msgspec.structs.replace(found, rx_bytes=rx_bytes)
        self._unconfirmed = {}

    def _remove_missing(self, destroyed: set[int]) -> dict[int, Socket]:
        """Remove the sockets that the last dumps did not list. Return them by cookie. `destroyed`: those with a message
        about their end.

        A dump is not atomic: it may skip a socket while its neighbours in the kernel's table come and go. So one that
        has counters and was not destroyed is removed only if the next dump does not list it either.
        """
        if len(self._alive) == len(self._rows):
            self._missing = set()
            return {}
        gone = self._rows.keys() - set(self._alive)
        kept = {
            cookie
            for cookie in gone - self._missing - destroyed
            if self._sockets[cookie].tx_bytes is not None and self._sockets[cookie].state != TcpState.TIME_WAIT
        }
        self._missing = kept
        removed = {}
        for cookie in gone - kept:
            del self._rows[cookie]
            found = self._sockets.pop(cookie)
            if cookie in self._final:
                self._final.remove(cookie)
                found = msgspec.structs.replace(found, state=TcpState.CLOSED)
            removed[cookie] = found
        return removed

    def _end(self, destroyed: Destroyed, changed: dict[int, Socket], removed: dict[int, Socket]) -> None:
        """Put the last counters of a destroyed socket into `removed`, also if no dump ever listed it; into `changed` if
        it waits in TIME_WAIT. A socket that may be older than the first dump is ignored."""
        cookie, last = destroyed.cookie, destroyed.last
        living = self._sockets.get(cookie)
        before = living or removed.get(cookie)
        if before is None and not self._has_baseline:
            return
        last = msgspec.structs.replace(last, rx_bytes=max(0, (last.rx_bytes or 0) - 1))
        if before is not None:
            last = msgspec.structs.replace(
                before,
                state=TcpState.CLOSED,
                rx_bytes=max(before.rx_bytes or 0, last.rx_bytes or 0),
                tx_bytes=max(before.tx_bytes or 0, last.tx_bytes or 0),
                retransmits=last.retransmits,
            )
        if living is not None and living.state == TcpState.TIME_WAIT:  # the rest of the same connection
            changed[cookie] = self._sockets[cookie] = msgspec.structs.replace(last, state=living.state)
            self._final.add(cookie)
        else:
            self._rows.pop(cookie, None)
            self._sockets.pop(cookie, None)
            removed[cookie] = last


class SockDiagSource:
    """Source of the sockets in the network namespace in which it was opened."""

    name = "sock_diag"
    is_costly = False
    is_monotonic = True

    def __init__(self) -> None:
        """Read the sockets once, to check that the source works. Raise UnsupportedError if the kernel refuses."""
        self.note: Message | None = None
        self._table = SocketTable()
        self._overrun = False
        self._first_read: float | None = None
        """When the first complete reading began (boot-time clock); None before it."""
        try:
            self._dumps = NetlinkSocket(NETLINK_SOCK_DIAG)
            self._events = _open_events()
        except OSError as error:
            raise UnsupportedError("This kernel has no sock_diag ({reason}).", reason=error) from error
        self.descriptor: int | None = self._events.fileno()
        try:
            self._requests = self._answered_requests()
        except (OSError, CollectError) as error:
            self.close()
            raise UnsupportedError("This kernel does not list sockets by sock_diag: {error}", error=error) from error

    def catch_up(self) -> None:
        now = clock.boottime()
        since_first = math.inf if self._first_read is None else now - self._first_read
        while True:
            try:
                datagram = self._events.recv(1 << 16)
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise CollectError(
                        "The kernel no longer reports closed sockets: {reason}.", reason=error
                    ) from error
                self._overrun = True
                continue
            self._table.take_destroyed(memoryview(datagram), since_first, now)

    def read(self) -> SocketSample:
        now = clock.boottime()
        self._table.begin()
        try:
            for request in self._requests:
                self._dump(request, self._table)
            self._confirm()
        except (OSError, CollectError) as error:
            self._dumps.drain()
            raise CollectError("The list of sockets could not be read: {error}", error=error) from error
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
            {f"{cookie:x}": at for cookie, at in self._table.take_ended().items()},
        )

    def close(self) -> None:
        self._dumps.close()
        self._events.close()

    def _answered_requests(self) -> list[bytearray]:
        """Return those dump requests that this kernel answers. TCP is required; UDP may be missing."""
        requests = [dump_request(TCPDIAG_GETSOCK, _TCP_REQUEST)]
        self._dump(requests[0], SocketTable())
        for family in (AF_INET, AF_INET6):
            request = dump_request(SOCK_DIAG_BY_FAMILY, _UDP_REQUEST.pack(family, IPPROTO_UDP, 0, _ALL_STATES))
            try:
                self._dump(request, SocketTable())
            except CollectError:
                self._dumps.drain()
                self.note = message("This kernel does not list UDP sockets (it is built without CONFIG_INET_UDP_DIAG).")
            else:
                requests.append(request)
        return requests

    def _dump(self, request: bytearray, table: SocketTable) -> None:
        sequence = self._dumps.request_dump(request)
        while True:
            datagram = self._dumps.receive()
            # The response to an earlier request that timed out may still arrive.
            if len(datagram) >= HEADER.size and HEADER.unpack_from(datagram)[3] == sequence and table.take(datagram):
                return

    def _confirm(self) -> None:
        """Send the table's `state_requests` and pass it the responses; a limited number at a time, because more
        responses would not fit into the socket's buffer."""
        requests = self._table.state_requests()
        for first in range(0, len(requests), _STATES_AT_A_TIME):
            batch = requests[first : first + _STATES_AT_A_TIME]
            sequence = self._dumps.request_each([single_request(SOCK_DIAG_BY_FAMILY, body) for body in batch])
            missing = len(batch)
            while missing:
                datagram = self._dumps.receive()
                if len(datagram) >= HEADER.size and HEADER.unpack_from(datagram)[3] == sequence:
                    self._table.take_state(datagram)
                    missing -= 1


def _open_events() -> socket.socket:
    """Return a netlink socket that receives a message about each destroyed TCP socket. Raise OSError or
    UnsupportedError if this system has none."""
    if sys.platform != "linux":
        raise UnsupportedError("sock_diag exists on Linux only.")
    kind = socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
    events = socket.socket(socket.AF_NETLINK, kind, NETLINK_SOCK_DIAG)
    events.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _DESTROYED_BUFFER)
    events.bind((0, _DESTROYED_TCP))
    return events
