"""Detectors with the helper: scans with their source, and names that carry data."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nobody
import pytest
from detecting import SCAN, WATCH, Watching, watching
from helper_service import Service, service
from networks import Addresses, Wire, inside, wire

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux")

_NETWORK = os.getpid() & 0xFFFF
_ADDRESSES = Addresses(near=f"10.{_NETWORK >> 8}.{_NETWORK & 0xFF}.1", far=f"10.{_NETWORK >> 8}.{_NETWORK & 0xFF}.2")
"""Of this test process alone, because the helper sees all network namespaces."""

_RESOLVER = """
import socket, sys
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind((sys.argv[1], 53))
print("ready", flush=True)
while True:
    query, peer = server.recvfrom(4096)
    code = b"\\x81\\x83" if b"missing" in query or b"tunnel" in query else b"\\x81\\x80"
    server.sendto(query[:2] + code + query[4:], peer)
"""
_ASK = """
import os, socket, sys
made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
made.settimeout(20)
made.connect((sys.argv[1], 53))
for number in range(int(sys.argv[3])):
    name = sys.argv[2].replace("*", os.urandom(15).hex()).replace("#", str(number))
    labels = b"".join(bytes([len(each)]) + each.encode() for each in name.split("."))
    made.send(number.to_bytes(2, "big") + b"\\1\\0\\0\\1" + bytes(6) + labels + b"\\0\\0\\1\\0\\1")
    made.recv(4096)
"""


@pytest.fixture
def helper() -> Iterator[Service]:
    with service(nobody.UID) as running:
        client = running.client()  # it ends five seconds after its last client, and beside busy processes WATCH is late
        yield running
        client.close()


@pytest.fixture
def link() -> Iterator[Wire]:
    with wire(addresses=_ADDRESSES) as made:
        yield made


def ask(link: Wire, name: str, count: int) -> None:
    resolver = link.python(link.far, _RESOLVER, _ADDRESSES.far)
    try:
        assert resolver.stdout is not None
        resolver.stdout.readline()
        command = [*inside(link.near), *nobody.python(_ASK, _ADDRESSES.far, name, str(count))]
        subprocess.run(command, check=True, cwd="/", env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])})
    finally:
        resolver.kill()
        resolver.communicate()


def settled(watched: Watching, seconds: float = 2.0) -> list[dict[str, Any]]:
    """Return findings without the scans of other tests, because every helper reports the refusals of all network
    namespaces."""
    return [
        each for each in watched.settle(seconds) if each["kind"] != "scan" or each["host"] in {None, _ADDRESSES.far}
    ]


def test_port_scan_is_reported_with_its_source(helper: Service, link: Wire) -> None:
    with watching(link.near, nobody.python(WATCH, str(helper.path))) as watched:
        watched.say("minute")
        watched.say("minute")
        link.run(link.far, sys.executable, "-c", SCAN, _ADDRESSES.near, "2000", "100")
        watched.wait_for("scan")
        watched.say("minute")
        (scan,) = settled(watched)
    assert (scan["type"], scan["inbound"], scan["is_local"]) == ("port-scan", True, True)
    assert scan["ports"] >= 20


def test_dns_tunnel_is_found(helper: Service, link: Wire) -> None:
    with watching(link.near, nobody.python(WATCH, str(helper.path))) as watched:
        ask(link, "*.t1.tunnel.example", 120)
        tunnel = watched.wait_for("dns-tunnel")
        assert settled(watched) == [tunnel]
    assert tunnel["host"] == "tunnel.example"


def test_nxdomain_storm_is_found(helper: Service, link: Wire) -> None:
    with watching(link.near, nobody.python(WATCH, str(helper.path))) as watched:
        ask(link, "missing#.example", 80)
        storm = watched.wait_for("nxdomain-storm")
        assert settled(watched) == [storm]


def test_ordinary_names_raise_no_finding(helper: Service, link: Wire) -> None:
    with watching(link.near, nobody.python(WATCH, str(helper.path))) as watched:
        ask(link, "www#.shop.example", 200)
        ask(link, "missing.example", 200)
        assert settled(watched, 4) == []
