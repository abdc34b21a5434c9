"""The interface (Protocol) that every source of interface counters implements."""

from __future__ import annotations

from typing import Protocol

from netwatch_tray.errors import Message
from netwatch_tray.model import Sample


class InterfaceSource(Protocol):
    """Reads the counters of all interfaces in the network namespace in which the source was opened."""

    name: str
    """Shown by `doctor`: the system call or file that is read."""
    note: Message | None
    """What the user should know about the numbers of this source, such as what they lack; None if there is nothing."""

    def sample(self) -> Sample:
        """Read the kernel's counters once. Raise CollectError if that failed; the next call may succeed.

        `Sample.interfaces` stays the same object while no property of an interface changes, so results computed from it
        can be kept.
        """

    def close(self) -> None: ...
