"""The window's own controls: flat, neutral in colour, with a focus ring for the keyboard."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

from PySide6.QtCore import QPoint, QPointF, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFont,
    QFontMetrics,
    QKeySequence,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
)
from PySide6.QtWidgets import (
    QAbstractButton,
    QButtonGroup,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollBar,
    QSizePolicy,
    QStyle,
    QWidget,
)

from netwatch_tray import units
from netwatch_tray.text import printable, printable_lines, qt_tool_tip
from netwatch_tray.units import Units
from netwatch_tray.window.widgets.icons import icon
from netwatch_tray.window.widgets.theme import CONTROL_RADIUS, GAP, ICON_GAP, RING, Theme, text_width, tint

_ICON = 16
_HATCH = 8


def hair_line(colour: QColor) -> QPen:
    """One device pixel wide at every scale."""
    pen = QPen(colour, 0)
    pen.setCosmetic(True)
    return pen


def draw_line_below(painter: QPainter, box: QRect, colour: QColor) -> None:
    """A hair line along the lower edge, without a hole where the next box begins."""
    y = box.bottom() + 0.5
    painter.setPen(hair_line(colour))
    painter.drawLine(QPointF(box.left(), y), QPointF(box.right() + 1, y))


def draw_hatch(painter: QPainter, box: QRectF) -> None:
    """With the painter's pen; for time in which nothing was measured."""
    painter.save()
    painter.setClipRect(box)
    height = math.ceil(box.height())
    # From a fixed origin, so that the lines stand still while the box moves.
    first = math.floor(box.left() / _HATCH) * _HATCH - math.ceil(height / _HATCH) * _HATCH
    for foot in range(first, math.ceil(box.right()), _HATCH):
        painter.drawLine(QPointF(foot, box.bottom()), QPointF(foot + height, box.top()))
    painter.restore()


def draw_ring(painter: QPainter, theme: Theme, box: QRectF, radius: float) -> None:
    """The focus ring, just inside `box`."""
    inset = RING / 2
    painter.setPen(QPen(theme.tokens.focus, RING))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawRoundedRect(box.adjusted(inset, inset, -inset, -inset), radius, radius)


def text_painter(widget: QWidget) -> QPainter:
    """Puts each text in the order of its own letters, so that `12.4 MB/s` is that also where lines run leftwards."""
    painter = QPainter(widget)
    painter.setLayoutDirection(Qt.LayoutDirection.LayoutDirectionAuto)
    return painter


def aligned(widget: QWidget, alignment: Qt.AlignmentFlag) -> Qt.AlignmentFlag:
    """As seen on the screen: where lines run leftwards in this widget, left is right."""
    return QStyle.visualAlignment(widget.layoutDirection(), alignment)


class FlatButton(QPushButton):
    """Text, optionally with a symbol before or a cross behind it; the kinds below differ in their ground."""

    _height = 28
    _padding = 12
    _leads = False
    """The text stands at the leading side also without a symbol."""

    def __init__(self, theme: Theme, text: str, symbol: str | None = None, trailing: str | None = None) -> None:
        super().__init__()
        self._theme = theme
        self._symbol = symbol
        self._trailing = trailing
        self.setText(text)
        # A ring after a click of the mouse would only be noise; Tab and shortcuts show it.
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def setText(self, text: str) -> None:
        """Drawn as it is; an ampersand in it makes no shortcut."""
        super().setText(printable(text))
        self.setShortcut(QKeySequence())

    def sizeHint(self) -> QSize:
        # Bold is the widest: being checked must not move the neighbours.
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
        self._draw_ground(painter, QRectF(self.rect()))
        self._draw_content(painter)
        if self.hasFocus():
            draw_ring(painter, self._theme, QRectF(self.rect()), CONTROL_RADIUS)

    def _draw_ground(self, painter: QPainter, box: QRectF) -> None:
        tokens = self._theme.tokens
        painter.setPen(QPen(tokens.ctl if self.isEnabled() else tokens.line, 1))
        painter.setBrush(tokens.hover if self.underMouse() or self.isDown() else tokens.surface)
        painter.drawRoundedRect(box.adjusted(0.5, 0.5, -0.5, -0.5), CONTROL_RADIUS, CONTROL_RADIUS)

    def _look(self) -> tuple[QColor, QFont]:
        tokens = self._theme.tokens
        return tokens.ink if self.isEnabled() else tokens.ink3, self._theme.fonts.base

    def _draw_content(self, painter: QPainter) -> None:
        colour, font = self._look()
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
    """Chooses a page, or without a symbol a part of one."""

    _height = 30
    _leads = True

    def __init__(self, theme: Theme, text: str, symbol: str | None) -> None:
        super().__init__(theme, text, symbol)
        self.setCheckable(True)

    def _draw_ground(self, painter: QPainter, box: QRectF) -> None:
        tokens = self._theme.tokens
        if self.isChecked() or self.underMouse():
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(tokens.select if self.isChecked() else tokens.line)
            painter.drawRoundedRect(box, CONTROL_RADIUS, CONTROL_RADIUS)

    def _look(self) -> tuple[QColor, QFont]:
        tokens, fonts = self._theme.tokens, self._theme.fonts
        return (tokens.ink, fonts.strong) if self.isChecked() else (tokens.ink2, fonts.medium)


