"""Checks of what a window draws: the place of each text, its colour and its background."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from PySide6.QtCore import QPoint, QPointF, QRect, QRectF
from PySide6.QtGui import QColor, QFontMetricsF, QImage, QPainter, QPixmap
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractScrollArea,
    QAbstractSpinBox,
    QComboBox,
    QHeaderView,
    QLabel,
    QLineEdit,
    QScrollArea,
    QScrollBar,
    QWidget,
)

from netwatch_tray.window.chart.amount_chart import AmountChart
from netwatch_tray.window.chart.chart import Chart
from netwatch_tray.window.widgets.buttons import FlatButton
from netwatch_tray.window.widgets.text import Text
from netwatch_tray.window.widgets.theme import Metrics

_LEAST_CONTRAST = 4.5
_CUT_NUMBER = re.compile(r"[≈↓↑ ]*\d[\d.\u202f]*( [A-Za-z/]*)?…$")
_TOUCH = 1.0
"""Dip by which two rectangles may overlap, because of antialiasing and rounding."""


_HALO = 4.0
"""Dip between two drawings of a text that are its halo."""


class Drawn(NamedTuple):
    """A text and the place where it was drawn, in dip of the window."""

    text: str
    box: QRectF
    """The advance of the text by the height of its ink."""
    seen: QRectF
    """The part of the window that its widget is visible in."""
    colour: QColor
    widget: QWidget
    clipped: bool
    """It was clipped on purpose."""


def luminance(colour: QColor) -> float:
    """Return the relative luminance (WCAG 2.2)."""
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in (colour.redF(), colour.greenF(), colour.blueF())
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: QColor, other: QColor) -> float:
    """Return the contrast ratio (WCAG 2.2)."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


class Record:
    """Records the texts that the program itself draws while `watched`; those that Qt draws are not recorded."""

    def __init__(self, window: QWidget) -> None:
        self._window = window
        self.texts: list[Drawn] = []

    @contextmanager
    def watched(self) -> Iterator[None]:
        draw, draw_line = QPainter.drawText, Metrics.draw

        def draw_as_text(_metrics: Metrics, painter: QPainter, _ratio: float, x: float, base: int, text: str) -> None:
            """Draws anew what may have been laid out before."""
            painter.drawText(QPointF(x, base), text)

        def spy(painter: QPainter, *arguments: Any) -> Any:
            self._take(painter, arguments)
            return draw(painter, *arguments)

        QPainter.drawText = spy  # type: ignore[method-assign, assignment]
        Metrics.draw = draw_as_text  # type: ignore[method-assign, assignment]
        try:
            yield
        finally:
            QPainter.drawText, Metrics.draw = draw, draw_line  # type: ignore[method-assign]

    def _take(self, painter: QPainter, arguments: tuple[Any, ...]) -> None:
        text = str(arguments[-1])
        widget = self._widget(painter)
        if widget is None or not text.strip():
            return
        metrics = QFontMetricsF(painter.font())
        if isinstance(arguments[0], QRect | QRectF):
            laid = QRectF(painter.boundingRect(QRectF(arguments[0]), int(arguments[1]), text))
            left, base = laid.left(), laid.top() + metrics.ascent()
        else:
            left, base = (arguments[0].x(), arguments[0].y()) if len(arguments) == 2 else arguments[:2]
        ink = metrics.tightBoundingRect(text)
        box = QRectF(left, base + ink.top(), metrics.horizontalAdvance(text), ink.height())
        clipped = painter.hasClipping() and not painter.clipBoundingRect().contains(box)
        box.translate(widget.mapTo(self._window, QPoint(0, 0)))
        # Drawn just before around itself, in the colour of its ground: a halo, of which the text alone is read.
        while self.texts and _is_halo(self.texts[-1], text, box, widget):
            self.texts.pop()
        self.texts.append(Drawn(text, box, self._seen(widget), painter.pen().color(), widget, clipped))

    def _seen(self, widget: QWidget) -> QRectF:
        """Return the part of a widget that its parents do not clip, dip of the window."""
        seen = QRectF(self._window.rect())
        at: QWidget | None = widget
        while at is not None and at is not self._window:
            seen &= QRectF(QPoint(0, 0), at.size()).translated(at.mapTo(self._window, QPoint(0, 0)))
            at = at.parentWidget()
        return seen

    def _widget(self, painter: QPainter) -> QWidget | None:
        device = painter.device()
        if isinstance(device, QWidget):
            return device
        if isinstance(device, QPixmap):  # the cached picture of a chart
            size = device.deviceIndependentSize().toSize()
            every = (self._window, *self._window.findChildren(QWidget))
            charts = [each for each in every if isinstance(each, Chart | AmountChart) and each.isVisible()]
            charts = [each for each in charts if each.size() == size]
            return charts[0] if charts else None
        return None


