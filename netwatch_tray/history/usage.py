"""Weeks, months, billing months and the state of a data plan. Pure; days are local dates."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from typing import Literal, NamedTuple

from netwatch_tray.settings import DataPlan

Period = Literal["day", "week", "month", "billing", "year", "all"]

ALERT_PERCENTS = (80, 100)
"""Percentages of the data plan's cap (allowed bytes) about which the user is notified, once in a billing month each."""
LATEST = 253_402_214_400
"""Unix time of 9999-12-31 00:00 UTC, the latest that is handled: Python cannot represent dates after that year."""
_BY_CALENDAR = DataPlan()
_LEAST_HEAT = 1000.0
_LEAST_MEASURED = 2.0
"""Number of measured days from which on the usage at the end of a period is projected."""


class Days(NamedTuple):
    """A span of whole days, `first` and `last` included."""

    first: date
    last: date

    @property
    def length(self) -> int:
        return (self.last - self.first).days + 1


class PlanAlert(NamedTuple):
    """A notification that the user has used a certain percentage of the data plan."""

    percent: int
    used: int
    """Bytes that the plan counts in this period, received and sent together."""
    cap: int
    cycle: Days


class Outlook(NamedTuple):
    """How much of a data plan is used, and how long the rest will last; amounts in bytes."""

    cycle: Days
    used: int
    cap: int | None
    days_left: int
    """Number of days left, today included; 0 if the period is over."""
    allowance: int | None
    """Bytes that the user may use on each day from today on; `None` if there is no cap, or the period is over."""
    projection: int | None
    """Expected usage at the end of the period if it continues at the same rate; `None` if less than two days were
    measured, or the period is over."""


def billing_month(day: date, billing_day: int) -> Days:
    """Return the billing month that contains a day. `billing_day`: day of the month on which it begins; in months
    without that day, the last one."""
    first = _in_month(day.year, day.month, billing_day)
    if first > day:
        first = _in_month(*_next_month(day.year, day.month, -1), billing_day)
    after = _in_month(*_next_month(first.year, first.month, 1), billing_day)
    return Days(first, after - timedelta(days=1) if after > day else date.max)


def plan_period(day: date, plan: DataPlan) -> Days:
    """Return the period of a data plan that contains a day: a billing month, or a fixed number of days."""
    if not plan.days or plan.begin is None:
        return billing_month(day, plan.billing_day)
    begin = plan.begin.toordinal()
    first = begin + (day.toordinal() - begin) // plan.days * plan.days
    last = first + plan.days - 1
    return Days(date.fromordinal(max(first, date.min.toordinal())), date.fromordinal(min(last, date.max.toordinal())))


def neighbour(span: Days, period: Period, plan: DataPlan, step: int) -> Days:
    """Return the period after (`step` 1) or before (`step` -1) `span`; `span` itself at the ends of the calendar."""
    edge = span.last if step > 0 else span.first
    if edge in (date.min, date.max):
        return span
    return period_of(edge + timedelta(days=step), period, plan)


def period_of(day: date, period: Period, plan: DataPlan = _BY_CALENDAR) -> Days:
    """Return the day, week, month, billing month or year that contains a day, or the whole calendar. Weeks begin on
    Monday (ISO 8601)."""
    if period == "day":
        return Days(day, day)
    if period == "week":
        first = max(date.min.toordinal(), day.toordinal() - day.weekday())
        last = min(date.max.toordinal(), day.toordinal() - day.weekday() + 6)
        return Days(date.fromordinal(first), date.fromordinal(last))
    if period == "month":
        return billing_month(day, 1)
    if period == "billing":
        return plan_period(day, plan)
    if period == "year":
        return Days(date(day.year, 1, 1), date(day.year, 12, 31))
    return Days(date.min, date.max)


def midnight(day: date) -> float:
    """Return the Unix time at which a local day begins, limited to 0 … LATEST."""
    try:
        return max(0.0, datetime.combine(day, time()).timestamp())
    except (OverflowError, ValueError, OSError):  # near year 1 or 9999 the time zone's offset leaves the calendar
        return 0.0 if day.year < 5000 else float(LATEST)


def midnight_after(day: date) -> float:
    """Return the Unix time at which a local day ends, at most LATEST."""
    return float(LATEST) if day >= date.max - timedelta(days=1) else midnight(day + timedelta(days=1))


def outlook(
    used: int, cap: int | None, cycle: Days, today: date, day_fraction: float, unmeasured: float = 0.0
) -> Outlook:
    """Return the state of a data plan of `cap` bytes, of which `used` are used in the period `cycle`.

    `day_fraction`: part of today that is over, 0 to 1. `unmeasured`: number of days of the period before the first
    measurement, which are left out of the projection.
    """
    days_left = max(0, (cycle.last - today).days + 1)
    measured = (today - cycle.first).days + day_fraction - unmeasured
    projection = None
    if days_left and measured >= _LEAST_MEASURED:
        projection = round(used + used / measured * (days_left - day_fraction))
    allowance = None if cap is None or not days_left else max(0, cap - used) // days_left
    return Outlook(cycle, used, cap, days_left, allowance, projection)


def due_alerts(used: int, cap: int, alerted: frozenset[int]) -> list[int]:
    """Return the `ALERT_PERCENTS` of `cap` that `used` (bytes) has reached and that are not in `alerted`, lowest
    first."""
    return [percent for percent in ALERT_PERCENTS if percent not in alerted and used * 100 >= cap * percent]


def heat_limits(amounts: Iterable[int]) -> tuple[int, int, int, int]:
    """Return the bytes from which on a day has step 2, 3, 4 or 5 of the heat map (a calendar coloured by usage).

    They are 5, 10, 20 and 40 GB times a power of two, so that the median of `amounts` (bytes of each day) is in step 3.
    """
    known = sorted(amount for amount in amounts if amount > 0)
    limit = 10_000_000_000.0
    if known:
        median = known[len(known) // 2]
        while median >= 2 * limit:
            limit *= 2
        while median < limit and limit > _LEAST_HEAT:
            limit /= 2
    return round(limit / 2), round(limit), round(limit * 2), round(limit * 4)


def heat_step(amount: int, limits: tuple[int, int, int, int]) -> int:
    """Return the step of the heat map for the bytes of a day: 0 for no traffic, else 1 to 5. `limits`: from
    `heat_limits`."""
    return 1 + bisect_right(limits, amount) if amount > 0 else 0


def listed_spans(days: Iterable[date]) -> list[Days]:
    """Combine consecutive days into spans. `days` must be sorted."""
    spans: list[Days] = []
    for day in days:
        if spans and (day - spans[-1].last).days == 1:
            spans[-1] = Days(spans[-1].first, day)
        else:
            spans.append(Days(day, day))
    return spans


def _in_month(year: int, month: int, day: int) -> date:
    """Return a date. A day after the end of the month becomes its last day; a year outside 1 … 9999 the nearest
    date."""
    if not date.min.year <= year <= date.max.year:
        return date.min if year < date.min.year else date.max
    last = 31 if month == 12 else (date(year, month + 1, 1) - timedelta(days=1)).day
    return date(year, month, min(day, last))


def _next_month(year: int, month: int, step: int) -> tuple[int, int]:
    year, month = divmod(year * 12 + month - 1 + step, 12)
    return year, month + 1
