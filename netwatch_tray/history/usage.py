"""Weeks, months, billing months and the state of a data plan. Pure; days are local dates."""

from __future__ import annotations

import calendar
from datetime import date, datetime, time, timedelta
from typing import Literal, NamedTuple

Period = Literal["day", "week", "month", "billing", "year", "all"]

ALERT_PERCENTS = (80, 100)
"""Of the cap; each is reported once a billing month."""
LATEST = 253_402_214_400
"""Unix time of 9999-12-31 00:00 UTC: a later moment cannot be shown."""
_LEAST_MEASURED = 2.0
"""Days: less than that is too little for a projection."""


class Days(NamedTuple):
    """A span of whole days."""

    first: date
    last: date

    @property
    def length(self) -> int:
        return (self.last - self.first).days + 1


class PlanAlert(NamedTuple):
    """A part of the data plan is used up."""

    percent: int
    used: int
    """Bytes of the total in this billing month, both directions."""
    cap: int
    cycle: Days


class Outlook(NamedTuple):
    """The state of a data plan; amounts in bytes."""

    cycle: Days
    used: int
    cap: int | None
    days_left: int
    """Today included."""
    allowance: int | None
    """What is left for each day from today on; `None`: there is no cap."""
    projection: int | None
    """Usage at the end of the month at the same pace; `None`: too little is measured."""


def billing_month(day: date, billing_day: int) -> Days:
    """Return the billing month of a day. One that begins on the 31st begins on the last day of shorter months."""
    first = _in_month(day.year, day.month, billing_day)
    if first > day:
        first = _in_month(*_next_month(day.year, day.month, -1), billing_day)
    after = _in_month(*_next_month(first.year, first.month, 1), billing_day)
    return Days(first, after - timedelta(days=1) if after > day else date.max)


def period_of(day: date, period: Period, billing_day: int = 1) -> Days:
    """Return the period of a day; weeks begin on Monday (ISO 8601)."""
    if period == "day":
        return Days(day, day)
    if period == "week":
        first = max(date.min.toordinal(), day.toordinal() - day.weekday())
        last = min(date.max.toordinal(), day.toordinal() - day.weekday() + 6)
        return Days(date.fromordinal(first), date.fromordinal(last))
    if period == "month":
        return billing_month(day, 1)
    if period == "billing":
        return billing_month(day, billing_day)
    if period == "year":
        return Days(date(day.year, 1, 1), date(day.year, 12, 31))
    return Days(date.min, date.max)


def midnight(day: date) -> float:
    """Return the Unix time at which the local day begins, at most LATEST."""
    try:
        return max(0.0, datetime.combine(day, time()).timestamp())
    except (OverflowError, ValueError, OSError):  # near year 1 or 9999 the zone's offset leads out of the calendar
        return 0.0 if day.year < 5000 else float(LATEST)


def midnight_after(day: date) -> float:
    """Return the Unix time at which the local day ends, at most LATEST."""
    return float(LATEST) if day >= date.max - timedelta(days=1) else midnight(day + timedelta(days=1))


def outlook(
    used: int, cap: int | None, cycle: Days, today: date, day_fraction: float, unmeasured: float = 0.0
) -> Outlook:
    """Return the state of a data plan of `cap` bytes.

    `day_fraction`: part of today that is over, 0 to 1. `unmeasured`: days of the cycle before the first measurement,
    which do not count for the pace.
    """
    days_left = (cycle.last - today).days + 1
    measured = (today - cycle.first).days + day_fraction - unmeasured
    projection = None
    if measured >= _LEAST_MEASURED:
        projection = round(used + used / measured * (days_left - day_fraction))
    allowance = None if cap is None else max(0, cap - used) // days_left
    return Outlook(cycle, used, cap, days_left, allowance, projection)


def due_alerts(used: int, cap: int, alerted: frozenset[int]) -> list[int]:
    """Return the percentages that are reached and not in `alerted`, lowest first."""
    return [percent for percent in ALERT_PERCENTS if percent not in alerted and used * 100 >= cap * percent]


def _in_month(year: int, month: int, day: int) -> date:
    """Return the nearest day within years 1 to 9999."""
    if not date.min.year <= year <= date.max.year:
        return date.min if year < date.min.year else date.max
    return date(year, month, min(day, calendar.monthrange(year, month)[1]))


def _next_month(year: int, month: int, step: int) -> tuple[int, int]:
    year, month = divmod(year * 12 + month - 1 + step, 12)
    return year, month + 1
