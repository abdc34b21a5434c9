"""The screen of the terminal: CPU time to its start, and for each minute in which it shows changing traffic.

A real agent measures a network of two namespaces, in which four programs receive at speeds that change each second, so
that chart, interfaces and apps change with every frame. `watch` runs in tmux at 80x24. `start_cpu_ms` is the CPU time
of all its threads from exec until a second after the first rates are on the screen, the median of five starts;
`cpu_ms_per_min` that of the minute after it, and `rss_mb` its memory then.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks._harness import HERE, Row, options, report
from benchmarks.agent import Usage

sys.path[:0] = [str(HERE.parent / "tests")]

# ruff: noqa: E402  the tests' directory has to be on the path
import psutil
from desktop import Session
from networks import FAR, RECEIVER, Wire, wire
from tmux import Tmux

PROGRAM = [sys.executable, "-m", "netwatch_tray"]
STARTS = 5
PORT = 5300
SENDER = """
import random, socket, sys, time
listener = socket.create_server((sys.argv[1], int(sys.argv[2])))
print("ready", flush=True)
connection, _ = listener.accept()
chance = random.Random(sys.argv[2])
while True:
    speed = int(chance.expovariate(1e-6))
    for _ in range(20):
        connection.sendall(bytes(speed // 20))
        time.sleep(0.05)
"""


@contextmanager
def traffic(network: Wire, programs: int = 4) -> Iterator[None]:
    processes: list[subprocess.Popen[str]] = []
    try:
        for port in range(PORT, PORT + programs):
            processes.append(network.python(network.far, SENDER, FAR, str(port)))
            assert processes[-1].stdout is not None
            processes[-1].stdout.readline()
            processes.append(network.python(network.near, RECEIVER, FAR, str(port)))
        yield
    finally:
        for process in processes:
            process.kill()
            process.communicate()


@contextmanager
def watching(desktop: Session) -> Iterator[int]:
    """Run `watch`; yield its PID when rates have been on the screen for a second."""
    with tempfile.TemporaryDirectory() as directory, Tmux(Path(directory), desktop.environment) as tmux:
        tmux.type(["exec", *PROGRAM, "watch"])
        tmux.wait("B/s", 30)
        time.sleep(1)
        yield tmux.pid()


def main() -> None:
    chosen = options(__doc__)
    subprocess.run([sys.executable, "-m", "compileall", "-q", HERE.parent / "netwatch_tray"], check=True)
    with wire() as network, traffic(network), Session(display=False, netns=network.near) as desktop:
        desktop.start_agent()
        starts = []
        for _ in range(STARTS - 1):
            with watching(desktop) as pid:
                starts.append(Usage.of(pid).cpu_ns / 1e6)
        with watching(desktop) as pid:
            starts.append(Usage.of(pid).cpu_ns / 1e6)
            time.sleep(60)
            minute = Usage.of(pid).cpu_ns / 1e6 - starts[-1]
            memory = psutil.Process(pid).memory_info().rss / 1e6
    report(
        [
            Row("terminal.start_cpu_ms", statistics.median(starts), "ms"),
            Row("terminal.cpu_ms_per_min", minute, "ms"),
            Row("terminal.rss_mb", memory, "MB"),
        ],
        chosen,
    )


if __name__ == "__main__":
    main()
