"""The agent's client of the privileged helper: bytes of UDP, last bytes of TCP, owners of sockets, packets with names.

The only module that implements the helper's protocol (docs/helper.md) on the agent's side. It needs no privilege, never
blocks, keeps a bounded amount of data and reconnects by itself. Without a helper it returns nothing, and `reason`
explains why.

In a loop: call `request` at each tick, and `take` when `descriptor` is readable and before each request. `take` returns
a `Reading` when the helper has responded, usually one or two milliseconds after the request. Programs that may wait
call `read`.
"""

from __future__ import annotations

import contextlib
import functools
import select
import socket
import struct
import sys
from collections.abc import Mapping
from pathlib import Path

from netwatch_tray import clock
from netwatch_tray.collect.helper_readings import (
    TCP,
    Amount,
    Flow,
    HelperInfo,
    Losses,
    Owner,
    Packet,
    PacketKind,
    Reading,
    Refusal,
    TcpEnd,
)
from netwatch_tray.collect.namespaces import has_system_pids
from netwatch_tray.collect.sockets import packed_address
from netwatch_tray.errors import Message, ParseError, message
from netwatch_tray.helper import layout, protocol
from netwatch_tray.text import decoded, printable

_MOST_FLOWS = 1 << 16
"""Most flows in one response; the helper has room for 16 384."""
_MOST_OWNERS = 1 << 15
_MOST_PACKET_BYTES = 4 << 20
_MOST_REFUSALS = 1 << 13
_MOST_ENDS = 1 << 15
"""Most owners, bytes of packets, refusals and ends kept between two readings. More are dropped: `Losses.records`."""
_MESSAGES_AT_ONCE = 256
_UNREACHABLE: Mapping[type[OSError], Message] = {
    FileNotFoundError: message("The helper is not set up."),
    ConnectionRefusedError: message("The helper is set up, but not running."),
}
_LONGEST_REASON = 400
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0
"""Seconds until the next attempt to connect, doubled after each failure: the first, and the longest."""
_ANSWER_WITHIN = 10.0
"""Seconds after a request until `reason` says that the helper does not respond."""
_ROWS = struct.Struct(f"={layout.KEY.size}s{layout.VALUE.size}s")
"""Struct of one row in a response: the bytes of its key and of its value."""
_FLOW = struct.Struct(layout.KEY.format.removesuffix("3x"))
"""Struct of a flow's identity, with which layout.KEY and layout.PACKET both begin."""
_PACKET = struct.Struct(f"={_FLOW.size}xBHIIII").unpack_from
"""Unpacks what follows the flow in a layout.PACKET. The first field, the kind, has the same offset in other layouts."""
_OWNER, _TCP_END = layout.OWNER.unpack_from, layout.TCP_END.unpack_from
_PACKET_KINDS = {
    layout.DNS_QUERY: PacketKind.DNS_QUERY,
    layout.DNS_ANSWER: PacketKind.DNS_ANSWER,
    layout.TLS_HELLO: PacketKind.TLS_HELLO,
    layout.QUIC_INITIAL: PacketKind.QUIC_INITIAL,
}
_TIMES, _TIME_UNIT = 1 << layout.TIME_BITS, (1 << layout.TIME_SHIFT) / 1e9
"""The clock in a packet: number of values until it starts again at 0, and seconds from one value to the next."""
_PROTOCOL = _FLOW.size - 1
"""Offset of the IP protocol number in a layout.KEY."""
_CLOSED, _CREATED = -3, -2
"""Indexes in an unpacked layout.VALUE: whether a TCP connection has closed; the stamp of the flow's creation."""
_UNKNOWN_USER = 0xFFFFFFFF
_VALUE = layout.VALUE.unpack
_TOUCHED = struct.Struct(f"={layout.STAMPS_OFFSET + 4}xI")
"""Unpacks from a layout.VALUE the stamp of the flow's last packet."""
_new = tuple.__new__
"""Makes a NamedTuple from a tuple with all of its fields, in half the time of calling its class."""
_FEW_FLOWS = 1024
"""Number of rows that are kept without looking for those that the helper has deleted."""


