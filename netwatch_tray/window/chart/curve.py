"""Draws a curve of rates, in a chart or a table cell: download above the axis, upload mirrored below it. A run is a
part of the curve without gaps."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QPainter, QPen, QPolygonF

from netwatch_tray.window.chart.series import KnownPoint
from netwatch_tray.window.chart.viewport import Frame
from netwatch_tray.window.widgets.theme import Tokens, faded

DOWN_SHARE = 0.66
"""The share of the height that lies above the axis, for download."""
LEAST_TOP = 1000.0
"""Least value at the top of an axis, bytes/s, so that negligible traffic does not fill the chart."""
PIECE, AREA = 4, 32
"""Numbers of points that are drawn in one call: of a line, and of the area below it. Qt draws a long jagged line as one
shape, which takes more than proportionally longer."""


def draw_curve(painter: QPainter, frame: Frame, run: Sequence[KnownPoint], tokens: Tokens, width: float) -> None:
    """Draw download and upload of a run as lines `width` dip wide over filled areas, and their peaks as fainter
    areas."""
    moments, rx, tx, rx_peak, tx_peak = zip(*run, strict=True)
    xs = frame.xs(moments)
    for colour, average, peak in (
        (tokens.down, frame.down_ys(rx), frame.down_ys(rx_peak)),
        (tokens.up, frame.up_ys(tx), frame.up_ys(tx_peak)),
    ):
        line = list(map(QPointF, xs, average))
        # Antialiasing a jagged area costs four times as much, and the line lies on its edge.
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(faded(colour, tokens.fill))
        if peak != average:
            fill_below(painter, list(map(QPointF, xs, peak)), frame.zero)
        fill_below(painter, line, frame.zero)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if len(line) == 1:  # a single sample between two gaps is a dot
            painter.setPen(QPen(colour, 2 * width, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
            painter.drawPoint(line[0])
        else:
            pen = QPen(colour, width, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap, Qt.PenJoinStyle.RoundJoin)
            painter.setPen(pen)
            for first in range(0, len(line) - 1, PIECE):
                painter.drawPolyline(line[first : first + PIECE + 1])
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)


def fill_below(painter: QPainter, line: Sequence[QPointF], axis: float) -> None:
    """Fill the area between a line and the axis at this y coordinate. Antialiasing is turned off for that, so that
    adjacent areas meet without a visible seam."""
    for first in range(0, max(1, len(line) - 1), AREA):
        part = line[first : first + AREA + 1]
        painter.drawPolygon(QPolygonF([*part, QPointF(part[-1].x(), axis), QPointF(part[0].x(), axis)]))
