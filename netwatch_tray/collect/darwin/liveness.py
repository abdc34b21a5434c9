"""Notices counters that stand still while packets flow, and tries the other source.

On some Macs the kernel counts the packets of an interface but not its bytes (aristocratos/btop#1850); a rate of 0 is
a lie there. Whether the second dump knows better is not known beforehand, so it is tried and kept only if it does.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Literal

from netwatch_tray.collect.interfaces import InterfaceSource
from netwatch_tray.errors import CollectError, UnsupportedError
from netwatch_tray.model import Sample

_log = logging.getLogger(__name__)

_PATIENCE = 20.0
"""Seconds that bytes may stand still."""
_ENOUGH_PACKETS = 64
"""In that time; fewer may fit into the 1024 bytes to which the second dump rounds down."""
_DIRECTIONS = (("received", 0, 2), ("sent", 1, 3))
"""In words, and where packets and bytes stand in a CounterRow."""

_Frozen = tuple[int, str]
"""Index of the interface, and in which direction."""


class LivenessGuard:
    """A source that hands over to a second one when its byte counters are dead.

    The two need not agree, and differ in `Sample.counter_bits`: no delta may be taken across the change.
    """

    def __init__(self, first: InterfaceSource, open_second: Callable[[], InterfaceSource]) -> None:
        """`open_second` may raise UnsupportedError."""
        self.name = first.name
        self.note: str | None = None
        """For `doctor`: what is wrong with the counters of this machine."""
        self._current = self._first = first
        self._open_second = open_second
        self._phase: Literal["watching", "trying", "settled"] = "watching"
        self._before: Sample | None = None
        self._suspects: set[_Frozen] = set()
        self._suspected = ""
        """The same for people."""

    def sample(self) -> Sample:
        """Raises CollectError like the source in use."""
        try:
            sample = self._current.sample()
        except CollectError:
            if self._phase == "trying":
                self._return_to_first()
            raise
        if self._phase != "settled":
            if self._before is None:
                self._before = sample
            elif sample.boottime - self._before.boottime >= _PATIENCE:
                before, self._before = self._before, sample
                self._judge(before, sample)
        return sample

    def close(self) -> None:
        self._current.close()
        if self._current is not self._first:
            self._first.close()

    def _judge(self, before: Sample, after: Sample) -> None:
        frozen = _directions(before, after, alive=False)
        if self._phase == "watching" and frozen:
            self._suspects = frozen
            self._suspected = ", ".join(sorted(f"{after.interfaces[index].name} ({way})" for index, way in frozen))
            self._try_second()
        elif self._phase == "trying" and self._suspects & frozen:
            self._return_to_first()
        elif self._phase == "trying" and self._suspects & _directions(before, after, alive=True):
            self._settle(f"{self._first.name} counts no bytes on {self._suspected}; {self.name} does, so it is used.")

    def _try_second(self) -> None:
        try:
            self._current = self._open_second()
        except UnsupportedError:
            self._return_to_first()
            return
        self.name, self._phase, self._before = self._current.name, "trying", None

    def _return_to_first(self) -> None:
        if self._current is not self._first:
            self._current.close()
            self._current, self.name = self._first, self._first.name
        self._settle(
            f"macOS counts packets but no bytes on {self._suspected}, and no other call knows better: the rates there "
            "are too low. The other interfaces are not affected."
        )

    def _settle(self, note: str) -> None:
        self._phase, self._before, self.note = "settled", None, note
        _log.warning(note)


def _directions(before: Sample, after: Sample, *, alive: bool) -> set[_Frozen]:
    """Where packets flowed between two samples, and bytes did (`alive`) or did not."""
    found: set[_Frozen] = set()
    for index, counters in after.counters.items():
        interface = after.interfaces.get(index)
        earlier = before.counters.get(index)
        if interface is None or earlier is None or interface.is_loopback:
            continue
        for direction, packets, octets in _DIRECTIONS:
            flowed = counters[packets] - earlier[packets] >= _ENOUGH_PACKETS
            if flowed and (counters[octets] != earlier[octets]) == alive:
                found.add((index, direction))
    return found
