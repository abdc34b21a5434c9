"""When the agent reads the sockets, so that connections and interfaces cover the same seconds."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import cast

import pytest

from netwatch_tray.agent import connections, open_source
from netwatch_tray.agent.connections import ConnectionWatch
from netwatch_tray.collect.sockets import ConnectionSource, Openings, Socket, SocketSample
from netwatch_tray.collect.sources import Sources
from netwatch_tray.engine.ledger import AppInterval
from netwatch_tray.engine.topology import decide
from netwatch_tray.feed.protocol import AppsMessage
from netwatch_tray.kinds import TcpState
from netwatch_tray.model import Interface, InterfaceTick, Tick, Total, Why, WhyCode


class _Timer:
    def __init__(self, period: float, callback: Callable[[], None]) -> None:
        self.period, self.callback = period, callback

    def cancel(self) -> None:
        self.period = 0.0


class _Scheduler:
    """A scheduler whose time the test advances."""

    def __init__(self) -> None:
        self.now = 0
        self.timers: list[_Timer] = []

    def every(self, period: float, callback: Callable[[], None]) -> _Timer:
        self.timers.append(_Timer(period, callback))
        return self.timers[-1]

    def after(self, _delay: float, callback: Callable[[], None]) -> None:
        callback()

    def call_soon(self, callback: Callable[[], None]) -> None:
        callback()


class _Source:
    """A source with one connection over the uplink, which receives 1000 bytes a second."""

    name, note, is_costly, is_monotonic, descriptor = "test", None, False, True, None

    def __init__(self, scheduler: _Scheduler) -> None:
        self.scheduler = scheduler
        self.reads: list[float] = []
        self.at = 0.0
        """The true time, between two ticks as well."""

    def read(self) -> SocketSample:
        self.reads.append(self.at)
        found = Socket(
            protocol="TCP", local_address="192.0.2.1", local_port=1, remote_address="198.51.100.1", remote_port=2,
            state=TcpState.ESTABLISHED, rx_bytes=int(1000 * self.at), tx_bytes=0,
        )  # fmt: skip
        return SocketSample(100 + self.at, {"it": found}, {})

    def close(self) -> None:
        """Do nothing; nothing is open."""


def test_connections_and_interfaces_cover_the_same_interval() -> None:
    scheduler = _Scheduler()
    source = _Source(scheduler)
    uplink = Interface(index=2, name="eth0", is_up=True, addresses=("192.0.2.1/24",), default_metric=1)
    interfaces = {2: uplink}
    monitor = SimpleNamespace(interfaces=interfaces, memberships=decide(interfaces, {}))
    watch = ConnectionWatch(scheduler, monitor, _Sources(source))  # type: ignore[arg-type]  # they have what it asks for
    published: list[AppsMessage] = []
    feed = SimpleNamespace(wants=lambda topic: topic == "apps", publish=lambda _topic, said: published.append(said))
    watch.start(feed)  # type: ignore[arg-type]  # as above
    assert source.reads == [0.0], "at once: there was none before"

    told = 0

    def second() -> None:
        nonlocal told
        scheduler.now += 1
        source.at = float(scheduler.now)
        total = Total(rx_rate=1000.0, tx_rate=0.0, uplinks=("eth0",), rx_delta=1000)
        moved = watch.count(Tick(at=datetime.now(UTC), interval_s=1.0, gap=None, total=total, interfaces=()))
        if moved:
            told += sum(traffic.rx for _name, traffic in moved.apps.values())
        for timer in list(scheduler.timers):
            if timer.period and scheduler.now % timer.period == 0:
                timer.callback()

    for _ in range(13):
        second()
    source.at = 13.4
    watch.set_watched(True)
    for _ in range(3):
        second()
    source.at = 16.9
    watch.set_watched(False)
    source.at = 16.95
    watch.set_watched(True)
    for _ in range(4):
        second()
    assert source.reads == [0.0, 10.0, 13.4, 14.0, 16.0, 16.9, 16.95, 18.0, 20.0], (
        "whoever begins to look sees the present"
    )
    second()
    assert told == 20_000, "the history misses nothing, however often is read between two ticks"
    lengths = {said.interval_s for said in published}
    assert lengths == {None, 2.0, 4.0, 10.0}
    for said in published:
        if said.interval_s:
            assert said.uplink == (1000 * said.interval_s, 0)
            assert said.tcp == said.uplink, "the one connection is all of it"
            assert said.other == (0, 0)


class _Openings:
    """Returns how many connections were opened so far."""

    def __init__(self) -> None:
        self.opened = self.counted = 0

    def count(self) -> int:
        self.counted += 1
        return self.opened

    def close(self) -> None:
        """Do nothing; nothing is open."""


class _Sources(Sources):
    def __init__(self, source: _Source, openings: _Openings | None = None) -> None:
        self.source, self.opened = source, openings

    def connections(self) -> ConnectionSource:
        return cast("ConnectionSource", self.source)

    def openings(self) -> Openings | None:
        return self.opened


class _Agent:
    """Ticks each second, as the agent does. The test opens connections."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, is_costly: bool = False) -> None:
        self.scheduler, self.openings = _Scheduler(), _Openings()
        self.source = _Source(self.scheduler)
        self.source.is_costly = is_costly
        self.clock = 1000.0
        self.cost = 0.001
        monkeypatch.setattr(open_source.clock, "boottime", lambda: self.clock)
        monkeypatch.setattr(connections.time, "thread_time", self._thread_time)
        self._spent = 0.0
        interfaces = {2: Interface(index=2, name="eth0", is_up=True, addresses=("192.0.2.1/24",), default_metric=1)}
        monitor = SimpleNamespace(interfaces=interfaces, memberships=decide(interfaces, {}))
        sources = _Sources(self.source, self.openings)
        self.watch = ConnectionWatch(self.scheduler, monitor, sources)  # type: ignore[arg-type]  # as above
        feed = SimpleNamespace(wants=lambda _topic: False)
        self.watch.start(feed)  # type: ignore[arg-type]  # as above

    def _thread_time(self) -> float:
        self._spent += self.cost
        return self._spent

    def second(self, *, opened: int = 0, is_snapshot: bool = False) -> AppInterval | None:
        self.scheduler.now += 1
        self.clock += 1
        self.source.at = float(self.scheduler.now)
        self.openings.opened += opened
        total = Total(rx_rate=1000.0, tx_rate=0.0, uplinks=("eth0",), rx_delta=1000)
        moved = self.watch.count(Tick(at=datetime.now(UTC), interval_s=1.0, gap=None, total=total, interfaces=()))
        if is_snapshot:
            self.watch.read_with_tick()
        for timer in list(self.scheduler.timers):
            if timer.period and self.scheduler.now % timer.period == 0:
                timer.callback()
        return moved


