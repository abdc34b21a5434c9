"""The lists of the page Usage in columns."""

from __future__ import annotations

import pytest
from painted import Record
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication

from netwatch_tray.units import Units
from netwatch_tray.window.pages.usage.chart import Bar, Plan, UsageChart
from netwatch_tray.window.pages.usage.pane import Amount, Sections
from netwatch_tray.window.widgets.theme import MARGIN, Theme


@pytest.mark.parametrize(("count", "fitting", "rows"), [(3, 3, 1), (3, 2, 2), (4, 3, 2), (4, 1, 4)])
def test_sections_use_as_many_columns_as_fit_without_cutting_texts(
    application: QApplication, count: int, fitting: int, rows: int
) -> None:
    theme = Theme(application, Qt.ColorScheme.Light)
    sections = Sections(theme)
    for _ in range(count):
        sections.add().show_amounts("Earlier months", [Amount("31 Aug – 29 Sep", 10**9, 10**9)], None, Units())
    sections.add().show_amounts("Counter", [], None, Units())
    room = fitting * sections.each[0].least_width() + (fitting - 1) * 2 * MARGIN
    sections.fit(room)
    sections.resize(room, 400)
    sections.show()
    application.processEvents()
    *shown, empty = sections.each
    assert len({section.y() for section in shown}) == rows
    assert all(section.width() >= section.least_width() for section in shown)
    assert not empty.isVisible()
    sections.close()
    theme.deleteLater()


def test_labels_at_the_end_of_the_chart_fit_with_a_larger_font(application: QApplication) -> None:
    before = application.font()
    larger = application.font()
    larger.setPixelSize(22)
    application.setFont(larger)
    try:
        chart = UsageChart(Theme(application, Qt.ColorScheme.Light))
        chart.resize(900, 600)
        bars = [Bar("", "a day", 10**9, 0)] * 30
        chart.show_bars("Per day", bars, Plan(10**9, 500 * 10**9, 19 * 10**9, None, 12.0), Units())
        record = Record(chart)
        with record.watched():
            chart.grab()
        ends = [each.box.right() for each in record.texts if each.text in ("19.0 GB a day", "cap 500 GB")]
        assert len(ends) == 2
        assert max(ends) <= chart.width()
    finally:
        application.setFont(before)
