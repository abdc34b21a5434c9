"""Values that pass between AppKit's main thread and the scheduler's: rows of the menu, and events."""

from __future__ import annotations

import queue
from typing import Any, NamedTuple

from netwatch_tray.engine.scheduler import Scheduler
from netwatch_tray.tray.backends.pystray_api import Menu, MenuItem
from netwatch_tray.units import FIGURE_SPACE

_LONGEST_WAIT = 0.1
"""Seconds for which the opening of a menu waits for its current texts. After that it opens with the previous ones,
which the next tick replaces."""


class Row(NamedTuple):
    """A row of the menu as a value: its texts and state at one moment."""

    text: str
    """Text of the row; empty for a separator."""
    item: MenuItem
    """The menu item whose action a click on the row runs, even if the row has moved meanwhile."""
    is_checked: bool | None = None
    is_enabled: bool = True
    rows: tuple[Row, ...] = ()
    """Rows of the submenu."""


class Events:
    """Passes actions of the user and of macOS from AppKit's main thread to the scheduler.

    The methods are called on the main thread and make the scheduler's thread act; all but `fresh_rows` return at once.
    Use the attributes in the scheduler's thread only.
    """

    def __init__(self, icon: Any, menu: Menu, scheduler: Scheduler) -> None:
        """`icon`: first argument of the actions of the menu, as in pystray."""
        self._icon = icon
        self._scheduler = scheduler
        self.menu = menu
        self.menu_is_open = False
        self.is_seen = False
        """Whether the icon is visible on the screen."""
        self.was_seen = False
        """Whether the icon was visible at any time since it was turned on."""

    def fresh_rows(self) -> tuple[Row, ...] | None:
        """Return the current rows, or None if the scheduler's thread does not respond in time."""
        answer: queue.SimpleQueue[tuple[Row, ...]] = queue.SimpleQueue()
        self._scheduler.call_soon(lambda: answer.put(rows(self.menu)))
        try:
            return answer.get(timeout=_LONGEST_WAIT)
        except queue.Empty:
            return None

    def menu_opened(self, *, is_open: bool) -> None:
        def note() -> None:
            self.menu_is_open = is_open
            self.was_seen = True  # it was clicked

        self._scheduler.call_soon(note)

    def chosen(self, item: MenuItem) -> None:
        self._scheduler.call_soon(lambda: item(self._icon))

    def reopened(self) -> None:
        """Run the default row of the menu, because the user has opened the running application again."""
        self._scheduler.call_soon(lambda: self.menu(self._icon))

    def must_terminate(self) -> None:
        """Stop the scheduler, because of logout, shutdown or Quit in the Dock. Once everything is saved,
        `StatusBar.stop` is called."""
        self._scheduler.stop()

    def seen(self, *, is_seen: bool) -> None:
        def note() -> None:
            self.is_seen = is_seen
            self.was_seen = self.was_seen or is_seen

        self._scheduler.call_soon(note)


def rows(menu: Menu) -> tuple[Row, ...]:
    """Return the current texts and states of the menu's rows. Call it in the scheduler's thread, whose data the texts
    are made of."""
    return tuple(_row(item) for item in menu)


def _row(item: MenuItem) -> Row:
    if item is Menu.SEPARATOR:
        return Row("", item)
    text = item.text.rstrip(FIGURE_SPACE) or " "  # the padding is for panels that cut
    return Row(text, item, item.checked, bool(item.enabled), rows(item.submenu) if item.submenu else ())
