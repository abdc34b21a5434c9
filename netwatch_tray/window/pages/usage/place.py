"""The position of the user on the Usage page: a period, and possibly a chosen day of it. Without Qt."""

from __future__ import annotations

from datetime import date, timedelta

import msgspec

from netwatch_tray.history.usage import Days, Period, neighbour, period_of
from netwatch_tray.settings import DataPlan

PERIODS: tuple[Period, ...] = ("week", "billing", "year")
MONTH = 1
"""Index of the plan period."""
_MOST_LISTED = 24


class Place:
    """The shown period and the chosen day. The period is between that of the first record and that of today."""

    def __init__(self) -> None:
        self.index = MONTH
        """Index of the kind of period."""
        self.plan = DataPlan()
        self.first_day: date | None = None
        """The first recorded day; None if unknown."""
        self.day: date | None = None
        """The chosen day."""
        self.network: str | None = None
        """Key of the network that is shown alone; None: all."""
        self._at: date | None = None
        """A day of the shown period; None for today, also after midnight."""

    @property
    def period(self) -> Period:
        return PERIODS[self.index]

    @property
    def shown_plan(self) -> DataPlan:
        """Return the plan; where one network is shown alone, without a cap, which is for all of them."""
        if self.network is None:
            return self.plan
        return msgspec.structs.replace(self.plan, cap_gb=None, counts="all")

    def is_present(self, today: date) -> bool:
        span = self.span(today)
        return span.first <= today <= span.last

    def span(self, today: date) -> Days:
        """Return the shown period."""
        return period_of(self._at or today, self.period, self.plan)

    def choose_period(self, index: int, today: date) -> None:
        """Show another kind of period. It contains the chosen day, else today if the shown period does, else the last
        day of the shown period."""
        at = self.day or (None if self.is_present(today) else self.span(today).last)
        self.index = index
        self._at = None if at is None else min(at, today)
        self.day = None

    def go_to(self, day: date, today: date) -> None:
        """Show the period that contains a day, without choosing the day."""
        self.day = None
        self._at = day
        if self.is_present(today):
            self._at = None

    def present(self) -> None:
        """Show the current period."""
        self._at = self.day = None

    def can_step(self, by: int, today: date) -> bool:
        """Return whether there is a previous (-1) or next (1) period."""
        span = neighbour(self.span(today), self.period, self.plan, by)
        first = self.first_day or today
        return span != self.span(today) and span.first <= today and span.last >= first

    def step(self, by: int, today: date) -> bool:
        """Show the previous (-1) or next (1) period. Do nothing and return False if there is none."""
        if not self.can_step(by, today):
            return False
        self.go_to(neighbour(self.span(today), self.period, self.plan, by).first, today)
        return True

    def choose_network(self, key: str | None) -> bool:
        """Show a network alone, or all of them if None. Return whether the choice changed."""
        is_new = key != self.network
        self.network = key
        return is_new

    def choose_day(self, day: date | None, today: date) -> bool:
        """Choose a day of the period, or none if None. Return whether the choice changed."""
        span = self.span(today)
        if day == self.day or (day is not None and not span.first <= day <= min(span.last, today)):
            return False
        self.day = day
        return True

    def can_step_day(self, by: int, today: date) -> bool:
        """Return whether `step_day` with the same arguments leads to a day that has begun and is not before the first
        record."""
        day = self._later(by, today)
        return (self.first_day or day) <= day <= today

    def step_day(self, by: int, today: date) -> bool:
        """Move the chosen day by this many days, into another period if necessary. Do nothing and return False if that
        day has not begun or is before the first record.

        If no day is chosen, choose the last day of the shown period, at most today.
        """
        if not self.can_step_day(by, today):
            return False
        day = self._later(by, today)
        span = self.span(today)
        if not span.first <= day <= span.last:
            self.go_to(day, today)
        self.day = day
        return True

    def periods(self, today: date) -> list[Days]:
        """Return the periods to list, the latest first."""
        found = [period_of(today, self.period, self.plan)]
        first = self.first_day or today
        while len(found) < _MOST_LISTED and found[-1].first > first:
            found.append(neighbour(found[-1], self.period, self.plan, -1))
        return found

    def _later(self, by: int, today: date) -> date:
        return min(self.span(today).last, today) if self.day is None else self.day + timedelta(days=by)
