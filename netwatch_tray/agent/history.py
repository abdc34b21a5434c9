"""Passes measurements to the history once a minute, in a thread, so that a slow disk does not delay the tray."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Iterable
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from netwatch_tray.engine.ledger import AppInterval
from netwatch_tray.engine.scheduler import Scheduler
from netwatch_tray.errors import HistoryError, Message
from netwatch_tray.history.usage import plan_period
from netwatch_tray.model import Tick
from netwatch_tray.settings import Counts, DataPlan, History, Settings
from netwatch_tray.worker import Worker

if TYPE_CHECKING:
    from netwatch_tray.event import Event
    from netwatch_tray.history.event_memory import EventMemory
    from netwatch_tray.history.recorder import Measurement
    from netwatch_tray.history.usage import PlanAlert
    from netwatch_tray.history.writer import HistoryWriter

_log = logging.getLogger(__name__)

_MOST_ROWS = 12_000
"""Interfaces times ticks held in memory, 5 MB. A host of containers passes them on more often than once a minute."""
_MOST_HELD = 900
"""Measurements held while the disk does not respond."""
_LONGEST_END = 5.0
"""Seconds that the agent waits for the disk before it exits."""


class _Task(NamedTuple):
    """A batch of measurements for the thread to write."""

    held: list[Measurement]
    settings: Settings
    is_commit: bool
    is_end: bool
    """Close the file afterwards."""


class _NotLoadedError(HistoryError):
    """The writer's module could not be read, so nothing was recorded."""


class Moved(NamedTuple):
    """Bytes of the total today and in this period of the data plan, both directions together, imported ones
    included."""

    today: int
    month: int
    """Bytes in the present period of the data plan, in the networks that the plan covers."""
    since: date
    """First day of that period."""


