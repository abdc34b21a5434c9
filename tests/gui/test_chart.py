from __future__ import annotations

import sys
from datetime import datetime

import pytest
from PySide6.QtCore import QObject, QPoint, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QImage, QPainter
from PySide6.QtTest import QTest

from netwatch_tray.model import GapReason
from netwatch_tray.units import Units
from netwatch_tray.window.chart.chart import Chart
from netwatch_tray.window.chart.series import Point
from netwatch_tray.window.chart.sparkline import draw_flat_line, draw_sparkline
from netwatch_tray.window.widgets.theme import DARK, LIGHT, Theme, Tokens

_END = 1_000_000_060.0


def _steady(*unknown: range, rx: float = 5e6, tx: float = 1e6) -> list[Point]:
    """A minute of both rates, unknown at these seconds."""
    holes = {second for each in unknown for second in each}
    return [
        Point(_END - 60 + second, *((None, None, GapReason.ASLEEP) if second in holes else (rx, tx, None)))
        for second in range(61)
    ]


def _chart(application, points: list[Point], scheme: Qt.ColorScheme = Qt.ColorScheme.Light) -> Chart:
    chart = Chart(Theme(application, scheme))
    chart.resize(700, 300)
    chart.set_range(60, "last minute")
    chart.set_series(None, points, _END, 1.0)
    chart.show()
    application.processEvents()
    return chart


def _near(pixel: int, colour: QColor) -> bool:
    """Whether it has this colour, as nearly as antialiasing lets it."""
    parts = zip((pixel >> 16 & 255, pixel >> 8 & 255, pixel & 255), colour.toTuple(), strict=False)
    return sum(abs(one - other) for one, other in parts) < 90


def _columns(image: QImage, colour: QColor) -> set[int]:
    return {x for x in range(image.width()) for y in range(image.height()) if _near(image.pixel(x, y), colour)}


@pytest.mark.parametrize(
    ("scheme", "tokens"), [(Qt.ColorScheme.Light, LIGHT), (Qt.ColorScheme.Dark, DARK)], ids=["light", "dark"]
)
def test_a_gap_is_a_break(application, scheme: Qt.ColorScheme, tokens: Tokens) -> None:
    chart = _chart(application, _steady(range(20, 40)), scheme)
    image = chart.grab().toImage()
    box = chart._frame().box
    first, last = (box.left() + second / 60 * box.width() for second in (19, 40))
    inside = range(round(first) + 4, round(last) - 4)
    for colour in (tokens.down, tokens.up):
        drawn = _columns(image, colour)
        assert not drawn & set(inside)
        for second in (15, 45):
            assert round(box.left() + second / 60 * box.width()) in drawn
    hatch = {image.pixel(x, round(box.top()) + 40) for x in inside}
    assert len(hatch) > 1, "the gap is hatched"
    assert chart.gap_text(chart._gaps[0]).startswith("asleep ")


def test_a_curve_is_drawn_where_it_belongs(application) -> None:
    chart = _chart(application, _steady())
    frame, image = chart._frame(), chart.grab().toImage()
    x = round(frame.x(_END - 20))
    down, up = (
        [y for y in range(image.height()) if _near(image.pixel(x, y), colour)] for colour in (LIGHT.down, LIGHT.up)
    )
    assert abs(sum(down) / len(down) + 0.5 - frame.down_y(5e6)) <= 1
    assert abs(sum(up) / len(up) + 0.5 - frame.up_y(1e6)) <= 1
    assert frame.down_y(5e6) < frame.zero < frame.up_y(1e6)


def test_gaps_are_told_in_words(application) -> None:
    assert "nothing recorded before" in _described(application, _steady(range(30))[30:])
    assert "no data since" in _described(application, _steady()[:30])
    assert "asleep since" in _described(application, _steady(range(50, 61)))
    assert "no data" in _described(application, [])


def _described(application, points: list[Point]) -> str:
    return _chart(application, points).accessibleDescription()


def test_it_is_described_at_most_every_five_seconds(application, monkeypatch) -> None:
    now = 100.0
    monkeypatch.setattr("netwatch_tray.window.chart.chart.time.monotonic", lambda: now)
    chart = _chart(application, _steady())
    assert chart.accessibleName() == "Total rate, last minute"
    assert "download 5.00 MB/s, upload 1.00 MB/s, peak 5.00 MB/s at " in chart.accessibleDescription()
    now = 104.0
    chart.set_series(None, _steady(rx=7e6), _END, 1.0)
    chart.grab()
    assert "download 5.00 MB/s" in chart.accessibleDescription()
    now = 105.0
    chart.set_series(None, _steady(rx=7e6), _END, 1.0)
    chart.grab()
    assert "download 7.00 MB/s" in chart.accessibleDescription()


