"""The agent of an ordinary user, with the helper run by root: every byte of UDP has its connection, app and host."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import hellos
import nobody
import pytest
from helper_service import Service, need_ebpf, need_system_pids, service
from networks import Addresses, Wire, inside as enter, wire

from netwatch_tray.collect import sources
from netwatch_tray.helper import protocol

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux")

_DEADLINE = 300.0
"""Seconds. Only a failing test waits that long; beside busy processes a subcommand alone takes many."""
_NETWORK = os.getpid() & 0xFFFF
_ADDRESSES = Addresses(
    near=f"10.{_NETWORK >> 8}.{_NETWORK & 0xFF}.1",
    far=f"10.{_NETWORK >> 8}.{_NETWORK & 0xFF}.2",
    near6=f"fd00:0:0:{_NETWORK:x}::1",
    far6=f"fd00:0:0:{_NETWORK:x}::2",
)
"""Of this test process alone. The helper counts all network namespaces; a socket that closed before its owner was found
is told from those of other tests by its address only."""
_PEERS = 200
_HOST = "video.example"

_AGENT = """
from netwatch_tray.cli import main
from netwatch_tray.collect import sources
sources.HELPER_SOCKET = sys.argv[1]
sys.exit(main(["agent", "--headless"]))
"""
_SERVER = """
import select, socket, struct, sys
address, address6, peers = sys.argv[1], sys.argv[2], int(sys.argv[3])
def bound(family, at):
    made = socket.socket(family, socket.SOCK_DGRAM)
    made.bind(at)
    return made
echo = [bound(socket.AF_INET, (address, 7000 + number)) for number in range(peers)]
echo += [bound(socket.AF_INET6, (address6, 7000)), bound(socket.AF_INET, (address, 443))]
dns = bound(socket.AF_INET, (address, 53))
web = socket.create_server((address, 8443))
accepted = []
print("ready", flush=True)
while True:
    for each in select.select([*echo, dns, web], [], [])[0]:
        if each is web:
            accepted.append(web.accept()[0])
            continue
        data, peer = each.recvfrom(1 << 16)
        if each is dns:
            record = b"\\xc0\\x0c\\0\\1\\0\\1\\0\\0\\1\\x2c\\0\\4" + socket.inet_aton(address)
            data = data[:2] + b"\\x81\\x80\\0\\1\\0\\1\\0\\0\\0\\0" + data[12:] + record
            each.sendto(data, peer)
        else:
            each.sendto(data * 3, peer)
"""
"""Echoes each datagram three times as long, and answers each DNS query with its own address."""

_CLIENT = """
import json, socket, sys
address, address6, peers = sys.argv[1], sys.argv[2], int(sys.argv[3])
hello, datagrams = bytes.fromhex(sys.argv[4]), [bytes.fromhex(each) for each in sys.argv[5].split()]
query = b"\\0\\7\\1\\0\\0\\1\\0\\0\\0\\0\\0\\0" + b"\\4host\\4name\\7example\\0" + b"\\0\\1\\0\\1"
open_sockets = []
def exchange(made, data, count, to=None):
    for _ in range(count):
        made.sendto(data, to) if to else made.send(data)
        size = 3 * len(data)
        while size > 0:
            size -= len(made.recv(1 << 16))
def connected(family, to):
    made = socket.socket(family, socket.SOCK_DGRAM)
    made.connect(to)
    open_sockets.append(made)
    return made
for line in sys.stdin:
    if line == "open\\n":
        v4, v6 = connected(socket.AF_INET, (address, 7000)), connected(socket.AF_INET6, (address6, 7000))
        quic = connected(socket.AF_INET, (address, 443))
        unconnected = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        unconnected.bind(("", 0))
        loopback = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        loopback.bind(("127.0.0.1", 0))
        loopback.connect(loopback.getsockname())
    elif line == "move\\n":
        exchange(v4, bytes(1000), 100)
        exchange(v6, bytes(1100), 50)
        for datagram in datagrams:
            exchange(quic, datagram, 1)
        for number in range(peers):
            exchange(unconnected, bytes(number + 1), 2, (address, 7000 + number))
        loopback.send(bytes(5000))
        loopback.recv(1 << 16)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as resolver:  # gone at once
            resolver.sendto(query, (address, 53))
            resolver.recv(1 << 16)
        tls = socket.create_connection((address, 8443))
        tls.sendall(hello)
        plain = socket.create_connection((address, 8443))
        open_sockets += [tls, plain]
    print(json.dumps({"v4": v4.getsockname()[1], "v6": v6.getsockname()[1], "quic": quic.getsockname()[1],
        "unconnected": unconnected.getsockname()[1], "loopback": loopback.getsockname()[1],
        **({"tls": tls.getsockname()[1], "plain": plain.getsockname()[1]} if line == "move\\n" else {})}), flush=True)
