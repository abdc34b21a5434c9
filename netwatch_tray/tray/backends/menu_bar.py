"""The macOS menu bar: the scheduler's side of the icon.

AppKit belongs to the main thread (`app_kit`), everything else of the agent to the scheduler's, which is a thread of its
own here. Between them go values: pictures as PNG, texts, rows of the menu; and back go clicks. Neither reads what
belongs to the other.
"""

from __future__ import annotations

import contextlib
import io
import logging
import os
import queue
import signal
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from PIL import Image

from netwatch_tray.engine.scheduler import READ, Scheduler
from netwatch_tray.errors import Message, message
from netwatch_tray.text import printable, printable_lines
from netwatch_tray.tray.backends import Cooldown, Notification
from netwatch_tray.tray.backends.pystray_api import Menu, MenuItem
from netwatch_tray.units import FIGURE_SPACE

if TYPE_CHECKING:
    from netwatch_tray.tray.backends.user_notifications import UserNotifications

_log = logging.getLogger(__name__)

_LONGEST_WAIT = 0.1
"""Seconds that a menu which is about to open waits for its texts; then it opens with those it had, and gets the new
ones with the next tick."""
_NOTIFY = "on run {said, program, heading}\ndisplay notification said with title program subtitle heading\nend run"


class Row(NamedTuple):
    """A row of the menu as it is now."""

    text: str
    """Empty: a separator."""
    item: MenuItem
    """What the row is: a click acts on it, wherever the row has moved meanwhile."""
    is_checked: bool | None = None
    is_enabled: bool = True
    rows: tuple[Row, ...] = ()
    """Of its submenu."""


