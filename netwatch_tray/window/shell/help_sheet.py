"""The help sheet: the keyboard shortcuts, and examples of filters."""

from __future__ import annotations

from PySide6.QtGui import QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QGridLayout, QWidget

from netwatch_tray.window.widgets.formatting import native_keys
from netwatch_tray.window.widgets.popover import Popover
from netwatch_tray.window.widgets.text import Text
from netwatch_tray.window.widgets.theme import GAP, MARGIN, Theme, text_width

_COLUMN_GAP = 24


class HelpSheet(Popover):
    """The keyboard shortcuts and examples of the filter, in a popover in the middle of the window. Any key or click
    closes it."""

    def __init__(self, theme: Theme, parent: QWidget, pages: int, ranges: int) -> None:
        super().__init__(theme, parent)
        self.setAccessibleName(self.tr("Keys"))
        grid = QGridLayout(self)
        grid.setContentsMargins(24, MARGIN, 24, MARGIN)
        grid.setHorizontalSpacing(GAP)
        grid.setVerticalSpacing(6)
        grid.setColumnMinimumWidth(2, _COLUMN_GAP)
        title = Text(theme, theme.fonts.title)
        title.show_text(self.tr("Keys"))
        grid.addWidget(title, 0, 0, 1, 5)
        keys = (
            (f"{native_keys('Ctrl+1')} … {pages}", self.tr("Turn to a page")),
            (native_keys("Ctrl+,"), self.tr("Settings")),
            (native_keys("Ctrl+Shift+M"), self.tr("Mini window")),
            (native_keys("Space"), self.tr("Freeze the display, or continue")),
            (f"{native_keys('Alt+1')} … {ranges}", self.tr("Time range")),
            (f"{native_keys('Ctrl+F')}, /", self.tr("Filter")),
            (native_keys("Ctrl+G"), self.tr("Group connections")),
            ("← →", self.tr("Move the crosshair, fold a group")),
            ("+ −", self.tr("Zoom the chart in or out")),
            (native_keys("T"), self.tr("The chart as a table")),
            ("[ ]", self.tr("Usage: the period before or after")),
            ("↑ ↓", self.tr("Choose a row")),
            (native_keys("Return"), self.tr("Details, fold a group")),
            ("M, E", self.tr("Mute an event, expect it from now on")),
            (native_keys("Shift+F10"), self.tr("Actions for an event")),
            (native_keys("Ctrl+C"), self.tr("Copy rows")),
            (native_keys("Ctrl+Shift+C"), self.tr("Copy a cell")),
            (native_keys("Escape"), self.tr("Back: crosshair, filter, selection, settings")),
            (f"{native_keys('Ctrl+W')}, {native_keys('Ctrl+Q')}", self.tr("Close the window; the agent keeps running")),
            (f"{native_keys('F1')}, ?", self.tr("This sheet")),
        )
        for number, (key, meaning) in enumerate(keys):
            self._add(grid, number + 1, key, meaning)
        heading = Text(theme, theme.fonts.title)
        heading.show_text(self.tr("Filter"))
        heading.setContentsMargins(0, GAP, 0, 0)
        row = len(keys) + 1
        grid.addWidget(heading, row, 0, 1, 5)
        for number, (example, meaning) in enumerate(
            (
                ("firefox 443", self.tr("Both words, anywhere")),
                ("app:firefox,curl", self.tr("One app or the other")),
                ("-port:443  not state:listen", self.tr("Without these")),
                ("rate>1M", self.tr("More than 1 MB/s in one direction")),
            )
        ):
            self._add(grid, row + 1 + number, example, meaning)

    def open_in(self, window: QWidget) -> None:
        self.adjustSize()
        size = self.size().boundedTo(window.size())
        middle = window.mapToGlobal(window.rect().center())
        self.setGeometry(middle.x() - size.width() // 2, middle.y() - size.height() // 2, size.width(), size.height())
        self.show()

    def keyPressEvent(self, _event: QKeyEvent) -> None:
        self.hide()

    def mousePressEvent(self, _event: QMouseEvent) -> None:
        self.hide()

    def _add(self, grid: QGridLayout, row: int, key: str, meaning: str) -> None:
        left, right = Text(self._theme, self._theme.fonts.strong), Text(self._theme, self._theme.fonts.base, "ink2")
        for text, words in ((left, key), (right, meaning)):
            text.show_text(words)
            text.setMinimumWidth(text_width(text.font(), words))
        grid.addWidget(left, row, 0)
        grid.addWidget(right, row, 3)