def test_crosshair_by_keyboard(application) -> None:
    chart = _chart(application, _steady(range(58, 60)))
    QTest.keyClick(chart, Qt.Key.Key_Left)
    assert chart._cross == _END
    QTest.keyClick(chart, Qt.Key.Key_Left)
    assert chart._cross == _END - 3, "there is no point in the gap"
    QTest.keyClick(chart, Qt.Key.Key_Right)
    QTest.keyClick(chart, Qt.Key.Key_Right)
    assert chart._cross == _END
    assert chart.clear_crosshair()
    assert not chart.clear_crosshair()


def test_crosshair_by_mouse(application) -> None:
    chart = _chart(application, _steady(range(20, 40)))
    frame = chart._frame()
    before = chart.grab().toImage()
    where = QPointF(frame.x(_END - 10.3), frame.zero).toPoint()
    QTest.mouseMove(chart, where)
    application.processEvents()
    assert chart._cross == _END - 10
    assert chart.grab().toImage() != before
    QTest.mouseClick(chart, Qt.MouseButton.LeftButton, pos=where)
    QTest.mouseMove(chart, QPointF(frame.x(_END - 15), frame.zero).toPoint())
    application.processEvents()
    assert chart._cross == _END - 10, "frozen by the click"
    chart.clear_crosshair()
    QTest.mouseMove(chart, QPointF(frame.x(_END - 30), frame.zero).toPoint())
    application.processEvents()
    assert chart._cross is None, "nothing is known inside a gap"


def test_hidden_it_computes_and_paints_nothing(application, monkeypatch) -> None:
    chart = _chart(application, _steady())
    chart.hide()
    monkeypatch.setattr(Chart, "_draw_picture", lambda _self, _frame: pytest.fail("painted while hidden"))
    chart.set_series(None, _steady(rx=1e6), _END, 1.0)
    application.processEvents()


def test_the_picture_is_drawn_once_per_tick(application, monkeypatch) -> None:
    chart = _chart(application, _steady())
    drawn: list[bool] = []
    draw = Chart._draw_picture
    monkeypatch.setattr(Chart, "_draw_picture", lambda self, frame: drawn.append(True) or draw(self, frame))
    for _ in range(3):
        QTest.keyClick(chart, Qt.Key.Key_Left)
        chart.repaint()
    assert not drawn
    chart.set_series(None, _steady(), _END, 1.0)
    chart.repaint()
    assert len(drawn) == 1


def _jagged(end: int, holes: range = range(0)) -> list[Point]:
    """From long before the start on, the same at each moment whenever it is asked for."""
    return [
        Point(_END + second, *((None, None, GapReason.ASLEEP) if second in holes else (3e6 + 2e6 * _wave(second), 4e5)))
        for second in range(-4000, end + 1)
    ]


def _wave(second: int) -> float:
    return (second * 7919 % 101) / 101


@pytest.mark.parametrize("span", [60, 300, 3600])
@pytest.mark.parametrize("holes", [range(0), range(30, 38)], ids=["whole", "broken"])
def test_a_scrolled_chart_is_the_chart_drawn_afresh(application, span: int, holes: range) -> None:
    def opened() -> Chart:
        chart = Chart(Theme(application, Qt.ColorScheme.Light))
        chart.resize(701, 300)
        chart.set_range(span, "some time")
        chart.show()
        return chart

    scrolled = opened()
    for end in range(0, 75, 1 if span == 60 else 3):
        scrolled.set_series(None, _jagged(end, holes), _END + end, 1.0)
        scrolled.repaint()
    fresh = opened()
    fresh.set_series(None, _jagged(end, holes), _END + end, 1.0)
    fresh.repaint()
    assert [len(run) for run in scrolled._runs] == [len(run) for run in fresh._runs]
    ends = [(gap.end, gap.reason) for gap in fresh._gaps]
    assert [(gap.end, gap.reason) for gap in scrolled._gaps] == ends
    one, other = scrolled.grab().toImage(), fresh.grab().toImage()
    unlike = sum(
        abs((one.pixel(x, y) >> 8 & 255) - (other.pixel(x, y) >> 8 & 255)) > 60
        for x in range(one.width())
        for y in range(one.height())
    )
    # The same but for antialiasing where two pieces meet.
    assert unlike < 40


def test_the_axis_is_labelled_in_the_persons_units(application) -> None:
    chart = _chart(application, [])
    assert chart._tick_texts([5e6, 10e6, 15e6]) == ["5", "10", "15 MB/s"]
    assert chart._tick_texts([0.5e6, 1e6]) == ["0.5", "1 MB/s"]
    chart.set_units(Units(bits=True))
    assert chart._tick_texts([0.625e6, 1.25e6]) == ["5", "10 Mbit/s"]
    chart.set_units(Units(binary=True))
    assert chart._tick_texts([512 * 1024, 1024 * 1024]) == ["0.5", "1 MiB/s"]


