"""The monitor's ticks from constructed samples."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
from hypothesis import given, strategies as st

from netwatch_tray.engine.monitor import Monitor
from netwatch_tray.errors import CollectError, Message
from netwatch_tray.model import CounterRow, GapReason, Interface, Sample, Tick

ORIGIN = datetime(2026, 1, 1, tzinfo=UTC)


class Samples:
    """A source whose samples the test sets; each is a second after the one before."""

    name = "test"
    note: Message | None = None

    def __init__(self) -> None:
        self.interfaces = {
            index: Interface(index=index, name=name, is_up=True) for index, name in ((2, "eth0"), (3, "eth1"))
        }
        self.counters: dict[int, CounterRow] = {2: (0,) * 8, 3: (0,) * 8}
        self.step = 1.0
        self.fails = False
        self.before: dict[int, CounterRow] | None = None
        """If not None, the counters of the previous sample: the same object is returned while they do not change."""
        self._now = 100.0

    def carry(self, index: int, rx: int) -> None:
        row = self.counters[index]
        self.counters[index] = (*row[:2], row[2] + rx, *row[3:])

    def sample(self) -> Sample:
        self._now += self.step
        if self.fails:
            raise CollectError("No counters.")
        counters = dict(self.counters)
        if self.before is not None:
            self.before = counters = self.before if counters == self.before else counters
        return Sample(boottime=self._now, counters=counters, interfaces=self.interfaces, counter_bits=64)

    def close(self) -> None:
        """Do nothing; nothing is open."""


def measured(monitor: Monitor, *, is_last: bool = False) -> Tick:
    """Return the next tick; there must be one."""
    tick = monitor.tick(is_last=is_last)
    assert tick is not None
    return tick


def test_idle_interface_is_the_same_object_until_counters_or_properties_change() -> None:
    source = Samples()
    monitor = Monitor(source, 1.0, {})
    monitor.tick()
    first, second = measured(monitor), measured(monitor)
    assert [each.rx_rate for each in second.interfaces] == [0.0, 0.0]
    assert all(old is new for old, new in zip(first.interfaces, second.interfaces, strict=True))

    source.counters[2] = (1, 0, 500, 0, 0, 0, 0, 0)
    moved = measured(monitor)
    assert (moved.interfaces[0].rx_bytes, moved.interfaces[0].rx_rate) == (500, 500.0)
    assert moved.interfaces[1] is second.interfaces[1]
    calm = measured(monitor)
    assert (calm.interfaces[0].rx_bytes, calm.interfaces[0].rx_rate) == (500, 0.0)

    source.interfaces = {**source.interfaces, 3: Interface(index=3, name="renamed", is_up=False)}
    learnt = measured(monitor)
    assert (learnt.interfaces[1].name, learnt.interfaces[1].is_up) == ("renamed", False)
    monitor.choose({"renamed": True})
    assert measured(monitor).interfaces[1].is_uplink


def test_rates_are_unknown_while_it_is_paused_and_in_the_first_tick_after() -> None:
    monitor = Monitor(Samples(), 1.0, {})
    monitor.tick()
    assert measured(monitor).interfaces[0].rx_rate == 0.0
    monitor.pause()
    paused = measured(monitor)
    assert (paused.gap, paused.interfaces[0].rx_rate) == (GapReason.PAUSED, None)
    monitor.resume()
    back = measured(monitor)
    assert (back.gap, back.interfaces[0].rx_rate) == (GapReason.RESUMED, None)
    assert (back.interval_s, back.interfaces[0].rx_delta) == (1.0, 0)
    assert measured(monitor).interfaces[0].rx_rate == 0.0


def test_reading_within_half_a_period_makes_no_tick_and_loses_nothing() -> None:
    source = Samples()
    monitor = Monitor(source, 1.0, {})
    monitor.tick()
    source.step = 0.22
    source.carry(2, 100)
    assert monitor.tick() is None
    source.step = 0.78
    source.carry(2, 100)
    tick = measured(monitor)
    assert (tick.interval_s, tick.interfaces[0].rx_delta) == (1.0, 200)


def test_the_last_tick_has_all_bytes_however_soon_it_comes() -> None:
    source = Samples()
    monitor = Monitor(source, 1.0, {})
    monitor.tick()
    source.step = 0.22
    source.carry(2, 100)
    last = measured(monitor, is_last=True)
    assert (last.gap, last.total.rx_delta, last.total.rx_rate) == (GapReason.NOT_RUNNING, 100, None)


def test_reset_interface_has_its_reason_and_is_left_out_of_the_total() -> None:
    source = Samples()
    monitor = Monitor(source, 1.0, {})
    source.carry(2, 500 * 10**9)
    monitor.tick()
    source.counters[2] = (0,) * 8
    source.carry(3, 7)
    fallen = measured(monitor)
    assert (fallen.interfaces[0].rx_delta, fallen.interfaces[0].rx_rate, fallen.interfaces[0].gap) == (
        None,
        None,
        GapReason.RESET,
    )
    assert (fallen.total.rx_delta, fallen.total.rx_rate, fallen.total.counted) == (7, 7.0, (3,))
    source.carry(2, 500 * 10**9 + 3)
    back = measured(monitor)
    assert (back.interfaces[0].rx_delta, back.interfaces[0].gap, back.total.rx_delta) == (None, GapReason.RESET, 0)
    assert back.total.gap is None, "the other one is known"
    assert measured(monitor).interfaces[0].gap is None


def routed(source: Samples, *names: str) -> None:
    """Make the default route use these interfaces from now on."""
    source.interfaces = {
        index: Interface(
            index=index, name=each.name, kind="ethernet", is_up=True, default_metric=0 if each.name in names else None
        )
        for index, each in source.interfaces.items()
    }


def test_the_second_in_which_the_default_route_moves_has_the_bytes_of_both_uplinks() -> None:
    source = Samples()
    routed(source, "eth0")
    monitor = Monitor(source, 1.0, {})
    monitor.tick()
    source.carry(2, 179_000)
    source.carry(3, 23_000)
    routed(source, "eth1")
    switched = measured(monitor)
    assert (switched.total.rx_rate, switched.total.rx_delta) == (202_000, 202_000)
    assert (switched.total.uplinks, switched.total.counted) == (("eth1",), (2, 3))
    source.carry(2, 5)
    source.carry(3, 23_000)
    assert measured(monitor).total.rx_delta == 23_000


def test_a_vpn_that_comes_up_within_a_second_doubles_nothing() -> None:
    source = Samples()
    routed(source, "eth0")
    source.interfaces[9] = Interface(index=9, name="tun0", kind="tun", is_up=True)
    source.counters[9] = (0,) * 8
    monitor = Monitor(source, 1.0, {})
    monitor.tick()
    source.carry(2, 1000)
    source.carry(9, 600)
    source.interfaces = {
        **source.interfaces,
        9: Interface(index=9, name="tun0", kind="tun", is_up=True, default_metric=0),
    }
    routed_both = measured(monitor)
    assert routed_both.total.rx_delta == 1000
    source.interfaces = {**source.interfaces, 2: Interface(index=2, name="eth0", kind="ethernet", is_up=True)}
    source.carry(2, 1000)
    source.carry(9, 600)
    assert measured(monitor).total.rx_delta == 1000
    source.carry(2, 1000)
    source.carry(9, 600)
    assert measured(monitor).total.rx_delta == 600, "its underlay is unknown"


def test_where_all_uplinks_were_reset_the_total_has_the_reason() -> None:
    source = Samples()
    routed(source, "eth0")
    monitor = Monitor(source, 1.0, {})
    source.carry(2, 1000)
    monitor.tick()
    source.counters[2] = (0,) * 8
    tick = measured(monitor)
    assert (tick.gap, tick.total.gap, tick.total.rx_rate) == (None, GapReason.RESET, None)
    source.carry(2, 10**15)
    assert measured(monitor).total.gap == GapReason.RESET
    source.carry(2, 10**15)
    assert measured(monitor).total.gap == GapReason.JUMPED
    source.carry(2, 7)
    assert (measured(monitor).total.gap, measured(monitor).total.rx_rate) == (None, 0.0)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["nothing", "bytes", "packets", "reset", "rename", "choose", "pause", "resume", "fail"]),
            st.sampled_from([0.3, 1.0, 1.0, 1.0, 7.0]),
        ),
        max_size=30,
    )
)
def test_ticks_do_not_depend_on_the_object_of_unchanged_counters(steps: list[tuple[str, float]]) -> None:
    copying, keeping = Samples(), Samples()
    keeping.before = {}
    monitors = [(source, Monitor(source, 1.0, {})) for source in (copying, keeping)]
    for number, (step, seconds) in enumerate(steps):
        ticks = []
        for source, monitor in monitors:
            source.step, source.fails = seconds, step == "fail"
            if step == "bytes":
                source.carry(2, 500)
            elif step == "packets":
                source.counters[3] = (source.counters[3][0] + 1, *source.counters[3][1:])
            elif step == "reset":
                source.counters[2] = (0,) * 8
            elif step == "rename":
                source.interfaces = {**source.interfaces, 3: Interface(index=3, name=f"x{number}", is_up=True)}
            elif step == "choose":
                monitor.choose({"eth0": number % 2 == 0})
            elif step == "pause":
                monitor.pause()
            elif step == "resume":
                monitor.resume()
            tick = monitor.tick()
            ticks.append(tick and msgspec.structs.replace(tick, at=ORIGIN))
        assert ticks[0] == ticks[1]
