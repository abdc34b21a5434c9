"""An app that requests names of many domains that do not exist, as programs do that look for their operator."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import NamedTuple

from netwatch_tray.engine.detectors import Cooldown, Moment, recall
from netwatch_tray.event import Finding, NxdomainStorm, Severity

DOMAINS = 30
"""Domains without a registration in the window. Names below one domain count once: lists of spammers and search domains
answer so by design. A browser's start tries three."""
SHARE = 0.5
"""Of the answers that an app gets. A crawler follows many dead links, and more that work."""
WINDOW_S = 300.0
"""Seconds, one window after the other."""
_MOST_APPS = 64


class Answered(NamedTuple):
    """A response that an app received."""

    domain: str | None
    """The registrable domain, or the whole name, if it does not exist; `None`: it does."""
    app: tuple[str, str] | None
    """Key and name, if known."""


class _App:
    __slots__ = ("domains", "is_reported", "missing", "responses")

    def __init__(self) -> None:
        self.domains: set[int] = set()
        """Hashes."""
        self.missing = self.responses = 0
        self.is_reported = False


class NxdomainWatch:
    """Counts by the app that sent the queries; queries of unknown apps count together."""

    def __init__(self) -> None:
        self._apps: OrderedDict[str, _App] = OrderedDict()
        """By key, the one with the last answer at the end."""
        self._began: Moment | None = None
        self._cooldown = Cooldown()

    def take(self, answered: Answered, now: Moment, /) -> Iterator[Finding]:
        if self._began is None or now.boottime - self._began.boottime >= WINDOW_S:
            self._apps.clear()
            self._began = now
        key = "" if answered.app is None else answered.app[0]
        app = recall(self._apps, key, _App, _MOST_APPS)
        app.responses += 1
        if answered.domain is None or app.is_reported:
            return
        app.missing += 1
        app.domains.add(hash(answered.domain))
        if len(app.domains) < DOMAINS or app.missing < SHARE * app.responses:
            return
        app.is_reported = True
        if self._cooldown.begins(key, now):
            yield Finding(
                evidence=NxdomainStorm(
                    nxdomain=app.missing,
                    responses=app.responses,
                    seconds=now.boottime - self._began.boottime,
                    rule_count=DOMAINS,
                    rule_share=SHARE,
                    rule_seconds=WINDOW_S,
                ),
                severity=Severity.NOTICE,
                key=key,
                at=now.at,
                since=self._began.at,
                app=key or None,
                app_name=None if answered.app is None else answered.app[1],
            )
