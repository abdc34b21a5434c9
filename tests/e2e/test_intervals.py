"""A program that was stopped, or got no processor time, keeps its intervals afterwards."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

PROGRAM = [sys.executable, "-m", "netwatch_tray"]
STOPPED = 2.3
"""Seconds, of three periods: the deadline after the pause is near."""
PATIENCE = 60.0
"""Seconds for a line to come, on a machine with other things to do."""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Return an environment with an empty home, without an agent or a desktop."""
    names = ("XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "HOME")
    # Short: the path of a socket has 107 bytes at most.
    homes = {name: str(tmp_path / name.removeprefix("XDG_").lower()) for name in names}
    for directory in homes.values():
        Path(directory).mkdir(mode=0o700)
    return {key: value for key, value in os.environ.items() if key not in ("DISPLAY", "WAYLAND_DISPLAY")} | homes


@contextmanager
def running(environment: dict[str, str], *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([*PROGRAM, *arguments], env=environment, stdout=subprocess.PIPE)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def ticks(process: subprocess.Popen[bytes]) -> Iterator[dict[str, Any]]:
    assert process.stdout is not None
    while True:
        assert select.select([process.stdout], [], [], PATIENCE)[0], "no line came"
        yield json.loads(process.stdout.readline())


def pause(process: subprocess.Popen[bytes]) -> None:
    os.kill(process.pid, signal.SIGSTOP)
    time.sleep(STOPPED)
    os.kill(process.pid, signal.SIGCONT)


def test_watch_without_an_agent_keeps_the_interval(environment: dict[str, str]) -> None:
    with running(environment, "watch", "--json") as watch:
        lines = ticks(watch)
        next(lines), next(lines)
        pause(watch)
        intervals = [next(lines)["interval_s"] for _ in range(4)]
    assert max(intervals) > STOPPED - 0.1, "the line after the pause covers it"
    assert min(intervals) >= 0.5


def test_agent_keeps_the_interval(environment: dict[str, str]) -> None:
    with running(environment, "agent", "--headless") as agent:
        socket = Path(environment["XDG_RUNTIME_DIR"], "netwatch-tray", "feed")
        deadline = time.monotonic() + PATIENCE
        while not socket.exists():
            assert time.monotonic() < deadline, "the agent does not serve its feed"
            time.sleep(0.05)
        with running(environment, "watch", "--json") as watch:
            lines = ticks(watch)
            while next(lines)["interval_s"] is None:
                pass
            pause(agent)
            intervals = [next(lines)["interval_s"] for _ in range(4)]
    assert max(intervals) > STOPPED - 0.1
    assert min(intervals) >= 0.5
