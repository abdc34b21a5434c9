"""The agent's end of the feed: greets clients, publishes by topic, executes commands, and never waits for a client."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import socket
import struct
import sys
from collections.abc import Callable
from pathlib import Path

from netwatch_tray import paths
from netwatch_tray.engine.scheduler import READ, WRITE, Scheduler
from netwatch_tray.errors import NetWatchError, ParseError, reason_of
from netwatch_tray.feed.protocol import (
    ClientMessage,
    Hello,
    Request,
    ServerMessage,
    Subscribe,
    Topic,
    decode_client_message,
    encode,
)

_log = logging.getLogger(__name__)

_SEND_BUFFER = 128 << 10
"""Size in bytes of the socket's send buffer, which holds messages for a client that is slow to read."""
_MOST_CLIENTS = 32
_BACKLOG = 64
"""Connections that may wait to be accepted while the agent is busy."""
_LONGEST_REQUEST = 1 << 16
_MOST_UNREAD = 1 << 18
"""Bytes of responses and notices kept in memory for a client that does not read; beyond that it is disconnected. A
client that reads needs some hundreds."""
_OUT_OF = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
"""Errors of accept(2) that leave the connection in the queue, so that the listening socket stays readable."""
_UCRED = struct.Struct("=iII")
"""struct ucred of SO_PEERCRED (unix(7)): pid, uid, gid."""
_XUCRED = struct.Struct("=II")
"""The head of struct xucred of LOCAL_PEERCRED (macOS, unix(4)): version, uid."""
_SOL_LOCAL, _LOCAL_PEERCRED, _LOCAL_PEERPID = 0, 1, 2


