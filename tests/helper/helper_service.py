"""The helper as a process of its own, and sockets in network namespaces whose traffic it counts."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import needs
import pytest
from networks import Wire, entered

import netwatch_tray.helper
from netwatch_tray.collect.helper_client import HelperClient
from netwatch_tray.collect.helper_readings import Amount, Flow, Reading
from netwatch_tray.collect.namespaces import has_system_pids
from netwatch_tray.helper import bpf, probes

DIRECTORY = Path(netwatch_tray.helper.__file__).parent
PATIENCE = 20.0

_SO_RCVBUFFORCE, _SO_SNDBUFFORCE, _SO_COOKIE = 33, 32, 57


def need_ebpf() -> None:
    """Skip the test if the kernel does not permit this process to attach programs."""
    needs.root()
    try:
        probes.attach().close()
    except probes.UnavailableError as reason:
        pytest.skip(str(reason))


def need_system_pids() -> None:
    """Skip the test in a PID namespace, where nobody can tell which process made a socket."""
    if not has_system_pids():
        pytest.skip("needs the system's own PIDs: this is a PID namespace")


def python() -> str:
    """Return the system's interpreter, which an installed helper uses, if it is new enough."""
    found = "/usr/bin/python3"
    is_new = "import sys; sys.exit(sys.version_info < (3, 11))"
    if Path(found).exists() and subprocess.run([found, "-I", "-c", is_new], check=False).returncode == 0:
        return found
    return sys.executable


@contextmanager
def reachable_copy() -> Iterator[Path]:
    """Copy the helper's code to a directory that every user can read."""
    with tempfile.TemporaryDirectory(dir="/tmp") as made:
        Path(made).chmod(0o755)
        code = Path(made) / "helper"
        shutil.copytree(DIRECTORY, code, ignore=shutil.ignore_patterns("__pycache__"))
        yield code


class Service:
    """A process with the helper. Its socket is in the directory of the code."""

    def __init__(self, code: Path, *users: int) -> None:
        self._code = code
        self.path = code.with_name("socket")
        self._users = users
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._listener.bind(str(self.path))
        self._listener.listen(128)
        self.path.chmod(0o666)
        self.process = self._spawn()

    def _spawn(self) -> subprocess.Popen[bytes]:
        command = [python(), "-I", "-S", "-B", str(self._code), *map(str, self._users)]
        return subprocess.Popen(command, stdin=self._listener.fileno())

    def restart_if_ended(self) -> None:
        """Start it again, as systemd does when a client connects. It ends after five seconds without a client, and
        beside busy processes a client may start later than that."""
        if self.process.poll() is not None:
            self.process = self._spawn()

    def client(self) -> HelperClient:
        return HelperClient(str(self.path))

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self._listener.close()


@contextmanager
def service(*users: int) -> Iterator[Service]:
    need_ebpf()
    with reachable_copy() as code:
        running = Service(code, *users)
        try:
            yield running
        finally:
            running.close()


def read(client: HelperClient) -> Reading:
    reading = client.read(PATIENCE)
    assert reading is not None, client.reason
    return reading


def sums(amounts: Mapping[Flow, Amount], of: socket.socket) -> tuple[int, int, int, int, int]:
    """Return bytes received and sent, datagrams received and sent, and number of flows of a socket."""
    mine = [amount for flow, amount in amounts.items() if flow.cookie == cookie(of)]
    return (
        sum(each.rx_bytes for each in mine),
        sum(each.tx_bytes for each in mine),
        sum(each.rx_datagrams for each in mine),
        sum(each.tx_datagrams for each in mine),
        len(mine),
    )


def cookie(of: socket.socket) -> int:
    found: int = struct.unpack("=Q", of.getsockopt(socket.SOL_SOCKET, _SO_COOKIE, 8))[0]
    return found


def make(namespace: str | None, family: int, kind: int, address: str = "", port: int = 0) -> socket.socket:
    """Return a bound socket in a network namespace, or in that of the test if it is None. Its buffers hold all that a
    test sends."""
    with contextlib.nullcontext() if namespace is None else entered(namespace):
        made = socket.socket(family, kind)
    made.settimeout(PATIENCE)
    for option in (_SO_RCVBUFFORCE, _SO_SNDBUFFORCE):
        made.setsockopt(socket.SOL_SOCKET, option, 32 << 20)
    made.bind((address, port))
    return made


def receive(at: socket.socket, size: int) -> None:
    """Receive until this many bytes have arrived."""
    while size > 0:
        size -= len(at.recv(1 << 16))
    assert size == 0


def programs_of(pid: int) -> set[int]:
    """Return the IDs of the eBPF programs that a process has open."""
    shown = (file.read_text() for file in Path(f"/proc/{pid}/fdinfo").iterdir())
    return {int(line.split()[1]) for text in shown for line in text.splitlines() if line.startswith("prog_id:")}


def attached() -> set[int]:
    """Return the IDs of the programs that are attached to the root of the control groups, by this test or others."""
    directory = os.open(probes.root_cgroup(), os.O_RDONLY | os.O_DIRECTORY)
    try:
        places = bpf.INGRESS, bpf.EGRESS, bpf.SOCK_CREATE, bpf.CGROUP_SOCK_OPS
        return {program for place in places for program in bpf.attached(directory, place)}
    finally:
        os.close(directory)


def use_small_frames(link: Wire) -> None:
    """Set the MTU to 1500 bytes, so that larger datagrams are fragmented."""
    link.run(link.near, "ip", "link", "set", "uplink", "mtu", "1500")
    link.run(link.far, "ip", "link", "set", "peer", "mtu", "1500")
