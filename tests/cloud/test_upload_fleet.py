"""Many hosts behind one key, simulated on a virtual clock: within the server's limits every snapshot arrives once."""

from __future__ import annotations

import heapq
import itertools
import random
from collections import Counter, deque
from typing import Any, cast

import msgspec
import pytest

from netwatch_tray import clock
from netwatch_tray.cloud import wire
from netwatch_tray.cloud.client import Response, ServerClient, UnreachableError
from netwatch_tray.cloud.spool import Spool, SpoolCounts, Stored
from netwatch_tray.cloud.uploader import PACE, Uploader
from netwatch_tray.errors import Message

INTERVAL = 15.0
LIMIT, WINDOW = 10, 60.0
"""Requests in so many seconds for each key, by the rules of the cloud server, which does not count what it refuses."""


class Body(msgspec.Struct):
    """What the server reads of an envelope; the snapshots are numbers here."""

    host: dict[str, Any]
    snapshots: list[int]


class Server:
    def __init__(self, world: World) -> None:
        self.world = world
        self.stored: Counter[tuple[str, int]] = Counter()
        self.recent: deque[float] = deque()
        self.refused = self.accepted = 0
        self.outage = (0.0, 0.0)

    def post(self, body: bytes) -> Response:
        now = self.world.now
        if self.outage[0] <= now < self.outage[1]:
            raise UnreachableError(Message("The server is down."))
        while self.recent and self.recent[0] <= now - WINDOW:
            self.recent.popleft()
        if len(self.recent) >= LIMIT:
            self.refused += 1
            return Response(429, b"Too many requests", None, None, None)
        self.recent.append(now)
        self.accepted += 1
        envelope = msgspec.json.decode(body, type=Body)
        assert len(envelope.snapshots) <= wire.MOST_SNAPSHOTS
        self.stored.update((envelope.host["host_id"], number) for number in envelope.snapshots)
        answer = {"accepted": len(envelope.snapshots), "rejected": 0}
        return Response(200, msgspec.json.encode(answer), None, None, None)

    def list_stored(self, *_: str) -> Response:
        return Response(404, b"", None, None, None)


class Memory:
    """A spool in memory."""

    def __init__(self) -> None:
        self.pending: dict[int, Stored] = {}
        self.count = 0

    def append(self, at: float) -> None:
        self.count += 1
        self.pending[self.count] = Stored(self.count, at, str(self.count).encode())

    def batch(self, _host: str, most: int, _bytes: int) -> list[Stored]:
        return list(itertools.islice(self.pending.values(), most))

    def delivered(self, ids: list[int]) -> None:
        for each in ids:
            self.pending.pop(each, None)

    def counts(self, _host: str = "") -> SpoolCounts:
        return SpoolCounts(len(self.pending), 0, 0, self.count - len(self.pending), None)


class World:
    """Hosts that measure and send; time passes from event to event."""

    def __init__(self, hosts: int, seed: int) -> None:
        chance = random.Random(seed)
        self.now = 1000.0
        self.server = Server(self)
        self.spools = [Memory() for _ in range(hosts)]
        self.uploaders = [
            Uploader(
                cast("Spool", spool),
                cast("ServerClient", self.server),
                lambda number=number: wire.HostInfo(host_id=str(number), hostname="h"),
                jitter=chance.random,
            )
            for number, spool in enumerate(self.spools)
        ]
        self.offsets = [chance.random() * INTERVAL for _ in range(hosts)]

    def run(self, seconds: float, *, measures: bool = True) -> None:
        end = self.now + seconds
        events: list[tuple[float, int, bool]] = []
        for number, offset in enumerate(self.offsets):
            events.append((self.now + offset, number, True))
            events.append((max(self.now + offset, self.uploaders[number]._not_before), number, False))
        heapq.heapify(events)
        while events and events[0][0] < end:
            self.now, number, is_measurement = heapq.heappop(events)
            spool, uploader = self.spools[number], self.uploaders[number]
            if is_measurement:
                if measures:
                    spool.append(self.now)
                heapq.heappush(events, (self.now + INTERVAL, number, True))
            else:
                uploader.send_once()
                heapq.heappush(events, (max(self.now + 1.0, uploader._not_before), number, False))
        self.now = end

    @property
    def pending(self) -> int:
        return sum(len(spool.pending) for spool in self.spools)


@pytest.fixture(params=[1, 10, 100])
def world(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> World:
    made = World(request.param, seed=request.param)
    monkeypatch.setattr(clock, "boottime", lambda: made.now)
    return made


def test_hosts_behind_one_key_share_its_limit_and_recover_from_an_outage(world: World) -> None:
    world.run(3600)
    hosts = len(world.spools)
    assert world.pending <= hosts * PACE.longest_gap / INTERVAL
    world.server.refused = world.server.accepted = 0
    world.run(3600)
    assert world.server.refused < world.server.accepted, "they have learnt to send less often"
    assert hosts == 1 or world.server.accepted > 0.6 * LIMIT * 3600 / WINDOW
    world.server.outage = (world.now, world.now + 3600)
    world.run(3600)
    backlog = world.pending
    assert backlog >= hosts * 3600 / INTERVAL - hosts
    world.run(2 * 3600)
    assert world.pending < backlog / 2
    world.run(3600, measures=False)
    assert world.pending == 0
    assert len(world.server.stored) == sum(spool.count for spool in world.spools)
    assert set(world.server.stored.values()) == {1}


def test_a_host_alone_is_back_within_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    for seed in range(20):
        world = World(1, seed)
        monkeypatch.setattr(clock, "boottime", lambda world=world: world.now)
        world.run(300)
        world.server.outage = (world.now, world.now + 3600)
        world.run(3600)
        before = len(world.server.stored)
        world.run(61)
        assert len(world.server.stored) > before
