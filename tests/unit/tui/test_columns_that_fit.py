from __future__ import annotations

from hypothesis import given, strategies as st

from netwatch_tray.tui.tables import GAP, Width, fit

_COLUMNS = st.lists(st.builds(Width, st.integers(1, 60), st.integers(1, 20), st.integers(0, 9)), min_size=1, max_size=9)


@given(_COLUMNS, st.integers(10, 200))
def test_shown_columns_fit_unless_only_required_ones_are_left(columns: list[Width], width: int) -> None:
    widths = fit(columns, width)
    shown = [cells for cells in widths if cells is not None]
    if sum(shown) + GAP * (len(shown) - 1) > width:
        assert all(column.rank == 0 for column, cells in zip(columns, widths, strict=True) if cells is not None)
        assert all(
            cells == min(column.full, column.least) for column, cells in zip(columns, widths, strict=True) if cells
        )
    for column, cells in zip(columns, widths, strict=True):
        assert cells is None or min(column.least, column.full) <= cells <= column.full
        assert cells is not None or column.rank


@given(_COLUMNS, st.integers(10, 200))
def test_least_important_columns_are_left_out_first(columns: list[Width], width: int) -> None:
    widths = fit(columns, width)
    gone = [column.rank for column, cells in zip(columns, widths, strict=True) if cells is None]
    stays = [column.rank for column, cells in zip(columns, widths, strict=True) if cells is not None]
    assert not gone or not stays or min(gone) >= max(stays)


def test_long_texts_share_the_width_that_numbers_leave() -> None:
    columns = [Width(40, 10, 0), Width(10, 10, 0), Width(8, 8, 1)]
    assert fit(columns, 80) == [40, 10, 8]
    assert fit(columns, 40) == [18, 10, 8]
    assert fit(columns, 25) == [13, 10, None]
