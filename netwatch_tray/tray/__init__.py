"""The icon in the tray or the menu bar, with its tooltip and its menu: the interface that the agent uses."""

from __future__ import annotations

import logging
from collections.abc import Callable

import msgspec

from netwatch_tray import clock, language
from netwatch_tray.engine.scheduler import Scheduler, Timer
from netwatch_tray.errors import Message, TrayUnavailableError, message
from netwatch_tray.model import Tick
from netwatch_tray.settings import Settings
from netwatch_tray.tray.backends import Backend, Notification, NotificationAction, TrayIcon, choose
from netwatch_tray.tray.icon import draw_sizes
from netwatch_tray.tray.menu import Actions, TrayMenu
from netwatch_tray.tray.pace import Pace
from netwatch_tray.tray.picture import Picture
from netwatch_tray.tray.presenter import Amounts, Presenter, View

__all__ = ["Actions", "Amounts", "Notification", "NotificationAction", "Tray", "open_tray"]

_log = logging.getLogger(__name__)

_NAME, _PROGRAM = "netwatch-tray", "NetWatch"

_FIRST_RETRY, _LAST_RETRY = 1.0, 60.0
"""Seconds between attempts to reconnect to the session bus: the first, and the longest."""
_RETRY_PATIENCE = 0.2
"""Seconds for which an attempt to reconnect to the session bus may block the agent."""


_STEP_EVERY = 0.15
"""Least seconds between two steps of the mouse wheel over the icon, which chooses the interface whose
rates are shown."""
_SAVE_AFTER = 1.0
"""Seconds after the last step of the wheel until the chosen interface is saved in the settings."""


def open_tray(scheduler: Scheduler, actions: Actions, settings: Settings) -> Tray:
    """Return the icon. It appears once the scheduler runs and there is a tray, and appears again after a panel
    restarts.

    `actions` are called in the scheduler's thread. Connecting takes a second at most. Raise TrayUnavailableError if
    this machine or session has no way to show an icon.
    """
    return Tray(scheduler, actions, settings, choose())


