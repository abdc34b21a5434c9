"""Detects a host that tries many ports of this machine, from the refused connections that the helper reports."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from netwatch_tray.engine.detectors import Cooldown, Moment
from netwatch_tray.event import Finding, PortScan, Severity
from netwatch_tray.model import Scope

if TYPE_CHECKING:
    from netwatch_tray.collect.helper_readings import Refusal

PORTS = 20
"""Number of closed ports that make a scan. Discovery by a neighbour and programs with a wrong address try three or
four."""
WINDOW_S = 30.0
"""Seconds from the first to the last refusal. Scans slower than 40 ports a minute are not detected."""
_MOST_SOURCES = 128
_MOST_PORTS = 1024
"""Most ports counted per source: as many as a scan tries by default."""


class Refused(NamedTuple):
    """Connections that closed ports refused since the previous reading; may be empty."""

    refusals: Sequence[tuple[Refusal, Scope | None]]
    """With the scope of the source."""


class _Source:
    __slots__ = ("ports", "reported", "scope", "since")

    def __init__(self, scope: Scope | None) -> None:
        self.scope = scope
        self.ports: OrderedDict[int, float] = OrderedDict()
        """Tried ports with the time of the last try (boot-time clock), oldest first."""
        self.reported = 0
        """Number of ports that were reported; 0 if no scan was reported so far."""
        self.since = Moment(0.0, 0.0)
        """Time of the first try of the scan."""

    @property
    def last(self) -> float:
        return next(reversed(self.ports.values()))


class PortScanWatch:
    """Finds port scans. This machine's connections to itself, and those it opens to others, do not count."""

    def __init__(self) -> None:
        self._sources: OrderedDict[str, _Source] = OrderedDict()
        """The sources by their address; the one that was seen last is at the end."""
        self._cooldown = Cooldown()

    @property
    def is_idle(self) -> bool:
        """Return whether no source is remembered, so that time alone changes nothing."""
        return not self._sources

    @property
    def has_source(self) -> bool:
        """Return whether a scan continues, or ended less than `WINDOW_S` ago."""
        return any(each.reported for each in self._sources.values())

    def take(self, refused: Refused, now: Moment, /) -> Iterator[Finding]:
        seen: dict[str, None] = {}
        for refusal, scope in refused.refusals:
            if scope == "machine" or refusal.local_port is None:
                continue
            seen[refusal.peer_address] = None
            source = self._sources.get(refusal.peer_address)
            if source is None:
                source = self._sources[refusal.peer_address] = _Source(scope)
            self._sources.move_to_end(refusal.peer_address)
            source.ports[refusal.local_port] = now.boottime
            source.ports.move_to_end(refusal.local_port)
        for address in seen:
            yield from self._judge(address, self._sources[address], now)
        yield from self._end_quiet(now)
        while len(self._sources) > _MOST_SOURCES:
            self._sources.popitem(last=False)

    def _judge(self, address: str, source: _Source, now: Moment) -> Iterator[Finding]:
        ports = source.ports
        while len(ports) > _MOST_PORTS or (
            not source.reported and now.boottime - next(iter(ports.values())) > WINDOW_S
        ):
            ports.popitem(last=False)
        if not source.reported and len(ports) >= PORTS:
            first = next(iter(ports.values()))
            source.since = Moment(now.at - (now.boottime - first), first)
            yield self._finding(address, source, now, goes_on=not self._cooldown.begins(address, now))
        elif source.reported and len(ports) >= 2 * source.reported:
            yield self._finding(address, source, now, goes_on=True)

    def _end_quiet(self, now: Moment) -> Iterator[Finding]:
        """Drop sources without recent attempts; yield a last finding for each that has tried further ports."""
        while self._sources:
            address, source = next(iter(self._sources.items()))
            if now.boottime - source.last <= WINDOW_S:
                return
            if source.reported and len(source.ports) > source.reported:
                yield self._finding(address, source, now, goes_on=True)
            del self._sources[address]

    def _finding(self, address: str, source: _Source, now: Moment, *, goes_on: bool) -> Finding:
        source.reported = len(source.ports)
        return Finding(
            evidence=PortScan(
                inbound=True,
                ports=source.reported,
                hosts=1,
                seconds=max(0.0, source.last - source.since.boottime),
                is_local=None if source.scope is None else source.scope == "local",
                rule_count=PORTS,
                rule_seconds=WINDOW_S,
            ),
            severity=Severity.ALERT,
            key=address,
            at=now.at,
            since=source.since.at,
            host=address,
            goes_on=goes_on,
        )