class Link(FlatButton):
    """A sentence's own action: small underlined text."""

    _height = 20
    _padding = 2

    def sizeHint(self) -> QSize:
        return QSize(
            text_width(self._theme.fonts.small, self.text()) + 2 * self._padding, self._theme.height(self._height)
        )

    def _draw_ground(self, painter: QPainter, _box: QRectF) -> None:
        tokens = self._theme.tokens
        metrics = QFontMetrics(self._theme.fonts.small)
        y = (self.height() + metrics.ascent() - metrics.descent()) / 2 + 3
        painter.setPen(QPen(tokens.ink if self.underMouse() else tokens.ctl, 1))
        painter.drawLine(QPointF(self._padding, y), QPointF(self.width() - self._padding, y))

    def _look(self) -> tuple[QColor, QFont]:
        return self._theme.tokens.ink2, self._theme.fonts.small


class ToolButton(FlatButton):
    """An action of the whole window, without a border."""

    _height = 30

    def show_symbol(self, symbol: str, text: str) -> None:
        """Another action from now on; the width stays."""
        self._symbol = symbol
        self.setText(text)
        self.update()

    def _draw_ground(self, painter: QPainter, box: QRectF) -> None:
        if self.isChecked() or self.underMouse():
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(self._theme.tokens.select if self.isChecked() else self._theme.tokens.line)
            painter.drawRoundedRect(box, CONTROL_RADIUS, CONTROL_RADIUS)


class _Segment(FlatButton):
    _padding = 9

    def __init__(self, theme: Theme, text: str) -> None:
        super().__init__(theme, text)
        self.setCheckable(True)

    def _draw_ground(self, painter: QPainter, box: QRectF) -> None:
        if self.isChecked():
            tokens = self._theme.tokens
            painter.setPen(QPen(tokens.ctl, 1))
            painter.setBrush(tokens.surface)
            painter.drawRoundedRect(box.adjusted(0.5, 0.5, -0.5, -0.5), CONTROL_RADIUS, CONTROL_RADIUS)

    def _look(self) -> tuple[QColor, QFont]:
        tokens, fonts = self._theme.tokens, self._theme.fonts
        return (tokens.ink, fonts.strong) if self.isChecked() else (tokens.ink2, fonts.base)


class Segments(QWidget):
    """One of a few, side by side. `chosen` gives the index."""

    chosen = Signal(int)

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


class Text(QLabel):
    """A line of text that ends in … where it has no room, and then shows itself whole in a tooltip."""

    def __init__(self, theme: Theme, font: QFont, ink: str = "ink") -> None:
        """`ink`: the name of a token."""
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
        """Indents the text by `width` dip, at the end of a branch that comes from the row above."""
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
        self._explain()

    def show_text(self, text: str) -> None:
        if text != self.text():
            self.setText(text)
            self._explain()

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

    def _explain(self) -> None:
        cut = text_width(self.font(), self.text()) > self.contentsRect().width()
        self.setToolTip(qt_tool_tip(self.text()) if cut else "")


class Paragraph(QLabel):
    """Text of as many lines as it takes."""

    def __init__(self, theme: Theme, font: QFont, ink: str = "ink2") -> None:
        """`ink`: the name of a token."""
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
        if text != self.text():
            self.setText(text)

    def _colour(self) -> None:
        tint(self, getattr(self._theme.tokens, self._ink))


