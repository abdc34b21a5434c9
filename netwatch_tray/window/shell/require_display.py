"""Checks whether there is a display before Qt starts, because without one Qt aborts the process."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

from PySide6.QtCore import QLibraryInfo

from netwatch_tray.errors import NetWatchError

_WITHOUT_DISPLAY = ("offscreen", "minimal", "vnc")


def require_display() -> None:
    """Raise NetWatchError with a message for the user if Qt could not open a window."""
    platform = os.environ.get("QT_QPA_PLATFORM", "")
    if platform.startswith(_WITHOUT_DISPLAY):
        return
    plugins = Path(QLibraryInfo.path(QLibraryInfo.LibraryPath.PluginsPath)) / "platforms"
    if not (plugins / "libqxcb.so").exists():
        return  # macOS, which always has a display
    if os.environ.get("WAYLAND_DISPLAY") and _can_connect("libwayland-client.so.0", "wl_display_connect"):
        return
    if not os.environ.get("DISPLAY"):
        raise NetWatchError(
            "There is no display, so no window can open. The rates can be seen in the terminal: netwatch-tray watch"
        )
    if not _can_connect("libxcb.so.1", "xcb_connect"):
        raise NetWatchError(
            "The display {environ} does not answer, so no window can open. The rates can be seen in "
            "the terminal: netwatch-tray watch",
            environ=os.environ["DISPLAY"],
        )
    try:
        ctypes.CDLL("libxcb-cursor.so.0")
    except OSError as error:
        raise NetWatchError(
            "No window can open: the library libxcb-cursor is not installed. Everything else works. "
            "Run: sudo apt install libxcb-cursor0"
        ) from error


def _can_connect(library: str, connect: str) -> bool:
    """Return whether the display server accepts a connection. It is made as Qt makes it, by the C function `connect` of
    the same shared library."""
    try:
        client = ctypes.CDLL(library)
    except OSError:
        return False
    open_display = getattr(client, connect)
    open_display.restype = ctypes.c_void_p
    open_display.argtypes = [ctypes.c_char_p, ctypes.c_void_p] if connect == "xcb_connect" else [ctypes.c_char_p]
    if connect == "wl_display_connect":
        display = open_display(None)
        if display:
            client.wl_display_disconnect(ctypes.c_void_p(display))
        return bool(display)
    display = open_display(None, None)
    broken = client.xcb_connection_has_error(ctypes.c_void_p(display))
    client.xcb_disconnect(ctypes.c_void_p(display))
    return not broken
