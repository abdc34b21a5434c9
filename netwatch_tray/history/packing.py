"""Encodes what the history file stores as blobs: recorded minutes, chunks, and ledgers of days.

- A series is what bytes are recorded for: the total, an interface, an app … Blobs have the IDs of series.
- A tier is a length of values: ten seconds, minutes or hours. A value that covers no time is unknown.
- A chunk has all values of one series and tier for an hour (ten seconds, minutes) or for four days (hours), as columns.
- A minute as it is recorded has the values of all series, and the ticks (values of one second).
- A ledger has the bytes of all series for a local day in one network.

Each blob is decoded for a check before it is written, so that `pack_*` refuses what `unpack_*` would refuse later.
`mended` returns the usable part of values that are refused.
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
"""The tiers, each as the number of seconds of a value. Ticks are stored in the recorded minutes instead."""
SPAN = {TENS: 3600, MINUTES: 3600, HOURS: 4 * 86400}
"""Number of seconds that a chunk covers, by tier."""

Unpacked = TypeVar("Unpacked")

_MOST = (1 << 63) - 1
_Sum = Annotated[int, msgspec.Meta(ge=0, le=_MOST)]
_Amount = Annotated[int, msgspec.Meta(ge=0, le=1 << 62)]
"""An amount with the limit for the sum of a minute, so that sums of several still fit into 64 bits."""
_InMinute = Annotated[int, msgspec.Meta(ge=0, lt=60_000)]
_Positive = Annotated[int, msgspec.Meta(gt=0, le=1 << 62)]

Value = tuple[_Amount, _Amount, _Amount, _Amount, _Amount]
"""Measured time in tenths of a second; bytes received; bytes sent; highest rate received; highest rate sent
(bytes/s)."""

MinuteValues = dict[_Amount, Value]
"""The values of a minute by ID of the series."""


LedgerEntry = tuple[_Sum, _Sum, _Sum, _Sum, _Sum]
"""Bytes received and sent, those of gaps included; bytes received and sent in gaps alone, some of them perhaps on the
day before; measured time in tenths of a second."""

Ledger = dict[_Amount, LedgerEntry]
"""Traffic of a local day in one network, by ID of the series."""


def less(entry: LedgerEntry, local: LedgerEntry | None) -> LedgerEntry:
    """Return the entry of the total without the bytes that stayed in the local network.

    `local`: the entry of those bytes; None if there are none. They are counted at the sockets, so they may be ahead of
    the total. The result is never less than the bytes of gaps, because it is not known how many of these were local.
    """
    if local is None:
        return entry
    rx, tx, gap_rx, gap_tx, covered = entry
    return max(gap_rx, rx - local[0]), max(gap_tx, tx - local[1]), gap_rx, gap_tx, covered


class CorruptRowError(HistoryError):
    """A row of the history cannot be decoded, or cannot be encoded so that it can be decoded. Other rows are usable."""


class Fine(msgspec.Struct, frozen=True, array_like=True):
    """The ticks of one minute, as they are recorded."""

    times: list[_InMinute]
    """When each tick ended, in ms since the start of the minute."""
    elapsed: list[_Positive]
    """Length of each tick in ms."""
    lines: dict[_Amount, msgspec.Raw]
    """Encoded `TickBytes` by ID of the series; `unpack_line` decodes one."""


TickBytes = tuple[list[_Amount | None], list[_Amount | None]]
"""Bytes of a series: received in each tick, and sent in each tick. `None` is unknown, as are ticks after the end of a
list."""


class Columns(msgspec.Struct):
    """Consecutive values of one series, as one list for each of the five numbers of a `Value`."""

    covered: list[int]
    rx: list[int]
    tx: list[int]
    rx_peak: list[int]
    tx_peak: list[int]

    @classmethod
    def of(cls, size: int) -> Columns:
        """Return columns with `size` unknown values."""
        return cls([0] * size, [0] * size, [0] * size, [0] * size, [0] * size)

    @classmethod
    def empty(cls, tier: int) -> Columns:
        """Return columns with as many unknown values as a chunk of this tier has."""
        return cls.of(SPAN[tier] // tier)

    def add(self, place: int, value: Value) -> None:
        """Add to the value at an index. It is 0 before, unless the clock was set back, so that a minute is recorded
        twice."""
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
        """Add columns of the same length, each value to the one at the same index."""
        self.covered = list(map(add, self.covered, other.covered))
        self.rx = list(map(add, self.rx, other.rx))
        self.tx = list(map(add, self.tx, other.tx))
        self.rx_peak = list(map(max, self.rx_peak, other.rx_peak))
        self.tx_peak = list(map(max, self.tx_peak, other.tx_peak))

    def extend(self, other: Columns, place: int, part: slice) -> None:
        """Append the values `part` of `other` at index `place`, which is at or after the present end.

        The values between the present end and `place` become unknown.
        """
        self.pad(place)
        self.covered += other.covered[part]
        self.rx += other.rx[part]
        self.tx += other.tx[part]
        self.rx_peak += other.rx_peak[part]
        self.tx_peak += other.tx_peak[part]

    def pad(self, size: int) -> None:
        """Append unknown values until there are `size` values."""
        unknown = [0] * (size - len(self.covered))
        self.covered += unknown
        self.rx += unknown
        self.tx += unknown
        self.rx_peak += unknown
        self.tx_peak += unknown

    def whole(self) -> Value:
        """Return all values as one: sums of time and bytes, and the highest rates."""
        return sum(self.covered), sum(self.rx), sum(self.tx), max(self.rx_peak), max(self.tx_peak)


def chunk_id(tier: int, at: int, series: int = 0) -> int:
    """Return the ID (primary key) of the chunk that contains the Unix time `at`. IDs sort by tier, time, series.

    All three are in one integer, because a key of three columns needs a separate index in SQLite, or more space.
    """
    return (_RANK[tier] << 28 | at // SPAN[tier]) << 32 | series


def start_of(chunk: int) -> tuple[int, int]:
    """Return the tier of the chunk with this ID, and the Unix time of its first value."""
    tier = _TIER_OF_RANK[chunk >> 60]
    return tier, (chunk >> 32 & (1 << 28) - 1) * SPAN[tier]


NEXT_CHUNK = 1 << 32
"""Difference between the IDs of two consecutive chunks of a series."""
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
    """Encode the columns of a chunk: a bit for each index that has a value, then the known values, compressed.

    The lowest bytes of all numbers come first, then all second bytes …, which compresses to a quarter less than whole
    numbers. Amounts are exact. Highest rates are rounded down to ten bits (three digits), which saves a tenth of the
    file. Raise CorruptRowError if a number is negative or too large.
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
    """Decode the columns of a chunk of this tier. Raise CorruptRowError if they are damaged."""
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
    """Encode the values of a minute. Raise CorruptRowError if they could not be decoded again."""
    return _checked(_minute, minute)


