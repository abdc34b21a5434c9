"""The backends that can show the icon, and `choose`, which selects one of them and gives the reason."""

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
"""Least seconds between two notifications with the same key."""


class Cooldown:
    """Limits notifications to one an hour for each key."""

    def __init__(self) -> None:
        self._told: dict[str, float] = {}
        """Times (boot-time clock) of notifications in the last hour, by key."""

    def allows(self, key: str) -> bool:
        """Return whether a notification with this key may be shown now. If so, the hour until the next one begins."""
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
    """Identifies the subject. A later notification with the same key replaces the earlier one; there is at most one an
    hour."""
    heading: str
    text: str
    actions: tuple[NotificationAction, ...] = ()
    """A click outside the buttons runs the first; without any it opens the window. macOS shows no buttons."""


class TrayIcon(Protocol):
    """What every backend's icon can do: the part of pystray's `Icon` that is used here, and some additions. Use it in
    the scheduler's thread."""

    icon: Sequence[Picture]
    """The same picture in each of the sizes that the backend needs (`Backend.sizes`)."""
    title: str
    """The tooltip; the first line is the heading."""
    menu: Menu
    label: str
    """Text beside the icon, on panels that show one."""
    on_middle_click: Callable[[], None]
    on_scroll: Callable[[int], None]
    """Called when the wheel turns over the icon, with 1 for up and -1 for down. Some panels never report it."""

    @property
    def activation_token(self) -> str | None:
        """Return the token (xdg-activation) of the last click, which lets the window opened by it take the focus. None
        if there is none."""

    @property
    def is_shown(self) -> bool:
        """Return whether a program shows the icon, as far as the backend can detect."""

    @property
    def has_tray(self) -> bool | None:
        """Return whether there is a tray that shows the icon or will do so soon; None while that is unknown."""

    @property
    def state(self) -> Message:
        """Return in words that the icon is visible, or why not."""

    def run_detached(self) -> None:
        """Begin to show the icon without blocking. It appears once the scheduler runs."""

    is_visible: bool
    """False if the user has hidden the icon. Set only if the backend owns the main thread."""

    def run_loop(self, at_end: Callable[[], None]) -> None:
        """Run the scheduler until it is stopped, then call `at_end` in the scheduler's thread. Blocks; a backend also
        runs here the loop of its own that it may need."""

    def change(
        self, *, icon: Sequence[Picture] | None = None, title: str | None = None, label: str | None = None
    ) -> None:
        """Set the attributes that are not None together, which costs less than one after the other. Call it for each
        tick that is shown, also without any: a backend may then send a change that it has held back."""

    def update_menu(self) -> None:
        """Notify the panels that texts or states of the menu may have changed."""

    def notify_user(self, notification: Notification) -> None:
        """Show a notification if the system can. A click on it does the same as a click on the icon. Never blocks."""

    def stop(self) -> None: ...


class Backend(NamedTuple):
    """A way to show an icon."""

    name: str
    why: Message
    """Why this backend was chosen, shown by `doctor`."""
    sizes: tuple[int, ...]
    """Sizes of the pictures that the backend needs, in pixels."""
    bar: Bar
    open: Callable[..., TrayIcon]
    """Returns the icon. Its parameters are name, icon, title and menu as in pystray, and `program`, `scheduler`,
    `on_lost` and `patience` as in status_notifier.Icon. Raises TrayUnavailableError."""
    owns_main_thread: bool = False
    """Whether the icon's loop is the main loop of the process, as on macOS. Such an icon is opened before the loop
    runs, is hidden and shown by `is_visible`, and is closed only at the end of the process."""


def choose() -> Backend:
    """Return the backend for this machine. Raise TrayUnavailableError if none can work here."""
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
