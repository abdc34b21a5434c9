"""Names of periods, and sentences about days that are not known."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from netwatch_tray.history.usage import Days, Period, listed_spans
from netwatch_tray.window.pages.usage.words import period_name, since_name, span_name, unknown_days


@pytest.mark.parametrize(
    ("first", "last", "period", "name", "short"),
    [
        ("2026-11-01", "2026-11-30", "billing", "November 2026", "November"),
        ("2026-10-31", "2026-11-29", "billing", "31 Oct – 29 Nov 2026", "31 Oct – 29 Nov"),
        ("2025-12-31", "2026-01-30", "billing", "31 Dec 2025 – 30 Jan 2026", "31 Dec – 30 Jan"),
        ("2026-11-16", "2026-11-22", "week", "16 Nov – 22 Nov 2026", "16 Nov – 22 Nov"),
        ("2026-01-01", "2026-12-31", "year", "2026", "1 Jan – 31 Dec"),
    ],
)
def test_periods_are_named_by_their_days(first: str, last: str, period: Period, name: str, short: str) -> None:
    span = Days(date.fromisoformat(first), date.fromisoformat(last))
    assert (period_name(span, period), span_name(span)) == (name, short)


@pytest.mark.parametrize(
    ("days", "sentence"),
    [
        ((), ""),
        ((4,), "4 November is not known."),
        ((4, 5), "4–5 November are not known."),
        ((4, 5, 9), "4–5 November and 9 November are not known."),
        ((2, 4, 6), "3 days are not known."),
    ],
)
def test_unknown_days_are_listed_while_they_are_few(days: tuple[int, ...], sentence: str) -> None:
    assert unknown_days(listed_spans(date(2026, 11, day) for day in days)) == sentence


@pytest.mark.parametrize(
    ("moment", "name"),
    [
        ("2026-11-27T09:05", "09:05"),
        ("2026-11-24T14:02", "Tuesday 14:02"),
        ("2026-11-03T14:02", "3 November, 14:02"),
        ("2025-11-03T14:02", "3 November 2025, 14:02"),
    ],
)
def test_start_of_a_counter_has_a_date_only_if_it_is_long_ago(moment: str, name: str) -> None:
    assert since_name(datetime.fromisoformat(moment), datetime.fromisoformat("2026-11-27T20:00")) == name
