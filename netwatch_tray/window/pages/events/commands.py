"""Executes the user's actions on events: links to other pages, mutes, and the menus for both."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, QObject, QPoint, Qt, Signal
from PySide6.QtWidgets import QMenu, QWidget

from netwatch_tray import event_words
from netwatch_tray.event import Mute, mutes_for
from netwatch_tray.settings import Events
from netwatch_tray.text import qt_label
from netwatch_tray.window.pages.events.actions import Action, action_in_words, jumps_of
from netwatch_tray.window.pages.events.kinds import Group
from netwatch_tray.window.pages.events.rows import Hidden, Line, Row

translate = QCoreApplication.translate


class EventCommands(QObject):
    """Executes the user's actions on events.

    Signals: `connections_requested`: show connections, carries an app and a host, one of which is None.
    `app_requested`: show an app. `why_requested`: show why these interfaces make the total. `mute_requested` carries
    the code of a mute and whether to set it (False: remove it). `seen` carries the IDs of events that the user has
    seen, None for all. `uncovered` carries the line of hidden events that the user wants to see.
    """

    connections_requested = Signal(object, object)
    app_requested = Signal(str)
    usage_requested = Signal()
    why_requested = Signal()
    mute_requested = Signal(str, bool)
    seen = Signal(object)
    uncovered = Signal(object)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._parent = parent
        self.muted: frozenset[str] = frozenset()
        """Codes (event.Mute) of the mutes in the settings."""

    def show_settings(self, events: Events) -> None:
        self.muted = frozenset(code for code, is_on in events.muted.items() if is_on)

    @property
    def muted_groups(self) -> set[Group]:
        """Return the groups of events whose kinds are all muted."""
        return {group for group in Group if all(Mute(kind).code in self.muted for kind in group.kinds)}

    def act(self, line: Line, action: Action) -> None:
        if isinstance(line, Hidden):
            if action is Action.UNMUTE:
                self.unmute(line.group)
            else:
                self.uncovered.emit(line)
        if not isinstance(line, Row):
            return
        event = line.event
        match action:
            case Action.CONNECTIONS:
                self.connections_requested.emit(event.app_name, None if event.app_name else event.host)
            case Action.APP:
                self.app_requested.emit(event.app_name)
            case Action.USAGE:
                self.usage_requested.emit()
            case Action.WHY_TOTAL:
                self.why_requested.emit()
            case Action.MUTE:
                self.change_mute(mutes_for(event)[0], on=True)
                self.seen.emit((event.id,))

    def change_mute(self, mute: Mute, on: bool) -> None:
        self.mute_requested.emit(mute.code, on)

    def unmute(self, group: Group) -> None:
        for kind in group.kinds:
            self.change_mute(Mute(kind), on=False)

    def open_menu(self, line: Line | None, where: QPoint) -> None:
        """Open the menu with all actions for a line, at a position on the screen."""
        if isinstance(line, Row):
            menu = self._menu()
            for action in jumps_of(line):
                chosen = menu.addAction(action_in_words(action, line))
                chosen.triggered.connect(lambda _checked, action=action: self.act(line, action))
            menu.addSeparator()
            self._add_mutes(menu, line)
            menu.popup(where)

    def open_mutes(self, line: Row, where: QPoint) -> None:
        """Open a menu with every mute that would silence the event. Each item turns one mute on or off."""
        menu = self._menu()
        self._add_mutes(menu, line)
        menu.popup(where)

    def _add_mutes(self, menu: QMenu, line: Row) -> None:
        for mute in mutes_for(line.event):
            is_on = mute.code in self.muted
            words = event_words.unmute(mute, line.event) if is_on else event_words.mute(mute, line.event)
            chosen = menu.addAction(qt_label(words))
            chosen.triggered.connect(lambda _checked, mute=mute, is_on=is_on: self.change_mute(mute, not is_on))

    def _menu(self) -> QMenu:
        """Return a new menu, which deletes itself when it is closed."""
        menu = QMenu(self._parent)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        return menu
