"""A pystray backend: org.kde.StatusNotifierItem over D-Bus, without a toolkit and without a thread.

The item is defined by the StatusNotifierItem specification (freedesktop.org); a program registers it with
org.kde.StatusNotifierWatcher, and panels that show such items ("hosts") read its properties and call its methods.

Hosts respond to each signal by reading properties, some of them all of them. So a signal that a property is stale is
sent once, and not again before a host has read it. None is sent when nothing has changed, when there is no watcher, or
while the bus has not taken the messages before.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from PIL import Image

from netwatch_tray import clock, desktop_files, paths
from netwatch_tray.engine.scheduler import Scheduler
from netwatch_tray.errors import Message
from netwatch_tray.text import printable_lines
from netwatch_tray.tray.backends import Notification
from netwatch_tray.tray.backends.bus import Bus, Signal
from netwatch_tray.tray.backends.bus_objects import Interface, Method, Object
from netwatch_tray.tray.backends.dbus_menu import NAME as MENU, DBusMenu, Item
from netwatch_tray.tray.backends.notifications import SERVICE as NOTIFICATIONS, Notifications
from netwatch_tray.tray.backends.pystray_api import Icon as PystrayIcon, Menu
from netwatch_tray.tray.backends.registration import XAPP, Registration
from netwatch_tray.tray.icon import NAME

ITEM = "org.kde.StatusNotifierItem"
_ITEM_PATH = "/StatusNotifierItem"
_MENU_PATH = "/MenuBar"

_PIXMAPS = "a(iiay)"
_PIXELS = "pixels"
"""Under which a picture's `info` has the property IconPixmap of itself and its other sizes, as value and marshalled."""

_SIGNALS = {
    **dict.fromkeys(("NewTitle", "NewIcon", "NewAttentionIcon", "NewOverlayIcon", "NewToolTip"), ""),
    "NewStatus": "s",
    "XAyatanaNewLabel": "ss",
}
"""All that the specification has; of what never changes here none is sent."""
_LABEL_SIGNAL = "XAyatanaNewLabel"
"""Hosts take the label from the signal itself, so it is sent each time."""
_SIGNAL_OF = {"IconName": "NewIcon", "IconPixmap": "NewIcon", "ToolTip": "NewToolTip"}
"""The signals upon which hosts read a property again."""
_PICTURE = (None, "IconName", "IconPixmap")
"""Properties that only who draws the icon reads; None: all of them."""
_DESKTOP_SETTINGS = "org.freedesktop.portal.Settings"
_SCHEME_RULE = (
    f"type='signal',interface='{_DESKTOP_SETTINGS}',member='SettingChanged',"
    "arg0='org.freedesktop.appearance',arg1='color-scheme'"
)
_READ_WITHIN = 0.1
"""Seconds after a signal in which hosts read what they want to know."""


