"""Few notifications, a bounded number of rows, and no change by a restart."""

from __future__ import annotations

import math
import time
from collections import Counter

import msgspec
import pytest
from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from netwatch_tray.engine.events import DAY, HOUR, MOST_KEPT, MOST_NOTIFIED, REMEMBERED, EventLog, Outcome
from netwatch_tray.event import (
    Beacon,
    Event,
    EventKind,
    Evidence,
    Finding,
    Mute,
    NewApp,
    NewListener,
    Offline,
    Severity,
    TooManyFindings,
    TotalMoved,
)
from netwatch_tray.settings import Events

NOW = 1_790_000_000.0
EVIDENCE: dict[EventKind, Evidence] = {
    EventKind.NEW_APP: NewApp(),
    EventKind.LISTENER: NewListener(protocol="TCP", address="*", port=22),
    EventKind.BEACON: Beacon(period=60.0, times=6, deviation=1.0, variation=0.01, rule_times=6, rule_variation=0.1),
    EventKind.LINE: Offline(),
    EventKind.INTERFACE: TotalMoved(before=("a",), after=("b",)),
}
MERGED = {EventKind.NEW_APP, EventKind.LISTENER, EventKind.BEACON}


def finding(
    kind: EventKind = EventKind.BEACON,
    key: str = "key",
    at: float = NOW,
    severity: Severity = Severity.ALERT,
    **fields: object,
) -> Finding:
    return Finding(evidence=EVIDENCE[kind], severity=severity, key=key, at=at, **fields)  # type: ignore[arg-type]


