"""Reads the values of series by time. A tier is a length of values: ticks (one second), ten seconds, minutes or hours.

Values of finished hours are in chunks (`packing`). Those of the current hour are still in the rows in which they were
recorded, one for each minute. Ticks are never in chunks.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Sequence

from netwatch_tray.history.packing import (
    HOURS,
    MINUTES,
    NEXT_CHUNK,
    SPAN,
    TENS,
    Columns,
    Value,
    chunk_id,
    start_of,
)
from netwatch_tray.history.results import Curve, StoredGap
from netwatch_tray.history.rows import Rows
from netwatch_tray.history.usage import LATEST

TICKS = 1
"""The tier with the shortest values: ticks, which last about a second and are kept for an hour."""
_TIERS = (TICKS, TENS, MINUTES, HOURS)

_UNPACKED_FINE = "SELECT start, fine FROM recent WHERE packed = 0 AND start > ? AND start < ?"
_UNPACKED_MINUTES = "SELECT start, minute FROM recent WHERE packed = 0 AND start > ? AND start < ?"
_CHUNKS = """
    WITH RECURSIVE wanted (id) AS (VALUES (?) UNION ALL SELECT id + ? FROM wanted WHERE id + ? <= ?)
    SELECT chunk.id, data FROM wanted CROSS JOIN chunk ON chunk.id = wanted.id
