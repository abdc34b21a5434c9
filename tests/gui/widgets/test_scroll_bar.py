from __future__ import annotations

from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from netwatch_tray.window.widgets.scroll_bar import SlimScrollBar
from netwatch_tray.window.widgets.theme import DARK, LIGHT, Theme


def _bar(application: QApplication, maximum: int = 900) -> SlimScrollBar:
    bar = SlimScrollBar(Theme(application, Qt.ColorScheme.Light))
    bar.resize(12, 200)
    bar.setRange(0, maximum)
    bar.setPageStep(100)
    bar.show()
    application.processEvents()
    return bar


def _handle(bar: SlimScrollBar) -> tuple[int, int]:
    """Return where the handle begins and ends; it is drawn with an inset of 3 dip and one antialiased pixel."""
    image = bar.grab().toImage()
    drawn = [y for y in range(bar.height()) if image.pixel(6, y) == LIGHT.ctl.rgb()]
    return (drawn[0] - 4, drawn[-1] + 5) if drawn else (0, 0)


def _middle(bar: SlimScrollBar) -> QPoint:
    return QPoint(6, sum(_handle(bar)) // 2)


def test_scroll_handle_shows_position_and_visible_share(application: QApplication) -> None:
    bar = _bar(application, 300)
    assert _handle(bar) == (0, 50)
    bar.setValue(300)
    assert _handle(bar) == (150, 200)
    bar.setRange(0, 1_000_000)
    start, end = _handle(bar)
    assert end - start == 32, "long enough to be clicked"
    bar.setRange(0, 0)
    assert _handle(bar) == (0, 0), "everything is visible"


def test_dragging_the_handle_scrolls(application: QApplication) -> None:
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


def test_a_click_beside_the_scroll_handle_scrolls_there(application: QApplication) -> None:
    bar = _bar(application)
    QTest.mouseClick(bar, Qt.MouseButton.LeftButton, pos=QPointF(6, 100).toPoint())
    assert bar.value() == 450
    empty = _bar(application, 0)
    QTest.mouseClick(empty, Qt.MouseButton.LeftButton, pos=QPoint(6, 100))
    assert empty.value() == 0


def test_horizontal_scroll_bar_scrolls(application: QApplication) -> None:
    bar = SlimScrollBar(Theme(application, Qt.ColorScheme.Dark), Qt.Orientation.Horizontal)
    assert bar.sizeHint().height() == 12
    bar.resize(200, 12)
    bar.setRange(0, 900)
    bar.setPageStep(100)
    bar.show()
    QTest.mouseClick(bar, Qt.MouseButton.LeftButton, pos=QPoint(100, 6))
    assert bar.value() == 450
    assert bar.grab().toImage().pixelColor(100, 6) == DARK.ctl
