"""The interface of every source of interface counters."""

from __future__ import annotations

from typing import Protocol

from netwatch_tray.errors import Message
from netwatch_tray.model import Sample


class InterfaceSource(Protocol):
    """Reads the counters of all interfaces of the network namespace in which the source was opened."""

    name: str
    """For `doctor`: the system call, not the module."""
    note: Message | None
    """What the user should know about this source's numbers; `None` if there is nothing."""

    def sample(self) -> Sample:
        """Read the kernel once. Raise CollectError if this reading failed; the next one may succeed.

        `Sample.interfaces` is the same object until a link event, so that results derived from it can be reused.
        """

    def close(self) -> None: ...
