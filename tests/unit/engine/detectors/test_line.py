"""Which changes of the network are events: going offline, coming back, other uplinks."""

from __future__ import annotations

from datetime import UTC, datetime

from netwatch_tray.engine.detectors import Moment
from netwatch_tray.engine.detectors.line import HELD_S, Line, LineWatch
from netwatch_tray.event import Finding, Offline, TotalMoved
from netwatch_tray.model import GapReason, Interface, Tick, Total

START = 1.7e9


class Machine:
    """A machine that ticks once a second."""

    def __init__(self) -> None:
        self.watch = LineWatch()
        self.boottime = 100.0
        self.interfaces = {1: up("eth0"), 2: Interface(index=2, name="wlan0")}
        self.uplinks: tuple[str, ...] = ("eth0",)

    def run(self, seconds: int, gap: GapReason | None = None) -> list[Finding]:
        found: list[Finding] = []
        for _ in range(seconds):
            self.boottime += 1
            total = Total(rx_rate=None, tx_rate=None, uplinks=self.uplinks)
            tick = Tick(at=datetime.now(UTC), interval_s=1.0, gap=gap, total=total, interfaces=())
            now = Moment(START + self.boottime, self.boottime)
            found += self.watch.take(Line(tick, self.interfaces), now)
        return found

    def unplug(self) -> None:
        self.interfaces, self.uplinks = {1: Interface(index=1, name="eth0")}, ()

    def plug(self) -> None:
        self.interfaces, self.uplinks = {1: up("eth0")}, ("eth0",)


def up(name: str) -> Interface:
    return Interface(index=1, name=name, is_up=True, default_metric=100)


def test_offline_is_reported_while_it_lasts_and_ends_when_back() -> None:
    machine = Machine()
    assert machine.run(60) == []
    machine.unplug()
    (lost,) = machine.run(60)
    assert lost.evidence == Offline(until=None, interfaces=("eth0",))
    assert lost.since == START + 161
    assert lost.at == lost.since + HELD_S
    machine.plug()
    (back,) = machine.run(60)
    assert back.evidence == Offline(until=START + 221, interfaces=("eth0",))
    assert back.goes_on
    assert back.key == lost.key


def test_short_interruption_raises_no_finding() -> None:
    machine = Machine()
    machine.run(5)
    for _ in range(10):
        machine.unplug()
        assert machine.run(int(HELD_S) - 1) == []
        machine.plug()
        assert machine.run(3) == []


def test_machine_that_starts_without_a_network_is_not_offline() -> None:
    machine = Machine()
    machine.unplug()
    assert machine.run(60) == []
    machine.plug()
    assert machine.run(60) == []


def test_seconds_without_network_after_sleep_raise_no_finding() -> None:
    machine = Machine()
    machine.run(5)
    machine.unplug()
    machine.run(3)
    assert machine.run(1, GapReason.ASLEEP) == []
    assert machine.run(int(HELD_S) - 1) == []
    machine.plug()
    assert machine.run(30) == []


def test_pausing_the_measurement_raises_no_finding() -> None:
    machine = Machine()
    machine.run(5)
    machine.unplug()
    assert machine.run(60, GapReason.PAUSED) == []


def test_change_of_uplink_is_reported_once_it_lasts() -> None:
    machine = Machine()
    machine.run(5)
    machine.interfaces, machine.uplinks = {1: up("eth0"), 2: up("wlan0")}, ("eth0", "wlan0")
    assert machine.run(3) == []
    machine.interfaces, machine.uplinks = {2: up("wlan0")}, ("wlan0",)
    (moved,) = machine.run(60)
    assert moved.evidence == TotalMoved(before=("eth0",), after=("wlan0",))
    assert machine.run(60) == []


def test_network_without_a_default_route_is_offline_without_any_uplink() -> None:
    machine = Machine()
    machine.interfaces = {1: Interface(index=1, name="eth0", is_up=True)}
    assert machine.run(10) == []
    machine.unplug()
    (lost,) = machine.run(10)
    assert isinstance(lost.evidence, Offline)
