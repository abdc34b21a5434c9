"""Decides which plugins and data of Qt are in the frozen program. Others would add the libraries of whole desktops."""

from __future__ import annotations

import re

_PLUGINS = re.compile(r"PySide6/(?:Qt/)?plugins/")
_KEPT = frozenset(
    # Linux: X11, Wayland with its window frames, typing of composed and Asian characters, the desktop's dark mode
    "platforms/xcb platforms/wayland-generic wayland-shell-integration/xdg-shell wayland-decoration-client/adwaita "
    "wayland-decoration-client/bradient platforminputcontexts/composeplatforminputcontextplugin "
    "platforminputcontexts/ibusplatforminputcontextplugin platformthemes/xdgdesktopportal "
    # macOS
    "platforms/cocoa styles/macstyle "
    # both: the self-test, and drawings
    "platforms/offscreen iconengines/svgicon imageformats/svg".split()
)
_NEVER = re.compile(r"PySide6/(?:Qt/)?(?:translations|qml|resources)/|/__pycache__/|\.pyi$")


def keep(destination: str) -> bool:
    """Return whether to keep a file, given by its path in the frozen program."""
    if found := _PLUGINS.search(destination):
        kind, _, file = destination[found.end() :].partition("/")
        # libqxcb.so, libqcocoa.dylib, libxdg-shell.so: what Qt calls xcb, cocoa and xdg-shell
        name = file.partition(".")[0].removeprefix("lib")
        return f"{kind}/{name}" in _KEPT or f"{kind}/{name.removeprefix('q')}" in _KEPT
    return not _NEVER.search(destination)
