"""Stores what the window remembers from one run to the next, such as its size, in an ini file."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QByteArray, QSettings, Qt
from PySide6.QtWidgets import QWidget

from netwatch_tray.window.table.view import TableView


class WindowMemory:
    """Reads and writes the remembered values. Values of a wrong type are ignored, because the user may have edited the
    file."""

    def __init__(self, file: QSettings) -> None:
        self._file = file

    def number(self, key: str, default: int = 0) -> int:
        text = str(self._file.value(key, default))
        return int(text) if text.isascii() and text.isdigit() else default

    def text(self, key: str) -> str:
        return str(self._file.value(key, ""))

    def save(self, **values: int | str) -> None:
        for key, value in values.items():
            self._file.setValue(key, value)

    def restore_geometry(self, window: QWidget) -> bool:
        """Set the window to its stored size and position. Return whether any were stored."""
        geometry = self._file.value("geometry")
        return isinstance(geometry, QByteArray) and window.restoreGeometry(geometry)

    def save_geometry(self, window: QWidget) -> None:
        self._file.setValue("geometry", window.saveGeometry())

    def restore_order(self, name: str, table: TableView[Any]) -> None:
        """Sort a table by the column that was stored under `name`, if the table still has it."""
        descending = self.number(f"{name}/descending") == 1
        order = Qt.SortOrder.DescendingOrder if descending else Qt.SortOrder.AscendingOrder
        table.sort_by(self.text(f"{name}/column"), order)

    def save_order(self, name: str, table: TableView[Any]) -> None:
        column, order = table.sorted_by
        self._file.setValue(f"{name}/column", column)
        self._file.setValue(f"{name}/descending", int(order == Qt.SortOrder.DescendingOrder))

    @property
    def acknowledged(self) -> set[str]:
        """Return the texts of the notices that the user has acknowledged, so that they are not shown again."""
        stored = self._file.value("understood", [])
        # QSettings returns a list of one as a string.
        return set(map(str, stored if isinstance(stored, list) else [stored]))

    def acknowledge(self, detail: str) -> None:
        self._file.setValue("understood", sorted(self.acknowledged | {detail}))

    def sync(self) -> None:
        """Write the file now."""
        self._file.sync()
