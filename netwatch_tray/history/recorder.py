"""Sums ticks into the minutes that are stored, exact to the byte. Pure: it reads neither files nor clocks.

The bytes of an interface are the deltas in its ticks (engine.rates). Counters are compared here only for times without
ticks: between two runs of the program, and after measurements were discarded. Bytes of which only the amount is known
(sleep, a pause, the time between two runs) belong to a gap. If the counters were lost (reset, interface created again,
another source), the gap is marked as incomplete.
"""

from __future__ import annotations

from datetime import datetime

from netwatch_tray.engine.ledger import AppInterval
from netwatch_tray.engine.rates import believed_speed, bounded, most_bytes
from netwatch_tray.history.batch import Batch, RecordedGap, RecordedMinute, RecorderState, StoredCounters
from netwatch_tray.history.boot import Boot
from netwatch_tray.history.packing import TickBytes, Value, summed
from netwatch_tray.history.series import LAN, TOTAL, Series, storable
from netwatch_tray.model import GapReason, InterfaceTick, Tick

_MOST_BITS = 56
"""An app's bytes between two measurements must be below 2 to this power. No link carries more, so more is a fault."""
_LEAST_ELAPSED = 0.01
"""Seconds; for a shorter interval no rate is computed."""
_CLOCK_STEP = 2.0
"""Seconds by which the wall clock must deviate from the measured time between two ticks to mean that it was set."""

Measurement = Tick | tuple[datetime, AppInterval] | None
"""What the recorder sums: a tick; or the traffic of apps since the last one, with its time; or None, which marks that
measurements before this point were discarded."""


class _Cell:
    """One series in the current minute: its bytes in each tick, or the sums of an app, which has no ticks."""

    __slots__ = ("rx", "rx_fine", "rx_peak", "tx", "tx_fine", "tx_peak")

    def __init__(self) -> None:
        self.rx = self.tx = 0
        self.rx_peak = self.tx_peak = 0.0
        self.rx_fine: list[int | None] = []
        self.tx_fine: list[int | None] = []

    def value(self, elapsed: list[int], otherwise_covered: int) -> Value:
        """Return the value to store for this minute. `elapsed`: length of each tick in ms. `otherwise_covered`:
        measured time in tenths of a second, used for a series without ticks."""
        ticks = len(self.rx_fine)
        value = summed(elapsed[:ticks], self.rx_fine, self.tx_fine) if ticks else None
        return value or (otherwise_covered, self.rx, self.tx, round(self.rx_peak), round(self.tx_peak))


class _Interface:
    """What the recorder remembers of an interface between two ticks."""

    __slots__ = ("_fall", "cell", "name", "series", "tick")

    def __init__(self, tick: InterfaceTick, series: Series) -> None:
        self.name = tick.name
        self.series = series
        self.tick = tick
        """The interface as of the last tick that was read from the system."""
        self.cell: _Cell | None = None
        """The sums of the interface in the current minute; None if there are none yet."""
        self._fall: tuple[tuple[int, int], tuple[int, int]] | None = None
        """The bytes before and after the counters fell back."""

    def note_reset(self, tick: InterfaceTick) -> None:
        """Remember the counters of the last tick if they fall back with this one."""
        before, now = _counters(self.tick), _counters(tick)
        if now[0] < before[0] or now[1] < before[1]:
            self._fall = before, now

    def counted(self) -> StoredCounters:
        tick, counters = self.tick, _counters(self.tick)
        fallen = self._fall[0] if self._fall is not None and self._fall[1] == counters else None
        return StoredCounters(tick.index, self.series.key, *counters, believed_speed(tick), fallen)


class _KnownUplinks:
    """The interfaces that have been uplinks in this run. Their series last, whatever their kind: an uplink that is made
    again has no route at first."""

    def __init__(self) -> None:
        self._keys: set[str] = set()

    def series_of(self, tick: InterfaceTick) -> Series:
        series = Series.of_interface(tick)
        return self.add(series) if tick.is_uplink or series.key in self._keys else series

    def add(self, series: Series) -> Series:
        """Add the series of an uplink, and return it as one that lasts."""
        self._keys.add(series.key)
        return series._replace(is_lasting=True)


def _counters(tick: InterfaceTick) -> tuple[int, int]:
    return tick.rx_bytes, tick.tx_bytes


def _deltas(tick: InterfaceTick) -> tuple[int, int] | None:
    """Return the bytes (received, sent) of an interface since the previous tick, or `None` if they are unknown."""
    return None if tick.rx_delta is None or tick.tx_delta is None else (tick.rx_delta, tick.tx_delta)


