"""The pystray backend for the D-Bus session bus (StatusNotifierItem). It needs no GUI toolkit and no thread.

The icon is registered with the watcher, org.kde.StatusNotifierWatcher (`registration`). Panels then read and call it
(`status_item`).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from netwatch_tray.dbus.marshalling import marshal
from netwatch_tray.dbus.messages import Signal
from netwatch_tray.engine.scheduler import Scheduler
from netwatch_tray.errors import Message, message
from netwatch_tray.tray.backends import Notification
from netwatch_tray.tray.backends.bus import Bus
from netwatch_tray.tray.backends.bus_objects import Object
from netwatch_tray.tray.backends.dbus_menu import NAME as MENU, DBusMenu, Item
from netwatch_tray.tray.backends.notifications import SERVICE as NOTIFICATIONS, Notifications
from netwatch_tray.tray.backends.pystray_api import Icon as PystrayIcon, Menu
from netwatch_tray.tray.backends.registration import Registration
from netwatch_tray.tray.backends.status_item import ITEM_PATH, MENU_PATH, StatusItem
from netwatch_tray.tray.picture import Picture

_DESKTOP_SETTINGS = "org.freedesktop.portal.Settings"
_SCHEME_RULE = (
    f"type='signal',interface='{_DESKTOP_SETTINGS}',member='SettingChanged',"
    "arg0='org.freedesktop.appearance',arg1='color-scheme'"
)


class Icon(PystrayIcon):  # type: ignore[misc]  # pystray has no types
    """The icon on the session bus, with the methods of `TrayIcon`. Use all of it, setters included, in the scheduler's
    thread only.

    `icon` is a sequence of pictures, the same one in several sizes; `title` is the tooltip, its first line the heading.
    Raise TrayUnavailableError if the session bus cannot be reached within `patience` seconds. If the bus has no tray,
    the icon waits for one without a limit.
    """

    HAS_NOTIFICATION = False
    is_visible = True

    def __init__(
        self,
        name: str,
        icon: Sequence[Picture] | None = None,
        title: str | None = None,
        menu: Menu | None = None,
        *,
        program: str,
        scheduler: Scheduler,
        on_lost: Callable[[Message], None],
        patience: float = 1.0,
    ) -> None:
        """`program`: the name that screen readers speak. `on_lost`: called with the reason when the bus is lost; this
        icon is unusable then, and another one has to be created."""
        super().__init__(name, icon, title, menu)
        self._scheduler = scheduler
        self._is_loop_ours = False
        self.activation_token: str | None = None
        """Token (xdg-activation) of the last click, which lets the window opened by it take the focus; None if there is
        none."""
        self.on_middle_click: Callable[[], None] = _ignore
        self.on_scroll: Callable[[int], None] = _ignore
        """Called with 1 when the wheel turns up over the icon, with -1 when it turns down."""
        is_sandboxed = Path("/.flatpak-info").exists()
        self._dbus_menu = DBusMenu(self.menu or Menu(), self._emit_menu, self._on_menu_click)
        self._bus = Bus(
            scheduler, on_signal=self._on_signal, on_drained=self._on_drained, on_lost=on_lost, patience=patience
        )
        self._registration = Registration(
            self._bus,
            scheduler,
            is_sandboxed=is_sandboxed,
            on_register=lambda: self._item.prepare_registration(),  # noqa: PLW0108  made below
            on_stale=lambda: self._bus.lose(message("the panel was restarted and may not update it")),
        )
        self._item: StatusItem = StatusItem(
            name,
            program,
            title or "",
            self,
            scheduler=scheduler,
            bus=self._bus,
            registration=self._registration,
            is_sandboxed=is_sandboxed,
        )
        self._notifications = Notifications(self._bus, program, name, lambda: self._scheduler.call_soon(self))

    @property
    def label(self) -> str:
        """Return the text beside the icon, on panels that show one."""
        return self._item.label

    @label.setter
    def label(self, value: str) -> None:
        self._item.label = value

    @property
    def is_shown(self) -> bool:
        return self._registration.is_shown

    @property
    def has_tray(self) -> bool | None:
        return self._registration.has_watcher if self._registration.is_answered else None

    @property
    def state(self) -> Message:
        """Return in words whether the icon is shown, for `status` and `doctor`."""
        return self._registration.state

    def change(
        self, *, icon: Sequence[Picture] | None = None, title: str | None = None, label: str | None = None
    ) -> None:
        """Set the given values, and notify the panels of all of them at once."""
        # Not by pystray's setters, which do the same at twice the cost.
        if icon is not None:
            self._icon, self._icon_valid = icon, True
        if title is not None:
            self._title = title
        self._item.change(picture=icon, tooltip=title, label=label)

    def _update_icon(self) -> None:
        self._icon_valid = True
        self._item.set_picture(self._icon)

    def _update_title(self) -> None:
        self._item.set_tooltip(self._title)

    def update_menu(self) -> None:
        """Notify the panels that texts or states of the menu may have changed, if they have to know now."""
        # Not pystray's, for the same reason: it is called at each tick with other rates.
        if self._dbus_menu.is_behind(self._menu):
            self._update_menu()

    def _update_menu(self) -> None:
        if self._bus.is_drained:
            if self._menu is not None and self._menu is not self._dbus_menu.menu:
                self._dbus_menu.menu = self._menu
            else:
                self._dbus_menu.update()

    def _show(self) -> None:
        self._update_title()  # pystray does not update a hidden icon
        self._item.set_status("Active")

    def _hide(self) -> None:
        self._item.set_status("Passive")

    def _start_setup(self, setup: Callable[[Icon], None] | None) -> None:
        # pystray would do this in a separate thread; here the scheduler's thread does everything.
        self._setup_thread = threading.current_thread()
        self._scheduler.call_soon(partial(setup or _make_visible, self))

    def _run_detached(self) -> None:
        self._bus.start({ITEM_PATH: Object(self._item.interface), MENU_PATH: Object(self._dbus_menu.interface)})
        self._registration.start()
        self._bus.call_bus("AddMatch", "s", (_SCHEME_RULE,))
        self._mark_ready()

    def notify_user(self, notification: Notification) -> None:
        self._notifications.show(notification)

    def run_loop(self, at_end: Callable[[], None]) -> None:
        """Run the scheduler until it is stopped, then `at_end`."""
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

    def _on_drained(self) -> None:
        self._item.send_next()
        self._update_menu()

    def _emit_menu(self, signal: str, body: tuple[Any, ...]) -> None:
        if self._registration.has_watcher:
            signature = self._dbus_menu.interface.signals[signal]
            self._bus.emit((Signal(MENU_PATH, MENU, signal, signature), marshal(signature, body)))

    def _on_menu_click(self, item: Item) -> None:
        self._scheduler.call_soon(self._handler(item))  # the host gets its response first

    def _on_signal(self, sender: str, interface: str, member: str, body: tuple[Any, ...]) -> None:
        if interface == NOTIFICATIONS:
            self._notifications.on_signal(sender, member, body)
        elif interface == _DESKTOP_SETTINGS:
            self._item.announce_picture()  # panels colour it again only when they read it again
        else:
            self._registration.on_signal(sender, member, body)


def _make_visible(icon: Icon) -> None:
    icon.visible = True


def _ignore(*_arguments: Any) -> None:
    pass
