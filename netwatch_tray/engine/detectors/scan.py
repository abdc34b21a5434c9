"""Detects a port scan: a host tries many ports of this machine. The helper reports the connections that were
refused."""

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
"""Number of closed ports that one host must try to be reported. A neighbour's service discovery, or a program with a
wrong address, tries three or four."""
WINDOW_S = 30.0
"""Seconds within which the ports must be tried. Scans slower than 40 ports a minute are not detected."""
_MOST_SOURCES = 128
_MOST_PORTS = 1024
"""Most ports that are counted for one source address: nmap tries 1000 by default."""


class Refused(NamedTuple):
    """An observation: connections to closed ports since the previous reading; there may be none."""

    refusals: Sequence[tuple[Refusal, Scope | None]]
    """Each refused connection, with the scope (distance) of its source."""


class _Source:
    __slots__ = ("ports", "reported", "scope", "since")

    def __init__(self, scope: Scope | None) -> None:
        self.scope = scope
        self.ports: OrderedDict[int, float] = OrderedDict()
        """Boot-time clock of the last attempt by port, oldest first."""
        self.reported = 0
        """Number of ports in the last finding about this source; 0 if there was none."""
        self.since = Moment(0.0, 0.0)
        """Time of the first attempt of the scan."""

    @property
    def last(self) -> float:
        return next(reversed(self.ports.values()))


class PortScanWatch:
    """Finds hosts that scan the ports of this machine. Connections of this machine to itself do not count."""

    def __init__(self) -> None:
        self._sources: OrderedDict[str, _Source] = OrderedDict()
        """Hosts that tried closed ports, by address; the most recent one is at the end."""
        self._cooldown = Cooldown()

    @property
    def is_idle(self) -> bool:
        """Return whether no source is remembered. Then `take` without refusals has nothing to do."""
        return not self._sources

    @property
    def has_source(self) -> bool:
        """Return whether a scan was reported that continues, or ended less than `WINDOW_S` ago."""
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
        """Drop sources without an attempt for `WINDOW_S`. Yield a last finding for each that has tried more ports than
        were reported."""
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
