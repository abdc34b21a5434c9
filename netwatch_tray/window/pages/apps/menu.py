"""The menu of an app in the table."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QAction, QGuiApplication
from PySide6.QtWidgets import QMenu

from netwatch_tray.window.pages.apps.rows import AppRow
from netwatch_tray.window.table.view import TableView
from netwatch_tray.window.widgets.formatting import native_keys


class AppsMenu(QObject):
    """Makes menus for the rows of a table."""

    def __init__(
        self, table: TableView[AppRow], open_details: Callable[[AppRow], None], connections: Callable[[AppRow], None]
    ) -> None:
        super().__init__(table)
        self._table = table
        self._open_details, self._connections = open_details, connections

    def make(self, row: AppRow | None) -> QMenu:
        """Return a new menu, which deletes itself when it is closed. `row`: the one that was clicked."""
        menu = QMenu(self._table)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        if row is not None and not row.is_rest:
            self._add(menu, self.tr("Details"), partial(self._open_details, row), "Return")
            shown = self._add(menu, self.tr("Show connections"), partial(self._connections, row))
            shown.setEnabled(row.app is not None)
            menu.addSeparator()
            self._add(menu, self.tr("Copy name"), partial(_copy, row.name))
            program = row.app_key.partition(":")[2]
            if program and program != row.name:
                self._add(menu, self.tr("Copy program"), partial(_copy, program))
        # The table itself handles this key; it is only shown.
        self._add(menu, self.tr("Copy rows"), self._table.copy, "Ctrl+C")
        self._add(menu, self.tr("Copy all rows"), self._table.copy_all)
        return menu

    def _add(self, menu: QMenu, name: str, act: Callable[[], None], keys: str = "") -> QAction:
        action = QAction(f"{name}\t{native_keys(keys)}" if keys else name, menu)
        action.triggered.connect(act)
        menu.addAction(action)
        return action


def _copy(text: str) -> None:
    QGuiApplication.clipboard().setText(text)
