from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from netwatch_tray.window.widgets.buttons import FlatButton, Segments, Tab
from netwatch_tray.window.widgets.theme import Theme


@pytest.fixture
def theme(application: QApplication) -> Theme:
    return Theme(application, Qt.ColorScheme.Light)


def test_an_ampersand_is_shown_and_defines_no_shortcut(theme: Theme) -> None:
    button = FlatButton(theme, "Up & Down\u202e")
    assert button.shortcut().isEmpty()
    assert "\u202e" not in button.text(), "made printable"
    assert button.text().startswith("Up & Down")


def test_checking_a_button_changes_its_look_but_not_its_size(theme: Theme) -> None:
    tab = Tab(theme, "Connections", "connections")
    tab.resize(tab.sizeHint())
    size, image = tab.sizeHint(), tab.grab().toImage()
    tab.setChecked(True)
    assert tab.sizeHint() == size
    assert tab.grab().toImage() != image


def test_a_button_without_text_is_square(theme: Theme) -> None:
    button = FlatButton(theme, "", "search")
    assert button.sizeHint().width() == button.sizeHint().height()


def test_segments_exclude_each_other_and_report_the_choice(theme: Theme) -> None:
    segments = Segments(theme, ["Day", "Week", "Month"], "Period")
    chosen: list[int] = []
    segments.chosen.connect(chosen.append)
    segments.choose(1)
    segments.choose(1)
    QTest.mouseClick(segments.button(2), Qt.MouseButton.LeftButton)
    assert chosen == [1, 2]
    assert [segments.button(index).isChecked() for index in range(3)] == [False, False, True]
