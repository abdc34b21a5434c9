"""Keeps the rates of each app over the last minutes, for windows and terminals that connect later."""

from __future__ import annotations

from collections import deque
from datetime import datetime

from netwatch_tray.engine.ledger import AppInterval
from netwatch_tray.feed.protocol import AppRates
from netwatch_tray.model import Tick

KEPT_S = 330.0
_STEP_S = 10.0
"""Length of an interval in seconds: the sockets are read at this interval while no client shows connections."""


class RecentApps:
    """Rates of apps over intervals of ten seconds. Apps without traffic are left out, so that memory is bounded."""

    def __init__(self) -> None:
        self._kept: deque[AppRates] = deque()
        self._at: datetime | None = None
        """Time of the latest tick."""
        self._rx = self._tx = 0
        """Bytes of the uplinks since the last complete interval."""
        self._moved: AppInterval | None = None
        """Bytes of the apps since the last complete interval."""

    def add(self, tick: Tick, moved: AppInterval | None) -> None:
        """Add a tick. `moved`: bytes of the apps since the last reading; None if the sockets were not read."""
        self._at = tick.at
        if tick.interval_s is None or tick.gap is not None:
            self._begin()
            return
        self._rx += tick.total.rx_delta
        self._tx += tick.total.tx_delta
        if moved is None:
            return
        if moved.elapsed_s is None:
            self._begin()
            return
        self._moved = moved if self._moved is None else self._moved.plus(moved)
        elapsed = self._moved.elapsed_s
        if elapsed is not None and elapsed >= _STEP_S - 1:
            self._keep(tick.at.timestamp(), elapsed, self._moved)
            self._begin()

    @property
    def rates(self) -> tuple[AppRates, ...]:
        """Return the rates of the complete intervals of the last KEPT_S seconds, oldest first."""
        if self._at is not None:
            self._forget(self._at.timestamp())
        return tuple(self._kept)

    def _begin(self) -> None:
        self._rx, self._tx, self._moved = 0, 0, None

    def _forget(self, now: float) -> None:
        """Remove what is old, or of a time that has not come yet since the clock was set back."""
        while self._kept and not now - KEPT_S <= self._kept[0].at <= now:
            self._kept.popleft()

    def _keep(self, at: float, elapsed: float, moved: AppInterval) -> None:
        self._forget(at)
        apps = {
            key: (round(traffic.rx / elapsed), round(traffic.tx / elapsed))
            for key, (app, traffic) in moved.apps.items()
            if not app.is_tunnel_process
        }
        total = round(self._rx / elapsed), round(self._tx / elapsed)
        self._kept.append(AppRates(at, elapsed, total, apps))
