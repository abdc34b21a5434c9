"""The rules of truth, each by example, and a stateful test against a model that knows what really happened."""

from __future__ import annotations

from collections.abc import Mapping

from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from netwatch_tray.engine.rates import InterfaceRates, Interval, RateTracker, most_bytes
from netwatch_tray.model import CounterRow, Counters, GapReason, Interface, Sample

GIGABIT = 10**9


def row(rx: int, tx: int = 0) -> Counters:
    return Counters(rx // 1000, tx // 1000, rx, tx, 0, 0, 0, 0)


def sample(
    at: float, rows: Mapping[int, CounterRow], bits: int = 64, speed: int | None = None, *, is_physical: bool = True
) -> Sample:
    known = {index: Interface(index=index, name=f"if{index}", speed=speed, is_physical=is_physical) for index in rows}
    return Sample(at, rows, known, bits)


def run(*samples: Sample, uptimes: list[float] | None = None) -> list[Interval]:
    """Return the interval that each of the samples measures."""
    tracker = RateTracker(1.0)
    found = []
    for each, uptime in zip(samples, uptimes or [each.boottime for each in samples], strict=True):
        interval = tracker.update(each, uptime)
        assert interval is not None
        found.append(interval)
    return found


def test_the_first_sample_has_no_rate() -> None:
    (first,) = run(sample(10, {1: row(5000)}))
    assert first == Interval(None, None, {}, {})


def test_a_rate_is_divided_by_the_measured_time() -> None:
    _, second = run(sample(10, {1: row(5000, 100)}), sample(12.5, {1: row(10_000, 350)}))
    assert second.elapsed == 2.5
    assert second.rates[1] == InterfaceRates(2000, 100, 0, 0, 5000, 250)


def test_idle_interface_has_rate_zero() -> None:
    _, second = run(sample(10, {1: row(5000)}), sample(11, {1: row(5000)}))
    assert second.rates[1].rx_rate == 0
    assert second.rates[1].rx_delta == 0


def test_a_new_interface_is_unknown_and_does_not_hide_the_others() -> None:
    _, second = run(sample(10, {1: row(0)}), sample(11, {1: row(10), 2: row(10**9)}))
    assert set(second.rates) == {1}


def test_an_interface_created_again_under_its_name_has_another_index() -> None:
    _, second = run(sample(10, {1: row(10**9)}), sample(11, {2: row(7)}))
    assert second.rates == {}


def test_counters_that_go_back_are_a_reset_not_a_rate() -> None:
    _, second, third = run(sample(10, {1: row(10**9, 50)}), sample(11, {1: row(7, 60)}), sample(12, {1: row(1007, 60)}))
    assert second.rates == {}
    assert second.resets == {1: GapReason.RESET}
    assert third.rates[1].rx_rate == 1000


def test_a_64_bit_counter_never_wraps_at_32_bits() -> None:
    _, second = run(sample(10, {1: row(2**32 - 1000)}), sample(11, {1: row(1000)}))
    assert second.resets == {1: GapReason.RESET}


def test_a_32_bit_counter_wraps_when_the_link_could_have_carried_it() -> None:
    _, second = run(sample(10, {1: row(2**32 - 1000)}, 32, 10**9), sample(11, {1: row(1000)}, 32, 10**9))
    assert second.rates[1].rx_delta == 2000


def test_a_32_bit_reset_is_not_taken_for_a_wrap() -> None:
    _, second = run(sample(10, {1: row(3 * 10**9)}, 32, 10**9), sample(11, {1: row(0)}, 32, 10**9))
    assert second.resets == {1: GapReason.RESET}


def test_sleep_is_a_gap_and_its_bytes_are_not_spread() -> None:
    _, second, third = run(
        sample(10, {1: row(0)}), sample(14, {1: row(10**9)}), sample(15, {1: row(10**9 + 5)}), uptimes=[10, 11, 12]
    )
    assert second.gap == GapReason.ASLEEP
    assert second.rates[1] == InterfaceRates(None, None, None, None, 10**9, 0)
    assert third.rates[1].rx_rate == 5


def test_a_long_pause_is_a_gap() -> None:
    _, second = run(sample(10, {1: row(0)}), sample(15.5, {1: row(10**9)}))
    assert second.gap == GapReason.INTERRUPTED


def test_a_slow_period_makes_longer_pauses_normal() -> None:
    tracker = RateTracker(60)
    tracker.update(sample(0, {1: row(0)}), 0)
    interval = tracker.update(sample(61, {1: row(610)}), 61)
    assert interval is not None
    assert interval.rates[1].rx_rate == 10


def test_sample_within_half_a_period_is_ignored() -> None:
    for early in (10, 10.0007, 10.49):
        tracker = RateTracker(1.0)
        samples = sample(10, {1: row(0)}), sample(early, {1: row(500)}), sample(11, {1: row(1000)})
        _, second, third = (tracker.update(each, each.boottime) for each in samples)
        assert second is None
        assert third is not None
        assert (third.elapsed, third.rates[1].rx_rate) == (1, 1000)
    _, half = run(sample(10, {1: row(0)}), sample(10.5, {1: row(500)}))
    assert half.rates[1].rx_rate == 1000


def test_a_counter_that_reads_0_once_and_comes_back_is_a_reset_twice() -> None:
    for readings in ([0], [0, 0, 0], [10**9]):
        values = [500 * 10**9, *readings, 500 * 10**9 + 700, 500 * 10**9 + 1700]
        for speed in (None, GIGABIT):
            found = run(*[sample(10 + at, {1: row(value)}, 64, speed) for at, value in enumerate(values)])
            assert found[1].resets == {1: GapReason.RESET}
            assert found[-2].resets == {1: GapReason.RESET}
            assert found[-1].rates[1].rx_delta == 1000
            assert all(each.rates[1].rx_delta == 0 for each in found[2:-2])


def test_delta_above_the_link_speed_is_a_jump() -> None:
    for speed, most in ((GIGABIT, 1.1 * GIGABIT / 8 * 7), (10**7, 1.1 * 10**7 / 8 * 7), (None, 50e9)):
        _, under = run(sample(10, {1: row(5, 5)}, 64, speed), sample(11, {1: row(5, 5 + int(most))}, 64, speed))
        _, over = run(sample(10, {1: row(5, 5)}, 64, speed), sample(11, {1: row(5, 7 + int(most))}, 64, speed))
        assert under.rates[1].tx_delta == int(most)
        assert (over.rates, over.resets) == ({}, {1: GapReason.JUMPED})


def test_the_speed_that_a_virtual_link_reports_is_not_believed() -> None:
    """A veth reports 10 Gbit/s and a tun 10 Mbit/s, but both carry as much as the processor can copy."""
    first, second = (sample(at, {1: row(at * 10**10)}, 64, 10**7, is_physical=False) for at in (1, 2))
    assert run(first, second)[1].rates[1].rx_delta == 10**10


def test_a_link_that_negotiates_another_speed_is_granted_the_greater_one() -> None:
    for before, now in ((10 * GIGABIT, GIGABIT), (GIGABIT, 10 * GIGABIT), (None, 10**8), (10**8, None)):
        _, second = run(sample(10, {1: row(0)}, 64, before), sample(11, {1: row(5 * 10**9)}, 64, now))
        assert second.rates[1].rx_delta == 5 * 10**9


def test_a_saturated_link_is_never_a_reset_however_its_driver_counts() -> None:
    """Drivers may copy counters from the card only every few seconds, and readings may be stamped up to a
    second late."""
    for speed in (10**7, GIGABIT, 100 * GIGABIT):
        for refresh in (0.001, 1.0, 2.0, 5.0):
            for late in (0.0, 0.9):
                counted = [int(speed / 8 * (at // refresh * refresh)) for at in range(1, 30)]
                stamps = [at + (late if at % 3 == 0 else 0.0) for at in range(1, 30)]
                samples = [
                    sample(*each, 64, speed) for each in zip(stamps, [{1: row(c)} for c in counted], strict=True)
                ]
                tracker = RateTracker(1.0)
                found = [tracker.update(each, each.boottime) for each in samples]
                assert not any(each.resets for each in found if each)
                total = sum(each.rates[1].rx_delta for each in found if each and each.elapsed)
                measured = [value for value, each in zip(counted, found, strict=True) if each]
                assert total == measured[-1] - measured[0]


def test_the_bound_grows_with_the_elapsed_time() -> None:
    assert most_bytes(3600, GIGABIT, GIGABIT) < 1.11 * GIGABIT / 8 * 3600
    assert most_bytes(3600, None, GIGABIT) == most_bytes(3600, GIGABIT, None) == 50e9 * 3600


def test_change_of_the_source_is_a_gap() -> None:
    _, second = run(sample(10, {1: row(0)}, 32), sample(11, {1: row(10**10)}, 64))
    assert second.gap == GapReason.SOURCE_CHANGED


class Truth(RuleBasedStateMachine):
    """Counters rise, fall, jump and come back, links change their speed, interfaces are added and removed, and clocks
    are set. Every delta must be the true one, and none more than the link carries."""

    @initialize(bits=st.sampled_from([32, 64]), copies=st.booleans())
    def start(self, bits: int, copies: bool) -> None:
        self.tracker = RateTracker(1.0)
        self.bits = bits
        self.copies = copies
        """Whether counters that did not change come in another object."""
        self.boottime, self.uptime = 1000.0, 900.0
        self.counters: dict[int, list[int]] = {1: [0, 0]}
        self.speeds: dict[int, int | None] = {}
        self.next_index = 2
        self.since: dict[int, list[int] | None] = {}
        """Bytes carried since the last sample; None: the counters do not tell."""
        self.fastest: dict[int, int] = {}
        """Bit/s at which traffic passed since the last sample."""
        self.fallen: set[int] = set()
        """Interfaces that were reset and have stood still since."""
        self.measured: Sample | None = None
        self.disturbed = False
        self.awake = 0.0
        self.paused: GapReason | None = None

    @rule(index=st.integers(1, 9), share=st.floats(0, 1), tx=st.integers(0, 10**6), seconds=st.floats(0.1, 4))
    def carry(self, index: int, share: float, tx: int, seconds: float) -> None:
        """Carry traffic that the link is able to carry."""
        self.wait(seconds)
        if index in self.counters:
            speed = self.speeds.get(index) or 10**9
            self.fastest[index] = max(speed, self.fastest.get(index, 0))
            self.add(index, int(share * seconds * speed / 8), min(tx, int(seconds * speed / 8)))

    @rule(index=st.integers(1, 9), rx=st.integers(0, 2**62), tx=st.integers(0, 2**62))
    def read_anything(self, index: int, rx: int, tx: int) -> None:
        if index in self.counters:
            self.counters[index] = [rx, tx]
            self.since[index] = None

    @rule(index=st.integers(1, 9))
    def read_zero_once(self, index: int) -> None:
        if index in self.counters:
            counters = self.counters[index]
            self.counters[index] = [0, 0]
            self.since[index] = None
            self.measure()
            self.wait(1)
            self.counters[index] = counters
            self.since[index] = None
            self.measure()

    @rule(index=st.integers(1, 9), speed=st.sampled_from([None, 10**7, 10**8, 10**9, 10**10]))
    def negotiate(self, index: int, speed: int | None) -> None:
        self.speeds[index] = speed

    @rule(index=st.integers(1, 9))
    def recreate(self, index: int) -> None:
        self.counters.pop(index, None)
        self.counters[self.next_index] = [0, 0]
        self.since[self.next_index] = None
        self.next_index += 1

    @rule(seconds=st.floats(1.5, 10**6))
    def sleep(self, seconds: float) -> None:
        self.boottime += seconds
        self.disturbed = True

    @rule()
    def pause(self) -> None:
        self.paused = GapReason.PAUSED

    @rule(seconds=st.floats(0.01, 4.0))
    def wait(self, seconds: float) -> None:
        self.boottime += seconds
        self.uptime += seconds
        self.awake += seconds

    def add(self, index: int, rx: int, tx: int) -> None:
        self.counters[index][0] += rx
        self.counters[index][1] += tx
        carried = self.since.setdefault(index, [0, 0])
        if carried is not None:
            carried[0] += rx
            carried[1] += tx

    @rule()
    def measure(self) -> None:
        end = 1 << self.bits
        rows: Mapping[int, CounterRow] = {
            index: row(*(each % end for each in carried)) for index, carried in self.counters.items()
        }
        known = {
            index: Interface(index=index, name=f"if{index}", speed=self.speeds.get(index), is_physical=True)
            for index in rows
        }
        before = self.measured
        if before is not None and rows == before.counters and not self.copies:
            rows = before.counters
        now = Sample(self.boottime, rows, known, self.bits)
        interval = self.tracker.update(now, self.uptime, self.paused)
        if before is None:
            assert interval == Interval(None, None, {}, {})
        elif self.boottime == before.boottime or (self.awake < 0.5 and not (self.paused or self.disturbed)):
            assert interval is None
            return
        else:
            assert interval is not None
            self.check(interval, before, now)
        self.since, self.fastest = {}, {}
        self.measured, self.disturbed, self.awake, self.paused = now, False, 0.0, None

    def check(self, interval: Interval, before: Sample, now: Sample) -> None:
        elapsed = now.boottime - before.boottime
        assert (interval.gap is not None) == (self.disturbed or self.awake > 5.0 or self.paused is not None)
        assert interval.rates.keys() | interval.resets.keys() == now.counters.keys() & before.counters.keys()
        assert not interval.rates.keys() & interval.resets.keys()
        for index, reason in interval.resets.items():
            speeds = before.interfaces[index].speed, now.interfaces[index].speed
            is_possible = None in speeds or self.fastest.get(index, 0) <= max(filter(None, speeds))
            if self.since.get(index, [0, 0]) is not None and self.bits == 64 and is_possible:
                assert reason == GapReason.RESET
                assert index in self.fallen, "traffic that the link can carry is no reset"
        moved_on = {index for index, each in interval.rates.items() if each.rx_delta or each.tx_delta}
        self.fallen = (self.fallen - moved_on) | {
            index for index, why in interval.resets.items() if why == GapReason.RESET
        }
        for index, rates in interval.rates.items():
            deltas = [rates.rx_delta, rates.tx_delta]
            speeds = before.interfaces[index].speed, now.interfaces[index].speed
            assert all(0 <= each <= most_bytes(elapsed, *speeds) for each in deltas)
            if interval.gap is None:
                assert [rates.rx_rate, rates.tx_rate] == [each / elapsed for each in deltas]
            else:
                assert (rates.rx_rate, rates.tx_rate) == (None, None)
            fields = (2, 3)
            moved = [now.counters[index][field] - before.counters[index][field] for field in fields]
            assert deltas == moved or (self.bits == 32 and deltas == [each % 2**32 for each in moved])
            carried = self.since.get(index, [0, 0])
            if carried is not None and self.bits == 64:
                assert deltas == carried


TestTruth = Truth.TestCase
TestTruth.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
