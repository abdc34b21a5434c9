"""The banner above the page: what happened, what still works, what to do."""

from __future__ import annotations

from typing import Literal, NamedTuple

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QGridLayout, QSizePolicy, QWidget

from netwatch_tray.window.widgets.buttons import FlatButton
from netwatch_tray.window.widgets.icons import icon
from netwatch_tray.window.widgets.painting import hair_line
from netwatch_tray.window.widgets.speech import alert
from netwatch_tray.window.widgets.text import Paragraph
from netwatch_tray.window.widgets.theme import GAP, MARGIN, Theme

_ICON = 16


class Notice(NamedTuple):
    """The content of the banner. `severity`: `err` if nothing is measured, `warn` if only something is missing."""

    severity: Literal["err", "warn"]
    title: str
    detail: str
    action: str | None = None


class Banner(QWidget):
    """The line that shows one notice; hidden while there is none. Signal `acted`: the user has clicked its button."""

    acted = Signal()

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._notice: Notice | None = None
        self._title, self._detail = Paragraph(theme, theme.fonts.strong, "ink"), Paragraph(theme, theme.fonts.base)
        self._button = FlatButton(theme, "")
        self._detail.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        grid = QGridLayout(self)
        grid.setContentsMargins(MARGIN + _ICON + GAP, 10, MARGIN, 11)
        grid.setHorizontalSpacing(MARGIN)
        grid.setVerticalSpacing(2)
        grid.addWidget(self._title, 0, 0)
        grid.addWidget(self._detail, 1, 0)
        grid.addWidget(self._button, 0, 1, 2, 1, Qt.AlignmentFlag.AlignVCenter)
        grid.setColumnStretch(0, 1)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self._button.clicked.connect(self.acted)
        self.hide()

    def show_notice(self, notice: Notice | None) -> None:
        previous, self._notice = self._notice, notice
        if notice == previous:
            return
        if notice is not None:
            self._title.setText(notice.title)
            self._detail.setText(notice.detail)
            if self._button.text() != (notice.action or ""):
                self._button.setText(notice.action or "")
                self._button.updateGeometry()
            self._button.setVisible(notice.action is not None)
        self.setVisible(notice is not None)
        if notice is not None and previous is None:  # once, not at every second of a countdown
            self.setAccessibleName(f"{notice.title} {notice.detail}")
            alert(self)

    def paintEvent(self, _event: QPaintEvent) -> None:
        if self._notice is None:
            return
        tokens = self._theme.tokens
        severe = self._notice.severity == "err"
        painter = QPainter(self)
        painter.fillRect(self.rect(), tokens.err_bg if severe else tokens.warn_bg)
        painter.setPen(hair_line(tokens.err if severe else tokens.warn_line))
        painter.drawLine(0, self.height() - 1, self.width(), self.height() - 1)
        symbol = icon("warning", _ICON, tokens.err if severe else tokens.warn, self.devicePixelRatioF())
        right_to_left = self.layoutDirection() == Qt.LayoutDirection.RightToLeft
        painter.drawPixmap(self.width() - MARGIN - _ICON if right_to_left else MARGIN, self._title.y(), symbol)
