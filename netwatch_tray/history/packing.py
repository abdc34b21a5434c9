"""The layout of blobs: minutes as they are recorded, and chunks, which are compressed columns of one series and tier.

A chunk holds an hour of values of ten seconds or of minutes, or four days of hours. A value that covers no time is
unknown. `pack_*` refuse what `unpack_*` refuse, because each blob is decoded for a check before it is written. `mended`
returns the usable part of refused values.
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
"""Seconds per value of each tier. Ticks themselves are in the minutes."""
SPAN = {TENS: 3600, MINUTES: 3600, HOURS: 4 * 86400}
"""Seconds per chunk, by tier."""

Unpacked = TypeVar("Unpacked")

_MOST = (1 << 63) - 1
_Sum = Annotated[int, msgspec.Meta(ge=0, le=_MOST)]
_Amount = Annotated[int, msgspec.Meta(ge=0, le=1 << 62)]
"""Largest sum of 60 ticks; sums of these still fit into 64 bits."""
_InMinute = Annotated[int, msgspec.Meta(ge=0, lt=60_000)]
_Positive = Annotated[int, msgspec.Meta(gt=0, le=1 << 62)]

Value = tuple[_Amount, _Amount, _Amount, _Amount, _Amount]
"""Tenths of a second covered; bytes received and sent; highest rates, bytes/s, received and sent."""

MinuteValues = dict[_Amount, Value]
"""By ID of the series."""


LedgerEntry = tuple[_Sum, _Sum, _Sum, _Sum, _Sum]
"""Bytes received and sent, including those of gaps; bytes received and sent in gaps alone, perhaps on an earlier day;
tenths of a second measured."""

Ledger = dict[_Amount, LedgerEntry]
"""Traffic of a local day in one network, by ID of the series."""


def less(entry: LedgerEntry, local: LedgerEntry | None) -> LedgerEntry:
    """Return the amounts of `entry`, which are of the total, without those of `local`.

    `local`: the bytes that are known to have stayed in the local network, None if there are none.

    Local bytes may be ahead of the total, so the result is never below the bytes of gaps, for which only the total is
    known.
    """
    if local is None:
        return entry
    rx, tx, gap_rx, gap_tx, covered = entry
    return max(gap_rx, rx - local[0]), max(gap_tx, tx - local[1]), gap_rx, gap_tx, covered


class CorruptRowError(HistoryError):
    """A row of the history cannot be read or must not be written. Other rows are not affected."""


class Fine(msgspec.Struct, frozen=True, array_like=True):
    """The ticks of one minute."""

    times: list[_InMinute]
    """When each tick ended, in ms since the start of the minute."""
    elapsed: list[_Positive]
    """How long each tick lasted, in ms."""
    lines: dict[_Amount, msgspec.Raw]
    """TickBytes by ID of the series; decoded only where they are requested."""


TickBytes = tuple[list[_Amount | None], list[_Amount | None]]
"""Bytes received and sent in each tick; `None` if unknown. Ticks beyond the end of a list are unknown, too."""


class Columns(msgspec.Struct):
    """The `Value`s of a chunk, by column."""

    covered: list[int]
    rx: list[int]
    tx: list[int]
    rx_peak: list[int]
    tx_peak: list[int]

    @classmethod
    def of(cls, size: int) -> Columns:
        """Return columns of `size` unknown values."""
        return cls([0] * size, [0] * size, [0] * size, [0] * size, [0] * size)

    @classmethod
    def empty(cls, tier: int) -> Columns:
        """Return a chunk of unknown values."""
        return cls.of(SPAN[tier] // tier)

    def add(self, place: int, value: Value) -> None:
        """Add to the value at a place. The same minute is recorded twice after the clock was set back."""
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
        """Add columns of the same length, place by place."""
        self.covered = list(map(add, self.covered, other.covered))
        self.rx = list(map(add, self.rx, other.rx))
        self.tx = list(map(add, self.tx, other.tx))
        self.rx_peak = list(map(max, self.rx_peak, other.rx_peak))
        self.tx_peak = list(map(max, self.tx_peak, other.tx_peak))

    def extend(self, other: Columns, place: int, part: slice) -> None:
        """Append a part of `other` so that it begins at `place`, which is not before the present end.

        The values between the present end and `place` are unknown.
        """
        self.pad(place)
        self.covered += other.covered[part]
        self.rx += other.rx[part]
        self.tx += other.tx[part]
        self.rx_peak += other.rx_peak[part]
        self.tx_peak += other.tx_peak[part]

    def pad(self, size: int) -> None:
        """Append unknown values up to this length."""
        unknown = [0] * (size - len(self.covered))
        self.covered += unknown
        self.rx += unknown
        self.tx += unknown
        self.rx_peak += unknown
        self.tx_peak += unknown

    def whole(self) -> Value:
        """Return all values combined into one."""
        return sum(self.covered), sum(self.rx), sum(self.tx), max(self.rx_peak), max(self.tx_peak)


def chunk_id(tier: int, at: int, series: int = 0) -> int:
    """Return the ID of the chunk that holds the Unix time `at`. IDs sort by tier, time, series.

    One integer, because a key of three columns needs a second tree, or a quarter of the file in half-empty pages.
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
    """Encode a bit for each place that has a value, then the values, column by column, as planes of bytes.

    All lowest bytes come first, then all second ones …, which compresses to a quarter less than numbers in their order.
    Bytes are exact. Peaks are rounded down to ten bits, three digits, because the other bits are a tenth of the file.
    Raise CorruptRowError.
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
    """Decode the columns of a chunk. Raise CorruptRowError."""
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
    """Encode the values of a minute. Raise CorruptRowError."""
    return _checked(_minute, minute)


def unpack_minute(data: bytes) -> MinuteValues:
    """Decode the values of a minute. Raise CorruptRowError."""
    return _decoded(_minute, data)


def pack_ledger(ledger: Ledger) -> bytes:
    """Encode the ledger of a day. Raise CorruptRowError."""
    return _checked(_ledger, ledger)


def unpack_ledger(data: bytes) -> Ledger:
    """Decode the ledger of a day. Raise CorruptRowError."""
    return _decoded(_ledger, data)


def mended(values: Mapping[int, Value] | bytes, most: int = 1 << 62) -> tuple[dict[int, Value], list[int | None]]:
    """Return the usable values of a minute or a ledger that could not be decoded, and the IDs of the series that were
    changed.

    Amounts below 0 become 0: version 1 of the format stored them, and the other amounts are right. A value that is not
    five numbers up to `most` is left out. The ID `None` stands for values whose key is not the ID of a series; they are
    left out, too. Raise CorruptRowError if nothing is usable.
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
    """Encode the ticks of a minute. Raise CorruptRowError."""
    data = _checked(_whole_fine, (times, elapsed, lines))
    size = len(times)
    if len(elapsed) != size or not all(len(rx) == len(tx) <= size for rx, tx in lines.values()):
        raise CorruptRowError("more values than ticks")
    return data


def unpack_fine(data: bytes) -> Fine:
    """Decode the ticks of a minute. Raise CorruptRowError."""
    fine = _decoded(_fine, data)
    if len(fine.times) != len(fine.elapsed):
        raise CorruptRowError("ticks without a time")
    return fine


def unpack_line(fine: Fine, series: int) -> TickBytes | None:
    """Return a value for each tick of the minute, or `None` if the series was absent. Raise CorruptRowError."""
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
    """Sum ticks into values of ten seconds. Yield the ID of the series, the second of the minute at which the value
    begins, and the value.

    `wanted`: only these series. `refused`: called with each series whose ticks cannot be read; without it
    CorruptRowError is raised.
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
    """Combine ticks into one value, or return `None` if all of them are unknown. `elapsed`: length of each tick
    in ms."""
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
    """Return the second at which each span of ten seconds begins, and the ticks in it."""
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
    """Encode a value and check it with its decoder. The check takes a fiftieth of the time that a minute costs."""
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
