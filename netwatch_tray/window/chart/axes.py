"""The axes of a chart, without Qt: the value at the top, which changes rarely, and the round values to label
(ticks)."""

from __future__ import annotations

import math

from netwatch_tray import units
from netwatch_tray.units import Units

_DAY_S = 86400
_TIME_STEPS_S = (
    1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21600, 43200,
    _DAY_S, 2 * _DAY_S, 7 * _DAY_S, 14 * _DAY_S, 30 * _DAY_S, 60 * _DAY_S,
)  # fmt: skip


class Scale:
    """The value at the top of an axis, in bytes/s. It grows at once, and shrinks only after all values have stayed
    below half of it for 10 s, so that the curve does not jump."""

    _HEADROOM = 1.20
    _LEAST_HEADROOM = 1.15
    _PATIENCE_S = 10.0

    def __init__(self, least: float) -> None:
        """`least`: the smallest value at the top, bytes/s."""
        self._least = least
        self._small_since: float | None = None
        self.top = least

    def reset(self) -> None:
        """Start again, because another curve is shown from now on."""
        self._small_since = None
        self.top = self._least

    def update(self, greatest: float, now: float) -> float:
        """Return the value for the top. `greatest`: the highest visible value, bytes/s. `now`: seconds of a monotonic
        clock."""
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
    """Return at most `most` round rates above zero up to `top`, ascending, all in bytes/s.

    They are round in the user's units: 1, 2 or 5 times a power of ten, or powers of two for binary units.
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


def rate_labels(ticks: list[float], shown_in: Units) -> list[str]:
    """Return the label of each rate. All are in the unit of the greatest one, which alone has the unit in its label."""
    return _labels(ticks, units.rate(ticks[-1], shown_in)) if ticks else []


def size_ticks(top: float, most: int, shown_in: Units) -> list[float]:
    """Return at most `most` round amounts above zero up to `top`, ascending, all in bytes."""
    return rate_ticks(top, most, Units(binary=shown_in.binary))


def size_labels(ticks: list[float], shown_in: Units) -> list[str]:
    """Return the label of each amount. All are in the unit of the greatest one, which alone has the unit in its
    label."""
    return _labels(ticks, units.size(ticks[-1], shown_in)) if ticks else []


def _labels(ticks: list[float], outermost: units.Quantity) -> list[str]:
    texts = [f"{float(outermost.value) * tick / ticks[-1]:g}" for tick in ticks]
    texts[-1] += f" {outermost.unit}"
    return texts


def time_ticks(
    start: float, end: float, width: float, *, relative: bool, apart: float, offset: float = 0.0
) -> list[float]:
    """Return the Unix times to label on a time axis from `start` to `end` that is `width` dip wide. They are at least
    `apart` dip from each other.

    `relative`: they are a round number of seconds before `end`. Otherwise they are round clock times (`offset`: seconds
    of local time ahead of UTC), and leave room for the label of `end`.
    """
    span = end - start
    step = next((step for step in _TIME_STEPS_S if step / span * width >= apart), _TIME_STEPS_S[-1])
    if relative:
        return [end - index * step for index in range(int(span // step), 0, -1)]
    first = math.ceil((start + offset) / step) * step - offset
    latest = end - apart * span / width
    return [first + index * step for index in range(max(0, math.floor((latest - first) / step) + 1))]
