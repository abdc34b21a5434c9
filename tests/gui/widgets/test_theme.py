from __future__ import annotations

import pytest
from painted import contrast
from PySide6.QtCore import Qt
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QApplication

from netwatch_tray.window.widgets.theme import DARK, LIGHT, Theme, Tokens


@pytest.mark.parametrize("tokens", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("ink", ["ink", "ink2", "ink3", "down", "up", "warn", "err"])
@pytest.mark.parametrize("background", ["surface", "window", "select", "hover", "raised"])
def test_text_colours_have_enough_contrast(tokens: Tokens, ink: str, background: str) -> None:
    assert contrast(getattr(tokens, ink), getattr(tokens, background)) >= 4.5


@pytest.mark.parametrize("tokens", [LIGHT, DARK], ids=["light", "dark"])
def test_banners_rings_and_borders_have_enough_contrast(tokens: Tokens) -> None:
    for background, sign in ((tokens.warn_bg, tokens.warn), (tokens.err_bg, tokens.err)):
        assert min(contrast(ink, background) for ink in (tokens.ink, tokens.ink2, sign)) >= 4.5
    for background in (tokens.surface, tokens.window):
        assert contrast(tokens.focus, background) >= 3
        assert contrast(tokens.ctl, background) >= 3


@pytest.mark.parametrize("tokens", [LIGHT, DARK], ids=["light", "dark"])
def test_colours_of_apps_stand_out_from_the_ground(tokens: Tokens) -> None:
    assert min(contrast(colour, ground) for colour in tokens.apps for ground in (tokens.surface, tokens.select)) >= 3


def test_applying_a_scheme_changes_tokens_and_palette(application: QApplication) -> None:
    theme = Theme(application, Qt.ColorScheme.Light)
    changes: list[bool] = []
    theme.changed.connect(lambda: changes.append(True))
    assert application.palette().color(QPalette.ColorRole.Base) == LIGHT.surface
    theme.apply(Qt.ColorScheme.Dark)
    assert theme.tokens is DARK
    assert application.palette().color(QPalette.ColorRole.Base) == DARK.surface
    theme.apply(Qt.ColorScheme.Dark)
    assert changes == [True], "once"
    theme.deleteLater()


def test_font_sizes_follow_the_base_font(application: QApplication) -> None:
    fonts = Theme(application, Qt.ColorScheme.Light).fonts
    assert fonts.screen_title.pixelSize() == 22
    assert [font.pixelSize() for font in (fonts.small, fonts.base, fonts.title, fonts.rate)] == [11, 13, 15, 26]
