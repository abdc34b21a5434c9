"""The data of an amount chart, without Qt. A slot is the time that one bar covers; a gap is time without
measurements."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date, datetime, time, timedelta
from typing import Literal, NamedTuple

from netwatch_tray.model import GapReason
from netwatch_tray.window.chart.series import GapSpan, Point

Width = Literal["hour", "quarter", "day", "week"]
"""Length of a slot. A quarter is a quarter of a day, so six hours."""

HOUR_S, DAY_S = 3600, 86400
NOMINAL_S: dict[Width, int] = {"hour": HOUR_S, "quarter": 6 * HOUR_S, "day": DAY_S, "week": 7 * DAY_S}
_WIDEST_SPAN_S: tuple[tuple[Width, float], ...] = (("hour", 1.5 * DAY_S), ("quarter", 10 * DAY_S), ("day", 62 * DAY_S))
_HATCHED_FROM = 72
"""Least width in dip of a gap that is drawn hatched; a narrower one has no room for its reason."""
_MOST_HATCHED = 2
"""Most gaps with the same reason that are drawn hatched; more of them look like a bar code."""
_LEAST_HEIGHT = 160
"""Least height in dip of a plot whose gaps are hatched."""
_MERGED_UP_TO, _SHOWN_FROM = 2, 1
"""Gaps with the same reason that are at most the first number of dip apart are drawn as one; gaps narrower than the
second number are not drawn."""
_TOLD_FROM_S = 60
"""Least length in seconds of a gap that texts mention. Shorter ones occur at each restart of the agent."""


class Slot(NamedTuple):
    """The bytes of one bar."""

    start: float
    """Unix time at which the slot begins."""
    end: float
    rx: int
    tx: int
    is_known: bool
    """Whether anything is known of the slot. If not, the amounts are 0."""
    measured_s: float = 0.0
    """Number of seconds that were measured; 0 if the amount was imported from another program."""
    rx_rate: float | None = None
    """Average download rate over the measured time, bytes/s; None if nothing was measured."""
    tx_rate: float | None = None
    rx_peak: float = 0.0
    """Highest download rate of a second, bytes/s."""
    tx_peak: float = 0.0
    rx_peak_at: float | None = None
    """Unix time of `rx_peak`, as exact as `Amounts.peak_step`; None if there was no traffic."""
    tx_peak_at: float | None = None

    def swapped(self) -> Slot:
        """Return the slot with download and upload swapped, as a container at the interface's other end counts them."""
        return self._replace(
            rx=self.tx,
            tx=self.rx,
            rx_rate=self.tx_rate,
            tx_rate=self.rx_rate,
            rx_peak=self.tx_peak,
            tx_peak=self.rx_peak,
            rx_peak_at=self.tx_peak_at,
            tx_peak_at=self.rx_peak_at,
        )


class Amounts(NamedTuple):
    """The data of an amount chart: bars, and the rates and gaps below them."""

    width: Width
    slots: Sequence[Slot]
    """Slots, oldest first, each beginning where the previous one ends."""
    points: Sequence[Point]
    """Points of the rates, oldest first; each is the average of `step` seconds."""
    step: float
    """Number of seconds that a point covers."""
    gaps: Sequence[GapSpan]
    end: float
    """Unix time: now, or the end of the chart if that is earlier."""
    peak_step: float
    """Number of seconds to which the time of a peak is exact."""
    is_current: bool
    """Whether the last slot contains the current time."""

    def swapped(self) -> Amounts:
        """Return the amounts with download and upload swapped, as a container at the interface's other end counts
        them."""
        slots, points = [slot.swapped() for slot in self.slots], [point.swapped() for point in self.points]
        return self._replace(slots=slots, points=points)


class Summary(NamedTuple):
    """Sums, average and highest rates over all slots. Rates in bytes/s; averages are None if nothing was measured."""

    rx: int
    tx: int
    rx_rate: float | None
    tx_rate: float | None
    rx_peak: float
    tx_peak: float
    known_s: float
    """Number of seconds whose traffic is known, because they were measured or the computer was asleep."""


class ShownGap(NamedTuple):
    """A gap, and how it is drawn."""

    span: GapSpan
    is_quiet: bool
    """Whether it is drawn as a pale band, which needs no attention; otherwise it is hatched."""


def slot_width(span: float) -> Width:
    """Return the length of a slot for a chart that shows `span` seconds."""
    return next((width for width, most in _WIDEST_SPAN_S if span <= most), "week")


