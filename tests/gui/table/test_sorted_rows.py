from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pytest
from hypothesis import given, settings, strategies as st

from netwatch_tray.window.table.sorted_rows import Entry, SortedRows


class _Animal(NamedTuple):
    key: int
    weight: int | None
    family: int | None = None
    """The key of its heading."""


class _Mirror:
    """A list that is changed by the reported rows alone, as a view is."""

    def __init__(self, rows: SortedRows[_Animal]) -> None:
        self.rows = rows
        self.length = 0
        self._expected = 0

    def begin_insert(self, first: int, last: int) -> None:
        assert 0 <= first <= self.length
        self._expected = self.length + last - first + 1

    def begin_remove(self, first: int, last: int) -> None:
        assert 0 <= first <= last < self.length
        self._expected = self.length - (last - first + 1)

    def end(self) -> None:
        self.length = len(self.rows)
        assert self.length == self._expected

    def put(self, animals: list[_Animal]) -> None:
        fresh = []
        for animal in animals:
            entry = self.rows.entries[animal.key] = Entry(animal)
            fresh.append(entry)
        self.rows.insert(fresh, self.begin_insert, self.end)

    def remove(self, keys: list[int]) -> None:
        self.rows.remove([self.rows.entries.pop(key) for key in keys], self.begin_remove, self.end)

    def shown(self) -> list[_Animal]:
        return [self.rows[row].record for row in range(len(self.rows))]


def _sorted_rows(*, descending: bool = False) -> _Mirror:
    rows: SortedRows[_Animal] = SortedRows(lambda animal: animal.key)
    rows.sort(lambda animal: animal.weight, descending=descending)
    return _Mirror(rows)


_animals = st.dictionaries(st.integers(0, 40), st.none() | st.integers(0, 5), max_size=30).map(
    lambda found: [_Animal(key, weight) for key, weight in found.items()]
)


def _order(*, descending: bool) -> Callable[[_Animal], tuple[bool, int, int]]:
    sign = -1 if descending else 1
    return lambda animal: (animal.weight is None, sign * (animal.weight or 0), sign * animal.key)


@settings(deadline=None)
@given(_animals, st.sets(st.integers(0, 40)), st.dictionaries(st.integers(0, 40), st.integers(0, 9)), st.booleans())
def test_rows_are_in_order_after_any_insertion_removal_and_change(
    animals: list[_Animal], gone: set[int], changes: dict[int, int], descending: bool
) -> None:
    mirror = _sorted_rows(descending=descending)
    mirror.put(animals)
    assert mirror.shown() == sorted(animals, key=_order(descending=descending))
    mirror.remove([animal.key for animal in animals if animal.key in gone])
    left = {animal.key: animal for animal in animals if animal.key not in gone}
    assert mirror.shown() == sorted(left.values(), key=_order(descending=descending))
    misplaced = []
    for key, weight in changes.items():
        if key in left:
            entry = mirror.rows.entries[key]
            left[key] = entry.record = left[key]._replace(weight=weight)
            if mirror.rows.is_misplaced(entry):
                misplaced.append(entry)
    mirror.rows.restore_order(misplaced)
    assert mirror.shown() == sorted(left.values(), key=_order(descending=descending))
    assert all(mirror.rows.row(entry) == mirror.shown().index(entry.record) for entry in mirror.rows.entries.values())


def test_a_changed_record_keeps_its_row_until_the_order_is_restored() -> None:
    mirror = _sorted_rows()
    mirror.put([_Animal(key, key) for key in range(20)])
    entry = mirror.rows.entries[3]
    entry.record = _Animal(3, 99)
    assert mirror.rows.row(entry) == 3
    mirror.put([_Animal(50, 10)])
    mirror.remove([7])
    assert mirror.rows.row(entry) == 3
    mirror.rows.restore_order([entry])
    assert mirror.rows.row(entry) == 19


@pytest.mark.parametrize("descending", [False, True])
def test_records_stay_below_their_headings(descending: bool) -> None:
    mirror = _sorted_rows(descending=descending)
    entries = mirror.rows.entries
    mirror.rows.heading = lambda animal: None if animal.family is None else entries[animal.family].record
    mirror.put(
        [_Animal(1, 5), _Animal(2, 9), _Animal(10, 1, 1), _Animal(11, None, 1), _Animal(12, 3, 1), _Animal(20, 0, 2)]
    )
    first, second = [1, 10, 12, 11], [2, 20]
    if descending:
        first = [1, 12, 10, 11]
    keys = [animal.key for animal in mirror.shown()]
    assert keys == (second + first if descending else first + second)
    entries[1].record = _Animal(1, 99)
    mirror.put([_Animal(13, 2, 1)])
    assert abs(mirror.rows.row(entries[13]) - mirror.rows.row(entries[1])) <= 3, "below the heading, where that is now"
    mirror.rows.restore_order([entries[1]])
    keys = [animal.key for animal in mirror.shown()]
    assert keys.index(13) > keys.index(1)
    assert (keys[0] == 1) == descending


def test_adjacent_rows_are_inserted_and_removed_in_one_change() -> None:
    mirror, begun = _sorted_rows(), []
    mirror.put([_Animal(key, key) for key in (0, 1, 8, 9)])
    fresh = [Entry(_Animal(key, key)) for key in (4, 3, 5, 12)]
    for entry in fresh:
        mirror.rows.entries[entry.record.key] = entry
    mirror.rows.insert(fresh, lambda *rows: begun.append(rows), lambda: None)
    assert begun == [(4, 4), (2, 4)]
    begun.clear()
    gone = [mirror.rows.entries.pop(key) for key in (3, 5, 4, 0)]
    mirror.rows.remove(gone, lambda *rows: begun.append(rows), lambda: None)
    assert begun == [(2, 4), (0, 0)]
