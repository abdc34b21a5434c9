"""Queries of the history for the Usage page: the amounts ("figures") of a period, and those of a day. Without Qt.

A period is a week, a period of the data plan (a billing month, by default a calendar month), or a year."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import reduce
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from netwatch_tray.history.usage import Days, Period, listed_spans, midnight, midnight_after, neighbour, period_of
from netwatch_tray.settings import DataPlan

if TYPE_CHECKING:
    from netwatch_tray.history.reader import HistoryReader
    from netwatch_tray.history.results import NetworkUse, SlotUse, StoredGap, Used

_EARLIER = 6
_YEAR_OF_MONTHS = 12
_USUAL_WEEKS = 8
"""Number of weeks before a day for the usual amount: the median of the same weekday in them."""


class Figures(NamedTuple):
    """The amounts of one period (`span`), by day, network and app, and of other periods to list beside it."""

    now: datetime
    """Local time of the query."""
    span: Days
    days: dict[date, Used]
    """Amounts of the recorded days of the period. For a plan period only traffic that counts for the plan."""
    is_complete: bool
    listed: list[tuple[Days, Used]]
    """Other periods with their amounts, the latest first: for a year its plan periods, else the periods before this
    one."""
    networks: list[NetworkUse]
    """Amounts of the period by network, the largest first, even if the page shows only one network."""
    unmeasured: float
    """Number of days (with fractions) from the begin of the period to the first measurement; 0 if that was earlier."""
    first_day: date | None
    """The first recorded day of the history; None if there is none."""
    apps: Mapping[str, Used] = {}
    """Amounts of the period by name of the app, the largest first; empty for a year."""
    keys: Mapping[str, str] = {}
    """Keys of all apps, by name."""
    counter: Used | None = None
    """Amount since the user reset the counter; None if that never happened, or only one network is shown."""
    known_networks: Sequence[NetworkUse] = ()
    """Networks that the user can choose to see alone; empty if names of networks were not requested."""

    @property
    def today(self) -> date:
        return self.now.date()

    @property
    def day_fraction(self) -> float:
        """Return which part of today has passed, 0 to 1."""
        return (self.now.hour * 60 + self.now.minute) / 1440

    @property
    def is_current(self) -> bool:
        return self.span.first <= self.today <= self.span.last

    @property
    def last(self) -> date:
        """Return the last day of the period, or today if the period has not ended."""
        return min(self.span.last, self.today)

    @property
    def rx(self) -> int:
        return sum(used.rx for used in self.days.values())

    @property
    def tx(self) -> int:
        return sum(used.tx for used in self.days.values())

    @property
    def busiest(self) -> date | None:
        return busiest_day(self.days)

    @property
    def unknown(self) -> list[Days]:
        """Return the days of the period without any record, from the first recorded day to yesterday, as spans."""
        first = max(self.span.first, self.first_day or self.span.first)
        count = (self.last - first).days + 1
        days = (first + timedelta(days=number) for number in range(max(0, count)))
        return listed_spans(day for day in days if day not in self.days and day != self.today)


class DayFigures(NamedTuple):
    """The amounts of one day: hours, gaps, apps and networks."""

    day: date
    hours: Sequence[SlotUse]
    gaps: Sequence[StoredGap]
    used: Used | None
    """Amount of the day; None if nothing was recorded."""
    apps: Mapping[str, Used]
    keys: Mapping[str, str]
    """Keys of all apps, by name."""
    networks: list[NetworkUse]
    usual: float | None
    """Usual amount in bytes: the median of the same weekday in earlier weeks; None if fewer than two were recorded."""


def busiest_day(days: Mapping[date, Used]) -> date | None:
    """Return the day with the most bytes; None if fewer than two days are known."""
    return max(days, key=lambda day: days[day].both) if len(days) > 1 else None


def query_figures(
    reader: HistoryReader,
    now: datetime,
    at: date,
    period: Period,
    plan: DataPlan,
    since: datetime | None = None,
    network: str | None = None,
    *,
    with_names: bool = False,
) -> Figures:
    """Read the amounts of the period that contains the day `at`. `now`: current local time.

    `since`: local time at which the user reset the counter; None: never. `network`: key of the only network to count;
    None: all. `with_names`: also read the names of networks.
    """
    span, today = period_of(at, period, plan), now.date()
    listed = _listed(span, period, plan)
    first = min([span.first, *(each.first for each in listed)])
    recorded = reader.days("total", None, first, span.last, network=network, with_names=with_names)
    days = {day: used for day, used in recorded.items() if span.first <= day}
    covered = recorded
    if plan.counts != "all" and period != "week":
        covered = reader.days("total", None, first, span.last, counts=plan.counts)
        days = {day: used for day, used in covered.items() if span.first <= day} if period == "billing" else days
    begun = Days(span.first, min(span.last, today))
    first_day = reader.first_day()
    return Figures(
        now,
        span,
        days,
        reader.is_complete(*begun),
        [(each, used) for each in listed if (used := _sum(covered, each)) is not None],
        reader.by_network(*begun, with_names=with_names),
        _unmeasured(reader, span, first_day) if first_day and span.first <= first_day <= span.last else 0.0,
        first_day,
        reader.by_name("app", *begun, network=network, with_names=with_names) if period != "year" else {},
        reader.keys("app"),
        reader.bytes_between("total", None, int(since.timestamp()), int(now.timestamp()))
        if since and network is None
        else None,
        reader.networks(with_names=True) if with_names else (),
    )


def query_day(reader: HistoryReader, day: date, edges: Sequence[float], *, with_names: bool = False) -> DayFigures:
    """Read the amounts of one day, in all networks. `edges`: Unix times at which its hours begin, and the end of the
    last one. `with_names`: also read the names of networks."""
    _step, hours = reader.slots("total", None, edges)
    before = [day - timedelta(days=7 * week) for week in range(1, _USUAL_WEEKS + 1)]
    recorded = reader.days("total", None, before[-1], day)
    usual = [recorded[each].both for each in before if each in recorded]
    return DayFigures(
        day,
        hours,
        reader.gaps(midnight(day), midnight_after(day)),
        recorded.get(day),
        reader.by_name("app", day, day),
        reader.keys("app"),
        reader.by_network(day, day, with_names=with_names),
        median(usual) if len(usual) > 1 else None,
    )


def _listed(span: Days, period: Period, plan: DataPlan) -> list[Days]:
    """Return the periods to list beside `span`, the latest first: for a year its plan periods, else the periods before
    it."""
    kind: Period = "billing" if period == "year" else period
    last = period_of(span.last if period == "year" else span.first, kind, plan)
    listed = [last if period == "year" else neighbour(last, kind, plan, -1)]
    while len(listed) < (_YEAR_OF_MONTHS if period == "year" else _EARLIER):
        listed.append(neighbour(listed[-1], kind, plan, -1))
    return listed


def _unmeasured(reader: HistoryReader, span: Days, first: date) -> float:
    """Return the number of days (with fractions) from the begin of `span` to the first measurement, on the day
    `first`."""
    begin = reader.begin()
    began = None if begin is None else datetime.fromtimestamp(begin).astimezone()
    # Earlier days were imported from another program; they are whole.
    fraction = (began.hour * 60 + began.minute) / 1440 if began and began.date() == first else 0.0
    return (first - span.first).days + fraction


def _sum(days: dict[date, Used], span: Days) -> Used | None:
    found = [used for day, used in days.items() if span.first <= day <= span.last]
    return reduce(lambda total, used: total.plus(used), found) if found else None


def sum_of(amounts: Iterable[Used]) -> int:
    """Return the sum of several amounts in bytes, both directions together."""
    return sum(each.both for each in amounts)
