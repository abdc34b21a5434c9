"""Announcements for screen readers, in addition to what they read by themselves."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtWidgets import QWidget

# ruff: noqa: PLC0415  the enums of QAccessible take 2 ms to make, and most sessions have no screen reader


def announce(widget: QWidget, words: Callable[[], str]) -> None:
    """Make a screen reader read a text about a widget that has changed. `words`: returns the text; called only if a
    screen reader is active."""
    from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent

    if QAccessible.isActive():
        QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(widget, words()))


def alert(widget: QWidget) -> None:
    """Make a screen reader read the name of a widget that needs attention, such as a banner."""
    from PySide6.QtGui import QAccessible, QAccessibleEvent

    QAccessible.updateAccessibility(QAccessibleEvent(widget, QAccessible.Event.Alert))