def test_sparkline_breaks_too_and_is_flat_when_down() -> None:
    def drawn(paint) -> QImage:
        image = QImage(120, 26, QImage.Format.Format_RGB32)
        image.fill(LIGHT.surface)
        painter = QPainter(image)
        paint(painter, QRectF(0, 0, 120, 26))
        painter.end()
        return image

    span = (_END - 60, _END)
    whole = drawn(lambda painter, box: draw_sparkline(painter, box, _steady(), span, 1.0, LIGHT))
    broken = drawn(lambda painter, box: draw_sparkline(painter, box, _steady(range(20, 40)), span, 1.0, LIGHT))
    surface = LIGHT.surface.rgb()

    def empty(image: QImage) -> list[int]:
        return [x for x in range(120) if all(image.pixel(x, y) == surface for y in range(26))]

    assert not empty(whole)
    assert set(range(42, 78)) <= set(empty(broken))
    flat = drawn(lambda painter, box: draw_flat_line(painter, box, LIGHT))
    assert len({y for x in range(120) for y in range(26) if flat.pixel(x, y) != surface}) <= 2


def test_signals_keep_their_references() -> None:
    """PySide6 6.12.0 on Python 3.11 loses one reference to True with each emit and aborts after some hundreds."""

    class Source(QObject):
        told = Signal(bool)

    source = Source()
    before = sys.getrefcount(True)
    for _ in range(2000):
        source.told.emit(True)
    assert abs(sys.getrefcount(True) - before) < 200


def _drag(chart: Chart, start: float, end: float) -> None:
    frame = chart._frame()
    places = [QPointF(frame.x(at), frame.zero).toPoint() for at in (start, end)]
    QTest.mousePress(chart, Qt.MouseButton.LeftButton, pos=places[0])
    QTest.mouseMove(chart, (places[0] + places[1]) / 2)
    QTest.mouseMove(chart, places[1])
    before = chart.grab().toImage()
    QTest.mouseRelease(chart, Qt.MouseButton.LeftButton, pos=places[1])
    assert chart.grab().toImage() != before


@pytest.mark.parametrize("backwards", [False, True])
def test_a_drag_shows_that_part_alone_and_a_double_click_all(application, backwards: bool) -> None:
    points = _steady()
    points[45] = points[45]._replace(rx=50e6)
    chart, told = _chart(application, points), []
    chart.zoomed.connect(lambda: told.append(chart.zoom))
    span = (_END - 40, _END - 20)
    _drag(chart, *(reversed(span) if backwards else span))
    assert chart.zoom == pytest.approx(span, abs=0.2)
    assert (chart._start, chart._end) == chart.zoom
    assert chart._down.top < 10e6, "what is not seen matters to no scale"
    assert chart._peak().rx_peak == 5e6
    assert not chart._gaps
    clock = datetime.fromtimestamp(chart.zoom[0]).astimezone().strftime("%H:%M:%S")
    assert f"Total rate, {clock}–" in chart.accessibleName()
    later = [*points[1:], Point(_END + 1, 5e6, 1e6)]
    chart.set_series(None, later, _END + 1, 1.0)
    assert (chart._start, chart._end) == pytest.approx(span, abs=0.2), "it stands still"
    QTest.mouseDClick(chart, Qt.MouseButton.LeftButton, pos=chart.rect().center())
    assert chart.zoom is None
    assert chart._end == _END + 1
    assert len(told) == 2


def test_a_click_with_a_trembling_hand_is_no_drag(application) -> None:
    chart = _chart(application, _steady())
    middle = chart._frame().box.center().toPoint()
    QTest.mousePress(chart, Qt.MouseButton.LeftButton, pos=middle)
    QTest.mouseMove(chart, middle + QPoint(3, 0))
    QTest.mouseRelease(chart, Qt.MouseButton.LeftButton, pos=middle + QPoint(3, 0))
    assert chart.zoom is None
    assert chart._frozen


def test_closer_and_further_by_keyboard(application) -> None:
    chart = _chart(application, _steady())
    QTest.keyClick(chart, Qt.Key.Key_Minus)
    assert chart.zoom is None, "there is no more than all"
    chart.step(0)
    for _ in range(30):
        chart.step(-1)
    QTest.keyClick(chart, Qt.Key.Key_Plus)
    assert chart.zoom == pytest.approx((_END - 45, _END - 15))
    for _ in range(9):
        QTest.keyClick(chart, Qt.Key.Key_Plus)
    assert chart._span == 8, "not closer than a few points"
    for _ in range(9):
        QTest.keyClick(chart, Qt.Key.Key_Minus)
    assert chart.zoom is None
    assert not chart.show_all()


def test_a_gap_at_the_edge_of_what_is_shown(application) -> None:
    chart = _chart(application, _steady(range(20, 40)))
    chart.zoom_to(_END - 30, _END - 5)
    chart.grab()
    (gap,) = chart._gaps
    assert gap.start == pytest.approx(chart._start)
    assert gap.end == _END - 20
    assert chart.gap_text(gap).startswith("asleep until ")
