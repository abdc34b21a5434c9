"""The backends of the icon, and `choose`, which selects one of them and gives the reason."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

from netwatch_tray import clock
from netwatch_tray.errors import Message, TrayUnavailableError, message
from netwatch_tray.tray.backends.pystray_api import Menu
from netwatch_tray.tray.icon import Bar
from netwatch_tray.tray.picture import Picture

_COOLDOWN = 3600.0
"""Seconds between notifications with the same key."""


class Cooldown:
    """Limits each notification to one an hour, by key."""

    def __init__(self) -> None:
        self._told: dict[str, float] = {}
        """Times (boot-time clock) of notifications in the last hour, by key."""

    def allows(self, key: str) -> bool:
        """Return whether the notification with this key may be shown now."""
        now = clock.boottime()
        self._told = {each: at for each, at in self._told.items() if now - at < _COOLDOWN}
        if key in self._told:
            return False
        self._told[key] = now
        return True


class NotificationAction(NamedTuple):
    """A button of a notification."""

    label: str
    run: Callable[[], None]


class Notification(NamedTuple):
    """A message that requires the user's attention."""

    key: str
    """Identifies the subject: a later notification with this key replaces the earlier one, at most once an hour."""
    heading: str
    text: str
    actions: tuple[NotificationAction, ...] = ()
    """A click outside the buttons runs the first; without any it opens the window. macOS shows no buttons."""


class TrayIcon(Protocol):
    """The part of pystray's `Icon` interface that is used here, and the methods that all backends add. Use it in the
    scheduler's thread."""

    icon: Sequence[Picture]
    """The same picture in the sizes that the backend requests."""
    title: str
    """The tooltip; the first line is the heading."""
    menu: Menu
    label: str
    """Text beside the icon, where the bar shows one."""
    on_middle_click: Callable[[], None]
    on_scroll: Callable[[int], None]
    """Called with the direction of a step of the wheel: 1: up, -1: down. Some panels pass on neither."""

    @property
    def activation_token(self) -> str | None:
        """Return the token of the last click for the window that it opens (xdg-activation), or None if
        there is none."""

    @property
    def is_shown(self) -> bool:
        """Return whether a program shows the icon, as far as the backend can detect."""

    @property
    def has_tray(self) -> bool | None:
        """Return whether there is a tray that shows the icon or will do so soon; None while that is unknown."""

    @property
    def state(self) -> Message:
        """Return a text about the icon: that it is visible, or why not."""

    def run_detached(self) -> None:
        """Show the icon as soon as its loop runs."""

    is_visible: bool
    """False if the user has hidden the icon. Set only if the backend owns the main thread."""

    def run_loop(self, at_end: Callable[[], None]) -> None:
        """Run the scheduler until it is stopped, then `at_end`, in the thread and beside the loops that this icon
        needs."""

    def change(
        self, *, icon: Sequence[Picture] | None = None, title: str | None = None, label: str | None = None
    ) -> None:
        """Set the given attributes together, which costs less than setting one after the other."""

    def update_menu(self) -> None:
        """Notify the hosts that texts of the menu may have changed."""

    def notify_user(self, notification: Notification) -> None:
        """Show a notification if the system can. A click on it does the same as a click on the icon. Never blocks."""

    def stop(self) -> None: ...


class Backend(NamedTuple):
    """A way to show an icon."""

    name: str
    why: Message
    """The reason of the choice, for `doctor`."""
    sizes: tuple[int, ...]
    """Sizes of the pictures that it needs, in pixels."""
    bar: Bar
    open: Callable[..., TrayIcon]
    """Takes name, icon, title and menu as pystray does, and `program`, `scheduler`, `on_lost`, `patience` (see
    status_notifier.Icon). Raise TrayUnavailableError."""
    owns_main_thread: bool = False
    """Whether its loop is the main loop of the process. The icon is then opened before the loop runs, can be hidden and
    shown, and is closed only at the end."""


def choose() -> Backend:
    """Choose the backend. Raise TrayUnavailableError if none can work here."""
    if sys.platform == "darwin":
        return Backend("menu bar", message("this is macOS"), (44,), "light", _open_menu_bar, owns_main_thread=True)
    if sys.platform == "linux":
        # The largest is 22 doubled: hosts that scale down the largest instead of taking the right one get sharp edges.
        why = message("a Linux desktop shows icons that register on its session bus")
        return Backend("StatusNotifierItem (D-Bus)", why, (16, 22, 24, 32, 44), "unknown", _open_status_notifier)
    raise TrayUnavailableError(
        "There is no tray icon on this system ({platform}). The window and the terminal commands work.",
        platform=sys.platform,
    )


def _open_menu_bar(*arguments: Any, **options: Any) -> TrayIcon:
    from netwatch_tray.tray.backends.menu_bar import Icon  # noqa: PLC0415  only where it is chosen

    return Icon(*arguments, **options)


def _open_status_notifier(*arguments: Any, **options: Any) -> TrayIcon:
    from netwatch_tray.tray.backends.status_notifier import Icon  # noqa: PLC0415  only where it is chosen

    return Icon(*arguments, **options)
