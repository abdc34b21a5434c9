from __future__ import annotations

from typing import NamedTuple

import pytest
from hypothesis import given, settings, strategies as st
from PySide6.QtCore import QItemSelectionModel, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QAbstractItemModelTester, QTest
from windows import until

from netwatch_tray.window.table.column import Column
from netwatch_tray.window.table.model import SortedModel
from netwatch_tray.window.table.view import TableView
from netwatch_tray.window.widgets.theme import Theme


class _Fruit(NamedTuple):
    key: int
    name: str
    weight: int | None


def _columns() -> list[Column[_Fruit]]:
    return [
        Column(
            title="Name", text=lambda fruit: fruit.name, order=lambda fruit: fruit.name, widest="mmmmmmmm", stretch=1
        ),
        Column(
            title="Weight",
            text=lambda fruit: str(fruit.weight),
            order=lambda fruit: fruit.weight,
            widest="00000",
            numeric=True,
            drop_order=2,
        ),
        Column(title="Key", text=lambda fruit: f"#{fruit.key}", widest="00000000", drop_order=1),
    ]


def _model() -> SortedModel[_Fruit]:
    return SortedModel(_columns(), key=lambda fruit: fruit.key)


def _rows(model: SortedModel[_Fruit]) -> list[_Fruit]:
    return [model.record(row) for row in range(model.rowCount())]


_fruits = st.lists(
    st.builds(_Fruit, st.integers(0, 30), st.sampled_from(["fig", "apple", "plum"]), st.none() | st.integers(0, 5)),
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
def test_any_sequence_of_changes_ends_as_sorting_afresh_would(steps) -> None:
    model = _model()
    complaints = QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Warning)
    there: dict[int, _Fruit] = {}
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
        assert sorted(_rows(model)) == sorted(there.values())
        assert all(model.row_of(fruit.key) == row for row, fruit in enumerate(_rows(model)))
    model.hold_order(False)

    def order(fruit: _Fruit) -> tuple[bool, object, int]:
        value = (fruit.name, fruit.weight)[column]
        return ((value is None) != descending, value, fruit.key)

    assert _rows(model) == sorted(_rows(model), key=order, reverse=descending)
    complaints.deleteLater()


def _view(application, model: SortedModel[_Fruit], size: tuple[int, int] = (400, 200)) -> TableView[_Fruit]:
    view = TableView(Theme(application, Qt.ColorScheme.Light), model, row_height=20, lines=False)
    view.make_sortable()
    view.resize(*size)
    view.show()
    application.processEvents()
    return view


def _many(count: int) -> list[_Fruit]:
    return [_Fruit(number, f"fruit{number:05}", number) for number in range(count)]


def _chosen(view: TableView[_Fruit]) -> set[int]:
    return {view.model().record(index.row()).key for index in view.selectionModel().selectedRows()}


def test_selection_follows_its_records(application) -> None:
    model = _model()
    model.put(_many(100))
    view = _view(application, model)
    flags = QItemSelectionModel.SelectionFlag.Select | QItemSelectionModel.SelectionFlag.Rows
    for row in (10, 11, 50):
        view.selectionModel().select(model.index(row, 0), flags)
    assert _chosen(view) == {10, 11, 50}
    model.put([_Fruit(500, "a first one", 1), _Fruit(11, "zzz goes last", 1)], gone=[3, 4])
    assert _chosen(view) == {10, 11, 50}
    model.sort(1, Qt.SortOrder.DescendingOrder)
    assert _chosen(view) == {10, 11, 50}
    model.put([], gone=[50])
    assert _chosen(view) == {10, 11}


def test_scroll_position_follows_the_row_at_the_top(application) -> None:
    model = _model()
    model.put(_many(1000))
    view = _view(application, model)
    view.verticalScrollBar().setValue(2007)
    top, offset = model.key(view.rowAt(0)), view.rowViewportPosition(view.rowAt(0))
    with view.anchored():
        model.put([_Fruit(5000 + number, "a", 0) for number in range(30)], gone=[1, 2, 3])
    assert model.key(view.rowAt(0)) == top
    assert view.rowViewportPosition(view.rowAt(0)) == offset
    view.verticalScrollBar().setValue(0)
    with view.anchored():
        model.put([_Fruit(9000, "a", 0)])
    assert view.verticalScrollBar().value() == 0, "who looks at the top goes on looking at the top"


def test_unknown_stands_last_in_both_directions(application) -> None:
    model = _model()
    model.put([_Fruit(1, "a", None), _Fruit(2, "b", 0), _Fruit(3, "c", 7)])
    view = _view(application, model)
    view.sortByColumn(1, Qt.SortOrder.AscendingOrder)
    assert [fruit.weight for fruit in _rows(model)] == [0, 7, None]
    view.sortByColumn(1, Qt.SortOrder.DescendingOrder)
    assert [fruit.weight for fruit in _rows(model)] == [7, 0, None]


def test_rows_stand_still_under_the_pointer() -> None:
    model = _model()
    model.put([_Fruit(1, "a", 1), _Fruit(2, "b", 2), _Fruit(3, "c", 3)])
    model.hold_order(True)
    model.put([_Fruit(1, "z", 1)])
    assert [fruit.name for fruit in _rows(model)] == ["z", "b", "c"]
    model.hold_order(False)
    assert [fruit.name for fruit in _rows(model)] == ["b", "c", "z"]


def test_copy_gives_whole_rows(application) -> None:
    model = _model()
    model.put(_many(5))
    view = _view(application, model, (120, 200))
    assert view.isColumnHidden(2), "not shown, but copied"
    view.selectRow(2)
    QTest.keySequence(view, "Ctrl+C")
    assert QGuiApplication.clipboard().text() == "fruit00002\t2\t#2"


def test_home_and_end_move_through_rows(application) -> None:
    model = _model()
    model.put(_many(50))
    view = _view(application, model)
    view.setFocus()
    until(view.hasFocus, "the table has the focus")
    QTest.keyClick(view, Qt.Key.Key_End)
    assert _chosen(view) == {49}
    QTest.keyClick(view, Qt.Key.Key_Home)
    assert _chosen(view) == {0}
    QTest.keyClick(view, Qt.Key.Key_Down)
    assert _chosen(view) == {1}


@pytest.mark.parametrize(("width", "shown"), [(400, {0, 1, 2}), (215, {0, 1}), (90, {0})])
def test_columns_go_by_priority_and_fill_the_width(application, width: int, shown: set[int]) -> None:
    view = _view(application, _model(), (width, 200))
    assert {index for index in range(3) if not view.isColumnHidden(index)} == shown
    assert sum(view.columnWidth(index) for index in shown) >= view.viewport().width()
