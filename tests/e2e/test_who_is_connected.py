"""Connections and apps, from the kernel to the terminal, through a running agent and without one."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nobody
import pytest
from desktop import Session
from networks import FAR, Wire, inside

PROGRAM = [sys.executable, "-m", "netwatch_tray"]
PORT = 5600
SIZE = 4_000_019

SENDER_THAT_STAYS = """
import socket, sys
listener = socket.create_server((sys.argv[1], int(sys.argv[2])))
print("ready", flush=True)
connection, _ = listener.accept()
connection.sendall(bytes(int(sys.argv[3])))
sys.stdin.readline()
"""
RECEIVER_THAT_STAYS = """
import socket, sys
with socket.create_connection((sys.argv[1], int(sys.argv[2]))) as connection:
    missing = int(sys.argv[3])
    while missing:
        missing -= len(connection.recv(1 << 20))
    print("received", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def desktop(network: Wire) -> Iterator[Session]:
    with Session(display=False, netns=network.near) as session:
        yield session


@pytest.fixture
def run(network: Wire, desktop: Session) -> Callable[..., str]:
    """Return a function that runs a subcommand, which must succeed, and returns what it prints."""

    def run(*arguments: str, as_nobody: bool = False) -> str:
        words = nobody.subcommand(*arguments) if as_nobody else [*PROGRAM, *arguments]
        command = [*inside(network.near), *words]
        done = subprocess.run(command, env=desktop.environment, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        return done.stdout

    return run


@contextmanager
def downloaded(network: Wire) -> Iterator[subprocess.Popen[str]]:
    """Transfer SIZE bytes from `far` over a connection that stays open. Yield the process that has received them."""
    sender = network.python(network.far, SENDER_THAT_STAYS, FAR, str(PORT), str(SIZE))
    assert sender.stdout is not None
    assert sender.stdout.readline() == "ready\n"
    receiver = network.python(network.near, RECEIVER_THAT_STAYS, FAR, str(PORT), str(SIZE))
    assert receiver.stdout is not None
    try:
        assert receiver.stdout.readline() == "received\n"
        yield receiver
    finally:
        for process in (receiver, sender):
            process.kill()
            process.communicate()


def the_connection(rows: list[dict[str, Any]]) -> dict[str, Any]:
    (found,) = [row for row in rows if row["remote_port"] == PORT]
    return found


def test_connections_have_owners_through_the_agent(network: Wire, desktop: Session, run: Callable[..., str]) -> None:
    desktop.spawn("agent", [*PROGRAM, "agent", "--headless"])
    desktop.wait_for((Path(desktop.environment["XDG_RUNTIME_DIR"]) / "netwatch-tray" / "feed").exists, 10, "the feed")
    assert "sock_diag" in run("status")
    with downloaded(network) as receiver:

        def arrived() -> dict[str, Any] | None:
            rows = [row for row in json.loads(run("connections", "--json")) if row["remote_port"] == PORT]
            return rows[0] if rows and rows[0]["rx_bytes"] == SIZE and rows[0]["pid"] else None

        row = desktop.wait_for(arrived, 20, "the connection has its bytes and its owner")
        assert (row["pid"], row["protocol"], row["state"]) == (receiver.pid, "TCP", "ESTABLISHED")
        assert (row["interface"], row["user"]) == ("uplink", "root")
        assert row["rtt_s"] > 0

        apps = json.loads(run("apps", "--json"))
        (app,) = [app for app in apps["apps"] if app["key"] == row["app"]]
        assert (app["rx_bytes"], app["connections"]) == (SIZE, 1)
        assert apps["states"]["ESTABLISHED"] == 1
        assert all(part >= 0 for pair in ("uplink", "tcp", "other", "local") for part in apps[pair])

        listening = csv.DictReader(io.StringIO(run("connections", "--listening", "--csv")))
        assert all(row["state"] in ("LISTEN", "") for row in listening)
        table = run("connections")
        assert table.splitlines()[0].split()[:6] == ["APP", "PID", "PROTOCOL", "LOCAL", "REMOTE", "STATE"]
        assert f"{FAR}:{PORT}" in table
    # What a closed connection carried stays with its app.
    closed = json.loads(run("apps", "--json"))
    assert next(each for each in closed["apps"] if each["key"] == row["app"])["rx_bytes"] == SIZE


def test_connections_have_owners_without_an_agent(network: Wire, run: Callable[..., str]) -> None:
    with downloaded(network) as receiver:
        row = the_connection(json.loads(run("connections", "--json")))
        assert (row["pid"], row["rx_bytes"]) == (receiver.pid, SIZE)
        assert "APP" in run("apps")


def test_unprivileged_user_sees_all_sockets_and_their_owners(
    network: Wire, desktop: Session, run: Callable[..., str]
) -> None:
    home = desktop.directory / "nobody"
    home.mkdir(mode=0o700)
    os.chown(home, nobody.UID, nobody.UID)
    desktop.directory.chmod(0o755)
    homes = ("HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR", "XDG_STATE_HOME", "XDG_CACHE_HOME")
    desktop.environment.update(dict.fromkeys(homes, str(home)))
    with downloaded(network):
        row = the_connection(json.loads(run("connections", "--json", as_nobody=True)))
    assert (row["pid"], row["user"], row["rx_bytes"]) == (None, "root", SIZE)
