"""Keeps the result of a page's query of the history, decides when to query again, and adds the live ticks to it."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Sequence
from typing import TYPE_CHECKING, Generic, NamedTuple

from PySide6.QtCore import QCoreApplication, QObject, QTimer, Signal

from netwatch_tray.errors import HistoryError, NoHistoryYetError
from netwatch_tray.language import said
from netwatch_tray.window.chart.series import Point
from netwatch_tray.window.data.history_queries import HistoryQueries, Result

if TYPE_CHECKING:
    from netwatch_tray.history.reader import HistoryReader
    from netwatch_tray.history.results import Curve, StoredGap

translate = QCoreApplication.translate

_RETRY_AFTER_S = 5.0
"""Seconds after an error until a query may run again, because the first minute of a new history is written soon."""


class _Request(NamedTuple):
    key: Hashable
    at: float
    """Unix time of the request."""


class HistoryRange(QObject, Generic[Result]):
    """Runs a query and keeps its result until it is stale (too old).

    A key identifies what is queried, such as the interface and the range. Signals: `loaded`: a query has returned a
    result or an error, carries whether it is the first one for its key. `stale`: the result must be requested again.
    """

    loaded = Signal(bool)
    stale = Signal()

    def __init__(self, history: HistoryQueries | None, parent: QObject) -> None:
        """`history`: runs the queries; None: there is no history, so requests are ignored."""
        super().__init__(parent)
        self._history = history
        self._request: _Request | None = None
        self._is_pending = False
        self._result: Result | None = None
        self._error: HistoryError | None = None
        self._lifetime_s = 0.0
        self._is_recorded: bool | None = None
        self._timer = QTimer(self, singleShot=True)
        self._timer.timeout.connect(self.stale)

    def request(self, key: Hashable, query: Callable[[HistoryReader], Result], stale_after_s: float) -> None:
        """Run `query`, unless one with an equal key is running, or its result is not older than `stale_after_s`
        seconds.

        `key`: must be equal for equal queries. With another key, the previous result is dropped, even one that arrives
        later.
        """
        now, previous = time.time(), self._request
        is_first = previous is None or previous.key != key
        if self._history is None:
            return
        if previous and not is_first and (self._is_pending or 0 <= now - previous.at < self._lifetime_s):
            return
        request = self._request = _Request(key, now)
        self._is_pending = True
        if is_first:
            self._result = self._error = None

        def on_result(result: Result) -> None:
            if request is self._request:
                self._finish(result, None, stale_after_s, is_first=is_first)

        def on_error(error: HistoryError) -> None:
            if request is self._request:
                self._finish(None, error, min(stale_after_s, _RETRY_AFTER_S), is_first=is_first)

        self._history.submit(query, on_result, on_error)

    def result(self, key: Hashable) -> Result | None:
        """Return the result for this key. None if it has not arrived, the query failed, or another key was requested
        last."""
        return self._result if self._request and self._request.key == key else None

    @property
    def is_loading(self) -> bool:
        """Return whether the first query for the current key is still running."""
        return self._is_pending and self._result is None and self._error is None

    @property
    def missing(self) -> str:
        """Return a sentence for the user why there is no result; empty if the last query did not fail."""
        error = self._error
        if isinstance(error, NoHistoryYetError) and self._is_recorded is not None:
            if self._is_recorded:
                return translate("History", "The first minute is being recorded.")
            return translate("History", "The history is off: turn it on in the settings.")
        return said(error.message) if error else ""

    @property
    def missing_title(self) -> str:
        """Return a heading for `missing`."""
        if isinstance(self._error, NoHistoryYetError):
            return translate("History", "There is no history yet")
        return translate("History", "The history cannot be read")

    def set_recorded(self, is_recorded: bool | None) -> None:
        """Set whether the agent records a history, which `missing` mentions; None if no agent is connected."""
        self._is_recorded = is_recorded

    def forget(self) -> None:
        """Drop the result, and that of a query that is still running."""
        self._request, self._is_pending, self._result, self._error = None, False, None, None
        self._timer.stop()

    def _finish(self, result: Result | None, error: HistoryError | None, lifetime_s: float, *, is_first: bool) -> None:
        self._is_pending, self._result, self._error, self._lifetime_s = False, result, error, lifetime_s
        self._timer.start(round(lifetime_s * 1000))
        self.loaded.emit(is_first)


def points_of(curve: Curve, gaps: Sequence[StoredGap]) -> list[Point]:
    """Convert a curve from the history to points of a chart. Unknown points get the reason of their gap.

    `gaps`: oldest first. Unknown points at the end are left out, because the agent has not written them yet.
    """
    points, place = [], 0
    for at, rx, tx, rx_peak, tx_peak in zip(curve.at, curve.rx, curve.tx, curve.rx_peak, curve.tx_peak, strict=True):
        reason = None
        if rx is None:
            while place < len(gaps) - 1 and (gaps[place].finish or at) < at:
                place += 1
            known = place < len(gaps) and gaps[place].start <= at
            reason = gaps[place].reason if known else None
        points.append(Point(at, rx, tx, reason, rx_peak, tx_peak))
    while points and points[-1].rx is None:
        points.pop()
    return points


def with_live(stored: Sequence[Point], live: Sequence[Point]) -> list[Point]:
    """Return the stored points, followed by the live ones that are newer. They are needed, because the history is
    written only once a minute."""
    written = stored[-1].at if stored else 0.0
    return [*stored, *(each for each in live if each.at > written)]
