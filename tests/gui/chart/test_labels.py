from __future__ import annotations

import pytest

from netwatch_tray.model import GapReason
from netwatch_tray.units import Units
from netwatch_tray.window.chart import labels
from netwatch_tray.window.chart.series import GapSpan, KnownPoint, Point, Series

pytestmark = pytest.mark.usefixtures("utc")

_AT = 1_794_662_645.0
"""14 November 2026, 13:24:05 UTC."""
_MINUTE, _HOUR, _DAY = 60.0, 3600.0, 86400.0


@pytest.mark.parametrize(
    ("span", "moment", "axis", "crosshair"),
    [
        (_MINUTE, "13:24:05", "13:24:05", "13:24:05"),
        (_HOUR, "13:24:05", "13:24:05", "13:24:05"),
        (2 * _HOUR, "13:24:05", "13:24", "13:24"),
        (_DAY, "13:24:05", "13:24", "14 Nov 13:24"),
        (7 * _DAY, "14 Nov 13:24", "14 Nov", "14 Nov 13:24"),
    ],
)
def test_precision_of_the_shown_time_depends_on_the_range(span: float, moment: str, axis: str, crosshair: str) -> None:
    assert labels.moment(_AT, span) == moment
    assert labels.axis_moment(_AT, span) == axis
    assert labels.crosshair_moment(_AT, span) == crosshair


def test_whole_minutes_on_the_axis_have_no_seconds() -> None:
    assert labels.axis_moment(_AT - 5, _MINUTE) == "13:24"


def _series(span: float) -> Series:
    series = Series()
    series.update([Point(_AT - 1, 1e6, 2e3), Point(_AT, 3e6, 4e3)], _AT, span, 1.0)
    return series


@pytest.mark.parametrize(
    ("start", "end", "reason", "text"),
    [
        (0, 60, GapReason.ASLEEP, "asleep"),
        (0, 60, None, "no data"),
        (0, 20, GapReason.ASLEEP, "asleep until 13:23:25"),
        (0, 20, None, "no data until 13:23:25"),
        (20, 40, GapReason.ASLEEP, "asleep 13:23:25–13:23:45"),
        (20, 60, None, "no data since 13:23:25"),
    ],
)
def test_a_gap_names_the_ends_that_are_visible(start: float, end: float, reason: GapReason | None, text: str) -> None:
    series = _series(_MINUTE)
    assert labels.gap_text(GapSpan(series.start + start, series.start + end, reason), series) == text


def test_gap_before_the_first_record_says_that_nothing_was_recorded() -> None:
    series = _series(_MINUTE)
    first = GapSpan(series.start, series.start + 20, None)
    series.begin = series.start + 20
    assert labels.gap_text(first, series) == "nothing recorded before 13:23:25"
    series.begin = series.start - 1000
    assert labels.gap_text(first, series) == "no data until 13:23:25", "there is something before"


def test_long_gaps_have_no_seconds() -> None:
    series = _series(_HOUR)
    assert labels.gap_text(GapSpan(_AT - 1805, _AT - 5, GapReason.ASLEEP), series) == "asleep 12:54–13:24"


def test_the_description_has_rates_peak_and_gaps() -> None:
    series = _series(_MINUTE)
    text = labels.accessible_description(3e6, 4e3, series, Units(bits=True))
    assert text == ("download 24.0 Mbit/s, upload 32.0 kbit/s, peak 24.0 Mbit/s at 13:24:05, no data until 13:24:04")
    assert series.peak() == KnownPoint(_AT, 3e6, 4e3, 3e6, 4e3)


@pytest.mark.parametrize(("title", "name"), [(None, "Total rate, last hour"), ("eth0", "Rate of eth0, last hour")])
def test_accessible_name_has_interface_and_range(title: str | None, name: str) -> None:
    assert labels.accessible_name(title, "last hour") == name
