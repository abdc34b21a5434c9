"""Marks of events below the charts."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from charts import END, shown, steady
from hypothesis import given, strategies as st
from painted import drawn
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from test_amount_chart import shown as shown_amounts
from test_amounts import DAY, START, amounts

from netwatch_tray.window.chart import labels
from netwatch_tray.window.chart.amount_chart import AmountChart
from netwatch_tray.window.chart.chart import Chart
from netwatch_tray.window.chart.marks import LANE, Mark, join, mark_at, span_of
from netwatch_tray.window.widgets.theme import DARK, LIGHT


def _mark(at: float, level: int = 2, text: str = "Something happened") -> Mark:
    return Mark(at, "scan", level, text)


@given(st.lists(st.floats(0, 1000), max_size=60), st.floats(0, 1000), st.floats(0, 1000))
def test_every_visible_event_mark_is_drawn_once_and_joined_marks_do_not_overlap(
    moments: list[float], one: float, other: float
) -> None:
    marks = [_mark(at) for at in sorted(moments)]
    start, end = sorted((one, other))
    joined = join(marks, start, end, lambda at: at)
    assert [mark for each in joined for mark in each.marks] == [mark for mark in marks if start <= mark.at <= end]
    for before, after in pairwise(joined):
        left = after.x - (44 if len(after.marks) > 1 else 16)
        assert before.x <= left


def test_joined_marks_show_the_latest_of_the_most_severe_events() -> None:
    (joined,) = join([_mark(1, 3, "a"), _mark(2, 3, "b"), _mark(3, 1, "c")], 0, 9, lambda at: at)
    assert joined.worst.text == "b"
    assert span_of(joined, 1.0) == (-29.0, 33.0)


@pytest.mark.parametrize(("level", "colours"), [(1, ("ink3", "ink3")), (2, ("ink2", "ink2")), (3, ("warn", "warn"))])
def test_alerts_are_coloured_and_other_events_faint(
    application: QApplication, level: int, colours: tuple[str, str]
) -> None:
    for scheme, tokens, ink in zip((Qt.ColorScheme.Light, Qt.ColorScheme.Dark), (LIGHT, DARK), colours, strict=True):
        chart = shown(Chart, application, steady(), scheme)
        chart.set_marks([_mark(END - 30, level)])
        assert getattr(tokens, ink).name() in _lane_colours(chart)


def test_strip_for_event_marks_exists_while_a_mark_is_visible(application: QApplication) -> None:
    chart = shown(Chart, application, steady())
    box = chart.scene().frame.box
    assert chart.scene().lane == 0
    chart.set_marks([_mark(END - 30)])
    assert chart.scene().lane == LANE
    assert chart.scene().frame.box.height() == pytest.approx(box.height() - LANE, abs=1)
    chart.set_marks([_mark(END - 300)])
    assert chart.scene().frame.box == box


def test_a_click_on_a_mark_requests_its_events_and_moves_no_crosshair(application: QApplication) -> None:
    chart = shown(Chart, application, steady())
    chart.set_marks([_mark(END - 40.2), _mark(END - 40), _mark(END - 10)])
    asked: list[Any] = []
    chart.events_requested.connect(lambda *span: asked.append(span))
    assert "2" in drawn(chart).split(" | ")
    QTest.mouseClick(chart, Qt.MouseButton.LeftButton, pos=_place(chart, END - 40))
    assert chart.crosshair is None
    ((first, last),) = asked
    assert first <= END - 70
    assert last >= END - 10
    joined = chart.mark_at(_place(chart, END - 40).toPointF())
    assert joined
    assert labels.marks_text(joined, 60).count("Something happened") == 2
    assert chart.mark_at(_place(chart, END - 25).toPointF()) is None


def test_a_tooltip_lists_the_latest_events_first_and_counts_the_others() -> None:
    marks = [_mark(END + number / 10, text=f"event {number}") for number in range(9)]
    (joined,) = join(marks, END, END + 9, lambda at: at)
    lines = labels.marks_text(joined, 60).splitlines()
    assert [line.partition("  ")[2] for line in lines[:6]] == [f"event {number}" for number in range(8, 2, -1)]
    assert lines[6] == "3 more"


def test_bars_have_event_marks_and_the_crosshair_names_the_most_severe_event(application: QApplication) -> None:
    chart = shown_amounts(application, amounts())
    before = chart.scene()
    chart.set_marks(
        [_mark(START + 2 * DAY + 9, 2, "Some app is new"), _mark(START + 2 * DAY + 3600, 3, "Uploaded much")]
    )
    scene = chart.scene()
    assert scene
    assert before
    assert scene.mark_lane.height() == LANE
    assert scene.base == before.base, "the dates stay where they are"
    asked: list[Any] = []
    chart.events_requested.connect(lambda *span: asked.append(span))
    middle = QPoint(round(scene.x(START + 2 * DAY + 3600)), round(scene.mark_lane.center().y()))
    assert mark_at(scene.marks, scene.mark_lane, middle.toPointF())
    QTest.mouseClick(chart, Qt.MouseButton.LeftButton, pos=middle)
    assert len(asked) == 1
    assert chart.crosshair is None
    while chart.crosshair != scene.amounts.slots[2]:
        chart.step(-1)
    assert "Uploaded much" in drawn(chart)
    chart.step(1)
    assert "Uploaded much" not in drawn(chart)


def _place(chart: Chart, at: float) -> QPoint:
    scene = chart.scene()
    return QPoint(round(scene.frame.x(at)), round(scene.lane_box.center().y()))


def _lane_colours(chart: Chart | AmountChart) -> set[str]:
    image = chart.grab().toImage()
    scene = chart.scene()
    assert scene
    box = scene.lane_box if hasattr(scene, "lane_box") else scene.mark_lane
    lane = box.toRect()
    return {
        image.pixelColor(x, y).name()
        for x in range(lane.left(), lane.right())
        for y in range(lane.top() + 2, lane.bottom())
    }
