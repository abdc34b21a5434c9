"""The widget of a table: it draws its rows itself, fits the columns to its width and copies rows as text."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from typing import Any, Generic

from PySide6.QtCore import QEvent, QKeyCombination, QMargins, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QEnterEvent,
    QFocusEvent,
    QFontMetrics,
    QGuiApplication,
    QKeyEvent,
    QKeySequence,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
)
from PySide6.QtWidgets import QAbstractItemView, QFrame, QHeaderView, QTableView

from netwatch_tray.window.table.column import Cell, Column
from netwatch_tray.window.table.fitting import Room, fitted
from netwatch_tray.window.table.model import NOWHERE, Index, SortedModel
from netwatch_tray.window.table.sorted_rows import Record
from netwatch_tray.window.widgets.painting import draw_line_below, draw_ring
from netwatch_tray.window.widgets.scroll_bar import SlimScrollBar
from netwatch_tray.window.widgets.theme import GAP, MARGIN, Fonts, Theme, text_width

_ACCENT_BAR = 3
_COPY_CELL = QKeyCombination(Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier, Qt.Key.Key_C)


def _to_clipboard(text: str) -> None:
    if text:
        QGuiApplication.clipboard().setText(text)


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
        text, colour = column.shown_title, tokens.ink2
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
    """A table whose rows are selected and highlighted as a whole. It shows the columns that fit its width.

    Signal `hovered` carries the record under the mouse pointer, or None.
    """

    hovered = Signal(object)

    def __init__(self, theme: Theme, model: SortedModel[Record], *, row_height: int, lines: bool) -> None:
        """`row_height`: in dip, for the base font. `lines`: whether to draw lines between rows."""
        super().__init__()
        self.theme = theme
        self.lines = lines
        self._hovered = -1
        self._marked: Hashable = None
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

    def make_sortable(self, column: str, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Sort by the column with this ID, and let the user sort by a click on a column header; a second click reverses
        the order."""
        self.sort_by(column, order)
        self.setSortingEnabled(True)

    def sort_by(self, column: str, order: Qt.SortOrder) -> None:
        """Sort by the column with this ID. Do nothing if there is none, or it has no sort key."""
        for index, each in enumerate(self._records.columns):
            if each.id == column and each.order:
                self.sortByColumn(index, order)

    @property
    def sorted_by(self) -> tuple[str, Qt.SortOrder]:
        """Return the ID of the column by which the table is sorted, and the direction."""
        header = self.horizontalHeader()
        return self._records.columns[header.sortIndicatorSection()].id, header.sortIndicatorOrder()

    def set_row_height(self, height: int) -> None:
        self.verticalHeader().setDefaultSectionSize(height)

    def padding(self, column: int) -> QMargins:
        """Return the space around the content of a column's cells. The outer columns have the margins of the page."""
        first, last = MARGIN if column == self._leading else GAP, MARGIN if column == self._trailing else GAP
        if self.layoutDirection() == Qt.LayoutDirection.RightToLeft:
            first, last = last, first
        return QMargins(first, 0, last, 0)

    @contextmanager
    def anchored(self) -> Iterator[None]:
        """Change the model within the block: the row at the top of the view stays there, unless the view is scrolled to
        the first row."""
        bar, top = self.verticalScrollBar(), self.rowAt(0)
        key = self._records.key(top) if bar.value() > 0 and top >= 0 else None
        # At each change of the order the header reports hidden columns as resized, which would redraw everything.
        self.horizontalHeader().blockSignals(True)
        try:
            yield
        finally:
            self.horizontalHeader().blockSignals(False)
        self.executeDelayedItemsLayout()  # a delayed update would draw everything a second time
        row = None if key is None else self._records.row_of(key)
        if row is not None and row != top:
            self.updateGeometries()
            bar.setValue(bar.value() + (row - top) * self.verticalHeader().defaultSectionSize())

    def fit_columns(self) -> None:
        """Show the columns that fit the width of the table, and set their widths; see `fitting.fitted`."""
        columns = self._records.columns
        offered = {index: each for index, each in enumerate(columns) if each.offered is None or each.offered()}
        margins = MARGIN - GAP
        widths = fitted(
            offered, lambda column: _room_of(column, self.theme.fonts), self.viewport().width() - 2 * margins
        )
        self._leading, self._trailing = min(widths), max(widths)
        widths[self._leading] += margins
        widths[self._trailing] += margins
        header = self.horizontalHeader()
        for index in range(len(columns)):
            header.setSectionHidden(index, index not in widths)
            if index in widths:
                header.resizeSection(index, widths[index])

    def mark(self, key: Hashable) -> None:
        """Highlight the row of the record with this key, as if the mouse pointer were over it; None: no row."""
        if key != self._marked:
            self._marked = key
            self.viewport().update()

    def copy(self) -> None:
        """Copy the selected rows to the clipboard; see `SortedModel.as_text`."""
        _to_clipboard(self._records.as_text(sorted(index.row() for index in self.selectionModel().selectedRows())))

    def copy_all(self) -> None:
        """Copy all rows to the clipboard; see `SortedModel.as_text`."""
        _to_clipboard(self._records.as_text(range(self._records.rowCount())))

    def copy_cell(self) -> None:
        """Copy the text of the current cell to the clipboard."""
        current = self.currentIndex()
        if current.isValid():
            _to_clipboard(self._records.data(current))

    def rowsAboutToBeRemoved(self, parent: Index, first: int, last: int) -> None:
        """If the current row is removed, make none current. By default, Qt would select the next row."""
        if first <= self.currentIndex().row() <= last:
            self.selectionModel().clearCurrentIndex()
        super().rowsAboutToBeRemoved(parent, first, last)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.fit_columns()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw all visible rows without a delegate, because Qt's calls for each cell take longer than drawing most
        cells."""
        painter = QPainter(self.viewport())
        # Order each text by its own first letter: numbers and addresses are left-to-right in any layout.
        painter.setLayoutDirection(Qt.LayoutDirection.LayoutDirectionAuto)
        first, last = self.rowAt(event.rect().top()), self.rowAt(event.rect().bottom())
        if first >= 0:
            right_to_left = self.layoutDirection() == Qt.LayoutDirection.RightToLeft
            ratio = painter.device().devicePixelRatioF()  # a picture may be drawn for another screen
            cell = Cell(painter, self.theme, right_to_left, ratio, self.viewport().width())
            columns, selection = self._places(), self.selectionModel()
            is_selected = selection.isRowSelected if selection.hasSelection() else None
            for row in range(first, (last if last >= 0 else self._records.rowCount() - 1) + 1):
                cell.top, cell.height = self.rowViewportPosition(row), self.rowHeight(row)
                self._paint_row(cell, row, columns, is_selected=is_selected is not None and is_selected(row, NOWHERE))
        if self._ring and self.hasFocus():
            draw_ring(painter, self.theme, QRectF(self.viewport().rect()), 0)

    def scrollContentsBy(self, dx: int, dy: int) -> None:
        super().scrollContentsBy(dx, dy)
        if self._ring and self.hasFocus():
            self.viewport().update()  # the ring is not scrolled

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
            event.ignore()  # the page uses letters; Qt would search for a row
        elif event.key() in (Qt.Key.Key_Left, Qt.Key.Key_Right, Qt.Key.Key_Escape):
            event.ignore()  # the page uses them
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
        """Return each visible column with the x coordinate and the width of its cells' content, in dip."""
        places = []
        for index, column in enumerate(self._records.columns):
            if not self.isColumnHidden(index):
                padding = self.padding(index)
                left = self.columnViewportPosition(index) + padding.left()
                places.append((column, left, self.columnWidth(index) - padding.left() - padding.right()))
        return places

    def _paint_row(
        self, cell: Cell, row: int, columns: list[tuple[Column[Record], int, int]], *, is_selected: bool
    ) -> None:
        painter, tokens, record = cell.painter, cell.tokens, self._records.record(row)
        if is_selected:
            painter.fillRect(cell.row, tokens.select)
            edge = cell.row_width - _ACCENT_BAR if cell.right_to_left else 0
            painter.fillRect(edge, cell.top, _ACCENT_BAR, cell.height, tokens.accent)
        elif row == self._hovered or (self._marked is not None and self._records.key(row) == self._marked):
            painter.fillRect(cell.row, tokens.hover)
        elif self._records.is_heading(row):
            painter.fillRect(cell.row, tokens.window)
        if self.lines:
            draw_line_below(painter, cell.row, tokens.line)
        for column, cell.left, cell.width in columns:
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
            self.hovered.emit(self._records.record(row) if row >= 0 else None)


def _room_of(column: Column[Any], fonts: Fonts) -> Room:
    title = text_width(fonts.small_strong, f"{column.shown_title} ▾")
    # Live rates are drawn in the strong font.
    font = fonts.strong if column.numeric else fonts.base

    def room(content: str | int) -> int:
        return max(title, content if isinstance(content, int) else text_width(font, content)) + 2 * GAP

    return Room(room(column.widest if column.least is None else column.least), room(column.widest))
