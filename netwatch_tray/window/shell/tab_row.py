"""The row at the top of the window: a tab for each page, and the actions of the window."""

from __future__ import annotations

from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QButtonGroup, QHBoxLayout

from netwatch_tray.window.widgets.buttons import Tab, ToolButton
from netwatch_tray.window.widgets.formatting import native_keys
from netwatch_tray.window.widgets.strip import Strip
from netwatch_tray.window.widgets.text import Text
from netwatch_tray.window.widgets.theme import MARGIN, Theme

_KEYS_FROM = 840
"""Window width from which there is room for a key beside its button."""


class TabRow(Strip):
    """`tabs`: one button for each page, the settings last."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme, theme.height(48))
        self._is_live = True
        self.pause = ToolButton(theme, self.tr("Pause"), "pause")
        self.pause.setToolTip(self.tr("Holds the picture still; measuring goes on (Space)"))
        self._pause_key = Text(theme, theme.fonts.small, "ink3")
        self._pause_key.show_text(native_keys("Space"))
        self.keys = ToolButton(theme, "", "help")
        self.keys.setToolTip(f"{self.tr('Keys')} ({native_keys('F1')})")
        self.keys.setAccessibleName(self.tr("Keys"))
        settings = ToolButton(theme, "", "settings")
        settings.setToolTip(f"{self.tr('Settings')} ({native_keys('Ctrl+,')})")
        settings.setAccessibleName(self.tr("Settings"))
        settings.setCheckable(True)
        self.tabs = QButtonGroup(self)
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 0, MARGIN, 1)
        row.setSpacing(4)
        pages = (
            (self.tr("Interfaces"), "activity"),
            (self.tr("Connections"), "connections"),
            (self.tr("Apps"), "apps"),
            (self.tr("Usage"), "usage"),
        )
        self.names = tuple(name for name, _symbol in pages)
        """Of the pages before the settings."""
        for index, (name, symbol) in enumerate(pages):
            tab = Tab(theme, name, symbol)
            tab.setToolTip(f"{name} ({native_keys(f'Ctrl+{index + 1}')})")
            self.tabs.addButton(tab, index)
            row.addWidget(tab)
        self.tabs.addButton(settings, len(pages))
        row.addStretch(1)
        for widget in (self.pause, self._pause_key, self.keys, settings):
            row.addWidget(widget)

    def show_paused(self, paused: bool) -> None:
        if paused:
            self.pause.show_symbol("play", self.tr("Live"))
        else:
            self.pause.show_symbol("pause", self.tr("Pause"))

    def offer_pause(self, is_live: bool) -> None:
        """Show the button on pages that follow the present."""
        self._is_live = is_live
        self.pause.setVisible(is_live)
        self._pause_key.setVisible(is_live and self.width() >= _KEYS_FROM)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.offer_pause(self._is_live)
