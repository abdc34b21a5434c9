from __future__ import annotations

import pytest
from hypothesis import given, settings, strategies as st
from painted import contrast
from PySide6.QtCore import Qt
from PySide6.QtGui import QFont, QImage, QPainter, QPalette
from PySide6.QtWidgets import QApplication

from netwatch_tray.window.widgets.theme import DARK, LIGHT, Metrics, Theme, Tokens


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
def test_colours_of_apps_contrast_with_the_background(tokens: Tokens) -> None:
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


_CHARACTERS = st.characters(max_codepoint=0x24F, categories=("L", "N", "P", "S", "Zs"))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.text(st.characters(max_codepoint=0x24F, categories=("L", "N", "P", "S", "Zs")), max_size=12), max_size=4
    ),
    st.one_of(st.integers(0, 20), st.floats(0, 20)),
    st.sampled_from((1.0, 1.25, 2.0, 3.0)),
)
def test_text_with_a_cached_layout_looks_the_same(texts: list[str], x: float, ratio: float) -> None:
    for pixels, weight in ((11, QFont.Weight.DemiBold), (13, QFont.Weight.Normal)):
        font = QFont("DejaVu Sans")
        font.setPixelSize(pixels)
        font.setWeight(weight)
        metrics = Metrics(font)
        pictures = []
        for _ in range(3):
            picture = QImage(round(200 * ratio), round(120 * ratio), QImage.Format.Format_RGB32)
            picture.setDevicePixelRatio(ratio)
            picture.fill(LIGHT.surface)
            painter = QPainter(picture)
            painter.setLayoutDirection(Qt.LayoutDirection.LayoutDirectionAuto)
            painter.setFont(font)
            painter.setPen(LIGHT.ink)
            for row, text in enumerate(dict.fromkeys(texts)):
                metrics.draw(painter, ratio, x, 20 + 26 * row, text)
            painter.end()
            pictures.append(picture)
        assert pictures[1] == pictures[0]
        assert pictures[2] == pictures[0]
