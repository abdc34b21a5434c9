"""What every source of interface counters provides."""

from __future__ import annotations

from typing import Protocol

from netwatch_tray.errors import Message
from netwatch_tray.model import Sample


class InterfaceSource(Protocol):
    """Reads the counters of all interfaces of the network namespace it was opened in."""

    name: str
    """For `doctor`: the system call, not the module."""
    note: Message | None
    """What the user should know about this source's numbers; `None`: nothing."""

    def sample(self) -> Sample:
        """Read the kernel once. Raise CollectError when this reading failed and the next one may not.

        `Sample.interfaces` is the same object until a link event, so that nothing is computed anew without one.
        """

    def close(self) -> None: ...
