"""Last counters of TCP connections, and connections of containers, in the samples and the table."""

from __future__ import annotations

from collections.abc import Mapping

from test_connections import CURL, ROUTES, Finder, tcp

from netwatch_tray.collect.helper_readings import TCP, UDP, Amount, Flow, Losses, Owner, Reading, TcpEnd
from netwatch_tray.collect.process import Process
from netwatch_tray.collect.sockets import Socket, SocketSample
from netwatch_tray.engine.connections import ConnectionTable
from netwatch_tray.engine.ledger import Reconciliation, reconcile
from netwatch_tray.engine.streams import Streams
from netwatch_tray.kinds import TcpState
from netwatch_tray.model import App, Traffic

BOX = Process(pid=70, name="boxed", executable="/usr/bin/boxed")
FLOW = Flow(0xC, TCP, "198.51.100.1", 443, 40000)


def end(rx: int, tx: int, *, is_here: bool | None = True) -> TcpEnd:
    return TcpEnd("192.0.2.7", 5000, "198.51.100.1", 443, rx, tx, is_here)


def amount(rx: int, tx: int, local: str = "172.17.0.2", cgroup: int = 0) -> Amount:
    return Amount(rx, tx, 0, 0, local, 0, None, cgroup)


class World:
    """A table and a helper; the test makes the samples."""

    def __init__(self) -> None:
        self.finder = Finder()
        self.finder.processes[70] = BOX
        self.finder.known["c"] = None  # no process here has a descriptor of it
        self.table = ConnectionTable(self.finder, now=lambda: 1.7e9, shares_network=lambda pid: pid != 70)
        self.streams = Streams()
        self.boottime = 100.0
        self.uplink = Traffic()
        self.sums: Reconciliation | None = None
        for _ in range(2):
            self.take()
            self.helper()

    def helper(
        self,
        ends: Mapping[int, TcpEnd] | None = None,
        amounts: Mapping[Flow, Amount] | None = None,
        closed: frozenset[int] = frozenset(),
        owners: Mapping[int, Owner] | None = None,
    ) -> None:
        nothing = Losses(0, 0, 0, 0, 0)
        reading = Reading(
            self.boottime, self.boottime, amounts or {}, owners or {}, (), nothing, (), ends or {}, closed
        )
        self.table.owners.note_creators(reading.owners)
        self.streams.count(reading)

    def take(
        self,
        changed: Mapping[str, Socket] | None = None,
        removed: Mapping[str, Socket] | None = None,
        *,
        is_last: bool = False,
    ) -> SocketSample:
        self.boottime += 2
        over = {key: self.boottime for key, gone in (removed or {}).items() if gone.state == TcpState.CLOSED}
        sample = SocketSample(self.boottime, changed or {}, removed or {}, ended=over)
        merged = self.streams.merge(sample, self._listed, self._is_behind, is_last=is_last)
        self.table.update(merged, ROUTES, is_last=is_last)
        self.sums = reconcile(self.uplink, self.table.interval, self.sums)
        return merged

    def _listed(self, key: str) -> Socket | None:
        entry = self.table.entry(key)
        return None if entry is None else entry.found

    def _is_behind(self, key: str, found: Socket) -> bool:
        return ROUTES.is_inside(found.local_address) and self.table.owners.knows_maker(key, found)

    def app(self, name: str) -> App:
        return next(app for app in self.table.apps() if app.name == name)


def test_end_corrects_the_last_counters_of_the_source() -> None:
    world = World()
    world.finder.known["a"] = CURL
    world.take({"a": tcp(rx=10, tx=10)})
    world.helper({0xA: end(1000, 500)})
    world.take({}, {"a": tcp(rx=999, tx=500, state=TcpState.CLOSED)})
    assert (world.app("curl").rx_bytes, world.app("curl").tx_bytes) == (1000, 500)


