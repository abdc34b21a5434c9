"""A real agent under unusual load: it stays small, reachable and quiet."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
from desktop import Session

from netwatch_tray import launch
from netwatch_tray.errors import AgentUnreachableError
from netwatch_tray.feed.client import FeedClient
from netwatch_tray.feed.protocol import Command, Subscribe, TickMessage, encode

PROGRAM = [sys.executable, "-m", "netwatch_tray"]
AGENT = [*PROGRAM, "agent", "--headless"]
BOUND = 60


@pytest.fixture
def desktop() -> Iterator[Session]:
    with Session(display=False) as desktop:
        yield desktop


def start(desktop: Session, command: list[str] = AGENT, **environment: str) -> psutil.Process:
    pid = desktop.spawn("agent", command, environment)
    desktop.wait_for(desktop.agent_status, BOUND, "the agent answers")
    return psutil.Process(pid)


def run_status(desktop: Session) -> subprocess.CompletedProcess[str]:
    command = [*PROGRAM, "status"]
    return subprocess.run(command, env=desktop.environment, capture_output=True, text=True, check=False, timeout=BOUND)


def wait_for_tick(client: FeedClient) -> None:
    client.send(Subscribe(frozenset({"interfaces"})))
    deadline = time.monotonic() + BOUND
    while not any(isinstance(each, TickMessage) for each in client.wait(1)):
        assert time.monotonic() < deadline, "no tick came"


def test_client_that_reads_no_responses_is_disconnected_and_memory_stays_bounded(desktop: Session) -> None:
    agent = start(desktop)
    before = agent.memory_info().rss
    greedy = socket.socket(socket.AF_UNIX)
    greedy.connect(desktop.environment["XDG_RUNTIME_DIR"] + "/netwatch-tray/feed")
    greedy.settimeout(BOUND)
    commands = encode(Command("status")) * 1000
    with pytest.raises((BrokenPipeError, ConnectionResetError)):  # noqa: PT012  it is not the first that fails
        for _ in range(355):
            greedy.sendall(commands)
    greedy.close()
    assert agent.memory_info().rss - before < 8 << 20
    assert "does not read its answers and is disconnected" in desktop.log("agent")
    with contextlib.closing(desktop.feed()) as client:
        wait_for_tick(client)


def test_slow_reader_stays_connected(desktop: Session) -> None:
    """The client sends requests rarely, and reads late."""
    start(desktop)
    with contextlib.closing(desktop.feed()) as client:
        client.wait(BOUND)
        for _ in range(100):
            client.send(Command("status"))
        wait_for_tick(client)


FEW_DESCRIPTORS = f"""
import os, resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (24, 24))
os.execv(sys.executable, {AGENT!r})
"""


def test_agent_out_of_descriptors_neither_spins_nor_stops(desktop: Session) -> None:
    agent = start(desktop, [sys.executable, "-c", FEW_DESCRIPTORS])
    path = Path(desktop.environment["XDG_RUNTIME_DIR"], "netwatch-tray", "feed")
    with contextlib.ExitStack() as held:
        first = held.enter_context(contextlib.closing(FeedClient(path)))
        wait_for_tick(first)
        for _ in range(30):
            held.enter_context(contextlib.closing(FeedClient(path)))
        desktop.wait_for(lambda: "No client can connect now" in desktop.log("agent"), BOUND, "descriptors run out")
        before = sum(agent.cpu_times()[:2])
        for _ in range(3):
            wait_for_tick(first)
        used, passed = sum(agent.cpu_times()[:2]) - before, desktop.log("agent").count("No client can connect now")
        assert used < 1.5, f"{used} s of CPU in about 3 s"
        assert passed < 30
        assert "Traceback" not in desktop.log("agent"), desktop.log("agent")
    desktop.wait_for(desktop.agent_status, BOUND, "it takes clients again")


def test_full_listen_backlog_is_reported_as_busy_agent(desktop: Session) -> None:
    agent = start(desktop)
    path = Path(desktop.environment["XDG_RUNTIME_DIR"], "netwatch-tray", "feed")
    with contextlib.ExitStack() as held:
        agent.suspend()
        try:
            with pytest.raises(AgentUnreachableError, match="busy"):  # noqa: PT012  it takes as many as it takes
                for _ in range(1000):
                    held.enter_context(contextlib.closing(FeedClient(path)))
            done = subprocess.run(
                [*PROGRAM, "status"],
                env=desktop.environment,
                capture_output=True,
                text=True,
                check=False,
                timeout=BOUND,
            )
        finally:
            agent.resume()
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "netwatch-tray: The agent is running, but busy: it accepts no connection now. Try again.\n"


def test_too_many_clients_are_refused_with_a_reason(desktop: Session) -> None:
    start(desktop)
    with contextlib.ExitStack() as held:
        for _ in range(32):
            held.enter_context(contextlib.closing(desktop.feed())).wait(BOUND)
        done = run_status(desktop)
    assert done.returncode == 1
    assert done.stderr == "netwatch-tray: The agent is running, but has too many clients. Close some of them.\n"


def test_status_is_answered_while_settings_are_reloaded(desktop: Session) -> None:
    start(desktop)
    with contextlib.closing(desktop.feed()) as client:

        def reload() -> None:
            for _ in range(400):
                client.send(Command("reload"))
                client.receive()
                time.sleep(0.005)

        def status(_number: int) -> subprocess.CompletedProcess[str]:
            return subprocess.run(
                [*PROGRAM, "status"],
                env=desktop.environment,
                capture_output=True,
                text=True,
                check=False,
                timeout=BOUND,
            )

        with ThreadPoolExecutor(3) as pool:
            reloading = pool.submit(reload)
            found = list(pool.map(status, range(8)))
            reloading.result(BOUND)
    assert [(each.returncode, each.stderr) for each in found] == [(0, "")] * 8


STAND_IN = """#!{python}
import os, pathlib, sys, time
directory = pathlib.Path({directory!r})
(directory / str(os.getpid())).write_text(os.environ.get("XDG_ACTIVATION_TOKEN", ""))
while not (directory / "go").exists():
    time.sleep(0.05)
"""


def test_a_hundred_clicks_start_one_window(desktop: Session) -> None:
    """The stand-in for the window never connects, so it counts as starting until it exits."""
    directory = desktop.directory / "started"
    directory.mkdir()
    stand_in = desktop.directory / "stand-in"
    stand_in.write_text(STAND_IN.format(python=sys.executable, directory=str(directory)))
    stand_in.chmod(0o700)
    agent = start(desktop, AGENT, **{launch.WRAPPER: str(stand_in)})
    with contextlib.closing(desktop.feed()) as client:
        for _ in range(100):
            client.send(Command("open-window"))
            client.send(Command("show-doctor"))
        desktop.wait_for(lambda: len(list(directory.iterdir())) == 2, BOUND, "a window and a report start")
        wait_for_tick(client)
        assert len(agent.children()) == 2
        assert len(list(directory.iterdir())) == 2
        (directory / "go").touch()
        desktop.wait_for(lambda: not agent.children(), BOUND, "they are reaped")
        client.send(Command("open-window"))
        desktop.wait_for(lambda: len(list(directory.iterdir())) == 4, BOUND, "the next click starts the next")
