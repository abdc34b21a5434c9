"""What the tests of charts share: points of a minute, a visible chart, and colours of pixels."""

from __future__ import annotations

from typing import TypeVar

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QImage
from PySide6.QtWidgets import QApplication

from netwatch_tray.model import GapReason
from netwatch_tray.window.chart.plot import Plot
from netwatch_tray.window.chart.series import Point
from netwatch_tray.window.widgets.theme import Theme

END = 1_000_000_060.0
_AnyPlot = TypeVar("_AnyPlot", bound=Plot)


def steady(*unknown: range, rx: float = 5e6, tx: float = 1e6) -> list[Point]:
    """Return a minute of both rates, unknown at these seconds."""
    holes = {second for each in unknown for second in each}
    return [
        Point(END - 60 + second, *((None, None, GapReason.ASLEEP) if second in holes else (rx, tx, None)))
        for second in range(61)
    ]


def shown(
    kind: type[_AnyPlot], application: QApplication, points: list[Point], scheme: Qt.ColorScheme = Qt.ColorScheme.Light
) -> _AnyPlot:
    """Return a visible chart of the last minute."""
    chart = kind(Theme(application, scheme))
    chart.resize(700, 300)
    chart.set_range(60, "last minute")
    chart.set_series(None, points, END, 1.0)
    chart.show()
    application.processEvents()
    return chart


def near(pixel: int, colour: QColor) -> bool:
    """Return whether a pixel has this colour, as nearly as antialiasing allows."""
    parts = zip(
        (pixel >> 16 & 255, pixel >> 8 & 255, pixel & 255), (colour.red(), colour.green(), colour.blue()), strict=True
    )
    return sum(abs(one - other) for one, other in parts) < 90


def columns(image: QImage, colour: QColor) -> set[int]:
    """Return the x of every column with a pixel of this colour."""
    return {x for x in range(image.width()) for y in range(image.height()) if near(image.pixel(x, y), colour)}
