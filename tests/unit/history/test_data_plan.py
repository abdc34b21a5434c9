"""What is left of a data plan, and where the month leads to."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, strategies as st

from netwatch_tray.history.usage import (
    Days,
    Period,
    billing_month,
    due_alerts,
    heat_limits,
    heat_step,
    listed_spans,
    neighbour,
    outlook,
    period_of,
    plan_period,
)
from netwatch_tray.settings import DataPlan

_DAYS = st.dates(date(2020, 1, 1), date(2040, 12, 31))


@given(day=_DAYS, billing_day=st.integers(1, 31))
def test_every_day_is_in_one_billing_month(day: date, billing_day: int) -> None:
    month = billing_month(day, billing_day)
    assert month.first <= day <= month.last
    assert 28 <= month.length <= 31
    after = billing_month(date.fromordinal(month.last.toordinal() + 1), billing_day)
    assert after.first.toordinal() == month.last.toordinal() + 1, "they leave no day out and share none"


def test_month_from_the_31st_begins_on_the_last_day_of_a_shorter_month() -> None:
    assert billing_month(date(2026, 2, 14), 31) == (date(2026, 1, 31), date(2026, 2, 27))
    assert billing_month(date(2026, 2, 28), 31) == (date(2026, 2, 28), date(2026, 3, 30))


def test_outlook_has_remaining_bytes_a_day_and_projection() -> None:
    cycle = billing_month(date(2026, 11, 15), 1)
    view = outlook(150, 500, cycle, date(2026, 11, 15), 1.0)
    assert (view.days_left, view.allowance, view.projection) == (16, 350 // 16, 300)
    assert outlook(600, 500, cycle, date(2026, 11, 15), 1.0).allowance == 0
    assert outlook(600, None, cycle, date(2026, 11, 15), 1.0).allowance is None


def test_projection_uses_the_average_of_the_measured_days() -> None:
    cycle = billing_month(date(2026, 11, 25), 1)
    view = outlook(50, None, cycle, date(2026, 11, 25), 1.0, unmeasured=20)
    assert view.projection == 100, "10 a day since the 21st, for 5 days more"
    assert outlook(50, None, cycle, date(2026, 11, 25), 1.0).projection == 60
    assert outlook(50, None, cycle, date(2026, 11, 25), 0.5, unmeasured=22.6).projection is None, "not yet two days"
    assert outlook(50, None, cycle, date(2026, 11, 2), 0.9).projection is None, "nor at the beginning of a month"


@pytest.mark.parametrize(
    ("used", "alerted", "due"), [(79, (), []), (80, (), [80]), (100, (80,), [100]), (100, (), [80, 100])]
)
def test_each_plan_alert_is_due_once(used: int, alerted: tuple[int, ...], due: list[int]) -> None:
    assert due_alerts(used, 100, frozenset(alerted)) == due


_PLANS = st.builds(DataPlan, billing_day=st.integers(1, 31)) | st.builds(
    DataPlan, days=st.integers(1, 366), begin=st.dates(date(2015, 1, 1), date(2035, 1, 1))
)


@given(day=_DAYS, plan=_PLANS, period=st.sampled_from(["day", "week", "month", "billing", "year"]))
def test_periods_follow_each_other_without_gaps(day: date, plan: DataPlan, period: Period) -> None:
    span = period_of(day, period, plan)
    assert span.first <= day <= span.last
    assert all(period_of(each, period, plan) == span for each in span)
    after, before = neighbour(span, period, plan, 1), neighbour(span, period, plan, -1)
    assert (after.first - span.last).days == (span.first - before.last).days == 1
    assert neighbour(after, period, plan, -1) == span


def test_a_prepaid_plan_counts_days_from_its_begin() -> None:
    plan = DataPlan(days=28, begin=date(2026, 11, 3))
    assert plan_period(date(2026, 11, 30), plan) == (date(2026, 11, 3), date(2026, 11, 30))
    assert plan_period(date(2026, 12, 1), plan) == (date(2026, 12, 1), date(2026, 12, 28))
    assert plan_period(date(2026, 11, 2), plan) == (date(2026, 10, 6), date(2026, 11, 2)), "also before it"
    assert plan_period(date(2026, 11, 2), DataPlan(days=28)) == (date(2026, 11, 1), date(2026, 11, 30)), "no begin"


@pytest.mark.parametrize("edge", [date.min, date.max])
def test_periods_at_both_ends_of_the_calendar_raise_no_error(edge: date) -> None:
    for plan in (DataPlan(billing_day=31), DataPlan(days=28, begin=date(2026, 11, 3))):
        span = plan_period(edge, plan)
        assert span.first <= edge <= span.last
        assert neighbour(span, "billing", plan, 1 if edge == date.max else -1) == span


def test_a_period_that_is_over_has_no_projection() -> None:
    view = outlook(150, 500, Days(date(2026, 10, 1), date(2026, 10, 31)), date(2026, 11, 15), 0.5)
    assert (view.days_left, view.allowance, view.projection) == (0, None, None)


@given(st.lists(st.integers(0, 10**16), max_size=40), st.integers(0, 10**16), st.integers(0, 10**16))
def test_heat_map_steps_grow_with_the_amount_and_the_median_is_in_the_middle(
    amounts: list[int], one: int, other: int
) -> None:
    limits = heat_limits(amounts)
    assert list(limits) == sorted(set(limits))
    low, high = sorted((one, other))
    assert heat_step(low, limits) <= heat_step(high, limits)
    assert heat_step(0, limits) == 0
    known = sorted(amount for amount in amounts if amount)
    if known and known[len(known) // 2] >= 1000:
        assert heat_step(known[len(known) // 2], limits) == 3


def test_heat_map_limits_for_little_traffic_suit_a_household() -> None:
    assert heat_limits([9 * 10**9, 12 * 10**9, 20 * 10**9]) == (5 * 10**9, 10**10, 2 * 10**10, 4 * 10**10)
    assert heat_limits([]) == (5 * 10**9, 10**10, 2 * 10**10, 4 * 10**10)


@given(st.sets(st.integers(0, 400)))
def test_spans_of_days_cover_exactly_the_given_days(numbers: set[int]) -> None:
    days = [date(2026, 1, 1) + timedelta(days=number) for number in sorted(numbers)]
    spans = listed_spans(days)
    assert [span.first + timedelta(days=number) for span in spans for number in range(span.length)] == days
    assert all((after.first - before.last).days > 1 for before, after in pairwise(spans))
