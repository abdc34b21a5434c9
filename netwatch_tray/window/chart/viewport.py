"""What a chart shows of time, and where time and rate lie on the screen."""

from __future__ import annotations

from typing import NamedTuple

from PySide6.QtCore import QRectF

_LEAST_POINTS_SHOWN, _FINEST_HISTORY_S = 8, 60.0
"""The closest zoom: fewer points show nothing, and the history has no finer ones for long ago."""


class Viewport:
    """The shown part of time: the whole range up to the newest moment, or a zoomed part, which stands still."""

    def __init__(self) -> None:
        self.range = 60.0
        """Length of the whole range, seconds."""
        self.newest = 0.0
        """The moment at the right edge of the whole range, Unix time."""
        self.interval = 1.0
        """Seconds between the points of the whole range."""
        self.zoom: tuple[float, float] | None = None
        """The zoomed part, from when to when (Unix time)."""

    @property
    def start(self) -> float:
        """The moment at the left edge, Unix time."""
        return self.end - self.span

    @property
    def end(self) -> float:
        """The moment at the right edge, Unix time."""
        return self.zoom[1] if self.zoom else self.newest

    @property
    def span(self) -> float:
        """Seconds from edge to edge."""
        return self.zoom[1] - self.zoom[0] if self.zoom else self.range

    def zoom_to(self, start: float, end: float) -> bool:
        """Show this part alone (Unix time), widened to enough points and moved into the range.

        Almost the whole range is the whole range. Return whether another part is shown than before.
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
        """Zoom in by `factor` (below 1: out) and keep the moment `around` in place, by default the middle.

        Return whether another part is shown than before.
        """
        middle = self.end - self.span / 2 if around is None else around
        length = self.span / factor
        share = (middle - self.start) / self.span
        return self.zoom_to(middle - share * length, middle + (1 - share) * length)


class Frame(NamedTuple):
    """Maps time and rate to the screen: download above the axis, upload mirrored below, each on its own scale."""

    box: QRectF
    """Where curves are drawn, dip."""
    start: float
    """Unix time at its left edge."""
    end: float
    zero: float
    """The y of the axis, dip."""
    down_top: float
    """The rate at the upper edge, bytes/s."""
    up_top: float
    """The rate at the lower edge, bytes/s."""

    def x(self, at: float) -> float:
        return self.box.left() + (at - self.start) / (self.end - self.start) * self.box.width()

    def at(self, x: float) -> float:
        return self.start + (x - self.box.left()) / self.box.width() * (self.end - self.start)

    def down_y(self, rate: float) -> float:
        return self.zero - rate / self.down_top * (self.zero - self.box.top())

    def up_y(self, rate: float) -> float:
        return self.zero + rate / self.up_top * (self.box.bottom() - self.zero)
