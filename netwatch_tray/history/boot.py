"""The boot of the system. Counters of two runs of the program are compared only within one boot."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Literal, NamedTuple

from netwatch_tray import clock
from netwatch_tray.history.batch import RecorderState

_CLOCK_DRIFT = 5.0
"""Seconds by which the two clocks may differ within one boot, because they are not read at the same moment."""


class Boot(NamedTuple):
    """A boot, as far as the system reports it."""

    identity: str | None
    """The kernel's ID of it, where it has one."""
    boottime: float
    """Seconds since it, `clock.boottime`."""
    wall: float
    """Unix time, read together with `boottime`."""

    @classmethod
    def now(cls) -> Boot:
        try:
            identity: str | None = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        except OSError:
            identity = None
        return cls(identity, clock.boottime(), time.time())

    def follows(self, state: RecorderState) -> Literal["same boot", "later boot", "unknown"]:
        """Return whether this is the boot in which `state` was stored or a later one, as far as that is certain."""
        if self.identity is not None and state.boot is not None:
            return "same boot" if self.identity == state.boot else "later boot"
        if self.boottime < state.boottime:
            return "later boot"  # this clock never goes back while the system runs
        # Within one boot both clocks advance equally.
        drift = (self.wall - state.at) - (self.boottime - state.boottime)
        return "same boot" if abs(drift) < _CLOCK_DRIFT else "unknown"
