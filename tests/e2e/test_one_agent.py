"""One agent per user, whichever of its files are removed; and how an agent ends."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import shutil
import signal
import sqlite3
import subprocess
import sys
import termios
from collections.abc import Iterator
from pathlib import Path

import pytest
from desktop import Session

from netwatch_tray.feed.protocol import Hello, Subscribe, TickMessage

PROGRAM = [sys.executable, "-m", "netwatch_tray"]
AGENT = [*PROGRAM, "agent", "--headless"]
BOUND = 60


@pytest.fixture
def desktop() -> Iterator[Session]:
    with Session(display=False) as desktop:
        yield desktop


def runtime(desktop: Session) -> Path:
    return Path(desktop.environment["XDG_RUNTIME_DIR"]) / "netwatch-tray"


def state(desktop: Session) -> Path:
    return Path(desktop.environment["XDG_STATE_HOME"]) / "netwatch-tray"


def answers(desktop: Session, name: str) -> bool:
    found = desktop.agent_status()
    return found is not None and found.pid == desktop.pid(name)


def start(desktop: Session, name: str = "agent") -> None:
    desktop.spawn(name, AGENT)
    desktop.wait_for(lambda: answers(desktop, name), BOUND, "the agent answers")


def run(desktop: Session, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PROGRAM, *arguments],
        env={**desktop.environment, **environment},
        capture_output=True,
        text=True,
        timeout=BOUND,
        check=False,
    )


@pytest.mark.parametrize("removed", ["directory", "feed", "lock", "replaced"])
def test_removed_socket_and_locks_are_restored_and_clients_stay_connected(desktop: Session, removed: str) -> None:
    start(desktop)
    with contextlib.closing(desktop.feed()) as client:
        assert isinstance(client.wait(BOUND)[0], Hello)
        if removed == "directory":
            shutil.rmtree(runtime(desktop))
        else:
            (runtime(desktop) / removed.replace("replaced", "feed")).unlink()
        if removed == "replaced":
            (runtime(desktop) / "feed").touch()
        desktop.wait_for(lambda: answers(desktop, "agent"), BOUND, "it answers again")
        desktop.wait_for((runtime(desktop) / "lock").exists, BOUND, "its lock is there again")
        client.send(Subscribe(frozenset({"interfaces"})))
        desktop.wait_for(
            lambda: any(isinstance(each, TickMessage) for each in client.wait(1)), BOUND, "the client still gets ticks"
        )
    assert run(desktop, "agent", "--headless").returncode == 1
    assert run(desktop, "quit").returncode == 0
    assert desktop.wait_exit("agent", BOUND) == 0
    assert list(runtime(desktop).iterdir()) == []


def test_a_second_start_finds_the_first_at_once(desktop: Session) -> None:
    start(desktop)
    shutil.rmtree(runtime(desktop))
    second = run(desktop, "agent", "--headless")
    assert (second.returncode, second.stderr) == (1, "netwatch-tray: The agent is running already.\n")
    shutil.rmtree(runtime(desktop), ignore_errors=True)
    third = run(desktop, DISPLAY=":4242")  # asks the first one to open its window
    assert (third.returncode, third.stderr) == (0, "")
    assert answers(desktop, "agent")


def test_lock_of_the_state_directory_refuses_a_second_agent(desktop: Session) -> None:
    """An example is a shell without XDG_RUNTIME_DIR beside the agent of the desktop."""
    start(desktop)
    elsewhere = desktop.directory / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    second = run(desktop, "agent", "--headless", XDG_RUNTIME_DIR=str(elsewhere))
    assert (second.returncode, second.stderr) == (1, "netwatch-tray: The agent is running already.\n")


def test_agent_that_lost_all_locks_exits_and_leaves_the_new_agent_running(desktop: Session) -> None:
    start(desktop, "first")
    os.kill(desktop.pid("first"), signal.SIGSTOP)
    shutil.rmtree(runtime(desktop))
    shutil.rmtree(state(desktop))
    start(desktop, "second")
    feed = (runtime(desktop) / "feed").stat().st_ino
    os.kill(desktop.pid("first"), signal.SIGCONT)
    assert desktop.wait_exit("first", BOUND) == 1
    assert "Another agent runs with this one's files" in desktop.log("first")
    assert "Traceback" not in desktop.log("first")
    assert answers(desktop, "second")
    assert (runtime(desktop) / "feed").stat().st_ino == feed
    assert (runtime(desktop) / "lock").exists()
    assert run(desktop, "agent", "--headless").returncode == 1


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM, signal.SIGINT])
def test_signal_ends_the_agent_with_the_history_saved(desktop: Session, number: signal.Signals) -> None:
    start(desktop)
    with contextlib.closing(desktop.feed()) as client:
        client.send(Subscribe(frozenset({"interfaces"})))
        ticks = 0
        while ticks < 2:
            messages = client.wait(BOUND)
            assert messages, "no tick came"
            ticks += sum(isinstance(each, TickMessage) for each in messages)
    assert desktop.stop("agent", number) == 0
    # The file may have been there before: a minute that ends, and events, create it.
    with contextlib.closing(sqlite3.connect(state(desktop) / "history.sqlite3")) as history:
        (minutes,) = history.execute("SELECT count(*) FROM recent").fetchone()
    assert minutes > 0
    assert list(runtime(desktop).iterdir()) == []


def test_closing_the_terminal_ends_the_agent_cleanly(desktop: Session) -> None:
    ours, theirs = pty.openpty()
    agent = subprocess.Popen(
        AGENT,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=desktop.environment,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509  no threads here
    )
    os.close(theirs)
    try:
        desktop.wait_for(desktop.agent_status, BOUND, "the agent answers")
        os.close(ours)
        assert agent.wait(BOUND) == 0
        assert list(runtime(desktop).iterdir()) == []
    finally:
        agent.kill()
        agent.wait()


def test_a_closed_terminal_does_not_end_a_program_that_ignores_it(desktop: Session) -> None:
    """The program runs under nohup(1); what it logs after that is discarded."""
    ours, theirs = pty.openpty()
    agent = subprocess.Popen(
        ["sh", "-c", 'trap "" HUP; exec "$@"', "sh", *AGENT],
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
        env=desktop.environment,
    )
    os.close(theirs)
    try:
        desktop.wait_for(desktop.agent_status, BOUND, "the agent answers")
        os.close(ours)
        agent.send_signal(signal.SIGHUP)
        (runtime(desktop) / "feed").unlink()  # it logs that it listens again
        desktop.wait_for(desktop.agent_status, BOUND, "it still answers")
        assert agent.poll() is None
        agent.send_signal(signal.SIGTERM)
        assert agent.wait(BOUND) == 0
    finally:
        agent.kill()
        agent.wait()
