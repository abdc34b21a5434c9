"""From cumulative counters to rates, by the rules of truth.

A rate is a delta divided by the measured time between two reads, never by the nominal period. It is unknown (absent)
on the first sample, across sleep, after a pause, for a new interface and when counters went backwards: never zero,
never a catch-up smeared over the gap, never negative.
"""

from __future__ import annotations

from typing import NamedTuple

from netwatch_tray import clock
from netwatch_tray.model import CounterRow, Interface, Sample

LONGEST_PAUSE = 5.0
"""Seconds between samples beyond which their average says nothing about now."""
_SLEEP = 1.0
"""Seconds by which the boot-time clock must outrun the one that stops in sleep."""
_WRAP = 1 << 32
_FASTEST_LINK = 12.5e9
"""Bytes/s: 100 Gbit/s, for links that do not tell their speed."""
_RX_BYTES, _TX_BYTES, _RX_ERRORS, _TX_ERRORS, _RX_DROPS, _TX_DROPS = range(2, 8)


class InterfaceRates(NamedTuple):
    """What happened on one interface, per second, and the bytes that the rates were made of."""

    rx_rate: float
    tx_rate: float
    error_rate: float | None
    """Errors of both directions; None when their counters were reset."""
    drop_rate: float | None
    rx_delta: int
    tx_delta: int


class Interval(NamedTuple):
    """What happened between two samples."""

    elapsed: float | None
    """Seconds; None on the first sample."""
    gap: str | None
    """Why no rate at all is known although there was a sample before."""
    rates: dict[int, InterfaceRates]
    """By interface index; an interface that is absent has no known rate."""
    resets: tuple[int, ...]
    """Indexes of interfaces whose counters went backwards."""


STILL = InterfaceRates(0.0, 0.0, 0.0, 0.0, 0, 0)
"""This very object: of an interface whose counters are all as they were."""


class RateTracker:
    """Holds the sample before and compares the next one with it, interface by interface, keyed by index."""

    def __init__(self, period: float) -> None:
        """`period`: nominal seconds between samples; twice that, and at least LONGEST_PAUSE, makes a gap."""
        self._longest = max(LONGEST_PAUSE, 2 * period)
        self._before: Sample | None = None
        self._uptime = 0.0

    def update(self, sample: Sample, uptime: float | None = None) -> Interval:
        """Compares `sample` with the one before. `uptime`: seconds by the clock that stops in sleep, for tests."""
        uptime = clock.uptime() if uptime is None else uptime
        before, awake = self._before, uptime - self._uptime
        if before is None:
            self._before, self._uptime = sample, uptime
            return Interval(None, None, {}, ())
        elapsed = sample.boottime - before.boottime
        if elapsed <= 0:  # the same moment read twice: nothing is learnt, and the baseline stays
            return Interval(elapsed, "read twice in the same moment", {}, ())
        self._before, self._uptime = sample, uptime
        if sample.counter_bits != before.counter_bits:
            return Interval(elapsed, "another source of counters", {}, ())
        if elapsed - awake > _SLEEP:
            return Interval(elapsed, "asleep", {}, ())
        if elapsed > self._longest:
            return Interval(elapsed, f"nothing measured for {elapsed:.0f} s", {}, ())

        rates: dict[int, InterfaceRates] = {}
        resets: list[int] = []
        earlier = before.counters
        for index, row in sample.counters.items():
            old = earlier.get(index)
            if old == row:
                rates[index] = STILL
            elif old is not None:
                most = _most_bytes(sample.interfaces.get(index), elapsed) if sample.counter_bits == 32 else 0
                rx_delta, tx_delta = _delta(row, old, _RX_BYTES, most), _delta(row, old, _TX_BYTES, most)
                if rx_delta is None or tx_delta is None:
                    resets.append(index)
                else:
                    errors = row[_RX_ERRORS] + row[_TX_ERRORS] - old[_RX_ERRORS] - old[_TX_ERRORS]
                    drops = row[_RX_DROPS] + row[_TX_DROPS] - old[_RX_DROPS] - old[_TX_DROPS]
                    rates[index] = InterfaceRates(
                        rx_delta / elapsed,
                        tx_delta / elapsed,
                        errors / elapsed if errors >= 0 else None,
                        drops / elapsed if drops >= 0 else None,
                        rx_delta,
                        tx_delta,
                    )
        return Interval(elapsed, None, rates, tuple(resets))


def _delta(row: CounterRow, old: CounterRow, field: int, most: float) -> int | None:
    """Bytes counted since; None after a reset. `most`: bytes a wrapped counter may have counted, 0: it cannot wrap."""
    delta = row[field] - old[field]
    if delta >= 0:
        return delta
    # Modulo 2³² any reset looks like a wrap, so a wrap must be one the link could have carried.
    wrapped = delta + _WRAP
    return wrapped if 0 <= wrapped < most else None


def _most_bytes(interface: Interface | None, elapsed: float) -> float:
    fastest = interface.speed / 8 * 1.1 if interface and interface.speed else _FASTEST_LINK
    return min(fastest * elapsed, _WRAP / 2)
