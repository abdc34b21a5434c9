"""The columns of the interface table."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from PySide6.QtCore import QCoreApplication, QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QFontMetrics, QPainter, QPen

from netwatch_tray import units
from netwatch_tray.model import InterfaceTick
from netwatch_tray.units import DOWN, UP, Units
from netwatch_tray.window.chart import draw_flat_line, draw_sparkline
from netwatch_tray.window.controls import widest_unit
from netwatch_tray.window.geometry import Point
from netwatch_tray.window.table import Cell, Column

_SPARK_WIDTH, _SPARK_HEIGHT = 120, 26
_SPARK_S = 60.0
_TWO_LINES = 36
"""From this row height on there is room for a second line."""
_MOST_ERRORS = 99_999
"""More are not told apart in the table."""
_MARK = 16
"""Width of the mark that says whether an interface is counted."""

translate = QCoreApplication.translate


class Live(NamedTuple):
    """What the cells are drawn from besides their own record."""

    points: Callable[[int, float], list[Point]]
    """Of an interface by index, since a moment."""
    end: float
    """The moment at the right edge of the spark lines."""
    interval: float
    units: Units


def columns(live: Callable[[], Live]) -> list[Column[InterfaceTick]]:
    """`live` gives what holds at the moment of drawing."""
    return [
        Column(
            title=translate("Interfaces", "Interface"),
            text=lambda each: each.name,
            order=_place,
            draw=_draw_name,
            widest="enx00e04c680a1b",
            least="wlp0s20f3",
            stretch=1,
        ),
        Column(
            title=translate("Interfaces", "Activity"),
            text=lambda _each: "",
            draw=lambda cell, each: _draw_activity(cell, each, live()),
            tooltip=lambda _each: translate("Interfaces", "The last minute, download above upload"),
            widest=_SPARK_WIDTH,
            goes=1,
        ),
        _rate_column(DOWN, translate("Interfaces", "Download"), lambda each: each.rx_rate, live),
        _rate_column(UP, translate("Interfaces", "Upload"), lambda each: each.tx_rate, live),
        Column(
            title=translate("Interfaces", "Errors"),
            text=lambda each: _grouped(each.rx_errors + each.tx_errors),
            draw=_draw_errors,
            tooltip=_explain_errors,
            widest=_grouped(_MOST_ERRORS) + ">",
            numeric=True,
            goes=2,
        ),
        Column(
            title=translate("Interfaces", "Total"),
            text=lambda each: _sentence(each.why),
            draw=_draw_why,
            widest="Not counted: traffic of this computer with itself",
            least="Not counted: down, or",
            stretch=3,
        ),
    ]


def draw_rate(cell: Cell, rate: float | None, shown_in: Units) -> None:
    """Number and unit in columns of their own; zero and unknown alone at the edge."""
    tokens, fonts = cell.tokens, cell.theme.fonts
    quantity = units.rate(rate, shown_in)
    if not rate:
        cell.text(quantity.value, tokens.ink3, align=Qt.AlignmentFlag.AlignRight)
        return
    unit = widest_unit(fonts.small, shown_in)
    number = QRect(cell.box)
    number.setRight(cell.box.right() - unit - 4)
    cell.text(quantity.value, font=fonts.strong, box=number, align=Qt.AlignmentFlag.AlignRight)
    place = QRect(cell.box.right() + 1 - unit, cell.box.top() + 1, unit, cell.box.height())
    cell.text(quantity.unit, tokens.ink2, fonts.small, box=place)


def _rate_column(
    arrow: str, spoken: str, rate: Callable[[InterfaceTick], float | None], live: Callable[[], Live]
) -> Column[InterfaceTick]:
    def explain(each: InterfaceTick) -> str:
        if rate(each) is None:
            return translate("Interfaces", "{direction}: not known at this moment").format(direction=spoken)
        return f"{spoken}: {units.rate(rate(each), live().units)}"

    return Column(
        title=arrow,
        text=lambda each: str(units.rate(rate(each), live().units)),
        draw=lambda cell, each: draw_rate(cell, rate(each), live().units),
        tooltip=explain,
        widest="0000 Mbit/s",
        numeric=True,
    )


def _place(each: InterfaceTick) -> tuple[bool, bool, list[tuple[str, int]]]:
    """Counted ones first, those that are down last, eth2 before eth10."""
    parts = re.findall(r"(\D*)(\d*)", each.name)
    return (not each.is_uplink, not each.is_up, [(text, int(digits or 0)) for text, digits in parts])


def _lines(cell: Cell) -> tuple[QRect, QRect]:
    """The upper and the lower line of a two-line cell."""
    upper, lower = QFontMetrics(cell.theme.fonts.base).height(), QFontMetrics(cell.theme.fonts.small).height()
    top = cell.box.top() + (cell.box.height() - upper - lower) // 2
    return (
        QRect(cell.box.left(), top, cell.box.width(), upper),
        QRect(cell.box.left(), top + upper, cell.box.width(), lower),
    )


def _draw_name(cell: Cell, each: InterfaceTick) -> None:
    fonts, tokens = cell.theme.fonts, cell.tokens
    if each.is_up or cell.box.height() < _TWO_LINES:
        colour = tokens.ink if each.is_up else tokens.ink2
        cell.text(each.name, colour, fonts.strong, elide=Qt.TextElideMode.ElideMiddle)
        return
    upper, lower = _lines(cell)
    cell.text(each.name, tokens.ink, fonts.strong, box=upper, elide=Qt.TextElideMode.ElideMiddle)
    cell.text(translate("Interfaces", "Down"), tokens.ink3, fonts.small, box=lower)


def _draw_activity(cell: Cell, each: InterfaceTick, live: Live) -> None:
    height = min(_SPARK_HEIGHT, cell.box.height() - 6)
    box = QRectF(
        cell.box.left(), cell.box.top() + (cell.box.height() - height) / 2, min(_SPARK_WIDTH, cell.box.width()), height
    )
    if not each.is_up:
        draw_flat_line(cell.painter, box, cell.tokens)
        return
    start = live.end - _SPARK_S
    draw_sparkline(cell.painter, box, live.points(each.index, start), (start, live.end), live.interval, cell.tokens)


def _draw_errors(cell: Cell, each: InterfaceTick) -> None:
    errors = each.rx_errors + each.tx_errors
    fonts, tokens = cell.theme.fonts, cell.tokens
    colour, font = (tokens.ink, fonts.strong) if errors else (tokens.ink3, fonts.base)
    # A number that lost its end would be another number; the tooltip has it whole.
    text = _grouped(errors) if errors <= _MOST_ERRORS else f">{_grouped(_MOST_ERRORS)}"
    cell.text(text, colour, font, align=Qt.AlignmentFlag.AlignRight)


def _explain_errors(each: InterfaceTick) -> str:
    return translate(
        "Interfaces",
        "Since boot, received and sent. Errors: {rx_errors} and {tx_errors}. Dropped: {rx_drops} and {tx_drops}.",
    ).format(
        rx_errors=_grouped(each.rx_errors),
        tx_errors=_grouped(each.tx_errors),
        rx_drops=_grouped(each.rx_drops),
        tx_drops=_grouped(each.tx_drops),
    )


def _draw_why(cell: Cell, each: InterfaceTick) -> None:
    tokens, fonts, painter = cell.tokens, cell.theme.fonts, cell.painter
    whole = _sentence(each.why)
    verdict, colon, reason = whole.partition(": ")
    upper, lower = _lines(cell)
    two = bool(colon) and cell.box.height() >= _TWO_LINES
    line = upper if two else cell.box
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    middle = QPointF(cell.box.left() + 5, line.center().y() + 0.5)
    if each.is_uplink:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(tokens.ink)
        painter.drawEllipse(middle, 4, 4)
    else:
        painter.setPen(QPen(tokens.ink3, 1.5))
        painter.drawLine(middle - QPointF(4, 0), middle + QPointF(4, 0))
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
    for box in (upper, lower, line):
        box.setLeft(cell.box.left() + _MARK)
    if two:
        cell.text(verdict, tokens.ink if each.is_uplink else tokens.ink2, box=upper)
        cell.text(_sentence(reason), tokens.ink3, fonts.small, box=lower)
    else:
        cell.text(whole, tokens.ink2, box=QRect(line))


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _grouped(count: int) -> str:
    """Thousands apart by narrow no-break spaces."""
    return f"{count:,}".replace(",", "\u202f")
