"""Two lines of digits for the icon, in pixel fonts drawn for it: at 22 pixels no outline font is legible.

All digits are equally wide, so that nothing moves while they change.
"""

from __future__ import annotations

import functools

from PIL import Image

_Font = dict[str, str]
"""Each glyph is its rows, top first; `#` is ink."""

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
"""4 × 9 pixels, for grids of 22 and 24."""
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
    "M": "#..# #### #### #..# #..# #..# #..#",
    "G": ".## #.. #.. #.. #.# #.# .##",
    "T": "### .#. .#. .#. .#. .#. .#.",
    ".": ". . . . . . #",
    "–": "... ... ... ### ... ... ...",
    "P": "##. #.# #.# ##. #.. #.. #..",
    "E": "### #.. #.. ##. #.. #.. ###",
}
"""3 × 7 pixels, for a grid of 16."""

_WIDEST = "888M"
_LEADING = 2
"""Pixels between the two lines; one pixel is between two characters."""


def draw(lines: tuple[str, str], grid: int) -> Image.Image:
    """A mask of `grid` × `grid` pixels (16, 22 or 24): both lines, right-aligned, in the middle of the height."""
    is_small = grid == 16
    upper, lower = (_line(text, is_small) for text in lines)
    mask = Image.new("L", (grid, grid))
    top = (grid - upper.height - _LEADING - lower.height) // 2
    right = grid - (grid - _line(_WIDEST, is_small).width) // 2
    mask.paste(upper, (right - upper.width, top))
    mask.paste(lower, (right - lower.width, top + upper.height + _LEADING))
    return mask


@functools.lru_cache(maxsize=32)  # on an idle line the same few come again and again
def _line(text: str, is_small: bool) -> Image.Image:
    font = _SMALL if is_small else _TALL
    rows = [".".join(row) for row in zip(*(font[character].split() for character in text), strict=True)]
    pixels = bytes(255 if pixel == "#" else 0 for row in rows for pixel in row)
    return Image.frombytes("L", (len(rows[0]), len(rows)), pixels)
