"""Every number that `netwatch-tray snapshot` prints lies between those other programs report before and after."""

from __future__ import annotations

import json
import os
import platform
import pwd
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import pytest
from ingest_server import SCHEMA
from json_schema import faults
from networks import FAR, NEAR, PACED_SENDER, RECEIVER, Wire, inside, wire
from uploading import needs_root_file_system, wait_for

from netwatch_tray import paths, settings_writer
from netwatch_tray.settings import Settings

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="namespaces")

SPEED = 2_000_000
KNOWN = 123_456
"""Bytes transferred over a connection that is still open."""

HOLDER = """
import socket, sys
with socket.create_server((sys.argv[1], 7777)) as listener:
    print("ready", flush=True)
    connection, _ = listener.accept()
    connection.sendall(bytes(int(sys.argv[2])))
    sys.stdin.read()
"""
HELD = """
import socket, sys
with socket.create_connection((sys.argv[1], 7777)) as connection:
    left = int(sys.argv[2])
    while left:
        left -= len(connection.recv(left))
    print("ready", flush=True)
    sys.stdin.read()
"""


class Sources(NamedTuple):
    """The numbers as other programs and the kernel report them."""

    at: float
    link: dict[str, dict[str, int]]
    states: Counter[str]
    memory: Any
    swap: Any
    disk: Any
    moved: tuple[int, int]
    uptime: float
    load: tuple[float, float, float]


def look(network: Wire) -> Sources:
    (link,) = json.loads(network.run(network.near, "ip", "-json", "-stats", "link", "show", "uplink"))
    lines = network.run(network.near, "ss", "-H", "-t", "-a", "-n").splitlines()
    disks = [
        counters
        for name, counters in psutil.disk_io_counters(perdisk=True).items()
        if Path(f"/sys/block/{name}").exists() and not name.startswith(("loop", "ram", "zram", "dm-", "md", "sr", "fd"))
    ]
    return Sources(
        at=time.time(),
        link=link["stats64"],
        states=Counter(line.split()[0] for line in lines),
        memory=psutil.virtual_memory(),
        swap=psutil.swap_memory(),
        disk=shutil.disk_usage("/"),
        moved=(sum(each.read_bytes for each in disks), sum(each.write_bytes for each in disks)),
        uptime=float(Path("/proc/uptime").read_text().split()[0]),
        load=os.getloadavg(),
    )


class Found(NamedTuple):
    before: Sources
    body: dict[str, Any]
    after: Sources
    receiver: int
    """PID of the process that receives continuously."""
    held: int
    """PID of the process that received KNOWN bytes once."""

    @property
    def snapshot(self) -> dict[str, Any]:
        (found,) = self.body["snapshots"]
        assert isinstance(found, dict)
        return found


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Found]:
    """Return a snapshot at the highest level, made in a network with a process that receives at a known rate."""
    home = tmp_path_factory.mktemp("home")
    with wire() as network, pytest.MonkeyPatch.context() as patch:
        for name in ("HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR"):
            patch.setenv(name, str(home))
        network.run(network.near, "sysctl", "-qw", "net.ipv4.ping_group_range=0 2147483647")
        settings_writer.change(paths.settings_file(), lambda _: Settings(health=True))
        holder = network.python(network.far, HOLDER, FAR, str(KNOWN))
        sender = network.python(network.far, PACED_SENDER, FAR, "7778", str(SPEED), "3600")
        for each in (holder, sender):
            assert each.stdout is not None
            assert each.stdout.readline() == "ready\n"
        held = network.python(network.near, HELD, FAR, str(KNOWN))
        receiver = network.python(network.near, RECEIVER, FAR, "7778")
        processes = [holder, sender, held, receiver]
        try:
            assert held.stdout is not None
            assert held.stdout.readline() == "ready\n"
            wait_for(lambda: look(network).states["ESTAB"] == 2, "both are connected")
            before = look(network)
            program = [sys.executable, "-m", "netwatch_tray", "snapshot", "--level", "connections"]
            done = subprocess.run(
                [*inside(network.near), *program], capture_output=True, text=True, timeout=120, check=False
            )
            assert done.returncode == 0, done.stderr
            yield Found(before, json.loads(done.stdout), look(network), receiver.pid, held.pid)
        finally:
            for process in processes:
                process.kill()
                process.communicate()


def test_snapshot_is_valid_by_the_documented_schema(found: Found) -> None:
    assert faults(found.body, json.loads(SCHEMA.read_text())) == []


def test_interfaces_agree_with_iproute(found: Found) -> None:
    (uplink,) = found.snapshot["interfaces"]
    assert (uplink["name"], uplink["is_up"]) == ("uplink", True)
    for way in ("rx", "tx"):
        before, after = found.before.link[way], found.after.link[way]
        for ours, theirs in (("bytes", "bytes"), ("packets", "packets"), ("errors", "errors"), ("drops", "dropped")):
            assert before[theirs] <= uplink[f"{way}_{ours}"] <= after[theirs], (way, ours)
        assert 0 < uplink[f"{way}_bytes_delta"] <= after["bytes"] - before["bytes"]
        assert uplink[f"{way}_history"] == [round(uplink[f"{way}_rate"])]
    elapsed = uplink["rx_bytes_delta"] / uplink["rx_rate"]
    assert uplink["tx_bytes_delta"] / uplink["tx_rate"] == pytest.approx(elapsed)
    assert 2.0 <= elapsed <= found.after.at - found.before.at


