"""The chart for ranges of a day and more: bytes as bars, their average, and below them the rates (the "lane").

A slot is the time that one bar covers: an hour, six hours, a day or a week. A mark is the glyph of an event."""

from __future__ import annotations

import math
from collections.abc import Sequence

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QHelpEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPixmap,
    QResizeEvent,
)
from PySide6.QtWidgets import QToolTip, QWidget

from netwatch_tray.units import Units
from netwatch_tray.window.chart import amount_labels, amount_layers, labels
from netwatch_tray.window.chart.amount_crosshair import draw_crosshair
from netwatch_tray.window.chart.amount_frame import draw_header, draw_lane_title, lay_out
from netwatch_tray.window.chart.amounts import Amounts, Slot
from netwatch_tray.window.chart.marks import Joined, Mark, mark_at, span_of
from netwatch_tray.window.chart.series import GapSpan
from netwatch_tray.window.widgets.painting import draw_ring, text_painter
from netwatch_tray.window.widgets.speech import announce
from netwatch_tray.window.widgets.theme import Theme

_LEAST_DRAG = 6
"""Least length of a drag in dip (device-independent pixels); a shorter one is a click."""


class AmountChart(QWidget):
    """A bar chart of amounts. Hovering shows the numbers of a slot, a click freezes them, dragging zooms in, a double
    click shows all."""

    zoom_requested = Signal(float, float)
    """The user has dragged over a part to show only that; start and end as Unix times."""
    key_pressed = Signal(int)
    """The user pressed `+` or `-`, to zoom in or out around the crosshair; the Qt key."""
    all_requested = Signal()
    """The user wants to see the whole range."""
    events_requested = Signal(float, float)
    """The user has clicked a mark, to see the events between these Unix times."""

    def __init__(self, theme: Theme, *, has_header: bool = True) -> None:
        super().__init__()
        self._theme = theme
        self._has_header = has_header
        self.units = Units()
        self._amounts: Amounts | None = None
        self._title = ""
        self._scene: amount_layers.AmountScene | None = None
        self._picture: QPixmap | None = None
        self._crosshair: int | None = None
        """Index of the slot under the crosshair."""
        self._is_frozen = False
        self._pressed: QPointF | None = None
        self._dragged: float | None = None
        self.notice = ""
        """Text that is written over the faded chart, such as why there is no data; empty if there is none."""
        self._marks: Sequence[Mark] = ()
        self.setMinimumHeight(140)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        theme.changed.connect(self._redraw)

    def sizeHint(self) -> QSize:
        return QSize(640, 280)

    @property
    def amounts(self) -> Amounts | None:
        return self._amounts

    @property
    def crosshair(self) -> Slot | None:
        """Return the slot under the crosshair, or None if there is no crosshair."""
        place = self._crosshair
        return self._amounts.slots[place] if self._amounts and place is not None else None

    def set_units(self, shown_in: Units) -> None:
        if shown_in != self.units:
            self.units = shown_in
            self._redraw()

    def show_amounts(self, title: str, amounts: Amounts | None) -> None:
        """Show these amounts; None: they are not known yet. `title`: heading of the chart, such as "Last 30 days"."""
        before = self._amounts
        if amounts == before and title == self._title:
            return
        if before is None or amounts is None or before.width != amounts.width or title != self._title:
            self.clear_crosshair()
        elif (crossed := self.crosshair) is not None:
            starts = [slot.start for slot in amounts.slots]
            self._crosshair = starts.index(crossed.start) if crossed.start in starts else None
        self._title, self._amounts = title, amounts
        self.setAccessibleName(title)
        self.setAccessibleDescription(amount_labels.accessible_description(amounts, self.units) if amounts else "")
        self._redraw()

    def set_marks(self, marks: Sequence[Mark]) -> None:
        """Show these marks of events below the rates. `marks`: oldest first."""
        if marks is not self._marks:
            self._marks = marks
            self._redraw()

    def mark_at(self, place: QPointF) -> Joined | None:
        """Return the mark at a position of the widget, in dip, or None if there is none."""
        scene = self.scene()
        return mark_at(scene.marks, scene.mark_lane, place) if scene else None

    def show_notice(self, text: str) -> None:
        """Fade the chart and write this text over it; an empty text restores the chart."""
        if text != self.notice:
            self.notice = text
            self.update()

    def quiet_text(self) -> str:
        """Return how often and how long nothing was measured, by reason, as a part of a sentence. Gaps that are hatched
        are left out; empty if there are no others."""
        scene = self.scene()
        return amount_labels.quiet_text(scene.amounts, scene.gaps) if scene else ""

    def moments(self) -> list[Slot | GapSpan]:
        """Return the slots with known amounts and the hatched gaps, oldest first, for the chart's view as a table."""
        scene = self.scene()
        if self._amounts is None or scene is None:
            return []
        gaps = [gap.span for gap in scene.gaps if not gap.is_quiet]
        known = [slot for slot in self._amounts.slots if slot.is_known]
        return sorted([*known, *gaps], key=lambda each: each[0])

    def step(self, by: int) -> None:
        """Move the crosshair by this many slots, to the right if positive. A hidden one appears at the newest slot."""
        if self._amounts is None:
            return
        last = len(self._amounts.slots) - 1
        self._crosshair = last if self._crosshair is None else min(max(self._crosshair + by, 0), last)
        self._is_frozen = True
        self.update()
        # A screen reader does not see the crosshair's box.
        slot, amounts = self._amounts.slots[self._crosshair], self._amounts
        announce(self, lambda: amount_labels.spoken_slot(slot, amounts, self.units))

    def clear_crosshair(self) -> bool:
        """Remove the crosshair. Return whether there was one."""
        shown = self._crosshair is not None
        self._crosshair, self._is_frozen = None, False
        self.update()
        return shown

    def take_key(self, key: int) -> bool:
        """Handle a key press (Qt key): move the crosshair or zoom. Return whether the chart uses this key."""
        if key in (Qt.Key.Key_Left, Qt.Key.Key_Right):
            self.step(-1 if key == Qt.Key.Key_Left else 1)
        elif key in (Qt.Key.Key_Plus, Qt.Key.Key_Equal, Qt.Key.Key_Minus):
            self.key_pressed.emit(key)
        else:
            return False
        return True

    def scene(self) -> amount_layers.AmountScene | None:
        """Return everything that the drawing functions of `amount_layers` need, or None if there are no amounts."""
        if self._amounts is None:
            return None
        if self._scene is None:
            self._scene = lay_out(
                self, self._theme, self._amounts, self._marks, self.units, has_header=self._has_header
            )
        return self._scene

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._redraw()

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = text_painter(self)
        scene, ratio = self.scene(), self.devicePixelRatioF()
        if scene is None:
            painter.fillRect(self.rect(), self._theme.tokens.surface)
            painter.setFont(self._theme.fonts.base)
            painter.setPen(self._theme.tokens.ink2)
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, self.notice)
            return
        if self._picture is None or self._picture.devicePixelRatio() != ratio:
            self._scene = None
            scene = self.scene()
            assert scene is not None  # noqa: S101  there are amounts
            self._picture = self._drawn(scene, ratio)
        painter.drawPixmap(0, 0, self._picture)
        if self.notice:
            amount_layers.draw_notice(painter, scene, self.notice)
        elif self._pressed is not None and self._dragged is not None:
            amount_layers.draw_selection(painter, scene, *scene.between(self._pressed.x(), self._dragged))
        elif (slot := self.crosshair) is not None:
            draw_crosshair(painter, scene, slot, self._notes(slot))
        if self.hasFocus():
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            draw_ring(painter, self._theme, QRectF(self.rect()), 0)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        x = event.position().x()
        if self._pressed is not None and (self._dragged is not None or abs(x - self._pressed.x()) >= _LEAST_DRAG):
            self._dragged = x
            self.update()
        elif not self._is_frozen:
            self._point_at(event.position())
        is_mark = self.mark_at(event.position()) is not None
        self.setCursor(Qt.CursorShape.PointingHandCursor if is_mark else Qt.CursorShape.ArrowCursor)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        scene = self.scene()
        if event.button() == Qt.MouseButton.LeftButton and scene and scene.place_at(event.position()) is not None:
            self._pressed = event.position()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        scene = self.scene()
        if event.button() != Qt.MouseButton.LeftButton or scene is None:
            return
        if self._pressed is not None and self._dragged is not None:
            first, last = scene.between(self._pressed.x(), self._dragged)
            self._pressed = self._dragged = None
            self.zoom_requested.emit(first.start, last.end)
        elif self._pressed is not None:
            self._pressed = None
            self._is_frozen = not self._is_frozen
            self._point_at(event.position())
            self._is_frozen = self._is_frozen and self._crosshair is not None
        elif (joined := self.mark_at(event.position())) is not None:
            self.events_requested.emit(*span_of(joined, scene.span / scene.bars.width()))

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            joined, scene = self.mark_at(event.pos().toPointF()), self.scene()
            text = labels.marks_text(joined, scene.span) if joined and scene else ""
            QToolTip.showText(event.globalPos(), text, self)
            return True
        return super().event(event)

    def mouseDoubleClickEvent(self, _event: QMouseEvent) -> None:
        self.clear_crosshair()
        self.all_requested.emit()

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        if not self._is_frozen:
            self.clear_crosshair()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if not self.take_key(event.key()):
            super().keyPressEvent(event)

    def _redraw(self) -> None:
        self._scene = self._picture = None
        self.update()

    def _drawn(self, scene: amount_layers.AmountScene, ratio: float) -> QPixmap:
        picture = QPixmap(math.ceil(self.width() * ratio), math.ceil(self.height() * ratio))
        picture.setDevicePixelRatio(ratio)
        painter = QPainter(picture)
        painter.setLayoutDirection(Qt.LayoutDirection.LayoutDirectionAuto)
        amount_layers.draw_picture(painter, scene)
        if self._has_header:
            draw_header(
                painter, scene, self._title, is_mirrored=self.layoutDirection() == Qt.LayoutDirection.RightToLeft
            )
        draw_lane_title(painter, scene)
        painter.end()
        return picture

    def _notes(self, slot: Slot) -> list[str]:
        """Return a line with time and text of the most severe event in a slot, for the crosshair's box; [] if the slot
        has no events."""
        found = [mark for mark in self._marks if slot.start <= mark.at < slot.end]
        if not found:
            return []
        worst = max(found, key=lambda mark: (mark.level, mark.at))
        return [f"{labels.clock(worst.at, seconds=False)}  {worst.text}"]

    def _point_at(self, position: QPointF) -> None:
        scene = self.scene()
        place = scene.place_at(position) if scene is not None else None
        if place != self._crosshair:
            self._crosshair = place
            self.update()
