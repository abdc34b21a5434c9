"""The part of the history that a page shows, queried again as it becomes stale, and joined with live ticks."""

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
"""Seconds after an error. The first minute of a new history is written soon."""


class _Request(NamedTuple):
    key: Hashable
    at: float
    """Unix time."""


class HistoryRange(QObject, Generic[Result]):
    """The result of the latest query that was requested.

    `loaded` is emitted with every result and error; its argument is True for the first one of a key. `stale` is emitted
    when the result has become too old and has to be requested again.
    """

    loaded = Signal(bool)
    stale = Signal()

    def __init__(self, history: HistoryQueries | None, parent: QObject) -> None:
        """If `history` is None, every request is ignored."""
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
        """Run `query` unless its result is pending, or younger than `stale_after_s`.

        Queries with equal keys have equal results. The result of an earlier key is dropped, even if it arrives later.
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
        """Return the result for this key; None while it is pending, after an error, and for any other key."""
        return self._result if self._request and self._request.key == key else None

    @property
    def is_loading(self) -> bool:
        """Return whether the requested key has neither a result nor an error yet."""
        return self._is_pending and self._result is None and self._error is None

    @property
    def missing(self) -> str:
        """Return why there is no result, as a sentence; empty unless the last query failed."""
        error = self._error
        if isinstance(error, NoHistoryYetError) and self._is_recorded is not None:
            if self._is_recorded:
                return translate("History", "The first minute is being recorded.")
            return translate("History", "The history is off: turn it on in the settings.")
        return said(error.message) if error else ""

    def set_recorded(self, is_recorded: bool | None) -> None:
        """Set whether the agent records a history, for `missing`; None if there is no agent."""
        self._is_recorded = is_recorded

    def forget(self) -> None:
        """Drop the result, also one that is pending."""
        self._request, self._is_pending, self._result, self._error = None, False, None, None
        self._timer.stop()

    def _finish(self, result: Result | None, error: HistoryError | None, lifetime_s: float, *, is_first: bool) -> None:
        self._is_pending, self._result, self._error, self._lifetime_s = False, result, error, lifetime_s
        self._timer.start(round(lifetime_s * 1000))
        self.loaded.emit(is_first)


def points_of(curve: Curve, gaps: Sequence[StoredGap]) -> list[Point]:
    """Return the points of a stored curve, each unknown one with the reason of its gap.

    `gaps`: in order of time. Unknown points at the end are left out: they are not written yet.
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
    """Return the stored points and the live ones after them: the history is written once a minute."""
    written = stored[-1].at if stored else 0.0
    return [*stored, *(each for each in live if each.at > written)]
