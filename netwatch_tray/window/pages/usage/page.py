"""The Usage page: amounts of weeks, months, years and single days, and the rest of the data plan."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import date, datetime
from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QVBoxLayout

from netwatch_tray import units, wording
from netwatch_tray.feed.protocol import Hello, ServerMessage, SettingsMessage
from netwatch_tray.history.usage import Days, Period, midnight, midnight_after, outlook
from netwatch_tray.settings import DataPlan
from netwatch_tray.units import Units
from netwatch_tray.window.chart.amounts import edges
from netwatch_tray.window.data.app_looks import AppLooks
from netwatch_tray.window.data.history_queries import HistoryQueries
from netwatch_tray.window.data.history_range import HistoryRange
from netwatch_tray.window.pages.page import Page
from netwatch_tray.window.pages.usage import place, sentences
from netwatch_tray.window.pages.usage.body import UsageBody
from netwatch_tray.window.pages.usage.figures import DayFigures, Figures, query_day, query_figures
from netwatch_tray.window.pages.usage.summary import SummaryStrip
from netwatch_tray.window.pages.usage.words import period_name
from netwatch_tray.window.widgets.theme import Theme

_STALE_AFTER_S = 60.0
"""Seconds after which a result of the history is queried again: the agent writes once a minute."""
_STEPS = {Qt.Key.Key_BracketLeft: -1, Qt.Key.Key_BracketRight: 1}
_DAY_STEPS = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}
_WEEK_STEPS = {Qt.Key.Key_Up: -7, Qt.Key.Key_Down: 7}


class UsagePage(Page):
    """The Usage page.

    Signals: `plan_requested`: the user wants to change the data plan. `apps_requested`: the user wants to see the apps
    of a day, which it carries.
    """

    plan_requested = Signal()
    apps_requested = Signal(object)
    MONTH = place.MONTH

    def __init__(self, theme: Theme, history: HistoryQueries | None, looks: AppLooks) -> None:
        super().__init__()
        self._looks = looks
        self._stored: HistoryRange[Figures] = HistoryRange(history, self)
        self._stored_day: HistoryRange[DayFigures] = HistoryRange(history, self)
        self._units = Units()
        self._counter_since: datetime | None = None
        self._with_names = False
        """Whether names of networks are shown: the setting `history.network_names`."""
        self._read_at: datetime | None = None
        self.place = place.Place()
        self.strip = SummaryStrip(theme)
        self.body = UsageBody(theme)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.strip)
        column.addWidget(self.body, 1)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

        navigator = self.strip.navigator
        navigator.stepped.connect(lambda by: self._moved(changed=self.place.step(by, _today())))
        navigator.listed.connect(self._list_periods)
        navigator.picked.connect(lambda index: self._go_to(self.place.periods(_today())[index].first))
        self.strip.present.clicked.connect(self._go_to_present)
        self.strip.plan_requested.connect(self.plan_requested)
        self.strip.network_chosen.connect(lambda key: self._moved(changed=self.place.choose_network(key)))
        self.body.day_chosen.connect(self.choose_day)
        self.body.week_opened.connect(self._go_to)
        self.body.month_opened.connect(self.open_month)
        self.body.day_pane.stepped.connect(lambda by: self._moved(changed=self.place.step_day(by, _today())))
        self.body.day_pane.apps_requested.connect(lambda: self.apps_requested.emit(self.place.day))
        looks.changed.connect(self._show)
        self._stored.stale.connect(self._request)
        self._stored.loaded.connect(self._show)
        self._stored_day.stale.connect(self._request)
        self._stored_day.loaded.connect(self._show_day)
        self.strip.periods.choose(self.place.index)
        self.strip.periods.chosen.connect(self._choose_period)
        self.strip.show_period(self.place, _today())
        self._say_nothing(self.tr("Reading the history …") if history else self.tr("There is no history"))

    @property
    def is_live(self) -> bool:
        return False

    @property
    def period(self) -> int:
        return self.place.index

    def receive(self, message: ServerMessage) -> None:
        if isinstance(message, Hello | SettingsMessage):
            self._units, self.place.plan = message.settings.units, message.settings.plan
            self._counter_since = message.settings.usage.counter_since
            self._with_names = message.settings.history.network_names
            if not self._with_names:
                self.place.network = None
            self._stored.set_recorded(message.settings.history.on)
            self._request()
            self._show()

    def lose_agent(self) -> None:
        """Do not change the amounts: they stay true without an agent."""
        self._stored.set_recorded(None)

    def status(self) -> list[str]:
        texts = [self.tr("Days in local time")]
        if self._read_at:
            texts.insert(0, self.tr("Updated {time}").format(time=f"{self._read_at:%H:%M}"))
        if self.place.day:
            texts.append(self.tr("Left and Right choose a day, Escape goes back"))
        elif self.body.has_figures:
            texts.append(self.tr("Measured on this computer, your provider may count differently"))
        return texts

    def take_focus(self) -> None:
        self.setFocus()

    def escape(self) -> bool:
        if self.place.day is not None:
            self.choose_day(None)
            return True
        if not self.place.is_present(_today()):
            self._go_to_present()
            return True
        if self.place.network is not None:
            self._moved(changed=self.place.choose_network(None))
            return True
        return False

    def choose_range(self, index: int) -> None:
        if index < len(place.PERIODS):
            self.strip.periods.choose(index)

    def choose_day(self, day: date | None) -> None:
        """Show the details of a day of the period; None: show the lists of the period again."""
        self._moved(changed=self.place.choose_day(day, _today()))

    def open_month(self, day: date) -> None:
        """Show the plan period that contains a day. If this day is chosen at present, it stays chosen."""
        chosen = self.place.day
        self.place.choose_day(None, _today())
        self.strip.periods.choose(self.MONTH)
        self.place.go_to(day, _today())
        self.place.choose_day(chosen if chosen == day else None, _today())
        self._moved(changed=True)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key, today = Qt.Key(event.key()), _today()
        is_year = self.place.period == "year"
        days = _DAY_STEPS | _WEEK_STEPS if is_year else _DAY_STEPS
        if key in _STEPS:
            self._moved(changed=self.place.step(_STEPS[key], today))
        elif key in days:
            self._moved(changed=self.place.step_day(days[key], today))
        elif key == Qt.Key.Key_Home:
            self._go_to_present()
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and is_year and self.place.day:
            self.open_month(self.place.day)
        else:
            super().keyPressEvent(event)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._request()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.body.arrange(self.window().width())

    def _choose_period(self, index: int) -> None:
        self.place.choose_period(index, _today())
        self._moved(changed=True)

    def _go_to(self, day: date) -> None:
        self.place.go_to(day, _today())
        self._moved(changed=True)

    def _go_to_present(self) -> None:
        self.place.present()
        self._moved(changed=True)

    def _list_periods(self) -> None:
        spans = self.place.periods(_today())
        current = self.place.span(_today())
        names = [period_name(span, self.place.period) for span in spans]
        self.strip.navigator.show_list(names, spans.index(current) if current in spans else -1)

    def _moved(self, *, changed: bool) -> None:
        if changed:
            self._request()
            self._show()

    @property
    def _wanted(self) -> tuple[Days, Period, DataPlan, datetime | None, str | None, bool]:
        """Return what identifies the query (HistoryRange's key): period, kind of period, plan, time at which the
        counter was reset, network, and whether names of networks are shown."""
        place = self.place
        return (
            place.span(_today()),
            place.period,
            place.shown_plan,
            self._counter_since,
            place.network,
            self._with_names,
        )

    def _request(self) -> None:
        if not self.isVisible():
            return
        now = datetime.fromtimestamp(time.time()).astimezone()
        span, period, plan, since, network, with_names = wanted = self._wanted
        self._stored.request(
            wanted,
            lambda reader: query_figures(reader, now, span.first, period, plan, since, network, with_names=with_names),
            _STALE_AFTER_S,
        )
        if (day := self.place.day) is not None:
            hours = edges(midnight(day), midnight_after(day), "hour")
            self._stored_day.request(
                (day, with_names), lambda reader: query_day(reader, day, hours, with_names=with_names), _STALE_AFTER_S
            )

    def _show(self) -> None:
        """Show the result of the query. Until it has arrived, the previous one stays visible."""
        if self._stored.missing:
            self.strip.show_period(self.place, _today())
            self._say_nothing(self._stored.missing_title, self._stored.missing)
            return
        found = self._stored.result(self._wanted)
        if found is None:
            return
        self._read_at, self.place.first_day = found.now, found.first_day
        today = found.today
        self.strip.show_period(self.place, today)
        if not found.days:
            detail = self.tr("Days appear here as they are measured.")
            self._say_nothing(self.tr("Nothing was recorded in this period"), detail)
            return
        network = self.strip.show_networks(found.known_networks, self.place.network)
        if network is None and self.place.network is not None:  # it was deleted
            self._moved(changed=self.place.choose_network(None))
            return
        is_month, plan = self.place.period == "billing", self.place.shown_plan
        cap = plan.cap_bytes if is_month else None
        view = outlook(found.rx + found.tx, cap, found.span, today, found.day_fraction, found.unmeasured)
        sentence = sentences.of_plan if is_month and network is None else None
        self.strip.show_texts(
            str(units.size(view.used, self._units)),
            sentences.of_what(found, self.place.period, cap, self._units, plan.counts, network),
            sentence(found, view, self._units) if sentence else sentences.of_days(found, self._units),
        )
        passed = (today - found.span.first).days + found.day_fraction
        self.strip.bar.setVisible(cap is not None)
        if cap is not None:
            self.strip.bar.show_plan(view.used, view.projection or view.used, cap, min(1.0, passed / found.span.length))
        self.body.show_period(
            found, view, self.place, self._counter_since, partial(self._name_of, found.keys), self._units
        )
        self._show_day()
        self.changed.emit()

    def _show_day(self) -> None:
        day = self.place.day
        found = self._stored_day.result((day, self._with_names)) if day else None
        if found is not None:
            self.body.show_day(found, self.place, partial(self._name_of, found.keys), self._units)
            self.changed.emit()

    def _name_of(self, keys: Mapping[str, str], name: str) -> str:
        return self._looks.name(keys.get(name, ""), wording.app_name(name))

    def _say_nothing(self, title: str, detail: str = "") -> None:
        self.strip.show_texts(units.UNKNOWN, (), "")
        self.strip.bar.hide()
        self.body.say_nothing(title, detail)
        self.changed.emit()


def _today() -> date:
    return datetime.fromtimestamp(time.time()).astimezone().date()
