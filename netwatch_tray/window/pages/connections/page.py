"""The Connections page: every socket with its rates, filtered, grouped and sorted as the user chooses."""

from __future__ import annotations

import time
from collections.abc import Iterable

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QKeyEvent, QShowEvent
from PySide6.QtWidgets import QStackedWidget, QVBoxLayout

from netwatch_tray import wording
from netwatch_tray.feed.protocol import (
    WATCHED_INTERVAL_S,
    AppsMessage,
    ConnectionsMessage,
    Hello,
    ServerMessage,
    SettingsMessage,
    Status,
    TickMessage,
    Topic,
)
from netwatch_tray.language import said
from netwatch_tray.units import Units
from netwatch_tray.window.data.app_looks import AppLooks
from netwatch_tray.window.pages.connections.bar import ConnectionsBar
from netwatch_tray.window.pages.connections.columns import ConnectionContext, connection_columns
from netwatch_tray.window.pages.connections.details import ConnectionDetails
from netwatch_tray.window.pages.connections.folding import Folding
from netwatch_tray.window.pages.connections.grouping import Grouping, table_lines
from netwatch_tray.window.pages.connections.helper_offer import HelperOffer
from netwatch_tray.window.pages.connections.menu import ConnectionsMenu
from netwatch_tray.window.pages.connections.reconciliation import ReconciliationStrip
from netwatch_tray.window.pages.connections.rows import ConnectionList, ConnectionRow, Group, Line, heading, key
from netwatch_tray.window.pages.page import ALWAYS, Page
from netwatch_tray.window.table.model import SortedModel
from netwatch_tray.window.table.view import TableView
from netwatch_tray.window.widgets.empty_state import EmptyState
from netwatch_tray.window.widgets.side_pane import SidePane
from netwatch_tray.window.widgets.theme import Theme

_CLOSED_STAY_S = 3.0
_LOADING_DELAY_MS = 200
"""Milliseconds to wait for the list before the text that it is being read is shown; it would flash otherwise."""
_EXPORT_FAULT_MS = 20_000
"""Milliseconds for which the reason of a failed export is shown."""
_SETTLE_MS = 1500
"""Least milliseconds between two changes of the row order. Less than the agent's interval of 2 s, so that rows move
when new values arrive, and are drawn only once."""


