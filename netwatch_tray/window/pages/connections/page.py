"""The page Connections: every socket with its rates, filtered, grouped and sorted as the person likes."""

from __future__ import annotations

import time
from collections.abc import Iterable
from functools import partial
from pathlib import Path

from PySide6.QtCore import QCoreApplication, QModelIndex, QPoint, Qt, QTimer
from PySide6.QtGui import QAction, QActionGroup, QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QMenu, QStackedWidget, QVBoxLayout, QWidget

from netwatch_tray.feed.protocol import AppsMessage, ConnectionsMessage, Hello, ServerMessage, SettingsMessage, Topic
from netwatch_tray.units import Units
from netwatch_tray.window.pages.connections.columns import (
    ConnectionContext,
    ConnectionRow,
    Group,
    Line,
    connection_columns,
    heading,
    key,
    owner,
)
from netwatch_tray.window.pages.connections.details import ConnectionDetails
from netwatch_tray.window.pages.connections.export import save_csv, save_json
from netwatch_tray.window.pages.connections.filter import ConnectionFilter, FilterError, parse
from netwatch_tray.window.pages.connections.reconciliation import ReconciliationStrip
from netwatch_tray.window.pages.connections.rows import ConnectionList
from netwatch_tray.window.pages.page import Page
from netwatch_tray.window.table.model import SortedModel
from netwatch_tray.window.table.view import TableView
from netwatch_tray.window.widgets.buttons import FlatButton
from netwatch_tray.window.widgets.empty_state import EmptyState
from netwatch_tray.window.widgets.formatting import native_keys
from netwatch_tray.window.widgets.search_field import SearchField
from netwatch_tray.window.widgets.strip import Strip
from netwatch_tray.window.widgets.text import Text
from netwatch_tray.window.widgets.theme import GAP, MARGIN, Theme

_CLOSED_STAY_S = 3.0
_LOADING_SHOWS_MS = 200
_SETTLE_MS = 1500
"""Less than the agent's period, so that rows move when a refresh comes, and are drawn once."""
_PANE_FROM = 1120
"""Window width from which on the details stand beside the table instead of over it."""
_RX = 6
"""The column of received rates."""

_GROUPINGS = ("none", "app", "remote")


