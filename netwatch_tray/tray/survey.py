"""What `doctor` reports about trays: the session bus, the watcher, the panel, the XEmbed tray, and what they can show.

It waits for responses, so the agent must not use it. It starts no service.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
from typing import Any, NamedTuple

from netwatch_tray.dbus.connection import session_address
from netwatch_tray.engine.scheduler import Scheduler
from netwatch_tray.errors import TrayUnavailableError
from netwatch_tray.language import mark, said, translate
from netwatch_tray.settings import Settings
from netwatch_tray.tray.backends import choose
from netwatch_tray.tray.backends.bus import unusable
from netwatch_tray.tray.backends.registration import HOSTS, process_name
from netwatch_tray.tray.backends.xembed_watch import XEmbedWatch

with contextlib.suppress(ImportError):  # not installed where there is no D-Bus; nothing in here is called there
    from jeepney import DBusAddress, DBusErrorResponse, MessageFlag, new_method_call
    from jeepney.io.blocking import DBusConnection, open_dbus_connection
    from jeepney.wrappers import unwrap_msg

_PATIENCE = 2.0
"""Seconds to wait for each response."""
_BUS = ("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus")
_WATCHER = "org.kde.StatusNotifierWatcher"
_NOTIFICATIONS = "org.freedesktop.Notifications"


class _Panel(NamedTuple):
    name: str
    tooltip: str
    text: str

    def translated(self) -> _Panel:
        return _Panel(*(translate("Terminal", text) for text in self))


_YES, _NO, _UNKNOWN = mark("Terminal", "yes"), mark("Terminal", "no"), mark("Terminal", "not known")
_IN_MENU = mark("Terminal", "no, the menu shows the same")


_PANELS = {
    # The process that owns the watcher's name: those seen in tests, and others from documentation.
    "xfce4-panel": _Panel(mark("Terminal", "Xfce panel"), _YES, _NO),
    "lxqt-panel": _Panel(mark("Terminal", "LXQt panel"), mark("Terminal", "yes, read again at each hover"), _NO),
    "waybar": _Panel("waybar", _YES, _NO),
    "gnome-shell": _Panel(mark("Terminal", "GNOME Shell with an extension"), _IN_MENU, _YES),
    "plasmashell": _Panel("KDE Plasma", _YES, _NO),
    "kded5": _Panel("KDE Plasma", _YES, _NO),
    "kded6": _Panel("KDE Plasma", _YES, _NO),
    "cinnamon": _Panel("Cinnamon", _YES, _NO),
    "xapp-sn-watcher": _Panel(mark("Terminal", "Cinnamon, MATE or Xfce with XApp"), _YES, _NO),
    "mate-panel": _Panel(mark("Terminal", "MATE panel"), _YES, _YES),
    "notification-ar": _Panel(mark("Terminal", "MATE panel"), _YES, _YES),
    "ayatana-indicat": _Panel(mark("Terminal", "Ayatana indicators"), _IN_MENU, _YES),
    "swaybar": _Panel("swaybar", _NO, _NO),
}

_XFCE_PLUGIN = re.compile(r"wrapper-2\.0|panel-\d+-.+")
"""Pattern of the process name of a plugin of Xfce's panel."""
_DRAWING = ("gnome-shell", "ayatana-indicat", "xfce4-panel")
"""Watchers that draw the icons in their own process, so no host has a name on the bus."""


def survey(settings: Settings) -> dict[str, str]:
    """Return the findings on this system, as texts by subject."""
    report = {translate("Terminal", "tray"): _choice(settings)}
    if sys.platform == "linux":
        report |= _bus_report()
        report[translate("Terminal", "tray, XEmbed")] = _xembed()
    return report


def _choice(settings: Settings) -> str:
    way = settings.tray.way
    if way == "none":
        return translate("Terminal", "no icon: chosen in the settings")
    try:
        backend = choose()
    except TrayUnavailableError as error:
        return said(error.message)
    if way == "xembed" and sys.platform == "linux":
        return translate("Terminal", "XEmbed in a process of its own: chosen in the settings")
    if way == "statusnotifier":
        return translate("Terminal", "{name}: chosen in the settings").format(name=backend.name)
    return f"{backend.name}: {said(backend.why)}"


