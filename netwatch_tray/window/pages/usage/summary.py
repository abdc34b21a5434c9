"""The strip above the page Usage: the amount of a period, the way to other ones, and the plan."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QVBoxLayout

from netwatch_tray.window.pages.usage.navigator import Navigator
from netwatch_tray.window.pages.usage.plan_bar import PlanBar
from netwatch_tray.window.widgets.buttons import FlatButton, Segments
from netwatch_tray.window.widgets.strip import Strip
from netwatch_tray.window.widgets.text import FittingText, Text
from netwatch_tray.window.widgets.theme import GAP, MARGIN, Theme


class SummaryStrip(Strip):
    """The summary above the charts. `plan_requested`: the user wants to change the data plan."""

    plan_requested = Signal()

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme, theme.height(92))
        self._amount = Text(theme, theme.fonts.rate)
        self._amount.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)  # never cut
        self._of = FittingText(theme, theme.fonts.base, "ink2")
        self._sentence = Text(theme, theme.fonts.small, "ink2")
        self.bar = PlanBar(theme)
        self.present = FlatButton(theme, self.tr("Today"))
        self.present.setToolTip(self.tr("The present period (Home)"))
        self.navigator = Navigator(theme)
        names = (self.tr("Week"), self.tr("Month"), self.tr("Year"))
        self.periods = Segments(theme, names, self.tr("Period"))
        change = FlatButton(theme, self.tr("Data plan…"))
        change.setToolTip(self.tr("The cap, and the day its month begins on"))
        change.clicked.connect(self.plan_requested)
        upper = QHBoxLayout()
        upper.setSpacing(GAP)
        upper.addWidget(self._amount)
        upper.addWidget(self._of, 1, Qt.AlignmentFlag.AlignBottom)
        for widget in (self.present, self.navigator, self.periods, change):
            upper.addWidget(widget)
        column = QVBoxLayout(self)
        column.setContentsMargins(MARGIN, 6, MARGIN, 7)
        column.setSpacing(3)
        column.addLayout(upper)
        column.addWidget(self.bar)
        column.addWidget(self._sentence)

    def show_texts(self, amount: str, of: Sequence[str], sentence: str) -> None:
        """Show amount and sentence. `of`: the first that fits is shown."""
        self._amount.show_text(amount)
        self._of.show_first_of(*of)
        self._sentence.show_text(sentence)

    def show_period(self, name: str, *, has_earlier: bool, has_later: bool, is_present: bool) -> None:
        self.navigator.show_period(name, has_earlier=has_earlier, has_later=has_later)
        self.present.setVisible(not is_present)
