"""The resident agent in a real panel (xfce4-panel, private X server and session bus), at its 1 Hz.

Twice a minute's worth: with a different rate each second, so that tooltip, label and icon change all the time, and with
nothing changing at all. CPU time is the scheduler's own accounting of all threads (/proc/PID/task/*/schedstat),
wake-ups are voluntary context switches, PSS comes from smaps_rollup.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from benchmarks._harness import HERE, Row, options, report

sys.path.insert(0, str(HERE.parent / "tests"))

from desktop import Session
from networks import FAR, Wire, wire

SECONDS = 60
SETTLE = 5
PROGRAM = [sys.executable, "-m", "netwatch_tray"]

CHANGING_TRAFFIC = """
import itertools, socket, sys, time
socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for step in itertools.count():
    for _ in range(1 + step * 7919 % 40 ** (1 + step % 3)):
        socket.sendto(bytes(1000), (sys.argv[1], 9))
    time.sleep(1)
"""
"""A few datagrams a second, never as many as the second before."""


class Usage(NamedTuple):
    cpu_ns: int
    wakeups: int

    @classmethod
    def of(cls, pid: int) -> Usage:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        cpu = sum(int((task / "schedstat").read_text().split()[0]) for task in tasks)
        fields = [line.split() for task in tasks for line in (task / "status").read_text().splitlines()]
        return cls(cpu, sum(int(field[1]) for field in fields if field[0] == "voluntary_ctxt_switches:"))


def pss_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    (kilobytes,) = (line.split()[1] for line in lines if line.startswith("Pss:"))
    return int(kilobytes) / 1000


def measure(pid: int) -> tuple[float, float]:
    """CPU ms per minute and wake-ups per second, over SECONDS."""
    before = Usage.of(pid)
    time.sleep(SECONDS)
    after = Usage.of(pid)
    return (after.cpu_ns - before.cpu_ns) / 1e6 * 60 / SECONDS, (after.wakeups - before.wakeups) / SECONDS


@contextmanager
def traffic(network: Wire) -> Iterator[None]:
    sender = network.python(network.near, CHANGING_TRAFFIC, FAR)
    try:
        yield
    finally:
        sender.kill()
        sender.communicate()


def main() -> None:
    chosen = options(__doc__)
    subprocess.run([sys.executable, "-m", "compileall", "-q", HERE.parent / "netwatch_tray"], check=True)
    with wire() as network, Session(netns=network.near) as desktop:
        network.run(network.near, "sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1")
        network.run(network.far, "sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1")
        desktop.start_host("xfce")
        pid = desktop.spawn("agent", PROGRAM)
        desktop.wait_for(desktop.items, 20, "the icon registers")
        start = Usage.of(pid).cpu_ns / 1e6
        time.sleep(SETTLE)
        unchanged, wakeups_unchanged = measure(pid)
        with traffic(network):
            time.sleep(SETTLE)
            changing, wakeups = measure(pid)
        memory = pss_mb(pid)
        desktop.stop("agent")
    report(
        [
            Row("agent.pss_mb", memory, "MB"),
            Row("agent.cpu_ms_per_min", changing, "ms/min"),
            Row("agent.cpu_ms_per_min_unchanged", unchanged, "ms/min"),
            Row("agent.wakeups_per_s", wakeups, "1/s"),
            Row("agent.wakeups_per_s_unchanged", wakeups_unchanged, "1/s"),
            Row("agent.start_cpu_ms", start, "ms"),
        ],
        chosen,
    )


if __name__ == "__main__":
    main()
