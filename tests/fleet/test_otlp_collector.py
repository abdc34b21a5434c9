"""The agent's export to a real OpenTelemetry Collector, through an outage, while known traffic passes."""

from __future__ import annotations

import itertools
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import needs
import pytest
from networks import FAR, LISTENER, PACED_SENDER, RECEIVER, Wire, inside, wire
from otlp_collector import Collector, Point, free_port, values
from test_upload_agent import agent
from uploading import wait_for

from netwatch_tray import paths, settings_writer
from netwatch_tray.cloud.otlp_metrics import COUNTER_UNITS, INSTRUMENTS, Kind
from netwatch_tray.cloud.spool import Spool
from netwatch_tray.settings import Otlp, Settings

SPEED = 10_000_000
"""Bytes/s of the known traffic."""
INTERVAL = 10
CONFIGURATION = """
receivers:
  otlp:
    protocols:
      http:
        endpoint: 127.0.0.1:{port}
processors:
  cumulativetodelta:
exporters:
  file/metrics:
    path: {directory}/metrics.json
    append: true
    flush_interval: 100ms
  file/deltas:
    path: {directory}/deltas.json
    append: true
    flush_interval: 100ms
  file/logs:
    path: {directory}/logs.json
    append: true
    flush_interval: 100ms
service:
  telemetry:
    metrics:
      level: none
  pipelines:
    metrics:
      receivers: [otlp]
      exporters: [file/metrics]
    metrics/deltas:
      receivers: [otlp]
      processors: [cumulativetodelta]
      exporters: [file/deltas]
    logs:
      receivers: [otlp]
      exporters: [file/logs]
"""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep the user's files out of the test; the path of the runtime directory must be short."""
    for name in ("XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR"):
        directory = tmp_path / name[4:7].lower()
        directory.mkdir(mode=0o700)
        monkeypatch.setenv(name, str(directory))
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


@contextmanager
def collector(network: Wire, directory: Path, port: int) -> Iterator[None]:
    program = needs.fleet_program("collector")
    file = directory / "collector.yaml"
    file.write_text(CONFIGURATION.format(port=port, directory=directory))
    with (directory / "collector.log").open("ab") as log:
        process = subprocess.Popen(
            [*inside(network.near), program, "--config", f"file:{file}"], stdout=log, stderr=subprocess.STDOUT
        )
        try:
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)
    assert process.returncode == 0, (directory / "collector.log").read_text()


def received(directory: Path, name: str) -> Collector:
    """Return what the collector wrote, read as the collector of other tests reads what it receives."""
    found = Collector()
    file = directory / f"{name}.json"
    for line in file.read_bytes().splitlines() if file.exists() else ():
        try:
            request = msgspec.json.decode(line)
        except msgspec.DecodeError:  # the last line is being written
            continue
        found.metrics += request.get("resourceMetrics", [])
        found.logs += request.get("resourceLogs", [])
    return found


def uplink(directory: Path, name: str = "metrics") -> list[Point]:
    return [
        each
        for each in received(directory, name).points("system.network.io")
        if each.attributes == {"network.io.direction": "receive", "network.interface.name": "uplink"}
    ]


def exports(directory: Path) -> int:
    return len({each.at for each in uplink(directory)})


def waiting() -> int:
    spool = Spool(paths.otlp_spool_file())
    try:
        return spool.counts().waiting
    finally:
        spool.close()


def send(network: Wire, port: int, speed: int, seconds: float) -> tuple[subprocess.Popen[str], subprocess.Popen[str]]:
    sender = network.python(network.far, PACED_SENDER, FAR, str(port), str(speed), str(seconds))
    assert sender.stdout is not None
    sender.stdout.readline()
    return sender, network.python(network.near, RECEIVER, FAR, str(port))


def ended(*processes: subprocess.Popen[str]) -> int:
    """Wait for sender and receiver; return the bytes received."""
    return int([process.communicate(timeout=300)[0] for process in processes][-1].split()[-1])


def test_a_real_collector_gets_each_metric_once_with_the_right_sums(tmp_path: Path) -> None:
    needs.fleet_program("collector")
    with wire() as network:
        port = free_port()
        ended(*send(network, 8080, 100_000_000, 1))  # so that the counters since boot are not 0
        assert network.counters()["rx_bytes"] > 50_000_000
        otlp = Otlp(on=True, endpoint=f"http://127.0.0.1:{port}", interval=INTERVAL, level="events")
        settings_writer.change(paths.settings_file(), lambda _: Settings(otlp=otlp))
        with agent(inside(network.near)):
            with collector(network, tmp_path, port):
                wait_for(lambda: exports(tmp_path) >= 1, "the first export arrives", 120)
                before = network.counters()["rx_bytes"]
                listener = network.python(network.near, LISTENER, "5555")
                traffic = send(network, 8081, SPEED, 9 * INTERVAL)
                wait_for(lambda: exports(tmp_path) >= 5, "exports arrive during the traffic", 180)
            steady = sorted(uplink(tmp_path), key=lambda each: each.at)[2:]
            # Shorter than ten minutes, but several exports fail.
            wait_for(lambda: waiting() >= 4, "exports wait for the collector", 180)
            with collector(network, tmp_path, port):
                wait_for(lambda: waiting() == 0, "what waited arrives", 180)
                known = ended(*traffic)
                after = network.counters()["rx_bytes"]
                there = exports(tmp_path)
                wait_for(lambda: exports(tmp_path) >= there + 2, "the end of the traffic is exported", 120)
                wait_for(lambda: len(received(tmp_path, "logs").records()) >= 1, "an event arrives", 120)
                listener.kill()
                listener.communicate(timeout=60)
                last = max(uplink(tmp_path), key=lambda each: each.at)
    _check_values(tmp_path, known, after - before, last)
    rate = (steady[-1].value - steady[0].value) / (steady[-1].at - steady[0].at) * 1e9
    assert rate == pytest.approx(SPEED, rel=0.01)
    _check_names(received(tmp_path, "metrics"))


def _check_values(directory: Path, known: int, counted: int, last: Point) -> None:
    points = sorted(uplink(directory), key=lambda each: each.at)
    assert len({each.at for each in points}) == len(points), "nothing is doubled"
    gaps = [(later.at - earlier.at) / 1e9 for earlier, later in itertools.pairwise(points)]
    assert max(gaps) < 1.5 * INTERVAL, "nothing is lost"
    assert points[0].value == 0
    assert {each.start for each in points} == {points[0].at}
    assert last.value == pytest.approx(counted, rel=0.01)
    assert last.value == pytest.approx(known, rel=0.01)
    # The processor forgets at a restart; within each run the first difference must be no counter since boot.
    deltas = uplink(directory, "deltas")
    assert sum(each.value for each in deltas) <= last.value
    assert max(each.value for each in deltas) < 1.5 * SPEED * INTERVAL


def _check_names(found: Collector) -> None:
    kinds = {each.name: ("gauge" if each.kind is Kind.GAUGE else "sum", each.unit) for each in INSTRUMENTS}
    kinds |= {name: ("counter", unit) for name, unit in COUNTER_UNITS.items()}
    kinds["process.network.io"] = "counter", "By"
    points = found.points()
    for each in points:
        assert (each.kind, each.unit) == kinds[each.name], each.name
    names = {each.name for each in points}
    for expected in ("system.network.io", "system.network.packet.count", "process.network.io", "system.memory.usage"):
        assert expected in names
    resource = values(found.metrics[0]["resource"]["attributes"])
    assert resource["service.name"] == "netwatch-tray"
    assert resource["host.name"] == socket.gethostname()
