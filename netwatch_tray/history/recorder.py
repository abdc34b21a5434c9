"""From ticks to what is stored: pure, in memory, to the byte.

The bytes of an interface are the deltas that its ticks carry (engine.rates). Counters are compared here only where no
tick spans the time: between two runs of the program, and after measurements were given up. Where bytes are known to
have passed, but not when (sleep, a pause, the time between two runs of the program), they belong to a gap. Where the
counters themselves were lost (reset, created anew, another source), the gap says that it is not complete.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from netwatch_tray import clock
from netwatch_tray.engine.apps import AppName
from netwatch_tray.engine.ledger import AppInterval
from netwatch_tray.engine.rates import believed_speed, bounded, most_bytes
from netwatch_tray.history.packing import Line, Value, summed
from netwatch_tray.model import GapReason, InterfaceTick, Tick

_MOST_BITS = 56
"""Of the bytes of an app between two measurements; no link carries more."""
_LEAST_ELAPSED = 0.01
"""Seconds; what moved in less has no rate."""
_CLOCK_STEP = 2.0
"""Seconds by which the wall clock must leave the measured time to count as set."""
_CLOCK_DRIFT = 5.0
"""Seconds between the two clocks that are no proof of anything: the moments they were read at differ as much."""
_NOTHING_READ = frozenset({GapReason.PAUSED, GapReason.UNREADABLE})
_PASSING_KINDS = frozenset({"veth", "netkit"})
"""Ends of containers: their names are thrown dice, and nobody asks for them after a month."""


class Series(NamedTuple):
    """Something whose bytes are recorded."""

    kind: Literal["total", "interface", "app", "carrier"]
    key: str
    name: str
    is_lasting: bool = True
    """Kept for longer than the minute tier, and in the ledger of days."""

    @classmethod
    @functools.lru_cache(maxsize=128)
    def of_app(cls, app: AppName) -> Series:
        return cls("carrier" if app.is_carrier else "app", storable(app.key), storable(app.name))


TOTAL = Series("total", "total", "Total")


Measurement = Tick | tuple[datetime, AppInterval] | None
"""A tick, what the apps moved until then, or a mark: from here some were given up."""


class Gap(msgspec.Struct, kw_only=True):
    """Time without measurements, or a break in the counters of one series."""

    start: float
    finish: float | None
    """`None`: it lasts."""
    reason: GapReason
    series: Series | None = None
    """`None`: of everything."""
    is_complete: bool = True
    """All bytes carried meanwhile are in `carried`."""
    carried: dict[Series, tuple[int, int]] = {}


class Minute(msgspec.Struct, frozen=True):
    """What was measured in a minute, or in a part of one."""

    start: int
    times: list[int]
    """See packing.Fine."""
    elapsed: list[int]
    values: Mapping[Series, Value]
    lines: Mapping[Series, Line]


class Counted(msgspec.Struct, frozen=True, array_like=True):
    """The counters of an interface as they were last stored."""

    index: int
    key: str
    rx_bytes: int
    tx_bytes: int
    speed: int | None = None
    """Bit/s, as engine.rates.believed_speed returned it then."""


class State(msgspec.Struct, frozen=True, array_like=True):
    """Where a later run goes on."""

    at: float
    """Unix time of the last measurement."""
    boot: str | None
    """The kernel's word for this boot, where it has one."""
    boottime: float
    """Seconds since boot when this was stored."""
    interfaces: tuple[Counted, ...]
    gone: tuple[str, ...] = ()
    """Keys of interfaces that were there and are not: their gaps last."""


