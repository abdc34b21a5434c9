"""The columns of the app table."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from PySide6.QtCore import QCoreApplication, QRect, QRectF, Qt
from PySide6.QtGui import QPainter

from netwatch_tray import units, wording
from netwatch_tray.units import DOWN, UP, Units
from netwatch_tray.window.chart.series import Point
from netwatch_tray.window.chart.sparkline import draw_sparkline
from netwatch_tray.window.data.app_looks import AppLooks
from netwatch_tray.window.pages.apps.rows import AppRow, Moved, remainder_name
from netwatch_tray.window.table.column import Cell, Column
from netwatch_tray.window.table.rate_cell import draw_size, rate_column
from netwatch_tray.window.widgets.painting import DENSE_HATCH, draw_hatch, hair_line
from netwatch_tray.window.widgets.theme import GAP, faded

translate = QCoreApplication.translate

_SPARK_WIDTH, _SPARK_HEIGHT = 120, 26
_ICON = 20
_SWATCH_WIDTH, _SWATCH_HEIGHT, _SWATCH_SLOT = 4, 20, 12
_BAR_WIDTH, _BAR_HEIGHT, _BAR_OPACITY = 78, 8, 0.75


class AppContext(NamedTuple):
    """What the cells of all rows need for drawing, in addition to their own row."""

    looks: AppLooks
    rank: Callable[[str], int | None]
    """Returns the index of the layer in the chart above for an app, given by name; None if it has none of its own."""
    points: Callable[[str, float], list[Point]]
    """Returns the rates of a row, given by key, since a Unix time."""
    span: tuple[float, float]
    """Unix times at the left and right edge of the sparklines."""
    interval: float
    units: Units
    most: float
    """Bytes of the app with the most traffic in this month, to which the bars are relative."""
    day: str
    """Name of the day that the column *Today* shows instead of today; empty if it shows today."""
    about_month: str
    """Text for the tooltip: since when the month's amounts are counted, or why they are unknown."""


def shown_name(row: AppRow, looks: AppLooks) -> str:
    """Return the name that the table shows for a row: that of the app's desktop entry, if there is one."""
    return row.name if row.is_rest else looks.name(row.app_key, wording.app_name(row.name))


def app_columns(context: Callable[[], AppContext]) -> list[Column[AppRow]]:
    """Return the columns of the app table. `context`: returns the current context, called for each cell. Rows of bytes
    that belong to no app are sorted last."""
    return [
        Column(
            id="app",
            title=translate("Apps", "App"),
            text=lambda row: shown_name(row, context().looks),
            order=lambda row: None if row.is_rest else shown_name(row, context().looks).casefold(),
            draw=lambda cell, row: _draw_name(cell, row, context()),
            tooltip=_explain,
            # With room for swatch and icon before the name.
            widest="systemd-resolved.service000000",
            least=remainder_name() + "000000",
            stretch=3,
        ),
        Column(
            id="activity",
            title=translate("Apps", "Last 5 min"),
            text=lambda _row: "",
            draw=lambda cell, row: _draw_activity(cell, row, context()),
            tooltip=lambda _row: translate("Apps", "The last 5 minutes, download above upload"),
            widest=_SPARK_WIDTH,
            least=84,
            drop_order=1,
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
            drop_order=2,
        ),
        _rate_column("rx_rate", translate("Apps", "{arrow} now").format(arrow=DOWN), lambda row: row.rx_rate, context),
        _rate_column("tx_rate", translate("Apps", "{arrow} now").format(arrow=UP), lambda row: row.tx_rate, context),
        _amount_column("today", translate("Apps", "Today"), lambda row: row.today, context, drop_order=4, is_day=True),
        _amount_column("month", translate("Apps", "This month"), lambda row: row.month, context, is_strong=True),
        Column(
            id="share",
            title="",
            text=lambda _row: "",
            draw=lambda cell, row: _draw_share(cell, row, context()),
            tooltip=lambda row: _explain_amount(row.month, context()),
            widest=_BAR_WIDTH,
            drop_order=3,
        ),
    ]


def _rate_column(
    column_id: str, title: str, rate: Callable[[AppRow], float | None], context: Callable[[], AppContext]
) -> Column[AppRow]:
    def order(row: AppRow) -> tuple[float, int] | None:
        now = rate(row)  # idle apps by the amount of the month
        return None if now is None or row.is_rest else (now, row.month.both if row.month else 0)

    return rate_column(column_id, title, rate, lambda: context().units, order=order, stretch=1)


