"""`netwatch-tray selftest`: sends known amounts over the loopback interface, and compares what each source has counted.

The overhead of a datagram differs by system, so an empty one is measured first; after that every amount must match to
the byte. Loopback traffic of other programs disturbs a round; the packet counters show that, and the round is repeated.
Nothing leaves the computer.
"""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from netwatch_tray.collect.interface_source import InterfaceSource
from netwatch_tray.collect.interfaces import open_every
from netwatch_tray.engine.rates import RateTracker
from netwatch_tray.errors import CollectError, NetWatchError
from netwatch_tray.language import mark, translate
from netwatch_tray.model import Counters, Interface, Sample

AMOUNTS = ((0, 0), (1, 1), (1, 1472), (3, 9_999), (200, 10_000_000))
"""What is sent in each round: number of datagrams, and payload bytes of all of them together."""
_ROUNDS = 20
_SETTLE = 0.02
"""Seconds after sending until the loopback interface has counted everything."""
_WRAP = 1 << 32


class Verdict(NamedTuple):
    """The result of one comparison: the amount, the source, and whether they agree."""

    what: str
    who: str
    expected: int | None
    """Bytes; None if the amount is unknown."""
    found: int | None
    is_right: bool


def run() -> list[Verdict]:
    """Run all comparisons. Raise NetWatchError if there is no loopback interface, or other programs never stop using
    it."""
    with contextlib.ExitStack() as stack:
        sources = open_every()
        for source in sources:
            stack.callback(source.close)
        with _loopback() as send:
            return [*_measured(sources, send), *_simulated()]


def _measured(sources: Sequence[InterfaceSource], send: _Sender) -> Iterator[Verdict]:
    weight = _deltas(sources, send, 1, 0)[0].tx_bytes
    narrow = [source.sample().counter_bits == 32 for source in sources]
    for datagrams, payload in AMOUNTS:
        expected = payload + datagrams * weight
        what = _amount(payload, datagrams)
        deltas = _deltas(sources, send, datagrams, payload)
        for source, is_narrow, delta in zip(sources, narrow, deltas, strict=True):
            for way, found in (
                (translate("Terminal", "received"), delta.rx_bytes),
                (translate("Terminal", "sent"), delta.tx_bytes),
            ):
                yield Verdict(f"{what}, {way}", source.name, expected, found, _agree(expected, found, is_narrow))


def _amount(payload: int, datagrams: int) -> str:
    size = translate("Terminal", "1 byte") if payload == 1 else translate("Terminal", "{count} bytes")
    packets = translate("Terminal", "in 1 packet") if datagrams == 1 else translate("Terminal", "in {count} packets")
    return f"{size.format(count=payload)} {packets.format(count=datagrams)}"


def _agree(expected: int, found: int, is_narrow: bool) -> bool:
    """Return whether the amounts are equal to the byte. `is_narrow`: the source has 32-bit counters that macOS rounds
    to KiB (docs/collectors.md), so less precision is enough."""
    return found == expected or (is_narrow and abs(found % _WRAP - expected) <= 1024)


def _deltas(sources: Sequence[InterfaceSource], send: _Sender, datagrams: int, payload: int) -> list[Counters]:
    """Send once, and return by how much the counters of each source rose. Repeat it if other traffic disturbed the
    round."""
    for _ in range(_ROUNDS):
        before = [_loopback_row(source) for source in sources]
        send(datagrams, payload)
        time.sleep(_SETTLE)
        after = [_loopback_row(source) for source in sources]
        deltas = [Counters(*(b - a for a, b in zip(*rows, strict=True))) for rows in zip(before, after, strict=True)]
        if all((each.rx_packets, each.tx_packets) == (datagrams, datagrams) for each in deltas):
            return deltas
    raise NetWatchError(
        "Other programs kept the loopback busy in {rounds} rounds, so nothing could be compared. Try again later.",
        rounds=_ROUNDS,
    )


def _loopback_row(source: InterfaceSource) -> tuple[int, ...]:
    sample = source.sample()
    for index, interface in sample.interfaces.items():
        if interface.is_loopback and interface.is_up and index in sample.counters:
            return sample.counters[index]
    raise CollectError(
        "{name} shows no loopback interface that is up, so known amounts cannot be moved.", name=source.name
    )


class _Sender:
    def __init__(self, sender: socket.socket, address: tuple[str, int]) -> None:
        self._sender, self._address = sender, address

    def __call__(self, datagrams: int, payload: int) -> None:
        for number in range(datagrams):
            share = payload // datagrams + (number < payload % datagrams)
            self._sender.sendto(bytes(share), self._address)


@contextlib.contextmanager
def _loopback() -> Iterator[_Sender]:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender,
    ):
        receiver.bind(("127.0.0.1", 0))
        yield _Sender(sender, receiver.getsockname())


def _simulated() -> Iterator[Verdict]:
    """Yield the results of comparisons with made-up counters, for amounts that cannot be sent: beyond 4 GiB, and across
    the wrap of a 32-bit counter."""
    for what, bits, before, moved in (
        (mark("Terminal", "6 GiB in a second, 64-bit counters"), 64, 5, 6 << 30),
        (mark("Terminal", "4 GiB + 1 since before, 64-bit counters"), 64, _WRAP - 1, _WRAP + 1),
        (mark("Terminal", "1 MB across the end of a 32-bit counter"), 32, _WRAP - 1000, 1_000_000),
    ):
        tracker = RateTracker(1.0)
        after = before + moved if bits == 64 else (before + moved) % _WRAP
        tracker.update(_sample(1.0, before, bits), 1.0)
        interval = tracker.update(_sample(2.0, after, bits), 2.0)
        found = interval.rates[1].rx_delta if interval and 1 in interval.rates else None
        yield Verdict(translate("Terminal", what), translate("Terminal", "rate engine"), moved, found, found == moved)


def _sample(at: float, count: int, bits: int) -> Sample:
    return Sample(at, {1: (0, 0, count, count, 0, 0, 0, 0)}, {1: Interface(index=1, name="simulated")}, bits)
