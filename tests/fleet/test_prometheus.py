"""The real Prometheus, with the recipe's own files, collects from a real agent over a wire."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import needs
import pytest
from desktop import wait_for
from networks import NEAR, PACED_SENDER, RECEIVER, Wire, inside, wire

from netwatch_tray import settings_writer
from netwatch_tray.settings import Metrics, Settings

RECIPE = Path(__file__).parents[2] / "packaging" / "fleet"
SPEED = 5_000_000
"""Bytes/s, of the known traffic."""
BURST = 50_000_000
"""Bytes, about, of the known amount."""

_FILES = 'system_device="/dev/sda1",system_filesystem_mountpoint="/",'
# What a collector serves of an agent that pushes OTLP: names and labels as its exporter for Prometheus makes them.
_HOST = (
    'host_arch="amd64",host_cpu_model_name="x",host_name="laptop",instance="fd98",job="netwatch-tray",os_type="linux",'
    'os_description="Debian",otel_scope_name="netwatch-tray",otel_scope_version="1",service_version="1",'
    'service_name="netwatch-tray"'
)
PUSHED = "".join(
    f"{name}{{{labels}{_HOST}}} {value}\n"
    for name, labels, value in (
        ("system_network_io_bytes_total", 'network_interface_name="wlan0",network_io_direction="receive",', 7000),
        ("system_network_io_bytes_total", 'network_interface_name="wlan0",network_io_direction="transmit",', 300),
        ("system_network_connection_count", 'network_connection_state="established",network_transport="tcp",', 4),
        ("system_cpu_utilization_ratio", "", 0.25),
        ("system_cpu_load_average_1m_ratio", "", 1.5),
        ("system_disk_io_bytes_total", 'disk_io_direction="read",', 10),
        ("system_disk_io_bytes_total", 'disk_io_direction="write",', 20),
        ("system_filesystem_usage_bytes", _FILES + 'system_filesystem_state="used",', 60),
        ("system_filesystem_usage_bytes", _FILES + 'system_filesystem_state="free",', 40),
        ("netwatch_link_rtt_seconds", 'netwatch_link_target="gateway",', 0.002),
        # These keep the names that they have.
        ("system_paging_usage_bytes", 'system_paging_state="used",', 1),
        ("system_paging_usage_bytes", 'system_paging_state="free",', 2),
        ("process_network_io_bytes_total", 'process_pid="7",network_io_direction="receive",', 3),
        ("process_network_io_bytes_total", 'process_pid="7",network_io_direction="transmit",', 4),
    )
)
COLLECTOR = """
import http.server, sys
text = sys.argv[1].encode()
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)
    def log_message(self, *_): ...
http.server.HTTPServer(("127.0.0.1", 8889), Handler).serve_forever()
"""
QUERY = """
import sys, urllib.request
with urllib.request.urlopen(sys.argv[1], timeout=60) as response:
    sys.stdout.write(response.read().decode())
