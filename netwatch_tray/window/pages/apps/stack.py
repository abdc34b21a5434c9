"""The data of the stacked chart: traffic over time as layers, one for each of the busiest apps. Without Qt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from netwatch_tray.model import GapReason

MOST_LAYERS = 5

Values = Sequence[float | None]
"""One value for each bin, download and upload together: a rate in bytes/s, or bytes; None if unknown."""


class Bin(NamedTuple):
    """A part of the chart's time range with one value of each layer, from `start` to `end` (Unix times)."""

    start: float
    end: float


class Layer(NamedTuple):
    """The traffic of one app, with the app's name in the history."""

    name: str
    values: tuple[float | None, ...]


class Gap(NamedTuple):
    """Consecutive bins without known traffic, from `start` to `end` (Unix times)."""

    start: float
    end: float
    reason: GapReason | None


class Stack(NamedTuple):
    """All layers of the chart. Values are rates in bytes/s or, with `is_amounts`, bytes."""

    bins: tuple[Bin, ...]
    layers: tuple[Layer, ...]
    """Layers of the busiest apps. The one with the most traffic is the first, and is drawn lowest."""
    other: tuple[float | None, ...]
    """Values of the topmost layer, the rest of the total: all other apps, and bytes that belong to no app."""
    is_amounts: bool
    gaps: tuple[Gap, ...] = ()

    @property
    def tops(self) -> list[float | None]:
        """Return the sum of all layers in each bin; None for a bin without known traffic."""
        columns = zip(self.other, *(layer.values for layer in self.layers), strict=True)
        return [None if column[0] is None else sum(value or 0.0 for value in column) for column in columns]

    def rank(self, name: str) -> int | None:
        """Return the index of the layer of the app with this name, or None if it has none and is part of `other`."""
        return next((place for place, layer in enumerate(self.layers) if layer.name == name), None)

    def weight(self, values: Values) -> float:
        """Return the bytes in `values` (one for each bin): their sum, or the sum of rates × seconds."""
        if self.is_amounts:
            return sum(value or 0.0 for value in values)
        return sum((value or 0.0) * (each.end - each.start) for value, each in zip(values, self.bins, strict=True))

    def layer_at(self, place: int, height: float) -> str | None:
        """Return the name of the app whose layer is at a height of the bin with index `place`: empty for `other`, None
        above all layers. `height`: a value, in the same unit as the layers."""
        below = 0.0
        for name, values in (*self.layers, Layer("", self.other)):
            below += values[place] or 0.0
            if height < below:
                return name
        return None


def stacked(
    bins: Sequence[Bin], total: Values, apps: Mapping[str, Values], *, is_amounts: bool, gaps: Sequence[Gap] = ()
) -> Stack:
    """Return a stack with one layer for each of the busiest apps, and one for the rest of the total.

    `total`: values of the total; a bin whose total is None is unknown. `apps`: values by name of the app. If the apps
    exceed the total, the rest is 0.
    """
    empty = Stack(tuple(bins), (), (), is_amounts=is_amounts, gaps=tuple(gaps))
    known = [value is not None for value in total]
    cleared = {
        name: tuple((value or 0.0) if is_known else None for value, is_known in zip(values, known, strict=True))
        for name, values in apps.items()
    }
    weights = {name: empty.weight(values) for name, values in cleared.items()}
    ranked = sorted((name for name in weights if weights[name] > 0), key=lambda name: (-weights[name], name))
    layers = [Layer(name, cleared[name]) for name in ranked[:MOST_LAYERS]]
    other: list[float | None] = []
    for place, whole in enumerate(total):
        taken = sum(layer.values[place] or 0.0 for layer in layers)
        other.append(None if whole is None else max(0.0, whole - taken))
    return empty._replace(layers=tuple(layers), other=tuple(other))


def unknown_spans(bins: Sequence[Bin], total: Values, reasons: Sequence[Gap]) -> list[Gap]:
    """Return a gap for each run of bins whose total is None. Its reason is that of the longest of `reasons` in this
    time."""
    found: list[Gap] = []
    for each, value in zip(bins, total, strict=True):
        if value is None:
            if found and found[-1].end == each.start:
                found[-1] = found[-1]._replace(end=each.end)
            else:
                found.append(Gap(each.start, each.end, None))

    def reason(span: Gap) -> GapReason | None:
        inside = (gap for gap in reasons if gap.start < span.end and gap.end > span.start)
        longest = max(inside, key=lambda gap: min(gap.end, span.end) - max(gap.start, span.start), default=None)
        return None if longest is None else longest.reason

    return [span._replace(reason=reason(span)) for span in found]
