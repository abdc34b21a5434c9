"""The widths of columns, as numbers."""

from __future__ import annotations

from hypothesis import given, strategies as st

from netwatch_tray.window.table.column import Column
from netwatch_tray.window.table.fitting import Room, fitted


def _column(number: int, drop_order: int | None, stretch: int) -> Column[int]:
    return Column(id=str(number), title="", text=str, widest=0, drop_order=drop_order, stretch=stretch)


_columns = st.lists(
    st.tuples(st.none() | st.integers(1, 9), st.integers(0, 3), st.integers(1, 200), st.integers(0, 200)),
    min_size=1,
    max_size=9,
)


@given(_columns, st.integers(0, 2000))
def test_columns_are_dropped_in_order_and_share_the_width(
    drawn: list[tuple[int | None, int, int, int]], width: int
) -> None:
    columns = {number: _column(number, drop, stretch) for number, (drop, stretch, _, _) in enumerate(drawn)}
    rooms = {str(number): Room(least, least + more) for number, (_, _, least, more) in enumerate(drawn)}
    widths = fitted(columns, lambda column: rooms[column.id], width)

    for number, wide in widths.items():
        assert wide >= rooms[str(number)].least, "no column is narrower than it may be"
    hidden = columns.keys() - widths.keys()
    assert all(columns[each].drop_order is not None for each in hidden)
    for each in hidden:
        for other in widths:
            other_order, order = columns[other].drop_order, columns[each].drop_order
            assert other_order is None or order is None or other_order >= order, "the first to drop is hidden first"
    least = sum(rooms[str(number)].least for number in widths)
    if least <= width:
        assert sum(widths.values()) <= width
        if any(columns[number].stretch for number in widths):
            assert sum(widths.values()) == width, "columns that stretch share what is left over"
    else:
        assert all(columns[number].drop_order is None for number in widths), "nothing more can be hidden"
