"""Draws the whole screen: a head line, the current view, and a foot line; or a single line if there is no
room. Pure."""

from __future__ import annotations

import time
from datetime import datetime

from netwatch_tray import cells, units, wording
from netwatch_tray.language import mark, translate
from netwatch_tray.tui.frame import Frame, Row
from netwatch_tray.tui.lists import draw_connections, draw_events
from netwatch_tray.tui.look import Look, Role
from netwatch_tray.tui.overview import draw_overview
from netwatch_tray.tui.state import Link, State, View
from netwatch_tray.tui.texts import counted, month_name, size
from netwatch_tray.units import DOWN, UNKNOWN, UP

LEAST_WIDTH, LEAST_HEIGHT = 60, 15
"""In a terminal smaller than this, only one line is shown."""

_WEEKDAYS = (
    mark("Terminal", "Mon"), mark("Terminal", "Tue"), mark("Terminal", "Wed"), mark("Terminal", "Thu"),
    mark("Terminal", "Fri"), mark("Terminal", "Sat"), mark("Terminal", "Sun"),
)  # fmt: skip
_KEYS: tuple[tuple[str, str, str, int], ...] = (
    # Key, word, action, rank: the highest rank goes first where the line is too short.
    ("q", mark("Terminal", "Quit"), "quit", 0),
    ("Tab", mark("Terminal", "View"), "turn", 1),
    ("←→", mark("Terminal", "Range"), "longer", 3),
    ("↑↓", mark("Terminal", "Row"), "", 4),
    ("Enter", mark("Terminal", "Details"), "open", 5),
    ("s", mark("Terminal", "Sort"), "sort", 6),
    ("/", mark("Terminal", "Filter"), "filter", 7),
    ("u", mark("Terminal", "Units"), "units", 8),
    ("p", mark("Terminal", "Freeze"), "pause", 2),
    ("?", mark("Terminal", "Help"), "help", 0),
)
_USELESS: dict[View, tuple[str, ...]] = {
    View.OVERVIEW: (),
    View.CONNECTIONS: ("longer", "open"),
    View.EVENTS: ("longer", "open", "sort"),
}
"""Actions that have no effect in a view, so their keys are not shown in the foot line."""
_HELP: tuple[tuple[str, str], ...] = (
    ("Tab", mark("Terminal", "Overview, connections, events")),
    ("← →", mark("Terminal", "Range of the chart: 5 minutes to 30 days")),
    ("↑ ↓", mark("Terminal", "Select a row; also Page Up and Page Down, Home and End")),
    ("Enter", mark("Terminal", "Amounts, hosts and connections of the selected app")),
    ("Esc", mark("Terminal", "Back")),
    ("s", mark("Terminal", "Sort by the next column; or click on its head")),
    ("/", mark("Terminal", "Show only rows with this text")),
    ("u", mark("Terminal", "Rates in bytes or bits per second")),
    ("p", mark("Terminal", "Freeze the display, or continue")),
    ("q", mark("Terminal", "Quit")),
)


def draw(state: State, look: Look, width: int, height: int) -> Frame:
    """Return the whole screen."""
    frame = Frame(look, width, height)
    if width < LEAST_WIDTH or height < LEAST_HEIGHT:
        _draw_line(frame, state)
        return frame
    _draw_head(frame, state)
    if state.has_help:
        _draw_help(frame)
    elif state.view is View.OVERVIEW:
        draw_overview(frame, state)
    elif state.view is View.CONNECTIONS:
        draw_connections(frame, state)
    else:
        draw_events(frame, state)
    frame.fill(height - 2)
    _draw_amounts(frame.add(), state)
    _draw_keys(frame.add(), state)
    return frame


def _draw_line(frame: Frame, state: State) -> None:
    row = frame.add()
    tick = state.shown.tick
    down, up = (tick.total.rx_rate, tick.total.tx_rate) if tick else (None, None)
    x = row.put(0, f"{DOWN} ", "down")
    x = row.put(x, f"{units.rate(down, state.units)!s:9}  ", "strong")
    x = row.put(x, f"{UP} ", "up")
    x = row.put(x, f"{units.rate(up, state.units)!s:9}  ", "strong")
    row.put(x, counted(state), "ink2")


