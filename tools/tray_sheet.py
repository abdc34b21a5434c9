"""Puts the panels that `NETWATCH_PICTURES=DIRECTORY ./dev test desktops` looked at onto one sheet, for docs/tray.md:

.venv/bin/python tools/tray_sheet.py DIRECTORY docs/pictures/tray-desktops.png
"""

from __future__ import annotations

import sys
from pathlib import Path

from PIL import Image, ImageDraw

_WIDTH, _HEIGHT, _NAME = 320, 44, 110
_STATES = ("idle", "busy", "paused")


def main() -> None:
    directory, file = Path(sys.argv[1]), Path(sys.argv[2])
    looks = sorted({picture.name.rsplit("-", 1)[0] for picture in directory.glob("*-1x-*.png")})
    size = (_NAME + len(_STATES) * (_WIDTH + 8), len(looks) * (_HEIGHT + 8))
    sheet = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(sheet)
    for row, look in enumerate(looks):
        top = row * (_HEIGHT + 8)
        name, shade, _ = look.rsplit("-", 2)
        draw.text((4, top + 8), f"{name}\n{shade}", fill="black")
        for column, state in enumerate(_STATES):
            with Image.open(directory / f"{look}-{state}.png") as panel:
                end = panel.crop((panel.width - _WIDTH, 0, panel.width, panel.height))
            sheet.paste(end, (_NAME + column * (_WIDTH + 8), top + (_HEIGHT - end.height) // 2))
    sheet.quantize(128, dither=Image.Dither.NONE).save(file, optimize=True)
    print(f"{file} {file.stat().st_size // 1000} kB")


if __name__ == "__main__":
    main()
