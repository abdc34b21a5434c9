"""Queries of the history for the Usage page: the figures of a period, and those of a day. Without Qt."""

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
"""Weeks before a day whose same weekdays give the usual amount, their median."""


class Figures(NamedTuple):
    """The amounts of one period, of its networks and apps, and of the plan periods to list beside it."""

    now: datetime
    """Local time of the query."""
    span: Days
    days: dict[date, Used]
    """Amounts of the recorded days of the span; in a plan period only the traffic that the plan counts."""
    is_complete: bool
    listed: list[tuple[Days, Used]]
    """Recorded periods to list, latest first: for a year its plan periods, else the weeks or plan periods before the
    shown one."""
    networks: list[NetworkUse]
    """Of the span, the largest first; all of them, also if one is shown alone."""
    unmeasured: float
    """Number of days of the span that had passed before measuring began, with fractions."""
    first_day: date | None
    """The first recorded day; None if there is none."""
    apps: Mapping[str, Used] = {}
    """Of the span, the largest first; of a year none."""
    keys: Mapping[str, str] = {}
    """Keys of apps by name."""
    counter: Used | None = None
    """Since the user reset the counter; None for one network alone."""
    known_networks: Sequence[NetworkUse] = ()
    """Those that can be shown alone; none without their names."""

    @property
    def today(self) -> date:
        return self.now.date()

    @property
    def day_fraction(self) -> float:
        """Return the share of today that has passed, 0 to 1."""
        return (self.now.hour * 60 + self.now.minute) / 1440

    @property
    def is_current(self) -> bool:
        return self.span.first <= self.today <= self.span.last

    @property
    def last(self) -> date:
        """Return the last day of the span that has begun."""
        return min(self.span.last, self.today)

    @property
    def rx(self) -> int:
        return sum(used.rx for used in self.days.values())

    @property
    def tx(self) -> int:
        return sum(used.tx for used in self.days.values())

    @property
    def busiest(self) -> date | None:
        return max(self.days, key=lambda day: self.days[day].both, default=None)

    @property
    def unknown(self) -> list[Days]:
        """Return the spans between the first recorded day and today about which nothing is known."""
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
    """Amount of the day; None if nothing is known."""
    apps: Mapping[str, Used]
    keys: Mapping[str, str]
    """Keys of apps by name."""
    networks: list[NetworkUse]
    usual: float | None
    """Median of the same weekday in the weeks before, in bytes; None if too few of them are recorded."""


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
    """Read the period that contains the day `at`.

    `since`: local time at which the user reset the counter. `network`: key of the only network to include.
    `with_names`: read the names of networks as well.
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
    """Read one day in all networks. `edges`: the Unix times at which its hours begin and end. `with_names`: read the
    names of networks as well."""
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
    """Return the periods to list, latest first: for a year its plan periods, else the periods before `span`."""
    kind: Period = "billing" if period == "year" else period
    last = period_of(span.last if period == "year" else span.first, kind, plan)
    listed = [last if period == "year" else neighbour(last, kind, plan, -1)]
    while len(listed) < (_YEAR_OF_MONTHS if period == "year" else _EARLIER):
        listed.append(neighbour(listed[-1], kind, plan, -1))
    return listed


def _unmeasured(reader: HistoryReader, span: Days, first: date) -> float:
    """Return how many days of `span` had passed before measuring began on the day `first`, with fractions."""
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
