"""Detects that the machine goes offline and comes back, and that other interfaces make the total (the uplinks)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from netwatch_tray.engine.detectors import Moment
from netwatch_tray.event import Finding, Offline, Severity, TotalMoved
from netwatch_tray.model import Interface, Tick

HELD_S = 5.0
"""Seconds that a change must last to be reported. Roaming between access points, renewing a lease and moving a cable to
another port take less."""


class Line(msgspec.Struct, frozen=True, gc=False):
    """An observation: a tick, and the interfaces that existed at that time."""

    tick: Tick
    interfaces: Mapping[int, Interface]
    """`Monitor.interfaces`: by index; replaced by another object at each change, so compared by identity."""


class LineWatch:
    """Finds times without a network connection, and changes of the uplinks.

    The machine is online while an interface with a default route is up. Before the first default route is seen, an
    interface that counts in the total is enough, because the machine may be in a network without a default gateway.
    """

    def __init__(self) -> None:
        self._interfaces: Mapping[int, Interface] | None = None
        """The interfaces for which `_has_route` was computed."""
        self._has_route = self._had_route = False
        self._was_online = False
        self._away: Moment | None = None
        """When the machine went offline; None while it is online."""
        self._lost: tuple[str, ...] = ()
        """The interfaces that made the total before the machine went offline."""
        self._is_reported = False
        self._uplinks: tuple[str, ...] = ()
        """The interfaces that make the total, as last reported."""
        self._other: tuple[tuple[str, ...], Moment] | None = None
        """The interfaces that make the total now, and since when, if they differ from `_uplinks`; else None."""

    def is_settled(self, tick: Tick, interfaces: Mapping[int, Interface]) -> bool:
        """Return whether nothing has changed, so that `take` need not be called; so it is at nearly every tick."""
        return (
            self._interfaces is interfaces
            and self._uplinks == tick.total.uplinks
            and self._was_online
            and self._away is None
            and self._other is None
        )

    def take(self, line: Line, now: Moment, /) -> Iterator[Finding]:
        gap = line.tick.gap
        if line.tick.is_unread:
            return
        if gap is not None and gap.is_unobserved:  # a machine that wakes up is offline for some seconds: no event
            self._other = None
            if self._away is not None and not self._is_reported:
                self._away = now
        if self._interfaces is not line.interfaces:
            self._interfaces = line.interfaces
            self._has_route = any(each.is_up and each.default_metric is not None for each in line.interfaces.values())
            self._had_route = self._had_route or self._has_route
        uplinks = line.tick.total.uplinks
        if self._has_route if self._had_route else bool(uplinks):
            yield from self._be_online(uplinks, now)
        elif self._was_online:
            yield from self._be_offline(now)

    def _be_online(self, uplinks: tuple[str, ...], now: Moment) -> Iterator[Finding]:
        self._was_online = True
        if self._away is not None and self._is_reported:
            yield self._offline(self._away, now, until=now.at)
        self._away, self._is_reported = None, False
        if uplinks == self._uplinks or not uplinks:
            self._other = None
        elif not self._uplinks:
            self._uplinks = uplinks
        elif self._other is None or self._other[0] != uplinks:
            self._other = uplinks, now
        elif now.boottime - self._other[1].boottime >= HELD_S:
            evidence = TotalMoved(before=self._uplinks, after=uplinks)
            yield Finding(evidence=evidence, severity=Severity.NOTICE, key="total", at=now.at, since=self._other[1].at)
            self._uplinks, self._other = uplinks, None

    def _be_offline(self, now: Moment) -> Iterator[Finding]:
        self._other = None
        if self._away is None:
            self._away, self._lost = now, self._uplinks
        if not self._is_reported and now.boottime - self._away.boottime >= HELD_S:
            self._is_reported = True
            yield self._offline(self._away, now)

    def _offline(self, away: Moment, now: Moment, until: float | None = None) -> Finding:
        return Finding(
            evidence=Offline(until=until, interfaces=self._lost),
            severity=Severity.NOTICE,
            key="line",
            at=now.at,
            since=away.at,
            goes_on=until is not None,
        )
