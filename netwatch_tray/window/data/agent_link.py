"""The line to the agent: hands on what it says, and comes back by itself when it breaks."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Protocol

from PySide6.QtCore import QObject, QSocketNotifier, QTimer, Signal

from netwatch_tray.errors import AgentUnreachableError, ParseError
from netwatch_tray.feed.protocol import VERSION, ClientMessage, Command, Hello, ServerMessage, Subscribe, Topic

_log = logging.getLogger(__name__)

_PAUSES_S = (1, 2, 4, 8, 10)


class Feed(Protocol):
    """One connection to the agent; `netwatch_tray.feed.client.FeedClient` is one."""

    def fileno(self) -> int: ...
    def send(self, message: ClientMessage) -> None: ...
    def receive(self) -> list[ServerMessage]: ...
    def close(self) -> None: ...


class AgentLink(QObject):
    """Connects, reads when there is something to read, and tries again after 1, 2, 4, 8 and then each 10 seconds.

    `received` carries each message. `changed`: the line was lost or came back, or another attempt begins.
    """

    received = Signal(object)
    changed = Signal()

    def __init__(self, connect: Callable[[], Feed], parent: QObject | None = None) -> None:
        """`connect` raises AgentUnreachableError when nobody answers."""
        super().__init__(parent)
        self._connect = connect
        self._feed: Feed | None = None
        self._notifier: QSocketNotifier | None = None
        self._topics: frozenset[Topic] = frozenset()
        self.connected = False
        """Whether an agent greeted us and what it says is understood."""
        self.attempt = 0
        """Of coming back; 0 while connected."""
        self.was_connected = False
        self.speaks_another_version = False
        self._retry_at = 0.0
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.try_now)

    @property
    def retry_in(self) -> int:
        """Seconds until the next attempt."""
        return max(0, round(self._retry_at - time.monotonic()))

    def subscribe(self, topics: frozenset[Topic]) -> None:
        """From now on, and again after every reconnection."""
        if topics != self._topics:
            self._topics = topics
            if self.connected:
                self._send(Subscribe(topics))

    def ask_status(self) -> None:
        if self.connected:
            self._send(Command("status"))

    def reload_settings(self) -> None:
        """Tells the agent that the file holds others; one that comes later reads them anyway."""
        if self.connected:
            self._send(Command("reload"))

    def try_now(self) -> None:
        """Connects at once instead of at the end of the pause."""
        self._timer.stop()
        self._drop()
        try:
            self._feed = self._connect()
        except AgentUnreachableError:
            self._try_later()
            return
        self._notifier = QSocketNotifier(self._feed.fileno(), QSocketNotifier.Type.Read, self)
        self._notifier.activated.connect(self._read)
        self._read()

    def try_anew(self) -> None:
        """Connects now and then soon again, as after the line has just been lost."""
        self.attempt = 0
        self.try_now()

    def close(self) -> None:
        self._timer.stop()
        self._drop()

    def _read(self) -> None:
        if self._feed is None:
            return
        try:
            messages = self._feed.receive()
        except AgentUnreachableError:
            self._try_later()
            return
        except ParseError as error:
            _log.warning("%s The window connects again.", error)
            self._try_later()
            return
        for message in messages:
            if isinstance(message, Hello):
                self._greeted(message)
            if self.connected:
                self.received.emit(message)

    def _greeted(self, hello: Hello) -> None:
        self.attempt = 0
        self.connected = hello.protocol == VERSION
        self.speaks_another_version = not self.connected
        if self.connected:
            self.was_connected = True
            self._send(Subscribe(self._topics))
        self.changed.emit()

    def _send(self, message: ClientMessage) -> None:
        if self._feed is not None:
            try:
                self._feed.send(message)
            except AgentUnreachableError:
                self._try_later()

    def _try_later(self) -> None:
        self._drop()
        pause = _PAUSES_S[min(self.attempt, len(_PAUSES_S) - 1)]
        self.attempt += 1
        self._retry_at = time.monotonic() + pause
        self._timer.start(pause * 1000)
        self.changed.emit()

    def _drop(self) -> None:
        self.connected = False
        if self._notifier is not None:
            self._notifier.setEnabled(False)
            self._notifier.deleteLater()
            self._notifier = None
        if self._feed is not None:
            self._feed.close()
            self._feed = None
