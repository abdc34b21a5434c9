"""Computes the layout of an amount chart (bars over a lane of rates), and draws the texts above it."""

from __future__ import annotations

import math
from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QFontMetricsF, QPainter
from PySide6.QtWidgets import QWidget

from netwatch_tray.units import DOWN, UP, Units
from netwatch_tray.window.chart import amount_labels
from netwatch_tray.window.chart.amount_layers import AmountScene
from netwatch_tray.window.chart.amounts import Amounts, summary
from netwatch_tray.window.chart.marks import LANE, Mark
from netwatch_tray.window.widgets.theme import GAP, MARGIN, Theme

_HEADER = 40
_LANES = ((92, 160), (50, 110))
"""Possible heights of the lane of rates, each with the least height of the bars above it; the first that fits is used.
In dip."""
_LANE_TITLE = 24


def lay_out(
    chart: QWidget, theme: Theme, amounts: Amounts, events: Sequence[Mark], shown_in: Units, *, has_header: bool
) -> AmountScene:
    """Compute the layout for the size of the widget `chart`, with rates below the bars if there is room.

    `events`: marks of events below the rates, oldest first. `has_header`: leave room for the texts of `draw_header`.
    """
    metrics = theme.metrics(theme.fonts.small)
    unit = "500 KiB/s" if shown_in.binary else "500 Mbit/s" if shown_in.bits else "500 kB/s"
    left = MARGIN + math.ceil(metrics.width(unit)) + GAP
    top = theme.height(_HEADER) + 4 if has_header else 8
    axis = math.ceil(metrics.height) + 10
    start, end = amounts.slots[0].start, amounts.slots[-1].end
    mark_height = LANE if any(start <= mark.at <= end for mark in events) else 0
    bottom = chart.height() - axis - mark_height
    width = max(1.0, chart.width() - MARGIN - left)
    lane, below = None, bottom
    for height, least in _LANES:
        if bottom - top - height - theme.height(_LANE_TITLE) >= least:
            lane = QRectF(left, bottom - height, width, height)
            below = math.floor(lane.top()) - theme.height(_LANE_TITLE)
            break
    bars = QRectF(left, top, width, max(10.0, below - top))
    return AmountScene(
        theme=theme,
        units=shown_in,
        amounts=amounts,
        size=chart.size(),
        ratio=chart.devicePixelRatioF(),
        bars=bars,
        lane=lane,
        events=events,
        mark_lane=QRectF(left, bottom, width, mark_height),
        base=bottom + mark_height + 4 + metrics.ascent,
    )


def draw_header(painter: QPainter, scene: AmountScene, title: str, *, is_mirrored: bool) -> None:
    """Draw title and dates at the leading side (left, in Arabic right), and the sums of download and upload at the
    other side, as far as there is room. `is_mirrored`: whether the window's layout is right-to-left."""
    theme, amounts = scene.theme, scene.amounts
    tokens, fonts = theme.tokens, theme.fonts
    strong, base = QFontMetricsF(fonts.strong), QFontMetricsF(fonts.base)
    found = summary(amounts)
    directions = []
    for arrow, colour, is_up in ((DOWN, tokens.down, False), (UP, tokens.up, True)):
        directions.append((arrow, colour, *amount_labels.direction_texts(found, scene.units, is_up=is_up)))
    amounts_only = sum(strong.horizontalAdvance(f"{arrow} {amount}") + 2 * GAP for arrow, _, amount, _ in directions)
    whole = amounts_only + sum(base.horizontalAdvance(text) + GAP for *_, text in directions)
    heading = QFontMetricsF(fonts.title)
    room = scene.size.width() - 2 * MARGIN - heading.horizontalAdvance(title) - 2 * GAP
    has_details = whole <= room
    taken = whole if has_details else amounts_only
    row = QRectF(MARGIN, 0, scene.size.width() - 2 * MARGIN, theme.height(_HEADER))
    x = (row.left() if is_mirrored else row.right() - taken) + 2 * GAP
    middle = row.center().y() + base.capHeight() / 2
    for arrow, colour, amount, details in directions:
        painter.setFont(fonts.strong)
        painter.setPen(colour)
        painter.drawText(QPointF(x, middle), arrow)
        x += strong.horizontalAdvance(f"{arrow} ")
        painter.setPen(tokens.ink)
        painter.drawText(QPointF(x, middle), amount)
        x += strong.horizontalAdvance(amount) + 2 * GAP
        if has_details:
            painter.setFont(fonts.base)
            painter.setPen(tokens.ink2)
            painter.drawText(QPointF(x - GAP, middle), details)
            x += base.horizontalAdvance(details) + GAP
    side = Qt.AlignmentFlag.AlignRight if is_mirrored else Qt.AlignmentFlag.AlignLeft
    side |= Qt.AlignmentFlag.AlignVCenter
    free = row.adjusted(taken, 0, 0, 0) if is_mirrored else row.adjusted(0, 0, -taken, 0)
    painter.setFont(fonts.title)
    painter.setPen(tokens.ink)
    text = heading.elidedText(title, Qt.TextElideMode.ElideRight, free.width())
    painter.drawText(free, side, text)
    width = heading.horizontalAdvance(text) + GAP
    free = free.adjusted(0, 0, -width, 0) if is_mirrored else free.adjusted(width, 0, 0, 0)
    small = QFontMetricsF(fonts.small)
    painter.setFont(fonts.small)
    painter.setPen(tokens.ink2)
    texts = amount_labels.header_texts(amounts)
    span = next((text for text in texts if small.horizontalAdvance(text) <= free.width()), "")
    painter.drawText(free.adjusted(0, 1, 0, 1), side, span)


def draw_lane_title(painter: QPainter, scene: AmountScene) -> None:
    """Draw the heading of the lane of rates, if there is one, and explain as many of its signs as there is room for."""
    tokens, fonts, lane = scene.theme.tokens, scene.theme.fonts, scene.lane
    if lane is None:
        return
    has_quiet = any(gap.is_quiet for gap in scene.gaps)
    title, signs = amount_labels.lane_texts(scene.amounts, has_quiet=has_quiet)
    foot = QPointF(lane.left(), lane.top() - scene.theme.height(8))
    painter.setFont(fonts.small_strong)
    painter.setPen(tokens.ink)
    painter.drawText(foot, title)
    foot += QPointF(QFontMetricsF(fonts.small_strong).horizontalAdvance(title) + GAP, 0)
    painter.setFont(fonts.small)
    painter.setPen(tokens.ink3)
    metrics = QFontMetricsF(fonts.small)
    while signs and metrics.horizontalAdvance(", ".join(signs)) > lane.right() - foot.x():
        signs.pop()
    painter.drawText(foot, ", ".join(signs))
