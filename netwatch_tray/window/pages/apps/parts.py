"""Widgets for the details of an app: its head (icon and name), figures in columns, and facts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QFont, QFontMetrics, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from netwatch_tray.text import printable
from netwatch_tray.units import DOWN, UP
from netwatch_tray.window.chart.amounts import Width
from netwatch_tray.window.data.app_looks import AppLooks
from netwatch_tray.window.widgets.layout import clear
from netwatch_tray.window.widgets.painting import aligned, text_painter
from netwatch_tray.window.widgets.text import Text
from netwatch_tray.window.widgets.theme import GAP, Theme

_FIGURE_APART, _LEAST_FIGURE = 137, 118
_FACT = 22


class AppIcon(QWidget):
    """The icon of an app."""

    def __init__(self, theme: Theme, looks: AppLooks, size: int) -> None:
        super().__init__()
        self._theme, self._looks, self._key = theme, looks, ""
        self.setFixedSize(size, size)

    def show_app(self, key: str) -> None:
        self._key = key
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        self._looks.draw(QPainter(self), self.rect(), self._key, self._theme)


class AppHead(QWidget):
    """Icon and name of an app, and a line of small text below the name."""

    def __init__(self, theme: Theme, looks: AppLooks, font: QFont) -> None:
        super().__init__()
        self._icon = AppIcon(theme, looks, 32)
        self._title = Text(theme, font)
        self._below = Text(theme, theme.fonts.small, "ink2")
        texts = QVBoxLayout()
        texts.setSpacing(0)
        texts.addStretch(1)
        texts.addWidget(self._title)
        texts.addWidget(self._below)
        texts.addStretch(1)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(12)
        row.addWidget(self._icon, 0, Qt.AlignmentFlag.AlignVCenter)
        row.addLayout(texts, 1)

    def show_app(self, key: str, name: str, below: str) -> None:
        self._icon.show_app(key)
        self._title.show_text(name)
        self._below.show_text(below)


class Figure(NamedTuple):
    """A number to show, with a heading above and a line of small text below."""

    label: str
    value: str
    below: str


class Figures(QWidget):
    """Numbers side by side, or in two rows if there is no room."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._figures: Sequence[Figure] = ()
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)

    def show_figures(self, figures: Sequence[Figure]) -> None:
        if figures != self._figures:
            self._figures = figures
            self.setAccessibleName(", ".join(f"{each.label} {each.value}" for each in figures))
            self._fit()
            self.update()

    def sizeHint(self) -> QSize:
        return QSize(2 * _LEAST_FIGURE, self.height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        """Set the height that the figures need at the current width. Qt's height-for-width is not used, because then
        the layout would give the other parts of the details only the height of their size hints."""
        rows = -(-len(self._figures) // self._columns(self.width()))
        self.setFixedHeight(max(1, rows * self._row() + (rows - 1) * GAP))

    def paintEvent(self, _event: QPaintEvent) -> None:
        tokens, fonts = self._theme.tokens, self._theme.fonts
        painter = text_painter(self)
        columns = self._columns(self.width())
        apart = (
            min(self._theme.height(_FIGURE_APART), self.width() // columns) if columns > 2 else self.width() // columns
        )
        alignment = aligned(self, Qt.AlignmentFlag.AlignLeading | Qt.AlignmentFlag.AlignTop)
        is_mirrored = self.layoutDirection() == Qt.LayoutDirection.RightToLeft
        for place, figure in enumerate(self._figures):
            row, column = divmod(place, columns)
            left = self.width() - (column + 1) * apart if is_mirrored else column * apart
            box = QRect(left, row * (self._row() + GAP), apart - GAP // 2, self._row())
            for text, font, colour in (
                (figure.label, fonts.small, tokens.ink2),
                (figure.value, fonts.title, tokens.ink),
                (figure.below, fonts.small, tokens.ink2),
            ):
                metrics = QFontMetrics(font)
                painter.setFont(font)
                painter.setPen(colour)
                shown = metrics.elidedText(printable(text), Qt.TextElideMode.ElideRight, box.width())
                painter.drawText(box, alignment, shown)
                box.setTop(box.top() + metrics.height())

    def _columns(self, width: int) -> int:
        return 4 if width >= 4 * self._theme.height(_LEAST_FIGURE) else 2

    def _row(self) -> int:
        fonts = self._theme.fonts
        return 2 * QFontMetrics(fonts.small).height() + QFontMetrics(fonts.title).height() + 2


class Facts(QWidget):
    """A grid of labels and values, with two pairs in a row."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._labels: list[str] = []
        self._values: list[Text] = []
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(GAP)
        self._grid.setVerticalSpacing(0)
        self._grid.setColumnStretch(1, 1)
        self._grid.setColumnStretch(3, 1)

    def show_facts(self, facts: Sequence[tuple[str, str]]) -> None:
        labels = [label for label, _value in facts]
        if labels != self._labels:
            self._labels = labels
            self._rebuild()
        for text, (_label, value) in zip(self._values, facts, strict=True):
            text.show_text(value)

    def _rebuild(self) -> None:
        clear(self._grid)
        theme, self._values = self._theme, []
        for place, label in enumerate(self._labels):
            row, column = divmod(place, 2)
            name, value = Text(theme, theme.fonts.base, "ink2"), Text(theme, theme.fonts.base)
            name.setText(label)
            for text in (name, value):
                text.setFixedHeight(theme.height(_FACT))
            name.setMinimumWidth(name.sizeHint().width())
            self._grid.addWidget(name, row, 2 * column)
            self._grid.addWidget(value, row, 2 * column + 1)
            self._values.append(value)


class Heading(QWidget):
    """The heading of the chart in the details: what its bars show, and what their colours mean."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._title = Text(theme, theme.fonts.small_strong)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(2 * GAP)
        row.addWidget(self._title, 1)
        for text, ink in ((f"{DOWN} {self.tr('Download')}", "down"), (f"{UP} {self.tr('Upload')}", "up")):
            label = Text(theme, theme.fonts.small_strong, ink)
            label.setText(text)
            label.setMinimumWidth(label.sizeHint().width())
            row.addWidget(label)

    def show_width(self, width: Width | None) -> None:
        names: dict[Width, str] = {
            "hour": self.tr("Amount per hour"),
            "quarter": self.tr("Amount per 6 hours"),
            "day": self.tr("Amount per day"),
            "week": self.tr("Amount per week"),
        }
        self._title.show_text(names[width] if width else "")
