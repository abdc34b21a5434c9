"""The strip that compares sums (reconciliation): rate of the uplinks = rate of the apps + *Other*, which belongs to no
app."""

from __future__ import annotations

from typing import NamedTuple

from PySide6.QtCore import QPoint, QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QHBoxLayout, QToolTip

from netwatch_tray import units
from netwatch_tray.feed.protocol import AppsMessage
from netwatch_tray.units import DOWN, UP, Units
from netwatch_tray.window.widgets.buttons import LinkButton
from netwatch_tray.window.widgets.painting import DENSE_HATCH, aligned, draw_hatch, text_painter
from netwatch_tray.window.widgets.rate_readout import widest_unit
from netwatch_tray.window.widgets.strip import Strip
from netwatch_tray.window.widgets.theme import GAP, MARGIN, Theme, text_width

_BAR_HEIGHT = 8
_LEAST_BAR = 60
_LEAST_PART, _PART_GAP = 3, 2
_ABOVE = 0.01
"""Share (0 to 1) by which apps must exceed the uplinks before that is explained to the user."""


_Piece = tuple[str, QFont, QColor]


class _Direction(NamedTuple):
    """The rates of one direction (download or upload), bytes/s; None if unknown."""

    uplink: float | None = None
    tcp: float | None = None
    other: float | None = None
    udp: float | None = None
    """Rate of UDP; None if UDP is not counted, so that it is part of `other`."""


