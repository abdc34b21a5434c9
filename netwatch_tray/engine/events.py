"""Which findings become events, and of which the user is notified. Pure: nothing is read but the time zone.

- Findings of one kind with one key within a day of the first one are one event: it gets the newest evidence and
  counts. Of kinds whose occurrences have an end, such as going offline, each occurrence is an event (`_SEPARATE`).
- An event notifies once, when it begins or when it becomes more severe: never where it is muted, in quiet hours, or
  after `MOST_NOTIFIED` others.
- At most `MOST_KEPT` events of a kind begin in an hour and in a day. What is beyond that is counted in one event.

All of this is decided by the events themselves, so a restart with the stored ones changes nothing.
"""

from __future__ import annotations

import functools
import logging
import time
from collections import OrderedDict, defaultdict
from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from netwatch_tray.event import Event, EventKind, Finding, Mute, Severity, TooManyFindings
from netwatch_tray.settings import Events

_log = logging.getLogger(__name__)

DAY, HOUR = 86_400.0, 3600.0
_SEPARATE = frozenset({EventKind.LINE, EventKind.INTERFACE, EventKind.GATEWAY, EventKind.DNS_SERVER, EventKind.AGENT})
"""Kinds of which each occurrence is an event of its own."""
LEARNING_S = DAY
"""Seconds from the first measurement of a history in which no app is new: all of them would be."""
MOST_KEPT = ((HOUR, 10), (DAY, 30))
"""Limits: seconds, and the most events of one kind that begin in them. Events beyond the limits are counted in one
event per kind and day, so a day has at most 31 events of each kind."""
MOST_NOTIFIED = ((600.0, 5), (DAY, 40))
"""Limits: seconds, and the most notifications in them."""
_SAME_S = 60.0
"""Seconds by which a time taken from an ID may be ahead: IDs made at the same moment are a millisecond apart."""
REMEMBERED = 600
"""Events in memory, those that began last: more than begin in a day, so that merging needs no other."""


class Outcome(NamedTuple):
    """The result of adding a finding."""

    events: tuple[Event, ...] = ()
    """New or changed."""
    notify: bool = False
    """Whether to notify the user of the last of them."""
    is_new: bool = False
    """Whether the last event began with this finding."""
    is_notable: bool = False
    """Whether the last event is new or became more severe, and is not muted."""

    @property
    def is_new_alert(self) -> bool:
        """Return whether the last event became an alert, and is not muted."""
        return self.is_notable and self.events[-1].severity is Severity.ALERT


