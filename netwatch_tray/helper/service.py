"""Sends what the eBPF programs collect to the agents of the allowed users, and ends when the last agent disconnects.

One thread, one loop. Counts (rows) are sent only on request, one message for each request. Copied packets and other
records are sent to all agents as soon as one of them sends a request, and are lost for an agent whose socket is full.

A stamp is a number that increases with time. The programs write the current one to each flow that has a packet, so an
agent can request the flows with packets since its last request.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import struct
import sys
import time
from collections.abc import Iterable

from . import layout, privileges, protocol
from .probes import Probes, UnavailableError, attach, covers_system

_LISTENER = 0
"""File descriptor of the listening socket: standard input, as from inetd (StandardInput=socket, systemd.exec(5))."""

_MOST_CLIENTS, _MOST_CLIENTS_OF_USER = 16, 4
_ACCEPTED_AT_ONCE = 32
_FIRST_CLIENT_WITHIN = 5.0
_WHOLE_READING_WITHIN = 120.0
"""Seconds within which an agent must read all flows once, or it is disconnected. An agent does every five seconds."""
_IDLE = 60
"""Seconds without a packet after which a flow is deleted."""
_STAMPS_PER_SECOND = 4
_EVENTS_IN_MESSAGE = 3 << 15
"""About how many bytes of records are sent in one message. Large messages wake an agent less often."""
_SO_PEERCRED: int = getattr(socket, "SO_PEERCRED", 0)
_CLOCK_BOOTTIME: int = getattr(time, "CLOCK_BOOTTIME", 0)
"""Both constants exist on Linux only, so 0 stands for them elsewhere. Their numbers differ between machines."""
_UCRED = struct.Struct("=iII")
"""struct ucred, see unix(7): PID, UID, GID of the other end."""
_ROOT = 0

_NOT_ALLOWED = (
    "Your account may not read the counters of the helper. An administrator can allow it: "
    "sudo netwatch-tray helper install"
)
_TOO_MANY = "The helper serves as many programs as it can. Close some of them."


def main(arguments: list[str]) -> int:
    """Serve root and the users with these UIDs until all agents have disconnected; with `--check` only attach and
    detach. Return the exit code."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    if arguments == ["--check"]:
        return _check()
    users = {_ROOT, *map(int, arguments)}
    with socket.socket(fileno=os.dup(_LISTENER)) as listener:
        listener.setblocking(False)
        try:
            probes = _attach()
        except UnavailableError as error:
            print(error, error.__cause__ or "", sep="\n", file=sys.stderr)
            _refuse_waiting(listener, str(error))
            return 1
        privileges.drop(privileges.BPF, lambda: probes.rows(0, 0, None))
        Service(listener, probes, users).run()
    return 0


def _check() -> int:
    try:
        _attach().close()
    except UnavailableError as error:
        print(error)
        print(error.__cause__ or "", file=sys.stderr)
        return 1
    return 0


def _attach() -> Probes:
    """Drop all privileges but those for loading programs, then load and attach them. Raise UnavailableError."""
    try:
        privileges.restrict(privileges.BPF | privileges.NET_ADMIN | privileges.PERFMON)
    except OSError as error:
        raise UnavailableError("The helper cannot give up root's privileges here, so it does not start.") from error
    return attach()


def _refuse_waiting(listener: socket.socket, reason: str) -> None:
    with contextlib.suppress(OSError):
        while True:
            _refuse(listener.accept()[0], reason)


def _refuse(connection: socket.socket, reason: str) -> None:
    """Send the reason, a sentence for the user, without waiting for room in the socket, and disconnect."""
    with connection, contextlib.suppress(OSError):
        connection.send(protocol.REFUSED_HEAD.pack(protocol.REFUSED) + reason.encode(), socket.MSG_DONTWAIT)


