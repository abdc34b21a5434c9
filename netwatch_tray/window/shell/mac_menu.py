"""What makes the window a program of a Mac: a Dock icon, a place in Cmd-Tab, and the menu bar with its usual rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from PySide6.QtCore import QCoreApplication
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QMenu, QMenuBar, QMessageBox, QWidget

import netwatch_tray

translate = QCoreApplication.translate


def become_regular() -> None:
    """The bundle is an agent without Dock icon and menu bar (LSUIElement), and its window's process would be one, too.

    Call once there is a QApplication, on the main thread.
    """
    import AppKit  # noqa: PLC0415  macOS alone

    application = AppKit.NSApplication.sharedApplication()
    application.setActivationPolicy_(AppKit.NSApplicationActivationPolicyRegular)
    application.activateIgnoringOtherApps_(True)  # from an agent nothing else brings it to the front


class Commands(NamedTuple):
    """What the rows do."""

    settings: Callable[[], object]
    close: Callable[[], object]
    minimise: Callable[[], object]
    keys: Callable[[], object]
    pages: tuple[tuple[str, Callable[[], object]], ...]
    """Names of the pages, and how to turn to them."""


def menu_bar(window: QWidget, commands: Commands) -> QMenuBar:
    """The bar of `window`; Qt moves About, Settings and Quit to the program's own menu, by their roles.

    Their keys are those of the platform, so the window must not have shortcuts with the same keys: Qt would call them
    ambiguous.
    """
    bar = QMenuBar(window)
    file = bar.addMenu(translate("MacMenu", "File"))
    _add(file, translate("MacMenu", "About NetWatch"), lambda: _about(window), role=QAction.MenuRole.AboutRole)
    _add(
        file, translate("MacMenu", "Settings…"), commands.settings,
        keys=QKeySequence(QKeySequence.StandardKey.Preferences), role=QAction.MenuRole.PreferencesRole,
    )  # fmt: skip
    _add(file, translate("MacMenu", "Close Window"), commands.close, keys=QKeySequence(QKeySequence.StandardKey.Close))
    # The agent goes on: it is quit in the menu of its icon.
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
    """NoRole, because Qt would also guess a role from the text, in whatever language."""
    action = menu.addAction(text)
    action.setMenuRole(role)
    if keys is not None:
        action.setShortcut(keys)
    action.triggered.connect(lambda _checked=False: act())
    return action


def _about(window: QWidget) -> None:
    QMessageBox.about(window, "NetWatch", f"NetWatch Tray {netwatch_tray.__version__}")
