"""The macOS menu bar through pystray's `darwin` backend.

AppKit belongs to the main thread: touched from another one, it ends the process. The scheduler runs in a thread of its
own here, so everything the icon is told is handed over to AppKit's loop (PyObjCTools.AppHelper.callAfter), and clicks
are handed back.

pystray 0.19.5 draws one pixel per point, not a template image, and has no text beside the icon; so the picture and
the text are set on its status item directly (private attributes: the version is pinned).
"""

from __future__ import annotations

import importlib
import io
import signal
import threading
from collections.abc import Callable, Sequence
from typing import Any

from PIL import Image

from netwatch_tray.engine.scheduler import Scheduler
from netwatch_tray.tray.backends import Cooldown, Notification
from netwatch_tray.tray.backends.pystray_api import Menu, MenuItem

_ACCESSORY = 1
"""NSApplicationActivationPolicyAccessory: no icon in the Dock."""
_IMAGE_LEFT = 2
"""NSImageLeft, of what the button shows."""
_NOTIFY = "on run {said, program, heading}\ndisplay notification said with title program subtitle heading\nend run"
_POINTS = 22
"""Height of what fits into every menu bar."""


class Icon:
    """The item in the menu bar, with the interface of `TrayIcon`. Made on the main thread, used in the scheduler's.

    There is no bus that can be lost or that would have to be waited for, and no activation token.
    """

    def __init__(
        self,
        name: str,
        icon: Sequence[Image.Image],
        title: str,
        menu: Menu,
        *,
        program: str,
        scheduler: Scheduler,
        on_lost: Callable[[str], None],  # noqa: ARG002  see above
        patience: float = 1.0,  # noqa: ARG002  see above
    ) -> None:
        self._kit = importlib.import_module("AppKit")
        self._hand_over = importlib.import_module("PyObjCTools.AppHelper").callAfter
        self._signals = importlib.import_module("PyObjCTools.MachSignals")
        self._scheduler = scheduler
        self._program = program
        self._cooldown = Cooldown()
        self._notifier: Any = None
        """Kept until the next one: an object that is forgotten before its process ends is a warning."""
        self._icon, self._title, self._menu, self._label = icon, title, menu, ""
        # Never called: the menu bar tells of no such clicks.
        self.on_middle_click: Callable[[], None]
        self.on_scroll: Callable[[int], None]
        self._kit.NSApplication.sharedApplication().setActivationPolicy_(_ACCESSORY)
        self._native = importlib.import_module("pystray._darwin").Icon(name, icon[0], title, menu)
        self._native._handler = self._hand_back  # noqa: SLF001  see above
        button = self._native._status_item.button()  # noqa: SLF001  see above
        button.setAccessibilityLabel_(program)
        button.setImagePosition_(_IMAGE_LEFT)
        button.setFont_(self._kit.NSFont.monospacedDigitSystemFontOfSize_weight_(0, 0))  # of the usual size and weight

    @property
    def icon(self) -> Sequence[Image.Image]:
        return self._icon

    @icon.setter
    def icon(self, value: Sequence[Image.Image]) -> None:
        self._icon = value
        self._hand_over(self._set_picture, value[0])

    @property
    def menu(self) -> Menu:
        return self._menu

    @menu.setter
    def menu(self, value: Menu) -> None:
        self._menu = value
        self._hand_over(setattr, self._native, "menu", value)

    @property
    def title(self) -> str:
        return self._title

    @title.setter
    def title(self, value: str) -> None:
        self._title = value
        self._hand_over(setattr, self._native, "title", value)

    @property
    def label(self) -> str:
        return self._label

    @label.setter
    def label(self, value: str) -> None:
        self._label = value
        self._hand_over(self._set_label, value)

    @property
    def activation_token(self) -> None:
        return None

    @property
    def is_shown(self) -> bool:
        return True

    @property
    def has_tray(self) -> bool | None:
        return True

    @property
    def state(self) -> str:
        return "icon shown, unless System Settings > Menu Bar hides it"

    def run_detached(self) -> None:
        self._native.run_detached(setup=lambda _: self._hand_over(self._appear))

    def run_loop(self) -> None:
        """AppKit's loop on the main thread, the scheduler in another, until the scheduler is stopped."""
        for number in (signal.SIGINT, signal.SIGTERM):  # Python's own handlers would wait for AppKit's loop to return
            self._signals.signal(number, lambda *_: self._scheduler.stop())
        thread = threading.Thread(target=self._run_scheduler, name="scheduler")
        thread.start()
        self._native._app.run()  # noqa: SLF001  as pystray's `run`, whose handler of SIGINT ends the process at once
        self._native.visible = False
        self._scheduler.stop()
        thread.join()

    def change(
        self, *, icon: Sequence[Image.Image] | None = None, title: str | None = None, label: str | None = None
    ) -> None:
        if icon is not None:
            self.icon = icon
        if title is not None:
            self.title = title
        if label is not None:
            self.label = label

    def update_menu(self) -> None:
        self._hand_over(self._set_rows)

    def notify_person(self, notification: Notification) -> None:
        """By the system's own script runner; a program of an application bundle would need a permission instead."""
        import subprocess  # noqa: PLC0415  most agents never notify

        if not self._cooldown.allows(notification.key):
            return
        words = ["osascript", "-e", _NOTIFY, notification.text, self._program, notification.heading]
        self._notifier = subprocess.Popen(words, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def stop(self) -> None:
        self._hand_over(self._native.stop)

    def _hand_back(self, item: MenuItem) -> Callable[..., None]:
        """What pystray calls when a row is clicked."""

        def act() -> None:
            item(self)
            self.update_menu()

        return lambda *_: self._scheduler.call_soon(act)

    def _run_scheduler(self) -> None:
        try:
            self._scheduler.run()
        finally:
            self.stop()

    def _appear(self) -> None:
        self._native.visible = True
        self._set_picture(self._icon[0])
        self._set_label(self._label)

    def _set_picture(self, picture: Image.Image) -> None:
        """As a template, which the system draws in the colour of its bar, with two pixels a point."""
        png = io.BytesIO()
        picture.save(png, "png")
        image = self._kit.NSImage.alloc().initWithData_(png.getvalue())
        image.setSize_((_POINTS, _POINTS))
        image.setTemplate_(True)
        self._native._status_item.button().setImage_(image)  # noqa: SLF001  see above

    def _set_label(self, label: str) -> None:
        self._native._status_item.button().setTitle_(label)  # noqa: SLF001  see above

    def _set_rows(self) -> None:
        """In place if it is the same rows: a menu that is made anew does not change while it is open."""
        menu, _ = self._native._menu_handle  # noqa: SLF001  see above
        if not _update_rows(menu, self._native.menu):
            self._native.update_menu()


def _update_rows(native: Any, menu: Menu) -> bool:
    """Brings texts and check marks of an NSMenu up to date; False: rows have come or gone."""
    items = list(menu)
    if native.numberOfItems() != len(items):
        return False
    for index, item in enumerate(items):
        row: Any = native.itemAtIndex_(index)
        if item is not Menu.SEPARATOR and row.title() != item.text:
            row.setTitle_(item.text)
        if item.checked is not None:
            row.setState_(int(item.checked))
        if item.submenu is not None and not _update_rows(row.submenu(), item.submenu):
            return False
    return True