class Icon:
    """The item in the menu bar, with the interface of `TrayIcon`. Made on the main thread, used in the scheduler's.

    There is no bus that can be lost or that would have to be waited for, and no activation token.
    """

    def __init__(
        self,
        name: str,  # noqa: ARG002  see above
        icon: Sequence[Image.Image],
        title: str,
        menu: Menu,
        *,
        program: str,
        scheduler: Scheduler,
        on_lost: Callable[[str], None],  # noqa: ARG002  see above
        patience: float = 1.0,  # noqa: ARG002  see above
    ) -> None:
        from netwatch_tray.tray.backends import app_kit  # noqa: PLC0415  macOS alone

        self._hand_over = app_kit.hand_over
        self._scheduler = scheduler
        self._program = program
        self._cooldown = Cooldown()
        self._notifications: UserNotifications | None = None
        self._notifier: Any = None
        """Kept until the next one: an object that is forgotten before its process ends is a warning."""
        self._icon, self._title, self._menu, self._label = icon, title, menu, ""
        self._is_visible = True
        self._menu_is_open = False
        self._is_seen = self._was_seen = False
        # Never called: the menu bar reports no such clicks.
        self.on_middle_click: Callable[[], None]
        self.on_scroll: Callable[[int], None]
        self._bar = app_kit.StatusBar(program, self)

    @property
    def icon(self) -> Sequence[Image.Image]:
        return self._icon

    @icon.setter
    def icon(self, value: Sequence[Image.Image]) -> None:
        self._icon = value
        self._hand_over(self._bar.set_picture, _png(value[0]))

    @property
    def menu(self) -> Menu:
        return self._menu

    @menu.setter
    def menu(self, value: Menu) -> None:
        self._menu = value
        self.update_menu()

    @property
    def title(self) -> str:
        return self._title

    @title.setter
    def title(self, value: str) -> None:
        self._title = value
        self._hand_over(self._bar.set_title, value)

    @property
    def label(self) -> str:
        return self._label

    @label.setter
    def label(self, value: str) -> None:
        self._label = value
        self._hand_over(self._bar.set_label, value)

    @property
    def is_visible(self) -> bool:
        """Return whether the user wants it in the menu bar. AppKit's loop runs either way."""
        return self._is_visible

    @is_visible.setter
    def is_visible(self, value: bool) -> None:
        self._is_visible = value
        self._is_seen = self._was_seen = False
        self._hand_over(self._bar.set_visible, value)

    @property
    def activation_token(self) -> None:
        return None

    @property
    def is_shown(self) -> bool:
        """Whether it was ever seen since it was shown: a full-screen program and a dark screen hide the bar, too."""
        return self._was_seen

    @property
    def has_tray(self) -> bool | None:
        return True

    @property
    def state(self) -> Message:
        if self._is_seen:
            return message("icon shown")
        if self._was_seen:
            return message("icon shown, but out of sight now (full screen, screen off, or a bar without room)")
        return message("icon not seen yet: System Settings > Menu Bar may hide it, or the bar has no room")

    def run_detached(self) -> None:
        self._hand_over(self._bar.set_title, self._title)
        self._hand_over(self._bar.set_label, self._label)
        self._hand_over(self._bar.set_picture, _png(self._icon[0]))
        self._hand_over(self._bar.set_visible, self._is_visible)

    def run_loop(self, at_end: Callable[[], None]) -> None:
        """AppKit's loop on the main thread, the scheduler in another, until the scheduler is stopped."""
        # Python runs its handlers of signals only when AppKit's loop returns to it, which may be never, and not while a
        # menu is open. Its C handler writes here at once.
        reader, writer = os.pipe()
        for descriptor in (reader, writer):
            os.set_blocking(descriptor, False)
        self._scheduler.watch(reader, READ, lambda _events: self._signalled(reader))
        before = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        thread = threading.Thread(target=self._run_scheduler, args=(at_end,), name="scheduler")
        thread.start()
        try:
            self._bar.run()
        finally:
            thread.join()
            signal.set_wakeup_fd(before)
            os.close(reader)
            os.close(writer)

    def change(
        self, *, icon: Sequence[Image.Image] | None = None, title: str | None = None, label: str | None = None
    ) -> None:
        if icon is not None:
            self.icon = icon
        if title is not None:
            self.title = title
        if label is not None:
            self.label = label
        if self._is_visible and not self._was_seen:  # do not depend on the report
            self._hand_over(self._bar.report_occlusion)

    def update_menu(self) -> None:
        """Only while it is open: when it opens it requests its rows."""
        if self._menu_is_open:
            self._hand_over(self._bar.set_rows, _rows(self._menu))

    def notify_user(self, notification: Notification) -> None:
        if self._cooldown.allows(notification.key):
            heading, text = printable(notification.heading), printable_lines(notification.text)
            self._hand_over(self._notify, Notification(notification.key, heading, text))

    def stop(self) -> None:
        """The item goes with the loop, which ends when everything is saved. It is not hidden before: macOS would
        remember that."""

    # Events of app_kit, on the main thread

    def fresh_rows(self) -> tuple[Row, ...] | None:
        answer: queue.SimpleQueue[tuple[Row, ...]] = queue.SimpleQueue()
        self._scheduler.call_soon(lambda: answer.put(_rows(self._menu)))
        try:
            return answer.get(timeout=_LONGEST_WAIT)
        except queue.Empty:
            return None

    def menu_opened(self, *, is_open: bool) -> None:
        def note() -> None:
            self._menu_is_open = is_open
            self._was_seen = True  # it was clicked

        self._scheduler.call_soon(note)

    def chosen(self, item: MenuItem) -> None:
        self._scheduler.call_soon(lambda: item(self))

    def reopened(self) -> None:
        """Like a click on the icon elsewhere: the menu's default row."""
        self._scheduler.call_soon(lambda: self._menu(self))

    def must_terminate(self) -> None:
        self._scheduler.stop()

    def seen(self, *, is_seen: bool) -> None:
        def note() -> None:
            self._is_seen = is_seen
            self._was_seen = self._was_seen or is_seen

        self._scheduler.call_soon(note)

    # The main thread's own

    def _notify(self, notification: Notification) -> None:
        """In the bundle under the program's name; elsewhere by the system's own script runner."""
        from netwatch_tray.tray.backends import user_notifications  # noqa: PLC0415  most agents never notify

        if not user_notifications.is_bundled():
            self._notify_by_script(notification)
            return
        if self._notifications is None:
            self._notifications = user_notifications.UserNotifications(self.reopened)
        self._notifications.show(notification)

    def _notify_by_script(self, notification: Notification) -> None:
        import subprocess  # noqa: PLC0415  most agents never notify

        words = ["osascript", "-e", _NOTIFY, notification.text, self._program, notification.heading]
        self._notifier = subprocess.Popen(words, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    # The scheduler's thread

    def _run_scheduler(self, at_end: Callable[[], None]) -> None:
        """macOS may end the process as soon as the loop stops, so all is saved before."""
        try:
            self._scheduler.run()
        finally:
            try:
                at_end()
            except Exception:  # noqa: BLE001  the loop must end, or the user cannot log out
                _log.exception("Unexpected error at the end of the agent")
            self._hand_over(self._bar.stop)

    def _signalled(self, reader: int) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(reader, 4096)
        self._scheduler.stop()


def _png(picture: Image.Image) -> bytes:
    content = io.BytesIO()
    picture.save(content, "png")
    return content.getvalue()


def _rows(menu: Menu) -> tuple[Row, ...]:
    """The menu as values. In the scheduler's thread, because texts read what is the scheduler's."""
    return tuple(_row(item) for item in menu)


def _row(item: MenuItem) -> Row:
    if item is Menu.SEPARATOR:
        return Row("", item)
    text = item.text.rstrip(FIGURE_SPACE) or " "  # the padding is for panels that cut
    return Row(text, item, item.checked, bool(item.enabled), _rows(item.submenu) if item.submenu else ())
