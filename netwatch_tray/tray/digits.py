"""Draws two lines of digits for the icon in pixel fonts made for it, because at 22 pixels no outline font is legible.

All digits have the same width, so that nothing moves while they change.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

from netwatch_tray.tray.picture import scaled

_Font = dict[str, str]
"""A pixel font. Each glyph is a sequence of rows from top to bottom, in which `#` is a drawn pixel."""

_TALL: _Font = {
    "0": ".##. #..# #..# #..# #..# #..# #..# #..# .##.",
    "1": "..#. .##. #.#. ..#. ..#. ..#. ..#. ..#. ####",
    "2": ".##. #..# ...# ...# ..#. .#.. #... #... ####",
    "3": ".##. #..# ...# ...# .##. ...# ...# #..# .##.",
    "4": "...# ..## ..## .#.# .#.# #..# #### ...# ...#",
    "5": "#### #... #... ###. ...# ...# ...# #..# .##.",
    "6": ".##. #..# #... ###. #..# #..# #..# #..# .##.",
    "7": "#### ...# ...# ..#. ..#. ..#. .#.. .#.. .#..",
    "8": ".##. #..# #..# #..# .##. #..# #..# #..# .##.",
    "9": ".##. #..# #..# #..# .### ...# ...# #..# .##.",
    "k": "#... #... #... #..# #.#. ##.. #.#. #.#. #..#",
    "M": "#...# ##.## ##.## #.#.# #.#.# #...# #...# #...# #...#",
    "G": ".##. #..# #... #... #.## #..# #..# #..# .##.",
    "T": "##### ..#.. ..#.. ..#.. ..#.. ..#.. ..#.. ..#.. ..#..",
    ".": ". . . . . . . . #",
    "–": ".... .... .... .... #### .... .... .... ....",
    "P": "###. #..# #..# #..# ###. #... #... #... #...",
    "E": "#### #... #... #... ###. #... #... #... ####",
}
"""Digits of 4 × 9 pixels."""
_SMALL: _Font = {
    "0": ".#. #.# #.# #.# #.# #.# .#.",
    "1": ".#. ##. .#. .#. .#. .#. ###",
    "2": "##. ..# ..# .#. #.. #.. ###",
    "3": "##. ..# ..# .#. ..# ..# ##.",
    "4": "#.# #.# #.# ### ..# ..# ..#",
    "5": "### #.. #.. ##. ..# ..# ##.",
    "6": ".## #.. #.. ##. #.# #.# .#.",
    "7": "### ..# ..# .#. .#. .#. .#.",
    "8": ".#. #.# #.# .#. #.# #.# .#.",
    "9": ".#. #.# #.# .## ..# ..# ##.",
    "k": "#.. #.. #.# #.# ##. #.# #.#",
    "M": "#.# ### ### #.# #.# #.# #.#",
    "G": ".## #.. #.. #.. #.# #.# .##",
    "T": "### .#. .#. .#. .#. .#. .#.",
    ".": ". . . . . . #",
    "–": "... ... ... ### ... ... ...",
    "P": "##. #.# #.# ##. #.. #.. #..",
    "E": "### #.. #.. ##. #.. #.. ###",
}
"""Digits of 3 × 7 pixels."""

_WIDEST = "888M"


class _Layout(NamedTuple):
    """Font, sizes and distances of the two lines of digits in an icon of one size. Lengths are in pixels
    of that icon."""

    font: _Font
    scale: int
    spacing: int
    """Pixels between two characters."""
    leading: int
    """Pixels between the two lines."""


_LAYOUTS = {
    16: _Layout(_SMALL, 1, 1, 2),
    22: _Layout(_TALL, 1, 1, 2),
    24: _Layout(_TALL, 1, 1, 2),
    32: _Layout(_SMALL, 2, 1, 2),
    44: _Layout(_TALL, 2, 2, 4),
    48: _Layout(_TALL, 2, 2, 4),
    64: _Layout(_TALL, 3, 2, 4),
}


def draw(lines: tuple[str, str], size: int) -> bytes:
    """Return a mask (one byte a pixel) of `size` × `size` pixels with both lines, right-aligned and centred vertically.
    `size`: one of icon.SIZES."""
    layout = _LAYOUTS[size]
    upper, lower = (_line(text, layout) for text in lines)
    above = (size - len(upper) - layout.leading - len(lower)) // 2
    right = (size - _width(_WIDEST, layout) + 1) // 2
    leading = [b""] * layout.leading
    drawn = [*[b""] * above, *upper, *leading, *lower]
    drawn += [b""] * (size - len(drawn))
    return b"".join((line + bytes(right)).rjust(size, b"\0") if line else bytes(size) for line in drawn)


def _line(text: str, layout: _Layout) -> list[bytes]:
    glyphs = [_glyph(layout.font[character], layout.scale) for character in text]
    return [bytes(layout.spacing).join(parts) for parts in zip(*glyphs, strict=True)]


def _width(text: str, layout: _Layout) -> int:
    columns = sum(layout.font[character].index(" ") for character in text)
    return columns * layout.scale + (len(text) - 1) * layout.spacing


@functools.lru_cache(maxsize=64)  # all glyphs in a few sizes
def _glyph(rows: str, scale: int) -> list[bytes]:
    return scaled(rows.split(), scale)
