from __future__ import annotations

import pytest
from hypothesis import given, strategies as st
from PySide6.QtCore import QRectF

from netwatch_tray.window.chart.viewport import Frame, Viewport

_NEWEST = 1_000_000.0


def _viewport(seconds: float = 60.0, interval: float = 1.0) -> Viewport:
    viewport = Viewport()
    viewport.range, viewport.newest, viewport.interval = seconds, _NEWEST, interval
    return viewport


def test_range_without_zoom_moves_with_time() -> None:
    viewport = _viewport()
    viewport.newest += 5
    assert (viewport.start, viewport.end, viewport.span) == (_NEWEST - 55, _NEWEST + 5, 60)


def test_zoomed_part_does_not_move_with_time() -> None:
    viewport = _viewport()
    assert viewport.zoom_to(_NEWEST - 40, _NEWEST - 20)
    viewport.newest += 100
    assert (viewport.start, viewport.end, viewport.span) == (_NEWEST - 40, _NEWEST - 20, 20)
    assert not viewport.zoom_to(_NEWEST - 40, _NEWEST - 20), "the same part"


@given(st.floats(-200, 100), st.floats(0, 300), st.sampled_from([(60, 1.0), (3600, 1.0), (86400 * 365, 86400.0)]))
def test_zoom_stays_in_the_range_and_has_enough_points(first: float, length: float, of: tuple[float, float]) -> None:
    seconds, interval = of
    viewport = _viewport(seconds, interval)
    viewport.zoom_to(_NEWEST + first, _NEWEST + first + length)
    assert viewport.start >= _NEWEST - seconds - 1e-6
    assert viewport.end <= _NEWEST + 1e-6
    assert viewport.span >= 8 * min(interval, 60) - 1e-6


def test_zoom_to_almost_the_whole_range_shows_all_of_it() -> None:
    viewport = _viewport()
    assert not viewport.zoom_to(_NEWEST - 59.9, _NEWEST)
    assert viewport.zoom is None
    viewport.zoom_to(_NEWEST - 40, _NEWEST - 20)
    assert viewport.zoom_to(_NEWEST - 60, _NEWEST)
    assert viewport.zoom is None


@pytest.mark.parametrize("around", [_NEWEST - 50, _NEWEST - 30, None])
def test_zooming_keeps_the_given_time_or_the_middle_in_place(around: float | None) -> None:
    viewport = _viewport()
    middle = _NEWEST - 30 if around is None else around
    share = (middle - viewport.start) / viewport.span
    assert viewport.zoom_by(2, around)
    assert viewport.span == 30
    assert (middle - viewport.start) / viewport.span == pytest.approx(share)
    assert viewport.zoom_by(0.5, around)
    assert viewport.zoom is None


def test_zooming_out_keeps_the_begin_of_a_part_that_has_left_the_range() -> None:
    viewport = _viewport()
    viewport.zoom_to(_NEWEST - 60, _NEWEST - 40)
    viewport.newest += 30
    viewport.zoom_by(0.8, None)
    assert viewport.start == _NEWEST - 60, "although the range begins later now"


@given(st.floats(-60, 0), st.floats(0, 1e6))
def test_frame_maps_time_both_ways_and_upload_below_the_axis(before: float, rate: float) -> None:
    frame = Frame(QRectF(70, 12, 600, 250), _NEWEST - 60, _NEWEST, 180, 1e6, 1e6)
    at = _NEWEST + before
    assert frame.at(frame.x(at)) == pytest.approx(at)
    assert 70 <= frame.x(at) <= 670
    assert 12 <= frame.down_y(rate) <= 180 <= frame.up_y(rate) <= 262


@given(st.lists(st.floats(_NEWEST - 600, _NEWEST)), st.lists(st.floats(0, 1e12)))
def test_mapping_many_values_equals_mapping_each(moments: list[float], rates: list[float]) -> None:
    frame = Frame(QRectF(60, 12, 840, 260), _NEWEST - 600, _NEWEST, 184.5, 1.2e7, 3e6)
    assert frame.xs(moments) == pytest.approx([frame.x(at) for at in moments])
    assert frame.down_ys(rates) == [frame.down_y(rate) for rate in rates]
    assert frame.up_ys(rates) == [frame.up_y(rate) for rate in rates]
