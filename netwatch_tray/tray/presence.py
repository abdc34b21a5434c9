"""Keeps the icon visible in whichever tray exists. Without a tray the window opens once, and shows the reason.

Linux has two kinds of trays. The agent shows its icon in the one on the session bus (StatusNotifierItem). If the icon
is not shown there for a while, and the X server has a tray of the older kind (XEmbed), a separate process shows the
icon in that one, because it needs a toolkit that the agent does not load.
"""

from __future__ import annotations

import logging
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from netwatch_tray import clock
from netwatch_tray.engine.scheduler import Scheduler
from netwatch_tray.errors import Message, NetWatchError, TrayUnavailableError, message
from netwatch_tray.model import Tick
from netwatch_tray.settings import Settings
from netwatch_tray.tray import Tray, open_tray
from netwatch_tray.tray.backends import Notification
from netwatch_tray.tray.backends.xembed_watch import XEmbedWatch, has_display
from netwatch_tray.tray.menu import Actions

_log = logging.getLogger(__name__)

PATIENCE = 10.0
"""Seconds without a visible icon until another kind of tray is tried. Panels need some of them at login,
or to restart."""
_FIRST_LOOK = 0.5
"""Seconds without a visible icon until another tray is tried, if the user has just started the program and there is no
tray on the bus: panels must be running already."""
_PATIENCE_BY_HAND = 3.0
"""Seconds without a visible icon until another tray is tried, if the user has just started the program and there is a
tray on the bus, which does not show the icon yet."""
_ASK_AGAIN = 60.0
"""Seconds until something that has failed is tried again."""


class Process(Protocol):
    """The methods of subprocess.Popen that are used here."""

    pid: int

    def poll(self) -> int | None: ...
    def terminate(self) -> None: ...


