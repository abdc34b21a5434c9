"""The columns of the timeline (the table of the Events page), and the links in its rows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from enum import Enum, auto
from typing import NamedTuple

from PySide6.QtCore import QRect, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen

from netwatch_tray import event_words
from netwatch_tray.event import Severity
from netwatch_tray.units import Units
from netwatch_tray.window.data.app_looks import AppLooks
from netwatch_tray.window.pages.events.actions import Action, action_in_words, actions_of, is_serious
from netwatch_tray.window.pages.events.kinds import group_of, words_of
from netwatch_tray.window.pages.events.rows import Day, Hidden, Line, Row, order
from netwatch_tray.window.pages.events.words import day_in_words, day_note, who
from netwatch_tray.window.table.column import Cell, Column
from netwatch_tray.window.widgets.event_glyphs import glyph_of
from netwatch_tray.window.widgets.icons import icon
from netwatch_tray.window.widgets.theme import CONTROL_RADIUS, GAP, MARGIN, Theme

_TIME, _TILE, _SENTENCE, _WHO, _ACTIONS, _MORE = 42, 28, 200, 156, 210, 28
_GLYPH, _ICON = 16, 18
_DOT, _DOT_AT = 6, 6
_LINK_GAP = 16


class Layout(Enum):
    """How the columns are laid out, depending on the width of the window."""

    WIDE = auto()
    """Actions are links in the row."""
    NORMAL = auto()
    """Actions are in a menu, which one link opens."""
    NARROW = auto()
    """Actions are in a menu, and time and app are below the sentence instead of in columns."""


class Link(NamedTuple):
    """A link in a row for an action on the event, and the rectangle in which it is drawn."""

    action: Action | None
    """The action of the link; None for the link that opens the menu with all actions."""
    box: QRect
    text: str = ""


class TimelineContext(NamedTuple):
    """What the cells of all lines need for drawing, in addition to their own line."""

    units: Units
    looks: AppLooks
    layout: Layout
    pointed: tuple[Line, Action | None] | None
    """Line and action of the link under the mouse pointer; None if there is none."""


def timeline_columns(theme: Theme, context: Callable[[], TimelineContext]) -> list[Column[Line]]:
    """Return the columns of the timeline. `context`: returns the current context, called for each cell. The heading of
    a day is drawn by the column `kind`, over its whole row."""

    def sentence(line: Line) -> str:
        return sentence_of(line, context().units)

    return [
        Column(
            id="time",
            title="",
            text=lambda line: clock(line.event.last) if isinstance(line, Row) else "",
            order=order,
            draw=_draw_time,
            widest=theme.height(_TIME),
            offered=lambda: context().layout is not Layout.NARROW,
        ),
        Column(
            id="kind",
            title="",
            text=lambda line: words_of(group_of(line.event.kind)).chip if isinstance(line, Row) else "",
            draw=_draw_kind,
            widest=theme.height(_TILE),
        ),
        Column(
            id="event",
            title="",
            text=sentence,
            tooltip=lambda line: _explain(line, context().units),
            draw=lambda cell, line: _draw_event(cell, line, context()),
            widest=theme.height(_SENTENCE),
            stretch=1,
        ),
        Column(
            id="who",
            title="",
            text=lambda line: ", ".join(filter(None, who(line.event))) if isinstance(line, Row) else "",
            draw=lambda cell, line: _draw_who(cell, line, context().looks),
            widest=theme.height(_WHO),
            offered=lambda: context().layout is not Layout.NARROW,
        ),
        Column(
            id="actions",
            title="",
            text=_actions_in_words,
            draw=lambda cell, line: _draw_links(cell, line, context()),
            widest=theme.height(_ACTIONS),
            offered=lambda: context().layout is Layout.WIDE,
        ),
        Column(
            id="more",
            title="",
            text=_actions_in_words,
            draw=lambda cell, line: _draw_links(cell, line, context()),
            widest=theme.height(_MORE),
            offered=lambda: context().layout is not Layout.WIDE,
        ),
    ]


def links_of(line: Line, theme: Theme, box: QRect, layout: Layout, *, right_to_left: bool) -> list[Link]:
    """Return the links of a line with their rectangles, in reading order. `box`: rectangle of the last column's cell,
    without its padding."""
    if isinstance(line, Day):
        return []
    if isinstance(line, Row) and layout is not Layout.WIDE:
        return [Link(None, box)]
    metrics = theme.metrics(theme.fonts.small)
    links: list[Link] = []
    end = 0
    for action in reversed(actions_of(line)):
        text, width = metrics.fit(action_in_words(action, line), theme.height(_ACTIONS), Qt.TextElideMode.ElideRight)
        start = box.left() + end if right_to_left else box.right() + 1 - end - round(width)
        links.append(Link(action, QRect(start, box.top(), round(width) + 1, box.height()), text))
        end += round(width) + _LINK_GAP
    return links[::-1]


def clock(at: float) -> str:
    return f"{datetime.fromtimestamp(at).astimezone():%H:%M}"


def sentence_of(line: Line, units: Units) -> str:
    if isinstance(line, Row):
        return event_words.sentence(line.event, units)
    if isinstance(line, Hidden):
        return words_of(line.group).hidden.format(count=line.events)
    return f"{day_in_words(line.day)}, {day_note(line)}"


def _explain(line: Line, units: Units) -> str | None:
    if not isinstance(line, Row):
        return None
    return "\n".join(filter(None, (sentence_of(line, units), event_words.detail(line.event, units))))


def _actions_in_words(line: Line) -> str:
    return ", ".join(action_in_words(action, line) for action in actions_of(line))


def _draw_day(cell: Cell, day: Day) -> None:
    tokens, fonts = cell.tokens, cell.theme.fonts
    box = cell.row.adjusted(MARGIN, 0, -MARGIN, 0)
    title, width = cell.theme.metrics(fonts.strong).fit(day_in_words(day.day), box.width(), Qt.TextElideMode.ElideRight)
    cell.text(title, tokens.ink, fonts.strong, box=box)
    taken = round(width) + 12
    rest = box.adjusted(0, 0, -taken, 0) if cell.right_to_left else box.adjusted(taken, 0, 0, 0)
    if rest.width() > 0:
        cell.text(day_note(day), tokens.ink3, fonts.small, box=rest)


def _draw_time(cell: Cell, line: Line) -> None:
    if isinstance(line, Row):
        cell.text(clock(line.event.last), cell.tokens.ink2)
    elif isinstance(line, Hidden):
        cell.text("–", cell.tokens.ink3)


def _draw_kind(cell: Cell, line: Line) -> None:
    """Draw the glyph of an event's kind: on a coloured tile for an alert, with a dot before it if the alert is
    unseen."""
    if isinstance(line, Day):
        _draw_day(cell, line)
        return
    painter, tokens = cell.painter, cell.tokens
    size = cell.theme.height(_TILE)
    left = cell.box.right() + 1 - size if cell.right_to_left else cell.box.left()
    tile = QRect(left, cell.box.top() + (cell.box.height() - size) // 2, size, size)
    name, colour = "bell-muted", tokens.ink3
    if isinstance(line, Row):
        event = line.event
        name = glyph_of(event.kind)
        colour = tokens.ink3 if line.is_quiet or event.severity is Severity.RECORD else tokens.ink2
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        if event.severity is Severity.ALERT and not line.is_quiet:
            serious = is_serious(event)
            colour = tokens.err if serious else tokens.warn
            painter.setBrush(tokens.err_bg if serious else tokens.warn_bg)
            painter.drawRoundedRect(tile, CONTROL_RADIUS, CONTROL_RADIUS)
        if line.is_new:
            painter.setBrush(tokens.ink)
            x = cell.row.right() + 1 - _DOT_AT - _DOT if cell.right_to_left else cell.row.left() + _DOT_AT
            painter.drawEllipse(QRectF(x, cell.row.center().y() + 0.5 - _DOT / 2, _DOT, _DOT))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
    _draw_symbol(cell, name, tile, cell.theme.height(_GLYPH), colour)


def _draw_symbol(cell: Cell, name: str, box: QRect, size: int, colour: QColor) -> None:
    """Draw the symbol with this name, `size` dip wide, in the middle of a rectangle."""
    symbol = icon(name, size, colour, cell.painter.device().devicePixelRatioF())
    cell.painter.drawPixmap(box.left() + (box.width() - size) // 2, box.top() + (box.height() - size) // 2, symbol)


def _draw_event(cell: Cell, line: Line, context: TimelineContext) -> None:
    tokens, fonts = cell.tokens, cell.theme.fonts
    if isinstance(line, Hidden):
        cell.text(sentence_of(line, context.units), tokens.ink3)
    if not isinstance(line, Row):
        return
    event = line.event
    ink = tokens.ink2 if line.is_quiet or event.severity is Severity.RECORD else tokens.ink
    if context.layout is Layout.NARROW:
        below = "  ".join(filter(None, (clock(event.last), who(event)[0])))
    else:
        below = event_words.detail(event, context.units)
    upper, lower = cell.lines() if below else (cell.box, cell.box)
    cell.text(sentence_of(line, context.units), ink, fonts.strong if line.is_new else fonts.base, box=upper)
    cell.text(below, tokens.ink3 if line.is_quiet else tokens.ink2, fonts.small, box=lower)


def _draw_who(cell: Cell, line: Line, looks: AppLooks) -> None:
    """Draw what the event is about (`words.who`) in two lines, beside the icon of the app or an empty space."""
    if not isinstance(line, Row):
        return
    tokens, fonts = cell.tokens, cell.theme.fonts
    name, detail = who(line.event)
    size = cell.theme.height(_ICON)
    if line.event.app is not None:
        left = cell.box.right() + 1 - size if cell.right_to_left else cell.box.left()
        box = QRect(left, cell.box.top() + (cell.box.height() - size) // 2, size, size)
        looks.draw(cell.painter, box, line.event.app, cell.theme)
    ink = tokens.ink2 if line.is_quiet else tokens.ink
    taken = size + GAP
    text = cell.box.adjusted(0, 0, -taken, 0) if cell.right_to_left else cell.box.adjusted(taken, 0, 0, 0)
    if not detail:
        cell.text(name, ink, box=text)
        return
    upper, lower = (each.intersected(text) for each in cell.lines())
    cell.text(name, ink, box=upper)
    cell.text(detail, tokens.ink3, fonts.small, box=lower)


def _draw_links(cell: Cell, line: Line, context: TimelineContext) -> None:
    tokens, font = cell.tokens, cell.theme.fonts.small
    metrics = cell.theme.metrics(font)
    for link in links_of(line, cell.theme, cell.box, context.layout, right_to_left=cell.right_to_left):
        is_pointed = context.pointed == (line, link.action)
        if link.action is None:
            _draw_symbol(cell, "more", link.box, cell.theme.height(_GLYPH), tokens.ink if is_pointed else tokens.ink2)
            continue
        cell.text(link.text, tokens.ink2, font, box=link.box)
        y = round(link.box.top() + (link.box.height() - metrics.height) / 2 + metrics.ascent + 2.5)
        cell.painter.setPen(QPen(tokens.ink if is_pointed else tokens.ctl, 1))
        cell.painter.drawLine(link.box.left(), y, link.box.right(), y)
