"""Periods and days that the user steps through."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

from hypothesis import given, settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from netwatch_tray.settings import DataPlan
from netwatch_tray.window.pages.usage.place import PERIODS, Place

_PLANS = st.builds(DataPlan, billing_day=st.integers(1, 31)) | st.builds(
    DataPlan, days=st.integers(1, 90), begin=st.dates(date(2020, 1, 1), date(2030, 1, 1))
)


class Walk(RuleBasedStateMachine):
    """Whatever the user does, the shown period has begun and is not before the first record, and the chosen day is in
    it."""

    @initialize(plan=_PLANS, today=st.dates(date(2022, 1, 1), date(2028, 12, 31)), before=st.integers(0, 2000))
    def start(self, plan: DataPlan, today: date, before: int) -> None:
        self.today = today
        self.place = Place()
        self.place.plan = plan
        self.place.first_day = today - timedelta(days=before)

    @rule(by=st.sampled_from([-1, 1]))
    def step(self, by: int) -> None:
        before = self.place.span(self.today)
        moved = self.place.step(by, self.today)
        after = self.place.span(self.today)
        assert moved == (after != before)
        if moved and by > 0:
            assert after.first == before.last + timedelta(days=1)
        elif moved:
            assert after.last == before.first - timedelta(days=1)

    @rule(by=st.sampled_from([-7, -1, 1, 7]))
    def step_day(self, by: int) -> None:
        day = self.place.day
        if self.place.step_day(by, self.today) and day is not None:
            assert self.place.day == day + timedelta(days=by)

    @rule(number=st.integers(-10, 400))
    def choose(self, number: int) -> None:
        self.place.choose_day(self.place.span(self.today).first + timedelta(days=number), self.today)

    @rule(index=st.integers(0, len(PERIODS) - 1))
    def change_kind(self, index: int) -> None:
        day = self.place.day
        self.place.choose_period(index, self.today)
        if day is not None:
            span = self.place.span(self.today)
            assert span.first <= day <= span.last, "around the chosen day"

    @rule()
    def present(self) -> None:
        self.place.present()
        assert self.place.is_present(self.today)

    @rule(days=st.integers(1, 3))
    def midnight(self, days: int) -> None:
        was_present = self.place._at is None
        self.today += timedelta(days=days)
        if was_present and self.place.day is None:
            assert self.place.is_present(self.today), "the present stays the present"
        self.place.day = None

    @rule(place=st.integers(0, 23))
    def pick(self, place: int) -> None:
        listed = self.place.periods(self.today)
        self.place.go_to(listed[place % len(listed)].first, self.today)
        assert self.place.span(self.today) == listed[place % len(listed)]

    @invariant()
    def holds(self) -> None:
        if hasattr(self, "place"):
            span = self.place.span(self.today)
            assert span.first <= self.today
            assert self.place.day is None or span.first <= self.place.day <= min(span.last, self.today)


Walk.TestCase.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
TestWalk = Walk.TestCase


@given(plan=_PLANS)
def test_listed_periods_cover_the_past_without_gaps(plan: DataPlan) -> None:
    place, today = Place(), date(2026, 11, 27)
    place.plan, place.first_day = plan, date(2025, 6, 1)
    found = place.periods(today)
    assert all(later.first == earlier.last + timedelta(days=1) for later, earlier in pairwise(found))