class EventLog:
    """The latest events, and the rules for new ones. Not thread-safe."""

    def __init__(self, rules: Events, stored: Iterable[Event] = (), learning_until: float = 0.0) -> None:
        """`stored`: events of earlier runs, in any order. `learning_until`: Unix time before which no app is new."""
        self._learning_until = learning_until
        self._by_id: OrderedDict[int, Event] = OrderedDict()
        """Events by ID, in the order in which they began."""
        self._by_key: dict[tuple[EventKind, str], int] = {}
        """ID of the latest event with a key."""
        self._began: dict[int, float] = {}
        """Unix time at which each event was made; the ID has that of stored ones, unless the clock was set back."""
        self._begun: defaultdict[EventKind, list[float]] = defaultdict(list)
        """Unix times at which the last events of a kind began, oldest first."""
        self.apply(rules)
        for event in sorted(stored, key=lambda each: each.id)[-REMEMBERED:]:
            self._put(event, event.id / 1000)
            if not isinstance(event.evidence, TooManyFindings):
                self._begun[event.kind].append(event.id / 1000)
        self._notified = [
            began for number, began in self._began.items() if self._may_notify(self._by_id[number], began)
        ]
        """Times of notifications, as far as they are known."""

    def apply(self, rules: Events) -> None:
        """Use other settings from now on. Events that were muted stay marked as muted."""
        self._rules = rules
        self._mutes = [mute for code, on in rules.muted.items() if on and (mute := Mute.parsed(code)) is not None]
        self._quiet = _minutes(rules.quiet_from), _minutes(rules.quiet_until)

    @property
    def unseen(self) -> int:
        """Return how many of the events in memory count on the bell."""
        return sum(each.is_unseen_alert for each in self._by_id.values())

    def get(self, number: int) -> Event | None:
        """Return the event with this ID, or `None` if it is not in memory."""
        return self._by_id.get(number)

    def latest(self, most: int) -> tuple[Event, ...]:
        """Return at most `most` events with the newest evidence, oldest first."""
        return tuple(sorted(self._by_id.values(), key=lambda each: (each.last, each.id))[-most:])

    def mark_seen(self, ids: Iterable[int] | None) -> tuple[Event, ...]:
        """Mark events as seen, all if `ids` is None; return those that change."""
        chosen = list(self._by_id) if ids is None else [each for each in ids if each in self._by_id]
        changed = [
            msgspec.structs.replace(self._by_id[each], is_seen=True) for each in chosen if not self._by_id[each].is_seen
        ]
        for event in changed:
            self._by_id[event.id] = event
        return tuple(changed)

    def take(self, finding: Finding) -> Outcome:
        """Add a finding. Return what changed: nothing if the finding is dropped."""
        if not _is_storable(finding):
            _log.error("A finding that cannot be stored was dropped: %r", finding)
            return Outcome()
        before = self._latest(finding)
        if before is not None and finding.goes_on:
            return self._changed(before, self._with(before, finding))
        if before is not None and finding.kind not in _SEPARATE and abs(finding.at - self._began[before.id]) < DAY:
            event = msgspec.structs.replace(self._with(before, finding), count=before.count + 1, is_seen=False)
            return self._changed(before, event)
        if finding.kind is EventKind.NEW_APP and finding.at < self._learning_until:
            return Outcome()
        begun = self._begun[finding.kind] = _within(self._begun[finding.kind], finding.at)
        if not _has_room(begun, finding.at, MOST_KEPT):
            return self._count_beyond(finding)
        begun.append(finding.at)
        event = Event(
            id=self._next_id(finding.at),
            first=finding.at if finding.since is None else min(finding.since, finding.at),
            last=finding.at,
            severity=finding.severity,
            key=finding.key,
            evidence=finding.evidence,
            app=finding.app,
            app_name=finding.app_name,
            host=finding.host,
            pid=finding.pid,
            is_muted=self._is_muted(finding),
        )
        return self._changed(None, event, finding.at)

    def _changed(self, before: Event | None, event: Event, began: float | None = None) -> Outcome:
        self._put(event, began)
        is_new = before is None or event.severity > before.severity
        notify = is_new and self._may_notify(event, event.last) and _has_room(self._notified, event.last, MOST_NOTIFIED)
        if notify:
            self._notified = [*_within(self._notified, event.last), event.last]
        return Outcome((event,), notify, before is None, is_new and not event.is_muted)

    def _put(self, event: Event, began: float | None = None) -> None:
        """Store an event. `began`: time at which it began, None if it is not new."""
        self._by_id[event.id] = event
        if began is not None:
            self._began[event.id] = began
        self._by_key[event.kind, event.key] = event.id
        while len(self._by_id) > REMEMBERED:
            number, oldest = self._by_id.popitem(last=False)
            del self._began[number]
            key = oldest.kind, oldest.key
            if self._by_key.get(key) == number:
                del self._by_key[key]

    def _latest(self, finding: Finding) -> Event | None:
        number = self._by_key.get((finding.kind, finding.key))
        return None if number is None else self._by_id[number]

    def _next_id(self, at: float) -> int:
        """Return an ID that was never given: milliseconds, or one more than the last where the clock was set back."""
        last = next(reversed(self._by_id), 0)
        return max(last + 1, int(at * 1000))

    def _is_muted(self, finding: Finding) -> bool:
        return any(mute.covers(finding.kind, finding.app, finding.host) for mute in self._mutes)

    def _with(self, event: Event, finding: Finding) -> Event:
        """Return the event updated with a finding."""
        return msgspec.structs.replace(
            event,
            evidence=finding.evidence,
            last=finding.at,
            severity=max(event.severity, finding.severity),
            app=finding.app or event.app,
            app_name=finding.app_name or event.app_name,
            host=finding.host or event.host,
            pid=finding.pid or event.pid,
            is_muted=self._is_muted(finding),
        )

    def _may_notify(self, event: Event, at: float) -> bool:
        """Return whether the rules allow a notification for this event, regardless of how many were shown before."""
        least = {"alerts": Severity.ALERT, "notices": Severity.NOTICE}.get(self._rules.notify)
        return least is not None and event.severity >= least and not event.is_muted and not self._is_quiet(at)

    def _is_quiet(self, at: float) -> bool:
        start, end = self._quiet
        if start is None or end is None:
            return False
        local = time.localtime(at)
        now = local.tm_hour * 60 + local.tm_min
        return start <= now < end if start <= end else now >= start or now < end

    def _count_beyond(self, finding: Finding) -> Outcome:
        """Count a finding that is not kept, in one event for its kind and day."""
        key = f"beyond {finding.kind.label}"
        seconds, count = MOST_KEPT[-1]
        before = self._by_id.get(self._by_key.get((EventKind.AGENT, key), 0))
        is_same = before is not None and abs(finding.at - self._began[before.id]) < DAY
        known = before.evidence if before is not None and is_same else None
        findings = known.findings + 1 if isinstance(known, TooManyFindings) else 1
        evidence = TooManyFindings(of=finding.kind, findings=findings, rule_count=count, rule_seconds=seconds)
        if before is not None and findings > 1:
            event = msgspec.structs.replace(before, evidence=evidence, last=finding.at)
            self._put(event)
            is_new = False
        else:
            is_new = True
            event = Event(
                id=self._next_id(finding.at), first=finding.at, last=finding.at, severity=Severity.RECORD, key=key,
                evidence=evidence,
            )  # fmt: skip
            self._put(event, finding.at)
        return Outcome((event,), is_new=is_new)


def _minutes(time_of_day: str) -> int | None:
    """Return the minutes since midnight of a time such as `22:00`, or `None` if it is empty."""
    hours, colon, minutes = time_of_day.partition(":")
    return int(hours) * 60 + int(minutes) if colon else None


def _within(times: Iterable[float], at: float) -> list[float]:
    """Return the times of the last day. Times after `at` are left out, because the clock was set back."""
    return [each for each in times if at - DAY < each <= at + _SAME_S]


def _has_room(times: Iterable[float], at: float, limits: Iterable[tuple[float, int]]) -> bool:
    """Return whether one more event at `at` is within each limit of events per number of seconds."""
    return all(sum(at - seconds < each <= at + _SAME_S for each in times) < most for seconds, most in limits)


_encoder = msgspec.json.Encoder()


@functools.cache
def _decoder() -> msgspec.json.Decoder[Finding]:
    return msgspec.json.Decoder(Finding)  # made by the first finding, because it takes 1 ms


def _is_storable(finding: Finding) -> bool:
    """Return whether history and feed can encode the finding: no infinite number, and no text with surrogates."""
    try:
        return _decoder().decode(_encoder.encode(finding)) == finding
    except (msgspec.MsgspecError, UnicodeError, OverflowError):
        return False
