"""Events that the agent has sent, and joining them with events from the history."""

from __future__ import annotations

from collections.abc import Iterable

from netwatch_tray.event import Event
from netwatch_tray.feed.protocol import EventsMessage


class LiveEvents:
    """The events that the agent has sent so far. If the history has the same event, the one here is newer."""

    def __init__(self) -> None:
        self._events: dict[int, Event] = {}
        self.version = 0
        """A number that changes with each message of the agent."""
        self.is_known = False
        """Whether the agent has sent its events since it connected."""
        self.unseen = 0
        """Number of alerts that are neither seen nor muted, as the agent reports it; 0 if no agent is connected."""

    def take(self, message: EventsMessage) -> None:
        if message.reset:
            self._events.clear()
        self._events.update((event.id, event) for event in message.events)
        self.is_known, self.unseen = True, message.unseen
        self.version += 1

    def lose_agent(self) -> None:
        """Call this when the connection to the agent is lost. The events are kept, because they are still true."""
        self.is_known, self.unseen = False, 0

    def joined(self, stored: Iterable[Event], start: float, end: float) -> list[Event]:
        """Return stored and live events whose last finding is between two Unix times, oldest first."""
        events = {event.id: event for event in stored} | self._events
        return sorted(
            (event for event in events.values() if start <= event.last < end), key=lambda each: (each.last, each.id)
        )
