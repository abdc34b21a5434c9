"""The macOS backend's logic with stand-ins for AppKit; the real one needs a Mac."""

from __future__ import annotations

import importlib
import subprocess
import sys
import threading
import types
from collections.abc import Callable, Iterator
from typing import Any
from unittest.mock import MagicMock

import pytest
from desktop import wait_for
from surroundings import Loop, no_actions

from netwatch_tray.engine.scheduler import Scheduler
from netwatch_tray.errors import TrayUnavailableError
from netwatch_tray.settings import Settings
from netwatch_tray.tray import Notification, open_tray
from netwatch_tray.tray.backends import choose
from netwatch_tray.tray.backends.menu_bar import Icon
from netwatch_tray.tray.backends.pystray_api import Icon as PystrayIcon, Menu, MenuItem
from netwatch_tray.tray.icon import draw
from netwatch_tray.tray.presenter import Glyph


class Row:
    """An NSMenuItem."""

    def __init__(self, item: MenuItem) -> None:
        self._title = item.text
        self.state = -1
        self._submenu = NativeMenu(map(Row, item.submenu or ()))

    def title(self) -> str:
        return self._title

    def setTitle_(self, title: str) -> None:  # noqa: N802  Objective-C
        self._title = title

    def setState_(self, state: int) -> None:  # noqa: N802  Objective-C
        self.state = state

    def submenu(self) -> NativeMenu:
        return self._submenu


class NativeMenu(list[Row]):
    """An NSMenu."""

    def itemAtIndex_(self, index: int) -> Row:  # noqa: N802  Objective-C
        return self[index]

    def numberOfItems(self) -> int:  # noqa: N802  Objective-C
        return len(self)


class Mac:
    """AppKit's loop: what is handed over runs when `turn` is called, in the thread that calls it."""

    def __init__(self) -> None:
        self.handed_over: list[Callable[[], None]] = []
        self.main = threading.current_thread()
        self.button = MagicMock()
        self.image = MagicMock()
        self.built = 0
        self.running = threading.Event()
        self.stopped = threading.Event()
        mac = self

        class Native(PystrayIcon):  # type: ignore[misc]  # pystray has no types
            """pystray's darwin icon."""

            def __init__(self, *arguments: Any) -> None:
                super().__init__(*arguments)
                self._status_item = MagicMock()
                self._status_item.button.return_value = mac.button
                self._app = MagicMock()
                self._app.run.side_effect = mac.run
                self._menu_handle: tuple[NativeMenu, list[Any]] = (NativeMenu(), [])

            def _on_main(self) -> None:
                assert threading.current_thread() is mac.main, "AppKit off the main thread"

            def _show(self) -> None:
                self._on_main()

            def _hide(self) -> None:
                self._on_main()

            def _update_icon(self) -> None:
                self._on_main()
                self._icon_valid = True

            def _update_title(self) -> None:
                self._on_main()
                mac.button.setToolTip_(self._title)

            def _update_menu(self) -> None:
                self._on_main()
                mac.built += 1
                self._menu_handle = NativeMenu(map(Row, self.menu)), [self._handler(item) for item in self.menu]

            def _run_detached(self) -> None:
                self._mark_ready()

            def _stop(self) -> None:
                self._on_main()
                mac.stopped.set()

        self.native = Native
        self.kit = MagicMock()
        self.kit.NSImage.alloc.return_value.initWithData_.return_value = self.image
        self.signals = MagicMock()

    def call_after(self, work: Callable[..., None], *arguments: Any) -> None:
        self.handed_over.append(lambda: work(*arguments))

    def turn(self) -> None:
        while self.handed_over:
            self.handed_over.pop(0)()

    def run(self) -> None:
        self.running.set()
        while not self.stopped.wait(0.01):
            self.turn()


@pytest.fixture
def mac(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mac]:
    mac = Mac()
    modules = {
        "AppKit": mac.kit,
        "PyObjCTools.AppHelper": types.SimpleNamespace(callAfter=mac.call_after),
        "PyObjCTools.MachSignals": mac.signals,
        "pystray._darwin": types.SimpleNamespace(Icon=mac.native),
    }
    real = importlib.import_module
    monkeypatch.setattr(importlib, "import_module", lambda name: modules.get(name) or real(name))
    monkeypatch.setattr(sys, "platform", "darwin")
    yield mac
    mac.turn()


def make(menu: Menu, scheduler: Scheduler) -> Icon:
    picture = draw(Glyph("rates"), 44, "light")
    return Icon("n", (picture,), "tip", menu, program="NetWatch", scheduler=scheduler, on_lost=lambda _: None)


