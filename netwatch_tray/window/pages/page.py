"""The base class of all pages."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from netwatch_tray.feed.protocol import ServerMessage, Topic

ALWAYS: frozenset[Topic] = frozenset({"interfaces", "events"})
"""Topics that are subscribed to even while the window is hidden, so that charts have no gap and the bell counts."""


class Page(QWidget):
    """Base class of the pages. A page receives the agent's messages, and provides texts for the status line and the
    banner."""

    changed = Signal()
    """`status` or `fault` return something else now."""

    @property
    def topics(self) -> frozenset[Topic]:
        """Return the topics that the page needs while it is visible."""
        return ALWAYS

    @property
    def is_live(self) -> bool:
        """Return whether the page shows current values, which can be paused."""
        return True

    def receive(self, message: ServerMessage) -> None:
        """Handle a message of the agent. Called for every message, whether the page is visible or not."""
        raise NotImplementedError

    def lose_agent(self) -> None:
        """Show current values as unknown. Called every second while there is no agent."""
        raise NotImplementedError

    def set_paused(self, paused: bool) -> None:
        """Pause the page, or show current values again."""

    def status(self) -> list[str]:
        """Return texts for the status line: what is measured, and how."""
        raise NotImplementedError

    def fault(self) -> tuple[str, str] | None:
        """Return a title and sentences for the banner (what is wrong, what still works, what to do), or None if nothing
        is wrong."""
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
        """Stop child processes; called before the window closes."""
