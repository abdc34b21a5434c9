"""The crosshair of an amount chart: the column of a slot, and a box with its numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence

from PySide6.QtCore import QCoreApplication, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPen

from netwatch_tray import units
from netwatch_tray.units import DOWN, UP
from netwatch_tray.window.chart import amount_labels
from netwatch_tray.window.chart.amount_layers import AmountScene, draw_bar, draw_zero
from netwatch_tray.window.chart.amounts import Slot
from netwatch_tray.window.widgets.theme import CONTROL_RADIUS, GAP

_BOX_WIDTH, _BOX_GAP = 322, 10
_COLUMNS = (76, 86, 120)
"""Widths in dip of the columns for amount, average and peak in the crosshair's box."""

translate = QCoreApplication.translate


def draw_crosshair(painter: QPainter, scene: AmountScene, slot: Slot, notes: Sequence[str] = ()) -> None:
    """Draw a line through a slot, rings at the ends of its bar, and a box with its numbers and the lines `notes`."""
    tokens, box = scene.theme.tokens, scene.bars
    left, right = scene.x(slot.start), scene.x(slot.end)
    for each in filter(None, (box, scene.lane)):
        strip = QRectF(left, each.top(), right - left, each.height())
        painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_Multiply)
        if tokens.surface.lightness() < 128:
            painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_Screen)
        painter.fillRect(strip, tokens.hover)
        painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_SourceOver)
    draw_bar(painter, scene, slot, is_strong=True)
    draw_zero(painter, scene)
    x = (left + right) / 2
    painter.setPen(QPen(tokens.ink2, 1))
    bottom = scene.lane.bottom() if scene.lane is not None else box.bottom()
    painter.drawLine(QPointF(scene.crisp(x), box.top()), QPointF(scene.crisp(x), bottom))
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setBrush(tokens.surface)
    if slot.is_known:
        for colour, amount, sign in ((tokens.down, slot.rx, -1), (tokens.up, slot.tx, 1)):
            painter.setPen(QPen(colour, 1.5))
            painter.drawEllipse(QPointF(x, scene.zero + sign * amount * scene.per_byte), 3.5, 3.5)
    _draw_box(painter, scene, slot, (left, right), notes)


def _draw_box(
    painter: QPainter, scene: AmountScene, slot: Slot, sides: tuple[float, float], notes: Sequence[str]
) -> None:
    theme = scene.theme
    tokens, fonts = theme.tokens, theme.fonts
    line, small = theme.height(18), theme.height(17)
    rows = line + small + (small + 2 * theme.height(21) if slot.is_known else 0) + len(notes) * small
    width, height = min(theme.height(_BOX_WIDTH), scene.size.width() - 4), rows + 18
    left = sides[0] - _BOX_GAP - width
    if left < 2:
        left = min(sides[1] + _BOX_GAP, scene.size.width() - 2 - width)
    box = QRectF(math.floor(left) + 0.5, math.floor(scene.bars.top()) + 4.5, width, height)
    painter.setPen(QPen(tokens.ctl, 1))
    painter.setBrush(tokens.raised)
    painter.drawRoundedRect(box, CONTROL_RADIUS, CONTROL_RADIUS)
    inner = box.adjusted(12, 8, -12, -8)
    row = QRectF(inner.left(), inner.top(), inner.width(), line)
    leading = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
    trailing = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter

    def write(place: QRectF, text: str, colour: QColor, *, strong: bool = False, is_small: bool = True) -> None:
        font = (fonts.small_strong if strong else fonts.small) if is_small else (fonts.strong if strong else fonts.base)
        painter.setFont(font)
        painter.setPen(colour)
        painter.drawText(place, trailing if place is not row else leading, text)

    write(row, amount_labels.slot_name(slot, scene.amounts.width), tokens.ink, strong=True, is_small=False)
    row.translate(0, line)
    write(row, amount_labels.measured_text(slot, scene.amounts), tokens.ink2)
    row.translate(0, small)
    if slot.is_known:
        scale = (inner.width() - theme.height(16)) / sum(_COLUMNS)
        columns: list[QRectF] = []
        right = inner.right()
        for share in reversed(_COLUMNS):
            columns.insert(0, QRectF(right - share * scale, row.top(), share * scale, small))
            right -= share * scale
        titles = (translate("Chart", "amount"), translate("Chart", "average"), translate("Chart", "peak"))
        for column, title in zip(columns, titles, strict=True):
            write(column, title, tokens.ink2)
        height = theme.height(21)
        top = row.top() + small
        for arrow, colour, values in (
            (DOWN, tokens.down, (slot.rx, slot.rx_rate, slot.rx_peak, slot.rx_peak_at)),
            (UP, tokens.up, (slot.tx, slot.tx_rate, slot.tx_peak, slot.tx_peak_at)),
        ):
            amount, average, peak, at = values
            for column in columns:
                column.moveTop(top)
                column.setHeight(height)
            place = QRectF(inner.left(), top, theme.height(16), height)
            painter.setFont(fonts.strong)
            painter.setPen(colour)
            painter.drawText(place, leading, arrow)
            write(columns[0], str(units.size(amount, scene.units)), tokens.ink, strong=True, is_small=False)
            write(columns[1], str(units.rate(average, scene.units)), tokens.ink, is_small=False)
            greatest = str(units.rate(peak if slot.rx_rate is not None else None, scene.units))
            moment = amount_labels.peak_moment(at, scene.amounts) if at is not None and peak else ""
            taken = QFontMetricsF(fonts.small).horizontalAdvance(moment) + 4 if moment else 0.0
            if GAP + QFontMetricsF(fonts.base).horizontalAdvance(greatest) + taken > columns[2].width():
                moment, taken = "", 0.0  # the longest rates leave no room for it
            write(columns[2], moment, tokens.ink3)
            write(columns[2].adjusted(0, 0, -taken, 0), greatest, tokens.ink, is_small=False)
            top += height
        row.moveTop(top)
    for note in notes:
        text, _width = theme.metrics(fonts.small).fit(note, math.floor(inner.width()), Qt.TextElideMode.ElideRight)
        write(row, text, tokens.ink2)
        row.translate(0, small)
