from __future__ import annotations

from typing import Any

from hypothesis import given, strategies as st
from windows import connection

from netwatch_tray.model import Connection
from netwatch_tray.window.pages.connections.rows import ConnectionList

_keys = st.integers(0, 8)
_rates = st.none() | st.sampled_from([0.0, 1.0, 5.0, 9.0])
_connections = st.lists(
    st.builds(
        lambda number, rx, tx, state: connection(number, rx_rate=rx, tx_rate=tx, state=state),
        _keys,
        _rates,
        _rates,
        st.sampled_from(["ESTABLISHED", "LISTEN"]),
    ),
    max_size=6,
)
_names = st.lists(_keys.map(lambda number: f"key{number}"), max_size=4)
_steps = st.lists(
    st.one_of(
        st.tuples(st.just("put"), _connections),
        st.tuples(st.just("close"), _names),
        st.tuples(st.just("drop"), st.integers(0, 12)),
        st.tuples(st.just("keep"), _names),
    ),
    max_size=12,
)


@given(_steps)
def test_counts_and_highest_rates_of_the_list_equal_those_computed_anew(steps: list[tuple[str, Any]]) -> None:
    kept = ConnectionList()
    there: dict[str, tuple[Connection, int | None]] = {}
    """With the step in which each closed."""
    for now, (kind, value) in enumerate(steps):
        if kind == "put":
            kept.put(value)
            there.update((each.key, (each, None)) for each in value)
        elif kind == "close":
            closing = [key for key in value if key in there]
            assert kept.close(value, now) == closing
            there.update((key, (there[key][0], now)) for key in closing)
        elif kind == "drop":
            gone = {key for key, (_, closed) in there.items() if closed is not None and closed <= value}
            assert set(kept.drop_closed(value)) == gone
            there = {key: each for key, each in there.items() if key not in gone}
        else:
            assert set(kept.keep_only(value)) == there.keys() - set(value)
            there = {key: each for key, each in there.items() if key in value}
        assert {row.connection.key: row.closed for row in kept} == {
            key: closed is not None for key, (_, closed) in there.items()
        }
        still = [each for each, closed in there.values() if closed is None]
        assert (len(kept), kept.open) == (len(there), len(still))
        assert kept.listening == sum(each.state == "LISTEN" for each in still)
        assert kept.most_rx == max((each.rx_rate or 0.0 for each in still), default=0.0)
        assert kept.most_tx == max((each.tx_rate or 0.0 for each in still), default=0.0)
