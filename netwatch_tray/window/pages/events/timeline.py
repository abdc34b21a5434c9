"""The timeline: a table whose rows are events under their days, with actions as links in the rows."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from PySide6.QtCore import QEvent, QPoint, QRect, Qt, Signal
from PySide6.QtGui import QHideEvent, QKeyEvent, QMouseEvent, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QAbstractItemView

from netwatch_tray.event import Event
from netwatch_tray.text import printable
from netwatch_tray.units import Units
from netwatch_tray.window.data.app_looks import AppLooks
from netwatch_tray.window.pages.events.actions import Action
from netwatch_tray.window.pages.events.columns import Layout, Link, TimelineContext, links_of, timeline_columns
from netwatch_tray.window.pages.events.rows import Day, Hidden, Line, Row, heading, key
from netwatch_tray.window.pages.events.seen import LookedAt
from netwatch_tray.window.pages.events.words import spoken
from netwatch_tray.window.table.column import Column
from netwatch_tray.window.table.model import Index, SortedModel
from netwatch_tray.window.table.view import TableView
from netwatch_tray.window.widgets.theme import Theme

_ROW, _DAY_ROW, _HIDDEN_ROW = 44, 28, 30


class TimelineModel(SortedModel[Line]):
    """The table model of the timeline. Headings of days cannot be selected. For screen readers, the text of an event
    begins with its severity and time."""

    def __init__(self, columns: list[Column[Line]], units: Callable[[], Units]) -> None:
        super().__init__(columns, key)
        self._units = units
        self.set_heading(heading)

    def flags(self, index: Index) -> Qt.ItemFlag:
        is_day = isinstance(self.record(index.row()), Day)
        return Qt.ItemFlag.NoItemFlags if is_day else super().flags(index)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        line = self.record(index.row())
        is_sentence = self.columns[index.column()].id == "event"
        if role == Qt.ItemDataRole.AccessibleTextRole and is_sentence and isinstance(line, Row):
            return printable(spoken(line, self._units()))
        return super().data(index, role)


class Timeline(TableView[Line]):
    """The table of events by day.

    Signals: `acted` carries a line and the action whose link was clicked. `menu_requested` carries the position on the
    screen for the menu of the selected line. `seen` carries the IDs of the alerts that were visible for long enough to
    count as seen; emitted when the timeline is hidden, and by `report_seen`.
    """

    acted = Signal(object, object)
    menu_requested = Signal(QPoint)
    seen = Signal(object)

    def __init__(self, theme: Theme, units: Callable[[], Units], looks: AppLooks) -> None:
        self._units = units
        self._looks = looks
        self._layout = Layout.WIDE
        self._pointed: tuple[Line, Action | None] | None = None
        self._looked_at = LookedAt()
        model = TimelineModel(timeline_columns(theme, self._context), units)
        super().__init__(theme, model, row_height=theme.height(_ROW), lines=True)
        self.horizontalHeader().hide()
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.sort_by("time", Qt.SortOrder.DescendingOrder)
        self.verticalScrollBar().valueChanged.connect(lambda _value: self._look())
        looks.changed.connect(self.viewport().update)
        self.customContextMenuRequested.connect(
            lambda where: self.menu_requested.emit(self.viewport().mapToGlobal(where))
        )

    def set_layout(self, layout: Layout) -> None:
        if layout is not self._layout:
            self._layout = layout
            self.fit_columns()
            self.viewport().update()

    def put(self, lines: Iterable[Line]) -> None:
        """Replace all lines by these."""
        model = self.model()
        by_key = {key(line): line for line in lines}
        with self.anchored():
            model.put(by_key.values(), [each for each in map(key, model.records()) if each not in by_key])
            self._set_heights()
        self._look()

    @property
    def current(self) -> Line | None:
        """Return the selected line, or None if none is selected."""
        return self._line(self.currentIndex().row())

    def current_place(self) -> QPoint:
        """Return the position on the screen at which the menu of the selected line opens."""
        box = self.visualRect(self.currentIndex())
        return self.viewport().mapToGlobal(QPoint(self.viewport().width() // 2, box.center().y()))

    def links(self, row: int) -> list[Link]:
        """Return the links of a row, with the rectangles in which they are drawn, in reading order."""
        line = self._line(row)
        if line is None:
            return []
        name = "actions" if self._layout is Layout.WIDE else "more"
        column = next(index for index, each in enumerate(self.model().columns) if each.id == name)
        padding = self.padding(column)
        box = QRect(
            self.columnViewportPosition(column) + padding.left(),
            self.rowViewportPosition(row),
            self.columnWidth(column) - padding.left() - padding.right(),
            self.rowHeight(row),
        )
        right_to_left = self.layoutDirection() == Qt.LayoutDirection.RightToLeft
        return links_of(line, self.theme, box, self._layout, right_to_left=right_to_left)

    def report_seen(self) -> None:
        """Emit `seen` with the unseen alerts that were visible for long enough since the last call, if there are
        any."""
        unseen = {line.event.id for line in self.model().records() if isinstance(line, Row) and line.is_new}
        if seen := self._looked_at.leave(time.monotonic()) & unseen:
            self.seen.emit(tuple(sorted(seen)))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        super().mouseMoveEvent(event)
        line, link = self._under(event)
        pointed = None if link is None or line is None else (line, link.action)
        if pointed != self._pointed:
            self._pointed = pointed
            self.viewport().setCursor(Qt.CursorShape.PointingHandCursor if pointed else Qt.CursorShape.ArrowCursor)
            self.viewport().update()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Ignore a press on a link, so that its row is not selected: that would open the details pane, which moves the
        links before the button is released."""
        _line, link = self._under(event)
        if link is None or event.button() != Qt.MouseButton.LeftButton:
            super().mousePressEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        line, link = self._under(event)
        if line is None or link is None or event.button() != Qt.MouseButton.LeftButton:
            super().mouseReleaseEvent(event)
        elif link.action is not None:
            self.acted.emit(line, link.action)
        else:
            self.selectRow(self.rowAt(link.box.center().y()))
            self.menu_requested.emit(self.viewport().mapToGlobal(link.box.bottomLeft()))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Home and self.model().rowCount():
            self.setCurrentIndex(self.model().index(1, 0))  # the first line is always a day
        else:
            super().keyPressEvent(event)

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        self._pointed = None

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._look()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._look()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self.report_seen()

    def _context(self) -> TimelineContext:
        return TimelineContext(self._units(), self._looks, self._layout, self._pointed)

    def _line(self, row: int) -> Line | None:
        return self.model().record(row) if 0 <= row < self.model().rowCount() else None

    def _under(self, event: QMouseEvent) -> tuple[Line | None, Link | None]:
        """Return the line and the link under the mouse pointer; each is None if there is none."""
        place = event.position().toPoint()
        row = self.rowAt(place.y())
        found = (link for link in self.links(row) if link.box.adjusted(-4, 0, 4, 0).contains(place))
        return self._line(row), next(found, None)

    def _look(self) -> None:
        """Update which events are visible, for `seen`."""
        in_view = self._visible_events() if self.isVisible() else ()
        self._looked_at.show([event.id for event in in_view], time.monotonic())

    def _visible_events(self) -> Iterator[Event]:
        """Yield the events whose whole row is visible."""
        row = max(0, self.rowAt(0))
        while (line := self._line(row)) is not None:
            top = self.rowViewportPosition(row)
            if top + self.rowHeight(row) > self.viewport().height() + 1:  # the line below the last one may be hidden
                break
            if isinstance(line, Row) and top >= 0:
                yield line.event
            row += 1

    def _set_heights(self) -> None:
        """Set the heights of the rows: headings of days and lines of hidden events are lower than events."""
        model, rows = self.model(), self.verticalHeader()
        for line in model.records():
            own = _DAY_ROW if isinstance(line, Day) else _HIDDEN_ROW if isinstance(line, Hidden) else _ROW
            height = self.theme.height(own)
            row = model.row_of(key(line))
            if row is not None and rows.sectionSize(row) != height:
                rows.resizeSection(row, height)
