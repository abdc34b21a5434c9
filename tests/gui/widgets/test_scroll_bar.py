from __future__ import annotations

from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtTest import QTest

from netwatch_tray.window.widgets.scroll_bar import SlimScrollBar
from netwatch_tray.window.widgets.theme import DARK, LIGHT, Theme


def _bar(application, maximum: int = 900) -> SlimScrollBar:
    bar = SlimScrollBar(Theme(application, Qt.ColorScheme.Light))
    bar.resize(12, 200)
    bar.setRange(0, maximum)
    bar.setPageStep(100)
    bar.show()
    application.processEvents()
    return bar


def _middle(bar: SlimScrollBar) -> QPoint:
    start, length = bar._handle()
    return QPointF(6, start + length / 2).toPoint()


def test_the_handle_shows_position_and_share(application) -> None:
    bar = _bar(application, 300)
    assert bar._handle() == (0, 50)
    bar.setValue(300)
    assert bar._handle() == (150, 50)
    image = bar.grab().toImage()
    assert image.pixelColor(_middle(bar)) == LIGHT.ctl
    assert image.pixelColor(6, 20) == LIGHT.surface
    bar.setRange(0, 1_000_000)
    assert bar._handle()[1] == 32, "long enough to be clicked"
    bar.setRange(0, 0)
    assert bar._handle() == (0, 0)
    image = bar.grab().toImage()
    assert {image.pixel(6, y) for y in range(200)} == {LIGHT.surface.rgb()}, "no handle"


def test_dragging_the_handle_scrolls(application) -> None:
    bar = _bar(application)
    start = _middle(bar)
    QTest.mousePress(bar, Qt.MouseButton.LeftButton, pos=start)
    assert bar.value() == 0, "a press alone moves nothing"
    QTest.mouseMove(bar, start + QPoint(0, 84))
    assert bar.value() == 450
    QTest.mouseMove(bar, start + QPoint(0, 999))
    assert bar.value() == 900
    QTest.mouseRelease(bar, Qt.MouseButton.LeftButton, pos=start)
    assert not bar.isSliderDown()
    QTest.mouseMove(bar, start)
    assert bar.value() == 900


def test_a_click_beside_the_handle_scrolls_there(application) -> None:
    bar = _bar(application)
    QTest.mouseClick(bar, Qt.MouseButton.LeftButton, pos=QPointF(6, 100).toPoint())
    assert bar.value() == 450
    empty = _bar(application, 0)
    QTest.mouseClick(empty, Qt.MouseButton.LeftButton, pos=QPoint(6, 100))
    assert empty.value() == 0


def test_a_horizontal_scroll_bar(application) -> None:
    bar = SlimScrollBar(Theme(application, Qt.ColorScheme.Dark), Qt.Orientation.Horizontal)
    assert bar.sizeHint().height() == 12
    bar.resize(200, 12)
    bar.setRange(0, 900)
    bar.setPageStep(100)
    bar.show()
    QTest.mouseClick(bar, Qt.MouseButton.LeftButton, pos=QPoint(100, 6))
    assert bar.value() == 450
    assert bar.grab().toImage().pixelColor(100, 6) == DARK.ctl
