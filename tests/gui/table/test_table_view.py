from __future__ import annotations

import pytest
from fruits import Fruit, fruit_model, shown
from PySide6.QtCore import QItemSelectionModel, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from windows import until

from netwatch_tray.window.table.model import SortedModel
from netwatch_tray.window.table.view import TableView
from netwatch_tray.window.widgets.theme import Theme


def _view(application: QApplication, model: SortedModel[Fruit], size: tuple[int, int] = (400, 200)) -> TableView[Fruit]:
    view = TableView(Theme(application, Qt.ColorScheme.Light), model, row_height=20, lines=False)
    view.make_sortable("name")
    view.resize(*size)
    view.show()
    application.processEvents()
    return view


def _many(count: int) -> list[Fruit]:
    return [Fruit(number, f"fruit{number:05}", number) for number in range(count)]


def _chosen(view: TableView[Fruit]) -> set[int]:
    return {view.model().record(index.row()).key for index in view.selectionModel().selectedRows()}


def test_selection_follows_its_records(application: QApplication) -> None:
    model = fruit_model()
    model.put(_many(100))
    view = _view(application, model)
    flags = QItemSelectionModel.SelectionFlag.Select | QItemSelectionModel.SelectionFlag.Rows
    for row in (10, 11, 50):
        view.selectionModel().select(model.index(row, 0), flags)
    assert _chosen(view) == {10, 11, 50}
    model.put([Fruit(500, "a first one", 1), Fruit(11, "zzz goes last", 1)], gone=[3, 4])
    assert _chosen(view) == {10, 11, 50}
    model.sort(1, Qt.SortOrder.DescendingOrder)
    assert _chosen(view) == {10, 11, 50}
    model.put([], gone=[50])
    assert _chosen(view) == {10, 11}


def test_scroll_position_follows_the_row_at_the_top(application: QApplication) -> None:
    model = fruit_model()
    model.put(_many(1000))
    view = _view(application, model)
    view.verticalScrollBar().setValue(2007)
    top, offset = model.key(view.rowAt(0)), view.rowViewportPosition(view.rowAt(0))
    with view.anchored():
        model.put([Fruit(5000 + number, "a", 0) for number in range(30)], gone=[1, 2, 3])
    assert model.key(view.rowAt(0)) == top
    assert view.rowViewportPosition(view.rowAt(0)) == offset
    view.verticalScrollBar().setValue(0)
    with view.anchored():
        model.put([Fruit(9000, "a", 0)])
    assert view.verticalScrollBar().value() == 0, "at the top it stays at the top"


def test_unknown_values_are_last_in_both_directions(application: QApplication) -> None:
    model = fruit_model()
    model.put([Fruit(1, "a", None), Fruit(2, "b", 0), Fruit(3, "c", 7)])
    view = _view(application, model)
    view.sortByColumn(1, Qt.SortOrder.AscendingOrder)
    assert [fruit.weight for fruit in shown(model)] == [0, 7, None]
    view.sortByColumn(1, Qt.SortOrder.DescendingOrder)
    assert [fruit.weight for fruit in shown(model)] == [7, 0, None]


def test_copy_includes_hidden_columns(application: QApplication) -> None:
    model = fruit_model()
    model.put(_many(5))
    view = _view(application, model, (120, 200))
    assert view.isColumnHidden(2), "hidden"
    view.selectRow(2)
    QTest.keySequence(view, "Ctrl+C")
    assert QGuiApplication.clipboard().text() == "fruit00002\t2\t#2"


def test_home_and_end_select_the_first_and_the_last_row(application: QApplication) -> None:
    model = fruit_model()
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
def test_columns_are_hidden_in_drop_order_and_fill_the_width(
    application: QApplication, width: int, shown: set[int]
) -> None:
    view = _view(application, fruit_model(), (width, 200))
    assert {index for index in range(3) if not view.isColumnHidden(index)} == shown
    assert sum(view.columnWidth(index) for index in shown) >= view.viewport().width()
