"""The chart of amounts: its numbers, crosshair, zoom and texts."""

from __future__ import annotations

import pytest
from painted import Record, drawn
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from test_amounts import DAY, START, amounts, night

from netwatch_tray.model import GapReason
from netwatch_tray.units import Units
from netwatch_tray.window.chart import amount_labels
from netwatch_tray.window.chart.amount_chart import AmountChart
from netwatch_tray.window.chart.amounts import Amounts, Slot
from netwatch_tray.window.chart.series import GapSpan
from netwatch_tray.window.widgets.theme import GAP, Theme


def shown(application: QApplication, found: Amounts, size: tuple[int, int] = (960, 420)) -> AmountChart:
    chart = AmountChart(Theme(application, Qt.ColorScheme.Light))
    chart.resize(*size)
    chart.show_amounts("Last 30 days", found)
    chart.show()
    application.processEvents()
    return chart


def place(chart: AmountChart, slot: int) -> QPoint:
    scene = chart.scene()
    assert scene is not None
    each = scene.amounts.slots[slot]
    return QPointF(scene.x((each.start + each.end) / 2), scene.zero - 3).toPoint()


def test_both_directions_have_one_scale(application: QApplication) -> None:
    scene = shown(application, amounts(rx=1_000_000)).scene()
    assert scene is not None
    above, below = scene.zero - scene.bars.top(), scene.bars.bottom() - scene.zero
    assert above / below == pytest.approx(2, rel=0.05), "downloads are twice the uploads"
    assert above - 1_000_000 * scene.per_byte > 0, "the highest bar has headroom"


def test_small_amounts_are_visible_and_zero_is_not(application: QApplication) -> None:
    whole = amounts(rx=10**9)
    slots = list(whole.slots)
    slots[3] = slots[3]._replace(rx=1, tx=0)
    slots[5] = slots[5]._replace(rx=0, tx=0)
    chart = shown(application, whole._replace(slots=slots))
    scene, image = chart.scene(), chart.grab().toImage()
    assert scene is not None
    colours = [
        image.pixelColor(round(sum(scene.column(slots[number])) / 2), int(scene.zero) - 1).name() for number in (3, 5)
    ]
    assert colours[0] != "#ffffff"
    assert colours[1] == "#ffffff"


def test_arrow_keys_move_from_slot_to_slot(application: QApplication) -> None:
    chart = shown(application, amounts())
    QTest.keyClick(chart, Qt.Key.Key_Left)
    assert chart.crosshair == amounts().slots[-1]
    QTest.keyClick(chart, Qt.Key.Key_Left)
    assert chart.crosshair == amounts().slots[-2]
    later = amounts(rx=2000)
    chart.show_amounts("Last 30 days", later)
    assert chart.crosshair == later.slots[-2], "what is read again takes nothing away"
    assert chart.clear_crosshair()
    assert not chart.clear_crosshair()


def test_hovering_shows_a_slot_and_a_click_freezes_it(application: QApplication) -> None:
    chart = shown(application, amounts())
    before = chart.grab().toImage()
    QTest.mouseMove(chart, place(chart, 4))
    application.processEvents()
    assert chart.crosshair == amounts().slots[4]
    assert chart.grab().toImage() != before
    QTest.mouseClick(chart, Qt.MouseButton.LeftButton, pos=place(chart, 4))
    QTest.mouseMove(chart, place(chart, 9))
    application.processEvents()
    assert chart.crosshair == amounts().slots[4]


def test_dragging_requests_whole_slots(application: QApplication) -> None:
    chart = shown(application, amounts())
    asked: list[tuple[float, float]] = []
    chart.zoom_requested.connect(lambda start, end: asked.append((start, end)))
    QTest.mousePress(chart, Qt.MouseButton.LeftButton, pos=place(chart, 9))
    QTest.mouseMove(chart, place(chart, 5))
    QTest.mouseRelease(chart, Qt.MouseButton.LeftButton, pos=place(chart, 5))
    assert asked == [(START + 5 * DAY, START + 10 * DAY)]


def test_a_low_chart_leaves_out_the_rates(application: QApplication) -> None:
    lanes = [
        None if (scene := shown(application, amounts(), (700, height)).scene()) is None or scene.lane is None
        else round(scene.lane.height())
        for height in (160, 300, 420)
    ]  # fmt: skip
    assert lanes == [None, 50, 92]


def test_header_sums_the_visible_slots(application: QApplication) -> None:
    chart = shown(application, amounts(night(4, GapReason.NOT_RUNNING, 24), unknown=(4,)))
    told = chart.accessibleDescription()
    assert "29 d known" in told
    assert "download 29.0 kB, average" in told
    assert "peak 5 B/s" in told


