from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from glyphs import image
from PIL import Image, ImageChops
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QImage, QPainter
from PySide6.QtSvg import QSvgRenderer

from netwatch_tray.tray.icon import GLYPHS, SIZES, Bar, draw, draw_theme, theme_name
from netwatch_tray.tray.presenter import Glyph

SLANTED = {"rates", "offline", "alert"}


def alpha(glyph: Glyph, size: int, bar: Bar = "dark") -> Image.Image:
    return image(glyph, size, bar).getchannel("A")


def apart(one: Image.Image, other: Image.Image) -> int:
    """Return the greatest difference between two pixels, at most 255."""
    counts = ImageChops.difference(one, other).histogram()
    return max(value for value, count in enumerate(counts) if count)


@pytest.mark.parametrize("size", SIZES)
def test_icons_of_different_states_differ_by_their_shape(size: int) -> None:
    for one, other in itertools.combinations(GLYPHS, 2):
        difference = ImageChops.difference(alpha(one, size), alpha(other, size)).histogram()
        assert sum(difference[129:]) >= size // 8, f"{one} and {other} look alike at {size}"


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("glyph", GLYPHS)
def test_edges_lie_on_whole_pixels(glyph: Glyph, size: int) -> None:
    mask = alpha(glyph, size)
    soft = sum(mask.histogram()[1:255])
    assert mask.getextrema() == (0, 255)
    if glyph.kind not in SLANTED:
        assert soft == 0
    # Slanted edges are soft, one or two pixels a line and side; stems, bars and marks are not.
    assert soft <= 4 * size


@pytest.mark.parametrize("size", SIZES)
def test_stems_of_the_arrows_have_no_half_transparent_pixels(size: int) -> None:
    longer, shorter = alpha(Glyph("rates", 3, 3), size), alpha(Glyph("rates", 0, 0), size)
    stems = ImageChops.subtract(longer, shorter)
    middle = stems.crop((0, size * 7 // 16, size, size * 9 // 16))  # where neither head is
    assert set(middle.get_flattened_data()) == {0, 255}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("glyph", GLYPHS)
def test_glyphs_do_not_touch_the_upper_and_lower_edge(glyph: Glyph, size: int) -> None:
    box = alpha(glyph, size).getbbox()
    assert box is not None
    assert box[1] >= size // 22
    assert box[3] <= size - size // 22


@pytest.mark.parametrize("glyph", GLYPHS)
def test_large_picture_scales_to_the_small_one_exactly(glyph: Glyph) -> None:
    halved = alpha(glyph, 44).reduce(2)
    assert apart(halved, alpha(glyph, 22)) <= 16  # rounding on the slanted edges


def test_arrow_grows_with_each_step_of_the_rate() -> None:
    for size in SIZES:
        inked = [sum(alpha(Glyph("rates", step, 0), size).histogram()[128:]) for step in range(4)]
        assert inked == sorted(set(inked))


def test_upload_arrow_is_the_download_arrow_upside_down() -> None:
    for size, step in itertools.product(SIZES, range(4)):
        turned = alpha(Glyph("rates", step, 0), size).transpose(Image.Transpose.ROTATE_180)
        assert apart(turned, alpha(Glyph("rates", 0, step), size)) <= 64


def luminance(colour: tuple[int, ...]) -> float:
    """Return the relative luminance (WCAG 2)."""
    linear = [c / 255 / 12.92 if c / 255 <= 0.04045 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in colour[:3]]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: tuple[int, ...], other: tuple[int, ...]) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize(
    ("bar", "colour", "least"),
    [
        ("light", (0xF3, 0xF4, 0xF6), 4.5),
        ("dark", (0x1D, 0x20, 0x24), 4.5),
        ("unknown", (0xFF, 0xFF, 0xFF), 3.0),
        ("unknown", (0xF3, 0xF4, 0xF6), 3.0),
        ("unknown", (0x30, 0x30, 0x30), 3.0),
        ("unknown", (0, 0, 0), 3.0),
    ],
)
def test_icon_colour_contrasts_with_the_panel(bar: Bar, colour: tuple[int, int, int], least: float) -> None:
    ink = image(Glyph("paused"), 16, bar).getpixel((3, 8))
    assert isinstance(ink, tuple)
    assert contrast(ink, colour) >= least


def test_icons_of_the_theme_have_the_shapes_of_the_drawn_ones() -> None:
    theme = Path(__file__).resolve().parents[3] / "assets" / "tray"
    kept = {str(file.relative_to(theme)): file.read_text() for file in theme.rglob("*.svg")}
    assert kept == draw_theme(), "run .venv/bin/python tools/icon_theme.py"
    assert len(kept) == 6 * len(GLYPHS), "each has a name of its own"


@pytest.mark.parametrize("size", [16, 22, 24, 32, 48])
@pytest.mark.parametrize("glyph", GLYPHS)
def test_icon_theme_renders_like_the_drawn_pictures(glyph: Glyph, size: int) -> None:
    text = draw_theme()[f"hicolor/{size}x{size}/apps/{theme_name(glyph)}.svg"]
    drawn = QImage(size, size, QImage.Format.Format_RGBA8888)
    drawn.fill(Qt.GlobalColor.transparent)
    painter = QPainter(drawn)
    QSvgRenderer(text.encode()).render(painter, QRectF(0, 0, size, size))
    painter.end()
    rendered = Image.frombytes("RGBA", (size, size), bytes(drawn.constBits())).getchannel("A")
    difference = ImageChops.difference(rendered, image(glyph, size, "unknown").getchannel("A"))
    assert max(difference.tobytes()) < 100, "slanted edges differ by how they are smoothed, nothing else"


def test_draw_returns_cached_image() -> None:
    assert draw(Glyph("rates", 2, 1), 22, "dark") is draw(Glyph("rates", 2, 1), 22, "dark")
