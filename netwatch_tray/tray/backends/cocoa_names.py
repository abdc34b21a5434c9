"""Every name of Apple's frameworks that this program uses; no other name may be called.

Selectors and constants are those of Apple's reference (developer.apple.com/documentation, the class's page) for macOS
12 and later; values of constants are those of the headers of AppKit, Foundation and UserNotifications. The tests'
stand-in for the frameworks has only these names, so a wrong selector fails a test, and `netwatch-tray mac-check` checks
each of them on a real Mac.
"""

from __future__ import annotations

from collections.abc import Mapping

SELECTORS: Mapping[str, tuple[str, ...]] = {
    # AppKit
    "NSApplication": (
        "+sharedApplication", "setActivationPolicy:", "setDelegate:", "run", "stop:", "postEvent:atStart:",
        "replyToApplicationShouldTerminate:", "activateIgnoringOtherApps:",
    ),
    "NSStatusBar": ("+systemStatusBar", "statusItemWithLength:", "removeStatusItem:"),
    "NSStatusItem": ("button", "setMenu:", "setVisible:", "setAutosaveName:"),
    "NSStatusBarButton": (
        "setImage:", "setTitle:", "setToolTip:", "setImagePosition:", "setFont:", "setAccessibilityLabel:", "window",
    ),
    "NSWindow": ("occlusionState",),
    "NSMenu": (
        "+alloc", "initWithTitle:", "setAutoenablesItems:", "setDelegate:", "addItem:", "removeAllItems",
        "cancelTracking",
    ),
    "NSMenuItem": (
        "+alloc", "+separatorItem", "initWithTitle:action:keyEquivalent:", "setTarget:", "setTitle:", "setState:",
        "setEnabled:", "setSubmenu:", "setRepresentedObject:", "representedObject",
    ),
    "NSImage": ("+alloc", "initWithData:", "setSize:", "setTemplate:"),
    "NSFont": ("+monospacedDigitSystemFontOfSize:weight:",),
    "NSEvent": (
        "+otherEventWithType:location:modifierFlags:timestamp:windowNumber:context:subtype:data1:data2:",
    ),
    # Foundation
    "NSObject": ("+alloc", "init", "+respondsToSelector:", "+instancesRespondToSelector:"),
    "NSBundle": ("+mainBundle", "bundleIdentifier"),
    "NSNotificationCenter": ("+defaultCenter", "addObserver:selector:name:object:"),
    "NSProcessInfo": ("+processInfo", "beginActivityWithOptions:reason:"),
    # UserNotifications
    "UNUserNotificationCenter": (
        "+currentNotificationCenter", "setDelegate:", "requestAuthorizationWithOptions:completionHandler:",
        "addNotificationRequest:withCompletionHandler:",
    ),
    "UNMutableNotificationContent": ("+alloc", "init", "setTitle:", "setSubtitle:", "setBody:"),
    "UNNotificationRequest": ("+requestWithIdentifier:content:trigger:",),
}  # fmt: skip
"""Selectors that are called, by class; `+` marks methods of the class itself."""

CONSTANTS: Mapping[str, int | str] = {
    "NSApplicationActivationPolicyAccessory": 1,
    "NSApplicationActivationPolicyRegular": 0,
    "NSControlStateValueOff": 0,
    "NSControlStateValueOn": 1,
    "NSEventTypeApplicationDefined": 15,
    "NSImageLeft": 2,
    "NSTerminateLater": 2,
    "NSVariableStatusItemLength": -1,
    "NSWindowOcclusionStateVisible": 2,
    "NSActivityUserInitiatedAllowingIdleSystemSleep": 0xEFFFFF,
    "NSWindowDidChangeOcclusionStateNotification": "NSWindowDidChangeOcclusionStateNotification",
}

CALLED_BY_APPLE: Mapping[str, tuple[str, ...]] = {
    "NSApplicationDelegate": (
        "applicationShouldHandleReopen:hasVisibleWindows:", "applicationShouldTerminate:",
    ),
    "NSMenuDelegate": ("menuNeedsUpdate:", "menuWillOpen:", "menuDidClose:"),
    "UNUserNotificationCenterDelegate": (
        "userNotificationCenter:willPresentNotification:withCompletionHandler:",
        "userNotificationCenter:didReceiveNotificationResponse:withCompletionHandler:",
    ),
}  # fmt: skip
"""Methods of this program's delegates that Apple's frameworks call, by the protocol that declares them."""


def python_name(selector: str) -> str:
    """Return the Python name of a selector in pyobjc: `setTitle_` for `setTitle:`."""
    return selector.removeprefix("+").replace(":", "_")
