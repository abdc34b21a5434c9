"""How measurements lie in the file: minutes as they come, and chunks of a series, compressed columns of one tier.

A chunk holds an hour of tens of seconds or of minutes, or four days of hours. Unknown is a value that covers no time.
"""

from __future__ import annotations

import zlib
from collections.abc import Collection, Iterator
from itertools import groupby
from operator import add, truediv
from typing import cast

import msgspec

from netwatch_tray.history.schema import CorruptHistoryError

TENS, MINUTES, HOURS = 10, 60, 3600
"""The tiers, in seconds a value; a finer one, the ticks themselves, is in the minutes."""
SPAN = {TENS: 3600, MINUTES: 3600, HOURS: 4 * 86400}
"""Seconds a chunk, by tier."""

Value = tuple[int, int, int, int, int]
"""Tenths of a second covered; bytes received and sent; highest rates in it, bytes/s, received and sent."""

Minute = dict[int, Value]
"""By series."""


class Fine(msgspec.Struct, frozen=True, array_like=True):
    """The ticks of a minute."""

    times: list[int]
    """When each ended, ms since the start of the minute."""
    elapsed: list[int]
    """How long each lasted, ms."""
    lines: dict[int, msgspec.Raw]
    """By series: a Line; decoded only for who is asked for."""


Line = tuple[list[int | None], list[int | None]]
"""Bytes received and sent in each tick; `None`: unknown, as is what follows its end."""


class Columns(msgspec.Struct, array_like=True):
    """A chunk: `Value`s side by side, column by column, because like compresses well beside like."""

    covered: list[int]
    rx: list[int]
    tx: list[int]
    rx_peak: list[int]
    tx_peak: list[int]

    @classmethod
    def empty(cls, tier: int) -> Columns:
        size = SPAN[tier] // tier
        return cls([0] * size, [0] * size, [0] * size, [0] * size, [0] * size)

    def add(self, place: int, value: Value) -> None:
        """What was there stays counted: after the clock was set back the same minute comes twice."""
        covered, rx, tx, rx_peak, tx_peak = value
        self.covered[place] += covered
        self.rx[place] += rx
        self.tx[place] += tx
        self.rx_peak[place] = max(self.rx_peak[place], rx_peak)
        self.tx_peak[place] = max(self.tx_peak[place], tx_peak)

    def merge(self, other: Columns, place: int = 0, source: slice = slice(None)) -> None:
        """Adds all of `other`, or that part of it, from `place` on."""
        here = slice(place, place + len(other.covered[source]))
        self.covered[here] = map(add, self.covered[here], other.covered[source])
        self.rx[here] = map(add, self.rx[here], other.rx[source])
        self.tx[here] = map(add, self.tx[here], other.tx[source])
        self.rx_peak[here] = map(max, self.rx_peak[here], other.rx_peak[source])
        self.tx_peak[here] = map(max, self.tx_peak[here], other.tx_peak[source])

    def whole(self) -> Value:
        """All of it made into one value."""
        return sum(self.covered), sum(self.rx), sum(self.tx), max(self.rx_peak), max(self.tx_peak)


