"""The state of the screen: received data, and what the user chose. Pure: messages and keys change it, `screen` draws
it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from enum import Enum

from netwatch_tray.event import Event
from netwatch_tray.feed.protocol import (
    AppsMessage,
    ConnectionsMessage,
    EventsMessage,
    Hello,
    HostsMessage,
    ServerMessage,
    SettingsMessage,
    TickMessage,
)
from netwatch_tray.model import Connection
from netwatch_tray.settings import Settings
from netwatch_tray.tui import data
from netwatch_tray.tui.chart import RANGES, Curve
from netwatch_tray.tui.data import AppRow, Data
from netwatch_tray.tui.stored import Stored

LIVE = 0
"""Index in RANGES of the range that shows received rates. The longer ranges show rates from the history."""


class View(Enum):
    """The views, in the order in which Tab goes through them."""

    OVERVIEW = "overview"
    CONNECTIONS = "connections"
    EVENTS = "events"


class Link(Enum):
    """Where the rates on the screen come from."""

    CONNECTING = "connecting"
    AGENT = "agent"
    OWN = "own"
    """No agent runs, and this program measures by itself."""
    OTHER_VERSION = "other version"
    """This program measures by itself, because the running agent is of another version and does not understand it."""
    SILENT = "silent"
    """The agent has sent nothing for some seconds."""


_COLUMNS: dict[View, tuple[str, ...]] = {
    View.OVERVIEW: ("down", "up", "today", "month", "name"),
    View.CONNECTIONS: ("down", "up", "app", "remote"),
    View.EVENTS: (),
}
"""Columns by which each view can be sorted, in the order in which the key for sorting chooses them."""


class State:
    """Everything that is drawn: the received data and the user's choices."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.units = settings.units
        self.interval = 1.0
        self.link = Link.CONNECTING
        self.view = View.OVERVIEW
        self.range = 0
        """Index in RANGES of the chart's range."""
        self.sort = dict.fromkeys(View, "down")
        self.selected: dict[View, str | None] = dict.fromkeys(View)
        """Key of the selected row in each view; None for the first row."""
        self.first = dict.fromkeys(View, 0)
        """Index of the first visible row of each list."""
        self.app: str | None = None
        """Key of the app whose connections are shown; None if those of all apps are."""
        self.filter = ""
        self.is_typing = False
        """Whether the user is typing the filter."""
        self.has_help = False
        self.in_view: frozenset[int] = frozenset()
        """IDs of the events that the view of events has drawn since the user opened it."""
        self._data = Data()
        self._held: Data | None = None

    @property
    def shown(self) -> Data:
        return self._held or self._data

    @property
    def is_paused(self) -> bool:
        return self._held is not None

    def receive(self, message: ServerMessage) -> None:
        into = self._data
        if isinstance(message, Hello):
            self._use(message.settings)
            self.interval = message.interval_s
            into.recent.merge(message.recent)
            into.connections.clear()
        elif isinstance(message, TickMessage):
            into.tick = message.tick
            into.recent.add(message.tick)
        elif isinstance(message, AppsMessage):
            into.apps = message
            into.unwritten.add(time.time(), message)
        elif isinstance(message, HostsMessage):
            into.hosts = message
        elif isinstance(message, ConnectionsMessage):
            message.apply(into.connections)
        elif isinstance(message, EventsMessage):
            if message.reset:
                into.events.clear()
            into.events.update((event.id, event) for event in message.events)
            into.unseen = message.unseen
        elif isinstance(message, SettingsMessage):
            self._use(message.settings)

    def _use(self, settings: Settings) -> None:
        if settings.units != self.settings.units:
            self.units = settings.units
        self.settings = settings

    def lose_agent(self) -> None:
        """Remove the data that only an agent sends. Called when the agent has exited."""
        self._data.tick, self._data.apps = None, None
        self._data.unwritten.clear()
        self._data.hosts = None
        self._data.connections.clear()

    def set_stored(self, stored: Stored | None) -> None:
        self._data.stored = stored

    def set_curve(self, curve: Curve) -> None:
        self._data.curve = curve
        if self._held is not None:
            self._held.curve = curve  # the user chose another range meanwhile

    # What the user does.

    def pause(self) -> None:
        """Freeze the screen; if it is frozen already, continue with the latest data."""
        self._held = None if self._held is not None else self._data.copy()

    def turn(self, by: int = 1) -> None:
        """Show the next view, or that `by` steps further in the order of View."""
        views = list(View)
        self.turn_to(views[(views.index(self.view) + by) % len(views)])

    def turn_to(self, view: View) -> None:
        self.view, self.app, self.has_help = view, None, False

    def change_range(self, by: int) -> bool:
        """Change the range of the chart by this many steps. Return whether it changed."""
        before = self.range
        self.range = min(len(RANGES) - 1, max(0, self.range + by))
        return self.range != before

    def change_units(self) -> None:
        """Switch between bytes/s and bit/s until this program ends. The setting in the file stays as it is."""
        from msgspec.structs import replace  # noqa: PLC0415  for one key

        self.units = replace(self.units, bits=not self.units.bits)

    def sort_by(self, column: str | None = None) -> None:
        """Sort the list of the view by this column; None: by the one that follows in `_COLUMNS`."""
        columns = _COLUMNS[self.view]
        if column is None and columns:
            column = columns[(columns.index(self.sort[self.view]) + 1) % len(columns)]
        if columns and column in columns:
            self.sort[self.view] = column
            self.selected[self.view], self.first[self.view] = None, 0

    def move(self, by: int) -> None:
        """Select the row that is `by` rows below the selected one."""
        keys = self.keys()
        if keys:
            at = keys.index(found) if (found := self.selected[self.view]) in keys else 0
            self.selected[self.view] = keys[min(len(keys) - 1, max(0, at + by))]

    def select(self, key: str) -> bool:
        """Select a row. Return whether it was selected already."""
        before = self.selected_key()
        self.selected[self.view] = key
        return before == key

    def selected_key(self) -> str | None:
        keys = self.keys()
        chosen = self.selected[self.view]
        return chosen if chosen in keys else next(iter(keys), None)

    def keys(self) -> list[str]:
        """Return the key of each row in the current view, from top to bottom."""
        if self.view is View.OVERVIEW:
            return [row.key for row in self.app_rows() if not row.is_rest]
        if self.view is View.EVENTS:
            return [str(event.id) for event in self.event_rows()]
        return [row.key for row in self.connection_rows()]

    def open(self) -> None:
        """Show the details and connections of the app selected in the overview."""
        if self.view is View.OVERVIEW and (key := self.selected_key()) is not None:
            self.app, self.view, self.first[View.CONNECTIONS] = key, View.CONNECTIONS, 0
            self.selected[View.CONNECTIONS] = None

    def back(self) -> None:
        """Handle Escape: close the help, else clear the filter, else return to the overview."""
        if self.has_help:
            self.has_help = False
        elif self.is_typing or self.filter:
            self.is_typing, self.filter = False, ""
        elif self.view is not View.OVERVIEW:
            self.app, self.view = None, View.OVERVIEW

    def type_text(self, text: str) -> None:
        """Append to the filter; the backspace character removes the last one."""
        self.filter = self.filter[:-1] if text == "\b" else (self.filter + text)[:40]
        self.first[self.view] = 0

    def scroll(self, keys: Sequence[str], most: int) -> int:
        """Return the index of the first visible row, so that the selected one is among the `most` visible rows."""
        selected = self.selected_key()
        at = keys.index(selected) if selected in keys else 0
        first = min(self.first[self.view], max(0, len(keys) - most))
        self.first[self.view] = max(0, min(at, max(first, at - most + 1)))
        return self.first[self.view]

    # The rows of the lists, in the order in which they are shown.

    def app_rows(self) -> list[AppRow]:
        return data.app_rows(self.shown, self.filter, self.sort[View.OVERVIEW])

    def connection_rows(self) -> list[Connection]:
        return data.connection_rows(self.shown, self.filter, self.sort[View.CONNECTIONS], self.app)

    def event_rows(self) -> list[Event]:
        return data.event_rows(self.shown, self.filter, self.units)

    def take_seen(self) -> tuple[int, ...]:
        """Return the IDs of the alerts that the user has now seen: those that were on the screen when the user left the
        view of events. Each ID is returned once."""
        if self.view is View.EVENTS:
            return ()
        events, in_view = self._data.events, self.in_view
        self.in_view = frozenset()
        return tuple(sorted(each for each in in_view if each in events and events[each].is_unseen_alert))
