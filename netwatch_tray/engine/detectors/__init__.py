"""Detectors of unusual traffic. Pure: an observation (new data) goes in, findings (what is unusual) come out.

Each rule is a module with a class whose method `take` gets one observation and returns the findings that result.
Detectors use no clock, read nothing, and store a bounded amount of data. `watch.Detectors` has all of them.

Each finding has a key, such as the app or the address that it is about. A finding that continues an earlier one
(`Finding.goes_on`) only has newer evidence; any other is a new occurrence. Some occurrences have an end (offline, a
silent gateway), and the next one begins after it. Others are reported once in `Cooldown.seconds` for each key.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, TypeVar

import msgspec

from netwatch_tray.engine.entries import Ended
from netwatch_tray.event import Finding
from netwatch_tray.model import Connection

Observation_contra = TypeVar("Observation_contra", contravariant=True)
_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


class Moment(msgspec.Struct, frozen=True, gc=False):
    """The time of an observation."""

    at: float
    """Unix time; the user may set that clock at any time."""
    boottime: float
    """Seconds of the boot-time clock, which only goes forward; used to measure intervals."""


class SocketsSeen(msgspec.Struct, frozen=True):
    """An observation of the sockets: the connections that a reading found new, changed or ended."""

    rows: Sequence[Connection]
    """New and changed connections."""
    ended: Sequence[Ended]
    name_of: Callable[[str], str | None]
    """Returns the name of an app by its key."""


class Detector(Protocol[Observation_contra]):
    """A rule that finds one kind of unusual traffic."""

    def take(self, observation: Observation_contra, now: Moment, /) -> Iterable[Finding]:
        """Add an observation and return the findings that result. `now`: its time; `boottime` never goes back."""


def recall(known: OrderedDict[_Key, _Value], key: _Key, make: Callable[[], _Value], most: int) -> _Value:
    """Return the value of a key and move it to the end. If it is missing, add `make()`, and drop the least recently
    used value if there are more than `most`."""
    value = known.get(key)
    if value is None:
        value = known[key] = make()
        if len(known) > most:
            known.popitem(last=False)
    known.move_to_end(key)
    return value


class Cooldown:
    """Remembers which keys were reported when, so that none is reported again too soon."""

    def __init__(self, seconds: float = 3600.0, most: int = 256) -> None:
        """`seconds`: how long a key is not reported again after the first report. `most`: number of keys to remember;
        the oldest are forgotten first."""
        self.seconds = seconds
        self._most = most
        self._reported: OrderedDict[str, float] = OrderedDict()
        """Boot-time clock at the last report of each key, oldest report first."""

    def begins(self, key: str, now: Moment) -> bool:
        """Return whether this key was not reported in the last `seconds`. If so, remember it as reported now."""
        last = self._reported.get(key)
        if last is not None and now.boottime - last < self.seconds:
            return False
        self._reported[key] = now.boottime
        self._reported.move_to_end(key)
        if len(self._reported) > self._most:
            self._reported.popitem(last=False)
        return True