def test_it_is_the_choice_on_a_mac(mac: Mac) -> None:
    assert choose().name.startswith("menu bar")
    assert mac.built == 0


def test_no_other_system_has_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "freebsd14")
    with pytest.raises(TrayUnavailableError, match="freebsd14"):
        choose()


def test_everything_is_handed_over_to_the_main_thread(mac: Mac, loop: Loop) -> None:
    texts = ["one"]
    more = [False]
    bits = MenuItem("bits", lambda: None, checked=lambda _: texts[0] == "two")
    live = MenuItem(lambda _: texts[0], None)
    extra = MenuItem("more", lambda: None, visible=lambda _: more[0])
    menu = Menu(live, Menu.SEPARATOR, MenuItem("Units", Menu(bits)), extra, MenuItem("Quit", lambda: None))
    icon = make(menu, loop.scheduler)
    mac.kit.NSApplication.sharedApplication().setActivationPolicy_.assert_called_with(1)
    mac.button.setImagePosition_.assert_called_with(2)
    mac.button.setFont_.assert_called_with(mac.kit.NSFont.monospacedDigitSystemFontOfSize_weight_.return_value)
    icon.run_detached()
    wait_for(lambda: len(mac.handed_over) == 1, 5, "the icon asks to appear")
    mac.turn()
    mac.image.setTemplate_.assert_called_with(True)
    mac.image.setSize_.assert_called_with((22, 22))
    mac.button.setImage_.assert_called_with(mac.image)

    loop.do(lambda: setattr(icon, "title", "new tip"))
    loop.do(lambda: setattr(icon, "label", "↓ 1 B/s"))
    mac.button.setTitle_.assert_called_with("")
    mac.turn()
    mac.button.setToolTip_.assert_called_with("new tip")
    mac.button.setTitle_.assert_called_with("↓ 1 B/s")

    built = mac.built
    texts[0] = "two"
    loop.do(icon.update_menu)
    mac.turn()
    rows, _ = icon._native._menu_handle
    assert [row.title() for row in rows] == ["two", "- - - -", "Units", "Quit"]
    assert rows[2].submenu()[0].state == 1
    assert mac.built == built, "the rows changed in place"
    more[0] = True
    loop.do(icon.update_menu)
    mac.turn()
    assert mac.built == built + 1, "a row came"
    assert icon._native._menu_handle[0][3].title() == "more"
    loop.do(lambda: setattr(icon, "menu", Menu(MenuItem("other", lambda: None))))
    mac.turn()
    assert [row.title() for row in icon._native._menu_handle[0]] == ["other"]
    icon._native.visible = False


def test_a_click_acts_in_the_schedulers_thread_and_is_seen_in_the_menu(mac: Mac, loop: Loop) -> None:
    threads: list[threading.Thread] = []
    is_on: list[bool] = []

    def toggle() -> None:
        threads.append(threading.current_thread())
        is_on.append(True)

    icon = make(Menu(MenuItem("On", toggle, checked=lambda _: bool(is_on))), loop.scheduler)
    icon.run_detached()
    wait_for(lambda: mac.handed_over, 5, "the icon asks to appear")
    mac.turn()
    rows, clicks = icon._native._menu_handle
    clicks[0](icon._native)  # as AppKit does, on the main thread
    wait_for(lambda: threads, 5, "the click acts")
    assert threads == [loop.do(threading.current_thread)]
    wait_for(lambda: mac.handed_over, 5, "the menu is brought up to date")
    mac.turn()
    assert rows[0].state == 1
    icon._native.visible = False


def test_the_loops_end_together(mac: Mac) -> None:
    scheduler = Scheduler()
    tray = open_tray(scheduler, no_actions(quit=scheduler.stop), Settings())
    scheduler.after(0.05, scheduler.stop)
    tray.run()
    assert mac.running.is_set()
    assert mac.stopped.is_set()
    assert {call.args[0].name for call in mac.signals.signal.call_args_list} == {"SIGINT", "SIGTERM"}
    tray.close()
    scheduler.close()


def test_notifications_go_through_the_system_once_an_hour(
    mac: Mac, loop: Loop, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert mac
    started: list[list[str]] = []
    monkeypatch.setattr(subprocess, "Popen", lambda words, **_: started.append(words))
    icon = make(Menu(MenuItem("Quit", lambda: None)), loop.scheduler)
    for text in ("first", "again"):
        icon.notify_person(Notification("key", 'Head "ing"', text))
    icon.notify_person(Notification("other", "Heading", "second"))
    assert [words[0] for words in started] == ["osascript"] * 2
    assert [words[-3:] for words in started] == [["first", "NetWatch", 'Head "ing"'], ["second", "NetWatch", "Heading"]]
