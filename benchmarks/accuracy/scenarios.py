"""The scenarios of the scoreboard: what traffic is made while the tools measure. Each has a name, a sentence for the
table, and up to three steps.

`prepare` happens before the tools start, `run` while they measure. Connections stay open for some seconds after their
last byte, so that every tool can find their owners, except in the scenarios about connections that do not. A scenario
that needs time between its steps takes it where every tool gains by it: before an interface goes away, and after there
is a new one.
"""

from __future__ import annotations

import enum
import signal
import time
from collections.abc import Callable
from typing import NamedTuple

from benchmarks.accuracy.processes import Measured
from benchmarks.accuracy.world import App, World

_SETTLED = 4.0
"""Seconds after which every tool has read its counters again."""


class Cause(enum.StrEnum):
    """What the kernel does not show to a program without privileges, so that only the helper can count it exactly."""

    UDP = "bytes of UDP sockets"
    NAMESPACE = "sockets of another network namespace"
    PROCESS = "a process that is gone before a reading"
    CONNECTION = "the owner of a connection that is over before a reading"
    ABORT = "bytes of a connection that the program aborts"


class Stage:
    """What a scenario works with: the networks (`world`), and the apps whose traffic it makes."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.observers: list[Measured] = []
        """The processes of all tools; empty before they start."""
        self.target = world.server
        self.apps: list[App] = []

    def app(self, name: str = "acc-app", namespace: str | None = None) -> App:
        made = self.world.app(name, namespace=namespace)
        self.apps.append(made)
        return made


class Scenario(NamedTuple):
    name: str
    about: str
    run: Callable[[Stage], None]
    prepare: Callable[[Stage], object] = Stage.app
    has_ipv6: bool = False
    note: str = ""
    """Text for the table: what stands in for something, or what the scenario cannot show."""
    cause: Cause | None = None
    """Why this program is not exact without the helper, if it is not."""
    why: str = ""
    """The same, in sentences."""


def _tcp_long(stage: Stage) -> None:
    stage.apps[0].do("stream", stage.target, up=1000, down=10_000, rounds=48, pause=0.25)


def _tcp_bulk(stage: Stage) -> None:
    stage.apps[0].do("stream", stage.target, up=1 << 20, down=8 << 20, rounds=8)


def _tcp_short(stage: Stage) -> None:
    stage.apps[0].do("stream", stage.target, up=2000, down=150_000)


def _tcp_many(stage: Stage) -> None:
    stage.apps[0].do("stream", stage.target, up=200, down=900, times=400)


def _two_apps(stage: Stage) -> None:
    one, two = stage.apps
    one.begin("stream", stage.target, up=500, down=9000, rounds=20, pause=0.1, linger=_SETTLED)
    two.begin("stream", stage.target, up=7000, down=700, rounds=20, pause=0.1, linger=_SETTLED)
    one.finish()
    two.finish()


def _prepare_two(stage: Stage) -> None:
    stage.app("acc-one")
    stage.app("acc-two")


def _prepare_older(stage: Stage) -> None:
    app = stage.app()
    app.do("open", stage.target)
    app.do("stream", stage.target, up=5000, down=40_000, kept=True, end="keep")


def _older(stage: Stage) -> None:
    stage.apps[0].do("stream", stage.target, up=3000, down=60_000, rounds=5, pause=0.2, kept=True)


def _reset_by_client(stage: Stage) -> None:
    stage.apps[0].do("stream", stage.target, up=1500, down=50_000, times=10, pause=0.05, end="reset")


def _reset_by_server(stage: Stage) -> None:
    stage.apps[0].do("stream", stage.target, up=1500, down=50_000, times=10, pause=0.05, end="server-reset")


def _gone(stage: Stage) -> None:
    stage.apps[0].do("children", stage.target, count=20, request="stream", up=800, down=30_000)


def _tcp6(stage: Stage) -> None:
    stage.apps[0].do("stream", stage.world.server6, up=2000, down=20_000, rounds=10, pause=0.1, linger=_SETTLED)


def _udp(stage: Stage) -> None:
    stage.apps[0].do("datagrams", stage.target, up=600, down=1100, answers=4, rounds=80, pause=0.02)


def _udp_peers(stage: Stage) -> None:
    stage.apps[0].do("datagrams", stage.target, up=300, down=500, answers=2, rounds=100, connected=False, pause=0.01)


def _udp_short(stage: Stage) -> None:
    stage.apps[0].do("datagrams", stage.target, up=40, down=180, sockets=150)


def _udp_gone(stage: Stage) -> None:
    stage.apps[0].do("children", stage.target, count=20, request="datagrams", up=40, down=900, rounds=5)


def _quic_like(stage: Stage) -> None:
    stage.apps[0].do("datagrams", stage.target, up=1192, down=1200, answers=12, rounds=40, pause=0.01)


def _stream(stage: Stage) -> None:
    stage.apps[0].do("stream", stage.target, up=2000, down=20_000, rounds=10, pause=0.1, linger=_SETTLED)


def _prepare_container(stage: Stage) -> None:
    stage.app("acc-boxed", stage.world.container())


def _prepare_bridge(stage: Stage) -> None:
    stage.world.make_bridge()
    stage.app()


def _prepare_tunnel(stage: Stage) -> None:
    stage.target = stage.world.tunnel()
    stage.app()


def _prepare_vxlan(stage: Stage) -> None:
    stage.target = stage.world.vxlan()
    stage.app()


def _two_halves(stage: Stage, between: Callable[[], None]) -> None:
    stage.apps[0].do("stream", stage.target, up=1000, down=20_000, rounds=5, pause=0.1, linger=_SETTLED)
    time.sleep(_SETTLED)
    between()
    time.sleep(_SETTLED)
    stage.apps[0].do("stream", stage.target, up=3000, down=15_000, rounds=5, pause=0.1, linger=_SETTLED)


def _counter_reset(stage: Stage) -> None:
    index = stage.world.link(stage.world.near, "uplink0")["ifindex"]
    _two_halves(stage, lambda: stage.world.make_again(index=index))


def _made_again(stage: Stage) -> None:
    _two_halves(stage, stage.world.make_again)


def _sleep(stage: Stage) -> None:
    app = stage.apps[0]
    app.do("open", stage.target)
    app.do("stream", stage.target, up=1000, down=15_000, rounds=4, pause=0.5, kept=True, end="keep", linger=_SETTLED)
    for each in stage.observers:
        each.signal(signal.SIGSTOP)
    try:
        app.do("stream", stage.target, up=1000, down=15_000, rounds=16, pause=0.5, kept=True, end="keep")
    finally:
        for each in stage.observers:
            each.signal(signal.SIGCONT)
    app.do("stream", stage.target, up=1000, down=15_000, rounds=4, pause=0.5, kept=True, linger=_SETTLED)


def _prepare_second_uplink(stage: Stage) -> None:
    stage.world.add_wire(1)
    stage.world.uplinks.append("uplink1")
    stage.app()


def _route_switch(stage: Stage) -> None:
    _two_halves(stage, lambda: stage.world.route(1))


def _loopback(stage: Stage) -> None:
    stage.apps[0].do("stream", "127.0.0.1", up=2000, down=20_000, rounds=10, pause=0.1, linger=_SETTLED)


def _prepare_loopback(stage: Stage) -> None:
    stage.world.is_local = True
    stage.world.serve(stage.world.near, "127.0.0.1")
    stage.app()


_CLOSED = (
    "The connection was over before we read it. The kernel still reports its bytes then, but neither process nor user. "
    "It wakes no ordinary program when a connection opens, and that another connection to the same server was the "
    "app's is no proof that this one was. The helper knows who made the socket."
)
_UDP = "The kernel counts no bytes of UDP sockets; the helper does."

SCENARIOS = (
    Scenario("tcp-long", "one TCP connection for 12 s", _tcp_long),
    Scenario("tcp-bulk", "64 MB down and 8 MB up as fast as it goes", _tcp_bulk, cause=Cause.CONNECTION, why=_CLOSED),
    Scenario(
        "tcp-short", "one connection that is over in milliseconds", _tcp_short, cause=Cause.CONNECTION, why=_CLOSED
    ),
    Scenario("tcp-many", "400 small connections, one after the other", _tcp_many, cause=Cause.CONNECTION, why=_CLOSED),
    Scenario("tcp-two-apps", "two apps at the same time, to the same server", _two_apps, _prepare_two),
    Scenario("tcp-older", "a connection that is older than the tools", _older, _prepare_older),
    Scenario("tcp-ipv6", "TCP over IPv6", _tcp6, has_ipv6=True),
    Scenario(
        "reset-by-client",
        "ten connections that the app aborts (RST)",
        _reset_by_client,
        cause=Cause.ABORT,
        why="When a program aborts a connection, the kernel forgets its bytes before it reports the end. They stay in "
        "*UDP, QUIC and other*. The helper reads them before that.",
    ),
    Scenario(
        "reset-by-server",
        "ten connections that the server aborts (RST)",
        _reset_by_server,
        cause=Cause.CONNECTION,
        why=_CLOSED + " The kernel counts the end of a stream (FIN) as a byte and does not say whether there was one, "
        "so without the helper such a connection is one byte low.",
    ),
    Scenario("gone-tcp", "20 processes, each gone after one TCP connection", _gone, cause=Cause.PROCESS, why=_CLOSED),
    Scenario("udp", "UDP on a connected socket", _udp, cause=Cause.UDP, why=_UDP),
    Scenario("udp-unconnected", "UDP on a socket without a peer", _udp_peers, cause=Cause.UDP, why=_UDP),
    Scenario(
        "udp-short", "150 UDP sockets of one request each, as DNS makes them", _udp_short, cause=Cause.UDP, why=_UDP
    ),
    Scenario("gone-udp", "20 processes, each gone after a few datagrams", _udp_gone, cause=Cause.UDP, why=_UDP),
    Scenario(
        "quic",
        "a download in datagrams of 1200 bytes, paced by acknowledgements",
        _quic_like,
        note="QUIC's traffic without its cryptography, which no tool looks into to count.",
        cause=Cause.UDP,
        why=_UDP,
    ),
    Scenario(
        "container",
        "an app in a network namespace behind a bridge",
        _stream,
        _prepare_container,
        cause=Cause.NAMESPACE,
        why="The kernel lists the sockets of our own network namespace. The bytes are in the total and in *UDP, QUIC "
        "and other*, and under no app. The helper reads those of others.",
    ),
    Scenario(
        "bridge",
        "the uplink is a port of a bridge",
        _stream,
        _prepare_bridge,
        note="The port is a veth, the only wire between namespaces, which looks like the end of a container. Nothing "
        "else leads to the gateway, so it counts.",
    ),
    Scenario(
        "vpn",
        "TCP through a VPN",
        _stream,
        _prepare_tunnel,
        note="A TUN device with the default route, and a process that sends its packets in UDP to a server in the "
        "network of the uplink. No route leads to this server alone.",
    ),
    Scenario("vxlan", "TCP through a VXLAN", _stream, _prepare_vxlan),
    Scenario(
        "counter-reset",
        "the uplink's counters begin at 0 again",
        _counter_reset,
        note="The interface is made again with its name and index, so that its counters fall.",
    ),
    Scenario("made-again", "the uplink is removed and made again under its name", _made_again),
    Scenario(
        "sleep",
        "the machine sleeps for 8 s",
        _sleep,
        note="A substitute: the tools are stopped (SIGSTOP) while bytes move. A machine that sleeps moves none.",
    ),
    Scenario("route-switch", "the default route moves to a second uplink", _route_switch, _prepare_second_uplink),
    Scenario("loopback", "TCP within the machine: no byte of the total", _loopback, _prepare_loopback),
)
