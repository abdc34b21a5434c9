"""Draws a sparkline, the small chart in a table cell: curve and gaps as in the large chart, its own scale, no text."""

from __future__ import annotations

import math
from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QPen

from netwatch_tray.window.chart.curve import DOWN_SHARE, LEAST_TOP, draw_curve
from netwatch_tray.window.chart.series import Point, longest_step, split
from netwatch_tray.window.chart.viewport import Frame
from netwatch_tray.window.widgets.theme import Tokens

_LINE = 1.1


def draw_sparkline(
    painter: QPainter, box: QRectF, points: Sequence[Point], span: tuple[float, float], interval: float, tokens: Tokens
) -> None:
    """Draw points, which are `interval` seconds apart, into a rectangle. `span`: Unix times at its left and right
    edge."""
    runs, _gaps = split(points, *span, longest_step(interval))
    down = max((known.rx for run in runs for known in run), default=0)
    up = max((known.tx for run in runs for known in run), default=0)
    zero = box.top() + box.height() * DOWN_SHARE
    frame = Frame(box, *span, zero, max(down, LEAST_TOP), max(up, LEAST_TOP))
    painter.save()
    painter.setClipRect(box.adjusted(0, -1, 0, 1))
    for run in runs:
        draw_curve(painter, frame, run, tokens, _LINE)
    painter.restore()


def draw_flat_line(painter: QPainter, box: QRectF, tokens: Tokens) -> None:
    """Draw a dotted line in place of a sparkline, because there are no rates: of an interface that is down, say."""
    painter.setPen(QPen(tokens.ctl, 1, Qt.PenStyle.DotLine))
    y = math.floor(box.center().y()) + 0.5
    painter.drawLine(QPointF(box.left(), y), QPointF(box.right(), y))
