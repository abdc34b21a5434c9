"""The remote hosts with which an app exchanged data in the last 24 hours."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime

from PySide6.QtCore import QEvent, QRect, QSize, Qt
from PySide6.QtGui import QFontMetrics, QHelpEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QToolTip, QVBoxLayout, QWidget

from netwatch_tray import units
from netwatch_tray.model import HostAmount
from netwatch_tray.text import printable, qt_tool_tip
from netwatch_tray.units import DOWN, UP, Units
from netwatch_tray.window.chart import labels
from netwatch_tray.window.widgets.buttons import LinkButton
from netwatch_tray.window.widgets.painting import aligned, text_painter
from netwatch_tray.window.widgets.text import Text
from netwatch_tray.window.widgets.theme import GAP, Theme, faded

_ROW = 23
_AMOUNT, _ORIGIN = 78, 44
_BAR, _BAR_HEIGHT, _BAR_OPACITY = 108, 6, 0.75
_LEAST_NAME = 140
_FIRST_SHOWN = 6


class Hosts(QWidget):
    """The list of the hosts with the most traffic, and a link that shows all."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._hosts: Sequence[HostAmount] | None = None
        self._shows_all = False
        self._shown_in = Units()
        self._rows = _Rows(theme)
        self._note = Text(theme, theme.fonts.small, "ink2")
        self._more = LinkButton(theme, "")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addWidget(self._rows)
        column.addWidget(self._note)
        column.addWidget(self._more, 0, Qt.AlignmentFlag.AlignLeading)
        self._more.clicked.connect(self._show_all)

    def show_hosts(self, hosts: Sequence[HostAmount] | None, since: float, shown_in: Units) -> None:
        """Show the hosts of an app.

        `hosts`: hosts with their bytes, the largest first; the last may be the sum of further hosts. None if unknown.
        `since`: Unix time from which on bytes are counted, 0 if unknown.
        """
        self._rows.show_since(since)
        if hosts is None or self._hosts is None:
            self._shows_all = False
        self._hosts, self._shown_in = hosts, shown_in
        self._fill()

    def _show_all(self) -> None:
        self._shows_all = True
        self._fill()

    def _fill(self) -> None:
        hosts = self._hosts or ()
        shown = hosts if self._shows_all or len(hosts) <= _FIRST_SHOWN + 1 else hosts[:_FIRST_SHOWN]
        rest = hosts[len(shown) :]
        self._rows.show_hosts(shown, self._shown_in)
        self._note.setVisible(not hosts)
        self._note.show_text(self.tr("Not known") if self._hosts is None else self.tr("None in the last 24 hours"))
        self._more.setVisible(bool(rest))
        if rest:
            amount = units.size(sum(each.rx_bytes + each.tx_bytes for each in rest), self._shown_in)
            self._more.setText(self.tr("{count} hosts more, {amount}").format(count=len(rest), amount=amount))
            self._more.updateGeometry()


