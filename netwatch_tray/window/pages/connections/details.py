"""The details pane of one connection, or of a group."""

from __future__ import annotations

from collections import deque
from datetime import datetime

from PySide6.QtCore import QRectF, Qt, Signal
from PySide6.QtGui import QFontMetrics, QGuiApplication, QPainter, QPaintEvent
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from netwatch_tray import units
from netwatch_tray.model import Connection
from netwatch_tray.units import UNKNOWN
from netwatch_tray.window.chart.series import Point
from netwatch_tray.window.chart.sparkline import draw_flat_line, draw_sparkline
from netwatch_tray.window.pages.connections.columns import (
    ConnectionContext,
    origin_in_words,
    owner_name,
    scope_in_words,
    state_in_words,
    why_no_rate,
)
from netwatch_tray.window.pages.connections.rows import ConnectionRow, Group, Line, key
from netwatch_tray.window.widgets.buttons import FlatButton
from netwatch_tray.window.widgets.formatting import duration, rtt
from netwatch_tray.window.widgets.layout import clear
from netwatch_tray.window.widgets.painting import paint_pane
from netwatch_tray.window.widgets.scroll_bar import SlimScrollBar
from netwatch_tray.window.widgets.text import Text
from netwatch_tray.window.widgets.theme import GAP, MARGIN, Theme
from netwatch_tray.wording import owner

_WIDTH = 296
_PADDING = 12

_MINUTE = 60.0
_INTERVAL = 2.0
"""Seconds between two of the agent's readings of the sockets."""
_PICTURE = 64

_Section = tuple[str, list[tuple[str, str]]]


class ConnectionDetails(QWidget):
    """The details of a connection or of a group.

    Signals: `close_requested`: the user clicked the close button. `app_requested` carries the name of an app; the user
    wants to see only its connections.
    """

    close_requested = Signal()
    app_requested = Signal(str)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._app: str | None = None
        self._text = ""
        self._labels: list[str] = []
        self._values: list[Text] = []
        self.setAccessibleName(self.tr("Details"))
        self.setFixedWidth(theme.height(_WIDTH))
        self._title = Text(theme, theme.fonts.title)
        self._below = Text(theme, theme.fonts.small, "ink2")
        self._sparkline = _RateSparkline(theme)
        close = FlatButton(theme, "", symbol="close")
        close.setToolTip(self.tr("Close the details (Escape)"))
        close.setAccessibleName(self.tr("Close the details"))
        self._copy = FlatButton(theme, self.tr("Copy"))
        self._only = FlatButton(theme, self.tr("Only this app"))
        self._body = QWidget()
        self._grid = QGridLayout(self._body)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(GAP)
        self._grid.setVerticalSpacing(6)
        self._grid.setColumnStretch(1, 1)
        scroll = QScrollArea()
        scroll.setFrameShape(QScrollArea.Shape.NoFrame)
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(self._body)
        scroll.viewport().setAutoFillBackground(False)
        self._body.setAutoFillBackground(False)
        scroll.setVerticalScrollBar(SlimScrollBar(theme))
        head = QHBoxLayout()
        head.addWidget(self._title, 1)
        head.addWidget(close)
        buttons = QHBoxLayout()
        buttons.setSpacing(GAP)
        buttons.addWidget(self._copy)
        buttons.addWidget(self._only)
        buttons.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(MARGIN, _PADDING, MARGIN, _PADDING)
        column.setSpacing(GAP)
        column.addLayout(head)
        column.addWidget(self._below)
        column.addWidget(self._sparkline)
        column.addWidget(scroll, 1)
        column.addLayout(buttons)
        close.clicked.connect(self.close_requested)
        self._copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(self._text))
        self._only.clicked.connect(self._emit_app)

    def show_line(self, line: Line | None, context: ConnectionContext) -> None:
        title, below, sections = self._describe(line, context)
        self._title.show_text(title)
        self._below.show_text(below)
        self._sparkline.add(line, context.now)
        labels = [word for heading, rows in sections for word in (heading, *(label for label, _value in rows))]
        if labels != self._labels:
            self._labels = labels
            self._rebuild(sections)
        values = [value for _heading, rows in sections for _label, value in rows]
        for text, value in zip(self._values, values, strict=True):
            text.show_text(value)
        self._text = "\n".join([title, below, *(f"{a}: {b}" for _heading, rows in sections for a, b in rows)])
        self._app = line.connection.app_name or owner(line.connection) if isinstance(line, ConnectionRow) else None
        self._only.setVisible(self._app is not None)
        self._copy.setVisible(line is not None)

    def _emit_app(self) -> None:
        if self._app is not None:
            self.app_requested.emit(self._app)

    def paintEvent(self, _event: QPaintEvent) -> None:
        paint_pane(self, self._theme)

    def _describe(self, line: Line | None, context: ConnectionContext) -> tuple[str, str, list[_Section]]:
        if line is None:
            return self.tr("Nothing selected"), self.tr("Choose a connection in the table."), []
        if isinstance(line, Group):
            rates = [
                (self.tr("Download"), str(units.rate(line.rx_rate, context.units))),
                (self.tr("Upload"), str(units.rate(line.tx_rate, context.units))),
                (self.tr("Connections"), str(line.connections)),
            ]
            return line.name, self.tr("All of the group together"), [(self.tr("Now"), rates)]
        return self._describe_connection(line, context)

    def _describe_connection(self, row: ConnectionRow, context: ConnectionContext) -> tuple[str, str, list[_Section]]:
        it = row.connection
        who = owner_name(it, context) or self.tr("Program unknown")
        sections: list[_Section] = [
            (
                self.tr("Now"),
                [
                    (self.tr("Download"), str(units.rate(it.rx_rate, context.units))),
                    (self.tr("Upload"), str(units.rate(it.tx_rate, context.units))),
                ],
            ),
            (
                self.tr("Connection"),
                [
                    *([(self.tr("Host"), it.host), (self.tr("Name from"), origin_in_words(it))] if it.host else []),
                    (self.tr("Remote"), it.remote or UNKNOWN),
                    *([(self.tr("Reaches"), scope_in_words(it))] if it.scope else []),
                    *([(self.tr("Country"), it.country)] if it.country else []),
                    (self.tr("Local"), it.local),
                    (self.tr("Interface"), it.interface or UNKNOWN),
                    (self.tr("State"), state_in_words(row) or it.transport),
                    (self.tr("Opened by"), self._caller(it.is_incoming)),
                    (self.tr("Since"), self._since(it.since, context.now)),
                    (self.tr("Received"), str(units.size(it.rx_bytes, context.units))),
                    (self.tr("Sent"), str(units.size(it.tx_bytes, context.units))),
                ],
            ),
        ]
        if it.protocol == "TCP" and it.rtt_s is not None:
            repeated = UNKNOWN if it.retransmits is None else str(it.retransmits)
            sections.append(("TCP", [(self.tr("Round trip"), rtt(it.rtt_s)), (self.tr("Retransmits"), repeated)]))
        sections.append(
            (
                self.tr("Process"),
                [
                    (self.tr("Name"), it.process or UNKNOWN),
                    (self.tr("PID"), UNKNOWN if it.pid is None else str(it.pid)),
                    (self.tr("User"), it.user or UNKNOWN),
                    (self.tr("Unit"), it.unit or UNKNOWN),
                ],
            )
        )
        below = f"{it.transport} {it.remote or it.local}"
        return who, below if it.rx_rate is not None else f"{below}. {why_no_rate(it)}", sections

    def _caller(self, is_incoming: bool | None) -> str:
        if is_incoming is None:
            return UNKNOWN
        return self.tr("the other side") if is_incoming else self.tr("this computer")

    def _since(self, since: float | None, now: float) -> str:
        if since is None:
            return self.tr("before NetWatch")
        return f"{datetime.fromtimestamp(since).astimezone():%H:%M:%S} ({duration(now - since)})"

    def _rebuild(self, sections: list[_Section]) -> None:
        clear(self._grid)
        self._values = []
        theme, fonts = self._theme, self._theme.fonts
        number = 0
        for heading, rows in sections:
            title = Text(theme, fonts.small_strong, "ink2")
            title.show_text(heading)
            title.setContentsMargins(0, GAP if number else 0, 0, 0)
            self._grid.addWidget(title, number, 0, 1, 2)
            number += 1
            for label, _value in rows:
                name, value = Text(theme, fonts.base, "ink2"), Text(theme, fonts.base)
                name.show_text(label)
                value.setAlignment(Qt.AlignmentFlag.AlignTrailing)
                self._grid.addWidget(name, number, 0)
                self._grid.addWidget(value, number, 1)
                self._values.append(value)
                number += 1
        self._grid.setRowStretch(number, 1)