class HistoryKeeper:
    """Passes measurements to the history, in a thread. Use it in the scheduler's thread only. Nothing is opened or
    imported before the first minute is over."""

    def __init__(
        self, scheduler: Scheduler, file: Path, settings: Settings, alert: Callable[[PlanAlert], None]
    ) -> None:
        """`alert`: called in the scheduler's thread when a part of the data plan is used up."""
        self._file = file
        self._settings = settings
        self._alert = alert
        self._writer: HistoryWriter | None = None
        """Used by the thread alone."""
        self._worker = Worker("history", scheduler.call_soon)
        """One thread for all tasks: starting one for each minute adds a tenth to the cost of a minute."""
        self._held: list[Measurement] = []
        self._rows = 0
        self._minute: int | None = None
        self.moved: Moved | None = None
        """Amounts as of the last stored minute; `None` if unknown."""
        self._earlier: tuple[tuple[date, date, int, Counts], int] | None = None
        """Key of the last query (today, first day, hour, what the plan covers), and the bytes of the period before
        today."""

    @property
    def faults(self) -> tuple[Message, ...]:
        """Return messages about faults of the history, for `status`."""
        writer = self._writer
        return writer.faults if writer else ()

    def apply(self, settings: Settings) -> None:
        """Use these settings from the next minute on. A history that is turned off is closed as soon as the disk
        responds."""
        was_on, self._settings = self._settings.history.on, settings
        if was_on and not settings.history.on:
            self._hand_over(is_end=True)
            self._minute = None

    def take(self, tick: Tick, interval: AppInterval | None) -> None:
        """Add a tick, and what the apps moved since the previous reading, or None if the sockets were not read."""
        if not self._settings.history.on:
            return
        if len(self._held) >= _MOST_HELD:
            self._held, self._rows = [None], 0
        minute = int(tick.at.timestamp()) // 60
        is_over = minute != self._minute and self._minute is not None
        self._minute = minute
        if (is_over or self._rows > _MOST_ROWS) and not self._worker.pending:
            self._hand_over(is_commit=is_over)
        elif is_over:  # the previous minute is still being written: try again with the next tick
            self._minute = minute - 1
        self._held.append(tick)
        self._rows += len(tick.interfaces)
        if interval is not None and (interval.apps or interval.late):
            self._held.append((tick.at, interval))

    def load_events(self, most: int, done: Callable[[EventMemory | None], None]) -> None:
        """Read at most `most` events, and the apps, from the history, and pass them to `done`; `None` if there is no
        history."""
        if not self._settings.history.on:
            done(None)
            return

        def failed(error: Exception) -> None:
            _log.warning("What happened in the past is not known: %s", error)
            done(None)

        kept, plan = self._settings.history, self._settings.plan
        self._worker.submit(lambda: self._opened(kept, plan).event_memory(time.time(), most), done, failed)

    def write_events(self, events: Iterable[Event], seen: Iterable[int] | None, done: Callable[[bool], None]) -> None:
        """Store events and mark some as seen, then report whether that succeeded. Without a history it
        reports success."""
        if not self._settings.history.on:
            done(True)
            return

        def failed(error: Exception) -> None:
            _log.warning("Events are not stored yet: %s", error)
            done(False)

        kept, plan = self._settings.history, self._settings.plan
        self._worker.submit(lambda: self._opened(kept, plan).write_events(events, seen), lambda _: done(True), failed)

    def stop(self) -> None:
        """Store everything and close the file, unless the disk does not respond in time."""
        self._hand_over(is_end=True)
        if not self._worker.close(_LONGEST_END):
            _log.warning("The disk does not answer; the last minutes of the history are not written.")

    def _hand_over(self, *, is_commit: bool = False, is_end: bool = False) -> None:
        task = _Task(self._held, self._settings, is_commit, is_end)
        self._held, self._rows = [], 0
        self._worker.submit(partial(self._record_or_reset, task), self._warn, partial(self._fail, task))

    def _record_or_reset(self, task: _Task) -> PlanAlert | None:
        """Record; called in the thread. After an unexpected error the file is opened again, and recording continues."""
        try:
            return self._record(task)
        except Exception:
            writer, self._writer = self._writer, None
            if writer:
                writer.close()
            raise

    def _opened(self, kept: History, plan: DataPlan) -> HistoryWriter:
        """Return the writer with these settings; called in the thread. Raise _NotLoadedError."""
        try:
            from netwatch_tray.history.writer import HistoryWriter  # noqa: PLC0415  SQLite: not while the agent starts
        except OSError as error:  # such as no free file descriptor
            raise _NotLoadedError(
                "The history cannot be opened now: {reason}. Trying again in a minute.", reason=error.strerror
            ) from error

        if self._writer is None:
            self._writer = HistoryWriter(self._file, kept, plan)
        self._writer.apply(kept, plan)
        return self._writer

    def _record(self, task: _Task) -> PlanAlert | None:
        if task.is_end and self._writer is None and not task.held:
            return None
        plan = task.settings.plan
        writer = self._opened(task.settings.history, plan)
        if not task.is_end:
            alert = writer.record(task.held, commit=task.is_commit)
            if task.is_commit:
                self.moved = self._read_moved(writer, task.held, plan)
            return alert
        writer.close(task.held)
        self._writer = self.moved = None
        return None

    def _read_moved(self, writer: HistoryWriter, held: list[Measurement], plan: DataPlan) -> Moved | None:
        """Read the amounts; called in the thread. Today is read each minute, the days before once an hour, because
        imports may change them. Opening a reader each minute would add a fifth to the cost of a minute.
        """
        now = next((each.at.timestamp() for each in reversed(held) if isinstance(each, Tick)), time.time())
        today = date.fromtimestamp(now)  # noqa: DTZ012  the user's own days
        since, counts = plan_period(today, plan).first, plan.counts
        wanted = today, since, int(now // 3600), counts
        try:
            if self._earlier is None or self._earlier[0] != wanted:
                self._earlier = wanted, self._read_earlier(since, today, counts)
            used = counted = writer.used(today)
            if counts != "all":
                counted = writer.used(today, counts)
        except HistoryError as error:
            _log.debug("The amounts of this month are not known: %s", error)
            return None
        return Moved(used, self._earlier[1] + counted, since)

    def _read_earlier(self, since: date, today: date, counts: Counts) -> int:
        """Return the bytes of the days before today. Raise HistoryError."""
        if since == today:
            return 0
        from netwatch_tray.history.reader import HistoryReader  # noqa: PLC0415  as the writer

        with contextlib.closing(HistoryReader(self._file)) as reader:
            days = reader.days("total", None, since, today - timedelta(days=1), counts=counts)
        return sum(day.both for day in days.values())

    def _warn(self, alert: PlanAlert | None) -> None:
        if alert is not None:
            self._alert(alert)

    def _fail(self, task: _Task, error: Exception) -> None:
        if isinstance(error, HistoryError):  # the worker has logged any other
            _log.warning("%s", error)
        if isinstance(error, _NotLoadedError):
            self._held = [*task.held, *self._held]
