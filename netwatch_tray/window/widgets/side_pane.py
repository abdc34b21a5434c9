"""A pane that can be opened beside the content or, in a narrow window, over it."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QWidget

_BESIDE_FROM = 1120
"""Window width in dip from which on the pane is beside the content."""


class SidePane(QWidget):
    """The content, and a pane at its side, which is closed at first and has a fixed width. Signals `opened` and
    `closed` report changes."""

    opened = Signal()
    closed = Signal()

    def __init__(self, content: QWidget, pane: QWidget) -> None:
        super().__init__()
        self._pane = pane
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(0)
        self._row.addWidget(content, 1)
        pane.setParent(self)
        pane.hide()

    @property
    def is_open(self) -> bool:
        return not self._pane.isHidden()

    @property
    def is_floating(self) -> bool:
        """Return whether the window is so narrow that the pane, if open, lies over the content."""
        return self.window().width() < _BESIDE_FROM

    def toggle(self) -> None:
        if self.is_open:
            self.close_pane()
        else:
            self._pane.show()
            self._place()
            self.opened.emit()

    def close_pane(self) -> None:
        self._row.removeWidget(self._pane)
        self._pane.hide()
        self.closed.emit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if self.is_open:
            self._place()

    def _place(self) -> None:
        is_beside = self._row.indexOf(self._pane) >= 0
        if self.is_floating:
            if is_beside:
                self._row.removeWidget(self._pane)
            width = self._pane.width()
            right_to_left = self.layoutDirection() == Qt.LayoutDirection.RightToLeft
            self._pane.setGeometry(0 if right_to_left else self.width() - width, 0, width, self.height())
            self._pane.raise_()
        elif not is_beside:
            self._row.addWidget(self._pane)
