"""Keeps the rates of the last five minutes, for windows and terminals that connect later."""

from __future__ import annotations

from collections import deque

from netwatch_tray.feed.protocol import RecentTick
from netwatch_tray.model import InterfaceTick, Tick

_KEPT = 300
"""Number of ticks that are kept."""


class RecentTicks:
    """The latest ticks, reduced to their rates (bytes/s) to save memory."""

    def __init__(self) -> None:
        self._kept: deque[RecentTick] = deque(maxlen=_KEPT)
        self._interfaces: tuple[InterfaceTick, ...] = ()
        """Interfaces of the latest tick."""
        self._rates: dict[int, tuple[float | None, float | None]] = {}
        """Rates (received, sent) of these interfaces by index. Consecutive ticks with equal rates share the dict."""

    def add(self, tick: Tick) -> None:
        if tick.interfaces is not self._interfaces:
            self._interfaces = tick.interfaces
            self._rates = {each.index: (each.rx_rate, each.tx_rate) for each in tick.interfaces}
        total = tick.total
        self._kept.append(
            RecentTick(
                at=tick.at.timestamp(),
                gap=tick.gap or total.gap,
                total=(total.rx_rate, total.tx_rate),
                rates=self._rates,
            )
        )

    @property
    def ticks(self) -> tuple[RecentTick, ...]:
        """Return all ticks that are kept, oldest first."""
        return tuple(self._kept)
