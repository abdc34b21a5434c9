from __future__ import annotations

from hypothesis import given, strategies as st

from netwatch_tray.feed.protocol import RecentTick
from netwatch_tray.window.data.recent_ticks import RecentTicks


def _at(at: float, rx: float = 1.0) -> RecentTick:
    return RecentTick(at, None, (rx, rx), {2: (rx, rx)})


@given(st.lists(st.floats(0, 1000), max_size=40))
def test_ticks_stay_in_order_if_the_clock_is_set_back(moments: list[float]) -> None:
    """After the clock was set back, later ticks are dropped."""
    ticks = RecentTicks(60)
    for at in moments:
        ticks.merge([_at(at)])
        shown = [point.at for point in ticks.points(None, 0)]
        assert shown == sorted(set(shown))
        assert shown[-1] == ticks.newest == at
        assert shown[0] >= at - 60


def test_points_begin_with_the_last_one_before_the_range() -> None:
    ticks = RecentTicks(60)
    ticks.merge(_at(at, rx=at) for at in (1.0, 2.0, 3.0, 4.0))
    assert [point.at for point in ticks.points(2, 2.5)] == [2.0, 3.0, 4.0]
    assert [point.rx for point in ticks.points(9, 2.5)] == [None] * 3, "an interface without ticks"


def test_ticks_during_a_pause_are_there_after_it() -> None:
    ticks = RecentTicks(60)
    ticks.merge([_at(1.0)])
    ticks.hold(True)
    ticks.merge([_at(2.0)])
    assert ticks.newest == 1.0
    ticks.hold(False)
    assert [point.at for point in ticks.points(None, 0)] == [1.0, 2.0]
