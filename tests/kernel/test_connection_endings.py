"""Every way a connection can end, over a wire between two namespaces: exact or one byte low, never high or negative."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from networks import FAR, FAR6, Wire, entered, inside as enter, wire

from netwatch_tray.collect.linux.process_map import ProcessMap
from netwatch_tray.collect.linux.sock_diag import SockDiagSource
from netwatch_tray.engine.connections import ConnectionTable
from netwatch_tray.model import Traffic

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="needs Linux"),
    pytest.mark.skipif(sys.platform == "linux" and os.geteuid() != 0, reason="needs root to make namespaces"),
]

ENDINGS = str(Path(__file__).parents[1] / "endings.py")
PORT = 18_777


class Meter:
    """Reads the sockets of a namespace as the agent does, and keeps the highest counters of each."""

    def __init__(self, namespace: str) -> None:
        with entered(namespace):
            self.source = SockDiagSource()
        self.table = ConnectionTable(ProcessMap())
        self.intervals: Counter[str] = Counter()
        self.sockets: dict[str, tuple[int, int, int]] = {}
        """By key: the caller's port, and the bytes received and sent."""
        self.read()

    def read(self, *, is_last: bool = False) -> None:
        sample = self.source.read()
        assert not sample.overrun
        self.table.update(sample, is_last=is_last)
        for key, (_, traffic) in self.table.interval.amounts.items():
            self.intervals[key] += traffic.rx + traffic.tx
        for key, found in [*sample.changed.items(), *sample.removed.items()]:
            if found.state != "LISTEN" and found.rx_bytes is not None and found.tx_bytes is not None:
                port = found.remote_port if found.local_port == PORT else found.local_port
                _, rx, tx = self.sockets.get(key, (0, 0, 0))
                self.sockets[key] = port or 0, max(rx, found.rx_bytes), max(tx, found.tx_bytes)

    def apps(self) -> Traffic:
        apps = self.table.apps()
        for app in apps:
            assert min(app.rx_bytes, app.tx_bytes) >= 0
            assert app.rx_bytes + app.tx_bytes == self.intervals[app.key], "the intervals sum up to the ledger"
        return Traffic(sum(app.rx_bytes for app in apps), sum(app.tx_bytes for app in apps))

    def check(self, truths: list[dict[str, Any]]) -> None:
        """Compare the counters with what one end of the connections printed."""
        sums = truths.pop()
        assert sums["failed"] == 0, truths
        expected: dict[int, list[dict[str, Any]]] = defaultdict(list)
        for truth in truths:
            expected[truth["port"]].append(truth)
        measured: dict[int, Counter[str]] = defaultdict(Counter)
        for port, rx, tx in self.sockets.values():
            measured[port].update(rx=rx, tx=tx)
        for port, those in expected.items():
            for way, slack in (("rx", len(those)), ("tx", 0)):
                low, high = (sum(truth[way][place] for truth in those) for place in (0, 1))
                assert low - slack <= measured[port][way] <= high, (way, measured[port], those)
        apps = self.apps()
        for way, slack in (("rx", len(truths)), ("tx", 0)):
            low, high = sums[way]
            assert low - slack <= getattr(apps, way) <= high, way


@pytest.fixture
def link() -> Iterator[Wire]:
    with wire() as made:
        yield made


@pytest.fixture
def meters(link: Wire) -> Iterator[tuple[Meter, Meter]]:
    made = Meter(link.near), Meter(link.far)
    yield made
    for each in made:
        each.source.close()


@contextmanager
def server(link: Wire, address: str) -> Iterator[subprocess.Popen[str]]:
    command = [*enter(link.far), sys.executable, ENDINGS, "serve", address, str(PORT)]
    made = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert made.stdin
    assert made.stdout
    try:
        assert made.stdout.readline() == "ready\n"
        yield made
    finally:
        made.kill()
        made.wait()
        made.stdin.close()
        made.stdout.close()


@pytest.mark.parametrize(("pause", "address"), [(0.02, FAR), (0.3, FAR6), (1.5, FAR)])
def test_no_way_of_closing_changes_the_byte_count(
    link: Wire, meters: tuple[Meter, Meter], pause: float, address: str, tmp_path: Path
) -> None:
    """The sockets are read often, so that most are listed, and rarely, so that most open and close between two
    readings."""
    with server(link, address) as serving:
        command = [*enter(link.near), sys.executable, ENDINGS, "call", address, str(PORT), "--count", "250"]
        output = tmp_path / "calls"
        with output.open("w") as calls, subprocess.Popen(command, stdout=calls) as caller:
            while caller.poll() is None:
                time.sleep(pause)
                for meter in meters:
                    meter.read()
        outputs = [output.read_text(), serving.communicate(timeout=60)[0]]
    for meter in meters:
        for is_last in (False, False, True):
            meter.read(is_last=is_last)
    for meter, text in zip(meters, outputs, strict=True):
        meter.check([json.loads(line) for line in text.splitlines()])
