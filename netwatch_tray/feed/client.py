"""The client's end of the feed, for the window, `watch`, `status` and the other subcommands."""

from __future__ import annotations

import select
import socket
from pathlib import Path

from netwatch_tray import clock
from netwatch_tray.errors import AgentBusyError, AgentUnreachableError, ParseError
from netwatch_tray.feed.protocol import LONGEST_LINE, ClientMessage, ServerMessage, decode_server_message, encode

_TIMEOUT = 2.0
"""Seconds to wait for the agent, which is on the same machine, to accept the connection."""


class FeedClient:
    """One connection to the agent. Not thread-safe."""

    def __init__(self, path: Path) -> None:
        """Connect to the agent's Unix socket at `path`, without waiting for a busy agent.

        Raise AgentBusyError if its queue of connections is full, AgentUnreachableError if nothing listens.
        """
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(_TIMEOUT)
        self._received = bytearray()
        try:
            self._socket.connect(str(path))
        except (BlockingIOError, TimeoutError) as error:  # unix(7): EAGAIN for a full backlog
            self._socket.close()
            raise AgentBusyError("The agent is running, but busy: it accepts no connection now. Try again.") from error
        except OSError as error:
            self._socket.close()
            raise AgentUnreachableError(
                "The agent is not running. Start it with: netwatch-tray "
                "(without a display: netwatch-tray agent --headless)"
            ) from error
        self._socket.setblocking(False)

    def fileno(self) -> int:
        return self._socket.fileno()

    def send(self, message: ClientMessage) -> None:
        """Send without waiting. Raise AgentUnreachableError when the agent has disconnected or stopped reading."""
        try:
            self._socket.sendall(encode(message))
        except OSError as error:
            raise AgentUnreachableError("The connection to the agent was closed.") from error

    def receive(self) -> list[ServerMessage]:
        """Return all complete messages that can be read now, oldest first. Never waits.

        Raise AgentUnreachableError if the agent closed the connection, ParseError if its data is malformed.
        """
        while True:
            try:
                data = self._socket.recv(1 << 16)
            except BlockingIOError:
                break
            except OSError as error:
                raise AgentUnreachableError("The connection to the agent was closed.") from error
            if not data:
                if b"\n" in self._received:
                    break  # deliver buffered messages before reporting the disconnect
                raise AgentUnreachableError("The connection to the agent was closed.")
            self._received += data
            if len(self._received) > LONGEST_LINE and b"\n" not in self._received:
                raise ParseError("The agent sent a line without an end.")
        lines = self._received.split(b"\n")
        self._received = lines.pop()
        return [decode_server_message(bytes(line)) for line in lines]

    def wait(self, timeout: float) -> list[ServerMessage]:
        """Like `receive`, but wait up to `timeout` seconds for the first message. Return [] if none arrived."""
        deadline = clock.boottime() + timeout
        while (left := deadline - clock.boottime()) > 0:
            if select.select([self._socket], [], [], left)[0] and (messages := self.receive()):
                return messages
        return []

    def close(self) -> None:
        self._socket.close()
