"""The strip above the Usage page: the amount of a period, the controls for periods and networks, and the plan."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QMenu, QSizePolicy, QVBoxLayout

from netwatch_tray.text import qt_label
from netwatch_tray.window.pages.usage.lists import network_name
from netwatch_tray.window.pages.usage.navigator import Navigator
from netwatch_tray.window.pages.usage.plan_bar import PlanBar
from netwatch_tray.window.pages.usage.words import period_name, short_network
from netwatch_tray.window.widgets.buttons import FlatButton, LinkButton, Segments
from netwatch_tray.window.widgets.strip import Strip
from netwatch_tray.window.widgets.text import FittingText, Text
from netwatch_tray.window.widgets.theme import GAP, MARGIN, Theme

if TYPE_CHECKING:
    from datetime import date

    from netwatch_tray.history.results import NetworkUse
    from netwatch_tray.window.pages.usage.place import Place


class SummaryStrip(Strip):
    """The strip above the charts.

    Signals: `plan_requested`: the user wants to change the data plan. `network_chosen` carries the key of the only
    network to show, None for all.
    """

    plan_requested = Signal()
    network_chosen = Signal(object)

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
        self._names: dict[str, str] = {}
        """Names of networks by key."""
        self._shown: str | None = None
        self.network = LinkButton(theme, "")
        self.network.setToolTip(self.tr("The usage of all networks, or of one"))
        self.network.clicked.connect(self._list_networks)
        self.network.hide()
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
        lower = QHBoxLayout()
        lower.setSpacing(GAP)
        lower.addWidget(self._sentence, 1)
        lower.addWidget(self.network)
        column.addLayout(lower)

    def show_texts(self, amount: str, of: Sequence[str], sentence: str) -> None:
        """Show the amount, beside it the first text of `of` that fits, and a sentence below. `of`: longest first."""
        self._amount.show_text(amount)
        self._of.show_first_of(*of)
        self._sentence.show_text(sentence)

    def show_networks(self, networks: Sequence[NetworkUse], shown: str | None) -> str | None:
        """Offer these networks in a menu, to show only one of them. `shown`: key of the only one that is shown at
        present; None: all are. Return its name, or None."""
        self._names = {each.key: network_name(each) for each in networks}
        self._shown = shown
        name = None if shown is None else self._names.get(shown)
        self.network.setText(f"{short_network(name or self.tr('All networks'))} ▾")
        self.network.updateGeometry()
        self.network.setVisible(len(networks) > 1)
        return name

    def _list_networks(self) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for key, name in ((None, self.tr("All networks")), *self._names.items()):
            action = menu.addAction(qt_label(short_network(name)))
            action.setCheckable(True)
            action.setChecked(key == self._shown)
            action.triggered.connect(lambda _checked, key=key: self.network_chosen.emit(key))
        menu.popup(self.network.mapToGlobal(QPoint(0, self.network.height() + 2)))

    def show_period(self, place: Place, today: date) -> None:
        """Show the name of the period, and whether there are others before and after it."""
        name = period_name(place.span(today), place.period)
        self.navigator.show_period(name, has_earlier=place.can_step(-1, today), has_later=place.can_step(1, today))
        self.present.setVisible(not place.is_present(today))
