"""The strip above the chart: the current rates of the total or of the selected interface, and its name."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from netwatch_tray import wording
from netwatch_tray.model import GapReason, InterfaceTick, Tick
from netwatch_tray.units import DOWN, UP, Units
from netwatch_tray.window.widgets.buttons import LinkButton
from netwatch_tray.window.widgets.interface_words import describe
from netwatch_tray.window.widgets.rate_readout import RateReadout
from netwatch_tray.window.widgets.strip import Strip
from netwatch_tray.window.widgets.text import Text
from netwatch_tray.window.widgets.theme import GAP, MARGIN, Theme


class RatesStrip(Strip):
    """The current rates of the total or of one interface.

    Signals: `why_requested`: the user wants to see why these interfaces make the total. `total_requested`: the user
    wants to see the total instead of the interface.
    """

    why_requested = Signal()
    total_requested = Signal()

    def __init__(self, theme: Theme, controls: Iterable[QWidget]) -> None:
        """`controls`: widgets to place at the end of the strip (right, in Arabic left)."""
        super().__init__(theme, theme.height(68))
        self._down, self._up = RateReadout(theme, DOWN), RateReadout(theme, UP)
        self._name = Text(theme, theme.fonts.small_strong)
        self._name.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)  # never cut
        self._sentence = Text(theme, theme.fonts.small, "ink2")
        self._why = LinkButton(theme, self.tr("Why this total"))
        self._why.setAccessibleDescription(self.tr("Lists every interface and whether it is counted"))
        self._why.clicked.connect(self.why_requested)
        self._total = LinkButton(theme, self.tr("Show the total"))
        self._total.setToolTip(self.tr("Show the total again (Escape)"))
        self._total.clicked.connect(self.total_requested)
        self._total.hide()
        rates = QHBoxLayout()
        rates.setSpacing(24)
        rates.addWidget(self._down)
        rates.addWidget(self._up)
        rates.addStretch(1)
        texts = QHBoxLayout()
        texts.setSpacing(GAP)
        for widget in (self._name, self._sentence, self._why, self._total):
            texts.addWidget(widget)
        texts.addStretch(1)
        column = QVBoxLayout()
        column.setSpacing(2)
        column.addStretch(1)
        column.addLayout(rates)
        column.addLayout(texts)
        column.addStretch(1)
        row = QHBoxLayout(self)
        row.setContentsMargins(MARGIN, 0, MARGIN, 1)
        row.setSpacing(GAP)
        row.addLayout(column, 1)
        for control in controls:
            row.addWidget(control)

    def show_tick(self, tick: Tick | None, interface: InterfaceTick | None, shown_in: Units, *, is_live: bool) -> None:
        """Show the rates of an interface, or of the total if `interface` is None.

        `tick`: the latest tick; None before the first one. `is_live`: whether an agent is measuring.
        """
        measured = interface or (tick.total if tick else None)
        unknown = self._why_unknown(tick, measured.gap if measured else None, is_live=is_live)
        total = (tick.total.rx_rate, tick.total.tx_rate) if tick else (None, None)
        down, up = interface.own_rates if interface else total
        self._down.show_rate(down, shown_in, unknown)
        self._up.show_rate(up, shown_in, unknown)
        self._name.show_text(interface.name if interface else self.tr("Total"))
        self._sentence.show_text(self._describe(tick, interface, is_live=is_live))
        self._why.setVisible(is_live and interface is None)
        self._total.setVisible(interface is not None)
        if interface is not None:
            spoken = self.tr("Rates and chart are those of {name}. Show the total")
            self._total.setAccessibleName(spoken.format(name=interface.name))

    def _why_unknown(self, tick: Tick | None, gap: GapReason | None, *, is_live: bool) -> str:
        if not is_live or tick is None:
            return self.tr("Unknown: the agent is not measuring")
        if reason := tick.gap or gap:
            return self.tr("Unknown for this moment: {reason}").format(reason=wording.gap(reason))
        return self.tr("Unknown until the second sample: a rate needs two")

    def _describe(self, tick: Tick | None, interface: InterfaceTick | None, *, is_live: bool) -> str:
        if tick is None:
            return self.tr("Nothing is measured yet.")
        if not is_live:
            return self.tr("Nothing is measured now.")
        if interface is not None:
            return f"{describe(interface)}."
        uplinks = tick.total.uplinks
        if not uplinks:
            return self.tr("No interface is counted: none leads out of this computer.")
        others = len(tick.interfaces) - len(uplinks)
        names = ", ".join(uplinks)
        if others <= 0:
            return self.tr("All of {names}.").format(names=names)
        counted = self.tr("{names} only.").format(names=names)
        if others == 1:
            return f"{counted} {self.tr('1 interface not counted.')}"
        return f"{counted} {self.tr('{count} interfaces not counted.').format(count=others)}"