"""
"""Query for the consecutive chunks of one series. It looks up each ID, because IDs are sorted by time before series."""


class Tiers:
    """Reads the values of series by time. IDs of series are arguments. Each method may raise HistoryError."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def choose(self, start: float, end: float, most_points: int) -> int:
        """Return the tier for a curve between two Unix times: the one with the longest values of which there are at
        least a quarter of `most_points`, or one with longer values if its values of that time are not kept any more."""
        for tier in reversed(_TIERS):
            if (end - start) / tier >= most_points / 4:
                break
        else:
            tier = TICKS
        while tier != HOURS and not self.reaches(tier, start):
            tier = _TIERS[_TIERS.index(tier) + 1]
        return tier

    def reaches(self, tier: int, start: float) -> bool:
        """Return whether a tier has values back to the Unix time `start`, or at least as far back as all longer
        tiers."""
        coarser = [self._oldest(each) for each in _TIERS[_TIERS.index(tier) :]]
        if coarser[0] is None:
            return not any(coarser)
        if coarser[0] <= start:
            return True
        # Chunks of hours begin on whole days, long before the first minute of a new history.
        older = [each for each in coarser[1:-1] if each is not None and each < coarser[0] // 3600 * 3600]
        return not older and (coarser[-1] is None or coarser[0] - coarser[-1] < SPAN[HOURS])

    def _oldest(self, tier: int) -> int | None:
        if tier == TICKS:
            (start,) = self._rows.one("SELECT min(start) FROM recent WHERE start BETWEEN 0 AND ?", LATEST)
        else:
            rows = self._rows.query("SELECT id FROM chunk WHERE id >= ? ORDER BY id LIMIT 1", chunk_id(tier, 0))
            found, start = start_of(rows[0][0]) if rows else (None, None)
            start = start if found == tier else None
        return None if start is None else int(start)

    def values(self, ids: Sequence[int], tier: int, first: int, size: int) -> Columns:
        """Return `size` values of a tier from the Unix time `first` on, each the sum of several series."""
        found = Columns.of(size)
        for number, series in enumerate(ids):
            columns = self._columns_of(series, tier, first, size)
            if number:
                found.merge(columns)
            else:
                found = columns
        for at, value in self._unpacked(set(ids), tier, first, first + size * tier):
            found.add((at - first) // tier, value)
        return found

    def sums(self, ids: Collection[int], tier: int, first: int, size: int) -> dict[int, int]:
        """Return the bytes of each series, received and sent together, by ID.

        Summed are `size` values of the tier from the Unix time `first` on.
        """
        found = {}
        for series in ids:
            columns = self._columns_of(series, tier, first, size)
            found[series] = sum(columns.rx) + sum(columns.tx)
        end = first + size * tier
        for start, data in self._rows.typed("minutes", (int, bytes), _UNPACKED_MINUTES, first - 60, end):
            if first <= start:
                for series, value in self._rows.minute(start, data).items():
                    if series in found:
                        found[series] += value[1] + value[2]
        return found

    def _columns_of(self, series: int, tier: int, first: int, size: int) -> Columns:
        """Return `size` values of a series from its chunks, from the Unix time `first` on. Values that are in no
        readable chunk are unknown."""
        found = Columns.of(0)
        chunks = chunk_id(tier, first, series), NEXT_CHUNK, NEXT_CHUNK, chunk_id(tier, first + size * tier - 1, series)
        for chunk, data in self._rows.query(_CHUNKS, *chunks):
            place = (start_of(chunk)[1] - first) // tier
            low, high = max(0, place), min(size, place + SPAN[tier] // tier)
            columns = self._rows.columns(chunk, data)
            if columns is not None:
                found.extend(columns, low, slice(low - place, high - place))
        found.pad(size)
        return found

    def measured(self, tier: int, first: int, size: int, gaps: Iterable[StoredGap]) -> list[int]:
        """Return how many tenths of a second were measured in each of `size` values of a tier from the Unix time
        `first` on.

        It is computed from the gaps, which takes less time than reading the values of the total.
        """
        oldest, newest = self.extent()
        covered = [0] * size
        low = max(0, (oldest - first) // tier)
        high = max(low, min(size, -(-(newest - first) // tier)))
        covered[low:high] = [10 * tier] * (high - low)
        for gap in gaps:
            if gap.name is None and gap.finish is not None:
                low, high = math.ceil((gap.start - first) / tier), math.floor((gap.finish - first) / tier)
                low, high = max(0, low), min(size, high)
                covered[low:high] = [0] * max(0, high - low)
        return covered

    def extent(self) -> tuple[int, int]:
        """Return the Unix times of the first and the last measurement, the first rounded down to the hour, the last
        rounded up to the minute; (0, 0) if there is none."""
        (begin,) = self._rows.one("SELECT min(start) FROM recent WHERE start BETWEEN 0 AND ?", LATEST)
        (end,) = self._rows.one("SELECT max(start) + 60 FROM recent WHERE start BETWEEN 0 AND ?", LATEST)
        first_gap, last_gap = self._rows.one(
            "SELECT min(start), max(finish) + 60 FROM gap WHERE start BETWEEN 0 AND ? "
            "AND (finish IS NULL OR finish BETWEEN 0 AND ?)",
            LATEST,
            LATEST,
        )
        starts = [each for each in (begin, first_gap, *map(self._oldest, _TIERS[1:])) if each is not None]
        return int(min(starts, default=0)), int(max(end or 0, last_gap or 0))

    def _unpacked(self, ids: set[int], tier: int, first: int, end: int) -> Iterator[tuple[int, Value]]:
        """Yield Unix time and value of all values between two Unix times that are not in chunks yet."""
        query = _UNPACKED_FINE if tier == TENS else _UNPACKED_MINUTES
        for start, data in self._rows.typed("minutes", (int, bytes), query, first - 60, end):
            if tier == TENS:
                values = [(start + second, value) for _series, second, value in self._rows.tens(start, data, ids)]
            else:
                values = [(start, value) for series, value in self._rows.minute(start, data).items() if series in ids]
            yield from ((at, value) for at, value in values if first <= at < end)

    def ticks(self, ids: Sequence[int], start: float, end: float) -> Curve:
        """Return the rates of the ticks between two Unix times. `ids`: series of which only one has ticks in a minute,
        as of an interface that changed its kind."""
        curve = Curve(1.0, [], [], [], [], [])
        query = "SELECT start, fine FROM recent WHERE start > ? AND start < ? ORDER BY start, id"
        for minute, data in self._rows.typed("minutes", (int, bytes), query, start - 60, end):
            fine = self._rows.fine(minute, data)
            if fine is None:
                continue
            line = next(filter(None, (self._rows.line(minute, fine, series) for series in ids)), None)
            if line is None:
                continue
            for time_ms, elapsed_ms, rx, tx in zip(fine.times, fine.elapsed, *line, strict=True):
                at = minute + time_ms / 1000
                if not start <= at <= end:
                    continue
                elapsed = elapsed_ms / 1000
                if curve.at and at - elapsed - curve.at[-1] > 0.5:  # a gap
                    _append(curve, at - elapsed, None, None)
                _append(curve, at, None if rx is None else rx / elapsed, None if tx is None else tx / elapsed)
        return curve

    def chunk_starts(self, tier: int, start: int, end: int) -> list[int]:
        """Return the Unix times at which the chunks of a tier begin that overlap the time from `start` to `end`.

        Only existing chunks are read. If the clock was years ahead for a while, most of the time has none.
        """
        query = "SELECT DISTINCT start FROM recent WHERE packed = 0 AND start > ? AND start < ?"
        found = {
            each // SPAN[tier] * SPAN[tier] for (each,) in self._rows.typed("minutes", (int,), query, start - 60, end)
        }
        query = "SELECT id FROM chunk WHERE id >= ? AND id < ? ORDER BY id LIMIT 1"
        at = start
        while at < end and (rows := self._rows.query(query, chunk_id(tier, at), chunk_id(tier, end + SPAN[tier]))):
            span = start_of(rows[0][0])[1]
            found.add(span)
            at = span + SPAN[tier]
        return sorted(each for each in found if start - SPAN[tier] < each < end)


def _append(curve: Curve, at: float, rx: float | None, tx: float | None) -> None:
    curve.at.append(at)
    curve.rx.append(rx)
    curve.tx.append(tx)
    curve.rx_peak.append(rx)
    curve.tx_peak.append(tx)


def curve_of(columns: Columns, step: int, first: int, factor: int) -> Curve:
    """Convert values into a curve of rates. `step`: seconds of a value. `first`: Unix time at which the first one
    begins. `factor`: number of values to combine into one point."""

    def points(row: list[int]) -> Iterator[tuple[int, ...]]:
        return zip(*[iter(row)] * factor, strict=True)

    covered = [tenths / 10 for tenths in map(sum, points(columns.covered))]
    rx, tx = (
        [amount / time if time else None for amount, time in zip(map(sum, points(row)), covered, strict=True)]
        for row in (columns.rx, columns.tx)
    )
    rx_peak, tx_peak = (
        [float(peak) if time else None for peak, time in zip(map(max, points(row)), covered, strict=True)]
        for row in (columns.rx_peak, columns.tx_peak)
    )
    at = [float(first + (place + 1) * factor * step) for place in range(len(covered))]
    return Curve(step * factor, at, rx, tx, rx_peak, tx_peak)
