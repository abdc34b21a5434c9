"""Networks for tests: two namespaces and a wire between them. Needs root."""

from __future__ import annotations

import ctypes
import itertools
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import needs

_numbers = itertools.count()
_CLONE_NEWNET = 0x40000000

NEAR, FAR = "192.0.2.1", "192.0.2.2"
NEAR6, FAR6 = "2001:db8::1", "2001:db8::2"


class Addresses(NamedTuple):
    """The addresses of the two ends of a wire."""

    near: str = NEAR
    far: str = FAR
    near6: str = NEAR6
    far6: str = FAR6


_USUAL = Addresses()


def inside(namespace: str) -> list[str]:
    """Return the words that make a command run in a namespace. Unlike `ip netns exec` they work in a chroot as well,
    and do not change /sys, which continues to show the namespace in which it was mounted."""
    return ["nsenter", f"--net=/run/netns/{namespace}"]


@contextmanager
def entered(namespace: str) -> Iterator[None]:
    """Put new sockets of this thread into the namespace meanwhile."""
    libc = ctypes.CDLL(None, use_errno=True)
    with Path("/proc/thread-self/ns/net").open() as back, Path(f"/run/netns/{namespace}").open() as target:
        assert libc.setns(target.fileno(), _CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())
        try:
            yield
        finally:
            assert libc.setns(back.fileno(), _CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())


class Wire(NamedTuple):
    """Two namespaces. `uplink` in `near` is connected to `peer` in `far`, and has the default routes of `near`."""

    near: str
    far: str

    def run(self, namespace: str, *command: str) -> str:
        """Run a command in one of the namespaces. Return what it printed; fail with its error message."""
        done = subprocess.run([*inside(namespace), *command], capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
        return done.stdout

    def python(self, namespace: str, code: str, *arguments: str) -> subprocess.Popen[str]:
        """Start a Python program in one of the namespaces, with pipes to its input and output."""
        return subprocess.Popen(
            [*inside(namespace), sys.executable, "-c", code, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def counters(self, name: str = "uplink") -> dict[str, int]:
        """Return the counters of an interface in `near`, as iproute2 reports them: `rx_bytes`, `tx_bytes` …"""
        (link,) = json.loads(self.run(self.near, "ip", "-json", "-stats", "link", "show", name))
        found = link["stats64"]
        return {f"{way}_{field}": found[way][field] for way in ("rx", "tx") for field in ("bytes", "packets", "errors")}


@contextmanager
def wire(*, default_route: bool = True, addresses: Addresses = _USUAL) -> Iterator[Wire]:
    """Make a wire. It is removed afterwards, with everything that uses it."""
    needs.root()
    needs.programs("ip", "nsenter")
    number = f"{os.getpid()}-{next(_numbers)}"
    made = Wire(f"nwt-near-{number}", f"nwt-far-{number}")
    for namespace in made:
        subprocess.run(["ip", "netns", "add", namespace], check=True)
    try:
        # Jumbo frames, so that headers are a fraction of a percent of what is sent.
        made.run(
            made.near,
            *("ip", "link", "add", "uplink", "mtu", "65000", "type", "veth"),
            *("peer", "name", "peer", "mtu", "65000", "netns", made.far),
        )
        for namespace, name, four, six in (
            (made.near, "uplink", addresses.near, addresses.near6),
            (made.far, "peer", addresses.far, addresses.far6),
        ):
            made.run(namespace, "ip", "link", "set", "lo", "up")
            made.run(namespace, "ip", "address", "add", f"{four}/24", "dev", name)
            made.run(namespace, "ip", "address", "add", f"{six}/64", "dev", name, "nodad")
            made.run(namespace, "ip", "link", "set", name, "up")
        for namespace, name in ((made.near, "uplink"), (made.far, "peer")):
            await_carrier(made, namespace, name)
        if default_route:
            made.run(made.near, "ip", "route", "add", "default", "via", addresses.far)
            made.run(made.near, "ip", "-6", "route", "add", "default", "via", addresses.far6)
        yield made
    finally:
        for namespace in made:
            subprocess.run(["ip", "netns", "delete", namespace], check=True)


def await_carrier(made: Wire, namespace: str, name: str) -> None:
    """Wait until IPv6 has a route over the link; the kernel notices a moment after both ends are up."""
    deadline = time.monotonic() + 30
    while json.loads(made.run(namespace, "ip", "-json", "link", "show", name))[0]["operstate"] != "UP":
        assert time.monotonic() < deadline, f"{name} has no carrier"
        time.sleep(0.01)


PACED_SENDER = """
import socket, sys, time
address, port, speed, seconds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
listener = socket.create_server((address, port), family=socket.AF_INET6 if ":" in address else socket.AF_INET)
print("ready", flush=True)
connection, _ = listener.accept()
start, sent = time.monotonic(), 0
while (now := time.monotonic() - start) < seconds:
    due = int(now * speed) - sent
    connection.sendall(bytes(due))
    sent += due
    time.sleep(0.005)
connection.close()
print(sent, flush=True)
"""
"""Address, port, bytes/s, seconds: sends at that speed to the client that connects, then prints the number of bytes."""

RECEIVER = """
import socket, sys
with socket.create_connection((sys.argv[1], int(sys.argv[2]))) as connection:
    received = 0
    while data := connection.recv(1 << 20):
        received += len(data)
print(received, flush=True)
"""
"""Address, port: receives to the end, then prints the number of bytes."""

LISTENER = """
import socket, sys
with socket.create_server(("", int(sys.argv[1]))):
    print("listens", flush=True)
    sys.stdin.read()
"""
"""Port: listens on all addresses until its input ends."""

SERVER = """
import select, socket, sys
times = int(sys.argv[2])
listeners = [socket.create_server((sys.argv[1], port)) for port in map(int, sys.argv[3:])]
connections = []
print("ready", flush=True)
while True:
    for each in select.select(listeners + connections, [], [])[0]:
        if each in listeners:
            connections.append(each.accept()[0])
            continue
        try:
            data = each.recv(1 << 20)
            if 0 < len(data) < 1000:
                each.send(data * times)
        except OSError:
            data = b""
        if not data:
            connections.remove(each)
            each.close()
"""
"""Address, factor, ports: answers what is short with that many times as much, takes the rest."""
