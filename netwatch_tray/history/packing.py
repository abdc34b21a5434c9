"""How measurements lie in the file: minutes as they come, and chunks of a series, compressed columns of one tier.

A chunk holds an hour of tens of seconds or of minutes, or four days of hours. Unknown is a value that covers no time.
`pack_*` refuse what `unpack_*` refuse: what is written is checked by the decoder that will read it. `mended` keeps what
can be kept of values that were refused.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from itertools import chain, compress, groupby
from operator import add, truediv
from typing import Annotated, TypeGuard, TypeVar, cast

import msgspec

from netwatch_tray.errors import HistoryError

TENS, MINUTES, HOURS = 10, 60, 3600
"""The tiers, in seconds a value; a finer one, the ticks themselves, is in the minutes."""
SPAN = {TENS: 3600, MINUTES: 3600, HOURS: 4 * 86400}
"""Seconds a chunk, by tier."""

Unpacked = TypeVar("Unpacked")

_MOST = (1 << 63) - 1
_Sum = Annotated[int, msgspec.Meta(ge=0, le=_MOST)]
_Amount = Annotated[int, msgspec.Meta(ge=0, le=1 << 62)]
"""What 60 ticks come to at most, and more of them still go into 64 bits."""
_InMinute = Annotated[int, msgspec.Meta(ge=0, lt=60_000)]
_Positive = Annotated[int, msgspec.Meta(gt=0, le=1 << 62)]

Value = tuple[_Amount, _Amount, _Amount, _Amount, _Amount]
"""Tenths of a second covered; bytes received and sent; highest rates in it, bytes/s, received and sent."""

MinuteValues = dict[_Amount, Value]
"""By series."""


LedgerEntry = tuple[_Sum, _Sum, _Sum, _Sum, _Sum]
"""Bytes received and sent, those of gaps included; of these: carried while nothing was measured, so the day may be an
earlier one; tenths of a second measured."""

Ledger = dict[_Amount, LedgerEntry]
"""What series moved in a day in one network."""


class CorruptRowError(HistoryError):
    """One row of the history cannot be read or must not be written. The rows around it are not affected."""


class Fine(msgspec.Struct, frozen=True, array_like=True):
    """The ticks of a minute."""

    times: list[_InMinute]
    """When each ended, ms since the start of the minute."""
    elapsed: list[_Positive]
    """How long each lasted, ms."""
    lines: dict[_Amount, msgspec.Raw]
    """By series: a TickBytes; decoded only for who is asked for."""


TickBytes = tuple[list[_Amount | None], list[_Amount | None]]
"""Bytes received and sent in each tick; `None`: unknown, as is what follows its end."""


class Columns(msgspec.Struct):
    """A chunk: `Value`s side by side, column by column."""

    covered: list[int]
    rx: list[int]
    tx: list[int]
    rx_peak: list[int]
    tx_peak: list[int]

    @classmethod
    def of(cls, size: int) -> Columns:
        """So many unknown values."""
        return cls([0] * size, [0] * size, [0] * size, [0] * size, [0] * size)

    @classmethod
    def empty(cls, tier: int) -> Columns:
        """A chunk of unknown values."""
        return cls.of(SPAN[tier] // tier)

    def add(self, place: int, value: Value) -> None:
        """What was there stays counted: after the clock was set back the same minute comes twice."""
        covered, rx, tx, rx_peak, tx_peak = value
        if not (self.covered[place] or self.rx[place] or self.tx[place]):  # nearly always
            self.covered[place], self.rx[place], self.tx[place] = covered, rx, tx
            self.rx_peak[place], self.tx_peak[place] = rx_peak, tx_peak
            return
        self.covered[place] += covered
        self.rx[place] += rx
        self.tx[place] += tx
        self.rx_peak[place] = max(self.rx_peak[place], rx_peak)
        self.tx_peak[place] = max(self.tx_peak[place], tx_peak)

    def merge(self, other: Columns) -> None:
        """Adds what is as long, place by place."""
        self.covered = list(map(add, self.covered, other.covered))
        self.rx = list(map(add, self.rx, other.rx))
        self.tx = list(map(add, self.tx, other.tx))
        self.rx_peak = list(map(max, self.rx_peak, other.rx_peak))
        self.tx_peak = list(map(max, self.tx_peak, other.tx_peak))

    def extend(self, other: Columns, place: int, part: slice) -> None:
        """Puts that part of `other` behind what is here, at `place`; in between nothing is known."""
        self.pad(place)
        self.covered += other.covered[part]
        self.rx += other.rx[part]
        self.tx += other.tx[part]
        self.rx_peak += other.rx_peak[part]
        self.tx_peak += other.tx_peak[part]

    def pad(self, size: int) -> None:
        """Makes it as long with unknown values."""
        unknown = [0] * (size - len(self.covered))
        self.covered += unknown
        self.rx += unknown
        self.tx += unknown
        self.rx_peak += unknown
        self.tx_peak += unknown

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
_minute = msgspec.msgpack.Decoder(MinuteValues)
_ledger = msgspec.msgpack.Decoder(Ledger)
_fine = msgspec.msgpack.Decoder(Fine)
_line: msgspec.msgpack.Decoder[TickBytes] = msgspec.msgpack.Decoder(TickBytes)
_whole_fine: msgspec.msgpack.Decoder[tuple[list[_InMinute], list[_Positive], dict[_Amount, TickBytes]]] = (
    msgspec.msgpack.Decoder(tuple[list[_InMinute], list[_Positive], dict[_Amount, TickBytes]])
)


def pack_columns(columns: Columns) -> bytes:
    """A bit for each place that has a value, then the values that are there, column by column, as planes of bytes.

    That is all lowest bytes, then all second ones …: like beside like, a quarter less than numbers in their order.
    Bytes are exact; peaks are cut to ten bits, three digits, because the rest of them is a tenth of the file.
    Raises CorruptRowError.
    """
    rows = [columns.covered, columns.rx, columns.tx, columns.rx_peak, columns.tx_peak]
    is_there = list(map(any, zip(*rows, strict=True)))
    if not all(is_there):
        rows = [list(compress(row, is_there)) for row in rows]
    rows[3:] = map(_cut, rows[3:])
    there = int(bytes(map(b"01".__getitem__, reversed(is_there))) or b"0", 2)
    try:
        data = struct.pack(f"<{5 * len(rows[0])}Q", *chain(*rows))
    except struct.error as error:
        raise CorruptRowError(str(error)) from error
    planes = [data[plane::8] for plane in range(8)]
    if not planes[7].isascii():
        raise CorruptRowError("an amount does not fit into 63 bits")
    return zlib.compress(there.to_bytes(-(-len(columns.covered) // 8), "little") + b"".join(planes), level=1)


def unpack_columns(data: bytes, tier: int) -> Columns:
    """Raises CorruptRowError."""
    size = SPAN[tier] // tier
    begin = -(-size // 8)
    unpacker = zlib.decompressobj()
    try:
        raw = unpacker.decompress(data, begin + 40 * size + 1)
    except zlib.error as error:
        raise CorruptRowError(str(error)) from error
    there = int.from_bytes(raw[:begin], "little")
    count = there.bit_count()
    if not unpacker.eof or there >> size or len(raw) != begin + 40 * count:
        raise CorruptRowError("a chunk has another length than its tier")
    if not raw[begin + 35 * count :].isascii():  # the plane of the highest bytes
        raise CorruptRowError("an amount does not fit into 63 bits")
    ordered = bytearray(40 * count)
    for plane in range(8):
        ordered[plane::8] = raw[begin + plane * 5 * count : begin + (plane + 1) * 5 * count]
    values = list(struct.unpack(f"<{5 * count}Q", ordered))
    rows = [values[column * count : (column + 1) * count] for column in range(5)]
    if count < size:
        places = [place for place in range(size) if there >> place & 1]
        rows = [_spread(row, places, size) for row in rows]
    return Columns(*rows)


def pack_minute(minute: MinuteValues) -> bytes:
    """Raises CorruptRowError."""
    return _checked(_minute, minute)


def unpack_minute(data: bytes) -> MinuteValues:
    """Raises CorruptRowError."""
    return _decoded(_minute, data)


def pack_ledger(ledger: Ledger) -> bytes:
    """Raises CorruptRowError."""
    return _checked(_ledger, ledger)


def unpack_ledger(data: bytes) -> Ledger:
    """Raises CorruptRowError."""
    return _decoded(_ledger, data)


def mended(values: Mapping[int, Value] | bytes, most: int = 1 << 62) -> tuple[dict[int, Value], list[int | None]]:
    """What can be kept of a minute or of a ledger that was refused, and the series of what cannot stay as it is.

    An amount below 0 becomes 0: the program once stored them, and the other amounts beside it are right. A value that
    is anything else than five numbers up to `most` is left out; `None`: so is one of a series that nobody can name.
    Raises CorruptRowError where nothing can be read.
    """
    table: object = values
    if isinstance(values, bytes):
        try:
            table = msgspec.msgpack.decode(values)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise CorruptRowError(str(error)) from error
    if not isinstance(table, Mapping):
        raise CorruptRowError("no table of values")
    found: dict[int, Value] = {}
    faulty: list[int | None] = []
    for series, value in table.items():
        if type(series) is not int or not 0 <= series <= 1 << 62:
            faulty.append(None)
        elif not _is_five_numbers(value) or max(value) > most:
            faulty.append(series)
        else:
            if min(value) < 0:
                faulty.append(series)
            found[series] = cast("Value", tuple(max(0, each) for each in value))
    return found, faulty


def _is_five_numbers(value: object) -> TypeGuard[Value]:
    return isinstance(value, tuple | list) and len(value) == 5 and all(type(each) is int for each in value)


def pack_fine(times: list[int], elapsed: list[int], lines: Mapping[int, TickBytes]) -> bytes:
    """Raises CorruptRowError."""
    data = _checked(_whole_fine, (times, elapsed, lines))
    size = len(times)
    if len(elapsed) != size or not all(len(rx) == len(tx) <= size for rx, tx in lines.values()):
        raise CorruptRowError("more values than ticks")
    return data


def unpack_fine(data: bytes) -> Fine:
    """Raises CorruptRowError."""
    fine = _decoded(_fine, data)
    if len(fine.times) != len(fine.elapsed):
        raise CorruptRowError("ticks without a time")
    return fine


def unpack_line(fine: Fine, series: int) -> TickBytes | None:
    """As long as the minute has ticks; `None`: the series was not there. Raises CorruptRowError."""
    raw = fine.lines.get(series)
    if raw is None:
        return None
    rx, tx = _decoded(_line, raw)
    size = len(fine.times)
    if not len(rx) == len(tx) <= size:
        raise CorruptRowError("more values than ticks")
    return rx + [None] * (size - len(rx)), tx + [None] * (size - len(tx))


def tens_of(
    fine: Fine, wanted: Collection[int] | None = None, refused: Callable[[int], None] | None = None
) -> Iterator[tuple[int, int, Value]]:
    """Ticks made into values of the tier of tens: series, second of the minute it begins at, value.

    `wanted`: of these series only. `refused` is called with each series whose ticks cannot be read; without it that
    raises CorruptRowError.
    """
    elapsed = fine.elapsed
    spans = [(second, part, round(sum(elapsed[part]) / 100)) for second, part in _spans_of_tens(fine.times)]
    for series in fine.lines if wanted is None else fine.lines.keys() & wanted:
        try:
            line = unpack_line(fine, series)
        except CorruptRowError:
            if refused is None:
                raise
            refused(series)
            continue
        if line is None:
            continue
        rx, tx = cast("tuple[list[int], list[int]]", line)
        try:
            rx_rates, tx_rates = list(map(truediv, rx, elapsed)), list(map(truediv, tx, elapsed))
        except TypeError:  # some are unknown
            for second, part, _covered in spans:
                value = summed(elapsed[part], rx[part], tx[part])
                if value is not None:
                    yield series, second, value
            continue
        # As `summed` does it, for all at once: an hour has thousands of these.
        for second, part, covered in spans:
            rx_peak, tx_peak = round(1000 * max(rx_rates[part])), round(1000 * max(tx_rates[part]))
            yield series, second, (covered, sum(rx[part]), sum(tx[part]), rx_peak, tx_peak)


def summed(elapsed: list[int], rx: Sequence[int | None], tx: Sequence[int | None]) -> Value | None:
    """Ticks of some length (ms) made into one value; `None`: none of them is known."""
    # Unknown ticks are rare, and a search for them takes ten times as long as the sums.
    known_rx, known_tx = cast("Sequence[int]", rx), cast("Sequence[int]", tx)
    try:
        sum_rx, sum_tx = sum(known_rx), sum(known_tx)
    except TypeError:
        known = [each for each in zip(elapsed, rx, tx, strict=True) if None not in each]
        if not known:
            return None
        elapsed, known_rx, known_tx = map(list, zip(*known, strict=True))
        sum_rx, sum_tx = sum(known_rx), sum(known_tx)
    rx_peak, tx_peak = max(map(truediv, known_rx, elapsed)), max(map(truediv, known_tx, elapsed))
    return round(sum(elapsed) / 100), sum_rx, sum_tx, round(1000 * rx_peak), round(1000 * tx_peak)


def _spans_of_tens(times: list[int]) -> list[tuple[int, slice]]:
    """The second each begins at, and which ticks are in it."""
    spans = []
    end = 0
    for second, group in groupby(times, lambda time_ms: time_ms // 10_000 * 10):
        begin, end = end, end + sum(1 for _ in group)
        spans.append((second, slice(begin, end)))
    return spans


def _decoded(decoder: msgspec.msgpack.Decoder[Unpacked], data: bytes) -> Unpacked:
    try:
        return decoder.decode(data)
    except (msgspec.DecodeError, RecursionError, TypeError) as error:  # TypeError: no bytes at all
        raise CorruptRowError(str(error)) from error


def _checked(decoder: msgspec.msgpack.Decoder[Unpacked], value: object) -> bytes:
    """Encoded, and as the decoder wants it: checking takes a fiftieth of what a minute costs."""
    try:
        data = _encoder.encode(value)
        decoder.decode(data)
    except (msgspec.MsgspecError, OverflowError, TypeError, ValueError) as error:
        raise CorruptRowError(str(error)) from error
    return data


def _cut(numbers: list[int]) -> list[int]:
    return [each >> spare << spare if (spare := each.bit_length() - 10) > 0 else each for each in numbers]


def _spread(row: list[int], places: list[int], size: int) -> list[int]:
    spread = [0] * size
    for place, number in zip(places, row, strict=True):
        spread[place] = number
    return spread
