"""The chart of rates: a `Plot` with a crosshair and zoom, by mouse and keyboard."""

from __future__ import annotations

from bisect import bisect_left

from PySide6.QtCore import QEvent, QPointF, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter

from netwatch_tray.window.chart import labels, layers
from netwatch_tray.window.chart.marks import span_of
from netwatch_tray.window.chart.plot import Plot
from netwatch_tray.window.chart.series import KnownPoint
from netwatch_tray.window.widgets.speech import announce
from netwatch_tray.window.widgets.theme import Theme

_LEAST_DRAG = 6
"""Least length of a drag in dip (device-independent pixels); a shorter one is a click."""
_ZOOM_STEP = 2.0


class Chart(Plot):
    """A chart of rates. Hovering shows the rates of a moment, a click freezes them, dragging zooms in, a double click
    shows all."""

    events_requested = Signal(float, float)
    """The user has clicked the mark of an event, to see the events between these Unix times."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme)
        self._crosshair: float | None = None
        """Unix time under the crosshair; None if there is no crosshair."""
        self._is_frozen = False
        """Whether a click has frozen the crosshair, so that it does not follow the mouse."""
        self._pressed: float | None = None
        """The x coordinate in dip where the mouse button was pressed; None if it is not pressed."""
        self._dragged: float | None = None
        """The x coordinate in dip to which the mouse is being dragged; None if it is not."""
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)

    @property
    def crosshair(self) -> float | None:
        """Return the Unix time under the crosshair, or None if there is no crosshair."""
        return self._crosshair

    def step(self, by: int) -> None:
        """Move the crosshair by this many points, to the right if positive. A hidden one appears at the newest
        point."""
        known = self.series.visible
        if not known:
            return
        if self._crosshair is None:
            index = len(known) - 1
        else:
            index = bisect_left(known, self._crosshair, key=lambda point: point.at) + by
        point = known[min(max(index, 0), len(known) - 1)]
        self._crosshair, self._is_frozen = point.at, True
        self.update()
        announce(self, lambda: self._spoken(point))  # a screen reader does not see the crosshair's box

    def _spoken(self, point: KnownPoint) -> str:
        rates = labels.spoken_rates(point.rx, point.tx, self.units)
        return f"{labels.moment(point.at, self.viewport.span)}, {rates}"

    def clear_crosshair(self) -> bool:
        """Remove the crosshair. Return whether there was one."""
        shown = self._crosshair is not None
        self._crosshair, self._is_frozen = None, False
        self.update()
        return shown

    def start_over(self) -> None:
        self.clear_crosshair()
        super().start_over()

    def take_key(self, key: int) -> bool:
        """Handle a key press (Qt key): move the crosshair or zoom. Return whether the chart uses this key."""
        match key:
            case Qt.Key.Key_Left:
                self.step(-1)
            case Qt.Key.Key_Right:
                self.step(+1)
            case Qt.Key.Key_Plus | Qt.Key.Key_Equal | Qt.Key.Key_Minus:
                self.zoom_by_key(key, self._crosshair)
            case _:
                return False
        return True

    def zoom_by_key(self, key: int, around: float | None) -> None:
        """Zoom in if `key` is `+`, or out if it is `-`. `around`: Unix time that stays in place; None: the middle."""
        # Equal is the same key as plus, without Shift.
        is_in = key in (Qt.Key.Key_Plus, Qt.Key.Key_Equal)
        self.zoom_by(_ZOOM_STEP if is_in else 1 / _ZOOM_STEP, around)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        x = event.position().x()
        if self._pressed is not None and (self._dragged is not None or abs(x - self._pressed) >= _LEAST_DRAG):
            box = self.scene().frame.box
            self._dragged = min(max(x, box.left()), box.right())
            self.update()
        elif not self._is_frozen:
            self._point_at(event.position())
        is_mark = self.mark_at(event.position()) is not None
        self.setCursor(Qt.CursorShape.PointingHandCursor if is_mark else Qt.CursorShape.ArrowCursor)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and self.scene().frame.box.contains(event.position()):
            self._pressed = event.position().x()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() != Qt.MouseButton.LeftButton:
            return
        pressed, dragged, self._pressed, self._dragged = self._pressed, self._dragged, None, None
        if pressed is not None and dragged is not None:
            frame = self.scene().frame
            self.zoom_to(*sorted((frame.at(pressed), frame.at(dragged))))
        elif pressed is not None:
            self._is_frozen = not self._is_frozen
            self._point_at(event.position())
            self._is_frozen = self._is_frozen and self._crosshair is not None
        elif (joined := self.mark_at(event.position())) is not None:
            self.events_requested.emit(*span_of(joined, self.viewport.span / self.scene().frame.box.width()))

    def mouseDoubleClickEvent(self, _event: QMouseEvent) -> None:
        self.clear_crosshair()
        self.show_all()

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        if not self._is_frozen:
            self.clear_crosshair()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if not self.take_key(event.key()):
            super().keyPressEvent(event)

    def _draw_overlay(self, painter: QPainter, scene: layers.Scene) -> None:
        if self._pressed is not None and self._dragged is not None:
            layers.draw_zoom_selection(painter, scene, *sorted((self._pressed, self._dragged)))
        elif self._crosshair is not None and (known := self.series.nearest(self._crosshair)):
            layers.draw_crosshair(painter, scene, known)

    def _prepare(self) -> None:
        super()._prepare()
        if self._crosshair is not None and self._crosshair < self.series.start:
            self._crosshair, self._is_frozen = None, False

    def _point_at(self, position: QPointF) -> None:
        frame = self.scene().frame
        at = frame.at(position.x())
        known = self.series.nearest(at) if frame.box.contains(position) and not self.series.gap_at(at) else None
        self._crosshair = known.at if known else None
        self.update()
