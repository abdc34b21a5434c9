"""The privileged helper: what its programs cost a packet, what a reading costs, and both processes beside a mix.

Times in the programs come from the kernel (BPF_ENABLE_STATS: run_time_ns divided by run_cnt, which includes the
kernel's own measuring). The end-to-end row compares sending and receiving datagrams with the programs attached and not,
in turns; half of the difference is one side's. CPU time is the scheduler's accounting, PSS comes from smaps_rollup.

The mix is that of a busy desktop, each second: five DNS queries and answers, two TLS and one QUIC ClientHello (in two
datagrams), eight new sockets, and 400 datagrams of 1200 bytes of two flows. The rows of a quiet desktop are measured
beside a tenth of it, the traffic of one second every ten.

An agent reads every five seconds. The agent's rows are those of the client with the parsers of names, in a process that
has imported what an agent has. It reads the sockets first, as an agent does at that moment with or without a helper;
this is not part of the row. Then it looks up an address of every fifth response, as for a connection without a
ClientHello.

All of it runs in a control group of its own, so that the traffic of other programs is not in the figures. Needs root,
and a kernel that permits eBPF.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import select
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks._harness import HERE, Row, options, python, report

sys.path.insert(0, str(HERE.parent / "tests"))
sys.path.insert(0, str(HERE.parent / "tests" / "helper"))

import hellos
from helper_service import Service, read, service

from netwatch_tray.collect.helper_client import HelperClient
from netwatch_tray.collect.helper_readings import PacketKind
from netwatch_tray.collect.names import quic, tls
from netwatch_tray.engine.hosts import Hosts
from netwatch_tray.helper import bpf, probes

SECONDS = 60
READ_EVERY = 5.0
BUSY, QUIET = 1.0, 10.0
"""Seconds between two rounds of the mix."""
DATAGRAMS = 30_000
SIZE = 1200
STREAM = 200 << 20
FLOWS = 10_000
TURNS = 7

_NAME = b"a.name.as.long.as.usual.example"
_QUERY = bytes.fromhex("123401000001000000000000") + b"\7example\3org\0" + bytes.fromhex("00010001")
_ANSWER = bytes.fromhex("123481800001000400000000") + b"\7example\3org\0" + bytes.fromhex("00010001")
_RECORD = bytes.fromhex("c00c000100010000003c0004")
_HELLO = hellos.records(hellos.client_hello(_NAME))
_INITIALS = hellos.datagrams(hellos.scattered(hellos.client_hello(_NAME), random.Random(1)), b"original")  # noqa: S311  no secret


def udp_pair() -> tuple[socket.socket, socket.socket]:
    far = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    far.bind(("127.0.0.1", 0))
    near = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    near.connect(far.getsockname())
    return near, far


def exchange(count: int) -> float:
    """Send and receive `count` datagrams; return µs for one."""
    near, far = udp_pair()
    with near, far:
        payload, buffer = bytes(SIZE), bytearray(SIZE)
        start = time.perf_counter()
        for _ in range(count):
            near.send(payload)
            far.recv_into(buffer)
        return (time.perf_counter() - start) / count * 1e6


def stream(size: int) -> None:
    """Move `size` bytes over a TCP connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()) as near:
        far = listener.accept()[0]
        with far:
            payload, buffer = bytes(1 << 16), bytearray(1 << 18)
            near.setblocking(False)
            received = sent = 0
            while received < size:
                if sent < size:
                    try:
                        sent += near.send(payload)
                        continue
                    except BlockingIOError:
                        pass
                received += far.recv_into(buffer)


def in_programs(attached: probes.Probes, work: Callable[[], object]) -> float:
    """Return how long the programs for packets run for one packet, ns: the mean of both directions."""
    found = [attached.programs[name] for name in ("inbound", "outbound")]
    before = [bpf.run_time(program) for program in found]
    work()
    after = [bpf.run_time(program) for program in found]
    spent = sum(new[0] - old[0] for old, new in zip(before, after, strict=True))
    return spent / sum(new[1] - old[1] for old, new in zip(before, after, strict=True))


