"""Nothing is cut or covered, whatever the window shows."""

from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtWidgets import QAbstractButton, QApplication, QLineEdit, QWidget
from windows import FEW, Open, connection, interface, tick, until, uplink

from netwatch_tray.errors import Message
from netwatch_tray.feed.protocol import ConnectionsMessage, TickMessage
from netwatch_tray.model import Why, WhyCode
from netwatch_tray.window.table.view import TableView
from netwatch_tray.window.widgets.rate_readout import RateReadout
from netwatch_tray.window.widgets.text import Text
from netwatch_tray.window.widgets.theme import text_width


def _extreme() -> tuple[TickMessage, ConnectionsMessage]:
    """Return messages with names as long as the kernel allows, 300 interfaces and 3000 connections."""
    many = [
        uplink(
            number,
            f"enx{number:012x}",
            999e6,
            999e3,
            rx_errors=7**number,
            why=Why(WhyCode.UNDERLAY, ("carries " * 12,)),
        )
        for number in range(1, 4)
    ]
    many += [
        interface(number, f"veth{number:08x}@if", None if number % 5 else 9.99, 0.0, is_up=bool(number % 7),
                  kind="a-kind-with-a-long-name", over=(f"veth{number - 1:08x}@if",), speed=400_000_000_000,
                  tx_drops=9**number, addresses=("2001:db8:ffff:ffff:ffff:ffff:ffff:ffff/128",) * 9)
        for number in range(4, 301)
    ]  # fmt: skip
    address = "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"
    rows = tuple(
        connection(number, "a-process-with-a-name-that-does-not-end" * 2, pid=4194304, local_address=address,
                   remote_address=address, local_port=65535, remote_port=65535, state="CLOSE_WAIT")
        for number in range(3000)
    )  # fmt: skip
    return TickMessage(tick(*many)), ConnectionsMessage(
        reset=True, added=rows, source="sock_diag and /proc", fault=Message("lsof " * 40)
    )


def _boxes(window: QWidget, parent: QWidget) -> list[tuple[QWidget, QRect]]:
    return [
        (each, QRect(each.mapTo(window, QPoint(0, 0)), each.size()))
        for each in parent.findChildren(QWidget, options=Qt.FindChildOption.FindDirectChildrenOnly)
        if each.isVisible() and not each.isWindow()
    ]


def _check(window: QWidget, parent: QWidget) -> None:
    """Check that each control lies inside its parent, overlaps no sibling, and has at least its size hint."""
    inside = QRect(parent.mapTo(window, QPoint(0, 0)), parent.size())
    boxes = _boxes(window, parent)
    for number, (widget, box) in enumerate(boxes):
        assert inside.contains(box), f"{widget} sticks out of {parent}"
        assert not [other for other, taken in boxes[:number] if taken.intersects(box)], f"{widget} lies on another"
        if isinstance(widget, QAbstractButton | RateReadout):
            assert widget.width() >= widget.sizeHint().width(), f"{widget} is cut"
            assert widget.height() >= widget.sizeHint().height(), f"{widget} is cut"
        elif isinstance(widget, Text):
            assert widget.height() >= widget.fontMetrics().height(), f"“{widget.text()}” is cut"
        elif not isinstance(widget, TableView | QLineEdit):
            _check(window, widget)


def _check_table(table: TableView[Any]) -> None:
    columns = table.model().columns
    shown = [index for index in range(len(columns)) if not table.isColumnHidden(index)]
    assert sum(table.columnWidth(index) for index in shown) == table.viewport().width()
    for index in shown:
        column, room = columns[index], table.columnWidth(index)
        padding = table.padding(index)
        room -= padding.left() + padding.right()
        assert room >= text_width(table.theme.fonts.small_strong, column.title)
        if column.numeric:  # a number without its end would be another number
            assert isinstance(column.widest, str)
            assert room >= text_width(table.theme.fonts.strong, column.widest)


@pytest.mark.parametrize("size", [(720, 480), (960, 640), (1280, 800)], ids=str)
@pytest.mark.parametrize("scheme", [Qt.ColorScheme.Light, Qt.ColorScheme.Dark], ids=lambda scheme: scheme.name)
@pytest.mark.parametrize("data", ["empty", "typical", "extreme", "lost"])
def test_nothing_is_cut_or_covered(
    application: QApplication, open_window: Open, size: tuple[int, int], scheme: Qt.ColorScheme, data: str
) -> None:
    opened = open_window(scheme, size)
    if data in ("typical", "lost"):
        opened.say(TickMessage(tick(*FEW)), ConnectionsMessage(reset=True, added=(connection(1), connection(2))))
    elif data == "extreme":
        opened.say(*_extreme())
    if data == "lost":
        opened.agent.stop()
        until(lambda: not opened.link.connected, "it is noticed")
    tables: list[TableView[Any]] = [opened.window.interfaces.table, opened.window.connections.table]
    for page, table in enumerate(tables):
        opened.window.turn_to(page)
        if data == "extreme":
            table.selectRow(1)
        application.processEvents()
        picture = opened.window.grab().toImage()
        assert (picture.width(), picture.height()) == size
        _check(opened.window, opened.window)
        if table.isVisible():
            _check_table(table)
        ground = opened.theme.tokens.window
        assert picture.pixelColor(size[0] - 2, 4) == ground
        assert picture.pixelColor(2, size[1] - 4) == ground
    assert opened.window.interfaces.range_chart.chart.height() >= 140


def test_nothing_is_cut_or_covered_with_a_larger_font(application: QApplication, open_window: Open) -> None:
    before = application.font()
    larger = application.font()
    larger.setPixelSize(20)
    application.setFont(larger)
    try:
        opened = open_window(size=(960, 640))
        opened.say(TickMessage(tick(*FEW)), ConnectionsMessage(reset=True, added=(connection(1),)))
        for page in (0, 1):
            opened.window.turn_to(page)
            application.processEvents()
            _check(opened.window, opened.window)
    finally:
        application.setFont(before)