def test_sockets_for_an_uploaded_snapshot_are_read_once_with_its_tick(monkeypatch: pytest.MonkeyPatch) -> None:
    agent = _Agent(monkeypatch)
    for second in range(1, 32):
        agent.second(opened=1 if second == 15 else 0, is_snapshot=second % 15 == 0)
    assert agent.source.reads == [0.0, 10.0, 15.0, 20.0, 30.0]


def test_opened_connections_are_not_counted_while_interfaces_have_no_traffic(monkeypatch: pytest.MonkeyPatch) -> None:
    agent = _Agent(monkeypatch)

    def second(*, rx_bytes: int, opened: int = 0) -> int:
        """Return how often the connections were counted in it."""
        agent.clock += 1
        agent.openings.opened += opened
        before = agent.openings.counted
        uplink = InterfaceTick(
            index=2, name="eth0", is_up=True, is_uplink=False, why=Why(WhyCode.DOWN), rx_bytes=rx_bytes, tx_bytes=0,
            rx_packets=0, tx_packets=0, rx_errors=0, tx_errors=0, rx_drops=0, tx_drops=0, rx_rate=0.0, tx_rate=0.0,
        )  # fmt: skip
        total = Total(rx_rate=0.0, tx_rate=0.0, uplinks=())
        agent.watch.count(Tick(at=datetime.now(UTC), interval_s=1.0, gap=None, total=total, interfaces=(uplink,)))
        return agent.openings.counted - before

    assert second(rx_bytes=1) == 1
    assert [second(rx_bytes=1) for _ in range(3)] == [0, 0, 0]
    reads = len(agent.source.reads)
    assert second(rx_bytes=2, opened=1) == 1, "and not once more for the reading"
    assert len(agent.source.reads) == reads + 1
    agent.cost = 1.0
    second(rx_bytes=3, opened=1)
    assert second(rx_bytes=4, opened=1) == 0, "the readings before were a load"
    agent.clock += 100
    assert second(rx_bytes=4) == 1, "what was opened then is read, although nothing moves any more"
    assert len(agent.source.reads) == reads + 3


def test_sockets_are_read_with_the_tick_after_a_connection_was_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    agent = _Agent(monkeypatch)
    for second in range(1, 22):
        agent.second(opened=1 if second in {3, 4, 10} else 0)
    assert agent.source.reads == [0.0, 3.0, 4.0, 10.0, 20.0], "once at second 10, although both reasons hold"


def test_readings_on_a_busy_server_stay_below_their_cpu_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    agent = _Agent(monkeypatch)
    agent.cost = 0.5
    for _ in range(100):
        agent.second(opened=5000)
    regular = 1 + 100 / connections.PERIOD_UNWATCHED
    assert 10 <= len(agent.source.reads) <= regular + 100 * open_source.MOST_LOAD / agent.cost


def test_the_last_reading_counts_all_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    agent = _Agent(monkeypatch)
    for _ in range(3):
        agent.second()
    agent.source.at = 3.5
    agent.watch.read_last()
    moved = agent.watch.count(
        Tick(
            at=datetime.now(UTC), interval_s=0.5, gap=None, total=Total(rx_rate=0, tx_rate=0, uplinks=()), interfaces=()
        )
    )
    assert moved
    assert sum(traffic.rx for _, traffic in moved.amounts.values()) == 3500
    assert moved.held == (0, 0)
    assert agent.second() is None
