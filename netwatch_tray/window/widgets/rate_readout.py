"""A widget that shows a current rate in large type."""

from __future__ import annotations

from PySide6.QtCore import QPoint, QSize
from PySide6.QtGui import QFont, QFontMetrics, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from netwatch_tray import units
from netwatch_tray.units import Units
from netwatch_tray.window.widgets.formatting import rate_units
from netwatch_tray.window.widgets.theme import GAP, Theme, text_width


class RateReadout(QWidget):
    """Shows arrow, number and unit of a rate at fixed positions, so that nothing moves when the number changes."""

    _WIDEST_NUMBER = "0000"

    def __init__(self, theme: Theme, arrow: str) -> None:
        super().__init__()
        self._theme = theme
        self._arrow = arrow
        self._quantity = units.rate(None)
        self._units = Units()
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        arrow, number, unit = self._slots()
        return QSize(arrow + number + GAP // 2 + unit, QFontMetrics(self._theme.fonts.rate).height())

    def show_rate(self, rate: float | None, shown_in: Units, why_unknown: str) -> None:
        """Show a rate in bytes/s; None: unknown. `why_unknown`: tooltip while it is unknown."""
        quantity = units.rate(rate, shown_in)
        if shown_in != self._units:
            self._units = shown_in
            self.updateGeometry()
        direction = self.tr("download") if self._arrow == units.DOWN else self.tr("upload")
        spoken = self.tr("{direction} {rate}").format(
            direction=direction, rate=self.tr("unknown") if rate is None else quantity
        )
        self.setAccessibleName(spoken)
        self.setToolTip(why_unknown if rate is None else "")
        if quantity != self._quantity:
            self._quantity = quantity
            self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        tokens, fonts = self._theme.tokens, self._theme.fonts
        painter = QPainter(self)
        arrow, number, _unit = self._slots()
        known = self._quantity.value != units.UNKNOWN
        base = QFontMetrics(fonts.rate).ascent()
        painter.setFont(fonts.rate)
        painter.setPen((tokens.down if self._arrow == units.DOWN else tokens.up) if known else tokens.ink3)
        painter.drawText(QPoint(0, base), self._arrow)
        painter.setPen(tokens.ink if known else tokens.ink3)
        advance = text_width(fonts.rate, self._quantity.value)
        painter.drawText(QPoint(arrow + number - advance, base), self._quantity.value)
        painter.setFont(fonts.base)
        painter.setPen(tokens.ink2)
        painter.drawText(QPoint(arrow + number + GAP // 2, base), self._quantity.unit)

    def _slots(self) -> tuple[int, int, int]:
        fonts = self._theme.fonts
        return (
            text_width(fonts.rate, self._arrow) + GAP // 2,
            text_width(fonts.rate, self._WIDEST_NUMBER),
            widest_unit(fonts.base, self._units),
        )


def widest_unit(font: QFont, shown_in: Units) -> int:
    """Return the width in dip of the widest unit in which a rate may be shown."""
    return max(text_width(font, unit) for unit in rate_units(shown_in))