class HelperClient:
    """Client of the helper. `descriptor` changes with each new connection, so a loop then has to watch the new one."""

    def __init__(self, path: str = protocol.SOCKET) -> None:
        """Connect to the socket at `path`, without waiting. Without a helper, `request` tries again later."""
        self.reason: Message | None = None
        """A sentence about why the helper returns nothing; None while it is connected or being started."""
        self._path = path
        self._connection: _Connection | None = None
        self._connect_at = 0.0
        self._pause = _FIRST_PAUSE
        self._connect()

    @property
    def info(self) -> HelperInfo | None:
        """Return the properties of the connected helper; None until its greeting has arrived."""
        return None if self._connection is None else self._connection.info

    @property
    def descriptor(self) -> int | None:
        """Return the file descriptor to watch: call `take` when it is readable. None while not connected."""
        return None if self._connection is None else self._connection.socket.fileno()

    @property
    def is_set_up(self) -> bool:
        """Return whether the helper's socket exists. Connecting to it starts the helper itself."""
        return Path(self._path).exists()

    def request(self) -> None:
        """Request a reading, unless one is pending. If not connected, connect when the next attempt is due."""
        now = clock.boottime()
        if self._connection is None:
            if now >= self._connect_at:
                self._connect()
        elif now - self._connection.request(now) > _ANSWER_WITHIN:
            self.reason = message("The helper is running, but does not answer.")

    def take(self) -> Reading | None:
        """Receive the messages that have arrived. Return a reading if one is complete now, else None."""
        for _ in range(_MESSAGES_AT_ONCE):
            if self._connection is None:
                return None
            try:
                reading = self._connection.receive()
            except BlockingIOError:
                return None
            except OSError:
                self._disconnect(message("The connection to the helper was lost."))
            except _EndedError as end:
                self._disconnect(end.reason)
            except (ParseError, struct.error):
                self._disconnect(
                    message(
                        "The helper sent data that cannot be read. Set it up again: sudo netwatch-tray helper install"
                    )
                )
            else:
                if self._connection.info is not None:
                    self.reason, self._pause = None, _FIRST_PAUSE
                if reading is not None:
                    return reading
        return None

    def read(self, patience: float) -> Reading | None:
        """Request a reading, and wait for it up to `patience` seconds; None if it did not arrive."""
        deadline = clock.boottime() + patience
        reading = self.take()
        while reading is None and (left := deadline - clock.boottime()) > 0:
            self.request()
            if self._connection is None:
                return None
            poll = select.poll()
            poll.register(self._connection.socket, select.POLLIN)
            poll.poll(left * 1000)
            reading = self.take()
        return reading

    def connect_now(self) -> None:
        """Connect without waiting for the next attempt. Called when the user may have set up the helper."""
        self._pause, self._connect_at = _FIRST_PAUSE, 0.0
        if self._connection is None:
            self._connect()

    def close(self) -> None:
        if self._connection is not None:
            self._connection.socket.close()
            self._connection = None

    def _connect(self) -> None:
        if sys.platform != "linux":
            self._disconnect(message("The helper needs Linux."))
            return
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        connection.setblocking(False)
        try:
            connection.connect(self._path)
        except OSError as error:
            connection.close()
            unreachable = message("The helper cannot be reached: {reason}.", reason=error)
            self._disconnect(_UNREACHABLE.get(type(error), unreachable))
        else:
            self._connection, self.reason = _Connection(connection), None

    def _disconnect(self, reason: Message) -> None:
        """Close the connection. What was counted since the last reading is lost; see `Reading.counted_since`."""
        self.close()
        self.reason = reason
        self._connect_at = clock.boottime() + self._pause
        self._pause = min(2 * self._pause, _LONGEST_PAUSE)


