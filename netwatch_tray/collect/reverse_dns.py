"""Names of addresses by reverse DNS, looked up only when the user requests them.

Each query leaves the computer and reveals to the DNS server an address that the computer communicates with, so nothing
here runs by itself.
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
"""Seconds for which a result is cached, also if the address has no name."""


class NameResolver:
    """Resolves addresses to names in threads, and caches the results. The threads are daemons, so that a pending query
    does not delay the exit of the program."""

    def __init__(self, look_up: Callable[[str], str | None] | None = None) -> None:
        """`look_up`: returns the name of an address or `None`; by default the system's resolver."""
        self._look_up = look_up or _look_up
        self._names: OrderedDict[str, tuple[float, str | None]] = OrderedDict()
        self._pending: set[str] = set()
        self._queries: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._changed = threading.Condition()
        self._threads: list[threading.Thread] = []

    def resolve(self, addresses: Iterable[str], timeout: float) -> dict[str, str]:
        """Return the names that are known after at most `timeout` seconds, by address.

        An address without a name, or with a late response, is missing. Late responses are kept for the next call.
        """
        wanted = set(addresses)
        deadline = clock.boottime() + timeout
        with self._changed:
            for address in wanted - self._pending:
                if not self._is_fresh(address):
                    self._pending.add(address)
                    self._queries.put(address)
            while len(self._threads) < min(_THREADS, len(self._pending)):
                thread = threading.Thread(target=self._work, name="reverse DNS", daemon=True)
                self._threads.append(thread)
                thread.start()
            self._changed.wait_for(lambda: not wanted & self._pending, max(0.0, deadline - clock.boottime()))
            found = {address: self._names.get(address, (0.0, None))[1] for address in wanted}
        return {address: name for address, name in found.items() if name is not None}

    def _is_fresh(self, address: str) -> bool:
        cached = self._names.get(address)
        return cached is not None and clock.boottime() - cached[0] < _KEPT_FOR

    def _work(self) -> None:
        while True:
            address = self._queries.get()
            name = self._look_up(address)
            with self._changed:
                self._pending.discard(address)
                self._names[address] = (clock.boottime(), name)
                self._names.move_to_end(address)
                while len(self._names) > _MOST_NAMES:
                    self._names.popitem(last=False)
                self._changed.notify_all()


def _look_up(address: str) -> str | None:
    try:
        return from_os(socket.getnameinfo((address, 0), socket.NI_NAMEREQD)[0])
    except (OSError, UnicodeError):  # no name, no DNS server, or a malformed response
        return None
