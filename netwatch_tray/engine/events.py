"""Decides which findings of the detectors become events, and which events notify the user. Pure, but for the time zone.

- Findings of one kind with one key within a day of the first one are one event, which has the newest evidence and the
  number of occurrences. Of kinds whose occurrences have an end, such as going offline, each is an event (`_SEPARATE`).
- An event may notify the user when it begins and when it becomes more severe, unless it is muted, in quiet hours, or
  there were too many notifications (`MOST_NOTIFIED`).
- At most `MOST_KEPT` events of a kind begin in an hour and in a day. Further ones are only counted, in one event.

All state is in the events, so a restart that loads the stored ones changes nothing.
"""

from __future__ import annotations

import functools
import logging
import time
from collections import OrderedDict, defaultdict
from collections.abc import Iterable

import msgspec

from netwatch_tray.event import Event, EventKind, Finding, Mute, Severity, TooManyFindings
from netwatch_tray.settings import Events

_log = logging.getLogger(__name__)

DAY, HOUR = 86_400.0, 3600.0
_SEPARATE = frozenset({EventKind.LINE, EventKind.INTERFACE, EventKind.GATEWAY, EventKind.DNS_SERVER, EventKind.AGENT})
"""Kinds of which each occurrence is an event of its own, even on the same day."""
LEARNING_S = DAY
"""Seconds after the first measurement of a history in which new apps are not reported, because every app would be."""
MOST_KEPT = ((HOUR, 10), (DAY, 30))
"""Limits as pairs: a number of seconds, and how many events of one kind may begin in that time. Further ones are
counted in one event per kind and day, so a day has at most 31 events of each kind."""
MOST_NOTIFIED = ((600.0, 5), (DAY, 40))
"""Limits as pairs: a number of seconds, and how many notifications may be shown in that time."""
_SAME_S = 60.0
"""Seconds by which a time computed from an event's ID may be too late: IDs of the same moment differ by a
millisecond."""
REMEMBERED = 600
"""Number of events in memory, those that began last. It is more than begin in a day, so the history need not be read to
find the event that a finding belongs to."""


class Outcome(msgspec.Struct, frozen=True):
    """What a finding changed."""

    events: tuple[Event, ...] = ()
    """The event that is new or changed; empty if the finding was dropped."""
    notify: bool = False
    """Whether to notify the user of the event."""
    is_new: bool = False
    """Whether the event began with this finding."""
    is_notable: bool = False
    """Whether the event is new or became more severe, and is not muted."""

    @property
    def is_new_alert(self) -> bool:
        """Return whether the event became an alert by this finding, and is not muted."""
        return self.is_notable and self.events[-1].severity is Severity.ALERT


class EventLog:
    """The latest events, and what is needed to decide about new findings. Not thread-safe."""

    def __init__(self, rules: Events, stored: Iterable[Event] = (), learning_until: float = 0.0) -> None:
        """`rules`: the settings. `stored`: events of earlier runs, in any order. `learning_until`: Unix time before
        which new apps are not reported."""
        self._learning_until = learning_until
        self._by_id: OrderedDict[int, Event] = OrderedDict()
        """Events by ID, in the order in which they began."""
        self._by_key: dict[tuple[EventKind, str], int] = {}
        """IDs of the latest event of each kind and key."""
        self._began: dict[int, float] = {}
        """Unix time at which each event began, by ID. For stored events it is computed from the ID (ms)."""
        self._begun: defaultdict[EventKind, list[float]] = defaultdict(list)
        """Unix times at which events began in the last day, by kind, oldest first; for `MOST_KEPT`."""
        self.apply(rules)
        for event in sorted(stored, key=lambda each: each.id)[-REMEMBERED:]:
            self._put(event, event.id / 1000)
            if not isinstance(event.evidence, TooManyFindings):
                self._begun[event.kind].append(event.id / 1000)
        self._notified = [
            began for number, began in self._began.items() if self._may_notify(self._by_id[number], began)
        ]
        """Unix times of the notifications of the last day. For stored events it is presumed that all that may notify
        did."""

    def apply(self, rules: Events) -> None:
        """Use these settings from now on. Events that are marked as muted stay so."""
        self._rules = rules
        self._mutes = [mute for code, on in rules.muted.items() if on and (mute := Mute.parsed(code)) is not None]
        self._quiet = _minutes(rules.quiet_from), _minutes(rules.quiet_until)

    @property
    def unseen(self) -> int:
        """Return the number that the bell in the window shows: unseen alerts in memory."""
        return sum(each.is_unseen_alert for each in self._by_id.values())

    def get(self, number: int) -> Event | None:
        """Return the event with this ID, or `None` if it is not in memory."""
        return self._by_id.get(number)

    def latest(self, most: int) -> tuple[Event, ...]:
        """Return the `most` events that were last updated, the least recent first."""
        return tuple(sorted(self._by_id.values(), key=lambda each: (each.last, each.id))[-most:])

    def mark_seen(self, ids: Iterable[int] | None) -> tuple[Event, ...]:
        """Mark the events with these IDs as seen, or all if `ids` is None. Return those that were unseen."""
        chosen = list(self._by_id) if ids is None else [each for each in ids if each in self._by_id]
        changed = [
            msgspec.structs.replace(self._by_id[each], is_seen=True) for each in chosen if not self._by_id[each].is_seen
        ]
        for event in changed:
            self._by_id[event.id] = event
        return tuple(changed)

    def take(self, finding: Finding) -> Outcome:
        """Add a finding: it updates an event, begins one, is only counted, or is dropped. Return what changed."""
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
        """Store a new or changed event. `began`: Unix time at which it began; None if it was stored before."""
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
        """Return a new ID: Unix time in ms, or the last ID plus one if that is higher (the clock was set back)."""
        last = next(reversed(self._by_id), 0)
        return max(last + 1, int(at * 1000))

    def _is_muted(self, finding: Finding) -> bool:
        return any(mute.covers(finding.kind, finding.app, finding.host) for mute in self._mutes)

    def _with(self, event: Event, finding: Finding) -> Event:
        """Return a copy of the event with the evidence and time of a further finding."""
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
        """Return whether settings, mutes and quiet hours allow a notification; `MOST_NOTIFIED` is not checked here."""
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
        """Count a finding beyond `MOST_KEPT` in the one event for such findings of its kind on this day."""
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
    """Return those of the times that are in the day before `at`. Later times exist if the clock was set back."""
    return [each for each in times if at - DAY < each <= at + _SAME_S]


def _has_room(times: Iterable[float], at: float, limits: Iterable[tuple[float, int]]) -> bool:
    """Return whether one more event at `at` keeps all limits. `times`: Unix times of earlier events. `limits`: pairs of
    seconds and the most events in that time."""
    return all(sum(at - seconds < each <= at + _SAME_S for each in times) < most for seconds, most in limits)


_encoder = msgspec.json.Encoder()


@functools.cache
def _decoder() -> msgspec.json.Decoder[Finding]:
    return msgspec.json.Decoder(Finding)  # made by the first finding, because it takes 1 ms


def _is_storable(finding: Finding) -> bool:
    """Return whether the finding survives encoding for history and feed: infinite numbers and lone surrogates do
    not."""
    try:
        return _decoder().decode(_encoder.encode(finding)) == finding
    except (msgspec.MsgspecError, UnicodeError, OverflowError):
        return False
