"""A text field of one line that is drawn in the style of the window."""

from __future__ import annotations

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPalette, QPen
from PySide6.QtWidgets import QLineEdit

from netwatch_tray.window.widgets.painting import draw_ring
from netwatch_tray.window.widgets.theme import CONTROL_RADIUS, Theme


class LineEdit(QLineEdit):
    """A text field of one line. While it has the focus, its border is drawn as the focus ring."""

    def __init__(self, theme: Theme, name: str) -> None:
        """`name`: its name for screen readers."""
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
        draw_field(painter, self._theme, QRectF(self.rect()), self._border(), has_focus=self.hasFocus())
        painter.end()
        super().paintEvent(event)

    def _border(self) -> QColor:
        return self._theme.tokens.ctl

    def _colour(self) -> None:
        colour_field(self, self._theme)


def draw_field(painter: QPainter, theme: Theme, box: QRectF, border: QColor, *, has_focus: bool) -> None:
    """Draw background and border of a text field, and its focus ring."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(border, 1))
    painter.setBrush(theme.tokens.surface)
    painter.drawRoundedRect(box.adjusted(0.5, 0.5, -0.5, -0.5), CONTROL_RADIUS, CONTROL_RADIUS)
    if has_focus:
        draw_ring(painter, theme, box, CONTROL_RADIUS)


def colour_field(line: QLineEdit, theme: Theme) -> None:
    """Set the colours of a text field so that it draws only its text, for a widget that draws the background by
    `draw_field`."""
    palette = QPalette(line.palette())
    palette.setColor(QPalette.ColorRole.Base, Qt.GlobalColor.transparent)
    palette.setColor(QPalette.ColorRole.Text, theme.tokens.ink)
    palette.setColor(QPalette.ColorRole.PlaceholderText, theme.tokens.ink3)
    line.setPalette(palette)
