from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from netwatch_tray import units
from netwatch_tray.units import Units

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
def test_three_significant_digits_and_steps_of_a_thousand(amount: float, text: str) -> None:
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
def test_bits_and_binary_steps(amount: float, in_units: Units, text: str) -> None:
    assert str(units.rate(amount, in_units)) == text


def test_amounts_stay_in_bytes_when_rates_are_in_bits() -> None:
    assert str(units.size(9_800_000_000, Units(bits=True))) == "9.80 GB"


def test_unknown_is_a_dash_and_never_zero() -> None:
    assert str(units.rate(None)) == "–"
    assert str(units.size(None)) == "–"
    assert units.both_rates(None, 0) == "↓ –  ↑ 0 B/s"


@given(st.floats(0, 1e18), st.booleans(), st.booleans())
def test_the_value_always_fits_four_characters_and_is_near_the_amount(amount: float, bits: bool, binary: bool) -> None:
    value, unit = units.rate(amount, Units(bits=bits, binary=binary))
    assert len(value) <= 4
    step = 1024 if binary else 1000
    prefix = unit.removesuffix("bit/s").removesuffix("B/s").removesuffix("i")
    written = float(value) * step ** ["", "k" if not binary else "K", "M", "G", "T", "P", "E"].index(prefix)
    exact = amount * 8 if bits else amount
    assert written == pytest.approx(exact, rel=0.005, abs=0.51)


def test_padded_text_keeps_its_width() -> None:
    widths = {len(units.rate(amount).padded().split(" ")[0]) for amount in (0, 9.1, 840, 9100, 12_400, 999_499)}
    assert widths == {4}
    assert units.rate(0).padded() == FIGURE_SPACE * 3 + "0 B/s"
