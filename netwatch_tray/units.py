"""The one place where bytes become text: tooltip, menu, window, terminal and export all write numbers this way.

Three significant digits, a unit that steps at 1000 (SI) or 1024 (IEC), `0` for a true zero and `–` for unknown.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

UNKNOWN = "–"
DOWN, UP = "↓", "↑"

_FIGURE_SPACE = "\u2007"
"""As wide as a digit, so that padded numbers keep their place."""


class Units(msgspec.Struct, frozen=True, kw_only=True):
    """How the person wants to read amounts."""

    bits: bool = False
    """Rates in bit/s instead of B/s; amounts stay in bytes."""
    binary: bool = False
    """IEC steps of 1024 (KiB, MiB) instead of SI steps of 1000 (kB, MB)."""


SI_BYTES = Units()


class Quantity(NamedTuple):
    """A number and its unit, apart, because a table aligns them apart."""

    value: str
    unit: str

    def __str__(self) -> str:
        return f"{self.value} {self.unit}" if self.unit else self.value

    def padded(self) -> str:
        """As wide in every state as in any other, in a font with tabular digits."""
        return f"{self.value.rjust(4, _FIGURE_SPACE)} {self.unit}"


def rate(bytes_per_second: float | None, units: Units = SI_BYTES) -> Quantity:
    """`12.4 MB/s`; unknown is `–` without a unit."""
    if bytes_per_second is None:
        return Quantity(UNKNOWN, "")
    if units.bits:
        return _scaled(bytes_per_second * 8, "bit/s", units)
    return _scaled(bytes_per_second, "B/s", units)


def size(count: float | None, units: Units = SI_BYTES) -> Quantity:
    """`9.80 GB` of `count` bytes; unknown is `–` without a unit."""
    return Quantity(UNKNOWN, "") if count is None else _scaled(count, "B", units)


def both_rates(rx_rate: float | None, tx_rate: float | None, units: Units = SI_BYTES) -> str:
    """`↓ 12.4 MB/s  ↑ 840 kB/s`."""
    return f"{DOWN} {rate(rx_rate, units)}  {UP} {rate(tx_rate, units)}"


def _scaled(amount: float, unit: str, units: Units) -> Quantity:
    step = 1024.0 if units.binary else 1000.0
    prefixes = ("", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei") if units.binary else ("", "k", "M", "G", "T", "P", "E")
    power = 0
    # 999.6 is written as 1.00 of the next unit, not as 1000 of this one.
    while round(amount) >= step and power < len(prefixes) - 1:
        amount /= step
        power += 1
    if power == 0 or round(amount, 1) >= 100:
        value = f"{amount:.0f}"
    elif round(amount, 2) >= 10:
        value = f"{amount:.1f}"
    else:
        value = f"{amount:.2f}"
    return Quantity(value, prefixes[power] + unit)