def test_removal_waits_until_the_helper_reports_the_end() -> None:
    world = World()
    world.finder.known["a"] = CURL
    world.take({"a": tcp(rx=10, tx=10)})
    merged = world.take({}, {"a": tcp(rx=0, tx=0, state=TcpState.CLOSED)})
    assert (merged.removed, merged.ended) == ({}, {})
    assert len(world.table.rows()) == 1
    world.helper({0xA: end(700, 50)})
    merged = world.take()
    assert (merged.removed["a"].rx_bytes, list(merged.ended)) == (700, ["a"])
    assert world.table.rows() == ()
    assert world.app("curl").rx_bytes == 700


def test_removal_waits_no_longer_than_for_two_readings() -> None:
    """The helper cannot report the end if the connection is older than the helper, or the ring was full."""
    world = World()
    world.take({"a": tcp(rx=10, tx=10)})
    world.take({}, {"a": tcp(rx=30, tx=20, state=TcpState.CLOSED)})
    world.helper()
    assert world.take().removed == {}
    world.helper()
    assert world.take().removed["a"].rx_bytes == 30
    world.helper({0xA: end(31, 20)})
    assert world.take().removed == {}, "it is over"


def test_nothing_waits_long_for_a_helper_that_no_longer_responds() -> None:
    world = World()
    world.take({"a": tcp(rx=10, tx=10)})
    world.take({"b": tcp(rx=30, tx=20, state=TcpState.TIME_WAIT)}, {"a": tcp(rx=30, tx=20, state=TcpState.CLOSED)})
    assert [row.key for row in world.table.rows()] == ["a"]
    world.boottime += 60
    merged = world.take()
    assert (list(merged.changed), list(merged.removed), list(merged.ended)) == (["b"], ["a"], ["a"])


def test_nothing_waits_without_a_helper_or_at_the_end() -> None:
    world = World()
    world.take({"a": tcp(rx=10, tx=10), "b": tcp(rx=10, tx=10)})
    world.take({}, {"a": tcp(rx=30, tx=20, state=TcpState.CLOSED)})
    world.streams.stop()
    assert world.take({}, {"b": tcp(rx=40, tx=20, state=TcpState.CLOSED)}).removed.keys() == {"a", "b"}
    world = World()
    world.take({"a": tcp(rx=10, tx=10)})
    assert world.take({}, {"a": tcp(rx=30, tx=20, state=TcpState.CLOSED)}, is_last=True).removed.keys() == {"a"}


def test_aborted_connection_that_no_sample_had_belongs_to_its_maker() -> None:
    world = World()
    world.finder.processes[50] = CURL
    world.helper({0xA: end(500, 50)}, owners={0xA: Owner(50, 0, 0, TCP, "curl")})
    assert world.take().removed["a"].state == TcpState.CLOSED
    assert (world.app("curl").rx_bytes, world.app("curl").tx_bytes) == (500, 50)
    assert world.take({}, {"a": tcp(rx=0, tx=0, state=TcpState.CLOSED)}).removed == {}, "the kernel's own report"


def test_end_of_an_unlisted_connection_of_another_namespace_is_ignored() -> None:
    world = World()
    world.helper({0xA: end(500, 50, is_here=False), 0xB: end(500, 50, is_here=None)})
    assert world.take().removed == {}


def test_ends_before_the_first_sample_are_ignored() -> None:
    streams = Streams()
    reading = Reading(100, 99, {}, {}, (), Losses(0, 0, 0, 0, 0), (), {0xA: end(10**9, 50)})
    streams.count(reading)
    merged = streams.merge(SocketSample(101, {}, {}), lambda _key: None, lambda *_: False)
    assert merged.removed == {}


def test_socket_in_time_wait_gets_its_last_bytes() -> None:
    world = World()
    world.finder.known["a"] = CURL
    world.take({"a": tcp(rx=10, tx=10)})
    world.take({"a": tcp(rx=10, tx=10, state=TcpState.TIME_WAIT)})
    world.helper({0xA: end(70, 50)})
    assert world.take().changed["a"].rx_bytes == 70
    assert world.app("curl").rx_bytes == 70


def test_socket_that_is_first_listed_in_time_wait_waits_for_its_maker() -> None:
    world = World()
    world.finder.processes[50] = CURL
    world.finder.known["a"] = None
    waiting = {"a": tcp(rx=600, tx=50, state=TcpState.TIME_WAIT, inode=None, uid=None)}
    assert world.take(waiting).changed == {}
    world.helper({0xA: end(600, 50)}, owners={0xA: Owner(50, 0, 0, TCP, "curl")})
    assert world.take().changed.keys() == {"a"}
    assert world.app("curl").rx_bytes == 600


