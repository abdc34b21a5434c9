"""The symbols of `assets/icons`: one-colour drawings, painted in the colour their place asks for."""

from __future__ import annotations

from functools import lru_cache

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

from netwatch_tray.window import assets


@lru_cache(maxsize=64)
def _drawn(name: str, size: int, colour: int, ratio: float) -> QPixmap:
    file = assets.directory() / "icons" / f"{name}.svg"
    pixmap = QPixmap(round(size * ratio), round(size * ratio))
    pixmap.setDevicePixelRatio(ratio)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    box = QRectF(0, 0, size, size)
    QSvgRenderer(str(file)).render(painter, box)
    painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_SourceIn)
    painter.fillRect(box, QColor.fromRgba(colour))
    painter.end()
    return pixmap


def icon(name: str, size: int, colour: QColor, ratio: float) -> QPixmap:
    """The symbol `size` dip wide on a screen of this device pixel ratio."""
    return _drawn(name, size, colour.rgba(), ratio)
