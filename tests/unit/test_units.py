from __future__ import annotations

import math
from contextlib import suppress

import pytest
from hypothesis import given, strategies as st

from netwatch_tray import units
from netwatch_tray.errors import AmountError
from netwatch_tray.units import SteadyRate, Units

FIGURE_SPACE = "\u2007"


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (0, "0 B/s"),
        (0.4, "0 B/s"),
        (1, "1 B/s"),
        (840, "840 B/s"),
        (999.4, "999 B/s"),
        (999.6, "1.00 kB/s"),
        (1000, "1.00 kB/s"),
        (9994, "9.99 kB/s"),
        (9996, "10.0 kB/s"),
        (99_940, "99.9 kB/s"),
        (99_960, "100 kB/s"),
        (840_000, "840 kB/s"),
        (999_499, "999 kB/s"),
        (999_500, "1.00 MB/s"),
        (12_400_000, "12.4 MB/s"),
        (1.25e10, "12.5 GB/s"),
    ],
)
def test_rates_have_three_significant_digits_and_steps_of_a_thousand(amount: float, text: str) -> None:
    assert str(units.rate(amount)) == text


@pytest.mark.parametrize(
    ("amount", "in_units", "text"),
    [
        (1_550_000, Units(bits=True), "12.4 Mbit/s"),
        (1024, Units(binary=True), "1.00 KiB/s"),
        (1023 * 1024, Units(binary=True), "1023 KiB/s"),
        (13_002_342, Units(binary=True), "12.4 MiB/s"),
        (131072, Units(bits=True, binary=True), "1.00 Mibit/s"),
    ],
)
def test_rates_are_written_in_bits_or_binary_steps(amount: float, in_units: Units, text: str) -> None:
    assert str(units.rate(amount, in_units)) == text


def test_amounts_stay_in_bytes_when_rates_are_in_bits() -> None:
    assert str(units.size(9_800_000_000, Units(bits=True))) == "9.80 GB"


def test_unknown_is_a_dash_and_never_zero() -> None:
    assert str(units.rate(None)) == "–"
    assert str(units.size(None)) == "–"
    assert units.both_rates(None, 0) == "↓ –  ↑ 0 B/s"


@given(st.floats(0, 1e18), st.booleans(), st.booleans())
def test_the_value_always_fits_four_characters_and_is_near_the_amount(amount: float, bits: bool, binary: bool) -> None:
    rate = units.rate(amount, Units(bits=bits, binary=binary))
    assert len(rate.value) <= 4
    step = 1024 if binary else 1000
    prefix = rate.unit.removesuffix("bit/s").removesuffix("B/s").removesuffix("i")
    written = float(rate.value) * step ** ["", "k" if not binary else "K", "M", "G", "T", "P", "E"].index(prefix)
    exact = amount * 8 if bits else amount
    assert written == pytest.approx(exact, rel=0.005, abs=0.51)


