"""Notifications on the desktop: org.freedesktop.Notifications (Desktop Notifications Specification)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from netwatch_tray import desktop_files
from netwatch_tray.language import translate
from netwatch_tray.text import printable, printable_lines
from netwatch_tray.tray.backends import Cooldown, Notification
from netwatch_tray.tray.backends.bus import Bus

SERVICE = "org.freedesktop.Notifications"
_PATH = "/org/freedesktop/Notifications"
_UNTIL_CLICKED = 0
"""Value of `expire_timeout` for a notification that stays until the user closes it."""


class Notifications:
    """Shows desktop notifications, at most one an hour for each key; it replaces the previous one with that key. Use it
    in the scheduler's thread only."""

    def __init__(self, bus: Bus, program: str, icon_name: str, on_click: Callable[[], None]) -> None:
        self._bus = bus
        self._program = program
        self._icon_name = icon_name
        self._on_click = on_click
        self._cooldown = Cooldown()
        self._listens = False
        """Whether the signals of the notification server are subscribed to."""
        self._shown: dict[int, Notification] = {}
        """The notifications on the screen, by the ID that the notification server assigned."""

    def show(self, notification: Notification) -> None:
        """Show a notification. Without a notification server nothing happens; icon and tooltip show the same fault."""
        key = notification.key
        if not self._cooldown.allows(key):
            return
        if not self._listens:
            self._listens = True
            rule = f"type='signal',sender='{SERVICE}',interface='{SERVICE}'"
            self._bus.call_bus("AddMatch", "s", (rule,))
        # Servers read the text as markup where they can.
        text = printable_lines(notification.text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        hints = {"urgency": ("y", 1), "desktop-entry": ("s", self._icon_name)}
        first = notification.actions[0].label if notification.actions else translate("Tray", "Open NetWatch")
        actions = ["default", first]
        for place, action in enumerate(notification.actions):
            actions += [str(place), action.label]
        replaced = next((number for number, shown in self._shown.items() if shown.key == key), 0)
        icon = desktop_files.icon_reference()
        body = (
            self._program, replaced, icon, printable(notification.heading), text, actions, hints, _UNTIL_CLICKED,
        )  # fmt: skip
        answered = partial(self._on_answer, notification)
        self._bus.call(SERVICE, _PATH, SERVICE, "Notify", "susssasa{sv}i", body, answered, starts=True)

    def on_signal(self, _sender: str, member: str, body: tuple[Any, ...]) -> None:
        """Handle a signal of the notification server. The server signals clicks on the notifications of all programs;
        only those with a known ID are handled."""
        match member, body:
            case "ActionInvoked", (int(number), str(action)) if number in self._shown:
                self._run(self._shown[number], action)
            case "NotificationClosed", (int(number), int()):
                self._shown.pop(number, None)

    def _run(self, notification: Notification, action: str) -> None:
        """Run an action of a notification: `default`, or the index of one of its buttons."""
        actions = notification.actions
        if action == "default":
            run = actions[0].run if actions else self._on_click
            run()
        elif action in map(str, range(len(actions))):
            actions[int(action)].run()

    def _on_answer(self, notification: Notification, answer: tuple[Any, ...] | None, _sender: str) -> None:
        if answer is not None:
            self._shown[answer[0]] = notification
