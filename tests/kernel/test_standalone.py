"""What the subcommands measure without an agent, in real namespaces."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from networks import FAR, PACED_SENDER, RECEIVER, Wire, inside, wire

HOST, CONTAINER = "172.17.0.1", "172.17.0.2"
SPEED = 100_000
"""Bytes per second of each transfer."""


@pytest.fixture
def link() -> Iterator[Wire]:
    """Make a wire whose near end also has a bridge with a container: the far namespace, by another address."""
    with wire() as made:
        for command in (
            "ip link add docker0 type bridge",
            f"ip address add {HOST}/16 dev docker0",
            f"ip link add veth0 master docker0 type veth peer name container netns {made.far}",
            "ip link set docker0 up",
            "ip link set veth0 up",
        ):
            made.run(made.near, *command.split())
        made.run(made.far, "ip", "address", "add", f"{CONTAINER}/16", "dev", "container")
        made.run(made.far, "ip", "link", "set", "container", "up")
        yield made


@contextmanager
def transfer(link: Wire, address: str) -> Iterator[None]:
    """Transfer data from the far end to a program of the near end meanwhile."""
    with ExitStack() as undo:
        sender = link.python(link.far, PACED_SENDER, address, "5200", str(SPEED), "60")
        undo.callback(sender.communicate)
        undo.callback(sender.kill)
        assert sender.stdout is not None
        assert sender.stdout.readline() == "ready\n"
        receiver = link.python(link.near, RECEIVER, address, "5200")
        undo.callback(receiver.communicate)
        undo.callback(receiver.kill)
        yield


def apps(link: Wire, directory: Path) -> dict[str, object]:
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("XDG_")},
        **{f"XDG_{name}": str(directory / name) for name in ("RUNTIME_DIR", "STATE_HOME", "CONFIG_HOME", "DATA_HOME")},
    }
    command = [*inside(link.near), sys.executable, "-m", "netwatch_tray", "apps", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    found: dict[str, object] = json.loads(done.stdout)
    return found


def test_bytes_of_a_container_are_not_counted_as_the_uplinks(link: Wire, tmp_path: Path) -> None:
    with transfer(link, CONTAINER):
        found = apps(link, tmp_path)
    (app,) = (each for each in found["apps"] if each["local_rx_bytes"])  # type: ignore[attr-defined]  # JSON
    assert app["rx_bytes"] == 0
    assert app["local_rx_bytes"] >= SPEED / 2
    assert found["tcp"] == [0, 0]
    assert found["local"][0] == app["local_rx_bytes"]  # type: ignore[index]  # JSON


def test_connection_bytes_over_the_uplink_are_not_counted_as_local(link: Wire, tmp_path: Path) -> None:
    with transfer(link, FAR):
        found = apps(link, tmp_path)
    (app,) = (each for each in found["apps"] if each["rx_bytes"])  # type: ignore[attr-defined]  # JSON
    assert app["rx_bytes"] == found["tcp"][0] >= SPEED / 2  # type: ignore[index]  # JSON
    assert found["uplink"][0] > SPEED / 2  # type: ignore[index]  # JSON
    assert found["local"] == [0, 0]
