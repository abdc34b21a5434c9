"""Finds out which events the user has seen: those that were visible for two seconds."""

from __future__ import annotations

from collections.abc import Iterable

LOOKED_AT_S = 2.0
"""Seconds for which an event must be visible without interruption to count as seen."""


class LookedAt:
    """Collects the IDs of events that were visible for `LOOKED_AT_S`, until `leave` returns them. Times are seconds of
    a monotonic clock."""

    def __init__(self) -> None:
        self._since: dict[int, float] = {}
        """Time since which each visible event is visible, by ID."""
        self._seen: set[int] = set()

    def show(self, in_view: Iterable[int], now: float) -> None:
        """Set the IDs of all events that are visible from now on."""
        self._seen.update(event for event, since in self._since.items() if now - since >= LOOKED_AT_S)
        self._since = {event: self._since.get(event, now) for event in in_view}

    def leave(self, now: float) -> set[int]:
        """Call this when the timeline is hidden. Return the IDs of the events that were visible long enough, and start
        again."""
        self.show((), now)
        seen, self._seen = self._seen, set()
        return seen
