"""Draws the lists that have a view of their own: connections and events. Pure."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import NamedTuple

from netwatch_tray import cells, event_words, units, wording
from netwatch_tray.event import Event, Severity
from netwatch_tray.language import mark, translate
from netwatch_tray.model import Connection, endpoint
from netwatch_tray.tui.data import app_rows
from netwatch_tray.tui.frame import Frame, Row
from netwatch_tray.tui.look import Role
from netwatch_tray.tui.state import State, View
from netwatch_tray.tui.tables import GAP, Width, fit
from netwatch_tray.tui.texts import filter_words, month_name, nothing, size
from netwatch_tray.units import DOWN, UNKNOWN, UP

_SEVERITIES: dict[Severity, Role] = {Severity.ALERT: "warn", Severity.NOTICE: "ink", Severity.RECORD: "ink2"}

_AMOUNT = 12
"""Width in cells of an amount of bytes."""

_Cell = Callable[[Connection, State], str]


class _Column(NamedTuple):
    head: str
    text: _Cell
    full: int
    """Greatest width of the column in cells; 0 for the width of its heading."""
    least: int
    """Smallest width of the column in cells; 0 if it is never narrower than `full`."""
    rank: int
    """The column with the highest rank is left out first; one with rank 0 always stays."""
    sort: str = ""
    is_right: bool = False


def _remote(row: Connection, _state: State) -> str:
    return endpoint(row.host, row.remote_port) if row.host else row.remote or UNKNOWN


_COLUMNS = (
    _Column("App", lambda row, _: wording.owner(row) or UNKNOWN, 18, 12, 0, "app"),
    _Column("PID", lambda row, _: UNKNOWN if row.pid is None else str(row.pid), 8, 0, 5, is_right=True),
    _Column(mark("Terminal", "Protocol"), lambda row, _: row.transport, 0, 0, 3),
    _Column(mark("Terminal", "Remote"), _remote, 200, 24, 0, "remote"),
    _Column(mark("Terminal", "State"), lambda row, _: (row.state or "").lower().replace("_", " "), 11, 0, 4),
    _Column(DOWN, lambda row, state: str(units.rate(row.rx_rate, state.units)), 10, 0, 0, "down", is_right=True),
    _Column(UP, lambda row, state: str(units.rate(row.tx_rate, state.units)), 10, 0, 0, "up", is_right=True),
    _Column(
        "RTT", lambda row, _: UNKNOWN if row.rtt_s is None else f"{row.rtt_s * 1000:.0f} ms", 7, 0, 2, is_right=True
    ),
)


def draw_connections(frame: Frame, state: State) -> None:
    """Draw the view of connections."""
    rows = state.connection_rows()
    title = frame.add()
    x = title.put(0, _title(state), "strong", most=frame.width // 2) + 2
    x = title.put(x, str(len(rows)), "ink2") + 2
    if state.filter or state.is_typing:
        title.put(x, filter_words(state), "warn")
    if state.app is not None:
        _draw_amounts(frame, state, state.app)
        _draw_hosts(frame, state, state.app)
    first = state.scroll([row.key for row in rows], frame.left - 4)
    draw_connection_rows(frame, state, rows[first : first + frame.left - 4], state.selected_key())


def _draw_amounts(frame: Frame, state: State, app: str) -> None:
    """Draw the amounts of an app: today, and in the billing month."""
    found = next((row for row in app_rows(state.shown, "", "down") if row.key == app), None)
    row, x = frame.add(), 0
    for title, amount in (
        (translate("Terminal", "today"), None if found is None else found.today),
        (month_name(state), None if found is None else found.month),
    ):
        x = row.put(x, title, "ink3") + 1
        x = row.put(x, size(amount, state), "ink") + 3


def _draw_hosts(frame: Frame, state: State, app: str) -> None:
    """Draw the hosts with which an app exchanged the most bytes, as many as there is room for."""
    known = state.shown.hosts
    most = 0 if frame.height < 20 else 3 if frame.height < 32 else 6
    if known is None or known.app != app or not known.hosts or not most:
        return
    head, end = frame.add(), frame.width
    since = datetime.fromtimestamp(known.since).astimezone()
    is_today = since.date() == datetime.fromtimestamp(time.time()).astimezone().date()
    text = (
        translate("Terminal", "Hosts since {time}")
        if is_today
        else translate("Terminal", "Hosts since yesterday {time}")
    )
    head.put(0, text.format(time=f"{since:%H:%M}"), "ink3", most=end - 2 * _AMOUNT - 1)
    head.put_right(end - _AMOUNT, DOWN, "ink3")
    head.put_right(end, UP, "ink3")
    # A single one that is left over gets the row that would count it.
    shown = known.hosts if len(known.hosts) <= most + 1 else known.hosts[:most]
    for each in shown:
        row = frame.add()
        name = each.host or each.address or translate("Terminal", "Other hosts together")
        row.put(0, name, "ink2", most=end - 2 * _AMOUNT - 1)
        row.put_right(end - _AMOUNT, size(each.rx_bytes, state), "ink2", most=_AMOUNT - 1)
        row.put_right(end, size(each.tx_bytes, state), "ink2", most=_AMOUNT - 1)
    if more := known.hosts[len(shown) :]:
        text = translate("Terminal", "{count} hosts more, {amount}")
        amount = sum(each.rx_bytes + each.tx_bytes for each in more)
        frame.add().put(0, text.format(count=len(more), amount=size(amount, state)), "ink3")


def draw_connection_rows(frame: Frame, state: State, rows: Sequence[Connection], selected: str | None) -> None:
    """Draw the list of connections. `selected`: key of the selected row, None if keys act on another list."""
    heads = [translate("Terminal", column.head) for column in _COLUMNS]
    # Texts that change or are scrolled do not move the columns.
    full = [column.full or cells.width(head) for column, head in zip(_COLUMNS, heads, strict=True)]
    needed = [Width(most, column.least or most, column.rank) for column, most in zip(_COLUMNS, full, strict=True)]
    widths = fit(needed, frame.width)
    sort = state.sort[View.CONNECTIONS]
    head = frame.add()
    _draw_columns(head, heads, widths, lambda number: "ink" if _COLUMNS[number].sort == sort else "ink3")
    x = 0
    for column, width in zip(_COLUMNS, widths, strict=True):
        if width is not None:
            if column.sort and state.view is View.CONNECTIONS:
                head.on_click(x, x + width, "sort", column.sort)
            x += width + GAP
    if not rows:
        frame.add().put(0, _no_connection(state), "ink2")
    for row in rows:
        drawn = frame.add()
        drawn.is_selected = row.key == selected
        if state.view is View.CONNECTIONS:
            drawn.on_click(0, frame.width, "select", row.key)
        texts = [column.text(row, state) for column in _COLUMNS]
        _draw_columns(drawn, texts, widths, lambda number: "strong" if _COLUMNS[number].sort == sort else "ink2")


def _draw_columns(row: Row, texts: Sequence[str], widths: Sequence[int | None], role: Callable[[int], Role]) -> None:
    x = 0
    for number, (text, width) in enumerate(zip(texts, widths, strict=True)):
        if width is None:
            continue
        if _COLUMNS[number].is_right:
            row.put_right(x + width, text, role(number), most=width)
        else:
            row.put(x, text, role(number), most=width)
        x += width + GAP


def _title(state: State) -> str:
    if state.app is None:
        return translate("Terminal", "Connections")
    name = next((row.name for row in (state.shown.apps.apps if state.shown.apps else ()) if row.key == state.app), None)
    return translate("Terminal", "Connections of {name}").format(name=wording.app_name(name or state.app))


def _no_connection(state: State) -> str:
    if state.filter:
        return nothing(state)
    return translate("Terminal", "No open connection")


def draw_events(frame: Frame, state: State) -> None:
    """Draw the view of events: the list, latest first, and below it what the selected event was detected by."""
    rows = state.event_rows()
    title = frame.add()
    x = title.put(0, translate("Terminal", "Events"), "strong") + 2
    x = title.put(x, str(len(rows)), "ink2") + 2
    if state.filter or state.is_typing:
        title.put(x, filter_words(state), "warn")
    if not rows:
        frame.add().put(0, nothing(state) if state.filter else translate("Terminal", "Nothing happened yet"), "ink2")
        return
    most = max(1, frame.left - 7)
    first = state.scroll([str(row.id) for row in rows], most)
    shown, selected = rows[first : first + most], state.selected_key()
    state.in_view |= {row.id for row in shown}
    today = datetime.fromtimestamp(time.time()).astimezone().date()
    for event in shown:
        row = frame.add()
        row.is_selected = str(event.id) == selected
        row.on_click(0, frame.width, "select", str(event.id))
        _draw_event(row, event, state, today)
    chosen = next((row for row in rows if str(row.id) == selected), None)
    if chosen is not None:
        frame.fill(frame.height - 6)
        frame.add().put(0, event_words.detail(chosen, state.units), "ink2")
        for text in cells.wrapped(frame.look.text(event_words.explain(chosen, state.units)), frame.width, 2):
            frame.add().put(0, text, "ink3")


def _draw_event(row: Row, event: Event, state: State, today: date) -> None:
    at = datetime.fromtimestamp(event.last).astimezone()
    when = at.strftime("%H:%M") if at.date() == today else wording.day_name(at.date(), is_short=True)
    row.put_right(6, when, "ink3", most=6)
    row.put(7, "!" if event.is_unseen_alert else " ", "warn")
    times = f"{event.count} ×" if event.count > 1 else ""
    end = row.width - cells.width(times) - 1 if times else row.width
    row.put(9, event_words.sentence(event, state.units), _SEVERITIES[event.severity], most=end - 9)
    row.put_right(row.width, times, "ink3")
