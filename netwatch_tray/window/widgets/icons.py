"""Returns symbols of `assets/icons` and glyphs of events in any colour, and the icon of the program."""

from __future__ import annotations

from functools import lru_cache

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

from netwatch_tray import paths
from netwatch_tray.window.widgets.event_glyphs import draw_event_glyph, is_event_glyph

_APPLICATION_SIZES = (16, 24, 32, 48, 64, 128)
"""Sizes in pixels of the program's icon; window managers choose one of them."""


@lru_cache(maxsize=128)
def _drawn(name: str, size: int, colour: int, ratio: float) -> QPixmap:
    pixmap = QPixmap(round(size * ratio), round(size * ratio))
    pixmap.setDevicePixelRatio(ratio)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    if is_event_glyph(name):
        draw_event_glyph(painter, name, size, QColor.fromRgba(colour))
    else:
        box = QRectF(0, 0, size, size)
        QSvgRenderer(str(paths.assets() / "icons" / f"{name}.svg")).render(painter, box)
        painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_SourceIn)
        painter.fillRect(box, QColor.fromRgba(colour))
    painter.end()
    return pixmap


def icon(name: str, size: int, colour: QColor, ratio: float) -> QPixmap:
    """Return the symbol with this name as a pixmap, `size` dip wide. `ratio`: device pixels per dip of the screen."""
    return _drawn(name, size, colour.rgba(), ratio)


def application_icon() -> QIcon:
    """Return the program's icon for title bar and task bar. It is read from the program's own files, because it may not
    be installed in an icon theme."""
    made = QIcon()
    for size in _APPLICATION_SIZES:
        pixmap = QPixmap(size, size)
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        file = paths.assets() / ("netwatch-tray-16.svg" if size == 16 else "netwatch-tray.svg")
        QSvgRenderer(str(file)).render(painter, QRectF(0, 0, size, size))
        painter.end()
        made.addPixmap(pixmap)
    return made
