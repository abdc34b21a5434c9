"""The page Connections: every socket, sorted and filtered as the person likes."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRectF, Qt, QTimer
from PySide6.QtGui import QAction, QIcon, QPainter, QPaintEvent, QPalette, QPen
from PySide6.QtWidgets import QHBoxLayout, QLabel, QLineEdit, QStackedWidget, QVBoxLayout, QWidget

from netwatch_tray.feed.protocol import ConnectionsMessage, ServerMessage
from netwatch_tray.model import Connection
from netwatch_tray.window import connection_table
from netwatch_tray.window.connection_table import Row, is_listening
from netwatch_tray.window.controls import FlatButton, Strip, Text, draw_ring
from netwatch_tray.window.icons import icon
from netwatch_tray.window.page import Page
from netwatch_tray.window.table import SortedModel, TableView
from netwatch_tray.window.theme import CONTROL_RADIUS, GAP, MARGIN, Theme, text_width, tint

_CLOSED_STAY_MS = 3000
_LOADING_SHOWS_MS = 200
_ICON = 16
_BIG_ICON = 28


class _FilterField(QLineEdit):
    """A search field that also says how many rows are left."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._count = ""
        self.setFont(theme.fonts.base)
        self.setFrame(False)
        self.setFixedHeight(theme.height(30))
        self.setPlaceholderText(self.tr("Filter by app, address, port, state"))
        self.setAccessibleName(self.tr("Filter connections"))
        self.setToolTip(self.tr("Rows that hold all these words stay (Ctrl+F or /)"))
        self._search, self._clear = QAction(self), QAction(self)
        self._clear.setToolTip(self.tr("Clear the filter (Escape)"))
        self._clear.triggered.connect(self.clear)
        self.addAction(self._search, QLineEdit.ActionPosition.LeadingPosition)
        self.addAction(self._clear, QLineEdit.ActionPosition.TrailingPosition)
        self.textChanged.connect(lambda text: self._clear.setVisible(bool(text)))
        self._clear.setVisible(False)
        theme.changed.connect(self._colour)
        self._colour()

    def show_count(self, count: str) -> None:
        self._count = count
        # Room for the count, so that the text never runs under it.
        width = text_width(self._theme.fonts.small, count)
        self.setTextMargins(2, 0, width + GAP if count else 0, 0)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        tokens = self._theme.tokens
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        box = QRectF(self.rect())
        painter.setPen(QPen(tokens.ctl, 1))
        painter.setBrush(tokens.surface)
        painter.drawRoundedRect(box.adjusted(0.5, 0.5, -0.5, -0.5), CONTROL_RADIUS, CONTROL_RADIUS)
        if self.hasFocus():
            draw_ring(painter, self._theme, box, CONTROL_RADIUS)
        if self._count:
            painter.setFont(self._theme.fonts.small)
            painter.setPen(tokens.ink3)
            right = 30 if self.text() else 10
            painter.drawText(
                self.rect().adjusted(right, 0, -right, 0),
                Qt.AlignmentFlag.AlignTrailing | Qt.AlignmentFlag.AlignVCenter,
                self._count,
            )
        painter.end()
        super().paintEvent(event)

    def _colour(self) -> None:
        tokens, ratio = self._theme.tokens, self.devicePixelRatioF()
        self._search.setIcon(QIcon(icon("search", _ICON, tokens.ink3, ratio)))
        self._clear.setIcon(QIcon(icon("close", _ICON, tokens.ink3, ratio)))
        palette = QPalette(self.palette())
        palette.setColor(QPalette.ColorRole.Base, Qt.GlobalColor.transparent)
        palette.setColor(QPalette.ColorRole.Text, tokens.ink)
        palette.setColor(QPalette.ColorRole.PlaceholderText, tokens.ink3)
        self.setPalette(palette)


