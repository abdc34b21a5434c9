"""Announcements for screen readers, besides what they read by themselves."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtWidgets import QWidget

# ruff: noqa: PLC0415  the enums of QAccessible take 2 ms to make, and most sessions have no screen reader


def announce(widget: QWidget, words: Callable[[], str]) -> None:
    """Announce what a widget shows now, if a screen reader is active; `words` is called only then."""
    from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent

    if QAccessible.isActive():
        QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(widget, words()))


def alert(widget: QWidget) -> None:
    """Announce a widget that needs attention by its accessible name."""
    from PySide6.QtGui import QAccessible, QAccessibleEvent

    QAccessible.updateAccessibility(QAccessibleEvent(widget, QAccessible.Event.Alert))
