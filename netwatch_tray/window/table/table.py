"""Tables of live records: one model of sorted Python lists, one view, and columns as descriptors.

Changes come by key and are told to the view row by row, so selection and scroll position survive every refresh.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Generic, TypeVar

from PySide6.QtCore import (
    QAbstractTableModel,
    QEvent,
    QKeyCombination,
    QMargins,
    QModelIndex,
    QPersistentModelIndex,
    QPointF,
    QRect,
    QRectF,
    QSize,
    Qt,
    QTimer,
    Signal,
)
from PySide6.QtGui import (
    QColor,
    QEnterEvent,
    QFocusEvent,
    QFont,
    QFontMetrics,
    QGuiApplication,
    QKeyEvent,
    QKeySequence,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
)
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QHeaderView,
    QTableView,
)

from netwatch_tray.text import csv_cell, printable, qt_tool_tip
from netwatch_tray.window.widgets.controls import SlimScrollBar, draw_line_below, draw_ring
from netwatch_tray.window.widgets.theme import GAP, MARGIN, Theme, Tokens, text_width

Record = TypeVar("Record")
_Index = QModelIndex | QPersistentModelIndex

_ACCENT_BAR = 3
_NOWHERE = QModelIndex()
_COPY_CELL = QKeyCombination(Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier, Qt.Key.Key_C)


@dataclass(slots=True)
class Cell:
    """Where and with what a column draws; the next cell is drawn with the same object."""

    painter: QPainter
    theme: Theme
    right_to_left: bool
    box: QRect
    """Without the padding."""
    row: QRect
    """The whole row's."""

    @property
    def tokens(self) -> Tokens:
        return self.theme.tokens

    def text(
        self,
        text: str,
        colour: QColor | None = None,
        font: QFont | None = None,
        *,
        box: QRect | None = None,
        align: Qt.AlignmentFlag = Qt.AlignmentFlag.AlignLeft,
        elide: Qt.TextElideMode = Qt.TextElideMode.ElideRight,
    ) -> None:
        """One line; by default in ink and the base font over the whole cell. Leftwards lines swap left and right."""
        if box is None:
            box = self.box
        font = font or self.theme.fonts.base
        metrics = self.theme.metrics(font)
        shown, width = metrics.fit(text, box.width(), elide)
        at_left = (align == Qt.AlignmentFlag.AlignLeft) != self.right_to_left
        x = box.left() if at_left else box.left() + box.width() - width
        base = box.top() + round((box.height() - metrics.height) / 2 + metrics.ascent)
        self.painter.setFont(font)
        self.painter.setPen(colour or self.tokens.ink)
        # By a point: laying a line out in a rectangle takes longer, and this is done a thousand times a second.
        self.painter.drawText(QPointF(x, base), shown)


@dataclass(frozen=True, kw_only=True, slots=True)
class Column(Generic[Record]):
    """One column: adding one to a table is adding one of these."""

    title: str
    text: Callable[[Record], str]
    """For copying, filtering and screen readers; what is drawn unless `draw` says otherwise."""
    order: Callable[[Record], Any] | None = None
    """What rows are sorted by, None last; without it the column cannot be sorted by."""
    draw: Callable[[Cell, Record], None] | None = None
    tooltip: Callable[[Record], str | None] | None = None
    widest: str | int
    """A text the column is wide enough for, or its width."""
    least: str | int | None = None
    """A text it may shrink to, or a width."""
    stretch: int = 0
    """Its share of the width that is left over."""
    numeric: bool = False
    """Stands at the right."""
    goes: int | None = None
    """When there is no room, columns go in this order; None stays."""

    @property
    def align(self) -> Qt.AlignmentFlag:
        return Qt.AlignmentFlag.AlignRight if self.numeric else Qt.AlignmentFlag.AlignLeft


class _Entry(Generic[Record]):
    __slots__ = ("order", "record")

    def __init__(self, record: Record) -> None:
        self.record = record
        self.order: tuple[Any, ...] = ()
        """Where it stands. While the order is held this may be older than the record."""