class _Rows(QWidget):
    """Rows with five columns: name, origin of the name, bar, download and upload."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._title = ""
        self._hosts: Sequence[HostAmount] = ()
        self._units = Units()
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)

    def show_since(self, since: float) -> None:
        title = self.tr("Hosts")
        if since:
            at, today = datetime.fromtimestamp(since).astimezone(), datetime.fromtimestamp(time.time()).astimezone()
            text = (
                self.tr("Hosts since {time}") if at.date() == today.date() else self.tr("Hosts since yesterday {time}")
            )
            title = text.format(time=f"{at:%H:%M}")
        if title != self._title:
            self._title = title
            self.setAccessibleName(title)
            self.update()

    def show_hosts(self, hosts: Sequence[HostAmount], shown_in: Units) -> None:
        if (hosts, shown_in) == (self._hosts, self._units):
            return
        self._hosts, self._units = hosts, shown_in
        self.setAccessibleDescription(", ".join(map(self._spoken, hosts)))
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(_LEAST_NAME + 2 * _AMOUNT, self._row() * (len(self._hosts) + 1))

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            place = event.pos().y() // self._row() - 1
            text = self._explain(self._hosts[place]) if 0 <= place < len(self._hosts) else ""
            QToolTip.showText(event.globalPos(), qt_tool_tip(text), self)
            return True
        return super().event(event)

    def paintEvent(self, _event: QPaintEvent) -> None:
        tokens, fonts = self._theme.tokens, self._theme.fonts
        painter = text_painter(self)
        leading = aligned(self, Qt.AlignmentFlag.AlignLeading | Qt.AlignmentFlag.AlignVCenter)
        trailing = aligned(self, Qt.AlignmentFlag.AlignTrailing | Qt.AlignmentFlag.AlignVCenter)
        name, origin, bar, down, up = self._columns()
        painter.setFont(fonts.small_strong)
        painter.setPen(tokens.ink)
        painter.drawText(self._box(name, 0), leading, self._title)
        painter.setPen(tokens.ink2)
        painter.drawText(self._box(down, 0), trailing, DOWN)
        painter.drawText(self._box(up, 0), trailing, UP)
        most = max((each.rx_bytes + each.tx_bytes for each in self._hosts), default=0)
        metrics = QFontMetrics(fonts.base)
        for place, each in enumerate(self._hosts):
            row = place + 1
            painter.setFont(fonts.base)
            painter.setPen(tokens.ink2 if each.address is None and each.host is None else tokens.ink)
            box = self._box(name, row)
            shown = metrics.elidedText(printable(self._name(each)), Qt.TextElideMode.ElideMiddle, box.width() - GAP)
            painter.drawText(box, leading, shown)
            painter.setPen(tokens.ink)
            for column, count in ((down, each.rx_bytes), (up, each.tx_bytes)):
                painter.setPen(tokens.ink if count else tokens.ink3)
                painter.drawText(self._box(column, row), trailing, str(units.size(count, self._units)))
            painter.setFont(fonts.small)
            painter.setPen(tokens.ink3)
            if origin is not None:
                painter.drawText(self._box(origin, row), leading, each.origin or "")
            if bar is not None and most:
                self._draw_bar(painter, self._box(bar, row), (each.rx_bytes + each.tx_bytes) / most)

    def _draw_bar(self, painter: QPainter, box: QRect, share: float) -> None:
        width = max(1, round(box.width() * share))
        left = box.right() + 1 - width if self.layoutDirection() == Qt.LayoutDirection.RightToLeft else box.left()
        bar = QRect(left, box.center().y() - _BAR_HEIGHT // 2, width, _BAR_HEIGHT)
        painter.fillRect(bar, faded(self._theme.tokens.down, _BAR_OPACITY))

    def _row(self) -> int:
        return self._theme.height(_ROW)

    def _columns(
        self,
    ) -> tuple[tuple[int, int], tuple[int, int] | None, tuple[int, int] | None, tuple[int, int], tuple[int, int]]:
        """Return left edge and width of each column in dip; None for a column that has no room."""
        amount, origin, bar = self._theme.height(_AMOUNT), self._theme.height(_ORIGIN), _BAR
        up = self.width() - amount
        down = up - amount
        room = down - self._theme.height(_LEAST_NAME)
        has_origin, has_bar = room >= origin + GAP, room >= origin + bar + 2 * GAP
        bar_left = down - bar - GAP
        origin_left = (bar_left if has_bar else down) - origin - GAP
        name = (origin_left if has_origin else down) - GAP
        return (
            (0, name),
            (origin_left, origin) if has_origin else None,
            (bar_left, bar) if has_bar else None,
            (down, amount),
            (up, amount),
        )

    def _box(self, column: tuple[int, int], row: int) -> QRect:
        left, width = column
        if self.layoutDirection() == Qt.LayoutDirection.RightToLeft:
            left = self.width() - left - width
        return QRect(left, row * self._row(), width, self._row())

    def _name(self, each: HostAmount) -> str:
        return each.host or each.address or self.tr("Other hosts together")

    def _spoken(self, each: HostAmount) -> str:
        return f"{self._name(each)} {units.size(each.rx_bytes + each.tx_bytes, self._units)}"

    def _explain(self, each: HostAmount) -> str:
        lines = [self._name(each)]
        if each.host and each.address:
            lines.append(each.address)
        if each.origin:
            lines.append(self.tr("Name from {origin}").format(origin=each.origin))
        if each.country:
            lines.append(each.country)
        lines.append(self.tr("Last data at {time}").format(time=labels.clock(each.last_at, seconds=False)))
        return "\n".join(lines)
