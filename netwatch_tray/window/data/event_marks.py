"""Makes the marks of a chart (glyphs below its axis) from events."""

from __future__ import annotations

import math
from collections.abc import Sequence

from netwatch_tray import event_words
from netwatch_tray.event import Event, Severity
from netwatch_tray.units import Units
from netwatch_tray.window.chart.marks import Mark
from netwatch_tray.window.data.live_events import LiveEvents
from netwatch_tray.window.widgets.event_glyphs import glyph_of


class EventMarks:
    """Makes marks from the events of the history joined with live ones, and caches them until an event changes."""

    def __init__(self, live: LiveEvents) -> None:
        self._live = live
        self._made_of: tuple[Sequence[Event], int, Units] | None = None
        self._marks: Sequence[Mark] = ()

    def marks(self, stored: Sequence[Event], units: Units) -> Sequence[Mark]:
        """Return the marks, oldest first; the same object as before if no event has changed. `stored`: events from the
        history."""
        made_of = (stored, self._live.version, units)
        before = self._made_of
        if before is None or before[0] is not stored or before[1:] != made_of[1:]:
            self._made_of = made_of
            events = self._live.joined(stored, 0, math.inf)
            self._marks = tuple(
                Mark(event.last, glyph_of(event.kind), _level(event), event_words.sentence(event, units))
                for event in events
            )
        return self._marks


def _level(event: Event) -> int:
    return int(Severity.RECORD if event.is_muted else event.severity)
