"""Packed values round-trip; any other blob raises CorruptRowError."""

from __future__ import annotations

import contextlib
import zlib
from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given, settings, strategies as st

from netwatch_tray.errors import HistoryError
from netwatch_tray.history.packing import (
    HOURS,
    MINUTES,
    SPAN,
    TENS,
    Columns,
    TickBytes,
    chunk_id,
    pack_columns,
    pack_fine,
    pack_ledger,
    pack_minute,
    start_of,
    tens_of,
    unpack_columns,
    unpack_fine,
    unpack_ledger,
    unpack_line,
    unpack_minute,
)

amounts = st.integers(0, 2**56)
values = st.tuples(st.integers(0, 1 << 20), amounts, amounts, amounts, amounts)

UNPACKERS: dict[str, Callable[[bytes], object]] = {
    "tens": lambda data: unpack_columns(data, TENS),
    "minutes": lambda data: unpack_columns(data, MINUTES),
    "hours": lambda data: unpack_columns(data, HOURS),
    "minute": unpack_minute,
    "ledger": unpack_ledger,
    "ticks": lambda data: list(tens_of(unpack_fine(data))),
}


@given(st.dictionaries(st.integers(0, 59), values))
def test_columns_round_trip_with_peaks_of_three_digits(stored: dict[int, tuple[int, int, int, int, int]]) -> None:
    columns = Columns.empty(MINUTES)
    for place, value in stored.items():
        columns.add(place, value)
    back = unpack_columns(pack_columns(columns), MINUTES)
    assert (back.covered, back.rx, back.tx) == (columns.covered, columns.rx, columns.tx)
    for kept, peak in zip(back.rx_peak + back.tx_peak, columns.rx_peak + columns.tx_peak, strict=True):
        assert 0.998 * peak <= kept <= peak


@given(st.dictionaries(st.integers(0, 1 << 32), values))
def test_ledgers_and_minutes_round_trip(stored: dict[int, tuple[int, int, int, int, int]]) -> None:
    assert unpack_ledger(pack_ledger(stored)) == stored
    assert unpack_minute(pack_minute(stored)) == stored


@given(
    st.sampled_from(sorted(UNPACKERS)),
    st.binary(max_size=300),
    st.sampled_from([bytes, zlib.compress, lambda data: zlib.compress(msgspec.msgpack.encode(list(data)))]),
)
def test_foreign_bytes_raise_corrupt_row_error(name: str, data: bytes, how: Callable[[bytes], bytes]) -> None:
    with contextlib.suppress(HistoryError):
        UNPACKERS[name](how(data))


@settings(max_examples=300)
@given(st.data())
def test_changed_bytes_raise_corrupt_row_error(data: st.DataObject) -> None:
    columns = Columns.empty(MINUTES)
    columns.add(7, (600, 12_345, 678, 90, 12))
    ticks: dict[int, TickBytes] = {3: ([1, None, 3], [4, None, 6])}
    packed = bytearray(
        data.draw(
            st.sampled_from(
                [
                    pack_columns(columns),
                    pack_minute({1: (600, 1, 2, 3, 4)}),
                    pack_fine([10, 20, 30], [1000, 1000, 1000], ticks),
                ]
            )
        )
    )
    for _ in range(data.draw(st.integers(1, 4))):
        packed[data.draw(st.integers(0, len(packed) - 1))] = data.draw(st.integers(0, 255))
    for unpack in UNPACKERS.values():
        with contextlib.suppress(HistoryError):
            unpack(bytes(packed))


def test_decompression_bomb_is_not_unpacked_completely() -> None:
    with pytest.raises(HistoryError):
        unpack_columns(zlib.compress(bytes(100_000_000), 1), HOURS)


@given(st.integers(0, 2**34), st.integers(0, 2**31), st.sampled_from([TENS, MINUTES, HOURS]))
def test_chunk_id_holds_tier_and_time(at: int, series: int, tier: int) -> None:
    assert start_of(chunk_id(tier, at, series)) == (tier, at // SPAN[tier] * SPAN[tier])


ticks = st.lists(st.one_of(st.none(), st.tuples(amounts, amounts)), max_size=60)


@given(ticks)
def test_tens_of_seconds_have_the_bytes_of_their_ticks(known: list[tuple[int, int] | None]) -> None:
    line = ([each and each[0] for each in known], [each and each[1] for each in known])
    times = [1000 * number for number in range(len(known))]
    fine = unpack_fine(pack_fine(times, [1000] * len(known), {5: line}))
    assert unpack_line(fine, 6) is None
    found = list(tens_of(fine))
    assert sum(value[1] for _series, _second, value in found) == sum(each[0] for each in known if each)
    assert sum(value[2] for _series, _second, value in found) == sum(each[1] for each in known if each)
    assert sum(value[0] for _series, _second, value in found) == 10 * sum(each is not None for each in known)
