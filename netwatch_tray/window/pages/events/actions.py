"""What the user can do with an event (actions), and the texts of the links for it."""

from __future__ import annotations

from enum import Enum, auto

from PySide6.QtCore import QCoreApplication

from netwatch_tray.event import Event, EventKind, NotMeasured, PlanUsed, Severity, mutes_for
from netwatch_tray.window.pages.events.rows import Hidden, Line, Row

translate = QCoreApplication.translate

_SUSPICIONS = (EventKind.SCAN, EventKind.BEACON, EventKind.DNS_TUNNEL, EventKind.NXDOMAIN_STORM)
"""Kinds whose events may be harmless, as the user may know. Their link to mute them is *Expected*."""


class Action(Enum):
    CONNECTIONS = auto()
    """Show the connections of the event's app or host."""
    APP = auto()
    USAGE = auto()
    WHY_TOTAL = auto()
    MUTE = auto()
    """Silence such events, by the narrowest mute that covers this one (its app, its host, else its kind)."""
    SHOW_ONCE = auto()
    """Show the events that a muted kind hides on one day."""
    UNMUTE = auto()
    """Unmute the kind of the hidden events."""


def jumps_of(line: Row) -> tuple[Action, ...]:
    """Return the actions of an event that lead to other pages, the most useful first."""
    event = line.event
    if event.kind is EventKind.PLAN:
        return (Action.USAGE,)
    if event.kind is EventKind.INTERFACE:
        return (Action.WHY_TOTAL,)
    if event.app_name:
        both = (Action.CONNECTIONS, Action.APP)
        return both[::-1] if event.kind is EventKind.NEW_APP else both
    return (Action.CONNECTIONS,) if event.host else ()


def actions_of(line: Line) -> tuple[Action, ...]:
    """Return the actions for which a line of the timeline has links, at most two. The menu of the line has all."""
    if isinstance(line, Hidden):
        return Action.SHOW_ONCE, Action.UNMUTE
    if not isinstance(line, Row):
        return ()
    is_alert = line.event.severity is Severity.ALERT and not line.is_quiet
    return (*jumps_of(line)[:1], *([Action.MUTE] if is_alert else []))


def action_in_words(action: Action, line: Line) -> str:
    match action:
        case Action.CONNECTIONS:
            return translate("Events", "Show connections")
        case Action.APP:
            return translate("Events", "Show app")
        case Action.USAGE:
            return translate("Events", "Open Usage")
        case Action.WHY_TOTAL:
            return translate("Events", "Why this total")
        case Action.SHOW_ONCE:
            return translate("Events", "Show once")
        case Action.UNMUTE:
            return translate("Events", "Unmute")
    assert isinstance(line, Row)  # noqa: S101  other lines have no such action
    return mute_in_short(line.event)


def mute_in_short(event: Event) -> str:
    """Return the text of the link that mutes an event by its narrowest mute, such as `Mute this app`."""
    narrowest = mutes_for(event)[0]
    if event.kind in _SUSPICIONS:
        return translate("Events", "Expected")
    if narrowest.app is not None:
        return translate("Events", "Mute this app")
    if narrowest.host is not None:
        return translate("Events", "Mute this host")
    return translate("Events", "Mute this kind")


def is_serious(event: Event) -> bool:
    """Return whether an alert is drawn as an error instead of a warning: the data plan is used up, or nothing was
    measured."""
    evidence = event.evidence
    if isinstance(evidence, PlanUsed):
        return evidence.used >= evidence.cap
    return isinstance(evidence, NotMeasured)
