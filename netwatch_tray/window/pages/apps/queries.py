"""Queries of the history: amounts of all apps, the layers of a range, and the facts of one app."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from netwatch_tray.event import Severity
from netwatch_tray.history.usage import Days, midnight, midnight_after, period_of
from netwatch_tray.model import Traffic
from netwatch_tray.settings import DataPlan
from netwatch_tray.window.chart.amounts import Amounts
from netwatch_tray.window.chart.series import Point
from netwatch_tray.window.pages.apps.rows import Moved
from netwatch_tray.window.pages.apps.stack import MOST_LAYERS, Bin, Gap, Stack, Values, stacked, unknown_spans

if TYPE_CHECKING:
    from netwatch_tray.history.reader import HistoryReader
    from netwatch_tray.history.results import Used

DAY_S = 86400
RANGES_S = (300, 3600, DAY_S, 7 * DAY_S, 30 * DAY_S, 365 * DAY_S)
LIVE = 0
"""Index of the time range that is drawn from live data, not from the history."""
_STEP_S = {3600: 60, DAY_S: 300}
"""Seconds of a bin (`stack.Bin`) by seconds of the time range, for ranges that are shown as rates. In longer ranges a
bin is a day or a week."""
ALERT_DAYS = 30
_USUAL_DAYS, _LEAST_USUAL = 28, 7


class _Span(NamedTuple):
    """The bytes of one or several days."""

    apps: dict[str, Moved]
    """Bytes of apps, by name."""
    rest: Moved
    """Measured bytes of the total that belong to no app."""
    unmeasured: Moved
    """Bytes of the total that passed while NetWatch was not measuring (in gaps)."""


class AppAmounts(NamedTuple):
    """Amounts of all apps in the history."""

    days: Days
    """The days of the data plan's current period, for `month`."""
    today: _Span
    """Amounts of today, or of the day that the user chose."""
    month: _Span
    keys: Mapping[str, str]
    """Keys of all apps in the history, by name."""
    written: float
    """Unix time up to which the history was written, so the amounts do not include later traffic."""
    is_today: bool = True


class AppFacts(NamedTuple):
    """Facts about one app in the history."""

    today: Moved
    week: Moved
    last_week: Moved | None
    """None if nothing was measured in that week."""
    month: Moved
    usual: int | None
    """Median of the app's bytes (received and sent together) on the days before today; None if too few are known."""
    usual_days: int
    """Number of days from which `usual` is computed."""
    first_day: date | None
    """First day with traffic of the app; None if there is none."""
    alerts: int
    """Number of alerts in the last 30 days, muted ones included."""
    written: float
    """Unix time up to which the history was written, so the amounts do not include later traffic."""

    def plus(self, moved: Traffic) -> AppFacts:
        """Return these facts with traffic added to all amounts of the current time. `moved`: what is not in the history
        yet."""
        return self._replace(today=self.today.plus(moved), week=self.week.plus(moved), month=self.month.plus(moved))


class Drawn(NamedTuple):
    """The data of the chart of one app."""

    points: Sequence[Point]
    end: float
    """Unix time at the right edge."""
    step: float
    """Seconds between points."""
    amounts: Amounts | None = None
    """Amounts (bars) that are shown instead of the points, for ranges of a day and more; else None."""


def query_amounts(reader: HistoryReader, today: date, plan: DataPlan, chosen: date | None = None) -> AppAmounts:
    """Read the amounts of a day (`chosen`, or `today` if that is None; local dates) and of the plan's current
    period."""
    day = chosen or today
    month = period_of(today, "billing", plan)
    written = reader.written_until()  # read first: traffic written meanwhile is then counted late rather than twice
    spans = _query_span(reader, day, day), _query_span(reader, *month)
    return AppAmounts(month, *spans, reader.keys("app"), written, day == today)


def query_stack(reader: HistoryReader, span: int, now: float) -> Stack:
    """Read the data of the stacked chart for the last `span` seconds (one of `RANGES_S`) before the Unix time `now`."""
    return _rates(reader, span, now) if span in _STEP_S else _amounts(reader, span, now)


