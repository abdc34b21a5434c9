"""Keeps the ticks of the last minutes, which charts with short ranges show."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from netwatch_tray.feed.protocol import RecentTick
from netwatch_tray.model import Tick
from netwatch_tray.window.chart.series import Point

_UNKNOWN = (None, None)


class RecentTicks:
    """The ticks of the last `keep` seconds, oldest first."""

    def __init__(self, keep: float) -> None:
        self._keep = keep
        self._ticks: deque[RecentTick] = deque()
        self._held: deque[RecentTick] | None = None

    @property
    def newest(self) -> float | None:
        """Return the Unix time of the last tick, or None before the first."""
        ticks = self._shown
        return ticks[-1].at if ticks else None

    def hold(self, held: bool) -> None:
        """Freeze the results of `newest` and `points` (`held`), or unfreeze them. Ticks are added meanwhile."""
        self._held = self._ticks.copy() if held else None

    def add(self, tick: Tick) -> None:
        rates = {each.index: (each.rx_rate, each.tx_rate) for each in tick.interfaces}
        gap = tick.gap or tick.total.gap
        self._append(RecentTick(tick.at.timestamp(), gap, (tick.total.rx_rate, tick.total.tx_rate), rates))

    def merge(self, ticks: Iterable[RecentTick]) -> None:
        """Add the ticks that the agent sends when the window connects. Older ones are kept, because an agent that was
        restarted does not have them."""
        for tick in ticks:
            self._append(tick)

    def points(self, index: int | None, since: float) -> list[Point]:
        """Return the rates since a Unix time as points of a chart, and the last point before it.

        `index`: index of an interface, or None for the total.
        """
        result: list[Point] = []
        for tick in reversed(self._shown):
            rx, tx = tick.total if index is None else tick.rates.get(index, _UNKNOWN)
            result.append(Point(tick.at, rx, tx, tick.gap))
            if tick.at < since:
                break
        result.reverse()
        return result

    @property
    def _shown(self) -> deque[RecentTick]:
        return self._ticks if self._held is None else self._held

    def _append(self, tick: RecentTick) -> None:
        # After the clock was set back, drop ticks that are in the future now.
        while self._ticks and self._ticks[-1].at >= tick.at:
            self._ticks.pop()
        self._ticks.append(tick)
        while self._ticks[0].at < tick.at - self._keep:
            self._ticks.popleft()
