"""Descriptions of the controls that a setting's row can contain (switch, number, date …). Each creates its widget."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple, Protocol

from PySide6.QtCore import QCoreApplication, QPoint, Qt
from PySide6.QtGui import QActionGroup
from PySide6.QtWidgets import QMenu, QVBoxLayout, QWidget

from netwatch_tray import units
from netwatch_tray.errors import AmountError
from netwatch_tray.language import said
from netwatch_tray.text import qt_label
from netwatch_tray.window.widgets.buttons import FlatButton, Segments
from netwatch_tray.window.widgets.line_edit import LineEdit
from netwatch_tray.window.widgets.setting_controls import Number, Switch, beside
from netwatch_tray.window.widgets.text import Paragraph, Text
from netwatch_tray.window.widgets.theme import Theme

translate = QCoreApplication.translate

_FIELD_WIDTH = 160
_PREFIXES = ("", "k", "M", "G", "T", "P")

Choose = Callable[[Any], object]
"""Function that is called with the value that the user has chosen. It may also be called when a value is set by
`Show`."""
Show = Callable[[Any], object]
"""Function that sets the value which the control shows."""


class Control(Protocol):
    """Describes the control for a setting's value."""

    def make(self, theme: Theme, label: str, choose: Choose) -> tuple[QWidget, Show]:
        """Create the widget. Return it, and the function that sets its value. `label`: its name for screen readers.
        `choose`: called when the user changes the value."""


class Toggle(NamedTuple):
    """A switch for a setting that is on or off."""

    def make(self, theme: Theme, label: str, choose: Choose) -> tuple[QWidget, Show]:
        switch = Switch(theme, label)
        switch.toggled.connect(choose)
        return switch, switch.setChecked


class OneOf(NamedTuple):
    """A choice of one of a few values, which are all visible side by side."""

    names: Mapping[Any, str]
    """Texts by value, in the order on the screen."""

    def make(self, theme: Theme, label: str, choose: Choose) -> tuple[QWidget, Show]:
        values = list(self.names)
        segments = Segments(theme, list(self.names.values()), label)
        segments.chosen.connect(lambda index: choose(values[index]))
        return segments, lambda value: segments.choose(values.index(value))


class Amount(NamedTuple):
    """A field for a number from `least` to `most`."""

    least: float
    most: float
    suffix: str = ""
    decimals: int = 0
    none: str = ""
    """Text to show for the value None, which the user chooses by `least`. Empty if None is not allowed."""

    def make(self, theme: Theme, label: str, choose: Choose) -> tuple[QWidget, Show]:
        number = Number(theme, label, self.least, self.most, suffix=self.suffix, decimals=self.decimals)
        number.setSpecialValueText(self.none)
        number.valueChanged.connect(lambda value: choose(self._chosen(value)))
        return number, lambda value: number.setValue(self.least if value is None else value)

    def _chosen(self, value: float) -> float | None:
        if self.none and value == self.least:
            return None
        return value if self.decimals else round(value)


class Size(NamedTuple):
    """A text field for an amount of bytes, such as `1.5 TB` (see `units.parse_size`), or nothing (None)."""

    unit: float
    """Number of bytes in one unit of the setting's value."""
    none: str
    """Placeholder text of the empty field."""

    def make(self, theme: Theme, label: str, choose: Choose) -> tuple[QWidget, Show]:
        field = CheckedField(theme, label, self.none, lambda text: units.parse_size(text) / self.unit, choose)
        return field, lambda value: field.show_text("" if value is None else _written(value * self.unit))


class Day(NamedTuple):
    """A text field for a date, or nothing (None)."""

    none: str
    """Placeholder text of the empty field."""

    def make(self, theme: Theme, label: str, choose: Choose) -> tuple[QWidget, Show]:
        field = CheckedField(theme, label, self.none, _parsed_day, choose)
        return field, lambda value: field.show_text("" if value is None else value.isoformat())


def _parsed_day(text: str) -> date:
    try:
        return date.fromisoformat(text.strip())
    except ValueError as error:
        raise AmountError("“{text}” is not a date. Write it as 2026-11-03.", text=text) from error


def _written(count: float) -> str:
    """Format an amount of bytes exactly, with up to 12 digits, so that it can be edited: `1.5 TB`."""
    power = 0
    while count >= 1000 and power < len(_PREFIXES) - 1:
        count /= 1000
        power += 1
    return f"{count:.12g} {_PREFIXES[power]}B"


class CheckedField(QWidget):
    """A text field that checks its text. If it is invalid, the reason is shown below it, and the text stays in it."""

    def __init__(self, theme: Theme, name: str, placeholder: str, parse: Callable[[str], Any], choose: Choose) -> None:
        """`name`: its name for screen readers. `parse`: converts the text, or raises AmountError if it is invalid; an
        empty text is always None. `choose`: called with each valid value."""
        super().__init__()
        self._parse, self._choose = parse, choose
        self.field = LineEdit(theme, name)
        self.field.setPlaceholderText(placeholder)
        self.field.setFixedWidth(theme.height(_FIELD_WIDTH))
        self._reason = Paragraph(theme, theme.fonts.small, "err")
        self._reason.hide()
        self._reason.setFixedWidth(theme.height(_FIELD_WIDTH))
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addWidget(self.field)
        column.addWidget(self._reason)
        self._shown = ""
        self.field.editingFinished.connect(self._finish)

    def show_text(self, text: str) -> None:
        """Set the text to the setting's value, unless the user is editing it."""
        if text != self._shown and not self.field.isModified():
            self.field.setText(text)
        self._shown = text

    def _finish(self) -> None:
        if not self.field.isModified():
            return
        text = self.field.text()
        try:
            value = self._parse(text) if text.strip() else None
        except AmountError as error:
            reason = said(error.message)
            self._reason.show_text(reason)
            self._reason.show()
            self.field.setAccessibleDescription(reason)
            return
        self._reason.hide()
        self.field.setAccessibleDescription("")
        self.field.setModified(False)
        self._choose(value)
        self.field.setText(self._shown)


class Since(NamedTuple):
    """A time that the user can set to now by a button, or remove (None)."""

    none: str
    """Text to show for None."""

    def make(self, theme: Theme, label: str, choose: Choose) -> tuple[QWidget, Show]:
        moment = Text(theme, theme.fonts.base, "ink2")
        now, never = (
            FlatButton(theme, translate("Settings", "Reset now")),
            FlatButton(theme, translate("Settings", "Remove")),
        )
        now.setAccessibleName(f"{label}: {now.text()}")
        now.clicked.connect(lambda: choose(datetime.now().astimezone().replace(microsecond=0, tzinfo=None)))
        never.clicked.connect(lambda: choose(None))

        def show(value: datetime | None) -> None:
            moment.show_text(self.none if value is None else f"{value:%Y-%m-%d %H:%M}")
            never.setVisible(value is not None)

        return beside(moment, now, never), show


class Menu(NamedTuple):
    """A button with a menu, from which the user chooses one of many texts."""

    choices: Callable[[], Sequence[str]]
    """Returns the texts when the menu opens. The current value is added if it is not among them."""
    empty: str
    """Name of the first choice, which is the empty text."""

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
