"""The subcommand `events`: what was unusual on the network, and what else happened."""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from netwatch_tray.cli.dates import day
from netwatch_tray.cli.session import DONE, connect, open_history, print_json, usable_settings
from netwatch_tray.errors import AgentUnreachableError, HistoryError, NetWatchError
from netwatch_tray.event import (
    DnsServerSilent,
    Event,
    Evidence,
    GatewaySilent,
    HeldRate,
    PlanUsed,
    SentMuch,
    Severity,
    mutes_for,
)
from netwatch_tray.language import mark, translate
from netwatch_tray.text import printable

if TYPE_CHECKING:
    from netwatch_tray.feed.client import FeedClient
    from netwatch_tray.feed.protocol import EventsMessage
    from netwatch_tray.units import Units

_DEFAULT_DAYS = "-7d"
_PATIENCE = 5.0
"""Seconds to wait for the agent's first message with the events of the last days."""
_LEVELS = {
    Severity.ALERT: mark("Terminal", "alert"),
    Severity.NOTICE: mark("Terminal", "notice"),
    Severity.RECORD: mark("Terminal", "record"),
}
_SETTINGS: dict[type[Evidence], tuple[str, ...]] = {
    SentMuch: ("events.upload_times", "events.upload_least_mb"),
    HeldRate: ("events.rate_mb", "events.rate_minutes"),
    PlanUsed: ("plan.cap_gb", "plan.billing_day"),
    GatewaySilent: ("health",),
    DnsServerSilent: ("health",),
}
"""Keys of the settings that set the limits of a detector, by the type of evidence that it attaches to its findings."""


def add_subcommands(subcommands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subcommands.add_parser(
        "events",
        example="netwatch-tray events --since yesterday",
        help="what was found unusual, and what else happened on the network",
    )
    parser.add_argument(
        "--since",
        type=moment,
        default=_DEFAULT_DAYS,
        metavar="WHEN",
        help="a day (today, yesterday, -7d, 2026-01-31) or a time such as 2026-01-31T14:00; default: -7d",
    )
    parser.add_argument("--follow", action="store_true", help="also those that happen from now on, until Ctrl-C")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.set_defaults(run=_events)


def moment(text: str) -> float:
    """Return the Unix time of the beginning of a local day, or of a local time such as `2026-01-31T14:00`. An argparse
    `type`."""
    try:
        with contextlib.suppress(ValueError):
            return datetime.fromisoformat(text).timestamp()
        return datetime.combine(day(text), datetime.min.time()).timestamp()
    except (OverflowError, ValueError, OSError, argparse.ArgumentTypeError):
        problem = translate(
            "Terminal",
            "must be a day such as 2026-01-31, yesterday or -7d, or a time such as 2026-01-31T14:00, not {text!r}",
        )
        raise argparse.ArgumentTypeError(problem.format(text=text)) from None


def _events(options: argparse.Namespace) -> int:
    settings = usable_settings()
    printer = _Printer(settings.units, as_json=options.json)
    client = _subscribed(needs_agent=options.follow)
    latest = next(_messages(client, _PATIENCE), None) if client else None
    known = {each.id: each for each in _stored(options.since, has_agent=latest is not None)}
    known.update({each.id: each for each in latest.events if each.last >= options.since} if latest else {})
    printer.print(sorted(known.values(), key=lambda each: (each.last, each.id)))
    if not known and not options.json and not options.follow:
        since = datetime.fromtimestamp(options.since).astimezone()
        print(translate("Terminal", "No events since {since}.").format(since=f"{since:%Y-%m-%d %H:%M}"))
    if client is None:
        return DONE
    if options.follow:
        for message in _messages(client):
            printer.print(message.events)
    client.close()
    return DONE


def _subscribed(*, needs_agent: bool) -> FeedClient | None:
    """Return a client that is subscribed to events, or None if no agent can be reached. With `needs_agent` raise
    NetWatchError instead of returning None."""
    from netwatch_tray.feed.protocol import Subscribe

    try:
        client, _hello = connect()
    except NetWatchError:
        if needs_agent:
            raise
        return None
    client.send(Subscribe(frozenset({"events"})))
    return client


def _messages(client: FeedClient, patience: float | None = None) -> Iterator[EventsMessage]:
    """Yield the agent's messages about events for `patience` seconds; without end if that is None."""
    from netwatch_tray.feed.protocol import EventsMessage

    deadline = None if patience is None else time.monotonic() + patience
    try:
        while (left := 60.0 if deadline is None else deadline - time.monotonic()) > 0:
            for message in client.wait(left):
                if isinstance(message, EventsMessage):
                    yield message
    except AgentUnreachableError:
        if patience is None:
            raise


def _stored(since: float, *, has_agent: bool) -> list[Event]:
    """Return the events that the history has since a Unix time. Raise HistoryError if it cannot be read; with
    `has_agent` return no events instead, because the agent has sent its own list."""
    try:
        with open_history() as reader:
            return reader.events(since, time.time() + 86_400)
    except HistoryError:
        if has_agent:
            return []
        raise


def as_json(event: Event) -> dict[str, Any]:
    """Return an event for `--json`: codes as labels, the evidence, and the mutes that would silence it."""
    evidence = msgspec.to_builtins(event.evidence)
    rule = evidence.pop("type")
    return {
        "id": event.id,
        "kind": event.kind.label,
        "severity": event.severity.label,
        "first": event.first,
        "last": event.last,
        "count": event.count,
        "app": event.app_name,
        "app_key": event.app,
        "host": event.host,
        "pid": event.pid,
        "muted": event.is_muted,
        "seen": event.is_seen,
        "rule": rule,
        "evidence": evidence,
        "settings": _SETTINGS.get(type(event.evidence), ()),
        "mutes": [mute.code for mute in mutes_for(event)],
    }


class _Printer:
    """Prints events as lines of text or JSON. Prints an event again if it has happened again, but not if it was only
    marked as seen."""

    def __init__(self, units: Units, *, as_json: bool) -> None:
        self._units = units
        self._as_json = as_json
        self._printed: dict[int, tuple[float, int]] = {}

    def print(self, events: Iterable[Event]) -> None:
        for event in events:
            state = event.last, event.count
            if self._printed.get(event.id) == state:
                continue
            self._printed[event.id] = state
            if self._as_json:
                print_json(as_json(event))
            else:
                print(printable(self._line(event)))
        sys.stdout.flush()

    def _line(self, event: Event) -> str:
        from netwatch_tray import event_words

        when = datetime.fromtimestamp(event.last)  # noqa: DTZ006  the user's own time
        level = translate("Terminal", "muted") if event.is_muted else translate("Terminal", _LEVELS[event.severity])
        detail = event_words.detail(event, self._units)
        text = event_words.sentence(event, self._units)
        if detail:
            text = f"{text} ({detail})"
        if event.count > 1:
            text = translate("Terminal", "{text}; {count} times").format(text=text, count=event.count)
        return f"{when:%Y-%m-%d %H:%M}  {level:8}  {text}"
