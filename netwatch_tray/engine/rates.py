"""Deltas and rates from cumulative counters: the only place where two readings of a counter are subtracted.

A delta is the difference between two readings of a counter. A rate is a delta divided by the measured time between the
two readings, never by the nominal period. A rate is unknown (None) for the first sample, across sleep, after a pause,
for a new interface and when counters were reset; such a time is a gap. An unknown rate is never replaced by zero, nor
by the average over the gap. A delta is also known across sleep and pauses. If a delta is more than the link can carry
in that time (`most_bytes`), or negative, then the counter was reset.
"""

from __future__ import annotations

import msgspec

from netwatch_tray import clock
from netwatch_tray.model import CounterRow, GapReason, Interface, InterfaceTick, Sample

LONGEST_PAUSE = 5.0
"""Seconds between two samples up to which a rate is computed; beyond, it would not show what happens now."""
SHORTEST_SHARE = 0.5
"""Share of the nominal period. If less time passed between two samples, it is too short to measure a rate."""
_SLEEP = 1.0
"""Seconds by which the boot-time clock must have advanced more than the clock that stops during sleep, to mean
sleep."""
_WRAP = 1 << 32
_FASTEST_LINK = 50e9
"""Bytes/s (400 Gbit/s): bound for links whose speed is unknown, or reported wrongly."""
_FASTEST_WRAPPING = 12.5e9
"""Bytes/s (100 Gbit/s): bound for links of unknown speed whose 32-bit counters fell."""
_MARGIN = 1.1
MOST_LATE = 6.0
"""Seconds by which a counter may be older than its time stamp; see most_bytes."""
_SLOWEST_LINK = 1_000_000
"""Bit/s. A delta that even this link could have carried is not checked further."""
_RX_BYTES, _TX_BYTES, _RX_ERRORS, _TX_ERRORS, _RX_DROPS, _TX_DROPS = range(2, 8)


class InterfaceRates(msgspec.Struct, frozen=True, gc=False):
    """Rates of one interface (bytes/s), and the bytes since the previous sample from which they are computed."""

    rx_rate: float | None
    """Bytes/s received; None across a gap, where the rate is unknown."""
    tx_rate: float | None
    error_rate: float | None
    """Errors per second in both directions; None across a gap, and when their counters were reset."""
    drop_rate: float | None
    rx_delta: int
    tx_delta: int


class Interval(msgspec.Struct, frozen=True, gc=False):
    """The result of comparing two samples: rates and gaps of the time between them."""

    elapsed: float | None
    """Seconds between the samples; None on the first one."""
    gap: GapReason | None
    """Why all rates are unknown although there was a previous sample; None if they are known."""
    rates: dict[int, InterfaceRates]
    """Rates by interface index. An interface that is missing has no known delta."""
    resets: dict[int, GapReason]
    """Why the delta of an interface is unknown although it was there before, by index: RESET or JUMPED."""
    is_still: bool = False
    """Whether the source reported that no counter has changed: the rates of all interfaces are STILL."""


STILL = InterfaceRates(0.0, 0.0, 0.0, 0.0, 0, 0)
"""Sentinel for an interface whose counters are all unchanged; compared by identity."""


def believed_speed(interface: Interface | InterfaceTick | None) -> int | None:
    """Return the speed in bit/s that the traffic of an interface cannot exceed. None if it is unknown, or the interface
    is virtual: what a driver reports for these is no limit."""
    return interface.speed if interface is not None and interface.is_physical else None


def most_bytes(elapsed: float, before: int | None, now: int | None) -> float:
    """Return the most bytes that an interface can have counted in one direction between two readings.

    `elapsed`: seconds between them. `before`, `now`: `believed_speed` at the two readings. The greater one holds,
    because the link may have changed its speed at any time between them. If either is None, the bound is 400 Gbit/s.

    A known speed is increased by a tenth, and the time by 6 s, so that a saturated link is never mistaken for a reset.
    Drivers copy the counters of a card every second or two, some switch ports every 5 s, so one delta may contain the
    bytes of all that time. The sixth second is for a time stamp that was taken late on a busy machine.
    """
    if not before or not now:
        return _FASTEST_LINK * elapsed
    return max(before, now) / 8 * _MARGIN * (elapsed + MOST_LATE)


def bounded(before: tuple[int, int], now: tuple[int, int], most: float) -> tuple[int, int] | GapReason:
    """Return the deltas (received, sent) of 64-bit byte counters, or why they are unknown: RESET if one fell, JUMPED if
    one rose by more than `most` bytes.

    `before`, `now`: the counters (received, sent) at the two readings. `most`: result of `most_bytes`.
    """
    rx, tx = now[0] - before[0], now[1] - before[1]
    if rx < 0 or tx < 0:
        return GapReason.RESET
    return GapReason.JUMPED if rx > most or tx > most else (rx, tx)


class RateTracker:
    """Computes deltas and rates of each interface, from each sample and the previous one."""

    def __init__(self, period: float) -> None:
        """`period`: nominal seconds between samples. More than twice that (at least LONGEST_PAUSE) between two samples
        is a gap."""
        self._longest = max(LONGEST_PAUSE, 2 * period)
        self._shortest = SHORTEST_SHARE * period
        self._before: Sample | None = None
        self._uptime = 0.0
        self._fallen: dict[int, tuple[int, int]] = {}
        """Byte counters (received, sent) before they fell, by interface index; until the counters change again."""

    def update(
        self, sample: Sample, uptime: float | None = None, gap: GapReason | None = None, *, is_last: bool = False
    ) -> Interval | None:
        """Compare `sample` with the previous one. Return None if too little time has passed for a measurement; then
        `sample` is ignored, and the previous one is kept for the next call.

        `uptime`: time of the sample by the clock that stops during sleep; None: now. `gap`: why there are to be no
        rates this time, such as RESUMED. `is_last`: whether no other sample follows; then one that comes too soon
        results in deltas without rates.
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
        """Return the deltas (received, sent) of an interface, or why they are unknown. Called only if its counters
        fell, or rose by more than a slow link can carry."""
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
    """Return the value `now` of a 32-bit counter plus 2³² if the counter wrapped since the value `was`, or else `now`.

    A reset looks like a wrap. So it is a wrap only if the difference is less than `most`, what the link can have
    carried.
    """
    return now + _WRAP if now < was and now + _WRAP - was < most else now
