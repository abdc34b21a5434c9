"""The line at the bottom of the window: texts of the page about its data, missing sources, CPU and memory of the
agent."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtWidgets import QHBoxLayout, QSizePolicy

from netwatch_tray.text import qt_tool_tip
from netwatch_tray.window.widgets.strip import Strip
from netwatch_tray.window.widgets.text import Text
from netwatch_tray.window.widgets.theme import MARGIN, Theme


class StatusLine(Strip):
    def __init__(self, theme: Theme) -> None:
        super().__init__(theme, theme.height(24), line_above=True)
        self._texts = Text(theme, theme.fonts.small, "ink3")
        self._missing = Text(theme, theme.fonts.small, "warn")
        self._agent = Text(theme, theme.fonts.small, "ink3")
        for never_cut in (self._missing, self._agent):
            never_cut.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        row = QHBoxLayout(self)
        row.setContentsMargins(MARGIN, 1, MARGIN, 0)
        row.setSpacing(MARGIN)
        row.addWidget(self._texts)
        row.addWidget(self._missing)
        row.addStretch(1)
        row.addWidget(self._agent)
        self.show_missing(())

    def show_texts(self, texts: Sequence[str], *, is_measuring: bool) -> None:
        if not is_measuring:
            texts = [self.tr("Not measuring"), *texts]
        self._texts.set_ink("ink3" if is_measuring else "err")
        self._texts.show_text("   ".join(texts))

    def show_missing(self, faults: Sequence[str]) -> None:
        """Show the number of faults that the agent reports, such as a source that is missing; the tooltip lists
        them."""
        self._missing.setVisible(bool(faults))
        one, many = self.tr("1 source missing"), self.tr("{count} sources missing")
        self._missing.show_text(one if len(faults) == 1 else many.format(count=len(faults)))
        self._missing.setToolTip(qt_tool_tip("\n".join(faults)))

    def show_agent_cost(self, cost: str) -> None:
        """Show CPU and memory of the agent, as text of `formatting.cost_in_words`; empty: unknown."""
        self._agent.show_text(self.tr("Agent: {cost}").format(cost=cost) if cost else "")
