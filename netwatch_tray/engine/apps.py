"""Find the app that a process belongs to: what the user calls a program, with all its processes. Pure."""

from __future__ import annotations

import os
import re
from collections.abc import Callable

import msgspec

from netwatch_tray.collect.process import Process
from netwatch_tray.collect.runtimes import is_runtime
from netwatch_tray.collect.systemd import desktop_app, short_name

_HELPERS = frozenset(
    "WebKitNetworkProcess WebKitWebProcess WebKitGPUProcess QtWebEngineProcess plugin-container".split()
)
"""Programs that count under the program that started them, in whatever directory they are."""
_SHARED_DIRECTORIES = re.compile(r"^(?:/usr|/usr/local|/opt/homebrew|/home/[^/]+/\.local|/nix/[^/]+/[^/]+)?/s?bin$|^$")
"""Directories that hold unrelated programs, so a parent process from the same one says nothing about the app."""
_BUNDLE = re.compile(r"^(.*?/([^/]+)\.app)/")
_SNAP = re.compile(r"^/snap/([^/]+)/")
_APP_IMAGE = re.compile(r"^.*/\.mount_([^/]{0,6}?)\w{6}/")
"""Mount point of an AppImage: six characters of its name, then six random ones for each run."""
_TUNNEL_PROGRAMS = frozenset("openvpn openconnect vpnc tailscaled sstpc openfortivpn".split())
_MOST_GENERATIONS = 16

UNSEEN_KEY, SEARCHING_KEY, OTHERS_KEY = "exited", "searching", "others"


class AppName(msgspec.Struct, frozen=True, gc=False):
    """Identifies an app: the key by which connections are grouped, and the name shown to the user."""

    key: str
    name: str
    is_tunnel_process: bool = False


UNSEEN = AppName(UNSEEN_KEY, "Exited before seen")
SEARCHING = AppName(SEARCHING_KEY, "Being looked for")
OTHERS = AppName(OTHERS_KEY, "Other apps")


def app_of(process: Process, parent_of: Callable[[Process], Process | None]) -> AppName:
    """Return the app of a process: the container or system service it runs in, else its bundle (macOS), snap or
    flatpak, else its executable.

    The child process of an app, such as a browser's process for one tab, belongs to the app of its parent. `parent_of`:
    returns the parent of a process, or None if that is not known.
    """
    unit = process.unit
    if unit is not None and not unit.endswith(".scope") and not unit.startswith(("app-", "dbus-")):
        return app_of_unit(unit)
    desktop = desktop_app(unit)
    if desktop is not None and desktop[0] == "flatpak":
        return _app_of_desktop(*desktop)
    process = _leader(process, parent_of)
    executable = process.executable
    if executable is None:
        return AppName(f"name:{process.name}", process.name, process.name in _TUNNEL_PROGRAMS)
    bundle = _BUNDLE.match(executable)
    if bundle is not None and not (is_runtime(bundle[2]) and process.script is not None):
        return AppName(f"bundle:{bundle[1]}", bundle[2])
    snap = _SNAP.match(executable)
    if snap is not None:
        return AppName(f"snap:{snap[1]}", snap[1])
    name = os.path.basename(executable)  # noqa: PTH119  text, not a path to open
    executable = _APP_IMAGE.sub(r"appimage:\1/", executable)
    desktop = desktop_app(process.unit)
    if desktop is not None and is_runtime(name) and _was_launched(process, parent_of):
        return _app_of_desktop(*desktop, process.desktop_name)
    if process.script is not None:
        return AppName(f"script:{executable} {process.script}", process.script)
    return AppName(f"executable:{executable}", name, name in _TUNNEL_PROGRAMS)


def app_of_unit(unit: str) -> AppName:
    """Return the app for a systemd unit or a container, given by its name."""
    desktop = desktop_app(unit)
    if desktop is not None:
        return _app_of_desktop(*desktop)
    name = unit.removesuffix(".service").removesuffix(".scope")
    return AppName(f"unit:{unit}", name, name.partition("@")[0] in _TUNNEL_PROGRAMS)


def _app_of_desktop(launcher: str | None, app_id: str, name: str | None = None) -> AppName:
    kind = "flatpak" if launcher == "flatpak" else "desktop"
    return AppName(f"{kind}:{app_id}", name or short_name(app_id))


def _was_launched(process: Process, parent_of: Callable[[Process], Process | None]) -> bool:
    """Return whether the desktop started this interpreter (Python, Java …) as an app of its own, rather than a terminal
    or another app did. That holds if all its ancestors in its systemd unit are the same interpreter or a shell script.
    """
    above: Process | None = process
    for _ in range(_MOST_GENERATIONS):
        above = None if above is None else parent_of(above)
        if above is None or above.unit != process.unit:
            return True
        if above.executable != process.executable and above.script is None:
            return False
    return False


def app_of_user(user: str) -> AppName:
    """Return the app that stands for all sockets of a user whose process is not known."""
    return AppName(f"user:{user}", f"user {user}")


def _leader(process: Process, parent_of: Callable[[Process], Process | None]) -> Process:
    """Return the ancestor that a child process works for, such as the main process of a browser, or the process
    itself."""
    for _ in range(_MOST_GENERATIONS):
        if process.executable is None:
            break
        directory, name = os.path.split(process.executable)
        parent = parent_of(process)
        if parent is None or parent.executable is None:
            break
        if parent.executable == process.executable and is_runtime(name):
            # Helpers of Electron have a directory of data in their command line instead of the app.
            works_for = process.script in {None, parent.script} or name.lower().startswith("electron")
        else:
            is_neighbour = os.path.dirname(parent.executable) == directory  # noqa: PTH120  text, not a path to open
            works_for = name in _HELPERS or (is_neighbour and not _SHARED_DIRECTORIES.match(directory))
        if not works_for:
            break
        process = parent
    return process
