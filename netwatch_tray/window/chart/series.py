"""The points of a chart, without Qt: runs and gaps, buckets, and a series that grows as points are appended."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import NamedTuple

from netwatch_tray.model import GapReason

_POINTS_ACROSS = 300
"""About as many points as a chart can show apart from each other."""
_BUCKETS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21600, 43200, 86400)
_LONGEST_SILENCE_S = 5.0


class Point(NamedTuple):
    """Both rates at one moment, in bytes/s; None if unknown."""

    at: float
    """Unix time, seconds."""
    rx: float | None
    tx: float | None
    gap: GapReason | None = None
    """Why the rates are unknown, if that is known."""
    rx_peak: float | None = None
    """The greatest rate of the time that the point covers; None if the point is one sample."""
    tx_peak: float | None = None

    def swapped(self) -> Point:
        """Return the point with download and upload swapped, as the other end of the interface counts them."""
        return Point(self.at, self.tx, self.rx, self.gap, self.tx_peak, self.rx_peak)


class KnownPoint(NamedTuple):
    """A point to draw: means and peaks of the time that it covers, in bytes/s."""

    at: float
    rx: float
    tx: float
    rx_peak: float
    tx_peak: float


class GapSpan(NamedTuple):
    """A span without known rates, from `start` to `end` (Unix time)."""

    start: float
    end: float
    reason: GapReason | None


def longest_step(interval: float) -> float:
    """Return the seconds without a sample after which a curve is broken, for samples every `interval` seconds."""
    return max(_LONGEST_SILENCE_S, 3 * interval)


def split(
    points: Sequence[Point], start: float, end: float, longest_step: float
) -> tuple[list[list[KnownPoint]], list[GapSpan]]:
    """Return the runs of known points and the gaps around them, from `start` to `end` (Unix time), in order of time.

    A run ends at an unknown point, and where no point follows for more than `longest_step` seconds. Points before
    `start` only continue a curve to the left of the edge.
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
    """Return the seconds that one drawn point covers if `span` seconds hold more samples than fit; else None."""
    width = next((width for width in _BUCKETS_S if width * _POINTS_ACROSS >= span), _BUCKETS_S[-1])
    return width if width > interval else None


def bucketed(run: Sequence[KnownPoint], width: float) -> list[KnownPoint]:
    """Return one point for each `width` seconds.

    Buckets begin at whole multiples of `width`, so that they do not shimmer while time passes. Averages are weighted
    with the measured time of each sample. A point stands in the middle of its samples, the first and the last one at
    the ends of the run.
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
    """Return the points from `start` to `end` with one more on either side, so that the curve continues
    to the edges."""
    first = bisect_left(points, start, key=lambda point: point.at)
    last = bisect_right(points, end, key=lambda point: point.at)
    return points[max(0, first - 1) : last + 1]


class Series:
    """Runs and gaps of the shown span. While points are only appended, `update` extends them in place."""

    def __init__(self) -> None:
        self.runs: list[list[KnownPoint]] = []
        self.gaps: list[GapSpan] = []
        self.changed_from: float | None = None
        """Unix time after which the last update changed something; None if everything may have changed."""
        self.visible: list[KnownPoint] = []
        """The known points within the span, in order of time."""
        self.start = self.end = self.span = 0.0
        """The shown span: Unix times, and its length in seconds."""
        self.begin: float | None = None
        """When the very first point was recorded, Unix time; None if unknown."""
        self._bucket: float | None = None
        self._newest: Point | None = None
        """The newest point that runs and gaps hold."""

    def reset(self) -> None:
        """Rebuild everything at the next update, because known points have changed."""
        self._newest = None

    def update(self, points: Sequence[Point], end: float, span: float, interval: float) -> None:
        """Show `points` over the `span` seconds up to `end` (Unix time).

        `points`: in order of time, `interval` seconds apart; those before the span only continue the curve to the left
        of its edge.
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
        """Return the visible point with the greatest download rate, if there was any download."""
        peak = max(self.visible, key=lambda known: known.rx_peak, default=None)
        return peak if peak and peak.rx_peak > 0 else None

    def nearest(self, at: float) -> KnownPoint | None:
        """Return the known point nearest to a Unix time, or None if no point is visible."""
        return min((known for run in self.runs for known in run), key=lambda each: abs(each.at - at), default=None)

    def gap_at(self, at: float) -> GapSpan | None:
        """Return the gap that contains a Unix time, or None if there is none."""
        return next((gap for gap in self.gaps if gap.start < at < gap.end), None)

    def _extend(self, points: Sequence[Point], interval: float) -> bool:
        """Add the new points to the runs and gaps. Return False if `points` does not continue what they hold."""
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
        """Drop the points left of the edge except the last, from which the curve continues."""
        while len(self.runs) > 1 and self.runs[0][-1].at < self.start:
            del self.runs[0]
        left = bisect_left(self.runs[0], self.start, key=lambda known: known.at) - 1
        del self.runs[0][: max(0, left)]
