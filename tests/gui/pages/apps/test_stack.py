"""The layers add up to the total, and an app keeps its colour while the range stays."""

from __future__ import annotations

import math
import random
from itertools import pairwise

from hypothesis import given, strategies as st

from netwatch_tray.model import GapReason
from netwatch_tray.window.pages.apps.stack import MOST_LAYERS, Bin, Gap, stacked, unknown_spans

_amount = st.none() | st.integers(0, 10**12).map(float)


@st.composite
def _lines(draw: st.DrawFn) -> tuple[list[Bin], list[float | None], dict[str, list[float | None]]]:
    size = draw(st.integers(1, 12))
    edges = [0.0]
    for _ in range(size):
        edges.append(edges[-1] + draw(st.integers(1, 900)))
    bins = [Bin(*pair) for pair in pairwise(edges)]
    values = st.lists(_amount, min_size=size, max_size=size)
    apps = draw(st.dictionaries(st.sampled_from("abcdefghij"), values, max_size=9))
    return bins, draw(values), apps


@given(_lines(), st.booleans())
def test_layers_and_rest_add_up_to_the_total(
    line: tuple[list[Bin], list[float | None], dict[str, list[float | None]]], is_amounts: bool
) -> None:
    bins, total, apps = line
    stack = stacked(bins, total, apps, is_amounts=is_amounts)
    assert len(stack.layers) <= MOST_LAYERS
    for place, whole in enumerate(total):
        taken = [layer.values[place] for layer in stack.layers]
        if whole is None:
            assert {*taken, stack.other[place], stack.tops[place]} == {None}
        else:
            top, other = stack.tops[place], stack.other[place]
            assert top is not None
            assert other is not None
            assert other >= 0
            assert math.isclose(top, max(whole, sum(each or 0.0 for each in taken)))


@given(_lines(), st.randoms())
def test_colours_depend_only_on_the_traffic_of_the_range(
    line: tuple[list[Bin], list[float | None], dict[str, list[float | None]]], order: random.Random
) -> None:
    bins, total, apps = line
    stack = stacked(bins, total, apps, is_amounts=True)
    names = list(apps)
    order.shuffle(names)
    again = stacked(bins, total, {name: apps[name] for name in names}, is_amounts=True)
    assert [again.rank(name) for name in apps] == [stack.rank(name) for name in apps]
    weights = [stack.weight(layer.values) for layer in stack.layers]
    assert weights == sorted(weights, reverse=True)
    left_out = {name: stacked(bins, total, {name: apps[name]}, is_amounts=True) for name in apps}
    for name, alone in left_out.items():
        if stack.rank(name) is None and alone.layers and len(stack.layers) == MOST_LAYERS:
            assert alone.weight(alone.layers[0].values) <= weights[-1]


def test_layer_at_a_height_is_that_of_an_app_or_of_the_rest() -> None:
    stack = stacked([Bin(0, 1)], [10.0], {"a": [5.0], "b": [3.0], "idle": [0.0]}, is_amounts=False)
    assert [stack.layer_at(0, height) for height in (0, 4.9, 5, 8.5, 10)] == ["a", "a", "b", "", None]
    assert [stack.rank(name) for name in ("a", "b", "idle")] == [0, 1, None]


def test_unknown_bins_in_a_row_are_one_gap_with_its_reason() -> None:
    bins = [Bin(float(at), at + 1.0) for at in range(6)]
    reasons = [Gap(0.9, 1.1, GapReason.PAUSED), Gap(1.0, 2.9, GapReason.ASLEEP)]
    found = unknown_spans(bins, [1.0, None, None, 1.0, None, None], reasons)
    assert found == [Gap(1.0, 3.0, GapReason.ASLEEP), Gap(4.0, 6.0, None)]
