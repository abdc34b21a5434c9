"""The agent's events: held until the past is read, stored before they notify, and never lost to a slow disk."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from typing import cast

import pytest

from netwatch_tray import clock
from netwatch_tray.agent.events import EventKeeper
from netwatch_tray.agent.history import HistoryKeeper
from netwatch_tray.collect.health import Health, Reachability
from netwatch_tray.collect.sockets import RefusalCounts, Refusals
from netwatch_tray.collect.sources import Sources
from netwatch_tray.engine.events import Outcome
from netwatch_tray.event import Event, EventKind, NewListener, NotMeasured, PlanUsed, Severity
from netwatch_tray.feed.protocol import ChangeMute, EventsMessage, MarkSeen
from netwatch_tray.history.event_memory import EventMemory
from netwatch_tray.history.usage import PlanAlert, billing_month
from netwatch_tray.model import GapReason, Tick, Total
from netwatch_tray.settings import Events

NOW = time.time()


class History:
    """A history that responds when the test calls it to."""

    def __init__(self) -> None:
        self.loads: list[Callable[[EventMemory | None], None]] = []
        self.writes: list[tuple[tuple[Event, ...], Iterable[int] | None, Callable[[bool], None]]] = []

    def load_events(self, _most: int, done: Callable[[EventMemory | None], None]) -> None:
        self.loads.append(done)

    def write_events(self, events: Iterable[Event], seen: Iterable[int] | None, done: Callable[[bool], None]) -> None:
        self.writes.append((tuple(events), seen, done))


class Quiet(Sources):
    """Sources without the kernel's counters of refused packets."""

    def refusals(self) -> None:
        return None


class Counting(Sources):
    """Sources whose counters of refused packets grow at each reading as during a scan."""

    def __init__(self) -> None:
        self.read_count = 0

    def refusals(self) -> Refusals:
        return self

    def read(self) -> RefusalCounts:
        self.read_count += 1
        return RefusalCounts(200 * self.read_count, 0, 0, 0)

    def close(self) -> None:
        pass


class Kept:
    def __init__(self, rules: Events | None = None, sources: Sources | None = None) -> None:
        self.history = History()
        self.published: list[EventsMessage] = []
        self.notified: list[Event] = []
        self.mutes: list[tuple[str, bool]] = []
        self.outcomes: list[Outcome] = []
        self.keeper = EventKeeper(
            cast("HistoryKeeper", self.history),
            rules or Events(),
            sources or Quiet(),
            publish=self.published.append,
            notify=self.notified.append,
            set_mute=lambda code, on: self.mutes.append((code, on)),
            on_outcome=[self.outcomes.append],
        )

    def plan(self, percent: int = 80) -> None:
        month = billing_month(date.fromtimestamp(NOW), 1)  # noqa: DTZ012  the user's own days
        self.keeper.plan_used(PlanAlert(percent, 80, 100, month))

    def tick(self, gap: GapReason | None = None, interval_s: float = 1.0) -> None:
        at = datetime.fromtimestamp(time.time(), UTC)
        total = Total(rx_rate=None, tx_rate=None, uplinks=())
        self.keeper.tick(Tick(at=at, interval_s=interval_s, gap=gap, total=total, interfaces=()), None, {})

    def load(self, memory: EventMemory | None) -> None:
        self.history.loads.pop(0)(memory)


@pytest.fixture
def kept() -> Kept:
    return Kept()


def test_findings_are_held_until_past_events_are_read_and_stored_before_they_notify(kept: Kept) -> None:
    kept.plan()
    assert len(kept.history.loads) == 1
    assert kept.keeper.everything() is None, "the past is being read"
    kept.tick()
    assert kept.published == []
    kept.load(EventMemory(apps=frozenset()))
    (message,) = kept.published
    assert message.reset
    assert [each.evidence.kind.label for each in message.events] == ["plan"]
    assert message.unseen == 1
    kept.tick()
    ((events, _seen, done),) = kept.history.writes
    assert kept.notified == []
    done(True)
    assert kept.notified == list(events)
    assert isinstance(events[0].evidence, PlanUsed)
    assert kept.keeper.last == events[0]


