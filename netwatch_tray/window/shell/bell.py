"""The bell: opens the Events page, and shows how many alerts the user has not seen."""

from __future__ import annotations

from PySide6.QtCore import QPoint, QRect, QSize, Qt
from PySide6.QtGui import QColor, QFont, QPainter

from netwatch_tray.window.widgets.buttons import ToolButton
from netwatch_tray.window.widgets.icons import icon
from netwatch_tray.window.widgets.painting import aligned
from netwatch_tray.window.widgets.theme import ICON_GAP, Theme, text_width

_ICON = 16
_PILL = 16
_PILL_PADDING = 5
_MOST = 99


class Bell(ToolButton):
    """The button of the Events page, at the other end of the row of tabs. It shows its name only while it is checked
    and there is room."""

    _padding = 8

    def __init__(self, theme: Theme, name: str) -> None:
        super().__init__(theme, "", "bell")
        self._name = name
        self._count = 0
        self._has_room = True
        self.setCheckable(True)
        self.toggled.connect(lambda _checked: self._show_name())
        self.show_count(0)

    def set_room(self, has_room: bool) -> None:
        """Set whether the window is wide enough for the name."""
        self._has_room = has_room
        self._show_name()

    def show_count(self, count: int) -> None:
        """Show the number of unseen alerts; no number for 0."""
        self._count = count
        one, many = self.tr("{name}, 1 new alert"), self.tr("{name}, {count} new alerts")
        spoken = (one if count == 1 else many).format(name=self._name, count=count) if count else self._name
        self.setAccessibleName(spoken)
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        height = self._theme.height(self._height)
        width = _ICON + 2 * self._padding
        if self.text():
            width += ICON_GAP + text_width(self._theme.fonts.strong, self.text())
        if self._count:
            width += ICON_GAP + self._pill().width()
        return QSize(max(height, width), height)

    def _colour_and_font(self) -> tuple[QColor, QFont]:
        tokens, fonts = self._theme.tokens, self._theme.fonts
        return tokens.ink, fonts.strong if self.isChecked() else fonts.base

    def _draw_content(self, painter: QPainter) -> None:
        colour, font = self._colour_and_font()
        fonts, tokens = self._theme.fonts, self._theme.tokens
        content = self.sizeHint().width() - 2 * self._padding
        box = self.rect().adjusted((self.width() - content) // 2, 0, 0, 0)
        box.setWidth(content)
        right_to_left = self.layoutDirection() == Qt.LayoutDirection.RightToLeft
        leading = aligned(self, Qt.AlignmentFlag.AlignLeading | Qt.AlignmentFlag.AlignVCenter)
        x = box.right() + 1 - _ICON if right_to_left else box.left()
        bell = icon("bell", _ICON, colour, self.devicePixelRatioF())
        painter.drawPixmap(QPoint(x, (self.height() - _ICON) // 2), bell)
        rest = box.adjusted(0, 0, -_ICON - ICON_GAP, 0) if right_to_left else box.adjusted(_ICON + ICON_GAP, 0, 0, 0)
        if self.text():
            painter.setFont(font)
            painter.setPen(colour)
            painter.drawText(rest, leading, self.text())
        if self._count:
            pill = self._pill()
            left = box.left() if right_to_left else box.right() + 1 - pill.width()
            pill.moveTo(left, (self.height() - pill.height()) // 2)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(tokens.accent)
            painter.drawRoundedRect(pill, pill.height() / 2, pill.height() / 2)
            painter.setFont(fonts.small_strong)
            painter.setPen(tokens.on_accent)
            painter.drawText(pill, Qt.AlignmentFlag.AlignCenter, self._number())

    def _show_name(self) -> None:
        self.setText(self._name if self.isChecked() and self._has_room else "")
        self.updateGeometry()

    def _number(self) -> str:
        return str(self._count) if self._count <= _MOST else f"{_MOST}+"

    def _pill(self) -> QRect:
        """Return the rectangle of the background of the number, with its upper left corner at (0, 0)."""
        height = self._theme.height(_PILL)
        text = text_width(self._theme.fonts.small_strong, self._number())
        return QRect(0, 0, max(height, text + 2 * _PILL_PADDING), height)
