from __future__ import annotations

from hypothesis import given, strategies as st
from windows import connection

from netwatch_tray.window.pages.connections.grouping import Grouping, table_lines
from netwatch_tray.window.pages.connections.rows import ConnectionRow, Group, heading

_rows = st.lists(
    st.builds(
        lambda number, app, remote, rate, closed: ConnectionRow(
            connection(number, app, app=app, remote_address=remote, rx_rate=rate, tx_rate=rate), closed
        ),
        st.integers(0, 99),
        st.sampled_from(["firefox", "curl", None]),
        st.sampled_from(["198.51.100.7", "2001:db8::1", None]),
        st.sampled_from([None, 0.0, 5.0]),
        st.booleans(),
    ),
    max_size=12,
    unique_by=lambda row: row.connection.key,
)
_folded = st.sets(st.sampled_from(["firefox", "curl", "198.51.100.7", ""]))


@given(_rows, st.sampled_from([Grouping.APP, Grouping.REMOTE]), _folded)
def test_every_row_is_in_one_group_and_sums_are_those_of_its_open_rows(
    rows: list[ConnectionRow], grouping: Grouping, folded: set[str]
) -> None:
    lines = list(table_lines(rows, grouping, {}, folded))
    groups = [line for line in lines if isinstance(line, Group)]
    assert len({group.key for group in groups}) == len(groups)
    assert {group.key for group in groups if group.folded} == folded & {group.key for group in groups}
    shown = [line for line in lines if isinstance(line, ConnectionRow)]
    assert sum(group.connections for group in groups) == sum(not row.closed for row in rows)
    for group in groups:
        below = [row for row in shown if heading(row) is group]
        assert bool(below) != group.folded
        if not group.folded:
            rates = [row.connection.rx_rate for row in below if not row.closed]
            known = [rate for rate in rates if rate is not None]
            assert group.connections == len(rates)
            assert group.rx_rate == (sum(known) if known else None)
    unfolded = list(table_lines(rows, grouping, {}, ()))
    assert {row.connection.key for row in unfolded if isinstance(row, ConnectionRow)} == {
        row.connection.key for row in rows
    }


def test_without_grouping_the_table_has_a_line_for_each_connection() -> None:
    rows = [ConnectionRow(connection(1)), ConnectionRow(connection(2), closed=True)]
    assert list(table_lines(rows, Grouping.NONE, {}, ())) == rows


def test_groups_have_readable_names() -> None:
    rows = [
        ConnectionRow(connection(1, "firefox-bin", app="ff")),
        ConnectionRow(connection(2, "curl", app="curl")),
        ConnectionRow(connection(3, None, remote_address=None)),
    ]

    def names(grouping: Grouping) -> list[str]:
        return [line.name for line in table_lines(rows, grouping, {"ff": "Firefox"}, ()) if isinstance(line, Group)]

    assert names(Grouping.APP) == ["Firefox", "curl", "Program unknown"]
    assert names(Grouping.REMOTE) == ["198.51.100.7", "No remote address"]


def test_unknown_stored_grouping_becomes_no_grouping() -> None:
    assert Grouping("by colour") is Grouping.NONE