class Recorder:
    """Sums measurements into batches for `Store.write`: `take` adds one, `batch` returns all not stored yet. Not
    thread-safe."""

    def __init__(self, state: RecorderState | None, boot: Boot) -> None:
        """`state`: what the previous run stored at its end; `None` if there was none, so that the history begins with
        the first tick. `boot`: the current boot."""
        self._boot = boot
        self._before = state
        self._reason = GapReason.NOT_RUNNING
        self._last_at: float | None = None
        self._has_discarded = False
        self._interfaces: dict[int, _Interface] = {}
        self._removed: dict[str, Series] = {}
        self._uplinks: tuple[str, ...] | None = None
        self._known_uplinks = _KnownUplinks()
        self._minute: int | None = None
        self._times: list[int] = []
        self._elapsed: list[int] = []
        self._cells: dict[Series, _Cell] = {}
        self._batch = Batch()

    def take(self, measurement: Measurement) -> None:
        """Add a measurement. Call this in order of time."""
        if measurement is None:
            self._has_discarded = True
        elif isinstance(measurement, Tick):
            self._take_tick(measurement)
        else:
            self._take_apps(*measurement)

    def _take_tick(self, tick: Tick) -> None:
        if tick.is_unread:  # the next reading spans this time as well
            return
        at = tick.at.timestamp()
        if self._last_at is None:
            self._begin(tick, at)
        elif self._has_discarded or tick.gap is not None or tick.interval_s is None:
            reason = GapReason.NOT_WRITTEN if self._has_discarded else tick.gap or GapReason.NOT_RUNNING
            self._bridge(tick, self._last_at, at, reason)
            self._note_removed(tick, self._last_at, at)
        else:
            self._note_clock(self._last_at, at, tick.interval_s)
            self._measure(tick, at, tick.interval_s)
            if len(self._interfaces) != len(tick.interfaces):
                self._note_removed(tick, self._last_at, at)
        self._last_at, self._has_discarded = at, False
        if tick.total.uplinks != self._uplinks:
            self._uplinks = tick.total.uplinks
            self._batch.uplinks.append((at, tuple(map(storable, tick.total.uplinks))))
            self._keep_uplinks(tick)

    def _keep_uplinks(self, tick: Tick) -> None:
        """Let the series of interfaces that became uplinks last, whatever their kind."""
        for each in tick.interfaces:
            interface = self._interfaces.get(each.index)
            if each.is_uplink and interface is not None and not interface.series.is_lasting:
                passing, interface.series = interface.series, self._known_uplinks.add(interface.series)
                if passing in self._cells:
                    self._cells[interface.series] = self._cells.pop(passing)

    def batch(self, boottime: float) -> Batch:
        """Return everything that is not stored yet. Call `stored` after it was written.

        `boottime`: the current time of the boot-time clock.
        """
        self._close_minute()
        if self._last_at is not None:
            counted = tuple(interface.counted() for interface in self._interfaces.values())
            self._batch.state = RecorderState(
                self._last_at, self._boot.identity, boottime, counted, tuple(self._removed)
            )
        return self._batch

    def stored(self) -> None:
        """Begin a new batch, because the one that `batch` returned is on the disk."""
        if self._batch.state is not None:
            self._before = self._batch.state
        self._batch = Batch()

    def forget(self, boot: Boot) -> None:
        """Discard all measurements since the last `stored`, because they could not be written for long. The next tick
        makes one gap of that time, with its bytes computed from the counters. `boot`: the current boot."""
        self._boot, self._batch = boot, Batch()
        self._last_at, self._minute, self._reason, self._uplinks = None, None, GapReason.NOT_WRITTEN, None
        self._times, self._elapsed, self._cells = [], [], {}
        self._interfaces, self._removed = {}, {}

    def _begin(self, tick: Tick, at: float) -> None:
        """Add the first tick of a run (Unix time `at`), and the gap since the previous run, if there was one."""
        state = self._before
        ticks = tick.interfaces
        self._interfaces = {each.index: _Interface(each, self._known_uplinks.series_of(each)) for each in ticks}
        if state is None:
            return
        relation = self._boot.follows(state)
        # Use the longer one: the state may be stored long after its last measurement, and the wall clock may be set.
        elapsed = max(self._boot.boottime - state.boottime, at - state.at)
        present = {interface.series.key for interface in self._interfaces.values()}
        self._removed = {key: Series.of_interface_key(key) for key in state.gone}
        gap = RecordedGap(start=min(state.at, at), finish=at, reason=self._reason)
        # Within one boot an index stays with its interface, which may have another name by now.
        before = {(each.index, Series.kind_of_interface_key(each.key)): each for each in state.interfaces}
        earlier = {each.key for each in state.interfaces}
        for each in ticks:
            interface = self._interfaces[each.index]
            old = before.get((each.index, storable(each.kind)))
            if relation == "later boot":  # counters began at zero with the boot, within this gap
                most = most_bytes(self._boot.boottime, None, None)
                self._carry(gap, interface.series, bounded((0, 0), _counters(each), most), in_total=each.is_uplink)
            elif relation == "unknown" or old is None:
                gap.is_complete &= interface.series.key not in earlier
            else:
                self._carry_since(old, gap, interface.series, each, elapsed)
        self._batch.gaps.append(gap)
        for key in earlier - present:
            self._mark_removed(Series.of_interface_key(key), state.at)
        for key in present & self._removed.keys():
            self._mark_returned(key, at)

    def _bridge(self, tick: Tick, last_at: float, at: float, reason: GapReason) -> None:
        """Add a tick without rates, such as the first one after sleep. Its bytes are those of a gap from `last_at` to
        `at` (Unix times)."""
        gap = RecordedGap(start=min(last_at, at), finish=at, reason=reason)
        for each in tick.interfaces:
            interface = self._interfaces.get(each.index)
            if interface is None:
                self._add(each, at)
                continue
            if interface.name != each.name:
                self._rename(interface, each, at)
            if self._has_discarded:
                elapsed = at - last_at if at > last_at else self._boot.boottime  # the user may have set the clock
                self._carry_since(interface.counted(), gap, interface.series, each, elapsed)
            else:
                self._carry(gap, interface.series, _deltas(each), in_total=each.index in tick.total.counted)
            if each.gap is GapReason.RESET:
                interface.note_reset(each)
            interface.tick = each
        self._batch.gaps.append(gap)

    def _carry_since(
        self, old: StoredCounters, gap: RecordedGap, series: Series, now: InterfaceTick, elapsed: float
    ) -> None:
        """Add to a gap the bytes of a series since its counters were `old`, computed from the counters, because there
        are no measurements in between. `elapsed`: seconds since then."""
        before, counters = (old.rx_bytes, old.tx_bytes), _counters(now)
        if old.fallen is not None and counters[0] >= old.fallen[0] and counters[1] >= old.fallen[1]:
            # As in RateTracker, the rise to their former value is no traffic: the old counters were wrong readings.
            # What they rose beyond it was carried in any case; if they were reset after all, that is not all.
            before, gap.is_complete = old.fallen, False
        since = bounded(before, counters, most_bytes(elapsed, old.speed, believed_speed(now)))
        self._carry(gap, series, since, in_total=now.is_uplink)

    @staticmethod
    def _carry(gap: RecordedGap, series: Series, deltas: tuple[int, int] | GapReason | None, *, in_total: bool) -> None:
        """Add the bytes of a series to a gap. If they are unknown, mark the gap as incomplete. `in_total`: whether to
        add them to the total as well."""
        if not isinstance(deltas, tuple):
            gap.is_complete = False
            return
        rx, tx = deltas
        if not rx and not tx:
            return
        for each in (series, TOTAL) if in_total else (series,):
            known_rx, known_tx = gap.carried.get(each, (0, 0))
            gap.carried[each] = (known_rx + rx, known_tx + tx)

    def _note_clock(self, before: float, at: float, elapsed: float) -> None:
        if abs(at - before - elapsed) > _CLOCK_STEP:
            reason = GapReason.CLOCK_SET_FORWARD if at - before > elapsed else GapReason.CLOCK_SET_BACK
            self._batch.gaps.append(RecordedGap(start=min(before, at), finish=max(before, at), reason=reason))

    def _measure(self, tick: Tick, at: float, elapsed: float) -> None:
        minute = self._open_minute(at)
        place = len(self._times)
        self._times.append(int((at - minute) * 1000))
        self._elapsed.append(max(1, round(elapsed * 1000)))
        interfaces = self._interfaces
        for each in tick.interfaces:
            interface = interfaces.get(each.index)
            if interface is None:
                self._add(each, at)
                continue
            if interface.name != each.name:
                self._rename(interface, each, at)
            rx, tx = each.rx_delta, each.tx_delta
            if rx is None or tx is None:
                interface.note_reset(each)
                interface.tick = each
                reason = each.gap or GapReason.RESET
                self._batch.gaps.append(
                    RecordedGap(
                        start=at - elapsed, finish=at, reason=reason, series=interface.series, is_complete=False
                    )
                )
                continue
            interface.tick = each
            cell = interface.cell
            if cell is None or len(cell.rx_fine) != place:
                cell = self._cell_of(interface, each, place)
            cell.rx_fine.append(rx)
            cell.tx_fine.append(tx)
        if tick.total.rx_rate is not None:
            cell = self._cell(TOTAL)
            self._skip(cell, place)
            cell.rx_fine.append(tick.total.rx_delta)
            cell.tx_fine.append(tick.total.tx_delta)

    def _cell_of(self, interface: _Interface, tick: InterfaceTick, place: int) -> _Cell:
        cell = self._cell(interface.series)
        if len(cell.rx_fine) > place:  # another interface has the same name and kind: their names were not UTF-8
            interface.series = Series.of_interface_key(storable(f"{tick.name}#{tick.index}/{tick.kind}"))
            cell = self._cell(interface.series)
        self._skip(cell, place)
        interface.cell = cell
        return cell

    def _cell(self, series: Series) -> _Cell:
        cell = self._cells.get(series)
        if cell is None:
            cell = self._cells[series] = _Cell()
        return cell

    @staticmethod
    def _skip(cell: _Cell, place: int) -> None:
        """Append unknown values for the ticks of this minute before index `place` in which the series was absent."""
        missed = place - len(cell.rx_fine)
        if missed:
            cell.rx_fine += [None] * missed
            cell.tx_fine += [None] * missed

    def _take_apps(self, at: datetime, interval: AppInterval) -> None:
        self._open_minute(at.timestamp())
        elapsed = interval.elapsed_s
        for app, (rx, tx) in interval.late.values():  # bytes that moved at other times make no peak
            self._book(Series.of_app(app), rx, tx, at)
        self._book(LAN, *interval.lan, at)
        for app, (rx, tx) in interval.apps.values():
            cell = self._book(Series.of_app(app), rx, tx, at)
            if cell and elapsed and elapsed >= _LEAST_ELAPSED:
                if rx > cell.rx_peak * elapsed:
                    cell.rx_peak = rx / elapsed
                if tx > cell.tx_peak * elapsed:
                    cell.tx_peak = tx / elapsed

    def _book(self, series: Series, rx: int, tx: int, at: datetime) -> _Cell | None:
        """Add bytes to a series without ticks, such as an app. Return its cell, or `None` if nothing was added."""
        if not rx and not tx:
            return None
        if (rx | tx) >> _MOST_BITS:
            self._batch.refused.append((at.timestamp(), series))
            return None
        cell = self._cell(series)
        cell.rx += rx
        cell.tx += tx
        return cell

    def _add(self, tick: InterfaceTick, at: float) -> None:
        """Begin to record a new interface, and end its gap if it was removed before. Bytes before its first tick are
        not counted, because it may have carried them in another network namespace."""
        interface = self._interfaces[tick.index] = _Interface(tick, self._known_uplinks.series_of(tick))
        self._mark_returned(interface.series.key, at)

    def _rename(self, interface: _Interface, tick: InterfaceTick, at: float) -> None:
        """Record a renamed interface as another series from now on; its counters continue."""
        self._mark_removed(interface.series, at)
        interface.name, interface.series, interface.cell = tick.name, self._known_uplinks.series_of(tick), None
        self._mark_returned(interface.series.key, at)

    def _note_removed(self, tick: Tick, last_at: float, at: float) -> None:
        """Begin gaps for interfaces that are missing in the tick, and end those of interfaces that exist again under
        another index. `last_at`, `at`: Unix times of the previous tick and of this one."""
        there = {each.index for each in tick.interfaces}
        for index in self._interfaces.keys() - there:
            self._mark_removed(self._interfaces.pop(index).series, last_at)
        present = {interface.series.key for interface in self._interfaces.values()}
        for key in present & self._removed.keys():
            self._mark_returned(key, at)

    def _mark_removed(self, series: Series, at: float) -> None:
        if series.is_lasting:
            self._removed[series.key] = series
            self._batch.gaps.append(
                RecordedGap(start=at, finish=None, reason=GapReason.REMOVED, series=series, is_complete=False)
            )

    def _mark_returned(self, key: str, at: float) -> None:
        series = self._removed.pop(key, None)
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
            lines: dict[Series, TickBytes] = {
                series: (cell.rx_fine, cell.tx_fine) for series, cell in cells.items() if cell.rx_fine
            }
            self._batch.minutes.append(RecordedMinute(start, self._times, self._elapsed, values, lines))
        self._minute, self._times, self._elapsed, self._cells = None, [], [], {}
        for interface in self._interfaces.values():
            interface.cell = None
