"""The total in real namespaces: a transfer of known size moves it by exactly what the uplink carried, once."""

# Loops here end by break or by pytest.fail.
# mypy: disable-error-code="possibly-undefined"
from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import msgspec
import pytest
from networks import FAR, FAR6, NEAR, RECEIVER, Wire, await_carrier, inside, wire

from netwatch_tray.model import Tick, Why, WhyCode

SIZE = 3_000_017
PORT = 5300

MONITOR = """
import sys, msgspec
from netwatch_tray.collect.interfaces import open_interfaces
from netwatch_tray.engine.monitor import Monitor
monitor = Monitor(open_interfaces().source, 1e-6, {})  # the test decides when
for _ in sys.stdin:
    print(msgspec.json.encode(monitor.tick()).decode(), flush=True)
"""

SENDER = """
import socket, sys
address, port, size = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
listener = socket.create_server((address, port), family=socket.AF_INET6 if ":" in address else socket.AF_INET)
print("ready", flush=True)
connection, _ = listener.accept()
connection.sendall(bytes(size))
connection.shutdown(socket.SHUT_WR)
connection.recv(1)
"""

TUNNEL = """
import fcntl, os, select, socket, struct, sys
own, other = sys.argv[1], sys.argv[2]
device = os.open("/dev/net/tun", os.O_RDWR)
fcntl.ioctl(device, 0x400454CA, struct.pack("16sH", b"tun0", 0x1001))  # TUNSETIFF, IFF_TUN | IFF_NO_PI
carrier = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
carrier.bind((own, 5400))
print("ready", flush=True)
while True:
    for ready in select.select([device, carrier], [], [])[0]:
        if ready is device:
            carrier.sendto(os.read(device, 65535), (other, 5400))
        else:
            os.write(device, carrier.recv(65535))
"""
"""A VPN in a few lines: packets of tun0 travel in UDP datagrams between the two addresses."""


@contextlib.contextmanager
def running(process: subprocess.Popen[str]) -> Iterator[subprocess.Popen[str]]:
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


