"""Real traffic between two network namespaces: each kind of event is found, and no other."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from detecting import SCAN, watching
from networks import FAR, NEAR, SERVER, Wire, wire

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux")


_BEACON = """
import random, socket, sys, time
chance, due = random.Random(1), time.monotonic()
while True:
    with socket.create_connection((sys.argv[1], 8443)) as made:
        made.send(b"still here")
        made.recv(1000)
    due += 5.2 * (1 + chance.uniform(-0.05, 0.05))
    time.sleep(max(0, due - time.monotonic()))
"""
_BROWSER = """
import random, socket, sys, time
chance, kept = random.Random(2), []
while True:
    for _ in range(chance.randrange(1, 6)):
        kept.append(socket.create_connection((sys.argv[1], 8000 + chance.randrange(8))))
        kept[-1].send(bytes(chance.randrange(1, 900)))
    for made in kept[: chance.randrange(len(kept))]:
        made.close()
        kept.remove(made)
    time.sleep(chance.expovariate(1))
"""
"""Opens several connections at a time to a few servers, and closes them whenever."""
_UPLOAD = """
import socket, sys, time
with socket.create_connection((sys.argv[1], 8001)) as made:
    for _ in range(200):
        made.sendall(bytes(1_000_000))
        time.sleep(0.02)
"""


@contextmanager
def running(link: Wire, namespace: str, code: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    process = link.python(namespace, code, *arguments)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@contextmanager
def server(link: Wire) -> Iterator[None]:
    with running(link, link.far, SERVER, FAR, "9", *map(str, [*range(8000, 8008), 8443])) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield


@pytest.fixture
def link() -> Iterator[Wire]:
    with wire() as made:
        yield made


def test_scan_is_suspected_by_the_kernels_counters(link: Wire) -> None:
    with watching(link.near) as watched:
        watched.say("minute")
        watched.say("minute")
        link.run(link.far, sys.executable, "-c", SCAN, NEAR, "2000", "100")
        watched.say("minute")
        (scan,) = watched.settle()
    assert scan["type"] == "scan-suspected"
    assert scan["resets"] >= 100


def test_scanning_other_hosts_is_not_reported_as_scan_of_this_machine(link: Wire) -> None:
    with watching(link.near) as watched:
        watched.say("minute")
        watched.say("minute")
        link.run(link.near, sys.executable, "-c", SCAN, FAR, "2000", "100")
        link.run(link.near, sys.executable, "-c", SCAN, "127.0.0.1", "2000", "100")
        watched.say("minute")
        assert watched.settle() == []


def test_beacon_is_found_beside_a_browser(link: Wire) -> None:
    with (
        server(link),
        watching(link.near) as watched,
        running(link, link.near, _BROWSER, FAR),
        running(link, link.near, _BEACON, FAR),
    ):
        beacon = watched.wait_for("beacon")
        assert watched.settle() == [beacon]
    assert (beacon["host"], beacon["port"]) == (FAR, 8443)
    assert 4.5 < beacon["period"] < 6


def test_large_upload_of_an_app_that_usually_sends_little_is_found(link: Wire) -> None:
    with server(link), watching(link.near) as watched:
        watched.say("compare")
        link.run(link.near, sys.executable, "-c", _UPLOAD, FAR)
        upload = watched.wait_for("upload")
        assert watched.settle() == [upload]
    assert upload["sent"] > 100_000_000


def test_new_listener_is_found(link: Wire) -> None:
    listen = "import socket, sys, time; made = socket.create_server(('', 7777)); time.sleep(600)"
    local = "import socket, sys, time; made = socket.create_server(('127.0.0.1', 7776)); time.sleep(600)"
    with (
        watching(link.near) as watched,
        running(link, link.near, local),
        running(link, link.near, listen),
    ):
        listener = watched.wait_for("listener")
        assert watched.settle() == [listener]
    assert (listener["port"], listener["address"]) == (7777, "*")


def test_new_app_is_found(link: Wire) -> None:
    with server(link), watching(link.near) as watched:
        watched.say("know")
        with running(link, link.near, _BROWSER, FAR):
            app = watched.wait_for("new-app")
            assert watched.settle() == [app]
    assert app["host"] == FAR


def test_link_down_and_up_is_found(link: Wire) -> None:
    with server(link), watching(link.near) as watched, running(link, link.near, _BROWSER, FAR):
        watched.settle()
        link.run(link.near, "ip", "link", "set", "uplink", "down")
        lost = watched.wait_for("line")
        assert (lost["until"], lost["interfaces"]) == (None, ["uplink"])
        link.run(link.near, "ip", "link", "set", "uplink", "up")
        link.run(link.near, "ip", "route", "add", "default", "via", FAR)
        assert watched.settle(4) == [lost]
        assert watched.found[-1]["until"] is not None


def test_port_tried_on_many_hosts_is_found(link: Wire) -> None:
    code = """
import socket, sys, time
kept = []
for host in range(10, 40):
    kept.append(socket.socket())
    kept[-1].setblocking(False)
    kept[-1].connect_ex((f"203.0.113.{host}", 22))
time.sleep(600)
"""
    link.run(link.far, "ip", "route", "add", "blackhole", "203.0.113.0/24")
    with watching(link.near) as watched, running(link, link.near, code):
        sweep = watched.wait_for("scan")
        assert watched.settle() == [sweep]
    assert (sweep["inbound"], sweep["port"]) == (False, 22)
