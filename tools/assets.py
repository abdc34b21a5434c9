"""Draws every size of the program's icon from its masters in `assets/`: `./dev assets [DIRECTORY]`.

The result (build/assets unless told otherwise) is laid out as it is installed: a hicolor theme for Linux with the icons
of the tray, an .icns for macOS. Nothing of it is kept in the repository or edited by hand.
"""

from __future__ import annotations

import io
import os
import shutil
import sys
from pathlib import Path

os.environ["QT_QPA_PLATFORM"] = "offscreen"

from PIL import Image
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QImage, QPainter
from PySide6.QtSvg import QSvgRenderer

ROOT = Path(__file__).resolve().parent.parent
MASTER = ROOT / "assets" / "netwatch-tray.svg"
SMALL = ROOT / "assets" / "netwatch-tray-16.svg"
TRAY = ROOT / "assets" / "tray" / "hicolor"
SYMBOLIC = ROOT / "assets" / "netwatch-tray-symbolic.svg"

HICOLOR = (16, 22, 24, 32, 48, 64, 128, 256, 512)
MACOS = (16, 32, 64, 128, 256, 512, 1024)


def render(size: int) -> Image.Image:
    """Return the icon at `size` × `size` pixels."""
    master = SMALL if size == 16 else MASTER
    picture = QImage(size, size, QImage.Format.Format_RGBA8888)
    picture.fill(Qt.GlobalColor.transparent)
    painter = QPainter(picture)
    QSvgRenderer(str(master)).render(painter, QRectF(0, 0, size, size))
    painter.end()
    return Image.frombytes("RGBA", (size, size), bytes(picture.constBits()))


def write(place: Path) -> None:
    """Empty the directory `place` and write all files into it."""
    shutil.rmtree(place, ignore_errors=True)
    for size in HICOLOR:
        file = place / "hicolor" / f"{size}x{size}" / "apps" / "netwatch-tray.png"
        file.parent.mkdir(parents=True)
        render(size).save(file, optimize=True)
    for kind, source in (("scalable", MASTER), ("symbolic", SYMBOLIC)):
        apps = place / "hicolor" / kind / "apps"
        apps.mkdir(parents=True)
        shutil.copyfile(source, apps / source.name)
    shutil.copytree(TRAY, place / "hicolor", dirs_exist_ok=True)
    largest, *others = (render(size) for size in reversed(MACOS))
    written = io.BytesIO()
    largest.save(written, format="ICNS", append_images=others)
    (place / "NetWatch.icns").write_bytes(written.getvalue())


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "build" / "assets")
