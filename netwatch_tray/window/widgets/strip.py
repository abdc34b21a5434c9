"""A strip: a horizontal row of controls with a line along its edge."""

from __future__ import annotations

from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from netwatch_tray.window.widgets.painting import hair_line
from netwatch_tray.window.widgets.theme import Theme


class Strip(QWidget):
    """Base class of strips: a container for a row of controls, with a line along its lower or upper edge."""

    def __init__(self, theme: Theme, height: int, *, line_above: bool = False) -> None:
        """`height`: in dip. `line_above`: draw the line along the upper edge, not the lower one."""
        super().__init__()
        self._theme = theme
        self._line_above = line_above
        self.setFixedHeight(height)

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), self._theme.tokens.window)
        painter.setPen(hair_line(self._theme.tokens.line))
        y = 0 if self._line_above else self.height() - 1
        painter.drawLine(0, y, self.width(), y)
