"""How a series of rates is drawn, in the chart as in a table's cell: download above the axis, upload mirrored below."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QPen, QPolygonF

from netwatch_tray.window.chart.series import Known, Point, split
from netwatch_tray.window.widgets.theme import Tokens, faded

DOWN_SHARE = 0.66
"""Of the height, above the axis."""
LEAST_TOP = 1000.0
"""bytes/s; below this a curve is noise, not a peak."""
_LONGEST_SILENCE_S = 5.0
_PIECE = 16
"""Points of a curve that are drawn at once."""


def longest_step(interval: float) -> float:
    """Seconds without a sample after which a curve is broken, for ticks this far apart."""
    return max(_LONGEST_SILENCE_S, 3 * interval)


class Frame(NamedTuple):
    """From time and rate to the screen."""

    box: QRectF
    start: float
    end: float
    zero: float
    down_top: float
    up_top: float

    def x(self, at: float) -> float:
        return self.box.left() + (at - self.start) / (self.end - self.start) * self.box.width()

    def at(self, x: float) -> float:
        return self.start + (x - self.box.left()) / self.box.width() * (self.end - self.start)

    def down_y(self, rate: float) -> float:
        return self.zero - rate / self.down_top * (self.zero - self.box.top())

    def up_y(self, rate: float) -> float:
        return self.zero + rate / self.up_top * (self.box.bottom() - self.zero)


def draw_sparkline(
    painter: QPainter, box: QRectF, points: Sequence[Point], span: tuple[float, float], interval: float, tokens: Tokens
) -> None:
    """The chart's small sister for a table cell: the same form and breaks, its own scale, no text."""
    runs, _gaps = split(points, *span, longest_step(interval))
    down = max((known.rx for run in runs for known in run), default=0)
    up = max((known.tx for run in runs for known in run), default=0)
    zero = box.top() + box.height() * DOWN_SHARE
    frame = Frame(box, *span, zero, max(down, LEAST_TOP), max(up, LEAST_TOP))
    painter.save()
    painter.setClipRect(box.adjusted(0, -1, 0, 1))
    for run in runs:
        draw_run(painter, frame, run, tokens, 1.1)
    painter.restore()


def draw_flat_line(painter: QPainter, box: QRectF, tokens: Tokens) -> None:
    """In a spark line's place, for an interface that is down."""
    painter.setPen(QPen(tokens.ctl, 1, Qt.PenStyle.DotLine))
    y = math.floor(box.center().y()) + 0.5
    painter.drawLine(QPointF(box.left(), y), QPointF(box.right(), y))


def draw_run(painter: QPainter, frame: Frame, run: Sequence[Known], tokens: Tokens, width: float) -> None:
    xs = [frame.x(known.at) for known in run]
    down, up = frame.down_y, frame.up_y
    for colour, average, peak in (
        (tokens.down, [down(known.rx) for known in run], [down(known.rx_peak) for known in run]),
        (tokens.up, [up(known.tx) for known in run], [up(known.tx_peak) for known in run]),
    ):
        foot = [QPointF(xs[-1], frame.zero), QPointF(xs[0], frame.zero)]
        line = [QPointF(x, y) for x, y in zip(xs, average, strict=True)]
        # Antialiasing a jagged area costs four times as much, and the line lies on its edge.
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(faded(colour, tokens.fill))
        if peak != average:
            painter.drawPolygon(QPolygonF([*map(QPointF, xs, peak), *foot]))
        painter.drawPolygon(QPolygonF([*line, *foot]))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if len(line) == 1:  # one sample between two gaps is a dot
            painter.setPen(QPen(colour, 2 * width, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
            painter.drawPoint(line[0])
        else:
            pen = QPen(colour, width, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap, Qt.PenJoinStyle.RoundJoin)
            painter.setPen(pen)
            # Qt fills the outline of a jagged polyline as one shape; in pieces that takes less than half the time.
            for first in range(0, len(line) - 1, _PIECE):
                painter.drawPolyline(line[first : first + _PIECE + 1])
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
