from __future__ import annotations

from collections.abc import Iterator

import pytest
from charts import END, columns, near, shown, steady
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QHelpEvent, QImage
from PySide6.QtWidgets import QApplication, QToolTip
from windows import rx_of

from netwatch_tray.model import GapReason
from netwatch_tray.units import Units
from netwatch_tray.window.chart import layers
from netwatch_tray.window.chart.plot import Plot
from netwatch_tray.window.chart.series import GapSpan, Point
from netwatch_tray.window.widgets.theme import DARK, LIGHT, Theme, Tokens


@pytest.mark.parametrize(
    ("scheme", "tokens"), [(Qt.ColorScheme.Light, LIGHT), (Qt.ColorScheme.Dark, DARK)], ids=["light", "dark"]
)
def test_a_gap_breaks_both_curves_and_is_hatched(
    application: QApplication, scheme: Qt.ColorScheme, tokens: Tokens
) -> None:
    plot = shown(Plot, application, steady(range(20, 40)), scheme)
    image, box = plot.grab().toImage(), plot.scene().frame.box
    first, last = (box.left() + second / 60 * box.width() for second in (19, 40))
    inside = range(round(first) + 4, round(last) - 4)
    for colour in (tokens.down, tokens.up):
        drawn = columns(image, colour)
        assert not drawn & set(inside)
        for second in (15, 45):
            assert round(box.left() + second / 60 * box.width()) in drawn
    assert len({image.pixel(x, round(box.top()) + 40) for x in inside}) > 1, "hatched"


def test_curves_are_drawn_at_the_height_of_their_rates(application: QApplication) -> None:
    plot = shown(Plot, application, steady())
    frame, image = plot.scene().frame, plot.grab().toImage()
    x = round(frame.x(END - 20))
    down, up = (
        [y for y in range(image.height()) if near(image.pixel(x, y), colour)] for colour in (LIGHT.down, LIGHT.up)
    )
    assert abs(sum(down) / len(down) + 0.5 - frame.down_y(5e6)) <= 1
    assert abs(sum(up) / len(up) + 0.5 - frame.up_y(1e6)) <= 1
    assert frame.down_y(5e6) < frame.zero < frame.up_y(1e6)


@pytest.mark.parametrize(
    ("points", "text"),
    [
        (steady()[30:], "no data until"),
        (steady()[:30], "no data since"),
        (steady(range(50, 61)), "asleep since"),
        (steady(range(10)), "asleep until"),
        (steady(range(20, 40)), "asleep "),
        ([], "no data"),
    ],
)
def test_the_description_names_every_gap(application: QApplication, points: list[Point], text: str) -> None:
    assert text in shown(Plot, application, points).accessibleDescription()


