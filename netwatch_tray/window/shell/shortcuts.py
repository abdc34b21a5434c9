"""The keyboard shortcuts of the window."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import NamedTuple

from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QWidget

Command = Callable[[], object]


class Commands(NamedTuple):
    """The functions that keyboard shortcuts call and, on macOS, items of the menu bar."""

    settings: Command
    mini: Command
    close: Command
    minimise: Command
    keys: Command
    pages: tuple[tuple[str, Command], ...]
    """Name of each page, and the function that shows it."""
    ranges: tuple[Command, ...]
    group: Command
    filter: Command
    escape: Command


def add_shortcuts(window: QWidget, commands: Commands) -> None:
    """Add the keyboard shortcuts to the window. On macOS some of them are those of the menu bar, which is added,
    too."""

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
