"""The heat map of a year."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from painted import drawn
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from netwatch_tray.history.results import Used
from netwatch_tray.units import Units
from netwatch_tray.window.pages.usage.heat_map import HeatMap
from netwatch_tray.window.widgets.theme import Theme

_TODAY = date(2026, 11, 14)


@pytest.fixture
def heat_map(application: QApplication) -> HeatMap:
    shown = HeatMap(Theme(application, Qt.ColorScheme.Light))
    days = {
        date(2026, 1, 19) + timedelta(days=number): Used(number * 10**9 // 10, 10**8, 0, 0, 86400.0)
        for number in range(300)
    }
    days[date(2026, 8, 15)] = Used(61 * 10**9, 2 * 10**8, 0, 0, 86400.0)
    del days[date(2026, 11, 4)]
    shown.resize(960, 560)
    shown.show_year(2026, days, _TODAY, Units(), 0)
    shown.show()
    application.processEvents()
    return shown


def test_each_day_shows_its_amount_or_unknown(heat_map: HeatMap) -> None:
    assert heat_map.told(date(2026, 8, 15)) == "Saturday, 15 August, 61.2 GB, busiest day"
    assert heat_map.told(date(2026, 11, 4)) == "Wednesday, 4 November, not known"
    heat_map.select(date(2026, 11, 4))
    assert heat_map.accessibleDescription() == "Wednesday, 4 November, not known"
    assert "under 20 GB" in drawn(heat_map)
    assert "not measured" in drawn(heat_map)


def test_the_only_known_day_is_not_the_busiest(heat_map: HeatMap) -> None:
    heat_map.show_year(2026, {_TODAY: Used(10**9, 0, 0, 0, 86400.0)}, _TODAY, Units(), 0)
    assert heat_map.told(_TODAY).endswith("1.00 GB")


def test_larger_amounts_are_darker(heat_map: HeatMap) -> None:
    image, grid = heat_map.grab().toImage(), heat_map._grid()
    shades = [
        image.pixelColor(grid.box(day).center().toPoint()).lightness()
        for day in (date(2026, 1, 25), date(2026, 3, 30), date(2026, 6, 1), date(2026, 8, 15))
    ]
    assert shades == sorted(shades, reverse=True)
    assert len(set(shades)) == 4


def test_click_on_a_day_chooses_it_and_on_a_month_name_opens_the_month(heat_map: HeatMap) -> None:
    chosen: list[date] = []
    opened: list[date] = []
    heat_map.chosen.connect(chosen.append)
    heat_map.month_opened.connect(opened.append)
    grid = heat_map._grid()
    for day in (date(2026, 2, 28), date(2026, 11, 20)):
        QTest.mouseClick(heat_map, Qt.MouseButton.LeftButton, pos=grid.box(day).center().toPoint())
    assert chosen == [date(2026, 2, 28)], "the future has no amounts"
    QTest.mouseClick(heat_map, Qt.MouseButton.LeftButton, pos=grid.origin(5).toPoint() + QPoint(3, 3))
    assert opened == [date(2026, 5, 1)]


def test_every_day_of_a_year_has_one_cell(heat_map: HeatMap) -> None:
    grid = heat_map._grid()
    days = [date(2026, 1, 1) + timedelta(days=number) for number in range(365)]
    assert [grid.day_at(grid.box(day).center()) for day in days] == days