def query_facts(reader: HistoryReader, name: str, today: date, plan: DataPlan, first_weekday: int) -> AppFacts:
    """Read the facts of the app with this name. `first_weekday`: first day of the user's weeks, 0 for Monday."""
    written = reader.written_until()
    days = reader.days("app", name, date.min, today)
    measured = reader.days("total", None, today - timedelta(days=_USUAL_DAYS), today - timedelta(days=1))
    first_day = next(iter(days), today)
    usual = [
        days[day].both if day in days else 0
        for day, used in measured.items()
        if used.covered_s and day >= first_day  # before that day the app was not there
    ]
    tomorrow = midnight_after(today)
    happened = reader.events(tomorrow - ALERT_DAYS * DAY_S, tomorrow)
    week = today - timedelta(days=(today.weekday() - first_weekday) % 7)
    before = week - timedelta(days=7)
    is_known = any(used.covered_s for day, used in measured.items() if before <= day < week)
    month = period_of(today, "billing", plan).first
    return AppFacts(
        _sum(days, today),
        _sum(days, week),
        _sum(days, before, week) if is_known else None,
        _sum(days, month),
        _median(usual) if len(usual) >= _LEAST_USUAL else None,
        len(usual),
        next(iter(days), None),
        sum(each.app_name == name and each.severity is Severity.ALERT for each in happened),
        written,
    )


def _rates(reader: HistoryReader, span: int, now: float) -> Stack:
    step = _STEP_S[span]
    start, end = (now - span) // step * step, -(-now // step) * step  # the bin under way included
    most = round((end - start) / step)
    moved = reader.moved_by_name("app", int(start), int(end))
    busiest = sorted(moved, key=lambda name: (-moved[name], name))[:MOST_LAYERS]
    total = reader.curve("total", None, start, end, most)
    bins = [Bin(at - total.step, min(at, now)) for at in total.at]

    def both(rx: Values, tx: Values) -> list[float | None]:
        return [None if down is None or up is None else down + up for down, up in zip(rx, tx, strict=True)]

    whole, apps = both(total.rx, total.tx), {}
    for name in busiest:
        curve = reader.curve("app", name, start, end, most)
        known = dict(zip(curve.at, both(curve.rx, curve.tx), strict=True))
        apps[name] = [known.get(at) for at in total.at]
    size = len(whole)
    while size and whole[size - 1] is None:  # not written yet
        size -= 1
    bins, whole, apps = bins[:size], whole[:size], {name: values[:size] for name, values in apps.items()}
    reasons = [Gap(gap.start, gap.finish or now, gap.reason) for gap in reader.gaps(start, now) if gap.name is None]
    return stacked(bins, whole, apps, is_amounts=False, gaps=unknown_spans(bins, whole, reasons))


def _amounts(reader: HistoryReader, span: int, now: float) -> Stack:
    today = datetime.fromtimestamp(now).astimezone().date()
    count, width = (53, 7) if span > 60 * DAY_S else (span // DAY_S, 1)
    last = today + timedelta(days=6 - today.weekday()) if width > 1 else today
    first = last - timedelta(days=count * width - 1)
    days = [Days(day, day + timedelta(days=width - 1)) for day in map(first.__add__, _steps(count, width))]
    bins = [Bin(midnight(each.first), midnight_after(each.last)) for each in days]
    known = reader.days("total", None, first, last)
    total: list[float | None] = []
    apps: dict[str, list[float | None]] = {}
    for place, each in enumerate(days):
        inside = [used.both for day, used in known.items() if each.first <= day <= each.last]
        total.append(sum(inside) if inside else None)
        for name, used in reader.by_name("app", *each).items() if inside else ():
            apps.setdefault(name, [0.0] * count)[place] = used.both
    return stacked(bins, total, apps, is_amounts=True, gaps=unknown_spans(bins, total, ()))


def _median(amounts: Sequence[int]) -> int:
    """Return the median. The standard module `statistics` is not used, because importing it takes a megabyte."""
    ordered, middle = sorted(amounts), len(amounts) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) // 2


def _steps(count: int, width: int) -> list[timedelta]:
    return [timedelta(days=number * width) for number in range(count)]


def _sum(days: Mapping[date, Used], first: date, end: date = date.max) -> Moved:
    """Return the bytes of the days from `first` to the day before `end`."""
    inside = [used for day, used in days.items() if first <= day < end]
    return Moved(sum(used.rx for used in inside), sum(used.tx for used in inside))


def _query_span(reader: HistoryReader, first: date, last: date) -> _Span:
    apps = {name: Moved(used.rx, used.tx) for name, used in reader.by_name("app", first, last).items()}
    remainder = reader.remainder(first, last)
    other, unmeasured = (Moved(each.rx, each.tx) for each in (remainder.other, remainder.unmeasured))
    return _Span(apps, other, unmeasured)
