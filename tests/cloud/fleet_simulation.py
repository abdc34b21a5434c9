"""Hosts behind one key on a virtual clock: the uploader's own code, against the rules of the public servers.

Nothing sleeps and nothing is sent. Only spool, server and clock are stand-ins; what is sent when, and what becomes of a
response, is decided by `Uploader` and `response_policy`.
"""

from __future__ import annotations

import heapq
import random
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import islice
from typing import Literal, cast

import msgspec

from netwatch_tray import clock
from netwatch_tray.cloud import wire
from netwatch_tray.cloud.client import Response, ServerClient, UnreachableError
from netwatch_tray.cloud.spool import Spool, SpoolCounts, Stored
from netwatch_tray.cloud.uploader import Uploader
from netwatch_tray.errors import Message

LIMIT, WINDOW = 10, 60.0
"""Requests in so many seconds for each key: the cloud server's limit. What it refuses does not count."""
HOST_GAP = 10.0
"""Seconds between two requests of a host: the dashboard's limit."""
MOST_BYTES = 2 << 20

Rules = Literal["cloud", "dashboard"]


class _Sent(msgspec.Struct):
    timestamp: str


class _Host(msgspec.Struct):
    host_id: str


class _Envelope(msgspec.Struct):
    """What the servers of this simulation read."""

    host: _Host
    snapshots: list[_Sent]


class Server(ServerClient):
    """A server that stores what it accepts. `broken`: rules that a client broke; a refusal by a rate
    limit is not one."""

    def __init__(self, clock: Clock, rules: Rules, chance: random.Random, loses: float) -> None:  # no connection
        """`loses`: the share of responses that are lost after everything was stored."""
        self._clock, self._rules, self._chance, self._loses = clock, rules, chance, loses
        self._recent: deque[float] = deque()
        self._seen: dict[str, float] = {}
        self.rows: dict[tuple[str, str], int] = {}
        """How many rows each snapshot has."""
        self.accepted = self.refused = 0
        """Numbers of requests."""
        self.broken: list[str] = []
        self.is_down = False

    def post(self, body: bytes) -> Response:
        now = self._clock.now
        if self.is_down:
            raise UnreachableError(Message("The server is down."))
        envelope = msgspec.json.decode(body, type=_Envelope)
        host = envelope.host.host_id
        if not self._admits(host, now):
            self.refused += 1
            return Response(429, b"Too many requests", None, None, None)
        self.accepted += 1
        times = [each.timestamp for each in envelope.snapshots]
        if not 0 < len(times) <= 100 or len(body) > MOST_BYTES or times != sorted(set(times)):
            self.broken.append(f"{host} sent {len(times)} snapshots in {len(body)} bytes")
        for each in times:
            key = host, each
            self.rows[key] = 1 if self._rules == "cloud" else self.rows.get(key, 0) + 1
        if self._chance.random() < self._loses:
            raise UnreachableError(Message("The response was lost."), was_sent=True)
        return Response(200, b'{"accepted": %d, "rejected": 0}' % len(times), None, None, None)

    def list_stored(self, host_id: str, first: str, last: str) -> Response:
        if self.is_down:
            raise UnreachableError(Message("The server is down."))
        if self._rules == "cloud":
            return Response(404, b"", None, None, None)
        points = [{"time": at} for owner, at in self.rows if owner == host_id and first <= at <= last]
        return Response(200, msgspec.json.encode({"points": points}), None, None, None)

    def _admits(self, host: str, now: float) -> bool:
        if self._rules == "dashboard":
            is_late = now - self._seen.get(host, -HOST_GAP) >= HOST_GAP
            if is_late:
                self._seen[host] = now
            return is_late
        while self._recent and self._recent[0] <= now - WINDOW:
            self._recent.popleft()
        if len(self._recent) >= LIMIT:
            return False
        self._recent.append(now)
        return True


class Clock:
    """The boot-time clock of all hosts."""

    def __init__(self) -> None:
        self.now = 1000.0

    @contextmanager
    def in_use(self) -> Iterator[None]:
        real, clock.boottime = clock.boottime, lambda: self.now
        try:
            yield
        finally:
            clock.boottime = real


