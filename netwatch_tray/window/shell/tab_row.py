"""The row at the top of the window: a tab for each page, and buttons for actions of the window."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QButtonGroup, QHBoxLayout

from netwatch_tray.window.pages.page import Page
from netwatch_tray.window.shell.bell import Bell
from netwatch_tray.window.widgets.buttons import Tab, ToolButton
from netwatch_tray.window.widgets.formatting import native_keys
from netwatch_tray.window.widgets.strip import Strip
from netwatch_tray.window.widgets.text import Text
from netwatch_tray.window.widgets.theme import MARGIN, Theme

_ROOMY_FROM = 840
"""Window width in dip from which on buttons show their keys, and *Freeze* and *Events* show their names."""


class PageEntry(NamedTuple):
    """Describes a page of the main window: its button, and the function that returns the page."""

    id: str
    """Name of the page in what the window remembers; never translated."""
    name: str
    symbol: str
    """Name of the button's picture in `assets/icons`, without `.svg`."""
    page: Callable[[], Page]


class TabRow(Strip):
    """The row of tabs. The attribute `tabs` has the buttons of all pages, by index of the page: also those of events
    and settings."""

    def __init__(self, theme: Theme, tabs: Sequence[PageEntry], events: PageEntry, settings: PageEntry) -> None:
        """`tabs`: pages with a tab. `events`, `settings`: pages with a button at the other end of the row."""
        super().__init__(theme, theme.height(48))
        self._is_live = True
        self._is_paused = False
        self.pause = ToolButton(theme, "", "pause")
        self.pause.setToolTip(self.tr("Freezes the display; measuring continues (Space)"))
        self._pause_key = Text(theme, theme.fonts.small, "ink3")
        self._pause_key.show_text(native_keys("Space"))
        self.keys = ToolButton(theme, "", "help")
        self.keys.setToolTip(f"{self.tr('Keys')} ({native_keys('F1')})")
        self.keys.setAccessibleName(self.tr("Keys"))
        self.bell = Bell(theme, events.name)
        self.bell.setToolTip(f"{events.name} ({native_keys(f'Ctrl+{len(tabs) + 1}')})")
        cog = ToolButton(theme, "", settings.symbol)
        cog.setToolTip(f"{settings.name} ({native_keys('Ctrl+,')})")
        cog.setAccessibleName(settings.name)
        cog.setCheckable(True)
        self.tabs = QButtonGroup(self)
        row = self._row = QHBoxLayout(self)
        row.setContentsMargins(12, 0, MARGIN, 1)
        for index, entry in enumerate(tabs):
            tab = Tab(theme, entry.name, entry.symbol)
            tab.setToolTip(f"{entry.name} ({native_keys(f'Ctrl+{index + 1}')})")
            self.tabs.addButton(tab, index)
            row.addWidget(tab)
        self.tabs.addButton(self.bell, len(tabs))
        self.tabs.addButton(cog, len(tabs) + 1)
        row.addStretch(1)
        for widget in (self.pause, self._pause_key, self.bell, self.keys, cog):
            row.addWidget(widget)
        self.show_paused(paused=False)

    def show_paused(self, paused: bool) -> None:
        self._is_paused = paused
        name = self.tr("Live") if paused else self.tr("Freeze")
        self.pause.setAccessibleName(name)
        self.pause.show_symbol("play" if paused else "pause", name if self._has_room else "")
        self.pause.updateGeometry()

    def offer_pause(self, is_live: bool) -> None:
        """Show or hide the pause button. `is_live`: whether the visible page shows current values, which can be
        paused."""
        self._is_live = is_live
        self.pause.setVisible(is_live)
        self._pause_key.setVisible(is_live and self._has_room)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._row.setSpacing(4 if self._has_room else 2)
        self.offer_pause(self._is_live)
        self.show_paused(self._is_paused)
        self.bell.set_room(self._has_room)

    @property
    def _has_room(self) -> bool:
        """Return whether there is room for keys and names beside the symbols of the buttons."""
        return self.width() >= _ROOMY_FROM
