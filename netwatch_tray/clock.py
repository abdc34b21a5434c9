"""The two clocks that tell elapsed time from sleep.

`boottime` goes on while the machine sleeps, `uptime` stands still then. Their difference grows by the length of each
sleep, which is how one is told from a slow program. Neither ever jumps when the wall clock is set.

Linux: clock_gettime(2), CLOCK_BOOTTIME and CLOCK_MONOTONIC. macOS: clock_gettime(3), CLOCK_MONOTONIC and
CLOCK_UPTIME_RAW.
"""

from __future__ import annotations

import time

_BOOTTIME: int = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
_UPTIME: int = getattr(time, "CLOCK_UPTIME_RAW", time.CLOCK_MONOTONIC)


def boottime() -> float:
    """Seconds since boot, sleep included."""
    return time.clock_gettime(_BOOTTIME)


def uptime() -> float:
    """Seconds since boot, sleep left out."""
    return time.clock_gettime(_UPTIME)
