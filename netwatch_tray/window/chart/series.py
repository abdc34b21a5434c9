"""The points of a chart, without Qt. A run is a part of the curve without gaps, and a gap is time without known rates.
If there are more points than pixels, a bucket combines the points of some seconds into one."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import NamedTuple

from netwatch_tray.model import GapReason

_POINTS_ACROSS = 300
"""Number of points from which on they are combined: about as many as can be distinguished in a chart."""
_BUCKETS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21600, 43200, 86400)
_LONGEST_SILENCE_S = 5.0


class Point(NamedTuple):
    """Download and upload rate at one time, in bytes/s; None if unknown."""

    at: float
    """Unix time."""
    rx: float | None
    tx: float | None
    gap: GapReason | None = None
    """Why the rates are unknown; None if they are known or the reason is not."""
    rx_peak: float | None = None
    """The highest download rate in the time that the point covers; None if that is only one second."""
    tx_peak: float | None = None

    def swapped(self) -> Point:
        """Return the point with download and upload swapped, as a container at the interface's other end counts
        them."""
        return Point(self.at, self.tx, self.rx, self.gap, self.tx_peak, self.rx_peak)


class KnownPoint(NamedTuple):
    """A point with known rates: means and peaks of the time that it covers, in bytes/s."""

    at: float
    rx: float
    tx: float
    rx_peak: float
    tx_peak: float


class GapSpan(NamedTuple):
    """A gap: there are no known rates from `start` to `end` (Unix times)."""

    start: float
    end: float
    reason: GapReason | None


def longest_step(interval: float) -> float:
    """Return the most seconds between two points that are connected by a line; a longer time is a gap. `interval`:
    usual seconds between two points."""
    return max(_LONGEST_SILENCE_S, 3 * interval)


def split(
    points: Sequence[Point], start: float, end: float, longest_step: float
) -> tuple[list[list[KnownPoint]], list[GapSpan]]:
    """Divide points into runs and gaps from `start` to `end` (Unix times), oldest first.

    A run ends at an unknown point, and if no point follows within `longest_step` seconds. Points before `start` are
    included in a run, so that the curve continues to the left edge, but make no gap.
    """
    runs: list[list[KnownPoint]] = []
    gaps: list[GapSpan] = []
    run: list[KnownPoint] = []
    edge = start
    """Unix time up to which everything is in a run or in a gap."""
    broken = False
    reason: GapReason | None = None
    for at, rx, tx, gap, rx_peak, tx_peak in points:
        if rx is None or tx is None:
            broken = True
            reason = reason or gap
            continue
        if broken or at - edge > longest_step:
            if at > start:
                gaps.append(GapSpan(edge, at, reason))
            if run:
                runs.append(run)
            run = []
        run.append(KnownPoint(at, rx, tx, rx if rx_peak is None else rx_peak, tx if tx_peak is None else tx_peak))
        edge, broken, reason = at, False, None
    if run:
        runs.append(run)
    if end > edge and (broken or end - edge > longest_step):
        gaps.append(GapSpan(edge, end, reason))
    return runs, gaps


def bucket_width(span: float, interval: float) -> float | None:
    """Return the number of seconds to combine into one point if a chart of `span` seconds has too many points, else
    None. `interval`: seconds between two points."""
    width = next((width for width in _BUCKETS_S if width * _POINTS_ACROSS >= span), _BUCKETS_S[-1])
    return width if width > interval else None


def bucketed(run: Sequence[KnownPoint], width: float) -> list[KnownPoint]:
    """Combine the points of a run into one for each bucket of `width` seconds.

    Buckets begin at whole multiples of `width`, so that the curve does not flicker while time passes. Averages are
    weighted with the time that each point covers. A point stands in the middle of its bucket, the first and the last
    one at the ends of the run.
    """
    result: list[KnownPoint] = []
    previous = run[0].at - (run[1].at - run[0].at if len(run) > 1 else width)
    index = 0
    while index < len(run):
        bucket = math.ceil(run[index].at / width)
        first, began = index, previous
        rx = tx = rx_peak = tx_peak = 0.0
        while index < len(run) and run[index].at <= bucket * width:
            at, known_rx, known_tx, peak_rx, peak_tx = run[index]
            rx += known_rx * (at - previous)
            tx += known_tx * (at - previous)
            rx_peak = max(rx_peak, peak_rx)
            tx_peak = max(tx_peak, peak_tx)
            previous = at
            index += 1
        elapsed = previous - began
        result.append(KnownPoint((run[first].at + previous) / 2, rx / elapsed, tx / elapsed, rx_peak, tx_peak))
    if len(result) > 1:
        result[0] = result[0]._replace(at=run[0].at)
        result[-1] = result[-1]._replace(at=run[-1].at)
    return result


def around(points: Sequence[Point], start: float, end: float) -> Sequence[Point]:
    """Return the points between two Unix times, and one more on either side, so that the curve reaches the edges."""
    first = bisect_left(points, start, key=lambda point: point.at)
    last = bisect_right(points, end, key=lambda point: point.at)
    return points[max(0, first - 1) : last + 1]


class Series:
    """Runs and gaps of the visible time. `update` only adds to them while points are only appended."""

    def __init__(self) -> None:
        self.runs: list[list[KnownPoint]] = []
        self.gaps: list[GapSpan] = []
        self.changed_from: float | None = None
        """Unix time from which on the last update changed runs or gaps; None if everything may have changed."""
        self.visible: list[KnownPoint] = []
        """The known points within the visible time, oldest first."""
        self.start = self.end = self.span = 0.0
        """The visible time: start and end as Unix times, and its length in seconds."""
        self.begin: float | None = None
        """Unix time at which recording began; None if unknown."""
        self._bucket: float | None = None
        self._newest: Point | None = None
        """The newest point that is included in runs and gaps; None: all are computed again."""

    def reset(self) -> None:
        """Compute everything again at the next update. Call this if points changed that were passed before."""
        self._newest = None

    def update(self, points: Sequence[Point], end: float, span: float, interval: float) -> None:
        """Compute runs and gaps of the `span` seconds up to the Unix time `end`.

        `points`: oldest first, `interval` seconds apart. Those before that time only continue the curve to the left
        edge.
        """
        bucket = bucket_width(span, interval)
        self.start, self.end, self.span, self.changed_from = end - span, end, span, None
        if bucket != self._bucket or not self._extend(points, interval):
            self._bucket = bucket
            self.runs, self.gaps = split(points, self.start, end, longest_step(interval))
            if bucket:
                self.runs = [bucketed(run, bucket) for run in self.runs]
        self._newest = points[-1] if points else None
        self.visible = [known for run in self.runs for known in run if self.start <= known.at <= end]

    def peak(self) -> KnownPoint | None:
        """Return the visible point with the highest download rate; None if there was no download."""
        peak = max(self.visible, key=lambda known: known.rx_peak, default=None)
        return peak if peak and peak.rx_peak > 0 else None

    def nearest(self, at: float) -> KnownPoint | None:
        """Return the known point nearest to a Unix time, or None if no point is visible."""
        return min((known for run in self.runs for known in run), key=lambda each: abs(each.at - at), default=None)

    def gap_at(self, at: float) -> GapSpan | None:
        """Return the gap that contains a Unix time, or None if there is none."""
        return next((gap for gap in self.gaps if gap.start < at < gap.end), None)

    def _extend(self, points: Sequence[Point], interval: float) -> bool:
        """Add the points that are new since the last update to runs and gaps. Return False if everything must be
        computed again, because `points` are not the previous ones with new ones appended."""
        last, bucket = self._newest, self._bucket
        if last is None or last.rx is None or last.tx is None or not self.runs:
            return False
        first = bisect_left(points, last.at, key=lambda point: point.at)
        if first == len(points) or points[first] != last:
            return False
        if bucket:  # the last bucket may be incomplete: go back to the last point of the one before
            full = (math.ceil(last.at / bucket) - 1) * bucket
            first = bisect_right(points, full, key=lambda point: point.at) - 1
        if first < 0 or points[first].rx is None or points[first].tx is None:
            return False
        since = points[first].at
        kept = self.runs[-1]
        while kept and kept[-1].at > since:
            kept.pop()
        if not kept:
            return False
        runs, gaps = split(points[first:], since, self.end, longest_step(interval))
        tails = [bucketed(run, bucket) for run in runs] if bucket else runs
        self.changed_from = kept[-1].at
        kept += tails[0][1:]
        self.runs += tails[1:]
        self.gaps = [gap for gap in self.gaps if self.start < gap.end <= since] + gaps
        if self.gaps and self.gaps[0].start < self.start:
            self.gaps[0] = self.gaps[0]._replace(start=self.start)
        self._drop_before_start()
        return True

    def _drop_before_start(self) -> None:
        """Drop the points before the visible time, except for the last of them, from which the curve reaches the
        edge."""
        while len(self.runs) > 1 and self.runs[0][-1].at < self.start:
            del self.runs[0]
        left = bisect_left(self.runs[0], self.start, key=lambda known: known.at) - 1
        del self.runs[0][: max(0, left)]
