"""What every page of the window has in common."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from netwatch_tray.feed.protocol import ServerMessage, Topic


class Page(QWidget):
    """One page: takes the agent's messages and tells the frame what to say below and above it."""

    changed = Signal()
    """`status` or `fault` is another one now."""

    @property
    def topics(self) -> frozenset[Topic]:
        """What the agent has to send while the page is seen."""
        return frozenset({"interfaces"})

    @property
    def is_live(self) -> bool:
        """Whether it shows the present, which can be held still."""
        return True

    def receive(self, message: ServerMessage) -> None:
        """Called for every message, whether the page is seen or not."""
        raise NotImplementedError

    def lose_agent(self) -> None:
        """Nothing is known any more; called each second until the agent is back."""
        raise NotImplementedError

    def set_paused(self, paused: bool) -> None:
        """Holds the picture still, or goes on with what is measured by now."""

    def status(self) -> list[str]:
        """What is measured and how, for the status line."""
        raise NotImplementedError

    def fault(self) -> tuple[str, str] | None:
        """What is wrong, and the sentences on what still works and what to do."""
        return None

    def take_focus(self) -> None:
        """The page has just been turned to."""
        raise NotImplementedError

    def go_to_filter(self) -> None:
        """Goes to the page's filter, if it has one."""

    def escape(self) -> bool:
        """Closes the innermost thing that is open; False when there is none."""
        return False

    def choose_range(self, index: int) -> None:
        """Takes the range at this place, on a page that has ranges."""