def rounded(count: float, step: int) -> str:
    """Return a size by the rule itself: three significant digits, rounded before the unit and the digits are chosen."""
    power, rest = 0, count
    while round(rest) >= step and power < 6:
        rest /= step
        power += 1
    value = count / float(step**power)
    digits = 0 if power == 0 or round(value, 1) >= 100 else 1 if round(value, 2) >= 10 else 2
    prefixes = ("", "k", "M", "G", "T", "P", "E") if step == 1000 else ("", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei")
    return f"{value:.{digits}f} {prefixes[power]}B"


edges = st.sampled_from([0.5, 1.5, 9.995, 99.95, 999.5, 1023.5, 9.99, 10.0, 99.9, 100.0])
near_edges = st.builds(lambda edge, ulps: edge + ulps * math.ulp(edge), edges, st.integers(-3, 3))


@given(near_edges | st.floats(0, 1e3), st.integers(0, 6), st.booleans())
def test_value_is_rounded_before_its_unit_and_its_digits_are_chosen(amount: float, power: int, binary: bool) -> None:
    step = 1024 if binary else 1000
    count = amount * step**power
    assert str(units.size(count, Units(binary=binary))) == rounded(count, step)


@pytest.mark.parametrize(
    ("amount", "in_units", "text"),
    [
        (12_400_000, Units(prefix="k"), "12400 kB/s"),
        (840_000, Units(prefix="M"), "0.84 MB/s"),
        (1.25e10, Units(prefix="M", bits=True), "100000 Mbit/s"),
        (512 << 20, Units(prefix="G", binary=True), "0.50 GiB/s"),
        (0, Units(prefix="M"), "0.00 MB/s"),
    ],
)
def test_fixed_prefix_gives_all_rates_one_unit(amount: float, in_units: Units, text: str) -> None:
    assert str(units.rate(amount, in_units)) == text


all_units = st.builds(Units, bits=st.booleans(), binary=st.booleans(), prefix=st.sampled_from(["auto", "k", "M", "G"]))


@given(all_units, st.lists(st.none() | st.floats(0, 1e10)))
def test_text_in_a_bar_has_constant_width(in_units: Units, amounts: list[float | None]) -> None:
    steady = SteadyRate(in_units)
    assert len({len(steady.write(amount)) for amount in amounts}) <= 1


def test_text_in_a_bar_is_padded_with_figure_spaces() -> None:
    steady = SteadyRate()
    assert steady.write(0) == FIGURE_SPACE * 3 + "0 B/s" + FIGURE_SPACE
    assert steady.write(None) == FIGURE_SPACE * 3 + "–" + " " + FIGURE_SPACE * 4
    assert steady.write(840e3) == FIGURE_SPACE + "840 kB/s"


def test_smaller_unit_is_chosen_only_well_below_the_present_one() -> None:
    steady = SteadyRate()
    written = [steady.write(amount) for amount in (999e3, 1.01e6, 980e3, 1.01e6, 910e3, 890e3, 980e3, 5, 2e9)]
    assert [text.replace(FIGURE_SPACE, "") for text in written] == [
        "999 kB/s",
        "1.01 MB/s",
        "0.98 MB/s",
        "1.01 MB/s",
        "0.91 MB/s",
        "890 kB/s",
        "980 kB/s",
        "5 B/s",
        "2.00 GB/s",
    ]


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("0 B", 0),
        ("512 B", 512),
        ("2.5 TB", 2_500_000_000_000),
        ("2,5 TB", 2_500_000_000_000),
        ("500GB", 500_000_000_000),
        (" 500 gb ", 500_000_000_000),
        ("1\u202fPB", 10**15),
        ("1.5 KiB", 1536),
        ("1 Ti", 1 << 40),
        ("2.5 T", 2_500_000_000_000),
        ("1000 PB", 10**18),
    ],
)
def test_amounts_are_read_from_bytes_to_petabytes(text: str, count: int) -> None:
    assert units.parse_size(text) == count


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "is not an amount"),
        ("much", "is not an amount"),
        ("-3 GB", "is not an amount"),
        ("1e5 GB", "is not an amount"),
        ("9 EB", "is not an amount"),
        ("2.5.1 GB", "is not an amount"),
        ("500", "has no unit. Write 500 GB or 500 TB."),
        ("5 Gbit", "is in bits"),
        ("5 Gb", "is in bits"),
        ("1,000 GB", "may be two amounts"),
        ("1001 PB", "is too large"),
    ],
)
def test_ambiguous_amount_is_refused_with_the_reason(text: str, why: str) -> None:
    with pytest.raises(AmountError) as caught:
        units.parse_size(text)
    assert why in str(caught.value)


@given(st.integers(0, 10**17), st.booleans())
def test_written_amount_round_trips(count: int, binary: bool) -> None:
    written = units.size(count, Units(binary=binary))
    if written.unit[0] != "E":
        read = units.parse_size(str(written))
        assert abs(read - count) <= count * 0.005 + 0.5, "three digits are written"
        assert units.size(read, Units(binary=binary)) == written


@given(st.text(max_size=12))
def test_any_text_parses_as_amount_or_is_refused(text: str) -> None:
    with suppress(AmountError):
        assert 0 <= units.parse_size(text) <= 10**18