def chunk_id(tier: int, at: int, series: int = 0) -> int:
    """Of the chunk that the moment `at` falls in: sorts by tier, then time, then series.

    One integer, because a key of three columns would cost a second tree, or a quarter of the file in half-empty pages.
    """
    return (_RANK[tier] << 28 | at // SPAN[tier]) << 32 | series


def start_of(chunk: int) -> tuple[int, int]:
    """Tier and unix time of the first value of the chunk with that id."""
    tier = _TIER_OF_RANK[chunk >> 60]
    return tier, (chunk >> 32 & (1 << 28) - 1) * SPAN[tier]


NEXT_CHUNK = 1 << 32
"""From the id of a chunk to that of the same series after it."""
_RANK = {TENS: 0, MINUTES: 1, HOURS: 2}
_TIER_OF_RANK = tuple(_RANK)

_encoder = msgspec.msgpack.Encoder()
_columns = msgspec.msgpack.Decoder(Columns)
_minute = msgspec.msgpack.Decoder(Minute)
_fine = msgspec.msgpack.Decoder(Fine)
_line: msgspec.msgpack.Decoder[Line] = msgspec.msgpack.Decoder(Line)


def pack_columns(columns: Columns) -> bytes:
    """Bytes are exact; peaks are cut to ten bits, three digits, because the rest of them is a tenth of the file."""
    columns = Columns(columns.covered, columns.rx, columns.tx, _cut(columns.rx_peak), _cut(columns.tx_peak))
    return zlib.compress(_encoder.encode(columns))


def unpack_columns(data: bytes, tier: int) -> Columns:
    """Raises CorruptHistoryError."""
    try:
        columns = _columns.decode(zlib.decompress(data))
    except (zlib.error, msgspec.DecodeError) as error:
        raise CorruptHistoryError(f"The history is damaged: {error}.") from error
    size = SPAN[tier] // tier
    if not len(columns.covered) == len(columns.rx) == len(columns.tx) == size:
        raise CorruptHistoryError("The history is damaged: a chunk has another length than its tier.")
    if not len(columns.rx_peak) == len(columns.tx_peak) == size:
        raise CorruptHistoryError("The history is damaged: a chunk has another length than its tier.")
    return columns


def pack_minute(minute: Minute) -> bytes:
    return _encoder.encode(minute)


def unpack_minute(data: bytes) -> Minute:
    """Raises CorruptHistoryError."""
    try:
        return _minute.decode(data)
    except msgspec.DecodeError as error:
        raise CorruptHistoryError(f"The history is damaged: {error}.") from error


def pack_fine(times: list[int], elapsed: list[int], lines: dict[int, Line]) -> bytes:
    return _encoder.encode((times, elapsed, lines))


def unpack_fine(data: bytes) -> Fine:
    """Raises CorruptHistoryError."""
    try:
        fine = _fine.decode(data)
    except msgspec.DecodeError as error:
        raise CorruptHistoryError(f"The history is damaged: {error}.") from error
    if len(fine.times) != len(fine.elapsed) or not all(0 <= each < 60_000 for each in fine.times):
        raise CorruptHistoryError("The history is damaged: ticks that are not of their minute.")
    if not all(each > 0 for each in fine.elapsed):
        raise CorruptHistoryError("The history is damaged: ticks that took no time.")
    return fine


def unpack_line(fine: Fine, series: int) -> Line | None:
    """As long as the minute has ticks; `None`: the series was not there. Raises CorruptHistoryError."""
    raw = fine.lines.get(series)
    if raw is None:
        return None
    try:
        rx, tx = _line.decode(raw)
    except msgspec.DecodeError as error:
        raise CorruptHistoryError(f"The history is damaged: {error}.") from error
    size = len(fine.times)
    if not len(rx) == len(tx) <= size:
        raise CorruptHistoryError("The history is damaged: more values than ticks.")
    return rx + [None] * (size - len(rx)), tx + [None] * (size - len(tx))


def tens_of(fine: Fine, wanted: Collection[int] | None = None) -> Iterator[tuple[int, int, Value]]:
    """Ticks made into values of the tier of tens: series, second of the minute it begins at, value.

    `wanted`: of these series only. Raises CorruptHistoryError.
    """
    spans = _spans_of_tens(fine.times)
    for series in fine.lines if wanted is None else fine.lines.keys() & wanted:
        line = unpack_line(fine, series)
        if line is None:
            continue
        rx, tx = line
        for second, begin, end in spans:
            value = summed(fine.elapsed[begin:end], rx[begin:end], tx[begin:end])
            if value is not None:
                yield series, second, value


def summed(elapsed: list[int], rx: list[int | None], tx: list[int | None]) -> Value | None:
    """Ticks of some length (ms) made into one value; `None`: none of them is known."""
    if None in rx:
        known = [each for each in zip(elapsed, rx, tx, strict=True) if each[1] is not None]
        if not known:
            return None
        elapsed, rx, tx = map(list, zip(*known, strict=True))
    known_rx, known_tx = cast("list[int]", rx), cast("list[int]", tx)
    return (
        round(sum(elapsed) / 100),
        sum(known_rx),
        sum(known_tx),
        round(1000 * max(map(truediv, known_rx, elapsed))),
        round(1000 * max(map(truediv, known_tx, elapsed))),
    )


def _spans_of_tens(times: list[int]) -> list[tuple[int, int, int]]:
    """The second each begins at, and which ticks are in it."""
    spans = []
    end = 0
    for second, group in groupby(times, lambda time_ms: time_ms // 10_000 * 10):
        begin, end = end, end + sum(1 for _ in group)
        spans.append((second, begin, end))
    return spans


def _cut(numbers: list[int]) -> list[int]:
    return [each >> spare << spare if (spare := each.bit_length() - 10) > 0 else each for each in numbers]