class _EndedError(Exception):
    """The connection is over: the helper stopped, refused it, or is of another version."""

    def __init__(self, reason: Message) -> None:
        super().__init__(reason)
        self.reason = reason


class _Answer:
    """The part of the response to one request that has arrived so far."""

    def __init__(self, requested_at: float) -> None:
        self.requested_at = requested_at
        self.rows: dict[bytes, bytes] = {}
        self.next_since: int | None = None
        self.floor = 0


class _Connection:
    """One connection to a helper. Keeps the last counters of each flow, because a reading has the differences."""

    def __init__(self, connected: socket.socket) -> None:
        self.socket = connected
        self.info: HelperInfo | None = None
        self._answer: _Answer | None = None
        """The response that is being received; None if nothing is requested."""
        self._since = 0
        self._counted_since = clock.boottime()
        self._is_baseline = False
        """Whether the next response has bytes from before this connection, so that it only serves to subtract."""
        self._rows: dict[bytes, bytes] = {}
        """Last value by key, as the helper sent both. The counters in a value begin when its flow was created."""
        self._flows_to_prune = _FEW_FLOWS
        """Number of rows at which those that the helper has deleted are deleted here, too."""
        self._buffer = bytearray(protocol.LONGEST_MESSAGE)
        self._losses: tuple[int, ...] = (0, 0, 0, 0, 0)
        self._owners: dict[int, Owner] = {}
        self._has_system_pids = has_system_pids()
        self._packets: list[Packet] = []
        self._packet_bytes = 0
        self._refusals: list[Refusal] = []
        self._ends: dict[int, TcpEnd] = {}
        self._netns = protocol.network_cookie(connected)
        self._dropped = 0

    def request(self, now: float) -> float:
        """Request a reading if none is pending. Return the time (boot-time clock) at which the pending one was
        requested."""
        if self.info is None:
            return self._counted_since
        if self._answer is None:
            self._answer = _Answer(now)
            self._ask(protocol.BEGIN)
        return self._answer.requested_at

    def receive(self) -> Reading | None:
        """Receive a message; return a reading if it completes one. Raise BlockingIOError if none has arrived,
        _EndedError or OSError if the connection is over, ParseError or struct.error if the message is malformed.
        """
        size = self.socket.recv_into(self._buffer, 0, socket.MSG_DONTWAIT)
        datagram = bytes(memoryview(self._buffer)[:size])
        kind = datagram[0] if datagram else None
        if kind is None:
            raise _EndedError(message("The helper stopped."))
        if kind == protocol.REFUSED:
            reason = decoded(datagram[protocol.REFUSED_HEAD.size :])
            shown = printable(reason, _LONGEST_REASON)
            raise _EndedError(Message(shown) if shown else message("The helper refused the connection."))
        if kind == protocol.HELLO and self.info is None:
            self._take_hello(datagram)
        elif kind == protocol.EVENTS and self.info is not None:
            self._take_records(datagram)
        elif kind == protocol.ROWS and self._answer is not None:
            return self._take_rows(datagram, self._answer)
        else:
            raise ParseError("The helper sent a message that was not requested.")
        return None

    def _ask(self, position: int) -> None:
        # The only reason why it cannot be sent is that the helper hung up, which the next receive notices.
        with contextlib.suppress(OSError):
            self.socket.send(protocol.READ.pack(protocol.READ_KIND, self._since, position), socket.MSG_DONTWAIT)

    def _take_hello(self, datagram: bytes) -> None:
        _kind, flags, version, pid, attached_since = protocol.HELLO_HEAD.unpack(datagram)
        if version != protocol.VERSION:
            raise _EndedError(
                message("The helper is of another version. Set it up again: sudo netwatch-tray helper install")
            )
        self.info = HelperInfo(
            pid,
            attached_since,
            bool(flags & protocol.WHOLE_SYSTEM),
            bool(flags & protocol.REPORTS_ENDS),
            bool(flags & protocol.REPORTS_ELSEWHERE),
        )
        self._is_baseline = attached_since < self._counted_since
        self._counted_since = max(self._counted_since, attached_since)
        self.request(clock.boottime())  # the baseline, so that it is not older than necessary

    def _take_rows(self, datagram: bytes, answer: _Answer) -> Reading | None:
        _kind, position, next_since, floor, *losses = protocol.ROWS_HEAD.unpack_from(datagram)
        if answer.next_since is None:  # the first datagram; the later ones may have later stamps
            answer.next_since, answer.floor = next_since, floor
        answer.rows.update(_ROWS.iter_unpack(memoryview(datagram)[protocol.ROWS_HEAD.size :]))
        if len(answer.rows) > _MOST_FLOWS:
            raise ParseError("The helper lists more flows than it has room for.")
        if position != protocol.BEGIN:
            self._ask(position)
            return None
        self._answer, self._since = None, answer.next_since
        return self._complete(answer, losses)

    def _complete(self, answer: _Answer, losses: list[int]) -> Reading:
        amounts, closed = self._amounts(answer.rows)
        lost = [now - before for now, before in zip(losses, self._losses, strict=True)]
        if min(lost) < 0:
            raise ParseError("A counter of the helper went back.")
        if self._is_baseline:
            self._is_baseline, self._counted_since = False, answer.requested_at
            amounts, closed, self._ends, lost = {}, frozenset(), {}, [0] * len(lost)
        lost[-1] += self._dropped
        reading = Reading(
            boottime=answer.requested_at,
            counted_since=self._counted_since,
            amounts=amounts,
            owners=self._owners,
            packets=self._packets,
            losses=Losses(*lost),
            refusals=self._refusals,
            ends=self._ends if self.info is not None and self.info.reports_ends else None,
            closed=closed,
        )
        self._rows.update(answer.rows)
        if len(self._rows) >= self._flows_to_prune:
            self._rows = {
                key: value
                for key, value in self._rows.items()
                if _TOUCHED.unpack(value)[0] >= answer.floor or _is_open(key, value)
            }
            self._flows_to_prune = max(_FEW_FLOWS, 2 * len(self._rows))
        if len(self._rows) > _MOST_FLOWS:
            raise ParseError("The helper lists more flows than it has room for.")
        self._losses, self._counted_since = tuple(losses), answer.requested_at
        self._owners, self._packets, self._packet_bytes = {}, [], 0
        self._refusals, self._ends, self._dropped = [], {}, 0
        return reading

    def _amounts(self, rows: Mapping[bytes, bytes]) -> tuple[dict[Flow, Amount], frozenset[int]]:
        """Return what the counters in `rows` rose by, and the cookies of TCP connections that have closed. Raise
        ParseError if a counter fell."""
        amounts, closed, known = {}, set(), self._rows
        for key, value in rows.items():
            before = known.get(key)
            if before == value:  # a row with the last stamp is sent twice
                continue
            rx, tx, rx_datagrams, tx_datagrams, cgroup, own, uid, interface, created, _touched = _VALUE(value)
            # One that was deleted and created again has another stamp of creation, and counts from 0.
            old = None if before is None else _VALUE(before)
            if old is not None and old[_CREATED] != created:
                old = None
            flow = _flow(key[: _FLOW.size])
            if flow.protocol == TCP:
                if interface and (old is None or not old[_CLOSED]):
                    closed.add(flow.cookie)
                interface, uid = 0, None if uid == _UNKNOWN_USER else uid
                if old is None:
                    rx, tx, rx_datagrams, tx_datagrams = rx - rx_datagrams, tx - tx_datagrams, 0, 0
            if old is not None:
                rx, tx = rx - old[0], tx - old[1]
                rx_datagrams, tx_datagrams = rx_datagrams - old[2], tx_datagrams - old[3]
            if rx < 0 or tx < 0 or rx_datagrams < 0 or tx_datagrams < 0:
                raise ParseError("A counter of the helper went back.")
            if rx or tx or rx_datagrams or tx_datagrams:
                amount = rx, tx, rx_datagrams, tx_datagrams, _address(own), interface, uid, cgroup
                amounts[flow] = _new(Amount, amount)
        return amounts, frozenset(closed)

    def _take_records(self, datagram: bytes) -> None:
        at, end, now = protocol.EVENTS_HEAD.size, len(datagram), clock.boottime()
        newest = int(now * 1e9) >> layout.TIME_SHIFT
        while at < end:
            kind, time, uid, size, length, segment = _PACKET(datagram, at)
            packet_kind = _PACKET_KINDS.get(kind)
            if packet_kind is not None:
                flow = _flow(datagram[at : at + _FLOW.size])
                payload_at = at + layout.PACKET.size
                at = payload_at + size
                if self._packet_bytes + size > _MOST_PACKET_BYTES:
                    self._dropped += 1
                    continue
                self._packet_bytes += size
                # Only the lowest bits of its time are known; it passed less than 68 s ago.
                passed_at = now - (newest - time) % _TIMES * _TIME_UNIT
                packet = flow, packet_kind, uid, datagram[payload_at:at], length, segment, passed_at
                self._packets.append(_new(Packet, packet))
            elif kind == layout.NEW_SOCKET:
                self._add_owner(datagram, at)
                at += layout.OWNER.size
            elif kind == layout.TCP_ENDED:
                self._add_end(datagram, at)
                at += layout.TCP_END.size
            elif kind == layout.REFUSAL:
                self._add_refusal(_flow(datagram[at : at + _FLOW.size]))
                at += layout.PACKET.size + size
            else:
                raise ParseError(f"The helper sent a record of an unknown kind, {kind}.")
        if at > end:
            raise ParseError("The helper sent a record that is cut.")

    def _add_owner(self, datagram: bytes, at: int) -> None:
        if len(self._owners) >= _MOST_OWNERS:
            self._dropped += 1
            return
        cookie, thread, pid, number, _kind, uid, cgroup = _OWNER(datagram, at)
        known_pid = pid if self._has_system_pids else None
        self._owners[cookie] = _new(Owner, (known_pid, uid, cgroup, number, _thread_name(thread)))

    def _add_end(self, datagram: bytes, at: int) -> None:
        if len(self._ends) >= _MOST_ENDS:
            self._dropped += 1
            return
        cookie, address, peer_port, port, _, _, rx, tx, own, netns = _TCP_END(datagram, at)
        is_here = None if netns == 0 or self._netns == 0 else netns == self._netns
        end = _address(own), port or None, _address(address), peer_port or None, rx, tx, is_here
        self._ends[cookie] = _new(TcpEnd, end)

    def _add_refusal(self, flow: Flow) -> None:
        if len(self._refusals) >= _MOST_REFUSALS:
            self._dropped += 1
            return
        self._refusals.append(Refusal(flow.peer_address, flow.peer_port, flow.local_port))


def _is_open(key: bytes, value: bytes) -> bool:
    """Return whether a row is that of an open TCP connection, which the helper keeps even if it is idle."""
    return key[_PROTOCOL] == TCP and not _VALUE(value)[_CLOSED]


@functools.lru_cache(maxsize=256)  # a thread makes many sockets
def _thread_name(thread: bytes) -> str | None:
    return decoded(thread.partition(b"\0")[0]) or None


@functools.lru_cache(maxsize=512)  # a flow has a row and often several packets in a reading
def _flow(packed: bytes) -> Flow:
    cookie, address, peer_port, port, number = _FLOW.unpack(packed)
    return _new(Flow, (cookie, number, _address(address), peer_port or None, port or None))


_address = functools.lru_cache(maxsize=256)(packed_address)
