"""Draws the glyphs of events: one shape for each kind, made of strokes. Coordinates are on a grid of 20 × 20."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPainterPath, QPen

from netwatch_tray.event import EventKind

_GRID = 20
_STROKE = 1.8

_Place = tuple[float, float]


class _Arc(NamedTuple):
    """An arc of a circle. Angles are in degrees, counterclockwise from the right (three o'clock)."""

    middle: _Place
    radius: float
    start: float
    length: float


class _Glyph(NamedTuple):
    lines: Sequence[Sequence[_Place]] = ()
    arcs: Sequence[_Arc] = ()
    boxes: Sequence[tuple[float, float, float, float, float]] = ()
    """Rounded rectangles: left, top, width, height, radius of the corners."""
    dots: Sequence[_Place] = ()


_GLYPHS = {
    "new-app": _Glyph([[(10, 7), (10, 13)], [(7, 10), (13, 10)]], boxes=[(3, 3, 14, 14, 3)]),
    "port": _Glyph(
        [
            [(5, 14), (5, 17)],
            [(3, 17), (17, 17)],
            [(15, 14), (15, 17)],
            [(10, 3), (10, 12)],
            [(6.5, 8.8), (10, 12.3), (13.5, 8.8)],
        ]
    ),
    "upload": _Glyph([[(10, 17), (10, 4)], [(5, 9), (10, 4), (15, 9)]]),
    "beacon": _Glyph(
        arcs=[
            _Arc((10, 10), radius, start, length)
            for radius, start, length in ((4.95, 135, 90), (4.95, -45, 90), (8.77, 135, 90), (8.77, -45, 90))
        ],
        dots=[(10, 10)],
    ),
    "scan": _Glyph(
        [
            [(3, 6), (3, 3), (6, 3)],
            [(14, 3), (17, 3), (17, 6)],
            [(17, 14), (17, 17), (14, 17)],
            [(6, 17), (3, 17), (3, 14)],
        ],
        dots=[(6.5, 10), (10, 10), (13.5, 10)],
    ),
    "dns": _Glyph([[(6, 10), (14, 10)], [(11.5, 7.5), (14, 10), (11.5, 12.5)]], boxes=[(2, 4, 16, 12, 6)]),
    "plan": _Glyph([[(10, 13.5), (14, 9)], [(3, 16.5), (17, 16.5)]], arcs=[_Arc((10, 15.2), 7.2, 13.5, 153)]),
    "offline": _Glyph([[(2.5, 10), (7, 10)], [(13, 10), (17.5, 10)], [(8, 6.5), (12, 13.5)]]),
    "interface": _Glyph(
        [
            [(3, 7), (15, 7)],
            [(12, 4), (15, 7), (12, 10)],
            [(17, 13), (5, 13)],
            [(8, 10), (5, 13), (8, 16)],
        ]
    ),
    "gateway": _Glyph([[(7, 8), (13, 2.5)], [(13, 8), (7, 2.5)]], boxes=[(3, 11, 14, 5.5, 1.5)], dots=[(6.2, 13.8)]),
    "agent": _Glyph([[(16.5, 3), (16.5, 6.5), (13, 6.5)]], arcs=[_Arc((10, 10), 6.5, 0, -314)]),
}

_OF_KIND = {
    EventKind.NEW_APP: "new-app",
    EventKind.LISTENER: "port",
    EventKind.UPLOAD: "upload",
    EventKind.BEACON: "beacon",
    EventKind.SCAN: "scan",
    EventKind.DNS_TUNNEL: "dns",
    EventKind.NXDOMAIN_STORM: "dns",
    EventKind.PLAN: "plan",
    EventKind.LINE: "offline",
    EventKind.INTERFACE: "interface",
    EventKind.GATEWAY: "gateway",
    EventKind.DNS_SERVER: "gateway",
}


def glyph_of(kind: EventKind) -> str:
    """Return the name of the glyph for a kind of event; `agent` for kinds without a glyph of their own."""
    return _OF_KIND.get(kind, "agent")


def is_event_glyph(name: str) -> bool:
    """Return whether there is a glyph with this name."""
    return name in _GLYPHS


def draw_event_glyph(painter: QPainter, name: str, size: float, colour: QColor) -> None:
    """Draw the glyph with this name, `size` dip wide, with its upper left corner at (0, 0)."""
    glyph = _GLYPHS[name]
    path = QPainterPath()
    for first, *others in glyph.lines:
        path.moveTo(*first)
        for place in others:
            path.lineTo(*place)
    for (x, y), radius, start, length in glyph.arcs:
        circle = QRectF(x - radius, y - radius, 2 * radius, 2 * radius)
        path.arcMoveTo(circle, start)
        path.arcTo(circle, start, length)
    for left, top, width, height, radius in glyph.boxes:
        path.addRoundedRect(QRectF(left, top, width, height), radius, radius)
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.scale(size / _GRID, size / _GRID)
    painter.setPen(QPen(colour, _STROKE, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap, Qt.PenJoinStyle.RoundJoin))
    painter.drawPath(path)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(colour)
    for x, y in glyph.dots:
        painter.drawEllipse(QPointF(x, y), 0.8 * _STROKE, 0.8 * _STROKE)
    painter.restore()
