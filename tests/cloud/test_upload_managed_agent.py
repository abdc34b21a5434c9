"""The administrator's file at its real place, in a mount namespace of the test's own: agent and commands obey it."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import needs
import pytest
from ingest_server import KEY, IngestServer
from uploading import wait_for

from netwatch_tray import paths

PROGRAM = [sys.executable, "-m", "netwatch_tray"]
_IN_NAMESPACE = """
set -e
mount -t tmpfs -o mode=0755 tmpfs "$1"
mkdir "$1/upper" "$1/work"
mount -t overlay -o "lowerdir=/etc,upperdir=$1/upper,workdir=$1/work" overlay /etc
mkdir -m 0755 /etc/netwatch-tray
printf %s "$2" > /etc/netwatch-tray/settings.toml
chmod "$3" /etc/netwatch-tray/settings.toml
shift 3
exec "$@"
"""


class Machine:
    """A mount namespace with an administrator's file, in which one command is run at a time."""

    def __init__(self, directory: Path, text: str, mode: str = "0644") -> None:
        self._before = ["unshare", "--mount", "sh", "-c", _IN_NAMESPACE, "sh", str(directory), text, mode]
        directory.mkdir()

    def run(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        command = [*self._before, *PROGRAM, *arguments]
        return subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=60, check=False)

    def status(self) -> str:
        """Return what `status` prints, without its line breaks."""
        return " ".join(self.run("status").stdout.split())

    @contextmanager
    def agent(self) -> Iterator[None]:
        command = [*self._before, *PROGRAM, "agent", "--headless"]
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        try:
            wait_for(lambda: self.run("status").returncode == 0, "the agent listens")
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


@pytest.fixture(autouse=True)
def _allowed(tmp_path: Path) -> None:
    needs.root()
    needs.programs("unshare")
    trial = tmp_path / "trial"
    trial.mkdir()
    command = ["unshare", "--mount", "sh", "-c", _IN_NAMESPACE, "sh", str(trial), "", "0644", "true"]
    if subprocess.run(command, check=False, capture_output=True, timeout=60).returncode:
        pytest.skip("no overlay can be mounted here")


def test_an_agent_uploads_as_the_administrator_wants_once_it_has_a_key(tmp_path: Path) -> None:
    with IngestServer() as server:
        machine = Machine(
            tmp_path / "m", f'[upload]\non = true\nendpoint = "{server.url}"\nlevel = "system"\ninterval = 10\n'
        )
        with machine.agent():
            wait_for(lambda: "There is no API key" in machine.status(), "the agent misses the key")
            refused = machine.run("upload", "off")
            assert refused.returncode == 1
            assert refused.stderr == (
                "netwatch-tray: Set by your administrator in /etc/netwatch-tray/settings.toml: upload.on. "
                "You cannot change this.\n"
            )
            done = machine.run("upload", "setup", "--key-file", "-", stdin=KEY)
            assert (done.returncode, done.stderr) == (0, "")
            wait_for(lambda: len(server.stored()) > 0, "snapshots arrive without a restart", seconds=120)
        assert not paths.settings_file().exists()
        (first, *_others) = server.snapshots.values()
        assert first["system"] is not None
        assert "processes" not in first


def test_an_agent_sends_nothing_while_others_can_write_the_file(tmp_path: Path) -> None:
    with IngestServer() as server:
        text = f'[upload]\non = true\nendpoint = "{server.url}"\ninterval = 10\n'
        assert Machine(tmp_path / "m", text).run("upload", "setup", "--key-file", "-", stdin=KEY).returncode == 0
        machine = Machine(tmp_path / "open", text, "0666")
        with machine.agent():
            assert "must belong to root and be writable by root alone" in machine.status()
            assert machine.run("upload", "test").returncode == 1
        assert server.requests == []
    assert list((tmp_path / "open").iterdir()) == [], "the test's own mounts are gone"
