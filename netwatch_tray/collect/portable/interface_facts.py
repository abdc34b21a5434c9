"""Facts about interfaces besides their counters, for sources without kernel events about changes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from netwatch_tray.model import Interface

_PERIOD = 10.0
"""Seconds after which everything is read again although the list looks the same."""


class InterfaceFacts:
    """A cache of interfaces, read again when the list that comes with the counters changes, and every 10 s."""

    def __init__(self) -> None:
        self.interfaces: Mapping[int, Interface] = {}
        """Interfaces by index; the same object for as long as nothing changed."""
        self.index_of: Mapping[str, int] = {}
        """Index by name in the form that `os` takes, because two names that cannot be decoded may be shown alike."""
        self._seen: tuple[object, ...] | None = None
        self._due = 0.0

    def update(self, now: float, seen: tuple[object, ...], read: Callable[[], Iterable[tuple[str, Interface]]]) -> None:
        """Read the interfaces again if `seen` changed, or 10 s have elapsed.

        `now`: seconds on the boot-time clock. `seen`: one entry for each interface that has counters. `read`: returns
        those of them that still exist, by name in the form that `os` takes.
        """
        if seen == self._seen and now < self._due:
            return
        named = dict(read())
        found = {interface.index: interface for interface in named.values()}
        if found != self.interfaces:
            self.interfaces = found
        self.index_of = {name: interface.index for name, interface in named.items()}
        # An interface that was removed before it could be read may exist again under its name at the next update.
        self._seen = seen if len(found) == len(seen) else None
        self._due = now + _PERIOD
