"""The panels of all desktops on one sheet, with the icon in its three states, as the tests of desktops see them."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image, ImageDraw

_ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(_ROOT), str(_ROOT / "tests")]

# ruff: noqa: E402  found by the line above
from desktops import DESKTOPS

_WIDTH, _HEIGHT, _NAME, _GAP = 240, 44, 110, 8
_STATES = ("idle", "busy", "paused")
TEST = "test_each_icon_state_matches_only_its_own_drawing"
"""The test of desktops that takes the pictures."""


def draw_sheet(file: Path) -> None:
    """Run each desktop, light and dark; where one is not installed, print that and leave the sheet as it is."""
    if missing := [name for name, kind in DESKTOPS.items() if kind.missing()]:
        print(f"{file} stays as it is: not installed are {', '.join(missing)}. ./dev test desktops installs them.")
        return
    with tempfile.TemporaryDirectory() as directory:
        tests = [
            sys.executable,
            "-m",
            "pytest",
            f"tests/e2e/test_desktops.py::{TEST}",
            "-k",
            "light-1 or dark-1",
        ]
        environment = {**os.environ, "NETWATCH_REPEATS": "1", "NETWATCH_PICTURES": directory}
        for name in ("QT_QPA_PLATFORM", "QT_SCALE_FACTOR"):  # of the offscreen window
            environment.pop(name, None)
        subprocess.run(tests, cwd=_ROOT, env=environment, check=True)
        _compose(Path(directory)).quantize(128, dither=Image.Dither.NONE).save(file, optimize=True)
    print(f"{file} {file.stat().st_size // 1000} kB")


def _compose(directory: Path) -> Image.Image:
    """Return a picture with a row for each panel and shade of which there are pictures, in the order of the tests."""
    looks = [
        (name, shade)
        for name in DESKTOPS
        for shade in ("light", "dark")
        if (directory / f"{name}-{shade}-1x-idle.png").exists()
    ]
    sheet = Image.new("RGB", (_NAME + len(_STATES) * (_WIDTH + _GAP), len(looks) * (_HEIGHT + _GAP)), "white")
    draw = ImageDraw.Draw(sheet)
    for row, (name, shade) in enumerate(looks):
        top = row * (_HEIGHT + _GAP)
        draw.text((4, top + 8), f"{name}\n{shade}", fill="black")
        for column, state in enumerate(_STATES):
            with Image.open(directory / f"{name}-{shade}-1x-{state}.png") as panel:
                sheet.paste(panel, (_NAME + column * (_WIDTH + _GAP), top + (_HEIGHT - panel.height) // 2))
    return sheet
