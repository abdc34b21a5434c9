"""Short ranges from live ticks, long ones from the history."""

from __future__ import annotations

import time

import pytest
from happened import PORT, SCAN, alert, happened
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from windows import FEW, Open, Opened, interface, past_tick, rx_of, tick, until, uplink, visible_text

from netwatch_tray.feed.protocol import EventsMessage, TickMessage
from netwatch_tray.model import GapReason

_FEW = (uplink(2, "eth0", 12.4e6, 840e3), interface(3, "wg0", 2.1e6, 96.2e3, over=("eth0",)))


def test_ticks_in_the_agents_greeting_fill_the_chart(open_window: Open) -> None:
    begun = time.time()
    past_minute = [past_tick(60 - second, 1e6, 1e5) for second in range(60)]
    opened = open_window(Qt.ColorScheme.Light, (960, 640), *past_minute)
    # Stamped before the window opened: on a busy machine the oldest ticks would have left the range by now.
    opened.say(TickMessage(tick(*FEW, ago=time.time() - begun)))
    chart = opened.window.interfaces.range_chart.chart
    chart.grab()
    assert [len(run) for run in chart.series.runs] == [61]
    assert not chart.series.gaps


def test_long_ranges_come_from_the_history(opened: Opened) -> None:
    page = opened.window.interfaces
    assert opened.history
    opened.say(TickMessage(tick(*_FEW)))
    QTest.keySequence(opened.window, "Alt+3")
    chart = page.range_chart.chart
    chart.grab()
    assert opened.history.reader.kinds[-1] == ("total", None, pytest.approx(3600))
    assert len(chart.series.runs) == 2
    assert max(known.rx_peak for known in chart.series.runs[0]) == 3e6
    assert [gap.reason for gap in chart.series.gaps][:1] == [GapReason.ASLEEP]
    assert "line: average, band: peak" in visible_text(opened.window)
    assert rx_of(chart.moments()[-1]) == 12.4e6, "what was measured since is there as well"
    page.table.selectRow(1)
    assert opened.history.reader.kinds[-1][:2] == ("interface", "wg0")
    before = opened.history.submitted
    opened.say(TickMessage(tick(*_FEW)), TickMessage(tick(*_FEW)))
    assert opened.history.submitted == before, "not at each tick"
    QTest.keySequence(opened.window, "Alt+7")
    chart.grab()
    assert 365 * 86400 <= opened.history.reader.kinds[-1][2] < 380 * 86400, "from the beginning of a week"
    QTest.keySequence(opened.window, "Alt+1")
    chart.grab()
    assert rx_of(chart.moments()[-1]) == 2.1e6


def test_a_zoomed_part_is_queried_with_finer_points(opened: Opened) -> None:
    assert opened.history
    page, reader = opened.window.interfaces, opened.history.reader
    opened.say(TickMessage(tick(*_FEW)))
    page.choose_range(3)
    page.range_chart.chart.grab()
    points = len(page.range_chart.chart.series.visible)
    end = page.range_chart.chart.viewport.end
    page.range_chart.chart.zoom_to(end - 7200, end - 3600)
    page.range_chart.chart.grab()
    assert reader.kinds[-1] == ("total", None, pytest.approx(3600 * 1.1))
    assert len(page.range_chart.chart.series.visible) > points / 24 * 4, "finer than before"
    assert "A part of the range: Escape or a double click shows all" in visible_text(opened.window)
    page.table.selectRow(1)
    page.range_chart.chart.grab()
    assert reader.kinds[-1] == ("interface", "wg0", pytest.approx(3600 * 1.1)), "another interface, the same part"
    assert page.escape()
    assert page.range_chart.chart.zoom is None
    page.range_chart.chart.step(0)
    page.range_chart._stored._lifetime_s = 0.0
    opened.say(TickMessage(tick(*_FEW)))
    assert page.range_chart.chart.crosshair is not None, "what is read again takes nothing away"


def test_chart_shows_that_the_history_is_being_read_or_why_it_is_missing(opened: Opened) -> None:
    page = opened.window.interfaces
    assert opened.history
    opened.say(TickMessage(tick(*_FEW)))
    opened.history.reader = None
    page.choose_range(4)
    until(lambda: page.range_chart.chart.notice, "the page shows that it reads")
    page.range_chart.chart.grab()
    opened.history.error = "There is no history yet."
    page.choose_range(5)
    assert not page.range_chart.chart.notice
    assert "There is no history yet." in visible_text(opened.window)


def test_ranges_of_a_day_and_more_show_amounts_and_a_zoomed_hour_shows_rates(opened: Opened) -> None:
    assert opened.history
    page, reader = opened.window.interfaces, opened.history.reader
    opened.say(TickMessage(tick(*_FEW)))
    page.choose_range(5)
    bars = page.range_chart.amounts
    assert bars.isVisible()
    assert bars.accessibleName() == "Last 30 days"
    assert "1 bar = 1 day" in visible_text(opened.window)
    shown = bars.amounts
    assert shown is not None
    assert len(shown.slots) in (31, 32)
    page.table.selectRow(1)
    assert bars.accessibleName() == "wg0, last 30 days"
    bars.zoom_requested.emit(shown.slots[3].start, shown.slots[5].end)
    assert bars.accessibleName() == "wg0, last 30 days, a part"
    assert bars.amounts is not None
    assert {round(each.end - each.start) for each in bars.amounts.slots} <= {5 * 3600, 6 * 3600, 7 * 3600}
    assert "A part of the range: Escape or a double click shows all" in visible_text(opened.window)
    bars.zoom_requested.emit(shown.slots[3].start, shown.slots[3].start + 7200)
    assert page.range_chart.chart.isVisible()
    assert reader.kinds[-1] == ("interface", "wg0", pytest.approx(7200 * 1.1))
    assert page.escape()
    assert bars.isVisible()
    assert bars.accessibleName() == "wg0, last 30 days"
    QTest.keyClick(page, Qt.Key.Key_Left)
    assert bars.crosshair == bars.amounts.slots[-1]
    QTest.keyClick(page, Qt.Key.Key_Plus)
    assert page.range_chart.chart.zoom is not None
    page.range_chart.as_table.setChecked(True)
    assert page.range_chart.table.accessibleName() == "wg0, last 30 days, a part"


def test_events_are_marked_and_a_click_shows_them(opened: Opened) -> None:
    window = opened.window
    assert opened.history
    live, stored = alert(SCAN, ago=20.0), happened(PORT, ago=1800.0, app="ssh")
    opened.history.reader.happened = [stored]
    opened.say(TickMessage(tick(*_FEW)), EventsMessage(reset=True, events=(live,), unseen=1))
    chart = window.interfaces.range_chart.chart
    chart.grab()
    (joined,) = chart.scene().marks
    assert joined.worst.text == "A computer in this network tried 214 ports of yours"
    window.interfaces.choose_range(2)
    chart.grab()
    assert [each.worst.at for each in chart.scene().marks] == [stored.last, live.last]
    window.interfaces.choose_range(4)
    amounts = window.interfaces.range_chart.amounts
    amounts.grab()
    scene = amounts.scene()
    assert scene
    assert [mark.at for each in scene.marks for mark in each.marks] == [stored.last, live.last]
    window.interfaces.choose_range(2)
    place = QPoint(round(chart.scene().frame.x(stored.last)), round(chart.scene().lane_box.center().y()))
    QTest.mouseClick(chart, Qt.MouseButton.LeftButton, pos=place)
    assert window.events.isVisible()
    model = window.events.table.model()
    assert model.rowCount() == 2, "its day and itself"
