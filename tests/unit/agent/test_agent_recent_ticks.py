"""The rates that a window gets when it opens."""

from __future__ import annotations

from datetime import UTC, datetime

from netwatch_tray.agent.recent_ticks import RecentTicks
from netwatch_tray.model import GapReason, InterfaceTick, Tick, Total, Why, WhyCode


def interface(rx_rate: float | None) -> InterfaceTick:
    return InterfaceTick(
        index=2, name="eth0", is_up=True, is_uplink=True, why=Why(WhyCode.DEFAULT_ROUTE),
        rx_bytes=0, tx_bytes=0, rx_packets=0, tx_packets=0, rx_errors=0, tx_errors=0, rx_drops=0, tx_drops=0,
        rx_rate=rx_rate, tx_rate=0.0,
    )  # fmt: skip


def tick(second: int, interfaces: tuple[InterfaceTick, ...], gap: GapReason | None = None) -> Tick:
    total = Total(rx_rate=interfaces[0].rx_rate, tx_rate=0.0, uplinks=("eth0",))
    return Tick(at=datetime.fromtimestamp(second, UTC), interval_s=1.0, gap=gap, total=total, interfaces=interfaces)


def test_each_tick_has_its_own_rates() -> None:
    recent = RecentTicks()
    calm, busy = (interface(0.0),), (interface(500.0),)
    for second, interfaces in enumerate([calm, calm, busy, calm]):
        recent.add(tick(second, interfaces))
    assert [each.at for each in recent.ticks] == [0.0, 1.0, 2.0, 3.0]
    assert [each.rates for each in recent.ticks] == [{2: (rate, 0.0)} for rate in (0.0, 0.0, 500.0, 0.0)]
    assert [each.total for each in recent.ticks] == [(rate, 0.0) for rate in (0.0, 0.0, 500.0, 0.0)]
    assert recent.ticks[0].rates is recent.ticks[1].rates


def test_gap_keeps_its_reason() -> None:
    recent = RecentTicks()
    recent.add(tick(0, (interface(None),), GapReason.PAUSED))
    assert (recent.ticks[0].gap, recent.ticks[0].rates) == (GapReason.PAUSED, {2: (None, 0.0)})


def test_the_oldest_ticks_are_dropped_after_five_minutes() -> None:
    recent = RecentTicks()
    for second in range(310):
        recent.add(tick(second, (interface(0.0),)))
    assert [each.at for each in recent.ticks] == [float(second) for second in range(10, 310)]