"""
"""Opens its sockets and prints their ports, then transfers known amounts on request."""

V4, V6 = (300_000, 100_000), (165_000, 55_000)
_FRAMES = [
    hellos.crypto(0, hellos.client_hello(_HOST.encode())[:700]),
    hellos.crypto(700, hellos.client_hello(_HOST.encode())[700:]),
]
INITIALS = [hellos.seal(frame + bytes(1162 - len(frame)), b"original", number=at) for at, frame in enumerate(_FRAMES)]
QUIC = (2 * 3 * 1200, 2 * 1200)
UNCONNECTED_TX = 2 * sum(range(1, _PEERS + 1))
DNS = (35 + 16, 35)
LOOPBACK = (5000, 5000)
UPLINK = (
    V4[0] + V6[0] + QUIC[0] + 3 * UNCONNECTED_TX + DNS[0],
    V4[1] + V6[1] + QUIC[1] + UNCONNECTED_TX + DNS[1],
)
"""Bytes received and sent."""


class Machine(NamedTuple):
    """An agent in a separate network, and subcommands that are run beside it."""

    link: Wire
    helper: Service
    environment: dict[str, str]
    agent: subprocess.Popen[bytes]

    def ask(self, *words: str) -> Any:
        return self.lines(*words)[-1]

    def lines(self, *words: str) -> list[Any]:
        """Return what a subcommand prints for the user: one JSON document a line."""
        return [json.loads(line) for line in self.text(*words).splitlines()]

    def text(self, *words: str) -> str:
        done = subprocess.run(
            [*enter(self.link.near), *nobody.subcommand(*words)],
            env=self.environment,
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
            timeout=_DEADLINE,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def await_rows(
        self, is_met: Callable[[list[dict[str, Any]]], bool], *, with_helper: bool = True
    ) -> list[dict[str, Any]]:
        """Read the connections until they meet the condition, or the deadline has passed. Return them.

        `with_helper`: keep the helper running meanwhile.
        """
        deadline = time.monotonic() + _DEADLINE
        while True:
            if with_helper:
                self.helper.restart_if_ended()
            rows: list[dict[str, Any]] = self.ask("connections", "--json")
            if is_met(rows) or time.monotonic() > deadline:
                return rows
            time.sleep(0.5)


@contextmanager
def machine(*, has_helper: bool = True) -> Iterator[Machine]:
    need_ebpf()
    with ExitStack() as stack:
        link = stack.enter_context(wire(addresses=_ADDRESSES))
        helper = stack.enter_context(service(nobody.UID))
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(dir="/tmp")))
        os.chown(home, nobody.UID, nobody.UID)
        names = ("HOME", "XDG_RUNTIME_DIR", "XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME")
        environment = {**os.environ, **dict.fromkeys(names, str(home)), "PYTHONPATH": str(Path(__file__).parents[2])}
        path = str(helper.path) if has_helper else str(home / "none")
        command = [*enter(link.near), *nobody.python(_AGENT, path)]
        agent = subprocess.Popen(command, env=environment, cwd="/")
        stack.callback(agent.wait, _DEADLINE)
        stack.callback(agent.terminate)
        made = Machine(link, helper, environment, agent)
        deadline = time.monotonic() + _DEADLINE
        while not list(home.rglob("feed")):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        yield made


class Client:
    """A program of the same user that sends and receives known amounts."""

    def __init__(self, link: Wire, stack: ExitStack) -> None:
        arguments = (_ADDRESSES.far, _ADDRESSES.far6, str(_PEERS))
        server = link.python(link.far, _SERVER, *arguments)
        stack.callback(_end, server)
        assert server.stdout is not None
        assert server.stdout.readline() == "ready\n"
        hello = hellos.records(hellos.client_hello(b"tls.example")).hex()
        initials = " ".join(each.hex() for each in INITIALS)
        self._process = subprocess.Popen(
            [*enter(link.near), *nobody.python(_CLIENT, *arguments, hello, initials)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd="/",
        )
        stack.callback(_end, self._process)

    def do(self, word: str) -> dict[str, int]:
        """Send a command. Return the ports of the sockets."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(word + "\n")
        self._process.stdin.flush()
        ports: dict[str, int] = json.loads(self._process.stdout.readline())
        return ports


def _end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


def amounts(rows: list[dict[str, Any]], port: int) -> list[tuple[int | None, int | None]]:
    return [(row["rx_bytes"], row["tx_bytes"]) for row in rows if row["local_port"] == port and row["remote_port"]]


