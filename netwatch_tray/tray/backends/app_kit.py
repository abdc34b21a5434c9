"""Calls to AppKit and its callbacks: the item in the menu bar, its menu, the application.

All of it must run on the main thread; otherwise AppKit ends the process. Values come in, and user actions are passed on
to `Events`. Only names of `cocoa_names` are used. Loaded on macOS only: by `menu_bar`, which runs in the scheduler's
thread, and by `mac-check`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import AppKit
import Foundation
from PyObjCTools.AppHelper import callAfter

from netwatch_tray.tray.backends.app_kit_events import Events, Row

hand_over = callAfter
"""Make the main thread call a function soon, even while a menu or an alert is open."""

_AUTOSAVE_NAME = "io.netwatch.tray"
"""Name under which macOS stores whether the item is visible and where. With the default name, Item-0, macOS 26 was seen
to damage the stored values."""
_POINTS = 22
"""Height of the picture in points, which fits into every menu bar."""


class StatusBar:
    """The application (NSApplication) and its item in the menu bar. The item is hidden until `set_visible`."""

    def __init__(self, program: str, events: Events) -> None:
        self._events = events
        self._is_terminating = False
        self._has_stopped = False
        self._application = AppKit.NSApplication.sharedApplication()
        self._application.setActivationPolicy_(AppKit.NSApplicationActivationPolicyAccessory)
        # AppKit's references to delegates are weak.
        self._delegate = Delegate.alloc().init()
        self._delegate.bar = self
        self._delegate.events = events
        self._application.setDelegate_(self._delegate)
        # App Nap would slow down a program without windows that is not clicked.
        self._activity = Foundation.NSProcessInfo.processInfo().beginActivityWithOptions_reason_(
            Foundation.NSActivityUserInitiatedAllowingIdleSystemSleep, "Measures network traffic each second"
        )
        self.menu = NativeMenu(program, self._delegate)
        self._bar = AppKit.NSStatusBar.systemStatusBar()
        self._item = self._bar.statusItemWithLength_(AppKit.NSVariableStatusItemLength)
        self._item.setVisible_(False)
        self._item.setAutosaveName_(_AUTOSAVE_NAME)
        self._item.setMenu_(self.menu.native)
        self._button = self._item.button()
        self._button.setAccessibilityLabel_(program)
        self._button.setImagePosition_(AppKit.NSImageLeft)
        self._button.setFont_(AppKit.NSFont.monospacedDigitSystemFontOfSize_weight_(0, 0))  # usual size and weight
        Foundation.NSNotificationCenter.defaultCenter().addObserver_selector_name_object_(
            self._delegate, "occlusionChanged:", AppKit.NSWindowDidChangeOcclusionStateNotification, None
        )

    def run(self) -> None:
        """Run AppKit's loop until `stop`."""
        self._application.run()

    def stop(self) -> None:
        """Remove the item and end the loop. If macOS has requested the end of the process, let it end the process
        instead. Further calls do nothing."""
        if self._has_stopped:
            return
        self._has_stopped = True
        self.menu.native.cancelTracking()  # the loop does not end while a menu is open
        self._bar.removeStatusItem_(self._item)
        if self._is_terminating:
            self._application.replyToApplicationShouldTerminate_(True)
            return
        self._application.stop_(None)
        # The loop checks this only after an event.
        event = AppKit.NSEvent.otherEventWithType_location_modifierFlags_timestamp_windowNumber_context_subtype_data1_data2_(  # noqa: E501
            AppKit.NSEventTypeApplicationDefined, (0, 0), 0, 0, 0, None, 0, 0, 0
        )
        self._application.postEvent_atStart_(event, False)

    def set_visible(self, is_visible: bool) -> None:
        self._item.setVisible_(is_visible)

    def set_picture(self, png: bytes) -> None:
        """Set the picture, which has two pixels per point. The system draws its shape in the text colour of the menu
        bar."""
        image = AppKit.NSImage.alloc().initWithData_(png)
        image.setSize_((_POINTS, _POINTS))
        image.setTemplate_(True)
        self._button.setImage_(image)

    def set_tooltip(self, text: str) -> None:
        """Set the tooltip."""
        self._button.setToolTip_(text)

    def set_label(self, label: str) -> None:
        """Set the text beside the icon."""
        self._button.setTitle_(label)

    # What the delegate passes on

    def menu_needs_update(self) -> None:
        rows = self._events.fresh_rows()
        if rows is not None:
            self.menu.set_rows(rows)

    def menu_opened(self, *, is_open: bool) -> None:
        self.menu.is_open = is_open
        self._events.menu_opened(is_open=is_open)

    def must_terminate(self) -> None:
        self._is_terminating = True
        self._events.must_terminate()

    def report_occlusion(self) -> None:
        """Report to `Events` whether the item can be seen on the screen. NSStatusItem.isVisible only returns the user's
        choice, but macOS 26 also hides items by itself."""
        window = self._button.window()
        is_seen = window is not None and bool(window.occlusionState() & AppKit.NSWindowOcclusionStateVisible)
        self._events.seen(is_seen=is_seen)


