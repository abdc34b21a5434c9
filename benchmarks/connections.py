"""What the list of connections costs, beside the bare kernel work in C and what others run for the same list.

    python -m benchmarks.connections [--json]

Each setting lives in a network namespace of its own, so that its number of sockets is exact. All figures are CPU time,
user and system, of this process and the programs it starts; ratios come from one run. The rows:

    connections.vs_c.N         a reading with its rates and apps, nothing new since the last, ÷ the C program's dump
    connections.vs_ss.N        `ss -tunapi` ÷ such a reading (times cheaper)
    connections.vs_psutil.N    psutil.net_connections ÷ such a reading
    connections.cold_ms.N      the first reading, with the search for all owners
    connections.new_vs_scan    a scan of all open files ÷ a reading that meets one new connection, its owner included
    connections.dump_ms.10000  such a steady reading of 10 000 sockets

N is the number of sockets (held by one process), or `desktop`: 300 processes with 50 open files, two of them sockets.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import socket
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psutil

from benchmarks._harness import Row, compiled, namespace, options, python, report
from netwatch_tray.collect.linux.process_map import ProcessMap
from netwatch_tray.collect.linux.sock_diag import SockDiagSource
from netwatch_tray.collect.sockets import Socket
from netwatch_tray.engine.connections import ConnectionTable

_ROUNDS = {"10": 200, "1000": 60, "10000": 12, "desktop": 60}


def cpu_s() -> float:
    """Return the CPU time of this process and of its children that ended."""
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def median_ms(work: Callable[[], object], rounds: int) -> float:
    costs = []
    for _ in range(rounds):
        before = cpu_s()
        work()
        costs.append(cpu_s() - before)
    return statistics.median(costs) * 1e3


@contextmanager
def held_sockets(count: int) -> Iterator[Callable[[], None]]:
    """Open `count` TCP sockets in one other process, a quarter of them IPv4. Yield a function that opens one more
    connection."""
    receiver, sender = os.pipe()
    answer, done = os.pipe()
    pid = os.fork()
    if not pid:
        _hold(count, receiver, done)
    try:
        os.read(answer, 1)

        def one_more() -> None:
            os.write(sender, b"+")
            os.read(answer, 1)

        yield one_more
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        for fd in (receiver, sender, answer, done):
            os.close(fd)


def _hold(count: int, receiver: int, done: int) -> None:
    try:
        servers = [
            socket.create_server(("127.0.0.1", 0), backlog=4096),
            socket.create_server(("::1", 0), family=socket.AF_INET6, backlog=4096),
        ]
        held = []

        def connect(server: socket.socket) -> None:
            held.append(socket.create_connection(server.getsockname()[:2]))
            held.append(server.accept()[0])

        while len(held) + len(servers) < count:
            connect(servers[len(held) % 8 != 0])
        os.write(done, b".")
        while os.read(receiver, 1):
            connect(servers[0])
            os.write(done, b".")
    finally:
        os._exit(0)


@contextmanager
def desktop(processes: int = 300, files: int = 50) -> Iterator[Callable[[], None]]:
    """Start processes with open files, two of which are a connection. Yield a function that makes the last process open
    one more."""
    pids: list[int] = []
    answer, done = os.pipe()
    receiver, sender = os.pipe()
    try:
        for number in range(processes):
            pid = os.fork()
            if not pid:
                _be_a_program(files, receiver if number == processes - 1 else None, done)
            pids.append(pid)
            os.read(answer, 1)

        def one_more() -> None:
            os.write(sender, b"+")
            os.read(answer, 1)

        yield one_more
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        for fd in (receiver, sender, answer, done):
            os.close(fd)


def _be_a_program(files: int, receiver: int | None, done: int) -> None:
    try:
        held = []
        with socket.create_server(("127.0.0.1", 0)) as server:
            held += [socket.create_connection(server.getsockname()), server.accept()[0]]
        while os.open(os.devnull, os.O_RDONLY) < files - 1:
            pass
        os.write(done, b".")
        while receiver is None or os.read(receiver, 1):
            if receiver is None:
                signal.pause()
            else:
                with socket.create_server(("127.0.0.1", 0)) as server:
                    held += [socket.create_connection(server.getsockname()), server.accept()[0]]
                os.write(done, b".")
    finally:
        os._exit(0)


class Reading:
    """Reads the connections with rates and apps, as the agent does."""

    def __init__(self) -> None:
        self.source = SockDiagSource()
        self.table = ConnectionTable(ProcessMap())

    def __call__(self) -> None:
        self.table.update(self.source.read())
        self.table.apps()

    def settle(self) -> None:
        """Read until every owner is known and no connection is new."""
        self()
        while self.table.search(1):
            pass
        self()
        self()


def measure(name: str) -> list[Row]:
    rounds, limit = _ROUNDS[name], compiled("sockdiag")
    reading = Reading()
    before = cpu_s()
    reading.settle()
    cold_ms = (cpu_s() - before) * 1e3
    ours, theirs = [], []
    for _ in range(3):  # in turns, because the machine's speed changes
        theirs.append(float(subprocess.run([limit, str(rounds)], check=True, capture_output=True).stdout.split()[1]))
        ours.append(median_ms(reading, rounds))
    steady, c_ms = statistics.median(ours), statistics.median(theirs) / 1e3
    ss_ms = median_ms(lambda: subprocess.run(["ss", "-tunapi"], check=True, capture_output=True), max(3, rounds // 10))
    psutil_ms = median_ms(lambda: psutil.net_connections("inet"), max(3, rounds // 10))
    reading.source.close()
    return [
        Row(f"connections.dump_ms.{name}", steady, "ms"),
        Row(f"connections.vs_c.{name}", steady / c_ms, "x"),
        Row(f"connections.vs_ss.{name}", ss_ms / steady, "x", more_is_better=True),
        Row(f"connections.vs_psutil.{name}", psutil_ms / steady, "x", more_is_better=True),
        Row(f"connections.cold_ms.{name}", cold_ms, "ms"),
    ]


def new_connection(one_more: Callable[[], None]) -> float:
    """Return how many times cheaper a reading with a new connection is than a search through all open files."""
    reading = Reading()
    reading.settle()

    def with_new() -> float:
        one_more()
        before = cpu_s()
        reading()
        while reading.table.search(1):
            pass
        return cpu_s() - before

    news = [with_new() for _ in range(15)]
    nowhere = {"-": Socket(protocol="TCP", local_address="*", local_port=1, inode=1, uid=0)}

    def scan() -> None:
        search = ProcessMap()
        search.look_for(nowhere)
        while search.is_searching:
            search.search(10)

    scans = median_ms(scan, 7)
    reading.source.close()
    return scans / (statistics.median(news) * 1e3)


def run_setting(name: str) -> list[Row]:
    """Measure a setting in the namespace in which this process was started."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if name != "desktop":
        with held_sockets(int(name)):
            return measure(name)
    with desktop() as one_more:
        return [*measure(name), Row("connections.new_vs_scan", new_connection(one_more), "x", more_is_better=True)]


def run() -> list[Row]:
    """Measure each setting in a separate process and namespace, because closed sockets stay in TIME_WAIT."""
    rows: list[Row] = []
    for name in _ROUNDS:
        with namespace(name) as inside:
            command = [*inside, *python("-m", "benchmarks.connections", "--setting", name)]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
        rows += [Row(*row) for row in json.loads(done.stdout)]
    return rows


if __name__ == "__main__":
    if sys.argv[1:2] == ["--setting"]:
        print(json.dumps(run_setting(sys.argv[2])))
    else:
        chosen = options(__doc__)
        report(run(), chosen)
