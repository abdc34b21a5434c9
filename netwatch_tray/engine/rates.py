"""Deltas and rates from cumulative counters: the only place where two readings of a counter are subtracted.

A rate is a delta divided by the measured time between two reads, never by the nominal period. It is unknown (absent) on
the first sample, across sleep, after a pause, for a new interface and when counters were reset: never zero, never a
catch-up spread over the gap, never negative. A delta is also known across sleep and pauses, and has a bound: what the
link can carry in the time (`most_bytes`). More than that is a reset, like a counter that falls back.
"""

from __future__ import annotations

import msgspec

from netwatch_tray import clock
from netwatch_tray.model import CounterRow, GapReason, Interface, InterfaceTick, Sample

LONGEST_PAUSE = 5.0
"""Seconds between samples beyond which their average is no present rate."""
SHORTEST_SHARE = 0.5
"""Share of the period below which the time between two samples is too short for a measurement."""
_SLEEP = 1.0
"""Seconds by which the boot-time clock must be ahead of the clock that stops during sleep."""
_WRAP = 1 << 32
_FASTEST_LINK = 50e9
"""Bytes/s: 400 Gbit/s, for links whose speed is unknown or not to be believed."""
_FASTEST_WRAPPING = 12.5e9
"""Bytes/s: 100 Gbit/s, for links of unknown speed whose 32-bit counters fell back."""
_MARGIN = 1.1
MOST_LATE = 6.0
"""Seconds by which a counter may be older than its time stamp; see most_bytes."""
_SLOWEST_LINK = 1_000_000
"""Bit/s. A delta that even this link could have carried is not checked further."""
_RX_BYTES, _TX_BYTES, _RX_ERRORS, _TX_ERRORS, _RX_DROPS, _TX_DROPS = range(2, 8)


class InterfaceRates(msgspec.Struct, frozen=True, gc=False):
    """Rates of one interface, and the bytes from which they are computed."""

    rx_rate: float | None
    """None across a gap."""
    tx_rate: float | None
    error_rate: float | None
    """Errors of both directions; None across a gap, and when their counters were reset."""
    drop_rate: float | None
    rx_delta: int
    tx_delta: int


class Interval(msgspec.Struct, frozen=True, gc=False):
    """Rates and gaps between two samples."""

    elapsed: float | None
    """Seconds; None on the first sample."""
    gap: GapReason | None
    """Why all rates are unknown although there was a previous sample; None if they are known."""
    rates: dict[int, InterfaceRates]
    """By interface index; an interface that is absent has no known delta."""
    resets: dict[int, GapReason]
    """Why the delta of an interface is unknown although it was there before, by index: RESET or JUMPED."""
    is_still: bool = False
    """Whether the source reported that no counter has changed: the rates of all interfaces are STILL."""


STILL = InterfaceRates(0.0, 0.0, 0.0, 0.0, 0, 0)
"""Sentinel for an interface whose counters are all unchanged; compared by identity."""


def believed_speed(interface: Interface | InterfaceTick | None) -> int | None:
    """Return the speed in bit/s that nothing on this link exceeds, or None if unknown or the reported one
    is no limit."""
    return interface.speed if interface is not None and interface.is_physical else None


def most_bytes(elapsed: float, before: int | None, now: int | None) -> float:
    """Return the most bytes that a link can have counted in one direction between two readings.

    `elapsed`: seconds between them. `before`, `now`: believed_speed at both; the greater one holds, because a link that
    negotiates another speed did so at some moment in between. Without both, the bound is 400 Gbit/s.

    A believed speed gets a margin of a tenth and 6 s more than have elapsed, so that a saturated link is never mistaken
    for a reset: drivers that copy their counters from the card do so every second or two, some switch ports every 5 s,
    and then a second's delta contains the bytes of all that time. The sixth second is for a reading that was stamped
    late, because the machine was busy between the kernel's response and our reading of the clock.
    """
    if not before or not now:
        return _FASTEST_LINK * elapsed
    return max(before, now) / 8 * _MARGIN * (elapsed + MOST_LATE)


def bounded(before: tuple[int, int], now: tuple[int, int], most: float) -> tuple[int, int] | GapReason:
    """Return the deltas (received, sent) of 64-bit byte counters, or why they are unknown: RESET or JUMPED.

    `most`: bytes that the link can have counted in one direction in this time.
    """
    rx, tx = now[0] - before[0], now[1] - before[1]
    if rx < 0 or tx < 0:
        return GapReason.RESET
    return GapReason.JUMPED if rx > most or tx > most else (rx, tx)


