"""An hour of an agent under connections that end in every way, with restarts and kill -9: is the history right?

`--seconds 300` for a shorter run. In two network namespaces of its own: the agent measures in one of them, connections
of `tests/endings.py` and paced datagrams cross the wire to the other. The agent is stopped and started, killed and
started, and sometimes stays away for a while. Afterwards:

- the history is still the file that the first agent made, and no file was set aside;
- its total, by the minute and by the day, equals what the kernel's counters of the wire advanced;
- no stored amount is negative, and the bytes of all apps are not above those of the wire;
- no agent wrote an error, and none ended by itself.

Exits with 1 where one of these does not hold.
"""

from __future__ import annotations

import argparse
import itertools
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime, timedelta
from functools import reduce
from pathlib import Path
from typing import NamedTuple

from benchmarks._harness import HERE, Row, report

sys.path.insert(0, str(HERE.parent / "tests"))

from networks import FAR, Wire, inside, wire

from netwatch_tray.history.reader import HistoryReader
from netwatch_tray.history.results import NOTHING, Used

ENDINGS = HERE.parent / "tests" / "endings.py"
PORT = 9000
CONNECTIONS_PER_S = 10.0
LIFETIME = (60.0, 200.0)
"""Seconds that an agent runs, at least and at most."""
SETTLE = 5.0
"""Seconds that the last agent runs without traffic."""
DATAGRAMS = """
import socket, sys, time
sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
while True:
    sender.sendto(bytes(1000), (sys.argv[1], 9))
    time.sleep(0.05)
"""


class Lives(NamedTuple):
    """What is recorded about the agents that ran one after another in this benchmark."""

    inode: int
    """Inode of the history that the first agent made."""
    restarts: int
    kills: int


class Machine:
    """The agent's namespace, its directories and its agent."""

    def __init__(self, network: Wire, directory: Path) -> None:
        self.network = network
        self.directory = directory
        self.history = directory / "state" / "netwatch-tray" / "history.sqlite3"
        self.log = directory / "agent.log"
        self.agent: subprocess.Popen[bytes] | None = None
        self.deaths: list[str] = []
        """A text for each agent that ended by itself, with the end of its log."""
        for name in ("state", "config", "cache", "run"):
            (directory / name).mkdir(mode=0o700)

    def start(self) -> None:
        environment = {
            **os.environ,
            **{f"XDG_{kind}_HOME": str(self.directory / kind.lower()) for kind in ("STATE", "CONFIG", "CACHE")},
            "XDG_RUNTIME_DIR": str(self.directory / "run"),
            "HOME": str(self.directory),
        }
        command = [*inside(self.network.near), sys.executable, "-m", "netwatch_tray", "agent", "--headless"]
        with self.log.open("ab") as log:
            self.agent = subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=HERE.parent)

    def end(self, number: int) -> None:
        """Stop the agent by a signal and wait until it has exited."""
        assert self.agent is not None
        if self.agent.poll() is not None:
            self.deaths.append(f"An agent ended by itself with {self.agent.returncode}: {self.log.read_text()[-2000:]}")
        self.agent.send_signal(number)
        self.agent.wait(60)
        self.agent = None

    def kill(self) -> None:
        """Kill the agent if it still runs, for example after a run that failed."""
        if self.agent is not None:
            self.agent.kill()
            self.agent.wait()
            self.agent = None

    def carried(self) -> tuple[int, int]:
        counters = self.network.counters()
        return counters["rx_bytes"], counters["tx_bytes"]


def await_condition(holds: Callable[[], bool], seconds: float, what: str) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"Not within {seconds:.0f} s: {what}."
        time.sleep(0.1)


def calls(network: Wire, seed: int, count: int) -> subprocess.Popen[bytes]:
    command = [*inside(network.near), sys.executable, str(ENDINGS), "call", FAR, str(PORT)]
    options = ["--seed", str(seed), "--count", str(count), "--rate", str(CONNECTIONS_PER_S)]
    return subprocess.Popen([*command, *options], stdout=subprocess.DEVNULL)


