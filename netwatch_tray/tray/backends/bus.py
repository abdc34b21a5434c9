"""One connection to the D-Bus session bus, driven by the agent's scheduler.

Opening it blocks for a limited time; after that nothing blocks. Messages that the bus does not accept at once are
queued. If the queue exceeds a limit, the connection is closed and its owner is notified, which may open another one.

Wire format, addresses and authentication: `netwatch_tray.dbus`.
"""

from __future__ import annotations

import functools
import itertools
import logging
import socket
import time
from collections.abc import Callable, Mapping
from typing import Any

from netwatch_tray.dbus.connection import BUS, BUS_PATH, FAILURES, connect, limit, places, session_address
from netwatch_tray.dbus.marshalling import marshal
from netwatch_tray.dbus.messages import (
    CALL,
    ERROR,
    NO_AUTO_START,
    NO_REPLY,
    RETURN,
    SIGNAL,
    Incoming,
    Signal,
    call,
    emitted,
    messages,
    response_head,
)
from netwatch_tray.engine.scheduler import READ, WRITE, Scheduler
from netwatch_tray.errors import Message, ParseError, TrayUnavailableError, message
from netwatch_tray.text import from_os
from netwatch_tray.tray.backends.bus_objects import CallError, Object

_log = logging.getLogger(__name__)

OnReply = Callable[[tuple[Any, ...] | None, str], None]
"""Callback for the response to a call. Arguments: the body of the response, or None if it is an error; the unique name
of the sender."""
OnSignal = Callable[[str, str, str, tuple[Any, ...]], None]
"""Callback for a signal. Arguments: sender (unique name, or the bus), interface, member and body. Any program can send
a signal directly to this one, so check the sender."""


_QUEUE_LIMIT = 1 << 20
"""Bytes that may be queued for the bus before the connection is given up. All messages of the icon together have a
hundredth of that."""
_FAILED = "org.freedesktop.DBus.Error.Failed", "s", [marshal("s", ("an error in the program that shows this icon",))]
"""The response to a call that raised an unexpected error: name of the error, signature and body."""


def unusable(address: str, failure: Exception) -> Message:
    """Return the sentences for a session bus that cannot be used."""
    return message(
        "The session bus at {address} cannot be used ({failure}), so only an older (XEmbed) tray can show the icon. "
        "The window and the terminal commands work. Start NetWatch from within the desktop session to get the icon.",
        address=from_os(address),
        failure=failure,
    )