class Presence:
    """Keeps the icon visible in either kind of tray. Use it in the scheduler's thread only."""

    def __init__(
        self,
        scheduler: Scheduler,
        actions: Actions,
        settings: Settings,
        start_icon: Callable[[], Process],
        *,
        by_hand: bool = False,
    ) -> None:
        """`start_icon`: starts the process that shows the icon in an XEmbed tray. `by_hand`: whether the user started
        the program just now, rather than the login; then the window opens within seconds if no tray is found."""
        self._scheduler = scheduler
        self._actions = actions
        self._settings = settings
        self._start_icon = start_icon
        self._tray: Tray | None = None
        self._no_bus = message("not opened")
        """Why the icon could not be opened on the session bus."""
        self._x: XEmbedWatch | None = None
        self._other: Process | None = None
        """The process that shows the icon in an XEmbed tray."""
        self._has_opened_window = self._has_warned = False
        self._unseen_since = clock.uptime()
        self._next_attempt = 0.0
        self._next_start = 0.0
        """Time (boot-time clock) before which the process for XEmbed trays is not started."""
        self._had_display = sys.platform == "linux" and _has_display()
        self.no_tray: Message | None = None
        """What the user can do to see the icon; None while it is visible, or may still appear."""
        self.is_looking = False
        """Whether the window is open because the user started the program and no tray was found yet, although one may
        still appear."""
        self._by_hand = by_hand
        """Whether the user started the program, and the icon was not visible since."""
        self._open_tray()

    @property
    def state(self) -> Message:
        """Return in words where the icon is shown, or why it is not, for `status`."""
        if self._settings.tray.way == "none":
            return message("no icon: chosen in the settings")
        if self._other is not None:
            if self._is_shown_elsewhere:
                return message("XEmbed: icon shown by process {pid}", pid=self._other.pid)
            return message("XEmbed: process {pid} is waiting for a tray", pid=self._other.pid)
        if self._tray:
            return message("{backend}: {state}", backend=self._tray.backend, state=self._tray.state)
        return message("none: {fault}", fault=self._no_bus)

    @property
    def is_shown(self) -> bool:
        """Return whether the icon is in a tray of either kind, as far as can be detected."""
        return self._is_shown_elsewhere or (self._tray is not None and self._tray.is_shown)

    @property
    def activation_token(self) -> str | None:
        """Return the token of the user's last click, which lets a window that opens take the focus. None if there is
        none."""
        return self._tray.activation_token if self._tray else None

    def show(self, tick: Tick) -> None:
        """Show a tick in the tray. Also check whether the icon is visible and, if not, try the next way. Called at each
        tick."""
        if self._tray:
            self._tray.show(tick)
        self._follow()

    def apply(self, settings: Settings) -> None:
        """Use these settings from now on. If they choose another kind of tray, remove the icon and show
        it in that one."""
        changes_way = settings.tray.way != self._settings.tray.way
        self._settings = settings
        if self._tray and self._tray.owns_main_thread:
            self._tray.apply(settings)
            if changes_way:
                self._tray.set_visible(is_visible=settings.tray.way != "none")
                self._forget_search()
        elif changes_way:
            self.close()
            self._forget_search()
            self._open_tray()
        elif self._tray:
            self._tray.apply(settings)

    def notify(self, notification: Notification) -> None:
        """Show a notification. Without an icon on the session bus nothing is shown."""
        if self._tray:
            self._tray.notify(notification)

    def run(self, at_end: Callable[[], None]) -> None:
        """Run the scheduler until it is stopped, then `at_end` in the scheduler's thread. On macOS call it on the main
        thread."""
        self._unseen_since = clock.uptime()  # no tray can have responded before
        if self._by_hand:
            self._scheduler.after(_FIRST_LOOK, self._follow)
        if self._tray:
            self._tray.run(at_end)
        else:
            self._scheduler.run()
            at_end()

    def close(self) -> None:
        """Remove the icon from any tray."""
        self._end_other()
        if self._x is not None:
            self._x.close()
            self._x = None
        if self._tray:
            self._tray.close()
            self._tray = None
        self.no_tray = None

    @property
    def _is_shown_elsewhere(self) -> bool:
        return self._other is not None and self._x is not None and self._x.has_tray

    def _forget_search(self) -> None:
        """Begin to look for a tray anew, as at the start of the agent."""
        self._unseen_since, self._next_attempt, self.no_tray = clock.uptime(), 0.0, None
        self._has_opened_window = self._has_warned = self._by_hand = self.is_looking = False

    def _open_tray(self) -> None:
        # On macOS the icon's loop is the main loop, so the icon exists from the start, possibly hidden.
        if self._settings.tray.way not in ("auto", "statusnotifier") and sys.platform != "darwin":
            return
        try:
            self._tray = open_tray(self._scheduler, self._actions, self._settings)
        except TrayUnavailableError as error:
            if error.message != self._no_bus:
                _log.warning("%s", error)
            self._no_bus = error.message
        if self._tray and self._tray.owns_main_thread:
            self._tray.set_visible(is_visible=self._settings.tray.way != "none")

    def _follow(self) -> None:
        way, now = self._settings.tray.way, clock.uptime()
        if way == "none":
            return
        if self._tray and self._tray.is_shown:
            self._note_seen(now)
            if self._other is not None:
                self._end_other()
        elif self._is_shown_elsewhere:
            self._note_seen(now)
            self._look_after_other()
        elif self._is_logged_out(now):
            _log.info("The session is over: neither its bus nor its display is there any more.")
            self._actions.quit()
        elif self._other is not None and now - self._unseen_since < PATIENCE:
            self._look_after_other()  # a tray that is restarted gets the icon from the same process
        elif now - self._unseen_since >= (self._patience if way != "xembed" else 0.0):
            self._find_another_way(now)

    def _note_seen(self, now: float) -> None:
        self._unseen_since, self.no_tray, self.is_looking, self._by_hand = now, None, False, False

    @property
    def _patience(self) -> float:
        """Return the number of seconds without a visible icon after which the other kind of tray is tried."""
        if not self._by_hand or (self._tray and self._tray.has_tray is None):
            return PATIENCE
        return _PATIENCE_BY_HAND if self._tray and self._tray.has_tray else _FIRST_LOOK

    def _is_logged_out(self, now: float) -> bool:
        """Return whether the user has logged out: bus and display are both gone. The agent then exits, so that the next
        login starts a new one."""
        is_over = self._had_display and (self._tray is None or self._tray.has_lost_bus)
        return is_over and now - self._unseen_since >= PATIENCE and not _has_display()

    def _find_another_way(self, now: float) -> None:
        if now >= self._next_attempt:
            self._next_attempt = now + _ASK_AGAIN
            if self._tray is None:
                self._open_tray()
            if self._x is not None:
                self._x.ask()
            elif self._settings.tray.way != "statusnotifier" and sys.platform == "linux":
                self._watch_x()
        if self._x is not None and self._x.has_tray:
            if now >= self._next_start:
                self._show_elsewhere()
        elif now - self._unseen_since >= self._patience:
            self._end_other()
            self._show_window_instead(now)

    def _show_window_instead(self, now: float) -> None:
        self.is_looking = self._by_hand and now - self._unseen_since < _PATIENCE_BY_HAND
        if not self.is_looking:
            self.no_tray = _advice(os.environ.get("XDG_CURRENT_DESKTOP", ""))
            if not self._has_warned:
                self._has_warned = True
                _log.warning("No tray shows the icon. %s", self.no_tray)
        # At login a Mac's screen may be dark or locked, which hides the icon as well.
        if not self._has_opened_window and (self._by_hand or sys.platform != "darwin"):
            self._has_opened_window = True
            self._actions.open_window()

    def _watch_x(self) -> None:
        try:
            self._x = XEmbedWatch(self._scheduler)
        except TrayUnavailableError as error:
            _log.debug("%s", error)

    def _show_elsewhere(self) -> None:
        _log.info("No panel shows the icon on the session bus; the XEmbed tray gets it from a process of its own.")
        self.no_tray = None
        try:
            self._other = self._start_icon()
        except NetWatchError as error:
            _log.warning("%s", error)
            self._next_start = clock.uptime() + _ASK_AGAIN

    def _look_after_other(self) -> None:
        if self._other is not None and (code := self._other.poll()) is not None:
            self._other = None
            _log.warning(
                "The process with the tray icon has ended with code %s. It is started again in a minute.", code
            )
            self._next_start = clock.uptime() + _ASK_AGAIN

    def _end_other(self) -> None:
        if self._other is not None:
            self._other.terminate()
            self._other.poll()
            self._other = None


