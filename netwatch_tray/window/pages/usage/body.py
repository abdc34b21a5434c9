"""The area below the summary: charts of a period, with lists of the period or the details of one day beside or below
them."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from PySide6.QtCore import QLocale, Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QScrollArea, QStackedWidget, QWidget

from netwatch_tray.history.usage import Outlook
from netwatch_tray.units import Units
from netwatch_tray.window.pages.usage import sentences
from netwatch_tray.window.pages.usage.chart import Bar, Plan, UsageChart
from netwatch_tray.window.pages.usage.day_pane import DayPane
from netwatch_tray.window.pages.usage.figures import DayFigures, Figures
from netwatch_tray.window.pages.usage.heat_map import HeatMap
from netwatch_tray.window.pages.usage.lists import NameOf, apps, networks, period_lists
from netwatch_tray.window.pages.usage.pane import UsagePane
from netwatch_tray.window.pages.usage.place import Place
from netwatch_tray.window.pages.usage.words import week_begin
from netwatch_tray.window.widgets.empty_state import EmptyState
from netwatch_tray.window.widgets.formatting import day_name
from netwatch_tray.window.widgets.scroll_bar import SlimScrollBar
from netwatch_tray.window.widgets.theme import ANY_SIZE, Theme

_BESIDE_FROM = 1120
"""Window width in dip from which on lists and day details are beside the charts."""
_PERIODS_LIST = 1
"""Index of the list of periods among the lists beside the charts."""


class UsageBody(QScrollArea):
    """Charts, lists and the details of a day, in a scroll area.

    Signals: `day_chosen` carries the day that the user chose, None for no day. `week_opened`, `month_opened` carry a
    day; the user wants to see the week or the plan period that contains it.
    """

    day_chosen = Signal(object)
    week_opened = Signal(object)
    month_opened = Signal(object)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._found: Figures | None = None
        self._is_beside = True
        self._is_week = False
        self._is_unfolded: bool | None = None
        """Whether the user has unfolded (True) or folded the chart of the sum so far; None: neither, so the height of
        the window decides."""
        self.chart = UsageChart(theme)
        self.heat_map = HeatMap(theme)
        self.pane = UsagePane(theme)
        self.day_pane = DayPane(theme)
        self._instead = EmptyState(theme, "usage", "")
        self._stack = QStackedWidget()
        for widget in (self._instead, self.chart, self.heat_map):
            self._stack.addWidget(widget)
        inside = QWidget()
        self._row = QBoxLayout(QBoxLayout.Direction.LeftToRight, inside)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(0)
        self._row.addWidget(self._stack, 1)
        self._row.addWidget(self.pane)
        self._row.addWidget(self.day_pane)
        self.setFrameShape(QScrollArea.Shape.NoFrame)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBar(SlimScrollBar(theme))
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setWidget(inside)
        self.pane.hide()
        self.day_pane.hide()
        self.chart.chosen.connect(self._choose_bar)
        self.chart.folded.connect(self._fold)
        self.heat_map.chosen.connect(self.day_chosen)
        self.heat_map.month_opened.connect(self.month_opened)
        self.pane.opened.connect(self._open_line)
        self.day_pane.closed.connect(lambda: self.day_chosen.emit(None))

    @property
    def has_figures(self) -> bool:
        return self._stack.currentWidget() is not self._instead

    def arrange(self, width: int) -> None:
        """Place lists and day details beside the charts, or below them in a narrow window. `width`: of the window, in
        dip."""
        self._is_beside = width >= _BESIDE_FROM
        direction = QBoxLayout.Direction
        self._row.setDirection(direction.LeftToRight if self._is_beside else direction.TopToBottom)
        self.pane.set_beside(self._is_beside, width)
        self.day_pane.set_beside(self._is_beside, width)
        self.chart.fold(not (self._is_beside if self._is_unfolded is None else self._is_unfolded))
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def say_nothing(self, title: str, detail: str) -> None:
        """Show a title and a sentence instead of charts and lists, because there is no data."""
        self._found = None
        self._instead.show_message(title, detail)
        self._stack.setCurrentWidget(self._instead)
        self.pane.hide()
        self.day_pane.hide()

    def show_period(
        self, found: Figures, view: Outlook, place: Place, since: datetime | None, name_of: NameOf, shown_in: Units
    ) -> None:
        """Show charts and lists of a period. `found`: its amounts. `view`: the state of the data plan.

        `since`: local time at which the user reset the counter; None: never. `name_of`: returns the name to show for an
        app.
        """
        self._found = found
        plan = place.shown_plan
        cap = None if place.period == "week" else plan.cap_bytes
        self.pane.show_sections(period_lists(found, view, place.period, plan, since, name_of), cap, shown_in)
        self._is_week = place.period == "week"
        if place.period == "year":
            self.heat_map.show_year(found.span.first.year, found.days, found.today, shown_in, week_begin())
            self._stack.setCurrentWidget(self.heat_map)
        else:
            self.chart.show_bars(
                self.tr("Per day"),
                self._bars(found, is_week=place.period == "week"),
                self._plan(found, view) if place.period == "billing" else None,
                shown_in,
                found.unmeasured,
                summary=sentences.so_far(view, shown_in),
            )
            self._stack.setCurrentWidget(self.chart)
        self.mark_day(place.day)

    def mark_day(self, day: date | None) -> None:
        """Mark a day in the charts and show its details; None: mark none, and show the lists of the period."""
        self.heat_map.select(day)
        found = self._found
        self.chart.select((day - found.span.first).days if found and day else None)
        self.pane.setVisible(found is not None and day is None)
        self.day_pane.setVisible(found is not None and day is not None)
        if day is not None:
            self.day_pane.show_loading(day)

    def show_day(self, found: DayFigures, place: Place, name_of: NameOf, shown_in: Units) -> None:
        today = self._found.today if self._found else found.day
        self.day_pane.show_day(
            found,
            is_busiest=place.network is None and self._found is not None and self._found.busiest == found.day,
            is_of_all=place.network is not None,
            can_go=(place.can_step_day(-1, today), place.can_step_day(1, today)),
            shown_in=shown_in,
        )
        whole = found.used.both if found.used else None
        self.day_pane.show_lists(apps(found.apps, whole, name_of), networks(found.networks), shown_in)

    def _choose_bar(self, bar: int) -> None:
        if self._found:
            self.day_chosen.emit(self._found.span.first + timedelta(days=bar))

    def _open_line(self, section: int, line: int) -> None:
        if self._found and section == _PERIODS_LIST and line < len(self._found.listed):
            opened = self.week_opened if self._is_week else self.month_opened
            opened.emit(self._found.listed[line][0].first)

    def _fit(self) -> None:
        """Set the height of the charts to that of the visible area, also if the lists beside them are longer."""
        top = Qt.AlignmentFlag.AlignTop if self._is_beside else Qt.AlignmentFlag(0)
        self._row.setAlignment(self._stack, top)
        visible = max(self._stack.minimumSizeHint().height(), self.viewport().height())
        self._stack.setMinimumHeight(visible if self._is_beside else 0)
        self._stack.setMaximumHeight(visible if self._is_beside else ANY_SIZE)

    def _fold(self, is_folded: bool) -> None:
        self._is_unfolded = not is_folded
        self.chart.fold(is_folded)

    def _plan(self, found: Figures, view: Outlook) -> Plan:
        passed = min(found.span.length, (found.today - found.span.first).days + found.day_fraction)
        allowance = view.allowance if found.is_current else None
        return Plan(view.used, view.cap, allowance, view.projection, passed)

    def _bars(self, found: Figures, *, is_week: bool) -> list[Bar]:
        bars = []
        for number in range(found.span.length):
            day = found.span.first + timedelta(days=number)
            used = found.days.get(day)
            rx, tx = (used.rx, used.tx) if used else (None, None)
            name = str(day.day)
            if day == found.today:
                name = self.tr("today")
            elif is_week:
                name = QLocale().dayName(day.isoweekday(), QLocale.FormatType.ShortFormat)
            bars.append(Bar(name, day_name(day), rx, tx, is_now=day == found.today))
        return bars
