"""Draws the glyphs (shapes) of the tray icon, on whole pixels: as pictures of 16 to 64 pixels, and as an icon theme.

Each size is a whole multiple of a grid of 16, 22 or 24 units, so that a panel which halves a picture gets sharp edges
as well. The states differ by their shapes, not only by colours.
"""

from __future__ import annotations

import functools
import math
from typing import Literal, NamedTuple

from netwatch_tray.tray.picture import SAMPLES, Picture, Samples, inked, on_plate
from netwatch_tray.tray.presenter import Glyph

SIZES = (16, 22, 24, 32, 44, 48, 64)
GLYPHS = (
    *(Glyph("rates", down, up) for down in range(4) for up in range(4)),
    Glyph("paused"),
    Glyph("offline"),
    Glyph("alert"),
)
"""Every glyph without digits that can be drawn."""

Bar = Literal["light", "dark", "unknown"]
"""Colour of the panel or menu bar behind the icon."""

_INK: dict[Bar, tuple[int, int, int]] = {
    "light": (0x15, 0x18, 0x1C),
    "dark": (0xEC, 0xEE, 0xF1),
    "unknown": (0x7A, 0x82, 0x8D),  # at least 3:1 against white and against the usual dark bars
}

_Polygon = tuple[tuple[float, float], ...]


class _Grid(NamedTuple):
    """The measures of the glyphs drawn in one grid, in grid units. All other measures follow from them."""

    size: int
    margin: int
    """Empty units above and below the glyph."""
    left: int
    """Left edge of the left arrow; the right arrow mirrors it."""
    width: int
    """Width of an arrow's head."""
    head: int
    """Height of an arrow's head."""
    stem: int
    """Width of an arrow's stem."""
    dot: int
    """Height of the exclamation mark's dot."""
    gap: int
    """Empty units between the exclamation mark's stroke and its dot."""


_MARK = 4
"""Width of the exclamation mark, in grid units."""

_16, _22, _24 = _GRIDS = (
    _Grid(16, 2, 1, 6, 4, 2, 3, 1),
    _Grid(22, 3, 1, 8, 6, 4, 4, 2),
    _Grid(24, 3, 1, 10, 6, 4, 4, 2),
)

_NATURAL = {"scalable": 4}
"""Width of an SVG of the theme in pixels, as a multiple of its grid (otherwise 1), by directory. swaybar enlarges
drawings by whole factors only, but reduces them by any."""

# LXQt uses the last entry whatever the size; its own icons have 22 pixels.
_THEME_PLACES = {"16x16": _16, "22x22": _22, "24x24": _24, "32x32": _16, "48x48": _16, "scalable": _22}


def draw(glyph: Glyph, size: int, bar: Bar) -> Picture:
    """Return the picture of a glyph with `size` × `size` pixels, one of `SIZES`."""
    return _draw_digits(glyph.digits, size, bar) if glyph.digits else _draw_shape(glyph, size, bar)


def draw_sizes(glyph: Glyph, sizes: tuple[int, ...], bar: Bar) -> tuple[Picture, ...]:
    """Return a picture in each of these sizes."""
    if glyph.digits:
        return tuple([draw(glyph, size, bar) for size in sizes])
    return _draw_shapes(glyph, sizes, bar)


@functools.lru_cache(maxsize=len(GLYPHS))
def _draw_shapes(glyph: Glyph, sizes: tuple[int, ...], bar: Bar) -> tuple[Picture, ...]:
    return tuple([_draw_shape(glyph, size, bar) for size in sizes])


def _draw_digits(lines: tuple[str, str], size: int, bar: Bar) -> Picture:
    """Draw digits. On a bar of unknown colour they are light on a dark plate, because a colour that suits all bars is
    too faint for thin strokes."""
    from netwatch_tray.tray import digits  # noqa: PLC0415  only where they are chosen

    mask = digits.draw(lines, size)
    if bar == "unknown":
        return on_plate(size, _INK["dark"], _INK["light"], mask, _plate(size))
    return inked(size, _INK[bar], mask)


