"""A long form in sections, with a list of the sections beside it."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from netwatch_tray.window.widgets.buttons import Tab
from netwatch_tray.window.widgets.scroll_bar import SlimScrollBar
from netwatch_tray.window.widgets.text import Text
from netwatch_tray.window.widgets.theme import MARGIN, Theme

_LIST_WIDTH = 216
_COLUMN_WIDTH = 680
_LIST_FROM = 840
"""Window width in dip from which on the list of sections is shown."""


class SectionedForm(QWidget):
    """Widgets in one column with headings, and a list of the headings beside it. The list marks the section that is
    visible; a click on a heading scrolls to its section."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._headings: list[Text] = []
        column = QWidget()
        self._column = QVBoxLayout(column)
        self._column.setContentsMargins(24, MARGIN, 24, 24)
        self._column.setSpacing(0)
        self._scroll = QScrollArea()
        self._scroll.setFrameShape(QScrollArea.Shape.NoFrame)
        self._scroll.setWidgetResizable(True)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setWidget(column)
        self._scroll.viewport().setAutoFillBackground(False)
        column.setAutoFillBackground(False)
        column.setMaximumWidth(theme.height(_COLUMN_WIDTH) + 48)
        self.scroll_bar = SlimScrollBar(theme)
        self._scroll.setVerticalScrollBar(self.scroll_bar)
        self._list = QWidget()
        self._list.setFixedWidth(theme.height(_LIST_WIDTH))
        self._list_column = QVBoxLayout(self._list)
        self._list_column.setContentsMargins(12, MARGIN, 12, MARGIN)
        self._list_column.setSpacing(2)
        self._list_column.addStretch(1)
        self.links = QButtonGroup(self)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(self._list)
        row.addWidget(self._scroll, 1)
        self.scroll_bar.valueChanged.connect(self._mark_section)

    def add_section(self, title: str) -> int:
        """Begin a section with this heading. Return its index, for `go_to`."""
        index = len(self._headings)
        heading = Text(self._theme, self._theme.fonts.title)
        heading.show_text(title)
        heading.setContentsMargins(0, 20 if index else 0, 0, 6)
        self._column.addWidget(heading)
        self._headings.append(heading)
        link = Tab(self._theme, title, None)
        link.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        link.setChecked(index == 0)
        link.clicked.connect(partial(self._go_to, index))
        self.links.addButton(link, index)
        self._list_column.insertWidget(index, link)
        return index

    def add(self, widget: QWidget) -> None:
        """Add a widget to the section that was begun last."""
        self._column.addWidget(widget)

    def finish(self) -> None:
        """Call this after the last widget: it adds a stretch, so that all widgets stay at the top."""
        self._column.addStretch(1)

    def go_to(self, section: int) -> None:
        """Scroll to the section with this index, as soon as the form is laid out."""
        QTimer.singleShot(0, self, lambda: self._go_to(section))

    def set_width(self, width: int) -> None:
        """Adapt to the width of the window in dip: a narrow one has no list of sections."""
        self._list.setVisible(width >= _LIST_FROM)

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), self._theme.tokens.surface)
        if self._list.isVisible():
            painter.fillRect(self._list.geometry(), self._theme.tokens.window)

    def _go_to(self, section: int) -> None:
        self.scroll_bar.setValue(self._headings[section].y())
        self.links.button(section).setChecked(True)  # the last ones cannot be scrolled to the top

    def _mark_section(self, top: int) -> None:
        passed = [index for index, heading in enumerate(self._headings) if heading.y() <= top + MARGIN]
        self.links.button(passed[-1] if passed else 0).setChecked(True)