def _amount_column(
    column_id: str,
    title: str,
    amount: Callable[[AppRow], Moved | None],
    context: Callable[[], AppContext],
    *,
    drop_order: int | None = None,
    is_strong: bool = False,
    is_day: bool = False,
) -> Column[AppRow]:
    def count(row: AppRow) -> int | None:
        moved = amount(row)
        return None if moved is None else moved.both

    return Column(
        id=column_id,
        title=title,
        retitled=(lambda: context().day or title) if is_day else None,
        text=lambda row: str(units.size(count(row), context().units)),
        order=lambda row: None if row.is_rest else count(row),
        draw=lambda cell, row: draw_size(cell, count(row), context().units, strong=is_strong),
        tooltip=lambda row: _explain_amount(amount(row), context()),
        widest="00000 MiB",
        stretch=1,
        numeric=True,
        drop_order=drop_order,
    )


def _explain_amount(moved: Moved | None, context: AppContext) -> str:
    if moved is None:
        return context.about_month
    down, up = units.size(moved.rx, context.units), units.size(moved.tx, context.units)
    return f"{DOWN} {down}  {UP} {up}\n{context.about_month}"


def _draw_name(cell: Cell, row: AppRow, context: AppContext) -> None:
    """Draw the colour of the app's layer in the chart, its icon and its name. For bytes that belong to no app, a hatch
    takes the place of colour and icon."""
    painter, tokens = cell.painter, cell.tokens
    middle, right_to_left = cell.box.center().y(), cell.right_to_left

    def place(x: int, width: int, height: int) -> QRect:
        left = cell.box.right() + 1 - x - width if right_to_left else cell.box.left() + x
        return QRect(left, middle - height // 2, width, height)

    swatch = place(0, _SWATCH_WIDTH, _SWATCH_HEIGHT)
    icon = place(_SWATCH_SLOT, _ICON, _ICON)
    before = _SWATCH_SLOT + _ICON + GAP
    name = cell.box.adjusted(0, 0, -before, 0) if right_to_left else cell.box.adjusted(before, 0, 0, 0)
    rank = None if row.is_rest else context.rank(row.name)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    if row.is_rest:
        painter.setPen(tokens.ink3)
        draw_hatch(painter, QRectF(swatch), DENSE_HATCH, swatch.left() - _SWATCH_WIDTH)
        draw_hatch(painter, QRectF(icon), DENSE_HATCH, icon.left() - _ICON)
    elif rank is not None:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(tokens.apps[rank])
        painter.drawRoundedRect(swatch, 2, 2)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
    if row.is_rest:
        cell.text(row.name, tokens.ink2, box=name)
        return
    context.looks.draw(painter, icon, row.app_key, cell.theme)
    ink = tokens.ink3 if row.app and row.app.is_tunnel_process else tokens.ink
    cell.text(shown_name(row, context.looks), ink, box=name)


def _draw_share(cell: Cell, row: AppRow, context: AppContext) -> None:
    """Draw the month's amount as a bar, relative to the app with the most traffic."""
    if not row.month or not row.month.both or not context.most:
        return
    width = max(1, round(cell.box.width() * min(1.0, row.month.both / context.most)))
    left = cell.box.right() + 1 - width if cell.right_to_left else cell.box.left()
    bar = QRect(left, cell.box.center().y() - _BAR_HEIGHT // 2, width, _BAR_HEIGHT)
    if row.is_rest:
        cell.painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        cell.painter.setPen(cell.tokens.ink3)
        draw_hatch(cell.painter, QRectF(bar), DENSE_HATCH)
        cell.painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
    else:
        cell.painter.fillRect(bar, faded(cell.tokens.down, _BAR_OPACITY))


def _explain(row: AppRow) -> str:
    app = row.app
    if row.is_unmeasured:
        return translate("Apps", "Counted by the interfaces during sleep, pauses or while NetWatch was not running.")
    if row.is_rest:
        return translate(
            "Apps",
            "What no connection of an app accounts for: headers, repeated packets; without the helper UDP and QUIC.",
        )
    if app is None:
        return translate("Apps", "{name}\nHas no connection now").format(name=wording.app_name(row.name))
    lines = [
        wording.app_name(row.name),
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