class ConnectionsPage(Page):
    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._units = Units()
        self._rows = ConnectionList()
        self._app_names: dict[str, str] = {}
        self._filter = ConnectionFilter()
        self._problem = ""
        self._grouping = "none"
        self._folded: set[str] = set()
        self._matching = 0
        self._most = (0.0, 0.0)
        self._now = time.time()
        self._paused = False
        self._source: str | None = None
        self._fault: str | None = None
        self._unsaved: str | None = None
        """Why the last export failed."""
        self._known = False
        """Whether a list came since the agent is there."""
        self._agent_away = False

        self._sums = ReconciliationStrip(theme)
        self._strip = Strip(theme, theme.height(48))
        self.filter = SearchField(
            theme, self.tr("app: port: host: state: unit: rate>1M, or any word"), self.tr("Filter connections")
        )
        self.filter.setToolTip(
            self.tr(
                "Conditions side by side must all hold; a comma means “or”, - turns one round ({keys} or /)"
            ).format(keys=native_keys("Ctrl+F"))
        )
        self._group_button = FlatButton(theme, "", trailing="chevron")
        self._more_button = FlatButton(theme, "", symbol="more")
        self._details_button = FlatButton(theme, "", symbol="pane")
        self._wrong = Text(theme, theme.fonts.small, "err")
        self._wrong.hide()
        self._model: SortedModel[Line] = SortedModel(connection_columns(self._context), key, settle_ms=_SETTLE_MS)
        self.table = TableView(theme, self._model, row_height=theme.height(26), lines=False)
        self.table.make_sortable(_RX, Qt.SortOrder.DescendingOrder)
        self.table.setAccessibleName(self.tr("Connections"))
        self.table.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self._instead = EmptyState(theme, "connections", self.tr("Clear filter"))
        self._stack = QStackedWidget()
        self._stack.addWidget(self._instead)
        self._stack.addWidget(self.table)
        self.details = ConnectionDetails(theme, self)
        self._group_menu = self._make_group_menu()
        self._actions = self._make_actions()
        self._lay_out(theme)

        self._loading = QTimer(self, singleShot=True, interval=_LOADING_SHOWS_MS)
        self._loading.timeout.connect(self._show_state)
        self.filter.textChanged.connect(self._set_filter)
        self.filter.returnPressed.connect(self.table.setFocus)
        self._instead.button.clicked.connect(self.filter.clear)
        self._group_button.clicked.connect(lambda: self._open_below(self._group_menu, self._group_button))
        self._more_button.clicked.connect(lambda: self._open_below(self._menu(), self._more_button))
        self._details_button.clicked.connect(self.toggle_details)
        self.table.customContextMenuRequested.connect(
            lambda where: self._menu().popup(self.table.viewport().mapToGlobal(where))
        )
        self.table.clicked.connect(self._clicked)
        self.table.doubleClicked.connect(self._fold_or_open)
        self.table.selectionModel().currentRowChanged.connect(lambda *_: self._show_details())
        self.details.closed.connect(self._close_details)
        self.details.only_app.connect(self.filter_app)
        self._loading.start()
        self.group_by("none")

    @property
    def topics(self) -> frozenset[Topic]:
        return frozenset({"interfaces"} if self._paused else {"interfaces", "connections", "apps"})

    @property
    def grouping(self) -> str:
        return self._grouping

    def receive(self, message: ServerMessage) -> None:
        self._agent_away = False
        if isinstance(message, Hello | SettingsMessage):
            self._units = message.settings.units
        elif isinstance(message, AppsMessage) and not self._paused:
            self._app_names = {app.key: app.name for app in message.apps}
            self._sums.show_apps(message, self._units)
        elif isinstance(message, ConnectionsMessage) and not self._paused:
            self._take(message)

    def lose_agent(self) -> None:
        if not self._agent_away:
            self._agent_away, self._known, self._fault = True, False, None
            self._rows.keep_only(())
            self._sums.forget()
            self._show_all()
            self.changed.emit()

    def set_paused(self, paused: bool) -> None:
        self._paused = paused
        self.changed.emit()

    def status(self) -> list[str]:
        if not self._known:
            return []
        counts = self.tr("Sockets: {total}, listening: {listening}").format(
            total=self._rows.open, listening=self._rows.listening
        )
        texts = [self.tr("Paused") if self._paused else self.tr("Live, every 2 s"), counts]
        if self._source:
            texts.append(self.tr("read with {source}").format(source=self._source))
        return texts

    def fault(self) -> tuple[str, str] | None:
        if self._unsaved:
            return self.tr("The list was not saved"), self._unsaved
        if not self._fault or not self._rows:  # without rows the page itself says it
            return None
        return self.tr("The connection list may be old"), self._fault

    def take_focus(self) -> None:
        self._stack.currentWidget().setFocus()

    def go_to_filter(self) -> None:
        self.filter.go_to()

    def escape(self) -> bool:
        if self.details.isVisible() and self._details_float():
            self._close_details()
            return True
        return self.filter.step_back(self.table)

    def group_by(self, grouping: str) -> None:
        """`none`, `app` or `remote`; anything else is none."""
        self._grouping = grouping = grouping if grouping in _GROUPINGS else "none"
        names = (self.tr("No groups"), self.tr("Group by app"), self.tr("Group by remote"))
        text = dict(zip(_GROUPINGS, names, strict=True))[grouping]
        self._group_button.setText(text)
        self._group_button.setAccessibleName(self.tr("Grouping: {name}").format(name=text))
        self._group_button.updateGeometry()
        self._group_menu.actions()[_GROUPINGS.index(grouping)].setChecked(True)
        self._model.clear()
        self._model.set_heading(None if grouping == "none" else heading)
        self._show_all()

    def next_grouping(self) -> None:
        self.group_by(_GROUPINGS[(_GROUPINGS.index(self._grouping) + 1) % len(_GROUPINGS)])

    def filter_app(self, name: str) -> None:
        """Shows the connections of this app alone."""
        self.filter.setText(f'app:"{name}"' if " " in name else f"app:{name}")

    def toggle_details(self) -> None:
        if self.details.isVisible():
            self._close_details()
        else:
            self.details.show()
            self._place_details()
            self._show_details()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        current = self.table.currentIndex()
        line = self._model.record(current.row()) if current.isValid() else None
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and line is not None:
            self._fold_or_open(current)
        elif event.key() in (Qt.Key.Key_Left, Qt.Key.Key_Right) and line is not None:
            self._fold_by_key(line, fold=event.key() == Qt.Key.Key_Left)
        else:
            super().keyPressEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._place_details()

    def _lay_out(self, theme: Theme) -> None:
        self._group_button.setToolTip(
            self.tr("Group by app, by remote address or not at all ({keys})").format(keys=native_keys("Ctrl+G"))
        )
        self._more_button.setToolTip(self.tr("Copy and export"))
        self._more_button.setAccessibleName(self.tr("Copy and export"))
        self._details_button.setToolTip(self.tr("Details of the selected connection (Enter)"))
        self._details_button.setAccessibleName(self.tr("Details"))
        row = QHBoxLayout()
        row.setSpacing(GAP)
        for widget in (self.filter, self._group_button, self._more_button, self._details_button):
            row.addWidget(widget)
        inside = QVBoxLayout(self._strip)
        inside.setContentsMargins(MARGIN, 9, MARGIN, 10)
        inside.setSpacing(4)
        inside.addLayout(row)
        inside.addWidget(self._wrong)
        self._strip_height = theme.height(48)
        self._wrong_height = self._wrong.fontMetrics().height() + 4
        self._beside = QHBoxLayout()
        self._beside.setSpacing(0)
        self._beside.addWidget(self._stack, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._sums)
        column.addWidget(self._strip)
        column.addLayout(self._beside, 1)

    def _make_group_menu(self) -> QMenu:
        menu = QMenu(self)
        one_of = QActionGroup(menu)
        for grouping, name in zip(
            _GROUPINGS, (self.tr("No groups"), self.tr("By app"), self.tr("By remote address")), strict=True
        ):
            action = one_of.addAction(name)
            action.setCheckable(True)
            action.triggered.connect(partial(self.group_by, grouping))
            menu.addAction(action)
        return menu

    def _make_actions(self) -> list[QAction]:
        actions = []
        for name, keys, act in (
            (self.tr("Copy cell"), "Ctrl+Shift+C", self.table.copy_cell),
            (self.tr("Copy rows"), "Ctrl+C", self.table.copy),
            (self.tr("Copy all rows"), "", self.table.copy_all),
            (self.tr("Export as CSV …"), "", partial(self._export, "csv")),
            (self.tr("Export as JSON …"), "", partial(self._export, "json")),
        ):
            # The keys are shown only: the table answers to them.
            action = QAction(f"{name}\t{native_keys(keys)}" if keys else name, self)
            action.triggered.connect(act)
            actions.append(action)
        return actions

    def _menu(self) -> QMenu:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addActions(self._actions[:3])
        menu.addSeparator()
        menu.addActions(self._actions[3:])
        return menu

    def _open_below(self, menu: QMenu, button: QWidget) -> None:
        # Not beyond the window's edge, where the button is at it.
        beyond = button.mapTo(self, QPoint(menu.sizeHint().width(), 0)).x() - (self.width() - MARGIN)
        menu.popup(button.mapToGlobal(QPoint(-max(0, beyond), button.height() + 2)))

    def _context(self) -> ConnectionContext:
        return ConnectionContext(self._units, self._now, *self._most)

    def _take(self, message: ConnectionsMessage) -> None:
        self._source, self._fault = message.source, message.fault
        self._known = self._known or message.fault is None or bool(message.added)
        self._now = time.time()
        now = time.monotonic()
        # With the refresh after, not on a timer of their own: the table is drawn once for both.
        gone = self._rows.drop_closed(now - _CLOSED_STAY_S)
        if message.reset:
            gone += self._rows.keep_only(connection.key for connection in message.added)
        put = (*message.added, *message.changed)
        self._rows.put(put)
        closed = self._rows.close(message.removed, now)
        self._most = (self._rows.most_rx, self._rows.most_tx)
        self._show_changed([*(connection.key for connection in put), *closed], gone)
        self.changed.emit()

    def _show_changed(self, changed: Iterable[str], gone: Iterable[str]) -> None:
        """What is new of these rows, when nothing else depends on them."""
        if self._grouping != "none":
            self._show_all()
            return
        shown: list[ConnectionRow] = []
        hidden: list[ConnectionRow] = []
        for name in changed:
            row = self._rows[name]
            (shown if self._filter.matches(row.connection) else hidden).append(row)
        with self.table.anchored():
            self._model.put(shown, [*gone, *(row.connection.key for row in hidden)])
        self._matching = self._model.rowCount()
        self._shown()

    def _show_all(self) -> None:
        rows = [row for row in self._rows if self._filter.matches(row.connection)]
        lines: dict[str, Line] = {}
        if self._grouping == "none":
            lines = {row.connection.key: row for row in rows}
        else:
            for group, below in self._grouped(rows):
                lines[key(group)] = group
                if not group.folded:
                    lines.update((row.connection.key, row._replace(group=group)) for row in below)
        gone = [name for name in map(key, self._model.records()) if name not in lines]
        with self.table.anchored():
            self._model.put(lines.values(), gone)
        self._matching = len(rows)
        self._shown()

    def _grouped(self, rows: Iterable[ConnectionRow]) -> Iterable[tuple[Group, list[ConnectionRow]]]:
        by_app = self._grouping == "app"
        groups: dict[str, list[ConnectionRow]] = {}
        for row in rows:
            connection = row.connection
            found = (connection.app or owner(connection)) if by_app else connection.remote_address
            groups.setdefault(found or "", []).append(row)
        for name, below in groups.items():
            there = [row.connection for row in below if not row.closed]
            title = (self._app_names.get(name) or owner(below[0].connection)) if by_app else name
            nothing = self.tr("Program unknown") if by_app else self.tr("No remote address")
            received = [each.rx_rate for each in there if each.rx_rate is not None]
            sent = [each.tx_rate for each in there if each.tx_rate is not None]
            group = Group(
                key=name,
                name=title or nothing,
                connections=len(there),
                rx_rate=sum(received) if received else None,
                tx_rate=sum(sent) if sent else None,
                folded=name in self._folded,
            )
            yield group, below

    def _shown(self) -> None:
        self.table.viewport().update()  # bars and ages change with what is around them
        self._show_details()
        self._show_state()

    def _set_filter(self, text: str) -> None:
        try:
            self._filter = parse(text)
        except FilterError as error:  # the last good result stays
            sentence = QCoreApplication.translate("Filter", str(error.problem))
            self._problem = sentence.format(**error.values)
            self.filter.show_error(error.token)
        else:
            self._problem = ""
            self.filter.show_error("")
            self._show_all()
        self._wrong.show_text(self._problem)
        self._wrong.setVisible(bool(self._problem))
        self._strip.setFixedHeight(self._strip_height + (self._wrong_height if self._problem else 0))

    def _clicked(self, index: QModelIndex) -> None:
        line = self._model.record(index.row())
        pressed = self.table.viewport().mapFromGlobal(self.cursor().pos()).x()
        right_to_left = self.layoutDirection() == Qt.LayoutDirection.RightToLeft
        from_edge = self.table.viewport().width() - pressed if right_to_left else pressed
        if isinstance(line, Group) and from_edge < MARGIN + 16:
            self._fold(line, not line.folded)

    def _fold_or_open(self, index: QModelIndex) -> None:
        line = self._model.record(index.row())
        if isinstance(line, Group):
            self._fold(line, not line.folded)
        else:
            self.toggle_details()

    def _fold_by_key(self, line: Line, *, fold: bool) -> None:
        if isinstance(line, Group):
            self._fold(line, fold)
        elif fold and line.group is not None:
            row = self._model.row_of(key(line.group))
            if row is not None:
                self.table.setCurrentIndex(self._model.index(row, 0))

    def _fold(self, group: Group, fold: bool) -> None:
        (self._folded.add if fold else self._folded.discard)(group.key)
        self._show_all()

    def _details_float(self) -> bool:
        return self.window().width() < _PANE_FROM

    def _place_details(self) -> None:
        """Beside the table where there is room, else over it."""
        if self.details.isHidden():
            return
        beside = self._beside.indexOf(self.details) >= 0
        if self._details_float():
            if beside:
                self._beside.removeWidget(self.details)
            top = self._stack.mapTo(self, QPoint(0, 0)).y()
            width = self.details.width()
            right_to_left = self.layoutDirection() == Qt.LayoutDirection.RightToLeft
            self.details.setGeometry(0 if right_to_left else self.width() - width, top, width, self.height() - top)
            self.details.raise_()
        elif not beside:
            self._beside.addWidget(self.details)

    def _show_details(self) -> None:
        if self.details.isHidden():
            return
        current = self.table.currentIndex()
        line = self._model.record(current.row()) if current.isValid() else None
        self.details.show_line(line, self._context())

    def _close_details(self) -> None:
        self._beside.removeWidget(self.details)
        self.details.hide()
        self.table.setFocus()

    def _export(self, kind: str) -> None:
        """What the filter lets through, in the order of the table."""
        found = [self._model.record(row) for row in range(self._model.rowCount())]
        connections = [line.connection for line in found if isinstance(line, ConnectionRow)]
        name, _chosen = QFileDialog.getSaveFileName(self, self.tr("Export connections"), f"connections.{kind}")
        if not name:
            return
        try:
            (save_csv if kind == "csv" else save_json)(Path(name), connections)
        except OSError as error:
            self._unsaved = f"{error.strerror}: {name}"
        else:
            self._unsaved = None
        self.changed.emit()

    def _show_state(self) -> None:
        filtered = bool(self.filter.text().strip())
        total = len(self._rows)
        count = self.tr("{shown} of {total}").format(shown=self._matching, total=total) if filtered else ""
        self.filter.show_count(count)
        self._stack.setCurrentWidget(self.table if self._matching else self._instead)
        if self._matching:
            return
        if total:
            self._instead.say(
                self.tr("No connection matches"),
                self.tr("Open sockets: {total}, none has “{words}”. The list fills by itself when one appears.").format(
                    total=total, words=self.filter.text().strip()
                ),
                button=True,
            )
        elif self._fault:
            self._instead.say(self.tr("The connection list is missing"), self._fault)
        elif self._agent_away:
            self._instead.say(
                self.tr("Connections are not known"), self.tr("The list comes back by itself together with the agent.")
            )
        elif self._known:
            self._instead.say(
                self.tr("No connections"),
                self.tr("No program has a socket open. The list fills by itself when one does."),
            )
        elif self._loading.isActive():
            self._instead.say("", "")
        else:
            self._instead.say(self.tr("Reading the connections …"), "")
