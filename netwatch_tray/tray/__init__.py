"""The icon in the tray or the menu bar, with its tooltip and its menu. The agent uses what is in this module."""

from __future__ import annotations

import logging

from PIL import Image

from netwatch_tray.engine.scheduler import Scheduler, Timer
from netwatch_tray.errors import TrayUnavailableError
from netwatch_tray.model import Tick
from netwatch_tray.settings import Settings
from netwatch_tray.tray.backends import Backend, Notification, TrayIcon, choose
from netwatch_tray.tray.icon import draw
from netwatch_tray.tray.menu import Actions, TrayMenu
from netwatch_tray.tray.presenter import Presenter

__all__ = ["Actions", "Notification", "Tray", "open_tray"]

_log = logging.getLogger(__name__)

_NAME, _PROGRAM = "netwatch-tray", "NetWatch"

_FIRST_RETRY, _LAST_RETRY = 1.0, 60.0
"""Seconds between attempts to come back after the session bus was lost."""
_RETRY_PATIENCE = 0.2
"""Seconds that such an attempt may hold up the agent."""


def open_tray(scheduler: Scheduler, actions: Actions, settings: Settings) -> Tray:
    """Shows the icon as soon as the scheduler runs and there is a tray; it comes back by itself when a panel restarts.

    The actions are called in the scheduler's thread. Waits for a second at most. Raises TrayUnavailableError when this
    machine or this session has no way to show an icon.
    """
    return Tray(scheduler, actions, settings, choose())


class Tray:
    """The icon for as long as the agent runs. Belongs to the scheduler's thread."""

    def __init__(self, scheduler: Scheduler, actions: Actions, settings: Settings, backend: Backend) -> None:
        self.backend = backend.name
        self.why = backend.why
        self._backend = backend
        self._scheduler = scheduler
        self._presenter = Presenter(settings)
        self._menu = TrayMenu(actions, settings)
        self._retry: Timer | None = None
        self._retry_delay = _FIRST_RETRY
        self._lost = ""
        self._icon: TrayIcon | None = self._open(patience=1.0)

    @property
    def is_shown(self) -> bool:
        """Whether there is something that shows the icon, as far as can be known."""
        return self._icon is not None and self._icon.is_shown

    @property
    def has_tray(self) -> bool | None:
        """Whether there is a tray, which may not show the icon yet; None: not known yet."""
        return False if self._icon is None else self._icon.has_tray

    @property
    def has_lost_bus(self) -> bool:
        """Whether the icon waits for its bus to come back."""
        return self._icon is None

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
        old, new = self._menu.view, self._presenter.present(tick)
        self._menu.view = new
        if self._icon is None:
            return
        self._icon.change(
            icon=self._pictures() if new.glyph != old.glyph else None,
            title="\n".join(new.tooltip) if new.tooltip != old.tooltip else None,
            label=new.label if new.label != old.label else None,
        )
        if len(new.rows) != len(old.rows):
            self._icon.menu = self._menu.build()
        elif new != old:
            self._icon.update_menu()

    def apply(self, settings: Settings) -> None:
        """Shows the next tick by these settings."""
        self._presenter = Presenter(settings)
        self._menu.settings = settings
        if self._icon is not None:
            self._icon.update_menu()

    def notify(self, notification: Notification) -> None:
        """Tells the person; without an icon there is no way to."""
        if self._icon is not None:
            self._icon.notify_person(notification)

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

    def _pictures(self) -> tuple[Image.Image, ...]:
        return tuple(draw(self._menu.view.glyph, size, self._backend.bar) for size in self._backend.sizes)

    def _open(self, patience: float) -> TrayIcon:
        icon = self._backend.open(
            _NAME,
            self._pictures(),
            "\n".join(self._menu.view.tooltip),
            self._menu.build(),
            program=_PROGRAM,
            scheduler=self._scheduler,
            on_lost=self._on_lost,
            patience=patience,
        )
        icon.label = self._menu.view.label
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