class Boot(NamedTuple):
    """Which boot this is, as far as the system tells."""

    identity: str | None
    boottime: float
    wall: float

    @classmethod
    def now(cls) -> Boot:
        try:
            identity: str | None = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        except OSError:
            identity = None
        return cls(identity, clock.boottime(), time.time())

    def follows(self, state: State) -> Literal["same boot", "later boot", "unknown"]:
        """Whether the counters of `state` are of this boot, of an earlier one, or nobody knows."""
        if self.identity is not None and state.boot is not None:
            return "same boot" if self.identity == state.boot else "later boot"
        if self.boottime < state.boottime:
            return "later boot"  # this clock never goes back while the system runs
        # Only within one boot does this clock advance by what the wall clock does.
        drift = (self.wall - state.at) - (self.boottime - state.boottime)
        return "same boot" if abs(drift) < _CLOCK_DRIFT else "unknown"


class Batch(msgspec.Struct):
    """What is not stored yet."""

    minutes: list[Minute] = []
    gaps: list[Gap] = []
    returned: dict[Series, float] = {}
    """Interfaces that were gone, and when they came back: ends their gaps."""
    uplinks: list[tuple[float, tuple[str, ...]]] = []
    """Since when which interfaces make the total."""
    refused: list[tuple[float, Series]] = []
    """Whose amounts no link can carry, and when: not counted."""
    state: State | None = None

    @property
    def total_bytes(self) -> int:
        """Of the total, both directions, as the ledger of days counts them."""
        values = [minute.values.get(TOTAL) for minute in self.minutes]
        carried = [gap.carried.get(TOTAL, (0, 0)) for gap in self.gaps if gap.finish is not None]
        return sum(value[1] + value[2] for value in values if value) + sum(map(sum, carried))


class _Cell:
    """One series in the minute under way: its ticks, or for an app its sums."""

    __slots__ = ("rx", "rx_fine", "rx_peak", "tx", "tx_fine", "tx_peak")

    def __init__(self) -> None:
        self.rx = self.tx = 0
        self.rx_peak = self.tx_peak = 0.0
        self.rx_fine: list[int | None] = []
        self.tx_fine: list[int | None] = []

    def value(self, elapsed: list[int], otherwise_covered: int) -> Value:
        """`elapsed`: of the ticks, ms. `otherwise_covered`: of what has no ticks, tenths of a second."""
        ticks = len(self.rx_fine)
        value = summed(elapsed[:ticks], self.rx_fine, self.tx_fine) if ticks else None
        return value or (otherwise_covered, self.rx, self.tx, round(self.rx_peak), round(self.tx_peak))


class _Counter:
    """An interface that is there."""

    __slots__ = ("cell", "name", "series", "tick")

    def __init__(self, tick: InterfaceTick) -> None:
        self.name = tick.name
        self.series = series_of(tick)
        self.tick = tick
        """The last one."""
        self.cell: _Cell | None = None
        """Of the minute under way."""

    def counted(self) -> Counted:
        tick = self.tick
        return Counted(tick.index, self.series.key, tick.rx_bytes, tick.tx_bytes, believed_speed(tick))


def storable(text: str) -> str:
    """Text that UTF-8 and SQLite can hold: surrogates and NULs escaped, so that names that differ stay different."""
    if text.isascii():
        return text.replace("\0", "\\x00")
    return text.encode(errors="backslashreplace").decode().replace("\0", "\\x00")


def series_of(tick: InterfaceTick) -> Series:
    """Known by name and kind: an index says nothing after a reboot."""
    return _series_of_key(storable(f"{tick.name}/{tick.kind}"))


def _series_of_key(key: str) -> Series:
    name, _, kind = key.rpartition("/")
    return Series("interface", key, name, kind not in _PASSING_KINDS)


def _deltas(tick: InterfaceTick) -> tuple[int, int] | GapReason:
    """Its deltas, or why they are unknown."""
    if tick.rx_delta is None or tick.tx_delta is None:
        return tick.gap or GapReason.RESET
    return tick.rx_delta, tick.tx_delta


