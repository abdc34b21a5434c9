"""Pictures as bytes, compared with Pillow."""

from __future__ import annotations

import io

from hypothesis import given, strategies as st
from PIL import Image

from netwatch_tray.tray.icon import SIZES
from netwatch_tray.tray.picture import SAMPLES, Picture, Samples, inked, scaled

SIZE = 16
PLACES = st.integers(0, SIZE * SAMPLES)
BOXES = st.lists(st.tuples(PLACES, PLACES, PLACES, PLACES), max_size=5)
MASKS = st.sampled_from(SIZES).flatmap(lambda size: st.binary(min_size=size * size, max_size=size * size))


@given(BOXES)
def test_overlapping_rectangles_are_shaded_as_their_union(boxes: list[tuple[int, int, int, int]]) -> None:
    samples, expected = Samples(SIZE), Image.new("L", (SIZE * SAMPLES, SIZE * SAMPLES))
    for x0, y0, x1, y1 in boxes:
        left, right, top, bottom = min(x0, x1), max(x0, x1), min(y0, y1), max(y0, y1)
        samples.fill(left, top, right, bottom)
        expected.paste(255, (left, top, right, bottom))
    assert samples.mask() == expected.reduce(SAMPLES).tobytes()


@given(MASKS)
def test_png_argb_and_rgba_are_the_same_pixels(mask: bytes) -> None:
    size = int(len(mask) ** 0.5)
    picture = inked(size, (1, 20, 255), mask, "name")
    read = Image.open(io.BytesIO(picture.png()))
    assert (read.mode, read.size, read.tobytes()) == ("RGBA", (size, size), picture.rgba())
    assert read.getchannel("A").tobytes() == mask
    assert picture.argb == Image.merge("RGBA", [read.getchannel(each) for each in "ARGB"]).tobytes()


def test_picture_is_empty_where_nothing_is_opaque() -> None:
    assert Picture(1, b"\0\xff\xff\xff").is_empty
    assert not Picture(1, b"\1\0\0\0").is_empty


def test_scaled_mask_repeats_whole_pixels() -> None:
    assert scaled(["#.", ".."], 2) == [b"\xff\xff\0\0"] * 2 + [bytes(4)] * 2