class SortedModel(QAbstractTableModel, Generic[Record]):
    """Records by key, sorted. `refreshed` follows every change.

    A record may stand below another one, its heading: headings are sorted by the chosen column, and so are the records
    below each of them.
    """

    refreshed = Signal()

    def __init__(
        self,
        columns: Sequence[Column[Record]],
        key: Callable[[Record], Hashable],
        *,
        settle_ms: int = 0,
    ) -> None:
        """`settle_ms`: rows change places by themselves at most this often."""
        super().__init__()
        self.columns = columns
        self._key = key
        self._heading: Callable[[Record], Record | None] | None = None
        self._entries: dict[Hashable, _Entry[Record]] = {}
        # Entries in ascending order and, at the same places, what they are ordered by. A descending table reads them
        # from the end.
        self._shown: list[_Entry[Record]] = []
        self._orders: list[tuple[Any, ...]] = []
        self._column = next(index for index, column in enumerate(columns) if column.order)
        self._descending = False
        self._held = False
        self._moved: dict[Hashable, _Entry[Record]] = {}
        self._settled = QTimer(self, singleShot=True, interval=settle_ms)
        self._settled.timeout.connect(self._settle_unless_held)

    def put(self, records: Iterable[Record], gone: Iterable[Hashable] = ()) -> None:
        """Removes the keys that are gone, then adds or replaces by key; of two with the same key the last one stays."""
        fresh: list[_Entry[Record]] = []
        changed: list[int] = []
        leaving = [entry for entry in (self._entries.pop(key, None) for key in gone) if entry is not None]
        for key, record in {self._key(record): record for record in records}.items():
            entry = self._entries.get(key)
            if entry is None:
                entry = self._entries[key] = _Entry(record)
                fresh.append(entry)
            elif entry.record != record:
                entry.record = record
                changed.append(self._row(self._position(entry)))
                if self._order(record) != entry.order:
                    self._moved[key] = entry
        if changed:
            self.dataChanged.emit(self.index(min(changed), 0), self.index(max(changed), len(self.columns) - 1))
        self._remove(leaving)
        self._insert(fresh)
        self._settle_unless_held()
        self.refreshed.emit()

    def clear(self) -> None:
        self.put((), list(self._entries))

    def set_heading(self, heading: Callable[[Record], Record | None] | None) -> None:
        """What a record stands below, itself a record of this table; None: nothing stands below anything."""
        self._heading = heading

    def hold_order(self, held: bool) -> None:
        """Nobody hits a row that runs away: while the pointer is over the table, rows keep their places."""
        self._held = held
        self._settle_unless_held()

    def records(self) -> Iterator[Record]:
        """In no order."""
        return (entry.record for entry in self._entries.values())

    def record(self, row: int) -> Record:
        return self._shown[self._row(row)].record

    def key(self, row: int) -> Hashable:
        return self._key(self.record(row))

    def row_of(self, key: Hashable) -> int | None:
        entry = self._entries.get(key)
        return None if entry is None else self._row(self._position(entry))

    def is_heading(self, row: int) -> bool:
        """Whether others may stand below it."""
        return self._heading is not None and self._heading(self.record(row)) is None

    def rowCount(self, parent: _Index = _NOWHERE) -> int:
        return 0 if parent.isValid() else len(self._shown)

    def columnCount(self, parent: _Index = _NOWHERE) -> int:
        return 0 if parent.isValid() else len(self.columns)

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        column = self.columns[index.column()]
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return printable(column.text(self.record(index.row())))
        if role == Qt.ItemDataRole.ToolTipRole:
            record = self.record(index.row())
            return qt_tool_tip((column.tooltip and column.tooltip(record)) or printable(column.text(record)))
        return None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return self.columns[section].title
        return None

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        if self.columns[column].order is not None:
            with self._rearranged():
                self._sort(column, descending=order == Qt.SortOrder.DescendingOrder)

    def _order(self, record: Record) -> tuple[Any, ...]:
        """Unknown values stand last in both directions; the key makes every order unique, so that it is found again."""
        heading = self._heading(record) if self._heading else None
        if heading is None:
            return (*self._value(record), self._descending)
        # Where the heading stands, which may not be where it belongs by now: nothing leaves its group.
        return (*self._entries[self._key(heading)].order[:3], not self._descending, *self._value(record))

    def _place(self, entries: Iterable[_Entry[Record]]) -> None:
        """Sets their orders, headings first."""
        below = []
        for entry in entries:
            if self._heading and self._heading(entry.record) is not None:
                below.append(entry)
            else:
                entry.order = self._order(entry.record)
        for entry in below:
            entry.order = self._order(entry.record)

    def _value(self, record: Record) -> tuple[bool, Any, Hashable]:
        order = self.columns[self._column].order
        value = order(record) if order else None
        return ((value is None) != self._descending, value, self._key(record))

    def _row(self, position: int) -> int:
        """Of the place in the ascending lists; and the other way round."""
        return len(self._shown) - 1 - position if self._descending else position

    def _position(self, entry: _Entry[Record]) -> int:
        return bisect_left(self._orders, entry.order)

    def _remove(self, entries: list[_Entry[Record]]) -> None:
        positions = sorted(map(self._position, entries))
        for first, last in reversed(_stretches(positions)):
            rows = sorted((self._row(first), self._row(last)))
            self.beginRemoveRows(_NOWHERE, *rows)
            del self._shown[first : last + 1], self._orders[first : last + 1]
            self.endRemoveRows()

    def _insert(self, entries: list[_Entry[Record]]) -> None:
        self._place(entries)
        entries.sort(key=lambda entry: entry.order)
        while entries:
            # From the last on: all that come between the same two rows are one insertion.
            position = bisect_left(self._orders, entries[-1].order)
            before = self._orders[position - 1] if position else None
            first = 0 if before is None else bisect_left(entries, before, key=lambda entry: entry.order)
            together = entries[first:]
            del entries[first:]
            row = len(self._shown) - position if self._descending else position
            self.beginInsertRows(_NOWHERE, row, row + len(together) - 1)
            self._shown[position:position] = together
            self._orders[position:position] = [entry.order for entry in together]
            self.endInsertRows()

    def _sort(self, column: int, *, descending: bool) -> None:
        self._column, self._descending = column, descending
        self._place(self._shown)
        self._shown.sort(key=lambda entry: entry.order)
        self._orders = [entry.order for entry in self._shown]
        self._moved.clear()

    def _settle_unless_held(self) -> None:
        if self._moved and not self._held and not self._settled.isActive():
            with self._rearranged():
                self._settle()
            if self._settled.interval():
                self._settled.start()

    def _settle(self) -> None:
        """Brings the entries that changed to where they belong now."""
        # One sort costs less than many moves; and with a heading goes all that stands below it.
        if self._heading or len(self._moved) * 8 > len(self._shown):
            self._sort(self._column, descending=self._descending)
            return
        for key, entry in self._moved.items():
            if self._entries.get(key) is not entry:  # gone meanwhile
                continue
            position = self._position(entry)
            del self._shown[position], self._orders[position]
            entry.order = self._order(entry.record)
            position = self._position(entry)
            self._shown.insert(position, entry)
            self._orders.insert(position, entry.order)
        self._moved.clear()

    @contextmanager
    def _rearranged(self) -> Iterator[None]:
        """Around a change of the order: selection and current row are persistent indexes, each follows its record."""
        self.layoutAboutToBeChanged.emit()
        old = self.persistentIndexList()
        followed = [self._shown[self._row(index.row())] for index in old]
        yield
        new = [
            self.index(self._row(self._position(entry)), index.column())
            for entry, index in zip(followed, old, strict=True)
        ]
        self.changePersistentIndexList(old, new)
        self.layoutChanged.emit()


