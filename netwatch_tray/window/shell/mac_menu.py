"""The window on macOS: a Dock icon, an entry in Cmd-Tab, and a menu bar with the usual items."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QCoreApplication
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QMenu, QMenuBar, QMessageBox, QWidget

import netwatch_tray
from netwatch_tray.window.shell.shortcuts import Commands

translate = QCoreApplication.translate


def become_regular() -> None:
    """Give this process a Dock icon and a menu bar. By default it has none, because of the key LSUIElement in the
    bundle, which is for the agent.

    Call this in the main thread, after QApplication was created.
    """
    import AppKit  # noqa: PLC0415  macOS alone

    application = AppKit.NSApplication.sharedApplication()
    application.setActivationPolicy_(AppKit.NSApplicationActivationPolicyRegular)
    application.activateIgnoringOtherApps_(True)  # without this, a window that the agent opens stays behind


def add_menu_bar(window: QWidget, commands: Commands) -> QMenuBar:
    """Add the menu bar to a window. Qt moves About, Settings and Quit to the application menu, by their roles.

    The window must not have shortcuts with the same keys as menu items: Qt takes these as ambiguous and ignores both.
    """
    bar = QMenuBar(window)
    file = bar.addMenu(translate("MacMenu", "File"))
    _add(file, translate("MacMenu", "About NetWatch"), lambda: _about(window), role=QAction.MenuRole.AboutRole)
    _add(
        file, translate("MacMenu", "Settings…"), commands.settings,
        keys=QKeySequence(QKeySequence.StandardKey.Preferences), role=QAction.MenuRole.PreferencesRole,
    )  # fmt: skip
    _add(file, translate("MacMenu", "Close Window"), commands.close, keys=QKeySequence(QKeySequence.StandardKey.Close))
    # Closes the window only: the agent is quit in the menu of its icon.
    _add(
        file, translate("MacMenu", "Quit"), commands.close,
        keys=QKeySequence(QKeySequence.StandardKey.Quit), role=QAction.MenuRole.QuitRole,
    )  # fmt: skip
    view = bar.addMenu(translate("MacMenu", "View"))
    for number, (name, turn) in enumerate(commands.pages, 1):
        _add(view, name, turn, keys=QKeySequence(f"Ctrl+{number}"))
    _add(
        bar.addMenu(translate("MacMenu", "Window")),
        translate("MacMenu", "Minimise"),
        commands.minimise,
        keys=QKeySequence("Ctrl+M"),
    )
    _add(
        bar.addMenu(translate("MacMenu", "Help")), translate("MacMenu", "Keys"), commands.keys, keys=QKeySequence("F1")
    )
    return bar


def _add(
    menu: QMenu,
    text: str,
    act: Callable[[], object],
    *,
    keys: QKeySequence | None = None,
    role: QAction.MenuRole = QAction.MenuRole.NoRole,
) -> QAction:
    """Add an item to a menu and return it. `act`: called when it is chosen. The default role is NoRole, because Qt
    would guess a role from the text."""
    action = menu.addAction(text)
    action.setMenuRole(role)
    if keys is not None:
        action.setShortcut(keys)
    action.triggered.connect(lambda _checked=False: act())
    return action


def _about(window: QWidget) -> None:
    QMessageBox.about(window, "NetWatch", f"NetWatch Tray {netwatch_tray.__version__}")
