"""Queries the history for an amount chart (`chart.amount_chart`): slots (bars), rates and gaps of one series."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import date, datetime, timedelta
from functools import reduce
from typing import TYPE_CHECKING

from netwatch_tray.window.chart.amounts import DAY_S, NOMINAL_S, Amounts, Slot, Width, edges, slot_width
from netwatch_tray.window.chart.series import GapSpan
from netwatch_tray.window.data.history_range import points_of

if TYPE_CHECKING:
    from netwatch_tray.history.reader import HistoryReader
    from netwatch_tray.history.results import SlotUse, Used
    from netwatch_tray.history.series import SeriesKind

_POINTS: dict[Width, int] = {"hour": 300, "quarter": 300, "day": 400, "week": 380}
"""Most points of the curve of rates, by length of a slot. For days and weeks they result in points of whole hours, so
that these begin together with the slots."""
_CURRENT_S = 60.0


def amounts_query(
    kind: SeriesKind, name: str | None, start: float, end: float, width: Width | None = None
) -> Callable[[HistoryReader], Amounts]:
    """Return a function that queries the traffic of a series between two Unix times. `kind`, `name`: the series, see
    HistoryReader. `width`: length of a slot; None: as suits the range."""

    def query(reader: HistoryReader) -> Amounts:
        chosen = width or slot_width(end - start)
        borders = edges(start, end, chosen)
        now = min(end, borders[-1])
        tier, found = reader.slots(kind, name, borders)
        days = {}
        if NOMINAL_S[chosen] >= DAY_S:  # the days as the page Usage has them, imported ones included
            days = reader.days(kind, name, _day(borders[0]), _day(borders[-1]) - timedelta(days=1))
        slots = [_slot(each, _of_days(each, days)) for each in found]
        curve = reader.curve(kind, name, borders[0], now, _POINTS[chosen])
        stored = reader.gaps(borders[0], now)
        gaps = [
            GapSpan(gap.start, gap.finish or now, gap.reason)
            for gap in stored
            if gap.name is None or (gap.name == name and kind == "interface")
        ]
        begin = reader.begin()
        if begin is None:
            begin = borders[0] if any(slot.is_known for slot in slots) else now
        gaps += _before(slots, min(begin, now))
        is_current = time.time() - now < _CURRENT_S
        points = points_of(curve, stored)
        return Amounts(chosen, slots, points, curve.step, sorted(gaps, key=_start), now, tier, is_current)

    return query


def _slot(each: SlotUse, used: Used | None) -> Slot:
    """Convert a slot of the history to one of the chart. `used`: the sum of its whole days, which also counts imported
    bytes; None: use the slot's own amount."""
    own = each.used
    shown = used or own
    seconds = own.covered_s
    return Slot(
        each.start,
        each.end,
        shown.rx,
        shown.tx,
        bool(seconds or shown.both),
        seconds,
        (own.rx - own.gap_rx) / seconds if seconds else None,
        (own.tx - own.gap_tx) / seconds if seconds else None,
        each.rx_peak,
        each.tx_peak,
        each.rx_peak_at,
        each.tx_peak_at,
    )


def _of_days(slot: SlotUse, days: dict[date, Used]) -> Used | None:
    first, last = _day(slot.start), _day(slot.end) - timedelta(days=1)
    used = [each for day, each in days.items() if first <= day <= last]
    return reduce(lambda total, each: total.plus(each), used) if used else None


def _before(slots: list[Slot], begin: float) -> list[GapSpan]:
    """Return gaps for the time before `begin` (Unix time of the first measurement), except for slots with imported
    amounts."""
    found: list[GapSpan] = []
    for slot in slots:
        if slot.start >= begin or (slot.is_known and slot.end <= begin):
            continue
        end = min(slot.end, begin)
        if found and found[-1].end == slot.start:
            found[-1] = found[-1]._replace(end=end)
        else:
            found.append(GapSpan(slot.start, end, None))
    return found


def _day(at: float) -> date:
    return datetime.fromtimestamp(at).astimezone().date()


def _start(gap: GapSpan) -> float:
    return gap.start
