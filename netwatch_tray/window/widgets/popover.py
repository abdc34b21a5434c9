"""A popover: a frame that floats over the window, and that any click outside closes."""

from __future__ import annotations

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QFrame, QWidget

from netwatch_tray.window.widgets.theme import POPOVER_RADIUS, Theme


class Popover(QFrame):
    """Base class of popovers: draws background and border. Subclasses provide the content."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup | Qt.WindowType.FramelessWindowHint)
        self._theme = theme

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        # Opaque: without a compositor translucent corners would be black.
        painter.fillRect(self.rect(), self._theme.tokens.surface)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(self._theme.tokens.ctl, 1))
        painter.setBrush(self._theme.tokens.raised)
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), POPOVER_RADIUS, POPOVER_RADIUS)
