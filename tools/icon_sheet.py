"""The contact sheet of the tray's icons: every state and size on light and dark bars, to be looked at."""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageDraw

from netwatch_tray.tray.icon import GLYPHS, SIZES, Bar, draw

_BARS: tuple[tuple[Bar, tuple[int, int, int], tuple[int, int, int]], ...] = (
    # ink, bar, text
    ("light", (0xF3, 0xF4, 0xF6), (0x40, 0x40, 0x40)),
    ("dark", (0x1D, 0x20, 0x24), (0xC0, 0xC0, 0xC0)),
    ("unknown", (0xF3, 0xF4, 0xF6), (0x40, 0x40, 0x40)),
    ("unknown", (0x1D, 0x20, 0x24), (0xC0, 0xC0, 0xC0)),
)
_GAP, _NAMES, _HEAD = 8, 96, 20


def draw_icons(file: Path) -> None:
    """Draw a column for each size on each bar and a row for each state, as large as on the screen."""
    width = _NAMES + len(_BARS) * (sum(SIZES) + _GAP * (len(SIZES) + 1))
    row = max(SIZES) + _GAP
    sheet = Image.new("RGB", (width, _HEAD + row * len(GLYPHS)), (0xFF, 0xFF, 0xFF))
    pen = ImageDraw.Draw(sheet)
    for index, glyph in enumerate(GLYPHS):
        name = glyph.kind if glyph.kind != "rates" else f"down {glyph.down}, up {glyph.up}"
        pen.text((_GAP, _HEAD + index * row + row // 2 - 6), name, (0, 0, 0))
    left = _NAMES
    for ink, paper, text in _BARS:
        right = left + sum(SIZES) + _GAP * (len(SIZES) + 1)
        pen.rectangle((left, 0, right - 1, sheet.height), paper)
        pen.text((left + _GAP, 4), f"{ink} bar" if ink != "unknown" else "bar of unknown colour", text)
        x = left + _GAP
        for size in SIZES:
            for index, glyph in enumerate(GLYPHS):
                picture = Image.frombytes("RGBA", (size, size), draw(glyph, size, ink).rgba())
                sheet.paste(picture, (x, _HEAD + index * row + (row - size) // 2), picture)
            x += size + _GAP
        left = right
    sheet.quantize(64, dither=Image.Dither.NONE).save(file, optimize=True)
    print(f"{file} {file.stat().st_size // 1000} kB")
