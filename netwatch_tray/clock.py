"""Two clocks whose difference shows how long the machine slept.

`boottime` continues while the machine sleeps, `uptime` stops. Their difference grows by the length of each sleep, which
distinguishes sleep from a slow program. Setting the wall clock changes neither.

Linux: clock_gettime(2), CLOCK_BOOTTIME and CLOCK_MONOTONIC. macOS: clock_gettime(3), CLOCK_MONOTONIC_RAW, and
mach_absolute_time, which is Python's `monotonic` there; its CLOCK_MONOTONIC is the wall clock minus the time of boot,
and is slewed with it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

_RAW: int = getattr(time, "CLOCK_MONOTONIC_RAW", time.CLOCK_MONOTONIC)
_BOOTTIME: int = getattr(time, "CLOCK_BOOTTIME", _RAW)


# Not functions in Python: the agent calls them many times a second, and such a call costs more than the clock itself.
boottime: Callable[[], float] = partial(time.clock_gettime, _BOOTTIME)
"""Return the seconds since boot, including the time asleep."""
uptime: Callable[[], float] = time.monotonic
"""Return the seconds since boot without the time asleep."""