def problems(window: QWidget, record: Record, image: QImage, *, may_elide: bool) -> list[str]:
    """Return a line for everything that is clipped, covered, misplaced or hard to read."""
    found = [*_outside(record), *_overlapping(record.texts), *_unreadable(record.texts, image)]
    found += _geometry(window)
    found += _cut(window, may_elide=may_elide)
    return found


def _name(widget: QWidget) -> str:
    names: list[str] = []
    at: QWidget | None = widget
    while at is not None and len(names) < 3:
        names.append(type(at).__name__)
        at = at.parentWidget()
    return "<".join(names)


def _scrolls(widget: QWidget) -> bool:
    parent = widget.parentWidget()
    return isinstance(parent, QAbstractScrollArea) and parent.viewport() is widget


def _outside(record: Record) -> Iterator[str]:
    for drawn in record.texts:
        if isinstance(drawn.widget.parent(), QHeaderView) and drawn.text.endswith("…"):
            yield f"the heading “{drawn.text}” of {_name(drawn.widget)} is cut"
        if _CUT_NUMBER.match(drawn.text):  # it would read as another number
            yield f"the number “{drawn.text}” in {_name(drawn.widget)} is cut"
        place = QRectF(QPoint(0, 0), drawn.widget.size()).translated(drawn.widget.mapTo(record._window, QPoint(0, 0)))
        box, scrolls = drawn.box, _scrolls(drawn.widget)  # the edge of a table cuts its last row
        inside = place.left() - _TOUCH <= box.left() and box.right() <= place.right() + _TOUCH
        inside = inside and (scrolls or (place.top() - _TOUCH <= box.top() and box.bottom() <= place.bottom() + _TOUCH))
        if not inside and not drawn.clipped:
            yield f"“{drawn.text}” runs out of {_name(drawn.widget)}: {_at(box)} in {_at(place)}"


def _is_halo(before: Drawn, text: str, box: QRectF, widget: QWidget) -> bool:
    apart = before.box.topLeft() - box.topLeft()
    return before.text == text and before.widget is widget and max(abs(apart.x()), abs(apart.y())) <= _HALO


def _overlapping(texts: list[Drawn]) -> Iterator[str]:
    ordered = sorted((each for each in texts if not each.clipped), key=lambda each: each.box.top())
    for place, one in enumerate(ordered):
        for other in ordered[place + 1 :]:
            if other.box.top() > one.box.bottom():
                break
            common = one.box & other.box & one.seen & other.seen
            same = one.text == other.text and one.box == other.box
            covered = _is_above_others(one.widget) != _is_above_others(
                other.widget
            )  # by a widget that floats over the others
            if common.width() > _TOUCH and common.height() > _TOUCH and not same and not covered:
                yield f"“{one.text}” and “{other.text}” overlap in {_name(one.widget)}: {_at(common)}"


