"""‹ November 2026 ›: the control that steps through periods and lists them."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPoint, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QFont, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QHBoxLayout, QMenu, QSizePolicy, QWidget

from netwatch_tray.text import qt_label
from netwatch_tray.window.widgets.buttons import FlatButton
from netwatch_tray.window.widgets.painting import hair_line
from netwatch_tray.window.widgets.theme import CONTROL_RADIUS, Theme

_STEP, _TITLE = 30, 132


class _Part(FlatButton):
    """A button within the control, without a border of its own."""

    def _draw_background(self, painter: QPainter, box: QRectF) -> None:
        if self.isEnabled() and (self.underMouse() or self.isDown()):
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(self._theme.tokens.hover)
            painter.drawRoundedRect(box.adjusted(1, 1, -1, -1), CONTROL_RADIUS, CONTROL_RADIUS)

    def _colour_and_font(self) -> tuple[QColor, QFont]:
        tokens, fonts = self._theme.tokens, self._theme.fonts
        return (tokens.ink if self.isEnabled() else tokens.ink3), fonts.strong


class Navigator(QWidget):
    """Chooses the period.

    Signals: `stepped` carries -1 for the previous period, 1 for the next. `listed`: the user wants to see all periods,
    so the caller must call `show_list`. `picked` carries the index of the period that the user chose from that list.
    """

    stepped = Signal(int)
    listed = Signal()
    picked = Signal(int)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self.back = _Part(theme, "‹")
        self.title = _Part(theme, "")
        self.forward = _Part(theme, "›")
        for part, name in ((self.back, self.tr("Earlier ([)")), (self.forward, self.tr("Later (])"))):
            part.setFixedWidth(theme.height(_STEP))
            part.setToolTip(name)
            part.setAccessibleName(name)
        self.title.setToolTip(self.tr("List of periods"))
        self.title.setMinimumWidth(theme.height(_TITLE))
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        for part in (self.back, self.title, self.forward):
            row.addWidget(part)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.back.clicked.connect(lambda: self.stepped.emit(-1))
        self.forward.clicked.connect(lambda: self.stepped.emit(1))
        self.title.clicked.connect(self.listed)

    def show_period(self, name: str, *, has_earlier: bool, has_later: bool) -> None:
        self.title.setText(name)
        self.title.updateGeometry()
        self.back.setEnabled(has_earlier)
        self.forward.setEnabled(has_later)
        self.update()

    def show_list(self, names: Sequence[str], current: int) -> None:
        """Open a menu with the names of periods. `current`: index of the one that is shown, which is checked."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for place, name in enumerate(names):
            action = menu.addAction(qt_label(name))
            action.setCheckable(True)
            action.setChecked(place == current)
            action.triggered.connect(lambda _checked, place=place: self.picked.emit(place))
        menu.popup(self.mapToGlobal(QPoint(0, self.height() + 2)))

    def paintEvent(self, _event: QPaintEvent) -> None:
        tokens = self._theme.tokens
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(tokens.ctl, 1))
        painter.setBrush(tokens.surface)
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), CONTROL_RADIUS, CONTROL_RADIUS)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        painter.setPen(hair_line(tokens.line))
        for x in (self.title.x(), self.title.x() + self.title.width()):
            painter.drawLine(x, 1, x, self.height() - 2)
