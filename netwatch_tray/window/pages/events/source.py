"""Provides the events of a time range to the page: those of the history, joined with those that the agent sends."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, NamedTuple

from PySide6.QtCore import QObject, Signal

from netwatch_tray.event import Event
from netwatch_tray.window.data.history_queries import HistoryQueries
from netwatch_tray.window.data.history_range import HistoryRange
from netwatch_tray.window.data.live_events import LiveEvents
from netwatch_tray.window.pages.events.kinds import Group

if TYPE_CHECKING:
    from netwatch_tray.history.reader import HistoryReader

RANGES_DAYS = (1, 7, 30, 90)
"""Time ranges that the user can choose, in days. Events are kept for the longest of them."""
WEEK = 1
"""Index of the range that is chosen at first."""
_DAY_S = 86400
_STALE_AFTER_S = 60.0
"""Seconds after which a result of the history is queried again: the agent writes once a minute."""


class Span(NamedTuple):
    start: float
    end: float


class _Stored(NamedTuple):
    events: list[Event]
    begin: float | None


class EventSource(QObject):
    """The events of the chosen range, or of a span of time that replaces it. Signal `changed`: `events` returns another
    list than before."""

    changed = Signal()

    def __init__(self, live: LiveEvents, history: HistoryQueries | None, parent: QObject) -> None:
        super().__init__(parent)
        self._live = live
        self._stored: HistoryRange[_Stored] = HistoryRange(history, self)
        self._latest: HistoryRange[list[Event]] = HistoryRange(history, self)
        self.range_index = WEEK
        self.span: Span | None = None
        """The span to show instead of the range; None: show the range."""
        self._stored.loaded.connect(self.changed)
        self._stored.stale.connect(self.request)
        self._latest.loaded.connect(self.changed)

    def set_recorded(self, is_recorded: bool | None) -> None:
        """Set whether the agent records a history, or None if there is no agent."""
        self._stored.set_recorded(is_recorded)

    def choose(self, range_index: int, span: Span | None = None) -> None:
        self.range_index, self.span = range_index, span
        self.request()
        self.changed.emit()

    def request(self) -> None:
        """Query the history, unless the last result is recent enough."""
        start, end = self._span()

        def query(reader: HistoryReader) -> _Stored:
            return _Stored(reader.events(start, end), reader.begin())

        self._stored.request(self._key, query, _STALE_AFTER_S)

    def events(self) -> list[Event]:
        """Return the events of the range or span, oldest first."""
        stored = self._stored.result(self._key)
        return self._live.joined(stored.events if stored else (), *self._span())

    def latest(self, group: Group) -> Event | None:
        """Return the latest event of a group, even from before the range. None if there is none, or it is being
        read."""
        kinds = group.kinds
        self._latest.request(group, lambda reader: reader.events(0, math.inf, kinds, 1), _STALE_AFTER_S)
        found = self._live.joined(self._latest.result(group) or (), 0, math.inf)
        return next((event for event in reversed(found) if event.kind in kinds), None)

    @property
    def is_live(self) -> bool:
        """Return whether an agent is connected and has sent its events, so that the list is up to date."""
        return self._live.is_known

    @property
    def begin(self) -> float | None:
        """Return the Unix time at which the history begins; None while it is unknown."""
        stored = self._stored.result(self._key)
        return stored.begin if stored else None

    @property
    def is_loading(self) -> bool:
        return self._stored.is_loading

    @property
    def missing(self) -> str:
        """Return a sentence for the user why the history cannot be read; empty if it can."""
        return self._stored.missing

    @property
    def missing_title(self) -> str:
        """Return a heading for `missing`."""
        return self._stored.missing_title

    def unseen(self) -> int:
        """Return the number of unseen alerts: as the agent reports it or, without an agent, those in the range."""
        return self._live.unseen if self.is_live else sum(event.is_unseen_alert for event in self.events())

    @property
    def _key(self) -> object:
        return self.span or self.range_index

    def _span(self) -> Span:
        return self.span or Span(time.time() - RANGES_DAYS[self.range_index] * _DAY_S, math.inf)