def _unreadable(texts: list[Drawn], image: QImage) -> Iterator[str]:
    ratio = image.devicePixelRatio()
    whole = image.rect()
    seen: set[tuple[int, int]] = set()
    for drawn in texts:
        box = drawn.box & drawn.seen
        if box.height() < drawn.box.height() / 2:  # scrolled out of its widget
            continue
        box.adjust(-1, -1, 1, 1)
        place = QRectF(box.topLeft() * ratio, box.size() * ratio).toRect().intersected(whole)
        if place.isEmpty():
            continue
        step = max(1, place.width() // 24)
        pixels = Counter(
            image.pixel(x, y)
            for y in range(place.top(), place.bottom() + 1, 2)
            for x in range(place.left(), place.right() + 1, step)
        )
        background = pixels.most_common(1)[0][0]
        if (background, drawn.colour.rgb()) in seen:
            continue
        seen.add((background, drawn.colour.rgb()))
        measured = contrast(QColor.fromRgb(background), drawn.colour)
        if measured < _LEAST_CONTRAST:
            on = QColor.fromRgb(background).name()
            colours = f"{drawn.colour.name()} on {on}"
            yield f"“{drawn.text}” has a contrast of {measured:.2f}: {colours} in {_name(drawn.widget)}"


def _geometry(window: QWidget) -> Iterator[str]:
    for parent in [window, *window.findChildren(QWidget)]:
        if not parent.isVisible() or isinstance(parent, QAbstractScrollArea) or _inside_native(parent):
            continue
        children = [
            each
            for each in parent.children()
            if isinstance(each, QWidget) and each.isVisible() and not each.isWindow() and not each.size().isEmpty()
        ]
        for place, child in enumerate(children):
            scrolled = _scrolls(parent) or isinstance(child, QScrollBar)
            if not scrolled and not parent.rect().contains(child.geometry()):
                yield f"{_name(child)} leaves its parent: {_at(child.geometry())} in {_at(parent.rect())}"
            for other in children[place + 1 :]:
                if (
                    child.geometry().intersects(other.geometry())
                    and not _covers_siblings(child)
                    and not _covers_siblings(other)
                ):
                    yield f"{_name(child)} and {type(other).__name__} overlap: {_at(other.geometry())}"


def _covers_siblings(widget: QWidget) -> bool:
    """Return whether a widget covers its siblings on purpose."""
    return type(widget).__name__ in ("ConnectionDetails", "EventDetails")


def _is_above_others(widget: QWidget) -> bool:
    at: QWidget | None = widget
    while at is not None and not _covers_siblings(at):
        at = at.parentWidget()
    return at is not None


def _inside_native(widget: QWidget) -> bool:
    return isinstance(widget, QAbstractSpinBox | QComboBox | QLineEdit | QHeaderView | QScrollBar)


def _cut(window: QWidget, *, may_elide: bool) -> Iterator[str]:
    for widget in window.findChildren(QWidget):
        if not widget.isVisible() or isinstance(widget.parent(), QLineEdit):  # the buttons of a line edit
            continue
        if isinstance(widget, Text):
            yield from _cut_text(widget, may_elide=may_elide)
        elif isinstance(widget, QLabel) and widget.wordWrap():
            needed = widget.heightForWidth(widget.width())
            if widget.text() and widget.height() < needed:
                yield f"“{widget.text()}” is cut in {_name(widget)}: {widget.height()} of {needed}"
        elif isinstance(widget, QAbstractButton | QLineEdit | QAbstractSpinBox | QComboBox):
            least = widget.sizeHint() if isinstance(widget, FlatButton) else widget.minimumSizeHint()
            if widget.width() < least.width() or widget.height() < least.height():
                yield f"{_name(widget)} is smaller than it can be: {_at(widget.rect())} of {least.toTuple()}"
        elif isinstance(widget, QScrollArea) and widget.widget().minimumSizeHint().width() > widget.viewport().width():
            yield f"{_name(widget)} cuts the width of what it scrolls"


def _cut_text(label: Text, *, may_elide: bool) -> Iterator[str]:
    metrics, room = QFontMetricsF(label.font()), label.contentsRect()
    wanted = metrics.horizontalAdvance(label.text())
    if not may_elide and wanted > room.width() + _TOUCH:
        yield f"“{label.text()}” is cut in {_name(label)}: {wanted:.0f} in {room.width()}"
    if label.height() < metrics.height() - _TOUCH:
        yield f"“{label.text()}” has no height in {_name(label)}"


def _at(box: QRect | QRectF) -> str:
    return f"{box.x():.0f},{box.y():.0f} {box.width():.0f}x{box.height():.0f}"


def drawn(widget: QWidget) -> str:
    """Return the texts that a widget paints itself, separated by bars."""
    record = Record(widget)
    with record.watched():
        widget.grab()
    return " | ".join(each.text for each in record.texts)
