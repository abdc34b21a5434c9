"""The icon in the tray or the menu bar, with its tooltip and its menu. The agent uses what is in this module."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import NamedTuple

from PIL import Image

from netwatch_tray.engine.scheduler import Scheduler, Timer
from netwatch_tray.errors import TrayUnavailableError
from netwatch_tray.model import Tick
from netwatch_tray.tray import presenter
from netwatch_tray.tray.backends import Backend, TrayIcon, choose
from netwatch_tray.tray.backends.pystray_api import Menu, MenuItem
from netwatch_tray.tray.icon import draw
from netwatch_tray.units import Units

_log = logging.getLogger(__name__)

_NAME, _PROGRAM = "netwatch-tray", "NetWatch"

_FIRST_RETRY, _LAST_RETRY = 1.0, 60.0
"""Seconds between attempts to come back after the session bus was lost."""
_RETRY_PATIENCE = 0.2
"""Seconds that such an attempt may hold up the agent."""


class Actions(NamedTuple):
    """What the menu can ask of the agent; called in the scheduler's thread."""

    open_window: Callable[[], None]
    quit: Callable[[], None]


def open_tray(scheduler: Scheduler, actions: Actions, units: Units) -> Tray:
    """Shows the icon as soon as the scheduler runs and there is a tray; it comes back by itself when a panel restarts.

    Waits for a second at most. Raises TrayUnavailableError when this machine or this session has no way to show one.
    """
    return Tray(scheduler, actions, units, choose())


class Tray:
    """The icon for as long as the agent runs. Belongs to the scheduler's thread."""

    def __init__(self, scheduler: Scheduler, actions: Actions, units: Units, backend: Backend) -> None:
        self.backend = backend.name
        self.why = backend.why
        self._backend = backend
        self._scheduler = scheduler
        self._units = units
        self._view = presenter.WAITING
        self._rows = [self._row(index) for index in range(presenter.MOST_ROWS - presenter.ACTION_ROWS)]
        self._actions = (
            # pystray counts the parameters of what it is given; those of a partial, say, it cannot see.
            MenuItem("Open NetWatch", lambda _icon, _item: actions.open_window(), default=True),
            MenuItem("Quit NetWatch", lambda _icon, _item: actions.quit()),
        )
        self._retry: Timer | None = None
        self._retry_delay = _FIRST_RETRY
        self._lost = ""
        self._icon: TrayIcon | None = self._open(patience=1.0)

    @property
    def state(self) -> str:
        """In words, for `status`: whether the icon can be seen, and if not, what it waits for."""
        return self._lost if self._icon is None else self._icon.state

    @property
    def activation_token(self) -> str | None:
        """What the last click gave for the window it opens, as the environment variable XDG_ACTIVATION_TOKEN."""
        return None if self._icon is None else self._icon.activation_token

    def show(self, tick: Tick) -> None:
        """Nothing is drawn or sent that looks as before."""
        old, self._view = self._view, presenter.present(tick, self._units)
        new = self._view
        if self._icon is None:
            return
        if new.glyph != old.glyph:
            self._icon.icon = self._pictures()
        if new.tooltip != old.tooltip:
            self._icon.title = "\n".join(new.tooltip)
        if new.label != old.label:
            self._icon.label = new.label
        if len(new.rows) != len(old.rows):
            self._icon.menu = self._menu()
        elif new.rows != old.rows:
            self._icon.update_menu()

    def run(self) -> None:
        """Runs the scheduler until it is stopped. On macOS the main thread has to be in here."""
        loop = self._scheduler.run if self._icon is None else self._icon.run_loop
        loop()

    def close(self) -> None:
        """Takes the icon away."""
        if self._retry is not None:
            self._retry.cancel()
        if self._icon is not None:
            self._icon.stop()
            self._icon = None
        self._lost = "closed"

    def _row(self, index: int) -> MenuItem:
        """Always the same object for the same place, so that its text changes in place."""

        def text(_: MenuItem) -> str:
            rows = self._view.rows
            return rows[index] if index < len(rows) else ""  # a menu may be open that had more rows

        return MenuItem(text, None, enabled=False)

    def _menu(self) -> Menu:
        return Menu(*self._rows[: len(self._view.rows)], Menu.SEPARATOR, *self._actions)

    def _pictures(self) -> tuple[Image.Image, ...]:
        return tuple(draw(self._view.glyph, size, self._backend.bar) for size in self._backend.sizes)

    def _open(self, patience: float) -> TrayIcon:
        icon = self._backend.open(
            _NAME,
            self._pictures(),
            "\n".join(self._view.tooltip),
            self._menu(),
            program=_PROGRAM,
            scheduler=self._scheduler,
            on_lost=self._on_lost,
            patience=patience,
        )
        icon.label = self._view.label
        icon.run_detached()
        return icon

    def _on_lost(self, reason: str) -> None:
        if self._icon is None:
            return
        self._icon = None
        self._lost = f"no icon: {reason}; trying again"
        _log.warning("The tray icon is gone: %s. Measuring goes on; the icon is tried again.", reason)
        self._retry_delay = _FIRST_RETRY
        self._retry = self._scheduler.after(self._retry_delay, self._come_back)

    def _come_back(self) -> None:
        try:
            self._icon = self._open(_RETRY_PATIENCE)
        except TrayUnavailableError as error:
            _log.debug("Still no tray: %s", error)
            self._retry_delay = min(2 * self._retry_delay, _LAST_RETRY)
            self._retry = self._scheduler.after(self._retry_delay, self._come_back)
        else:
            _log.info("The tray icon is back.")