class NativeMenu:
    """The menu of the item as NSMenu. Each NSMenuItem holds the `Row` that it was made from."""

    def __init__(self, title: str, delegate: Delegate) -> None:
        """`delegate`: receives the clicks on the items, and the opening and closing of the menu."""
        self._delegate = delegate
        self._rows: tuple[Row, ...] = ()
        self._items: list[Any] = []
        self.is_open = False
        self.native = _new_menu(title)
        """NSMenu."""
        self.native.setDelegate_(delegate)

    def set_rows(self, rows: tuple[Row, ...]) -> None:
        """Show these rows. If only texts and marks differ they change at once, even while the menu is open. Other
        changes are made when the menu opens next, because a row replaced under the pointer could make a click hit
        another one."""
        if _are_same(self._rows, rows):
            self._refresh(self._items, self._rows, rows)
        elif not self.is_open:
            self.native.removeAllItems()
            self._items = self._build(self.native, rows)
        else:
            return
        self._rows = rows

    def _build(self, menu: Any, rows: Sequence[Row]) -> list[Any]:
        """Fill an empty NSMenu. Return its items, each followed by the items of its submenu."""
        items: list[Any] = []
        for row in rows:
            if not row.text:
                menu.addItem_(AppKit.NSMenuItem.separatorItem())
                items.append((None, []))
                continue
            item = AppKit.NSMenuItem.alloc().initWithTitle_action_keyEquivalent_(row.text, "chosen:", "")
            item.setTarget_(self._delegate)
            item.setRepresentedObject_(row.item)
            item.setEnabled_(row.is_enabled)
            below: list[Any] = []
            if row.rows:
                submenu = _new_menu(row.text)
                below = self._build(submenu, row.rows)
                item.setSubmenu_(submenu)
            if row.is_checked is not None:
                item.setState_(_state(row))
            menu.addItem_(item)
            items.append((item, below))
        return items

    def _refresh(self, items: Sequence[Any], before: Sequence[Row], rows: Sequence[Row]) -> None:
        for (item, below), old, new in zip(items, before, rows, strict=True):
            if new.text != old.text:
                item.setTitle_(new.text)
            if new.is_enabled != old.is_enabled:
                item.setEnabled_(new.is_enabled)
            if new.is_checked != old.is_checked and new.is_checked is not None:
                item.setState_(_state(new))
            self._refresh(below, old.rows, new.rows)


def _new_menu(title: str) -> Any:
    menu = AppKit.NSMenu.alloc().initWithTitle_(title)
    menu.setAutoenablesItems_(False)
    return menu


def _state(row: Row) -> Any:
    return AppKit.NSControlStateValueOn if row.is_checked else AppKit.NSControlStateValueOff


def _are_same(before: Sequence[Row], rows: Sequence[Row]) -> bool:
    """Return whether two menus have the same rows, apart from texts and marks."""
    return len(before) == len(rows) and all(
        old.item is new.item and bool(old.text) == bool(new.text) and _are_same(old.rows, new.rows)
        for old, new in zip(before, rows, strict=True)
    )


class Delegate(Foundation.NSObject):  # type: ignore[misc]  # pyobjc has no types
    """Receives AppKit's calls: delegate of the application and of the menu, and target of the items. StatusBar sets its
    attributes `bar` and `events`."""

    bar: StatusBar
    events: Events

    def applicationShouldHandleReopen_hasVisibleWindows_(self, _application: Any, _has_windows: bool) -> bool:
        """Open the window. AppKit calls this when the user opens the running application again, in the Finder, in
        Spotlight or with `open`."""
        self.events.reopened()
        return False

    def applicationShouldTerminate_(self, _application: Any) -> Any:
        """Delay the end of the process until everything is saved. AppKit calls this at logout or Quit, and by default
        would then call exit(3)."""
        self.bar.must_terminate()
        return AppKit.NSTerminateLater

    def menuNeedsUpdate_(self, _menu: Any) -> None:
        self.bar.menu_needs_update()

    def menuWillOpen_(self, _menu: Any) -> None:
        self.bar.menu_opened(is_open=True)

    def menuDidClose_(self, _menu: Any) -> None:
        self.bar.menu_opened(is_open=False)

    def occlusionChanged_(self, _notification: Any) -> None:
        self.bar.report_occlusion()

    def chosen_(self, sender: Any) -> None:
        self.events.chosen(sender.representedObject())
