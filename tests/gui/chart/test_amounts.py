"""Slots of local time, their sums, and which gaps deserve a hatch."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, strategies as st

from netwatch_tray.model import GapReason
from netwatch_tray.window.chart.amounts import (
    NOMINAL_S,
    Amounts,
    Slot,
    Width,
    edges,
    quiet_times,
    shown_gaps,
    slot_width,
    summary,
)
from netwatch_tray.window.chart.series import GapSpan

DAY = 86400
START = 1_795_737_600.0
"""2026-11-27 00:00 UTC."""
ZONES = ("UTC", "Europe/Berlin", "Asia/Kolkata", "Australia/Lord_Howe", "America/St_Johns", "Africa/Cairo")


@pytest.fixture(params=ZONES)
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    before = os.environ.get("TZ")
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield request.param
    if before is None:
        del os.environ["TZ"]
    else:
        os.environ["TZ"] = before
    time.tzset()


def amounts(*gaps: GapSpan, days: int = 30, unknown: tuple[int, ...] = (), rx: int = 1000) -> Amounts:
    slots = [
        Slot(START + day * DAY, START + (day + 1) * DAY, 0, 0, is_known=False)
        if day in unknown
        else Slot(
            START + day * DAY, START + (day + 1) * DAY, rx, rx // 2, True, float(DAY), rx / DAY, rx / 2 / DAY, 5.0, 3.0
        )
        for day in range(days)
    ]
    return Amounts("day", slots, (), 7200.0, gaps, START + days * DAY, 3600.0, is_current=True)


def night(day: int, reason: GapReason | None = GapReason.ASLEEP, hours: float = 6) -> GapSpan:
    return GapSpan(START + day * DAY, START + day * DAY + hours * 3600, reason)


@given(
    start=st.floats(1e9, 2e9).map(round),
    span=st.integers(60, 400 * DAY),
    width=st.sampled_from(list(NOMINAL_S)),
    name=st.sampled_from(ZONES),
)
def test_slots_of_bars_cover_the_range_without_hole_or_overlap(start: int, span: int, width: Width, name: str) -> None:
    if width == "hour":
        span = min(span, 40 * DAY)
    before = os.environ.get("TZ")
    os.environ["TZ"] = name
    time.tzset()
    try:
        found = edges(start, start + span, width)
    finally:
        if before is None:
            del os.environ["TZ"]
        else:
            os.environ["TZ"] = before
        time.tzset()
    lengths = [end - begin for begin, end in pairwise(found)]
    assert found[0] <= start < found[1]
    assert found[-2] < start + span <= found[-1]
    assert all(0 < length <= NOMINAL_S[width] + 2 * 3600 for length in lengths), "none is empty, none is skipped"
    zone = ZoneInfo(name)
    if width in ("day", "week"):
        assert all(datetime.fromtimestamp(at, zone).hour <= 1 for at in found), (
            "at midnight, or where the clock skips it"
        )
    if width == "week":
        assert {datetime.fromtimestamp(at, zone).weekday() for at in found} == {0}


def test_slots_begin_with_local_days(zone: str) -> None:
    found = edges(START, START + 3 * DAY - 1, "day")
    assert {datetime.fromtimestamp(at, ZoneInfo(zone)).strftime("%H:%M") for at in found} == {"00:00"}


def test_longer_ranges_have_bars_for_longer_times() -> None:
    assert [slot_width(days * DAY) for days in (1, 7, 30, 365)] == ["hour", "quarter", "day", "week"]


def test_average_rate_covers_measured_time_and_sleep() -> None:
    whole = amounts(night(2), night(3, GapReason.NOT_RUNNING, 24), unknown=(3,), days=10)
    found = summary(whole)
    assert (found.rx, found.tx) == (9000, 4500)
    assert found.known_s == 9 * DAY, "asleep is known: nothing passes then"
    assert found.rx_rate == pytest.approx(1000 / DAY)
    assert (found.rx_peak, found.tx_peak) == (5.0, 3.0)
    assert summary(amounts(days=1, unknown=(0,))).rx_rate is None


def test_swapped_amounts_exchange_download_and_upload() -> None:
    found = amounts(days=2)
    other = found.swapped()
    assert (other.slots[0].rx, other.slots[0].tx) == (500, 1000)
    assert (other.slots[0].rx_peak, other.slots[0].tx_peak) == (3.0, 5.0)
    assert other.swapped() == found._replace(slots=list(found.slots), points=[])


def test_one_wide_gap_is_hatched_and_many_are_drawn_pale() -> None:
    per_dip = 30 * DAY / 1200
    (one,) = shown_gaps(amounts(night(3, hours=60)), per_dip, 200)
    assert not one.is_quiet
    (narrow,) = shown_gaps(amounts(night(3)), per_dip, 200)
    assert narrow.is_quiet, "no room for its reason"
    nights = amounts(*map(night, range(28)))
    assert all(gap.is_quiet for gap in shown_gaps(nights, per_dip, 200))
    assert quiet_times(nights, shown_gaps(nights, per_dip, 200)) == [(GapReason.ASLEEP, 28, 21600.0)]
    (low,) = shown_gaps(amounts(night(3, hours=60)), per_dip, 120)
    assert low.is_quiet


def test_a_day_without_any_measurement_is_hatched_among_pale_nights() -> None:
    off = night(4, GapReason.NOT_RUNNING, 48)
    seen = amounts(off, *(night(day) for day in range(28) if day not in (4, 5)), unknown=(4, 5))
    found = shown_gaps(seen, 30 * DAY / 1200, 200)
    assert [gap.span for gap in found if not gap.is_quiet] == [off]
    assert [reason for reason, *_ in quiet_times(seen, found)] == [GapReason.ASLEEP]


def test_gaps_too_narrow_to_draw_are_still_counted_one_by_one() -> None:
    year = amounts(*map(night, range(365)), days=365)
    found = shown_gaps(year, 365 * DAY / 900, 200)
    assert not found
    assert quiet_times(year, found) == [(GapReason.ASLEEP, 365, 21600.0)]


@given(
    st.lists(
        st.tuples(st.floats(-5, 35), st.floats(0, 4), st.sampled_from([None, GapReason.ASLEEP, GapReason.NOT_RUNNING])),
        max_size=40,
    ),
    st.floats(60, 5000),
    st.floats(40, 400),
)
def test_drawn_gaps_never_overlap(
    gaps: list[tuple[float, float, GapReason | None]], width: float, height: float
) -> None:
    spans = [GapSpan(START + at * DAY, START + (at + length) * DAY, reason) for at, length, reason in gaps]
    seen = amounts(*spans)
    found = [gap.span for gap in shown_gaps(seen, 30 * DAY / width, height)]
    assert all(START <= gap.start < gap.end <= seen.end for gap in found)
    assert all(before.end <= after.start for before, after in pairwise(found))
