"""The columns of the app table."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from PySide6.QtCore import QCoreApplication, QRect, QRectF, Qt
from PySide6.QtGui import QPainter

from netwatch_tray import units
from netwatch_tray.units import DOWN, UP, Units
from netwatch_tray.window.chart.series import Point
from netwatch_tray.window.chart.sparkline import draw_sparkline
from netwatch_tray.window.pages.apps.rows import AppRow, remainder_name
from netwatch_tray.window.table.column import Cell, Column
from netwatch_tray.window.table.rate_cell import draw_bar, draw_size, rate_column
from netwatch_tray.window.widgets.painting import DENSE_HATCH, draw_hatch, hair_line
from netwatch_tray.window.widgets.theme import GAP

translate = QCoreApplication.translate

_SPARK_WIDTH, _SPARK_HEIGHT = 120, 26
_TILE = 18


class AppContext(NamedTuple):
    """What all cells are drawn from, besides the record of their row."""

    points: Callable[[str, float], list[Point]]
    """Of a row by key, since a Unix time."""
    span: tuple[float, float]
    """Of the sparklines, Unix time."""
    interval: float
    units: Units
    most_rx: float
    """Bytes received by the app that received the most in this month."""
    month: str
    """Tooltip of the month's columns: since when, or why they are empty."""


def app_columns(context: Callable[[], AppContext]) -> list[Column[AppRow]]:
    """Return the columns; `context` is called for each cell. Rows that belong to no app are sorted last."""
    return [
        Column(
            id="app",
            title=translate("Apps", "App"),
            text=lambda row: row.name,
            order=lambda row: None if row.is_rest else row.name.casefold(),
            draw=_draw_name,
            tooltip=_explain,
            # With room for the tile before the name.
            widest="systemd-resolved.service0000",
            least=remainder_name() + "0000",
            stretch=3,
        ),
        Column(
            id="activity",
            title=translate("Apps", "Last 5 min"),
            text=lambda _row: "",
            draw=lambda cell, row: _draw_activity(cell, row, context()),
            tooltip=lambda _row: translate("Apps", "The last 5 minutes, as long as this window was looking"),
            widest=_SPARK_WIDTH,
            least=84,
            drop_order=5,
        ),
        _rate_column("rx_rate", translate("Apps", "{arrow} now").format(arrow=DOWN), lambda row: row.rx_rate, context),
        _rate_column("tx_rate", translate("Apps", "{arrow} now").format(arrow=UP), lambda row: row.tx_rate, context),
        _amount_column(
            "rx_today",
            translate("Apps", "{arrow} today").format(arrow=DOWN),
            lambda row: row.today and row.today.rx,
            context,
            drop_order=3,
        ),
        _amount_column(
            "tx_today",
            translate("Apps", "{arrow} today").format(arrow=UP),
            lambda row: row.today and row.today.tx,
            context,
            drop_order=2,
        ),
        _amount_column(
            "rx_month",
            translate("Apps", "{arrow} this month").format(arrow=DOWN),
            lambda row: row.month and row.month.rx,
            context,
            has_bar=True,
        ),
        _amount_column(
            "tx_month",
            translate("Apps", "{arrow} this month").format(arrow=UP),
            lambda row: row.month and row.month.tx,
            context,
            drop_order=4,
        ),
        Column(
            id="connections",
            title=translate("Apps", "Connections"),
            text=lambda row: str(row.app.connections) if row.app else "",
            order=lambda row: row.app.connections if row.app else None,
            draw=_draw_connections,
            widest="00000",
            stretch=1,
            numeric=True,
            drop_order=1,
        ),
    ]


def _rate_column(
    column_id: str, title: str, rate: Callable[[AppRow], float | None], context: Callable[[], AppContext]
) -> Column[AppRow]:
    def order(row: AppRow) -> tuple[float, int] | None:
        now = rate(row)  # idle apps by the amount of the month
        return None if now is None or row.is_rest else (now, row.month.rx if row.month else 0)

    return rate_column(column_id, title, rate, lambda: context().units, order=order, stretch=1)


def _amount_column(
    column_id: str,
    title: str,
    amount: Callable[[AppRow], int | None],
    context: Callable[[], AppContext],
    *,
    drop_order: int | None = None,
    has_bar: bool = False,
) -> Column[AppRow]:
    def draw(cell: Cell, row: AppRow) -> None:
        count = amount(row)
        draw_size(cell, count, context().units, strong=has_bar)
        if has_bar and count:
            draw_bar(cell, count, context().most_rx, cell.tokens.down)

    return Column(
        id=column_id,
        title=title,
        text=lambda row: str(units.size(amount(row), context().units)),
        order=lambda row: None if row.is_rest else amount(row),
        draw=draw,
        tooltip=lambda _row: context().month,
        widest="00000 MiB",
        stretch=1,
        numeric=True,
        drop_order=drop_order,
    )


def _draw_name(cell: Cell, row: AppRow) -> None:
    """A tile with the first letter, or a hatched one for what belongs to no app; then the name."""
    painter, tokens, fonts = cell.painter, cell.tokens, cell.theme.fonts
    right_to_left = cell.right_to_left
    top = cell.box.center().y() - _TILE // 2
    tile = QRect(cell.box.right() + 1 - _TILE if right_to_left else cell.box.left(), top, _TILE, _TILE)
    name = QRect(cell.box)
    if right_to_left:
        name.setRight(tile.left() - GAP - 1)
    else:
        name.setLeft(tile.right() + GAP + 1)
    if row.is_rest:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(tokens.ink3)
        draw_hatch(painter, QRectF(tile), DENSE_HATCH, tile.left() - _TILE)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
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
    cell.text(row.name, tokens.ink3 if row.app and row.app.is_tunnel_process else tokens.ink, box=name)


def _explain(row: AppRow) -> str:
    app = row.app
    if row.is_unmeasured:
        return translate("Apps", "Counted by the interfaces during sleep, pauses or while NetWatch was not running.")
    if row.is_rest:
        return translate(
            "Apps", "What no TCP connection accounts for: UDP, QUIC, DNS, headers, repeated packets. Never spread."
        )
    if app is None:
        return translate("Apps", "{name}\nHas no connection now").format(name=row.name)
    lines = [
        row.name,
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
    if app.is_tunnel_process:
        lines.append(translate("Apps", "A tunnel: what it carries is counted with the apps that use it"))
    return "\n".join(lines)


def _draw_activity(cell: Cell, row: AppRow, context: AppContext) -> None:
    height = min(_SPARK_HEIGHT, cell.box.height() - 6)
    top = cell.box.top() + (cell.box.height() - height) / 2
    box = QRectF(cell.box.left(), top, min(_SPARK_WIDTH, cell.box.width()), height)
    points = context.points(row.key, context.span[0] - context.interval)
    if any(point.rx or point.tx for point in points):
        draw_sparkline(cell.painter, box, points, context.span, context.interval, cell.tokens)
    else:
        cell.painter.setPen(hair_line(cell.tokens.ctl))
        y = box.top() + box.height() * 0.66
        cell.painter.drawLine(int(box.left()), int(y), int(box.right()), int(y))


def _draw_connections(cell: Cell, row: AppRow) -> None:
    count = row.app.connections if row.app else 0
    text = str(count) if row.app else ""
    cell.text(text, cell.tokens.ink2 if count else cell.tokens.ink3, align=Qt.AlignmentFlag.AlignRight)
