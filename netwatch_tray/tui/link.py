"""The screen's connection to the agent, which is restored when it breaks. Without an agent this program measures
instead."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Protocol

from netwatch_tray.errors import AgentUnreachableError, NetWatchError, ParseError
from netwatch_tray.feed.protocol import VERSION, ClientMessage, Goodbye, Hello, ServerMessage, Subscribe, Topic
from netwatch_tray.tui.state import Link

_log = logging.getLogger(__name__)

_RETRY_AFTER_S = (0.5, 1, 2, 5)
_SILENCE_S = 5.0
_GREETING_S = 5.0
_OWN_AFTER = 3
"""Failed attempts in a row to reconnect until this program measures by itself. A restarting agent needs a second."""


class Feed(Protocol):
    """A source of the agent's messages; implemented by `netwatch_tray.feed.client.FeedClient` and
    `cli.own_feed.OwnFeed`."""

    def fileno(self) -> int: ...
    def send(self, message: ClientMessage) -> None: ...
    def receive(self) -> list[ServerMessage]: ...
    def close(self) -> None: ...


class FeedLink:
    """Passes on the messages of the agent while it runs, and otherwise those of a feed that measures in this program.
    Use it in the thread of the asyncio loop only."""

    def __init__(
        self,
        connect: Callable[[], Feed],
        measure: Callable[[], Feed],
        received: Callable[[Sequence[ServerMessage]], None],
        changed: Callable[[Link], None],
    ) -> None:
        """`connect`: returns a connection to the agent, or raises AgentUnreachableError if no agent accepts it.
        `measure`: starts measuring in this program. `received`: called with the messages. `changed`: called when the
        origin of the messages changes, or when none arrive any more."""
        self._connect, self._measure = connect, measure
        self._received, self._changed = received, changed
        self._loop = asyncio.get_running_loop()
        self._topics: frozenset[Topic] = frozenset()
        self._agent: Feed | None = None
        self._own: Feed | None = None
        self._attempt = 0
        self._was_connected = False
        self._is_greeted = False
        self._is_refused = False
        """Whether the running agent is of another version, which does not understand this program."""
        self._silence: asyncio.TimerHandle | None = None
        self._retry: asyncio.TimerHandle | None = None
        self.link = Link.CONNECTING

    def start(self, topics: frozenset[Topic]) -> None:
        self._topics = topics
        self._try()

    def close(self) -> None:
        for timer in filter(None, (self._silence, self._retry)):
            timer.cancel()
        self._drop_agent()
        self._drop_own()

    def _try(self) -> None:
        self._retry = None
        try:
            agent = self._connect()
        except NetWatchError:
            self._is_refused = False
            self._try_later()
            return
        self._agent = agent
        self._loop.add_reader(agent.fileno(), self._read_agent)
        self._watch_silence(_GREETING_S)

    def _try_later(self) -> None:
        delay = _RETRY_AFTER_S[min(self._attempt, len(_RETRY_AFTER_S) - 1)]
        self._attempt += 1
        if self._own is None and (not self._was_connected or self._is_refused or self._attempt >= _OWN_AFTER):
            self._start_own()
        if self._own is None:
            self._change(Link.CONNECTING)
        else:
            self._change(Link.OTHER_VERSION if self._is_refused else Link.OWN)
        self._retry = self._loop.call_later(delay, self._try)

    def _read_agent(self) -> None:
        if self._agent is None:
            return
        try:
            messages = self._agent.receive()
        except (AgentUnreachableError, ParseError) as error:
            if isinstance(error, ParseError):
                _log.warning("%s The screen reconnects.", error)
            self._lose_agent()
            return
        for message in messages:
            if isinstance(message, Hello):
                if message.protocol != VERSION:
                    self._is_refused = True
                    self._lose_agent()
                    return
                self._greet()
        if any(isinstance(message, Goodbye) for message in messages):
            self._lose_agent()
            return
        if messages and self._is_greeted:
            self._watch_silence(_SILENCE_S)
            self._change(Link.AGENT)
            self._received(messages)

    def _greet(self) -> None:
        self._is_greeted, self._was_connected, self._is_refused, self._attempt = True, True, False, 0
        self._drop_own()
        self.send(Subscribe(self._topics))

    def send(self, message: ClientMessage) -> None:
        """Send a message to the agent. It is lost if no agent is connected."""
        try:
            if self._agent is not None:
                self._agent.send(message)
        except AgentUnreachableError:
            self._lose_agent()

    def _lose_agent(self) -> None:
        self._drop_agent()
        if self._silence is not None:
            self._silence.cancel()
        self._try_later()

    def _watch_silence(self, seconds: float) -> None:
        if self._silence is not None:
            self._silence.cancel()
        self._silence = self._loop.call_later(seconds, self._be_silent)

    def _be_silent(self) -> None:
        if self._is_greeted:
            self._change(Link.SILENT)
        else:  # it accepted the connection but sends nothing
            self._lose_agent()

    def _start_own(self) -> None:
        try:
            self._own = self._measure()
        except NetWatchError as error:
            _log.warning("%s", error)
        else:
            self._loop.add_reader(self._own.fileno(), self._read_own)

    def _read_own(self) -> None:
        if self._own is not None and (messages := self._own.receive()):
            self._received(messages)

    def _drop_agent(self) -> None:
        self._is_greeted = False
        if self._agent is not None:
            self._loop.remove_reader(self._agent.fileno())
            self._agent.close()
            self._agent = None

    def _drop_own(self) -> None:
        if self._own is not None:
            self._loop.remove_reader(self._own.fileno())
            self._own.close()
            self._own = None

    def _change(self, link: Link) -> None:
        if link is not self.link:
            self.link = link
            self._changed(link)
