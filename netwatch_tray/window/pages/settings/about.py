"""The About section: version, CPU and memory of agent and window."""

from __future__ import annotations

import time

from PySide6.QtCore import QObject
from PySide6.QtGui import QGuiApplication

from netwatch_tray import own_memory, units
from netwatch_tray.feed.protocol import Status
from netwatch_tray.window.data.process_cost import ProcessCost
from netwatch_tray.window.widgets.buttons import FlatButton
from netwatch_tray.window.widgets.formatting import cost_in_words
from netwatch_tray.window.widgets.setting_controls import FormRow
from netwatch_tray.window.widgets.text import Text
from netwatch_tray.window.widgets.theme import Theme


class About(QObject):
    """Creates and updates the rows of the About section; they are in the attribute `rows`."""

    def __init__(self, theme: Theme, agent_cost: ProcessCost) -> None:
        super().__init__()
        self._agent_cost = agent_cost
        self._status: Status | None = None
        self._own_cost = ProcessCost()
        copy = FlatButton(theme, self.tr("Copy report"))
        copy.clicked.connect(self.copy_report)
        self._version = FormRow(theme, "NetWatch Tray", "", copy)
        self._agent, self._window = Text(theme, theme.fonts.base), Text(theme, theme.fonts.base)
        self._agent.show_text(units.UNKNOWN)
        self.rows = (
            self._version,
            FormRow(theme, self.tr("The agent, always there"), "", self._agent),
            FormRow(theme, self.tr("This window, while open"), "", self._window),
        )

    def show_version(self, version: str) -> None:
        self._version.name.show_text(f"NetWatch Tray {version}")

    def show_status(self, status: Status | None) -> None:
        """Show CPU and memory of the agent. `status`: its latest status; None if no agent is connected."""
        self._status = status
        cost = cost_in_words(self._agent_cost.percent, status.pss_bytes) if status else units.UNKNOWN
        self._agent.show_text(cost)

    def refresh(self) -> None:
        """Show current CPU and memory of the window's own process."""
        self._own_cost.add(0, time.monotonic(), time.process_time())
        self._window.show_text(cost_in_words(self._own_cost.percent, *_own_memory()))

    def forget_cost(self) -> None:
        """Drop the readings of CPU time. Called when the page is hidden: nothing is read then, so those before and
        after cannot be compared."""
        self._own_cost.forget()

    def copy_report(self) -> None:
        """Copy a diagnostic report to the clipboard; it contains no addresses and no names of programs."""
        lines = [self._version.name.text(), self._agent.text()]
        if self._status:
            lines += [
                f"interfaces: {self._status.interfaces}",
                f"connections: {self._status.connections}",
                f"tray: {self._status.tray}",
                f"uptime: {self._status.uptime_s:.0f} s, memory: {units.size(self._status.pss_bytes)} (PSS)",
                *map(str, self._status.faults),
            ]
        QGuiApplication.clipboard().setText("\n".join(lines))


def _own_memory() -> tuple[int, str]:
    """Return the memory of this process in bytes, and how it is measured."""
    pss = own_memory.pss()
    if pss is not None:
        return pss, "PSS"
    import psutil  # noqa: PLC0415  takes 3 MB

    return int(psutil.Process().memory_info().rss), "RSS"
