"""A tray that is updated less often shows mean rates, and everything but rates at once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given, strategies as st

from netwatch_tray.model import GapReason, InterfaceTick, Tick, Total, Why, WhyCode
from netwatch_tray.tray.pace import Pace

_ZEROES: dict[str, Any] = dict.fromkeys(
    ("rx_bytes", "tx_bytes", "rx_packets", "tx_packets", "rx_errors", "tx_errors", "rx_drops", "tx_drops"), 0
)


def tick(
    rx: float | None,
    tx: float | None = 0.0,
    *,
    interval: float | None = 1.0,
    gap: GapReason | None = None,
    names: Sequence[str] = ("eth0",),
) -> Tick:
    interfaces = tuple(
        InterfaceTick(
            index=number,
            name=name,
            is_up=True,
            is_uplink=True,
            why=Why(WhyCode.DEFAULT_ROUTE),
            rx_rate=rx,
            tx_rate=tx,
            **_ZEROES,
        )
        for number, name in enumerate(names)
    )
    total = Total(rx_rate=rx, tx_rate=tx, uplinks=tuple(names))
    return Tick(at=datetime(2026, 1, 1, tzinfo=UTC), interval_s=interval, gap=gap, total=total, interfaces=interfaces)


def started(period: int) -> Pace:
    """Return a Pace that has already passed on a tick with rates."""
    pace = Pace(period)
    assert pace.take(tick(0.0))
    return pace


def test_by_default_each_tick_is_shown_unchanged() -> None:
    pace = Pace(1)
    ticks = [tick(float(number)) for number in range(5)]
    assert [pace.take(each) for each in ticks] == ticks


@pytest.mark.parametrize("period", [2, 5])
def test_shown_rates_are_means_over_the_chosen_period(period: int) -> None:
    pace = started(period)
    shown = [pace.take(tick(float(number), 10.0)) for number in range(1, 2 * period + 1)]
    assert [place + 1 for place, each in enumerate(shown) if each] == [period, 2 * period]
    first, second = (each for each in shown if each)
    assert first.total.rx_rate == first.interfaces[0].rx_rate == pytest.approx((1 + period) / 2)
    assert second.total.rx_rate == pytest.approx((1 + period) / 2 + period)
    assert first.total.tx_rate == 10.0
    assert first.interval_s == period


def test_mean_rate_weights_ticks_by_duration() -> None:
    pace = started(5)
    assert pace.take(tick(100.0, interval=1.0)) is None
    shown = pace.take(tick(10.0, interval=4.0))
    assert shown
    assert shown.total.rx_rate == pytest.approx((100 + 40) / 5)


@pytest.mark.parametrize(
    "other",
    [
        tick(None, None, gap=GapReason.PAUSED), tick(None, None, gap=GapReason.ASLEEP),
        tick(1.0, names=("eth0", "wg0")), tick(1.0, names=()),
    ],
    ids=["paused", "asleep", "another interface", "offline"],
)  # fmt: skip
def test_changes_other_than_rates_are_shown_at_once(other: Tick) -> None:
    pace = started(5)
    assert pace.take(tick(1.0)) is None
    assert pace.take(other) is other
    if other.gap:
        back = tick(2.0)
        assert pace.take(back) is back, "and so is the end of it"


def test_first_rates_are_shown_at_once() -> None:
    pace = Pace(5)
    first, second = tick(None, None, interval=None), tick(3.0)
    assert pace.take(first) is first
    assert pace.take(second) is second
    assert pace.take(tick(4.0)) is None


def test_unknown_rates_stay_unknown_and_never_become_zero() -> None:
    pace = started(2)
    assert pace.take(tick(None, 4.0)) is None
    shown = pace.take(tick(6.0, None))
    assert shown
    assert (shown.total.rx_rate, shown.total.tx_rate) == (6.0, 4.0)
    assert pace.take(tick(None)) is None
    shown = pace.take(tick(None))
    assert shown
    assert shown.total.rx_rate is None


@given(
    st.sampled_from([2, 5]),
    st.lists(st.tuples(st.floats(0, 1e12), st.floats(0.5, 3.0)), min_size=20, max_size=60),
)
def test_every_byte_is_shown_exactly_once(period: int, measured: list[tuple[float, float]]) -> None:
    pace = started(period)
    shown = moved = waiting = 0.0
    for rate, interval in measured:
        waiting += rate * interval
        each = pace.take(tick(rate, interval=interval))
        if each:
            assert each.interval_s is not None
            assert each.total.rx_rate is not None
            shown += each.total.rx_rate * each.interval_s
            moved, waiting = moved + waiting, 0.0
    assert shown == pytest.approx(moved)


def test_shown_tick_is_the_last_one_with_mean_rates() -> None:
    pace = started(2)
    pace.take(tick(1.0))
    last = tick(3.0)
    last = msgspec.structs.replace(last, at=datetime(2026, 1, 2, tzinfo=UTC))
    shown = pace.take(last)
    assert shown
    assert shown.at == last.at
    assert msgspec.structs.replace(shown.interfaces[0], rx_rate=3.0) == last.interfaces[0]
