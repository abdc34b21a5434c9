"""The strip above the apps: current sums, search and range, or the name of the app whose details replace the list."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from netwatch_tray.window.data.app_looks import AppLooks
from netwatch_tray.window.pages.apps.parts import AppHead
from netwatch_tray.window.widgets.buttons import FlatButton, Segments
from netwatch_tray.window.widgets.formatting import native_keys
from netwatch_tray.window.widgets.search_field import SearchField
from netwatch_tray.window.widgets.strip import Strip
from netwatch_tray.window.widgets.text import FittingText
from netwatch_tray.window.widgets.theme import GAP, MARGIN, Theme

_SEARCH_WIDTHS = ((1120, 240), (840, 170), (0, 130))
"""Least widths of the window, each with the width of the search field to use then, in dip."""


class AppsStrip(Strip):
    """The row above the list. Signal `back`: the user wants to return from the details to the list."""

    back = Signal()

    def __init__(self, theme: Theme, looks: AppLooks, *, has_history: bool) -> None:
        super().__init__(theme, theme.height(60))
        self._title = FittingText(theme, theme.fonts.title)
        self._sentence = FittingText(theme, theme.fonts.small, "ink2")
        self.search = SearchField(theme, self.tr("Find an app"), self.tr("Find an app"))
        self.search.setToolTip(
            self.tr("Show only apps with this text in their name ({keys} or /)").format(keys=native_keys("Ctrl+F"))
        )
        names = [self.tr("5 min")]
        names += (
            [self.tr("1 h"), self.tr("24 h"), self.tr("7 d"), self.tr("30 d"), self.tr("1 y")] if has_history else []
        )
        self.range_count = len(names)
        self.ranges = Segments(theme, names, self.tr("Time range"))
        for index, name in enumerate(names):
            self.ranges.button(index).setToolTip(f"{name} (Alt+{index + 1})")
        texts = QWidget()
        column = QVBoxLayout(texts)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addStretch(1)
        column.addWidget(self._title)
        column.addWidget(self._sentence)
        column.addStretch(1)
        self._back = FlatButton(theme, self.tr("Apps"), "back")
        self._back.setToolTip(self.tr("Back to the list (Escape)"))
        self._head = AppHead(theme, looks, theme.fonts.title)
        of_app = QWidget()
        beside = QHBoxLayout(of_app)
        beside.setContentsMargins(0, 0, 0, 0)
        beside.setSpacing(2 * GAP)
        beside.addWidget(self._back)
        beside.addWidget(self._head, 1)
        self._left = QStackedWidget()
        self._left.addWidget(texts)
        self._left.addWidget(of_app)
        row = QHBoxLayout(self)
        row.setContentsMargins(MARGIN, 0, MARGIN, 1)
        row.setSpacing(GAP)
        row.addWidget(self._left, 1)
        row.addWidget(self.search)
        row.addWidget(self.ranges)
        self._back.clicked.connect(self.back)

    def show_app(self, key: str, name: str, below: str) -> None:
        """Show icon and name of the app whose details replace the list, and the text `below` in small type."""
        self._head.show_app(key, name, below)
        self._turn(1)

    def show_list(self) -> None:
        self._turn(0)

    def show_texts(self, titles: Sequence[str], sentences: Sequence[str]) -> None:
        """Show the first title that fits, and below it the first sentence that fits. Both: longest first."""
        self._title.show_first_of(*titles)
        self._sentence.show_first_of(*sentences)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        width = next(width for least, width in _SEARCH_WIDTHS if self.width() >= least)
        self.search.setFixedWidth(self._theme.height(width))

    def _turn(self, index: int) -> None:
        self._left.setCurrentIndex(index)
        self.search.setVisible(index == 0)
