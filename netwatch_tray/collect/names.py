"""Names of addresses by reverse DNS: asked only when the person asks, a few at a time, for a bounded time.

Each question leaves the computer and tells the resolver whom it talks to, so nothing here runs by itself.
"""

from __future__ import annotations

import queue
import socket
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable

from netwatch_tray import clock
from netwatch_tray.text import from_os

_THREADS = 8
_MOST_NAMES = 2048
_KEPT_FOR = 600.0
"""Seconds; also for the answer that there is no name."""


class NameResolver:
    """Remembers what it learnt. Its threads are daemons: a resolver that never answers holds nothing up."""

    def __init__(self, ask: Callable[[str], str | None] | None = None) -> None:
        """`ask`: name of an address or None; by default the system's resolver."""
        self._ask = ask or _ask_system
        self._names: OrderedDict[str, tuple[float, str | None]] = OrderedDict()
        self._pending: set[str] = set()
        self._questions: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._changed = threading.Condition()
        self._threads: list[threading.Thread] = []

    def resolve(self, addresses: Iterable[str], timeout: float) -> dict[str, str]:
        """The names known after at most `timeout` seconds; an address without a name, or whose answer is late, is
        absent. Late answers are remembered for the next call."""
        wanted = set(addresses)
        deadline = clock.boottime() + timeout
        with self._changed:
            for address in wanted - self._pending:
                if not self._is_fresh(address):
                    self._pending.add(address)
                    self._questions.put(address)
            while len(self._threads) < min(_THREADS, len(self._pending)):
                thread = threading.Thread(target=self._work, name="reverse DNS", daemon=True)
                self._threads.append(thread)
                thread.start()
            self._changed.wait_for(lambda: not wanted & self._pending, max(0.0, deadline - clock.boottime()))
            found = {address: self._names.get(address, (0.0, None))[1] for address in wanted}
        return {address: name for address, name in found.items() if name is not None}

    def _is_fresh(self, address: str) -> bool:
        learnt = self._names.get(address)
        return learnt is not None and clock.boottime() - learnt[0] < _KEPT_FOR

    def _work(self) -> None:
        while True:
            address = self._questions.get()
            name = self._ask(address)
            with self._changed:
                self._pending.discard(address)
                self._names[address] = (clock.boottime(), name)
                self._names.move_to_end(address)
                while len(self._names) > _MOST_NAMES:
                    self._names.popitem(last=False)
                self._changed.notify_all()


def _ask_system(address: str) -> str | None:
    try:
        return from_os(socket.getnameinfo((address, 0), socket.NI_NAMEREQD)[0])
    except (OSError, UnicodeError):  # no name, no resolver, or an answer that is no name
        return None
