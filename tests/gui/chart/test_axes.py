from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given, strategies as st

from netwatch_tray.units import Units
from netwatch_tray.window.chart.axes import Scale, rate_labels, rate_ticks, time_ticks


@given(st.floats(1000, 1e12), st.sampled_from([2, 4]), st.booleans(), st.booleans())
def test_rate_ticks_are_few_and_round(top: float, most: int, bits: bool, binary: bool) -> None:
    ticks = rate_ticks(top, most, Units(bits=bits, binary=binary))
    assert (2 if most == 4 else 1) <= len(ticks) <= most
    assert ticks == sorted(ticks)
    assert 0 < ticks[-1] <= top
    step = ticks[0] * (8 if bits else 1)
    if binary:
        assert math.log2(step).is_integer()
    else:
        assert f"{step:.6e}"[0] in "125"
        assert set(f"{step:.6e}"[1:8]) <= set(".0")


@pytest.mark.parametrize(
    ("ticks", "shown_in", "labels"),
    [
        ([], Units(), []),
        ([5e6, 10e6, 15e6], Units(), ["5", "10", "15 MB/s"]),
        ([0.5e6, 1e6], Units(), ["0.5", "1 MB/s"]),
        ([0.625e6, 1.25e6], Units(bits=True), ["5", "10 Mbit/s"]),
        ([512 * 1024, 1024 * 1024], Units(binary=True), ["0.5", "1 MiB/s"]),
    ],
)
def test_only_the_outermost_tick_shows_the_unit(ticks: list[float], shown_in: Units, labels: list[str]) -> None:
    assert rate_labels(ticks, shown_in) == labels


def test_scale_grows_at_once_and_shrinks_after_ten_seconds() -> None:
    scale = Scale(1000.0)
    assert scale.update(0, 0) == 1000.0
    assert scale.update(100e3, 1) == pytest.approx(120e3)
    assert scale.update(103e3, 2) == pytest.approx(120e3), "still 15 % of headroom"
    assert scale.update(119e3, 3) == pytest.approx(119e3 * 1.2)
    top = scale.top
    assert scale.update(10e3, 4) == top
    assert scale.update(10e3, 13.9) == top
    assert scale.update(80e3, 13.95) == top, "one spike restarts the ten seconds"
    assert scale.update(10e3, 14) == top
    assert scale.update(10e3, 23.9) == top
    assert scale.update(10e3, 24) == pytest.approx(12e3)


def test_scale_forgets_its_values_on_reset() -> None:
    scale = Scale(1000.0)
    scale.update(1e6, 0)
    scale.reset()
    assert scale.top == 1000.0


@given(st.floats(1e9, 2e9), st.sampled_from([60, 300, 3600, 86400]), st.integers(300, 2000), st.booleans())
def test_time_ticks_keep_their_distance(end: float, span: int, width: int, relative: bool) -> None:
    ticks = time_ticks(end - span, end, width, relative=relative, apart=90)
    places = [(at - end + span) / span * width for at in ticks] + [width]
    assert all(after - before >= 90 - 1e-3 for before, after in pairwise(places))
    assert all(end - span - 1e-3 <= at < end for at in ticks)
