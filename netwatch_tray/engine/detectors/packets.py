"""The detectors that use packets from the helper. Loaded only if a helper runs."""

from __future__ import annotations

from netwatch_tray.collect.helper_readings import Reading
from netwatch_tray.engine.detectors import Moment
from netwatch_tray.engine.detectors.domains import registrable
from netwatch_tray.engine.detectors.nxdomain import Answered, NxdomainWatch
from netwatch_tray.engine.detectors.questions import NXDOMAIN, Asked, DnsCounts, Questions
from netwatch_tray.engine.detectors.scan import PortScanWatch, Refused
from netwatch_tray.engine.detectors.tunnel import Below, TunnelWatch
from netwatch_tray.engine.observation import Observation
from netwatch_tray.event import Finding


class PacketDetectors:
    """Detectors that need the helper: port scans with a known source, and unusual names in DNS queries."""

    def __init__(self) -> None:
        self._scan = PortScanWatch()
        self._questions = Questions()
        self._tunnel = TunnelWatch()
        self._nxdomain = NxdomainWatch()

    @property
    def has_source_of_scan(self) -> bool:
        """Return whether a scan with a known source continues, or ended less than `scan.WINDOW_S` ago."""
        return self._scan.has_source

    @property
    def dns(self) -> DnsCounts:
        return self._questions.counts

    def take(self, reading: Reading, observation: Observation, now: Moment) -> list[Finding]:
        if not reading.packets and not reading.refusals and self._scan.is_idle:  # the usual case on an idle desktop
            return []
        scopes = {each.peer_address: observation.scope_of(each.peer_address) for each in reading.refusals}
        found = list(self._scan.take(Refused([(each, scopes[each.peer_address]) for each in reading.refusals]), now))
        for asked in self._questions.take(reading.packets):
            app = observation.table.app_of(asked.cookie)
            if asked.code is None:
                below = self._below(asked, app)
                if below is not None:
                    found += self._tunnel.take(below, now)
            else:
                found += self._nxdomain.take(Answered(self._missing(asked), app), now)
        return found

    def _below(self, asked: Asked, app: tuple[str, str] | None) -> Below | None:
        domain = registrable(asked.name)
        if domain is None or len(domain) >= len(asked.name):
            return None
        return Below(domain, asked.name[: -len(domain) - 1].replace(".", ""), app)

    def _missing(self, asked: Asked) -> str | None:
        """Return the registrable domain of a DNS response that reports that the name does not exist; None for
        others."""
        if asked.code != NXDOMAIN:
            return None
        if "." not in asked.name:
            return asked.name
        return registrable(asked.name)
