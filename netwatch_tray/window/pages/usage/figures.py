"""What the history holds about one period, as the page Usage shows it. Pure."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from functools import reduce
from typing import TYPE_CHECKING, NamedTuple

from netwatch_tray.history.usage import Days, Period, billing_month, period_of

if TYPE_CHECKING:
    from netwatch_tray.history.reader import HistoryReader
    from netwatch_tray.history.results import NetworkUse, Used

_EARLIER_MONTHS = 6


class Figures(NamedTuple):
    """Amounts of one period, and of the billing months before the present one."""

    now: datetime
    """Local time of the query."""
    span: Days
    days: dict[date, Used]
    """Days of the span with any record."""
    is_complete: bool
    months: list[tuple[Days, Used]]
    """Earlier billing months with any record, the latest first."""
    networks: list[NetworkUse]
    """Of the present billing month, the largest first."""
    unmeasured: float
    """Days of the span that had passed before measuring began."""

    @property
    def today(self) -> date:
        return self.now.date()

    @property
    def day_fraction(self) -> float:
        """How much of today has passed, 0 to 1."""
        return (self.now.hour * 60 + self.now.minute) / 1440


def query_figures(reader: HistoryReader, now: datetime, period: Period, billing_day: int) -> Figures:
    """Read the period that `now` (local time) is in."""
    today = now.date()
    span = period_of(today, period, billing_day)
    months = _months_before(today, billing_day)
    recorded = reader.days("total", None, min(span.first, months[-1].first), span.last)
    days = {day: used for day, used in recorded.items() if span.first <= day}
    return Figures(
        now,
        span,
        days,
        reader.is_complete(span.first, today),
        [(month, used) for month in months if (used := _sum(recorded, month)) is not None],
        reader.by_network(*billing_month(today, billing_day)),
        _unmeasured(reader, span, min(days)) if days and min(days) == min(recorded) else 0.0,
    )


def _months_before(today: date, billing_day: int) -> list[Days]:
    months = [billing_month(today, billing_day)]
    while len(months) <= _EARLIER_MONTHS:
        months.append(billing_month(months[-1].first - timedelta(days=1), billing_day))
    return months[1:]


def _unmeasured(reader: HistoryReader, span: Days, first: date) -> float:
    """Days of `span` before `first`, the first recorded day, and the part of that day before measuring began."""
    begin = reader.begin()
    began = None if begin is None else datetime.fromtimestamp(begin).astimezone()
    # Earlier days were imported from another program; they are whole.
    fraction = (began.hour * 60 + began.minute) / 1440 if began and began.date() == first else 0.0
    return (first - span.first).days + fraction


def _sum(days: dict[date, Used], span: Days) -> Used | None:
    found = [used for day, used in days.items() if span.first <= day <= span.last]
    return reduce(lambda total, used: total.plus(used), found) if found else None
