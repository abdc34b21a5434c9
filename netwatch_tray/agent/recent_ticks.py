"""Keeps the rates of the last five minutes, for windows and terminals that connect later."""

from __future__ import annotations

from collections import deque
from datetime import datetime

from netwatch_tray.feed.protocol import RecentTick
from netwatch_tray.model import GapReason, InterfaceTick, Tick

_Rates = tuple[float | None, float | None]
"""Rates received and sent, in bytes/s."""
_KEPT = 300
"""Number of ticks that are kept."""


class RecentTicks:
    """The latest ticks, reduced to their rates (bytes/s) to save memory."""

    def __init__(self) -> None:
        self._kept: deque[tuple[datetime, GapReason | None, _Rates, dict[int, _Rates]]] = deque(maxlen=_KEPT)
        """What a `RecentTick` is made from, but only for a client: its time stamp alone takes 8 µs a second."""
        self._interfaces: tuple[InterfaceTick, ...] = ()
        """Interfaces of the latest tick."""
        self._rates: dict[int, _Rates] = {}
        """Rates (received, sent) of these interfaces by index. Consecutive ticks with equal rates share the dict."""

    def add(self, tick: Tick) -> None:
        if tick.interfaces is not self._interfaces:
            self._interfaces = tick.interfaces
            self._rates = {each.index: (each.rx_rate, each.tx_rate) for each in tick.interfaces}
        total = tick.total
        self._kept.append((tick.at, tick.gap or total.gap, (total.rx_rate, total.tx_rate), self._rates))

    @property
    def ticks(self) -> tuple[RecentTick, ...]:
        """Return all ticks that are kept, oldest first."""
        return tuple(
            [RecentTick(at=at.timestamp(), gap=gap, total=total, rates=rates) for at, gap, total, rates in self._kept]
        )
