"""The base class of all pages."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from netwatch_tray.feed.protocol import ServerMessage, Topic

ALWAYS: frozenset[Topic] = frozenset({"interfaces", "events"})
"""Topics (kinds of the agent's messages) that are requested even while the window is hidden, so that charts have no gap
and the bell counts events."""


class Page(QWidget):
    """Base class of the pages, which the main window shows in its tabs. A page receives the agent's messages, and
    provides texts for status line and banner. A page is live if it shows current values, which can be paused."""

    changed = Signal()
    """Emitted when `status` or `fault` return other texts than before."""

    @property
    def topics(self) -> frozenset[Topic]:
        """Return the topics (kinds of the agent's messages) that the page needs while it is visible."""
        return ALWAYS

    @property
    def is_live(self) -> bool:
        """Return whether the page shows current values, which can be paused."""
        return True

    def receive(self, message: ServerMessage) -> None:
        """Handle a message of the agent. Called for every message, whether the page is visible or not."""
        raise NotImplementedError

    def lose_agent(self) -> None:
        """Show current values as unknown. Called every second while no agent is connected."""
        raise NotImplementedError

    def set_paused(self, paused: bool) -> None:
        """Pause the page, or show current values again."""

    def status(self) -> list[str]:
        """Return texts for the status line: what is measured, and how."""
        raise NotImplementedError

    def fault(self) -> tuple[str, str] | None:
        """Return title and text of the banner (what is wrong, what still works, what to do), or None if nothing is
        wrong."""
        return None

    def take_focus(self) -> None:
        """Focus the widget that the user needs first. Called when the page is shown."""
        raise NotImplementedError

    def go_to_filter(self) -> None:
        """Focus the filter, if the page has one."""

    def escape(self) -> bool:
        """Undo one step, such as a filter or a selection. Return False if there was nothing to undo."""
        return False

    def choose_range(self, index: int) -> None:
        """Choose the time range with this index, if the page has one."""

    def stop(self) -> None:
        """Stop child processes that the page has started. Called before the window closes."""
