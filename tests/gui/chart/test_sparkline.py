from __future__ import annotations

from collections.abc import Callable

from charts import END, steady
from PySide6.QtCore import QRectF
from PySide6.QtGui import QImage, QPainter

from netwatch_tray.window.chart.sparkline import draw_flat_line, draw_sparkline
from netwatch_tray.window.widgets.theme import LIGHT

_SPAN = (END - 60, END)
_GROUND = LIGHT.surface.rgb()


def _drawn(paint: Callable[[QPainter, QRectF], None]) -> QImage:
    image = QImage(120, 26, QImage.Format.Format_RGB32)
    image.fill(LIGHT.surface)
    painter = QPainter(image)
    paint(painter, QRectF(0, 0, 120, 26))
    painter.end()
    return image


def _empty_columns(image: QImage) -> set[int]:
    return {x for x in range(120) if all(image.pixel(x, y) == _GROUND for y in range(26))}


def test_a_gap_breaks_the_sparkline() -> None:
    whole = _drawn(lambda painter, box: draw_sparkline(painter, box, steady(), _SPAN, 1.0, LIGHT))
    broken = _drawn(lambda painter, box: draw_sparkline(painter, box, steady(range(20, 40)), _SPAN, 1.0, LIGHT))
    assert not _empty_columns(whole)
    assert set(range(42, 78)) <= _empty_columns(broken)


def test_flat_line_is_one_or_two_pixels_high() -> None:
    flat = _drawn(lambda painter, box: draw_flat_line(painter, box, LIGHT))
    assert 1 <= len({y for x in range(120) for y in range(26) if flat.pixel(x, y) != _GROUND}) <= 2
