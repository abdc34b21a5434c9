"""The popover *Why this total*: a tree of interfaces, each below the one that it runs over, with rates and reasons."""

from __future__ import annotations

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtGui import QFont
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from netwatch_tray import units, wording
from netwatch_tray.interface_tree import as_tree
from netwatch_tray.model import Tick
from netwatch_tray.units import DOWN, UP, Units
from netwatch_tray.window.widgets.buttons import LinkButton
from netwatch_tray.window.widgets.layout import clear
from netwatch_tray.window.widgets.popover import Popover
from netwatch_tray.window.widgets.scroll_bar import SlimScrollBar
from netwatch_tray.window.widgets.text import Text
from netwatch_tray.window.widgets.theme import MARGIN, Theme

_ROW = 24
_WIDTH = 704
_PADDING = 12
_INDENT, _DEEPEST = 18, 6
"""Indentation in dip for each level of the tree, and the deepest level that is indented further."""


class WhyTotal(Popover):
    """Explains the total: each interface with the reason why it is counted or not, updated with each tick.

    Signal `choice_requested`: the user wants to choose which interfaces the total counts.
    """

    choice_requested = Signal()

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(theme, parent)
        self.setAccessibleName(self.tr("Why this total"))
        self._listed: list[int] = []
        self._rows: list[_Row] = []
        self._list = QWidget()
        self._grid = QGridLayout(self._list)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(MARGIN)
        self._grid.setVerticalSpacing(0)
        self._grid.setColumnStretch(3, 1)
        self._scroll = QScrollArea()
        self._scroll.setFrameShape(QFrame.Shape.NoFrame)
        self._scroll.setWidgetResizable(True)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setWidget(self._list)
        self._scroll.setVerticalScrollBar(SlimScrollBar(theme))
        # Both are transparent: the frame paints the background.
        self._scroll.viewport().setAutoFillBackground(False)
        self._list.setAutoFillBackground(False)
        title = Text(theme, theme.fonts.strong)
        title.show_text(self.tr("Why this total"))
        self._hint = Text(theme, theme.fonts.small, "ink2")
        self._hint.show_text(self.tr("Counting what passes through another interface would count it twice."))
        choose = LinkButton(theme, self.tr("Choose what is counted"))
        choose.clicked.connect(self.hide)
        choose.clicked.connect(self.choice_requested)
        below = QHBoxLayout()
        below.addWidget(self._hint)
        below.addStretch(1)
        below.addWidget(choose)
        column = QVBoxLayout(self)
        column.setContentsMargins(MARGIN, _PADDING, MARGIN, _PADDING)
        column.setSpacing(_PADDING // 2)
        column.addWidget(title)
        column.addWidget(self._scroll)
        column.addLayout(below)

    def show_tick(self, tick: Tick, shown_in: Units) -> None:
        counted_first = sorted(tick.interfaces, key=lambda each: (not each.is_uplink, not each.is_up, each.name))
        tree = as_tree(counted_first)
        listed = [each.index for _depth, each in tree]
        if listed != self._listed:
            self._listed = listed
            self._rebuild(len(listed))
        for (depth, each), row in zip(tree, self._rows, strict=False):
            row.show((each.name, *_in_words(each.own_rates, shown_in), wording.why(each)))
            row.set_ink("ink" if each.is_uplink else "ink3")
            over = self.tr("{name}, over {names}").format(name=each.name, names=", ".join(each.over))
            row.indent(min(depth, _DEEPEST), over if depth else each.name)
        self._hint.setVisible(any(each.over and each.is_up and not each.is_uplink for each in tick.interfaces))
        total = tick.total.rx_rate, tick.total.tx_rate
        self._rows[-1].show((self.tr("Total"), *_in_words(total, shown_in), ""))

    def open_in(self, window: QWidget, below: QWidget) -> None:
        """Open the popover inside the window, below one of its widgets."""
        around = 3 * _PADDING + 2 * self._theme.height(_ROW)
        height = self._theme.height(_ROW) * (len(self._rows) + 1) + around
        self.resize(min(_WIDTH, window.width() - 2 * MARGIN), min(height, window.height() * 2 // 3))
        right_to_left = self.layoutDirection() == Qt.LayoutDirection.RightToLeft
        x = window.width() - MARGIN - self.width() if right_to_left else MARGIN
        self.move(window.mapToGlobal(QPoint(x, below.mapTo(window, QPoint(0, below.height() + 4)).y())))
        self.show()

    def _rebuild(self, interfaces: int) -> None:
        """Remove all rows, and create new ones: a header, one for each of `interfaces` interfaces, and the total."""
        clear(self._grid)
        fonts = self._theme.fonts
        heading = _Row(self._theme, self._grid, 0, fonts.small_strong)
        heading.show(("", DOWN, UP, ""))
        heading.set_ink("ink2")
        self._rows = [_Row(self._theme, self._grid, number + 1, fonts.base) for number in range(interfaces)]
        self._rows.append(_Row(self._theme, self._grid, interfaces + 1, fonts.strong))


class _Row:
    """The labels in the row of an interface: name, both rates, and reason."""

    def __init__(self, theme: Theme, grid: QGridLayout, number: int, font: QFont) -> None:
        self._texts = (Text(theme, font), Text(theme, font), Text(theme, font), Text(theme, theme.fonts.small, "ink2"))
        for column, text in enumerate(self._texts):
            text.setFixedHeight(theme.height(_ROW))
            if column in (1, 2):
                text.setAlignment(Qt.AlignmentFlag.AlignRight)
            grid.addWidget(text, number, column)

    def show(self, words: tuple[str, str, str, str]) -> None:
        for text, word in zip(self._texts, words, strict=True):
            text.show_text(word)

    def indent(self, depth: int, spoken: str) -> None:
        self._texts[0].set_branch(depth * _INDENT)
        self._texts[0].setAccessibleName(spoken)

    def set_ink(self, ink: str) -> None:
        for text in self._texts[:3]:
            text.set_ink(ink)


def _in_words(rates: tuple[float | None, float | None], shown_in: Units) -> tuple[str, str]:
    return str(units.rate(rates[0], shown_in)), str(units.rate(rates[1], shown_in))
