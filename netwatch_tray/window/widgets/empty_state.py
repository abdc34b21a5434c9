"""What is shown in place of an empty table: why it is empty, and what the user can do."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from netwatch_tray.window.widgets.buttons import FlatButton
from netwatch_tray.window.widgets.icons import icon
from netwatch_tray.window.widgets.text import Paragraph, Text
from netwatch_tray.window.widgets.theme import GAP, Theme

_BIG_ICON = 28


class EmptyState(QWidget):
    """A symbol, a title, a sentence, and optionally a button."""

    def __init__(self, theme: Theme, symbol: str, button: str) -> None:
        super().__init__()
        self._theme = theme
        self._symbol = symbol
        self._title = Text(theme, theme.fonts.title)
        self._title.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self._detail = Paragraph(theme, theme.fonts.base)
        self._detail.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self.button = FlatButton(theme, button)
        column = QVBoxLayout(self)
        column.setContentsMargins(40, 40 + _BIG_ICON, 40, 40)
        column.setSpacing(GAP)
        column.addStretch(2)
        column.addWidget(self._title)
        column.addWidget(self._detail)
        column.addSpacing(GAP)
        column.addWidget(self.button, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addStretch(3)

    def show_message(self, title: str, detail: str, *, button: bool = False) -> None:
        """Show why the table is empty. `title`: empty: show nothing. `button`: whether to show the button."""
        self._title.show_text(title)
        self._detail.show_text(detail)
        if self.button.hasFocus() and not button:
            self.setFocus()  # otherwise Qt moves the focus out of the page, where it stays when the table returns
        self.button.setVisible(button)
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        tokens = self._theme.tokens
        painter = QPainter(self)
        painter.fillRect(self.rect(), tokens.surface)
        if self._title.text():
            symbol = icon(self._symbol, _BIG_ICON, tokens.ink3, self.devicePixelRatioF())
            painter.drawPixmap((self.width() - _BIG_ICON) // 2, self._title.y() - _BIG_ICON - GAP, symbol)