def run(machine: Machine, seconds: float, chance: random.Random) -> Lives:
    """Run agents under traffic for `seconds`. At the end the last one measures until the traffic is over, and is
    stopped."""
    network = machine.network
    restarts = kills = 0
    with ExitStack() as undo:
        machine.start()
        undo.callback(machine.kill)
        await_condition(machine.history.exists, 130, "the agent stores its first minute")
        inode = machine.history.stat().st_ino
        listening = [*inside(network.far), sys.executable, str(ENDINGS), "serve", FAR, str(PORT)]
        served = undo.enter_context((machine.directory / "served").open("wb"))
        server = subprocess.Popen(listening, stdin=subprocess.PIPE, stdout=served)
        undo.callback(server.communicate)  # it ends with its input
        await_condition(lambda: b"ready" in (machine.directory / "served").read_bytes(), 30, "the server listens")
        datagrams = network.python(network.near, DATAGRAMS, FAR)
        undo.callback(datagrams.communicate)
        undo.callback(datagrams.kill)
        end = time.monotonic() + seconds
        for life in itertools.count():
            left = end - time.monotonic()
            if left <= 0:
                break
            lifetime = min(left, chance.uniform(*LIFETIME))
            caller = calls(network, life, int(lifetime * CONNECTIONS_PER_S))
            time.sleep(lifetime)
            is_killed = chance.random() < 0.5
            machine.end(signal.SIGKILL if is_killed else signal.SIGTERM)
            kills, restarts = kills + is_killed, restarts + (not is_killed)
            time.sleep(chance.choice((0.0, 0.0, 2.0, 20.0)))
            machine.start()
            assert caller.wait(120) == 0
    machine.start()
    time.sleep(SETTLE)
    machine.end(signal.SIGTERM)
    return Lives(inode, restarts, kills)


def faults(machine: Machine, lives: Lives, carried: tuple[int, int]) -> list[str]:
    """Return a sentence for each condition that is not met. `carried`: bytes that the wire received and sent since the
    start."""
    found = list(machine.deaths)
    if machine.history.stat().st_ino != lives.inode:
        found.append("The history is another file.")
    found += [f"{each.name} was set aside." for each in machine.history.parent.glob("*damaged*")]
    found += [
        f"Logged: {line}" for line in machine.log.read_text().splitlines() if "Traceback" in line or "ERROR" in line
    ]
    reader = HistoryReader(machine.history)
    now = int(time.time())
    today = datetime.now().astimezone().date()
    days = today - timedelta(days=2), today + timedelta(days=2)
    sums = {
        "the total": reader.bytes_between("total", None, now - 2 * 86400, now + 60),
        "the total by day": reduce(Used.plus, reader.days("total", None, *days).values(), NOTHING),
    }
    for name, used in sums.items():
        if (used.rx, used.tx) != carried:
            found.append(f"Of {name} the history has {used}; the kernel counted {carried}.")
    apps = reader.by_name("app", *days)
    found += [f"{name} has {used}." for name, used in apps.items() if min(used) < 0]
    for way, most in (("rx", carried[0]), ("tx", carried[1])):
        all_apps = sum(getattr(used, way) for used in apps.values())
        if not 0 < all_apps <= most:
            found.append(f"All apps have {all_apps} bytes {way}, the wire {most}.")
    reader.close()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="end with one line: a JSON list of name, value, unit")
    parser.add_argument("--seconds", type=float, default=3600.0)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    with wire() as network, tempfile.TemporaryDirectory() as directory:
        for namespace in network:
            network.run(namespace, "sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1")
        machine = Machine(network, Path(directory))
        before = machine.carried()
        lives = run(machine, chosen.seconds, random.Random(chosen.seed))  # noqa: S311  dice
        carried = machine.carried()[0] - before[0], machine.carried()[1] - before[1]
        found = faults(machine, lives, carried)
    for each in found:
        print(each, file=sys.stderr)
    report(
        [
            Row("endurance.faults", len(found), ""),
            Row("endurance.restarts", lives.restarts, ""),
            Row("endurance.kills", lives.kills, ""),
            Row("endurance.carried_mb", sum(carried) / 1e6, "MB"),
        ],
        chosen,
    )
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
