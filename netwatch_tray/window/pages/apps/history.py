"""Queries of the history for the Apps page, repeated when their results become stale."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import date, datetime
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QLocale, QObject, Signal

from netwatch_tray.settings import DataPlan
from netwatch_tray.window.data.amount_query import amounts_query
from netwatch_tray.window.data.history_queries import HistoryQueries
from netwatch_tray.window.data.history_range import HistoryRange, points_of
from netwatch_tray.window.pages.apps.queries import (
    DAY_S,
    RANGES_S,
    AppAmounts,
    AppFacts,
    Drawn,
    query_amounts,
    query_facts,
    query_stack,
)
from netwatch_tray.window.pages.apps.stack import Stack

if TYPE_CHECKING:
    from netwatch_tray.history.reader import HistoryReader

_STALE_AFTER_S = 60.0
"""Seconds after which a result of the history is queried again: the agent writes once a minute."""
_LONG_STALE_AFTER_S = 600.0
_MOST_POINTS = 600


class AppsHistory(QObject):
    """Runs the page's queries and keeps their results: amounts of all apps, the layers of the stacked chart, and facts
    and curve of one app.

    Signal `changed`: a query has returned, or a result is too old, so the page must request and show the data again.
    """

    changed = Signal()

    def __init__(self, history: HistoryQueries | None, parent: QObject) -> None:
        super().__init__(parent)
        self._plan = DataPlan()
        self.day: date | None = None
        """The local day whose amounts are requested; None: today."""
        self._amounts: HistoryRange[AppAmounts] = HistoryRange(history, self)
        self._stack: HistoryRange[Stack] = HistoryRange(history, self)
        self._facts: HistoryRange[AppFacts] = HistoryRange(history, self)
        self._curve: HistoryRange[Drawn] = HistoryRange(history, self)
        for each in (self._amounts, self._stack, self._facts, self._curve):
            each.loaded.connect(lambda _first: self.changed.emit())
            each.stale.connect(self.changed)

    def set_plan(self, plan: DataPlan, *, is_recorded: bool | None) -> None:
        """Set the data plan, whose period is the "month" of all amounts. `is_recorded`: whether the agent records a
        history; None if no agent is connected."""
        self._plan = plan
        self.set_recorded(is_recorded)

    def set_recorded(self, is_recorded: bool | None) -> None:
        for each in (self._amounts, self._stack, self._facts, self._curve):
            each.set_recorded(is_recorded)

    def request_amounts(self) -> None:
        today, plan, day = _today(), self._plan, self.day
        query = partial(query_amounts, today=today, plan=plan, chosen=day)
        self._amounts.request((plan, day), query, _STALE_AFTER_S)

    def request_stack(self, index: int) -> None:
        """Request the data of the stacked chart for the time range with this index."""
        now, span = time.time(), RANGES_S[index]
        self._stack.request(index, lambda reader: query_stack(reader, span, now), _lifetime(span))

    def request_app(self, name: str, index: int) -> None:
        """Request the facts of an app, and its curve for the time range with this index, except for index 0: that range
        is drawn from live data."""
        today, plan = _today(), self._plan
        first_weekday = QLocale().firstDayOfWeek().value - 1
        self._facts.request(
            (name, plan),
            lambda reader: query_facts(reader, name, today, plan, first_weekday),
            _STALE_AFTER_S,
        )
        if index:
            self._curve.request((name, index), _curve_query(name, RANGES_S[index]), _lifetime(RANGES_S[index]))

    @property
    def amounts(self) -> AppAmounts | None:
        """Return the amounts of all apps, or None if they have not arrived or cannot be read."""
        return self._amounts.result((self._plan, self.day))

    def stack(self, index: int) -> Stack | None:
        return self._stack.result(index)

    def facts(self, name: str) -> AppFacts | None:
        return self._facts.result((name, self._plan))

    def curve(self, name: str, index: int) -> Drawn | None:
        return self._curve.result((name, index))

    @property
    def is_loading(self) -> bool:
        """Return whether the amounts are being read for the first time."""
        return self._amounts.is_loading

    @property
    def missing(self) -> str:
        """Return a sentence for the user why there are no amounts; empty if there are, or they are being read."""
        return self._amounts.missing


def _curve_query(name: str, span: int) -> Callable[[HistoryReader], Drawn]:
    now = time.time()

    def query(reader: HistoryReader) -> Drawn:
        if span >= DAY_S:
            return Drawn((), now, 0.0, amounts_query("app", name, now - span, now)(reader))
        curve = reader.curve("app", name, now - span, now, _MOST_POINTS)
        return Drawn(points_of(curve, reader.gaps(now - span, now)), now, curve.step)

    return query


def _lifetime(span: int) -> float:
    return _STALE_AFTER_S if span <= 2 * 86400 else _LONG_STALE_AFTER_S


def _today() -> date:
    return datetime.fromtimestamp(time.time()).astimezone().date()
