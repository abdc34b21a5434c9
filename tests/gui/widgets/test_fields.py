from __future__ import annotations

import pytest
from PySide6.QtCore import QLocale, QPoint, QPointF, QStringListModel, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QApplication, QTableView

from netwatch_tray.window.widgets.search_field import SearchField
from netwatch_tray.window.widgets.setting_controls import Number
from netwatch_tray.window.widgets.theme import LIGHT, Theme


@pytest.fixture
def theme(application: QApplication) -> Theme:
    return Theme(application, Qt.ColorScheme.Light)


def test_escape_clears_the_text_then_leaves_the_field_then_clears_the_selection(
    application: QApplication, theme: Theme
) -> None:
    field, table = SearchField(theme, "Filter", "Filter"), QTableView()
    table.setModel(QStringListModel(["one", "two"], table))
    table.selectRow(1)
    field.show()
    field.focus_and_select()
    field.setText("tcp")
    application.processEvents()
    assert field.handle_escape(table)
    assert field.text() == ""
    assert field.handle_escape(table)
    assert table.selectionModel().hasSelection()
    field.clearFocus()
    assert field.handle_escape(table)
    assert not table.selectionModel().hasSelection()
    assert not field.handle_escape(table)


def test_an_invalid_condition_is_underlined(theme: Theme) -> None:
    field = SearchField(theme, "Filter", "Filter")
    field.resize(300, 30)
    field.setText("port:x tcp")
    field.show_error("port:x")
    image = field.grab().toImage()
    y = round((30 + field.fontMetrics().ascent() + field.fontMetrics().descent()) / 2)
    marked = [x for x in range(20, 280) if image.pixelColor(x, y) == LIGHT.err]
    assert marked
    assert marked[-1] - marked[0] < field.fontMetrics().horizontalAdvance("port:x tcp")
    field.show_error("")
    image = field.grab().toImage()
    assert not [x for x in range(20, 280) if image.pixelColor(x, y) == LIGHT.err]


def test_mouse_wheel_never_changes_a_number(application: QApplication, theme: Theme) -> None:
    number = Number(theme, "Cap", 0, 1000)
    number.setValue(5)
    middle = QPointF(number.rect().center())
    wheel = QWheelEvent(
        middle, middle, QPoint(), QPoint(0, 120), Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    application.sendEvent(number, wheel)
    assert number.value() == 5
    assert not wheel.isAccepted(), "the page scrolls"


def test_a_number_parses_the_text_it_shows(theme: Theme) -> None:
    number = Number(theme, "Cap", 0, 1e6, suffix=" GB", decimals=2)
    number.setLocale(QLocale("de_DE"))
    for value, text in ((1234.5, "1234,50 GB"), (12345.0, "12345 GB")):
        number.setValue(value)
        assert number.text() == text
        assert number.valueFromText(number.text()) == value
