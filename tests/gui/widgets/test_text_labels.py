from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication

from netwatch_tray.window.widgets.text import FittingText, Paragraph, Text
from netwatch_tray.window.widgets.theme import DARK, LIGHT, Theme, text_width


def test_an_elided_text_has_the_whole_text_as_tooltip(application: QApplication) -> None:
    theme = Theme(application, Qt.ColorScheme.Light)
    label = Text(theme, theme.fonts.base)
    label.show_text("a sentence <b>that</b> needs room")
    label.resize(text_width(label.font(), label.text()) + 2, 20)
    label.grab()
    assert label.toolTip() == ""
    label.resize(60, 20)
    label.grab()
    assert "a sentence &lt;b&gt;that" in label.toolTip()
    label.show_text("short")
    assert label.toolTip() == ""


def test_a_branch_indents_the_text(application: QApplication) -> None:
    theme = Theme(application, Qt.ColorScheme.Light)
    label = Text(theme, theme.fonts.base)
    label.resize(100, 20)
    label.set_branch(24)
    assert label.contentsRect().left() == 24
    image = label.grab().toImage()
    assert any(image.pixelColor(x, 10) == LIGHT.ctl for x in range(24))
    label.setLayoutDirection(Qt.LayoutDirection.RightToLeft)
    label.set_branch(0)
    label.set_branch(24)
    assert label.contentsRect().right() == 75


def test_a_paragraph_follows_the_scheme(application: QApplication) -> None:
    theme = Theme(application, Qt.ColorScheme.Light)
    label = Paragraph(theme, theme.fonts.base, "err")
    assert label.palette().windowText().color() == LIGHT.err
    theme.apply(Qt.ColorScheme.Dark)
    assert label.palette().windowText().color() == DARK.err
    label.set_ink("warn")
    assert label.palette().windowText().color() == DARK.warn


def test_fitting_text_shows_the_first_text_that_fits(application: QApplication) -> None:
    theme = Theme(application, Qt.ColorScheme.Light)
    label = FittingText(theme, theme.fonts.base)
    texts = ("in 2026   ↓ 3.75 TB  ↑ 581 GB", "in 2026")
    label.show_first_of(*texts)
    for room, shown, tooltip in ((1, texts[0], ""), (-1, texts[1], texts[0])):
        label.resize(text_width(label.font(), texts[0]) + room, 20)
        label.grab()
        assert (label.text(), label.toolTip()) == (shown, tooltip)
    label.resize(text_width(label.font(), texts[0]) + 1, 20)
    label.grab()
    assert label.text() == texts[0]
    label.show_first_of()
    assert (label.text(), label.toolTip()) == ("", "")