def edges(start: float, end: float, width: Width) -> list[float]:
    """Divide the time between two Unix times into slots. Return the Unix times at which they begin, and the last end.

    Slots begin at whole hours, days or weeks of local time, so the first may begin before `start`, the last end after
    `end`, and a day may have 23 or 25 hours.
    """
    if width == "hour":
        offset = datetime.fromtimestamp(start).astimezone().utcoffset() or timedelta()
        first = start - (start + offset.total_seconds()) % HOUR_S
        count = max(1, -(-(end - first) // HOUR_S))
        return [first + number * HOUR_S for number in range(int(count) + 1)]
    first_day, last_day = (datetime.fromtimestamp(at).astimezone().date() for at in (start, end))
    if width == "week":
        first_day -= timedelta(days=first_day.weekday())
    days = [first_day + timedelta(days=number) for number in range((last_day - first_day).days + 8)]
    if width == "week":
        days = days[::7]
    hours = (0, 6, 12, 18) if width == "quarter" else (0,)
    found = sorted({_moment(day, hour) for day in days for hour in hours})
    first_place = max(place for place, at in enumerate(found) if at <= start)
    last_place = next(place for place, at in enumerate(found) if at >= end and place > first_place)
    return found[first_place : last_place + 1]


def _moment(day: date, hour: int) -> float:
    return datetime.combine(day, time(hour)).timestamp()


def summary(amounts: Amounts) -> Summary:
    """Return the sums, average rates and peaks of all slots."""
    slots = amounts.slots
    measured = sum(slot.measured_s for slot in slots)
    missing = [gap for gap in amounts.gaps if gap.reason is None or not gap.reason.is_without_traffic]

    def average(sides: Iterable[tuple[float | None, float]]) -> float | None:
        return sum((rate or 0.0) * seconds for rate, seconds in sides) / measured if measured else None

    return Summary(
        sum(slot.rx for slot in slots),
        sum(slot.tx for slot in slots),
        average((slot.rx_rate, slot.measured_s) for slot in slots),
        average((slot.tx_rate, slot.measured_s) for slot in slots),
        max((slot.rx_peak for slot in slots), default=0.0),
        max((slot.tx_peak for slot in slots), default=0.0),
        sum(_known_s(slot, amounts.end, missing) for slot in slots if slot.is_known),
    )


def _known_s(slot: Slot, now: float, missing: Sequence[GapSpan]) -> float:
    """Return the number of seconds of a slot, up to `now`, that are in none of the gaps `missing`, which are sorted."""
    end = min(slot.end, now)
    unknown, edge = 0.0, slot.start
    for gap in missing:
        first, last = max(gap.start, edge), min(gap.end, end)
        unknown += max(0.0, last - first)
        edge = max(edge, last)
    return max(0.0, end - slot.start - unknown)


def shown_gaps(amounts: Amounts, per_dip: float, height: float) -> list[ShownGap]:
    """Return the gaps to draw, oldest first, and how. `per_dip`: seconds that one dip covers. `height`: dip of the
    chart.

    A gap is hatched if it is wide, and at most two have the same reason. Otherwise, and in a low chart, it becomes a
    pale band. A gap that covers a whole day is always hatched in a chart that is high enough, because such a day is not
    a pause between measurements.
    """
    merged: list[GapSpan] = []
    for gap in _visible(amounts, _SHOWN_FROM * per_dip):
        start = max(gap.start, merged[-1].end) if merged else gap.start
        if merged and start - merged[-1].end <= _MERGED_UP_TO * per_dip and gap.reason == merged[-1].reason:
            merged[-1] = merged[-1]._replace(end=max(gap.end, merged[-1].end))
        elif gap.end > start:
            merged.append(gap._replace(start=start))
    unknown = [] if NOMINAL_S[amounts.width] < DAY_S else [slot for slot in amounts.slots if not slot.is_known]
    whole = {
        gap
        for gap in merged
        if any(gap.start <= slot.start and min(slot.end, amounts.end) <= gap.end for slot in unknown)
    }
    causes = Counter(gap.reason for gap in merged if gap not in whole)
    return [
        ShownGap(
            gap,
            is_quiet=height < _LEAST_HEIGHT
            or (
                (gap not in whole)
                and (causes[gap.reason] > _MOST_HATCHED or gap.end - gap.start < _HATCHED_FROM * per_dip)
            ),
        )
        for gap in merged
    ]


def quiet_times(amounts: Amounts, shown: Sequence[ShownGap]) -> list[tuple[GapReason | None, int, float]]:
    """Return reason (None: unknown), number and mean length in seconds of the gaps that are not hatched, the most
    frequent reason first.

    `shown`: the gaps as they are drawn, of which one may stand for several close to each other.
    """
    hatched = [gap.span for gap in shown if not gap.is_quiet]
    spans = [
        gap
        for gap in _visible(amounts, _TOLD_FROM_S)
        if not any(each.start <= gap.start and gap.end <= each.end for each in hatched)
    ]
    found = []
    for reason, count in Counter(span.reason for span in spans).most_common():
        found.append((reason, count, sum(span.end - span.start for span in spans if span.reason == reason) / count))
    return found


def _visible(amounts: Amounts, least: float) -> list[GapSpan]:
    """Return the parts of the gaps that are within the chart and at least `least` seconds long, oldest first."""
    begin = amounts.slots[0].start
    parts = [gap._replace(start=max(gap.start, begin), end=min(gap.end, amounts.end)) for gap in amounts.gaps]
    return sorted((gap for gap in parts if gap.end - gap.start >= least), key=lambda gap: gap.start)
