"""The symbols of `assets/icons`: one-colour drawings, painted in the colour their place asks for."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

_PACKAGE = Path(__file__).resolve().parent.parent
_PLACES = (_PACKAGE / "assets" / "icons", _PACKAGE.parent / "assets" / "icons")
"""In an installed package, and in a checkout."""


@lru_cache(maxsize=64)
def _drawn(name: str, size: int, colour: int, ratio: float) -> QPixmap:
    file = next(place / f"{name}.svg" for place in _PLACES if place.is_dir())
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
