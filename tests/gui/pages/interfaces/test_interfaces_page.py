"""The page Interfaces."""

from __future__ import annotations

from typing import Any

import pytest
from painted import drawn
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QWidget
from windows import (
    FEW,
    Open,
    button,
    child,
    interface,
    past_tick,
    readouts,
    rx_of,
    table_texts,
    tick,
    until,
    uplink,
    visible_text,
)

from netwatch_tray import units
from netwatch_tray.feed.protocol import TickMessage
from netwatch_tray.model import GapReason
from netwatch_tray.units import Units
from netwatch_tray.window.pages.interfaces.rates_strip import RatesStrip
from netwatch_tray.window.table.column import Cell
from netwatch_tray.window.widgets.buttons import LinkButton
from netwatch_tray.window.widgets.rate_readout import RateReadout
from netwatch_tray.window.widgets.text import Text


def test_interfaces_are_listed_and_the_total_is_shown(open_window: Open) -> None:
    opened = open_window()
    assert readouts(opened.window) == ["download unknown", "upload unknown"]
    opened.say(TickMessage(tick(*FEW)))
    page = opened.window.interfaces
    assert readouts(opened.window) == ["download 12.4 MB/s", "upload 840 kB/s"]
    assert "eth0 only. 2 interfaces not counted." in visible_text(page)
    assert "Live, every 1 s   1 point = 1 s" in visible_text(opened.window)
    assert [row[:4] for row in table_texts(page.table)] == [
        ["eth0", "", "12.4 MB/s", "840 kB/s"],
        ["lo", "", "2.64 MB/s", "2.64 MB/s"],
        ["wg0", "", "2.10 MB/s", "96.2 kB/s"],
    ]
    assert table_texts(page.table)[2][7] == "Not counted: traffic of wg0 already passes eth0"


def test_rates_of_a_container_are_those_that_the_container_sees(open_window: Open) -> None:
    past = past_tick(2.0, 5.0, 700.0, index=9), past_tick(1.0, 5.0, 700.0, index=9)
    opened = open_window(Qt.ColorScheme.Light, (1280, 800), *past)
    veth = interface(9, "veth1", 5.0, 700.0, kind="veth", over=("docker0",), faces_inside=True)
    opened.say(TickMessage(tick(uplink(2, "eth0", 1.0, 1.0), veth)))
    page = opened.window.interfaces
    assert table_texts(page.table)[1][2:4] == ["700 B/s", "5 B/s"]
    assert "other end" in str(page.table.model().index(1, 0).data(Qt.ItemDataRole.ToolTipRole))
    page.table.selectRow(1)
    assert readouts(opened.window) == ["download 700 B/s", "upload 5 B/s"]
    assert rx_of(page.range_chart.chart.moments()[-1]) == 700.0