class FeedServer:
    """Listens on a Unix socket, in the scheduler's loop.

    A client that reads slowly misses messages: while bytes sent to it are unread, no new messages of its topics are
    sent. Once it has read them, it gets one message made by `resync` instead. A client that sends commands without
    reading the responses is disconnected.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        path: Path,
        *,
        hello: Callable[[], Hello],
        resync: Callable[[Topic], ServerMessage | None],
        command: Callable[[Request], ServerMessage | None],
        topics_changed: Callable[[frozenset[Topic]], None],
    ) -> None:
        """Listen at `path`, replacing the socket file of an agent that has ended. Raise NetWatchError if that fails.

        `hello` returns the greeting; `resync` returns the message with the full state of a topic, or None; `command`
        executes a request and returns the response or None; `topics_changed` is called with all topics that any client
        subscribes to.
        """
        self._scheduler = scheduler
        self._path, self._name = path, str(path)
        self._hello, self._resync = hello, resync
        self._command, self._topics_changed = command, topics_changed
        self._clients: set[_Client] = set()
        self._topics: frozenset[Topic] = frozenset()
        self._listen()

    @property
    def clients(self) -> int:
        return len(self._clients)

    @property
    def is_in_place(self) -> bool:
        """Return whether the file at the path is still the one that this server has made. The agent calls it each
        second."""
        return paths.identity(self._name) == self._identity

    @property
    def subscribers(self) -> frozenset[int]:
        """Return the PIDs of the clients that subscribe to any topic. Clients whose PID the system does not report are
        left out."""
        return frozenset(client.pid for client in self._clients if client.topics and client.pid is not None)

    def wants(self, topic: Topic) -> bool:
        """Return whether a client subscribed to the topic; if not, its messages need not be made."""
        return topic in self._topics

    def publish(self, topic: Topic, message: ServerMessage) -> None:
        """Send a message to all subscribers of a topic. A client that has unread messages gets the message of `resync`
        later instead."""
        line = encode(message)
        for client in list(self._clients):
            if topic in client.topics:
                if client.behind:
                    client.missed.add(topic)
                else:
                    self._send(client, line)

    def tell_all(self, message: ServerMessage) -> None:
        line = encode(message)
        for client in list(self._clients):
            self._send(client, line)

    def check(self) -> None:
        """If the socket file was removed or replaced, make it again. Connected clients stay connected.

        Raise NetWatchError if that fails; clients stay connected in this case, too.
        """
        if not self.is_in_place:
            before = self._socket
            self._listen()
            self._scheduler.unwatch(before.fileno())
            before.close()
            _log.info("The socket %s was removed or replaced, and is there again.", self._path)

    def close(self) -> None:
        """Close all connections, and remove the socket file unless it belongs to another agent by now."""
        for client in list(self._clients):
            self._drop(client)
        self._scheduler.unwatch(self._socket.fileno())
        if self.is_in_place:
            self._path.unlink(missing_ok=True)
        self._socket.close()

    def _listen(self) -> None:
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._path.unlink(missing_ok=True)
            listener.bind(str(self._path))
            self._path.chmod(0o600)
            listener.listen(_BACKLOG)
            found = self._path.stat()
        except OSError as error:
            listener.close()
            raise NetWatchError(
                "The agent cannot listen on {path}: {reason}.", path=self._path, reason=error
            ) from error
        listener.setblocking(False)
        self._socket, self._identity = listener, (found.st_dev, found.st_ino)
        self._scheduler.watch(listener.fileno(), READ, self._accept)

    def _accept(self, _events: int) -> None:
        try:
            connection, _ = self._socket.accept()
        except OSError as error:
            if error.errno in _OUT_OF:
                _log.warning("No client can connect now: %s.", reason_of(error))
                self._scheduler.rest(self._socket.fileno())
            return  # else it hung up before it was taken
        uid, pid = _peer(connection)
        if uid != os.getuid() or len(self._clients) >= _MOST_CLIENTS:
            connection.close()
            return
        connection.setblocking(False)
        if sys.platform == "darwin":  # which begins with 8 KiB (net.local.stream.sendspace)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
        client = _Client(connection, pid)
        self._clients.add(client)
        self._scheduler.watch(connection.fileno(), READ, lambda events: self._ready(client, events))
        self._send(client, encode(self._hello()))

    def _ready(self, client: _Client, events: int) -> None:
        if events & WRITE:
            self._send(client, b"")
        if events & READ and client in self._clients:
            self._read(client)

    def _read(self, client: _Client) -> None:
        try:
            data = client.socket.recv(1 << 14)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        client.received += data
        *lines, client.received = client.received.split(b"\n")
        try:
            for line in lines:
                if client in self._clients:  # otherwise it was disconnected because it did not read
                    self._execute(client, decode_client_message(bytes(line)))
        except ParseError as error:
            _log.warning("%s It is disconnected.", error)
            data = b""
        if not data or len(client.received) > _LONGEST_REQUEST:
            self._drop(client)

    def _execute(self, client: _Client, message: ClientMessage) -> None:
        if isinstance(message, Subscribe):
            fresh = message.topics & ((message.topics - client.topics) | message.again)
            client.topics = message.topics
            self._update_topics()
            for topic in fresh:
                if client.behind:
                    client.missed.add(topic)
                else:
                    self._bring_up_to_date(client, topic)
        elif (answer := self._command(message)) is not None:
            self._send(client, encode(answer))

    def _bring_up_to_date(self, client: _Client, topic: Topic) -> None:
        message = self._resync(topic)
        if message is not None:
            self._send(client, encode(message))

    def _send(self, client: _Client, line: bytes) -> None:
        if client.behind:
            client.unread += len(line)
            if client.unread > _MOST_UNREAD:
                _log.warning("A client (process %s) does not read its answers and is disconnected.", client.pid)
                self._drop(client)
                return
        client.unsent += line
        try:
            sent = client.socket.send(client.unsent)
        except BlockingIOError:
            sent = 0
        except OSError:
            self._drop(client)
            return
        del client.unsent[:sent]
        if client.behind != bool(client.unsent):
            client.behind = bool(client.unsent)
            client.unread = 0
            events = READ | WRITE if client.behind else READ
            self._scheduler.watch(client.socket.fileno(), events, lambda events: self._ready(client, events))
        if not client.behind and client.missed:
            missed, client.missed = client.missed & client.topics, set()
            for topic in missed:
                self._bring_up_to_date(client, topic)

    def _drop(self, client: _Client) -> None:
        if client in self._clients:
            self._clients.discard(client)
            self._scheduler.unwatch(client.socket.fileno())
            client.socket.close()
            self._update_topics()

    def _update_topics(self) -> None:
        topics: frozenset[Topic] = frozenset(topic for client in self._clients for topic in client.topics)
        if topics != self._topics:
            self._topics = topics
            self._topics_changed(topics)


class _Client:
    __slots__ = ("behind", "missed", "pid", "received", "socket", "topics", "unread", "unsent")

    def __init__(self, connection: socket.socket, pid: int | None) -> None:
        self.socket = connection
        self.pid = pid
        self.received = bytearray()
        self.unsent = bytearray()
        self.behind = False
        self.unread = 0
        """Bytes added to `unsent` since the client stopped reading fast enough."""
        self.topics: frozenset[Topic] = frozenset()
        self.missed: set[Topic] = set()


def _peer(connection: socket.socket) -> tuple[int | None, int | None]:
    """Return the UID and the PID of the process at the other end; None for what the system does not report."""
    with contextlib.suppress(OSError, struct.error):
        if hasattr(socket, "SO_PEERCRED"):
            credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
            pid, uid, _gid = _UCRED.unpack(credentials)
            return uid, pid
        credentials = connection.getsockopt(_SOL_LOCAL, _LOCAL_PEERCRED, 76)
        uid = int(_XUCRED.unpack_from(credentials)[1])
        with contextlib.suppress(OSError):
            return uid, connection.getsockopt(_SOL_LOCAL, _LOCAL_PEERPID)
        return uid, None
    return None, None
