"""Marks of events below the axis of a chart: each is a glyph at the time of the event. Marks that would overlap are
joined into one, which has the number of events beside it."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from typing import NamedTuple

from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QPainter

from netwatch_tray.window.widgets.icons import icon
from netwatch_tray.window.widgets.theme import Theme

LANE = 18
"""Height in dip of the lane, the strip for marks between axis and dates."""
_GLYPH = 13
_APART, _APART_JOINED = 16, 44
"""Least distances of two marks in dip; closer ones are joined. The second is for joined marks, which are wider because
of the number beside the glyph."""
_MOST = 99
_AROUND = 8
"""A click on a mark shows the events from this many dip before it to this many after it."""


class Mark(NamedTuple):
    at: float
    """Unix time of the event."""
    glyph: str
    """Name of the glyph, see widgets.event_glyphs."""
    level: int
    """Severity of the event: drawn as a warning from `ALERT_LEVEL` on, faint below `NOTICE_LEVEL`."""
    text: str


NOTICE_LEVEL, ALERT_LEVEL = 2, 3


class Joined(NamedTuple):
    """One mark, or several marks that are close to each other."""

    x: float
    """The x coordinate of the last mark, in dip."""
    marks: Sequence[Mark]
    """The joined marks, oldest first."""

    @property
    def worst(self) -> Mark:
        """Return the mark whose glyph is drawn for all: the most severe one, the latest if several are."""
        return max(self.marks, key=lambda mark: (mark.level, mark.at))


def join(marks: Sequence[Mark], start: float, end: float, x_of: Callable[[float], float]) -> list[Joined]:
    """Return the marks between two Unix times, oldest first. Marks that would overlap are joined into one.

    `marks`: oldest first. `x_of`: returns the x coordinate (dip) of a Unix time.
    """
    first = bisect_left(marks, start, key=lambda mark: mark.at)
    last = bisect_right(marks, end, key=lambda mark: mark.at)
    groups: list[tuple[float, list[Mark]]] = []
    for mark in reversed(marks[first:last]):
        x = x_of(mark.at)
        if groups and groups[-1][0] - x < (_APART if len(groups[-1][1]) == 1 else _APART_JOINED):
            groups[-1][1].append(mark)
        else:
            groups.append((x, [mark]))
    return [Joined(x, group[::-1]) for x, group in reversed(groups)]


def draw_marks(painter: QPainter, theme: Theme, joined: Sequence[Joined], lane: QRectF) -> None:
    """Draw marks in the rectangle `lane`, with the number of events beside those that were joined."""
    tokens, font = theme.tokens, theme.fonts.small
    metrics = theme.metrics(font)
    painter.setFont(font)
    base = lane.top() + 1 + (LANE - metrics.height) / 2 + metrics.ascent
    for each in joined:
        worst = each.worst
        quiet = tokens.ink2 if worst.level >= NOTICE_LEVEL else tokens.ink3
        colour = tokens.warn if worst.level >= ALERT_LEVEL else quiet
        left = each.x - _GLYPH / 2
        if len(each.marks) > 1:
            count = str(len(each.marks)) if len(each.marks) <= _MOST else f"{_MOST}+"
            left -= metrics.width(count) + 2
            painter.setPen(tokens.ink2)
            painter.drawText(QPointF(left + _GLYPH + 2, base), count)
        symbol = icon(worst.glyph, _GLYPH, colour, painter.device().devicePixelRatioF())
        painter.drawPixmap(QPointF(left, lane.top() + 1 + (LANE - _GLYPH) / 2), symbol)


def mark_at(joined: Sequence[Joined], lane: QRectF, place: QPointF) -> Joined | None:
    """Return the mark that is drawn at this position of the widget, or None. `lane`: rectangle of the marks."""
    if not lane.contains(place):
        return None
    for each in joined:
        width = _APART if len(each.marks) == 1 else _APART_JOINED
        if each.x + _APART / 2 - width <= place.x() <= each.x + _APART / 2:
            return each
    return None


def span_of(joined: Joined, per_dip: float) -> tuple[float, float]:
    """Return start and end (Unix times) of the events that a click on a mark shows. `per_dip`: seconds that one dip
    covers."""
    margin = max(30.0, _AROUND * per_dip)
    return joined.marks[0].at - margin, joined.marks[-1].at + margin
