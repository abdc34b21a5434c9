"""Detects that the gateway or the DNS server does not respond, from the probes of `collect.health`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from netwatch_tray.engine.detectors import Moment
from netwatch_tray.event import DnsServerSilent, Finding, GatewaySilent, Severity

if TYPE_CHECKING:
    from netwatch_tray.collect.health import Health, Reachability

_PROBES = 2
"""A target is reported after this number of probes in a row without a response. A probe is three packets, which a busy
radio link may lose together."""
_LEAST_APART_S = 15.0
"""Least seconds between two failed probes that count as two: half the period of probes. After each change of uplinks
there is an additional probe, and packets are often lost then."""


class ReachWatch:
    """Finds that the gateway stops responding, and separately that the DNS server does."""

    def __init__(self) -> None:
        self._gateway = _Target(GatewaySilent)
        self._dns = _Target(DnsServerSilent)

    def take(self, health: Health, now: Moment, /) -> Iterator[Finding]:
        yield from self._gateway.take(health.gateway, now)
        dns = health.dns
        if dns is None or dns.rtt_s is not None or dns.loss is not None:  # else there was no route to it
            yield from self._dns.take(dns, now)


class _Target:
    """Watches one probed host: the gateway or the DNS server. It is reported only if it responded earlier, because a
    host that never did may ignore probes."""

    def __init__(self, evidence: Callable[..., GatewaySilent | DnsServerSilent]) -> None:
        self._evidence = evidence
        self._answered: str | None = None
        """Address of the host at its last response; None if none responded in this network."""
        self._misses = 0
        self._missed_at = 0.0
        """Boot-time clock of the last failed probe that counted."""
        self._silent: Moment | None = None
        """Time of the first failed probe since the last response; None if there was none."""

    def take(self, found: Reachability | None, now: Moment) -> Iterator[Finding]:
        has_moved = found is None or found.address != self._answered
        if found is not None and found.rtt_s is not None:
            yield from self._end(now)
            self._answered = found.address
        elif has_moved:  # to another network, or offline
            yield from self._end(now)
            self._answered = None
        elif found is not None and (self._silent is None or now.boottime - self._missed_at >= _LEAST_APART_S):
            self._misses, self._missed_at = self._misses + 1, now.boottime
            if self._silent is None:
                self._silent = now
            if self._misses == _PROBES:
                yield self._finding(self._silent, now)

    def _end(self, now: Moment) -> Iterator[Finding]:
        if self._silent is not None and self._misses >= _PROBES:
            yield self._finding(self._silent, now, until=now.at)
        self._silent, self._misses = None, 0

    def _finding(self, silent: Moment, now: Moment, until: float | None = None) -> Finding:
        address = self._answered
        return Finding(
            evidence=self._evidence(address=address, seconds=now.boottime - silent.boottime, until=until),
            severity=Severity.NOTICE,
            key=address or "",
            at=now.at,
            since=silent.at,
            host=address,
            goes_on=until is not None,
        )
