"""The arithmetic of the charts, without Qt: runs and gaps, buckets, ticks, and a scale that does not jump about."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from netwatch_tray.model import GapReason
from netwatch_tray.units import Units

_POINTS_ACROSS = 300
"""About as many points as a chart can show apart from each other."""
_BUCKETS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21600, 43200, 86400)
_DAY_S = 86400
_TIME_STEPS_S = (1, 2, 5, 10, 15, 30, *_BUCKETS_S[6:], 2 * _DAY_S, 7 * _DAY_S, 14 * _DAY_S, 30 * _DAY_S, 60 * _DAY_S)


class Point(NamedTuple):
    """Both rates of one moment, bytes/s; None is unknown."""

    at: float
    """Unix time, seconds."""
    rx: float | None
    tx: float | None
    gap: GapReason | None = None
    """Why they are unknown, if somebody knows."""
    rx_peak: float | None = None
    """Of what the point stands for; None: it is one sample."""
    tx_peak: float | None = None


class Known(NamedTuple):
    """A point to draw: the averages and the peaks of what it stands for, bytes/s."""

    at: float
    rx: float
    tx: float
    rx_peak: float
    tx_peak: float


class Gap(NamedTuple):
    """A span without known rates."""

    start: float
    end: float
    reason: GapReason | None


def split(
    points: Sequence[Point], start: float, end: float, longest_step: float
) -> tuple[list[list[Known]], list[Gap]]:
    """The runs of known points and the gaps around them, from `start` to `end` (Unix time), in order of time.

    A run ends at an unknown point, and where nothing came for more than `longest_step` seconds. Points before `start`
    only continue a curve to the left of the edge.
    """
    runs: list[list[Known]] = []
    gaps: list[Gap] = []
    run: list[Known] = []
    edge = start
    """Up to here everything is in a run or in a gap."""
    broken = False
    reason: GapReason | None = None
    for at, rx, tx, gap, rx_peak, tx_peak in points:
        if rx is None or tx is None:
            broken = True
            reason = reason or gap
            continue
        if broken or at - edge > longest_step:
            if at > start:
                gaps.append(Gap(edge, at, reason))
            if run:
                runs.append(run)
            run = []
        run.append(Known(at, rx, tx, rx if rx_peak is None else rx_peak, tx if tx_peak is None else tx_peak))
        edge, broken, reason = at, False, None
    if run:
        runs.append(run)
    if end > edge and (broken or end - edge > longest_step):
        gaps.append(Gap(edge, end, reason))
    return runs, gaps


def bucket_width(span: float, interval: float) -> float | None:
    """Seconds one drawn point stands for, when `span` seconds hold more samples than can be shown; else None."""
    width = next((width for width in _BUCKETS_S if width * _POINTS_ACROSS >= span), _BUCKETS_S[-1])
    return width if width > interval else None


def bucketed(run: Sequence[Known], width: float) -> list[Known]:
    """One point for each `width` seconds (whole multiples, so that they do not shimmer while time goes on).

    Averages are over the measured time of each sample. A point stands in the middle of its samples, the first and the
    last one at the ends of the run.
    """
    result: list[Known] = []
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
        result.append(Known((run[first].at + previous) / 2, rx / elapsed, tx / elapsed, rx_peak, tx_peak))
    if len(result) > 1:
        result[0] = result[0]._replace(at=run[0].at)
        result[-1] = result[-1]._replace(at=run[-1].at)
    return result


class Scale:
    """The top of an axis, bytes/s: grows at once, shrinks only when everything stayed below half of it for 10 s."""

    _HEADROOM = 1.20
    _LEAST_HEADROOM = 1.15
    _PATIENCE_S = 10.0

    def __init__(self, least: float) -> None:
        self._least = least
        self._small_since: float | None = None
        self.top = least

    def reset(self) -> None:
        """Another curve comes: nothing of this one matters to it."""
        self._small_since = None
        self.top = self._least

    def update(self, greatest: float, now: float) -> float:
        """The top for the greatest visible value at `now`, seconds on any clock that goes forward."""
        wanted = max(self._least, greatest * self._HEADROOM)
        if greatest * self._LEAST_HEADROOM > self.top:
            self.top = wanted
            self._small_since = None
        elif greatest * 2 >= self.top or wanted >= self.top:
            self._small_since = None
        elif self._small_since is None or now < self._small_since:
            self._small_since = now
        elif now - self._small_since >= self._PATIENCE_S:
            self.top = wanted
            self._small_since = None
        return self.top


def rate_ticks(top: float, most: int, units: Units) -> list[float]:
    """Round values above zero up to `top`, ascending, at most `most`, all in bytes/s.

    Round in the person's units: 1-2-5 steps, or 1-2-4-8 for binary ones.
    """
    per_byte = 8 if units.bits else 1
    amount = top * per_byte
    step = 1.0
    if units.binary:
        while amount // step > most:
            step *= 2
    else:
        decade = 1.0
        while amount // step > most:
            step = next(factor * decade for factor in (2, 5, 10) if factor * decade > step)
            decade = decade * 10 if step >= decade * 10 else decade
    return [index * step / per_byte for index in range(1, int(amount // step) + 1)]


def time_ticks(
    start: float, end: float, width: float, *, relative: bool, apart: float, offset: float = 0.0
) -> list[float]:
    """Moments from `start` to `end` worth a mark on `width` dip: round and at least `apart` dip from each other.

    `relative`: round in their distance from `end`; else on the clock, which is `offset` seconds ahead of UTC, and then
    none crowds the end's own mark.
    """
    span = end - start
    step = next((step for step in _TIME_STEPS_S if step / span * width >= apart), _TIME_STEPS_S[-1])
    if relative:
        return [end - index * step for index in range(int(span // step), 0, -1)]
    first = math.ceil((start + offset) / step) * step - offset
    latest = end - apart * span / width
    return [first + index * step for index in range(max(0, math.floor((latest - first) / step) + 1))]
