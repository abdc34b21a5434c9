"""The traffic of a range as layers, one for each of the busiest apps. Without Qt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from netwatch_tray.model import GapReason

MOST_LAYERS = 5

Values = Sequence[float | None]
"""Values of each bin, download and upload together; None if unknown."""


class Bin(NamedTuple):
    """A part of the range, from `start` to `end` (Unix time)."""

    start: float
    end: float


class Layer(NamedTuple):
    """The traffic of an app, by its name in the history."""

    name: str
    values: tuple[float | None, ...]


class Gap(NamedTuple):
    """Neighbouring bins without known traffic."""

    start: float
    end: float
    reason: GapReason | None


class Stack(NamedTuple):
    """Layers of rates in bytes/s or, with `is_amounts`, of bytes."""

    bins: tuple[Bin, ...]
    layers: tuple[Layer, ...]
    """The app with the most traffic in the range first; it is drawn lowest."""
    other: tuple[float | None, ...]
    """The rest of the total: other apps, and bytes that belong to no app."""
    is_amounts: bool
    gaps: tuple[Gap, ...] = ()

    @property
    def tops(self) -> list[float | None]:
        """Return the sum of all layers in each bin; None where it is unknown."""
        columns = zip(self.other, *(layer.values for layer in self.layers), strict=True)
        return [None if column[0] is None else sum(value or 0.0 for value in column) for column in columns]

    def rank(self, name: str) -> int | None:
        """Return the index of the app's layer, or None if the app is part of `other`."""
        return next((place for place, layer in enumerate(self.layers) if layer.name == name), None)

    def weight(self, values: Values) -> float:
        """Return the bytes of an app with these values, one for each bin: their sum, or rates multiplied by seconds."""
        if self.is_amounts:
            return sum(value or 0.0 for value in values)
        return sum((value or 0.0) * (each.end - each.start) for value, each in zip(values, self.bins, strict=True))

    def layer_at(self, place: int, height: float) -> str | None:
        """Return the app whose layer is at this height of a bin: empty for the layer of other apps, None above all
        layers."""
        below = 0.0
        for name, values in (*self.layers, Layer("", self.other)):
            below += values[place] or 0.0
            if height < below:
                return name
        return None


def stacked(
    bins: Sequence[Bin], total: Values, apps: Mapping[str, Values], *, is_amounts: bool, gaps: Sequence[Gap] = ()
) -> Stack:
    """Return a stack with one layer for each of the apps with the most traffic, and one for the rest of the total.

    Where the apps exceed the total, the rest is 0. A bin without a total is unknown.
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
    """Return the runs of unknown bins, each with the reason of the longest gap in it."""
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
