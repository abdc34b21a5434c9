"""TCP with the helper: bytes are exact at both ends, however a connection ends, and counted once."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from helper_service import PATIENCE, Service, cookie, make, need_ebpf, read, receive, service
from networks import FAR, FAR6, NEAR, Wire, entered, inside as enter, wire

from netwatch_tray.collect.helper_client import HelperClient
from netwatch_tray.collect.helper_readings import TCP, TcpEnd
from netwatch_tray.collect.linux.process_map import ProcessMap
from netwatch_tray.collect.linux.sock_diag import SockDiagSource
from netwatch_tray.collect.sockets import Socket
from netwatch_tray.engine.connections import ConnectionTable
from netwatch_tray.engine.streams import Streams
from netwatch_tray.helper import layout, probes
from netwatch_tray.model import Traffic

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux")

ENDINGS = str(Path(__file__).parents[1] / "endings.py")
PORT = 18_778
STREAM = socket.SOCK_STREAM


@pytest.fixture
def link() -> Iterator[Wire]:
    need_ebpf()
    with wire() as made:
        yield made


class Meter:
    """Reads sockets and helper in a namespace as an agent does."""

    def __init__(self, namespace: str, helper: Service) -> None:
        with entered(namespace):
            self.source = SockDiagSource()
            self.client: HelperClient = helper.client()
        self.table = ConnectionTable(ProcessMap())
        self.streams = Streams()
        self.ends: dict[int, TcpEnd] = {}
        for _ in range(2):
            self.read()

    def read(self, *, is_last: bool = False) -> None:
        reading = self.client.read(PATIENCE)
        if reading is None:
            self.streams.stop()
        else:
            assert reading.ends is not None
            self.ends |= {cookie: end for cookie, end in reading.ends.items() if end.is_here}
            self.streams.count(reading)
        sample = self.streams.merge(self.source.read(), self._listed, lambda *_: False, is_last=is_last)
        self.table.update(sample, is_last=is_last)

    def _listed(self, key: str) -> Socket | None:
        entry = self.table.entry(key)
        return None if entry is None else entry.found

    def apps(self) -> Traffic:
        apps = self.table.apps()
        return Traffic(sum(app.rx_bytes for app in apps), sum(app.tx_bytes for app in apps))

    def close(self) -> None:
        self.source.close()
        self.client.close()


def _run(link: Wire, address: str, meters: tuple[Meter, Meter], output: Path, between: Callable[[], None]) -> list[str]:
    """Run the connections. Return what both ends printed: the caller, which is in `near`, and the server."""
    serve = [*enter(link.far), sys.executable, ENDINGS, "serve", address, str(PORT)]
    call = [*enter(link.near), sys.executable, ENDINGS, "call", address, str(PORT), "--count", "120", "--rate", "80"]
    with subprocess.Popen(serve, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            assert server.stdout.readline() == "ready\n"
            with output.open("w") as calls, subprocess.Popen(call, stdout=calls) as caller:
                while caller.poll() is None:
                    time.sleep(0.3)
                    between()
                    for meter in meters:
                        meter.read()
            return [output.read_text(), server.communicate(timeout=60)[0]]
        finally:
            server.kill()


@pytest.mark.parametrize(("address", "is_alone"), [(FAR, True), (FAR6, False)])
def test_bytes_are_exact_however_a_connection_ends(link: Wire, tmp_path: Path, address: str, *, is_alone: bool) -> None:
    """With a second helper the same connections are those of another namespace."""
    with service() as helper, ExitStack() as stack:
        if not is_alone:
            other = stack.enter_context(service()).client()
            stack.callback(other.close)
            read(other)
        meters = Meter(link.near, helper), Meter(link.far, helper)
        for meter in meters:
            stack.callback(meter.close)
        outputs = _run(link, address, meters, tmp_path / "calls", lambda: None)
        for meter in meters:
            for is_last in (False, False, True):
                meter.read(is_last=is_last)
        for meter, text in zip(meters, outputs, strict=True):
            *truths, sums = map(json.loads, text.splitlines())
            assert sums["failed"] == 0, truths
            assert len(meter.ends) >= len(truths)
            _check_ends(meter.ends, truths)
            cut = [truth for truth in truths if truth["ending"].startswith("cut")]
            for way in ("rx", "tx"):
                high = sums[way][1]
                slack = sum(truth[way][1] - truth[way][0] for truth in cut)
                assert high - slack <= getattr(meter.apps(), way) <= high, way


def _check_ends(ends: dict[int, TcpEnd], truths: list[dict[str, Any]]) -> None:
    """Compare the reports with what the programs counted. Even where this end aborted, the peer had received and
    acknowledged everything."""
    expected: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for truth in truths:
        expected[truth["port"]].append(truth)
    found: dict[int, Counter[str]] = defaultdict(Counter)
    for end in ends.values():
        port = end.peer_port if end.local_port == PORT else end.local_port
        found[port or 0].update(rx=end.rx_bytes, tx=end.tx_bytes)
    for port, those in expected.items():
        is_cut = any(truth["ending"].startswith("cut") for truth in those)
        for way in ("rx", "tx"):
            low, high = (sum(truth[way][place] for truth in those) for place in (0, 1))
            assert (low if is_cut else high) <= found[port][way] <= high, (way, found[port], those)


def test_killed_and_restarted_helper_counts_no_tcp_byte_twice(link: Wire, tmp_path: Path) -> None:
    with service() as helper, ExitStack() as stack:
        meters = Meter(link.near, helper), Meter(link.far, helper)
        for meter in meters:
            stack.callback(meter.close)
        rounds = iter(range(1000))

        def kill_at_times() -> None:
            if next(rounds) % 3 == 1:
                helper.process.kill()
                helper.process.wait()
            helper.restart_if_ended()

        outputs = _run(link, FAR, meters, tmp_path / "calls", kill_at_times)
        for meter in meters:
            for is_last in (False, False, True):
                meter.read(is_last=is_last)
        for meter, text in zip(meters, outputs, strict=True):
            sums = json.loads(text.splitlines()[-1])
            assert sums["failed"] == 0
            assert sums["rx"][0] - sums["connections"] <= meter.apps().rx <= sums["rx"][1]
            assert sums["tx"][0] <= meter.apps().tx <= sums["tx"][1]


def _await(client: HelperClient, is_met: Callable[[], bool], moved: Counter[tuple[int, str]], closed: set[int]) -> None:
    deadline = time.monotonic() + 60
    while True:
        reading = read(client)
        for flow, amount in reading.amounts.items():
            if flow.protocol == TCP:
                moved.update({(flow.cookie, "rx"): amount.rx_bytes, (flow.cookie, "tx"): amount.tx_bytes})
        closed |= reading.closed
        if is_met() or time.monotonic() > deadline:
            return
        time.sleep(0.05)


def test_connections_of_other_namespaces_are_counted_while_they_live(link: Wire) -> None:
    """As those of containers. The client is in `near`, so the connection has a row at its other end alone."""
    with service() as helper, ExitStack() as stack:
        with entered(link.near):
            client = helper.client()
        stack.callback(client.close)
        read(client)
        listener = stack.enter_context(make(link.near, socket.AF_INET, STREAM, NEAR))
        listener.listen()
        away = stack.enter_context(make(link.far, socket.AF_INET, STREAM, FAR))
        away.connect(listener.getsockname())
        here = stack.enter_context(listener.accept()[0])
        of = cookie(away)
        moved: Counter[tuple[int, str]] = Counter()
        closed: set[int] = set()
        away.sendall(bytes(300_000))
        receive(here, 300_000)
        _await(client, lambda: moved[of, "tx"] == 300_000, moved, closed)
        assert (moved[of, "tx"], moved[of, "rx"]) == (300_000, 0)
        here.sendall(bytes(5_000))
        receive(away, 5_000)
        here.sendall(bytes(70_000))
        receive(away, 70_000)
        _await(client, lambda: moved[of, "rx"] >= 5_000, moved, closed)
        assert 5_000 <= moved[of, "rx"] <= 75_000
        assert of not in closed
        away.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        away.close()
        _await(client, lambda: of in closed, moved, closed)
        assert (moved[of, "tx"], moved[of, "rx"]) == (300_000, 75_000)
        assert cookie(here) not in closed | {each for each, _ in moved}, "the agent lists those of its own namespace"


def test_agents_in_two_namespaces_get_each_others_connections(link: Wire) -> None:
    """As one in a container. Each agent has the rows of the other's connections, and reports of its own."""
    with service() as helper, ExitStack() as stack:
        clients = []
        for namespace in (link.near, link.far):
            with entered(namespace):
                clients.append(helper.client())
            stack.callback(clients[-1].close)
            read(clients[-1])
        near, far = clients
        listener = stack.enter_context(make(link.near, socket.AF_INET, STREAM, NEAR))
        listener.listen()

        def connection() -> tuple[socket.socket, socket.socket]:
            away = stack.enter_context(make(link.far, socket.AF_INET, STREAM, FAR))
            away.connect(listener.getsockname())
            return away, stack.enter_context(listener.accept()[0])

        away, here = connection()
        of = cookie(away)
        away.sendall(bytes(300_000))
        receive(here, 300_000)
        moved: Counter[tuple[int, str]] = Counter()
        closed: set[int] = set()
        _await(near, lambda: moved[of, "tx"] == 300_000, moved, closed)
        assert (moved[of, "tx"], moved[of, "rx"], of in closed) == (300_000, 0, False)
        away.close()
        assert here.recv(1) == b""
        here.close()
        _await(near, lambda: of in closed, moved, closed)
        assert (moved[of, "tx"], moved[of, "rx"]) == (300_000, 0)
        ends = read(far).ends or {}
        assert (ends[of].is_here, ends[of].rx_bytes, ends[of].tx_bytes) == (True, 0, 300_000)

        far.close()
        deadline = time.monotonic() + 60
        alone = False
        while not alone and time.monotonic() < deadline:  # the helper notices that the client is gone
            _, mine = connection()
            mine.sendall(bytes(1000))
            found = {flow.cookie for _ in range(2) for flow in read(near).amounts}
            alone = cookie(mine) not in found
        assert alone, "the only agent lists those of its own namespace"


