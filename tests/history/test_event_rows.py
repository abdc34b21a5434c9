"""Events are stored whole, bounded, and each damaged row costs that row."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import pytest

from netwatch_tray.event import Event, EventKind, Offline, Severity, TotalMoved
from netwatch_tray.history import event_rows
from netwatch_tray.history.reader import HistoryReader
from netwatch_tray.history.store import Store

NOW = 1_790_000_000.0


def offline(number: int, last: float = NOW, **fields: object) -> Event:
    return Event(
        id=number,
        first=last - 5,
        last=last,
        severity=Severity.NOTICE,
        key=f"line {number}",
        evidence=Offline(until=last, interfaces=("wlan0",)),
        **fields,  # type: ignore[arg-type]
    )


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "history.sqlite3"


def stored(file: Path, kinds: set[EventKind] | None = None, most: int = event_rows.MOST) -> list[Event]:
    with contextlib.closing(HistoryReader(file)) as reader:
        return reader.events(0, 1e12, kinds, most)


def write(file: Path, *events: Event, seen: list[int] | tuple[()] | None = ()) -> None:
    with contextlib.closing(Store(file)) as store:
        store.write_events(events, seen)


def test_events_are_read_as_they_were_written_oldest_first(file: Path) -> None:
    first = offline(1, NOW, app="executable:/bin/a", app_name="a", host="example.org", pid=7, count=3, is_muted=True)
    second = offline(2, NOW - 60, is_seen=True)
    write(file, first, second)
    assert stored(file) == [second, first]


def test_a_changed_event_replaces_its_row(file: Path) -> None:
    write(file, offline(1))
    changed = offline(1, NOW + 9, count=2)
    write(file, changed)
    assert stored(file) == [changed]


def test_range_kinds_and_count_limit_the_events_read(file: Path) -> None:
    moved = Event(
        id=9,
        first=NOW,
        last=NOW + 1,
        severity=Severity.NOTICE,
        key="",
        evidence=TotalMoved(before=("a",), after=("b",)),
    )
    write(file, offline(1), moved, offline(3, NOW - 100))
    assert [each.id for each in stored(file, {EventKind.INTERFACE})] == [9]
    assert [each.id for each in stored(file, most=2)] == [1, 9]
    with contextlib.closing(HistoryReader(file)) as reader:
        assert [each.id for each in reader.events(NOW - 100, NOW)] == [3]


@pytest.mark.parametrize(("seen", "expected"), [((), {1: False, 2: False}), ([2], {1: False, 2: True})])
def test_chosen_events_are_marked_as_seen(file: Path, seen: list[int], expected: dict[int, bool]) -> None:
    write(file, offline(1), offline(2))
    write(file, seen=seen)
    assert {each.id: each.is_seen for each in stored(file)} == expected


def test_all_events_are_marked_as_seen(file: Path) -> None:
    write(file, offline(1), offline(2))
    write(file, seen=None)
    assert all(each.is_seen for each in stored(file))


def test_old_events_are_dropped_and_the_newest_stay(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_rows, "MOST", 3)
    write(file, offline(1, NOW - event_rows.KEPT_S - 1), *(offline(number, NOW - number) for number in range(2, 8)))
    with contextlib.closing(Store(file)) as store:
        store.tidy(NOW, 1 << 30)
    assert [each.id for each in stored(file)] == [4, 3, 2]


@pytest.mark.parametrize(
    "change", ["evidence = x'7b'", "kind = 3", "key = x'00'", "last = 'soon'", "count = 0", "evidence = x'ff'"]
)
def test_damaged_row_loses_only_that_event(file: Path, change: str, expected_logs: list[str]) -> None:
    write(file, offline(1), offline(2))
    with contextlib.closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(f"UPDATE event SET {change} WHERE id = 1")  # noqa: S608  our own words
    with contextlib.closing(HistoryReader(file)) as reader:
        assert [each.id for each in reader.events(0, 1e12)] == [2]
        is_in_range = change != "last = 'soon'"  # text is greater than any number
        assert reader.lost == is_in_range
    if is_in_range:
        expected_logs.append("Part of the history is damaged, everything else is kept")