def test_the_description_is_written_at_most_every_five_seconds(
    application: QApplication, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr("netwatch_tray.window.chart.plot.time.monotonic", lambda: now)
    plot = shown(Plot, application, steady())
    assert plot.accessibleName() == "Total rate, last minute"
    assert "download 5.00 MB/s, upload 1.00 MB/s, peak 5.00 MB/s at " in plot.accessibleDescription()
    now = 104.0
    plot.set_series(None, steady(rx=7e6), END, 1.0)
    plot.grab()
    assert "download 5.00 MB/s" in plot.accessibleDescription()
    now = 105.0
    plot.set_series(None, steady(rx=7e6), END, 1.0)
    plot.grab()
    assert "download 7.00 MB/s" in plot.accessibleDescription()


def test_the_tooltip_of_a_gap_gives_its_reason(application: QApplication, monkeypatch: pytest.MonkeyPatch) -> None:
    texts: list[str] = []
    monkeypatch.setattr(QToolTip, "showText", lambda _place, text, _widget: texts.append(text))
    plot = shown(Plot, application, steady(range(20, 40)))
    for second in (30, 50):
        place = QPoint(round(plot.scene().frame.x(END - 60 + second)), 100)
        application.sendEvent(plot, QHelpEvent(QHelpEvent.Type.ToolTip, place, plot.mapToGlobal(place)))
    assert texts[0].startswith("asleep ")
    assert texts[1] == ""


@pytest.fixture
def updates(monkeypatch: pytest.MonkeyPatch) -> list[layers.Scene]:
    """Return a list of the scenes that pictures are updated with from now on."""
    scenes: list[layers.Scene] = []
    update = layers.Picture.update

    def spy(picture: layers.Picture, scene: layers.Scene) -> None:
        scenes.append(scene)
        update(picture, scene)

    monkeypatch.setattr(layers.Picture, "update", spy)
    return scenes


def test_hidden_chart_computes_nothing(application: QApplication, updates: list[layers.Scene]) -> None:
    plot = shown(Plot, application, steady())
    plot.hide()
    updates.clear()
    before = plot.series.visible
    plot.set_series(None, steady(rx=1e6), END, 1.0)
    application.processEvents()
    assert not updates
    assert plot.series.visible is before
    assert max(rx_of(known) for known in plot.moments()) == 1e6, "but its table gets the newest points"


def test_the_picture_is_drawn_once_per_tick(application: QApplication, updates: list[layers.Scene]) -> None:
    plot = shown(Plot, application, steady())
    updates.clear()
    for _ in range(3):
        plot.repaint()
    assert not updates
    plot.set_series(None, steady(), END, 1.0)
    for _ in range(3):
        plot.repaint()
    assert len(updates) == 1


def _jagged(end: int, holes: range = range(0)) -> list[Point]:
    """Return points from long before the start on, always the same at each moment."""
    return [
        Point(END + second, *((None, None, GapReason.ASLEEP) if second in holes else (3e6 + 2e6 * _wave(second), 4e5)))
        for second in range(-4000, end + 1)
    ]


def _wave(second: int) -> float:
    return (second * 7919 % 101) / 101


def _greens(image: QImage) -> Iterator[int]:
    for x in range(image.width()):
        for y in range(image.height()):
            yield image.pixel(x, y) >> 8 & 255


@pytest.mark.parametrize("span", [60, 300, 3600])
@pytest.mark.parametrize("holes", [range(0), range(30, 38)], ids=["whole", "broken"])
def test_a_scrolled_picture_equals_a_redrawn_one(application: QApplication, span: int, holes: range) -> None:
    def opened() -> Plot:
        plot = Plot(Theme(application, Qt.ColorScheme.Light))
        plot.resize(701, 300)
        plot.set_range(span, "some time")
        plot.show()
        return plot

    scrolled = opened()
    for end in range(0, 75, 1 if span == 60 else 3):
        scrolled.set_series(None, _jagged(end, holes), END + end, 1.0)
        scrolled.repaint()
    anew = opened()
    anew.set_series(None, _jagged(end, holes), END + end, 1.0)
    anew.repaint()
    pixels = zip(_greens(scrolled.grab().toImage()), _greens(anew.grab().toImage()), strict=True)
    # The same but for antialiasing where two pieces meet.
    assert sum(abs(one - other) > 60 for one, other in pixels) < 40


def test_the_rates_beside_the_grid_are_in_the_users_units(
    application: QApplication, monkeypatch: pytest.MonkeyPatch
) -> None:
    used: list[Units] = []

    def spy(ticks: list[float], shown_in: Units) -> list[str]:
        used.append(shown_in)
        return [""] * len(ticks)

    monkeypatch.setattr(layers, "rate_labels", spy)
    plot = shown(Plot, application, steady())
    plot.set_units(Units(bits=True))
    used.clear()
    plot.grab()
    assert set(used) == {Units(bits=True)}


def test_a_notice_is_written_over_the_faded_chart(application: QApplication) -> None:
    plot = shown(Plot, application, steady())
    plain = plot.grab().toImage()
    plot.show_notice("Reading the history …")
    assert columns(plain, LIGHT.down)
    assert not columns(plot.grab().toImage(), LIGHT.down)
    plot.show_notice("")
    assert plot.grab().toImage() == plain


def test_a_gap_at_the_edge_of_the_zoomed_part_begins_at_the_edge(application: QApplication) -> None:
    plot = shown(Plot, application, steady(range(20, 40)))
    plot.zoom_to(END - 30, END - 5)
    gap = plot.moments()[0]
    assert isinstance(gap, GapSpan)
    assert gap.start == pytest.approx(END - 30)
    assert gap.end == END - 20
    plot.grab()
    assert "asleep until " in plot.accessibleDescription()


def test_scales_peak_and_name_are_those_of_the_zoomed_part(application: QApplication) -> None:
    points = steady()
    points[45] = points[45]._replace(rx=50e6)
    plot = shown(Plot, application, points)
    assert plot.scene().frame.down_top > 50e6
    plot.zoom_to(END - 40, END - 20)
    plot.grab()
    assert plot.scene().frame.down_top < 10e6
    assert "peak 5.00 MB/s" in plot.accessibleDescription()
    assert plot.accessibleName().startswith("Total rate, ")
    assert plot.accessibleName().count("–") == 1


def test_zoomed_points_replace_coarser_ones_until_the_whole_range_is_shown(application: QApplication) -> None:
    plot, announced = shown(Plot, application, steady()), []
    plot.zoomed.connect(lambda: announced.append(plot.zoom))
    plot.set_zoomed_points([], 1.0)
    assert len(plot.moments()) == 61, "nothing is zoomed yet"
    plot.zoom_to(END - 40, END - 20)
    finer = [Point(END - 40 + number / 2, 1e6, 1e6) for number in range(41)]
    plot.set_zoomed_points(finer, 0.5)
    assert {rx_of(known) for known in plot.moments()} == {1e6}
    plot.set_series(None, [*steady(), Point(END + 1, 5e6, 1e6)], END + 1, 1.0)
    assert {rx_of(known) for known in plot.moments()} == {1e6}, "it stands still"
    plot.set_series("eth0", steady(rx=2e6), END, 1.0)
    assert {rx_of(known) for known in plot.moments()} == {2e6}, "another interface, the same part"
    assert plot.show_all()
    assert not plot.show_all()
    assert len(plot.moments()) == 61
    assert announced == [(END - 40, END - 20), None]
