"""A desktop's traffic in virtual time: browser, mail, chat, sync and system, seeded and without a network.

Browser: a page every 40 s or so, which opens up to 25 connections to a dozen of some 120 hosts; servers close them
after one of the usual keep-alive times, unless a page uses them again. Mail: IMAP with IDLE, renewed each 29 min; POP3
each 10 min; a message sent now and then. Chat: two lasting connections that are lost at times. Sync: a lasting one, a
tracker at irregular times. System: the check for connectivity each 5 min, time over NTS, packages once an hour. DNS:
what pages need, with A, AAAA and HTTPS; some names that do not exist; servers of videos with generated names.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from netwatch_tray.collect.helper_readings import UDP, Flow, Losses, Owner, Packet, PacketKind, Reading
from netwatch_tray.collect.process import Process
from netwatch_tray.collect.sockets import RefusalCounts, Socket, SocketSample
from netwatch_tray.kinds import TcpState
from netwatch_tray.model import Interface, Tick, Total

START, BOOT = 1.7e9, 1000.0
READING_S = 10.0
_KEEP_ALIVE = (5, 15, 60, 75, 115, 300)
"""Seconds after which servers and browsers close idle connections."""
_OWN = "192.0.2.10"
_PIDS = {"firefox": 100, "thunderbird": 200, "signal-desktop": 300, "syncthing": 400, "packagekitd": 500}


class Plan(NamedTuple):
    """A connection to make."""

    opens: float
    closes: float
    app: str
    remote: str
    port: int
    rx: int
    tx: int


def plans(seconds: float, seed: int = 1) -> list[Plan]:
    """Return the connections of so many seconds, in the order in which they open."""
    chance = random.Random(seed)
    found = [
        *_browser(chance, seconds),
        *_mail(chance, seconds),
        *_chat(chance, seconds),
        *_sync(chance, seconds),
        *_system(chance, seconds),
    ]
    return sorted(each for each in found if each.opens < seconds)


def _browser(chance: random.Random, seconds: float) -> Iterator[Plan]:
    at, open_until = 1.0, dict[tuple[str, int], float]()
    hosts = [f"198.51.{100 + number // 60}.{number % 60 + 1}" for number in range(120)]
    patience = {host: chance.choice(_KEEP_ALIVE) for host in hosts}
    while at < seconds:
        site = chance.sample(hosts, chance.randint(1, 12))
        for host in site:
            for lane in range(chance.randint(1, 6) if host == site[0] else 1):
                uses = at + chance.uniform(0, 3)
                if open_until.get((host, lane), 0) > uses:
                    continue
                closes = uses + chance.uniform(0.1, 20) + patience[host]
                open_until[host, lane] = closes
                yield Plan(
                    uses, closes, "firefox", host, 443, chance.randrange(2_000, 900_000), chance.randrange(600, 9_000)
                )
        at += chance.expovariate(1 / 40)


def _mail(chance: random.Random, seconds: float) -> Iterator[Plan]:
    for account in range(3):
        at = chance.uniform(0, 60)
        while at < seconds:
            yield Plan(at, at + 1740, "thunderbird", f"203.0.113.{10 + account}", 993, 40_000, 3_000)
            at += 1741
    for at in range(30, int(seconds), 600):
        yield Plan(at, at + 1.5, "thunderbird", "203.0.113.20", 995, 9_000, 700)
    for _ in range(int(seconds / 900)):
        at = chance.uniform(0, seconds)
        yield Plan(at, at + 2, "thunderbird", "203.0.113.21", 587, 3_000, chance.randrange(5_000, 900_000))


def _chat(chance: random.Random, seconds: float) -> Iterator[Plan]:
    for line in range(2):
        at = 2.0
        while at < seconds:
            lasts = chance.expovariate(1 / 1200)
            yield Plan(at, at + lasts, "signal-desktop", f"203.0.113.{40 + line}", 443, 30_000, 12_000)
            at += lasts + chance.uniform(0.5, 20)


def _sync(chance: random.Random, seconds: float) -> Iterator[Plan]:
    yield Plan(3, seconds + 1, "syncthing", "203.0.113.60", 22000, 2_000_000, 9_000_000)
    at = 10.0
    while at < seconds:
        yield Plan(at, at + chance.uniform(0.3, 2), "syncthing", "203.0.113.61", 443, 5_000, 1_500)
        at += chance.uniform(20, 300)


def _system(chance: random.Random, seconds: float) -> Iterator[Plan]:
    for at in range(20, int(seconds), 300):
        yield Plan(at, at + 0.2, "unit:NetworkManager.service", "203.0.113.80", 80, 200, 90)
    for at in range(50, int(seconds), 1024):
        yield Plan(at, at + 0.5, "packagekitd", "203.0.113.81", 4460, 3_000, 600)
    for number in range(20):
        begins = 900 + number * chance.uniform(0.2, 0.6)
        yield Plan(
            begins, begins + chance.uniform(1, 6), "packagekitd", f"203.0.113.{90 + number % 3}", 443, 300_000, 900
        )


class Finder:
    """Finds the owners of the planned sockets at once."""

    is_searching = False

    def __init__(self) -> None:
        self._answers: dict[str, Process | None] = {}

    def look_for(self, sockets: Mapping[str, Socket]) -> None:
        for key, found in sockets.items():
            self._answers[key] = self.owner(found.process or "", found.pid or 0)

    @staticmethod
    def owner(name: str, pid: int) -> Process:
        if name.startswith("unit:"):
            return Process(pid=pid, name="NetworkManager", unit=name.removeprefix("unit:"))
        return Process(pid=pid, name=name, executable=f"/usr/lib/{name}/{name}")

    def forget(self, keys: Mapping[str, Socket]) -> None:
        for key in keys:
            self._answers.pop(key, None)

    def search(self, budget_s: float) -> Mapping[str, Process | None]:  # noqa: ARG002
        answers, self._answers = self._answers, {}
        return answers

    def ended(self, pids: object) -> set[int]:  # noqa: ARG002
        return set()

    def process(self, pid: int) -> Process | None:  # noqa: ARG002
        return None

    def unit(self, cgroup: int) -> str | None:  # noqa: ARG002
        return None

    def user(self, uid: int) -> str:
        return str(uid)


def samples(seconds: float, seed: int = 1) -> Iterator[SocketSample]:
    """Yield readings of the sockets: each 10 s, and a second after connections were opened."""
    waiting, count = plans(seconds, seed), itertools.count(1)
    opened: dict[str, Plan] = {}
    closing: list[tuple[float, str]] = []
    at, last, is_first = 0.0, -READING_S, True
    while at < seconds:
        at += 1
        is_new = bool(waiting) and waiting[0].opens <= at
        if not is_new and at - last < READING_S:
            continue
        last = at
        changed: dict[str, Socket] = {"f": _LISTENER} if is_first else {}
        is_first = False
        removed: dict[str, Socket] = {}
        ended: dict[str, float] = {}
        while waiting and waiting[0].opens <= at:
            plan = waiting.pop(0)
            key = f"{next(count) * 16:x}"
            opened[key] = plan
            heapq.heappush(closing, (plan.closes, key))
            changed[key] = _socket(key, plan, min(1.0, (at - plan.opens) / max(0.1, plan.closes - plan.opens)))
        while closing and closing[0][0] <= at:
            closes, key = heapq.heappop(closing)
            changed.pop(key, None)
            removed[key] = _socket(key, opened.pop(key), 1.0, TcpState.CLOSED)
            ended[key] = BOOT + closes
        yield SocketSample(BOOT + at, changed, removed, ended=ended)


_LISTENER = Socket(
    protocol="TCP", local_address="*", local_port=22000, state=TcpState.LISTEN, pid=400, process="syncthing"
)


def _socket(key: str, plan: Plan, share: float, state: TcpState = TcpState.ESTABLISHED) -> Socket:
    return Socket(
        protocol="TCP",
        local_address=_OWN,
        local_port=32768 + int(key, 16) // 16 % 28000,
        remote_address=plan.remote,
        remote_port=plan.port,
        state=state,
        rx_bytes=int(plan.rx * share),
        tx_bytes=int(plan.tx * share),
        is_incoming=False,
        pid=_PIDS.get(plan.app, 600),
        process=plan.app,
    )


INTERFACES = {
    1: Interface(index=1, name="eth0", is_up=True, kind="ethernet", addresses=(f"{_OWN}/24",), default_metric=100)
}


def tick(at: float) -> Tick:
    """Return the tick at so many seconds."""
    total = Total(rx_rate=50_000.0, tx_rate=5_000.0, uplinks=("eth0",), rx_delta=50_000, tx_delta=5_000)
    return Tick(at=datetime.fromtimestamp(START + at, UTC), interval_s=1.0, gap=None, total=total, interfaces=())


def refusals(seconds: float, seed: int = 1) -> Iterator[RefusalCounts]:
    """Yield the kernel's counters each minute: late packets of what a browser closed, and a few probes."""
    chance = random.Random(seed)
    counts = [0, 0, 0, 0]
    for _ in range(int(seconds / 60)):
        own, late = chance.randrange(40), chance.randrange(12)
        for index, more in enumerate((own + late, own, chance.randrange(8), chance.randrange(6))):
            counts[index] += more
        yield RefusalCounts(*counts)