class Tray:
    """The icon with its menu, for as long as the agent runs; it survives the loss of the session bus. Use it in the
    scheduler's thread only."""

    def __init__(self, scheduler: Scheduler, actions: Actions, settings: Settings, backend: Backend) -> None:
        self.backend = backend.name
        self.why = backend.why
        self._backend = backend
        self._scheduler = scheduler
        self._actions = actions
        self._presenter = Presenter(settings)
        self._pace = _pace(settings)
        self._tick: Tick | None = None
        """The latest tick."""
        self._menu = TrayMenu(actions._replace(choose=self._choose), settings)
        self._language = language.code
        self._walked: str | None = None
        """The interface chosen by the wheel that is not saved yet; empty for the total, None if nothing is unsaved."""
        self._next_step = 0.0
        self._saving: Timer | None = None
        self._shape: object = None
        """`TrayMenu.shape` of the menu as it was last built."""
        self._retry: Timer | None = None
        self._retry_delay = _FIRST_RETRY
        self._lost = message("closed")
        self._icon: TrayIcon | None = self._open(patience=1.0)

    @property
    def is_shown(self) -> bool:
        """Return whether a program shows the icon, as far as the backend can detect."""
        return self._icon is not None and self._icon.is_shown

    @property
    def has_tray(self) -> bool | None:
        """Return whether there is a tray, even if it does not show the icon yet; None while that is unknown."""
        return False if self._icon is None else self._icon.has_tray

    @property
    def owns_main_thread(self) -> bool:
        """Return whether the icon needs the main thread; see Backend.owns_main_thread."""
        return self._backend.owns_main_thread

    @property
    def has_lost_bus(self) -> bool:
        """Return whether the connection to the session bus is lost. The icon is opened again by itself."""
        return self._icon is None

    @property
    def state(self) -> Message:
        """Return in words that the icon is visible or, if not, what is missing."""
        return self._lost if self._icon is None else self._icon.state

    @property
    def activation_token(self) -> str | None:
        """Return the token of the last click, or None. The window opened by the click needs it as XDG_ACTIVATION_TOKEN
        to get the focus."""
        return None if self._icon is None else self._icon.activation_token

    def show(self, tick: Tick) -> None:
        """Show a tick. Nothing is drawn or sent if the result looks the same, or if the last update was less than the
        period of the settings ago."""
        self._tick = tick
        passed = tick if self._pace is None else self._pace.take(tick)
        if passed is None:
            return
        old, new = self._menu.view, self._presenter.present(passed)
        self._menu.view = new
        shape, self._shape = self._shape, self._menu.shape
        if self._icon is None:
            return
        self._icon.change(
            icon=self._pictures(new) if new.glyph != old.glyph else None,
            title="\n".join(new.tooltip) if new.tooltip != old.tooltip else None,
            label=new.label if new.label != old.label else None,
        )
        if self._shape != shape:
            self._icon.menu = self._menu.build()
        elif new != old:
            self._icon.update_menu()

    def apply(self, settings: Settings) -> None:
        """Use these settings from now on, and show the latest tick with them at once."""
        if self._walked is not None:  # it is not in the file yet
            settings = _of_interface(settings, self._walked)
        if self._language != language.code:
            self._language = language.code
            shown = self._menu.view
            self._menu = TrayMenu(self._menu.actions, settings)
            if self._tick is not None:
                self._menu.view = shown  # else what the new view does not have would stay on the icon
            if self._icon is not None:
                self._icon.menu = self._menu.build()
        self._menu.settings = settings
        self._presenter, self._pace = Presenter(settings), _pace(settings)
        if self._tick is not None:
            self.show(self._tick)
        if self._icon is not None:
            self._icon.update_menu()

    def notify(self, notification: Notification) -> None:
        """Show a notification. Without an icon nothing is shown."""
        if self._icon is not None:
            self._icon.notify_user(notification)

    def set_visible(self, *, is_visible: bool) -> None:
        """Show or hide the icon. Hiding keeps its loop running, which on macOS is the main loop of the process."""
        if self._icon is not None:
            self._icon.is_visible = is_visible

    def run(self, at_end: Callable[[], None]) -> None:
        """Run the scheduler until it is stopped, then `at_end` in the scheduler's thread.

        On macOS call it on the main thread; the process may end right after `at_end`.
        """
        if self._icon is not None:
            self._icon.run_loop(at_end)
        else:
            self._scheduler.run()
            at_end()

    def close(self) -> None:
        """Remove the icon."""
        for timer in (self._retry, self._saving):
            if timer is not None:
                timer.cancel()
        if self._icon is not None:
            self._icon.stop()
            self._icon = None
        self._lost = message("closed")

    def _pictures(self, view: View) -> tuple[Picture, ...]:
        return draw_sizes(view.glyph, self._backend.sizes, self._backend.bar)

    def _open(self, patience: float) -> TrayIcon:
        icon = self._backend.open(
            _NAME,
            self._pictures(self._menu.view),
            "\n".join(self._menu.view.tooltip),
            self._menu.build(),
            program=_PROGRAM,
            scheduler=self._scheduler,
            on_lost=self._on_lost,
            patience=patience,
        )
        icon.label = self._menu.view.label
        icon.on_middle_click = self._toggle_pause
        icon.on_scroll = self._walk
        icon.run_detached()
        return icon

    def _toggle_pause(self) -> None:
        self._actions.pause(not self._menu.view.is_paused)

    def _walk(self, steps: int) -> None:
        """Show the rates of another interface, `steps` away in a circular list of the total and all interfaces.
        Positive steps (wheel up) go towards its beginning."""
        now = clock.boottime()
        if not self._menu.can_change("tray.interface"):
            return
        if now < self._next_step:  # a touchpad sends dozens of steps for one movement
            return
        self._next_step = now + _STEP_EVERY
        names, chosen = ["", *self._menu.view.interfaces], self._menu.settings.tray.interface
        place = names.index(chosen) if chosen in names else 0
        self._walked = names[(place - steps) % len(names)]
        self.apply(self._menu.settings)
        if self._saving is not None:
            self._saving.cancel()
        # Save once the wheel rests, because saving starts a process.
        self._saving = self._scheduler.after(_SAVE_AFTER, lambda: self._choose(self._menu.settings))

    def _choose(self, settings: Settings) -> None:
        if self._saving is not None:
            self._saving.cancel()
        self._walked = self._saving = None
        self._actions.choose(settings)

    def _on_lost(self, reason: Message) -> None:
        if self._icon is None:
            return
        self._icon = None
        self._lost = message("no icon: {reason}; trying again", reason=reason)
        _log.warning("The tray icon was lost: %s. Measuring continues; NetWatch tries to show it again.", reason)
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


def _pace(settings: Settings) -> Pace | None:
    """Return what limits how often the icon changes; None if it changes at each tick, which needs no comparison."""
    return Pace(settings.tray.period) if settings.tray.period > 1 else None


def _of_interface(settings: Settings, name: str) -> Settings:
    """Return a copy of the settings in which the icon shows the rates of this interface; an empty name
    means the total."""
    return msgspec.structs.replace(settings, tray=msgspec.structs.replace(settings.tray, interface=name))
