"""Programs that run for two seconds, without a client and without privileges: each gets its bytes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import nobody
import pytest
from networks import FAR, Wire, inside as enter, wire

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="needs Linux"),
    pytest.mark.skipif(sys.platform == "linux" and os.geteuid() != 0, reason="needs root to make namespaces"),
]

COUNT, SIZE = 30, 1_000_000
_DEADLINE = 60.0

_SERVER = """
import socket, sys, threading, time
listener = socket.create_server((sys.argv[1], 9100), backlog=64)
def serve(connection):
    with connection:
        for part in range(20):
            connection.sendall(bytes(int(sys.argv[2]) // 20))
            time.sleep(0.1)
print("ready", flush=True)
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
"""
_BECOME_NOBODY = """
import os, sys
os.setgroups([]); os.setresgid(65534, 65534, 65534); os.setresuid(65534, 65534, 65534)
# Either may be in a home nobody else can read.
choices = sys.executable, "{}/bin/python{}.{}".format(sys.base_exec_prefix, *sys.version_info)
python = next((each for each in choices if os.access(each, os.X_OK)), sys.executable)
os.execv(python, [python, *sys.argv[1:]])
"""
_PROGRAM = """
import socket, sys
with socket.create_connection((sys.argv[1], 9100)) as connection:
    while connection.recv(1 << 16):
        pass
"""


@pytest.fixture
def link() -> Iterator[Wire]:
    with wire() as made:
        yield made


def apps(link: Wire, environment: dict[str, str]) -> dict[str, dict[str, int]]:
    command = [*enter(link.near), *nobody.subcommand("apps", "--json")]
    done = subprocess.run(command, env=environment, cwd="/", capture_output=True, text=True, check=False, timeout=60)
    if done.returncode:
        return {}
    return {app["name"]: app for app in json.loads(done.stdout.splitlines()[-1])["apps"]}


@pytest.fixture
def home() -> Iterator[Path]:
    """Yield a home directory that the unprivileged user can reach."""
    with tempfile.TemporaryDirectory(dir="/tmp") as made:
        os.chown(made, nobody.UID, nobody.UID)
        yield Path(made)


def test_programs_that_run_two_seconds_are_found_as_owners(link: Wire, home: Path) -> None:
    names = ("HOME", "XDG_RUNTIME_DIR", "XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME")
    root = str(Path(__file__).parents[2])
    environment = {**os.environ, **dict.fromkeys(names, str(home)), "PYTHONPATH": root}
    with ExitStack() as undo:

        def start(*command: str, namespace: str, **more: Any) -> subprocess.Popen[str]:
            made: subprocess.Popen[str] = subprocess.Popen([*enter(namespace), *command], text=True, **more)
            undo.callback(made.wait)
            undo.callback(made.kill)
            return made

        server = start(*(sys.executable, "-c", _SERVER, FAR, str(SIZE)), namespace=link.far, stdout=subprocess.PIPE)
        assert server.stdout
        undo.enter_context(server.stdout)
        assert server.stdout.readline() == "ready\n"
        start(*nobody.subcommand("agent", "--headless"), namespace=link.near, env=environment, cwd="/")
        deadline = time.monotonic() + _DEADLINE
        while not (home / "netwatch-tray" / "feed").exists() and not apps(link, environment):
            assert time.monotonic() < deadline, "the agent starts"
            time.sleep(0.5)
        programs = []
        for number in range(COUNT):
            script = home / f"job{number}.py"
            script.write_text(_PROGRAM)
            programs.append(start(sys.executable, "-c", _BECOME_NOBODY, str(script), FAR, namespace=link.near))
            time.sleep(0.21)
        for program in programs:
            assert program.wait(_DEADLINE) == 0
        total: dict[str, dict[str, int]] = {}
        while sum(app["rx_bytes"] for app in total.values()) < COUNT * (SIZE - 1):
            assert time.monotonic() < deadline + 2 * _DEADLINE, total
            total = apps(link, environment)
        named = [app for name, app in total.items() if name.startswith("job") and app["rx_bytes"] >= SIZE - 1]
        assert len(named) >= 0.9 * COUNT, total
        assert sum(app["rx_bytes"] for app in total.values()) <= COUNT * SIZE
