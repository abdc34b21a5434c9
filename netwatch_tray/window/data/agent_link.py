"""The window's connection to the agent, which reconnects by itself."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Protocol

from PySide6.QtCore import QObject, QSocketNotifier, QTimer, Signal

from netwatch_tray.errors import AgentUnreachableError, ParseError
from netwatch_tray.feed.protocol import (
    VERSION,
    ChangeMute,
    ClientMessage,
    Command,
    Hello,
    HostsRequest,
    MarkSeen,
    ServerMessage,
    Subscribe,
    Topic,
)

_log = logging.getLogger(__name__)

_RETRY_AFTER_S = (1, 2, 4, 8, 10)


class Feed(Protocol):
    """One connection to the agent; `netwatch_tray.feed.client.FeedClient` is an implementation."""

    def fileno(self) -> int: ...
    def send(self, message: ClientMessage) -> None: ...
    def receive(self) -> list[ServerMessage]: ...
    def close(self) -> None: ...


class AgentLink(QObject):
    """The connection to the agent. It connects, reads when data arrives, and after a failure tries again after 1, 2, 4,
    8 and then every 10 seconds.

    Signals: `received` carries each message. `changed`: the connection was established or lost, or an attempt failed.
    """

    received = Signal(object)
    changed = Signal()

    def __init__(self, connect: Callable[[], Feed], parent: QObject | None = None) -> None:
        """`connect`: returns a connected feed, or raises AgentUnreachableError if no agent accepts the connection."""
        super().__init__(parent)
        self._connect = connect
        self._feed: Feed | None = None
        self._notifier: QSocketNotifier | None = None
        self._topics: frozenset[Topic] = frozenset()
        self.connected = False
        """Whether an agent of the same protocol version has sent its greeting."""
        self.attempt = 0
        """Number of failed attempts in a row; 0 while connected."""
        self.was_connected = False
        self.version_mismatch = False
        self._retry_at = 0.0
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.try_now)

    @property
    def retry_in(self) -> int:
        """Return the seconds until the next attempt."""
        return max(0, round(self._retry_at - time.monotonic()))

    def subscribe(self, topics: frozenset[Topic], again: frozenset[Topic] = frozenset()) -> None:
        """Request these topics (kinds of messages) now and after every reconnection. `again`: topics of which the agent
        is to send its first message, with the whole state, once more."""
        if topics != self._topics or again:
            self._topics = topics
            if self.connected:
                self._send(Subscribe(topics, again))

    def request_status(self) -> None:
        if self.connected:
            self._send(Command("status"))

    def request_hosts(self, app: str) -> None:
        """Request the bytes that the app with this key exchanged with each host."""
        if self.connected:
            self._send(HostsRequest(app))

    def reload_settings(self) -> None:
        """Make the agent read the settings file again. Without an agent nothing is needed: it reads the file at its
        start."""
        if self.connected:
            self._send(Command("reload"))

    def mark_seen(self, ids: tuple[int, ...] | None) -> None:
        """Report to the agent that the user has seen the events with these IDs, or all if None."""
        if self.connected:
            self._send(MarkSeen(ids))

    def change_mute(self, code: str, on: bool) -> None:
        """Make the agent mute (`on`) or unmute the events that a code of `event.Mute` describes."""
        if self.connected:
            self._send(ChangeMute(code, on))

    def try_now(self) -> None:
        """Try to connect now, not only at the end of the current delay."""
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

    def restart_retries(self) -> None:
        """Try to connect now, and begin again with the shortest delay between attempts."""
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
            _log.warning("%s The window reconnects.", error)
            self._try_later()
            return
        for message in messages:
            if isinstance(message, Hello):
                self._read_greeting(message)
            if self.connected:
                self.received.emit(message)

    def _read_greeting(self, hello: Hello) -> None:
        self.attempt = 0
        self.connected = hello.protocol == VERSION
        self.version_mismatch = not self.connected
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
        delay = _RETRY_AFTER_S[min(self.attempt, len(_RETRY_AFTER_S) - 1)]
        self.attempt += 1
        self._retry_at = time.monotonic() + delay
        self._timer.start(delay * 1000)
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