class Recorder:
    """Takes measurements in, gives batches out. One thread at a time."""

    def __init__(self, state: State | None, boot: Boot) -> None:
        """`state`: of the run before; `None`: there was none, history begins with the first tick."""
        self._boot = boot
        self._before = state
        self._reason = GapReason.NOT_RUNNING
        self._last_at: float | None = None
        self._has_missed = False
        self._counters: dict[int, _Counter] = {}
        self._gone: dict[str, Series] = {}
        self._uplinks: tuple[str, ...] | None = None
        self._minute: int | None = None
        self._times: list[int] = []
        self._elapsed: list[int] = []
        self._cells: dict[Series, _Cell] = {}
        self._app_cells: dict[str, _Cell] = {}
        """Some of these, by the app's key."""
        self._batch = Batch()

    def take(self, measurement: Measurement) -> None:
        """Measurements in their order."""
        if measurement is None:
            self._has_missed = True
        elif isinstance(measurement, Tick):
            self._take_tick(measurement)
        else:
            self._take_apps(*measurement)

    def _take_tick(self, tick: Tick) -> None:
        if tick.gap is not None and tick.gap in _NOTHING_READ:  # the next reading spans this time as well
            return
        at = tick.at.timestamp()
        if self._last_at is None:
            self._begin(tick, at)
        elif self._has_missed or tick.gap is not None or tick.interval_s is None:
            self._bridge(tick, at, GapReason.NOT_WRITTEN if self._has_missed else tick.gap or GapReason.NOT_RUNNING)
        else:
            self._note_clock(self._last_at, at, tick.interval_s)
            self._measure(tick, at, tick.interval_s)
            if len(self._counters) != len(tick.interfaces):
                self._miss(tick, at)
        self._last_at, self._has_missed = at, False
        if tick.total.uplinks != self._uplinks:
            self._uplinks = tick.total.uplinks
            self._batch.uplinks.append((at, tuple(map(storable, tick.total.uplinks))))

    def batch(self, boottime: float) -> Batch:
        """Everything up to the last measurement; call `stored` when it is. `boottime`: now, `clock.boottime`."""
        self._close_minute()
        if self._last_at is not None:
            counted = tuple(counter.counted() for counter in self._counters.values())
            self._batch.state = State(self._last_at, self._boot.identity, boottime, counted, tuple(self._gone))
        return self._batch

    def stored(self) -> None:
        """The last batch is on the disk."""
        if self._batch.state is not None:
            self._before = self._batch.state
        self._batch = Batch()

    def forget(self, boot: Boot) -> None:
        """Gives up what could not be stored: it becomes one gap, whose bytes the counters still know."""
        self._boot, self._batch = boot, Batch()
        self._last_at, self._minute, self._reason, self._uplinks = None, None, GapReason.NOT_WRITTEN, None
        self._times, self._elapsed, self._cells, self._app_cells = [], [], {}, {}
        self._counters, self._gone = {}, {}

    def _begin(self, tick: Tick, at: float) -> None:
        """The first tick: what the counters say of the time before."""
        state = self._before
        ticks = tick.interfaces
        self._counters = {each.index: _Counter(each) for each in ticks}
        if state is None:
            return
        relation = self._boot.follows(state)
        # Whichever says more: the state may have been stored long after its last measurement, and clocks are set.
        elapsed = max(self._boot.boottime - state.boottime, at - state.at)
        present = {counter.series.key for counter in self._counters.values()}
        self._gone = {key: _series_of_key(key) for key in state.gone}
        gap = Gap(start=min(state.at, at), finish=at, reason=self._reason)
        before = {(each.index, each.key): each for each in state.interfaces}
        earlier = {each.key for each in state.interfaces}
        for each in ticks:
            counter = self._counters[each.index]
            old = before.get((each.index, counter.series.key))
            counters = each.rx_bytes, each.tx_bytes
            if relation == "later boot":  # counted from zero when it booted, which was in this gap
                most = most_bytes(self._boot.boottime, None, None)
                self._carry(gap, counter.series, bounded((0, 0), counters, most), in_total=each.is_uplink)
            elif relation == "unknown" or old is None:
                gap.is_complete &= counter.series.key not in earlier
            else:
                most = most_bytes(elapsed, old.speed, believed_speed(each))
                since = bounded((old.rx_bytes, old.tx_bytes), counters, most)
                self._carry(gap, counter.series, since, in_total=each.is_uplink)
        self._batch.gaps.append(gap)
        for key in earlier - present:
            self._leave(_series_of_key(key), state.at)
        for key in present & self._gone.keys():
            self._return(key, at)

    def _bridge(self, tick: Tick, at: float, reason: GapReason) -> None:
        """A tick without rates after others with them."""
        if self._last_at is None:
            return
        gap = Gap(start=min(self._last_at, at), finish=at, reason=reason)
        for each in tick.interfaces:
            counter = self._counters.get(each.index)
            if counter is None or counter.name != each.name:
                self._appear(each, at)
                continue
            before, counter.tick = counter.tick, each
            if self._has_missed:
                found, in_total = self._since(before, each, at - self._last_at), each.is_uplink
            else:
                found, in_total = _deltas(each), each.index in tick.total.counted
            self._carry(gap, counter.series, found, in_total=in_total)
        self._batch.gaps.append(gap)
        self._miss(tick, at)

    def _since(self, before: InterfaceTick, now: InterfaceTick, wall: float) -> tuple[int, int] | GapReason:
        """What an interface carried while measurements were given up. `wall`: seconds by a clock that may be set."""
        elapsed = wall if wall > 0 else self._boot.boottime
        return bounded(
            (before.rx_bytes, before.tx_bytes),
            (now.rx_bytes, now.tx_bytes),
            most_bytes(elapsed, believed_speed(before), believed_speed(now)),
        )

    @staticmethod
    def _carry(gap: Gap, series: Series, found: tuple[int, int] | GapReason, *, in_total: bool) -> None:
        if isinstance(found, GapReason):
            gap.is_complete = False
            return
        rx, tx = found
        if not rx and not tx:
            return
        for each in (series, TOTAL) if in_total else (series,):
            known_rx, known_tx = gap.carried.get(each, (0, 0))
            gap.carried[each] = (known_rx + rx, known_tx + tx)

    def _note_clock(self, before: float, at: float, elapsed: float) -> None:
        if abs(at - before - elapsed) > _CLOCK_STEP:
            reason = GapReason.CLOCK_SET_FORWARD if at > before else GapReason.CLOCK_SET_BACK
            self._batch.gaps.append(Gap(start=min(before, at), finish=max(before, at), reason=reason))

    def _measure(self, tick: Tick, at: float, elapsed: float) -> None:
        minute = self._open_minute(at)
        place = len(self._times)
        self._times.append(int((at - minute) * 1000))
        self._elapsed.append(max(1, round(elapsed * 1000)))
        counters = self._counters
        for each in tick.interfaces:
            counter = counters.get(each.index)
            if counter is None:
                self._appear(each, at)
                continue
            if counter.name != each.name:
                self._rename(counter, each, at)
            counter.tick = each
            rx, tx = each.rx_delta, each.tx_delta
            if rx is None or tx is None:
                self._reset(counter, each, at - elapsed, at)
                continue
            cell = counter.cell
            if cell is None or len(cell.rx_fine) != place:
                cell = self._cell_of(counter, each, place)
            cell.rx_fine.append(rx)
            cell.tx_fine.append(tx)
        if tick.total.rx_rate is not None:
            cell = self._cell(TOTAL)
            self._skip(cell, place)
            cell.rx_fine.append(tick.total.rx_delta)
            cell.tx_fine.append(tick.total.tx_delta)

    def _cell_of(self, counter: _Counter, tick: InterfaceTick, place: int) -> _Cell:
        cell = self._cell(counter.series)
        if len(cell.rx_fine) > place:  # an interface of the same name and kind has it: names were not UTF-8
            counter.series = _series_of_key(storable(f"{tick.name}#{tick.index}/{tick.kind}"))
            cell = self._cell(counter.series)
        self._skip(cell, place)
        counter.cell = cell
        return cell

    def _cell(self, series: Series) -> _Cell:
        cell = self._cells.get(series)
        if cell is None:
            cell = self._cells[series] = _Cell()
        return cell

    @staticmethod
    def _skip(cell: _Cell, place: int) -> None:
        """The ticks up to `place` that the series was not in are unknown."""
        missed = place - len(cell.rx_fine)
        cell.rx_fine += [None] * missed
        cell.tx_fine += [None] * missed

    def _take_apps(self, at: datetime, interval: AppInterval) -> None:
        self._open_minute(at.timestamp())
        elapsed = interval.elapsed_s
        for app, (rx, tx) in interval.late.values():  # no peak is made of bytes that moved at other times
            self._book(app, rx, tx, at)
        for app, (rx, tx) in interval.apps.values():
            cell = self._book(app, rx, tx, at)
            if cell and elapsed and elapsed >= _LEAST_ELAPSED:
                if rx > cell.rx_peak * elapsed:
                    cell.rx_peak = rx / elapsed
                if tx > cell.tx_peak * elapsed:
                    cell.tx_peak = tx / elapsed

    def _book(self, app: AppName, rx: int, tx: int, at: datetime) -> _Cell | None:
        """The cell that it is in now; `None`: in none."""
        if not rx and not tx:
            return None
        if (rx | tx) >> _MOST_BITS:
            self._batch.refused.append((at.timestamp(), Series.of_app(app)))
            return None
        cell = self._app_cells.get(app.key)
        if cell is None:
            cell = self._app_cells[app.key] = self._cell(Series.of_app(app))
        cell.rx += rx
        cell.tx += tx
        return cell

    def _appear(self, tick: InterfaceTick, at: float) -> None:
        """What it carried before it was first seen nobody can date, nor tell from what it was moved here with."""
        counter = self._counters[tick.index] = _Counter(tick)
        self._return(counter.series.key, at)

    def _reset(self, counter: _Counter, tick: InterfaceTick, start: float, finish: float) -> None:
        reason = tick.gap or GapReason.RESET
        gap = Gap(start=start, finish=finish, reason=reason, series=counter.series, is_complete=False)
        self._batch.gaps.append(gap)

    def _rename(self, counter: _Counter, tick: InterfaceTick, at: float) -> None:
        """Another series, the same counters."""
        self._leave(counter.series, at)
        counter.name, counter.series, counter.cell = tick.name, series_of(tick), None
        self._return(counter.series.key, at)

    def _miss(self, tick: Tick, at: float) -> None:
        """Interfaces that are no more, or are there again under another index."""
        there = {each.index for each in tick.interfaces}
        for index in self._counters.keys() - there:
            self._leave(self._counters.pop(index).series, self._last_at or at)
        present = {counter.series.key for counter in self._counters.values()}
        for key in present & self._gone.keys():
            self._return(key, at)

    def _leave(self, series: Series, at: float) -> None:
        if series.is_lasting:
            self._gone[series.key] = series
            self._batch.gaps.append(
                Gap(start=at, finish=None, reason=GapReason.REMOVED, series=series, is_complete=False)
            )

    def _return(self, key: str, at: float) -> None:
        series = self._gone.pop(key, None)
        if series is not None:
            self._batch.returned[series] = at

    def _open_minute(self, at: float) -> int:
        start = int(at) // 60 * 60
        if start != self._minute:
            self._close_minute()
            self._minute = start
        return start

    def _close_minute(self) -> None:
        start, cells = self._minute, self._cells
        if start is not None and cells:
            covered = min(600, round(sum(self._elapsed) / 100)) or 600
            values = {series: cell.value(self._elapsed, covered) for series, cell in cells.items()}
            lines: dict[Series, Line] = {
                series: (cell.rx_fine, cell.tx_fine) for series, cell in cells.items() if cell.rx_fine
            }
            self._batch.minutes.append(Minute(start, self._times, self._elapsed, values, lines))
        self._minute, self._times, self._elapsed, self._cells, self._app_cells = None, [], [], {}, {}
        for counter in self._counters.values():
            counter.cell = None
