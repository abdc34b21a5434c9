"""The columns of the app table."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from PySide6.QtCore import QCoreApplication, QRect, QRectF, Qt
from PySide6.QtGui import QPainter

from netwatch_tray import units
from netwatch_tray.model import App
from netwatch_tray.units import DOWN, UP, Units
from netwatch_tray.window.chart import draw_sparkline
from netwatch_tray.window.controls import hair_line
from netwatch_tray.window.geometry import Point
from netwatch_tray.window.rate_cell import draw_bar, draw_rate, draw_size
from netwatch_tray.window.table import Cell, Column
from netwatch_tray.window.theme import GAP

translate = QCoreApplication.translate

_SPARK_WIDTH, _SPARK_HEIGHT = 120, 26
_TILE = 18
_HATCH = 5


class AppRow(NamedTuple):
    """An app, or what no app accounts for (`app` is None); bytes/s and bytes."""

    app: App | None
    name: str
    rx_rate: float | None
    tx_rate: float | None
    rx_bytes: int | None
    tx_bytes: int | None


class Live(NamedTuple):
    """What the cells are drawn from besides their own record."""

    points: Callable[[str, float], list[Point]]
    """Of an app by key, since a moment."""
    span: tuple[float, float]
    """What the spark lines show, Unix time."""
    interval: float
    units: Units
    most_rx: float
    """The most bytes that an app received."""


def key(row: AppRow) -> str:
    return row.app.key if row.app else ""


def columns(live: Callable[[], Live]) -> list[Column[AppRow]]:
    """`live` gives what holds at the moment of drawing. The remainder stands last however the table is sorted."""
    return [
        Column(
            title=translate("Apps", "App"),
            text=lambda row: row.name,
            order=lambda row: row.name.casefold() if row.app else None,
            draw=_draw_name,
            tooltip=_explain,
            widest="Container: systemd-web",
            least="systemd-resolved",
            stretch=3,
        ),
        Column(
            title=translate("Apps", "Activity"),
            text=lambda _row: "",
            draw=lambda cell, row: _draw_activity(cell, row, live()),
            tooltip=lambda _row: translate("Apps", "The last 5 minutes, as long as this window was looking"),
            widest=_SPARK_WIDTH,
            least=84,
            goes=2,
        ),
        Column(
            title=translate("Apps", "{arrow} now").format(arrow=DOWN),
            text=lambda row: str(units.rate(row.rx_rate, live().units)),
            order=lambda row: row.rx_rate if row.app else None,
            draw=lambda cell, row: draw_rate(cell, row.rx_rate, live().units),
            widest="0000 Mbit/s",
            stretch=1,
            numeric=True,
        ),
        Column(
            title=translate("Apps", "{arrow} now").format(arrow=UP),
            text=lambda row: str(units.rate(row.tx_rate, live().units)),
            order=lambda row: row.tx_rate if row.app else None,
            draw=lambda cell, row: draw_rate(cell, row.tx_rate, live().units),
            widest="0000 Mbit/s",
            stretch=1,
            numeric=True,
        ),
        Column(
            title=translate("Apps", "{arrow} since start").format(arrow=DOWN),
            text=lambda row: str(units.size(row.rx_bytes, live().units)),
            order=lambda row: row.rx_bytes if row.app else None,
            draw=lambda cell, row: _draw_received(cell, row, live()),
            tooltip=lambda _row: _since_start(),
            widest="00000 MiB",
            stretch=1,
            numeric=True,
        ),
        Column(
            title=translate("Apps", "{arrow} since start").format(arrow=UP),
            text=lambda row: str(units.size(row.tx_bytes, live().units)),
            order=lambda row: row.tx_bytes if row.app else None,
            draw=lambda cell, row: draw_size(cell, row.tx_bytes, live().units),
            tooltip=lambda _row: _since_start(),
            widest="00000 MiB",
            stretch=1,
            numeric=True,
        ),
        Column(
            title=translate("Apps", "Connections"),
            text=lambda row: str(row.app.connections) if row.app else "",
            order=lambda row: row.app.connections if row.app else None,
            draw=_draw_connections,
            widest="00000",
            stretch=1,
            numeric=True,
            goes=1,
        ),
    ]


def _since_start() -> str:
    return translate("Apps", "TCP over the counted interfaces since NetWatch started, closed connections included")


def _draw_name(cell: Cell, row: AppRow) -> None:
    """A tile with the first letter, or a hatched one for what belongs to no app; then the name."""
    painter, tokens, fonts = cell.painter, cell.tokens, cell.theme.fonts
    right_to_left = painter.layoutDirection() == Qt.LayoutDirection.RightToLeft
    top = cell.box.center().y() - _TILE // 2
    tile = QRect(cell.box.right() + 1 - _TILE if right_to_left else cell.box.left(), top, _TILE, _TILE)
    name = QRect(cell.box)
    if right_to_left:
        name.setRight(tile.left() - GAP - 1)
    else:
        name.setLeft(tile.right() + GAP + 1)
    if row.app is None:
        painter.save()
        painter.setClipRect(tile)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(tokens.ink3)
        for x in range(tile.left() - _TILE, tile.right() + _TILE, _HATCH):
            painter.drawLine(x, tile.bottom() + 1, x + _TILE, tile.top())
        painter.restore()
        cell.text(row.name, tokens.ink2, box=name)
        return
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(tokens.line)
    painter.drawRoundedRect(tile, 4, 4)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
    painter.setFont(fonts.small_strong)
    painter.setPen(tokens.ink2)
    painter.drawText(tile, Qt.AlignmentFlag.AlignCenter, row.name[:1].upper())
    cell.text(row.name, tokens.ink3 if row.app.is_carrier else tokens.ink, box=name)


def _explain(row: AppRow) -> str:
    app = row.app
    if app is None:
        return translate(
            "Apps", "What no TCP connection accounts for: UDP, QUIC, DNS, headers, repeated packets. Never spread."
        )
    lines = [
        app.name,
        translate("Apps", "Processes: {processes}, connections: {connections}").format(
            processes=app.processes, connections=app.connections
        ),
    ]
    if app.local_rx_bytes or app.local_tx_bytes:
        lines.append(
            translate("Apps", "Within this computer: {down} and {up}, in no sum").format(
                down=f"{DOWN} {units.size(app.local_rx_bytes)}", up=f"{UP} {units.size(app.local_tx_bytes)}"
            )
        )
    if app.is_carrier:
        lines.append(translate("Apps", "A tunnel: what it carries is counted with the apps that use it"))
    return "\n".join(lines)


def _draw_activity(cell: Cell, row: AppRow, live: Live) -> None:
    height = min(_SPARK_HEIGHT, cell.box.height() - 6)
    top = cell.box.top() + (cell.box.height() - height) / 2
    box = QRectF(cell.box.left(), top, min(_SPARK_WIDTH, cell.box.width()), height)
    points = live.points(key(row), live.span[0])
    if any(point.rx or point.tx for point in points):
        draw_sparkline(cell.painter, box, points, live.span, live.interval, cell.tokens)
    else:
        cell.painter.setPen(hair_line(cell.tokens.ctl))
        y = box.top() + box.height() * 0.66
        cell.painter.drawLine(int(box.left()), int(y), int(box.right()), int(y))


def _draw_received(cell: Cell, row: AppRow, live: Live) -> None:
    draw_size(cell, row.rx_bytes, live.units)
    if row.rx_bytes:
        draw_bar(cell, row.rx_bytes, live.most_rx, cell.tokens.down)


def _draw_connections(cell: Cell, row: AppRow) -> None:
    count = row.app.connections if row.app else 0
    text = str(count) if row.app else ""
    cell.text(text, cell.tokens.ink2 if count else cell.tokens.ink3, align=Qt.AlignmentFlag.AlignRight)
