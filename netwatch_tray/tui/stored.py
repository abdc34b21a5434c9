"""Queries of the history: amounts of today and of the billing month, and the curve of a long range."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import TYPE_CHECKING, NamedTuple

from netwatch_tray.history.usage import Outlook, outlook, period_of
from netwatch_tray.settings import DataPlan
from netwatch_tray.tui.chart import Curve
from netwatch_tray.tui.rates import in_columns

if TYPE_CHECKING:
    from netwatch_tray.history.reader import HistoryReader


class Amounts(NamedTuple):
    """Amounts of several days, in bytes, both directions together."""

    total: int | None
    """None if nothing is recorded."""
    apps: Mapping[str, int]
    interfaces: Mapping[str, int]
    rest: int
    """Bytes that belong to no app."""
    unmeasured: int
    """Bytes counted while NetWatch was not measuring."""


class Stored(NamedTuple):
    """Amounts of today and of the billing month, and the state of the data plan."""

    today: Amounts
    month: Amounts
    plan: Outlook | None
    """None if nothing is recorded."""
    written: float = 0.0
    """Unix time up to which the history, and so these amounts, were recorded."""


def query_stored(reader: HistoryReader, now: datetime, plan: DataPlan) -> Stored:
    """Query the amounts of today and of the billing month, and the state of the data plan. `now`: local time."""
    today, month = now.date(), period_of(now.date(), "billing", plan)
    written = reader.written_until()
    of_today, of_month = _amounts(reader, today, today), _amounts(reader, *month)
    if of_month.total is None:
        return Stored(of_today, of_month, None, written)
    fraction = (now.hour * 60 + now.minute) / 1440
    used = of_month.total
    if plan.counts != "all":
        used = sum(each.both for each in reader.days("total", None, *month, counts=plan.counts).values())
    state = outlook(used, plan.cap_bytes, month, today, fraction, _unmeasured(reader, month.first))
    return Stored(of_today, of_month, state, written)


def _amounts(reader: HistoryReader, first: date, last: date) -> Amounts:
    days = reader.days("total", None, first, last)
    remainder = reader.remainder(first, last)
    return Amounts(
        sum(used.both for used in days.values()) if days else None,
        {name: used.both for name, used in reader.by_name("app", first, last).items()},
        {name: used.both for name, used in reader.by_name("interface", first, last).items()},
        remainder.other.both + remainder.imported.both,
        remainder.unmeasured.both,
    )


def _unmeasured(reader: HistoryReader, first: date) -> float:
    """Return how many days, with fractions, lie between the first day of the month and the first measurement ever; 0 if
    that was earlier."""
    begin = reader.begin()
    if begin is None:
        return 0.0
    began = datetime.fromtimestamp(begin).astimezone()
    return max(0.0, (began.date() - first).days + (began.hour * 60 + began.minute) / 1440)


def query_curve(reader: HistoryReader, now: float, seconds: int, columns: int) -> Curve:
    """Return the rates of the total in the `seconds` before `now` (Unix time), as the mean rate of each column."""
    found = reader.curve("total", None, now - seconds, now, columns)
    points = zip(found.at, found.rx, found.tx, strict=True)
    return in_columns(points, found.step, now, seconds, columns)
