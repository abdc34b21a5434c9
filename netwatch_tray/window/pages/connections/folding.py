"""Which groups of the connection table are folded, and how the user folds them."""

from __future__ import annotations

from collections.abc import Collection

from PySide6.QtCore import QModelIndex, QObject, Qt, Signal

from netwatch_tray.window.pages.connections.columns import CHEVRON_WIDTH
from netwatch_tray.window.pages.connections.rows import Group, Line, key
from netwatch_tray.window.table.view import TableView
from netwatch_tray.window.widgets.theme import MARGIN


class Folding(QObject):
    """Folds (hides the rows of) groups by a click on their chevron and by arrow keys. Signal `changed`: a group was
    folded or unfolded, so the rows must be shown again."""

    changed = Signal()

    def __init__(self, table: TableView[Line]) -> None:
        super().__init__(table)
        self._table = table
        self._keys: set[str] = set()
        table.clicked.connect(self._fold_by_click)

    @property
    def keys(self) -> Collection[str]:
        """Return the keys of all folded groups, even of those that are not in the table at present."""
        return self._keys

    def toggle(self, group: Group) -> None:
        self.fold(group, not group.folded)

    def fold(self, group: Group, fold: bool) -> None:
        """Fold a group, or unfold it if `fold` is False."""
        (self._keys.add if fold else self._keys.discard)(group.key)
        self.changed.emit()

    def take_key(self, pressed: int, line: Line) -> bool:
        """Handle a key press on a line of the table: ← folds a group, or goes from a row to its group; → unfolds.
        Return whether the key was used."""
        if pressed not in (Qt.Key.Key_Left, Qt.Key.Key_Right):
            return False
        is_left = pressed == Qt.Key.Key_Left
        if isinstance(line, Group):
            self.fold(line, is_left)
        elif is_left and line.group is not None:
            model = self._table.model()
            row = model.row_of(key(line.group))
            if row is not None:
                self._table.setCurrentIndex(model.index(row, 0))
        return True

    def _fold_by_click(self, index: QModelIndex) -> None:
        line = self._table.model().record(index.row())
        viewport = self._table.viewport()
        pressed = viewport.mapFromGlobal(self._table.cursor().pos()).x()
        right_to_left = self._table.layoutDirection() == Qt.LayoutDirection.RightToLeft
        from_edge = viewport.width() - pressed if right_to_left else pressed
        if isinstance(line, Group) and from_edge < MARGIN + CHEVRON_WIDTH:
            self.toggle(line)