class RateReadout(QWidget):
    """One big live rate: arrow, number and unit in slots of their own, so that a change moves nothing."""

    _WIDEST_NUMBER = "0000"

    def __init__(self, theme: Theme, arrow: str) -> None:
        super().__init__()
        self._theme = theme
        self._arrow = arrow
        self._quantity = units.rate(None)
        self._units = Units()
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        arrow, number, unit = self._slots()
        return QSize(arrow + number + GAP // 2 + unit, QFontMetrics(self._theme.fonts.rate).height())

    def show_rate(self, rate: float | None, shown_in: Units, why_unknown: str) -> None:
        quantity = units.rate(rate, shown_in)
        if shown_in != self._units:
            self._units = shown_in
            self.updateGeometry()
        direction = self.tr("download") if self._arrow == units.DOWN else self.tr("upload")
        spoken = self.tr("{direction} {rate}").format(
            direction=direction, rate=self.tr("unknown") if rate is None else quantity
        )
        self.setAccessibleName(spoken)
        self.setToolTip(why_unknown if rate is None else "")
        if quantity != self._quantity:
            self._quantity = quantity
            self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        tokens, fonts = self._theme.tokens, self._theme.fonts
        painter = QPainter(self)
        arrow, number, _unit = self._slots()
        known = self._quantity.value != units.UNKNOWN
        base = QFontMetrics(fonts.rate).ascent()
        painter.setFont(fonts.rate)
        painter.setPen((tokens.down if self._arrow == units.DOWN else tokens.up) if known else tokens.ink3)
        painter.drawText(QPoint(0, base), self._arrow)
        painter.setPen(tokens.ink if known else tokens.ink3)
        advance = text_width(fonts.rate, self._quantity.value)
        painter.drawText(QPoint(arrow + number - advance, base), self._quantity.value)
        painter.setFont(fonts.base)
        painter.setPen(tokens.ink2)
        painter.drawText(QPoint(arrow + number + GAP // 2, base), self._quantity.unit)

    def _slots(self) -> tuple[int, int, int]:
        fonts = self._theme.fonts
        return (
            text_width(fonts.rate, self._arrow) + GAP // 2,
            text_width(fonts.rate, self._WIDEST_NUMBER),
            widest_unit(fonts.base, self._units),
        )


@lru_cache
def rate_units(shown_in: Units) -> tuple[str, ...]:
    """Those that a rate can come in."""
    step = 1024 if shown_in.binary else 1000
    return tuple(units.rate(step**power, shown_in).unit for power in range(5))


def widest_unit(font: QFont, shown_in: Units) -> int:
    """Width of the widest unit a rate can come in."""
    return max(text_width(font, unit) for unit in rate_units(shown_in))


class Strip(QWidget):
    """A row of controls on the window's ground, closed by a line below (or above)."""

    def __init__(self, theme: Theme, height: int, *, line_above: bool = False) -> None:
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


class SlimScrollBar(QScrollBar):
    """A plain handle without arrows. Painted: a style sheet would bring the style sheet engine along, 0.6 MB."""

    _THICKNESS, _INSET, _LEAST = 12, 3, 32

    def __init__(self, theme: Theme, orientation: Qt.Orientation = Qt.Orientation.Vertical) -> None:
        super().__init__(orientation)
        self._theme = theme
        self._grip = 0.0
        """Where the mouse holds the handle, dip from its beginning."""
        theme.changed.connect(self.update)

    def sizeHint(self) -> QSize:
        size = QSize(self._THICKNESS, 2 * self._THICKNESS)
        return size if self._is_vertical() else size.transposed()

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), self._theme.tokens.surface)
        start, length = self._handle()
        if not length:
            return
        thick, inset = self._THICKNESS, self._INSET
        handle = QRectF(0, start, thick, length) if self._is_vertical() else QRectF(start, 0, length, thick)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self._theme.tokens.ctl)
        painter.drawRoundedRect(handle.adjusted(inset, inset, -inset, -inset), 3, 3)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        (start, length), place = self._handle(), self._along(event)
        if event.button() == Qt.MouseButton.LeftButton and length:
            # Beside the handle: to there, by its middle.
            self._grip = place - start if start <= place < start + length else length / 2
            self.setSliderDown(True)
            self._drag(place)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self.isSliderDown():
            self._drag(self._along(event))

    def mouseReleaseEvent(self, _event: QMouseEvent) -> None:
        self.setSliderDown(False)

    def _is_vertical(self) -> bool:
        return self.orientation() == Qt.Orientation.Vertical

    def _along(self, event: QMouseEvent) -> float:
        return event.position().y() if self._is_vertical() else event.position().x()

    def _drag(self, place: float) -> None:
        way = self._whole() - self._handle()[1]
        if way > 0:
            self.setValue(self.minimum() + round((place - self._grip) / way * (self.maximum() - self.minimum())))

    def _whole(self) -> int:
        return self.height() if self._is_vertical() else self.width()

    def _handle(self) -> tuple[float, float]:
        """Where it begins and how long it is, as what is seen is of the whole; 0: all is seen."""
        hidden, whole = self.maximum() - self.minimum(), self._whole()
        if hidden <= 0:
            return 0.0, 0.0
        length = min(whole, max(self._LEAST, whole * self.pageStep() / (hidden + self.pageStep())))
        return (whole - length) * (self.value() - self.minimum()) / hidden, length