def _bus_report() -> dict[str, str]:
    try:
        bus = open_dbus_connection(session_address())
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        return {translate("Terminal", "session bus"): said(unusable(session_address(), error))}
    try:
        return {
            translate("Terminal", "session bus"): session_address(),
            **_panel_report(bus),
            translate("Terminal", "notifications"): _notification_server(bus),
        }
    finally:
        bus.close()


def _panel_report(bus: DBusConnection) -> dict[str, str]:
    owner = _ask(bus, *_BUS, "GetConnectionUnixProcessID", "s", (_WATCHER,))
    if owner is None:
        nobody = translate("Terminal", "none: nobody owns {name}").format(name=_WATCHER)
        return {translate("Terminal", "tray, StatusNotifier"): nobody}
    process = process_name(int(owner)) or translate("Terminal", "a process that cannot be examined")
    program = "xfce4-panel" if _XFCE_PLUGIN.fullmatch(process) else process
    panel = _PANELS.get(program, _Panel(process, _UNKNOWN, _UNKNOWN)).translated()
    found = translate("Terminal", "{name} ({process}, process {pid})")
    if not _has_host(bus, program):
        found = translate("Terminal", "{name} ({process}, process {pid}), no panel is running")
    return {
        translate("Terminal", "tray, StatusNotifier"): found.format(name=panel.name, process=process, pid=owner),
        translate("Terminal", "tooltip"): panel.tooltip,
        translate("Terminal", "text beside the icon"): panel.text,
    }


def _has_host(bus: DBusConnection, watcher: str) -> bool:
    """Return whether a panel is running, judged by the names on the bus. The watcher's own property is unreliable."""
    asked = (_WATCHER, "IsStatusNotifierHostRegistered")
    said = _ask(bus, _WATCHER, "/StatusNotifierWatcher", "org.freedesktop.DBus.Properties", "Get", "ss", asked)
    names = _ask(bus, *_BUS, "ListNames") or ()
    return said == ("b", True) and (watcher in _DRAWING or any(name.startswith(HOSTS) for name in names))


def _notification_server(bus: DBusConnection) -> str:
    name = _ask(bus, _NOTIFICATIONS, "/org/freedesktop/Notifications", _NOTIFICATIONS, "GetServerInformation")
    if name is not None:
        return str(name)
    if _NOTIFICATIONS in (_ask(bus, *_BUS, "ListActivatableNames") or ()):
        return translate("Terminal", "a server is installed and started when needed")
    return translate("Terminal", "no server: only the icon reports faults")


def _ask(
    bus: DBusConnection, name: str, path: str, interface: str, member: str, signature: str = "", body: Any = ()
) -> Any:
    """Call a D-Bus method. Return the first value of its response, or None if there is none."""
    message = new_method_call(DBusAddress(path, name, interface), member, signature or None, body)
    message.header.flags |= MessageFlag.no_auto_start
    try:
        return unwrap_msg(bus.send_and_get_reply(message, timeout=_PATIENCE))[0]
    except (DBusErrorResponse, TimeoutError, OSError):
        return None


def _lacks_session() -> bool:
    return not any(map(os.environ.get, ("DISPLAY", "WAYLAND_DISPLAY")))


def _xembed() -> str:
    if _lacks_session():
        return translate("Terminal", "none: no desktop session here (ssh or a console?)")
    scheduler = Scheduler()
    try:
        watch = XEmbedWatch(scheduler)
    except TrayUnavailableError as error:
        return translate("Terminal", "none: {reason}").format(reason=said(error.message))
    else:
        found = watch.has_tray
        watch.close()
        if found:
            return translate("Terminal", "there is one; used when no panel on the bus shows the icon")
        return translate("Terminal", "none")
    finally:
        scheduler.close()
