from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QImage

from netwatch_tray.event import EventKind
from netwatch_tray.window.widgets.event_glyphs import glyph_of
from netwatch_tray.window.widgets.icons import icon

_NAMES = sorted({glyph_of(kind) for kind in EventKind})


@pytest.mark.usefixtures("application")
@pytest.mark.parametrize("ratio", [1.0, 1.5, 2.0])
def test_no_two_event_glyphs_look_alike(ratio: float) -> None:
    pictures: list[QImage] = []
    for name in _NAMES:
        pixmap = icon(name, 16, QColor("#7A5200"), ratio)
        assert pixmap.deviceIndependentSize().toSize().toTuple() == (16, 16)
        image = pixmap.toImage()
        drawn = [
            (x, y) for x in range(image.width()) for y in range(image.height()) if image.pixelColor(x, y).alpha() > 100
        ]
        assert len(drawn) >= 8 * ratio
        assert image not in pictures
        pictures.append(image)
    assert len(pictures) == 11


@pytest.mark.usefixtures("application")
def test_glyph_is_drawn_in_the_requested_colour() -> None:
    image = icon("upload", 32, QColor(Qt.GlobalColor.red), 1.0).toImage()
    assert image.pixelColor(16, 16).name() == "#ff0000"
