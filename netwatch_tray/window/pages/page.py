"""The base class of the pages."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from netwatch_tray.feed.protocol import ServerMessage, Topic

ALWAYS: frozenset[Topic] = frozenset({"interfaces", "events"})
"""Topics that are subscribed to even while the window is hidden, so that charts have no gap and the bell counts."""


class Page(QWidget):
    """Base class of the pages. A page receives the messages of the agent, and has texts for the status line and the
    banner."""

    changed = Signal()
    """`status` or `fault` return something else now."""

    @property
    def topics(self) -> frozenset[Topic]:
        """Return the topics that the page needs while it is visible."""
        return ALWAYS

    @property
    def is_live(self) -> bool:
        """Return whether the page shows the present, which can be paused."""
        return True

    def receive(self, message: ServerMessage) -> None:
        """Take a message; called for every one, whether the page is visible or not."""
        raise NotImplementedError

    def lose_agent(self) -> None:
        """Show the present as unknown; called every second without an agent."""
        raise NotImplementedError

    def set_paused(self, paused: bool) -> None:
        """Freeze the page, or show the present again."""

    def status(self) -> list[str]:
        """Return texts for the status line: what is measured, and how."""
        raise NotImplementedError

    def fault(self) -> tuple[str, str] | None:
        """Return a title and sentences for the banner: what is wrong, what still works, what to do."""
        return None

    def take_focus(self) -> None:
        """Focus the widget that the user wants first; called when the page is shown."""
        raise NotImplementedError

    def go_to_filter(self) -> None:
        """Focus the filter, if the page has one."""

    def escape(self) -> bool:
        """Undo one step, such as a filter or a selection; return False if there was none."""
        return False

    def choose_range(self, index: int) -> None:
        """Choose the time range with this index, if the page has one."""

    def stop(self) -> None:
        """Stop child processes; called before the window closes."""