def test_socket_in_time_wait_waits_no_longer_than_for_two_readings() -> None:
    world = World()
    waiting = {"a": tcp(rx=600, tx=50, state=TcpState.TIME_WAIT, inode=None)}
    world.take(waiting)
    world.helper()
    world.take()
    world.helper()
    assert world.take().changed.keys() == {"a"}


def test_container_has_its_bytes_while_the_connection_lives() -> None:
    world = World()
    world.helper(amounts={FLOW: amount(1000, 100)}, owners={0xC: Owner(70, 0, 0, TCP, "boxed")})
    world.uplink = Traffic(1100, 200)
    world.take()
    (row,) = world.table.rows()
    assert (row.local_address, row.rx_bytes, row.tx_bytes, row.state) == ("172.17.0.2", 1000, 100, "ESTABLISHED")
    assert (world.app("boxed").rx_bytes, world.app("boxed").local_rx_bytes) == (1000, 0)
    assert world.sums is not None
    assert (world.sums.other, world.sums.ahead) == (Traffic(100, 100), Traffic())
    world.helper(amounts={FLOW: amount(5, 0)}, closed=frozenset({0xC}))
    world.uplink = Traffic(5, 0)
    merged = world.take()
    assert (merged.removed["c"].rx_bytes, list(merged.ended)) == (1005, ["c"])
    assert world.table.rows() == ()
    assert world.app("boxed").rx_bytes == 1005


def test_container_of_another_user_is_named_by_its_control_group() -> None:
    world = World()
    world.finder.units[9] = "docker: web"
    world.helper(amounts={FLOW: amount(1000, 100, cgroup=9)})
    world.take()
    assert world.app("docker: web").rx_bytes == 1000


def test_bytes_of_uncertain_owner_stay_in_the_remainder() -> None:
    world = World()
    owners = {0xC: Owner(70, 0, 0, TCP, "boxed"), 0xD: Owner(70, 0, 0, TCP, "boxed")}
    world.helper(
        amounts={
            FLOW: amount(1000, 100, local="10.0.2.100"),  # behind slirp4netns, whose sockets are counted
            FLOW._replace(cookie=0xD): amount(1000, 100, local="192.0.2.7"),  # ours
            FLOW._replace(cookie=0xE): amount(1000, 100),  # nobody knows whose
            FLOW._replace(cookie=0xF, protocol=UDP): amount(1000, 100),
        },
        owners=owners,
    )
    merged = world.take()
    assert (merged.changed, merged.removed) == ({}, {})


def test_bytes_between_containers_cross_no_uplink() -> None:
    world = World()
    flow = FLOW._replace(peer_address="172.17.0.3")
    world.helper(amounts={flow: amount(1000, 100)}, owners={0xC: Owner(70, 0, 0, TCP, "boxed")})
    world.take()
    assert (world.app("boxed").rx_bytes, world.app("boxed").local_rx_bytes) == (0, 1000)


def test_counting_continues_when_the_helper_is_back() -> None:
    world = World()
    owners = {0xC: Owner(70, 0, 0, TCP, "boxed")}
    world.helper(amounts={FLOW: amount(1000, 100)}, owners=owners)
    world.take()
    world.streams.stop()
    assert world.take().removed["c"].rx_bytes == 1000
    world.helper(amounts={FLOW: amount(30, 0)})
    assert world.take().changed["c"].rx_bytes == 30
    assert world.app("boxed").rx_bytes == 1030


def test_rows_of_a_container_are_removed_when_the_helper_was_replaced_between_samples() -> None:
    """Only the previous helper could report that the connections closed."""
    world = World()
    world.helper(amounts={FLOW: amount(1000, 100)}, owners={0xC: Owner(70, 0, 0, TCP, "boxed")})
    world.take()
    world.streams.stop()
    world.helper()
    assert world.take().removed["c"].rx_bytes == 1000
    assert world.table.rows() == ()