def unpack_minute(data: bytes) -> MinuteValues:
    """Decode the values of a minute. Raise CorruptRowError if they are damaged."""
    return _decoded(_minute, data)


def pack_ledger(ledger: Ledger) -> bytes:
    """Encode the ledger of a day. Raise CorruptRowError if it could not be decoded again."""
    return _checked(_ledger, ledger)


def unpack_ledger(data: bytes) -> Ledger:
    """Decode the ledger of a day. Raise CorruptRowError if it is damaged."""
    return _decoded(_ledger, data)


def mended(values: Mapping[int, Value] | bytes, most: int = 1 << 62) -> tuple[dict[int, Value], list[int | None]]:
    """Return the usable values of a damaged minute or ledger, and the IDs of the series whose value was changed or left
    out.

    `values`: the blob, or what was to be encoded. Numbers below 0, which version 1 of the format stored, become 0. A
    value that is not five numbers up to `most` is left out. A key that is no ID is left out, too, and is None in the
    list of IDs. Raise CorruptRowError if nothing is usable.
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
    """Encode the ticks of a minute, see `Fine` for the arguments. Raise CorruptRowError if they could not be
    decoded again."""
    data = _checked(_whole_fine, (times, elapsed, lines))
    size = len(times)
    if len(elapsed) != size or not all(len(rx) == len(tx) <= size for rx, tx in lines.values()):
        raise CorruptRowError("more values than ticks")
    return data


def unpack_fine(data: bytes) -> Fine:
    """Decode the ticks of a minute. Raise CorruptRowError if they are damaged."""
    fine = _decoded(_fine, data)
    if len(fine.times) != len(fine.elapsed):
        raise CorruptRowError("ticks without a time")
    return fine


def unpack_line(fine: Fine, series: int) -> TickBytes | None:
    """Return the bytes of a series in each tick of the minute, or `None` if it is not in this minute. Raise
    CorruptRowError."""
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
    """Sum the ticks of a minute into values of ten seconds. Yield the ID of the series, the second of the minute at
    which the value begins (0, 10, …), and the value.

    `wanted`: IDs of the series to sum; None: all. `refused`: called with the ID of a series whose ticks cannot be
    decoded; if it is None, CorruptRowError is raised.
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
        # The same as `summed`, with the rates of all ticks computed at once: an hour has thousands of these values.
        for second, part, covered in spans:
            rx_peak, tx_peak = round(1000 * max(rx_rates[part])), round(1000 * max(tx_rates[part]))
            yield series, second, (covered, sum(rx[part]), sum(tx[part]), rx_peak, tx_peak)


def summed(elapsed: list[int], rx: Sequence[int | None], tx: Sequence[int | None]) -> Value | None:
    """Sum ticks into one value, or return `None` if all of them are unknown. `elapsed`: length of each tick in ms.
    `rx`, `tx`: bytes received and sent in each tick."""
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
    """Divide the ticks of a minute into spans of ten seconds. Return the second at which each begins, and the slice of
    its ticks. `times`: when each tick ended, in ms since the start of the minute."""
    spans = []
    end = 0
    for second, group in groupby(times, lambda time_ms: time_ms // 10_000 * 10):
        begin, end = end, end + sum(1 for _ in group)
        spans.append((second, slice(begin, end)))
    return spans


def _decoded(decoder: msgspec.msgpack.Decoder[Unpacked], data: bytes) -> Unpacked:
    try:
        return decoder.decode(data)
    except (msgspec.DecodeError, RecursionError, TypeError) as error:  # TypeError: not bytes
        raise CorruptRowError(str(error)) from error


def _checked(decoder: msgspec.msgpack.Decoder[Unpacked], value: object) -> bytes:
    """Encode a value and decode it for a check. Raise CorruptRowError if that fails. The check takes 2 % of the time
    that recording a minute does."""
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
