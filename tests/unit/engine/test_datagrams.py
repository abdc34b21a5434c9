"""Bytes of UDP in the samples, the table and the sums."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings, strategies
from test_connections import CURL, ROUTES, Finder, tcp

from netwatch_tray.collect.helper_readings import UDP, Amount, Flow, Losses, Owner, Reading
from netwatch_tray.collect.process import Process
from netwatch_tray.collect.sockets import Changes, Socket, SocketSample
from netwatch_tray.engine import datagrams
from netwatch_tray.engine.app_hosts import AppHosts
from netwatch_tray.engine.connections import ConnectionTable
from netwatch_tray.engine.datagrams import Datagrams
from netwatch_tray.engine.ledger import reconcile
from netwatch_tray.model import App, Connection, Traffic

PEER = ("198.51.100.1", 443)
DNS = Process(pid=60, name="dns", executable="/usr/bin/dns")


def udp(remote: tuple[str, int] | None = PEER, **more: object) -> Socket:
    address, port = remote or (None, None)
    values: dict[str, object] = {
        "protocol": "UDP",
        "local_address": "192.0.2.7" if remote else "*",
        "local_port": 5000,
        "remote_address": address,
        "remote_port": port,
        "uid": 0,
        "inode": 7,
    }
    return Socket(**{**values, **more})  # type: ignore[arg-type]  # a test's shorthand


def flow(cookie: int = 0xA, peer: tuple[str, int] = PEER) -> Flow:
    return Flow(cookie, UDP, *peer, 5000)


def amount(rx: int, tx: int = 0, local: str = "192.0.2.7", cgroup: int = 0) -> Amount:
    return Amount(rx, tx, 1, 1, local, 2, 0, cgroup)


class World:
    """A source, a helper, a clock and a table."""

    def __init__(self) -> None:
        self.finder = Finder()
        self.elsewhere: set[int] = set()
        """Processes of another network namespace."""
        self.app_hosts = AppHosts(lambda: 1.7e9)
        self.table = ConnectionTable(
            self.finder,
            now=lambda: 1.7e9,
            shares_network=lambda pid: pid not in self.elsewhere,
            app_hosts=self.app_hosts,
        )
        self.datagrams = Datagrams()
        self.changes = Changes()
        self.boottime = 100.0

    def count(self, moved: Mapping[Flow, Amount] | None = None, owners: Mapping[int, Owner] | None = None) -> None:
        reading = Reading(self.boottime, self.boottime - 1, moved or {}, owners or {}, (), Losses(0, 0, 0, 0, 0), ())
        self.datagrams.count(reading, self.table.owners.note_creators(reading.owners))

    def update(self, *, after: float = 2.0, is_last: bool = False, **sockets: Socket) -> None:
        self.boottime += after
        sample = self.datagrams.merge(self.changes.since_last(self.boottime, sockets), ROUTES.is_own)
        self.table.update(sample, ROUTES, is_last=is_last)

    def rows(self) -> dict[str, Connection]:
        return {row.key: row for row in self.table.rows()}

    def app(self, name: str) -> App:
        return next(app for app in self.table.apps() if app.name == name)


def test_connected_socket_has_its_bytes() -> None:
    world = World()
    world.finder.known["a"] = CURL
    world.update(a=udp())
    assert world.rows()["a"].rx_bytes is None
    world.count({flow(): amount(1000, 10)})
    world.update(a=udp())
    row = world.rows()["a"]
    assert (row.rx_bytes, row.tx_bytes, row.rx_rate, row.tx_rate) == (1000, 10, 500.0, 5.0)
    world.update(a=udp())
    assert (world.rows()["a"].rx_bytes, world.rows()["a"].rx_rate) == (1000, 0.0)
    assert (world.app("curl").rx_bytes, world.app("curl").tx_bytes) == (1000, 10)


def test_silent_socket_has_zero_bytes_once_they_are_counted() -> None:
    world = World()
    world.update(a=udp(), b=udp(None))
    world.count()
    world.update(a=udp(), b=udp(None))
    assert [world.rows()[key].rx_bytes for key in "ab"] == [0, None]


def test_unconnected_socket_has_a_row_for_each_peer() -> None:
    world = World()
    world.finder.known["a"] = CURL
    world.count()
    world.update(a=udp(None))
    world.count({flow(peer=(f"198.51.100.{number}", 53)): amount(number, 2 * number) for number in range(1, 201)})
    world.update(a=udp(None))
    peers = {row.remote: row for row in world.rows().values() if row.remote}
    assert len(peers) == 200
    row = peers["198.51.100.7:53"]
    assert (row.local_address, row.rx_bytes, row.tx_bytes, row.process) == ("192.0.2.7", 7, 14, "curl")
    assert (world.app("curl").rx_bytes, world.app("curl").connections) == (20_100, 201)


def test_rows_of_silent_peers_are_removed_and_their_bytes_stay() -> None:
    world = World()
    world.finder.known["a"] = CURL
    world.count({flow(peer=("198.51.100.9", 53)): amount(5)})
    world.update()
    world.count({flow(peer=("198.51.100.9", 53)): amount(6)})
    world.update(a=udp(None))
    assert len(world.rows()) == 2
    world.update(after=70.0, a=udp(None))
    assert list(world.rows()) == ["a"]
    world.count({flow(peer=("198.51.100.9", 53)): amount(7)})
    world.update(a=udp(None))
    assert sorted(row.rx_bytes or 0 for row in world.rows().values()) == [0, 7]
    assert world.app("curl").rx_bytes == 18


def test_peers_beyond_the_limit_are_booked_without_a_row() -> None:
    world = World()
    world.finder.known["a"] = CURL
    world.count()
    world.update(a=udp(None))
    for _ in range(2):
        world.count({flow(peer=(f"198.51.{number >> 8}.{number & 255}", 53)): amount(3) for number in range(1000)})
        world.update(a=udp(None))
    assert len(world.rows()) == 257
    assert world.app("curl").rx_bytes == 6000


def test_peers_follow_their_socket_to_the_owner_that_is_found_later() -> None:
    world = World()
    world.count()
    world.update()
    world.count({flow(peer=("198.51.100.9", 53)): amount(5), flow(): amount(70)})
    world.update(a=udp())
    assert {row.app for row in world.rows().values()} == {"searching"}
    world.finder.known["a"] = CURL
    world.update(a=udp())
    assert {row.process for row in world.rows().values()} == {"curl"}
    assert (world.app("curl").rx_bytes, world.table.interval.held) == (75, Traffic())


def test_short_lived_socket_is_booked_for_its_creator() -> None:
    world = World()
    world.finder.processes[60] = DNS
    world.count()
    world.update()
    world.count({flow(0xB): amount(120, 40)}, {0xB: Owner(60, 0, 0, UDP, "dns")})
    world.update()
    assert (world.app("dns").rx_bytes, world.app("dns").tx_bytes, world.rows()) == (120, 40, {})


def test_exited_creator_is_identified_by_its_thread_name_or_unit() -> None:
    world = World()
    world.finder.units[5] = "dig.service"
    world.count()
    world.update()
    world.count(
        {flow(0xB): amount(1), flow(0xC): amount(2), flow(0xD): amount(4), flow(0xE): amount(8, cgroup=5)},
        {0xB: Owner(61, 0, 0, UDP, "dig"), 0xC: Owner(62, 0, 5, UDP, None), 0xD: Owner(63, 0, 0, UDP, None)},
    )
    world.update()
    world.count()
    world.update()
    found = {app.key: app.rx_bytes for app in world.table.apps()}
    assert found == {"name:dig": 1, "unit:dig.service": 10, "user:root": 4}


def test_bytes_of_an_unlisted_tcp_socket_belong_to_its_creator() -> None:
    world = World()
    world.finder.processes[60] = DNS
    world.count()
    world.update()
    world.count(owners={0xB: Owner(60, 0, 0, 6, "dns")})
    world.boottime += 2
    world.table.update(SocketSample(world.boottime, {}, {"b": tcp(9, 4, state="CLOSED", uid=None)}), ROUTES)
    assert world.app("dns").rx_bytes == 9


def test_owner_found_in_proc_takes_precedence_over_the_creator() -> None:
    world = World()
    world.finder.processes[60] = DNS
    world.finder.known["a"] = CURL
    world.count(owners={0xA: Owner(60, 0, 0, UDP, "dns")})
    world.update(a=udp())
    assert world.rows()["a"].process == "curl"


def test_last_bytes_of_a_closed_socket_are_booked_for_its_app() -> None:
    world = World()
    world.finder.known["a"] = CURL
    world.count()
    world.update(a=udp())
    world.count({flow(): amount(5)})
    world.update()
    world.count({flow(): amount(6)})
    world.update()
    assert (world.app("curl").rx_bytes, world.rows()) == (11, {})


def test_bytes_are_unknown_without_a_helper_and_continue_later() -> None:
    world = World()
    world.finder.known["a"] = CURL
    world.count()
    world.update(a=udp(), b=udp(None))
    world.count({flow(): amount(5), flow(0xB): amount(3)})
    world.update(a=udp(), b=udp(None))
    world.datagrams.stop()
    world.update(a=udp(), b=udp(None))
    assert {key: row.rx_bytes for key, row in world.rows().items()} == {"a": None, "b": None}
    world.count({flow(): amount(2)})
    world.update(a=udp(), b=udp(None))
    assert world.rows()["a"].rx_bytes == 7
    assert sum(app.rx_bytes for app in world.table.apps()) == 10


def test_sockets_of_other_network_namespaces_are_left_out_like_their_tcp() -> None:
    world = World()
    world.finder.processes[60] = DNS
    world.elsewhere.add(60)
    world.count()
    world.update()
    owners = {0xB: Owner(60, 0, 0, UDP, "dns")}
    moved = {
        flow(0xB): amount(1),  # made by a process elsewhere, though its address is ours
        flow(0xC): amount(2, local="172.17.0.2"),  # an address that is not ours
        flow(0xD, ("127.0.0.1", 53)): amount(4, local="127.0.0.1"),  # every namespace has this one
        flow(0xE): amount(8),  # goes on although no sample lists it
        flow(0xF): amount(16),  # closed: its address is all that is known
    }
    world.count(moved, owners)
    world.update()
    world.count({flow(0xE): amount(8)})
    world.update()
    world.count({flow(0xE): amount(8)})
    world.update()
    assert [(app.name, app.rx_bytes, app.local_rx_bytes) for app in world.table.apps()] == [("user root", 16, 0)]


def test_closed_socket_with_a_late_owner_in_another_namespace_is_booked_for_no_app() -> None:
    world = World()
    world.finder.processes[70] = Process(pid=70, name="web")
    world.elsewhere.add(70)
    world.count({flow(): amount(10)})
    world.update()
    world.update()
    world.count(owners={0xA: Owner(70, 0, 0, UDP, "web")})
    world.update()
    assert not any(app.rx_bytes for app in world.table.apps())


def test_closed_socket_is_booked_when_its_owner_is_reported_later() -> None:
    world = World()
    world.finder.processes[60] = DNS
    world.count({flow(): amount(10)})
    world.update()
    world.count(owners={0xA: Owner(60, 0, 0, UDP, "dns")})
    world.update()
    assert world.app("dns").rx_bytes == 10


def test_bytes_of_udp_are_summed_separately_from_tcp() -> None:
    world = World()
    world.finder.known |= {"a": CURL, "b": CURL}
    world.count()
    world.update(a=udp(), b=tcp(0, 0))
    world.count({flow(): amount(500, 50)})
    world.update(a=udp(), b=tcp(1000, 100))
    sums = reconcile(Traffic(2000, 200), world.table.interval, None)
    assert (sums.tcp, sums.udp, sums.other) == ((1000, 100), (500, 50), (500, 50))


def test_local_network_bytes_have_a_separate_sum_for_every_kind_of_owner() -> None:
    world = World()
    world.finder.known["a"] = CURL
    world.count()
    world.update(a=udp(("192.0.2.9", 443)), b=udp(), c=tcp(0, 0), d=tcp(0, 0, remote_address="192.0.2.9"))
    world.count({flow(peer=("192.0.2.9", 443)): amount(500, 50), flow(0xB): amount(7, 7)})
    world.update(a=udp(("192.0.2.9", 443)), b=udp(), c=tcp(30, 30), d=tcp(1000, 100, remote_address="192.0.2.9"))
    assert world.table.interval.lan == (1500, 150), "d's owner is still looked for"
    assert reconcile(Traffic(2000, 140), world.table.interval, None).lan == (1500, 140)
    world.update(a=udp(("192.0.2.9", 443)), d=tcp(1000, 100, remote_address="192.0.2.9"), is_last=True)
    assert world.table.interval.lan == Traffic(), "nothing is counted again when its owner is found"


EVENTS = strategies.lists(
    strategies.tuples(
        strategies.dictionaries(
            strategies.tuples(strategies.integers(10, 12), strategies.sampled_from(["198.51.100.1", "198.51.100.2"])),
            strategies.integers(1, 1000),
            max_size=4,
        ),
        strategies.sets(strategies.sampled_from("abc")),
        strategies.sampled_from([2.0, 2.0, 40.0]),
        strategies.booleans(),
    ),
    max_size=12,
)


@settings(max_examples=200, deadline=None)
@given(EVENTS, strategies.booleans())
def test_every_byte_is_counted_once(events: list[Any], are_known: bool) -> None:
    """Sockets open and close, and the helper starts and stops, in any order."""

    def sockets(keys: set[str]) -> dict[str, Any]:
        return {key: udp(PEER if key == "a" else None) for key in keys}

    world = World()
    if are_known:
        world.finder.known = dict.fromkeys("abc", CURL)
    world.finder.processes[60] = DNS
    owners = {cookie: Owner(60, 0, 0, UDP, None) for cookie in (10, 11, 12)}
    world.update()
    counted = 0
    for moved, alive, after, is_lost in events:
        world.count({flow(cookie, (address, 443)): amount(rx) for (cookie, address), rx in moved.items()}, owners)
        counted += sum(moved.values())
        world.update(after=after, **sockets(alive))
        if is_lost:
            world.datagrams.stop()
            world.update(**sockets(alive))
    world.update(is_last=True)
    assert sum(app.rx_bytes for app in world.table.apps()) == counted
    for app in world.table.apps():
        assert sum(host.rx_bytes for host in world.app_hosts.of(app.key)) == app.rx_bytes
    assert world.datagrams._count_of_peers == sum(map(len, world.datagrams._peers.values()))


@pytest.mark.parametrize("rx", [0, 5])
def test_socket_that_connects_continues_in_its_own_row(rx: int) -> None:
    world = World()
    world.count()
    world.update(a=udp(None))
    world.count({flow(): amount(3)})
    world.update(a=udp(None))
    world.count({flow(): amount(rx, 1)})
    world.update(a=udp())
    assert world.rows()["a"].rx_bytes == rx


def test_flows_without_a_sample_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datagrams, "_MOST_WAITING", 3)
    world = World()
    world.update(a=udp())
    for _ in range(4):
        world.count({flow(cookie): amount(10) for cookie in range(0xA, 0xF)})
    assert len(world.datagrams._new) == 3
    assert world.datagrams.take_dropped() == 4 * 2
    assert world.datagrams.take_dropped() == 0
    world.update(a=udp())
    assert world.rows()["a"].rx_bytes == 4 * 10, "flows that are kept lose nothing"
    assert not world.datagrams._new
