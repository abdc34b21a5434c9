"""Draws the pictures of README and docs: window and tray from synthetic data, the icon on all desktops as it is."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path
from unittest.mock import patch

_ROOT = Path(__file__).resolve().parent.parent
os.environ.update(QT_QPA_PLATFORM="offscreen", QT_SCALE_FACTOR="2", TZ="UTC", LC_ALL="C.UTF-8")
time.tzset()
sys.path.insert(0, str(_ROOT))

# ruff: noqa: E402  Qt reads the environment when it is imported
from icon_sheet import draw_icons
from PIL import Image
from PySide6.QtCore import QSettings, Qt
from PySide6.QtGui import QFont, QImage
from PySide6.QtWidgets import QApplication
from synthetic import CannedFeed, Clock, SyntheticHistory, messages
from tray_sheet import draw_sheet
from tray_shot import draw_tray

from netwatch_tray.window.data.agent_link import AgentLink
from netwatch_tray.window.pages.connections.grouping import Grouping
from netwatch_tray.window.shell.main_window import MainWindow
from netwatch_tray.window.widgets.theme import Theme


def _save(window: MainWindow, file: Path) -> None:
    """256 colours show no difference, and the file is a third as large."""
    drawn = window.grab().toImage().convertToFormat(QImage.Format.Format_RGB888)
    size = (drawn.width(), drawn.height())
    picture = Image.frombytes("RGB", size, bytes(drawn.constBits()), "raw", "RGB", drawn.bytesPerLine())
    picture.quantize(256, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(file, optimize=True)


def main() -> None:
    directory = Path(sys.argv[1]) if len(sys.argv) > 1 else _ROOT / "docs" / "pictures"
    directory.mkdir(parents=True, exist_ok=True)
    _draw_windows(directory)
    draw_tray(directory / "tray.png")
    draw_icons(directory / "icons.png")
    draw_sheet(directory / "tray-desktops.png")


def _draw_windows(directory: Path) -> None:
    application = QApplication(sys.argv[:1])
    font = QFont("DejaVu Sans")
    font.setPixelSize(13)
    application.setFont(font)
    for scheme in (Qt.ColorScheme.Light, Qt.ColorScheme.Dark):
        with tempfile.TemporaryDirectory() as forgotten:
            memory = QSettings(f"{forgotten}/window.ini", QSettings.Format.IniFormat)
            link = AgentLink(lambda: CannedFeed(messages()))
            clock = Clock()
            link.received.connect(clock.follow)
            with patch("time.time", lambda clock=clock: clock.now):
                window = MainWindow(Theme(application, scheme), link, memory, SyntheticHistory())
                window.resize(1120, 740)
                window.interfaces.choose_range(2)
                window.connections.bar.group_by(Grouping("app"))
                window.show()
                link.try_now()
                for index, page in enumerate(window.pages):
                    window.turn_to(index)
                    application.processEvents()
                    file = directory / f"{page.id}-{scheme.name.lower()}.png"
                    _save(window, file)
                    print(f"{file} {file.stat().st_size // 1000} kB")
                window.close()


if __name__ == "__main__":
    main()
