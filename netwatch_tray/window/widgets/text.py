"""Labels: a line of text that is elided if it is too long, or a paragraph that wraps. Unprintable characters are
replaced."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPointF, QSize, Qt
from PySide6.QtGui import QFont, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QLabel, QSizePolicy

from netwatch_tray.text import printable, printable_lines, qt_tool_tip
from netwatch_tray.window.widgets.painting import aligned, hair_line, text_painter
from netwatch_tray.window.widgets.theme import Theme, text_width, tint


class Text(QLabel):
    """A line of text. If it is too long, it ends with an ellipsis, and the tooltip has the whole text."""

    def __init__(self, theme: Theme, font: QFont, ink: str = "ink") -> None:
        """`ink`: the name of a colour in `Tokens`."""
        super().__init__()
        self._theme = theme
        self._ink = ink
        self._branch = 0
        self.setFont(font)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)

    def set_ink(self, ink: str) -> None:
        if ink != self._ink:
            self._ink = ink
            self.update()

    def set_branch(self, width: int) -> None:
        """Indent the text by `width` dip and draw a branch before it, as in the view of a tree. 0: no indentation."""
        if width != self._branch:
            self._branch = width
            right_to_left = self.layoutDirection() == Qt.LayoutDirection.RightToLeft
            self.setContentsMargins(0 if right_to_left else width, 0, width if right_to_left else 0, 0)
            self.update()

    def setText(self, text: str) -> None:
        super().setText(printable(text))

    def minimumSizeHint(self) -> QSize:
        return QSize(0, super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._update_tooltip()

    def show_text(self, text: str) -> None:
        """Set the text unless it is the same."""
        if text != self.text():
            self.setText(text)
            self._update_tooltip()

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = text_painter(self)
        painter.setPen(getattr(self._theme.tokens, self._ink))
        box = self.contentsRect()
        elided = self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, box.width())
        painter.drawText(box, aligned(self, self.alignment() | Qt.AlignmentFlag.AlignVCenter), elided)
        if self._branch:
            right_to_left = self.layoutDirection() == Qt.LayoutDirection.RightToLeft
            end, inward = (box.right() + 4, 1) if right_to_left else (box.left() - 4, -1)
            painter.setPen(hair_line(self._theme.tokens.ctl))
            corner = QPointF(end + 8.5 * inward, self.height() / 2)
            painter.drawLine(QPointF(corner.x(), 2), corner)
            painter.drawLine(corner, QPointF(end, corner.y()))

    def _update_tooltip(self) -> None:
        cut = text_width(self.font(), self.text()) > self.contentsRect().width()
        self.setToolTip(qt_tool_tip(self.text()) if cut else "")


class FittingText(Text):
    """A line of text that has versions of different length. It shows the longest that fits; the tooltip has the longest
    of all."""

    def __init__(self, theme: Theme, font: QFont, ink: str = "ink") -> None:
        super().__init__(theme, font, ink)
        self._texts: Sequence[str] = ("",)

    def show_first_of(self, *texts: str) -> None:
        """Set the versions of the text, longest first, and show the first that fits."""
        self._texts = texts or ("",)
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        room = self.contentsRect().width()
        self.show_text(next((text for text in self._texts if text_width(self.font(), text) <= room), self._texts[-1]))
        self._update_tooltip()

    def _update_tooltip(self) -> None:
        super()._update_tooltip()
        if self.text() != self._texts[0]:
            self.setToolTip(qt_tool_tip(self._texts[0]))


class Paragraph(QLabel):
    """Text that wraps into as many lines as it needs."""

    def __init__(self, theme: Theme, font: QFont, ink: str = "ink2") -> None:
        """`ink`: the name of a colour in `Tokens`."""
        super().__init__()
        self._theme = theme
        self._ink = ink
        self.setFont(font)
        self.setWordWrap(True)
        self.setTextFormat(Qt.TextFormat.PlainText)
        theme.changed.connect(self._colour)
        self._colour()

    def set_ink(self, ink: str) -> None:
        if ink != self._ink:
            self._ink = ink
            self._colour()

    def setText(self, text: str) -> None:
        super().setText(printable_lines(text))

    def show_text(self, text: str) -> None:
        """Set the text unless it is the same."""
        if text != self.text():
            self.setText(text)

    def _colour(self) -> None:
        tint(self, getattr(self._theme.tokens, self._ink))
