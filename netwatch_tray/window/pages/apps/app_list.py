"""The list of apps, below a stacked chart of their traffic. Pointing at an app highlights it in both."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QModelIndex, QPoint, Qt, Signal
from PySide6.QtGui import QGuiApplication, QKeyEvent
from PySide6.QtWidgets import QStackedWidget, QVBoxLayout, QWidget

from netwatch_tray.window.pages.apps.columns import AppContext, app_columns
from netwatch_tray.window.pages.apps.menu import AppsMenu
from netwatch_tray.window.pages.apps.rows import REMAINDER, AppRow
from netwatch_tray.window.pages.apps.stack_view import StackView
from netwatch_tray.window.table.model import SortedModel
from netwatch_tray.window.table.view import TableView
from netwatch_tray.window.widgets.empty_state import EmptyState
from netwatch_tray.window.widgets.theme import Theme

_SETTLE_MS = 2000


class AppList(QWidget):
    """The table of apps and the chart above it.

    Signals: `opened` carries the row whose details the user has opened by a click or Enter; `connections_requested`
    carries the row whose connections the user wants to see.
    """

    opened = Signal(object)
    connections_requested = Signal(object)

    def __init__(self, theme: Theme, context: Callable[[], AppContext], *, has_history: bool) -> None:
        super().__init__()
        self.stack = StackView(theme)
        self._model: SortedModel[AppRow] = SortedModel(app_columns(context), lambda row: row.key, settle_ms=_SETTLE_MS)
        self.table: TableView[AppRow] = TableView(theme, self._model, row_height=theme.height(36), lines=True)
        self.table.make_sortable("month" if has_history else "rx_rate", Qt.SortOrder.DescendingOrder)
        self.table.setAccessibleName(self.tr("Apps"))
        self.table.setAccessibleDescription(self.tr("Enter shows the details of the selected app"))
        self.table.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.menu = AppsMenu(self.table)
        self.instead = EmptyState(theme, "apps", self.tr("Clear search"))
        self._shown = QStackedWidget()
        self._shown.addWidget(self.instead)
        self._shown.addWidget(self.table)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.stack)
        column.addWidget(self._shown, 1)
        self.menu.details_requested.connect(self.opened)
        self.menu.connections_requested.connect(self.connections_requested)
        self.table.clicked.connect(self._click)
        self.table.customContextMenuRequested.connect(self._open_menu)
        self.table.hovered.connect(self._mark_layer)
        self.stack.hovered.connect(self._mark_row)

    def show_rows(self, rows: Sequence[AppRow]) -> None:
        """Show these rows. If there are none, show the widget `instead` in their place; the caller sets its text."""
        keys = {row.key for row in rows}
        with self.table.anchored():
            self._model.put(rows, [row.key for row in self._model.records() if row.key not in keys])
        self.table.viewport().update()  # the sparklines move, also in rows whose numbers stay
        self._shown.setCurrentWidget(self.table if rows else self.instead)

    def current(self) -> AppRow | None:
        """Return the selected row, or None if none is selected."""
        index = self.table.currentIndex()
        return self._model.record(index.row()) if index.isValid() else None

    def select(self, name: str) -> None:
        """Select the row of the app with this name; the first one if there are several."""
        row, current = next((row for row in self._model.records() if row.name == name), None), self.current()
        place = None if row is None or current == row else self._model.row_of(row.key)
        if place is not None and (current is None or current.name != name):
            self.table.setCurrentIndex(self._model.index(place, 0))

    def sort_by_day(self) -> None:
        """Sort by the amounts of the day that the table shows, largest first."""
        place = next(place for place, column in enumerate(self._model.columns) if column.id == "today")
        self.table.sortByColumn(place, Qt.SortOrder.DescendingOrder)

    def take_focus(self) -> None:
        self._shown.currentWidget().setFocus()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        row = self.current()
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and row is not None and not row.is_rest:
            self.opened.emit(row)
        else:
            super().keyPressEvent(event)

    def _click(self, index: QModelIndex) -> None:
        """Handle a click on a row: open its details, unless the user selects several rows."""
        row = self._model.record(index.row())
        selects_more = QGuiApplication.keyboardModifiers() & (
            Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
        )
        if not row.is_rest and not selects_more:
            self.opened.emit(row)

    def _open_menu(self, position: QPoint) -> None:
        index = self.table.indexAt(position)
        row = self._model.record(index.row()) if index.isValid() else None
        self.menu.make(row).popup(self.table.viewport().mapToGlobal(position))

    def _mark_layer(self, row: AppRow | None) -> None:
        stack = self.stack.stack
        if row is None or stack is None:
            self.stack.mark(None)
        elif row.key == REMAINDER:
            self.stack.mark("")
        else:
            self.stack.mark(row.name if stack.rank(row.name) is not None else None)

    def _mark_row(self, name: str | None) -> None:
        keys = (row.key for row in self._model.records() if row.name == name and not row.is_rest)
        self.table.mark(REMAINDER if name == "" else None if name is None else next(keys, None))
