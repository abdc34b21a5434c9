"""What `doctor` says of trays: the bus, the watcher, the panel behind it, the X server's tray, and what they can show.

Not for the agent: it waits for answers. Asking starts no service.
"""

from __future__ import annotations

import contextlib
import re
import sys
from typing import Any, NamedTuple

from netwatch_tray.engine.scheduler import Scheduler
from netwatch_tray.errors import TrayUnavailableError
from netwatch_tray.settings import Settings
from netwatch_tray.tray.backends import choose
from netwatch_tray.tray.backends.bus import session_address
from netwatch_tray.tray.backends.registration import HOSTS, process_name
from netwatch_tray.tray.backends.xembed_watch import XEmbedWatch

with contextlib.suppress(ImportError):  # not installed where there is no D-Bus; nothing in here is called there
    from jeepney import DBusAddress, DBusErrorResponse, MessageFlag, new_method_call
    from jeepney.io.blocking import DBusConnection, open_dbus_connection
    from jeepney.wrappers import unwrap_msg

_PATIENCE = 2.0
"""Seconds for each answer."""
_BUS = ("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus")
_WATCHER = "org.kde.StatusNotifierWatcher"
_NOTIFICATIONS = "org.freedesktop.Notifications"


class _Panel(NamedTuple):
    name: str
    tooltip: str
    text: str


_PANELS = {
    # The process that owns the watcher's name. What was seen in tests, and what is known of the others.
    "xfce4-panel": _Panel("Xfce panel", "yes", "no"),
    "lxqt-panel": _Panel("LXQt panel", "yes, read again at each hover", "no"),
    "waybar": _Panel("waybar", "yes", "no"),
    "gnome-shell": _Panel("GNOME Shell with an extension", "no, the menu tells the same", "yes"),
    "plasmashell": _Panel("KDE Plasma", "yes", "no"),
    "kded5": _Panel("KDE Plasma", "yes", "no"),
    "kded6": _Panel("KDE Plasma", "yes", "no"),
    "cinnamon": _Panel("Cinnamon", "yes", "no"),
    "xapp-sn-watcher": _Panel("Cinnamon, MATE or Xfce with XApp", "yes", "no"),
    "mate-panel": _Panel("MATE panel", "yes", "yes"),
    "notification-ar": _Panel("MATE panel", "yes", "yes"),
    "ayatana-indicat": _Panel("Ayatana indicators", "no, the menu tells the same", "yes"),
    "swaybar": _Panel("swaybar", "no", "no"),
}

_XFCE_PLUGIN = re.compile(r"wrapper-2\.0|panel-\d+-.+")
"""The process of a plugin of Xfce's panel."""
_DRAWING = ("gnome-shell", "ayatana-indicat", "xfce4-panel")
"""Watchers that draw the icons themselves, and own no name as a host."""


def survey(settings: Settings) -> dict[str, str]:
    """What was found, by what it is about; in words."""
    report = {"tray": _choice(settings)}
    if sys.platform == "linux":
        report |= _bus_report()
        report["tray, XEmbed"] = _xembed()
    return report


def _choice(settings: Settings) -> str:
    way = settings.tray.way
    if way == "none":
        return "no icon: chosen in the settings"
    try:
        backend = choose()
    except TrayUnavailableError as error:
        return str(error)
    if way == "xembed" and sys.platform == "linux":
        return "XEmbed in a process of its own: chosen in the settings"
    why = "chosen in the settings" if way == "statusnotifier" else backend.why
    return f"{backend.name}, because {why}"


def _bus_report() -> dict[str, str]:
    try:
        bus = open_dbus_connection(session_address())
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        return {"session bus": f"{session_address()}: {error}"}
    try:
        return {"session bus": session_address(), **_panel_report(bus), "notifications": _notification_server(bus)}
    finally:
        bus.close()


def _panel_report(bus: DBusConnection) -> dict[str, str]:
    owner = _ask(bus, *_BUS, "GetConnectionUnixProcessID", "s", (_WATCHER,))
    if owner is None:
        return {"tray, StatusNotifier": f"none: nobody owns {_WATCHER}"}
    process = process_name(int(owner)) or "a process that cannot be looked at"
    program = "xfce4-panel" if _XFCE_PLUGIN.fullmatch(process) else process
    panel = _PANELS.get(program, _Panel(process, "not known", "not known"))
    host = "" if _has_host(bus, program) else ", no panel is running"
    return {
        "tray, StatusNotifier": f"{panel.name} ({process}, process {owner}){host}",
        "tooltip": panel.tooltip,
        "text beside the icon": panel.text,
    }


def _has_host(bus: DBusConnection, watcher: str) -> bool:
    """Return whether a panel is running, as far as names tell; see backends.registration."""
    asked = (_WATCHER, "IsStatusNotifierHostRegistered")
    said = _ask(bus, _WATCHER, "/StatusNotifierWatcher", "org.freedesktop.DBus.Properties", "Get", "ss", asked)
    names = _ask(bus, *_BUS, "ListNames") or ()
    return said == ("b", True) and (watcher in _DRAWING or any(name.startswith(HOSTS) for name in names))


def _notification_server(bus: DBusConnection) -> str:
    name = _ask(bus, _NOTIFICATIONS, "/org/freedesktop/Notifications", _NOTIFICATIONS, "GetServerInformation")
    if name is not None:
        return str(name)
    if _NOTIFICATIONS in (_ask(bus, *_BUS, "ListActivatableNames") or ()):
        return "a server is installed and started when needed"
    return "no server: faults are told by the icon alone"


def _ask(
    bus: DBusConnection, name: str, path: str, interface: str, member: str, signature: str = "", body: Any = ()
) -> Any:
    """The first value of the answer; None: there is none."""
    message = new_method_call(DBusAddress(path, name, interface), member, signature or None, body)
    message.header.flags |= MessageFlag.no_auto_start
    try:
        return unwrap_msg(bus.send_and_get_reply(message, timeout=_PATIENCE))[0]
    except (DBusErrorResponse, TimeoutError, OSError):
        return None


def _xembed() -> str:
    scheduler = Scheduler()
    try:
        watch = XEmbedWatch(scheduler)
    except TrayUnavailableError as error:
        return f"none: {error}"
    else:
        found = watch.has_tray
        watch.close()
        return "there is one; used when no panel on the bus shows the icon" if found else "none"
    finally:
        scheduler.close()
