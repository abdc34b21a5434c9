"""Widgets for settings: a row with label and control, a switch, a radio button, a field for numbers."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, QLocale, QPointF, QRect, QSize, Qt
from PySide6.QtGui import QFontMetrics, QPainter, QPaintEvent, QPen, QWheelEvent
from PySide6.QtWidgets import (
    QAbstractButton,
    QDoubleSpinBox,
    QGraphicsOpacityEffect,
    QHBoxLayout,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from netwatch_tray.window.widgets.formatting import unbroken
from netwatch_tray.window.widgets.line_edit import colour_field, draw_field
from netwatch_tray.window.widgets.painting import draw_ring, hair_line
from netwatch_tray.window.widgets.text import Paragraph
from netwatch_tray.window.widgets.theme import CONTROL_RADIUS, GAP, MARGIN, Theme

_ROW = 38
_CIRCLE = 16
_DISABLED_OPACITY = 0.6


class Switch(QAbstractButton):
    """A switch for on and off."""

    def __init__(self, theme: Theme, name: str) -> None:
        super().__init__()
        self._theme = theme
        self.setCheckable(True)
        self.setAccessibleName(name)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        return QSize(self._theme.height(36), self._theme.height(20))

    def paintEvent(self, _event: QPaintEvent) -> None:
        tokens, box = self._theme.tokens, self.rect()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        on = self.isChecked()
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(tokens.accent if on else tokens.ctl)
        radius = box.height() / 2
        painter.drawRoundedRect(box, radius, radius)
        painter.setBrush(tokens.surface)
        knob = box.height() - 6
        at_end = on != (self.layoutDirection() == Qt.LayoutDirection.RightToLeft)
        painter.drawEllipse(box.right() - 2 - knob if at_end else 3, 3, knob, knob)
        if self.hasFocus():
            draw_ring(painter, self._theme, box.toRectF(), radius)


class Choice(QAbstractButton):
    """A radio button with a sentence of help. Of those with the same parent, only one can be checked."""

    def __init__(self, theme: Theme, text: str, help_text: str) -> None:
        super().__init__()
        self._theme = theme
        self._help = help_text
        self.setText(text)
        self.setCheckable(True)
        self.setAutoExclusive(True)
        self.setAccessibleName(text)
        self.setAccessibleDescription(help_text)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Preferred)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    def sizeHint(self) -> QSize:
        return QSize(320, self.heightForWidth(320))

    def minimumSizeHint(self) -> QSize:
        return QSize(160, self._title_height())

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        return self._title_height() + self._help_box(width).height() + GAP

    def paintEvent(self, _event: QPaintEvent) -> None:
        tokens, fonts = self._theme.tokens, self._theme.fonts
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        right_to_left = self.layoutDirection() == Qt.LayoutDirection.RightToLeft
        middle = QPointF(self.width() - _CIRCLE / 2 - 2 if right_to_left else _CIRCLE / 2 + 2, self._title_height() / 2)
        painter.setBrush(tokens.surface)
        if self.isChecked():
            painter.setPen(QPen(tokens.accent, 5))
            painter.drawEllipse(middle, _CIRCLE / 2 - 2.5, _CIRCLE / 2 - 2.5)
        else:
            painter.setPen(QPen(tokens.ctl, 1.25))
            painter.drawEllipse(middle, _CIRCLE / 2 - 1, _CIRCLE / 2 - 1)
        align = Qt.AlignmentFlag.AlignLeading | Qt.AlignmentFlag.AlignVCenter
        painter.setFont(fonts.base)
        painter.setPen(tokens.ink)
        left = 0 if right_to_left else self._indent()
        painter.drawText(QRect(left, 0, self.width() - self._indent(), self._title_height()), align, self.text())
        painter.setFont(fonts.small)
        painter.setPen(tokens.ink2)
        box = self._help_box(self.width()).translated(left, self._title_height())
        box.setWidth(self.width() - self._indent())
        painter.drawText(box, Qt.AlignmentFlag.AlignLeading | Qt.TextFlag.TextWordWrap, self._help)
        if self.hasFocus():
            draw_ring(painter, self._theme, self.rect().adjusted(-2, 0, 2, -4).toRectF(), CONTROL_RADIUS)

    def _indent(self) -> int:
        return _CIRCLE + 2 + GAP

    def _title_height(self) -> int:
        return QFontMetrics(self._theme.fonts.base).height() + 4

    def _help_box(self, width: int) -> QRect:
        room = QRect(0, 0, max(1, width - self._indent()), 10_000)
        return QFontMetrics(self._theme.fonts.small).boundingRect(room, Qt.TextFlag.TextWordWrap, self._help)


class Number(QDoubleSpinBox):
    """A field for a number, which the user types or changes by the arrow keys. The mouse wheel does not change it,
    because it scrolls the page."""

    def __init__(
        self, theme: Theme, name: str, least: float, most: float, *, suffix: str = "", decimals: int = 0
    ) -> None:
        super().__init__()
        self._theme = theme
        self.setButtonSymbols(QDoubleSpinBox.ButtonSymbols.NoButtons)
        self.setFrame(False)
        self.setDecimals(decimals)
        self.setRange(least, most)
        self.setSuffix(suffix)
        self.setAccessibleName(name)
        self.setFont(theme.fonts.base)
        self.setKeyboardTracking(False)  # the value counts once typing is finished
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setFixedHeight(theme.height(30))
        self.setMinimumWidth(theme.height(120))
        self.lineEdit().setTextMargins(6, 0, 6, 0)
        theme.changed.connect(self._colour)
        self._colour()

    def textFromValue(self, value: float) -> str:
        locale = QLocale(self.locale())
        locale.setNumberOptions(QLocale.NumberOption.OmitGroupSeparator)  # which the field cannot parse
        return locale.toString(value, ord("f"), 0 if value == round(value) else self.decimals())

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        draw_field(painter, self._theme, self.rect().toRectF(), self._theme.tokens.ctl, has_focus=self.hasFocus())

    def _colour(self) -> None:
        colour_field(self.lineEdit(), self._theme)

    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()


class FormRow(QWidget):
    """A row of a form: a label with a text of help below it on one side, a control on the other."""

    def __init__(self, theme: Theme, label: str, help_text: str, control: QWidget | None = None) -> None:
        super().__init__()
        self._theme = theme
        self.control = control
        self._help_text = ""
        self._is_managed = False
        self.name = Paragraph(theme, theme.fonts.base, "ink")
        self.name.show_text(label)
        self.help = Paragraph(theme, theme.fonts.small)
        self.show_help(help_text)
        said = QVBoxLayout()
        said.setSpacing(1)
        said.addStretch(1)
        said.addWidget(self.name)
        said.addWidget(self.help)
        said.addStretch(1)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 5, 0, 6)
        row.setSpacing(MARGIN)
        row.addLayout(said, 1)
        if control is not None:
            row.addWidget(control)
        self.setMinimumHeight(theme.height(_ROW))

    def show_help(self, help_text: str, ink: str = "ink2") -> None:
        """Set the text of help below the label. `ink`: name of its colour in `Tokens`."""
        self._help_text = help_text
        shown = " ".join(filter(None, (managed_words() if self._is_managed else "", help_text)))
        self.help.set_ink(ink)
        self.help.show_text(unbroken(shown))
        self.help.setVisible(bool(shown))

    def show_managed(self, is_managed: bool) -> None:
        """Set whether only the administrator can change the setting. If so, disable the control and show the reason."""
        if is_managed != self._is_managed:
            self._is_managed = is_managed
            self.show_help(self._help_text)
            if self.control is not None:
                disable(self.control, is_managed)

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setPen(hair_line(self._theme.tokens.line))
        painter.drawLine(0, self.height() - 1, self.width(), self.height() - 1)


def managed_words() -> str:
    """Return a sentence for the user that only the administrator can change a setting."""
    return QCoreApplication.translate("Settings", "Set by your administrator.")


def disable(control: QWidget, is_disabled: bool) -> None:
    """Disable a control and draw it faintly, or undo both."""
    control.setEnabled(not is_disabled)
    effect = control.graphicsEffect()
    if effect is not None:
        effect.setEnabled(is_disabled)
    elif is_disabled:
        control.setGraphicsEffect(QGraphicsOpacityEffect(control, opacity=_DISABLED_OPACITY))


def beside(*widgets: QWidget) -> QWidget:
    """Return a widget that contains these controls side by side."""
    together = QWidget()
    row = QHBoxLayout(together)
    row.setContentsMargins(0, 0, 0, 0)
    row.setSpacing(GAP)
    for widget in widgets:
        row.addWidget(widget, 0, Qt.AlignmentFlag.AlignVCenter)
    return together
