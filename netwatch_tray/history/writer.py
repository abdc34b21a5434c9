"""Records the agent's measurements in the history file. If the file cannot be written, they are kept for an hour.

Calls block while the disk does, so the agent makes them in a separate thread, one at a time.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from pathlib import Path
from typing import TypeVar

from netwatch_tray import clock
from netwatch_tray.errors import HistoryError, Message, joined, message
from netwatch_tray.event import Event
from netwatch_tray.history import schema
from netwatch_tray.history.batch import Batch
from netwatch_tray.history.boot import Boot
from netwatch_tray.history.event_memory import EventMemory
from netwatch_tray.history.networks import OFFLINE, current_network
from netwatch_tray.history.recorder import Measurement, Recorder
from netwatch_tray.history.schema import CorruptHistoryError
from netwatch_tray.history.store import Store
from netwatch_tray.history.usage import Days, PlanAlert, due_alerts, plan_period
from netwatch_tray.model import Tick
from netwatch_tray.settings import Counts, DataPlan, History

Result = TypeVar("Result")

_log = logging.getLogger(__name__)

_MOST_MINUTES = 60
"""Most minutes that are kept in memory while the file cannot be written. If there are more, all are discarded and
become one gap, whose bytes are known from the counters."""


class HistoryWriter:
    """Writes the history for the agent. The file is opened by the first call that needs it, so that the agent starts
    quickly."""

    def __init__(
        self,
        file: Path,
        kept: History,
        plan: DataPlan,
        *,
        boot: Callable[[], Boot] = Boot.now,
        boottime: Callable[[], float] = clock.boottime,
    ) -> None:
        """`kept`, `plan`: the settings. `boot`, `boottime`: return the current boot and the seconds since it; replaced
        by tests."""
        self._file = file
        self._kept = kept
        self._plan = plan
        self._boot = boot
        self._boottime = boottime
        self._store: Store | None = None
        self._recorder: Recorder | None = None
        self._uplinks: list[tuple[str, tuple[str, ...]]] = []
        self._network = OFFLINE
        self._network_hour = 0
        self._cycle: Days | None = None
        """The billing month for which `_used` and `_alerted` were read; `None` if they must be read again."""
        self._data_version = 0
        """`Store.data_version` at the time when `_used` and `_alerted` were read."""
        self._used = 0
        self._alerted: frozenset[int] = frozenset()
        self.fault: Message | None = None
        """Message for the user why nothing can be stored now; None if storing works."""
        self.note: Message | None = None
        """Message for the user about a damaged file that was renamed or merged; None if there was none."""
        self._damage: Message | None = None

    @property
    def faults(self) -> tuple[Message, ...]:
        """Return all current messages for the user: `fault`, `note`, and one about damaged rows."""
        damage = self._store.rows.note if self._store is not None else self._damage
        return tuple(filter(None, (self.fault, self.note, damage)))

    def apply(self, kept: History, plan: DataPlan) -> None:
        """Use these settings from the next call of `record` on."""
        if plan != self._plan:
            self._plan, self._cycle = plan, None
        if kept.network_names != self._kept.network_names:
            self._network_hour = 0  # identify the network again
        self._kept = kept

    @property
    def has_imports(self) -> bool:
        """Return whether the history has usage that other programs measured. Raise HistoryError."""
        return self._opened().has_imports

    def used(self, first: date, last: date, counts: Counts = "all") -> int:
        """Return the stored bytes of the total from one local day to another, received and sent together, without
        imports. `counts`: which traffic counts for the data plan. Raise HistoryError."""
        return self._opened().used(first.isoformat(), last.isoformat(), counts)

    def record(self, measurements: Iterable[Measurement], *, commit: bool = True) -> PlanAlert | None:
        """Add measurements, oldest first. With `commit`, store all that is not stored yet. Never raises; sets `fault`.

        Return the notification about the data plan that is due now, or None. There is one for each percentage in a
        billing month.
        """
        recorder = self._take(measurements)
        return self._commit(recorder, may_alert=True) if recorder and commit else None

    def event_memory(self, now: float, most_events: int) -> EventMemory:
        """Return what the detectors need of earlier runs, with at most `most_events` events. `now`: Unix time. Raise
        HistoryError."""
        memory = self._unless_corrupt(lambda: self._opened().event_memory(now, most_events))
        state = self._opened().state()
        is_same_boot = state is not None and self._boot().follows(state) == "same boot"
        return memory._replace(last_at=state.at if state is not None and is_same_boot else None)

    def write_events(self, events: Iterable[Event], seen: Iterable[int] | None) -> None:
        """Store events; one whose ID exists is replaced. `seen`: IDs of events to mark as seen; None: all. Raise
        HistoryError."""
        self._close_if_removed()
        self._unless_corrupt(lambda: self._opened().write_events(events, seen))

    def close(self, measurements: Sequence[Measurement] = ()) -> None:
        """Store the last measurements, if there are any, and close the file. Called when the agent ends.

        If a notification about the data plan becomes due by them, the next run returns it.
        """
        recorder = self._take(measurements) if measurements else None
        if recorder:
            self._commit(recorder, may_alert=False)
        self._close_store()

    def _close_store(self) -> None:
        if self._store is not None:
            self._damage = self._store.rows.note or self._damage
            self._store.close()
            self._store = self._cycle = None

    def _take(self, measurements: Iterable[Measurement]) -> Recorder | None:
        try:
            recorder = self._ready()
        except HistoryError as error:
            self._failed(error)
            return None
        tick = None
        for measurement in measurements:
            recorder.take(measurement)
            if isinstance(measurement, Tick):
                tick = measurement
        if tick is not None:
            self._look_at_network(tick)
        return recorder

    def _look_at_network(self, tick: Tick) -> None:
        """Identify the current network again if uplinks or their addresses have changed since the last call, and once
        an hour, because NetworkManager may report it as metered by now."""
        uplinks = [(each.name, each.addresses) for each in tick.interfaces if each.is_uplink]
        hour = int(tick.at.timestamp()) // 3600
        if uplinks != self._uplinks or hour != self._network_hour:
            self._uplinks, self._network_hour = uplinks, hour
            self._network = current_network(tick.interfaces, with_name=self._kept.network_names)
            time.tzset()  # roaming to another network may change the time zone

    def _commit(self, recorder: Recorder, *, may_alert: bool) -> PlanAlert | None:
        batch = recorder.batch(self._boottime())
        self._close_if_removed()
        try:
            self._unless_corrupt(lambda: self._write(batch))
        except HistoryError as error:
            self._failed(error)
            if len(batch.minutes) > _MOST_MINUTES:
                recorder.forget(self._boot())
            return None
        recorder.stored()
        self.fault = None
        if batch.state is None:  # nothing was measured yet
            return None
        at = batch.state.at
        try:
            return self._unless_corrupt(lambda: self._tidy(at, may_alert=may_alert))
        except HistoryError as error:
            self._failed(error)
            return None

    def _unless_corrupt(self, action: Callable[[], Result]) -> Result:
        """Run an action on the file. If it raises CorruptHistoryError, rename the damaged file and run the action again
        with a new one. Raise HistoryError."""
        try:
            return action()
        except CorruptHistoryError as error:
            self._set_aside(error)
        return action()

    def _write(self, batch: Batch) -> None:
        """Write a batch to the disk, and update the sum for the data plan. If it returns, the batch is stored and must
        not be written again."""
        store = self._opened()
        store.write(batch, self._network)
        if store.data_version != self._data_version:
            self._data_version, self._cycle = store.data_version, None
        if self._plan.counts != "metered" or self._network.is_metered:
            self._used += batch.total_bytes
        if self._plan.counts == "internet":
            self._used -= batch.lan_bytes

    def _tidy(self, at: float, *, may_alert: bool) -> PlanAlert | None:
        store = self._opened()
        store.tidy(at, self._kept.size_mb * 1_000_000)
        today = date.fromtimestamp(at)  # noqa: DTZ012  the user's own days
        return self._alert(store, today) if may_alert else None

    def _alert(self, store: Store, today: date) -> PlanAlert | None:
        cap = self._plan.cap_bytes
        if cap is None:
            return None
        cycle = self._cycle
        if cycle is None or not cycle.first <= today <= cycle.last:
            # Read once a period of the plan, because this takes longer than the rest of a minute's work.
            cycle = self._cycle = plan_period(today, self._plan)
            first, last = cycle.first.isoformat(), cycle.last.isoformat()
            used = store.used(first, last, self._plan.counts)
            self._used, self._alerted = used, store.alerted(first)
        due = due_alerts(self._used, cap, self._alerted)
        if not due:
            return None
        # Stored before it is reported: an alert that is missed is better than one that is repeated at each start.
        store.remember_alerts(cycle.first.isoformat(), due)
        self._alerted |= set(due)
        return PlanAlert(due[-1], self._used, cap, cycle)

    def _ready(self) -> Recorder:
        if self._recorder is None:
            state = self._unless_corrupt(lambda: self._opened().state())
            self._recorder = Recorder(state, self._boot())
        return self._recorder

    def _close_if_removed(self) -> None:
        if self._store is not None and not self._store.is_there:
            _log.warning("The history %s was removed or replaced; recording goes on in a new one.", self._file)
            self._close_store()

    def _opened(self) -> Store:
        if self._store is None:
            self._store = Store(self._file)
            restored = self._store.restore()
            if restored:
                self.note = joined([*filter(None, [self.note]), restored])
                _log.warning("%s", restored)
        return self._store

    def _failed(self, error: HistoryError) -> None:
        if error.message != self.fault:
            self.fault = error.message
            _log.warning("%s", error)

    def _set_aside(self, error: CorruptHistoryError) -> None:
        self._close_store()
        aside = schema.set_aside(self._file)
        self.note = message(
            "{fault} The damaged file was renamed to {aside}, and a new history was begun.", fault=error, aside=aside
        )
        _log.warning("%s", self.note)