class _RateSparkline(QWidget):
    """Sparkline with the rates of the selected connection or group: over the last minute, but not before it was
    selected."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._of: str | None = None
        self._points: deque[Point] = deque()
        self.setFixedHeight(theme.height(_PICTURE) + QFontMetrics(theme.fonts.small).height())
        self.setAccessibleName(self.tr("The last minute, download above upload"))
        self.setToolTip(self.tr("The last minute, since these details were opened"))
        self.hide()

    def add(self, line: Line | None, now: float) -> None:
        shown = None if line is None else key(line)
        if shown != self._of:
            self._of = shown
            self._points.clear()
        if line is not None and (not self._points or self._points[-1].at < now):
            rates: Connection | Group = line.connection if isinstance(line, ConnectionRow) else line
            self._points.append(Point(now, rates.rx_rate, rates.tx_rate))
            while self._points[0].at < now - _MINUTE - 2 * _INTERVAL:
                self._points.popleft()
        self.setVisible(any(point.rx is not None for point in self._points))
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        tokens, fonts = self._theme.tokens, self._theme.fonts
        painter = QPainter(self)
        line = QFontMetrics(fonts.small).height()
        box = QRectF(0, 2, self.width(), self.height() - line - 4)
        painter.setFont(fonts.small)
        painter.setPen(tokens.ink3)
        # Time runs from left to right in every language.
        below = QRectF(0, self.height() - line, self.width(), line)
        painter.drawText(below, Qt.AlignmentFlag.AlignLeft, "\u221260 s")
        painter.drawText(below, Qt.AlignmentFlag.AlignRight, self.tr("now"))
        if not any(point.rx or point.tx for point in self._points):
            draw_flat_line(painter, box, tokens)
            return
        now = self._points[-1].at
        draw_sparkline(painter, box, list(self._points), (now - _MINUTE, now), _INTERVAL, tokens)
