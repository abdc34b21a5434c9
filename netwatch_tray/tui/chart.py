"""The chart: download above and upload below one axis, in braille dots or number signs. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from netwatch_tray import units
from netwatch_tray.language import mark, translate
from netwatch_tray.tui.frame import Frame, Row
from netwatch_tray.units import Units

Value = float | None
GUTTER = 10
"""Width in cells of the axis labels left of the chart, with the space after them."""
_MARGIN = 1

# U+2800 + these bits, from the axis outwards: left and right column of dots.
_UPWARDS = ((0x40, 0x04, 0x02, 0x01), (0x80, 0x20, 0x10, 0x08))
_DOWNWARDS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
_DOTS = 4
"""Rows of dots in one cell of braille."""
_ROUND = (1.0, 1.2, 1.6, 2.0, 2.4, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)
"""Values at which the axis may end, times a power of ten. Half of each is a short number, too."""
_LEAST_TOP = 1000.0
"""Bytes/s at which the axis ends at least, so that a little traffic does not fill the chart."""


class Range(NamedTuple):
    """A time span that the chart can show."""

    seconds: int
    unit: str
    """Text of a label, such as `−{count} min`: a key of the translation catalogue."""
    unit_s: int
    labels: tuple[int, ...]
    """Times that are labelled on the axis, as a number of `unit_s` before now."""


RANGES = (
    Range(300, mark("Terminal", "−{count} min"), 60, (5, 3, 1)),
    Range(3600, mark("Terminal", "−{count} min"), 60, (60, 40, 20)),
    Range(86400, mark("Terminal", "−{count} h"), 3600, (24, 16, 8)),
    Range(7 * 86400, mark("Terminal", "−{count} d"), 86400, (7, 5, 3, 1)),
    Range(30 * 86400, mark("Terminal", "−{count} d"), 86400, (30, 20, 10)),
)


class Curve(NamedTuple):
    """Rates in bytes/s, one for each column of dots, oldest first; None where unknown."""

    down: Sequence[Value]
    up: Sequence[Value]


EMPTY = Curve((), ())


def columns(frame_width: int, *, is_unicode: bool) -> int:
    """Return how many values a chart shows in a frame of this width (in cells)."""
    return max(1, frame_width - GUTTER - _MARGIN) * (2 if is_unicode else 1)


def top_of(values: Sequence[Value], in_units: Units) -> float:
    """Return the rate (bytes/s) at which the axis ends: round in the user's units, and not below any value."""
    per_byte, step = 8 if in_units.bits else 1, 1024 if in_units.binary else 1000
    amount = max(_LEAST_TOP, *(value for value in (*values, 0.0) if value is not None)) * per_byte
    power = int(math.log(amount, step))
    unit = float(step**power)
    decade = float(10 ** math.floor(math.log10(amount / unit)))
    part = amount / unit / decade
    rounded = next((each for each in _ROUND if part <= each + 1e-9), 10.0)
    return rounded * decade * unit / per_byte


def draw(frame: Frame, curve: Curve, shown: Range, rows: tuple[int, int], in_units: Units) -> None:
    """Add the rows of a chart to the frame. `rows`: number of rows above the axis (download) and below it (upload)."""
    width = max(1, frame.width - GUTTER - _MARGIN)
    above, below = rows
    down_top, up_top = top_of(curve.down, in_units), top_of(curve.up, in_units)
    unicode = frame.look.is_unicode
    for number, text in enumerate(_grid(curve.down, down_top, above, width, _UPWARDS, unicode=unicode)[::-1]):
        row = frame.add()
        row.put_drawn(GUTTER, text, "down")
        if number == 0:
            _label(row, down_top, in_units)
        elif number == above // 2:
            row.put_right(GUTTER - 1, _half(down_top, in_units), "ink3")
    row = frame.add()
    row.put_right(GUTTER - 1, "0", "ink3")
    _draw_axis(row, curve, width)
    grid = _grid(curve.up, up_top, below, width, _DOWNWARDS, unicode=unicode)
    for number, text in enumerate(grid):
        row = frame.add()
        row.put_drawn(GUTTER, text, "up")
        if number == below - 1:
            _label(row, up_top, in_units)
    _draw_times(frame.add(), shown, width)


def _grid(
    values: Sequence[Value], top: float, rows: int, width: int, bits: tuple[tuple[int, ...], ...], *, unicode: bool
) -> list[str]:
    """Return the rows of characters of one direction, the one next to the axis first. `bits`: the bits of the braille
    dots in the left and in the right column of a cell, also from the axis outwards."""
    if not unicode:
        heights = [_height(value, top, rows) for value in values[-width:]]
        heights = [0] * (width - len(heights)) + heights
        return ["".join("#" if height > row else " " for height in heights) for row in range(rows)]
    heights = [_height(value, top, rows * _DOTS) for value in values[-2 * width :]]
    heights = [0] * (2 * width - len(heights)) + heights
    filled = [tuple(sum(side[:dots]) for dots in range(_DOTS + 1)) for side in bits]
    left, right = filled
    found = []
    for row in range(rows):
        base = row * _DOTS
        dots = [min(_DOTS, max(0, height - base)) for height in heights]
        codes = [left[one] | right[two] for one, two in zip(dots[::2], dots[1::2], strict=True)]
        found.append("".join(chr(0x2800 + code) if code else " " for code in codes))
    return found


def _height(value: Value, top: float, dots: int) -> int:
    """Return the height of a value in dots. Values above 0 have at least one dot."""
    if not value:
        return 0
    return max(1, min(dots, round(value / top * dots)))


def _label(row: Row, top: float, in_units: Units) -> None:
    rate = units.rate(top, in_units)
    row.put_right(GUTTER - 1, f"{float(rate.value):g} {rate.unit}", "ink3", most=GUTTER - 1)


def _half(top: float, in_units: Units) -> str:
    """Return the axis label at half of the height, in the unit of the top label."""
    return f"{float(units.rate(top, in_units).value) / 2:g}"


def _draw_axis(row: Row, curve: Curve, width: int) -> None:
    """Draw the time axis: a line where something was measured, `//` where measuring stopped for a while."""
    per_cell = max(1, len(curve.down) // width)
    known = [
        any(value is not None for value in curve.down[at : at + per_cell])
        for at in range(0, width * per_cell, per_cell)
    ]
    row.put(GUTTER, "".join("─" if each else " " for each in known), "ink3")
    begin = None
    for at, is_known in enumerate(known):
        if not is_known:
            begin = at if begin is None else begin
        elif begin is not None:
            if begin > 0:  # the time before the first measurement is not a gap
                mark_at = begin + max(0, (at - begin - 2) // 2)
                row.put(GUTTER + mark_at, "//"[: max(1, at - begin)], "ink2")
            begin = None


def _draw_times(row: Row, shown: Range, width: int) -> None:
    now = translate("Terminal", "now")
    free = GUTTER + width - len(now)
    row.put(free, now, "ink3")
    for count in shown.labels[: None if width >= 60 else 1]:
        text = translate("Terminal", shown.unit).format(count=count)
        at = GUTTER + round(width * (1 - count * shown.unit_s / shown.seconds))
        if at + len(text) < free:
            row.put(at, text, "ink3")