def _stretches(numbers: list[int]) -> list[tuple[int, int]]:
    """First and last of each stretch of neighbours in ascending `numbers`."""
    if not numbers:
        return []
    breaks = [(low, high) for low, high in pairwise(numbers) if high != low + 1]
    return list(
        zip([numbers[0], *(high for _, high in breaks)], [*(low for low, _ in breaks), numbers[-1]], strict=True)
    )


class _Header(QHeaderView):
    def __init__(self, view: TableView[Any]) -> None:
        super().__init__(Qt.Orientation.Horizontal, view)
        self._view = view
        self.setSectionsClickable(True)
        self.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.setMinimumSectionSize(1)
        self.setHighlightSections(False)

    def sizeHint(self) -> QSize:
        return QSize(super().sizeHint().width(), self._view.theme.height(28 if self._view.lines else 26))

    def paintSection(self, painter: QPainter, rect: QRect, section: int) -> None:
        tokens, fonts = self._view.theme.tokens, self._view.theme.fonts
        painter.fillRect(rect, tokens.surface)
        draw_line_below(painter, rect, tokens.line)
        column = self._view.model().columns[section]
        text, colour = column.title, tokens.ink2
        if self._view.isSortingEnabled() and self.sortIndicatorSection() == section:
            ascending = self.sortIndicatorOrder() == Qt.SortOrder.AscendingOrder
            text, colour = f"{text} {'▴' if ascending else '▾'}", tokens.ink
        painter.setFont(fonts.small_strong)
        painter.setPen(colour)
        box = rect.marginsRemoved(self._view.padding(section))
        elided = QFontMetrics(fonts.small_strong).elidedText(text, Qt.TextElideMode.ElideRight, box.width())
        painter.drawText(box, column.align | Qt.AlignmentFlag.AlignVCenter, elided)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self.viewport())
        painter.fillRect(self.viewport().rect(), self._view.theme.tokens.surface)
        painter.end()
        super().paintEvent(event)


