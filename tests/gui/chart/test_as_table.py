from __future__ import annotations

import time

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from windows import Open, interface, past_tick, tick, uplink

from netwatch_tray.feed.protocol import TickMessage
from netwatch_tray.model import GapReason
from netwatch_tray.units import Units
from netwatch_tray.window.pages.interfaces.page import InterfacesPage


def _rows(page: InterfacesPage) -> list[list[str]]:
    model = page.range_chart.table.model()
    return [[str(model.index(row, column).data()) for column in range(6)] for row in range(model.rowCount())]


def test_the_table_shows_what_the_chart_shows(open_window: Open) -> None:
    some = [
        past_tick(ago, *((None, None, GapReason.ASLEEP) if 8 <= ago <= 12 else (ago * 1e6, 1e3)))
        for ago in range(20, 0, -1)
    ]
    opened = open_window(Qt.ColorScheme.Light, (960, 640), *some)
    page = opened.window.interfaces
    page.table.setFocus()
    QTest.keyClick(page.table, Qt.Key.Key_T)
    assert page.range_chart.as_table.isChecked()
    assert page.range_chart.table.isVisible()
    assert not page.range_chart.chart.isVisible()
    rows = _rows(page)
    assert [row[1] for row in rows[:7]] == [f"{ago}.00 MB/s" for ago in range(1, 8)], "the newest first"
    gap = next(row for row in rows if row[5])
    assert gap[1:5] == ["–"] * 4
    assert "asleep " in gap[5]
    assert page.range_chart.table.accessibleName() == "Total rate, last minute"
    opened.say(TickMessage(tick(uplink(2, "eth0", 42e6, 1.0), interface(3, "wg0", 3.0, 4.0))))
    assert _rows(page)[0][1:3] == ["42.0 MB/s", "1 B/s"], "it follows the chart"
    page.table.selectRow(1)
    assert _rows(page)[0][1:3] == ["3 B/s", "4 B/s"], "the selected interface, as in the chart"
    page.range_chart.chart.set_units(Units(bits=True))
    page.range_chart.draw()
    assert _rows(page)[0][1] == "24 bit/s"
    page.range_chart.as_table.click()
    page.table.clearSelection()
    assert page.range_chart.chart.isVisible()
    image = page.range_chart.chart.grab().toImage()
    page.range_chart.chart.points_changed()
    assert page.range_chart.chart.grab().toImage() == image, "nothing is missing in the picture"


def test_the_table_is_sorted_and_copied_like_any_other(open_window: Open, application: QApplication) -> None:
    opened = open_window(Qt.ColorScheme.Light, (960, 640), *(past_tick(ago, ago * 1e6, 1e3) for ago in range(9, 0, -1)))
    page = opened.window.interfaces
    page.range_chart.as_table.click()
    page.range_chart.table.sortByColumn(1, Qt.SortOrder.DescendingOrder)
    assert _rows(page)[0][1] == "9.00 MB/s"
    page.range_chart.table.selectRow(0)
    page.range_chart.table.copy()
    assert application.clipboard().text().split("\t")[1:3] == ["9.00 MB/s", "1.00 kB/s"]


def test_the_crosshair_is_announced_to_screen_readers(open_window: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    spoken: list[str] = []
    monkeypatch.setattr(QAccessible, "isActive", lambda: True)
    monkeypatch.setattr(QAccessible, "updateAccessibility", lambda event: spoken.append(event.message()))
    opened = open_window(Qt.ColorScheme.Light, (960, 640), past_tick(2, 1e6, 5e3), past_tick(1, 2e6, 6e3))
    chart = opened.window.interfaces.range_chart.chart
    chart.grab()
    spoken.clear()
    chart.step(-1)
    chart.step(-1)
    at = [time.strftime("%H:%M:%S", time.localtime(point.at)) for point in chart.series.visible]
    assert spoken == [
        f"{at[1]}, download 2.00 MB/s, upload 6.00 kB/s",
        f"{at[0]}, download 1.00 MB/s, upload 5.00 kB/s",
    ]