def packets() -> list[Row]:
    attached = probes.attach()
    statistics_on = bpf.enable_statistics()
    try:
        udp = min(in_programs(attached, lambda: exchange(DATAGRAMS)) for _ in range(3))
        tcp = min(in_programs(attached, lambda: stream(STREAM)) for _ in range(3))
    finally:
        os.close(statistics_on)
        attached.close()
    differences = []
    for _ in range(TURNS):
        alone = min(exchange(DATAGRAMS // 6) for _ in range(3))
        attached = probes.attach()
        differences.append(min(exchange(DATAGRAMS // 6) for _ in range(3)) - alone)
        attached.close()
    return [
        Row("helper.ns_per_udp_packet", udp, "ns"),
        Row("helper.ns_per_tcp_packet", tcp, "ns"),
        Row("helper.end_to_end_ns_per_side", statistics.median(differences) / 2 * 1000, "ns"),
    ]


def timed(call: Callable[[], object], rounds: int) -> float:
    """Return the median time of one call, µs."""
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return statistics.median(times) * 1e6


def readings() -> list[Row]:
    with service() as running:
        client = running.client()
        read(client)
        near = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        peers = [("127.0.0.1", port) for port in range(2000, 2000 + FLOWS)]
        payload = bytes(64)

        def all_changed() -> float:
            for peer in peers:
                near.sendto(payload, peer)
            start = time.perf_counter()
            reading = read(client)
            spent = time.perf_counter() - start
            assert len(reading.amounts) >= FLOWS
            return spent * 1000

        all_changed()
        changed = statistics.median(all_changed() for _ in range(5))
        time.sleep(0.6)  # later stamps
        read(client)
        time.sleep(0.6)
        read(client)
        unchanged = timed(lambda: read(client), 20) / 1000
        near.close()
        client.close()
    return [
        Row(f"helper.read_ms.{FLOWS}", changed, "ms"),
        Row(f"helper.read_unchanged_ms.{FLOWS}", unchanged, "ms"),
    ]


def parsers() -> list[Row]:
    def initials() -> None:
        flows = quic.Flows()
        quic.client_keys.cache_clear()
        for datagram in _INITIALS:
            flows.take(1, datagram)

    return [
        Row("helper.hello_us", timed(lambda: tls.Streams().take(1, _HELLO), 2000), "µs"),
        Row("helper.quic_initial_us", timed(initials, 500) / len(_INITIALS), "µs"),
    ]


def mix(seconds: float, pause: float) -> None:
    """Make the traffic of a desktop on the loopback for `seconds`, with `pause` seconds from one round to the next."""
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 0))
    resolver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    resolver.bind(("127.0.0.77", 53))
    listener = socket.create_server(("127.0.0.1", 0))
    flows = [udp_pair() for _ in range(2)]
    payload, buffer = bytes(SIZE), bytearray(1 << 16)
    end = time.monotonic() + seconds
    numbers = itertools.count(1)
    while time.monotonic() < end:
        start = time.monotonic()
        for _ in range(5):
            number = (next(numbers) & 0xFFFF).to_bytes(2, "big")  # no two messages are alike
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
                asking.sendto(number + _QUERY[2:], ("127.0.0.77", 53))
                records = b"".join(_RECORD + bytes((10, each)) + number for each in range(4))
                resolver.sendto(number + _ANSWER[2:] + records, resolver.recvfrom(512)[1])
                asking.recv(512)
        for _ in range(2):
            with socket.create_connection(listener.getsockname()) as calling:
                far = listener.accept()[0]
                calling.sendall(_HELLO)
                far.recv_into(buffer)
                far.close()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as calling:
            for datagram in _INITIALS:
                calling.sendto(datagram, server.getsockname())
                server.recv_into(buffer)
        for near, far in flows:
            for _ in range(200):
                near.send(payload)
                far.recv_into(buffer)
        time.sleep(max(0.0, pause - (time.monotonic() - start)))


def cpu_ms(pid: int) -> float:
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e6


def pss_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1000


def agent(path: str) -> None:
    """Read every five seconds for a minute. Print as JSON what this cost beyond what an agent has imported."""
    from netwatch_tray.collect.linux.sock_diag import SockDiagSource  # noqa: PLC0415  as an agent does

    source = SockDiagSource()
    source.read()
    before = pss_mb(os.getpid())
    client = HelperClient(path)
    read(client)
    hosts = Hosts(time.time)
    print("ready", flush=True)
    spent = 0.0
    for _ in range(int(SECONDS / READ_EVERY)):
        time.sleep(READ_EVERY)
        source.read()
        began = time.process_time()
        reading = read(client)
        hosts.take(reading.packets, reading.owners, lambda _cookie: None)
        answers = [each for each in reading.packets if each.kind is PacketKind.DNS_ANSWER]
        for each in answers[::5]:
            owner = reading.owners.get(each.flow.cookie)
            hosts.of(0, socket.inet_ntoa(each.payload[-4:]), 443, None if owner is None else owner.pid)
        spent += time.process_time() - began
    print(json.dumps([pss_mb(os.getpid()) - before, spent * 1000 * 60 / SECONDS]), flush=True)


def beside_an_agent(running: Service, pause: float) -> tuple[float, float, list[float]]:
    """Return the helper's PSS in MB, its CPU time in ms per minute beside the mix, and what the agent printed."""
    command = python("-m", "benchmarks.helper", "--agent", str(running.path))
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as reader:
        assert reader.stdout is not None
        while not select.select([reader.stdout], [], [], 1.0)[0]:
            running.restart_if_ended()
        assert reader.stdout.readline() == "ready\n"
        sender = subprocess.Popen(python("-m", "benchmarks.helper", "--mix", str(SECONDS), str(pause)))
        before = cpu_ms(running.process.pid)
        time.sleep(SECONDS - 1)
        memory, spent = pss_mb(running.process.pid), cpu_ms(running.process.pid) - before
        cost: list[float] = json.loads(reader.stdout.readline())
        sender.wait()
    return memory, spent * 60 / SECONDS, cost


def in_own_control_group() -> int:
    """Run this benchmark where the programs of the helper see its processes alone; return the exit code."""
    root = probes.root_cgroup()
    group = Path(root) / f"nwt-bench-{os.getpid()}"
    inside = 'umount --lazy "$0" && mount -t cgroup2 none "$0" && exec "$@"'
    enter = f"echo $$ > {group}/cgroup.procs && exec unshare --cgroup --mount sh -c '{inside}' {root} \"$@\""
    group.mkdir()
    try:
        command = ["sh", "-c", enter, "sh", *python("-m", "benchmarks.helper", *sys.argv[1:])]
        return subprocess.run(command, check=False).returncode
    finally:
        group.rmdir()


def main() -> None:
    chosen = options(__doc__)
    if probes.covers_system():
        sys.exit(in_own_control_group())
    rows = [*packets(), *readings(), *parsers()]
    with service() as running:
        _, quiet, (_, agent_quiet) = beside_an_agent(running, QUIET)
    with service() as running:
        memory, busy, (agent_memory, agent_busy) = beside_an_agent(running, BUSY)
    rows += [
        Row("helper.pss_mb", memory, "MB"),
        Row("helper.cpu_ms_per_min", busy, "ms/min"),
        Row("helper.cpu_ms_per_min_quiet", quiet, "ms/min"),
        Row("helper.agent_extra_pss_mb", agent_memory, "MB"),
        Row("helper.agent_extra_cpu_ms_per_min", agent_busy, "ms/min"),
        Row("helper.agent_extra_cpu_ms_per_min_quiet", agent_quiet, "ms/min"),
    ]
    report(rows, chosen)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["--agent", path]:
            agent(path)
        case ["--mix", seconds, pause]:
            mix(float(seconds), float(pause))
        case _:
            main()
