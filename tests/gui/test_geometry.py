from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given, strategies as st

from netwatch_tray.model import GapReason
from netwatch_tray.units import Units
from netwatch_tray.window.chart.series import (
    Gap,
    Known,
    Point,
    Scale,
    bucket_width,
    bucketed,
    rate_ticks,
    split,
    time_ticks,
)

_rates = st.floats(0, 1e10, allow_subnormal=False)
_steps = st.lists(st.tuples(st.floats(0.2, 30), st.none() | st.tuples(_rates, _rates)), max_size=60)


def _points(steps: list[tuple[float, tuple[float, float] | None]], at: float = 990.0) -> list[Point]:
    points = []
    for step, rates in steps:
        at += step
        points.append(Point(at, *(rates or (None, None)), None if rates else GapReason.ASLEEP))
    return points


@given(_steps)
def test_runs_and_gaps_cover_the_range_without_crossing_what_is_unknown(steps) -> None:
    points = _points(steps)
    end = max([1001.0, *(point.at for point in points)])
    runs, gaps = split(points, 1000.0, end, 5.0)
    assert [known.at for run in runs for known in run] == [point.at for point in points if point.rx is not None]
    unknown = [point.at for point in points if point.rx is None]
    for run in runs:
        assert not [at for at in unknown if run[0].at < at < run[-1].at]
        assert all(later.at - before.at <= 5.0 for before, later in pairwise(run))
    for gap in gaps:
        assert not [known for run in runs for known in run if gap.start < known.at < gap.end]
        assert gap.end > 1000.0
    assert all(before.end <= after.start for before, after in pairwise(gaps))
    for at in unknown:
        if 1000.0 < at <= end:
            assert any(gap.start <= at <= gap.end and gap.reason == GapReason.ASLEEP for gap in gaps)


def test_each_kind_of_gap() -> None:
    def known(at: float) -> Point:
        return Point(at, 1.0, 1.0)

    assert split([], 0, 60, 5) == ([], [Gap(0, 60, None)])
    assert split([known(1), Point(2, None, None, "late"), known(3)], 0, 3, 5)[1] == [Gap(1, 3, "late")]
    assert split([known(1), known(9)], 0, 9, 5)[1] == [Gap(1, 9, None)], "nothing came for eight seconds"
    assert split([known(1), known(2)], 0, 20, 5)[1] == [Gap(2, 20, None)], "and nothing comes any more"
    assert split([known(50), known(51)], 0, 51, 5)[1] == [Gap(0, 50, None)], "the agent is young"
    assert split([known(-1), known(1), known(2)], 0, 2, 5)[1] == [], "the curve comes in from the left"


@given(st.lists(st.tuples(st.floats(0.5, 2), _rates, _rates), min_size=2, max_size=200), st.sampled_from([2, 5, 15]))
def test_buckets_keep_the_amount_and_the_peak(steps, width) -> None:
    at, run = 1000.0, []
    for step, rx, tx in steps:
        at += step
        run.append(Known(at, rx, tx, rx, tx))
    buckets = bucketed(run, width)
    if len(buckets) > 1:
        assert (buckets[0].at, buckets[-1].at) == (run[0].at, run[-1].at)
    assert all(before.at < after.at for before, after in pairwise(buckets))
    assert max(bucket.rx_peak for bucket in buckets) == max(known.rx for known in run)
    assert all(bucket.rx <= bucket.rx_peak * (1 + 1e-9) for bucket in buckets)
    # One bucket over everything: the average weighs each sample with its time.
    whole = bucketed(run, 1e6)
    assert len(whole) == 1
    times = [run[1].at - run[0].at, *(later.at - before.at for before, later in pairwise(run))]
    amount = sum(known.tx * elapsed for known, elapsed in zip(run, times, strict=True))
    assert whole[0].tx * sum(times) == pytest.approx(amount, rel=1e-6, abs=1e-6)


def test_bucket_width_is_that_of_the_pictures() -> None:
    assert bucket_width(60, 1.0) is None
    assert bucket_width(300, 1.0) is None
    assert bucket_width(3600, 1.0) == 15
    assert bucket_width(86400, 1.0) == 300


@given(st.floats(1000, 1e12), st.sampled_from([2, 4]), st.booleans(), st.booleans())
def test_rate_ticks_are_few_and_round(top, most, bits, binary) -> None:
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


def test_scale_has_headroom_grows_at_once_and_shrinks_late() -> None:
    scale = Scale(1000.0)
    assert scale.update(0, 0) == 1000.0
    assert scale.update(100e3, 1) == pytest.approx(120e3)
    assert scale.update(103e3, 2) == pytest.approx(120e3), "still 15 % of headroom"
    assert scale.update(119e3, 3) == pytest.approx(119e3 * 1.2)
    top = scale.top
    assert scale.update(10e3, 4) == top
    assert scale.update(10e3, 13.9) == top
    assert scale.update(80e3, 13.95) == top, "one spike, and the patience begins anew"
    assert scale.update(10e3, 14) == top
    assert scale.update(10e3, 23.9) == top
    assert scale.update(10e3, 24) == pytest.approx(12e3)


@given(st.floats(1e9, 2e9), st.sampled_from([60, 300, 3600, 86400]), st.integers(300, 2000), st.booleans())
def test_time_ticks_keep_their_distance(end, span, width, relative) -> None:
    ticks = time_ticks(end - span, end, width, relative=relative, apart=90)
    places = [(at - end + span) / span * width for at in ticks] + [width]
    assert all(after - before >= 90 - 1e-3 for before, after in pairwise(places))
    assert all(end - span - 1e-3 <= at < end for at in ticks)
