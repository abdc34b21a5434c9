"""Values that pass between AppKit's main thread and the scheduler's: rows of the menu, and events."""

from __future__ import annotations

import queue
from typing import Any, NamedTuple

from netwatch_tray.engine.scheduler import Scheduler
from netwatch_tray.tray.backends.pystray_api import Menu, MenuItem
from netwatch_tray.units import FIGURE_SPACE

_LONGEST_WAIT = 0.1
"""Seconds that a menu which is about to open waits for its texts; then it opens with those it had, and gets the new
ones with the next tick."""


class Row(NamedTuple):
    """The current state of a menu row."""

    text: str
    """Text of the row; empty for a separator."""
    item: MenuItem
    """The menu item: a click acts on it, even if the row has moved meanwhile."""
    is_checked: bool | None = None
    is_enabled: bool = True
    rows: tuple[Row, ...] = ()
    """Rows of the submenu."""


class Events:
    """Actions of the user and of macOS on the item in the menu bar.

    The methods are called on the main thread, act in the scheduler's, and return at once, except `fresh_rows`. Use the
    attributes in the scheduler's thread only.
    """

    def __init__(self, icon: Any, menu: Menu, scheduler: Scheduler) -> None:
        """`icon` is passed to the actions of the menu, as pystray does."""
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
        """Run the menu's default row, as a click on the icon does on other systems."""
        self._scheduler.call_soon(lambda: self.menu(self._icon))

    def must_terminate(self) -> None:
        """Handle logout, shutdown or Quit in the Dock: `StatusBar.stop` follows once everything is saved."""
        self._scheduler.stop()

    def seen(self, *, is_seen: bool) -> None:
        def note() -> None:
            self.is_seen = is_seen
            self.was_seen = self.was_seen or is_seen

        self._scheduler.call_soon(note)


def rows(menu: Menu) -> tuple[Row, ...]:
    """Return the rows of the menu as values. Call it in the scheduler's thread, because the texts come from the
    scheduler's data."""
    return tuple(_row(item) for item in menu)


def _row(item: MenuItem) -> Row:
    if item is Menu.SEPARATOR:
        return Row("", item)
    text = item.text.rstrip(FIGURE_SPACE) or " "  # the padding is for panels that cut
    return Row(text, item, item.checked, bool(item.enabled), rows(item.submenu) if item.submenu else ())
