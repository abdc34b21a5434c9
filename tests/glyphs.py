"""Finds the tray's glyphs in a picture of a panel of any colours, and measures how exactly they match."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from PIL import Image

from netwatch_tray.tray.icon import SIZES, Bar, draw
from netwatch_tray.tray.presenter import Glyph

_CONTRASTS = (45, 90)
"""Of 255, to the colour of the panel: half of what our grey and half of what the colour of text has."""
_SIZES = (22, 16, 24, 32, 44, 48, 20, 18, 19, 17, 36, 40, 21, 23, 25, 26, 28, 30)
"""That panels show, the usual ones first."""


def image(glyph: Glyph, size: int, bar: Bar) -> Image.Image:
    """Return the drawing of a glyph."""
    return Image.frombytes("RGBA", (size, size), draw(glyph, size, bar).rgba())


class Place(NamedTuple):
    """The place where a glyph was found."""

    x: int
    y: int
    size: int
    misses: float
    """Pixels that differ from the drawing, as a part of its ink."""

    @property
    def middle(self) -> tuple[int, int]:
        return self.x + self.size // 2, self.y + self.size // 2

    @property
    def box(self) -> tuple[int, int, int, int]:
        return self.x, self.y, self.x + self.size, self.y + self.size


def find_glyph(
    picture: Image.Image, glyph: Glyph, *, sizes: Iterable[int] = _SIZES, most_misses: float = 0.3
) -> Place | None:
    """Return the best match of the first size that matches, or None."""
    binary = [_binary(picture, contrast) for contrast in _CONTRASTS]
    for size in sizes:
        if size > picture.height:
            continue
        for rows in binary:
            if (found := _find(rows, picture.size, _template(glyph, size), most_misses)) is not None:
                return found
    return None


def _binary(picture: Image.Image, contrast: int) -> list[int]:
    """Return each line as a number whose highest bit is the leftmost pixel. A bit is 1 if the pixel differs from the
    most frequent colour."""
    grey = picture.convert("L")
    histogram = grey.histogram()
    background = histogram.index(max(histogram))
    mask = grey.point([255 * (abs(value - background) > contrast) for value in range(256)], "1")
    stride = (picture.width + 7) // 8
    data = mask.tobytes()
    return [
        int.from_bytes(data[line * stride : (line + 1) * stride], "big") >> (stride * 8 - picture.width)
        for line in range(picture.height)
    ]


@functools.lru_cache(maxsize=256)
def _template(glyph: Glyph, size: int) -> Sequence[int]:
    drawn = next((each for each in SIZES if each == size), None)
    alpha = image(glyph, drawn or 64, "dark").getchannel("A")
    if drawn is None:
        alpha = alpha.resize((size, size), Image.Resampling.BOX)
    pixels = alpha.tobytes()
    return [sum((pixels[y * size + x] > 127) << (size - 1 - x) for x in range(size)) for y in range(size)]


def _find(rows: list[int], size: tuple[int, int], template: Sequence[int], most_misses: float) -> Place | None:
    width, height = size
    side = len(template)
    ink = sum(line.bit_count() for line in template)
    first = next(index for index, line in enumerate(template) if line)
    mask = (1 << side) - 1
    best = int(ink * most_misses) + 1
    found = None
    for y in range(height - side + 1):
        if not rows[y + first]:
            continue
        for x in range(width - side + 1):
            shift = width - side - x
            misses = (((rows[y + first] >> shift) & mask) ^ template[first]).bit_count()
            if misses > 3:
                continue
            misses = 0
            for line in range(side):
                misses += (((rows[y + line] >> shift) & mask) ^ template[line]).bit_count()
                if misses >= best:
                    break
            else:
                best, found = misses, Place(x, y, side, misses / ink)
    return found
