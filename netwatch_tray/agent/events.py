"""The agent's events: passes observations to the detectors; stores, publishes and notifies the events that result.

Everything here runs in the scheduler's thread; the thread of `agent.history` writes to the disk.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING

from netwatch_tray import clock
from netwatch_tray.agent.history import HistoryKeeper
from netwatch_tray.collect.sources import Sources
from netwatch_tray.engine.connections import ConnectionTable
from netwatch_tray.engine.detectors import Moment
from netwatch_tray.engine.detectors.upload import usual
from netwatch_tray.engine.detectors.watch import Detectors
from netwatch_tray.engine.events import LEARNING_S, REMEMBERED, EventLog, Outcome
from netwatch_tray.engine.ledger import AppInterval
from netwatch_tray.engine.rows import ConnectionChanges
from netwatch_tray.event import Event, Finding, NotMeasured, PlanUsed, Severity
from netwatch_tray.feed.protocol import MOST_EVENTS, ChangeMute, EventsMessage, MarkSeen
from netwatch_tray.model import GapReason, Interface, Tick
from netwatch_tray.settings import Events

if TYPE_CHECKING:
    from netwatch_tray.collect.health import Health
    from netwatch_tray.collect.helper_readings import Reading
    from netwatch_tray.engine.detectors.questions import DnsCounts
    from netwatch_tray.engine.observation import Observation
    from netwatch_tray.history.event_memory import EventMemory
    from netwatch_tray.history.usage import PlanAlert

_log = logging.getLogger(__name__)

_STORED_EACH_S = 60.0
"""Seconds between two writes of changed events. An event that notifies the user is written at once, before the
notification: after a crash it is better to miss a notification than to repeat it at each start."""
_REFUSALS_EACH_S = 60.0
_MOST_WAITING = 1000
"""Most findings that are kept until the stored events have been read from the history."""
_LEAST_INTERRUPTION_S = 30.0
"""Least seconds without measurements that become an event. Shorter ones are visible in the charts only."""


class EventKeeper:
    """Makes events of findings, and stores them. Stored events are read from the history when they are first needed;
    until they have been read, findings are kept."""

    def __init__(
        self,
        history: HistoryKeeper,
        rules: Events,
        sources: Sources,
        *,
        publish: Callable[[EventsMessage], None],
        notify: Callable[[Event], None],
        set_mute: Callable[[str, bool], None],
        on_outcome: Sequence[Callable[[Outcome], None]] = (),
    ) -> None:
        """`rules`: the settings. `publish`: sends a message to the clients. `notify`: shows a notification of an event.
        `set_mute`: changes the settings, called with the code of a mute and whether it is on. `on_outcome`: functions
        to call with what each finding changed, whether the user is notified or not."""
        self._history = history
        self._rules = rules
        self._now = sources.now
        self._refusals = sources.refusals()
        self._publish, self._notify, self._set_mute = publish, notify, set_mute
        self._on_outcome = on_outcome
        self._detectors = Detectors(rules)
        self._log: EventLog | None = None
        self._is_loading = False
        self._waiting: deque[Finding] = deque(maxlen=_MOST_WAITING)
        self._unsent: dict[int, Event] = {}
        self._unstored: dict[int, Event] = {}
        self._to_notify: list[int] = []
        self._is_storing = False
        self._stored_at = clock.boottime()
        # Due at once: the first tick reads the counters that the first minute is compared with.
        self._refused_at = self._stored_at - _REFUSALS_EACH_S
        self._first_at = 0.0
        """Unix time of the first tick."""
        self._minute = -1
        """Minute of the hour of the last tick."""
        self._day: date | None = None
        """The local day for which `Detectors.compare_with` was called; None before."""
        self.last: Event | None = None
        """The event that was changed last; None if there is none."""

    def close(self) -> None:
        """Pass the events that are not stored yet to the history, because the agent ends."""
        if self._refusals is not None:
            self._refusals.close()
        self._is_storing = False
        self._store()

    def apply(self, rules: Events) -> None:
        self._rules = rules
        self._detectors.apply(rules)
        if self._log is not None:
            self._log.apply(rules)

    def load(self) -> None:
        """Begin to read the stored events, unless that was done before. When they have been read, they are
        published."""
        if self._log is None and not self._is_loading:
            self._is_loading = True
            self._history.load_events(REMEMBERED, self._begin)

    def everything(self) -> EventsMessage | None:
        """Return the latest events for a client that subscribes now, or `None` if the stored ones have not been read.
        Then all subscribers get them when they have been read."""
        if self._log is None:
            self.load()
            return None
        return EventsMessage(reset=True, events=self._log.latest(MOST_EVENTS), unseen=self._log.unseen)

    def answer(self, request: MarkSeen | ChangeMute) -> None:
        """Execute a client's request to mark events as seen, or to change a mute."""
        if isinstance(request, ChangeMute):
            self._set_mute(request.code, request.on)
        elif self._log is not None:
            self._change(self._log.mark_seen(request.ids))
            older = None if request.ids is None else [each for each in request.ids if self._log.get(each) is None]
            if older is None or older:
                self._history.write_events((), older, lambda _is_done: None)
            self._send()

    def event(self, number: int) -> Event | None:
        """Return the event with this ID, or None if it is not in memory."""
        return self._log.get(number) if self._log else None

    def tick(self, tick: Tick, moved: AppInterval | None, interfaces: Mapping[int, Interface]) -> None:
        """Pass a tick to the detectors, make an event of a long gap, send changed events to the clients, and store
        events if that is due. `moved`: bytes of the apps since the last reading, None if the sockets were not read.
        `interfaces`: `Monitor.interfaces`."""
        if tick.at.minute != self._minute or tick.gap is not None:
            self._minute = tick.at.minute
            self._begin_minute(tick.at)
        now = clock.boottime()
        if self._rules.on:
            if not self._detectors.is_usual(tick, moved, interfaces):
                self._take(self._detectors.tick(tick, moved, interfaces, Moment(tick.at.timestamp(), now)))
            if self._refusals is not None and now - self._refused_at >= _REFUSALS_EACH_S:
                self._refused_at = now
                counts = self._refusals.read()
                if counts is not None:
                    self._take(self._detectors.refused(counts, Moment(tick.at.timestamp(), now)))
        if tick.gap is not None and tick.gap.is_event and (tick.interval_s or 0.0) >= _LEAST_INTERRUPTION_S:
            self._take([_not_measured(tick.gap, tick.interval_s, tick.at.timestamp())])
        if self._unsent:
            self._send()
        if self._to_notify or now - self._stored_at >= _STORED_EACH_S:
            self._store()

    def sockets(self, changes: ConnectionChanges, table: ConnectionTable) -> None:
        """Pass the rows that a reading of the sockets changed to the detectors."""
        if self._rules.on:
            self._take(self._detectors.sockets(changes, table, self._moment()))

    def reading(self, reading: Reading, observation: Observation) -> None:
        """Pass a reading of the helper to the detectors. `observation` must have processed it before."""
        if self._rules.on:
            self._take(self._detectors.reading(reading, observation, self._moment()))

    def health(self, health: Health) -> None:
        """Pass the result of probing gateway and DNS server to the detectors."""
        if self._rules.on:
            self._take(self._detectors.health(health, self._moment()))

    @property
    def dns(self) -> DnsCounts | None:
        """Return the numbers of DNS queries and responses since the agent started, or `None` if there was no helper."""
        return self._detectors.dns

    def plan_used(self, alert: PlanAlert) -> None:
        """Make an event of a notification that a certain percentage of the data plan is used."""
        now, cycle = self._now(), alert.cycle
        evidence = PlanUsed(
            percent=alert.percent,
            used=alert.used,
            cap=alert.cap,
            since=cycle.first.isoformat(),
            until=cycle.last.isoformat(),
            days_left=max(0, (cycle.last - date.fromtimestamp(now)).days + 1),  # noqa: DTZ012  the user's own days
        )
        key = f"{cycle.first} {alert.percent}"
        self._take([Finding(evidence=evidence, severity=Severity.ALERT, key=key, at=now)])

    def _moment(self) -> Moment:
        return Moment(self._now(), clock.boottime())

    def _begin_minute(self, at: datetime) -> None:
        """Called with the first tick of each minute, and with each gap, which may be as long as an hour."""
        self._first_at = self._first_at or at.timestamp()
        if at.timestamp() // 60 != self._first_at // 60:
            self.load()  # before the first minute is stored, so that the amounts of today do not contain it
        if self._day is not None and at.astimezone().date() != self._day:  # a day begins with a minute
            self._day = None
            self._history.load_events(0, self._compare)

    def _begin(self, memory: EventMemory | None) -> None:
        """Called when the stored events and apps have been read: continue with them, and process the findings that were
        kept. `memory`: None if there is no history."""
        now = self._now()
        self._is_loading = False
        begun = now if memory is None or memory.begun is None else memory.begun
        self._log = EventLog(self._rules, () if memory is None else memory.events, begun + LEARNING_S)
        waiting, self._waiting = list(self._waiting), deque()
        if memory is not None and memory.last_at is not None and memory.last_at < self._first_at:
            self._take([_not_measured(GapReason.NOT_RUNNING, self._first_at - memory.last_at, self._first_at)])
        self._take(waiting)
        self._compare(memory)
        if memory is not None and memory.apps is not None:
            self._take(self._detectors.know(memory.apps))
        self._unsent.clear()
        self.last = next(reversed(self._log.latest(1)), None)
        self._publish(EventsMessage(reset=True, events=self._log.latest(MOST_EVENTS), unseen=self._log.unseen))

    def _compare(self, memory: EventMemory | None) -> None:
        """Called at the start and on each new day, when the history has been read: compare the uploads of today with
        those of earlier days. `memory`: None if there is no history."""
        self._day = date.fromtimestamp(self._now())  # noqa: DTZ012  the user's own days
        if memory is not None:
            days = {key: found for key, amounts in memory.sent.items() if (found := usual(amounts)) is not None}
            self._detectors.compare_with(self._day, days, memory.sent_today)

    def _take(self, findings: Iterable[Finding]) -> None:
        for finding in findings:
            if self._log is None:
                self._waiting.append(finding)
                self.load()
                continue
            outcome = self._log.take(finding)
            self._change(outcome.events)
            for take in self._on_outcome:
                take(outcome)
            if outcome.notify:
                self._to_notify.append(outcome.events[-1].id)

    def _change(self, events: Iterable[Event]) -> None:
        for event in events:
            self._unsent[event.id] = self._unstored[event.id] = event

    def _send(self) -> None:
        if self._unsent and self._log is not None:
            changed = tuple(sorted(self._unsent.values(), key=lambda each: each.last))
            self._unsent.clear()
            self.last = self._log.latest(1)[-1]
            self._publish(EventsMessage(events=changed, unseen=self._log.unseen))

    def _store(self) -> None:
        if self._is_storing:  # the disk is slow
            return
        self._stored_at = clock.boottime()
        if not self._unstored and not self._to_notify:
            return
        events, self._unstored = self._unstored, {}
        numbers, self._to_notify = self._to_notify, []

        def done(is_stored: bool) -> None:
            self._is_storing = False
            if not is_stored:
                self._unstored = {**events, **self._unstored}
            for number in numbers:
                if (event := self.event(number)) is not None and not event.is_muted and not event.is_seen:
                    self._notify(event)

        self._is_storing = True
        self._history.write_events(tuple(events.values()), (), done)


def _not_measured(reason: GapReason, seconds: float | None, at: float) -> Finding:
    return Finding(
        evidence=NotMeasured(reason=reason, seconds=seconds),
        severity=Severity.RECORD,
        key=reason.label,
        at=at,
        since=None if seconds is None else at - seconds,
    )
