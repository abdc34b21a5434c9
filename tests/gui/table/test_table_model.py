from __future__ import annotations

from typing import Any

from fruits import Fruit, fruit_model, shown
from hypothesis import given, settings, strategies as st
from PySide6.QtCore import Qt
from PySide6.QtTest import QAbstractItemModelTester

_fruits = st.lists(
    st.builds(Fruit, st.integers(0, 30), st.sampled_from(["fig", "apple", "plum"]), st.none() | st.integers(0, 5)),
    max_size=12,
)
_steps = st.lists(
    st.one_of(
        st.tuples(st.just("put"), _fruits, st.lists(st.integers(0, 30), max_size=6)),
        st.tuples(st.just("sort"), st.sampled_from([0, 1]), st.sampled_from(list(Qt.SortOrder))),
        st.tuples(st.just("hold"), st.booleans()),
    ),
    max_size=12,
)


@settings(deadline=None, max_examples=80)
@given(_steps)
def test_any_sequence_of_changes_ends_in_the_order_of_the_chosen_column(steps: list[tuple[Any, ...]]) -> None:
    model = fruit_model()
    complaints = QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Warning)
    there: dict[int, Fruit] = {}
    column, descending = 0, False
    for step in steps:
        if step[0] == "put":
            _kind, put, gone = step
            model.put(put, gone)
            for key in gone:
                there.pop(key, None)
            there.update({fruit.key: fruit for fruit in put})
        elif step[0] == "sort":
            column, descending = step[1], step[2] == Qt.SortOrder.DescendingOrder
            model.sort(step[1], step[2])
        else:
            model.hold_order(step[1])
        assert sorted(shown(model)) == sorted(there.values())
        assert all(model.row_of(fruit.key) == row for row, fruit in enumerate(shown(model)))
    model.hold_order(False)

    def order(fruit: Fruit) -> tuple[bool, object, int]:
        value = (fruit.name, fruit.weight)[column]
        return ((value is None) != descending, value, fruit.key)

    assert shown(model) == sorted(shown(model), key=order, reverse=descending)
    complaints.deleteLater()


def test_rows_keep_their_order_while_it_is_held() -> None:
    model = fruit_model()
    model.put([Fruit(1, "a", 1), Fruit(2, "b", 2), Fruit(3, "c", 3)])
    model.hold_order(True)
    model.put([Fruit(1, "z", 1)])
    assert [fruit.name for fruit in shown(model)] == ["z", "b", "c"]
    model.hold_order(False)
    assert [fruit.name for fruit in shown(model)] == ["b", "c", "z"]