class TableView(QTableView, Generic[Record]):
    """Whole rows, one hovered and any number selected; columns fit the width by their priorities."""

    def __init__(self, theme: Theme, model: SortedModel[Record], *, row_height: int, lines: bool) -> None:
        """`lines`: between rows."""
        super().__init__()
        self.theme = theme
        self.lines = lines
        self._hovered = -1
        self._records = model
        self._leading, self._trailing = 0, len(model.columns) - 1
        self._ring = False
        self.setModel(model)
        self.setHorizontalHeader(_Header(self))
        rows = self.verticalHeader()
        rows.hide()
        rows.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        rows.setMinimumSectionSize(1)
        self.set_row_height(row_height)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setShowGrid(False)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setTabKeyNavigation(False)
        self.setMouseTracking(True)
        self.setVerticalScrollBar(SlimScrollBar(theme))
        theme.changed.connect(self.viewport().update)

    def model(self) -> SortedModel[Record]:
        return self._records

    def make_sortable(self, column: int = 0, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """A click on a column's title sorts by it, another one turns the order round."""
        self.horizontalHeader().setSortIndicator(column, order)
        self.setSortingEnabled(True)

    def set_row_height(self, height: int) -> None:
        self.verticalHeader().setDefaultSectionSize(height)

    def padding(self, column: int) -> QMargins:
        """Around a cell's content; the outer columns keep the page's margin."""
        first, last = MARGIN if column == self._leading else GAP, MARGIN if column == self._trailing else GAP
        if self.layoutDirection() == Qt.LayoutDirection.RightToLeft:
            first, last = last, first
        return QMargins(first, 0, last, 0)

    @contextmanager
    def anchored(self) -> Iterator[None]:
        """Around a change of the model: the row at the top stays at the top, unless that is the very first one."""
        bar, top = self.verticalScrollBar(), self.rowAt(0)
        key = self._records.key(top) if bar.value() > 0 and top >= 0 else None
        yield
        self.executeDelayedItemsLayout()  # later it would draw everything a second time
        row = None if key is None else self._records.row_of(key)
        if row is not None and row != top:
            self.updateGeometries()
            bar.setValue(bar.value() + (row - top) * self.verticalHeader().defaultSectionSize())

    def fit_columns(self) -> None:
        """Shows as many columns as have room, and gives what is left over to those that stretch."""
        columns = list(enumerate(self._records.columns))
        room = self.viewport().width()
        shown = dict(columns)
        for index, _column in sorted(
            ((index, column) for index, column in columns if column.goes is not None),
            key=lambda pair: pair[1].goes or 0,
        ):
            if sum(self._width(each, least=True) for each in shown.values()) + 2 * (MARGIN - GAP) <= room:
                break
            del shown[index]
        self._leading, self._trailing = min(shown), max(shown)
        widths = {index: self._width(column, least=True) for index, column in shown.items()}
        widths[self._leading] += MARGIN - GAP
        widths[self._trailing] += MARGIN - GAP
        for index, column in shown.items():
            wish = self._width(column, least=False) - self._width(column, least=True)
            widths[index] += min(wish, max(0, room - sum(widths.values())))
        left_over = max(0, room - sum(widths.values()))
        stretch = sum(column.stretch for column in shown.values())
        for index, column in shown.items():
            share = left_over * column.stretch // stretch if stretch else 0
            widths[index] += share
            left_over -= share
            stretch -= column.stretch
        header = self.horizontalHeader()
        for index, _column in columns:
            header.setSectionHidden(index, index not in shown)
            if index in shown:
                header.resizeSection(index, widths[index])

    def copy(self) -> None:
        """The selected rows, all columns, as lines of text with tabs between; pasted, no cell is a formula."""
        self._copy_rows(sorted(index.row() for index in self.selectionModel().selectedRows()))

    def copy_all(self) -> None:
        """The same of every row there is."""
        self._copy_rows(range(self._records.rowCount()))

    def copy_cell(self) -> None:
        """What stands in the current cell."""
        current = self.currentIndex()
        if current.isValid():
            QGuiApplication.clipboard().setText(self._records.data(current))

    def _copy_rows(self, rows: Iterable[int]) -> None:
        columns = self._records.columns
        lines = ["\t".join(str(csv_cell(each.text(self._records.record(row)))) for each in columns) for row in rows]
        if lines:
            QGuiApplication.clipboard().setText("\n".join(lines))

    def rowsAboutToBeRemoved(self, parent: _Index, first: int, last: int) -> None:
        """Whose chosen row goes has not chosen the next one; Qt would select that."""
        if first <= self.currentIndex().row() <= last:
            self.selectionModel().clearCurrentIndex()
        super().rowsAboutToBeRemoved(parent, first, last)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.fit_columns()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Row by row, without a delegate: Qt's call for each cell costs more than what is drawn in most of them."""
        painter = QPainter(self.viewport())
        # Each text by its own first letter: numbers and addresses run rightwards between whatever words.
        painter.setLayoutDirection(Qt.LayoutDirection.LayoutDirectionAuto)
        first, last = self.rowAt(event.rect().top()), self.rowAt(event.rect().bottom())
        if first >= 0:
            right_to_left = self.layoutDirection() == Qt.LayoutDirection.RightToLeft
            cell = Cell(painter, self.theme, right_to_left, QRect(), QRect())
            columns = self._places()
            for row in range(first, (last if last >= 0 else self._records.rowCount() - 1) + 1):
                self._paint_row(cell, row, columns)
        if self._ring and self.hasFocus():
            draw_ring(painter, self.theme, QRectF(self.viewport().rect()), 0)

    def scrollContentsBy(self, dx: int, dy: int) -> None:
        super().scrollContentsBy(dx, dy)
        if self._ring and self.hasFocus():
            self.viewport().update()  # the ring stays where it is

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copy()
        elif event.keyCombination() == _COPY_CELL:
            self.copy_cell()
        elif event.key() in (Qt.Key.Key_Home, Qt.Key.Key_End):
            rows = self._records.rowCount()
            if rows:
                self.setCurrentIndex(self._records.index(0 if event.key() == Qt.Key.Key_Home else rows - 1, 0))
        elif event.text().isprintable() and event.text():
            event.ignore()  # letters are for the page and its filter, Qt would look for a row
        elif event.key() in (Qt.Key.Key_Left, Qt.Key.Key_Right, Qt.Key.Key_Escape):
            event.ignore()  # they mean something to the page
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        by_key = (Qt.FocusReason.TabFocusReason, Qt.FocusReason.BacktabFocusReason, Qt.FocusReason.ShortcutFocusReason)
        self._ring = event.reason() in by_key
        super().focusInEvent(event)
        self.viewport().update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.viewport().update()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        super().mouseMoveEvent(event)
        self._hover(self.rowAt(round(event.position().y())))

    def enterEvent(self, event: QEnterEvent) -> None:
        super().enterEvent(event)
        self._records.hold_order(True)

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        self._hover(-1)
        with self.anchored():
            self._records.hold_order(False)

    def _places(self) -> list[tuple[Column[Record], int, int]]:
        """The columns that are shown, and where their content begins and how wide it is."""
        places = []
        for index, column in enumerate(self._records.columns):
            if not self.isColumnHidden(index):
                padding = self.padding(index)
                left = self.columnViewportPosition(index) + padding.left()
                places.append((column, left, self.columnWidth(index) - padding.left() - padding.right()))
        return places

    def _paint_row(self, cell: Cell, row: int, columns: list[tuple[Column[Record], int, int]]) -> None:
        painter, tokens, record = cell.painter, cell.tokens, self._records.record(row)
        top, height, width = self.rowViewportPosition(row), self.rowHeight(row), self.viewport().width()
        whole = cell.row = QRect(0, top, width, height)
        is_selected = self.selectionModel().isRowSelected(row, _NOWHERE)
        if is_selected:
            painter.fillRect(whole, tokens.select)
            painter.fillRect(width - _ACCENT_BAR if cell.right_to_left else 0, top, _ACCENT_BAR, height, tokens.accent)
        elif row == self._hovered:
            painter.fillRect(whole, tokens.hover)
        elif self._records.is_heading(row):
            painter.fillRect(whole, tokens.window)
        if self.lines:
            draw_line_below(painter, whole, tokens.line)
        for column, left, room in columns:
            cell.box = QRect(left, top, room, height)
            if column.draw:
                column.draw(cell, record)
            else:
                cell.text(column.text(record), tokens.ink2, align=column.align)

    def _hover(self, row: int) -> None:
        if row != self._hovered:
            for each in (row, self._hovered):
                if each >= 0:
                    top = self.rowViewportPosition(each)
                    self.viewport().update(0, top, self.viewport().width(), self.rowHeight(each))
            self._hovered = row

    def _width(self, column: Column[Record], *, least: bool) -> int:
        fonts = self.theme.fonts
        text = column.least if least and column.least is not None else column.widest
        title = text_width(fonts.small_strong, f"{column.title} ▾")
        # Numbers that matter are drawn strong.
        font = fonts.strong if column.numeric else fonts.base
        content = text if isinstance(text, int) else text_width(font, text)
        return max(title, content) + 2 * GAP