class Meter:
    """A monitor that runs in `near`."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def tick(self) -> Tick:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return msgspec.json.decode(self._process.stdout.readline(), type=Tick)


def download(network: Wire, near: str, address: str) -> None:
    """Transfer SIZE bytes from `address` in `far` to the namespace `near`."""
    with running(network.python(network.far, SENDER, address, str(PORT), str(SIZE))) as sender:
        assert sender.stdout is not None
        assert sender.stdout.readline() == "ready\n"
        with running(network.python(near, RECEIVER, address, str(PORT))) as receiver:
            received, _ = receiver.communicate(timeout=60)
            assert int(received) == SIZE
        sender.communicate(timeout=60)


def counted(network: Wire, near: str, address: str, uplinks: tuple[str, ...] = ("uplink",)) -> Tick:
    """Download, and check that the total grew by exactly the bytes of the uplinks. Return the tick."""
    with running(network.python(network.near, MONITOR)) as process:
        meter = Meter(process)
        for _ in range(5):
            before = meter.tick()
            download(network, near, address)
            after = meter.tick()
            kernel = [network.counters(name) for name in uplinks]
            rx, tx = carried(after, uplinks)
            if (rx, tx) == (sum(each["rx_bytes"] for each in kernel), sum(each["tx_bytes"] for each in kernel)):
                break  # else a straggler (an ACK, a neighbour's question) came between the two readings
        else:
            pytest.fail(f"the tick tells {rx}, {tx}, the kernel {kernel}")
    assert set(after.total.uplinks) == set(uplinks)
    assert after.interval_s is not None
    rx_before, tx_before = carried(before, uplinks)
    assert (after.total.rx_delta, after.total.tx_delta) == (rx - rx_before, tx - tx_before)
    if after.gap is None:  # else the download took seconds, across which there are no rates
        assert after.total.rx_rate == pytest.approx((rx - rx_before) / after.interval_s, rel=1e-12)
        assert after.total.tx_rate == pytest.approx((tx - tx_before) / after.interval_s, rel=1e-12)
    assert rx - rx_before > SIZE
    return after


def carried(tick: Tick, names: tuple[str, ...]) -> tuple[int, int]:
    found = [each for each in tick.interfaces if each.name in names]
    return sum(each.rx_bytes for each in found), sum(each.tx_bytes for each in found)


def why(tick: Tick) -> dict[str, Why]:
    return {each.name: each.why for each in tick.interfaces}


def test_total_counts_containers_behind_a_bridge_once(network: Wire) -> None:
    container = f"{network.near}-c"
    subprocess.run(["ip", "netns", "add", container], check=True)
    try:
        for command in (
            "link add br0 type bridge",
            "link set br0 up",
            "address add 198.51.100.1/24 dev br0",
            f"link add veth1 type veth peer name eth0 netns {container}",
            "link set veth1 master br0 up",
        ):
            network.run(network.near, "ip", *command.split())
        network.run(network.near, "sysctl", "-qw", "net.ipv4.ip_forward=1")
        network.run(network.far, "ip", "route", "add", "198.51.100.0/24", "via", NEAR)
        for command in (
            "address add 198.51.100.9/24 dev eth0",
            "link set eth0 up",
            "route add default via 198.51.100.1",
        ):
            network.run(container, "ip", *command.split())
        tick = counted(network, container, FAR)
        inside = next(each for each in tick.interfaces if each.name == "veth1")
        assert inside.tx_bytes > SIZE  # it did carry the transfer, and was not added
        assert why(tick)["br0"] == Why(WhyCode.INTERNAL, ("uplink",))
        assert why(tick)["veth1"] == Why(WhyCode.INTERNAL, ("uplink",))
    finally:
        subprocess.run(["ip", "netns", "delete", container], check=True)


def test_total_counts_vxlan_over_the_uplink_once(network: Wire) -> None:
    for namespace, device, remote, address in (
        (network.near, "uplink", FAR, "198.51.100.1/24"),
        (network.far, "peer", NEAR, "198.51.100.2/24"),
    ):
        network.run(namespace, *f"ip link add vx0 type vxlan id 7 dstport 4789 dev {device} remote {remote}".split())
        network.run(namespace, *f"ip address add {address} dev vx0".split())
        network.run(namespace, *"ip link set vx0 up".split())
    tick = counted(network, network.near, "198.51.100.2")
    assert next(each for each in tick.interfaces if each.name == "vx0").rx_bytes > SIZE
    assert why(tick)["vx0"] == Why(WhyCode.COUNTED_BELOW, ("uplink",))


def test_total_counts_vxlan_to_a_routed_peer_once(network: Wire) -> None:
    """The interface has no parent device: its underlay is that of the route to its peer."""
    for namespace, remote, address in ((network.near, FAR, "198.51.100.1/24"), (network.far, NEAR, "198.51.100.2/24")):
        network.run(namespace, *f"ip link add vx0 type vxlan id 7 dstport 4789 remote {remote}".split())
        network.run(namespace, *f"ip address add {address} dev vx0".split())
        network.run(namespace, *"ip link set vx0 up".split())
    network.run(network.near, *"ip route replace default dev vx0".split())
    network.run(network.near, *"ip -6 route delete default".split())
    tick = counted(network, network.near, "198.51.100.2")
    assert why(tick)["uplink"] == Why(WhyCode.UNDERLAY, ("vx0",))
    assert why(tick)["vx0"] == Why(WhyCode.COUNTED_BELOW, ("uplink",))


@contextlib.contextmanager
def vpn(network: Wire, server: str) -> Iterator[None]:
    """Make tun0 between the namespaces, carried by datagrams to `server` in `far`. It has the default
    route of `near`."""
    with contextlib.ExitStack() as stack:
        for namespace, own, other, inner in (
            (network.near, NEAR, server, "198.51.100.1/24"),
            (network.far, server, NEAR, "198.51.100.2/24"),
        ):
            tunnel = stack.enter_context(running(network.python(namespace, TUNNEL, own, other)))
            assert tunnel.stdout is not None
            assert tunnel.stdout.readline() == "ready\n"
            network.run(namespace, *f"ip address add {inner} dev tun0".split())
            network.run(namespace, *"ip link set tun0 mtu 9000 up".split())
        network.run(network.near, *"ip route replace default dev tun0".split())
        network.run(network.near, *"ip -6 route delete default".split())
        yield


needs_tun = pytest.mark.skipif(not Path("/dev/net/tun").exists(), reason="no /dev/net/tun")


@needs_tun
def test_total_counts_vpn_with_the_default_route_once(network: Wire) -> None:
    """A host route leads to its server, as VPN clients add it."""
    network.run(network.far, *"ip address add 203.0.113.5/32 dev lo".split())
    network.run(network.near, "ip", "route", "add", "203.0.113.5", "via", FAR)
    with vpn(network, "203.0.113.5"):
        tick = counted(network, network.near, "198.51.100.2")
    assert why(tick)["uplink"] == Why(WhyCode.UNDERLAY, ("tun0",))
    assert why(tick)["tun0"] == Why(WhyCode.COUNTED_BELOW, ("uplink",))


@needs_tun
def test_vpn_without_a_route_to_its_server_runs_over_the_only_card(network: Wire) -> None:
    """Its server is on the link, so no route leads to it alone."""
    with vpn(network, FAR):
        tick = counted(network, network.near, "198.51.100.2")
    assert why(tick)["uplink"] == Why(WhyCode.UNDERLAY, ("tun0",))


@needs_tun
def test_vpn_is_counted_itself_if_its_card_is_uncertain(network: Wire) -> None:
    network.run(network.near, *f"ip link add second type veth peer name peer2 netns {network.far}".split())
    network.run(network.far, *"ip link set peer2 up".split())
    network.run(network.near, *"ip link set second up".split())
    await_carrier(network, network.near, "second")
    with vpn(network, FAR):
        tick = counted(network, network.near, "198.51.100.2", ("tun0",))
    assert why(tick)["tun0"] == Why(WhyCode.DEFAULT_ROUTE)


def test_total_sums_two_default_routes(network: Wire) -> None:
    for namespace, command in (
        (network.near, f"link add second type veth peer name peer2 netns {network.far}"),
        (network.far, "address add 198.51.100.2/24 dev peer2"),
        (network.far, "link set peer2 up"),
        (network.near, "address add 198.51.100.1/24 dev second"),
        (network.near, "link set second up"),
        (network.near, "route add default via 198.51.100.2 metric 700"),
    ):
        network.run(namespace, "ip", *command.split())
    tick = counted(network, network.near, "198.51.100.2", ("uplink", "second"))
    assert why(tick)["second"] == Why(WhyCode.DEFAULT_ROUTE)


def test_total_works_with_ipv6_only(network: Wire) -> None:
    network.run(network.near, *"ip route delete default".split())
    assert why(counted(network, network.near, FAR6))["uplink"] == Why(WhyCode.DEFAULT_ROUTE)


def test_total_without_default_route_sums_all_cards() -> None:
    with wire(default_route=False) as network:
        tick = counted(network, network.near, FAR)
        assert why(tick)["uplink"] == Why(WhyCode.ALL_UP)


CHURN = """
import itertools, subprocess, sys
print("ready", flush=True)
for number in itertools.count():
    names = [f"c{number}x{each}" for each in range(10)]
    for action in ("add {} type veth peer name p{}", "delete {}"):
        batch = "".join("link " + action.format(name, name) + "\\n" for name in names)
        subprocess.run(["ip", "-batch", "-"], input=batch, text=True, check=True)
