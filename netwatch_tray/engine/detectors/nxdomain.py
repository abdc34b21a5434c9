"""Detects an app that queries names in many domains that do not exist, as malware does that looks for its server."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import NamedTuple

from netwatch_tray.engine.detectors import Cooldown, Moment, recall
from netwatch_tray.event import Finding, NxdomainStorm, Severity

DOMAINS = 30
"""An app is reported if it queries names in at least this number of non-existent domains in the time window. Names
below one domain count once, because queries to block lists of spammers, and search domains, get such responses by
design. A browser tries three when it starts."""
SHARE = 0.5
"""Least share of an app's responses that must report a missing name. A crawler follows many dead links, but more that
work."""
WINDOW_S = 300.0
"""Length of a time window in seconds. All counts begin again at 0 with each window."""
_MOST_APPS = 64


class Answered(NamedTuple):
    """An observation: a DNS response that an app received."""

    domain: str | None
    """The domain that does not exist, or the whole name if it has no registrable domain; `None` if the name exists."""
    app: tuple[str, str] | None
    """Key and name of the app; `None` if unknown."""


class _App:
    __slots__ = ("domains", "is_reported", "missing", "responses")

    def __init__(self) -> None:
        self.domains: set[int] = set()
        """Hashes of the domains that do not exist."""
        self.missing = self.responses = 0
        self.is_reported = False


class NxdomainWatch:
    """Counts DNS responses by app, and how many of them report that the name does not exist (NXDOMAIN).

    All queries whose app is unknown are counted as one app.
    """

    def __init__(self) -> None:
        self._apps: OrderedDict[str, _App] = OrderedDict()
        """Apps by key, the one with the latest response at the end."""
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
