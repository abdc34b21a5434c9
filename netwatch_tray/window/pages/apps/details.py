"""The details of one app: amounts, rates over time, remote hosts and listening sockets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import date

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QScrollArea, QStackedWidget, QVBoxLayout, QWidget

from netwatch_tray import units
from netwatch_tray.kinds import TcpState
from netwatch_tray.model import Connection
from netwatch_tray.units import DOWN, UNKNOWN, UP, Units
from netwatch_tray.window.chart.amount_chart import AmountChart
from netwatch_tray.window.chart.chart import Chart
from netwatch_tray.window.data.app_looks import AppLooks
from netwatch_tray.window.pages.apps.columns import shown_name
from netwatch_tray.window.pages.apps.hosts import Hosts
from netwatch_tray.window.pages.apps.parts import AppHead, Facts, Figure, Figures, Heading
from netwatch_tray.window.pages.apps.queries import ALERT_DAYS, DAY_S, RANGES_S, AppFacts, Drawn
from netwatch_tray.window.pages.apps.rows import AppRow, Moved
from netwatch_tray.window.pages.apps.words import range_name
from netwatch_tray.window.widgets.buttons import FlatButton
from netwatch_tray.window.widgets.formatting import long_date
from netwatch_tray.window.widgets.painting import paint_pane
from netwatch_tray.window.widgets.scroll_bar import SlimScrollBar
from netwatch_tray.window.widgets.theme import GAP, Theme

_PADDING = 20
_CHART_HEIGHT, _MOST_CHART_HEIGHT = 214, 330
_TWO_COLUMNS_FROM = 880
_MOST_PORTS = 6
_LAST_ROW = 6


class AppDetails(QScrollArea):
    """The details of an app, beside the list or in place of it.

    Signals: `closed`: the user closed the details. `connections_requested`: the user wants to see the app's
    connections.
    """

    closed = Signal()
    connections_requested = Signal()

    def __init__(self, theme: Theme, looks: AppLooks) -> None:
        super().__init__()
        self._theme, self._looks = theme, looks
        self._is_beside = True
        self._range = -1
        self.setAccessibleName(self.tr("Details"))
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBar(SlimScrollBar(theme))
        self._body = _Ground(theme)
        self.setWidget(self._body)
        self._head = AppHead(theme, looks, theme.fonts.screen_title)
        self._connections = FlatButton(theme, self.tr("Show connections"))
        self._close = FlatButton(theme, "", "close")
        self._close.setToolTip(self.tr("Close the details (Escape)"))
        self._close.setAccessibleName(self.tr("Close the details"))
        self._top = QWidget()
        row = QHBoxLayout(self._top)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(GAP)
        row.addWidget(self._head, 1)
        row.addWidget(self._connections)
        row.addWidget(self._close)
        self._figures = Figures(theme)
        self.chart = Chart(theme)
        self.amounts = AmountChart(theme, has_header=False)
        self._charts = QStackedWidget()
        self._charts.addWidget(self.chart)
        self._charts.addWidget(self.amounts)
        self._charts.setMinimumHeight(theme.height(_CHART_HEIGHT))
        self._charts.setMaximumHeight(theme.height(_MOST_CHART_HEIGHT))
        self._heading = Heading(theme)
        self._drawing = QWidget()
        drawing = QVBoxLayout(self._drawing)
        drawing.setContentsMargins(0, 0, 0, 0)
        drawing.setSpacing(0)
        drawing.addWidget(self._heading)
        drawing.addWidget(self._charts, 1)
        self.hosts = Hosts(theme)
        self._line = _Line(theme)
        self._facts = Facts(theme)
        self._grid = QGridLayout(self._body)
        self._grid.setContentsMargins(_PADDING, 12, _PADDING, 12)
        self._grid.setHorizontalSpacing(2 * _PADDING)
        self._grid.setVerticalSpacing(14)
        self._has_two_columns: bool | None = None
        self._lay_out(two_columns=False)
        self._close.clicked.connect(self.closed)
        self._connections.clicked.connect(self.connections_requested)

    def stand_beside(self, is_beside: bool) -> None:
        """Set whether the details are beside the list. If they replace it, the strip above them shows the app's name,
        so it is hidden here."""
        self._is_beside = is_beside
        self._top.setVisible(is_beside)
        self._body.has_line = is_beside

    def set_units(self, shown_in: Units) -> None:
        self.chart.set_units(shown_in)
        self.amounts.set_units(shown_in)

    def show_app(
        self, row: AppRow, facts: AppFacts | None, sockets: Iterable[Connection], month: str, shown_in: Units
    ) -> None:
        """Show an app. `facts`: amounts from the history, None if unknown. `sockets`: the app's open sockets. `month`:
        name of the month or plan period."""
        self._head.show_app(row.app_key, shown_name(row, self._looks), self._about(row))
        self._connections.setEnabled(row.app is not None)
        self._figures.show_figures(self._figures_of(row, facts, month, shown_in))
        self._facts.show_facts(self._facts_of(row, facts, list(sockets)))

    def show_curve(self, name: str, drawn: Drawn | None, index: int) -> None:
        """Show the app's rates or amounts over time. `drawn`: None while they are being read. `index`: index of the
        time range."""
        if index != self._range:
            self._range = index
            self.chart.set_range(RANGES_S[index], range_name(index))
        notice = "" if drawn else self.tr("Reading the history …")
        shown = self.amounts if RANGES_S[index] >= DAY_S else self.chart
        self._charts.setCurrentWidget(shown)
        shown.show_notice(notice)
        amounts = drawn.amounts if drawn else None
        if shown is self.amounts:
            self.amounts.show_amounts(f"{name}, {range_name(index)}", amounts)
        elif drawn:
            self.chart.set_series(name, drawn.points, drawn.end, drawn.step)
        self._heading.setVisible(shown is self.amounts)
        self._heading.show_width(amounts.width if amounts else None)

    def _about(self, row: AppRow) -> str:
        kind, _, program = row.app_key.partition(":")
        program = program if kind in ("executable", "bundle", "script", "unit") else ""
        if row.app is None:
            return program or self.tr("has no connection now")
        count = row.app.processes
        processes = self.tr("1 process") if count == 1 else self.tr("{count} processes").format(count=count)
        return f"{processes}, {program}" if program else processes

    def _figures_of(self, row: AppRow, facts: AppFacts | None, month: str, shown_in: Units) -> list[Figure]:
        def of(label: str, moved: Moved | None) -> Figure:
            if moved is None:
                return Figure(label, UNKNOWN, "")
            down, up = units.size(moved.rx, shown_in), units.size(moved.tx, shown_in)
            return Figure(label, str(units.size(moved.both, shown_in)), f"{DOWN} {down} {UP} {up}")

        usual = facts.usual if facts else None
        if facts is None:
            below = ""
        elif usual is None:
            below = self.tr("not known yet")
        else:
            below = self.tr("median of {count} d").format(count=facts.usual_days)
        last_week = ""
        if facts is not None:
            before = facts.last_week.both if facts.last_week else None
            last_week = self.tr("last week {amount}").format(amount=units.size(before, shown_in))
        return [
            of(self.tr("Today"), facts.today if facts else row.today),
            of(self.tr("This week"), facts.week if facts else None)._replace(below=last_week),
            of(month, facts.month if facts else row.month),
            Figure(self.tr("Usual day"), str(units.size(usual, shown_in)), below),
        ]

    def _facts_of(self, row: AppRow, facts: AppFacts | None, sockets: list[Connection]) -> list[tuple[str, str]]:
        first = _with_year(facts.first_day) if facts and facts.first_day else UNKNOWN
        return [
            (self.tr("Connections"), self._count(row, sockets)),
            (self.tr("Listens on"), self._ports(row, sockets)),
            (self.tr("First seen"), first),
            (self.tr("Alerts"), self._alerts(facts)),
        ]

    def _alerts(self, facts: AppFacts | None) -> str:
        if facts is None:
            return UNKNOWN
        if not facts.alerts:
            return self.tr("none in {days} d").format(days=ALERT_DAYS)
        return self.tr("{count} in {days} d").format(count=facts.alerts, days=ALERT_DAYS)

    def _count(self, row: AppRow, sockets: list[Connection]) -> str:
        if row.app is None:
            return self.tr("none now")
        connected = [each for each in sockets if each.remote_address is not None]
        if not connected:
            return self.tr("none now") if sockets or not row.app.connections else str(row.app.connections)
        protocols = Counter(each.protocol for each in connected)
        kinds = ", ".join(f"{protocols[each]} {each}" for each in sorted(protocols))
        return self.tr("{count} now: {kinds}").format(count=len(connected), kinds=kinds)

    def _ports(self, row: AppRow, sockets: list[Connection]) -> str:
        if row.app is not None and not sockets:
            return UNKNOWN
        found = sorted(
            {
                (each.protocol, each.local_port)
                for each in sockets
                if each.local_port is not None
                and (each.state is TcpState.LISTEN or (each.state is None and not each.remote))
            }
        )
        if not found:
            return self.tr("nothing")
        named = ", ".join(f"{protocol} {port}" for protocol, port in found[:_MOST_PORTS])
        return f"{named} …" if len(found) > _MOST_PORTS else named

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._lay_out(two_columns=self.viewport().width() >= self._theme.height(_TWO_COLUMNS_FROM))

    def _lay_out(self, *, two_columns: bool) -> None:
        """Place the hosts below the chart or, where there is room for two columns, beside everything else."""
        if two_columns == self._has_two_columns:
            return
        self._has_two_columns = two_columns
        below = [] if two_columns else [self.hosts]
        first = [self._top, self._figures, self._drawing, *below, self._line, self._facts]
        for widget in (*first, self.hosts):
            self._grid.removeWidget(widget)
        for place, widget in enumerate(first):
            self._grid.addWidget(widget, place, 0)
        if two_columns:
            self._grid.addWidget(self.hosts, 0, 1, _LAST_ROW + 1, 1, Qt.AlignmentFlag.AlignTop)
            self._grid.setRowStretch(first.index(self._drawing), 30)
        self._grid.setRowStretch(_LAST_ROW, 1)
        self._grid.setColumnStretch(0, 5 if two_columns else 1)
        self._grid.setColumnStretch(1, 3 if two_columns else 0)


class _Line(QWidget):
    """A thin horizontal line between two parts."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self.setFixedHeight(1)

    def paintEvent(self, _event: QPaintEvent) -> None:
        QPainter(self).fillRect(self.rect(), self._theme.tokens.line)


class _Ground(QWidget):
    """The background of the pane, with a line at the leading edge while something is beside it."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self.has_line = True

    def paintEvent(self, _event: QPaintEvent) -> None:
        paint_pane(self, self._theme, "leading" if self.has_line else None)


def _with_year(day: date) -> str:
    return f"{long_date(day)} {day.year}"
