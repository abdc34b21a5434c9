"""A text field for searching that shows the number of matches, and underlines the part of its text that is invalid."""

from __future__ import annotations

from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QAction, QColor, QIcon, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QLineEdit, QTableView

from netwatch_tray.window.widgets.icons import icon
from netwatch_tray.window.widgets.line_edit import LineEdit
from netwatch_tray.window.widgets.painting import aligned, text_painter
from netwatch_tray.window.widgets.theme import GAP, Theme, text_width

_ICON = 16


class SearchField(LineEdit):
    """A text field with a search symbol, a button that clears it, and the number of matches."""

    def __init__(self, theme: Theme, placeholder: str, name: str) -> None:
        self._count = ""
        self._wrong = ""
        self._search, self._clear = QAction(), QAction()
        super().__init__(theme, name)
        self.setTextMargins(2, 0, 0, 0)
        self.setPlaceholderText(placeholder)
        self._clear.setToolTip(self.tr("Clear the filter (Escape)"))
        self._clear.triggered.connect(self.clear)
        self.addAction(self._search, QLineEdit.ActionPosition.LeadingPosition)
        self.addAction(self._clear, QLineEdit.ActionPosition.TrailingPosition)
        self.textChanged.connect(lambda text: self._clear.setVisible(bool(text)))
        self._clear.setVisible(False)

    def focus_and_select(self) -> None:
        """Focus the field and select its text."""
        self.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.selectAll()

    def handle_escape(self, table: QTableView) -> bool:
        """Handle Escape by one step: clear the text, else leave the field, else clear the selection of the table.

        Return whether there was anything to do.
        """
        if self.text():
            self.clear()
        elif self.hasFocus():
            table.setFocus()
        elif table.selectionModel().hasSelection():
            table.clearSelection()
        else:
            return False
        return True

    def show_count(self, count: str) -> None:
        """Show the number of matches, as text, at the end of the field (right, in Arabic left)."""
        if count == self._count:
            return
        self._count = count
        # Reserve room for the count, so that the text never overlaps it.
        width = text_width(self._theme.fonts.small, count)
        self.setTextMargins(2, 0, width + GAP if count else 0, 0)
        self.update()

    def show_error(self, token: str) -> None:
        """Underline the part of the text that is invalid, `token`; an empty one removes the underline."""
        self._wrong = token
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if self._count:
            painter = text_painter(self)
            painter.setFont(self._theme.fonts.small)
            painter.setPen(self._theme.tokens.ink3)
            right = 30 if self.text() else 10
            align = Qt.AlignmentFlag.AlignTrailing | Qt.AlignmentFlag.AlignVCenter
            painter.drawText(self.rect().adjusted(right, 0, -right, 0), aligned(self, align), self._count)
            painter.end()
        if self._wrong:
            self._underline()

    def _border(self) -> QColor:
        return self._theme.tokens.err if self._wrong else super()._border()

    def _underline(self) -> None:
        """Draw the underline below the invalid part of the text, as far as that is visible."""
        place = self.text().lower().find(self._wrong)
        if place < 0:
            return
        metrics = self.fontMetrics()
        # Qt reports only the cursor's position. The invalid part is at the width of the text in between.
        cursor = self.cursorRect().center().x()
        start = cursor - metrics.horizontalAdvance(self.text()[place : self.cursorPosition()])
        if place > self.cursorPosition():
            start = cursor + metrics.horizontalAdvance(self.text()[self.cursorPosition() : place])
        end = start + metrics.horizontalAdvance(self.text()[place : place + len(self._wrong)])
        y = (self.height() + metrics.ascent() + metrics.descent()) / 2
        painter = QPainter(self)
        painter.setPen(QPen(self._theme.tokens.err, 1.5))
        painter.drawLine(QPointF(max(30, start), y), QPointF(min(self.width() - 30, end), y))

    def _colour(self) -> None:
        super()._colour()
        tokens, ratio = self._theme.tokens, self.devicePixelRatioF()
        self._search.setIcon(QIcon(icon("search", _ICON, tokens.ink3, ratio)))
        self._clear.setIcon(QIcon(icon("close", _ICON, tokens.ink3, ratio)))