class ReconciliationStrip(Strip):
    """Shows the rates of the last interval between two readings, with a line and a bar for each direction."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme, theme.height(60))
        self._down, self._up = _Direction(), _Direction()
        self._units = Units()
        self._link = LinkButton(theme, self.tr("What is “other”"))
        self._link.clicked.connect(self._explain)
        row = QHBoxLayout(self)
        row.setContentsMargins(MARGIN, 0, MARGIN, 1)
        row.addStretch(1)
        row.addWidget(self._link)

    def show_apps(self, message: AppsMessage, shown_in: Units) -> None:
        self._units = shown_in
        interval = message.interval_s
        counted = [message.uplink, message.tcp, message.other, *([message.udp] if message.udp is not None else [])]
        directions = [
            _Direction(*(count / interval for count in counts)) if interval else _Direction()
            for counts in zip(*counted, strict=True)
        ]
        self._show(*directions)

    def forget(self) -> None:
        """Show all rates as unknown."""
        self._show(_Direction(), _Direction())

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        tokens, fonts = self._theme.tokens, self._theme.fonts
        painter = text_painter(self)
        line = fonts_height = self.fontMetrics().height() + 4
        top = (self.height() - 2 * fonts_height) // 2
        named = self.tr("Interfaces")
        number = text_width(fonts.strong, "0000") + 4 + widest_unit(fonts.strong, self._units)
        arrow = text_width(fonts.strong, DOWN) + GAP
        lead = arrow + text_width(fonts.base, named) + GAP + number
        right_to_left = self.layoutDirection() == Qt.LayoutDirection.RightToLeft
        end = (self.width() - self._link.geometry().right() - 1 if right_to_left else self._link.x()) - GAP
        left = MARGIN + lead + 24
        words = self._words()
        if end - left - _width(words) - 24 < _LEAST_BAR:  # words are shortened before a number is cut
            words = self._words(briefly=True)
        bar = min(max(0, end - left - _width(words) - 24), self.width() // 3)
        for index, (sign, colour, direction) in enumerate(((DOWN, tokens.down, self._down), (UP, tokens.up, self._up))):
            box = QRect(MARGIN, top + index * line, lead, line)
            self._draw(painter, box, sign, fonts.strong, colour)
            box.setLeft(MARGIN + arrow)
            self._draw(painter, box, named, fonts.base, tokens.ink2)
            rate = str(units.rate(direction.uplink, self._units))
            known = direction.uplink is not None
            box.setLeft(MARGIN + lead - number)
            self._draw(painter, box, rate, fonts.strong, tokens.ink if known else tokens.ink3)
            place = QRectF(left, box.center().y() - _BAR_HEIGHT / 2 + 1, bar, _BAR_HEIGHT)
            self._draw_bar(painter, self._mirrored(place), direction, colour)
            x = left + bar + 16
            for text, font, ink in words[index]:
                width = text_width(font, text)
                self._draw(painter, QRect(x, box.top(), max(0, min(width, end - x)), line), text, font, ink)
                x += width

    def _words(self, *, briefly: bool = False) -> list[list[_Piece]]:
        tokens, fonts = self._theme.tokens, self._theme.fonts
        tcp, other = self.tr("= TCP by app "), self.tr(" + UDP, QUIC and other ")
        if briefly:
            tcp, other = self.tr("= TCP "), self.tr(" + other ")
        result = []
        for direction in (self._down, self._up):
            pieces: list[_Piece] = []
            parts = [(tcp, direction.tcp), (other, direction.other)]
            if direction.udp is not None:
                udp = self.tr(" + UDP ") if briefly else self.tr(" + UDP and QUIC ")
                parts = [
                    (self.tr("= TCP "), direction.tcp),
                    (udp, direction.udp),
                    (self.tr(" + other "), direction.other),
                ]
            for before, rate in parts:
                pieces.append((before, fonts.base, tokens.ink2))
                ink = tokens.ink if rate else tokens.ink3
                pieces.append((str(units.rate(rate, self._units)), fonts.strong, ink))
            result.append(pieces)
        return result

    def _draw(self, painter: QPainter, box: QRect, text: str, font: QFont, colour: QColor) -> None:
        painter.setFont(font)
        painter.setPen(colour)
        place = self._mirrored(QRectF(box))
        elided = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, box.width())
        align = Qt.AlignmentFlag.AlignLeading | Qt.AlignmentFlag.AlignVCenter
        painter.drawText(place, aligned(self, align), elided)

    def _draw_bar(self, painter: QPainter, box: QRectF, direction: _Direction, colour: QColor) -> None:
        """Draw the bar of a direction: the share of apps solid, the rest hatched. If UDP is counted, `_draw_counted`
        draws it."""
        if direction.udp is not None:
            self._draw_counted(painter, box, direction, colour)
            return
        known, rest = direction.tcp or 0.0, direction.other or 0.0
        whole = known + rest
        if whole <= 0:
            self._draw_nothing(painter, box)
            return
        solid, hatched = QRectF(box), QRectF(box)
        gap = 2 if known else 0
        if self.layoutDirection() == Qt.LayoutDirection.RightToLeft:
            solid.setLeft(box.right() - box.width() * known / whole)
            hatched.setRight(solid.left() - gap)
        else:
            solid.setRight(box.left() + box.width() * known / whole)
            hatched.setLeft(solid.right() + gap)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if known:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(colour)
            painter.drawRoundedRect(solid, 2, 2)
        if hatched.width() > 2:
            painter.setPen(QPen(colour, 1))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(hatched.adjusted(0.5, 0.5, -0.5, -0.5), 2, 2)
            draw_hatch(painter, hatched.adjusted(1, 1, -1, -1), DENSE_HATCH, hatched.left())
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)

    def _draw_counted(self, painter: QPainter, box: QRectF, direction: _Direction, colour: QColor) -> None:
        """Draw the bar of a direction while UDP is counted: TCP solid, UDP pale with an outline, the rest as an
        outline."""
        parts = (direction.tcp or 0.0, direction.udp or 0.0, direction.other or 0.0)
        whole = sum(parts)
        if whole <= 0:
            self._draw_nothing(painter, box)
            return
        pale = QColor(colour)
        pale.setAlphaF(0.3)
        nothing = QColor(0, 0, 0, 0)
        looks = ((colour, colour), (pale, colour), (nothing, self._theme.tokens.ink3))
        shown = [(part, look) for part, look in zip(parts, looks, strict=True) if part > 0]
        room = box.width() - _PART_GAP * (len(shown) - 1) - _LEAST_PART * len(shown)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        x = box.left()
        for part, (fill, outline) in shown:
            width = _LEAST_PART + max(0.0, room) * part / whole
            place = QRectF(x, box.top(), width, box.height())
            if self.layoutDirection() == Qt.LayoutDirection.RightToLeft:
                place.moveLeft(box.left() + box.right() - place.right())
            painter.setPen(QPen(outline, 1.5 if fill == pale else 1))
            painter.setBrush(fill)
            painter.drawRoundedRect(place.adjusted(0.75, 0.75, -0.75, -0.75), 2, 2)
            x += width + _PART_GAP
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)

    def _draw_nothing(self, painter: QPainter, box: QRectF) -> None:
        painter.setPen(QPen(self._theme.tokens.ctl, 1, Qt.PenStyle.DotLine))
        painter.drawLine(QPointF(box.left(), box.center().y()), QPointF(box.right(), box.center().y()))

    def _mirrored(self, box: QRectF) -> QRectF:
        if self.layoutDirection() == Qt.LayoutDirection.RightToLeft:
            return QRectF(self.width() - box.right(), box.top(), box.width(), box.height())
        return box

    def _show(self, down: _Direction, up: _Direction) -> None:
        if (down, up) == (self._down, self._up):
            return
        self._down, self._up = down, up
        spoken = [
            f"{sign} {self.tr('Interfaces')} {units.rate(each.uplink, self._units)} "
            + "".join(text for text, _font, _ink in words)
            for sign, each, words in zip((DOWN, UP), (down, up), self._words(), strict=True)
        ]
        self.setAccessibleName("; ".join(spoken))
        self.update()

    def _explain(self) -> None:
        below = self._link.mapToGlobal(QPoint(0, self._link.height()))
        QToolTip.showText(below, self.explanation(), self._link)

    def explanation(self) -> str:
        """Return sentences for the user that explain *Other* and, if the apps exceed the uplinks, how that can be."""
        known = (
            (
                self.tr("The system counts the bytes of each TCP connection, and the helper those of UDP and QUIC."),
                self.tr(
                    "“Other” is what the interfaces carried besides: headers, repeated packets, ICMP and what this "
                    "computer forwards."
                ),
            )
            if self._down.udp is not None
            else (
                self.tr("The system counts the bytes of each TCP connection, but not those of UDP sockets."),
                self.tr(
                    "“Other” is what the interfaces carried besides: UDP, QUIC, DNS, headers and repeated packets."
                ),
            )
        )
        sentences = [
            *known,
            self.tr(
                "The rows below also hold what stays inside this computer or makes up a tunnel; these sums do not."
            ),
        ]
        for each in (self._down, self._up):
            by_apps = (each.tcp or 0.0) + (each.udp or 0.0)
            if each.uplink and by_apps > each.uplink * (1 + _ABOVE):
                percent = 100 * (by_apps / each.uplink - 1)
                above = self.tr("Apps are {percent:.0f} % above the interfaces: they are read at different moments.")
                sentences.append(above.format(percent=percent))
        return "\n".join(sentences)


def _width(lines: list[list[_Piece]]) -> int:
    """Return the width of the longest line in dip."""
    return max(sum(text_width(font, text) for text, font, _ink in pieces) for pieces in lines)
