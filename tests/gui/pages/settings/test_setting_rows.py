"""Every declared row fits its setting, and changes nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication

from netwatch_tray.settings import Settings
from netwatch_tray.window.pages.settings.controls import Amount, Day, Menu, OneOf, Since, Size, Toggle
from netwatch_tray.window.pages.settings.rows import BoundRows, SettingRow, setting_rows, value_at, with_values
from netwatch_tray.window.widgets.theme import Theme


def _rows() -> list[SettingRow]:
    return [row for rows in setting_rows(lambda: ["eth0", "wlan0"]).values() for row in rows]


def _values(row: SettingRow) -> list[Any]:
    """Return the values that the user can choose."""
    match row.control:
        case Toggle():
            return [False, True]
        case OneOf(names):
            return list(names)
        case Menu(choices):
            return ["", *choices()]
        case Amount(least, most, none=none):
            return [None if none else least, most]
        case Size() | Day() | Since():
            return []  # typed, see test_settings_page
    raise AssertionError(row.control)


@pytest.fixture
def theme(application: QApplication) -> Iterator[Theme]:
    theme = Theme(application, Qt.ColorScheme.Light)
    yield theme
    theme.deleteLater()


def test_each_setting_has_one_row() -> None:
    paths = [row.path for row in _rows()]
    assert len(paths) == len(set(paths))


@pytest.mark.parametrize("row", _rows(), ids=lambda row: row.path)
def test_every_value_that_can_be_chosen_is_valid(row: SettingRow) -> None:
    values = _values(row)
    assert len(values) >= 2 or isinstance(row.control, Size | Day | Since)
    for value in values:
        changed = with_values(Settings(), {row.path: value})
        assert value_at(changed, row.path) == value
        assert msgspec.convert(msgspec.to_builtins(changed), Settings) == changed


@pytest.mark.parametrize("row", _rows(), ids=lambda row: row.path)
def test_a_row_shows_its_setting_and_changes_only_that(theme: Theme, row: SettingRow) -> None:
    state = Settings()

    def change(make: Callable[[Settings], Settings]) -> None:
        nonlocal state
        state = make(state)

    bound = BoundRows(theme, change)
    widget = bound.make(row)
    for value in [*_values(row), value_at(Settings(), row.path)]:
        wanted = state = with_values(Settings(), {row.path: value})
        bound.show(state, ())
        assert state == wanted, "showing a value chooses nothing"
    for value in _values(row):
        _choose(widget.control, row, value)
        assert state == with_values(Settings(), {row.path: value})
    widget.deleteLater()


def _choose(control: Any, row: SettingRow, value: Any) -> None:
    match row.control:
        case Toggle():
            if control.isChecked() != value:
                control.click()
        case OneOf(names):
            control.choose(list(names).index(value))
        case Amount(least):
            control.setValue(least if value is None else value)
        case Menu(_, empty):
            control.open_menu()
            menu = control.children()[-1]
            next(each for each in menu.actions() if each.text() == (value or empty)).trigger()
            menu.close()
