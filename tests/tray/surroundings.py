"""Surroundings for the tests of the tray: a loop in a thread, as the agent has one, and a watcher that the test
controls."""

from __future__ import annotations

import itertools
import os
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from desktop import PATIENCE, WATCHER, WATCHER_PATH, BusClient
from jeepney import (
    DBusAddress,
    HeaderFields,
    Message,
    MessageType,
    new_error,
    new_method_call,
    new_method_return,
    new_signal,
)

from netwatch_tray.engine.scheduler import Scheduler
from netwatch_tray.tray import Actions

T = TypeVar("T")

HOST = "org.kde.StatusNotifierHost"

_numbers = itertools.count(1)


def no_actions(**asked: Callable[..., Any]) -> Actions:
    """Return actions of which only the given ones do anything."""
    nothing = dict.fromkeys(Actions._fields, lambda *_: None)
    chosen: dict[str, Any] = {
        **nothing,
        "upload_state": lambda: None,
        "apps": lambda: (),
        "last_event": lambda: None,
        **asked,
    }
    return Actions(**chosen)


class Loop:
    """A scheduler that runs in a thread."""

    def __init__(self) -> None:
        self.scheduler = Scheduler()
        self._thread = threading.Thread(target=self.scheduler.run)
        self._thread.start()

    def do(self, work: Callable[[], T], timeout: float = PATIENCE) -> T:
        """Run a function in the loop's thread. Return its result or raise its exception."""
        future: Future[T] = Future()

        def run() -> None:
            try:
                future.set_result(work())
            except BaseException as error:  # noqa: BLE001  handed to the test, whatever it is
                future.set_exception(error)

        self.scheduler.call_soon(run)
        return future.result(timeout)

    def close(self) -> None:
        self.scheduler.stop()
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive(), "the loop hangs"
        self.scheduler.close()


class Watcher:
    """A StatusNotifierWatcher in a thread, as small as the protocol allows. Unless told otherwise, it is
    its own host."""

    def __init__(self, address: str, *, has_host: bool = True) -> None:
        self.registered: queue.Queue[str] = queue.Queue()
        self.has_host = has_host
        self.refusals = 0
        """Registrations that are still to be refused."""
        self.items: list[str] = []
        self._client = BusClient(address)
        if has_host:
            self._own_host()
        assert self._client.call_bus("RequestName", "su", (WATCHER, 4))[0] == 1
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def announce_host(self) -> None:
        """Report that a panel has started."""
        self.has_host = True
        self._own_host(is_answer_wanted=False)
        self._emit("StatusNotifierHostRegistered")

    def lose(self, *, tells: bool = True) -> None:
        """Forget the item, as GNOME's extension does when it is turned off and on."""
        item = self.items.pop()
        if tells:
            self._emit("StatusNotifierItemUnregistered", "s", (item,))

    def close(self) -> None:
        """Leave the bus, as a panel does that is killed."""
        self._stopping.set()
        self._thread.join(10)
        self._client.close()

    def _own_host(self, *, is_answer_wanted: bool = True) -> None:
        body = (f"{HOST}-{os.getpid()}-{next(_numbers)}", 4)
        if is_answer_wanted:
            self._client.call_bus("RequestName", "su", body)
        else:  # the answer is for the thread, which drops it
            bus = DBusAddress("/org/freedesktop/DBus", "org.freedesktop.DBus", "org.freedesktop.DBus")
            self._client.connection.send(new_method_call(bus, "RequestName", "su", body))

    def _emit(self, member: str, signature: str | None = None, body: tuple[Any, ...] = ()) -> None:
        emitter = DBusAddress(WATCHER_PATH, interface=WATCHER)
        self._client.connection.send(new_signal(emitter, member, signature, body))

    def _serve(self) -> None:
        while not self._stopping.is_set():
            try:
                message = self._client.connection.receive(timeout=0.05)
            except TimeoutError:
                continue
            except ConnectionError:
                return
            if message.header.message_type is MessageType.method_call:
                self._client.connection.send(self._answer(message))

    def _answer(self, message: Message) -> Message:
        match message.header.fields[HeaderFields.member], message.body:
            case "RegisterStatusNotifierItem", _ if self.refusals:
                self.refusals -= 1
                return new_error(message, "org.freedesktop.DBus.Error.Failed")
            case "RegisterStatusNotifierItem", (name,):
                self.items.append(f"{name}/StatusNotifierItem")
                self.registered.put(name)
                return new_method_return(message)
            case "Get", (_, "RegisteredStatusNotifierItems"):
                return new_method_return(message, "v", (("as", self.items),))
            case "Get", (_, "IsStatusNotifierHostRegistered"):
                return new_method_return(message, "v", (("b", self.has_host),))
        return new_error(message, "org.freedesktop.DBus.Error.UnknownMethod")
