"""What is left of a data plan, and where the month leads to."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given, strategies as st

from netwatch_tray.history.usage import billing_month, due_alerts, outlook

_DAYS = st.dates(date(2020, 1, 1), date(2040, 12, 31))


@given(day=_DAYS, billing_day=st.integers(1, 31))
def test_every_day_is_in_one_billing_month(day: date, billing_day: int) -> None:
    month = billing_month(day, billing_day)
    assert month.first <= day <= month.last
    assert 28 <= month.length <= 31
    after = billing_month(date.fromordinal(month.last.toordinal() + 1), billing_day)
    assert after.first.toordinal() == month.last.toordinal() + 1, "they leave no day out and share none"


def test_a_month_that_begins_on_the_31st() -> None:
    assert billing_month(date(2026, 2, 14), 31) == (date(2026, 1, 31), date(2026, 2, 27))
    assert billing_month(date(2026, 2, 28), 31) == (date(2026, 2, 28), date(2026, 3, 30))


def test_what_is_left_and_the_pace() -> None:
    cycle = billing_month(date(2026, 11, 15), 1)
    view = outlook(150, 500, cycle, date(2026, 11, 15), 1.0)
    assert (view.days_left, view.allowance, view.projection) == (16, 350 // 16, 300)
    assert outlook(600, 500, cycle, date(2026, 11, 15), 1.0).allowance == 0
    assert outlook(600, None, cycle, date(2026, 11, 15), 1.0).allowance is None


def test_the_pace_is_that_of_the_days_measured() -> None:
    cycle = billing_month(date(2026, 11, 25), 1)
    view = outlook(50, None, cycle, date(2026, 11, 25), 1.0, unmeasured=20)
    assert view.projection == 100, "10 a day since the 21st, for 5 days more"
    assert outlook(50, None, cycle, date(2026, 11, 25), 1.0).projection == 60
    assert outlook(50, None, cycle, date(2026, 11, 25), 0.5, unmeasured=22.6).projection is None, "not yet two days"
    assert outlook(50, None, cycle, date(2026, 11, 2), 0.9).projection is None, "nor at the beginning of a month"


@pytest.mark.parametrize(
    ("used", "alerted", "due"), [(79, (), []), (80, (), [80]), (100, (80,), [100]), (100, (), [80, 100])]
)
def test_alerts_are_due_once(used: int, alerted: tuple[int, ...], due: list[int]) -> None:
    assert due_alerts(used, 100, frozenset(alerted)) == due
