"""Detects an app that connects to one remote host at regular intervals, by the ends of its connections."""

from __future__ import annotations

import bisect
import itertools
import math
from collections import OrderedDict
from collections.abc import Collection, Iterator
from typing import NamedTuple

from netwatch_tray.engine.detectors import Cooldown, Moment, recall
from netwatch_tray.engine.entries import Ended
from netwatch_tray.event import Beacon, Finding, Severity

TIMES = 6
"""Fewest ends that are compared."""
VARIATION = 0.1
"""Standard deviation of the intervals ÷ their mean; a beacon with 5 % jitter has about 0.03, what a user does 0.5 and
more."""
_LIMITS = ((6, 0.03), (7, 0.055), (8, VARIATION))
"""Number of ends, and their largest allowed variation. Unrelated connections vary so little once in several hundred
thousand sets by chance. With six ends below 0.1 that would happen once in 5 000 sets, which is a day of browsing."""
SHORTEST_S, LONGEST_S = 5.0, 3600.0
"""Limits of the mean interval in seconds. Below, programs poll while the user waits. Above, six intervals take longer
than most sessions."""
_ONE_CALL_S = 1.0
"""Seconds. Connections that end within this time are one contact, because a program may open several at once."""
_KEPT = 12
"""Most ends that are stored for one remote, of all apps together."""
_MOST_REMOTES = 1024
"""Most remotes. A desktop has about a hundred an hour, and a beacon must be remembered for six of its periods."""
_UPDATED_EACH_S = 600.0
"""Seconds after which a continuing beacon gets newer evidence."""

REGULAR_PORTS = frozenset({37, 110, 123, 143, 853, 993, 995, 4460})
"""Services that clients contact regularly by design: time (RFC 868, NTP, NTS), mail (POP3, IMAP), DNS over TLS."""
REGULAR_APPS = frozenset({"unit:NetworkManager.service", "unit:ModemManager.service", "unit:connman.service"})
"""Apps that check every few minutes whether the Internet is reachable."""


class _End(NamedTuple):
    boottime: float
    app: str | None
    """Key of the app; `None` if the process was not found, so it may be any app's."""
    name: str
    moved: int


class _Lasting:
    """A reported beacon that continues."""

    __slots__ = ("since", "times", "updated")

    def __init__(self, since: float, times: int) -> None:
        self.since = since
        """Unix time."""
        self.times = times
        self.updated = 0.0
        """Boot-time clock."""


class BeaconWatch:
    """Finds beacons: regular connections that this machine opened, to hosts other than itself."""

    def __init__(self) -> None:
        self._ends: OrderedDict[tuple[str, int | None], list[_End]] = OrderedDict()
        """Ends of connections by remote and port; the most recent remote is at the end."""
        self._lasting: dict[str, _Lasting] = {}
        """By key of the finding."""
        self._cooldown = Cooldown()

    def take(self, ended: Collection[Ended], now: Moment, /) -> Iterator[Finding]:
        for each in sorted(ended, key=lambda each: each.boottime):
            if each.is_incoming or each.is_own or not each.crosses_uplink or _is_regular(each):
                continue
            ends = self._remember(each)
            if ends is not None:
                yield from self._judge(each, ends, now)
        if len(self._lasting) > _MOST_REMOTES:
            self._lasting.clear()

    def _remember(self, ended: Ended) -> list[_End] | None:
        """Add the end of a connection. Return the ends of this app at this remote, oldest first, or `None` if the
        connection is part of the previous contact."""
        ends = recall(self._ends, (ended.remote, ended.port), list, _MOST_REMOTES)
        app = None if ended.pid is None else ended.app.key
        end = _End(ended.boottime, app, ended.app.name, sum(ended.moved))
        own = [each for each in ends if app is None or each.app in (None, app)]
        if any(abs(each.boottime - end.boottime) < _ONE_CALL_S for each in own):
            return None
        bisect.insort(ends, end, key=lambda each: each.boottime)
        bisect.insort(own, end, key=lambda each: each.boottime)
        del ends[:-_KEPT]
        return own

    def _judge(self, ended: Ended, ends: list[_End], now: Moment) -> Iterator[Finding]:
        app = ended.app
        known = next((each for each in reversed(ends) if each.app is not None), None)
        app_key, name = (app.key, app.name) if known is None or known.app is None else (known.app, known.name)
        key = f"{app_key} {ended.remote} {ended.port}"
        beacon = next(
            filter(None, (_regular(ends[-count:], limit) for count, limit in _LIMITS if len(ends) >= count)), None
        )
        if beacon is None:
            self._lasting.pop(key, None)
            return
        lasting = self._lasting.get(key)
        begins = lasting is None and self._cooldown.begins(key, now)
        if lasting is None:
            started = now.at - (now.boottime - ends[-beacon.times].boottime)
            lasting = self._lasting[key] = _Lasting(started, beacon.times)
        else:
            lasting.times += 1
            if now.boottime - lasting.updated < _UPDATED_EACH_S:
                return
        lasting.updated = now.boottime
        yield Finding(
            evidence=Beacon(
                period=beacon.period,
                times=lasting.times,
                deviation=beacon.deviation,
                variation=beacon.variation,
                size=beacon.size,
                port=ended.port,
                rule_times=TIMES,
                rule_variation=VARIATION,
            ),
            severity=Severity.ALERT,
            key=key,
            at=now.at,
            since=lasting.since,
            app=app_key,
            app_name=name,
            host=ended.remote,
            pid=ended.pid,
            goes_on=not begins,
        )


class _Regular(NamedTuple):
    times: int
    period: float
    deviation: float
    variation: float
    size: int


def _regular(ends: list[_End], limit: float) -> _Regular | None:
    """Return the interval of these ends and its spread, or `None` if they are too few or too irregular."""
    intervals = [later.boottime - earlier.boottime for earlier, later in itertools.pairwise(ends)]
    period = sum(intervals) / len(intervals)
    if not SHORTEST_S <= period <= LONGEST_S:
        return None
    variation = math.sqrt(sum((each - period) ** 2 for each in intervals) / len(intervals)) / period
    if variation >= limit:
        return None
    deviation = max(abs(each - period) for each in intervals)
    return _Regular(len(ends), period, deviation, variation, sum(each.moved for each in ends) // len(ends))


def _is_regular(ended: Ended) -> bool:
    return ended.port in REGULAR_PORTS or ended.app.key in REGULAR_APPS
