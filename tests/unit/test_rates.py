"""The rules of truth, each by example, and a stateful test against a model that knows what really happened."""

from __future__ import annotations

from collections.abc import Mapping

from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from netwatch_tray.engine.rates import RateTracker
from netwatch_tray.model import CounterRow, Counters, Interface, Sample


def row(rx: int, tx: int = 0) -> Counters:
    return Counters(rx // 1000, tx // 1000, rx, tx, 0, 0, 0, 0)


def sample(at: float, rows: Mapping[int, CounterRow], bits: int = 64, speed: int | None = None) -> Sample:
    return Sample(at, rows, {index: Interface(index=index, name=f"if{index}", speed=speed) for index in rows}, bits)


def run(*samples: Sample, uptimes: list[float] | None = None):
    tracker = RateTracker(1.0)
    uptimes = uptimes or [each.boottime for each in samples]
    return [tracker.update(each, uptime) for each, uptime in zip(samples, uptimes, strict=True)]


def test_the_first_sample_has_no_rate() -> None:
    (first,) = run(sample(10, {1: row(5000)}))
    assert first == (None, None, {}, ())


def test_a_rate_is_divided_by_the_measured_time() -> None:
    _, second = run(sample(10, {1: row(5000, 100)}), sample(12.5, {1: row(10_000, 350)}))
    assert second.elapsed == 2.5
    assert second.rates[1] == (2000, 100, 0, 0, 5000, 250)


def test_a_still_interface_has_a_true_zero() -> None:
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
    assert second.resets == (1,)
    assert third.rates[1].rx_rate == 1000


def test_a_64_bit_counter_never_wraps_at_32_bits() -> None:
    _, second = run(sample(10, {1: row(2**32 - 1000)}), sample(11, {1: row(1000)}))
    assert second.resets == (1,)


def test_a_32_bit_counter_wraps_when_the_link_could_have_carried_it() -> None:
    _, second = run(sample(10, {1: row(2**32 - 1000)}, 32, 10**9), sample(11, {1: row(1000)}, 32, 10**9))
    assert second.rates[1].rx_delta == 2000


def test_a_32_bit_reset_is_not_taken_for_a_wrap() -> None:
    _, second = run(sample(10, {1: row(3 * 10**9)}, 32, 10**9), sample(11, {1: row(0)}, 32, 10**9))
    assert second.resets == (1,)


def test_sleep_is_a_gap_and_the_bytes_of_the_nap_are_not_smeared() -> None:
    _, second, third = run(
        sample(10, {1: row(0)}), sample(14, {1: row(10**9)}), sample(15, {1: row(10**9 + 5)}), uptimes=[10, 11, 12]
    )
    assert second.gap == "asleep"
    assert second.rates == {}
    assert third.rates[1].rx_rate == 5


def test_a_long_pause_is_a_gap() -> None:
    _, second = run(sample(10, {1: row(0)}), sample(15.5, {1: row(10**9)}))
    assert second.gap == "nothing measured for 6 s"


def test_a_slow_period_makes_longer_pauses_normal() -> None:
    tracker = RateTracker(60)
    tracker.update(sample(0, {1: row(0)}), 0)
    assert tracker.update(sample(61, {1: row(610)}), 61).rates[1].rx_rate == 10


def test_two_samples_of_one_moment_keep_the_baseline() -> None:
    _, second, third = run(sample(10, {1: row(0)}), sample(10, {1: row(500)}), sample(11, {1: row(1000)}))
    assert second.rates == {}
    assert third.rates[1].rx_rate == 1000


def test_another_kind_of_source_is_a_gap() -> None:
    _, second = run(sample(10, {1: row(0)}, 32), sample(11, {1: row(10**10)}, 64))
    assert second.gap == "another source of counters"


class Truth(RuleBasedStateMachine):
    """Interfaces carry, reset, come and go while the clocks do what clocks do; every rate told must be the true one."""

    @initialize()
    def start(self) -> None:
        self.tracker = RateTracker(1.0)
        self.boottime, self.uptime = 1000.0, 900.0
        self.counters: dict[int, list[int]] = {1: [0, 0]}
        self.next_index = 2
        self.since: dict[int, list[int] | None] = {}
        """Bytes carried since the last sample; None: reset or new."""
        self.measured_at: float | None = None
        self.disturbed = False
        self.awake = 0.0

    @rule(index=st.integers(1, 9), rx=st.integers(0, 10**10), tx=st.integers(0, 10**10))
    def carry(self, index: int, rx: int, tx: int) -> None:
        if index in self.counters:
            self.counters[index][0] += rx
            self.counters[index][1] += tx
            carried = self.since.setdefault(index, [0, 0])
            if carried is not None:
                carried[0] += rx
                carried[1] += tx

    @rule(index=st.integers(1, 9))
    def reset(self, index: int) -> None:
        if self.counters.get(index, [0, 0]) != [0, 0]:
            self.counters[index] = [0, 0]
            self.since[index] = None

    @rule(index=st.integers(1, 9))
    def recreate(self, index: int) -> None:
        if self.counters.pop(index, None) is not None:
            self.since.pop(index, None)
        self.counters[self.next_index] = [0, 0]
        self.since[self.next_index] = None
        self.next_index += 1

    @rule(seconds=st.floats(1.5, 10**6))
    def sleep(self, seconds: float) -> None:
        self.boottime += seconds
        self.disturbed = True

    @rule(seconds=st.floats(0.01, 4.0))
    def wait(self, seconds: float) -> None:
        self.boottime += seconds
        self.uptime += seconds
        self.awake += seconds

    @rule()
    def measure(self) -> None:
        rows = {index: row(*carried) for index, carried in self.counters.items()}
        interval = self.tracker.update(sample(self.boottime, rows), self.uptime)
        if self.measured_at is None:
            assert interval.rates == {}
            assert interval.elapsed is None
        elif self.boottime == self.measured_at:
            assert interval.rates == {}
            return
        elif self.disturbed or self.awake > 5.0:
            assert interval.gap
            assert interval.rates == {}
        else:
            assert interval.gap is None
            elapsed = self.boottime - self.measured_at
            for index, rates in interval.rates.items():
                carried = self.since.get(index, [0, 0])
                if carried is None:  # a reset that the counters do not show, because they passed their old value again
                    assert rates.rx_delta <= self.counters[index][0]
                    continue
                assert [rates.rx_delta, rates.tx_delta] == carried
                assert rates.rx_rate == carried[0] / elapsed
                assert rates.rx_rate >= 0
            known = {index for index in self.counters if self.since.get(index, [0, 0]) is not None}
            assert known <= set(interval.rates)
        self.since = {}
        self.measured_at, self.disturbed, self.awake = self.boottime, False, 0.0


TestTruth = Truth.TestCase
TestTruth.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
