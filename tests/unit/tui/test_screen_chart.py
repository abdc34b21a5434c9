from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from netwatch_tray import units
from netwatch_tray.tui import chart
from netwatch_tray.tui.chart import Curve
from netwatch_tray.tui.frame import Frame
from netwatch_tray.tui.look import Look
from netwatch_tray.tui.rates import RecentRates, in_columns
from netwatch_tray.units import Units

_RATES = st.none() | st.floats(0, 1e11)


def drawn(curve: Curve, look: Look, width: int = 30, rows: tuple[int, int] = (5, 2)) -> list[str]:
    frame = Frame(look, width, 20)
    chart.draw(frame, curve, chart.RANGES[0], rows, Units())
    return [line.text for line in frame.lines()]


@given(st.lists(_RATES, max_size=30), st.booleans(), st.booleans())
def test_chart_axis_ends_at_a_round_rate_that_no_value_exceeds(
    values: list[float | None], bits: bool, binary: bool
) -> None:
    shown_in = Units(bits=bits, binary=binary)
    top = chart.top_of(values, shown_in)
    greatest = max((value for value in values if value is not None), default=0.0)
    assert greatest <= top * (1 + 1e-6)
    assert top <= max(1000.0, greatest) * 1.5
    assert len(f"{float(units.rate(top, shown_in).value):g}") <= 4


@given(st.lists(_RATES, min_size=38, max_size=38), st.sampled_from([Look(), Look(is_unicode=False)]))
def test_traffic_is_visible_and_unmeasured_time_is_empty(values: list[float | None], look: Look) -> None:
    columns = chart.columns(30, is_unicode=look.is_unicode)
    values = values[:columns]
    lines = drawn(Curve(values, values), look)
    per_cell = columns // 19
    for cell in range(19):
        part = values[cell * per_cell : (cell + 1) * per_cell]
        above, axis, below = lines[4][10 + cell], lines[5][10 + cell], lines[6][10 + cell]
        assert (above != " ") == (below != " ") == any(part)
        assert (axis in "─-") <= any(value is not None for value in part)


def test_braille_dots_grow_from_the_axis_in_both_directions() -> None:
    curve = Curve([1000.0] * 2 + [250.0] * 2 + [0.0] * 34, [500.0, 1000.0] + [0.0] * 36)
    lines = drawn(curve, Look(), rows=(1, 1))
    assert [line[10:13] for line in lines[:3]] == ["⣿⣀ ", "───", "⢻  "]


def test_a_gap_is_marked_on_the_axis_and_the_time_before_the_first_measurement_is_not() -> None:
    values = [None] * 8 + [1.0] * 10 + [None] * 10 + [1.0] * 10
    axis = drawn(Curve(values, values), Look())[5]
    assert axis[10:29] == "    ───── //  ─────"


@given(st.floats(1.0, 1e9), st.integers(1, 500), st.floats(0.1, 20))
def test_constant_rate_is_drawn_as_that_rate_in_charts_of_any_width(now: float, columns: int, interval: float) -> None:
    points = [(now - ago * interval, 7.0, 3.0) for ago in range(int(400 / interval), -1, -1)]
    curve = in_columns(points, interval, now, 300.0, columns)
    assert len(curve.down) == len(curve.up) == columns
    known = [value for value in curve.down if value is not None]
    assert known
    assert known == pytest.approx([7.0] * len(known))
    assert all(value is not None for value in curve.down[: columns - 2])


def test_chart_columns_of_the_past_keep_their_values() -> None:
    points = [(float(at), float(at % 7), 1.0) for at in range(1000, 1301)]
    before = in_columns(points, 1.0, 1300.0, 300.0, 100)
    after = in_columns([*points, (1301.0, 5.0, 1.0), (1302.0, 5.0, 1.0), (1303.0, 5.0, 1.0)], 1.0, 1303.0, 300.0, 100)
    assert before.down[1:] == pytest.approx(after.down[:-1])


def test_chart_keeps_the_rates_from_before_an_agent_restart() -> None:
    recent = RecentRates()
    recent._append((100.0, 1.0, 1.0))
    recent._append((101.0, 2.0, 1.0))
    recent.merge(())
    assert [at for at, _rx, _tx in recent.points()] == [100.0, 101.0]
    recent._append((100.5, 3.0, 1.0))  # the clock was set back
    assert [at for at, _rx, _tx in recent.points()] == [100.0, 100.5]