def test_row_of_an_idle_open_connection_is_not_deleted(link: Wire) -> None:
    """A flow without packets is deleted; if that happened to a connection, its counters would be lost until its next
    packet."""
    need_ebpf()
    attached = probes.Probes(probes.root_cgroup())
    try:
        attached.set_stamp(10)
        with ExitStack() as stack:
            listener = stack.enter_context(make(link.near, socket.AF_INET, STREAM, NEAR))
            listener.listen()
            away = stack.enter_context(make(link.far, socket.AF_INET, STREAM, FAR))
            away.connect(listener.getsockname())
            here = stack.enter_context(listener.accept()[0])
            away.sendall(bytes(1000))
            receive(here, 1000)
            _cookies(attached, floor=1000)
            assert cookie(away) in _cookies(attached)
            of = cookie(away)
            away.close()
            assert here.recv(1) == b""
            here.close()
            deadline = time.monotonic() + 30
            while of in _cookies(attached, floor=1000) and time.monotonic() < deadline:
                time.sleep(0.05)
            assert of not in _cookies(attached)
    finally:
        attached.close()


def _cookies(attached: probes.Probes, floor: int = 0) -> set[int]:
    """Return the cookies of all rows. Rows without a packet since the stamp `floor` are deleted after that."""
    found: set[int] = set()
    following: int | None = None
    while True:
        rows, following = attached.rows(0, floor, following)
        size = layout.KEY.size + layout.VALUE.size
        found |= {layout.KEY.unpack_from(rows, at)[0] for at in range(0, len(rows), size)}
        if following is None:
            return found


def test_kernel_that_cannot_report_ends_leaves_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    need_ebpf()
    load = probes.bpf.load_program

    def refuse(kind: int, attach_type: int, code: bytes) -> int:
        if kind == probes.bpf.SOCK_OPS:
            raise PermissionError(1, os.strerror(1))
        return load(kind, attach_type, code)

    monkeypatch.setattr(probes.bpf, "load_program", refuse)
    attached = probes.attach()
    try:
        assert (attached.reports_ends, attached.reports_elsewhere) == (False, False)
        assert set(attached.programs) == {"inbound", "outbound", "new_socket"}
    finally:
        attached.close()
