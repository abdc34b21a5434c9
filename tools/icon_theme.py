"""Writes `assets/tray`, the tray's glyphs as an icon theme: `.venv/bin/python tools/icon_theme.py` after a change of
the geometry in `netwatch_tray/tray/icon.py`. A test fails as long as the written files are out of date."""

from __future__ import annotations

import shutil
from pathlib import Path

from netwatch_tray.tray.icon import draw_theme

THEME = Path(__file__).resolve().parent.parent / "assets" / "tray"


def main() -> None:
    shutil.rmtree(THEME, ignore_errors=True)
    for name, text in draw_theme().items():
        file = THEME / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


if __name__ == "__main__":
    main()