class ConnectionsPage(Page):
    def __init__(self, theme: Theme, looks: AppLooks) -> None:
        super().__init__()
        self._looks = looks
        self._units = Units()
        self._rows = ConnectionList()
        self._app_names: dict[str, str] = {}
        """Names of apps as the Apps page shows them, by key."""
        self._matching = 0
        self._most = (0.0, 0.0)
        """Highest download and upload rate of all connections (bytes/s), for the bars; computed once for all cells."""
        self._has = (False, False)
        """Whether any connection has a host name, and whether any has a country."""
        self._now = time.time()
        self._paused = False
        self._source: str | None = None
        self._fault: str | None = None
        self._not_exported = ""
        """Why the last export failed; emptied after `_EXPORT_FAULT_MS`."""
        self._is_known = False
        """Whether the agent has sent a list since it connected."""
        self._agent_away = False
        self._is_unread = False
        """Whether the interfaces were not read in the last tick, as while measuring is paused."""

        self.sums = ReconciliationStrip(theme)
        self.offer = HelperOffer(theme)
        self.bar = ConnectionsBar(theme, lambda connection: self._app_names.get(connection.app or ""))
        self._model: SortedModel[Line] = SortedModel(connection_columns(self._context), key, settle_ms=_SETTLE_MS)
        self.table = TableView(theme, self._model, row_height=theme.height(26), lines=False)
        self.table.make_sortable("rx_rate", Qt.SortOrder.DescendingOrder)
        self.table.setAccessibleName(self.tr("Connections"))
        self.table.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self._folding = Folding(self.table)
        self.menu = ConnectionsMenu(self.table)
        self._instead = EmptyState(theme, "connections", self.tr("Clear filter"))
        self._stack = QStackedWidget()
        self._stack.addWidget(self._instead)
        self._stack.addWidget(self.table)
        self.details = ConnectionDetails(theme)
        self.side = SidePane(self._stack, self.details)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.sums)
        column.addWidget(self.offer)
        column.addWidget(self.bar)
        column.addWidget(self.side, 1)

        self._loading = QTimer(self, singleShot=True, interval=_LOADING_DELAY_MS)
        self._loading.timeout.connect(self._show_state)
        self._export_fault = QTimer(self, singleShot=True, interval=_EXPORT_FAULT_MS)
        self._export_fault.timeout.connect(lambda: self._report_export(""))
        self.bar.filter_changed.connect(self._show_all)
        self.bar.grouping_changed.connect(self._regroup)
        self.bar.field.returnPressed.connect(self.table.setFocus)
        self.bar.menu_button.clicked.connect(lambda: self.bar.open_below(self.menu.make(), self.bar.menu_button))
        self.bar.details_button.clicked.connect(self.side.toggle)
        self.menu.exported.connect(self._report_export)
        self._instead.button.clicked.connect(self.bar.field.clear)
        self.table.customContextMenuRequested.connect(
            lambda where: self.menu.make().popup(self.table.viewport().mapToGlobal(where))
        )
        self._folding.changed.connect(self._show_all)
        self.table.doubleClicked.connect(lambda at: self._fold_or_toggle_details(self._model.record(at.row())))
        self.table.selectionModel().currentRowChanged.connect(lambda *_: self._show_details())
        self.side.opened.connect(self._show_details)
        self.side.closed.connect(self.table.setFocus)
        self.details.close_requested.connect(self.side.close_pane)
        self.details.app_requested.connect(self.bar.filter_app)
        self._regroup()

    @property
    def topics(self) -> frozenset[Topic]:
        return ALWAYS if self._paused else ALWAYS | {"connections", "apps"}

    def receive(self, message: ServerMessage) -> None:
        self._agent_away = False
        if isinstance(message, Hello | SettingsMessage):
            self._units = message.settings.units
            if isinstance(message, Hello):
                self._expect_list()
        elif isinstance(message, TickMessage):
            self._is_unread = message.tick.is_unread
        elif isinstance(message, Status):
            self.offer.offer(message.offers_helper)
        elif isinstance(message, AppsMessage) and not self._paused:
            names = {app.key: self._looks.name(app.key, wording.app_name(app.name)) for app in message.apps}
            is_new, self._app_names = names != self._app_names, names
            if is_new and self.bar.filter.tests:
                self._show_all()
            if self._is_unread:
                self.sums.forget()
            else:
                self.sums.show_apps(message, self._units)
            self.offer.show_apps(message)
        elif isinstance(message, ConnectionsMessage) and not self._paused:
            self._take(message)

    def lose_agent(self) -> None:
        if not self._agent_away:
            self._agent_away = True
            self._forget()
            self.changed.emit()

    def set_paused(self, paused: bool) -> None:
        self._paused = paused
        if self._agent_away:
            self._forget()
        self.changed.emit()

    def status(self) -> list[str]:
        if not self._is_known:
            return []
        counts = self.tr("Sockets: {total}, listening: {listening}").format(
            total=self._rows.open, listening=self._rows.listening
        )
        live = self.tr("Live, every {seconds:.0f} s").format(seconds=WATCHED_INTERVAL_S)
        texts = [self.tr("Frozen") if self._paused else live, counts]
        if hidden := self._rows.hidden(self.bar.filter):
            texts.append(self.tr("In TIME_WAIT, not shown: {count} (state:time)").format(count=hidden))
        if self._source:
            texts.append(self.tr("read with {source}").format(source=self._source))
        return texts

    def fault(self) -> tuple[str, str] | None:
        if self._fault and self._rows:  # without rows the page itself shows it
            return self.tr("The connection list may be old"), self._fault
        if self._not_exported:
            return self.tr("The list was not saved"), self._not_exported
        return None

    def take_focus(self) -> None:
        self._stack.currentWidget().setFocus()

    def go_to_filter(self) -> None:
        self.bar.field.focus_and_select()

    def escape(self) -> bool:
        if self.side.is_open and self.side.is_floating:
            self.side.close_pane()
            return True
        return self.bar.field.handle_escape(self.table)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        line = self._current()
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and line is not None:
            self._fold_or_toggle_details(line)
        elif line is None or not self._folding.take_key(event.key(), line):
            super().keyPressEvent(event)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._expect_list()

    def _context(self) -> ConnectionContext:
        return ConnectionContext(self._units, self._now, *self._most, *self._has, self._app_names)

    def _expect_list(self) -> None:
        """Show a text that the list is being read, unless it arrives within `_LOADING_DELAY_MS`."""
        if not self._is_known:
            self._loading.start()
            self._show_state()

    def _forget(self) -> None:
        """Remove the connections and show sums as unknown, unless the page is paused. Called without an agent."""
        if not self._paused:
            self._is_known, self._fault = False, None
            self._rows.keep_only(())
            self.sums.forget()
            self._show_all()

    def _take(self, message: ConnectionsMessage) -> None:
        self._source, self._fault = message.source, said(message.fault) if message.fault else None
        self._is_known = self._is_known or message.fault is None or bool(message.added)
        self._now = time.time()
        moment = time.monotonic()
        # Closed rows are removed with the next refresh rather than by a timer, so that the table is drawn once for
        # both.
        gone = self._rows.drop_closed(moment - _CLOSED_STAY_S)
        if message.reset:
            gone += self._rows.keep_only(connection.key for connection in message.added)
        put = (*message.added, *message.changed)
        self._rows.put(put)
        closed = self._rows.close(message.removed, moment)
        self._most = (self._rows.most_rx, self._rows.most_tx)
        has = (self._rows.has_hosts, self._rows.has_countries)
        if has != self._has:
            self._has = has
            self.table.fit_columns()
        if self.bar.grouping is Grouping.NONE:
            self._show_changed([*(connection.key for connection in put), *closed], gone)
        else:
            self._show_all()
        self.changed.emit()

    def _show_changed(self, changed: Iterable[str], gone: Iterable[str]) -> None:
        """Update only the rows with these keys. Used if the table has no groups, so that no other row depends on
        them."""
        shown: list[ConnectionRow] = []
        hidden: list[ConnectionRow] = []
        for name in changed:
            row = self._rows[name]
            (shown if self.bar.filter.matches(row.connection) else hidden).append(row)
        with self.table.anchored():
            self._model.put(shown, [*gone, *(row.connection.key for row in hidden)])
        self._matching = self._model.rowCount()
        self._refresh()

    def _show_all(self) -> None:
        rows = [row for row in self._rows if self.bar.filter.matches(row.connection)]
        lines = {key(line): line for line in table_lines(rows, self.bar.grouping, self._app_names, self._folding.keys)}
        gone = [name for name in map(key, self._model.records()) if name not in lines]
        with self.table.anchored():
            self._model.put(lines.values(), gone)
        self._matching = len(rows)
        self._refresh()

    def _regroup(self) -> None:
        self._model.clear()
        self._model.set_heading(None if self.bar.grouping is Grouping.NONE else heading)
        self._show_all()

    def _refresh(self) -> None:
        self.table.viewport().update()  # bars and ages change also in rows that stay
        self._show_details()
        self._show_state()

    def _fold_or_toggle_details(self, line: Line) -> None:
        if isinstance(line, Group):
            self._folding.toggle(line)
        else:
            self.side.toggle()

    def _current(self) -> Line | None:
        index = self.table.currentIndex()
        return self._model.record(index.row()) if index.isValid() else None

    def _show_details(self) -> None:
        if self.side.is_open:
            self.details.show_line(self._current(), self._context())

    def _report_export(self, fault: str) -> None:
        self._not_exported = fault
        if fault:
            self._export_fault.start()
        self.changed.emit()

    def _show_state(self) -> None:
        """Show the table or, if it is empty, the reason in its place."""
        words = self.bar.field.text().strip()
        total = len(self._rows) - self._rows.hidden(self.bar.filter)
        self.bar.field.show_count(
            self.tr("{shown} of {total}").format(shown=self._matching, total=total) if words else ""
        )
        self._stack.setCurrentWidget(self.table if self._matching else self._instead)
        if self._matching:
            return
        if total:
            one, many = (
                self.tr("The only socket does not match “{words}”. New matches appear automatically."),
                self.tr("None of the {total} sockets matches “{words}”. New matches appear automatically."),
            )
            detail = (one if total == 1 else many).format(total=total, words=words)
            self._instead.show_message(self.tr("No connection matches"), detail, button=True)
        elif self._fault:
            self._instead.show_message(self.tr("The connection list is missing"), self._fault)
        elif self._agent_away:
            self._instead.show_message(
                self.tr("Connections are not known"), self.tr("The list returns when the agent runs again.")
            )
        elif self._is_known:
            self._instead.show_message(
                self.tr("No connections"),
                self.tr("No program has a socket open. The list fills by itself when one does."),
            )
        elif self._loading.isActive():
            self._instead.show_message("", "")
        else:
            self._instead.show_message(self.tr("Reading the connections …"), "")
