"""Measures in this process if no agent runs, and delivers the result as the messages that an agent would send."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from netwatch_tray.cli import record
from netwatch_tray.errors import NetWatchError
from netwatch_tray.feed.protocol import (
    VERSION,
    AppsMessage,
    ClientMessage,
    ConnectionsMessage,
    Hello,
    ServerMessage,
    TickMessage,
)

if TYPE_CHECKING:
    from netwatch_tray.settings import Settings

_log = logging.getLogger(__name__)


class OwnFeed:
    """Takes the place of a FeedClient while no agent runs. It measures in a thread, because tools like lsof block."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._messages: SimpleQueue[ServerMessage] = SimpleQueue()
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._reader, False)
        os.set_blocking(self._writer, False)
        self._is_closed = threading.Event()
        self._lock = threading.Lock()
        """Held while the pipe that wakes the reader is written or closed."""
        threading.Thread(target=self._measure, name="own measuring", daemon=True).start()

    def fileno(self) -> int:
        return self._reader

    def send(self, message: ClientMessage) -> None:
        """Do nothing: all topics are always delivered."""

    def receive(self) -> list[ServerMessage]:
        """Return the messages measured since the last call."""
        with contextlib.suppress(BlockingIOError):
            os.read(self._reader, 4096)
        found: list[ServerMessage] = []
        with contextlib.suppress(Empty):
            while True:
                found.append(self._messages.get_nowait())
        return found

    def close(self) -> None:
        self._is_closed.set()
        with self._lock:
            os.close(self._reader)
            os.close(self._writer)

    def _measure(self) -> None:
        from netwatch_tray import __version__

        hello = Hello(protocol=VERSION, version=__version__, pid=os.getpid(), interval_s=record.PERIOD,
                      settings=self._settings, recent=())  # fmt: skip
        self._messages.put(hello)
        try:
            for number, (tick, observation) in enumerate(record.measure_here(self._settings)):
                if self._is_closed.is_set():
                    break
                if tick is not None:
                    self._messages.put(TickMessage(tick))
                if number % record.CONNECTIONS_EVERY == 0:
                    self._messages.put(AppsMessage.of(observation))
                    self._messages.put(ConnectionsMessage(reset=True, added=tuple(observation.table.rows())))
                self._wake()
        except NetWatchError as error:
            _log.warning("%s", error)

    def _wake(self) -> None:
        with self._lock, contextlib.suppress(BlockingIOError):
            if not self._is_closed.is_set():
                os.write(self._writer, b".")
