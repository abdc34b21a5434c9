"""A slim scroll bar."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QScrollBar

from netwatch_tray.window.widgets.theme import Theme


class SlimScrollBar(QScrollBar):
    """A scroll bar with a plain handle and no arrows. It paints itself, because Qt's style sheets would take 0.6 MB of
    memory."""

    _THICKNESS, _INSET, _LEAST = 12, 3, 32

    def __init__(self, theme: Theme, orientation: Qt.Orientation = Qt.Orientation.Vertical) -> None:
        super().__init__(orientation)
        self._theme = theme
        self._grip = 0.0
        """Distance in dip from the beginning of the handle to the point where the mouse button was pressed."""
        theme.changed.connect(self.update)

    def sizeHint(self) -> QSize:
        size = QSize(self._THICKNESS, 2 * self._THICKNESS)
        return size if self._is_vertical() else size.transposed()

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), self._theme.tokens.surface)
        start, length = self._handle()
        if not length:
            return
        thick, inset = self._THICKNESS, self._INSET
        handle = QRectF(0, start, thick, length) if self._is_vertical() else QRectF(start, 0, length, thick)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self._theme.tokens.ctl)
        painter.drawRoundedRect(handle.adjusted(inset, inset, -inset, -inset), 3, 3)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        (start, length), place = self._handle(), self._along(event)
        if event.button() == Qt.MouseButton.LeftButton and length:
            # A press beside the handle moves its middle there.
            self._grip = place - start if start <= place < start + length else length / 2
            self.setSliderDown(True)
            self._drag(place)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self.isSliderDown():
            self._drag(self._along(event))

    def mouseReleaseEvent(self, _event: QMouseEvent) -> None:
        self.setSliderDown(False)

    def _is_vertical(self) -> bool:
        return self.orientation() == Qt.Orientation.Vertical

    def _along(self, event: QMouseEvent) -> float:
        return event.position().y() if self._is_vertical() else event.position().x()

    def _drag(self, place: float) -> None:
        way = self._whole() - self._handle()[1]
        if way > 0:
            self.setValue(self.minimum() + round((place - self._grip) / way * (self.maximum() - self.minimum())))

    def _whole(self) -> int:
        return self.height() if self._is_vertical() else self.width()

    def _handle(self) -> tuple[float, float]:
        """Return position and length of the handle in dip. The length is 0 if there is nothing to scroll."""
        hidden, whole = self.maximum() - self.minimum(), self._whole()
        if hidden <= 0:
            return 0.0, 0.0
        length = min(whole, max(self._LEAST, whole * self.pageStep() / (hidden + self.pageStep())))
        return (whole - length) * (self.value() - self.minimum()) / hidden, length