class Life(RuleBasedStateMachine):
    """Findings, mutes, marks and restarts in any order, while time passes."""

    @initialize()
    def begin(self) -> None:
        self.now = NOW
        self.chosen = Events()
        self.log = EventLog(self.chosen)
        self.stored: dict[int, Event] = {}
        self.counted = 0
        """Findings that must be in the sum of all events."""
        self.notified: list[tuple[float, Event]] = []
        self.of_run: list[float] = []
        """When there were notifications since the last restart."""

    @rule(seconds=st.sampled_from([0.0, 0.001, 1.0, 60.0, HOUR, DAY / 2, DAY]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule(
        kind=st.sampled_from(list(EVIDENCE)),
        number=st.integers(0, 40),
        severity=st.sampled_from(Severity),
        goes_on=st.booleans(),
        app=st.sampled_from([None, "executable:/bin/a", "executable:/bin/b"]),
        times=st.integers(1, 60),
    )
    def find(
        self, kind: EventKind, number: int, severity: Severity, goes_on: bool, app: str | None, times: int
    ) -> None:
        for each in range(times):
            key = f"{number + (each if not goes_on else 0)}"
            self.take(finding(kind, key, self.now, severity, goes_on=goes_on, app=app))

    def take(self, found: Finding) -> None:
        known = [each for each in self.stored.values() if (each.kind, each.key) == (found.kind, found.key)]
        outcome = self.log.take(found)
        if not (found.goes_on and known):
            self.counted += 1
        for event in outcome.events:
            if event.id not in self.stored:
                assert event.id > max(self.stored, default=0)
            self.stored[event.id] = event
        if outcome.notify:
            event = outcome.events[-1]
            assert event.severity is Severity.ALERT
            assert not event.is_muted
            covering = [
                code
                for code in self.chosen.muted
                if (mute := Mute.parsed(code)) and mute.covers(found.kind, found.app, None)
            ]
            assert not covering
            self.notified.append((self.now, event))
            self.of_run.append(self.now)

    @rule(
        code=st.sampled_from(["beacon", "any app executable:/bin/a", "line", "listener app executable:/bin/b"]),
        on=st.booleans(),
    )
    def mute(self, code: str, on: bool) -> None:
        muted = {**self.chosen.muted, code: True}
        if not on:
            del muted[code]
        self.chosen = msgspec.structs.replace(self.chosen, muted=muted)
        self.log.apply(self.chosen)

    @rule(everything=st.booleans())
    def look(self, everything: bool) -> None:
        ids = None if everything else list(self.stored)[::2]
        for event in self.log.mark_seen(ids):
            assert event.is_seen
            self.stored[event.id] = event

    @rule()
    def restart(self) -> None:
        self.log = EventLog(self.chosen, self.stored.values())
        self.of_run.clear()

    @invariant()
    def all_findings_are_counted_once(self) -> None:
        if not hasattr(self, "stored"):
            return
        beyond = [each.evidence.findings for each in self.stored.values() if isinstance(each.evidence, TooManyFindings)]
        kept = [each.count for each in self.stored.values() if not isinstance(each.evidence, TooManyFindings)]
        assert sum(beyond) + sum(kept) == self.counted

    @invariant()
    def rows_are_bounded(self) -> None:
        if not hasattr(self, "stored"):
            return
        for seconds, most in MOST_KEPT:
            begun = Counter(
                each.kind
                for each in self.stored.values()
                if each.id / 1000 > self.now - seconds + 1 and not isinstance(each.evidence, TooManyFindings)
            )
            assert all(count <= most for count in begun.values())

    @invariant()
    def an_event_notifies_once_and_its_key_once_a_day(self) -> None:
        if not hasattr(self, "stored"):
            return
        assert max(Counter(event.id for _at, event in self.notified).values(), default=0) <= 1
        last: dict[tuple[EventKind, str], float] = {}
        for at, event in self.notified:
            if event.kind in MERGED:
                key = event.kind, event.key
                assert at - last.get(key, -math.inf) >= DAY - 1
                last[key] = event.id / 1000
        for seconds, most in MOST_NOTIFIED:
            assert sum(at > self.now - seconds for at in self.of_run) <= most

    @invariant()
    def the_bell_counts_what_is_stored(self) -> None:
        if hasattr(self, "stored"):
            latest = sorted(self.stored.values(), key=lambda each: each.id)[-REMEMBERED:]
            assert self.log.unseen == sum(each.is_unseen_alert for each in latest)


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


def test_ten_thousand_findings_in_a_minute_make_few_rows_and_notifications() -> None:
    log = EventLog(Events())
    outcomes = [
        log.take(finding(kind, f"{number}", NOW + number * 0.006))
        for number in range(2500)
        for kind in (EventKind.LISTENER, EventKind.BEACON, EventKind.LINE, EventKind.INTERFACE)
    ]
    rows = {event.id: event for outcome in outcomes for event in outcome.events}
    assert len(rows) == 4 * (MOST_KEPT[0][1] + 1)
    assert sum(outcome.notify for outcome in outcomes) == MOST_NOTIFIED[0][1]
    beyond = [each.evidence for each in rows.values() if isinstance(each.evidence, TooManyFindings)]
    assert [each.findings for each in beyond] == [2490] * 4


def test_many_events_of_one_kind_do_not_displace_another_kind() -> None:
    log = EventLog(Events(notify="none"))
    for number in range(100):
        log.take(finding(EventKind.LISTENER, f"{number}"))
    (event,) = log.take(finding(EventKind.BEACON)).events
    assert event.kind is EventKind.BEACON


def test_a_repeated_finding_moves_its_event_and_is_unseen_again() -> None:
    log = EventLog(Events())
    (first,) = log.take(finding(host="a")).events
    log.mark_seen([first.id])
    outcome = log.take(finding(at=NOW + HOUR))
    assert not outcome.notify
    (event,) = outcome.events
    assert (event.id, event.count, event.last, event.host, event.is_seen) == (first.id, 2, NOW + HOUR, "a", False)


def test_finding_after_a_day_is_another_event() -> None:
    log = EventLog(Events())
    (first,) = log.take(finding(since=NOW - HOUR)).events
    assert first.first == NOW - HOUR
    assert log.take(finding(at=NOW + DAY - 1)).events[0].id == first.id
    outcome = log.take(finding(at=NOW + DAY))
    assert outcome.events[0].id != first.id
    assert outcome.notify


def test_continuing_finding_neither_counts_nor_notifies() -> None:
    log = EventLog(Events())
    (first,) = log.take(finding(EventKind.LINE, since=NOW - 5)).events
    ended = Finding(
        evidence=Offline(until=NOW + 9), severity=Severity.NOTICE, key="key", at=NOW + 9, since=NOW - 5, goes_on=True
    )
    outcome = log.take(ended)
    assert not outcome.notify
    assert outcome.events == (msgspec.structs.replace(first, evidence=ended.evidence, last=NOW + 9),)
    assert log.take(finding(EventKind.LINE, at=NOW + 60)).events[0].id != first.id


def test_an_event_that_becomes_an_alert_notifies() -> None:
    log = EventLog(Events())
    assert not log.take(finding(severity=Severity.NOTICE)).notify
    assert log.take(finding(at=NOW + 1)).notify
    assert not log.take(finding(at=NOW + 2)).notify


@pytest.mark.parametrize(("notify", "expected"), [("alerts", [3]), ("notices", [2, 3]), ("none", [])])
def test_setting_chooses_the_severity_that_notifies(notify: str, expected: list[int]) -> None:
    log = EventLog(Events(notify=notify))  # type: ignore[arg-type]
    assert [each for each in Severity if log.take(finding(key=each.label, severity=each)).notify] == expected


@pytest.mark.parametrize(
    ("start", "end", "hour", "is_quiet"),
    [
        ("22:00", "07:00", 23, True), ("22:00", "07:00", 6, True), ("22:00", "07:00", 7, False),
        ("01:00", "05:00", 4, True), ("01:00", "05:00", 5, False), ("", "05:00", 4, False),
        ("22:00", "", 23, False), ("03:00", "03:00", 3, False),
    ],
)  # fmt: skip
def test_quiet_hours_are_local_and_may_span_midnight(start: str, end: str, hour: int, is_quiet: bool) -> None:
    at = time.mktime((2026, 11, 27, hour, 30 if is_quiet else 0, 0, 0, 0, -1))
    outcome = EventLog(Events(quiet_from=start, quiet_until=end)).take(finding(at=at))
    assert outcome.notify is not is_quiet
    assert outcome.events[0].is_unseen_alert


def test_young_history_suppresses_new_apps_but_not_listeners() -> None:
    log = EventLog(Events(), learning_until=NOW + 1)
    assert log.take(finding(EventKind.NEW_APP)) == Outcome()
    assert log.take(finding(EventKind.LISTENER)).notify
    assert log.take(finding(EventKind.NEW_APP, at=NOW + 1)).notify


def test_mutes_match_app_host_and_kind() -> None:
    log = EventLog(Events(muted={"beacon host a.example": True, "any app x": True, "line": False, "nonsense": True}))
    muted = [
        finding(host="a.example"),
        finding(EventKind.LISTENER, app="x"),
    ]
    heard = [finding(key="b", host="b.example"), finding(EventKind.LINE), finding(EventKind.LISTENER, key="y", app="y")]
    for each in muted:
        (event,) = log.take(each).events
        assert event.is_muted
        assert not event.is_unseen_alert
    assert all(log.take(each).notify for each in heard)


def test_findings_that_cannot_be_stored_are_dropped(expected_logs: list[str]) -> None:
    expected_logs.append("cannot be stored")
    evidence = Beacon(period=math.inf, times=6, deviation=1.0, variation=0.0, rule_times=6, rule_variation=0.1)
    assert EventLog(Events()).take(Finding(evidence=evidence, severity=Severity.ALERT, key="", at=NOW)) == Outcome()
    assert EventLog(Events()).take(finding(host="\ud800")) == Outcome()


def test_a_clock_set_back_gives_no_id_twice() -> None:
    log = EventLog(Events())
    (later,) = log.take(finding()).events
    (earlier,) = log.take(finding(key="other", at=NOW - 10 * DAY)).events
    assert earlier.id == later.id + 1
    assert earlier.first == NOW - 10 * DAY