"""


class Fleet(NamedTuple):
    """An agent in `network.near`; Prometheus and a stand-in for the collector in `network.far`."""

    network: Wire

    def get(self, url: str) -> str:
        """Return the response that a client on Prometheus's host gets."""
        return self.network.run(self.network.far, sys.executable, "-c", QUERY, url)

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Return the series with their labels (`metric`) and last `value`, a time and a number as text."""
        words = urllib.parse.urlencode({"query": expression})
        found = json.loads(self.get(f"http://127.0.0.1:9090/api/v1/query?{words}"))
        assert found["status"] == "success", found
        series: list[dict[str, Any]] = found["data"]["result"]
        return series

    def number(self, expression: str) -> float:
        (series,) = self.query(expression)
        return float(series["value"][1])


@contextmanager
def running(namespace: str, *command: str, **environment: str) -> Iterator[None]:
    process = subprocess.Popen(
        [*inside(namespace), *command], env={**os.environ, **environment}, stdout=subprocess.DEVNULL
    )
    try:
        yield
        assert process.poll() is None, f"{command[0]} ended"
    finally:
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    prometheus = needs.fleet_program("prometheus")
    directory = tmp_path_factory.mktemp("fleet")
    files = directory / "etc"
    files.mkdir()
    for name in ("prometheus.yml", "alerts.yml"):
        text = (RECIPE / name).read_text().replace("interval: 15s", "interval: 1s")
        (files / name).write_text(text)
    (files / "hosts.yml").write_text(f"- targets: ['{NEAR}:9464']\n")
    home = directory / "home"
    home.mkdir(mode=0o700)
    places = {
        name: str(home) for name in ("HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR", "XDG_DATA_HOME")
    }
    (home / "netwatch-tray").mkdir(mode=0o700)
    settings_writer.change(
        home / "netwatch-tray" / "settings.toml",
        lambda _: Settings(health=True, metrics=Metrics(on=True, address=NEAR)),
    )
    agent = [sys.executable, "-m", "netwatch_tray", "agent", "--headless"]
    server = [
        prometheus,
        f"--config.file={files / 'prometheus.yml'}",
        f"--storage.tsdb.path={directory / 'data'}",
        "--web.listen-address=127.0.0.1:9090",
        "--log.level=error",
    ]
    with wire() as network:
        made = Fleet(network)
        with (
            running(network.near, *agent, **places),
            running(network.far, sys.executable, "-c", COLLECTOR, PUSHED),
            running(network.far, *server),
        ):
            wait_for(lambda: _is_collected(made), 60, "Prometheus has the agent's series")
            yield made


def _is_collected(made: Fleet) -> bool:
    try:
        return bool(made.query('up{job="netwatch"} == 1')) and bool(made.query("netwatch_link_rtt_seconds"))
    except AssertionError:
        return False


def test_promtool_finds_no_fault_in_the_metrics_of_an_agent(fleet: Fleet) -> None:
    promtool = needs.fleet_program("promtool")
    text = fleet.get(f"http://{NEAR}:9464/metrics")
    assert "netwatch_link_rtt_seconds" in text
    done = subprocess.run(
        [promtool, "check", "metrics"], input=text, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_each_series_has_the_name_of_its_host_and_its_type(fleet: Fleet) -> None:
    series = fleet.query('netwatch_interface_transmit_bytes_total{job="netwatch"}')
    assert [each["metric"] for each in series] == [
        {
            "__name__": "netwatch_interface_transmit_bytes_total",
            "job": "netwatch",
            "instance": NEAR,
            "interface": "uplink",
        }
    ]
    known = json.loads(fleet.get("http://127.0.0.1:9090/api/v1/metadata"))["data"]
    for name, found in known.items():
        if name.startswith("netwatch_"):
            assert found[0]["type"] == ("counter" if name.endswith("_total") else "gauge"), name


def test_rates_and_amounts_equal_known_traffic(fleet: Fleet) -> None:
    network, counter = fleet.network, "netwatch_interface_transmit_bytes_total"

    def kernel() -> int:
        return network.counters()["tx_bytes"]

    def amount() -> float:
        return fleet.number(f'{counter}{{job="netwatch"}}')

    before = kernel()
    wait_for(lambda: amount() >= before, 60, "what was sent before is collected")
    first = amount()
    sent = _transfer(network, 8080, BURST, 1.0)
    wait_for(lambda: amount() - first >= sent, 60, "all of it is collected")
    assert amount() - first == pytest.approx(sent, rel=0.01)

    sender = network.python(network.near, PACED_SENDER, NEAR, "8081", str(SPEED), "600")
    try:
        assert sender.stdout is not None
        assert sender.stdout.readline() == "ready\n"
        receiver = network.python(network.far, RECEIVER, NEAR, "8081")
        try:
            expression = (
                f'rate({counter}{{job="netwatch"}}[1m])'  # the ticks of a busy machine are late by parts of a second
            )
            wait_for(
                lambda: fleet.number(expression) == pytest.approx(SPEED, rel=0.01),
                240,
                "the rate is that of the traffic",
            )
        finally:
            receiver.kill()
            receiver.communicate()
    finally:
        sender.kill()
        sender.communicate()


def _transfer(network: Wire, port: int, speed: int, seconds: float) -> int:
    """Return how many bytes were sent and received."""
    sender = network.python(network.near, PACED_SENDER, NEAR, str(port), str(speed), str(seconds))
    assert sender.stdout is not None
    assert sender.stdout.readline() == "ready\n"
    receiver = network.python(network.far, RECEIVER, NEAR, str(port))
    sent, received = (int(each.communicate(timeout=120)[0]) for each in (sender, receiver))
    assert sent == received
    return sent


def test_each_query_of_the_dashboard_returns_series(fleet: Fleet) -> None:
    dashboard = json.loads((RECIPE / "grafana" / "netwatch.json").read_text())
    expressions = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", ())]
    assert len(expressions) > 20
    for expression in expressions:
        text = expression
        for name, value in {"$__rate_interval": "30s", "$__range": "1m", "$instance": ".*"}.items():
            text = text.replace(name, value)
        assert "$" not in text
        wait_for(lambda text=text: bool(fleet.query(text)), 60, f"series of {expression}")


def test_hosts_that_push_otlp_have_the_same_series(fleet: Fleet) -> None:
    laptop = '{instance="laptop"}'
    wait_for(lambda: bool(fleet.query(f"netwatch_cpu_busy_ratio{laptop}")), 60, "the collector was read")
    found = {
        (each["metric"].pop("__name__"), *sorted(each["metric"].items())): each["value"][1]
        for each in fleet.query('{__name__=~".+",instance="laptop"}')
    }
    host, job = ("instance", "laptop"), ("job", "netwatch-otlp")
    root = ("device", "/dev/sda1"), host, job, ("mountpoint", "/")
    assert found == {
        ("netwatch_interface_receive_bytes_total", host, ("interface", "wlan0"), job): "7000",
        ("netwatch_interface_transmit_bytes_total", host, ("interface", "wlan0"), job): "300",
        ("netwatch_tcp_connections", host, job, ("state", "established")): "4",
        ("netwatch_cpu_busy_ratio", host, job): "0.25",
        ("netwatch_load1", host, job): "1.5",
        ("netwatch_disk_read_bytes_total", host, job): "10",
        ("netwatch_disk_written_bytes_total", host, job): "20",
        ("netwatch_filesystem_used_bytes", *root): "60",
        ("netwatch_filesystem_available_bytes", *root): "40",
        ("netwatch_link_rtt_seconds", host, job, ("target", "gateway")): "0.002",
        ("system_paging_usage_bytes", host, job, ("system_paging_state", "used")): "1",
        ("system_paging_usage_bytes", host, job, ("system_paging_state", "free")): "2",
        ("process_network_io_bytes_total", host, job, ("network_io_direction", "receive"), ("process_pid", "7")): "3",
        ("process_network_io_bytes_total", host, job, ("network_io_direction", "transmit"), ("process_pid", "7")): "4",
    }


def test_prometheus_accepts_the_files_of_the_recipe() -> None:
    promtool = needs.fleet_program("promtool")
    for kind, name in (("config", "prometheus.yml"), ("rules", "alerts.yml")):
        done = subprocess.run(
            [promtool, "check", kind, RECIPE / name], capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_docker_compose_accepts_the_file_of_the_recipe(tmp_path: Path) -> None:
    files = [each for each in RECIPE.iterdir() if each.suffix != ".py"]
    for each in files:
        (shutil.copytree if each.is_dir() else shutil.copy)(each, tmp_path / each.name)
    shutil.copy(RECIPE / "fleet.env.example", tmp_path / "fleet.env")
    compose = next((each for each in (["docker", "compose"], ["docker-compose"]) if _runs(each)), None)
    if compose is None:
        pytest.skip("not installed: docker compose")
    done = subprocess.run(
        [*compose, "--env-file", "fleet.env", "config", "--quiet"],
        cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def _runs(compose: list[str]) -> bool:
    try:
        return subprocess.run([*compose, "version"], capture_output=True, timeout=60, check=False).returncode == 0
    except OSError:
        return False
