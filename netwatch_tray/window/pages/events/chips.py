"""The row of chips (small buttons) that choose which kind of events is shown; those that do not fit are in a menu."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import partial

from PySide6.QtCore import QEvent, QPoint, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFont, QKeyEvent, QPainter, QPen, QResizeEvent
from PySide6.QtWidgets import QMenu, QSizePolicy, QWidget

from netwatch_tray.window.pages.events.kinds import Group, words_of
from netwatch_tray.window.pages.events.words import grouped
from netwatch_tray.window.widgets.buttons import FlatButton
from netwatch_tray.window.widgets.icons import icon
from netwatch_tray.window.widgets.theme import ICON_GAP, Theme, text_width

_GLYPH = 13
_APART = 6


class Chip(FlatButton):
    """A button for one group of events, with their number. While it is checked, only this group is shown."""

    _height = 26
    _padding = 9
    _radius = 4

    def __init__(self, theme: Theme, text: str, symbol: str | None) -> None:
        super().__init__(theme, text, symbol)
        self._note = ""
        self._is_muted = False
        self.setCheckable(True)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # ChipRow lets one chip at a time have it

    def show_count(self, number: int, *, is_muted: bool) -> None:
        self._is_muted = is_muted
        self._note = self.tr("muted") if is_muted else grouped(number)
        spoken = [self.text(), str(number), *([self.tr("muted")] if is_muted else [])]
        self.setAccessibleName(", ".join(spoken))
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        text = text_width(self._theme.fonts.strong, self.text())
        symbol = _GLYPH + ICON_GAP if self._symbol else 0
        note = text_width(self._theme.fonts.small_strong, self._note) + ICON_GAP if self._note else 0
        return QSize(symbol + text + note + 2 * self._padding, self._theme.height(self._height))

    def _draw_background(self, painter: QPainter, box: QRectF) -> None:
        tokens = self._theme.tokens
        pen = QPen(tokens.accent if self.isChecked() else tokens.ctl, 1)
        if self._is_muted and not self.isChecked():
            pen.setStyle(Qt.PenStyle.DashLine)
        painter.setPen(pen)
        ground = tokens.hover if self.underMouse() or self.isDown() else tokens.surface
        painter.setBrush(tokens.accent if self.isChecked() else ground)
        painter.drawRoundedRect(box.adjusted(0.5, 0.5, -0.5, -0.5), self._radius, self._radius)

    def _colour_and_font(self) -> tuple[QColor, QFont]:
        tokens, fonts = self._theme.tokens, self._theme.fonts
        if self.isChecked():
            return tokens.on_accent, fonts.strong
        return tokens.ink3 if self._is_muted else tokens.ink, fonts.base

    def _draw_content(self, painter: QPainter) -> None:
        colour, font = self._colour_and_font()
        fonts = self._theme.fonts
        right_to_left = self.layoutDirection() == Qt.LayoutDirection.RightToLeft
        note_font = fonts.small_strong if self.isChecked() else fonts.small
        note_colour = colour if self.isChecked() or self._is_muted else self._theme.tokens.ink3
        parts: list[tuple[str, QFont, QColor]] = [(self.text(), font, colour)]
        if self._note:
            parts.append((self._note, note_font, note_colour))
        place: float = self._padding
        if self._symbol:
            symbol = icon("bell-muted" if self._is_muted else self._symbol, _GLYPH, colour, self.devicePixelRatioF())
            left = round(self.width() - place - _GLYPH if right_to_left else place)
            painter.drawPixmap(QPoint(left, (self.height() - _GLYPH) // 2), symbol)
            place += _GLYPH + ICON_GAP
        for text, drawn_in, ink in parts:
            metrics = self._theme.metrics(drawn_in)
            base = (self.height() - self._theme.metrics(font).height) / 2 + self._theme.metrics(font).ascent
            width = metrics.width(text)
            x = self.width() - place - width if right_to_left else place
            painter.setFont(drawn_in)
            painter.setPen(ink)
            painter.drawText(QPointF(x, base), text)
            place += round(width) + ICON_GAP


class ChipRow(QWidget):
    """The chips, one of which is checked. Signal `chosen` carries the group of the checked one, None for all. The keys
    Left and Right move among the chips, Space checks one."""

    chosen = Signal(object)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._chosen: Group | None = None
        self._counts: Mapping[Group, int] = {}
        self._muted: Collection[Group] = ()
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(self.tr("Kinds of events"))
        self.chips: dict[Group | None, Chip] = {None: Chip(theme, self.tr("All"), None)}
        self.chips |= {group: Chip(theme, words_of(group).chip, group.value) for group in Group}
        self.more = Chip(theme, "", "more")
        self.more.setCheckable(False)
        self.more.clicked.connect(self._open_menu)
        for group, chip in self.chips.items():
            chip.setParent(self)
            chip.installEventFilter(self)
            chip.clicked.connect(partial(self.choose, group))
        self.more.setParent(self)
        self.more.installEventFilter(self)
        self._focus_on(self.chips[None])
        self.choose(None)

    @property
    def group(self) -> Group | None:
        """Return the group of the checked chip, or None for all."""
        return self._chosen

    def sizeHint(self) -> QSize:
        return QSize(0, self.chips[None].sizeHint().height())

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def show_counts(self, counts: Mapping[Group, int], muted: Collection[Group]) -> None:
        """Show the number of events of each group, and which groups are muted."""
        self._counts, self._muted = counts, muted
        self.chips[None].show_count(sum(counts.values()), is_muted=False)
        for group in Group:
            self.chips[group].show_count(counts.get(group, 0), is_muted=group in muted)
        self._arrange()

    def choose(self, group: Group | None) -> None:
        is_new = group is not self._chosen
        self._chosen = group
        for each, chip in self.chips.items():
            chip.setChecked(each is group)
        self._arrange()
        if is_new:
            self.chosen.emit(group)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._arrange()

    def eventFilter(self, watched: QWidget, event: QEvent) -> bool:  # type: ignore[override]
        if event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent):
            right_to_left = self.layoutDirection() == Qt.LayoutDirection.RightToLeft
            if event.key() in (Qt.Key.Key_Left, Qt.Key.Key_Right):
                forward = (event.key() == Qt.Key.Key_Right) != right_to_left
                row = self._row()
                place = row.index(watched) + (1 if forward else -1)  # type: ignore[arg-type]
                if 0 <= place < len(row):
                    self._focus_on(row[place])
                    row[place].setFocus(Qt.FocusReason.TabFocusReason)
                return True
        return super().eventFilter(watched, event)

    def _row(self) -> list[Chip]:
        """Return the visible chips."""
        return [chip for chip in (*self.chips.values(), self.more) if not chip.isHidden()]

    def _focus_on(self, chip: Chip) -> None:
        """Make this chip the only one that Tab reaches."""
        for each in (*self.chips.values(), self.more):
            each.setFocusPolicy(Qt.FocusPolicy.TabFocus if each is chip else Qt.FocusPolicy.NoFocus)

    def _arrange(self) -> None:
        """Place the chips that fit, always including the chosen one. The others are in the menu of the last chip."""
        groups = list(self.chips)
        shown = self._that_fit(groups)
        rest = [group for group in groups if group not in shown]
        self._name_the_rest(len(rest))
        place = 0
        right_to_left = self.layoutDirection() == Qt.LayoutDirection.RightToLeft
        for chip in (*(self.chips[group] for group in shown), *([self.more] if rest else [])):
            size = chip.sizeHint()
            chip.resize(size)
            chip.move(self.width() - place - size.width() if right_to_left else place, 0)
            chip.show()
            place += size.width() + _APART
        for group in rest:
            self.chips[group].hide()
        self.more.setVisible(bool(rest))
        if not any(chip.focusPolicy() != Qt.FocusPolicy.NoFocus for chip in self._row()):
            self._focus_on(self.chips[self._chosen])

    def _that_fit(self, groups: list[Group | None]) -> list[Group | None]:
        widths = {group: chip.sizeHint().width() + _APART for group, chip in self.chips.items()}
        if sum(widths.values()) - _APART <= self.width():
            return groups
        self._name_the_rest(len(groups))
        room = self.width() - self.more.sizeHint().width() - widths[None]
        kept: set[Group | None] = {None}
        for group in ([self._chosen] if self._chosen else []) + [each for each in groups if each]:
            if group not in kept:
                if widths[group] > room:
                    break
                kept.add(group)
                room -= widths[group]
        return [group for group in groups if group in kept]

    def _name_the_rest(self, number: int) -> None:
        self.more.setText(self.tr("{count} kinds").format(count=number))
        self.more.setAccessibleName(self.tr("{count} more kinds").format(count=number))

    def _open_menu(self) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for group in self.chips:
            if self.chips[group].isHidden():
                action = menu.addAction(self.chips[group].accessibleName())
                action.triggered.connect(partial(self.choose, group))
        menu.popup(self.more.mapToGlobal(QPoint(0, self.more.height() + 2)))
