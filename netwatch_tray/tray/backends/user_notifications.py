"""Notifications on macOS; use this module on the main thread only.

Notifications of the application bundle (UNUserNotificationCenter) are shown under the program's name and icon, once the
user has allowed them. A program outside a bundle has no identity and cannot request permission: it uses osascript,
whose notifications appear as Script Editor's. pyobjc itself loads the framework, as its wrapper package would do: two
selectors do not justify another package.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import Foundation
import objc

from netwatch_tray.tray.backends import Notification
from netwatch_tray.tray.backends.app_kit import hand_over

_log = logging.getLogger(__name__)

IDENTIFIER = "io.netwatch.tray"
"""Bundle identifier of the application (packaging/macos_bundle.py)."""
_FRAMEWORK = "/System/Library/Frameworks/UserNotifications.framework"
_ALERT = 4
"""Value of UNAuthorizationOptionAlert, the permission to show notifications."""
_BANNER_AND_LIST = 16 | 8
"""UNNotificationPresentationOptionBanner and …List: show the notification also while the program's window
is in front."""

_SCRIPT = "on run {said, program, heading}\ndisplay notification said with title program subtitle heading\nend run"

_BLOCK = {"retval": {"type": b"v"}}
"""Signatures of the completion blocks. pyobjc needs them, because the Objective-C runtime does not keep them."""


def is_bundled() -> bool:
    """Return whether this process runs from the application bundle. Outside of it UNUserNotificationCenter raises."""
    return bool(Foundation.NSBundle.mainBundle().bundleIdentifier() == IDENTIFIER)


def open_notifications(program: str, on_click: Callable[[], None]) -> BundleNotifications | ScriptNotifications:
    """Return the way to show notifications: under the bundle's own name, or outside a bundle by osascript, which
    reports no clicks."""
    return BundleNotifications(on_click) if is_bundled() else ScriptNotifications(program)


def load_framework() -> None:
    """Load the classes of the framework. Raise ImportError if it is missing."""
    objc.loadBundle("UserNotifications", {}, bundle_path=_FRAMEWORK, scan_classes=False)
    types = {1: {0: b"^v", 1: b"@"}, 2: {0: b"^v", 1: b"Z", 2: b"@"}}
    for owner, selector, at, kinds in (
        (b"UNUserNotificationCenter", b"addNotificationRequest:withCompletionHandler:", 3, types[1]),
        (b"UNUserNotificationCenter", b"requestAuthorizationWithOptions:completionHandler:", 3, types[2]),
        (
            b"NSObject",
            b"userNotificationCenter:willPresentNotification:withCompletionHandler:",
            4,
            {0: b"^v", 1: b"Q"},
        ),
        (
            b"NSObject",
            b"userNotificationCenter:didReceiveNotificationResponse:withCompletionHandler:",
            4,
            {0: b"^v"},
        ),
    ):
        block = {"callable": {**_BLOCK, "arguments": {n: {"type": kind} for n, kind in kinds.items()}}, "type": b"@?"}
        objc.registerMetaDataForSelector(owner, selector, {"arguments": {at: block}})


class BundleNotifications:
    """Shows notifications of the application's bundle. The first one requests the user's permission."""

    def __init__(self, on_click: Callable[[], None]) -> None:
        """`on_click`: called in any thread when the user clicks a notification. Raise ImportError if the framework is
        missing."""
        load_framework()
        self._content = objc.lookUpClass("UNMutableNotificationContent")
        self._request = objc.lookUpClass("UNNotificationRequest")
        self._center = objc.lookUpClass("UNUserNotificationCenter").currentNotificationCenter()
        self._delegate = NotificationDelegate.alloc().init()  # the center's reference is weak
        self._delegate.on_click = on_click
        self._center.setDelegate_(self._delegate)

    def show(self, notification: Notification) -> None:
        """Show a notification in place of an earlier one with the same key. Users who do not allow notifications get
        none."""

        def answered(is_allowed: bool, error: Any) -> None:
            """Show the notification if the user allows it, else log the reason. macOS calls this in any thread."""
            if is_allowed:
                hand_over(self._add, notification)
            else:
                _log.info("macOS shows no notifications of NetWatch: %s", error or "they are switched off")

        self._center.requestAuthorizationWithOptions_completionHandler_(_ALERT, answered)

    def _add(self, notification: Notification) -> None:
        content = self._content.alloc().init()
        content.setTitle_(notification.heading)
        content.setBody_(notification.text)
        request = self._request.requestWithIdentifier_content_trigger_(notification.key, content, None)
        self._center.addNotificationRequest_withCompletionHandler_(request, None)


class NotificationDelegate(Foundation.NSObject):  # type: ignore[misc]  # pyobjc has no types
    """Receives clicks on notifications from macOS, and calls `on_click`, an attribute that BundleNotifications sets."""

    on_click: Callable[[], None]

    def userNotificationCenter_willPresentNotification_withCompletionHandler_(
        self, _center: Any, _notification: Any, done: Callable[[int], None]
    ) -> None:
        done(_BANNER_AND_LIST)

    def userNotificationCenter_didReceiveNotificationResponse_withCompletionHandler_(
        self, _center: Any, _response: Any, done: Callable[[], None]
    ) -> None:
        self.on_click()
        done()


class ScriptNotifications:
    """Shows notifications by the command osascript, one process for each."""

    def __init__(self, program: str) -> None:
        self._program = program
        self._process: Any = None
        """The last osascript process. It is kept until the next notification, because Python warns if a Popen object is
        deleted before its process has ended."""

    def show(self, notification: Notification) -> None:
        import subprocess  # noqa: PLC0415  most agents never notify

        words = ["osascript", "-e", _SCRIPT, notification.text, self._program, notification.heading]
        self._process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
