"""The networks in which the scoreboard's scenarios run: two network namespaces, the measured machine (`near`) and what
it is connected to (`far`), and the wires between them.

Nothing but the scenarios' traffic passes: neighbours are permanent, so that there is no ARP, and IPv6, which reports
its groups to the network, is on where a scenario needs it.
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.accuracy import traffic
from benchmarks.accuracy.amounts import Both, Truth, Unit, added
from benchmarks.accuracy.processes import AS_NOBODY, Running, python_of_users, run, until, within
from benchmarks.accuracy.record import ETHERNET, Recorder

_NUMBER = os.getpid() & 0xFFFF
_numbers = itertools.count()
MTU = 1500


def subnet(number: int) -> str:
    """Return the first three bytes of a network that no other process on this machine uses: a helper counts in all
    network namespaces."""
    return f"10.{_NUMBER >> 8}.{(_NUMBER + number) & 0xFF}"


class App:
    """A program that moves bytes when it is requested to, run as an ordinary user."""

    def __init__(self, process: Running, name: str, port: int) -> None:
        self.process, self.name, self.port = process, name, port
        self._answers = 1  # "ready"
        until(process.lines, f"{name} starts")

    def begin(self, do: str, to: str, **request: Any) -> None:
        self._answers += 1
        self.process.tell(json.dumps({"do": do, "to": to, "port": self.port, **request}))

    def finish(self) -> None:
        def is_done() -> bool:
            assert not self.process.has_ended, f"{self.name}: {self.process.errors.read_text()}"
            return len(self.process.lines()) >= self._answers

        until(is_done, f"{self.name} is done")

    def do(self, do: str, to: str, **request: Any) -> None:
        self.begin(do, to, **request)
        self.finish()

    @property
    def moved(self) -> Both:
        lines = self.process.lines()
        return Both(*json.loads(lines[-1])) if len(lines) > 1 else Both()


class _Segment:
    """An interface of `far`, whose packets are recorded."""

    def __init__(self, world: World, name: str, *, is_outer: bool, link_header: int) -> None:
        self.name, self.is_outer, self._world = name, is_outer, world
        with within(world.far):
            self.recorder = Recorder(name, link_header=link_header)
        self.before = world.counters(world.far, name)
        self.after: Both | None = None

    @property
    def counted(self) -> Both:
        """Return what `near` received and sent, by the counters of the far end."""
        sent, received = (self.after or self._world.counters(self._world.far, self.name)).minus(self.before)
        return Both(received, sent)

    def close(self) -> None:
        if self.after is None:
            self.after = self._world.counters(self._world.far, self.name)
            self.recorder.close()


class World:
    """Both namespaces, with one uplink that has the default routes."""

    def __init__(self, directory: Path, *, has_ipv6: bool = False) -> None:
        self.directory, self._has_ipv6 = directory, has_ipv6
        self._number = f"{os.getpid()}-{next(_numbers)}"
        self.near, self.far = f"nwt-acc-near-{self._number}", f"nwt-acc-far-{self._number}"
        self._stack = ExitStack()
        self._segments: list[_Segment] = []
        self.apps: list[App] = []
        self.is_local = False
        self.uplinks = ["uplink0"]
        """Names of the uplinks of `near`. Each is connected to the interface of `far` with the same number."""
        self.server, self.server6 = f"{subnet(99)}.1", f"fd00:0:{_NUMBER:x}:99::1"
        """Addresses in `far` that only a default route leads to."""
        try:
            for namespace in (self.near, self.far):
                self.add_namespace(namespace)
            self.add_wire(0)
            run(*f"ip address add {self.server}/32 dev lo".split(), namespace=self.far)
            if has_ipv6:
                run(*f"ip address add {self.server6}/128 dev lo nodad".split(), namespace=self.far)
            self.route(0)
            self.serve(self.far, self.server, *([self.server6] if has_ipv6 else []))
        except BaseException:
            self.close()
            raise

    def add_namespace(self, name: str) -> None:
        run("ip", "netns", "add", name)
        self._stack.callback(run, "ip", "netns", "delete", name)
        for which in ("all", "default"):
            settings = {"accept_ra": 0, "router_solicitations": 0, "disable_ipv6": int(not self._has_ipv6)}
            for setting, value in settings.items():
                run("sysctl", "-qw", f"net.ipv6.conf.{which}.{setting}={value}", namespace=name)
        run("ip", "link", "set", "lo", "up", namespace=name)

    def addresses(self, number: int) -> tuple[str, str, str, str]:
        """Return the addresses of a wire's ends: near, far, near6, far6."""
        six = f"fd00:0:{_NUMBER:x}:{number}"
        return f"{subnet(number)}.1", f"{subnet(number)}.2", f"{six}::1", f"{six}::2"

    def add_wire(self, number: int, *, index: int | None = None, to: str | None = None) -> None:
        """Connect `near` with `far` by the uplink and the peer of that number. `index`: that of the uplink. `to`: a
        bridge; the uplink is a port of it, and has no addresses itself."""
        uplink, peer = f"uplink{number}", f"peer{number}"
        ends = [f"name {uplink}"] + ([f"index {index}"] if index else [])
        run(
            *f"ip link add {' '.join(ends)} mtu {MTU} type veth peer name {peer} mtu {MTU} netns {self.far}".split(),
            namespace=self.near,
        )
        near, far, near6, far6 = self.addresses(number)
        holder = to or uplink
        if to:
            run(*f"ip link set {uplink} master {to}".split(), namespace=self.near)
        for namespace, name, four, six in ((self.near, holder, near, near6), (self.far, peer, far, far6)):
            run(*f"ip address add {four}/24 dev {name}".split(), namespace=namespace)
            if self._has_ipv6:
                run(*f"ip address add {six}/64 dev {name} nodad".split(), namespace=namespace)
            run(*f"ip link set {name} up".split(), namespace=namespace)
        run(*f"ip link set {uplink} up".split(), namespace=self.near)
        self.make_neighbours((self.near, holder, near), (self.far, peer, far))
        if self._has_ipv6:
            self.make_neighbours((self.near, holder, near6), (self.far, peer, far6))
        for namespace, name in ((self.near, holder), (self.far, peer)):
            until(lambda: self.link(namespace, name)["operstate"] == "UP", f"{name} has a carrier")  # noqa: B023

    def make_neighbours(self, one: tuple[str, str, str], other: tuple[str, str, str]) -> None:
        """Make permanent neighbours of two interfaces. Each: namespace, name, address."""
        for (namespace, name, _), (peer_namespace, peer, address) in ((one, other), (other, one)):
            mac = self.link(peer_namespace, peer)["address"]
            run(*f"ip neighbour replace {address} lladdr {mac} dev {name}".split(), namespace=namespace)

    def route(self, number: int) -> None:
        """Set the default routes to a wire."""
        _near, far, _near6, far6 = self.addresses(number)
        run(*f"ip route replace default via {far}".split(), namespace=self.near)
        if self._has_ipv6:
            run(*f"ip -6 route replace default via {far6}".split(), namespace=self.near)

    def link(self, namespace: str, name: str) -> Any:
        return json.loads(run(*f"ip -json -stats link show {name}".split(), namespace=namespace))[0]

    def counters(self, namespace: str, name: str) -> Both:
        found = self.link(namespace, name)["stats64"]
        return Both(found["rx"]["bytes"], found["tx"]["bytes"])

    def serve(self, namespace: str, *addresses: str) -> None:
        process = self.start(
            [*AS_NOBODY, *python_of_users(), str(self.copy("acc-server")), "server", *addresses], namespace, "server"
        )
        until(process.lines, f"the server starts: {process.errors.read_text()}")

    def copy(self, name: str) -> Path:
        """Copy `traffic.py` under this name, which is then that of the app; return the copy."""
        path = self.directory / name
        shutil.copyfile(traffic.__file__, path)
        return path

    def start(self, command: list[str], namespace: str, name: str) -> Running:
        process = Running(command, self.directory, f"{name}-{next(_numbers)}", namespace=namespace)
        self._stack.callback(process.close)
        return process

    def app(self, name: str, *, namespace: str | None = None) -> App:
        command = [*AS_NOBODY, *python_of_users(), str(self.copy(name)), "app"]
        app = App(self.start(command, namespace or self.near, name), name, traffic.PORTS[len(self.apps)])
        self.apps.append(app)
        return app

    def tunnel(self) -> str:
        """Connect tun0 of both namespaces by a VPN over the wire, which gets the default route; return the server's
        address in there."""
        near, far, *_ = self.addresses(0)
        inner, inner_far = f"{subnet(50)}.1", f"{subnet(50)}.2"
        for namespace, local, remote, own in ((self.near, near, far, inner), (self.far, far, near, inner_far)):
            command = [*python_of_users(), str(self.copy("acc-tunnel")), "tunnel", "tun0", local, remote]
            process = self.start(command, namespace, "tunnel")
            until(process.lines, "the tunnel starts")
            run(*f"ip address add {own}/24 dev tun0".split(), namespace=namespace)
            run(*"ip link set tun0 mtu 1400 up".split(), namespace=namespace)
        run(*"ip route replace default dev tun0".split(), namespace=self.near)
        self.serve(self.far, inner_far)
        self.record("tun0", is_outer=False, link_header=0)
        return inner_far

    def vxlan(self) -> str:
        """Connect vxlan0 of both namespaces over the wire; return the server's address in there."""
        near, far, *_ = self.addresses(0)
        ends = []
        for namespace, local, remote, number in ((self.near, near, far, 1), (self.far, far, near, 2)):
            device = "peer0" if namespace == self.far else "uplink0"
            made = f"ip link add vxlan0 type vxlan id 7 dstport 4789 local {local} remote {remote} dev {device}"
            run(*made.split(), namespace=namespace)
            own = f"{subnet(51)}.{number}"
            run(*f"ip address add {own}/24 dev vxlan0".split(), namespace=namespace)
            run(*"ip link set vxlan0 up".split(), namespace=namespace)
            ends.append((namespace, "vxlan0", own))
        self.make_neighbours(ends[0], ends[1])
        self.serve(self.far, f"{subnet(51)}.2")
        self.record("vxlan0", is_outer=False)
        return f"{subnet(51)}.2"

    def container(self) -> str:
        """Add a network namespace behind a bridge of `near`, which routes for it; return its name."""
        box = f"nwt-acc-box-{self._number}"
        self.add_namespace(box)
        inner, inner_box = f"{subnet(52)}.1", f"{subnet(52)}.2"
        run(*"ip link add cbr0 type bridge".split(), namespace=self.near)
        run(*f"ip link add cveth0 type veth peer name eth0 netns {box}".split(), namespace=self.near)
        run(*"ip link set cveth0 master cbr0 up".split(), namespace=self.near)
        for namespace, name, four in ((self.near, "cbr0", inner), (box, "eth0", inner_box)):
            run(*f"ip address add {four}/24 dev {name}".split(), namespace=namespace)
            run(*f"ip link set {name} up".split(), namespace=namespace)
        self.make_neighbours((self.near, "cbr0", inner), (box, "eth0", inner_box))
        run(*f"ip route add default via {inner}".split(), namespace=box)
        run("sysctl", "-qw", "net.ipv4.ip_forward=1", namespace=self.near)
        near, *_ = self.addresses(0)
        run(*f"ip route add {subnet(52)}.0/24 via {near}".split(), namespace=self.far)
        return box

    def make_bridge(self) -> None:
        """Make the uplink a port of br0, which gets its addresses and routes."""
        run(*"ip link delete uplink0".split(), namespace=self.near)
        run(*"ip link add br0 type bridge".split(), namespace=self.near)
        self.add_wire(0, to="br0")
        self.route(0)

    def record(self, name: str = "peer0", *, is_outer: bool = True, link_header: int = ETHERNET) -> None:
        """Record an interface of `far` from now on. `is_outer`: it is the end of an uplink, so its bytes are part of
        the total."""
        segment = _Segment(self, name, is_outer=is_outer, link_header=link_header)
        self._segments.append(segment)
        self._stack.callback(segment.close)

    def make_again(self, *, index: int | None = None) -> None:
        """Remove the uplink and make it again with the same name; its counters begin at 0."""
        self._segments[-1].close()
        run(*"ip link delete uplink0".split(), namespace=self.near)
        self.add_wire(0, index=index)
        self.route(0)
        self.record()

    def await_silence(self) -> None:
        """Return once the wires have been quiet for longer than any tool takes to read its counters."""
        before = None
        deadline = time.monotonic() + 30
        while before != (before := [self.counters(self.near, name) for name in self.uplinks]):
            if time.monotonic() > deadline:
                raise TimeoutError("silence")
            time.sleep(2.5)

    @property
    def has_moved(self) -> bool:
        """Return whether a packet passed since the recording began."""
        return any(each.counted != Both() for each in self._segments)

    def truth(self, before: Mapping[str, Both]) -> Truth:
        """End the recording and return what moved in it. `before`: what the apps had moved when it began."""
        for each in self._segments:
            each.close()
        outer = [each for each in self._segments if each.is_outer]
        total = {
            Unit.FRAMES: added(each.counted for each in outer),
            Unit.IP: added(each.recorder.ip for each in outer),
        }
        for unit in (Unit.SEGMENTS, Unit.PAYLOAD):
            total[unit] = added(flow.amounts[unit] for each in outer for flow in each.recorder.flows.values())
        apps = {app.name: self._amounts(app, before[app.name]) for app in self.apps}
        return Truth(total, apps, self.is_local, frozenset({"acc-server", "acc-tunnel"}))

    def _amounts(self, app: App, before: Both) -> dict[Unit, Both]:
        amounts = {Unit.PAYLOAD: app.moved.minus(before)}
        if not self.is_local:
            for unit in (Unit.FRAMES, Unit.IP, Unit.SEGMENTS):
                amounts[unit] = added(flow.amounts[unit] for flow in self._flows(app))
        return amounts

    def _flows(self, app: App) -> list[Any]:
        return [flow for each in self._segments for (_, port), flow in each.recorder.flows.items() if port == app.port]

    def differences(self, before: Mapping[str, Both]) -> list[str]:
        """Return where the record differs from the counters or from the programs, so that the model does not hold."""
        found = []
        for each in self._segments:
            if each.is_outer and each.recorder.frames != each.counted:
                found.append(f"{each.name}: recorded {each.recorder.frames}, counted {each.counted}")
            if each.recorder.dropped:
                found.append(f"{each.name}: {each.recorder.dropped} packets not recorded")
        if not self.is_local:
            for app in self.apps:
                payload = added(flow.amounts[Unit.PAYLOAD] for flow in self._flows(app))
                moved = app.moved.minus(before[app.name])
                if payload != moved:
                    found.append(
                        f"{payload.rx} ↓ {payload.tx} ↑ in the packets, {moved.rx} ↓ {moved.tx} ↑ by {app.name}"
                    )
        return found

    def close(self) -> None:
        self._stack.close()
