"""Colour scheme and font of the window: the user's choice, else what the desktop reports, updated live."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QFont
from PySide6.QtWidgets import QApplication

from netwatch_tray.settings import ColourScheme
from netwatch_tray.window.widgets.theme import Theme

if TYPE_CHECKING:
    from netwatch_tray.window.shell.portal import PortalSettings

_CHOSEN = {"light": Qt.ColorScheme.Light, "dark": Qt.ColorScheme.Dark}


class Appearance(QObject):
    """Applies the colour scheme (light or dark) to the theme: that of the user's setting, else of the settings portal,
    else of Qt.

    Qt follows some desktops by itself (macOS, Windows, GNOME with GTK's theme). On others it reports no scheme, or only
    that of its start.
    """

    def __init__(self, application: QApplication, theme: Theme, choice: ColourScheme) -> None:
        super().__init__(application)
        self._application = application
        self._hints = application.styleHints()
        self._theme = theme
        self._choice = choice
        self._portal = self._open_portal()
        self._hints.colorSchemeChanged.connect(self._follow_qt)
        self._follow()

    def choose(self, choice: ColourScheme) -> None:
        """Apply the user's setting: a scheme, or that of the system."""
        if choice != self._choice:
            self._choice = choice
            self._follow()

    def _open_portal(self) -> PortalSettings | None:
        if sys.platform != "linux":
            return None
        from netwatch_tray.window.shell.portal import PortalSettings  # noqa: PLC0415  there is no portal elsewhere

        portal = PortalSettings(self)
        portal.scheme_changed.connect(self._follow)
        portal.font_changed.connect(self._change_font)
        return portal

    def _wanted(self) -> Qt.ColorScheme | None:
        if self._choice != "system":
            return _CHOSEN[self._choice]
        return self._portal.scheme if self._portal else None

    def _follow(self) -> None:
        wanted = self._wanted()
        # For what Qt draws itself: file dialogs, and the window's frame where Wayland leaves it to the program.
        self._hints.setColorScheme(Qt.ColorScheme.Unknown if wanted is None else wanted)
        self._theme.apply(self._theme.system_scheme() if wanted is None else wanted)

    def _follow_qt(self) -> None:
        if self._wanted() is None:
            self._theme.apply(self._theme.system_scheme())

    def _change_font(self, description: str) -> None:
        if font := parse_font(description):
            self._application.setFont(font)


def parse_font(description: str) -> QFont | None:
    """Return the font of a description as GNOME stores it, with family and size in points (`Noto Sans 10.5`); None if
    it is invalid."""
    family, _, size = description.strip().rpartition(" ")
    try:
        points = float(size)
    except ValueError:
        return None
    if not family or not 1 <= points <= 100:
        return None
    font = QFont(family.rstrip(" ,"))
    font.setPointSizeF(points)
    return font