class _Instead(QWidget):
    """Stands where the table would be: why there are no rows, and what to do."""

    def __init__(self, theme: Theme, button: str) -> None:
        super().__init__()
        self._theme = theme
        self._title = Text(theme, theme.fonts.title)
        self._title.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self._detail = QLabel()
        self._detail.setFont(theme.fonts.base)
        self._detail.setTextFormat(Qt.TextFormat.PlainText)
        self._detail.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self._detail.setWordWrap(True)
        self.button = FlatButton(theme, button)
        theme.changed.connect(self._colour)
        self._colour()
        column = QVBoxLayout(self)
        column.setContentsMargins(40, 40 + _BIG_ICON, 40, 40)
        column.setSpacing(GAP)
        column.addStretch(2)
        column.addWidget(self._title)
        column.addWidget(self._detail)
        column.addSpacing(GAP)
        column.addWidget(self.button, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addStretch(3)

    def say(self, title: str, detail: str, *, button: bool = False) -> None:
        self._title.show_text(title)
        self._detail.setText(detail)
        self.button.setVisible(button)
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        tokens = self._theme.tokens
        painter = QPainter(self)
        painter.fillRect(self.rect(), tokens.surface)
        if self._title.text():
            symbol = icon("connections", _BIG_ICON, tokens.ink3, self.devicePixelRatioF())
            painter.drawPixmap((self.width() - _BIG_ICON) // 2, self._title.y() - _BIG_ICON - GAP, symbol)

    def _colour(self) -> None:
        tint(self._detail, self._theme.tokens.ink2)


class ConnectionsPage(Page):
    topics = frozenset({"interfaces", "connections"})

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._source: str | None = None
        self._fault: str | None = None
        self._known = False
        """Whether a list came since the agent is there."""
        self._agent_away = False

        strip = Strip(theme, theme.height(48))
        self.filter = _FilterField(theme)
        row = QHBoxLayout(strip)
        row.setContentsMargins(MARGIN, 0, MARGIN, 1)
        row.addWidget(self.filter)
        self._model = SortedModel(connection_table.columns(), key=lambda row: row.connection.key)
        self.table = TableView(theme, self._model, row_height=theme.height(26), lines=False)
        self.table.make_sortable()
        self.table.setAccessibleName(self.tr("Connections"))
        self._instead = _Instead(theme, self.tr("Clear filter"))
        self._stack = QStackedWidget()
        self._stack.addWidget(self._instead)
        self._stack.addWidget(self.table)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(strip)
        column.addWidget(self._stack, 1)

        self._loading = QTimer(self, singleShot=True, interval=_LOADING_SHOWS_MS)
        self._loading.timeout.connect(self._show_state)
        self.filter.textChanged.connect(self._model.set_filter)
        self.filter.returnPressed.connect(self.table.setFocus)
        self._instead.button.clicked.connect(self.filter.clear)
        self._model.refreshed.connect(self._show_state)
        self._loading.start()

    def receive(self, message: ServerMessage) -> None:
        self._agent_away = False
        if not isinstance(message, ConnectionsMessage):
            return
        self._source, self._fault = message.source, message.fault
        self._known = self._known or message.fault is None or bool(message.added)
        there = {row.connection.key: row for row in self._model.records()}
        gone: list[str] = []
        if message.reset:
            gone = list(there.keys() - {connection.key for connection in message.added})
        closed = [there[key]._replace(closed=True) for key in message.removed if key in there]
        with self.table.anchored():
            self._model.put([*map(Row, message.added), *map(Row, message.changed), *closed], gone)
        if closed:
            QTimer.singleShot(_CLOSED_STAY_MS, self, lambda: self._forget(closed))
        self.changed.emit()

    def lose_agent(self) -> None:
        if not self._agent_away:
            self._agent_away, self._known, self._fault = True, False, None
            self._model.clear()
            self.changed.emit()

    def status(self) -> list[str]:
        if not self._known:
            return []
        total, listening = self._counts()
        counts = self.tr("Sockets: {total}, listening: {listening}").format(total=total, listening=listening)
        texts = [self.tr("Live"), counts]
        if self._source:
            texts.append(self.tr("read with {source}").format(source=self._source))
        return texts

    def fault(self) -> tuple[str, str] | None:
        if not self._fault or self._model.total == 0:  # without rows the page itself says it
            return None
        return self.tr("The connection list may be old"), self._fault

    def take_focus(self) -> None:
        self._stack.currentWidget().setFocus()

    def go_to_filter(self) -> None:
        self.filter.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.filter.selectAll()

    def escape(self) -> bool:
        if self.filter.text():
            self.filter.clear()
            return True
        if self.filter.hasFocus():
            self.table.setFocus()
            return True
        return False

    def _forget(self, closed: Sequence[Row]) -> None:
        """Closed connections were seen long enough; one whose key came back meanwhile stays."""
        keys = {row.connection.key for row in closed}
        with self.table.anchored():
            self._model.put(
                (), [row.connection.key for row in self._model.records() if row.closed and row.connection.key in keys]
            )
        self.changed.emit()

    def _counts(self) -> tuple[int, int]:
        """Open sockets, and how many of them listen."""
        there: list[Connection] = [row.connection for row in self._model.records() if not row.closed]
        return len(there), sum(map(is_listening, there))

    def _show_state(self) -> None:
        filtered = bool(self.filter.text().strip())
        shown, total = self._model.rowCount(), self._model.total
        self.filter.show_count(self.tr("{shown} of {total}").format(shown=shown, total=total) if filtered else "")
        self._stack.setCurrentWidget(self.table if shown else self._instead)
        if shown:
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
