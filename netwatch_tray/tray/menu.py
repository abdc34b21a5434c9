"""The menu of the icon, made of pystray's classes, which every backend can show. Its first rows are live: their texts
change with the rates. Actions and choices follow.

Live rows are padded with figure spaces to one width, because panels that use GTK measure a menu by its previous texts
and truncate longer ones.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any, NamedTuple

import msgspec

from netwatch_tray import autostart, settings as settings_file, units
from netwatch_tray.errors import Message, NetWatchError
from netwatch_tray.event import Event
from netwatch_tray.language import mark, said, translate
from netwatch_tray.model import App
from netwatch_tray.settings import Settings
from netwatch_tray.text import printable
from netwatch_tray.tray import presenter
from netwatch_tray.tray.backends.pystray_api import Menu, MenuItem
from netwatch_tray.tray.presenter import Amounts, View
from netwatch_tray.units import Units

_log = logging.getLogger(__name__)

_WIDEST = 60
"""Most characters of a text in the menu that has no other limit, such as the name of an interface."""

_UNITS = (
    (mark("Tray", "Bytes per second (kB/s, MB/s)"), Units()),
    (mark("Tray", "Bits per second (kbit/s, Mbit/s)"), Units(bits=True)),
    (mark("Tray", "Bytes in steps of 1024 (KiB/s, MiB/s)"), Units(binary=True)),
    (mark("Tray", "Bits in steps of 1024 (Kibit/s, Mibit/s)"), Units(bits=True, binary=True)),
)


class Actions(NamedTuple):
    """What the menu calls in the agent: actions of the user, and functions that return data for the rows."""

    open_window: Callable[[], None]
    open_settings: Callable[[], None]
    """Open the window at its settings."""
    open_mini: Callable[[], None]
    """Open the mini window."""
    quit: Callable[[], None]
    pause: Callable[[bool], None]
    """Pause the measurement (True) or resume it (False)."""
    choose: Callable[[Settings], None]
    """Save these settings and use them."""
    show_doctor: Callable[[], None]
    upload_state: Callable[[], Message | None]
    """Return the state of uploading, or None if it is off. Called while the menu is shown."""
    apps: Callable[[], Sequence[App]]
    """Return the apps at the last reading of the connections, in any order. Called while the menu is shown."""
    amounts: Callable[[], Amounts | None]
    """Return the amounts of today and of this month, or None if no history is kept. Called while the menu is shown."""
    last_event: Callable[[], Event | None]
    """Return the latest event, or None if there is none. Called while the menu is shown."""
    show_events: Callable[[], None]
    """Open the window at its events."""


class TrayMenu:
    """The rows of the icon's menu. Each row stays the same MenuItem, so that panels can change its text in place."""

    def __init__(self, actions: Actions, settings: Settings) -> None:
        self._managed: frozenset[str] = frozenset()
        """Keys of the settings that only the administrator can change."""
        self.settings = settings
        self.actions = actions
        self._texts: list[str] = []
        """Texts of the live rows, in this order: rates, counted interfaces, amounts, interfaces, the last event."""
        self._are_texts_stale = False
        """Whether the texts are written again when they are read, which is while a menu is open."""
        self._width = 0
        """Width of the live rows in characters; it only grows."""
        self.shape: object = None
        """A value that changes when the menu has to be built and sent to the panels again: number and width of the live
        rows."""
        self._layout: object = None
        """The values that number and lengths of `_texts` follow from; while they are equal the texts may be stale."""
        self._amounts: tuple[object, str] = None, ""
        """The row of amounts, after the values that it was made from."""
        self._event: tuple[object, str] = None, ""
        """The row of the last event, after the values that it was made from; None if there was no event."""
        self._beside: tuple[Amounts | None, Event | None, date | None] = None, None, None
        """What the texts are made from beside the view: the amounts, the last event, and the day if there is an
        event."""
        self._rows: list[MenuItem] = []
        self._view = presenter.waiting()
        self.view = presenter.waiting()  # another object, so that the texts are written
        self._app_rows = [self._app_row(index) for index in range(presenter.MOST_APPS)]
        self._apps: tuple[str, ...] = ()
        self._interfaces: dict[str, MenuItem] = {}
        # Functions, because pystray counts the parameters of a callback, which fails for a partial.
        self._below = (
            MenuItem(translate("Tray", "Busiest apps"), Menu(self._app_items)),
            Menu.SEPARATOR,
            MenuItem(translate("Tray", "Open NetWatch"), lambda _icon, _item: actions.open_window(), default=True),
            MenuItem(
                translate("Tray", "Pause"),
                lambda _icon, _item: self._toggle_pause(),
                checked=lambda _: self.view.is_paused,
            ),
            MenuItem(translate("Tray", "Rates of"), Menu(self._interface_items)),
            MenuItem(translate("Tray", "More"), self._more()),
            MenuItem(translate("Tray", "Settings…"), lambda _icon, _item: actions.open_settings()),
            MenuItem(translate("Tray", "Quit NetWatch"), lambda _icon, _item: actions.quit()),
        )

    @property
    def view(self) -> View:
        """Return the view whose texts the menu shows. Setting it updates the texts of the live rows."""
        return self._view

    @view.setter
    def view(self, view: View) -> None:
        amounts, event = self.actions.amounts(), self.actions.last_event()
        beside = amounts, event, None if event is None else date.today()  # noqa: DTZ011  the user's own day
        if view is self._view and beside == self._beside:  # nearly every tick without traffic
            return
        self._view, self._beside = view, beside
        self._are_texts_stale = True
        layout = view.rows.layout, self._settings.units, beside
        if layout != self._layout:
            self._layout = layout
            self._write_texts()

    def _current_texts(self) -> list[str]:
        if self._are_texts_stale:
            self._write_texts()
        return self._texts

    def _write_texts(self) -> None:
        amounts, event, today = self._beside
        self._are_texts_stale = False
        self._texts = list(self.view.rows.texts())
        if amounts is not None:
            wanted = amounts, self.settings.units
            if wanted != self._amounts[0]:
                self._amounts = wanted, presenter.amounts_row(*wanted)
            self._texts.insert(2, self._amounts[1])
        if event is not None and today is not None:
            of_event = event, self.settings.units, today
            if of_event != self._event[0]:
                self._event = of_event, presenter.event_row(*of_event)
            # If there are many interfaces it replaces the last one, because nobody reads a longer menu.
            self._texts[presenter.MOST_ROWS :] = [self._event[1]]
        longest = max(map(len, self._texts), default=0)
        if longest > self._width:
            self._width = longest
            # Hosts measure new objects again.
            self._rows = [self._row(index) for index in range(presenter.MOST_ROWS + 1)]
        self.shape = len(self._texts), self._width

    @property
    def settings(self) -> Settings:
        """Return the settings in use. Setting them also reads again which keys the administrator manages."""
        return self._settings

    @settings.setter
    def settings(self, settings: Settings) -> None:
        self._settings = settings
        self._managed = settings_file.managed()

    def can_change(self, *keys: str) -> bool:
        """Return whether the user can change all of these settings, because none is managed by the administrator."""
        return not self._managed.intersection(keys)

    def build(self) -> Menu:
        """Return a pystray menu with the current live rows and all rows below them."""
        count = len(self._current_texts())  # first, because it may make the rows anew
        return Menu(*self._rows[:count], *self._below)

    def _more(self) -> Menu:
        beside = self._choice(
            translate("Tray", "Text beside the icon"),
            lambda _icon, _item: self._toggle_text(),
            lambda _: self._has_text,
            lambda _: self.can_change("tray.text"),
            is_one_of_many=False,
        )
        login = MenuItem(
            translate("Tray", "Start at login"),
            lambda _icon, _item: _toggle_autostart(),
            checked=lambda _: autostart.is_on(),
        )
        upload = MenuItem(
            lambda _: self._upload_row(),
            lambda _icon, _item: self.actions.open_window(),
            visible=lambda _: self.actions.upload_state() is not None,
        )
        mini = MenuItem(translate("Tray", "Mini window"), lambda _icon, _item: self.actions.open_mini())
        diagnose = MenuItem(translate("Tray", "Diagnose…"), lambda _icon, _item: self.actions.show_doctor())
        chosen = (self._unit_item(translate("Tray", text), units) for text, units in _UNITS)
        return Menu(*chosen, Menu.SEPARATOR, beside, login, upload, mini, diagnose)

    def _upload_row(self) -> str:
        state = self.actions.upload_state()
        return translate("Tray", "Upload: {state}").format(state=_short(said(state) if state else ""))

    @property
    def _has_text(self) -> bool:
        return self.settings.tray.text

    def _row(self, index: int) -> MenuItem:
        def text(_: MenuItem) -> str:
            texts = self._current_texts()
            # A menu may be open that had more rows.
            return (texts[index] if index < len(texts) else "").ljust(self._width, units.FIGURE_SPACE)

        def choose(_icon: Any, _item: MenuItem) -> None:
            is_event = self._event[0] is not None and index == len(self._texts) - 1
            (self.actions.show_events if is_event else self.actions.open_window)()

        # Enabled, though only text: some panels draw disabled rows too pale to be read.
        return MenuItem(text, choose)

    def _app_items(self) -> list[MenuItem]:
        """Return the rows of the submenu of the busiest apps. There is always the same number of them, because panels
        truncate a menu that grows while it is open."""
        self._apps = presenter.app_rows(self.actions.apps(), self.settings.units) or (
            translate("Tray", "No app with measured traffic"),
        )
        return self._app_rows

    def _app_row(self, index: int) -> MenuItem:
        def text(_: MenuItem) -> str:
            row = self._apps[index] if index < len(self._apps) else units.UNKNOWN
            return row.ljust(presenter.APP_WIDTH, units.FIGURE_SPACE)

        return MenuItem(text, lambda _icon, _item: self.actions.open_window())

    def _interface_items(self) -> list[MenuItem]:
        chosen = self.settings.tray.interface
        names = ["", *self.view.interfaces]
        if chosen not in names:  # removed for now, and still chosen
            names.append(chosen)
        for name in names:
            if name not in self._interfaces:
                self._interfaces[name] = self._interface_item(name)
        return [self._interfaces[name] for name in names]

    def _interface_item(self, name: str) -> MenuItem:
        text = printable(name, _WIDEST) or translate("Tray", "All uplinks (automatic)")

        def can_choose(_: MenuItem) -> bool:
            return self.settings.tray.interface == name or self.can_change("tray.interface")

        def is_chosen(_: MenuItem) -> bool:
            return self.settings.tray.interface == name

        return self._choice(
            text, lambda _icon, _item: self._change(interface=name), is_chosen, can_choose, is_one_of_many=True
        )

    def _unit_item(self, text: str, chosen: Units) -> MenuItem:
        def choose(_icon: Any, _item: MenuItem) -> None:
            new = msgspec.structs.replace(chosen, prefix=self.settings.units.prefix)
            self._choose(msgspec.structs.replace(self.settings, units=new))

        def is_chosen(_: MenuItem) -> bool:
            now = self.settings.units
            return (now.bits, now.binary) == (chosen.bits, chosen.binary)

        def can_choose(_: MenuItem) -> bool:
            now = self.settings.units
            differing = [name for name in ("bits", "binary") if getattr(now, name) != getattr(chosen, name)]
            return self.can_change(*(f"units.{name}" for name in differing))

        return self._choice(text, choose, is_chosen, can_choose, is_one_of_many=True)

    @staticmethod
    def _choice(
        text: str,
        choose: Callable[[Any, MenuItem], None],
        is_chosen: Callable[[MenuItem], bool],
        can_choose: Callable[[MenuItem], bool],
        *,
        is_one_of_many: bool,
    ) -> MenuItem:
        """Return a row with a check mark, or with a radio mark if it `is_one_of_many`. If the user cannot make the
        choice, the row is greyed and its text has the reason."""

        def shown(item: MenuItem) -> str:
            if can_choose(item):
                return text
            return translate("Tray", "{choice} · set by your administrator").format(choice=text)

        return MenuItem(shown, choose, checked=is_chosen, radio=is_one_of_many, enabled=can_choose)

    def _toggle_pause(self) -> None:
        self.actions.pause(not self.view.is_paused)

    def _toggle_text(self) -> None:
        self._change(text=not self._has_text)

    def _change(self, **what: Any) -> None:
        self._choose(msgspec.structs.replace(self.settings, tray=msgspec.structs.replace(self.settings.tray, **what)))

    def _choose(self, settings: Settings) -> None:
        self.actions.choose(settings)


def _short(text: str) -> str:
    return printable(text, _WIDEST)


def _toggle_autostart() -> None:
    try:
        autostart.turn(on=not autostart.is_on())
    except NetWatchError as error:
        _log.warning("%s", error)
