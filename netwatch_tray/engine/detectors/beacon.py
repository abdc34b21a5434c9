"""Detects a beacon: an app that connects to one remote host at regular intervals. Measured at the ends of
connections."""

from __future__ import annotations

import bisect
import itertools
import math
from collections import OrderedDict
from collections.abc import Collection, Iterator

import msgspec

from netwatch_tray.engine.detectors import Cooldown, Moment, recall
from netwatch_tray.engine.entries import Ended
from netwatch_tray.event import Beacon, Finding, Severity

TIMES = 6
"""Fewest connections (their ends) whose intervals are compared."""
VARIATION = 0.1
"""Largest variation, which is the standard deviation of the intervals ÷ their mean. A beacon with 5 % jitter has about
0.03; connections that a user causes have 0.5 and more."""
_LIMITS = ((6, 0.03), (7, 0.055), (8, VARIATION))
"""Pairs: a number of ends, and the largest variation with which they are a beacon. By chance, unrelated connections
vary so little once in several hundred thousand sets; six ends below 0.1 would occur once in 5 000, a day of browsing.
"""
SHORTEST_S, LONGEST_S = 5.0, 3600.0
"""Limits of the mean interval in seconds. With shorter ones, programs poll while the user waits. With longer ones, six
intervals take longer than most sessions."""
_ONE_CALL_S = 1.0
"""Connections that end within this many seconds are one contact, because a program may open several at once."""
_KEPT = 12
"""Most ends that are stored for one remote host and port, of all apps together."""
_MOST_REMOTES = 1024
"""Most remote hosts and ports that are remembered. A desktop contacts about a hundred an hour, and a beacon must be
remembered for six of its intervals."""
_UPDATED_EACH_S = 600.0
"""Seconds between two findings with newer evidence of a beacon that continues."""

REGULAR_PORTS = frozenset({37, 110, 123, 143, 853, 993, 995, 4460})
"""Services that clients contact regularly by design: time (RFC 868, NTP, NTS), mail (POP3, IMAP), DNS over TLS."""
REGULAR_APPS = frozenset({"unit:NetworkManager.service", "unit:ModemManager.service", "unit:connman.service"})
"""Apps that check every few minutes whether the Internet is reachable."""


class _End(msgspec.Struct, frozen=True, gc=False):
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
        """Unix time of its first connection."""
        self.times = times
        self.updated = 0.0
        """Boot-time clock of the latest finding about it."""


class BeaconWatch:
    """Finds beacons among the connections that this machine opened to other hosts."""

    def __init__(self) -> None:
        self._ends: OrderedDict[tuple[str, int | None], list[_End]] = OrderedDict()
        """Ends of connections by remote host and port; the most recently used host is at the end."""
        self._lasting: dict[str, _Lasting] = {}
        """Beacons that were reported and continue, by key of the finding."""
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
        """Store the end of a connection. Return all stored ends between this app and this remote host and port, oldest
        first, or `None` if the connection is part of the previous contact (`_ONE_CALL_S`)."""
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


class _Regular(msgspec.Struct, frozen=True, gc=False):
    times: int
    period: float
    deviation: float
    variation: float
    size: int


def _regular(ends: list[_End], limit: float) -> _Regular | None:
    """Return mean and spread of the intervals between these ends, or `None` if they are too irregular for a beacon.
    `limit`: the variation must be below it."""
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
