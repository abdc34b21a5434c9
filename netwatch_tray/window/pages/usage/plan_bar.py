"""The bar of a data plan."""

from __future__ import annotations

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from netwatch_tray.window.widgets.painting import DENSE_HATCH, draw_hatch
from netwatch_tray.window.widgets.theme import Theme

_HEIGHT = 10


class PlanBar(QWidget):
    """A bar for a data plan: the used part solid, the projected part hatched, its length is the cap. A small line marks
    which part of the period has passed."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._used = self._projection = self._cap = 0
        self._today = 0.0
        self.setFixedHeight(theme.height(_HEIGHT + 4))

    def show_plan(self, used: int, projection: int, cap: int, today: float) -> None:
        """Show a plan; amounts in bytes. `today`: which part of the period has passed, 0 to 1."""
        self._used, self._projection, self._cap, self._today = used, projection, cap, today
        self.setToolTip(self.tr("Solid: used. Striped: projected. Tick: today."))
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        tokens = self._theme.tokens
        painter = QPainter(self)
        if self.layoutDirection() == Qt.LayoutDirection.RightToLeft:
            painter.translate(self.width(), 0)
            painter.scale(-1, 1)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        whole = max(self._cap, self._projection, self._used, 1)
        box = QRectF(0.5, 2.5, self.width() - 1, self.height() - 5)
        painter.setPen(QPen(tokens.ctl, 1))
        painter.drawRoundedRect(box, 3, 3)
        projected = QRectF(box.left(), box.top(), box.width() * self._projection / whole, box.height())
        painter.setPen(QPen(tokens.down, 1.2))
        draw_hatch(painter, projected, DENSE_HATCH, box.left())
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(tokens.err if self._used > self._cap else tokens.down)
        painter.drawRoundedRect(QRectF(box.left(), box.top(), box.width() * self._used / whole, box.height()), 3, 3)
        painter.setPen(QPen(tokens.ink, 2))
        painter.drawLine(int(box.width() * self._today), 0, int(box.width() * self._today), self.height())
