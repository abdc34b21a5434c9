"""Traffic of the apps that is not in the history yet. A client adds it to amounts from the history, which the agent
writes only once a minute."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import NamedTuple

from netwatch_tray.feed.protocol import AppsMessage
from netwatch_tray.model import Traffic

_KEPT_S = 200.0
"""Seconds for which traffic is kept: the agent writes once a minute, and clients read the history once a minute."""
_DELAY_S = 0.5
"""Seconds that may pass between the end of an interval and the arrival of the message about it."""


class _Reading(NamedTuple):
    at: float
    """Unix time at which the interval ended."""
    moved: Mapping[str, Traffic]
    """Traffic in the interval, by the app's name."""


class Unwritten:
    """Traffic of the apps in the last minutes, by the names that the history uses. Tunnels are left out, as in the
    history."""

    def __init__(self) -> None:
        self._readings: deque[_Reading] = deque()

    def add(self, at: float, message: AppsMessage) -> None:
        """Add the traffic of a message, and that of earlier intervals if the message has them. `at`: Unix time at which
        the message arrived."""
        names = {app.key: app.name for app in message.apps if not app.is_tunnel_process}
        if message.recent:  # the first message, or one after a hole: nothing older is known
            self._readings.clear()
        for each in message.recent:
            moved = {names[key]: _bytes(*rates, each.elapsed_s) for key, rates in each.apps.items() if key in names}
            self._readings.append(_Reading(each.at, moved))
        now: dict[str, Traffic] = {}
        for app in message.apps if message.interval_s else ():
            if (app.rx_rate or app.tx_rate) and not app.is_tunnel_process:
                moved_now = _bytes(app.rx_rate or 0.0, app.tx_rate or 0.0, message.interval_s or 0.0)
                now[app.name] = now.get(app.name, Traffic()).plus(moved_now)
        self._readings.append(_Reading(at, now))
        while self._readings[0].at < at - _KEPT_S:
            self._readings.popleft()

    def clear(self) -> None:
        self._readings.clear()

    def copy(self) -> Unwritten:
        other = Unwritten()
        other._readings.extend(self._readings)
        return other

    def since(self, written: float) -> dict[str, Traffic]:
        """Return the traffic of each app since `written`, the Unix time up to which the history is written. Empty if
        that is long ago, because then the history is off or cannot be written."""
        found: dict[str, Traffic] = {}
        if not self._readings or self._readings[-1].at - written > _KEPT_S:
            return found
        for each in self._readings:
            if each.at > written + _DELAY_S:
                for name, moved in each.moved.items():
                    found[name] = found.get(name, Traffic()).plus(moved)
        return found


def _bytes(rx_rate: float, tx_rate: float, seconds: float) -> Traffic:
    return Traffic(round(rx_rate * seconds), round(tx_rate * seconds))
