"""The keyboard shortcuts of the window."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import NamedTuple

from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QWidget

Command = Callable[[], object]


class Commands(NamedTuple):
    """The actions of the keyboard shortcuts and, on macOS, of the menu bar."""

    settings: Command
    mini: Command
    close: Command
    minimise: Command
    keys: Command
    pages: tuple[tuple[str, Command], ...]
    """Names of the pages, and the actions that show them."""
    ranges: tuple[Command, ...]
    group: Command
    filter: Command
    escape: Command


def add_shortcuts(window: QWidget, commands: Commands) -> None:
    """Add the shortcuts. On macOS the menu bar has the shortcuts of the window itself."""

    def add(keys: str, action: Command) -> None:
        QShortcut(QKeySequence(keys), window).activated.connect(action)

    if sys.platform == "darwin":
        from netwatch_tray.window.shell.mac_menu import add_menu_bar  # noqa: PLC0415  macOS alone

        add_menu_bar(window, commands)
    else:
        for number, (_name, show) in enumerate(commands.pages, 1):
            add(f"Ctrl+{number}", show)
        add("Ctrl+,", commands.settings)
        add("F1", commands.keys)
        add("Ctrl+W", commands.close)
        add("Ctrl+Q", commands.close)
    add("?", commands.keys)
    for number, choose in enumerate(commands.ranges, 1):
        add(f"Alt+{number}", choose)
    add("Ctrl+Shift+M", commands.mini)
    add("Ctrl+G", commands.group)
    add("Ctrl+F", commands.filter)
    add("/", commands.filter)
    add("Escape", commands.escape)
