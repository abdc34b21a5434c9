"""Caches the properties of interfaces, for sources that get no events from the kernel when they change."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from netwatch_tray.model import Interface

_PERIOD = 10.0
"""Seconds after which the properties are read again even if the list of interfaces looks the same."""


class InterfaceFacts:
    """The cache. It is filled again when the list of interfaces that comes with the counters changes, and
    every 10 s."""

    def __init__(self) -> None:
        self.interfaces: Mapping[int, Interface] = {}
        """Interfaces by index. Stays the same object while nothing changes."""
        self.index_of: Mapping[str, int] = {}
        """Index by name, in the form that `os` uses: two names that cannot be decoded may look alike in
        `Interface.name`."""
        self._seen: tuple[object, ...] | None = None
        self._due = 0.0

    def update(self, now: float, seen: tuple[object, ...], read: Callable[[], Iterable[tuple[str, Interface]]]) -> None:
        """Read the properties again if `seen` changed, or 10 s have elapsed.

        `now`: seconds of the boot-time clock. `seen`: one entry for each interface that has counters. `read`: returns
        name (in the form that `os` uses) and properties of those that still exist.
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