def test_a_stored_event_does_not_notify_again_after_a_restart(kept: Kept) -> None:
    kept.plan()
    kept.load(None)
    kept.tick()
    again = Kept()
    again.plan()
    again.load(EventMemory(events=kept.history.writes[0][0]))
    again.tick()
    again.keeper.close()
    assert [each.count for each in again.history.writes[0][0]] == [2]
    for *_what, done in again.history.writes:
        done(True)
    assert again.notified == []


def test_event_that_could_not_be_stored_is_stored_later_and_notifies_once(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept.keeper.load()
    kept.load(None)
    kept.plan()
    kept.tick()
    kept.history.writes.pop()[2](False)
    assert len(kept.notified) == 1
    later = clock.boottime() + 61
    monkeypatch.setattr(clock, "boottime", lambda: later)
    kept.tick()
    events, _seen, done = kept.history.writes.pop()
    assert events == tuple(kept.notified)
    done(True)
    assert len(kept.notified) == 1


def test_a_slow_disk_gets_one_write_at_a_time(kept: Kept) -> None:
    kept.keeper.load()
    kept.load(None)
    for percent in (80, 100):
        kept.plan(percent)
        kept.tick()
    assert len(kept.history.writes) == 1
    kept.history.writes.pop()[2](True)
    kept.tick()
    assert len(kept.history.writes) == 1


def test_an_event_that_was_muted_or_seen_meanwhile_does_not_notify(kept: Kept) -> None:
    kept.keeper.load()
    kept.load(None)
    kept.plan()
    kept.tick()
    kept.keeper.answer(MarkSeen(None))
    assert kept.published[-1].unseen == 0
    kept.history.writes[0][2](True)
    assert kept.notified == []


def test_marking_events_not_in_memory_as_seen_updates_the_history(kept: Kept) -> None:
    kept.keeper.load()
    kept.load(None)
    kept.plan()
    number = kept.keeper._log.latest(1)[0].id if kept.keeper._log else 0
    kept.keeper.answer(MarkSeen((number, 5)))
    assert kept.history.writes[-1][:2] == ((), [5])


def test_mutes_are_written_to_the_settings(kept: Kept) -> None:
    kept.keeper.answer(ChangeMute("beacon", on=True))
    assert kept.mutes == [("beacon", True)]
    kept.keeper.apply(Events(muted={"plan": True}))
    kept.plan()
    kept.load(None)
    kept.tick()
    for *_what, done in kept.history.writes:
        done(True)
    assert kept.notified == []


def test_a_restart_is_reported_with_the_time_that_was_not_measured(kept: Kept) -> None:
    kept.tick()
    kept.keeper.load()
    kept.load(EventMemory(apps=frozenset(), last_at=time.time() - 100))
    evidence = kept.published[-1].events[-1].evidence
    assert isinstance(evidence, NotMeasured)
    assert evidence.reason is GapReason.NOT_RUNNING
    assert evidence.seconds == pytest.approx(100, abs=10)


def test_a_long_interruption_is_reported_and_a_short_one_is_not(kept: Kept) -> None:
    kept.keeper.load()
    kept.load(None)
    kept.tick(GapReason.INTERRUPTED, 6.0)
    assert kept.published[1:] == []
    kept.tick(GapReason.INTERRUPTED, 60.0)
    (event,) = kept.published[-1].events
    assert event.severity is Severity.RECORD


def test_sleep_is_an_event_that_does_not_notify(kept: Kept) -> None:
    kept.keeper.load()
    kept.load(None)
    kept.tick(GapReason.ASLEEP, 20.0)
    assert kept.published[1:] == []
    kept.tick(GapReason.ASLEEP, 28_320.0)
    (event,) = kept.published[-1].events
    assert event.severity is Severity.RECORD
    assert isinstance(event.evidence, NotMeasured)
    assert event.evidence.reason is GapReason.ASLEEP
    assert event.last - event.first == pytest.approx(28_320)
    assert kept.notified == []
    kept.tick(GapReason.ASLEEP, 60.0)
    (other,) = kept.published[-1].events
    assert other.id != event.id, "each sleep is an event of its own"


@pytest.mark.parametrize("reason", [each for each in GapReason if each is not GapReason.ASLEEP])
def test_only_sleep_is_reported_as_sleep(kept: Kept, reason: GapReason) -> None:
    kept.keeper.load()
    kept.load(EventMemory(apps=frozenset(), last_at=time.time() - 3600))
    kept.tick(reason, 3600.0)
    reasons = [
        event.evidence.reason
        for message in kept.published
        for event in message.events
        if isinstance(event.evidence, NotMeasured)
    ]
    assert GapReason.ASLEEP not in reasons


def test_past_events_are_read_before_the_first_minute_is_stored(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    kept.tick()
    assert kept.history.loads == []
    now = time.time() + 60
    monkeypatch.setattr(time, "time", lambda: now)
    kept.tick()
    assert len(kept.history.loads) == 1


def test_no_traffic_is_examined_while_events_are_off() -> None:
    kept = Kept(Events(on=False))
    kept.keeper.load()
    kept.load(EventMemory(apps=frozenset()))
    for _ in range(3):
        kept.tick()
    kept.plan()
    kept.tick()
    assert [each.evidence.kind.label for message in kept.published for each in message.events] == ["plan"]


def test_pending_events_are_stored_at_exit(kept: Kept) -> None:
    kept.keeper.load()
    kept.load(None)
    kept.plan()
    kept.keeper.close()
    assert len(kept.history.writes[0][0]) == 1


def test_evidence_of_listeners_is_published_unchanged(kept: Kept) -> None:
    kept.keeper.load()
    listener = NewListener(protocol="TCP", address="*", port=1)
    stored = Event(id=1, first=NOW, last=NOW, severity=Severity.NOTICE, key="", evidence=listener)
    kept.load(EventMemory(events=(stored,)))
    assert kept.keeper.everything() == EventsMessage(reset=True, events=(stored,), unseen=0)
    assert kept.keeper.last == stored


@pytest.mark.parametrize(
    ("rules", "expected"),
    [(Events(), 1), (Events(notify="none"), 1), (Events(muted={"plan": True}), 0)],
)
def test_an_alert_is_passed_on_once_unless_it_is_muted(rules: Events, expected: int) -> None:
    kept = Kept(rules)
    kept.keeper.load()
    kept.load(None)
    for _ in range(3):
        kept.plan()
    assert sum(outcome.is_new_alert for outcome in kept.outcomes) == expected


def test_gateway_that_stops_responding_is_reported(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    began = clock.boottime()
    kept.keeper.load()
    kept.load(None)
    answers, silent = (Health(Reachability("192.0.2.1", rtt, loss), None) for rtt, loss in ((0.01, 0.0), (None, 1.0)))
    for place, health in enumerate((answers, silent, silent)):
        monkeypatch.setattr(clock, "boottime", lambda at=began + 30 * place: at)
        kept.keeper.health(health)
    kept.tick()
    (event,) = kept.published[-1].events
    assert event.kind is EventKind.GATEWAY


def test_refusals_are_counted_from_the_first_tick_on() -> None:
    sources = Counting()
    kept = Kept(sources=sources)
    for _ in range(3):
        kept.tick()
    assert sources.read_count == 1


def test_uploads_are_compared_again_when_a_day_begins() -> None:
    noon = datetime(2026, 6, 1, 12).astimezone()

    class Noon(Quiet):
        def now(self) -> float:
            return noon.timestamp()

    kept = Kept(sources=Noon())

    def tick(at: datetime) -> None:
        total = Total(rx_rate=None, tx_rate=None, uplinks=())
        kept.keeper.tick(Tick(at=at, interval_s=1.0, gap=None, total=total, interfaces=()), None, {})

    kept.keeper.load()
    kept.load(None)
    for seconds in (0, 1, 61, 3600):
        tick(noon + timedelta(seconds=seconds))
    assert kept.history.loads == []
    tick(noon + timedelta(days=1, seconds=61))
    assert len(kept.history.loads) == 1
    tick(noon + timedelta(days=1, seconds=122))
    assert len(kept.history.loads) == 1, "it is being read"
