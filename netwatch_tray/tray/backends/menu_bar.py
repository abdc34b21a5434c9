"""The icon in the macOS menu bar, as the scheduler's thread sees it.

AppKit runs on the main thread (`app_kit`), the rest of the agent in the scheduler's thread. Only values pass between
them: pictures as PNG, texts and rows of the menu in one direction, clicks in the other (`app_kit_events`). Neither
reads data of the other.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from netwatch_tray.engine.scheduler import READ, Scheduler
from netwatch_tray.errors import Message, message
from netwatch_tray.text import printable, printable_lines
from netwatch_tray.tray.backends import Cooldown, Notification
from netwatch_tray.tray.backends.app_kit_events import Events, rows
from netwatch_tray.tray.backends.pystray_api import Menu
from netwatch_tray.tray.picture import Picture

if TYPE_CHECKING:
    from netwatch_tray.tray.backends.user_notifications import BundleNotifications, ScriptNotifications

_log = logging.getLogger(__name__)


class Icon:
    """The item in the menu bar, with the methods of `TrayIcon`. Created on the main thread, used in the scheduler's.

    It needs no bus: it ignores `patience` and `on_lost`, and has no activation token.
    """

    def __init__(
        self,
        name: str,  # noqa: ARG002  see above
        icon: Sequence[Picture],
        title: str,
        menu: Menu,
        *,
        program: str,
        scheduler: Scheduler,
        on_lost: Callable[[Message], None],  # noqa: ARG002  see above
        patience: float = 1.0,  # noqa: ARG002  see above
    ) -> None:
        from netwatch_tray.tray.backends import app_kit  # noqa: PLC0415  macOS alone

        self._hand_over = app_kit.hand_over
        self._scheduler = scheduler
        self._program = program
        self._cooldown = Cooldown()
        self._notifications: BundleNotifications | ScriptNotifications | None = None
        self._icon, self._title, self._label = icon, title, ""
        self._is_visible = True
        # Never called: the menu bar reports no such clicks.
        self.on_middle_click: Callable[[], None]
        self.on_scroll: Callable[[int], None]
        self._events = Events(self, menu, scheduler)
        self._bar = app_kit.StatusBar(program, self._events)

    @property
    def icon(self) -> Sequence[Picture]:
        return self._icon

    @icon.setter
    def icon(self, value: Sequence[Picture]) -> None:
        self._icon = value
        self._hand_over(self._bar.set_picture, value[0].png())

    @property
    def menu(self) -> Menu:
        return self._events.menu

    @menu.setter
    def menu(self, value: Menu) -> None:
        self._events.menu = value
        self.update_menu()

    @property
    def title(self) -> str:
        return self._title

    @title.setter
    def title(self, value: str) -> None:
        self._title = value
        self._hand_over(self._bar.set_tooltip, value)

    @property
    def label(self) -> str:
        return self._label

    @label.setter
    def label(self, value: str) -> None:
        self._label = value
        self._hand_over(self._bar.set_label, value)

    @property
    def is_visible(self) -> bool:
        """Return whether the user has the icon turned on. AppKit's loop runs in either case."""
        return self._is_visible

    @is_visible.setter
    def is_visible(self, value: bool) -> None:
        self._is_visible = value
        self._events.is_seen = self._events.was_seen = False
        self._hand_over(self._bar.set_visible, value)

    @property
    def activation_token(self) -> None:
        return None

    @property
    def is_shown(self) -> bool:
        """Return whether the item was visible on the screen at least once since it was turned on. It stays True while a
        full-screen program or a dark screen hides it."""
        return self._events.was_seen

    @property
    def has_tray(self) -> bool | None:
        return True

    @property
    def state(self) -> Message:
        if self._events.is_seen:
            return message("icon shown")
        if self._events.was_seen:
            return message("icon shown, but out of sight now (full screen, screen off, or a bar without room)")
        return message("icon not seen yet: System Settings > Menu Bar may hide it, or the bar has no room")

    def run_detached(self) -> None:
        self._hand_over(self._bar.set_tooltip, self._title)
        self._hand_over(self._bar.set_label, self._label)
        self._hand_over(self._bar.set_picture, self._icon[0].png())
        self._hand_over(self._bar.set_visible, self._is_visible)

    def run_loop(self, at_end: Callable[[], None]) -> None:
        """Run AppKit's loop on the main thread, and the scheduler in another, until the scheduler is stopped."""
        thread = threading.Thread(target=self._run_scheduler, args=(at_end,), name="scheduler")
        with _signals_stop(self._scheduler):
            thread.start()
            try:
                self._bar.run()
            finally:
                thread.join()

    def change(
        self, *, icon: Sequence[Picture] | None = None, title: str | None = None, label: str | None = None
    ) -> None:
        if icon is not None:
            self.icon = icon
        if title is not None:
            self.title = title
        if label is not None:
            self.label = label
        if self._is_visible and not self._events.was_seen:  # do not depend on the report
            self._hand_over(self._bar.report_occlusion)

    def update_menu(self) -> None:
        """Update the rows if the menu is open. A closed menu reads its rows when it opens."""
        if self._events.menu_is_open:
            self._hand_over(self._bar.menu.set_rows, rows(self._events.menu))

    def notify_user(self, notification: Notification) -> None:
        if self._cooldown.allows(notification.key):
            heading, text = printable(notification.heading), printable_lines(notification.text)
            self._hand_over(self._notify, Notification(notification.key, heading, text))

    def stop(self) -> None:
        """Do nothing: the item disappears when AppKit's loop ends, after everything is saved. If it was hidden before,
        macOS would keep it hidden at the next start."""

    def _notify(self, notification: Notification) -> None:
        """Show a notification. Called on the main thread."""
        from netwatch_tray.tray.backends import user_notifications  # noqa: PLC0415  most agents never notify

        if self._notifications is None:
            self._notifications = user_notifications.open_notifications(self._program, self._events.reopened)
        self._notifications.show(notification)

    def _run_scheduler(self, at_end: Callable[[], None]) -> None:
        """Run the scheduler in this thread, then `at_end`, then end AppKit's loop. Everything must be saved before
        that, because macOS may end the process as soon as the loop stops."""
        try:
            self._scheduler.run()
        finally:
            try:
                at_end()
            except Exception:  # noqa: BLE001  the loop must end, or the user cannot log out
                _log.exception("Unexpected error at the end of the agent")
            self._hand_over(self._bar.stop)


@contextlib.contextmanager
def _signals_stop(scheduler: Scheduler) -> Iterator[None]:
    """Context manager: make SIGTERM and other signals stop the scheduler.

    Python's own signal handlers run only when AppKit's loop returns to Python, possibly never. But its C handler writes
    each signal to the wakeup descriptor at once, and the scheduler reads that.
    """
    reader, writer = os.pipe()
    for descriptor in (reader, writer):
        os.set_blocking(descriptor, False)

    def stop(_events: int) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(reader, 4096)
        scheduler.stop()

    scheduler.watch(reader, READ, stop)
    before = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        os.close(reader)
        os.close(writer)
