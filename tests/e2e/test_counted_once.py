"""Traffic of a tunnel over the uplink is counted once everywhere: tooltip, menu, feed, terminal, usage."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import Any

import pytest
from desktop import Session
from networks import FAR, NEAR, PACED_SENDER, RECEIVER, Wire, wire

PROGRAM = [sys.executable, "-m", "netwatch_tray"]
SPEED = 4_000_000
SECONDS = 600
INNER_NEAR, INNER_FAR = "198.51.100.1", "198.51.100.2"
LIMITS = (0.9 * SPEED, 1.3 * SPEED)
"""One copy, with what two layers of headers and a second longer or shorter make of it; two copies are far above."""


def add_tunnel(network: Wire) -> None:
    for namespace, device, remote, address in (
        (network.near, "uplink", FAR, INNER_NEAR),
        (network.far, "peer", NEAR, INNER_FAR),
    ):
        network.run(namespace, *f"ip link add vx0 type vxlan id 7 dstport 4789 dev {device} remote {remote}".split())
        network.run(namespace, *f"ip address add {address}/24 dev vx0".split())
        network.run(namespace, *"ip link set vx0 up".split())


def download_rate(text: str) -> float:
    """Return the bytes/s of `↓ 4.00 MB/s ↑ 12.0 kB/s`."""
    number, unit = re.findall(r"↓\s*([\d.]+)\s*(\w*B/s)", text)[0]
    return float(number) * {"B/s": 1, "kB/s": 1e3, "MB/s": 1e6, "GB/s": 1e9}[unit]


def printed(desktop: Session, *words: str) -> Any:
    done = subprocess.run(
        [*PROGRAM, *words, "--json"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env=desktop.environment,
        cwd="/",
    )
    return json.loads(done.stdout.splitlines()[-1])


def test_tunnel_traffic_is_counted_once_everywhere() -> None:
    with wire() as network, Session(netns=network.near) as desktop:
        add_tunnel(network)
        desktop.start_host("xfce")
        desktop.spawn("agent", PROGRAM)
        desktop.wait_for(desktop.items, 10, "the icon registers")
        # What the kernel counted before the agent's first look is not its to tell; all that comes from here on is.
        desktop.wait_for(lambda: "B/s" in desktop.tooltip(), 10, "rates are printed")
        before = network.counters()["rx_bytes"]
        sender = network.python(network.far, PACED_SENDER, INNER_FAR, "5310", str(SPEED), str(SECONDS))
        running = [sender]

        def end_transfer() -> None:
            while running:
                process = running.pop()
                process.kill()
                process.communicate()

        try:
            assert sender.stdout is not None
            assert sender.stdout.readline() == "ready\n"
            running.append(network.python(network.near, RECEIVER, INNER_FAR, "5310"))

            def is_one_copy(rate: float | None) -> bool:
                return rate is not None and LIMITS[0] < rate < LIMITS[1]

            desktop.wait_for(lambda: is_one_copy(download_rate(desktop.tooltip())), 15, "the tooltip tells the rate")
            desktop.wait_for(lambda: is_one_copy(download_rate(desktop.menu()[0].label)), 10, "and so does the menu")

            # By the feed, as the window gets it: this process is in another namespace than the agent.
            def measured() -> Any:
                tick = printed(desktop, "watch", "--once")
                return tick if is_one_copy(tick["total"]["rx_rate"]) else None

            tick = desktop.wait_for(measured, 10, "a tick has the rate")
            tunnel = next(each for each in tick["interfaces"] if each["name"] == "vx0")
            assert is_one_copy(tunnel["rx_rate"]), "it did carry the transfer"
            assert not tunnel["is_uplink"]
            end_transfer()
            desktop.wait_for(lambda: download_rate(desktop.tooltip()) < 0.01 * SPEED, 10, "all of it is measured")
            carried = network.counters()["rx_bytes"] - before
            desktop.stop("agent")  # it writes the last minute now
            used = printed(desktop, "usage")
        finally:
            end_transfer()
        counted = sum(each["rx"] for each in used)
        assert counted == pytest.approx(carried, rel=0.15)
