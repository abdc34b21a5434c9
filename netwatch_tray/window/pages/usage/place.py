"""What the user has chosen on the Usage page: the kind of period, the period, a day in it, and a network. Without
Qt."""

from __future__ import annotations

from datetime import date, timedelta

import msgspec

from netwatch_tray.history.usage import Days, Period, neighbour, period_of
from netwatch_tray.settings import DataPlan

PERIODS: tuple[Period, ...] = ("week", "billing", "year")
MONTH = 1
"""Index of the plan period among the kinds of periods."""
_MOST_LISTED = 24


class Place:
    """The shown period and the chosen day. The period is never before the first recorded day, or after today."""

    def __init__(self) -> None:
        self.index = MONTH
        """Index of the kind of period (week, plan period, year)."""
        self.plan = DataPlan()
        self.first_day: date | None = None
        """The first recorded day of the history; None if unknown."""
        self.day: date | None = None
        """The day that the user chose; None: none."""
        self.network: str | None = None
        """Key of the only network that is shown; None: all."""
        self._at: date | None = None
        """Any day of the shown period; None: today, so that the period changes at midnight."""

    @property
    def period(self) -> Period:
        return PERIODS[self.index]

    @property
    def shown_plan(self) -> DataPlan:
        """Return the data plan. While only one network is shown it has no cap, because the cap is for all networks."""
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
        """Show a period of another kind: the one that contains the chosen day or, without one, today if the shown
        period contains it, else the last day of the shown period."""
        at = self.day or (None if self.is_present(today) else self.span(today).last)
        self.index = index
        self._at = None if at is None else min(at, today)
        self.day = None

    def go_to(self, day: date, today: date) -> None:
        """Show the period that contains a day. No day is chosen afterwards."""
        self.day = None
        self._at = day
        if self.is_present(today):
            self._at = None

    def present(self) -> None:
        """Show the period that contains today."""
        self._at = self.day = None

    def can_step(self, by: int, today: date) -> bool:
        """Return whether the user can go to the period before (`by` -1) or after (`by` 1) the shown one."""
        span = neighbour(self.span(today), self.period, self.plan, by)
        first = self.first_day or today
        return span != self.span(today) and span.first <= today and span.last >= first

    def step(self, by: int, today: date) -> bool:
        """Show the period before (`by` -1) or after (`by` 1). If that is not possible, do nothing and return False."""
        if not self.can_step(by, today):
            return False
        self.go_to(neighbour(self.span(today), self.period, self.plan, by).first, today)
        return True

    def choose_network(self, key: str | None) -> bool:
        """Show only the network with this key; None: all. Return whether that is a change."""
        is_new = key != self.network
        self.network = key
        return is_new

    def choose_day(self, day: date | None, today: date) -> bool:
        """Choose a day of the shown period; None: none. A day that is not in it, or has not begun, is ignored. Return
        whether that is a change."""
        span = self.span(today)
        if day == self.day or (day is not None and not span.first <= day <= min(span.last, today)):
            return False
        self.day = day
        return True

    def can_step_day(self, by: int, today: date) -> bool:
        """Return whether `step_day` with the same arguments is possible."""
        day = self._later(by, today)
        return (self.first_day or day) <= day <= today

    def step_day(self, by: int, today: date) -> bool:
        """Choose the day that is `by` days after the chosen one (before, if negative), if necessary in another period.
        If none is chosen, choose the last day of the shown period that has begun.

        Do nothing and return False if the day has not begun or is before the first recorded day.
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
        """Return the periods from which the user can choose, the latest first."""
        found = [period_of(today, self.period, self.plan)]
        first = self.first_day or today
        while len(found) < _MOST_LISTED and found[-1].first > first:
            found.append(neighbour(found[-1], self.period, self.plan, -1))
        return found

    def _later(self, by: int, today: date) -> date:
        return min(self.span(today).last, today) if self.day is None else self.day + timedelta(days=by)