class Icon(PystrayIcon):  # type: ignore[misc]  # pystray has no types
    """The tray icon, as pystray defines it, and all of it in the scheduler's thread: setters included.

    `icon` is a sequence of pictures, the same one in several sizes; `title` is the tooltip, its first line the heading.
    Raises TrayUnavailableError when the session bus cannot be reached within `patience` seconds. Without a tray on the
    bus it waits for one, for as long as it takes.
    """

    HAS_NOTIFICATION = False
    is_visible = True

    def __init__(
        self,
        name: str,
        icon: Sequence[Image.Image] | None = None,
        title: str | None = None,
        menu: Menu | None = None,
        *,
        program: str,
        scheduler: Scheduler,
        on_lost: Callable[[str], None],
        patience: float = 1.0,
    ) -> None:
        """`program` is the name that assistive technology reads; `on_lost` is called with the reason when
        the bus is lost: the icon is of no use then and another one has to be made."""
        super().__init__(name, icon, title, menu)
        self._scheduler = scheduler
        self._label = self._guide = ""
        self._pending: dict[str, None] = {}
        """Signals that wait, in their order: for the others of the same change, for hosts to read, for the bus."""
        self._is_changing = False
        self._unread: set[str] = set()
        """Signals sent whose property no host has read since."""
        self._asked_at = -_READ_WITHIN
        """When hosts were last notified of something to read; they may still be about to read it."""
        self._is_loop_ours = False
        self.activation_token: str | None = None
        """For the environment of the window that a click opens (xdg-activation): lets it take the focus."""
        self.on_middle_click: Callable[[], None] = _ignore
        self.on_scroll: Callable[[int], None] = _ignore
        """Called with the steps of the wheel, up positive."""
        is_sandboxed = Path("/.flatpak-info").exists()
        self._theme = "" if is_sandboxed else str(paths.assets() / "tray")
        """The folder of our icon theme; empty where panels could not read it."""
        self._has_names = bool(self._theme)
        """Whether the panel finds our icons by their names."""
        self._item = Interface(
            ITEM,
            {
                "Activate": Method("ii", "", self._activate),
                "SecondaryActivate": Method("ii", "", self._secondary_activate),
                # Called by hosts that cannot draw the menu (swaybar): the window offers all that it does.
                "ContextMenu": Method("ii", "", self._activate),
                "Scroll": Method("is", "", self._scroll),
                "ProvideXdgActivationToken": Method("s", "", self._keep_activation_token),
            },
            {
                "Category": ("s", "SystemServices"),
                "Id": ("s", name),
                "Title": ("s", program),
                "Status": ("s", "Active"),
                "WindowId": ("i", 0),
                "IconName": ("s", ""),
                "IconThemePath": ("s", self._theme),
                "IconPixmap": (_PIXMAPS, []),
                "OverlayIconName": ("s", ""),
                "OverlayIconPixmap": (_PIXMAPS, []),
                "AttentionIconName": ("s", ""),
                "AttentionIconPixmap": (_PIXMAPS, []),
                "AttentionMovieName": ("s", ""),
                "ToolTip": (f"(s{_PIXMAPS}ss)", _tooltip(self.title)),
                "ItemIsMenu": ("b", False),
                "Menu": ("o", _MENU_PATH),
                "XAyatanaLabel": ("s", ""),
                "XAyatanaLabelGuide": ("s", ""),
                "XAyatanaOrderingIndex": ("u", 0),
                "IconAccessibleDesc": ("s", program),
                "AttentionAccessibleDesc": ("s", program),
            },
            _SIGNALS,
            self._on_read,
        )
        self._dbus_menu = DBusMenu(self.menu or Menu(), self._emit_menu, self._on_menu_click)
        self._bus = Bus(
            scheduler, on_signal=self._on_signal, on_drained=self._on_drained, on_lost=on_lost, patience=patience
        )
        self._registration = Registration(
            self._bus, scheduler, is_sandboxed=is_sandboxed, on_register=self._prepare_registration
        )
        self._notifications = Notifications(self._bus, program, name, lambda: self._scheduler.call_soon(self))

    @property
    def label(self) -> str:
        """Text beside the icon, where the bar shows one."""
        return self._label

    @label.setter
    def label(self, value: str) -> None:
        if value != self._label:
            if len(value) != len(self._guide):  # else it is as wide
                self._guide = value
                self._item.set("XAyatanaLabelGuide", value)
            self._label = value
            self._item.set("XAyatanaLabel", value)
            self._announce(_LABEL_SIGNAL)

    @property
    def is_shown(self) -> bool:
        return self._registration.is_shown

    @property
    def has_tray(self) -> bool | None:
        return self._registration.has_watcher if self._registration.is_answered else None

    @property
    def state(self) -> Message:
        """For `status` and `doctor`."""
        return self._registration.state

    def change(
        self, *, icon: Sequence[Image.Image] | None = None, title: str | None = None, label: str | None = None
    ) -> None:
        """Set what is given, and notify hosts of all of it at once."""
        self._is_changing = True
        try:
            if icon is not None:
                self.icon = icon
            if title is not None:
                self.title = title
            if label is not None:
                self.label = label
        finally:
            self._is_changing = False
        self._send_next()

    def _update_icon(self) -> None:
        self._icon_valid = True
        # Kept with the picture, for the same few are shown again and again.
        if (kept := self._icon[0].info.get(_PIXELS)) is None:
            pixels = [_pixmap(picture) for picture in self._icon]
            kept = self._icon[0].info[_PIXELS] = pixels, self._item.entry_of("IconPixmap", pixels)
        if self._item.set("IconPixmap", *kept):
            # Hosts take the name rather than the pixels, and some look no further when they find nothing of that name.
            self._update_name()
            self._announce("NewIcon")

    def _update_name(self) -> None:
        name = self._icon[0].info.get(NAME, "") if self._has_names and self._icon else ""
        self._item.set("IconName", name)

    def _update_title(self) -> None:
        if self._item.set("ToolTip", _tooltip(self._title)):
            self._announce("NewToolTip")

    def _update_menu(self) -> None:
        if self._bus.is_drained:
            if self._menu is not None and self._menu is not self._dbus_menu.menu:
                self._dbus_menu.menu = self._menu
            else:
                self._dbus_menu.update()

    def _show(self) -> None:
        self._update_title()  # pystray has left this to us while the icon was hidden
        self._set_status("Active")

    def _hide(self) -> None:
        self._set_status("Passive")

    def _set_status(self, status: str) -> None:
        if self._item.set("Status", status) and self._registration.has_watcher:
            self._bus.emit(_ITEM_PATH, ITEM, Signal("NewStatus", "s", (status,)))

    def _start_setup(self, setup: Callable[[Icon], None] | None) -> None:
        # pystray would do this in a thread of its own; here everything is the scheduler's.
        self._setup_thread = threading.current_thread()
        self._scheduler.call_soon(partial(setup or _make_visible, self))

    def _run_detached(self) -> None:
        self._bus.start({_ITEM_PATH: Object(self._item), _MENU_PATH: Object(self._dbus_menu.interface)})
        self._registration.start()
        self._bus.call_bus("AddMatch", "s", (_SCHEME_RULE,))
        self._mark_ready()

    def notify_person(self, notification: Notification) -> None:
        self._notifications.show(notification)

    def run_loop(self, at_end: Callable[[], None]) -> None:
        """The loop that this icon lives in, until the scheduler is stopped."""
        self._scheduler.run()
        at_end()

    def _run(self) -> None:
        self._is_loop_ours = True
        self._run_detached()
        self._scheduler.run()

    def _stop(self) -> None:
        self._registration.close()
        self._bus.close()
        self._visible = False
        if self._is_loop_ours:
            self._scheduler.stop()

    def _announce(self, signal: str) -> None:
        if signal not in self._unread:
            self._pending[signal] = None
            if not self._is_changing:
                self._send_next()

    def _send_next(self) -> None:
        """Send the first of the pending signals: a host that responds by reading everything does not need the others.
        Where no host reads it, the next one follows with the next change or tick."""
        if not (self._pending and self._registration.has_watcher and self._bus.is_drained):
            return
        signals = []
        if _LABEL_SIGNAL in self._pending:
            del self._pending[_LABEL_SIGNAL]
            signals.append(Signal(_LABEL_SIGNAL, _SIGNALS[_LABEL_SIGNAL], (self._label, self._guide)))
        if self._pending and clock.boottime() - self._asked_at >= _READ_WITHIN:
            signal = next(iter(self._pending))
            del self._pending[signal]
            self._unread.add(signal)
            signals.append(Signal(signal))
            self._asked_at = clock.boottime()
        if signals:
            self._bus.emit(_ITEM_PATH, ITEM, *signals)

    def _go_on(self) -> None:
        self._asked_at = -_READ_WITHIN
        self._send_next()

    def _on_read(self, name: str | None) -> None:
        if name in _PICTURE:
            self._registration.on_read(self._bus.caller)
        if name is None:
            for signal in _SIGNAL_OF.values():
                self._pending.pop(signal, None)
            self._unread.clear()
            self._go_on()
        elif (read := _SIGNAL_OF.get(name)) in self._unread:
            self._unread.discard(read)
            self._go_on()

    def _on_drained(self) -> None:
        self._send_next()
        self._update_menu()

    def _emit_menu(self, signal: str, body: tuple[Any, ...]) -> None:
        if self._registration.has_watcher:
            self._bus.emit(_MENU_PATH, MENU, Signal(signal, self._dbus_menu.interface.signals[signal], body))

    def _on_menu_click(self, item: Item) -> None:
        self._scheduler.call_soon(self._handler(item))  # the host gets its answer first

    def _activate(self, _x: int, _y: int) -> tuple[()]:
        self._scheduler.call_soon(self)
        return ()

    def _secondary_activate(self, _x: int, _y: int) -> tuple[()]:
        self._scheduler.call_soon(self.on_middle_click)
        return ()

    def _scroll(self, delta: int, orientation: str) -> tuple[()]:
        if orientation.lower() == "vertical" and delta:
            self._scheduler.call_soon(partial(self.on_scroll, 1 if delta > 0 else -1))
        return ()

    def _keep_activation_token(self, token: str) -> tuple[()]:
        self.activation_token = token
        return ()

    def _prepare_registration(self) -> None:
        self._pending.clear()  # whoever sees a new item reads all of it
        self._unread.clear()
        # XApp's watcher passes on the path of a file, which its panels take for a name in their theme.
        is_xapp = self._registration.process == XAPP
        self._item.set("IconThemePath", "" if is_xapp else self._theme)
        self._has_names = bool(self._theme) and (not is_xapp or desktop_files.find().place is not None)
        self._update_name()

    def _on_signal(self, sender: str, interface: str, member: str, body: tuple[Any, ...]) -> None:
        if interface == NOTIFICATIONS:
            self._notifications.on_signal(sender, member, body)
        elif interface == _DESKTOP_SETTINGS:
            self._announce("NewIcon")  # panels colour it anew only when they read it again
        else:
            self._registration.on_signal(sender, member, body)


def _make_visible(icon: Icon) -> None:
    icon.visible = True


def _ignore(*_arguments: Any) -> None:
    pass


def _tooltip(text: str) -> tuple[Any, ...]:
    """Some hosts read it as markup, some do not: what markup would take for its own is replaced by what looks alike."""
    heading, _, rest = (
        printable_lines(text).replace("&", "+").replace("<", "\u2039").replace(">", "\u203a").partition("\n")
    )
    return "", [], heading, rest


def _pixmap(picture: Image.Image) -> tuple[int, int, bytes]:
    """Width, height and ARGB bytes."""
    red, green, blue, alpha = picture.split()
    return *picture.size, Image.merge("RGBA", (alpha, red, green, blue)).tobytes()
