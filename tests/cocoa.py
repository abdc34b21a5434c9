"""A Mac's AppKit, Foundation and UserNotifications, as far as `cocoa_names` knows them.

Any other name is an AttributeError, a wrong number of arguments a TypeError, and a call from another thread than the
main one an assertion. Every call is logged with its thread. What AppKit does of its own accord (tracking a menu, ending
the process at logout) is what Apple's documentation says; `docs/mac.md` lists what only a Mac can confirm.
"""

from __future__ import annotations

import queue
import sys
import threading
import types
import weakref
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

import pytest

from netwatch_tray.tray import backends
from netwatch_tray.tray.backends import cocoa_names

T = TypeVar("T")
MODULES = ("AppKit", "Foundation", "objc", "PyObjCTools", "PyObjCTools.AppHelper")
OURS = ("netwatch_tray.tray.backends.app_kit", "netwatch_tray.tray.backends.user_notifications")
ANY_THREAD = frozenset({"UNUserNotificationCenter", "UNMutableNotificationContent", "UNNotificationRequest"})


class Exited(SystemExit):
    """Raised in place of AppKit's call of exit(3)."""


class Cocoa:
    """The frameworks, their one application, and a user who clicks."""

    def __init__(self) -> None:
        self.main = threading.current_thread()
        self.calls: list[tuple[threading.Thread, str, str]] = []
        self.bundle_identifier: str | None = None
        self.allows_notifications = True
        self.notifications: dict[str, tuple[str, str]] = {}
        """Heading and text, by identifier."""
        self.policy: int | None = None
        self.is_running = False
        self.exited = False
        self.at_exit: Callable[[], object] = lambda: None
        """Called when the process ends; none of its code runs afterwards."""
        self.item: Any = None
        self.observers: list[tuple[Any, str, str]] = []
        self.activity: object = None
        self._work: queue.Queue[Callable[[], object]] = queue.Queue()
        self._has_stopped = False
        self._has_event = False
        self._reply: bool | None = None
        self.delegate: Callable[[], Any] = lambda: None
        self.center_delegate: Callable[[], Any] = lambda: None
        self._object = self._make_class("NSObject", ())
        self.classes: dict[str, Any] = {
            name: self._object if name == "NSObject" else self._make_class(name, (self._object,))
            for name in cocoa_names.SELECTORS
        }

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        kit = types.ModuleType("AppKit")
        for name, made in self.classes.items():
            if not name.startswith("UN"):
                setattr(kit, name, made)
        for name, value in cocoa_names.CONSTANTS.items():
            setattr(kit, name, value)
        objc = types.ModuleType("objc")
        objc.loadBundle = lambda *_, **__: None  # type: ignore[attr-defined]
        objc.lookUpClass = self.classes.__getitem__  # type: ignore[attr-defined]
        objc.registerMetaDataForSelector = self._register  # type: ignore[attr-defined]
        helper = types.ModuleType("PyObjCTools.AppHelper")
        helper.callAfter = self.call_after  # type: ignore[attr-defined]
        for name, module in zip(MODULES, (kit, kit, objc, types.ModuleType("PyObjCTools"), helper), strict=True):
            monkeypatch.setitem(sys.modules, name, module)
        for name in OURS:  # they are loaded anew, with these frameworks
            monkeypatch.delitem(sys.modules, name, raising=False)
            monkeypatch.delattr(backends, name.rpartition(".")[2], raising=False)
        monkeypatch.setattr(sys, "platform", "darwin")

    # The user and the system

    def do(self, work: Callable[[], T], timeout: float = 60) -> T:
        """Run a function on the main thread from another thread. Return its result or raise its exception."""
        future: Future[T] = Future()

        def run() -> None:
            try:
                future.set_result(work())
            except BaseException as error:  # noqa: BLE001  handed to the test, whatever it is
                future.set_exception(error)

        self.call_after(run)
        return future.result(timeout)

    def open_menu(self) -> None:
        menu = self.item.menu
        menu.delegate().menuNeedsUpdate_(menu)
        menu.delegate().menuWillOpen_(menu)
        menu.is_open = True

    def close_menu(self) -> None:
        menu = self.item.menu
        if menu.is_open:
            menu.is_open = False
            menu.delegate().menuDidClose_(menu)

    def click(self, text: str) -> None:
        """Click the row that has this text now. The menu closes before the action is sent."""
        (row,) = (row for row in _all_rows(self.item.menu) if row.text == text)
        self.click_on(row)

    def click_on(self, row: Any) -> None:
        self.close_menu()
        assert row.action == "chosen:"
        row.target().chosen_(row)

    @property
    def texts(self) -> list[str]:
        return [row.text for row in self.item.menu.rows]

    def marks(self) -> dict[str, int | None]:
        return {row.text: row.state for row in _all_rows(self.item.menu)}

    def show_or_hide(self, *, is_seen: bool) -> None:
        """Report that the item's window was uncovered or covered."""
        self.item.bar_button.on_screen.state = 2 if is_seen else 0
        for observer, selector, name in self.observers:
            assert name == "NSWindowDidChangeOcclusionStateNotification"
            getattr(observer(), cocoa_names.python_name(selector))(None)

    def reopen(self) -> None:
        assert self.delegate().applicationShouldHandleReopen_hasVisibleWindows_(None, False) is False

    def terminate(self) -> None:
        """Log out. AppKit calls exit(3) at once or, after NSTerminateLater, when the application has replied."""
        answer = self.delegate().applicationShouldTerminate_(None)
        if answer == cocoa_names.CONSTANTS["NSTerminateLater"]:
            while self._reply is None:
                self._work.get(timeout=60)()
        self.at_exit()
        self.exited = True
        raise Exited(0)

    def call_after(self, work: Callable[..., object], *arguments: Any) -> None:
        self._work.put(lambda: work(*arguments))

    def turn(self) -> None:
        """Run the functions that wait for the main thread."""
        while not self._work.empty():
            self._work.get()()

    # What is behind the names

    def _make_class(self, name: str, bases: tuple[type, ...]) -> type:
        selectors = cocoa_names.SELECTORS[name]
        return type(name, bases, {cocoa_names.python_name(each): self._method(name, each) for each in selectors})

    def _method(self, owner: str, selector: str) -> Any:
        name, count = cocoa_names.python_name(selector), selector.count(":")

        def call(self_or_class: Any, *arguments: Any) -> Any:
            if len(arguments) != count:
                raise TypeError(f"{owner} {selector} takes {count} arguments")
            assert owner in ANY_THREAD or threading.current_thread() is self.main, f"{owner} {selector} off main"
            self.calls.append((threading.current_thread(), owner, selector))
            behaviour = getattr(self, f"_{owner}_{name}", None)
            if behaviour is not None:
                return behaviour(self_or_class, *arguments)
            if name == "alloc":
                return self_or_class()
            return self_or_class if name.startswith("init") else None

        return classmethod(call) if selector.startswith("+") else call

    def _register(self, owner: bytes, selector: bytes, metadata: dict[str, Any]) -> None:
        """Check the registered types of a block, which is the last argument, and that the selector is known."""
        assert set(metadata["arguments"]) == {1 + selector.count(b":")}
        known = (*cocoa_names.SELECTORS.get(owner.decode(), ()), *_called_by_apple())
        assert selector.decode() in known

    def _NSObject_respondsToSelector_(self, cls: type, selector: str) -> bool:
        return isinstance(getattr(cls, cocoa_names.python_name(selector), None), types.MethodType)

    def _NSObject_instancesRespondToSelector_(self, cls: type, selector: str) -> bool:
        return isinstance(getattr(cls, cocoa_names.python_name(selector), None), types.FunctionType)

    def _NSApplication_sharedApplication(self, cls: type) -> Any:
        if not hasattr(self, "application"):
            self.application = cls()
        return self.application

    def _NSApplication_setActivationPolicy_(self, _application: Any, policy: int) -> bool:
        self.policy = policy
        return True

    def _NSApplication_setDelegate_(self, _application: Any, delegate: Any) -> None:
        self.delegate = weakref.ref(delegate)

    def _NSApplication_run(self, _application: Any) -> None:
        self.is_running = True
        try:
            # A stopped loop ends after an event, and not within a menu.
            while not (self._has_stopped and self._has_event and not self.item.menu.is_open):
                self._work.get(timeout=60)()
        finally:
            self.is_running = False

    def _NSApplication_stop_(self, _application: Any, _sender: Any) -> None:
        self._has_stopped = True

    def _NSApplication_postEvent_atStart_(self, _application: Any, event: Any, _at_start: bool) -> None:
        assert event == "event"
        self._has_event = True

    def _NSApplication_replyToApplicationShouldTerminate_(self, _application: Any, reply: bool) -> None:
        assert self._reply is None, "answered twice"
        self._reply = reply

    def _NSEvent_otherEventWithType_location_modifierFlags_timestamp_windowNumber_context_subtype_data1_data2_(
        self, _cls: type, kind: int, *_: Any
    ) -> str:
        assert kind == 15
        return "event"

    def _NSStatusBar_systemStatusBar(self, cls: type) -> Any:
        return cls()

    def _NSStatusBar_statusItemWithLength_(self, _bar: Any, length: int) -> Any:
        assert length == -1
        self.item = self.classes["NSStatusItem"]()
        self.item.bar_button = self.classes["NSStatusBarButton"]()
        self.item.bar_button.on_screen = self.classes["NSWindow"]()
        self.item.bar_button.on_screen.state = 0
        self.item.visible = True
        self.item.autosave = None
        self.item.is_removed = False
        return self.item

    def _NSStatusBar_removeStatusItem_(self, _bar: Any, item: Any) -> None:
        item.is_removed = True

    def _NSStatusItem_button(self, item: Any) -> Any:
        return item.bar_button

    def _NSStatusItem_setMenu_(self, item: Any, menu: Any) -> None:
        item.menu = menu

    def _NSStatusItem_setVisible_(self, item: Any, visible: bool) -> None:
        item.visible = visible

    def _NSStatusItem_setAutosaveName_(self, item: Any, name: str) -> None:
        item.autosave = name

    def _NSStatusBarButton_window(self, button: Any) -> Any:
        return button.on_screen

    def _NSStatusBarButton_setTitle_(self, button: Any, title: str) -> None:
        button.label = title

    def _NSStatusBarButton_setToolTip_(self, button: Any, title: str) -> None:
        button.tooltip = title

    def _NSStatusBarButton_setImage_(self, button: Any, image: Any) -> None:
        assert image.is_template
        assert image.size == (22, 22)
        button.picture = image.data

    def _NSWindow_occlusionState(self, window: Any) -> int:
        return int(window.state)

    def _NSImage_initWithData_(self, image: Any, data: bytes) -> Any:
        assert data.startswith(b"\x89PNG")
        image.data, image.is_template, image.size = data, False, None
        return image

    def _NSImage_setSize_(self, image: Any, size: tuple[int, int]) -> None:
        image.size = size

    def _NSImage_setTemplate_(self, image: Any, is_template: bool) -> None:
        image.is_template = is_template

    def _NSMenu_initWithTitle_(self, menu: Any, _title: str) -> Any:
        menu.rows, menu.is_open, menu.delegate = [], False, lambda: None
        return menu

    def _NSMenu_setDelegate_(self, menu: Any, delegate: Any) -> None:
        menu.delegate = weakref.ref(delegate)

    def _NSMenu_addItem_(self, menu: Any, row: Any) -> None:
        assert not menu.is_open, "built anew under the pointer"
        menu.rows.append(row)

    def _NSMenu_removeAllItems(self, menu: Any) -> None:
        assert not menu.is_open, "built anew under the pointer"
        menu.rows.clear()

    def _NSMenu_cancelTracking(self, _menu: Any) -> None:
        self.close_menu()

    def _NSMenuItem_separatorItem(self, cls: type) -> Any:
        row = cls()
        row.text, row.state, row.below, row.action = "", None, None, ""
        return row

    def _NSMenuItem_initWithTitle_action_keyEquivalent_(self, row: Any, title: str, action: str, key: str) -> Any:
        assert key == ""
        row.text, row.action, row.state, row.below = title, action, None, None
        return row

    def _NSMenuItem_setTitle_(self, row: Any, title: str) -> None:
        row.text = title

    def _NSMenuItem_setState_(self, row: Any, state: int) -> None:
        row.state = state

    def _NSMenuItem_setTarget_(self, row: Any, target: Any) -> None:
        row.target = weakref.ref(target)

    def _NSMenuItem_setSubmenu_(self, row: Any, menu: Any) -> None:
        row.below = menu

    def _NSMenuItem_setRepresentedObject_(self, row: Any, value: Any) -> None:
        row.represented = value

    def _NSMenuItem_representedObject(self, row: Any) -> Any:
        return row.represented

    def _NSBundle_mainBundle(self, cls: type) -> Any:
        return cls()

    def _NSBundle_bundleIdentifier(self, _bundle: Any) -> str | None:
        return self.bundle_identifier

    def _NSNotificationCenter_defaultCenter(self, cls: type) -> Any:
        return cls()

    def _NSNotificationCenter_addObserver_selector_name_object_(
        self, _center: Any, observer: Any, selector: str, name: str, _object: Any
    ) -> None:
        self.observers.append((weakref.ref(observer), selector, name))

    def _NSProcessInfo_processInfo(self, cls: type) -> Any:
        return cls()

    def _NSProcessInfo_beginActivityWithOptions_reason_(self, _info: Any, options: int, _reason: str) -> object:
        assert options == 0xEFFFFF
        self.activity = object()
        return self.activity

    def _UNUserNotificationCenter_currentNotificationCenter(self, cls: type) -> Any:
        assert self.bundle_identifier, "outside a bundle it raises"
        return cls()

    def _UNUserNotificationCenter_setDelegate_(self, _center: Any, delegate: Any) -> None:
        self.center_delegate = weakref.ref(delegate)

    def _UNUserNotificationCenter_requestAuthorizationWithOptions_completionHandler_(
        self, _center: Any, options: int, done: Callable[[bool, Any], None]
    ) -> None:
        assert options == 4
        answer = threading.Thread(target=done, args=(self.allows_notifications, None))
        answer.start()
        answer.join()

    def _UNUserNotificationCenter_addNotificationRequest_withCompletionHandler_(
        self, _center: Any, request: Any, _done: object
    ) -> None:
        self.notifications[request.key] = (request.content.heading, request.content.said)

    def _UNMutableNotificationContent_setTitle_(self, content: Any, text: str) -> None:
        content.heading = text

    def _UNMutableNotificationContent_setBody_(self, content: Any, text: str) -> None:
        content.said = text

    def _UNNotificationRequest_requestWithIdentifier_content_trigger_(
        self, cls: type, key: str, content: Any, trigger: Any
    ) -> Any:
        assert trigger is None
        request = cls()
        request.key, request.content = key, content
        return request


def _all_rows(menu: Any) -> list[Any]:
    return [each for row in menu.rows for each in (row, *(_all_rows(row.below) if row.below else ()))]


def _called_by_apple() -> tuple[str, ...]:
    return tuple(selector for each in cocoa_names.CALLED_BY_APPLE.values() for selector in each)
