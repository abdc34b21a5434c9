"""Detects a DNS tunnel: names below one domain that encode data, so they are many, long and look random."""

from __future__ import annotations

import math
from collections import Counter, OrderedDict
from collections.abc import Iterator
from typing import NamedTuple

from netwatch_tray.engine.detectors import Cooldown, Moment, recall
from netwatch_tray.event import DnsTunnel, Finding, Severity

LABELS = 50
"""A domain is reported if at least this number of distinct names below it are queried in the time window. A web site
with many servers has about ten."""
LENGTH = 16.0
"""Least mean length of the names: characters before the domain, without dots. 16 are 8 bytes in hexadecimal digits.
Names that people choose are shorter."""
ENTROPY = 3.5
"""Least entropy of the names in bits per character. Decimal digits, as in queries to block lists of addresses, have at
most 3.3; hexadecimal digits have 4, and the encodings of tunnels 4 and more."""
WINDOW_S = 300.0
"""Length of a time window in seconds. Counts begin again at 0 with each window. A tunnel with fewer than 50 queries in
one transfers about 10 bytes a second, too few to matter."""
_MOST_DOMAINS = 256
"""Most domains that are counted. A desktop requests names in about a hundred in five minutes."""
_MOST_NAMES = 256
"""Most distinct names that are counted for one domain: five times `LABELS`."""


class Below(NamedTuple):
    """An observation: a DNS query for a name below a registrable domain."""

    domain: str
    labels: str
    """The part of the name before the domain, without dots."""
    app: tuple[str, str] | None
    """Key and name of the app that sent the query, if known."""


class _Domain:
    __slots__ = ("characters", "length", "names", "queries", "reported")

    def __init__(self) -> None:
        self.queries = 0
        self.names: set[int] = set()
        """Hashes of the distinct names."""
        self.length = 0
        """Number of characters of all distinct names together."""
        self.characters: Counter[str] = Counter()
        self.reported = 0
        """Number of queries in the last finding about this domain; 0 if there was none."""


class TunnelWatch:
    """Counts queries by registrable domain, for all apps together, because the program of a tunnel may send its queries
    through a resolver, which is another app."""

    def __init__(self) -> None:
        self._domains: OrderedDict[str, _Domain] = OrderedDict()
        """Domains by name; the one that was requested last is at the end."""
        self._began: Moment | None = None
        self._cooldown = Cooldown()

    def take(self, below: Below, now: Moment, /) -> Iterator[Finding]:
        if self._began is None or now.boottime - self._began.boottime >= WINDOW_S:
            self._domains.clear()
            self._began = now
        domain = recall(self._domains, below.domain, _Domain, _MOST_DOMAINS)
        domain.queries += 1
        name = hash(below.labels)
        if name not in domain.names and len(domain.names) < _MOST_NAMES:
            domain.names.add(name)
            domain.length += len(below.labels)
            domain.characters.update(below.labels)
        if len(domain.names) >= LABELS and (not domain.reported or domain.queries >= 2 * domain.reported):
            yield from self._judge(below, domain, self._began, now)

    def _judge(self, below: Below, domain: _Domain, began: Moment, now: Moment) -> Iterator[Finding]:
        length = domain.length / len(domain.names)
        entropy = _entropy(domain.characters)
        if length < LENGTH or entropy < ENTROPY:
            return
        goes_on = bool(domain.reported) or not self._cooldown.begins(below.domain, now)
        domain.reported = domain.queries
        app = below.app
        yield Finding(
            evidence=DnsTunnel(
                queries=domain.queries,
                labels=len(domain.names),
                length=length,
                entropy=entropy,
                seconds=now.boottime - began.boottime,
                rule_labels=LABELS,
                rule_length=LENGTH,
                rule_entropy=ENTROPY,
                rule_seconds=WINDOW_S,
            ),
            severity=Severity.ALERT,
            key=below.domain,
            at=now.at,
            since=began.at,
            app=None if app is None else app[0],
            app_name=None if app is None else app[1],
            host=below.domain,
            goes_on=goes_on,
        )


def _entropy(characters: Counter[str]) -> float:
    """Return the Shannon entropy in bits per character. `characters`: how often each character occurs."""
    total = sum(characters.values())
    return -sum(count / total * math.log2(count / total) for count in characters.values()) if total else 0.0
