"""The columns of the interface table."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from PySide6.QtCore import QCoreApplication, QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QPen

from netwatch_tray import units, wording
from netwatch_tray.model import InterfaceTick
from netwatch_tray.units import DOWN, UP, Quantity, Units
from netwatch_tray.window.chart.series import Point
from netwatch_tray.window.chart.sparkline import draw_flat_line, draw_sparkline
from netwatch_tray.window.table.column import Cell, Column
from netwatch_tray.window.table.rate_cell import rate_column
from netwatch_tray.window.widgets.interface_words import describe, kind_in_words
from netwatch_tray.window.widgets.theme import Tokens, text_width

_SPARK_WIDTH, _LEAST_SPARK, _SPARK_HEIGHT = 120, 84, 26
_SPARK_S = 60.0
_TWO_LINES = 36
"""Row height in dip from which on there is room for a second line of text."""
_MOST_ERRORS = 99_999
"""Highest number of errors that is shown; for a higher one this is shown as a lower bound."""
_LINK_UNITS = Units(bits=True)
"""Units of link speeds: always bit/s, whatever unit the user chose for rates."""
_MARK = 16
"""Width in dip of the mark that shows whether an interface is counted in the total."""

translate = QCoreApplication.translate


class InterfaceContext(NamedTuple):
    """What the cells of all rows need for drawing, in addition to their own row."""

    points: Callable[[int, float], list[Point]]
    """Returns the rates of an interface, given by index, since a Unix time."""
    end: float
    """Unix time at the right edge of the sparklines."""
    interval: float
    units: Units
    is_live: bool
    """Whether an agent is measuring. If not, it is unknown which interfaces count in the total."""


def interface_columns(context: Callable[[], InterfaceContext]) -> list[Column[InterfaceTick]]:
    """Return the columns of the interface table. `context`: returns the current context, called for each cell."""
    return [
        Column(
            id="interface",
            title=translate("Interfaces", "Interface"),
            text=lambda each: each.name,
            order=_place,
            draw=lambda cell, each: _draw_name(cell, each, is_live=context().is_live),
            tooltip=_explain_name,
            widest="WireGuard tunnel over wlan0",
            least="Container end over",
            stretch=1,
        ),
        Column(
            id="activity",
            title=translate("Interfaces", "Activity"),
            text=lambda _each: "",
            draw=lambda cell, each: _draw_activity(cell, each, context()),
            tooltip=lambda _each: translate("Interfaces", "The last minute, download above upload"),
            widest=_SPARK_WIDTH,
            least=_LEAST_SPARK,
            drop_order=3,
        ),
        _rate_column("rx_rate", DOWN, translate("Interfaces", "Download"), lambda each: each.own_rates[0], context),
        _rate_column("tx_rate", UP, translate("Interfaces", "Upload"), lambda each: each.own_rates[1], context),
        Column(
            id="link",
            title=translate("Interfaces", "Link"),
            text=lambda each: str(_link_speed(each)),
            draw=_draw_link,
            tooltip=_explain_link,
            widest="0000 Mbit/s",
            numeric=True,
            drop_order=1,
        ),
        Column(
            id="addresses",
            title=translate("Interfaces", "Addresses"),
            text=lambda each: ", ".join(_by_reach(each.addresses)),
            draw=_draw_addresses,
            tooltip=lambda each: "\n".join(_by_reach(each.addresses)) or translate("Interfaces", "It has no address"),
            widest="255.255.255.255/32",
            least="192.0.2.24/24 +1",
            stretch=2,
            drop_order=2,
        ),
        Column(
            id="errors",
            title=translate("Interfaces", "Errors"),
            text=lambda each: _grouped(each.rx_errors + each.tx_errors),
            draw=_draw_errors,
            tooltip=_explain_errors,
            widest=_grouped(_MOST_ERRORS) + " drop",
            numeric=True,
            drop_order=4,
        ),
        Column(
            id="total",
            title=translate("Interfaces", "Total"),
            text=lambda each: _why(each, is_live=context().is_live),
            draw=lambda cell, each: _draw_why(cell, each, is_live=context().is_live),
            tooltip=lambda each: _why(each, is_live=context().is_live),
            widest="Not counted: traffic of this computer with itself",
            least="Traffic of this computer with itself",  # in the smaller font of the reason
            stretch=3,
        ),
    ]


def _rate_column(
    column_id: str,
    arrow: str,
    spoken: str,
    rate: Callable[[InterfaceTick], float | None],
    context: Callable[[], InterfaceContext],
) -> Column[InterfaceTick]:
    def explain(each: InterfaceTick) -> str:
        if rate(each) is None:
            return translate("Interfaces", "{direction}: not known at this moment").format(direction=spoken)
        return f"{spoken}: {units.rate(rate(each), context().units)}"

    return rate_column(column_id, arrow, rate, lambda: context().units, tooltip=explain)


def _place(each: InterfaceTick) -> tuple[bool, bool, list[tuple[str, int]]]:
    """Return the sort key of the column with the names: counted interfaces come first, those that are down last;
    numbers in names are compared as numbers (eth2 before eth10)."""
    parts = re.findall(r"(\D*)(\d*)", each.name)
    return (not each.is_uplink, not each.is_up, [(text, int(digits or 0)) for text, digits in parts])


def _draw_name(cell: Cell, each: InterfaceTick, *, is_live: bool) -> None:
    fonts, tokens = cell.theme.fonts, cell.tokens
    if cell.box.height() < _TWO_LINES:
        colour = tokens.ink if each.is_up else tokens.ink2
        cell.text(each.name, colour, fonts.strong, elide=Qt.TextElideMode.ElideMiddle)
        return
    upper, lower = cell.lines()
    cell.text(each.name, tokens.ink, fonts.strong, box=upper, elide=Qt.TextElideMode.ElideMiddle)
    what = describe(each) if is_live else kind_in_words(each.kind)
    cell.text(what, tokens.ink2 if each.is_up and is_live else tokens.ink3, fonts.small, box=lower)


def _explain_name(each: InterfaceTick) -> str:
    lines = [each.name, describe(each)]
    if each.faces_inside:
        seen = translate("Interfaces", "↓ is what the other end received: a container or virtual machine")
        lines.append(seen)
    if each.speed is not None:
        lines.append(translate("Interfaces", "Link: {speed}").format(speed=_link_speed(each)))
    if each.mtu is not None:
        lines.append(translate("Interfaces", "Packets of up to {bytes} bytes (MTU)").format(bytes=_grouped(each.mtu)))
    return "\n".join(lines)


def _link_speed(each: InterfaceTick) -> Quantity:
    if each.speed is None:
        return units.rate(None)
    quantity = units.rate(each.speed / 8, _LINK_UNITS)
    # A link's speed is a round number, not a measured one: 1 Gbit/s, not 1.00.
    value = quantity.value.rstrip("0").rstrip(".") if "." in quantity.value else quantity.value
    return Quantity(value, quantity.unit)


def _draw_link(cell: Cell, each: InterfaceTick) -> None:
    tokens, speed = cell.tokens, _link_speed(each)
    cell.text(str(speed), tokens.ink2 if speed.unit else tokens.ink3, align=Qt.AlignmentFlag.AlignRight)


def _explain_link(each: InterfaceTick) -> str:
    if each.speed is not None:
        return translate("Interfaces", "Speed of the link")
    if not each.is_up:
        return translate("Interfaces", "No link")
    return translate("Interfaces", "The system does not report its speed: it is virtual, or its speed varies")


def _by_reach(addresses: tuple[str, ...]) -> list[str]:
    """Return addresses sorted for display: IPv4 before IPv6, link-local ones last."""
    return sorted(addresses, key=lambda address: (address.lower().startswith("fe80:"), ":" in address))


def _draw_addresses(cell: Cell, each: InterfaceTick) -> None:
    tokens, fonts = cell.tokens, cell.theme.fonts
    addresses = _by_reach(each.addresses)
    middle = Qt.TextElideMode.ElideMiddle
    if not addresses:
        cell.text(translate("Interfaces", "no address"), tokens.ink3, fonts.small)
        return
    if len(addresses) == 1 or cell.box.height() < _TWO_LINES:
        more = f" +{len(addresses) - 1}" if len(addresses) > 1 else ""
        cell.text(addresses[0] + more, tokens.ink, fonts.small, elide=middle)
        return
    # Two small lines, because addresses are long.
    height = QFontMetrics(fonts.small).height() + 1
    top = cell.box.top() + (cell.box.height() - 2 * height) // 2
    more = f" +{len(addresses) - 2}" if len(addresses) > 2 else ""
    upper = QRect(cell.box.left(), top, cell.box.width(), height)
    cell.text(addresses[0], tokens.ink, fonts.small, box=upper, elide=middle)
    cell.text(addresses[1] + more, tokens.ink2, fonts.small, box=upper.translated(0, height), elide=middle)


def _draw_activity(cell: Cell, each: InterfaceTick, context: InterfaceContext) -> None:
    height = min(_SPARK_HEIGHT, cell.box.height() - 6)
    box = QRectF(
        cell.box.left(), cell.box.top() + (cell.box.height() - height) / 2, min(_SPARK_WIDTH, cell.box.width()), height
    )
    if not each.is_up:
        draw_flat_line(cell.painter, box, cell.tokens)
        return
    start = context.end - _SPARK_S
    points = context.points(each.index, start)
    points = [point.swapped() for point in points] if each.faces_inside else points
    draw_sparkline(cell.painter, box, points, (start, context.end), context.interval, cell.tokens)


def _draw_errors(cell: Cell, each: InterfaceTick) -> None:
    """Draw the number of errors since boot and, while errors occur, their current rate."""
    errors, drops = each.rx_errors + each.tx_errors, each.rx_drops + each.tx_drops
    fonts, tokens = cell.theme.fonts, cell.tokens
    colour, font = (tokens.ink, fonts.strong) if errors else (tokens.ink3, fonts.base)
    # An elided number would be another number; the tooltip has the whole one.
    text = _grouped(errors) if errors <= _MOST_ERRORS else f">{_grouped(_MOST_ERRORS)}"
    right = Qt.AlignmentFlag.AlignRight
    now, now_colour = _going_wrong(each, tokens)
    if cell.box.height() < _TWO_LINES:
        cell.text(now or text, now_colour if now else colour, fonts.base if now else font, align=right)
        return
    upper, lower = cell.lines()
    dropped = translate("Interfaces", "{count} dropped").format(count=_grouped(drops)) if drops else ""
    if drops > _MOST_ERRORS or text_width(fonts.small, dropped) > lower.width():
        dropped = translate("Interfaces", "dropped")
    below = now or dropped
    cell.text(text, colour, font, box=upper if below else cell.box, align=right)
    cell.text(below, now_colour if now else tokens.ink3, fonts.small, box=lower, align=right)


def _going_wrong(each: InterfaceTick, tokens: Tokens) -> tuple[str, QColor]:
    """Return a text with the current rate of errors or else of drops, and its colour. Empty if there are none."""
    if each.error_rate:
        return translate("Interfaces", "{rate} err/s").format(rate=_per_second(each.error_rate)), tokens.err
    if each.drop_rate:
        return translate("Interfaces", "{rate} drop/s").format(rate=_per_second(each.drop_rate)), tokens.warn
    return "", tokens.ink3


def _explain_errors(each: InterfaceTick) -> str:
    since_boot = translate(
        "Interfaces",
        "Since boot, received and sent. Errors: {rx_errors} and {tx_errors}. Dropped: {rx_drops} and {tx_drops}.",
    ).format(
        rx_errors=_grouped(each.rx_errors),
        tx_errors=_grouped(each.tx_errors),
        rx_drops=_grouped(each.rx_drops),
        tx_drops=_grouped(each.tx_drops),
    )
    now = translate("Interfaces", "Now, per second: {errors} errors, {drops} dropped.").format(
        errors=_per_second(each.error_rate), drops=_per_second(each.drop_rate)
    )
    return f"{since_boot}\n{now}"


def _per_second(rate: float | None) -> str:
    """Return a rate of errors or drops: with up to three significant digits below 100, else as a whole number."""
    if rate is None:
        return units.UNKNOWN
    return f"{rate:.3g}" if rate < 100 else _grouped(round(rate))


def _why(each: InterfaceTick, *, is_live: bool) -> str:
    return _sentence(wording.why(each)) if is_live else translate("Interfaces", "Not known without the agent")


def _draw_why(cell: Cell, each: InterfaceTick, *, is_live: bool) -> None:
    tokens, fonts, painter = cell.tokens, cell.theme.fonts, cell.painter
    if not is_live:
        cell.text(_why(each, is_live=False), tokens.ink3)
        return
    whole = _sentence(wording.why(each))
    verdict, colon, reason = whole.partition(": ")
    upper, lower = cell.lines()
    two = bool(colon) and cell.box.height() >= _TWO_LINES
    line = upper if two else cell.box
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    middle = QPointF(cell.box.right() - 5 if cell.right_to_left else cell.box.left() + 5, line.center().y() + 0.5)
    if each.is_uplink:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(tokens.ink)
        painter.drawEllipse(middle, 4, 4)
    else:
        painter.setPen(QPen(tokens.ink3, 1.5))
        painter.drawLine(middle - QPointF(4, 0), middle + QPointF(4, 0))
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
    for box in (upper, lower, line):
        if cell.right_to_left:
            box.setRight(cell.box.right() - _MARK)
        else:
            box.setLeft(cell.box.left() + _MARK)
    if two:
        cell.text(verdict, tokens.ink if each.is_uplink else tokens.ink2, box=upper)
        cell.text(_sentence(reason), tokens.ink3, fonts.small, box=lower)
    else:
        # The mark shows the verdict.
        cell.text(_sentence(reason or whole), tokens.ink2, fonts.small, box=QRect(line))


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _grouped(count: int) -> str:
    """Format a number with narrow no-break spaces between thousands."""
    return f"{count:,}".replace(",", "\u202f")
