"""The bar above the connection table: filter, grouping, and buttons for the menu and the details."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QCoreApplication, QPoint, Signal
from PySide6.QtGui import QActionGroup
from PySide6.QtWidgets import QHBoxLayout, QMenu, QVBoxLayout, QWidget

from netwatch_tray.window.pages.connections.filter import ConnectionFilter, FilterError, NameOf, parse
from netwatch_tray.window.pages.connections.grouping import Grouping
from netwatch_tray.window.widgets.buttons import FlatButton
from netwatch_tray.window.widgets.formatting import native_keys
from netwatch_tray.window.widgets.search_field import SearchField
from netwatch_tray.window.widgets.strip import Strip
from netwatch_tray.window.widgets.text import Text
from netwatch_tray.window.widgets.theme import GAP, MARGIN, Theme


class ConnectionsBar(Strip):
    """The controls of the page. Its signals report changes of filter and grouping."""

    filter_changed = Signal()
    grouping_changed = Signal()

    def __init__(self, theme: Theme, name_of: NameOf) -> None:
        self._plain_height = theme.height(48)
        super().__init__(theme, self._plain_height)
        self._name_of = name_of
        self.filter = ConnectionFilter()
        """The filter in use: that of the last text without an error."""
        self.grouping = Grouping.NONE
        self.field = SearchField(
            theme,
            self.tr("app: host: port: proto: scope: country: rate>1M, or any word"),
            self.tr("Filter connections"),
        )
        self.field.setToolTip(
            self.tr("All conditions must hold; a comma means “or”, - negates a condition ({keys} or /)").format(
                keys=native_keys("Ctrl+F")
            )
        )
        self._group_button = FlatButton(theme, "", trailing="chevron")
        self._group_button.setToolTip(
            self.tr("Group by app, by host or not at all ({keys})").format(keys=native_keys("Ctrl+G"))
        )
        self.menu_button = FlatButton(theme, "", symbol="more")
        self.menu_button.setToolTip(self.tr("Copy and export"))
        self.menu_button.setAccessibleName(self.tr("Copy and export"))
        self.details_button = FlatButton(theme, "", symbol="pane")
        self.details_button.setToolTip(self.tr("Details of the selected connection (Enter)"))
        self.details_button.setAccessibleName(self.tr("Details"))
        self._error = Text(theme, theme.fonts.small, "err")
        self._error.hide()
        self._error_height = self._error.fontMetrics().height() + 4
        row = QHBoxLayout()
        row.setSpacing(GAP)
        for widget in (self.field, self._group_button, self.menu_button, self.details_button):
            row.addWidget(widget)
        column = QVBoxLayout(self)
        column.setContentsMargins(MARGIN, 9, MARGIN, 10)
        column.setSpacing(4)
        column.addLayout(row)
        column.addWidget(self._error)
        self._group_menu = self._make_group_menu()
        self._group_button.clicked.connect(lambda: self.open_below(self._group_menu, self._group_button))
        self.field.textChanged.connect(self._parse)
        self.group_by(Grouping.NONE)

    def group_by(self, grouping: Grouping) -> None:
        self.grouping = grouping
        names = (self.tr("No groups"), self.tr("Group by app"), self.tr("Group by host"))
        place = list(Grouping).index(grouping)
        self._group_button.setText(names[place])
        self._group_button.setAccessibleName(self.tr("Grouping: {name}").format(name=names[place]))
        self._group_button.updateGeometry()
        self._group_menu.actions()[place].setChecked(True)
        self.grouping_changed.emit()

    def group_by_next(self) -> None:
        groupings = list(Grouping)
        self.group_by(groupings[(groupings.index(self.grouping) + 1) % len(groupings)])

    def filter_app(self, name: str) -> None:
        """Set the filter to the connections of the app with this name."""
        self.field.setText(f'app:"{name}"' if " " in name else f"app:{name}")

    def filter_host(self, name: str) -> None:
        """Set the filter to the connections with this host, a name or an address."""
        self.field.setText(f"host:{name}")

    def open_below(self, menu: QMenu, button: QWidget) -> None:
        """Open a menu below a button of this bar, moved so that it stays inside the window."""
        beyond = button.mapTo(self, QPoint(menu.sizeHint().width(), 0)).x() - (self.width() - MARGIN)
        menu.popup(button.mapToGlobal(QPoint(-max(0, beyond), button.height() + 2)))

    def _make_group_menu(self) -> QMenu:
        menu = QMenu(self)
        one_of = QActionGroup(menu)
        names = (self.tr("No groups"), self.tr("By app"), self.tr("By host"))
        for grouping, name in zip(Grouping, names, strict=True):
            action = one_of.addAction(name)
            action.setCheckable(True)
            action.triggered.connect(partial(self.group_by, grouping))
            menu.addAction(action)
        return menu

    def _parse(self, text: str) -> None:
        """Parse the text of the filter. Use it if it is valid; otherwise show its error and keep the previous
        filter."""
        problem = ""
        try:
            self.filter = parse(text, self._name_of)
        except FilterError as error:
            problem = QCoreApplication.translate("Filter", str(error.problem)).format(**error.values)
            self.field.show_error(error.token)
        else:
            self.field.show_error("")
            self.filter_changed.emit()
        self._error.show_text(problem)
        self._error.setVisible(bool(problem))
        self.setFixedHeight(self._plain_height + (self._error_height if problem else 0))
