"""The page Usage: amounts of this week, month or year, and what is left of the data plan."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from PySide6.QtCore import QDate, QLocale, Qt, Signal
from PySide6.QtGui import QResizeEvent, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QStackedWidget, QVBoxLayout

from netwatch_tray import units
from netwatch_tray.feed.protocol import Hello, ServerMessage, SettingsMessage
from netwatch_tray.history.usage import Days, Outlook, Period, outlook
from netwatch_tray.settings import DataPlan
from netwatch_tray.units import Units
from netwatch_tray.window.data.history_queries import HistoryQueries
from netwatch_tray.window.data.history_range import HistoryRange
from netwatch_tray.window.pages.page import Page
from netwatch_tray.window.pages.usage.chart import Bar, Plan, UsageChart
from netwatch_tray.window.pages.usage.figures import Figures, query_figures
from netwatch_tray.window.pages.usage.pane import Amount, UsagePane
from netwatch_tray.window.pages.usage.plan_bar import PlanBar
from netwatch_tray.window.widgets.buttons import FlatButton, Segments
from netwatch_tray.window.widgets.empty_state import EmptyState
from netwatch_tray.window.widgets.formatting import long_date, short_date
from netwatch_tray.window.widgets.interface_words import kind_in_words
from netwatch_tray.window.widgets.strip import Strip
from netwatch_tray.window.widgets.text import Text
from netwatch_tray.window.widgets.theme import GAP, MARGIN, Theme

if TYPE_CHECKING:
    from netwatch_tray.history.results import NetworkUse

_STALE_AFTER_S = 60.0
"""The agent writes once a minute."""
_PERIODS: tuple[Period, ...] = ("week", "billing", "year")
_MAX_NETWORKS = 4
_PANE_FROM = 1120
"""Window width."""


class UsagePage(Page):
    """`plan_requested`: the user wants to change the data plan."""

    plan_requested = Signal()
    MONTH = 1
    """The index of the month among the periods."""

    def __init__(self, theme: Theme, history: HistoryQueries | None) -> None:
        super().__init__()
        self._stored: HistoryRange[Figures] = HistoryRange(history, self)
        self._units = Units()
        self._plan = DataPlan()
        self._read_at: datetime | None = None

        strip = Strip(theme, theme.height(92))
        self._amount = Text(theme, theme.fonts.rate)
        self._amount.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)  # never cut
        self._of = Text(theme, theme.fonts.base, "ink2")
        self._sentence = Text(theme, theme.fonts.small, "ink2")
        self._bar = PlanBar(theme)
        names = (self.tr("Week"), self.tr("Month"), self.tr("Year"))
        self._periods = Segments(theme, names, self.tr("Period"))
        change = FlatButton(theme, self.tr("Data plan…"))
        change.setToolTip(self.tr("The cap, and the day its month begins on"))
        change.clicked.connect(self.plan_requested)
        self.chart = UsageChart(theme)
        self._pane = UsagePane(theme)
        self._instead = EmptyState(theme, "usage", "")
        self._stack = QStackedWidget()
        self._stack.addWidget(self._instead)
        self._stack.addWidget(self.chart)
        upper = QHBoxLayout()
        upper.setSpacing(GAP)
        upper.addWidget(self._amount)
        upper.addWidget(self._of, 0, Qt.AlignmentFlag.AlignBottom)
        upper.addStretch(1)
        upper.addWidget(self._periods)
        upper.addWidget(change)
        said = QVBoxLayout(strip)
        said.setContentsMargins(MARGIN, 6, MARGIN, 7)
        said.setSpacing(3)
        said.addLayout(upper)
        said.addWidget(self._bar)
        said.addWidget(self._sentence)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(strip)
        beside = QHBoxLayout()
        beside.setSpacing(0)
        beside.addWidget(self._stack, 1)
        beside.addWidget(self._pane)
        self._pane.hide()
        column.addLayout(beside, 1)

        self._stored.stale.connect(self._request)
        self._stored.loaded.connect(self._show)
        self._period = UsagePage.MONTH
        self._periods.choose(UsagePage.MONTH)
        self._periods.chosen.connect(self._choose)
        self._say_nothing(self.tr("Reading the history …") if history else self.tr("There is no history"))

    @property
    def is_live(self) -> bool:
        return False

    def receive(self, message: ServerMessage) -> None:
        if isinstance(message, Hello | SettingsMessage):
            self._units, self._plan = message.settings.units, message.settings.plan
            self._stored.set_recorded(message.settings.history.on)
            self._request()
            self._show()

    def lose_agent(self) -> None:
        """Keep what is shown: it was measured."""
        self._stored.set_recorded(None)

    def status(self) -> list[str]:
        texts = [self.tr("Days in local time")]
        if self._read_at:
            texts.insert(0, self.tr("Updated {time}").format(time=f"{self._read_at:%H:%M}"))
        return texts

    def take_focus(self) -> None:
        self.setFocus()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._request()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._offer_pane()

    @property
    def period(self) -> int:
        return self._period

    def choose_range(self, index: int) -> None:
        if index < len(_PERIODS):
            self._periods.choose(index)

    def _choose(self, period: int) -> None:
        self._period = period
        self._request()

    @property
    def _wanted(self) -> tuple[Period, int]:
        """The period and the billing day to show."""
        return _PERIODS[self._period], self._plan.billing_day

    def _request(self) -> None:
        if self.isVisible():
            now = datetime.fromtimestamp(time.time()).astimezone()
            wanted = self._wanted
            self._stored.request(wanted, lambda reader: query_figures(reader, now, *wanted), _STALE_AFTER_S)

    def _show(self) -> None:
        """Show the result; while one is pending, keep the previous one."""
        if self._stored.missing:
            self._say_nothing(self.tr("There is no history yet"), self._stored.missing)
            return
        found = self._stored.result(self._wanted)
        if found is None:
            return
        self._read_at = found.now
        if not found.days:
            self._say_nothing(
                self.tr("Nothing was recorded in this period"), self.tr("Days appear here as they are measured.")
            )
            return
        rx, tx = (sum(getattr(used, each) for used in found.days.values()) for each in ("rx", "tx"))
        used = rx + tx
        name = (self.tr("this week"), self._month_name(found.span), str(found.today.year))[self._period]
        cap = self._plan.cap_bytes if self._period == UsagePage.MONTH else None
        view = outlook(used, cap, found.span, found.today, found.day_fraction, found.unmeasured)
        self._amount.show_text(str(units.size(used, self._units)))
        if cap:
            words = self.tr("of {cap} in {month}").format(cap=units.size(cap, self._units), month=name)
        else:
            words = self.tr("in {month}").format(month=name) if self._period else name
        if found.unmeasured:
            words = self.tr("{words} since {moment}").format(words=words, moment=_moment(found.span, found.unmeasured))
        self._of.show_text(f"{words}   ↓ {units.size(rx, self._units)}  ↑ {units.size(tx, self._units)}")
        self._sentence.show_text(self._sentence_of(view, complete=found.is_complete))
        passed = (found.today - found.span.first).days + found.day_fraction
        self._bar.setVisible(cap is not None)
        if cap is not None:
            self._bar.show_plan(used, view.projection or used, cap, passed / found.span.length)
        plan = None
        if self._period == UsagePage.MONTH:
            plan = Plan(used, cap, view.allowance, view.projection, passed)
        # The bars of a year are months: a part of one is too narrow.
        unmeasured = 0.0 if _PERIODS[self._period] == "year" else found.unmeasured
        self.chart.show_bars(self._bars(found), plan, self._units, unmeasured)
        self._stack.setCurrentWidget(self.chart)
        self._fill_pane(found, view)
        self._offer_pane()
        self.changed.emit()

    def _offer_pane(self) -> None:
        """Show the pane if the window has room and the chart is shown."""
        shown = self._stack.currentWidget() is self.chart and self.window().width() >= _PANE_FROM
        self._pane.setVisible(shown)

    def _fill_pane(self, found: Figures, view: Outlook) -> None:
        today = found.days.get(found.today)
        measured = len(found.days)
        now = [Amount(self.tr("Used today"), today.both if today else 0)]
        if view.allowance is not None:
            name = self.tr("Allowance a day") if view.allowance else self.tr("Nothing left this month")
            now.append(Amount(name, view.allowance))
        now.append(Amount(self.tr("Average of {count} days").format(count=measured), view.used // measured))
        most = max([*(used.both for _month, used in found.months), self._plan.cap_bytes or 0])
        earlier = [Amount(self._month_name(month), used.both, most) for month, used in found.months]
        networks = [Amount(self._network_name(each), each.used.both) for each in found.networks[:_MAX_NETWORKS]]
        self._pane.show_sections(
            (
                (self.tr("Today"), now),
                (self.tr("Earlier months"), earlier),
                (self.tr("Networks this month"), networks),
            ),
            self._plan.cap_bytes,
            self._units,
        )

    def _network_name(self, network: NetworkUse) -> str:
        name = kind_in_words(network.kind)
        if network.number > 1:
            name = self.tr("{kind} {number}").format(kind=name, number=network.number)
        return self.tr("{network}, metered").format(network=name) if network.is_metered else name

    def _bars(self, found: Figures) -> list[Bar]:
        locale = QLocale()
        if _PERIODS[self._period] == "year":
            bars = []
            for month in range(1, 13):
                own = [used for day, used in found.days.items() if day.month == month]
                rx, tx = (sum(each.rx for each in own), sum(each.tx for each in own)) if own else (None, None)
                name = locale.standaloneMonthName(month, QLocale.FormatType.ShortFormat)
                full = locale.standaloneMonthName(month)
                bars.append(Bar(name, full, rx, tx, is_now=month == found.today.month))
            return bars
        bars = []
        for number in range(found.span.length):
            day = found.span.first + timedelta(days=number)
            used = found.days.get(day)
            rx, tx = (used.rx, used.tx) if used else (None, None)
            shown = QDate(day.year, day.month, day.day)
            is_today = day == found.today
            name = self.tr("today") if is_today else str(day.day)
            if self._period != UsagePage.MONTH and not is_today:
                name = locale.dayName(day.isoweekday(), QLocale.FormatType.ShortFormat)
            bars.append(Bar(name, locale.toString(shown, QLocale.FormatType.LongFormat), rx, tx, is_now=is_today))
        return bars

    def _month_name(self, span: Days) -> str:
        if span.first.day == 1:
            return QLocale().standaloneMonthName(span.first.month)
        return self.tr("the month from {first} to {last}").format(
            first=short_date(span.first), last=short_date(span.last)
        )

    def _sentence_of(self, view: Outlook, *, complete: bool) -> str:
        words = []
        last = long_date(view.cycle.last)
        if view.cap is not None and view.allowance is not None:
            left = view.cap - view.used
            if left > 0:
                words.append(
                    self.tr("{left} left. {allowance} a day keeps you under the cap until {last}.").format(
                        left=units.size(left, self._units), allowance=units.size(view.allowance, self._units), last=last
                    )
                )
            else:
                words.append(self.tr("{over} over the cap.").format(over=units.size(-left, self._units)))
        if self._period == UsagePage.MONTH and view.projection is not None:
            projection = units.size(view.projection, self._units)
            words.append(self.tr("At this pace ≈ {amount} by {last}.").format(amount=projection, last=last))
        if not complete:
            words.append(self.tr("Some bytes are missing: the counters were reset while nothing was measured."))
        return " ".join(words)

    def _say_nothing(self, title: str, detail: str = "") -> None:
        self._amount.show_text(units.UNKNOWN)
        self._of.show_text("")
        self._sentence.show_text("")
        self._bar.hide()
        self._instead.show_message(title, detail)
        self._stack.setCurrentWidget(self._instead)
        self._offer_pane()
        self.changed.emit()


def _moment(span: Days, passed: float) -> str:
    """Return the moment `passed` days after the first one: `22 November 12:40`, without the time at midnight."""
    whole = int(passed)
    minute = round((passed - whole) * 1440)
    day = long_date(span.first + timedelta(days=whole))
    return f"{day} {minute // 60:02}:{minute % 60:02}" if minute else day
