"""The only place where amounts of bytes and rates become text. Tooltip, menu, window, terminal and export all use it.

Numbers have three significant digits; the unit changes at 1000 (SI) or 1024 (IEC). A true zero is `0`, unknown is `–`.
"""

from __future__ import annotations

import re
from typing import Literal

import msgspec

from netwatch_tray.errors import AmountError

UNKNOWN = "–"
DOWN, UP = "↓", "↑"

FIGURE_SPACE = "\u2007"
"""A space as wide as a digit, so that padded numbers stay in place."""

_PREFIXES = ("", "k", "M", "G", "T", "P", "E"), ("", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei")
"""Of SI and IEC units; `Units.binary` is the index."""
_RATE_UNITS = [[[prefix + unit for prefix in prefixes] for prefixes in _PREFIXES] for unit in ("B/s", "bit/s")]
"""Units of rates, by `Units.bits`, `Units.binary` and power."""
_GREATEST_POWER = len(_PREFIXES[0]) - 1
_SCALES = [[float(step**power) for power in range(_GREATEST_POWER + 1)] for step in (1000, 1024)]
"""Sizes of the units with these prefixes."""
_AS_9_99, _AS_100 = 9.995, 99.95
"""The greatest number that is 9.99 when it is rounded, and the least that is 100.0. As binary fractions they are a
little less and a little more than these decimal ones."""

Prefix = Literal["auto", "k", "M", "G"]

_WIDTHS: dict[Prefix, int] = {"auto": 4, "k": 8, "M": 5, "G": 4}
"""Greatest number of characters in a rate's number up to 100 Gbit/s, by `Units.prefix`: `1023`, `12500000`, `12500`,
`12.5`."""
_KEEP_UNIT_DOWN_TO = 0.9
"""SteadyRate changes to a smaller unit only below this fraction of the current one, so that a rate around 1 does not
change its unit all the time."""


class Units(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The units that the user has chosen."""

    bits: bool = False
    """Show rates in bit/s instead of B/s; amounts are always in bytes."""
    binary: bool = False
    """Use units in steps of 1024 (KiB, MiB) instead of 1000 (kB, MB)."""
    prefix: Prefix = "auto"
    """Show all rates in one unit: kB/s, MB/s or GB/s (or their bits). `auto`: in the unit that fits each rate."""


SI_BYTES = Units()

# Patterns are compiled when an amount is read: most processes read none.
_AMOUNT = r"(\d+(?:[.,]\d+)?)[ \u00a0\u2009\u202f]*([kKmMgGtTpP]?)(i?[bB]|i|bits?|)"
_AMBIGUOUS = r"\d{1,3},\d{3}"
_MOST_AMOUNT = 10**18
"""Largest amount in bytes that `parse_size` accepts."""


class Quantity(msgspec.Struct, frozen=True, gc=False):
    """A number and its unit, as two texts, because tables align them separately. `str()` joins them."""

    value: str
    unit: str

    def __str__(self) -> str:
        return f"{self.value} {self.unit}" if self.unit else self.value


_UNKNOWN = Quantity(UNKNOWN, "")


def rate(bytes_per_second: float | None, units: Units = SI_BYTES) -> Quantity:
    """Return a rate such as `12.4 MB/s`; `–` without a unit if it is unknown (None)."""
    if bytes_per_second is None:
        return _UNKNOWN
    amount = bytes_per_second * 8 if units.bits else bytes_per_second
    power = _power(amount, units) if units.prefix == "auto" else _fixed_power(units)
    return Quantity(_number(amount, power, units), _RATE_UNITS[units.bits][units.binary][power])


def size(count: float | None, units: Units = SI_BYTES) -> Quantity:
    """Return an amount such as `9.80 GB`, given in bytes; `–` without a unit if it is unknown (None)."""
    if count is None:
        return _UNKNOWN
    power = _power(count, units)
    return Quantity(_number(count, power, units), _PREFIXES[units.binary][power] + "B")


def longest_size(units: Units = SI_BYTES) -> Quantity:
    """Return an amount whose text is as long as any below 1000 EB can be."""
    return Quantity("0.00", _PREFIXES[units.binary][1] + "B")


def parse_size(text: str) -> int:
    """Return the number of bytes in a text such as `2.5 TB`, `500 GB` or `1,5 GiB` (B to PB), rounded.

    If the text is ambiguous or invalid, raise AmountError with the reason: a wrong guess would be a data plan of the
    wrong size.
    """
    match = re.fullmatch(_AMOUNT, text.strip())
    if match is None:
        raise AmountError("“{text}” is not an amount. Write a number and a unit, such as 500 GB or 2.5 TB.", text=text)
    number, prefix, unit = match[1], match[2].lower(), match[3].lower()
    if not prefix and not unit:
        raise AmountError("“{text}” has no unit. Write {number} GB or {number} TB.", text=text, number=number)
    if unit in ("bit", "bits") or (match[3] == "b" and not match[2].islower()):
        raise AmountError("“{text}” is in bits. Write bytes, with a capital B.", text=text)
    if re.fullmatch(_AMBIGUOUS, number):
        raise AmountError("“{text}” may be two amounts. Write it without a separator of thousands.", text=text)
    power = " kmgtp".index(prefix) if prefix else 0
    step = 1024 if unit.startswith("i") else 1000
    amount = float(number.replace(",", ".")) * float(step**power)
    if round(amount) > _MOST_AMOUNT:
        raise AmountError("“{text}” is too large: at most {most}.", text=text, most="1000 PB")
    return round(amount)


def both_rates(rx_rate: float | None, tx_rate: float | None, units: Units = SI_BYTES) -> str:
    """Return both rates in one line: `↓ 12.4 MB/s  ↑ 840 kB/s`."""
    return joined(rate(rx_rate, units), rate(tx_rate, units))


def joined(down: Quantity, up: Quantity) -> str:
    """Join two rates into one text, as `both_rates` does."""
    if down.unit and up.unit:  # the usual case, each second, without two calls
        return f"{DOWN} {down.value} {down.unit}  {UP} {up.value} {up.unit}"
    return f"{DOWN} {down}  {UP} {up}"


def short_rate(bytes_per_second: float | None, units: Units = SI_BYTES) -> str:
    """Return a rate in at most four characters, for the icon: `840k`, `12M`, `1.2G`; below 1000 without a letter. The
    unit fits the rate, regardless of `Units.prefix`."""
    if bytes_per_second is None:
        return UNKNOWN
    amount = bytes_per_second * 8 if units.bits else bytes_per_second
    power = 0
    while round(amount) >= 1000 and power < _GREATEST_POWER:  # also of binary units: 1023k has no room
        amount /= _SCALES[units.binary][1]
        power += 1
    return f"{amount:.{int(power > 0 and round(amount, 1) < 10)}f}{_PREFIXES[0][power]}"


def padded_rates(rx_rate: float | None, tx_rate: float | None, units: Units = SI_BYTES) -> str:
    """Return `both_rates` padded to the same length for all rates, because some panels measure the rows of a menu only
    once."""
    return joined_padded(rate(rx_rate, units), rate(tx_rate, units), units)


def joined_padded(down: Quantity, up: Quantity, units: Units) -> str:
    """Join two rates into one text of constant length, as `padded_rates` does."""
    return f"{DOWN} {_padded(down, units)}  {UP} {_padded(up, units)}"


class SteadyRate:
    """Formats successive values of one rate, so that the text neither moves nor changes its unit with every value. All
    texts are equally wide in a font whose digits are. The unit becomes smaller only when the rate is well below one of
    the current unit."""

    def __init__(self, units: Units = SI_BYTES) -> None:
        self._units = units
        self._power, self._unit = 0, ""
        """The power of the current unit, and its name."""

    def write(self, bytes_per_second: float | None, fitting: Quantity | None = None) -> str:
        """Return the next value of the rate, such as `12.4 MB/s`, padded with figure spaces (as wide as a digit).
        `fitting`: the result of `rate` for it, if the caller has it."""
        written = fitting or rate(bytes_per_second, self._units)
        if bytes_per_second is not None and written.unit != self._unit and self._units.prefix == "auto":
            amount = bytes_per_second * 8 if self._units.bits else bytes_per_second
            power = _power(amount, self._units)
            if self._power > power and amount >= _KEEP_UNIT_DOWN_TO * _SCALES[self._units.binary][self._power]:
                written = Quantity(_number(amount, self._power, self._units), self._unit)
            else:
                self._power, self._unit = power, written.unit
        return _padded(written, self._units)


def _padded(rate: Quantity, units: Units) -> str:
    """Pad a rate with figure spaces to the width of the widest rate in these units."""
    width = (5 if units.bits else 3) + (2 if units.binary else 1)  # `Kibit/s`, `kB/s`
    return f"{rate.value.rjust(_WIDTHS[units.prefix], FIGURE_SPACE)} {rate.unit.ljust(width, FIGURE_SPACE)}"


def _fixed_power(units: Units) -> int:
    return 1 + "kMG".index(units.prefix)


def _power(amount: float, units: Units) -> int:
    """Return how many steps the fitting unit is above the smallest one. 999.6 is written as 1.00 of the next unit, not
    as 1000."""
    step, power = _SCALES[units.binary][1], 0
    while amount >= step - 0.5 and power < _GREATEST_POWER:
        amount /= step
        power += 1
    return power


def _number(amount: float, power: int, units: Units) -> str:
    """Return an amount with three significant digits in the unit that is `power` steps above the smallest one."""
    amount /= _SCALES[units.binary][power]
    # Compared, not rounded: `round` costs more than everything else here.
    if power == 0 or amount >= _AS_100:
        return f"{amount:.0f}"
    return f"{amount:.1f}" if amount > _AS_9_99 else f"{amount:.2f}"
