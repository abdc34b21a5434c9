"""Keeps the rates of the apps over the last minutes: those that the agent had kept when the window connected, followed
by those that the window received."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from netwatch_tray.feed.protocol import AppRates, AppsMessage
from netwatch_tray.window.chart.series import Point
from netwatch_tray.window.pages.apps.rows import REMAINDER, Rates, live_rows
from netwatch_tray.window.pages.apps.stack import Bin, Stack, stacked, unknown_spans

AGENT_STEP_S = 10.0
"""Seconds between two readings that the agent keeps."""
_LONGEST_HOLE_S = 1.5 * AGENT_STEP_S
"""Most seconds without a reading that are not shown as unknown. Up to ten pass between the last reading that the agent
kept and the first one that the window receives."""


class Reading(NamedTuple):
    """The rates (received, sent) of all apps in one interval, in bytes/s."""

    at: float
    """Unix time at which the interval ends."""
    elapsed_s: float
    total: tuple[float, float]
    rates: Mapping[str, Rates]
    """Rates by key of the table's row; rows without traffic are left out."""


class RecentRates:
    """Rates of the apps over the last `keep` seconds."""

    def __init__(self, keep: float) -> None:
        self._keep = keep
        self._readings: deque[Reading] = deque()
        self._names: dict[str, str] = {}
        self._tunnels: set[str] = set()

    @property
    def newest(self) -> float | None:
        """Return the Unix time of the last reading, or None before the first."""
        return self._readings[-1].at if self._readings else None

    @property
    def readings(self) -> Sequence[Reading]:
        """Return all readings, oldest first."""
        return self._readings

    def name(self, key: str) -> str:
        """Return the name of an app by its key; the key itself if it is not known."""
        return self._names.get(key, key)

    def add(self, at: float, message: AppsMessage) -> None:
        """Add a message of the agent, received at the Unix time `at`. The first one also has the rates that the agent
        has kept."""
        self._names.update((app.key, app.name) for app in message.apps)
        self._tunnels.update(app.key for app in message.apps if app.is_tunnel_process)
        self._prepend(message.recent)
        interval = message.interval_s
        if interval:  # else these are the first counters, without rates
            rates = {row.key: (row.rx_rate, row.tx_rate) for row in live_rows(message) if row.rx_rate or row.tx_rate}
            total = message.uplink[0] / interval, message.uplink[1] / interval
            self._readings.append(Reading(at, interval, total, rates))
        while self._readings and self._readings[0].at < at - self._keep:
            self._readings.popleft()

    def clear(self) -> None:
        self._readings.clear()

    def points(self, key: str, since: float) -> list[Point]:
        """Return the rates of the row with this key since a Unix time, as points of a chart."""
        nothing: Rates = (0.0, 0.0)
        return [Point(each.at, *each.rates.get(key, nothing)) for each in self._readings if each.at >= since]

    def _prepend(self, recent: Iterable[AppRates]) -> None:
        """Add the readings that the agent has kept, as far as they are older than those of this window, which cover
        shorter intervals."""
        first = self._readings[0].at - self._readings[0].elapsed_s if self._readings else math.inf
        for each in reversed([each for each in recent if each.at <= first]):
            rest = tuple(
                max(0, whole - sum(rates[way] for rates in each.apps.values())) for way, whole in enumerate(each.total)
            )
            rates = {**each.apps, REMAINDER: (rest[0], rest[1])}
            self._readings.appendleft(Reading(each.at, each.elapsed_s, each.total, rates))

    def stack(self, since: float) -> Stack:
        """Return the data of the stacked chart since a Unix time. Tunnel processes are left out, because their traffic
        is already counted for the apps that use the tunnel."""
        bins: list[Bin] = []
        total: list[float | None] = []
        apps: dict[str, list[float]] = {}
        for each in self._readings:
            start = each.at - each.elapsed_s
            if each.at < since:
                continue
            if bins and start - bins[-1].end > _LONGEST_HOLE_S:
                bins.append(Bin(bins[-1].end, start))
                total.append(None)
            bins.append(Bin(bins[-1].end if bins else start, each.at))
            total.append(sum(each.total))
            for key, (rx, tx) in each.rates.items():
                if key != REMAINDER and key not in self._tunnels:
                    values = apps.setdefault(self.name(key), [])
                    values += [0.0] * (len(bins) - len(values))
                    values[-1] += (rx or 0.0) + (tx or 0.0)
        filled = {name: [*values, *[0.0] * (len(bins) - len(values))] for name, values in apps.items()}
        return stacked(bins, total, filled, is_amounts=False, gaps=unknown_spans(bins, total, ()))
