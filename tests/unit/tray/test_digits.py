"""The rates as two lines of digits in the icon."""

from __future__ import annotations

import itertools

import pytest
from glyphs import image
from hypothesis import given, strategies as st
from PIL import Image, ImageChops

from netwatch_tray import units
from netwatch_tray.tray import digits
from netwatch_tray.tray.icon import SIZES, draw
from netwatch_tray.tray.presenter import Glyph
from netwatch_tray.units import Units

CHARACTERS = "0123456789kMGTPE.–"


def mask(lines: tuple[str, str], size: int) -> Image.Image:
    return Image.frombytes("L", (size, size), digits.draw(lines, size))


@pytest.mark.parametrize("size", SIZES)
def test_no_two_characters_of_the_icon_font_look_alike(size: int) -> None:
    drawn = {each: digits.draw((each, "0"), size) for each in CHARACTERS}
    for one, other in itertools.combinations(CHARACTERS, 2):
        different = sum(a != b for a, b in zip(drawn[one], drawn[other], strict=True))
        assert different >= 2, f"{one} and {other} at {size}"


@pytest.mark.parametrize("size", SIZES)
def test_digits_are_equally_wide(size: int) -> None:
    """A digit that changes moves no other one."""
    eights = mask(("888M", "88"), size)
    for digit in "0123456789":
        other = mask((f"8{digit}8M", "88"), size)
        box = ImageChops.difference(eights, other).getbbox()
        assert box is None or box[2] - box[0] <= size / 5


@pytest.mark.parametrize("size", SIZES)
def test_the_widest_rates_fit_and_every_pixel_is_sharp(size: int) -> None:
    picture = image(Glyph("rates", 0, 0, ("888M", "888k")), size, "dark").getchannel("A")
    assert sum(picture.histogram()[1:255]) == 0
    narrow = image(Glyph("rates", 0, 0, ("1", "1")), size, "dark").getchannel("A")
    box, small = picture.getbbox(), narrow.getbbox()
    assert box
    assert small
    assert box[0] >= 0
    assert (box[1], box[2], box[3]) == (small[1], small[2], small[3]), "both lines end at the same edge"
    assert box[3] - box[1] >= size * 0.75, "as high as the icon allows"
    assert 2 * (box[1] + box[3]) == pytest.approx(2 * size, abs=2 * size // 16), "in the middle"


@pytest.mark.parametrize("size", SIZES)
def test_unknown_bar_colour_gives_light_digits_on_a_dark_plate(size: int) -> None:
    picture = image(Glyph("rates", 0, 0, ("888M", "0")), size, "unknown")
    ink = image(Glyph("rates", 0, 0, ("888M", "0")), size, "dark").getchannel("A")
    colours = {(red, green, blue) for red, green, blue, alpha in picture.get_flattened_data() if alpha}
    assert colours == {(0x15, 0x18, 0x1C), (0xEC, 0xEE, 0xF1)}, "contrast 15:1, whatever the bar"
    light = picture.convert("L").point(lambda value: 255 if value > 128 else 0)
    assert ImageChops.difference(light, ink).getbbox() is None
    corners = picture.getchannel("A")
    assert [corners.getpixel((x, y)) for x in (0, size - 1) for y in (0, size - 1)] == [0] * 4, "round corners"


def test_digits_have_no_name_in_the_icon_theme() -> None:
    """Panels prefer a name to pixels."""
    assert not draw(Glyph("rates", 0, 0, ("1", "2")), 22, "unknown").name
    assert draw(Glyph("rates", 0, 0), 22, "unknown").name


@pytest.mark.parametrize(
    ("rate", "in_units", "expected"),
    [
        (None, Units(), "–"), (0, Units(), "0"), (840, Units(), "840"), (999.4, Units(), "999"),
        (999.6, Units(), "1.0k"),
        (9_940, Units(), "9.9k"), (9_960, Units(), "10k"), (840_000, Units(), "840k"), (999_600, Units(), "1.0M"),
        (1_234_567, Units(), "1.2M"), (12_500_000, Units(), "12M"), (1.25e9, Units(), "1.2G"),
        (125, Units(bits=True), "1.0k"), (1024, Units(binary=True), "1.0k"), (1023, Units(binary=True), "1.0k"),
        (999 * 1024, Units(binary=True), "999k"), (5e6, Units(prefix="k"), "5.0M"),
    ],
)  # fmt: skip
def test_short_rates_fit_four_characters(rate: float | None, in_units: Units, expected: str) -> None:
    assert units.short_rate(rate, in_units) == expected


@given(st.floats(0, 9e17), st.booleans(), st.booleans())
def test_any_rate_can_be_drawn(rate: float, bits: bool, binary: bool) -> None:
    text = units.short_rate(rate / 8, Units(bits=bits, binary=binary))
    assert len(text) <= 4
    for size in SIZES:
        whole = mask((text, text), size)
        box = whole.getbbox()
        assert box
        assert box[2] - box[0] == digits._width(text, digits._LAYOUTS[size]), "nothing is cut"