@functools.lru_cache(maxsize=len(SIZES))
def _plate(size: int) -> bytes:
    """Return the mask of the plate behind the digits: the whole icon with rounded corners."""
    unit = max(1, size // 22)
    corners = [2 * unit] * unit + [unit] * unit
    cut = [*corners, *[0] * (size - 2 * len(corners)), *reversed(corners)]
    return b"".join(bytes(each) + b"\xff" * (size - 2 * each) + bytes(each) for each in cut)


@functools.lru_cache(maxsize=128)  # every state in the sizes that a backend requests
def _draw_shape(glyph: Glyph, size: int, bar: Bar) -> Picture:
    grid = next(grid for grid in _GRIDS if size % grid.size == 0)
    scale = size // grid.size * SAMPLES
    samples = Samples(size)
    for polygon in _shapes(glyph, grid):
        _fill(samples, tuple((x * scale, y * scale) for x, y in polygon))
    return inked(size, _INK[bar], samples.mask(), theme_name(glyph))


def theme_name(glyph: Glyph) -> str:
    """Return the name of a glyph in the icon theme `assets/tray`. Panels draw symbolic icons in the colour of their
    text.

    The name has no other dash: a name that is not found is looked up without the part after the last dash (Icon Naming
    Specification), and `netwatch-tray` is the icon of the program.
    """
    steps = f"_{glyph.down}_{glyph.up}" if glyph.kind == "rates" else ""
    return f"netwatch_tray_{glyph.kind}{steps}-symbolic"


def draw_theme() -> dict[str, str]:
    """Return the SVG files of the icon theme by path. Their colour is that for an unknown bar, which panels may
    replace."""
    return {
        f"hicolor/{place}/apps/{theme_name(glyph)}.svg": _svg(glyph, grid, _NATURAL.get(place, 1))
        for place, grid in _THEME_PLACES.items()
        for glyph in GLYPHS
    }


def _svg(glyph: Glyph, grid: _Grid, times: int) -> str:
    """Return a glyph as SVG with the class that KDE needs; GTK colours every path by itself."""
    ink = "#{:02x}{:02x}{:02x}".format(*_INK["unknown"])
    paths = "".join(
        f'<path class="ColorScheme-Text" fill="currentColor" d="M{"L".join(f"{x:g} {y:g}" for x, y in polygon)}Z"/>'
        for polygon in _shapes(glyph, grid)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{grid.size * times}" height="{grid.size * times}" '
        f'viewBox="0 0 {grid.size} {grid.size}">'
        f'<style id="current-color-scheme" type="text/css">.ColorScheme-Text{{color:{ink}}}</style>{paths}</svg>\n'
    )


def _shapes(glyph: Glyph, grid: _Grid) -> list[_Polygon]:
    """Return the convex polygons that a glyph consists of, in grid units."""
    size, margin, low = grid.size, grid.margin, grid.size - grid.margin
    left, right = grid.left, size - grid.left - grid.width
    bar = grid.stem + 2
    left_bar, right_bar = left + (grid.width - bar) // 2, right + (grid.width - bar) // 2
    match glyph.kind:
        case "rates":
            room = low - grid.head - margin
            shapes = [_head(grid, left, low, -1), _head(grid, right, margin, 1)]
            if glyph.down:
                end = low - grid.head
                shapes.append(_stem(grid, left, end - round(room * glyph.down / 3), end))
            if glyph.up:
                end = margin + grid.head
                shapes.append(_stem(grid, right, end, end + round(room * glyph.up / 3)))
            return shapes
        case "paused":
            return [_box(left_bar, margin, bar, low), _box(right_bar, margin, bar, low)]
        case "offline":
            near, thick = 1, 1 + size // 8
            slash = (near, thick), (thick, near), (size - near, size - thick), (size - thick, size - near)
            return [_head(grid, left, low, -1), _head(grid, right, margin, 1), slash]
        case "alert":
            mark, dot = right + (grid.width - _MARK) // 2, low - grid.dot
            return [
                _head(grid, left, margin, 1),
                _head(grid, left, low, -1),
                _box(mark, margin, _MARK, dot - grid.gap),
                _box(mark, dot, _MARK, low),
            ]


def _head(grid: _Grid, x: int, tip: int, direction: int) -> _Polygon:
    """Return the head of an arrow: a triangle whose tip is at height `tip` and whose base is below it (`direction` 1)
    or above it (-1)."""
    base = tip + direction * grid.head
    return (x, base), (x + grid.width, base), (x + grid.width / 2, tip)


def _stem(grid: _Grid, x: int, top: int, bottom: int) -> _Polygon:
    return _box(x + (grid.width - grid.stem) // 2, top, grid.stem, bottom)


def _box(x: int, top: int, width: int, bottom: int) -> _Polygon:
    return (x, top), (x + width, top), (x + width, bottom), (x, bottom)


def _fill(samples: Samples, polygon: _Polygon) -> None:
    """Fill a convex polygon, whose coordinates are in samples."""
    (left, right), (top, bottom) = (_ends([corner[axis] for corner in polygon]) for axis in (0, 1))
    if len({x for x, _ in polygon}) == len({y for _, y in polygon}) == 2:
        samples.fill(left, top, right, bottom)
    else:
        for line, (start, end) in enumerate(_slanted(polygon, top, bottom), top):
            samples.fill(start, line, end, line + 1)


@functools.lru_cache(maxsize=32)  # the heads of the arrows, the same in most states
def _slanted(polygon: _Polygon, top: int, bottom: int) -> list[tuple[int, int]]:
    """Return the left and right end of a convex polygon on each line of samples from `top` to `bottom`, measured at the
    middle of the line."""
    ends = []
    for line in range(top, bottom):
        crossings = [
            x0 + (line + 0.5 - y0) * (x1 - x0) / (y1 - y0)
            for (x0, y0), (x1, y1) in zip(polygon, (*polygon[1:], polygon[0]), strict=True)
            if min(y0, y1) <= line + 0.5 < max(y0, y1)
        ]
        ends.append((math.floor(min(crossings) + 0.5), math.floor(max(crossings) + 0.5)))
    return ends


def _ends(values: list[float]) -> tuple[int, int]:
    return round(min(values)), round(max(values))