def _request(message: bytes) -> tuple[int, int]:
    """Parse an agent's request (protocol.READ). Return its stamp and its position. Raise ValueError or struct.error if
    it is no request."""
    kind, since, position = protocol.READ.unpack(message)
    if kind != protocol.READ_KIND:
        raise ValueError(f"unknown request {kind}")
    return since, position


class _Client:
    def __init__(self, connection: socket.socket, uid: int) -> None:
        self.connection, self.uid = connection, uid
        # A message larger than this is refused, and some systems have a smaller default (net.core.wmem_default).
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, protocol.LONGEST_MESSAGE)
        # That of the client: the kernel makes an accepted Unix socket in the namespace of the one that connected.
        self.netns = protocol.network_cookie(connection)
        self.deadline = time.monotonic() + _WHOLE_READING_WITHIN
        self.next_since = 0
        """Stamp with which the client will request the flows that change from now on."""
        self.seen = 0
        """Stamp up to which all changes of flows were sent to the client, so that idle flows may be deleted."""
        self.waiting: tuple[int, int] | None = None
        """Stamp and position of a request that could not be answered, because the socket had no room; else None."""
        self.lost_records = 0

    def may_read(self, record: bytes) -> bool:
        """Return whether this client may get a record: its user is root or owns the socket, or the record has only
        amounts, or a refusal, which belongs to no socket."""
        _cookie, _protocol, kind, uid = layout.RECORD.unpack_from(record)
        return self.uid in (_ROOT, uid) or kind in (layout.REFUSAL, layout.TCP_ENDED)

    def has_room(self) -> bool:
        """Return whether the socket has room for a message now; also if the client has disconnected, which `send` then
        finds."""
        poll = select.poll()
        poll.register(self.connection, select.POLLOUT)
        return bool(poll.poll(0))

    def send(self, message: bytes | bytearray) -> bool:
        """Send a message without waiting. Return whether the socket had room for it. Raise OSError if the client has
        disconnected."""
        try:
            self.connection.send(message, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        return True


class Service:
    """The helper's loop. `run` returns when no client (agent) is connected: all have disconnected or were refused, or
    none connected within `_FIRST_CLIENT_WITHIN` seconds."""

    def __init__(self, listener: socket.socket, probes: Probes, users: Iterable[int]) -> None:
        """`listener`: the non-blocking socket to accept clients from. `users`: UIDs of the users to serve."""
        self._listener, self._probes, self._users = listener, probes, frozenset(users)
        self._clients: dict[int, _Client] = {}
        self._poll = select.poll()
        self._poll.register(listener, select.POLLIN)
        self._stamp = self._stamp_before = 0
        flags = protocol.WHOLE_SYSTEM if covers_system() else 0
        flags |= protocol.REPORTS_ENDS if probes.reports_ends else 0
        flags |= protocol.REPORTS_ELSEWHERE if probes.reports_elsewhere else 0
        self._hello = protocol.HELLO_HEAD.pack(
            protocol.HELLO, flags, protocol.VERSION, os.getpid(), time.clock_gettime(_CLOCK_BOOTTIME)
        )

    def run(self) -> None:
        give_up = time.monotonic() + _FIRST_CLIENT_WITHIN
        while True:
            deadlines = [client.deadline for client in self._clients.values()] or [give_up]
            ready = self._poll.poll(max(0.0, min(deadlines) - time.monotonic()) * 1000)
            for descriptor, _events in ready:
                if client := self._clients.get(descriptor):
                    self._serve(client)
            now = time.monotonic()
            for client in [each for each in self._clients.values() if each.deadline <= now]:
                self._drop(client)
            self._accept()
            if not self._clients and (ready or now >= give_up):
                return

    def _accept(self) -> None:
        for _ in range(_ACCEPTED_AT_ONCE):
            try:
                connection = self._listener.accept()[0]
            except OSError:  # no connection is pending, or the system is out of descriptors
                return
            self._greet(connection)

    def _greet(self, connection: socket.socket) -> None:
        _pid, uid, _gid = _UCRED.unpack(connection.getsockopt(socket.SOL_SOCKET, _SO_PEERCRED, _UCRED.size))
        if uid not in self._users:
            _refuse(connection, _NOT_ALLOWED)
            return
        of_user = sum(client.uid == uid for client in self._clients.values())
        if len(self._clients) >= _MOST_CLIENTS or of_user >= _MOST_CLIENTS_OF_USER:
            _refuse(connection, _TOO_MANY)
            return
        connection.setblocking(False)
        client = self._clients[connection.fileno()] = _Client(connection, uid)
        self._poll.register(connection, select.POLLIN)
        self._set_homes()
        with contextlib.suppress(OSError):  # its first receive fails as well
            client.send(self._hello)

    def _drop(self, client: _Client) -> None:
        self._poll.unregister(client.connection)
        del self._clients[client.connection.fileno()]
        client.connection.close()
        self._set_homes()

    def _set_homes(self) -> None:
        self._probes.set_homes({client.netns for client in self._clients.values()})

    def _serve(self, client: _Client) -> None:
        """Read a request, or continue with one that waits, and respond. Disconnect a client that breaks the
        protocol."""
        try:
            if client.waiting is None:
                client.waiting = _request(client.connection.recv(protocol.READ.size + 1))
            if self._answer(client, *client.waiting):
                client.waiting = None
        except BlockingIOError:
            return
        except (OSError, ValueError, struct.error):
            self._drop(client)
            return
        self._poll.modify(client.connection, select.POLLIN if client.waiting is None else select.POLLOUT)

    def _answer(self, client: _Client, since: int, position: int) -> bool:
        """Respond to a request with rows, after pending records if it begins at the first flow. Return whether the
        socket had room; if not, the request is to be repeated. Raise OSError if the client has disconnected."""
        if not client.has_room():
            return False
        if position == protocol.BEGIN:
            if not self._send_records(client):
                return False
            self._advance_stamp()
            client.next_since = self._stamp_before
        idle = self._stamp - _IDLE * _STAMPS_PER_SECOND
        floor = max(0, min(idle, self._stamp_before, *(each.seen for each in self._clients.values())))
        rows, following = self._probes.rows(since, floor, None if position == protocol.BEGIN else position)
        *lost, lost_records = self._probes.losses()
        head = protocol.ROWS_HEAD.pack(
            protocol.ROWS,
            protocol.BEGIN if following is None else following,
            client.next_since,
            floor,
            *lost,
            lost_records + client.lost_records,
        )
        if not client.send(head + rows):
            return False
        if following is None:
            client.seen = client.next_since
            client.deadline = time.monotonic() + _WHOLE_READING_WITHIN
        return True

    def _advance_stamp(self) -> None:
        """Set the current stamp, which depends on the time. A program that runs right now may still write the previous
        one, which is kept in `_stamp_before`."""
        stamp = int(time.monotonic() * _STAMPS_PER_SECOND) + 1
        if stamp > self._stamp:
            self._stamp, self._stamp_before = stamp, self._stamp
            self._probes.set_stamp(stamp)

    def _send_records(self, reader: _Client) -> bool:
        """Send the records in the ring buffer to each client that may get them. For a client whose socket is full they
        are lost, except for `reader`, whose request is being processed: then they stay in the ring.

        Return whether none is left in the ring.
        """
        while self._probes.has_records:
            if not reader.has_room():
                return False
            records = self._probes.records(_EVENTS_IN_MESSAGE)
            if not records:  # the oldest one is being written
                return True
            for client in self._clients.values():
                readable = [each for each in records if client.may_read(each)]
                if not readable:
                    continue
                is_sent = False
                with contextlib.suppress(OSError):  # it hung up, as its next receive shows
                    is_sent = client.send(protocol.EVENTS_HEAD.pack(protocol.EVENTS) + b"".join(readable))
                if not is_sent:
                    client.lost_records += len(readable)
        return True
