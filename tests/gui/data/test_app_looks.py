from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QColor, QImage, QPainter
from windows import application, until

from netwatch_tray.desktop_entries import Entries, Entry
from netwatch_tray.window.data.app_looks import AppLooks, draw_file, glyph_of
from netwatch_tray.window.data.icon_files import IconFiles
from netwatch_tray.window.widgets.theme import Theme

_SVG = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 4 4"><rect width="4" height="4" fill="{colour}"/></svg>'


@pytest.fixture
def looks(tmp_path: Path) -> Iterator[AppLooks]:
    (tmp_path / "red.svg").write_text(_SVG.format(colour="#ff0000"))
    entries = Entries(
        [
            Entry("a", "Pretty", f"{tmp_path}/red.svg", programs=("/opt/a",)),
            Entry("b", "No icon", f"{tmp_path}/missing.svg", programs=("/opt/b",)),
        ]
    )
    made = AppLooks(lambda: entries, lambda: IconFiles("", []))
    yield made
    made.close()


def _drawn(looks: AppLooks, key: str, theme: Theme) -> QColor:
    image = QImage(20, 20, QImage.Format.Format_RGB32)
    image.fill(Qt.GlobalColor.white)
    painter = QPainter(image)
    looks.draw(painter, QRect(0, 0, 20, 20), key, theme)
    painter.end()
    return image.pixelColor(10, 2)


def test_name_and_icon_are_read_later_and_only_once(looks: AppLooks) -> None:
    theme = Theme(application(), Qt.ColorScheme.Light)
    assert looks.name("executable:/opt/a", "a") == "a"
    assert _drawn(looks, "executable:/opt/a", theme) == theme.tokens.select, "a tile, until the icon is read"
    until(lambda: looks.name("executable:/opt/a", "a") == "Pretty", "the name is read")
    until(lambda: _drawn(looks, "executable:/opt/a", theme).name() == "#ff0000", "the icon is read")
    theme.deleteLater()


def test_app_without_entry_or_icon_keeps_its_glyph(looks: AppLooks) -> None:
    theme = Theme(application(), Qt.ColorScheme.Dark)
    changes: list[bool] = []
    looks.changed.connect(lambda: changes.append(True))
    for key in ("executable:/opt/b", "executable:/opt/c", ""):
        _drawn(looks, key, theme)
    until(lambda: looks.name("executable:/opt/b", "b") == "No icon", "the name is read")
    assert looks.name("executable:/opt/c", "c") == "c"
    assert {_drawn(looks, key, theme).name() for key in ("executable:/opt/b", "executable:/opt/c", "")} == {
        theme.tokens.select.name()
    }
    theme.deleteLater()


@pytest.mark.parametrize(
    ("key", "glyph"),
    [
        ("executable:/usr/bin/ssh", "prompt"),
        ("unit:cups.service", "gear"),
        ("unit:postgresql@16-main.service", "database"),
        ("unit:docker 0123456789ab", "container"),
        ("", "prompt"),
    ],
)
def test_the_glyph_shows_the_kind_of_app(key: str, glyph: str) -> None:
    assert glyph_of(key) == glyph


def test_a_file_that_is_not_a_picture_returns_none(tmp_path: Path) -> None:
    for name in ("a.png", "a.icns", "a.xpm"):
        (tmp_path / name).write_bytes(b"\x89PNG\r\n\x1a\n" + b"\xff" * 99)
    os.mkfifo(tmp_path / "fifo.png")
    with (tmp_path / "large.png").open("wb") as large:
        large.truncate(1 << 33)
    image = QImage(3000, 1, QImage.Format.Format_RGB32)
    image.save(str(tmp_path / "wide.png"))
    names = ("a.png", "a.icns", "a.xpm", "fifo.png", "large.png", "wide.png", "missing.png")
    assert [draw_file(tmp_path / name, 20) for name in names] == [None] * len(names)
    QImage(40, 20, QImage.Format.Format_RGB32).save(str(tmp_path / "b.png"))
    drawn = draw_file(tmp_path / "b.png", 20)
    assert drawn is not None
    assert (drawn.width(), drawn.height()) == (20, 20)
