"""Draws the overview: chart, interfaces, apps and, if the terminal is high enough, connections. Pure."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import NamedTuple

from netwatch_tray import units
from netwatch_tray.kinds import InterfaceKind
from netwatch_tray.language import translate
from netwatch_tray.model import InterfaceTick
from netwatch_tray.tui import chart
from netwatch_tray.tui.data import AppRow
from netwatch_tray.tui.frame import Frame, Row
from netwatch_tray.tui.lists import draw_connection_rows
from netwatch_tray.tui.look import Role, bar
from netwatch_tray.tui.rates import in_columns
from netwatch_tray.tui.state import LIVE, State, View
from netwatch_tray.tui.texts import filter_words, month_name, nothing, size
from netwatch_tray.units import DOWN, UP

_NAME = 18
"""Width in cells of the column of names, in terminals of up to 100 columns."""
_NUMBER = 12
_LEAST_CONNECTIONS = 5
"""Smallest number of connections shown below the apps, in terminals high enough for both."""
_BAR = 30
"""Length in cells of the longest bar."""


class _Grid(NamedTuple):
    """Positions of the columns, in cells: where names are cut, where each number ends, and where the last column
    begins."""

    name: int
    ends: Sequence[int]
    last: int

    @classmethod
    def of(cls, width: int) -> _Grid:
        name = _NAME + max(0, min(30, (width - 100) // 2))
        numbers = 4 if width >= 80 else 2
        ends = [name + _NUMBER * (number + 1) for number in range(numbers)]
        return cls(name - 1, ends, ends[-1] + 3)


def draw_overview(frame: Frame, state: State) -> None:
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
    # Apps and connections share the rows; either may use what the other does not need.
    connections, apps = state.connection_rows(), len(state.app_rows())
    most -= _LEAST_CONNECTIONS + 2
    _draw_apps(frame, state, most if apps > most else max(1, apps))
    frame.add()
    draw_connection_rows(frame, state, connections[: frame.left - 4], None)


def _draw_chart(frame: Frame, state: State, rows: tuple[int, int]) -> None:
    shown = chart.RANGES[state.range]
    count = chart.columns(frame.width, is_unicode=frame.look.is_unicode)
    if state.range == LIVE:
        recent = state.shown.recent
        now = recent.newest if recent.newest is not None else time.time()
        curve = in_columns(recent.points(), state.interval, now, shown.seconds, count)
    else:
        curve = state.shown.curve
    if len(curve.down) != count:  # a result for another width; the right one has been requested
        curve = chart.EMPTY
    chart.draw(frame, curve, shown, rows, state.units)


def _draw_interfaces(frame: Frame, state: State, most: int) -> None:
    tick, stored, grid = state.shown.tick, state.shown.stored, _Grid.of(frame.width)
    assert tick is not None  # noqa: S101  the caller has checked it
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
            size(stored.today.interfaces.get(each.name) if stored else None, state),
            size(stored.month.interfaces.get(each.name) if stored else None, state),
        ]
        for end, text in zip(grid.ends, texts, strict=False):
            row.put_right(end, text, role, most=_NUMBER - 1)
        row.put(grid.last, _part(each), "ink2")


def _part(each: InterfaceTick) -> str:
    """Return in one or two words whether the interface is counted in the total, or by which other interfaces its bytes
    are."""
    if each.is_uplink:
        return translate("Terminal", "counted")
    if each.why.names:
        return translate("Terminal", "in {names}").format(names=", ".join(each.why.names))
    return translate("Terminal", "not counted")


def _titles(state: State) -> list[str]:
    now = translate("Terminal", "now")
    return [f"{DOWN} {now}", f"{UP} {now}", translate("Terminal", "today"), month_name(state)]


def _draw_apps(frame: Frame, state: State, most: int) -> None:
    """Draw the list of apps. `most`: greatest number of rows, without the heading."""
    grid, sort = _Grid.of(frame.width), state.sort[View.OVERVIEW]
    head = frame.add()
    end = head.put(0, "App", "ink" if sort == "name" else "ink3")
    head.on_click(0, grid.name, "sort", "name")
    if state.filter or state.is_typing:
        head.put(end + 1, filter_words(state), "warn", most=grid.name - end)
    for end, title, column in zip(grid.ends, _titles(state), ("down", "up", "today", "month"), strict=False):
        head.put_right(end, title, "ink" if sort == column else "ink3", most=_NUMBER - 1)
        head.on_click(end - _NUMBER + 1, end, "sort", column)
    column = sort if sort != "name" else "down"
    if frame.width >= 90:
        about = translate("Terminal", "share of {column}").format(
            column={"down": f"{DOWN} {translate('Terminal', 'now')}", "up": f"{UP} {translate('Terminal', 'now')}"}.get(
                column, translate("Terminal", "today") if column == "today" else month_name(state)
            )
        )
        head.put(grid.last, about, "ink3")
    rows = state.app_rows()
    if not rows:
        frame.add().put(0, nothing(state), "ink2")
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
        ("today", size(each.today, state)),
        ("month", size(each.month, state)),
    )
    for end, (column, text) in zip(grid.ends, values, strict=False):
        row.put_right(end, text, "strong" if column == sort and not each.is_rest else plain, most=_NUMBER - 1)


def _window(state: State, rows: Sequence[AppRow], most: int) -> Sequence[AppRow]:
    """Return the part of the rows that is shown, with the selected one in it. If there is room, the rows of bytes that
    belong to no app stay below."""
    apps, rest = [row for row in rows if not row.is_rest], [row for row in rows if row.is_rest]
    if most < 5 and len(apps) + len(rest) > most:
        rest = []
    room = max(0, most - len(rest))
    first = state.scroll([row.key for row in apps], room)
    return [*apps[first : first + room], *rest]