class Bus:
    """The connection to the session bus. Use it in the scheduler's thread only.

    The constructor connects, which blocks for `patience` seconds at most. It raises TrayUnavailableError if that fails.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        *,
        on_signal: OnSignal,
        on_drained: Callable[[], None],
        on_lost: Callable[[Message], None],
        patience: float,
    ) -> None:
        self._scheduler = scheduler
        self._on_signal = on_signal
        self._on_drained = on_drained
        self._on_lost = on_lost
        self._objects: Mapping[str, Object] = {}
        self.caller = ""
        """Unique name of the program whose call is being served."""
        self._pending: dict[int, OnReply] = {}
        self._queue = bytearray()
        self._received = bytearray()
        self._socket: socket.socket | None = None
        self._serials = itertools.count(1)
        self._socket, self.unique_name = self._open(patience)
        self._socket.setblocking(False)

    def start(self, objects: Mapping[str, Object]) -> None:
        """Process incoming messages from now on. `objects`: by path, the objects whose methods other
        programs can call."""
        self._objects = objects
        if self._socket is not None:
            self._scheduler.watch(self._socket.fileno(), READ, self._on_ready)
            self._scheduler.call_soon(self._dispatch)  # messages that came together with the response to Hello

    @property
    def is_drained(self) -> bool:
        """Return whether the bus has accepted all messages sent so far. A message that is not urgent should be sent
        only then."""
        return not self._queue

    def call(
        self,
        destination: str,
        path: str,
        interface: str,
        member: str,
        signature: str = "",
        body: tuple[Any, ...] = (),
        on_reply: OnReply | None = None,
        *,
        starts: bool = False,
    ) -> None:
        """Call a method of another program; `on_reply` is called with the response. `starts`: if the service does not
        run, let the bus start it."""
        flags = 0 if starts else NO_AUTO_START
        serial = next(self._serials)
        if on_reply is None:
            flags |= NO_REPLY
        else:
            self._pending[serial] = on_reply
        arguments = marshal(signature, body)
        self._send(call(destination, path, interface, member, signature, arguments, flags=flags, serial=serial))

    def call_bus(self, member: str, signature: str, body: tuple[Any, ...], on_reply: OnReply | None = None) -> None:
        """Call a method of the bus itself."""
        self.call(BUS, BUS_PATH, BUS, member, signature, body, on_reply)

    def emit(self, *signals: tuple[Signal, bytes]) -> None:
        """Send signals with these marshalled bodies, all of them in one write."""
        self._send(emitted(signals, self._serials))

    def close(self) -> None:
        """Close the connection; the bus then releases its names. `on_lost` is not called."""
        if self._socket is not None:
            self._scheduler.unwatch(self._socket.fileno())
            self._socket.close()
            self._socket = None
            self._pending.clear()
            self._queue.clear()

    def _open(self, patience: float) -> tuple[socket.socket, str]:
        """Return the authenticated socket, and the unique name that the bus assigned."""
        address = session_address()
        deadline = time.monotonic() + patience
        failure: Exception = ParseError("that names no socket of this machine")
        for place in places(address):
            self._received.clear()
            try:
                connection = connect(place, deadline)
            except FAILURES as error:
                failure = error
                continue
            try:
                return connection, self._say_hello(connection, deadline)
            except FAILURES as error:
                connection.close()
                failure = error
        raise TrayUnavailableError(unusable(address, failure)) from failure

    def _say_hello(self, connection: socket.socket, deadline: float) -> str:
        connection.sendall(call(BUS, BUS_PATH, BUS, "Hello", "", b"", flags=0, serial=next(self._serials)))
        while True:
            limit(connection, deadline)
            data = connection.recv(4096)
            if not data:
                raise ConnectionError("closed by the bus")
            self._received += data
            for _, answer in messages(self._received):
                if answer.kind == RETURN and answer.body:
                    return str(answer.body[0])
                if answer.kind == ERROR:
                    raise ConnectionError(f"refused by the bus: {answer.body}")

    def _send(self, *pieces: bytes | bytearray) -> None:
        if self._socket is None:
            return
        sent = 0
        if not self._queue:
            try:
                sent = self._socket.sendmsg(pieces) if len(pieces) > 1 else self._socket.send(pieces[0])
            except BlockingIOError:
                pass
            except OSError as error:
                self.lose(message("the connection to the session bus was lost ({error})", error=error))
                return
            if sent == sum(map(len, pieces)):
                return
            self._scheduler.watch(self._socket.fileno(), READ | WRITE, self._on_ready)
        self._queue += b"".join(pieces)[sent:]
        if len(self._queue) > _QUEUE_LIMIT:
            self.lose(message("the session bus does not read what it is sent"))

    def _on_ready(self, events: int) -> None:
        if events & WRITE:
            self._write_queue()
        if events & READ:
            self._read()

    def _write_queue(self) -> None:
        if self._socket is None:
            return
        try:
            del self._queue[: self._socket.send(self._queue)]
        except BlockingIOError:
            return
        except OSError as error:
            self.lose(message("the connection to the session bus was lost ({error})", error=error))
            return
        if not self._queue:
            self._scheduler.watch(self._socket.fileno(), READ, self._on_ready)
            self._on_drained()

    def _read(self) -> None:
        if self._socket is None:
            return
        try:
            data = self._socket.recv(1 << 16)
        except BlockingIOError:
            return
        except OSError as error:
            self.lose(message("the connection to the session bus was lost ({error})", error=error))
            return
        if not data:
            self.lose(message("the session bus closed the connection"))
            return
        self._received += data
        self._dispatch()

    def _dispatch(self) -> None:
        handled = False
        try:
            for serial, incoming in messages(self._received):
                self._handle(serial, incoming)
            handled = True
        except ParseError as error:
            self.lose(message("the session bus sends what is not D-Bus ({error})", error=error))
            handled = True
        finally:
            if not handled:  # a bug in a handler, which the scheduler logs; the messages after it are still good
                self._scheduler.call_soon(self._dispatch)

    def _handle(self, serial: int, message: Incoming) -> None:
        if self._socket is None:
            return
        if message.kind == CALL:
            self._answer(serial, message)
        elif message.kind == SIGNAL:
            self._on_signal(message.sender, message.interface, message.member, message.body)
        else:
            on_reply = self._pending.pop(message.reply_serial, None)
            if message.kind == ERROR:
                _log.debug("D-Bus error: %s %s", message.error, message.body)
            if on_reply is not None:
                on_reply(None if message.kind == ERROR else message.body, message.sender)

    def _answer(self, serial: int, message: Incoming) -> None:
        answer: tuple[str, str, list[bytes]] = _FAILED
        self.caller = message.sender
        try:
            try:
                answer = ("", *self._call_object(message))
            except CallError as error:
                answer = (error.name, "s", [marshal("s", (str(error),))])
        finally:  # respond in any case: a panel that waits for the response would freeze
            if message.wants_reply:
                self._reply(serial, message.sender, *answer)

    def _call_object(self, message: Incoming) -> tuple[str, list[bytes]]:
        if message.path not in self._objects:
            raise CallError("UnknownObject", f"there is no object {message.path}")
        return self._objects[message.path].call(message.interface, message.member, message.signature, message.body)

    def _reply(self, to_serial: int, destination: str, error: str, signature: str, body: list[bytes]) -> None:
        serial = next(self._serials)
        head = response_head(destination, error, signature, sum(map(len, body)), to_serial=to_serial, serial=serial)
        self._send(head, *body)

    def lose(self, reason: Message) -> None:
        """Close the connection, and call `on_lost` with the reason."""
        if self._socket is not None:
            self.close()
            # Later, because the loss may be detected within a call of the owner.
            self._scheduler.call_soon(functools.partial(self._on_lost, reason))
