from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence

import pytest

from netwatch_tray.errors import AgentUnreachableError
from netwatch_tray.feed.protocol import VERSION, ClientMessage, Goodbye, Hello, ServerMessage, Subscribe
from netwatch_tray.settings import Settings
from netwatch_tray.tui import link
from netwatch_tray.tui.link import FeedLink
from netwatch_tray.tui.state import Link


def hello(version: int = VERSION) -> Hello:
    return Hello(protocol=version, version="1", pid=1, interval_s=1.0, settings=Settings(), recent=())


class FakeFeed:
    """A feed over a pipe."""

    def __init__(self) -> None:
        self.reader, self.writer = os.pipe()
        self.waiting: list[ServerMessage | AgentUnreachableError] = []
        self.sent: list[ClientMessage] = []
        self.is_closed = False

    def deliver(self, *messages: ServerMessage | AgentUnreachableError) -> None:
        self.waiting += messages
        os.write(self.writer, b".")

    def fileno(self) -> int:
        return self.reader

    def send(self, message: ClientMessage) -> None:
        self.sent.append(message)

    def receive(self) -> list[ServerMessage]:
        os.read(self.reader, 100)
        found, self.waiting = self.waiting, []
        for each in found:
            if isinstance(each, AgentUnreachableError):
                raise each
        return [each for each in found if not isinstance(each, AgentUnreachableError)]

    def close(self) -> None:
        assert not self.is_closed
        self.is_closed = True
        os.close(self.reader)
        os.close(self.writer)


class Machine:
    """A stand-in for the agent, which may be absent, and for measuring in its place."""

    def __init__(self) -> None:
        self.agents: list[FakeFeed] = []
        self.owns: list[FakeFeed] = []
        self.is_running = True
        self.links: list[Link] = []
        self.received: list[ServerMessage] = []

    def connect(self) -> FakeFeed:
        if not self.is_running:
            raise AgentUnreachableError("The agent is not running. Start it with: netwatch-tray")
        self.agents.append(FakeFeed())
        return self.agents[-1]

    def measure(self) -> FakeFeed:
        self.owns.append(FakeFeed())
        return self.owns[-1]

    def take(self, messages: Sequence[ServerMessage]) -> None:
        self.received += messages

    def link(self) -> FeedLink:
        return FeedLink(self.connect, self.measure, self.take, self.links.append)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110  what it waits for has no event
            await asyncio.sleep(0.005)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    monkeypatch.setattr(link, "_RETRY_AFTER_S", (0.01,))
    return Machine()


def test_link_continues_when_the_agent_restarts(machine: Machine) -> None:
    async def run() -> None:
        opened = machine.link()
        opened.start(frozenset({"apps"}))
        machine.agents[0].deliver(hello())
        await until(lambda: machine.links == [Link.AGENT])
        assert machine.agents[0].sent == [Subscribe(frozenset({"apps"}))]
        machine.agents[0].deliver(AgentUnreachableError("gone"))
        await until(lambda: len(machine.agents) == 2)
        machine.agents[1].deliver(hello())
        await until(lambda: machine.links[-1] is Link.AGENT)
        assert machine.agents[0].is_closed
        assert machine.agents[1].sent == [Subscribe(frozenset({"apps"}))]
        assert machine.owns == []
        opened.close()
        assert machine.agents[1].is_closed

    asyncio.run(run())


def test_link_measures_until_an_agent_runs(machine: Machine) -> None:
    async def run() -> None:
        machine.is_running = False
        opened = machine.link()
        opened.start(frozenset({"apps"}))
        assert machine.links == [Link.OWN]
        machine.owns[0].deliver(hello())
        await until(lambda: machine.received)
        machine.is_running = True
        await until(lambda: machine.agents)
        assert not machine.owns[0].is_closed  # until the agent has greeted
        machine.agents[0].deliver(hello())
        await until(lambda: machine.links[-1] is Link.AGENT)
        assert machine.owns[0].is_closed
        opened.close()

    asyncio.run(run())


def test_screen_measures_by_itself_after_the_agent_has_quit(machine: Machine) -> None:
    async def run() -> None:
        opened = machine.link()
        opened.start(frozenset())
        machine.agents[0].deliver(hello())
        await until(lambda: machine.links == [Link.AGENT])
        machine.is_running = False
        machine.agents[0].deliver(Goodbye())
        await until(lambda: machine.links[-1] is Link.OWN)
        assert Link.CONNECTING in machine.links
        opened.close()
        assert machine.owns[0].is_closed

    asyncio.run(run())


def test_silent_agent_is_reported_until_its_next_message(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "_SILENCE_S", 0.05)

    async def run() -> None:
        opened = machine.link()
        opened.start(frozenset())
        machine.agents[0].deliver(hello())
        await until(lambda: machine.links[-1:] == [Link.SILENT])
        machine.agents[0].deliver(hello())
        await until(lambda: machine.links[1:3] == [Link.SILENT, Link.AGENT])  # and silent again soon
        opened.close()

    asyncio.run(run())


def test_agent_of_another_version_is_disconnected_and_screen_measures_by_itself(machine: Machine) -> None:
    async def run() -> None:
        opened = machine.link()
        opened.start(frozenset())
        machine.agents[0].deliver(hello(VERSION + 1))
        await until(lambda: machine.links == [Link.OTHER_VERSION])
        assert machine.agents[0].is_closed
        assert machine.received == []
        assert len(machine.owns) == 1
        machine.is_running = False
        await until(lambda: machine.links[-1] is Link.OWN)
        opened.close()

    asyncio.run(run())
