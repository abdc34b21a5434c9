"""Which time a chart shows (`Viewport`), and the conversion of times and rates to coordinates (`Frame`)."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import QRectF

_LEAST_POINTS_SHOWN, _FINEST_HISTORY_S = 8, 60.0
"""Limits of zooming in: least number of points, and least seconds, because the history has no finer points for older
times."""


class Viewport:
    """The time that a chart shows: a range up to the newest point, which moves with time, or a zoomed part of it, which
    does not."""

    def __init__(self) -> None:
        self.range = 60.0
        """Length of the whole range, seconds."""
        self.newest = 0.0
        """Unix time at the right edge of the whole range."""
        self.interval = 1.0
        """Seconds between the points of the whole range."""
        self.zoom: tuple[float, float] | None = None
        """Start and end of the zoomed part as Unix times; None if the whole range is shown."""

    @property
    def start(self) -> float:
        """Return the Unix time at the left edge."""
        return self.end - self.span

    @property
    def end(self) -> float:
        """Return the Unix time at the right edge."""
        return self.zoom[1] if self.zoom else self.newest

    @property
    def span(self) -> float:
        """Return the number of seconds between the left and the right edge of the chart."""
        return self.zoom[1] - self.zoom[0] if self.zoom else self.range

    def zoom_to(self, start: float, end: float) -> bool:
        """Zoom to the part between two Unix times. It is widened if it has too few points, and moved into the range. If
        it is almost as long as the range, show the whole range.

        Return whether the visible time changed.
        """
        first, last = self.newest - self.range, self.newest
        if self.zoom:  # the range has moved on since, the zoomed part has not
            first = min(first, self.zoom[0])
        least = _LEAST_POINTS_SHOWN * min(self.interval, _FINEST_HISTORY_S)
        if end - start < least:
            middle = (start + end) / 2
            start, end = middle - least / 2, middle + least / 2
        length = min(end - start, last - first)
        start = min(max(start, first), last - length)
        before = self.zoom
        self.zoom = None if length > 0.99 * self.range else (start, start + length)
        return self.zoom != before

    def zoom_by(self, factor: float, around: float | None) -> bool:
        """Zoom in by `factor`; a factor below 1 zooms out. `around`: the Unix time that stays in place, by default the
        middle.

        Return whether the visible time changed.
        """
        middle = self.end - self.span / 2 if around is None else around
        length = self.span / factor
        share = (middle - self.start) / self.span
        return self.zoom_to(middle - share * length, middle + (1 - share) * length)


class Frame:
    """Converts times and rates to coordinates: download above the axis, upload mirrored below, each on its own
    scale."""

    __slots__ = ("_per_down", "_per_second", "_per_up", "box", "down_top", "end", "start", "up_top", "zero")

    def __init__(self, box: QRectF, start: float, end: float, zero: float, down_top: float, up_top: float) -> None:
        """`box`: rectangle of the curves in dip. `start`, `end`: Unix times at its left and right edge.

        `zero`: the y coordinate of the axis in dip. `down_top`, `up_top`: rates at the upper and the lower edge,
        bytes/s.
        """
        self.box, self.start, self.end, self.zero = box, start, end, zero
        self.down_top, self.up_top = down_top, up_top
        self._per_second = box.width() / (end - start)
        self._per_down = (zero - box.top()) / down_top
        self._per_up = (box.bottom() - zero) / up_top

    def x(self, at: float) -> float:
        """Return the x coordinate of a Unix time, in dip."""
        return self.box.left() + (at - self.start) * self._per_second

    def xs(self, moments: Iterable[float]) -> list[float]:
        """Return the x coordinates of many Unix times; faster than calling `x` for each of them."""
        left, start, per_second = self.box.left(), self.start, self._per_second
        return [left + (at - start) * per_second for at in moments]

    def down_ys(self, rates: Iterable[float]) -> list[float]:
        """Return the y coordinates of many download rates (bytes/s)."""
        zero, per_rate = self.zero, self._per_down
        return [zero - rate * per_rate for rate in rates]

    def up_ys(self, rates: Iterable[float]) -> list[float]:
        """Return the y coordinates of many upload rates (bytes/s)."""
        zero, per_rate = self.zero, self._per_up
        return [zero + rate * per_rate for rate in rates]

    def at(self, x: float) -> float:
        """Return the Unix time at an x coordinate."""
        return self.start + (x - self.box.left()) / self._per_second

    def down_y(self, rate: float) -> float:
        """Return the y coordinate of a download rate (bytes/s)."""
        return self.zero - rate * self._per_down

    def up_y(self, rate: float) -> float:
        """Return the y coordinate of an upload rate (bytes/s)."""
        return self.zero + rate * self._per_up
