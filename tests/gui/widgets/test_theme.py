from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QPalette

from netwatch_tray.window.widgets.theme import DARK, LIGHT, Theme, Tokens


def _luminance(colour: QColor) -> float:
    """WCAG 2.2, "relative luminance"."""
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in (colour.redF(), colour.greenF(), colour.blueF())
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one: QColor, other: QColor) -> float:
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("tokens", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("ink", ["ink", "ink2", "ink3", "down", "up", "warn", "err"])
@pytest.mark.parametrize("ground", ["surface", "window", "select", "hover", "raised"])
def test_text_can_be_read(tokens: Tokens, ink: str, ground: str) -> None:
    assert _contrast(getattr(tokens, ink), getattr(tokens, ground)) >= 4.5


@pytest.mark.parametrize("tokens", [LIGHT, DARK], ids=["light", "dark"])
def test_banners_can_be_read_and_rings_and_borders_seen(tokens: Tokens) -> None:
    for ground, sign in ((tokens.warn_bg, tokens.warn), (tokens.err_bg, tokens.err)):
        assert min(_contrast(ink, ground) for ink in (tokens.ink, tokens.ink2, sign)) >= 4.5
    for ground in (tokens.surface, tokens.window):
        assert _contrast(tokens.focus, ground) >= 3
        assert _contrast(tokens.ctl, ground) >= 3


def test_scheme_switches_live(application) -> None:
    theme = Theme(application, Qt.ColorScheme.Light)
    told: list[bool] = []
    theme.changed.connect(lambda: told.append(True))
    assert application.palette().color(QPalette.ColorRole.Base) == LIGHT.surface
    theme.apply(Qt.ColorScheme.Dark)
    assert theme.tokens is DARK
    assert application.palette().color(QPalette.ColorRole.Base) == DARK.surface
    assert told == [True]
    theme.deleteLater()


def test_sizes_of_type_are_the_scale(application) -> None:
    fonts = Theme(application, Qt.ColorScheme.Light).fonts
    assert [font.pixelSize() for font in (fonts.small, fonts.base, fonts.title, fonts.rate)] == [11, 13, 15, 26]