class Memory:
    """A spool in memory, which a host fills with a snapshot each interval."""

    def __init__(self, clock: Clock, first: float, interval: float, size: int) -> None:
        """`first`: when the first snapshot is made. `size`: bytes that each snapshot is taken to have."""
        self._clock, self._interval, self._size = clock, interval, size
        self.next = first
        """When the next snapshot is made."""
        self.until = float("inf")
        """Time after which nothing is measured."""
        self.made = 0
        self.pending: dict[int, Stored] = {}
        """By id."""
        self.delays: list[float] = []
        """Seconds from measurement to delivery of each delivered snapshot."""

    def batch(self, _host: str, most: int, most_bytes: int) -> list[Stored]:
        self._measure()
        return list(islice(self.pending.values(), max(1, min(most, most_bytes // (self._size + 1)))))

    def delivered(self, ids: Iterable[int]) -> None:
        for each in ids:
            found = self.pending.pop(each, None)
            if found is not None:
                self.delays.append(self._clock.now - found.at)

    def counts(self, _host: str = "") -> SpoolCounts:
        self._measure()
        return SpoolCounts(len(self.pending), 0, 0, self.made - len(self.pending), None)

    def _measure(self) -> None:
        while self.next <= min(self._clock.now, self.until):
            self.made += 1
            self.pending[self.made] = Stored(self.made, self.next, _body(self.next))
            self.next += self._interval


class Fleet:
    """Hosts behind one key. Enter its `clock` while it runs."""

    def __init__(
        self,
        hosts: int,
        *,
        seed: int = 1,
        rules: Rules = "cloud",
        interval: float = 15.0,
        size: int = 2000,
        loses: float = 0.0,
    ) -> None:
        chance = random.Random(seed)
        self.clock = Clock()
        self.server = Server(self.clock, rules, chance, loses)
        self.hosts: list[tuple[Memory, Uploader]] = []
        with self.clock.in_use():
            for number in range(hosts):
                spool = Memory(self.clock, self.clock.now + chance.random() * interval, interval, size)
                uploader = Uploader(
                    cast("Spool", spool),
                    self.server,
                    partial(wire.HostInfo, host_id=f"{number}", hostname=f"host {number}"),
                    jitter=chance.random,
                )
                self.hosts.append((spool, uploader))

    @property
    def pending(self) -> int:
        return sum(spool.counts().waiting for spool, _uploader in self.hosts)

    @property
    def made(self) -> int:
        return sum(spool.made for spool, _uploader in self.hosts)

    def run(self, seconds: float) -> None:
        """Let time pass. A host sends as soon as its uploader would, if it has something to send."""
        end = self.clock.now + seconds
        with self.clock.in_use():
            due = [(self._due(number), number) for number in range(len(self.hosts))]
            heapq.heapify(due)
            while due and due[0][0] < end:
                self.clock.now, number = due[0]
                self.hosts[number][1].send_once()
                heapq.heapreplace(due, (self._due(number), number))
            self.clock.now = end

    def stop_measuring(self) -> None:
        for spool, _uploader in self.hosts:
            spool.until = self.clock.now

    def take_delays(self) -> list[float]:
        """Return the delays since the last call, sorted."""
        found: list[float] = []
        for spool, _uploader in self.hosts:
            found += spool.delays
            spool.delays = []
        return sorted(found)

    def _due(self, number: int) -> float:
        spool, uploader = self.hosts[number]
        if not spool.pending and spool.next > spool.until:
            return float("inf")
        return max(self.clock.now, uploader._not_before, self.clock.now if spool.pending else spool.next)


def _body(at: float) -> bytes:
    minutes, seconds = divmod(at, 60)
    hours, minutes = divmod(int(minutes), 60)
    days, hours = divmod(hours, 24)
    return b'{"timestamp":"2027-01-%02dT%02d:%02d:%09.6fZ","interfaces":[]}' % (days + 1, hours, minutes, seconds)
