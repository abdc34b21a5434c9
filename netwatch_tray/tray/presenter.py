"""What the tray shows of a tick: plain strings and a glyph, made without drawing or sending anything."""

from __future__ import annotations

from typing import Literal, NamedTuple

from netwatch_tray import units
from netwatch_tray.model import InterfaceTick, Tick, Total
from netwatch_tray.units import Units

MOST_ROWS = 14
"""Of the whole menu; a longer one is not read."""
ACTION_ROWS = 3
"""The separator, *Open NetWatch* and *Quit NetWatch*."""

_STEPS = (1e3, 100e3, 1e6)
"""Bytes/s that a rate must exceed for each step of its arrow."""


class Glyph(NamedTuple):
    """What the icon says by its shape."""

    kind: Literal["rates", "paused", "offline", "alert"]
    down: int = 0
    """Of `rates`: length of the arrow, 0 (head only) to 3."""
    up: int = 0


class View(NamedTuple):
    """Everything visible in the tray. Two views that are equal look equal."""

    glyph: Glyph
    tooltip: tuple[str, ...]
    """Lines; the first is the heading."""
    label: str
    """Text beside the icon, as wide in every state with rates."""
    rows: tuple[str, ...]
    """Read-only rows at the head of the menu."""


WAITING = View(Glyph("rates"), ("NetWatch", "Waiting for the first rates"), "", ("Waiting for the first rates",))
"""Before the first tick."""


def present(tick: Tick, in_units: Units) -> View:
    """The view of one tick."""
    total = tick.total
    # Panels without tooltips, and those that show its heading only, have the same lines in the menu.
    lines = units.both_rates(total.rx_rate, total.tx_rate, in_units), _counted(total)
    tooltip = lines if tick.gap is None else (*lines, f"No rates for a moment: {tick.gap}")
    return View(_glyph(total), tooltip, _label(total, in_units), (*lines, *_interface_rows(tick, in_units)))


def _glyph(total: Total) -> Glyph:
    if not total.uplinks:
        return Glyph("offline")
    return Glyph("rates", _step(total.rx_rate), _step(total.tx_rate))


def _step(rate: float | None) -> int:
    return 0 if rate is None else sum(rate > least for least in _STEPS)


def _counted(total: Total) -> str:
    match total.uplinks:
        case ():
            return "Offline: no interface is connected"
        case (only,):
            return f"{only} only"
        case several:
            return " + ".join(several)


def _label(total: Total, in_units: Units) -> str:
    if not total.uplinks:
        return "offline"
    down, up = units.rate(total.rx_rate, in_units).padded(), units.rate(total.tx_rate, in_units).padded()
    return f"{units.DOWN} {down} {units.UP} {up}"


def _interface_rows(tick: Tick, in_units: Units) -> list[str]:
    """The busiest interfaces that are up, in an order that does not change with their rates."""
    up = [interface for interface in tick.interfaces if interface.is_up]
    busiest = sorted(up, key=_importance, reverse=True)[: MOST_ROWS - ACTION_ROWS - 2]
    busiest.sort(key=lambda interface: (not interface.is_uplink, interface.index))
    return [f"{each.name}   {units.both_rates(each.rx_rate, each.tx_rate, in_units)}" for each in busiest]


def _importance(interface: InterfaceTick) -> tuple[bool, float, int]:
    return interface.is_uplink, (interface.rx_rate or 0.0) + (interface.tx_rate or 0.0), -interface.index
