"""The details of one day: amount, hours, apps and networks."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QPaintEvent
from PySide6.QtWidgets import QBoxLayout, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from netwatch_tray import units, wording
from netwatch_tray.units import DOWN, UP, Units
from netwatch_tray.window.pages.usage.chart import Band, Bar, UsageChart
from netwatch_tray.window.pages.usage.figures import DayFigures
from netwatch_tray.window.pages.usage.pane import Amount, Sections
from netwatch_tray.window.widgets.buttons import FlatButton, ToolButton
from netwatch_tray.window.widgets.formatting import day_name, unbroken
from netwatch_tray.window.widgets.painting import paint_pane
from netwatch_tray.window.widgets.text import Paragraph, Text
from netwatch_tray.window.widgets.theme import ANY_SIZE, GAP, MARGIN, Theme

if TYPE_CHECKING:
    from netwatch_tray.history.results import SlotUse

_WIDTH = 304
_AROUND = 3 * MARGIN
"""Width in dip of the margins and the scroll bar beside the lists."""
_NAMED_EVERY = 6
"""Number of hours between two names on the axis."""
_HOURS_HEIGHT, _HOURS_BELOW = 190, 190


class DayPane(QWidget):
    """The details of a day. Signals of its buttons: `closed`; `stepped` carries -1 or 1 for the day before or after;
    `apps_requested`: show the Apps page for this day."""

    closed = Signal()
    stepped = Signal(int)
    apps_requested = Signal()

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._is_beside = True
        self._title = Text(theme, theme.fonts.title)
        self._amount = Text(theme, theme.fonts.rate)
        self._amount.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self._both = Text(theme, theme.fonts.base, "ink2")
        self._comparison = Paragraph(theme, theme.fonts.small)
        self.hours = UsageChart(theme, can_choose=False)
        self._sections = Sections(theme)
        self.apps, self.networks = self._sections.add(), self._sections.add()
        self._show_apps = FlatButton(theme, self.tr("Show in Apps"))
        self._show_apps.clicked.connect(self.apps_requested)
        self._back, self._forward = FlatButton(theme, "‹"), FlatButton(theme, "›")
        for button, by, name in ((self._back, -1, self.tr("Day before")), (self._forward, 1, self.tr("Day after"))):
            button.setFixedWidth(theme.height(30))
            button.setToolTip(name)
            button.setAccessibleName(name)
            button.clicked.connect(lambda _checked, by=by: self.stepped.emit(by))
        close = ToolButton(theme, "", "close")
        close.setAccessibleName(self.tr("Close the day"))
        close.setToolTip(self.tr("Close the day (Escape)"))
        close.clicked.connect(self.closed)
        head = QHBoxLayout()
        head.setSpacing(4)
        head.addWidget(self._title, 1)
        for button in (self._back, self._forward, close):
            head.addWidget(button)
        amounts = QHBoxLayout()
        amounts.setSpacing(GAP)
        amounts.addWidget(self._amount)
        amounts.addWidget(self._both, 1, Qt.AlignmentFlag.AlignBottom)
        self._head = head
        lists = self._lists = QVBoxLayout()
        lists.setSpacing(2)
        lists.addWidget(self._sections)
        lists.addStretch(1)
        self._body = QBoxLayout(QBoxLayout.Direction.TopToBottom)
        self._body.setContentsMargins(1, 0, 0, 0)  # beside the line at the edge
        self._body.setSpacing(4)
        self._body.addWidget(self.hours, 0)
        self._body.addLayout(lists, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 8, 0, 12)
        column.setSpacing(2)
        self._inside = QVBoxLayout()
        self._inside.setContentsMargins(MARGIN + 1, 0, MARGIN, 0)
        self._inside.setSpacing(2)
        self._inside.addLayout(head)
        self._inside.addLayout(amounts)
        self._inside.addWidget(self._comparison)
        column.addLayout(self._inside)
        column.addLayout(self._body, 1)
        lists.setContentsMargins(MARGIN, 0, MARGIN, 0)
        self.set_beside(True, 0)

    def set_beside(self, is_beside: bool, width: int) -> None:
        """Set whether the pane is beside the charts or below them. `width`: of the window, in dip."""
        self._is_beside = is_beside
        direction = QBoxLayout.Direction
        self._body.setDirection(direction.TopToBottom if is_beside else direction.LeftToRight)
        self._body.setStretch(0, 0 if is_beside else 1)
        # A text that wraps would make the scroll area as high as the preferred height of the charts.
        self._comparison.setWordWrap(is_beside)
        self._sections.fit(0 if is_beside else width // 2 - _AROUND)
        if is_beside:
            self._lists.insertWidget(1, self._show_apps, 0, Qt.AlignmentFlag.AlignLeading)
        else:
            self._head.insertWidget(1, self._show_apps)
        for button in (self._back, self._forward):
            button.setVisible(not is_beside)  # beside the charts a day is chosen there
        height = self._theme.height(_HOURS_HEIGHT if is_beside else _HOURS_BELOW)
        self.hours.setMinimumHeight(height)
        self.hours.setMaximumHeight(height if is_beside else ANY_SIZE)
        self.setMinimumWidth(self._theme.height(_WIDTH) if is_beside else 0)
        self.setMaximumWidth(self._theme.height(_WIDTH) if is_beside else ANY_SIZE)
        self.update()

    def show_loading(self, day: date) -> None:
        """Show the name of a day whose data is being read. The details below still are those of the previous day."""
        self._title.show_text(day_name(day))

    def show_day(
        self, found: DayFigures, *, is_busiest: bool, is_of_all: bool, can_go: tuple[bool, bool], shown_in: Units
    ) -> None:
        """Show a day. `is_busiest`: whether it is the busiest of the period. `is_of_all`: say that it counts all
        networks, because the charts show only one. `can_go`: whether there is a day before, and a day after it."""
        self._title.show_text(day_name(found.day))
        self._back.setEnabled(can_go[0])
        self._forward.setEnabled(can_go[1])
        used = found.used
        self._amount.show_text(str(units.size(used.both if used else None, shown_in)))
        both = f"{DOWN} {units.size(used.rx, shown_in)}  {UP} {units.size(used.tx, shown_in)}" if used else ""
        self._both.show_text(both)
        words = [self.tr("In all networks.")] if is_of_all else []
        self._comparison.show_text(unbroken(" ".join([*words, self._compared(found, shown_in, is_busiest=is_busiest)])))
        bars = [self._bar(each) for each in found.hours]
        self.hours.show_bars(self.tr("Per hour"), bars, None, shown_in, bands=self._bands(found))

    def show_lists(self, apps: list[Amount], networks: list[Amount], shown_in: Units) -> None:
        """Show the lists with the amounts of the day by app and by network."""
        self._show_apps.setVisible(bool(apps))
        self.apps.show_amounts(self.tr("Apps"), apps, None, shown_in)
        self.networks.show_amounts(self.tr("Networks"), networks, None, shown_in)
        self._sections.arrange()

    def paintEvent(self, _event: QPaintEvent) -> None:
        paint_pane(self, self._theme, "leading" if self._is_beside else "upper")

    def _compared(self, found: DayFigures, shown_in: Units, *, is_busiest: bool) -> str:
        words = [self.tr("Busiest of the period.")] if is_busiest else []
        if found.used is None:
            words.append(self.tr("Nothing is known of this day."))
        elif found.usual is not None:
            text = self.tr("Usual on such a day: {amount}.")
            words.append(text.format(amount=units.size(found.usual, shown_in)))
        return " ".join(words)

    def _bar(self, hour: SlotUse) -> Bar:
        begin = datetime.fromtimestamp(hour.start).astimezone()
        end = datetime.fromtimestamp(hour.end).astimezone()
        full = f"{begin:%H:%M}–{end:%H:%M}"
        name = "" if begin.hour % _NAMED_EVERY else f"{begin:%H:%M}"
        if not hour.used.covered_s and not hour.used.both:
            return Bar(name, full, None, None)
        return Bar(name, full, hour.used.rx, hour.used.tx)

    def _bands(self, found: DayFigures) -> list[Band]:
        """Return the gaps of the day as bands of the chart with its hours."""
        begin, end = found.hours[0].start, found.hours[-1].end
        per_hour = (end - begin) / len(found.hours)
        return [
            Band(
                (max(gap.start, begin) - begin) / per_hour,
                (min(gap.finish or end, end) - begin) / per_hour,
                wording.gap(gap.reason),
            )
            for gap in found.gaps
            if gap.name is None and (gap.finish or end) - gap.start >= per_hour / 4
        ]