"""
"""Ten pairs of veth come and go, again and again: containers that are started and removed."""


def test_every_tick_has_a_total_while_containers_come_and_go(network: Wire) -> None:
    resident = "".join(f"link add r{number} type veth peer name s{number}\n" for number in range(150))
    batch = [*inside(network.near), "ip", "-batch", "-"]
    subprocess.run(batch, input=resident, text=True, check=True)
    with running(network.python(network.near, MONITOR)) as process, contextlib.ExitStack() as stack:
        meter = Meter(process)
        meter.tick()
        for _ in range(2):
            churn = stack.enter_context(running(network.python(network.near, CHURN)))
            assert churn.stdout is not None
            assert churn.stdout.readline() == "ready\n"
        seen: set[str] = set()
        for _ in range(60):
            tick = meter.tick()
            assert (tick.gap, tick.total.uplinks) == (None, ("uplink",))
            assert tick.total.rx_rate is not None
            seen |= {each.name for each in tick.interfaces}
            time.sleep(0.02)
        assert any(name.startswith("c") for name in seen), "some of them were there at a tick"


SENDER_OF_DATAGRAMS = """
import socket, sys, time
sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
print("ready", flush=True)
for line in sys.stdin:
    for _ in range(int(line)):
        sender.sendto(bytes(1000), ("203.0.113.9", 9))
    print("sent", flush=True)
"""
"""Sends the given number of datagrams by the default route."""


def test_the_second_in_which_the_default_route_moves_has_the_bytes_of_both_uplinks(network: Wire) -> None:
    for namespace, command in (
        (network.near, f"link add second type veth peer name peer2 netns {network.far}"),
        (network.far, "address add 198.51.100.2/24 dev peer2"),
        (network.far, "link set peer2 up"),
        (network.near, "address add 198.51.100.1/24 dev second"),
        (network.near, "link set second up"),
        (network.near, "-6 route delete default"),
    ):
        network.run(namespace, "ip", *command.split())

    def moved(before: dict[str, dict[str, int]]) -> int:
        after = {name: network.counters(name) for name in before}
        return sum(after[name]["tx_bytes"] - before[name]["tx_bytes"] for name in before)

    with (
        running(network.python(network.near, MONITOR)) as process,
        running(network.python(network.near, SENDER_OF_DATAGRAMS)) as sender,
    ):
        assert sender.stdin is not None
        assert sender.stdout is not None
        assert sender.stdout.readline() == "ready\n"

        def send(count: int, to: IO[str] = sender.stdin, answers: IO[str] = sender.stdout) -> None:
            to.write(f"{count}\n")
            to.flush()
            assert answers.readline() == "sent\n"

        meter = Meter(process)
        for _ in range(5):
            network.run(network.near, *f"ip route replace default via {FAR} dev uplink".split())
            send(1)  # the neighbours are known from here on
            meter.tick()
            before = {name: network.counters(name) for name in ("uplink", "second")}
            send(179)
            network.run(network.near, *"ip route replace default via 198.51.100.2 dev second".split())
            send(23)
            tick = meter.tick()
            sent = moved(before)
            assert tick.total.uplinks == ("second",)
            assert {each.name for each in tick.interfaces if each.index in tick.total.counted} == {"uplink", "second"}
            if tick.total.tx_delta == sent:
                break  # else a straggler (a neighbour's question) came between two of the readings
        else:
            pytest.fail(f"the tick tells {tick.total.tx_delta}, the kernel {sent}")
        assert sent >= 202 * 1000
        send(5)
        assert meter.tick().total.counted == tuple(each.index for each in tick.interfaces if each.name == "second")