def _has_display() -> bool:
    """Return whether the display server of the session (Wayland or X) accepts connections."""
    if name := os.environ.get("WAYLAND_DISPLAY"):
        with socket.socket(socket.AF_UNIX) as connection:
            try:
                connection.connect(str(Path(os.environ.get("XDG_RUNTIME_DIR", "/"), name)))
            except OSError:
                return False
        return True
    return has_display(dict(os.environ))


def _advice(desktop: str) -> Message:
    """Return what the user can do about a missing tray. `desktop`: value of XDG_CURRENT_DESKTOP."""
    if sys.platform == "darwin":
        return message(
            "macOS does not show the icon. Allow NetWatch in System Settings › Menu Bar (macOS 26 and later), or make "
            "room in the menu bar: it leaves out what does not fit. "
            "Until then NetWatch keeps measuring, and opening the application again opens this window."
        )
    if "GNOME" in desktop.upper().split(":"):
        return message(
            "GNOME itself shows no tray icons. Install the extension “AppIndicator and KStatusNotifierItem Support” "
            "(Debian, Ubuntu, Fedora: gnome-shell-extension-appindicator), switch it on and log in again. "
            "Until then NetWatch keeps measuring, and “netwatch-tray” opens this window."
        )
    return message(
        "Add a tray to your panel (“Status Tray”, “System Tray” or “Notification Area”; in waybar the module “tray”), "
        "or install one, such as trayer: the icon then appears by itself. "
        "Until then NetWatch keeps measuring, and “netwatch-tray” opens this window."
    )
