"""The menu of an app in the table."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QAction, QGuiApplication
from PySide6.QtWidgets import QMenu

from netwatch_tray.event import Mute
from netwatch_tray.window.pages.apps.rows import AppRow
from netwatch_tray.window.table.view import TableView
from netwatch_tray.window.widgets.formatting import native_keys


class AppsMenu(QObject):
    """Makes the context menu for a row of the app table.

    Signals: `mute_requested` carries the code of a mute and whether to set it (False: remove it). The others carry the
    row.
    """

    details_requested = Signal(object)
    connections_requested = Signal(object)
    mute_requested = Signal(str, bool)

    def __init__(self, table: TableView[AppRow]) -> None:
        super().__init__(table)
        self._table = table
        self.muted: Collection[str] = ()
        """Codes (event.Mute) of the mutes in the settings."""
        self.can_mute = True
        """Whether an agent is connected, which is needed to change mutes."""

    def make(self, row: AppRow | None) -> QMenu:
        """Return a new menu for the row that was clicked. It deletes itself when it is closed."""
        menu = QMenu(self._table)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        if row is not None and not row.is_rest:
            self._add(menu, self.tr("Details"), partial(self.details_requested.emit, row), "Return")
            shown = self._add(menu, self.tr("Show connections"), partial(self.connections_requested.emit, row))
            shown.setEnabled(row.app is not None)
            if row.app_key:
                self._add_mute(menu, row.app_key)
            menu.addSeparator()
            self._add(menu, self.tr("Copy name"), partial(_copy, row.name))
            program = row.app_key.partition(":")[2]
            if program and program != row.name:
                self._add(menu, self.tr("Copy program"), partial(_copy, program))
        # The table itself handles this key; it is only shown.
        self._add(menu, self.tr("Copy rows"), self._table.copy, "Ctrl+C")
        self._add(menu, self.tr("Copy all rows"), self._table.copy_all)
        return menu

    def _add_mute(self, menu: QMenu, key: str) -> None:
        code = Mute(app=key).code
        is_muted = code in self.muted
        name = self.tr("Notify again") if is_muted else self.tr("Mute alerts")
        if not self.can_mute:
            name = self.tr("{action} (the agent is not running)").format(action=name)
        action = self._add(menu, name, partial(self.mute_requested.emit, code, not is_muted))
        action.setEnabled(self.can_mute)

    def _add(self, menu: QMenu, name: str, act: Callable[[], None], keys: str = "") -> QAction:
        action = QAction(f"{name}\t{native_keys(keys)}" if keys else name, menu)
        action.triggered.connect(act)
        menu.addAction(action)
        return action


def _copy(text: str) -> None:
    QGuiApplication.clipboard().setText(text)
