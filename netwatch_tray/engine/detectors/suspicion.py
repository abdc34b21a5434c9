"""Detects a suspected port scan without the helper: by the kernel's counters of refused packets, which have no
source."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from netwatch_tray.collect.sockets import RefusalCounts
from netwatch_tray.engine.detectors import Cooldown, Moment
from netwatch_tray.event import Finding, ScanSuspected, Severity

REFUSED = 60
"""A scan is suspected if at least this number of TCP resets, or of datagrams to closed ports, is counted in the time
window. A scan of the hundred most common ports causes as many. A desktop has a few: late packets of closed
connections."""
WINDOW_S = 120.0
"""Length of the time window in seconds: two intervals between readings, so that a scan across two is seen
completely."""
_LIMITED = 2
"""Least ratio of datagrams to closed ports to ICMP messages about them, so that few hosts are the source. The kernel
sends one host about one such message a second (net.ipv4.icmp_ratelimit). Late packets for a torrent client that was
closed come from thousands of hosts, so nearly each causes a message."""
_LONGEST_S = 90.0
"""Longest time in seconds between two readings, which normally are a minute apart. If it is longer, the machine
slept."""


class ScanSuspicion:
    """Finds bursts of TCP resets for which no connection accounts, and of datagrams to closed ports."""

    def __init__(self) -> None:
        self._last: tuple[RefusalCounts, Moment] | None = None
        self._intervals: deque[tuple[RefusalCounts, float]] = deque(maxlen=2)
        """Counts and length in seconds of the last two intervals between readings."""
        self._cooldown = Cooldown()

    def take(self, counts: RefusalCounts, now: Moment, /) -> Iterator[Finding]:
        """Add a reading of the kernel's counters, which count since boot. Return the findings that result."""
        last, self._last = self._last, (counts, now)
        if last is None or now.boottime - last[1].boottime > _LONGEST_S:
            self._intervals.clear()
            return
        self._intervals.append((counts.since(last[0]), now.boottime - last[1].boottime))
        resets = sum(each.unexplained for each, _ in self._intervals)
        datagrams = sum(each.datagrams for each, _ in self._intervals)
        unreachables = sum(each.unreachables for each, _ in self._intervals)
        seconds = sum(each for _, each in self._intervals)
        is_datagrams = datagrams >= REFUSED and datagrams >= _LIMITED * unreachables
        if (resets >= REFUSED or is_datagrams) and self._cooldown.begins("suspected", now):
            yield Finding(
                evidence=ScanSuspected(
                    resets=resets,
                    unreachables=datagrams,
                    seconds=seconds,
                    rule_count=REFUSED,
                    rule_seconds=WINDOW_S,
                ),
                severity=Severity.NOTICE,
                key="suspected",
                at=now.at,
                since=now.at - seconds,
            )