class RateTracker:
    """Computes deltas and rates of each interface, by index, from a sample and the one before it."""

    def __init__(self, period: float) -> None:
        """`period`: nominal seconds between samples; twice that, and at least LONGEST_PAUSE, makes a gap."""
        self._longest = max(LONGEST_PAUSE, 2 * period)
        self._shortest = SHORTEST_SHARE * period
        self._before: Sample | None = None
        self._uptime = 0.0
        self._fallen: dict[int, tuple[int, int]] = {}
        """Byte counters before they fell back, by index, of interfaces whose byte counters have not changed since."""

    def update(
        self, sample: Sample, uptime: float | None = None, gap: GapReason | None = None, *, is_last: bool = False
    ) -> Interval | None:
        """Compare `sample` with the previous one. Return None if it came too soon to measure anything: `sample` is then
        ignored, and the next one is compared with the previous one.

        `uptime`: seconds by the clock that stops during sleep, for tests. `gap`: why there are no rates this time.
        `is_last`: no other sample follows; one that came too soon makes deltas without rates.
        """
        uptime = clock.uptime() if uptime is None else uptime
        before, awake = self._before, uptime - self._uptime
        if before is None:
            self._before, self._uptime = sample, uptime
            return Interval(None, None, {}, {})
        elapsed = sample.boottime - before.boottime
        if is_last and elapsed < self._shortest:
            gap = gap or GapReason.NOT_RUNNING
        if elapsed <= 0 or (elapsed < self._shortest and gap is None):
            return None
        self._before, self._uptime = sample, uptime
        if sample.counter_bits != before.counter_bits:
            self._fallen = {}
            return Interval(elapsed, GapReason.SOURCE_CHANGED, {}, {})
        if elapsed - awake > _SLEEP:
            gap = gap or GapReason.ASLEEP
        elif elapsed > self._longest:
            gap = gap or GapReason.INTERRUPTED
        if sample.counters is before.counters and gap is None:
            return Interval(elapsed, None, dict.fromkeys(sample.counters, STILL), {}, is_still=True)
        rates, resets = self._compare(before, sample, elapsed)
        if gap is not None:
            rates = {
                index: InterfaceRates(None, None, None, None, each.rx_delta, each.tx_delta)
                for index, each in rates.items()
            }
        return Interval(elapsed, gap, rates, resets)

    def _compare(
        self, before: Sample, sample: Sample, elapsed: float
    ) -> tuple[dict[int, InterfaceRates], dict[int, GapReason]]:
        rates: dict[int, InterfaceRates] = {}
        resets: dict[int, GapReason] = {}
        earlier, fallen = before.counters, self._fallen
        if fallen:
            self._fallen = fallen = {index: fallen[index] for index in fallen.keys() & sample.counters.keys()}
        easy = most_bytes(elapsed, _SLOWEST_LINK, _SLOWEST_LINK)
        for index, row in sample.counters.items():
            old = earlier.get(index)
            if old == row:
                rates[index] = STILL
                continue
            if old is None:
                continue
            rx, tx = row[_RX_BYTES] - old[_RX_BYTES], row[_TX_BYTES] - old[_TX_BYTES]
            if index in fallen or not (0 <= rx <= easy and 0 <= tx <= easy):
                found = self._judge(index, old, row, before, sample, elapsed)
                if isinstance(found, GapReason):
                    resets[index] = found
                    continue
                rx, tx = found
            errors = row[_RX_ERRORS] + row[_TX_ERRORS] - old[_RX_ERRORS] - old[_TX_ERRORS]
            drops = row[_RX_DROPS] + row[_TX_DROPS] - old[_RX_DROPS] - old[_TX_DROPS]
            rates[index] = InterfaceRates(
                rx / elapsed,
                tx / elapsed,
                errors / elapsed if errors >= 0 else None,
                drops / elapsed if drops >= 0 else None,
                rx,
                tx,
            )
        return rates, resets

    def _judge(
        self, index: int, old: CounterRow, row: CounterRow, before: Sample, sample: Sample, elapsed: float
    ) -> tuple[int, int] | GapReason:
        """Return the deltas of an interface, or why they are unknown. Called where its counters fell back, wrapped, or
        rose by much."""
        was, now = (old[_RX_BYTES], old[_TX_BYTES]), (row[_RX_BYTES], row[_TX_BYTES])
        speeds = believed_speed(before.interfaces.get(index)), believed_speed(sample.interfaces.get(index))
        if sample.counter_bits == 32 and elapsed <= self._longest:
            interface = sample.interfaces.get(index)
            fastest = interface.speed / 8 * _MARGIN if interface and interface.speed else _FASTEST_WRAPPING
            most = min(fastest * elapsed, _WRAP / 2)
            now = _unwrapped(was[0], now[0], most), _unwrapped(was[1], now[1], most)
        peak = self._fallen.get(index)
        if peak is not None and was != now:
            del self._fallen[index]
            # The counter is back at its value from before it fell: the readings in between were wrong, and the rise is
            # no traffic.
            if now[0] >= peak[0] and now[1] >= peak[1]:
                return GapReason.RESET
        found = bounded(was, now, most_bytes(elapsed, *speeds))
        if found == GapReason.RESET:
            self._fallen[index] = was
        return found


def _unwrapped(was: int, now: int, most: float) -> int:
    """Return `now` as a counter without an end would show it, if it passed the end of 32 bits since `was`.

    Modulo 2³² any reset looks like a wrap, so a wrap must be one that the link can have carried: `most` bytes.
    """
    return now + _WRAP if now < was and now + _WRAP - was < most else now
