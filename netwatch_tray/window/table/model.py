"""The model of a sorted table. A record is the data of a row, and has a key. Changes are reported to Qt row by row, so
that selection and scroll position stay."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, Generic

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt, QTimer, Signal

from netwatch_tray.text import csv_cell, printable, qt_tool_tip
from netwatch_tray.window.table.column import Column
from netwatch_tray.window.table.sorted_rows import Entry, Record, SortedRows

Index = QModelIndex | QPersistentModelIndex
NOWHERE = QModelIndex()
_LAYOUT = ("QList<QPersistentModelIndex>", "QAbstractItemModel::LayoutChangeHint")
_ROWS_MOVE = QAbstractTableModel.LayoutChangeHint.VerticalSortHint
"""Hint for Qt that only rows move. Without it the header lays out its columns again after every sort, and the table is
drawn twice."""


class SortedModel(QAbstractTableModel, Generic[Record]):
    """A table model of records, sorted by one column. Records may be grouped below headings, which are records, too."""

    refreshed = Signal()
    """Emitted after each change of the records."""

    def __init__(
        self,
        columns: Sequence[Column[Record]],
        key: Callable[[Record], Hashable],
        *,
        settle_ms: int = 0,
    ) -> None:
        """`key`: returns the key of a record. `settle_ms`: least milliseconds between two reorderings of rows because
        of changed records."""
        super().__init__()
        self.columns = columns
        self._key = key
        self._rows = SortedRows(key)
        self._is_held = False
        self._misplaced: dict[Hashable, Entry[Record]] = {}
        self._settled = QTimer(self, singleShot=True, interval=settle_ms)
        self._settled.timeout.connect(self._settle)
        self._rows.sort(next(column.order for column in columns if column.order), descending=False)

    def put(self, records: Iterable[Record], gone: Iterable[Hashable] = ()) -> None:
        """Remove the records whose keys are in `gone`, then add records, or replace those with the same key. Of several
        records with the same key, the last one is used."""
        rows, entries = self._rows, self._rows.entries
        fresh: list[Entry[Record]] = []
        changed: list[int] = []
        leaving = [entry for entry in (entries.pop(key, None) for key in gone) if entry is not None]
        for key, record in {self._key(record): record for record in records}.items():
            entry = entries.get(key)
            if entry is None:
                entry = entries[key] = Entry(record)
                fresh.append(entry)
            elif entry.record != record:
                entry.record = record
                changed.append(rows.row(entry))
                if rows.is_misplaced(entry):
                    self._misplaced[key] = entry
        if changed:
            self.dataChanged.emit(self.index(min(changed), 0), self.index(max(changed), len(self.columns) - 1))
        rows.remove(leaving, partial(self.beginRemoveRows, NOWHERE), self.endRemoveRows)
        rows.insert(fresh, partial(self.beginInsertRows, NOWHERE), self.endInsertRows)
        self._settle()
        self.refreshed.emit()

    def clear(self) -> None:
        """Remove all records."""
        self.put((), list(self._rows.entries))

    def set_heading(self, heading: Callable[[Record], Record | None] | None) -> None:
        """Set the function that returns the heading of a record, itself a record of this table; None for no headings.

        It applies to records that are put after this call.
        """
        self._rows.heading = heading

    def hold_order(self, held: bool) -> None:
        """Set whether existing rows keep their order although values change, so that none moves under the mouse
        pointer. New rows are always inserted where they belong."""
        self._is_held = held
        self._settle()

    def records(self) -> Iterator[Record]:
        """Yield all records, unsorted."""
        return (entry.record for entry in self._rows.entries.values())

    def record(self, row: int) -> Record:
        """Return the record of a row."""
        return self._rows[row].record

    def key(self, row: int) -> Hashable:
        """Return the key of a row."""
        return self._key(self.record(row))

    def row_of(self, key: Hashable) -> int | None:
        """Return the row of a key, or None if there is no such record."""
        entry = self._rows.entries.get(key)
        return None if entry is None else self._rows.row(entry)

    def is_heading(self, row: int) -> bool:
        """Return whether the row is the heading of a group."""
        heading = self._rows.heading
        return heading is not None and heading(self.record(row)) is None

    def rowCount(self, parent: Index = NOWHERE) -> int:
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: Index = NOWHERE) -> int:
        return 0 if parent.isValid() else len(self.columns)

    def as_text(self, rows: Iterable[int]) -> str:
        """Return rows, given by number, as tab-separated lines with all columns. Texts that a spreadsheet would take
        for a formula are escaped."""
        lines = ("\t".join(str(csv_cell(each.text(self.record(row)))) for each in self.columns) for row in rows)
        return "\n".join(lines)

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
            return self.columns[section].shown_title
        return None

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Sort by a column. Do nothing if the column has no sort key."""
        if value := self.columns[column].order:
            with self._rearranged():
                self._rows.sort(value, descending=order == Qt.SortOrder.DescendingOrder)
                self._misplaced.clear()

    def _settle(self) -> None:
        """Move rows with changed records to where they belong, unless the order is held, or rows were moved less than
        `settle_ms` ago."""
        if not self._misplaced or self._is_held or self._settled.isActive():
            return
        with self._rearranged():
            entries = self._rows.entries  # some may have been removed meanwhile
            self._rows.restore_order(entry for key, entry in self._misplaced.items() if entries.get(key) is entry)
            self._misplaced.clear()
        if self._settled.interval():
            self._settled.start()

    @contextmanager
    def _rearranged(self) -> Iterator[None]:
        """Report to Qt that the block changes the order of rows. Selection and current row follow their records."""
        self.layoutAboutToBeChanged[_LAYOUT].emit([], _ROWS_MOVE)  # type: ignore[index]  # missing in the stubs
        old = self.persistentIndexList()
        followed = [self._rows[index.row()] for index in old]
        yield
        new = [self.index(self._rows.row(entry), index.column()) for entry, index in zip(followed, old, strict=True)]
        self.changePersistentIndexList(old, new)
        self.layoutChanged[_LAYOUT].emit([], _ROWS_MOVE)  # type: ignore[index]
