"""Limits how often the icon changes: at each tick, or less often with the mean rates of several ticks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from netwatch_tray.model import InterfaceTick, Tick


class Pace:
    """Passes on at most one tick in a period of seconds, which the user chose, with mean rates. A pause, a gap or a
    change of the interfaces is passed on at once. Measuring is not affected."""

    def __init__(self, period: int) -> None:
        self._period = period
        self._ticks: list[Tick] = []
        """Ticks that were held back since one was passed on."""
        self._passed: Tick | None = None

    def take(self, tick: Tick) -> Tick | None:
        """Add a tick. Return the tick to show now, with the mean rates of all ticks since the previous one returned;
        None to change nothing."""
        before = self._passed
        if self._period <= 1 or before is None or _differs(before, tick):
            self._ticks.clear()
            self._passed = tick
            return tick
        self._ticks.append(tick)
        # A tick may come a little early; half a second is half the time between two.
        if sum(each.interval_s or 0.0 for each in self._ticks) < self._period - 0.5:
            return None
        self._passed = _mean(self._ticks)
        self._ticks.clear()
        return self._passed


def _differs(before: Tick, tick: Tick) -> bool:
    """Return whether the ticks differ in more than rates, or one has no rates."""
    return (
        before.interval_s is None  # the first one, without rates
        or before.gap is not None
        or tick.gap is not None
        or before.total.uplinks != tick.total.uplinks
        or [_identity(each) for each in before.interfaces] != [_identity(each) for each in tick.interfaces]
    )


def _identity(interface: InterfaceTick) -> tuple[int, str, bool]:
    return interface.index, interface.name, interface.is_up


def _mean(ticks: Sequence[Tick]) -> Tick:
    """Return the last tick with the mean rates of all ticks, each weighted by its interval."""
    last = ticks[-1]
    weights = [tick.interval_s or 0.0 for tick in ticks]
    totals = [tick.total for tick in ticks]
    total = msgspec.structs.replace(
        last.total,
        rx_rate=_weighted((each.rx_rate for each in totals), weights),
        tx_rate=_weighted((each.tx_rate for each in totals), weights),
    )
    interfaces = tuple(
        msgspec.structs.replace(
            several[-1],
            rx_rate=_weighted((each.rx_rate for each in several), weights),
            tx_rate=_weighted((each.tx_rate for each in several), weights),
        )
        for several in zip(*(tick.interfaces for tick in ticks), strict=True)
    )
    return msgspec.structs.replace(last, interval_s=sum(weights), total=total, interfaces=interfaces)


def _weighted(rates: Iterable[float | None], weights: Sequence[float]) -> float | None:
    """Return the weighted mean of the known rates, or None if no rate is known."""
    known = [(rate, weight) for rate, weight in zip(rates, weights, strict=True) if rate is not None and weight]
    time = sum(weight for _, weight in known)
    return sum(rate * weight for rate, weight in known) / time if time else None