def test_connections_agree_with_ss(found: Found) -> None:
    snapshot = found.snapshot
    assert found.before.states == found.after.states
    assert snapshot["connection_count"] == found.before.states["ESTAB"] == 2
    assert snapshot["tcp_time_wait"] == found.before.states["TIME-WAIT"]
    assert snapshot["tcp_close_wait"] == found.before.states["CLOSE-WAIT"]
    held, receiving = (
        next(each for each in snapshot["connections"] if each["remote_addr"] == f"{FAR}:{port}")
        for port in (7777, 7778)
    )
    assert held["local_addr"].startswith(f"{NEAR}:")
    assert (held["protocol"], held["state"], held["pid"]) == ("TCP", "ESTABLISHED", found.held)
    assert (held["rx_bytes"], held["tx_bytes"]) == (KNOWN, 0)
    assert 0 < held["kernel_rtt_us"] < 1e6
    assert receiving["pid"] == found.receiver
    assert found.snapshot["interfaces"][0]["rx_bytes_delta"] < receiving["rx_bytes"] < found.after.link["rx"]["bytes"]


def test_processes_agree_with_proc(found: Found) -> None:
    processes = {each["pid"]: each for each in found.snapshot["processes"]}  # itself too, where it asks for DNS
    one, other = processes[found.receiver], processes[found.held]
    expected = psutil.Process(found.receiver)
    assert (one["process_name"], one["ppid"]) == (expected.name(), os.getpid())
    assert (one["user"], one["cmd"]) == (pwd.getpwuid(os.getuid()).pw_name, expected.exe())
    assert one["connection_count"] == other["connection_count"] == 1
    assert 0 < one["rx_bytes"] < found.after.link["rx"]["bytes"] - found.before.link["rx"]["bytes"]
    assert one["rx_rate"] == pytest.approx(SPEED, rel=0.5)
    assert 1.5 < one["rx_bytes"] / one["rx_rate"] < found.after.at - found.before.at
    assert (other["rx_bytes"], other["tx_bytes"], other["rx_rate"]) == (0, 0, 0.0)
    memory = expected.memory_info()
    assert one["mem_rss_bytes"] == pytest.approx(memory.rss, rel=0.3)
    assert one["mem_virt_bytes"] == pytest.approx(memory.vms, rel=0.3)
    assert one["state"] in {"R", "S"}
    assert datetime.fromisoformat(one["started_at"]).timestamp() == pytest.approx(expected.create_time(), abs=1.5)


def test_system_numbers_agree_with_psutil(found: Found) -> None:
    system, before, after = found.snapshot["system"], found.before, found.after
    assert system["memory_total_bytes"] == before.memory.total
    assert system["memory_used_bytes"] == system["memory_total_bytes"] - system["memory_available_bytes"]
    assert system["memory_available_bytes"] == pytest.approx(after.memory.available, rel=0.1)
    assert system["swap_total_bytes"] == before.swap.total
    assert system["swap_used_bytes"] == pytest.approx(before.swap.used, abs=50e6)
    for minutes, *around in zip((1, 5, 15), before.load, after.load, strict=True):
        # On a busy machine it may be higher or lower than both for a while.
        assert min(around) * 0.75 - 1 <= system[f"load_avg_{minutes}m"] <= max(around) * 1.25 + 1
    assert 0 <= system["cpu_usage_pct"] <= 100
    assert len(system["cpu_per_core"]) == psutil.cpu_count()
    assert system["cpu_usage_pct"] == pytest.approx(sum(system["cpu_per_core"]) / len(system["cpu_per_core"]), abs=5)


@needs_root_file_system
def test_disks_agree_with_the_system(found: Found) -> None:
    (root,) = [each for each in found.snapshot["disk_usage"] if each["mount_point"] == "/"]
    assert root["total_bytes"] == found.before.disk.total
    assert root["used_bytes"] == pytest.approx(found.before.disk.used, rel=0.05)
    assert root["available_bytes"] == pytest.approx(found.before.disk.free, rel=0.05)
    usable = root["used_bytes"] + root["available_bytes"]
    assert root["usage_pct"] == round(100 * root["used_bytes"] / usable, 1)
    if found.snapshot["disk_io"] is not None:  # a container may have no disk
        moved = (found.snapshot["disk_io"]["read_bytes"], found.snapshot["disk_io"]["write_bytes"])
        for value, before, after in zip(moved, found.before.moved, found.after.moved, strict=True):
            assert before <= value <= after


def test_health_probe_reaches_the_gateway(found: Found) -> None:
    health = found.snapshot["health"]
    assert (health["gateway_ip"], health["gateway_loss_pct"]) == (FAR, 0.0)
    assert 0 < health["gateway_rtt_ms"] < 1000
    assert health["gateway_rtt_history"] == [health["gateway_rtt_ms"]]


def test_host_and_timestamp_are_current(found: Found) -> None:
    host, kernel = found.body["host"], platform.uname()
    assert (host["hostname"], host["kernel"], host["cpu_cores"]) == (kernel.node, kernel.release, os.cpu_count())
    assert host["os"] == platform.freedesktop_os_release()["PRETTY_NAME"]
    assert host["memory_total_bytes"] == found.before.memory.total
    assert int(found.before.uptime) <= host["uptime_secs"] <= found.after.uptime
    at = datetime.fromisoformat(found.snapshot["timestamp"])
    assert found.before.at <= at.timestamp() <= found.after.at
    assert at.tzinfo == UTC
