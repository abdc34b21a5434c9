"""Collects which events the user has looked at."""

from __future__ import annotations

from collections.abc import Iterable

LOOKED_AT_S = 2.0
"""Seconds in view, in one piece, after which an event counts as seen."""


class LookedAt:
    """IDs of events that were in view for long enough, collected until `leave`. Times are seconds on any monotonic
    clock."""

    def __init__(self) -> None:
        self._since: dict[int, float] = {}
        """When events that are in view came into it."""
        self._seen: set[int] = set()

    def show(self, in_view: Iterable[int], now: float) -> None:
        """Set which events are in view from now on."""
        self._seen.update(event for event, since in self._since.items() if now - since >= LOOKED_AT_S)
        self._since = {event: self._since.get(event, now) for event in in_view}

    def leave(self, now: float) -> set[int]:
        """End the view of all events. Return the IDs of those that were in view for long enough."""
        self.show((), now)
        seen, self._seen = self._seen, set()
        return seen
