from __future__ import annotations

import sys
from datetime import datetime

import pytest
from charts import END, shown, steady
from PySide6.QtCore import QEvent, QObject, QPoint, QPointF, Qt, Signal
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from netwatch_tray.window.chart.chart import Chart
from netwatch_tray.window.chart.series import Point


def _place(chart: Chart, at: float) -> QPoint:
    frame = chart.scene().frame
    return QPointF(frame.x(at), frame.zero).toPoint()


def test_arrow_keys_move_the_crosshair_from_point_to_point(application: QApplication) -> None:
    chart = shown(Chart, application, steady(range(58, 60)))
    QTest.keyClick(chart, Qt.Key.Key_Left)
    assert chart.crosshair == END
    QTest.keyClick(chart, Qt.Key.Key_Left)
    assert chart.crosshair == END - 3, "there is no point in the gap"
    QTest.keyClick(chart, Qt.Key.Key_Right)
    QTest.keyClick(chart, Qt.Key.Key_Right)
    assert chart.crosshair == END
    assert chart.clear_crosshair()
    assert not chart.clear_crosshair()


def test_the_crosshair_follows_the_mouse_until_a_click(application: QApplication) -> None:
    chart = shown(Chart, application, steady(range(20, 40)))
    before = chart.grab().toImage()
    QTest.mouseMove(chart, _place(chart, END - 10.3))
    application.processEvents()
    assert chart.crosshair == END - 10
    assert chart.grab().toImage() != before
    QTest.mouseClick(chart, Qt.MouseButton.LeftButton, pos=_place(chart, END - 10.3))
    QTest.mouseMove(chart, _place(chart, END - 15))
    application.processEvents()
    assert chart.crosshair == END - 10
    application.sendEvent(chart, QEvent(QEvent.Type.Leave))
    assert chart.crosshair == END - 10
    chart.clear_crosshair()
    QTest.mouseMove(chart, _place(chart, END - 30))
    application.processEvents()
    assert chart.crosshair is None, "nothing is known inside a gap"
    QTest.mouseMove(chart, _place(chart, END - 15))
    application.sendEvent(chart, QEvent(QEvent.Type.Leave))
    assert chart.crosshair is None, "the mouse left the chart"


def test_the_crosshair_is_removed_when_its_moment_leaves_the_range(application: QApplication) -> None:
    chart = shown(Chart, application, steady())
    QTest.mouseClick(chart, Qt.MouseButton.LeftButton, pos=_place(chart, END - 59))
    assert chart.crosshair == END - 59
    chart.set_series(None, steady(), END + 5, 1.0)
    chart.grab()
    assert chart.crosshair is None


def _drag(chart: Chart, start: float, end: float) -> None:
    places = [_place(chart, at) for at in (start, end)]
    QTest.mousePress(chart, Qt.MouseButton.LeftButton, pos=places[0])
    QTest.mouseMove(chart, (places[0] + places[1]) * 0.5)
    QTest.mouseMove(chart, places[1])
    before = chart.grab().toImage()
    QTest.mouseRelease(chart, Qt.MouseButton.LeftButton, pos=places[1])
    assert chart.grab().toImage() != before


@pytest.mark.parametrize("backwards", [False, True])
def test_dragging_zooms_in_and_a_double_click_shows_the_whole_range(application: QApplication, backwards: bool) -> None:
    chart, announced = shown(Chart, application, steady()), []
    chart.zoomed.connect(lambda: announced.append(chart.zoom))
    span = (END - 40, END - 20)
    _drag(chart, *(reversed(span) if backwards else span))
    assert chart.zoom == pytest.approx(span, abs=0.2)
    assert chart.zoom
    clock = datetime.fromtimestamp(chart.zoom[0]).astimezone().strftime("%H:%M:%S")
    assert f"Total rate, {clock}–" in chart.accessibleName()
    chart.set_series(None, [*steady()[1:], Point(END + 1, 5e6, 1e6)], END + 1, 1.0)
    assert chart.zoom == pytest.approx(span, abs=0.2), "it stands still"
    QTest.mouseDClick(chart, Qt.MouseButton.LeftButton, pos=chart.rect().center())
    assert chart.zoom is None
    assert chart.viewport.end == END + 1
    assert len(announced) == 2


def test_click_that_moves_a_few_pixels_is_not_a_drag(application: QApplication) -> None:
    chart = shown(Chart, application, steady())
    middle = _place(chart, END - 30)
    QTest.mousePress(chart, Qt.MouseButton.LeftButton, pos=middle)
    QTest.mouseMove(chart, middle + QPoint(3, 0))
    QTest.mouseRelease(chart, Qt.MouseButton.LeftButton, pos=middle + QPoint(3, 0))
    assert chart.zoom is None
    frozen = chart.crosshair
    assert frozen is not None
    QTest.mouseMove(chart, _place(chart, END - 5))
    assert chart.crosshair == frozen


def test_plus_and_minus_zoom_around_the_crosshair(application: QApplication) -> None:
    chart = shown(Chart, application, steady())
    QTest.keyClick(chart, Qt.Key.Key_Minus)
    assert chart.zoom is None, "the whole range is the most"
    chart.step(0)
    for _ in range(30):
        chart.step(-1)
    QTest.keyClick(chart, Qt.Key.Key_Plus)
    assert chart.zoom == pytest.approx((END - 45, END - 15))
    for _ in range(9):
        QTest.keyClick(chart, Qt.Key.Key_Plus)
    assert chart.viewport.span == 8, "a few points remain"
    for _ in range(9):
        QTest.keyClick(chart, Qt.Key.Key_Minus)
    assert chart.zoom is None
    assert not chart.take_key(Qt.Key.Key_A)


def test_emitting_a_qt_signal_loses_no_reference_to_its_value() -> None:
    """PySide6 6.12.0 on Python 3.11 loses one reference to True with each emit and aborts after some hundreds."""

    class Source(QObject):
        changed = Signal(bool)

    source = Source()
    before = sys.getrefcount(True)
    for _ in range(2000):
        source.changed.emit(True)
    assert abs(sys.getrefcount(True) - before) < 200
