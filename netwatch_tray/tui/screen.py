"""Draws the state: a view between its head and its foot, or one line where there is no room. Pure."""

from __future__ import annotations

import time
from datetime import datetime

from netwatch_tray import cells, units
from netwatch_tray.language import mark, translate
from netwatch_tray.model import Connection, InterfaceKind, InterfaceTick, endpoint
from netwatch_tray.tui import chart
from netwatch_tray.tui.frame import Frame, Row
from netwatch_tray.tui.look import Look, Role, bar
from netwatch_tray.tui.rates import in_columns
from netwatch_tray.tui.state import AppRow, Link, State, View, owner
from netwatch_tray.tui.tables import GAP, Width, fit
from netwatch_tray.units import DOWN, UNKNOWN, UP

LEAST_WIDTH, LEAST_HEIGHT = 60, 15
"""Below, there is one line."""

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
    ("p", mark("Terminal", "Pause"), "pause", 2),
    ("?", mark("Terminal", "Help"), "help", 0),
)
_USELESS: dict[View, tuple[str, ...]] = {
    View.OVERVIEW: (),
    View.CONNECTIONS: ("longer", "open"),
    View.EVENTS: ("longer", "open", "sort"),
}
"""Actions that do nothing visible there."""
_HELP: tuple[tuple[str, str], ...] = (
    ("Tab", mark("Terminal", "Overview, connections, events")),
    ("← →", mark("Terminal", "Range of the chart: 5 minutes to 30 days")),
    ("↑ ↓", mark("Terminal", "Select a row; also Page Up and Page Down, Home and End")),
    ("Enter", mark("Terminal", "Connections of the selected app")),
    ("Esc", mark("Terminal", "Back")),
    ("s", mark("Terminal", "Sort by the next column; or click on its head")),
    ("/", mark("Terminal", "Show only rows with this text")),
    ("u", mark("Terminal", "Rates in bytes or bits per second")),
    ("p", mark("Terminal", "Freeze the picture, or go on")),
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
    row.put(x, about(state), "ink2")


def _draw_head(frame: Frame, state: State) -> None:
    row = frame.add()
    tick = state.shown.tick
    down, up = (tick.total.rx_rate, tick.total.tx_rate) if tick else (None, None)
    x = row.put(0, "NetWatch", "strong") + 2
    ways: tuple[tuple[str, Role, float | None], ...] = ((DOWN, "down", down), (UP, "up", up))
    for arrow, role, rate in ways:
        value, unit = units.rate(rate, state.units)
        x = row.put(x, f"{arrow} ", role)
        x = row.put(x, f"{value:>4} ", "strong")
        x = row.put(x, f"{unit:6}", "ink2") + 1
    at = (tick.at if tick else datetime.fromtimestamp(time.time()).astimezone()).astimezone()
    clock = at.strftime("%H:%M:%S")
    if frame.width >= 70:
        clock = f"{translate('Terminal', _WEEKDAYS[at.weekday()])} {day_name(at.date())}  {clock}"
    if state.is_paused:
        clock = f"{translate('Terminal', 'paused')}  {clock}"
    end = frame.width - cells.width(clock)
    row.put(end, clock, "warn" if state.is_paused else "ink3")
    row.put(x + 1, about(state), "ink2", most=end - x - 3)
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


def _draw_overview(frame: Frame, state: State) -> None:
    roomy = frame.height >= 28
    rows = (3, 1) if frame.height < 20 else (5, 2) if not roomy else (7, 2) if frame.height < 36 else (9, 3)
    _draw_chart(frame, state, rows)
    most = 0 if frame.height < 20 else 2 if not roomy else 3 if frame.height < 36 else 6
    if most and state.shown.tick is not None:
        if roomy:
            frame.add()
        _draw_interfaces(frame, state, most)
    if roomy:
        frame.add()
    most = frame.left - 4
    if frame.height < 36:
        _draw_apps(frame, state, most)
        return
    # Apps and connections share the room; what one does not need is the other's.
    connections, apps = state.connection_rows(), len(state.app_rows())
    most -= _LEAST_CONNECTIONS + 2
    _draw_apps(frame, state, most if apps > most else max(1, apps))
    frame.add()
    _draw_connection_rows(frame, state, connections[: frame.left - 4], None)


def _draw_chart(frame: Frame, state: State, rows: tuple[int, int]) -> None:
    shown = chart.RANGES[state.range]
    count = chart.columns(frame.width, is_unicode=frame.look.is_unicode)
    if state.is_live_range:
        recent = state.shown.recent
        now = recent.newest if recent.newest is not None else time.time()
        curve = in_columns(recent.points(), state.interval, now, shown.seconds, count)
    else:
        curve = state.shown.curve
    if len(curve.down) != count:  # of another width; the right one is on its way
        curve = chart.EMPTY
    chart.draw(frame, curve, shown, rows, state.units)


def _draw_interfaces(frame: Frame, state: State, most: int) -> None:
    tick, stored, grid = state.shown.tick, state.shown.stored, _Grid.of(frame.width)
    assert tick is not None  # noqa: S101  its caller has looked
    head = frame.add()
    head.put(0, translate("Terminal", "Interface"), "ink3", most=grid.name)
    titles = [*_titles(state), ""][: len(grid.ends)]
    for end, title in zip(grid.ends, titles, strict=True):
        head.put_right(end, title, "ink3", most=_NUMBER - 1)
    head.put(grid.last, translate("Terminal", "Total"), "ink3")
    there = [each for each in tick.interfaces if each.is_up and each.kind != InterfaceKind.LOOPBACK]
    there.sort(key=lambda each: (not each.is_uplink, -(each.rx_rate or 0) - (each.tx_rate or 0), each.name))
    for each in there[:most]:
        row = frame.add()
        row.put(0, each.name, "strong" if each.is_uplink else "ink2", most=grid.name)
        role: Role = "ink" if each.is_uplink else "ink2"
        texts = [
            str(units.rate(each.rx_rate, state.units)),
            str(units.rate(each.tx_rate, state.units)),
            _size(stored.today.interfaces.get(each.name) if stored else None, state),
            _size(stored.month.interfaces.get(each.name) if stored else None, state),
        ]
        for end, text in zip(grid.ends, texts, strict=False):
            row.put_right(end, text, role, most=_NUMBER - 1)
        row.put(grid.last, _part(each), "ink2")


def _part(each: InterfaceTick) -> str:
    """Return its part in the total, in a word or two."""
    if each.is_uplink:
        return translate("Terminal", "counted")
    if each.why.names:
        return translate("Terminal", "in {names}").format(names=", ".join(each.why.names))
    return translate("Terminal", "not counted")


def _titles(state: State) -> list[str]:
    now = translate("Terminal", "now")
    return [f"{DOWN} {now}", f"{UP} {now}", translate("Terminal", "today"), _month(state)]


def _draw_apps(frame: Frame, state: State, most: int) -> None:
    """`most`: rows of the list, its head not counted."""
    grid, sort = _Grid.of(frame.width), state.sort[View.OVERVIEW]
    head = frame.add()
    end = head.put(0, "App", "ink" if sort == "name" else "ink3")
    head.on_click(0, grid.name, "sort", "name")
    if state.filter or state.is_typing:
        head.put(end + 1, _filter(state), "warn", most=grid.name - end)
    for end, title, column in zip(grid.ends, _titles(state), ("down", "up", "today", "month"), strict=False):
        head.put_right(end, title, "ink" if sort == column else "ink3", most=_NUMBER - 1)
        head.on_click(end - _NUMBER + 1, end, "sort", column)
    column = sort if sort != "name" else "down"
    if frame.width >= 90:
        about = translate("Terminal", "share of {column}").format(
            column={"down": f"{DOWN} {translate('Terminal', 'now')}", "up": f"{UP} {translate('Terminal', 'now')}"}.get(
                column, translate("Terminal", "today") if column == "today" else _month(state)
            )
        )
        head.put(grid.last, about, "ink3")
    rows = state.app_rows()
    if not rows:
        frame.add().put(0, _nothing(state), "ink2")
        return
    selected = state.selected_key()
    greatest = max((getattr(each, column) or 0 for each in rows if not each.is_rest), default=0)
    for each in _window(state, rows, most):
        row = frame.add()
        row.is_selected = each.key == selected
        if not each.is_rest:
            row.on_click(0, frame.width, "select", each.key)
        _draw_app(row, each, state, grid, sort)
        if greatest and not each.is_rest:
            space = min(_BAR, frame.width - grid.last) if frame.width >= 90 else frame.width - grid.last
            row.put(grid.last, bar((getattr(each, column) or 0) / greatest, space), "up" if column == "up" else "down")


def _draw_app(row: Row, each: AppRow, state: State, grid: _Grid, sort: str) -> None:
    plain: Role = "ink3" if each.is_rest else "ink2"
    row.put(0, each.name, "ink3" if each.is_rest else "ink", most=grid.name)
    values = (
        ("down", str(units.rate(each.down, state.units))),
        ("up", str(units.rate(each.up, state.units))),
        ("today", _size(each.today, state)),
        ("month", _size(each.month, state)),
    )
    for end, (column, text) in zip(grid.ends, values, strict=False):
        row.put_right(end, text, "strong" if column == sort and not each.is_rest else plain, most=_NUMBER - 1)


def _window(state: State, rows: Sequence[AppRow], most: int) -> Sequence[AppRow]:
    """Return the rows around the selected one; where there is room, what belongs to no app stays below them."""
    apps, rest = [row for row in rows if not row.is_rest], [row for row in rows if row.is_rest]
    if most < 5 and len(apps) + len(rest) > most:
        rest = []
    room = max(0, most - len(rest))
    first = _scrolled(state, [row.key for row in apps], room)
    return [*apps[first : first + room], *rest]


def _scrolled(state: State, keys: Sequence[str], most: int) -> int:
    """Return the first row that is shown, so that the selected one is."""
    selected = state.selected_key()
    at = keys.index(selected) if selected in keys else 0
    first = min(state.first[state.view], max(0, len(keys) - most))
    first = min(at, max(first, at - most + 1))
    state.first[state.view] = max(0, first)
    return state.first[state.view]


def _nothing(state: State) -> str:
    if state.filter:
        return translate("Terminal", "No row matches “{words}”. Esc shows all.").format(words=state.filter)
    return translate("Terminal", "Waiting for the first reading")


def _filter(state: State) -> str:
    return f"/{state.filter}{'_' if state.is_typing else ''}"


_Cell = Callable[[Connection, State], str]


class _Column(NamedTuple):
    head: str
    text: _Cell
    full: int
    """Cells that it takes at most; 0: those of its head."""
    least: int
    """Cells that it takes at least; 0: it is never narrower."""
    rank: int
    """See Width."""
    sort: str = ""
    is_right: bool = False


def _remote(row: Connection, _state: State) -> str:
    return endpoint(row.host, row.remote_port) if row.host else row.remote or UNKNOWN


_COLUMNS = (
    _Column("App", lambda row, _: owner(row) or UNKNOWN, 18, 12, 0, "app"),
    _Column("PID", lambda row, _: UNKNOWN if row.pid is None else str(row.pid), 8, 0, 5, is_right=True),
    _Column(
        mark("Terminal", "Protocol"), lambda row, _: "QUIC" if row.host_origin == "QUIC" else row.protocol, 0, 0, 3
    ),
    _Column(mark("Terminal", "Remote"), _remote, 200, 24, 0, "remote"),
    _Column(mark("Terminal", "State"), lambda row, _: (row.state or "").lower().replace("_", " "), 11, 0, 4),
    _Column(DOWN, lambda row, state: str(units.rate(row.rx_rate, state.units)), 10, 0, 0, "down", is_right=True),
    _Column(UP, lambda row, state: str(units.rate(row.tx_rate, state.units)), 10, 0, 0, "up", is_right=True),
    _Column(
        "RTT", lambda row, _: UNKNOWN if row.rtt_s is None else f"{row.rtt_s * 1000:.0f} ms", 7, 0, 2, is_right=True
    ),
)


def _draw_connections(frame: Frame, state: State) -> None:
    """The view."""
    rows = state.connection_rows()
    title = frame.add()
    x = title.put(0, _title(state), "strong", most=frame.width // 2) + 2
    x = title.put(x, str(len(rows)), "ink2") + 2
    if state.filter or state.is_typing:
        title.put(x, _filter(state), "warn")
    first = _scrolled(state, [row.key for row in rows], frame.left - 4)
    _draw_connection_rows(frame, state, rows[first : first + frame.left - 4], state.selected_key())


def _draw_connection_rows(frame: Frame, state: State, rows: Sequence[Connection], selected: str | None) -> None:
    """`selected`: key of the row that the keys are about; None: they are about another list."""
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
        return _nothing(state)
    return translate("Terminal", "No open connection")


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
        outlook = translate("Terminal", "≈ {amount} by {day}").format(amount=amount, day=day_name(plan.cycle.last))
        if x + cells.width(outlook) <= end:
            x = row.put(x, outlook, "ink2") + 2
    if alerts and x + cells.width(alerts) <= row.width:
        row.on_click(x, row.put(x, alerts, "warn"), "events")


def _alerts(state: State) -> str:
    """Return how many alerts the user has not seen; empty: none."""
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
