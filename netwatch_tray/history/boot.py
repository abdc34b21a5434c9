"""Identifies the boot of the system. Counters of two runs of the program are compared only within one boot."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Literal, NamedTuple

from netwatch_tray import clock
from netwatch_tray.history.batch import RecorderState

_CLOCK_DRIFT = 5.0
"""Seconds by which wall clock and boot-time clock may have drifted apart between two readings within one boot."""


class Boot(NamedTuple):
    """The boot of the system in which the program runs, and both clocks at one moment."""

    identity: str | None
    """The kernel's ID of this boot; None on systems without one."""
    boottime: float
    """Seconds since the boot, from `clock.boottime`."""
    wall: float
    """Unix time, read at the same moment as `boottime`."""

    @classmethod
    def now(cls) -> Boot:
        try:
            identity: str | None = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        except OSError:
            identity = None
        return cls(identity, clock.boottime(), time.time())

    def follows(self, state: RecorderState) -> Literal["same boot", "later boot", "unknown"]:
        """Return whether `state` was stored in this boot or in an earlier one, so that this is a later one; `unknown`
        if that is not certain."""
        if self.identity is not None and state.boot is not None:
            return "same boot" if self.identity == state.boot else "later boot"
        if self.boottime < state.boottime:
            return "later boot"  # this clock never goes back while the system runs
        # Within one boot both clocks advance equally.
        drift = (self.wall - state.at) - (self.boottime - state.boottime)
        return "same boot" if abs(drift) < _CLOCK_DRIFT else "unknown"