def readings(seconds: float, seed: int = 1) -> Iterator[Reading]:
    """Yield what a helper copies, each 5 s: queries of DNS and their responses."""
    chance = random.Random(seed)
    names = [f"www{number % 7}.site{number}.example" for number in range(400)]
    names += [f"r{number}---sn-4g5{chance.randrange(16**6):06x}.video.example" for number in range(20)]
    numbers = itertools.count(1)
    for step in range(int(seconds / 5)):
        packets: list[Packet] = []
        for _ in range(chance.choice((0, 0, 0, 2, 5, 12))):
            name, cookie = chance.choice(names), next(numbers)
            missing = chance.random() < 0.02
            for kind in (1, 28, 65):
                asked = BOOT + step * 5 + chance.uniform(0, 4)
                number = chance.randrange(1 << 16)
                packets.append(_dns(f"nothing{cookie}.{name}" if missing else name, number, kind, cookie, asked))
                answered = asked + chance.expovariate(1 / 0.03)
                code = 3 if missing else 0
                packets.append(
                    _dns(f"nothing{cookie}.{name}" if missing else name, number, kind, cookie, answered, code)
                )
        packets.sort(key=lambda each: each.boottime)
        yield Reading(
            boottime=BOOT + step * 5 + 5,
            counted_since=BOOT + step * 5,
            amounts={},
            owners={each.flow.cookie: Owner(100, 1000, 0, UDP, "DNS") for each in packets},
            packets=packets,
            losses=Losses(0, 0, 0, 0, 0),
            refusals=(),
        )


def _dns(name: str, number: int, kind: int, cookie: int, at: float, code: int | None = None) -> Packet:
    flags = 0x0100 if code is None else 0x8180 | code
    labels = b"".join(bytes([len(each)]) + each.encode() for each in name.split("."))
    payload = number.to_bytes(2, "big") + flags.to_bytes(2, "big") + b"\0\1" + bytes(6) + labels + b"\0"
    payload += kind.to_bytes(2, "big") + b"\0\1"
    what = PacketKind.DNS_QUERY if code is None else PacketKind.DNS_ANSWER
    return Packet(Flow(cookie, UDP, "127.0.0.53", 53, 40000), what, 1000, payload, len(payload), 0, at)
