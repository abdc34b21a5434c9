"""Records by key, kept sorted; the view is notified row by row, so selection and scroll position survive a refresh."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import Any, Generic

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt, QTimer, Signal

from netwatch_tray.text import printable, qt_tool_tip
from netwatch_tray.window.table.column import Column, Record

Index = QModelIndex | QPersistentModelIndex
NOWHERE = QModelIndex()


class _Entry(Generic[Record]):
    __slots__ = ("order", "record")

    def __init__(self, record: Record) -> None:
        self.record = record
        self.order: tuple[Any, ...] = ()
        """Where it stands. While the order is held this may be older than the record."""


class SortedModel(QAbstractTableModel, Generic[Record]):
    """Records by key, sorted. `refreshed` follows every change.

    A record may stand below another one, its heading: headings are sorted by the chosen column, and so are the records
    below each of them.
    """

    refreshed = Signal()

    def __init__(
        self,
        columns: Sequence[Column[Record]],
        key: Callable[[Record], Hashable],
        *,
        settle_ms: int = 0,
    ) -> None:
        """`settle_ms`: rows change places by themselves at most this often."""
        super().__init__()
        self.columns = columns
        self._key = key
        self._heading: Callable[[Record], Record | None] | None = None
        self._entries: dict[Hashable, _Entry[Record]] = {}
        # Entries in ascending order and, at the same places, what they are ordered by. A descending table reads them
        # from the end.
        self._shown: list[_Entry[Record]] = []
        self._orders: list[tuple[Any, ...]] = []
        self._column = next(index for index, column in enumerate(columns) if column.order)
        self._descending = False
        self._held = False
        self._moved: dict[Hashable, _Entry[Record]] = {}
        self._settled = QTimer(self, singleShot=True, interval=settle_ms)
        self._settled.timeout.connect(self._settle_unless_held)

    def put(self, records: Iterable[Record], gone: Iterable[Hashable] = ()) -> None:
        """Removes the keys that are gone, then adds or replaces by key; of two with the same key the last one stays."""
        fresh: list[_Entry[Record]] = []
        changed: list[int] = []
        leaving = [entry for entry in (self._entries.pop(key, None) for key in gone) if entry is not None]
        for key, record in {self._key(record): record for record in records}.items():
            entry = self._entries.get(key)
            if entry is None:
                entry = self._entries[key] = _Entry(record)
                fresh.append(entry)
            elif entry.record != record:
                entry.record = record
                changed.append(self._row(self._position(entry)))
                if self._order(record) != entry.order:
                    self._moved[key] = entry
        if changed:
            self.dataChanged.emit(self.index(min(changed), 0), self.index(max(changed), len(self.columns) - 1))
        self._remove(leaving)
        self._insert(fresh)
        self._settle_unless_held()
        self.refreshed.emit()

    def clear(self) -> None:
        self.put((), list(self._entries))

    def set_heading(self, heading: Callable[[Record], Record | None] | None) -> None:
        """What a record stands below, itself a record of this table; None: nothing stands below anything."""
        self._heading = heading

    def hold_order(self, held: bool) -> None:
        """Nobody hits a row that runs away: while the pointer is over the table, rows keep their places."""
        self._held = held
        self._settle_unless_held()

    def records(self) -> Iterator[Record]:
        """In no order."""
        return (entry.record for entry in self._entries.values())

    def record(self, row: int) -> Record:
        return self._shown[self._row(row)].record

    def key(self, row: int) -> Hashable:
        return self._key(self.record(row))

    def row_of(self, key: Hashable) -> int | None:
        entry = self._entries.get(key)
        return None if entry is None else self._row(self._position(entry))

    def is_heading(self, row: int) -> bool:
        """Whether others may stand below it."""
        return self._heading is not None and self._heading(self.record(row)) is None

    def rowCount(self, parent: Index = NOWHERE) -> int:
        return 0 if parent.isValid() else len(self._shown)

    def columnCount(self, parent: Index = NOWHERE) -> int:
        return 0 if parent.isValid() else len(self.columns)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        column = self.columns[index.column()]
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return printable(column.text(self.record(index.row())))
        if role == Qt.ItemDataRole.ToolTipRole:
            record = self.record(index.row())
            return qt_tool_tip((column.tooltip and column.tooltip(record)) or printable(column.text(record)))
        return None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return self.columns[section].title
        return None

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        if self.columns[column].order is not None:
            with self._rearranged():
                self._sort(column, descending=order == Qt.SortOrder.DescendingOrder)

    def _order(self, record: Record) -> tuple[Any, ...]:
        """Unknown values stand last in both directions; the key makes every order unique, so that it is found again."""
        heading = self._heading(record) if self._heading else None
        if heading is None:
            return (*self._value(record), self._descending)
        # Where the heading stands, which may not be where it belongs by now: nothing leaves its group.
        return (*self._entries[self._key(heading)].order[:3], not self._descending, *self._value(record))

    def _place(self, entries: Iterable[_Entry[Record]]) -> None:
        """Sets their orders, headings first."""
        below = []
        for entry in entries:
            if self._heading and self._heading(entry.record) is not None:
                below.append(entry)
            else:
                entry.order = self._order(entry.record)
        for entry in below:
            entry.order = self._order(entry.record)

    def _value(self, record: Record) -> tuple[bool, Any, Hashable]:
        order = self.columns[self._column].order
        value = order(record) if order else None
        return ((value is None) != self._descending, value, self._key(record))

    def _row(self, position: int) -> int:
        """Of the place in the ascending lists; and the other way round."""
        return len(self._shown) - 1 - position if self._descending else position

    def _position(self, entry: _Entry[Record]) -> int:
        return bisect_left(self._orders, entry.order)

    def _remove(self, entries: list[_Entry[Record]]) -> None:
        positions = sorted(map(self._position, entries))
        for first, last in reversed(_stretches(positions)):
            rows = sorted((self._row(first), self._row(last)))
            self.beginRemoveRows(NOWHERE, *rows)
            del self._shown[first : last + 1], self._orders[first : last + 1]
            self.endRemoveRows()

    def _insert(self, entries: list[_Entry[Record]]) -> None:
        self._place(entries)
        entries.sort(key=lambda entry: entry.order)
        while entries:
            # From the last on: all that come between the same two rows are one insertion.
            position = bisect_left(self._orders, entries[-1].order)
            before = self._orders[position - 1] if position else None
            first = 0 if before is None else bisect_left(entries, before, key=lambda entry: entry.order)
            together = entries[first:]
            del entries[first:]
            row = len(self._shown) - position if self._descending else position
            self.beginInsertRows(NOWHERE, row, row + len(together) - 1)
            self._shown[position:position] = together
            self._orders[position:position] = [entry.order for entry in together]
            self.endInsertRows()

    def _sort(self, column: int, *, descending: bool) -> None:
        self._column, self._descending = column, descending
        self._place(self._shown)
        self._shown.sort(key=lambda entry: entry.order)
        self._orders = [entry.order for entry in self._shown]
        self._moved.clear()

    def _settle_unless_held(self) -> None:
        if self._moved and not self._held and not self._settled.isActive():
            with self._rearranged():
                self._settle()
            if self._settled.interval():
                self._settled.start()

    def _settle(self) -> None:
        """Brings the entries that changed to where they belong now."""
        # One sort costs less than many moves; and with a heading goes all that stands below it.
        if self._heading or len(self._moved) * 8 > len(self._shown):
            self._sort(self._column, descending=self._descending)
            return
        for key, entry in self._moved.items():
            if self._entries.get(key) is not entry:  # gone meanwhile
                continue
            position = self._position(entry)
            del self._shown[position], self._orders[position]
            entry.order = self._order(entry.record)
            position = self._position(entry)
            self._shown.insert(position, entry)
            self._orders.insert(position, entry.order)
        self._moved.clear()

    @contextmanager
    def _rearranged(self) -> Iterator[None]:
        """Around a change of the order: selection and current row are persistent indexes, each follows its record."""
        self.layoutAboutToBeChanged.emit()
        old = self.persistentIndexList()
        followed = [self._shown[self._row(index.row())] for index in old]
        yield
        new = [
            self.index(self._row(self._position(entry)), index.column())
            for entry, index in zip(followed, old, strict=True)
        ]
        self.changePersistentIndexList(old, new)
        self.layoutChanged.emit()


def _stretches(numbers: list[int]) -> list[tuple[int, int]]:
    """First and last of each stretch of neighbours in ascending `numbers`."""
    if not numbers:
        return []
    breaks = [(low, high) for low, high in pairwise(numbers) if high != low + 1]
    return list(
        zip([numbers[0], *(high for _, high in breaks)], [*(low for low, _ in breaks), numbers[-1]], strict=True)
    )