def test_cells_describe_the_interface(open_window: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[str] = []
    text = Cell.text

    def spy(cell: Cell, words: str, *arguments: Any, **more: Any) -> None:
        drawn.append(words)
        text(cell, words, *arguments, **more)

    monkeypatch.setattr(Cell, "text", spy)
    opened = open_window(size=(1280, 800))
    opened.say(
        TickMessage(
            tick(
                uplink(2, "wlan0", 1.0, 1.0, kind="wifi", speed=866_700_000, tx_drops=14, drop_rate=2.0, mtu=1500,
                       addresses=("fe80::1/64", "2001:db8::24/64", "192.0.2.24/24")),
                interface(3, "eth0", kind="ethernet", is_up=False, speed=None),
                interface(4, "wg0", 0.0, 0.0, kind="wireguard", over=("wlan0",)),
                interface(5, "eth1", 0.0, 0.0, kind="ethernet", speed=2_500_000_000, error_rate=0.25, rx_errors=7),
            )
        )
    )  # fmt: skip
    page = opened.window.interfaces
    page.table.grab()
    assert {"Wi-Fi, uplink", "Ethernet, down", "WireGuard tunnel over wlan0"} <= set(drawn)
    assert {"867 Mbit/s", "2.5 Gbit/s"} <= set(drawn)
    assert {"2 drop/s", "7", "0.25 err/s"} <= set(drawn), "while it goes wrong, how fast"
    assert {"192.0.2.24/24", "2001:db8::24/64 +1", "no address"} <= set(drawn), "what others reach it by comes first"
    model = page.table.model()
    tips = {str(model.index(row, column).data(Qt.ItemDataRole.ToolTipRole)) for row in range(4) for column in range(8)}
    assert "192.0.2.24/24\n2001:db8::24/64\nfe80::1/64" in tips
    assert "wlan0\nWi-Fi, uplink\nLink: 867 Mbit/s\nPackets of up to 1\u202f500 bytes (MTU)" in tips
    assert any("Now, per second: 0.25 errors" in tip for tip in tips)
    assert any("errors, 2 dropped." in tip for tip in tips)


def test_rates_are_in_the_chosen_units(open_window: Open) -> None:
    opened = open_window(units=Units(bits=True))
    opened.say(TickMessage(tick(*FEW)))
    assert readouts(opened.window) == ["download 99.2 Mbit/s", "upload 6.72 Mbit/s"]


def test_an_unknown_rate_is_a_dash_with_its_reason(open_window: Open) -> None:
    opened = open_window()
    opened.say(TickMessage(tick(uplink(2, "eth0", None, None), gap=GapReason.ASLEEP)))
    page = opened.window.interfaces
    assert table_texts(page.table)[0][2:4] == [units.UNKNOWN, units.UNKNOWN]
    assert [each.toolTip() for each in page.findChildren(RateReadout)] == ["Unknown for this moment: asleep"] * 2
    opened.say(TickMessage(tick(uplink(2, "eth0", 0.0, 0.0))))
    assert table_texts(page.table)[0][2:4] == ["0 B/s", "0 B/s"]
    assert [each.toolTip() for each in page.findChildren(RateReadout)] == ["", ""]


def test_changing_numbers_move_no_widget(open_window: Open) -> None:
    opened = open_window()
    opened.say(TickMessage(tick(*FEW)))
    before = [each.geometry() for each in opened.window.findChildren(QWidget)]
    for rate in (0.0, 9.1, 999.4e6, None):
        opened.say(TickMessage(tick(uplink(2, "eth0", rate, rate), *FEW[1:])))
        assert [each.geometry() for each in opened.window.findChildren(QWidget)] == before


def test_the_chart_shows_the_selected_interface(open_window: Open) -> None:
    opened = open_window()
    opened.say(TickMessage(tick(*FEW)))
    page = opened.window.interfaces
    page.table.selectRow(2)
    opened.say(TickMessage(tick(interface(7, "aaa0", 1.0, 1.0), *FEW)))
    assert page.range_chart.chart._title == "wg0", "selected by identity, not by row"
    assert readouts(opened.window) == ["download 2.10 MB/s", "upload 96.2 kB/s"]
    assert "wg0 | Other." in visible_text(page)
    assert rx_of(page.range_chart.chart.moments()[-1]) == 2.1e6
    opened.say(TickMessage(tick(*FEW[:1])))
    assert page.range_chart.chart._title is None, "it was removed: the total is shown again"
    assert readouts(opened.window) == ["download 12.4 MB/s", "upload 840 kB/s"]
    assert "Total | " in visible_text(page)
    assert rx_of(page.range_chart.chart.moments()[-1]) == 12.4e6
    page.table.selectRow(0)
    assert page.range_chart.chart._title == "eth0"
    QTest.keyClick(opened.window, Qt.Key.Key_Escape)
    assert page.range_chart.chart._title is None
    assert opened.window.isVisible()


def test_the_popover_explains_the_total(open_window: Open) -> None:
    opened = open_window()
    opened.say(TickMessage(tick(*FEW)))
    page = opened.window.interfaces
    button(page, "Why this total").click()
    said = visible_text(page.why)
    assert "eth0 | 12.4 MB/s | 840 kB/s | counted: carries the default route" in said
    assert "lo | 2.64 MB/s | 2.64 MB/s | not counted: traffic of this computer with itself" in said
    assert "Total | 12.4 MB/s | 840 kB/s" in said
    indents = [text.contentsMargins().left() for text in page.why.findChildren(Text)]
    assert not any(indents), "nothing is known to run over another"
    assert "would count it twice" not in said
    over = [*FEW, interface(4, "tun0", 1.0, 1.0, over=("wg0",)), interface(5, "wg1", 1.0, 1.0, over=("eth0",))]
    opened.say(TickMessage(tick(*over)))
    opened.say(TickMessage(tick(*over[:1], interface(3, "wg0", 1.0, 1.0, over=("eth0",)), *over[2:])))
    tree = {
        text.text(): (text.contentsMargins().left(), text.accessibleName())
        for text in page.why.findChildren(Text)
        if text.accessibleName()
    }
    assert "would count it twice" in visible_text(page.why)
    assert list(tree) == ["eth0", "wg0", "tun0", "wg1", "lo"]
    assert [left // 18 for left, _spoken in tree.values()] == [0, 1, 2, 1, 0]
    assert tree["tun0"][1] == "tun0, over wg0"
    opened.say(TickMessage(tick(uplink(2, "eth0", 5e6, 1e3))))
    assert "Total | 5.00 MB/s | 1.00 kB/s" in visible_text(page.why)
    assert "lo" not in visible_text(page.why)
    child(page.why, LinkButton).click()
    assert not page.why.isVisible()
    settings = opened.window.settings
    until(lambda: settings.form.links.checkedButton().text() == "Interfaces in the total", "where that is chosen")


def test_a_count_too_large_for_its_column_is_shown_as_a_bound(
    open_window: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[str] = []
    text = Cell.text

    def spy(cell: Cell, words: str, *arguments: Any, **more: Any) -> None:
        drawn.append(words)
        text(cell, words, *arguments, **more)

    monkeypatch.setattr(Cell, "text", spy)
    opened = open_window()
    opened.say(TickMessage(tick(uplink(2, "eth0", 1.0, 1.0, rx_errors=99_999, tx_errors=1))))
    opened.window.interfaces.table.grab()
    assert ">99\u202f999" in drawn


def test_paused_rates_outlive_the_agent(open_window: Open) -> None:
    opened = open_window()
    opened.say(TickMessage(tick(*FEW)))
    opened.window.toggle_pause()
    assert "Frozen: measuring continues" in visible_text(opened.window)
    opened.agent.stop()
    until(lambda: "Frozen: measuring continues" not in visible_text(opened.window), "the window notices")
    assert readouts(opened.window) == ["download 12.4 MB/s", "upload 840 kB/s"]
    assert table_texts(opened.window.interfaces.table)[0][2] == "12.4 MB/s"
    assert "Frozen" in visible_text(opened.window)
    opened.window.toggle_pause()
    assert readouts(opened.window) == ["download unknown", "upload unknown"]
    assert table_texts(opened.window.interfaces.table)[0][2] == "–"


def test_what_the_rates_belong_to_is_never_cut(open_window: Open) -> None:
    opened = open_window(size=(720, 480))
    opened.say(TickMessage(tick(*(uplink(number, f"enp{number}s0f1np1v24", 1e6, 1e6) for number in range(2, 9)))))
    strip = child(opened.window.interfaces, RatesStrip)
    assert "Total" in drawn(strip).split(" | ")