def _draw_head(frame: Frame, state: State) -> None:
    row = frame.add()
    tick = state.shown.tick
    down, up = (tick.total.rx_rate, tick.total.tx_rate) if tick else (None, None)
    x = row.put(0, "NetWatch", "strong") + 2
    ways: tuple[tuple[str, Role, float | None], ...] = ((DOWN, "down", down), (UP, "up", up))
    for arrow, role, rate in ways:
        written = units.rate(rate, state.units)
        x = row.put(x, f"{arrow} ", role)
        x = row.put(x, f"{written.value:>4} ", "strong")
        x = row.put(x, f"{written.unit:6}", "ink2") + 1
    at = (tick.at if tick else datetime.fromtimestamp(time.time()).astimezone()).astimezone()
    clock = at.strftime("%H:%M:%S")
    if frame.width >= 70:
        weekday = translate("Terminal", _WEEKDAYS[at.weekday()])
        clock = f"{weekday} {wording.day_name(at.date(), is_short=True)}  {clock}"
    if state.is_paused:
        clock = f"{translate('Terminal', 'frozen')}  {clock}"
    end = frame.width - cells.width(clock)
    row.put(end, clock, "warn" if state.is_paused else "ink3")
    row.put(x + 1, counted(state), "ink2", most=end - x - 3)
    row = frame.add()
    row.put(0, "─" * frame.width, "ink3")
    if notice := _notice(state):
        row.put(3, f" {notice} ", "warn", most=frame.width - 6)


def _notice(state: State) -> str:
    if state.link is Link.OWN:
        return translate("Terminal", "Measured by this program alone: no agent is running, nothing is recorded")
    if state.link is Link.OTHER_VERSION:
        return translate("Terminal", "The agent is of another version. Quit and start it again.")
    if state.link is Link.SILENT:
        return translate("Terminal", "The agent does not answer. Still waiting.")
    if state.link is Link.CONNECTING:
        return translate("Terminal", "Waiting for the agent")
    return ""


def _draw_help(frame: Frame) -> None:
    frame.add()
    frame.add().put(2, translate("Terminal", "Keys"), "strong")
    for key, text in _HELP:
        if frame.left <= 2:
            break
        row = frame.add()
        row.put(2, key, "strong")
        row.put(10, translate("Terminal", text), "ink2")


def _draw_amounts(row: Row, state: State) -> None:
    stored = state.shown.stored
    plan = stored.plan if stored else None
    x = row.put(0, f"{translate('Terminal', 'Today')} ", "ink2")
    x = row.put(x, size(stored.today.total if stored else None, state), "strong") + 2
    x = row.put(x, f"{month_name(state, is_short=row.width < 80)} ", "ink2")
    alerts = _alerts(state)
    end = row.width - (cells.width(alerts) + 2 if alerts else 0)
    if plan is None:
        x = row.put(x, UNKNOWN, "strong") + 2
    elif plan.cap is None:
        x = row.put(x, size(plan.used, state), "strong") + 2
    else:
        used, cap = units.size(plan.used, state.units), units.size(plan.cap, state.units)
        x = row.put(x, used.value if used.unit == cap.unit else str(used), "strong")
        of = translate("Terminal", "of {amount}").format(amount=f"{float(cap.value):g} {cap.unit}")
        x = row.put(x, f" {of} ", "ink2")
        space = max(0, min(20, end - x - (24 if end - x >= 30 else 0)))
        share = min(1.0, plan.used / plan.cap)
        row.put(x, "─" * space, "track")
        row.put(x, "━" * round(share * space), "warn" if plan.used > plan.cap else "down")
        x += space + 2
    if plan is not None and plan.projection is not None:
        amount = units.size(plan.projection, state.units)
        by = wording.day_name(plan.cycle.last, is_short=True)
        outlook = translate("Terminal", "≈ {amount} by {day}").format(amount=amount, day=by)
        if x + cells.width(outlook) <= end:
            x = row.put(x, outlook, "ink2") + 2
    if alerts and x + cells.width(alerts) <= row.width:
        row.on_click(x, row.put(x, alerts, "warn"), "events")


def _alerts(state: State) -> str:
    """Return in words how many alerts the user has not seen; an empty text if there is none."""
    count = state.shown.unseen
    if count == 1:
        return translate("Terminal", "1 alert")
    return translate("Terminal", "{count} alerts").format(count=count) if count else ""


def _draw_keys(row: Row, state: State) -> None:
    if state.is_typing:
        x = row.put(0, translate("Terminal", "Filter: "), "ink2")
        x = row.put(x, f"{state.filter}_", "strong") + 3
        row.put(x, translate("Terminal", "Enter keeps it, Esc shows all"), "ink3")
        return
    words = [
        (key, translate("Terminal", word), action, rank)
        for key, word, action, rank in _KEYS
        if action not in _USELESS[state.view]
    ]
    while sum(len(key) + len(word) + 4 for key, word, _action, _rank in words) - 3 > row.width:
        words.remove(max(words, key=lambda each: each[3]))
    x = 0
    for key, word, action, _rank in words:
        begin = x
        x = row.put(x, key, "strong") + 1
        x = row.put(x, word, "ink3")
        if action:
            row.on_click(begin, x, action)
        x += 3
