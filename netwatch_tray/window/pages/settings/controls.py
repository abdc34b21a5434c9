"""How a setting is chosen: values of a declared row, and the widget for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QActionGroup
from PySide6.QtWidgets import QMenu, QWidget

from netwatch_tray.text import qt_label
from netwatch_tray.window.widgets.buttons import FlatButton, Segments
from netwatch_tray.window.widgets.setting_controls import Number, Switch
from netwatch_tray.window.widgets.theme import Theme

Choose = Callable[[Any], object]
"""Called with the value that the user chooses; also while a value is shown."""
Show = Callable[[Any], object]
"""Called with the value to show."""


class Control(Protocol):
    """A kind of choice."""

    def make(self, theme: Theme, label: str, choose: Choose) -> tuple[QWidget, Show]:
        """Return the widget, named `label` for screen readers, and the function that shows a value in it."""


class Toggle(NamedTuple):
    """On or off."""

    def make(self, theme: Theme, label: str, choose: Choose) -> tuple[QWidget, Show]:
        switch = Switch(theme, label)
        switch.toggled.connect(choose)
        return switch, switch.setChecked


class OneOf(NamedTuple):
    """One of a few values, all visible."""

    names: Mapping[Any, str]
    """By value, in order."""

    def make(self, theme: Theme, label: str, choose: Choose) -> tuple[QWidget, Show]:
        values = list(self.names)
        segments = Segments(theme, list(self.names.values()), label)
        segments.chosen.connect(lambda index: choose(values[index]))
        return segments, lambda value: segments.choose(values.index(value))


class Amount(NamedTuple):
    """A number in a range."""

    least: float
    most: float
    suffix: str = ""
    decimals: int = 0
    none: str = ""
    """Text for None, which `least` stands for; empty: it is a value like any other."""

    def make(self, theme: Theme, label: str, choose: Choose) -> tuple[QWidget, Show]:
        number = Number(theme, label, self.least, self.most, suffix=self.suffix, decimals=self.decimals)
        number.setSpecialValueText(self.none)
        number.valueChanged.connect(lambda value: choose(self._chosen(value)))
        return number, lambda value: number.setValue(self.least if value is None else value)

    def _chosen(self, value: float) -> float | None:
        if self.none and value == self.least:
            return None
        return value if self.decimals else round(value)


class Menu(NamedTuple):
    """One of many texts, from a menu."""

    choices: Callable[[], Sequence[str]]
    """Called when the menu opens; the present value is added to them."""
    empty: str
    """Text for the empty value, the first one."""

    def make(self, theme: Theme, _label: str, choose: Choose) -> tuple[QWidget, Show]:
        button = _MenuButton(theme, self, choose)
        button.clicked.connect(button.open_menu)
        return button, button.show_value


class _MenuButton(FlatButton):
    def __init__(self, theme: Theme, menu: Menu, choose: Choose) -> None:
        super().__init__(theme, "", trailing="chevron")
        self._menu = menu
        self._choose = choose
        self._value = ""

    def show_value(self, value: str) -> None:
        self._value = value
        self.setText(value or self._menu.empty)
        self.updateGeometry()

    def open_menu(self) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        one_of = QActionGroup(menu)
        choices = list(self._menu.choices())
        for value in ("", *choices, *([self._value] if self._value not in ("", *choices) else [])):
            action = one_of.addAction(qt_label(value) or self._menu.empty)
            action.setCheckable(True)
            action.setChecked(value == self._value)
            action.triggered.connect(lambda _checked, value=value: self._choose(value))
            menu.addAction(action)
        menu.popup(self.mapToGlobal(QPoint(0, self.height() + 2)))
