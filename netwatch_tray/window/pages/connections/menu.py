"""The menu of the connection table: copy and export."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QFileDialog, QMenu

from netwatch_tray.errors import reason_of
from netwatch_tray.window.pages.connections.export import save_csv, save_json
from netwatch_tray.window.pages.connections.rows import ConnectionRow, Line
from netwatch_tray.window.table.view import TableView
from netwatch_tray.window.widgets.formatting import native_keys


class ConnectionsMenu(QObject):
    """Makes the context menu of the connection table. Signal `exported`: an export has finished, carries why it failed,
    or an empty text."""

    exported = Signal(str)

    def __init__(self, table: TableView[Line]) -> None:
        super().__init__(table)
        self._table = table
        # The table itself handles these keys; they are only shown.
        self._copy = (
            self._action(self.tr("Copy cell"), table.copy_cell, "Ctrl+Shift+C"),
            self._action(self.tr("Copy rows"), table.copy, "Ctrl+C"),
            self._action(self.tr("Copy all rows"), table.copy_all),
        )
        self._export = (
            self._action(self.tr("Export as CSV …"), partial(self.export, "csv")),
            self._action(self.tr("Export as JSON …"), partial(self.export, "json")),
        )

    def make(self) -> QMenu:
        """Return a new menu, which deletes itself when it is closed."""
        menu = QMenu(self._table)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addActions(self._copy)
        menu.addSeparator()
        menu.addActions(self._export)
        return menu

    def export(self, kind: str) -> None:
        """Ask the user for a file, and save the connections that match the filter, in the order of the table. `kind`:
        csv or json."""
        model = self._table.model()
        lines = [model.record(row) for row in range(model.rowCount())]
        connections = [line.connection for line in lines if isinstance(line, ConnectionRow)]
        name, _filter = QFileDialog.getSaveFileName(self._table, self.tr("Export connections"), f"connections.{kind}")
        if not name:
            return
        try:
            (save_csv if kind == "csv" else save_json)(Path(name), connections)
        except OSError as error:
            self.exported.emit(f"{reason_of(error)}: {name}")
        else:
            self.exported.emit("")

    def _action(self, name: str, act: Callable[[], None], keys: str = "") -> QAction:
        action = QAction(f"{name}\t{native_keys(keys)}" if keys else name, self)
        action.triggered.connect(act)
        return action