def test_slots_and_gaps_are_described_in_words() -> None:
    whole = amounts(night(4, GapReason.NOT_RUNNING, 48), GapSpan(START - DAY, START + DAY, None), unknown=(0, 4, 5))
    slots = whole.slots
    assert amount_labels.slot_name(slots[1], "day") == "Saturday, 28 November"
    assert amount_labels.measured_text(slots[1], whole) == "00:00–24:00, measured completely"
    assert amount_labels.measured_text(slots[1]._replace(measured_s=64_320.0), whole) == (
        "00:00–24:00, measured 17 h 52 min"
    )
    assert amount_labels.measured_text(slots[1]._replace(measured_s=0.0), whole) == "measured by another program"
    assert amount_labels.measured_text(slots[4], whole) == "not running"
    assert amount_labels.gap_text(whole, whole.gaps[0]) == "not running 2 d"
    assert amount_labels.gap_text(whole, whole.gaps[1]) == "nothing recorded before 28 Nov 00:00"
    assert amount_labels.spoken_slot(slots[1], whole, Units()) == (
        "Saturday, 28 November, download 1.00 kB, upload 500 B, 00:00–24:00, measured completely"
    )


@pytest.mark.parametrize(
    ("step", "text"), [(60.0, "20:14"), (3600.0, "20–21 h")]
)  # fmt: skip
def test_time_of_a_peak_is_as_exact_as_the_stored_values(step: float, text: str) -> None:
    whole = amounts()._replace(peak_step=step)
    assert amount_labels.peak_moment(START + 20 * 3600 + 14 * 60, whole) == text


def test_the_last_hour_of_a_day_ends_at_24_00() -> None:
    slot = Slot(START + 23 * 3600, START + DAY, 1, 1, is_known=True)
    assert amount_labels.slot_name(slot, "hour") == "27 November, 23:00–24:00"


@pytest.mark.parametrize("width", [200, 420, 520, 960])
def test_explanation_of_a_sign_is_shown_completely_or_not_at_all(application: QApplication, width: int) -> None:
    chart = shown(application, amounts(), (width, 420))
    chart.set_marks([])  # draws everything anew
    texts = drawn(chart).split(" | ")
    _title, signs = amount_labels.lane_texts(amounts(), has_quiet=False)
    assert [text for text in texts if text.startswith("line: ") and text.endswith("…")] == []
    assert (", ".join(signs) in texts) == (width >= 520)
    assert (signs[0] in ", ".join(texts)) == (width > 200)


@pytest.mark.parametrize("unit", [Units(), Units(bits=True), Units(binary=True), Units(bits=True, binary=True)])
@pytest.mark.parametrize(
    "rate", [9.99, 161_234.0, 999_999.0, 1.56e6, 98.76e12, 4e5, 1.1e5, 1.1e6, 8.88e7, 1.23e10, 1001.0]
)
def test_rates_in_the_crosshairs_box_do_not_overlap(application: QApplication, rate: float, unit: Units) -> None:
    whole = amounts()
    noon = START + DAY / 2
    slots = [
        each._replace(rx_rate=rate, tx_rate=rate, rx_peak=rate * 9, tx_peak=rate, rx_peak_at=noon, tx_peak_at=noon)
        for each in whole.slots
    ]
    chart = shown(application, whole._replace(slots=slots))
    chart.set_units(unit)
    chart.step(0)
    record = Record(chart)
    with record.watched():
        chart.grab()
    numbers = [each.box for each in record.texts if each.text.endswith("/s") and each.text.count("/s") == 1]
    beside = [(one, other) for one in numbers for other in numbers if abs(one.bottom() - other.bottom()) < 1]
    pairs = [(one, other) for one, other in beside if one.left() < other.left()]
    assert len(pairs) == 2, "average and peak of both directions"
    assert all(other.left() - one.right() >= GAP - 1 for one, other in pairs)


@pytest.mark.parametrize("size", [(440, 300), (600, 300), (704, 300), (944, 300), (1264, 420)])
@pytest.mark.parametrize("days", [30, 400])
def test_dates_in_the_header_are_whole_or_left_out(application: QApplication, days: int, size: tuple[int, int]) -> None:
    found = amounts(days=days)
    chart = shown(application, found, size)
    chart.resizeEvent(QResizeEvent(chart.size(), chart.size()))  # its picture is drawn again
    texts = drawn(chart).split(" | ")
    assert not [text for text in texts if text.endswith("…")]
    longest, short = amount_labels.header_texts(found)
    assert longest.startswith(short)
    assert size[0] < 1264 or longest in texts


def test_no_average_of_less_than_a_slot_or_of_nothing() -> None:
    assert amount_labels.average_amount(amounts(days=2)) == 1000
    assert amount_labels.average_amount(amounts(days=2, rx=0)) is None
    begun = amounts(GapSpan(START, START + DAY - 60, None), days=1)
    assert amount_labels.average_amount(begun) is None, "a minute is known"
