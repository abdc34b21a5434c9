"""Draws pictures and film of README and docs: window and tray from synthetic data, icons as the desktops show them."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
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
from synthetic import CannedFeed, Clock, SyntheticHistory, messages, messages_of_second
from tray_sheet import draw_sheet
from tray_shot import draw_tray

from netwatch_tray.window.data.agent_link import AgentLink
from netwatch_tray.window.pages.connections.grouping import Grouping
from netwatch_tray.window.shell.main_window import MainWindow
from netwatch_tray.window.widgets.theme import Theme

_FILM = (("interfaces", 11), ("apps", 7), ("connections", 7), ("usage", 4), ("events", 4))
"""Pages of the film, each with its number of frames; a second of the world passes in each."""
_FRAME_MS = 600


def main() -> None:
    parser = argparse.ArgumentParser(prog="./dev shots", description="Draw the pictures of README and docs.")
    parser.add_argument("directory", nargs="?", type=Path, default=_ROOT / "docs" / "pictures")
    directory = parser.parse_args().directory
    directory.mkdir(parents=True, exist_ok=True)
    application = QApplication(sys.argv[:1])
    font = QFont("DejaVu Sans")
    font.setPixelSize(13)
    application.setFont(font)
    for scheme in (Qt.ColorScheme.Light, Qt.ColorScheme.Dark):
        _draw_pages(application, scheme, directory)
    _draw_film(application, directory / "film.webp")
    draw_tray(directory / "tray.png")
    draw_icons(directory / "icons.png")
    draw_sheet(directory / "tray-desktops.png")


@contextmanager
def _opened(application: QApplication, scheme: Qt.ColorScheme, feed: CannedFeed) -> Iterator[MainWindow]:
    with tempfile.TemporaryDirectory() as forgotten:
        memory = QSettings(f"{forgotten}/window.ini", QSettings.Format.IniFormat)
        link, clock = AgentLink(lambda: feed), Clock()
        link.received.connect(clock.follow)
        with patch("time.time", lambda: clock.now):
            window = MainWindow(Theme(application, scheme), link, memory, SyntheticHistory())
            window.resize(1120, 740)
            window.connections.bar.group_by(Grouping("app"))
            for entry in window.pages:
                entry.page()  # before the feed begins, which says everything once
            window.show()
            link.try_now()
            yield window
            window.close()


def _draw_pages(application: QApplication, scheme: Qt.ColorScheme, directory: Path) -> None:
    with _opened(application, scheme, CannedFeed(messages())) as window:
        window.interfaces.choose_range(2)
        for index, page in enumerate(window.pages):
            window.turn_to(index)
            application.processEvents()
            file = directory / f"{page.id}-{scheme.name.lower()}.png"
            # 256 colours show no difference, and the file is a third as large.
            picture = _grab(window).quantize(256, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
            picture.save(file, optimize=True)
            print(f"{file} {file.stat().st_size // 1000} kB")


def _draw_film(application: QApplication, file: Path) -> None:
    """Film each page with live data for some seconds."""
    ago = sum(count for _, count in _FILM)
    feed, frames = CannedFeed(messages(ago)), []
    with _opened(application, Qt.ColorScheme.Light, feed) as window:
        for name, count in _FILM:
            window.turn_to([page.id for page in window.pages].index(name))
            for _ in range(count):
                ago -= 1
                feed.say(messages_of_second(ago))
                application.processEvents()
                frames.append(_grab(window).resize((1120, 740), Image.Resampling.LANCZOS))
    frames[0].save(
        file, save_all=True, append_images=frames[1:], duration=_FRAME_MS, loop=0, lossless=False, quality=72, method=6,
        minimize_size=True,
    )  # fmt: skip
    print(f"{file} {file.stat().st_size // 1000} kB")


def _grab(window: MainWindow) -> Image.Image:
    drawn = window.grab().toImage().convertToFormat(QImage.Format.Format_RGB888)
    size = (drawn.width(), drawn.height())
    return Image.frombytes("RGB", size, bytes(drawn.constBits()), "raw", "RGB", drawn.bytesPerLine())


if __name__ == "__main__":
    main()
