"""The rates that the chart draws, in columns of equal duration: from the ticks of the last minutes or
from the history."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable

from netwatch_tray.feed.protocol import RecentTick
from netwatch_tray.model import Tick
from netwatch_tray.tui.chart import Curve, Value

Point = tuple[float, Value, Value]
"""End of an interval (Unix time), and its download and upload rate in bytes/s."""

KEPT_S = 330.0


class RecentRates:
    """Rates of the total over the last KEPT_S seconds."""

    def __init__(self) -> None:
        self._points: deque[Point] = deque()

    @property
    def newest(self) -> float | None:
        """Return the Unix time of the last rate, or None before the first."""
        return self._points[-1][0] if self._points else None

    def add(self, tick: Tick) -> None:
        self._append((tick.at.timestamp(), tick.total.rx_rate, tick.total.tx_rate))

    def merge(self, ticks: Iterable[RecentTick]) -> None:
        """Add the recent ticks of the agent. Older rates stay, because a restarted agent does not have them."""
        for tick in ticks:
            self._append((tick.at, *tick.total))

    def copy(self) -> RecentRates:
        found = RecentRates()
        found._points = self._points.copy()
        return found

    def points(self) -> Iterable[Point]:
        return self._points

    def _append(self, point: Point) -> None:
        # After the clock was set back, drop rates that are in the future now.
        while self._points and self._points[-1][0] >= point[0]:
            self._points.pop()
        self._points.append(point)
        while self._points[0][0] < point[0] - KEPT_S:
            self._points.popleft()


def in_columns(points: Iterable[Point], interval: float, now: float, seconds: float, columns: int) -> Curve:
    """Return the mean rate in each of `columns` parts of the `seconds` before `now`.

    `interval`: seconds that each point covers. The parts begin at multiples of their duration, so the values of past
    ones stay the same.
    """
    step = seconds / columns
    begin = (math.ceil(now / step) - columns) * step
    down, up, covered = [0.0] * columns, [0.0] * columns, [0.0] * columns
    for at, rx, tx in points:
        if rx is None or tx is None or at <= begin:
            continue
        start = max(0.0, (at - interval - begin) / step)
        end = min(float(columns), (at - begin) / step)
        for column in range(int(start), math.ceil(end)):
            part = min(end, column + 1.0) - max(start, float(column))
            down[column] += rx * part
            up[column] += tx * part
            covered[column] += part
    known = [part > 1e-6 for part in covered]
    return Curve(
        [value / part if is_known else None for value, part, is_known in zip(down, covered, known, strict=True)],
        [value / part if is_known else None for value, part, is_known in zip(up, covered, known, strict=True)],
    )
