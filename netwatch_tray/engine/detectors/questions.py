"""Pairs DNS queries with their responses, from packets that the helper copied, and counts them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import NamedTuple

from netwatch_tray.collect.helper_readings import Packet, PacketKind
from netwatch_tray.collect.names import dns
from netwatch_tray.errors import ParseError

NXDOMAIN = 3
"""Response code of DNS: the name does not exist."""
BUCKETS_MS = (5, 10, 25, 50, 100, 250, 500)
"""Upper limits (ms) of the buckets of response times. A further last bucket has no limit. The wire format has the
same."""
_LONGEST_WAIT_S = 30.0
"""Seconds after which a response no longer matches its query. Resolvers give up after 5 to 15."""
_MOST_PENDING = 1024


class Asked(NamedTuple):
    """A DNS query, or the response to one."""

    name: str
    """The requested name in lower case, without the last dot."""
    cookie: int
    """Cookie of the socket that sent the query."""
    code: int | None = None
    """Response code (RCODE); `None` if this is a query."""


class DnsCounts(NamedTuple):
    """Numbers of DNS queries and responses since the agent started."""

    queries: int
    responses: int
    nxdomain: int
    latencies: tuple[int, ...]
    """Numbers of responses by response time, one for each bucket of `BUCKETS_MS`. Responses without a query that was
    seen are left out."""


class _Query(NamedTuple):
    boottime: float
    question: tuple[str, int]
    """Name and record type."""
    is_local: bool
    """Whether it was sent to a resolver on this machine."""


class Questions:
    """Pairs DNS queries and responses by socket and message ID.

    A resolver on this machine (systemd-resolved) forwards a query that it receives. The forwarded one is left out, so
    that it is not counted twice; only root gets the packets of both.
    """

    def __init__(self) -> None:
        self._pending: OrderedDict[tuple[int, int, str], _Query] = OrderedDict()
        """Queries without a response so far, by cookie, message ID and server, oldest first."""
        self._forwarded: OrderedDict[tuple[int, int, str], float] = OrderedDict()
        """Boot-time clock of forwarded queries, by the same key. They are left out, and so are their responses."""
        self._asked_here: dict[tuple[str, int], int] = {}
        """How many queries to a resolver on this machine are pending, by name and type."""
        self._queries = self._responses = self._nxdomain = 0
        self._latencies = [0] * (len(BUCKETS_MS) + 1)

    @property
    def counts(self) -> DnsCounts:
        return DnsCounts(self._queries, self._responses, self._nxdomain, tuple(self._latencies))

    def take(self, packets: Iterable[Packet]) -> list[Asked]:
        """Add packets, oldest first. Return the queries and responses in them. Packets that cannot be parsed are
        skipped, because a program may send anything to port 53."""
        found: list[Asked] = []
        for packet in packets:
            if packet.kind is not PacketKind.DNS_QUERY and packet.kind is not PacketKind.DNS_ANSWER:
                continue
            try:
                question = dns.question(packet.payload)
            except ParseError:
                continue
            if question.is_response is (packet.kind is PacketKind.DNS_QUERY):
                continue
            asked = self._respond(packet, question) if question.is_response else self._ask(packet, question)
            if asked is not None:
                found.append(asked)
        return found

    def _ask(self, packet: Packet, question: dns.Question) -> Asked | None:
        key = packet.flow.cookie, question.number, packet.flow.peer_address
        what = question.name, question.kind
        is_local = packet.flow.peer_address.startswith("127.") or packet.flow.peer_address == "::1"
        self._forget_old(packet.boottime)
        if not is_local and self._asked_here.get(what):
            self._forwarded[key] = packet.boottime
            return None
        is_repeated = key in self._pending
        if is_repeated:
            self._drop(key)
        self._pending[key] = _Query(packet.boottime, what, is_local)
        if is_local:
            self._asked_here[what] = self._asked_here.get(what, 0) + 1
        self._queries += 1
        return None if is_repeated else Asked(question.name, packet.flow.cookie)

    def _respond(self, packet: Packet, question: dns.Question) -> Asked | None:
        key = packet.flow.cookie, question.number, packet.flow.peer_address
        if self._forwarded.pop(key, None) is not None:
            return None
        self._responses += 1
        self._nxdomain += question.code == NXDOMAIN
        query = self._pending.get(key)
        if query is not None and query.question == (question.name, question.kind):
            self._drop(key)
            milliseconds = (packet.boottime - query.boottime) * 1000
            self._latencies[sum(milliseconds >= limit for limit in BUCKETS_MS)] += 1
        return Asked(question.name, packet.flow.cookie, question.code)

    def _drop(self, key: tuple[int, int, str]) -> None:
        query = self._pending.pop(key)
        if query.is_local:
            left = self._asked_here[query.question] - 1
            if left:
                self._asked_here[query.question] = left
            else:
                del self._asked_here[query.question]

    def _forget_old(self, boottime: float) -> None:
        while self._pending:
            key, query = next(iter(self._pending.items()))
            if len(self._pending) < _MOST_PENDING and boottime - query.boottime <= _LONGEST_WAIT_S:
                break
            self._drop(key)
        while self._forwarded:
            key, asked = next(iter(self._forwarded.items()))
            if len(self._forwarded) < _MOST_PENDING and boottime - asked <= _LONGEST_WAIT_S:
                break
            del self._forwarded[key]
