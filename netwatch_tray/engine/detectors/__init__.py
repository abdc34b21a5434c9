"""Detectors of unusual traffic. Pure: observations in, findings out.

Each rule is a module with a class whose method `take` gets one observation and returns the findings that result.
Detectors use no clock, read nothing, and store a bounded amount of data. `watch.Detectors` has all of them.

A finding that continues an earlier one (`Finding.goes_on`) only has newer evidence. Any other finding is a new
occurrence. Some occurrences have an end (offline, a silent gateway), and the next one begins after it. The others are
reported once in `Cooldown.seconds` for each key.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, Protocol, TypeVar

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
    """Seconds, `clock.boottime`; intervals are measured by it."""


class SocketsSeen(NamedTuple):
    """The changes that a reading of the sockets found."""

    rows: Sequence[Connection]
    """New and changed connections."""
    ended: Sequence[Ended]
    name_of: Callable[[str], str | None]
    """Returns the name of an app by its key."""


class Detector(Protocol[Observation_contra]):
    """A rule that finds unusual traffic."""

    def take(self, observation: Observation_contra, now: Moment, /) -> Iterable[Finding]:
        """Add an observation, and return the findings that result. The boot-time clock of `now` never goes back."""


def recall(known: OrderedDict[_Key, _Value], key: _Key, make: Callable[[], _Value], most: int) -> _Value:
    """Return the value of a key, made if it is missing, and move it to the end. Beyond `most` values drop the least
    recently used one."""
    value = known.get(key)
    if value is None:
        value = known[key] = make()
        if len(known) > most:
            known.popitem(last=False)
    known.move_to_end(key)
    return value


class Cooldown:
    """Keys that were reported, so that none is reported again too soon."""

    def __init__(self, seconds: float = 3600.0, most: int = 256) -> None:
        """`seconds`: an hour by default, so that something that stops and begins again is one occurrence, and something
        that lasts all day is reported again. `most`: number of keys to remember; the oldest are forgotten first."""
        self.seconds = seconds
        self._most = most
        self._reported: OrderedDict[str, float] = OrderedDict()
        """Boot-time clock, oldest first."""

    def begins(self, key: str, now: Moment) -> bool:
        """Return whether a finding with this key is a new occurrence. If so, remember the key."""
        last = self._reported.get(key)
        if last is not None and now.boottime - last < self.seconds:
            return False
        self._reported[key] = now.boottime
        self._reported.move_to_end(key)
        if len(self._reported) > self._most:
            self._reported.popitem(last=False)
        return True
