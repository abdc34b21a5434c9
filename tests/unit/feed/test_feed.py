"""Server and client over a real Unix socket, the server's loop in a thread."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from desktop import PATIENCE, wait_for
from hypothesis import example, given, strategies as st

from netwatch_tray.engine.scheduler import Scheduler
from netwatch_tray.errors import AgentUnreachableError, Message, NetWatchError, ParseError
from netwatch_tray.feed import protocol
from netwatch_tray.feed.client import FeedClient
from netwatch_tray.feed.protocol import (
    Command,
    ConnectionsMessage,
    Goodbye,
    Hello,
    HostsMessage,
    HostsRequest,
    Request,
    Status,
    Subscribe,
    TickMessage,
    Topic,
)
from netwatch_tray.feed.server import FeedServer
from netwatch_tray.kinds import TcpState
from netwatch_tray.model import Connection, HostAmount, Tick, Total
from netwatch_tray.settings import Settings


def tick(rate: float) -> TickMessage:
    total = Total(rx_rate=rate, tx_rate=None, uplinks=("eth0",))
    return TickMessage(Tick(at=datetime.now(UTC), interval_s=1.0, gap=None, total=total, interfaces=()))


def connection(key: str) -> Connection:
    return Connection(
        key=key, protocol="TCP", local_address="192.0.2.1", local_port=1, remote_address=None, remote_port=None,
        state=TcpState.LISTEN, pid=None, process="x" * 1000,
    )  # fmt: skip


STATUS = Status(
    version="1", pid=1, uptime_s=1.0, cpu_s=0.1, pss_bytes=None, interfaces="fake", tray=Message("fake"), clients=1
)


class Agent:
    """A feed server with its loop; `do` runs something in the loop's thread and waits for it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.scheduler = Scheduler()
        self.commands: list[str] = []
        self.topics: list[frozenset[str]] = []
        self.everything = ConnectionsMessage(reset=True, added=(connection("all"),))
        self.server = FeedServer(
            self.scheduler,
            path,
            hello=lambda: Hello(protocol=1, version="1", pid=1, interval_s=1.0, settings=Settings(), recent=()),
            resync=lambda topic: self.everything if topic == "connections" else None,
            command=self._command,
            topics_changed=self.topics.append,
        )
        self.thread = threading.Thread(target=self.scheduler.run)
        self.thread.start()

    def _command(self, command: Request) -> Status | HostsMessage | None:
        if isinstance(command, HostsRequest):
            found = HostAmount(host=None, address=None, scope=None, rx_bytes=1, tx_bytes=2, last_at=3.0)
            return HostsMessage(app=command.app, since=1.0, hosts=(found,))
        assert isinstance(command, Command)
        self.commands.append(command.name)
        return STATUS if command.name == "status" else None

    def do(self, action: Callable[[], object]) -> None:
        done = threading.Event()

        def run() -> None:
            action()
            done.set()

        self.scheduler.call_soon(run)
        assert done.wait(PATIENCE)

    def close(self) -> None:
        self.do(self.server.close)
        self.scheduler.stop()
        self.thread.join(PATIENCE)
        assert not self.thread.is_alive()
        self.scheduler.close()


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Agent]:
    agent = Agent(tmp_path / "feed")
    yield agent
    agent.close()
    assert not agent.path.exists()


def test_send_buffer_of_a_client_is_larger_than_the_8_kib_of_macos(
    agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.platform", "darwin")
    client = FeedClient(agent.path)
    assert client.wait(PATIENCE)
    (connected,) = agent.server._clients
    assert connected.socket.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) >= 128 << 10
    client.close()


@pytest.fixture
def client(agent: Agent) -> Iterator[FeedClient]:
    client = FeedClient(agent.path)
    (hello,) = client.wait(PATIENCE)
    assert isinstance(hello, Hello)
    yield client
    client.close()


def test_command_gets_a_response(agent: Agent, client: FeedClient) -> None:
    client.send(Command("status"))
    assert client.wait(PATIENCE) == [STATUS]
    assert agent.commands == ["status"]


def test_hosts_of_an_app_are_sent_on_request(client: FeedClient) -> None:
    client.send(HostsRequest("executable:/usr/bin/curl"))
    (answer,) = client.wait(PATIENCE)
    assert isinstance(answer, HostsMessage)
    assert (answer.app, answer.hosts[0].tx_bytes) == ("executable:/usr/bin/curl", 2)


def test_only_subscribers_get_a_topic(agent: Agent, client: FeedClient) -> None:
    agent.do(lambda: agent.server.publish("interfaces", tick(1)))
    client.send(Subscribe(frozenset({"interfaces"})))
    client.send(Command("status"))  # answered after the subscription was taken
    assert client.wait(PATIENCE) == [STATUS]
    agent.do(lambda: agent.server.publish("interfaces", tick(2)))
    (message,) = client.wait(PATIENCE)
    assert isinstance(message, TickMessage)
    assert message.tick.total.rx_rate == 2


def test_new_subscriber_gets_the_full_state_first(agent: Agent, client: FeedClient) -> None:
    client.send(Subscribe(frozenset({"connections"})))
    assert client.wait(PATIENCE) == [agent.everything]
    assert agent.topics == [frozenset({"connections"})]


