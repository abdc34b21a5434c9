"""A line to type into, in the window's own look."""

from __future__ import annotations

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPalette, QPen
from PySide6.QtWidgets import QLineEdit

from netwatch_tray.window.controls import draw_ring
from netwatch_tray.window.theme import CONTROL_RADIUS, Theme


class Field(QLineEdit):
    """A frame that becomes the focus ring."""

    def __init__(self, theme: Theme, name: str) -> None:
        super().__init__()
        self._theme = theme
        self.setFont(theme.fonts.base)
        self.setFrame(False)
        self.setFixedHeight(theme.height(30))
        self.setTextMargins(6, 0, 6, 0)
        self.setAccessibleName(name)
        theme.changed.connect(self._colour)
        self._colour()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        box = QRectF(self.rect())
        painter.setPen(QPen(self._border(), 1))
        painter.setBrush(self._theme.tokens.surface)
        painter.drawRoundedRect(box.adjusted(0.5, 0.5, -0.5, -0.5), CONTROL_RADIUS, CONTROL_RADIUS)
        if self.hasFocus():
            draw_ring(painter, self._theme, box, CONTROL_RADIUS)
        painter.end()
        super().paintEvent(event)

    def _border(self) -> QColor:
        return self._theme.tokens.ctl

    def _colour(self) -> None:
        tokens = self._theme.tokens
        palette = QPalette(self.palette())
        palette.setColor(QPalette.ColorRole.Base, Qt.GlobalColor.transparent)
        palette.setColor(QPalette.ColorRole.Text, tokens.ink)
        palette.setColor(QPalette.ColorRole.PlaceholderText, tokens.ink3)
        self.setPalette(palette)
