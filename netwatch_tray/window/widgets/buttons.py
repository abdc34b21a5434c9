"""Flat buttons, neutral in colour, with a focus ring for the keyboard."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPoint, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontMetrics, QKeySequence, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QButtonGroup, QHBoxLayout, QPushButton, QSizePolicy, QWidget

from netwatch_tray.text import printable
from netwatch_tray.window.widgets.icons import icon
from netwatch_tray.window.widgets.painting import aligned, draw_ring, text_painter
from netwatch_tray.window.widgets.theme import CONTROL_RADIUS, ICON_GAP, Theme, text_width

_ICON = 16


class FlatButton(QPushButton):
    """A button with a text and optionally a symbol before or after it. Base class: subclasses draw the background."""

    _height = 28
    _padding = 12
    _radius = CONTROL_RADIUS
    _leads = False
    """Whether the text begins at the leading side (left, in Arabic right) even without a symbol; else it is centred."""

    def __init__(self, theme: Theme, text: str, symbol: str | None = None, trailing: str | None = None) -> None:
        super().__init__()
        self._theme = theme
        self._symbol = symbol
        self._trailing = trailing
        self.setText(text)
        # A focus ring after a mouse click would only distract; Tab and shortcuts show it.
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def setText(self, text: str) -> None:
        """Set the text. Other than in Qt, an ampersand is shown, and defines no shortcut."""
        super().setText(printable(text))
        self.setShortcut(QKeySequence())

    def sizeHint(self) -> QSize:
        # Measure in bold, the widest font: checking a button must not move its neighbours.
        text = text_width(self._theme.fonts.strong, self.text())
        height = self._theme.height(self._height)
        if not self.text():
            return QSize(height, height)  # a symbol alone
        symbols = sum(_ICON + ICON_GAP for name in (self._symbol, self._trailing) if name)
        return QSize(text + symbols + 2 * self._padding, height)

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = text_painter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._draw_background(painter, QRectF(self.rect()))
        self._draw_content(painter)
        if self.hasFocus():
            draw_ring(painter, self._theme, QRectF(self.rect()), self._radius)

    def _draw_background(self, painter: QPainter, box: QRectF) -> None:
        tokens = self._theme.tokens
        painter.setPen(QPen(tokens.ctl if self.isEnabled() else tokens.line, 1))
        painter.setBrush(tokens.hover if self.underMouse() or self.isDown() else tokens.surface)
        painter.drawRoundedRect(box.adjusted(0.5, 0.5, -0.5, -0.5), self._radius, self._radius)

    def _colour_and_font(self) -> tuple[QColor, QFont]:
        tokens = self._theme.tokens
        return tokens.ink if self.isEnabled() else tokens.ink3, self._theme.fonts.base

    def _draw_content(self, painter: QPainter) -> None:
        colour, font = self._colour_and_font()
        padding = self._padding if self.text() else (self.width() - _ICON) // 2
        box = self.rect().adjusted(padding, 0, -padding, 0)
        middle = (box.height() - _ICON) // 2
        right_to_left = self.layoutDirection() == Qt.LayoutDirection.RightToLeft
        for name, is_first in ((self._symbol, True), (self._trailing, False)):
            if not name:
                continue
            pixmap = icon(name, _ICON, colour, self.devicePixelRatioF())
            if is_first != right_to_left:
                painter.drawPixmap(QPoint(box.left(), box.top() + middle), pixmap)
                box.setLeft(box.left() + _ICON + ICON_GAP)
            else:
                painter.drawPixmap(QPoint(box.right() + 1 - _ICON, box.top() + middle), pixmap)
                box.setRight(box.right() - _ICON - ICON_GAP)
        painter.setPen(colour)
        painter.setFont(font)
        text = QFontMetrics(font).elidedText(self.text(), Qt.TextElideMode.ElideRight, box.width())
        align = Qt.AlignmentFlag.AlignVCenter
        leads = self._leads or self._symbol is not None or self._trailing is not None
        align |= Qt.AlignmentFlag.AlignLeading if leads else Qt.AlignmentFlag.AlignHCenter
        painter.drawText(box, aligned(self, align), text)


class Tab(FlatButton):
    """A checkable button that selects a page of the window or a section of a page."""

    _height = 30
    _leads = True

    def __init__(self, theme: Theme, text: str, symbol: str | None) -> None:
        super().__init__(theme, text, symbol)
        self.setCheckable(True)

    def _draw_background(self, painter: QPainter, box: QRectF) -> None:
        tokens = self._theme.tokens
        if self.isChecked() or self.underMouse():
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(tokens.select if self.isChecked() else tokens.line)
            painter.drawRoundedRect(box, CONTROL_RADIUS, CONTROL_RADIUS)

    def _colour_and_font(self) -> tuple[QColor, QFont]:
        tokens, fonts = self._theme.tokens, self._theme.fonts
        return (tokens.ink, fonts.strong) if self.isChecked() else (tokens.ink2, fonts.medium)


class LinkButton(FlatButton):
    """A button that is drawn as small underlined text, for an action that belongs to a sentence."""

    _height = 20
    _padding = 2

    def sizeHint(self) -> QSize:
        return QSize(
            text_width(self._theme.fonts.small, self.text()) + 2 * self._padding, self._theme.height(self._height)
        )

    def _draw_background(self, painter: QPainter, _box: QRectF) -> None:
        tokens = self._theme.tokens
        metrics = QFontMetrics(self._theme.fonts.small)
        y = (self.height() + metrics.ascent() - metrics.descent()) / 2 + 3
        painter.setPen(QPen(tokens.ink if self.underMouse() else tokens.ctl, 1))
        painter.drawLine(QPointF(self._padding, y), QPointF(self.width() - self._padding, y))

    def _colour_and_font(self) -> tuple[QColor, QFont]:
        return self._theme.tokens.ink2, self._theme.fonts.small


class ToolButton(FlatButton):
    """A button without a border, for an action of the window, a pane or a chart."""

    _height = 30

    def show_symbol(self, symbol: str, text: str) -> None:
        """Replace symbol and text, because a click has another effect from now on. The width does not change."""
        self._symbol = symbol
        self.setText(text)
        self.update()

    def _draw_background(self, painter: QPainter, box: QRectF) -> None:
        if self.isChecked() or self.underMouse():
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(self._theme.tokens.select if self.isChecked() else self._theme.tokens.line)
            painter.drawRoundedRect(box, CONTROL_RADIUS, CONTROL_RADIUS)


class _Segment(FlatButton):
    _padding = 9

    def __init__(self, theme: Theme, text: str) -> None:
        super().__init__(theme, text)
        self.setCheckable(True)

    def _draw_background(self, painter: QPainter, box: QRectF) -> None:
        if self.isChecked():
            tokens = self._theme.tokens
            painter.setPen(QPen(tokens.ctl, 1))
            painter.setBrush(tokens.surface)
            painter.drawRoundedRect(box.adjusted(0.5, 0.5, -0.5, -0.5), CONTROL_RADIUS, CONTROL_RADIUS)

    def _colour_and_font(self) -> tuple[QColor, QFont]:
        tokens, fonts = self._theme.tokens, self._theme.fonts
        return (tokens.ink, fonts.strong) if self.isChecked() else (tokens.ink2, fonts.base)


class Segments(QWidget):
    """A segmented control: a few choices side by side, one of which is checked."""

    chosen = Signal(int)
    """The user has made a choice; carries its index."""

    def __init__(self, theme: Theme, texts: Sequence[str], name: str) -> None:
        super().__init__()
        self._theme = theme
        self.setAccessibleName(name)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        self._group = QButtonGroup(self)
        for index, text in enumerate(texts):
            segment = _Segment(theme, text)
            self._group.addButton(segment, index)
            row.addWidget(segment)
        self._group.idToggled.connect(self._toggled)

    def choose(self, index: int) -> None:
        self._group.button(index).setChecked(True)

    def chosen_index(self) -> int:
        """Return the index of the checked choice."""
        return self._group.checkedId()

    def button(self, index: int) -> QAbstractButton:
        return self._group.button(index)

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self._theme.tokens.select)
        painter.drawRoundedRect(self.rect(), CONTROL_RADIUS, CONTROL_RADIUS)

    def _toggled(self, index: int, checked: bool) -> None:
        if checked:
            self.chosen.emit(index)