def test_a_subscriber_gets_the_first_message_again_on_request(agent: Agent, client: FeedClient) -> None:
    topics: frozenset[Topic] = frozenset({"connections"})
    client.send(Subscribe(topics))
    assert client.wait(PATIENCE) == [agent.everything]
    client.send(Subscribe(topics, again=frozenset({"connections", "apps"})))
    assert client.wait(PATIENCE) == [agent.everything]
    assert agent.topics == [topics], "it stays subscribed meanwhile"


def test_the_agent_is_notified_when_no_client_is_subscribed(agent: Agent, client: FeedClient) -> None:
    client.send(Subscribe(frozenset({"connections"})))
    client.wait(PATIENCE)
    client.close()
    wait_for(lambda: agent.topics[-1] == frozenset(), 2, "the agent notices")
    assert agent.topics == [frozenset({"connections"}), frozenset()]


def test_a_client_that_does_not_read_is_skipped_and_resynchronised(agent: Agent, client: FeedClient) -> None:
    client.send(Subscribe(frozenset({"connections"})))
    client.wait(PATIENCE)
    for number in range(300):
        change = ConnectionsMessage(added=tuple(connection(f"{number}-{row}") for row in range(20)))
        agent.do(lambda change=change: agent.server.publish("connections", change))
    (waiting,) = agent.server._clients
    assert len(waiting.unsent) < 100_000  # of 6 MB published
    messages: list[object] = []
    while not messages or messages[-1] != agent.everything:
        fresh = client.wait(PATIENCE)
        assert fresh, "never brought up to date"
        messages += fresh
    assert len(messages) < 300


def test_malformed_message_is_logged_and_disconnects(client: FeedClient, expected_logs: list[str]) -> None:
    expected_logs.append("not understood")
    client._socket.sendall(b'{"type":"command","name":"format-disk"}\n')
    with pytest.raises(AgentUnreachableError):
        client.wait(PATIENCE)


def test_an_endless_line_is_disconnected(client: FeedClient) -> None:
    def talk_without_end() -> None:
        client._socket.settimeout(PATIENCE)
        for _ in range(100):
            client._socket.sendall(b"x" * 10_000)
        client._socket.setblocking(False)
        client.wait(PATIENCE)

    with pytest.raises((AgentUnreachableError, BrokenPipeError, ConnectionResetError)):
        talk_without_end()


def test_buffered_messages_arrive_before_the_disconnect(agent: Agent, client: FeedClient) -> None:
    agent.do(lambda: agent.server.tell_all(Goodbye()))
    agent.do(lambda: [agent.server._drop(each) for each in list(agent.server._clients)])
    assert client.wait(PATIENCE) == [Goodbye()]
    with pytest.raises(AgentUnreachableError):
        client.wait(PATIENCE)


def test_a_socket_left_by_a_dead_agent_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "feed"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    with pytest.raises(AgentUnreachableError, match="not running"):
        FeedClient(path)
    agent = Agent(path)
    FeedClient(path).close()
    agent.close()


def test_a_removed_socket_is_made_again_and_clients_stay(agent: Agent, client: FeedClient) -> None:
    agent.path.unlink()
    with pytest.raises(AgentUnreachableError):
        FeedClient(agent.path)
    agent.do(agent.server.check)
    fresh = FeedClient(agent.path)
    assert isinstance(fresh.wait(60)[0], Hello)
    fresh.close()
    client.send(Command("status"))
    assert client.wait(60) == [STATUS]
    before = agent.path.stat().st_ino
    agent.do(agent.server.check)
    assert agent.path.stat().st_ino == before, "one that is in its place stays"


def test_another_file_in_place_of_the_socket_is_noticed_and_replaced(agent: Agent, client: FeedClient) -> None:
    assert agent.server.is_in_place
    agent.path.unlink()
    assert not agent.server.is_in_place
    agent.path.touch()
    assert not agent.server.is_in_place
    agent.do(agent.server.check)
    assert agent.server.is_in_place
    FeedClient(agent.path).close()
    client.send(Command("status"))
    assert client.wait(60) == [STATUS]


def test_closing_keeps_the_socket_file_of_another_agent(tmp_path: Path) -> None:
    first = Agent(tmp_path / "feed")
    (tmp_path / "feed").unlink()
    second = Agent(tmp_path / "feed")
    first.close()
    FeedClient(tmp_path / "feed").close()
    second.close()
    assert not (tmp_path / "feed").exists()


def test_a_removed_directory_is_reported_and_clients_stay(tmp_path: Path) -> None:
    directory = tmp_path / "run"
    directory.mkdir()
    agent = Agent(directory / "feed")
    client = FeedClient(agent.path)
    client.wait(60)
    agent.path.unlink()
    directory.rmdir()
    with pytest.raises(NetWatchError, match=r"cannot listen on .*/feed: No such file or directory\."):
        agent.server.check()
    client.send(Command("status"))
    assert client.wait(60) == [STATUS]
    client.close()
    agent.close()


@given(st.binary(max_size=300))
@example(b'{"type":"hello","version":"\xff"}')
@example(b'{"type":"command","name":"\xff"}')
def test_any_bytes_decode_to_messages_or_raise_parse_error(line: bytes) -> None:
    for decode in (protocol.decode_client_message, protocol.decode_server_message):
        with contextlib.suppress(ParseError):
            assert decode(line) is not None


def test_messages_of_a_newer_agent_are_understood() -> None:
    line = protocol.encode(tick(5)).replace(b'{"type"', b'{"new":[1],"type"')
    assert isinstance(protocol.decode_server_message(line), TickMessage)
