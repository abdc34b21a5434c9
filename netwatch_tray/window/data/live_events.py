"""The events that the agent has sent, and those of the history joined with them."""

from __future__ import annotations

from collections.abc import Iterable

from netwatch_tray.event import Event
from netwatch_tray.feed.protocol import EventsMessage


class LiveEvents:
    """The events that the topic `events` has sent so far; they are newer than the history."""

    def __init__(self) -> None:
        self._events: dict[int, Event] = {}
        self.version = 0
        """Changes with each message."""
        self.is_known = False
        """Whether the agent has sent its events since it connected."""
        self.unseen = 0
        """Alerts that are neither seen nor muted, as the agent counts them; 0 without an agent."""

    def take(self, message: EventsMessage) -> None:
        if message.reset:
            self._events.clear()
        self._events.update((event.id, event) for event in message.events)
        self.is_known, self.unseen = True, message.unseen
        self.version += 1

    def lose_agent(self) -> None:
        """Note that the agent is not connected. The events are kept, because they happened."""
        self.is_known, self.unseen = False, 0

    def joined(self, stored: Iterable[Event], start: float, end: float) -> list[Event]:
        """Return the events of a span of Unix times by their last finding, oldest first."""
        events = {event.id: event for event in stored} | self._events
        return sorted(
            (event for event in events.values() if start <= event.last < end), key=lambda each: (each.last, each.id)
        )
