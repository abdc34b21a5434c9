from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from PySide6.QtCore import QObject
from windows import until

from netwatch_tray.errors import HistoryError, NoHistoryYetError
from netwatch_tray.history.results import Curve, StoredGap
from netwatch_tray.model import GapReason
from netwatch_tray.window.chart.series import Point
from netwatch_tray.window.data.history_range import HistoryRange, points_of, with_live


class _Queue:
    """Keeps submitted queries until the test answers them, in any order."""

    def __init__(self) -> None:
        self.pending: list[tuple[Any, Any, Any]] = []

    def submit(self, query: Any, on_result: Any, on_error: Any) -> None:
        self.pending.append((query, on_result, on_error))

    def answer(self, place: int = 0) -> None:
        query, on_result, _ = self.pending.pop(place)
        on_result(query(None))

    def fail(self, error: HistoryError) -> None:
        self.pending.pop(0)[2](error)


@pytest.fixture
def queue() -> _Queue:
    return _Queue()


class _Shown(HistoryRange[object]):
    """A HistoryRange, and the arguments of its `loaded` signals."""

    def __init__(self, queue: _Queue, parent: QObject) -> None:
        super().__init__(queue, parent)
        self.signals: list[bool] = []
        self.loaded.connect(self.signals.append)


@pytest.fixture
def shown(queue: _Queue) -> Iterator[_Shown]:
    parent = QObject()
    yield _Shown(queue, parent)
    parent.deleteLater()


class _Clock:
    now = 1000.0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> _Clock:
    clock = _Clock()
    monkeypatch.setattr("time.time", lambda: clock.now)
    return clock


def test_a_query_runs_again_only_when_its_result_is_stale(queue: _Queue, shown: _Shown, clock: _Clock) -> None:
    results = iter("ab")
    for _ in range(3):
        shown.request("day", lambda _reader: next(results), 60)
    assert len(queue.pending) == 1, "not while it is pending"
    assert shown.is_loading
    queue.answer()
    assert (shown.result("day"), shown.is_loading) == ("a", False)
    clock.now += 59
    shown.request("day", lambda _reader: next(results), 60)
    assert not queue.pending
    clock.now += 1
    shown.request("day", lambda _reader: next(results), 60)
    assert shown.result("day") == "a", "the old result stays until the new one is there"
    assert not shown.is_loading
    queue.answer()
    assert shown.result("day") == "b"
    assert shown.signals == [True, False]


def test_a_clock_that_is_set_back_does_not_stop_the_refresh(queue: _Queue, shown: _Shown, clock: _Clock) -> None:
    shown.request("day", lambda _reader: 1, 60)
    queue.answer()
    clock.now -= 3600
    shown.request("day", lambda _reader: 2, 60)
    queue.answer()
    assert shown.result("day") == 2


def test_the_result_of_an_earlier_key_is_dropped(queue: _Queue, shown: _Shown) -> None:
    shown.request("day", lambda _reader: "day's", 60)
    shown.request("week", lambda _reader: "week's", 60)
    queue.answer(1)
    queue.answer(0)
    assert shown.result("week") == "week's"
    assert shown.result("day") is None
    assert shown.signals == [True]
    shown.request("month", lambda _reader: "month's", 60)
    shown.forget()
    queue.answer()
    assert shown.result("month") is None
    assert shown.signals == [True]


def test_failed_query_is_repeated_soon_and_its_reason_reported(queue: _Queue, shown: _Shown, clock: _Clock) -> None:
    shown.request("day", lambda _reader: 1, 3600)
    queue.answer()
    clock.now += 3600
    shown.request("day", lambda _reader: 2, 3600)
    queue.fail(HistoryError("The file is damaged."))
    assert shown.result("day") is None
    assert shown.missing == "The file is damaged."
    clock.now += 5
    shown.request("day", lambda _reader: 3, 3600)
    queue.fail(NoHistoryYetError("There is no file."))
    for is_recorded, sentence in (
        (None, "There is no file."),
        (True, "The first minute is being recorded."),
        (False, "The history is off: turn it on in the settings."),
    ):
        shown.set_recorded(is_recorded)
        assert shown.missing == sentence
    clock.now += 5
    shown.request("day", lambda _reader: 4, 3600)
    queue.answer()
    assert (shown.result("day"), shown.missing) == (4, "")


def test_stale_is_emitted_when_a_result_is_too_old(queue: _Queue, shown: _Shown) -> None:
    stale: list[bool] = []
    shown.stale.connect(lambda: stale.append(True))
    shown.request("day", lambda _reader: 1, 0.01)
    queue.answer()
    until(lambda: stale, "the result is stale")


def test_without_a_history_nothing_is_requested() -> None:
    parent = QObject()
    shown = HistoryRange[object](None, parent)
    shown.request("day", lambda _reader: 1, 60)
    assert (shown.result("day"), shown.is_loading, shown.missing) == (None, False, "")


def _curve(rates: list[float | None]) -> Curve:
    return Curve(10.0, [10.0 * (place + 1) for place in range(len(rates))], rates, rates, rates, rates)


def test_unknown_stored_points_have_the_reasons_of_their_gaps() -> None:
    gaps = [
        StoredGap(10.0, 20.0, GapReason.ASLEEP, None, is_complete=True),
        StoredGap(40.0, None, GapReason.NOT_RUNNING, None, is_complete=False),
    ]
    points = points_of(_curve([1.0, None, None, 4.0, None, 6.0, None, None]), gaps)
    assert [(point.at, point.rx, point.gap) for point in points] == [
        (10.0, 1.0, None),
        (20.0, None, GapReason.ASLEEP),
        (30.0, None, None),
        (40.0, 4.0, None),
        (50.0, None, GapReason.NOT_RUNNING),
        (60.0, 6.0, None),
    ]  # what is not written yet, at the end, is left out


def test_live_points_follow_the_stored_ones() -> None:
    stored, live = [Point(10.0, 1.0, 1.0)], [Point(at, 2.0, 2.0) for at in (9.0, 10.0, 11.0, 12.0)]
    assert [point.at for point in with_live(stored, live)] == [10.0, 11.0, 12.0]
    assert with_live([], live) == live
    assert with_live(stored, []) == stored
