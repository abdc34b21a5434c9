from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings, strategies as st

from netwatch_tray.model import GapReason
from netwatch_tray.window.chart.series import (
    GapSpan,
    KnownPoint,
    Point,
    Series,
    around,
    bucket_width,
    bucketed,
    split,
)

_rates = st.floats(0, 1e10, allow_subnormal=False)
_steps = st.lists(st.tuples(st.floats(0.2, 30), st.none() | st.tuples(_rates, _rates)), max_size=60)


def _points(steps: list[tuple[float, tuple[float, float] | None]], at: float = 990.0) -> list[Point]:
    points = []
    for step, rates in steps:
        at += step
        rx, tx = rates or (None, None)
        points.append(Point(at, rx, tx, None if rates else GapReason.ASLEEP))
    return points


@given(_steps)
def test_runs_and_gaps_cover_the_range_and_no_run_crosses_an_unknown_point(
    steps: list[tuple[float, tuple[float, float] | None]],
) -> None:
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


def test_gaps_are_found_at_unknown_points_pauses_and_edges() -> None:
    def known(at: float) -> Point:
        return Point(at, 1.0, 1.0)

    assert split([], 0, 60, 5) == ([], [GapSpan(0, 60, None)])
    assert split([known(1), Point(2, None, None, GapReason.ASLEEP), known(3)], 0, 3, 5)[1] == [
        GapSpan(1, 3, GapReason.ASLEEP)
    ]
    assert split([known(1), known(9)], 0, 9, 5)[1] == [GapSpan(1, 9, None)], "nothing came for eight seconds"
    assert split([known(1), known(2)], 0, 20, 5)[1] == [GapSpan(2, 20, None)], "and nothing came since"
    assert split([known(50), known(51)], 0, 51, 5)[1] == [GapSpan(0, 50, None)], "the agent started late"
    assert split([known(-1), known(1), known(2)], 0, 2, 5)[1] == [], "the curve comes in from the left"


@given(st.lists(st.tuples(st.floats(0.5, 2), _rates, _rates), min_size=2, max_size=200), st.sampled_from([2, 5, 15]))
def test_buckets_keep_the_amount_and_the_peak(steps: list[tuple[float, float, float]], width: float) -> None:
    at, run = 1000.0, []
    for step, rx, tx in steps:
        at += step
        run.append(KnownPoint(at, rx, tx, rx, tx))
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


def test_bucket_width_depends_on_span_and_interval() -> None:
    assert bucket_width(60, 1.0) is None
    assert bucket_width(300, 1.0) is None
    assert bucket_width(3600, 1.0) == 15
    assert bucket_width(86400, 1.0) == 300


_START = 1_000_000.0


def _jagged(count: int, holes: range = range(0), interval: float = 1.0) -> list[Point]:
    return [
        Point(
            _START + number * interval,
            *((None, None, GapReason.ASLEEP) if number in holes else (number * 7919 % 101, 3.0)),
        )
        for number in range(count)
    ]


@settings(deadline=None, max_examples=60)
@given(
    st.sampled_from([60.0, 300.0, 900.0]),
    st.lists(st.integers(1, 40), min_size=1, max_size=12),
    st.integers(0, 300),
    st.integers(0, 12),
)
def test_a_series_that_grows_equals_a_rebuilt_one(span: float, steps: list[int], hole: int, length: int) -> None:
    points = _jagged(1500, range(1000 + hole, 1000 + hole + length))
    grown, count = Series(), 1000
    for step in steps:
        count += step
        grown.update(points[:count], points[count - 1].at, span, 1.0)
    anew = Series()
    anew.update(points[:count], points[count - 1].at, span, 1.0)
    assert grown.visible == anew.visible
    ends = [(max(gap.start, anew.start), gap.end, gap.reason) for gap in anew.gaps]
    assert [(gap.start, gap.end, gap.reason) for gap in grown.gaps] == ends


def test_series_is_extended_only_if_points_were_appended() -> None:
    series, points = Series(), _jagged(100)
    series.update(points[:90], points[89].at, 60.0, 1.0)
    assert series.changed_from is None
    series.update(points, points[99].at, 60.0, 1.0)
    assert series.changed_from == points[89].at
    series.reset()
    series.update(points, points[99].at, 60.0, 1.0)
    assert series.changed_from is None, "after a reset"
    series.update(points, points[99].at, 3600.0, 1.0)
    assert series.changed_from is None, "in other buckets"
    other = [point._replace(rx=1.0) for point in points]
    series.update(other, points[99].at, 3600.0, 1.0)
    assert series.changed_from is None, "other points"


def test_peak_and_nearest_point_and_gap_of_a_moment_are_found() -> None:
    series, points = Series(), _jagged(61, range(20, 40))
    points[5] = points[5]._replace(rx=500.0)
    series.update(points, points[-1].at, 60.0, 1.0)
    assert series.peak() == KnownPoint(_START + 5, 500.0, 3.0, 500.0, 3.0)
    nearest = series.nearest(_START + 25)
    assert nearest
    assert nearest.at == _START + 19
    assert series.gap_at(_START + 25) == GapSpan(_START + 19, _START + 40, GapReason.ASLEEP)
    assert series.gap_at(_START + 50) is None
    empty = Series()
    empty.update([], _START, 60.0, 1.0)
    assert (empty.peak(), empty.nearest(_START)) == (None, None)


def test_around_keeps_one_point_on_either_side() -> None:
    points = _jagged(10)
    assert [point.at - _START for point in around(points, _START + 2.5, _START + 4.5)] == [2, 3, 4, 5]
    assert [point.at - _START for point in around(points, _START - 9, _START + 1)] == [0, 1, 2]
