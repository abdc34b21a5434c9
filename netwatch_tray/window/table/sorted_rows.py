"""Keeps the records of a table sorted, without Qt. A record is the data of a row, and has a key."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Hashable, Iterable
from itertools import pairwise
from typing import Any, Generic, TypeVar

import msgspec

Record = TypeVar("Record")
Begin = Callable[[int, int], object]
"""Function that is called before contiguous rows are inserted or removed, with the first and the last of them."""
End = Callable[[], object]
"""Function that is called after these rows were inserted or removed."""

_FEW = 8
"""Rows are moved one by one if at most one in this many is at a wrong place. For more, sorting all takes less time."""


class Entry(msgspec.Struct, Generic[Record], eq=False, gc=False):
    """A record, and the sort key by which its row was placed. That of the record may have changed since.

    The garbage collector does not track it (gc=False): a table may have ten thousand, and no record refers to its
    entry.
    """

    record: Record
    order: tuple[Any, ...] = ()


class SortedRows(Generic[Record]):
    """Entries by key, sorted by one value of their records.

    Unknown values (None) are last, also in descending order. Records with equal values are sorted by their keys. A
    record may have a heading, which is a record, too. Headings are sorted among each other, and records below their
    heading.
    """

    def __init__(self, key: Callable[[Record], Hashable]) -> None:
        self.entries: dict[Hashable, Entry[Record]] = {}
        self.heading: Callable[[Record], Record | None] | None = None
        """Function that returns the heading of a record, or None for a heading itself. None: there are no headings."""
        self._key = key
        self._value: Callable[[Record], Any] = key
        self._descending = False
        # Entries in ascending order and, in parallel, their sort keys. A descending table reads them from the end.
        self._shown: list[Entry[Record]] = []
        self._orders: list[tuple[Any, ...]] = []

    def __len__(self) -> int:
        return len(self._shown)

    def __getitem__(self, row: int) -> Entry[Record]:
        return self._shown[self._row(row)]

    def row(self, entry: Entry[Record]) -> int:
        """Return the number of the row in which an entry is."""
        return self._row(bisect_left(self._orders, entry.order))

    def is_misplaced(self, entry: Entry[Record]) -> bool:
        """Return whether the sort key of the entry's record has changed since the entry was placed."""
        return self._order(entry.record) != entry.order

    def sort(self, value: Callable[[Record], Any], *, descending: bool) -> None:
        """Sort all entries. `value`: returns the value of a record to sort by; None: unknown. Later changes are sorted
        in the same way."""
        self._value, self._descending = value, descending
        self._sort()

    def restore_order(self, misplaced: Iterable[Entry[Record]]) -> None:
        """Move these entries, whose sort keys have changed, to where they belong."""
        misplaced = list(misplaced)
        if self.heading or len(misplaced) * _FEW > len(self._shown):  # all records below a heading move with it
            self._sort()
            return
        for entry in misplaced:
            position = bisect_left(self._orders, entry.order)
            del self._shown[position], self._orders[position]
            entry.order = self._order(entry.record)
            position = bisect_left(self._orders, entry.order)
            self._shown.insert(position, entry)
            self._orders.insert(position, entry.order)

    def remove(self, entries: Iterable[Entry[Record]], begin: Begin, end: End) -> None:
        """Remove the rows of these entries. `begin` and `end` are called before and after each removal of contiguous
        rows."""
        positions = sorted(bisect_left(self._orders, entry.order) for entry in entries)
        for first, last in reversed(_stretches(positions)):
            begin(*sorted((self._row(first), self._row(last))))
            del self._shown[first : last + 1], self._orders[first : last + 1]
            end()

    def insert(self, entries: list[Entry[Record]], begin: Begin, end: End) -> None:
        """Insert entries where they belong. `begin` and `end` are called before and after each insertion of contiguous
        rows. `entries` is empty afterwards."""
        self._set_orders(entries)
        entries.sort(key=lambda entry: entry.order)
        while entries:
            # From the last on: everything between the same two rows is one insertion.
            position = bisect_left(self._orders, entries[-1].order)
            before = self._orders[position - 1] if position else None
            first = 0 if before is None else bisect_left(entries, before, key=lambda entry: entry.order)
            together = entries[first:]
            del entries[first:]
            row = len(self._shown) - position if self._descending else position
            begin(row, row + len(together) - 1)
            self._shown[position:position] = together
            self._orders[position:position] = [entry.order for entry in together]
            end()

    def _sort(self) -> None:
        self._set_orders(self._shown)
        self._shown.sort(key=lambda entry: entry.order)
        self._orders = [entry.order for entry in self._shown]

    def _set_orders(self, entries: Iterable[Entry[Record]]) -> None:
        """Compute the sort keys of entries. Those of headings are first, because the keys of records below contain
        them."""
        below = []
        for entry in entries:
            if self.heading and self.heading(entry.record) is not None:
                below.append(entry)
            else:
                entry.order = self._order(entry.record)
        for entry in below:
            entry.order = self._order(entry.record)

    def _order(self, record: Record) -> tuple[Any, ...]:
        """Return the sort key of a record. It contains the record's own key, so it is unique, and the row can be found
        by it."""
        value = self._value(record)
        own = ((value is None) != self._descending, value, self._key(record))
        heading = self.heading(record) if self.heading else None
        if heading is None:
            return (*own, self._descending)
        # The current row of the heading, even if it is misplaced: a record never leaves its group.
        return (*self.entries[self._key(heading)].order[:3], not self._descending, *own)

    def _row(self, position: int) -> int:
        """Convert an index of the internal lists, which are ascending, to the number of the row, or back."""
        return len(self._shown) - 1 - position if self._descending else position


def _stretches(numbers: list[int]) -> list[tuple[int, int]]:
    """Return the first and the last number of each run of consecutive numbers. `numbers` is sorted."""
    if not numbers:
        return []
    breaks = [(low, high) for low, high in pairwise(numbers) if high != low + 1]
    return list(
        zip([numbers[0], *(high for _, high in breaks)], [*(low for low, _ in breaks), numbers[-1]], strict=True)
    )