def test_every_udp_byte_is_counted_for_its_connection_app_and_host() -> None:
    need_system_pids()
    with machine() as made, ExitStack() as stack:
        client = Client(made.link, stack)
        ports = client.do("open")
        made.await_rows(lambda rows: amounts(rows, ports["v4"]) == [(0, 0)])
        ports = client.do("move")
        rows = made.await_rows(
            lambda rows: len(amounts(rows, ports["unconnected"])) == _PEERS and any(row["host"] for row in rows)
        )
        assert amounts(rows, ports["v4"]) == [V4]
        assert amounts(rows, ports["v6"]) == [V6]
        assert amounts(rows, ports["quic"]) == [QUIC]
        assert amounts(rows, ports["loopback"]) == [LOOPBACK]
        assert sorted(amounts(rows, ports["unconnected"])) == [(6 * size, 2 * size) for size in range(1, _PEERS + 1)]
        hosts = {
            row["local_port"]: (row["host"], row["host_origin"], row["scope"]) for row in rows if row["remote_port"]
        }
        assert hosts[ports["quic"]] == (_HOST, "QUIC", "local")
        assert hosts[ports["tls"]] == ("tls.example", "TLS", "local")
        assert hosts[ports["plain"]] == ("host.name.example", "DNS", "local")
        assert {row["process"] for row in rows if row["protocol"] == "UDP"} == {rows[0]["process"]}

        message = made.ask("apps", "--json")
        (app,) = [each for each in message["apps"] if each["rx_bytes"]]
        hello = len(hellos.records(hellos.client_hello(b"tls.example")))
        assert (app["rx_bytes"], app["tx_bytes"]) == (UPLINK[0], UPLINK[1] + hello)
        assert (app["local_rx_bytes"], app["local_tx_bytes"]) == LOOPBACK

        assert made.ask("status", "--json")["helper"].startswith("Running")
        assert f"{_HOST} (QUIC)" in made.text("connections")
        listed = made.text("apps", "--hosts").splitlines()
        assert {_HOST, "tls.example", "host.name.example"} <= {
            line.split()[0] for line in listed if line.startswith("  ")
        }

        made.agent.terminate()  # it writes the last minute now
        assert made.agent.wait(_DEADLINE) == 0
        past = made.lines("export", "--apps", "--json")
        own = [row for row in past if row["name"] == app["name"]]
        assert (sum(row["rx_bytes"] for row in own), sum(row["tx_bytes"] for row in own)) == (
            UPLINK[0],
            UPLINK[1] + hello,
        )


def test_helper_that_is_killed_and_restarted_counts_nothing_twice() -> None:
    need_system_pids()
    with machine() as made, ExitStack() as stack:
        client = Client(made.link, stack)
        ports = client.do("open")
        made.await_rows(lambda rows: amounts(rows, ports["v4"]) == [(0, 0)])
        client.do("move")
        made.await_rows(lambda rows: amounts(rows, ports["v4"]) == [V4])
        made.helper.process.kill()
        made.helper.process.wait()
        rows = made.await_rows(lambda rows: amounts(rows, ports["v4"]) == [(None, None)], with_helper=False)
        assert amounts(rows, ports["v4"]) == [(None, None)], "unknown, not 0, while nobody counts"
        rows = made.await_rows(lambda rows: amounts(rows, ports["v4"]) == [V4])
        assert amounts(rows, ports["v4"]) == [V4], made.ask("status", "--json")["helper"]
        client.do("move")
        twice = (2 * V4[0], 2 * V4[1])
        rows = made.await_rows(lambda rows: amounts(rows, ports["v4"]) == [twice])
        assert amounts(rows, ports["v4"]) == [twice]
        (app,) = [each for each in made.ask("apps", "--json")["apps"] if each["rx_bytes"]]
        assert app["rx_bytes"] == 2 * UPLINK[0]


def test_without_the_helper_udp_has_no_bytes() -> None:
    with machine(has_helper=False) as made, ExitStack() as stack:
        client = Client(made.link, stack)
        client.do("open")
        ports = client.do("move")
        rows = made.await_rows(lambda rows: len(amounts(rows, ports["v4"])) == 1)
        assert amounts(rows, ports["v4"]) == [(None, None)]
        assert amounts(rows, ports["unconnected"]) == []
        assert {row["host"] for row in rows} == {None}
        assert made.ask("apps", "--json")["udp"] is None


def test_agent_and_helper_use_the_same_socket() -> None:
    assert sources.HELPER_SOCKET == protocol.SOCKET
