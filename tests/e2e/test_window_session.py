"""The window in a real session, from the kernel's counters to a row that a user copies from a table."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest
from desktop import PATIENCE, Session
from networks import FAR, PACED_SENDER, RECEIVER, Wire, inside

from netwatch_tray.units import UNKNOWN

PROGRAM = [sys.executable, "-m", "netwatch_tray"]
PORT = 5600
SPEED = 1_000_000


@pytest.fixture
def desktop(network: Wire) -> Iterator[Session]:
    with Session(netns=network.near) as session:
        session.start_agent()
        yield session


@pytest.fixture
def download(network: Wire) -> Iterator[int]:
    """Run a process that receives SPEED bytes a second. Yield its PID."""
    sender = network.python(network.far, PACED_SENDER, FAR, str(PORT), str(SPEED), "3600")
    assert sender.stdout is not None
    assert sender.stdout.readline() == "ready\n"
    receiver = network.python(network.near, RECEIVER, FAR, str(PORT))
    yield receiver.pid
    for process in (receiver, sender):
        process.kill()
        process.communicate()


def open_window(desktop: Session) -> None:
    desktop.spawn("window", [*PROGRAM, "window"])
    desktop.wait_for(lambda: desktop.windows("^NetWatch$"), 20, "the window is there")


def test_agent_started_by_the_window_inherits_no_pipe(network: Wire) -> None:
    with Session(netns=network.near) as desktop:
        with subprocess.Popen(
            [*inside(network.near), *PROGRAM, "window"],
            env=desktop.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        ) as window:
            desktop.wait_for(lambda: desktop.windows("^NetWatch$") and desktop.agent_status(), 20, "both are there")
            window.terminate()
            told, _ = window.communicate(timeout=PATIENCE)  # until everybody has closed it
        status = desktop.agent_status()
        assert status is not None, "the agent goes on"
        assert (window.returncode, told) == (0, b"")
        os.kill(status.pid, signal.SIGTERM)
        desktop.wait_for(lambda: desktop.agent_status() is None, 10, "the agent has ended")


def test_without_a_display_one_message_is_printed_and_no_agent_is_started(network: Wire) -> None:
    with Session(display=False, netns=network.near) as desktop:
        desktop.spawn("window", [*PROGRAM, "window"])
        assert desktop.wait_exit("window", 20) == 1
        (line,) = desktop.log("window").splitlines()
        assert line.startswith("netwatch-tray: There is no display")
        assert desktop.agent_status() is None


def copied(desktop: Session, *keys: str) -> list[str]:
    """Press keys that lead to a page, and return the cells of its first row once there is one."""

    def copy() -> list[str]:
        desktop.key(*keys, "Home", "ctrl+c")
        line = desktop.clipboard().splitlines()
        return line[-1].split("\t") if line else []

    return desktop.wait_for(copy, 20, "a row is copied")


def test_traffic_is_shown_and_can_be_copied_and_exported(desktop: Session, download: int) -> None:
    open_window(desktop)
    connection = (str(download), "TCP", f"{FAR}:{PORT}", "Established")
    desktop.wait_for(lambda: set(connection) <= set(copied(desktop, "ctrl+2")), 20, "the connection and its owner")

    desktop.wait_for(lambda: "B/s" in " ".join(copied(desktop, "ctrl+2")), 20, "its rate is measured")
    desktop.wait_for(lambda: copied(desktop, "ctrl+1")[0] == "uplink", 20, "the counted interface is the first")

    desktop.spawn("second", [*PROGRAM, "window"])
    assert desktop.wait_exit("second", 20) == 0
    assert len(desktop.windows("^NetWatch$")) == 1, "one window only"

    desktop.stop("agent", signal.SIGKILL)
    desktop.wait_for(lambda: copied(desktop)[2] == UNKNOWN, 20, "nothing old is shown as if it were live")
    desktop.spawn("agent", [*PROGRAM, "agent", "--headless"])
    desktop.wait_for(lambda: copied(desktop)[2].endswith("B/s"), 30, "the window has found the agent again")

    desktop.key("ctrl+3")
    desktop.key("ctrl+w")
    assert desktop.wait_exit("window") == 0, desktop.log("window")
    assert desktop.log("window") == ""
    status = desktop.agent_status()
    assert status is not None, "the agent goes on"

    open_window(desktop)
    # The third cell of a row of the apps is the number of connections; where the page Interfaces has a rate.
    desktop.wait_for(lambda: copied(desktop)[2] == "1", 20, "it opens on the page that it was closed on")
