"""The window on macOS: menu bar, keys and activation, with a stand-in for AppKit."""

from __future__ import annotations

import sys

import pytest
from cocoa import Cocoa
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QKeySequence, QShortcut
from PySide6.QtWidgets import QMenu, QMenuBar, QWidget
from windows import Open

from netwatch_tray.window.shell.mac_menu import become_regular


@pytest.fixture
def on_a_mac(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")


def actions(window: QWidget) -> dict[str, QAction]:
    (bar,) = window.findChildren(QMenuBar)
    # Where the window is narrow, a menu without a title has what does not fit into the bar.
    menus = [menu for menu in bar.findChildren(QMenu) if menu.title()]
    return {row.text(): row for menu in menus for row in menu.actions()}


@pytest.mark.usefixtures("on_a_mac")
def test_the_menu_bar_has_the_usual_items_in_their_roles(open_window: Open) -> None:
    window = open_window().window
    found = actions(window)
    roles = {name: row.menuRole() for name, row in found.items() if row.menuRole() != QAction.MenuRole.NoRole}
    assert roles == {
        "About NetWatch": QAction.MenuRole.AboutRole,
        "Settings…": QAction.MenuRole.PreferencesRole,
        "Quit": QAction.MenuRole.QuitRole,
    }
    assert found["Minimise"].shortcut() == QKeySequence("Ctrl+M")
    assert found["Close Window"].shortcut() == QKeySequence(QKeySequence.StandardKey.Close)
    assert [row.shortcut() for row in found.values()][4:8] == [QKeySequence(f"Ctrl+{n}") for n in range(1, 5)]
    assert {"Interfaces", "Connections", "Apps", "Usage", "Keys"} <= found.keys()


@pytest.mark.usefixtures("on_a_mac")
def test_no_two_menu_items_or_shortcuts_have_the_same_key(open_window: Open) -> None:
    window = open_window().window
    keys = [row.shortcut().toString() for row in actions(window).values() if not row.shortcut().isEmpty()]
    keys += [shortcut.key().toString() for shortcut in window.findChildren(QShortcut)]
    assert len(keys) == len(set(keys))


@pytest.mark.usefixtures("on_a_mac")
def test_every_menu_item_runs_its_action(open_window: Open) -> None:
    window = open_window().window
    found = actions(window)
    found["Connections"].trigger()
    assert window.connections.isVisible()
    found["Settings…"].trigger()
    assert window.settings.isVisible()
    found["Keys"].trigger()
    assert window.help.isVisible()
    window.help.hide()
    found["Minimise"].trigger()
    assert window.windowState() & Qt.WindowState.WindowMinimized
    window.showNormal()
    found["Quit"].trigger()
    assert not window.isVisible()


def test_other_systems_have_no_menu_bar(open_window: Open) -> None:
    assert not open_window().window.findChildren(QMenuBar)


def test_the_process_gets_a_dock_icon_and_comes_to_the_front(monkeypatch: pytest.MonkeyPatch) -> None:
    cocoa = Cocoa()
    cocoa.install(monkeypatch)
    become_regular()
    assert cocoa.policy == 0
    assert [selector for _, _, selector in cocoa.calls][-1] == "activateIgnoringOtherApps:"
