"""Passes the agent's measurements to the history once a minute, in a thread, so that a slow disk delays nothing
else."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec

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
"""Most rows held in memory, one for each interface of a tick; they take 5 MB. On a machine with many containers they
are passed on more often than once a minute."""
_MOST_HELD = 900
"""Most measurements held in memory while the disk does not respond; then all are discarded."""
_LONGEST_END = 5.0
"""Most seconds that the agent waits for the disk when it exits."""


class _Task(msgspec.Struct, frozen=True):
    """Measurements that are passed to the thread."""

    held: list[Measurement]
    settings: Settings
    is_commit: bool
    is_end: bool
    """Whether to close the file afterwards."""


class _NotLoadedError(HistoryError):
    """The module `history.writer` could not be imported now, so the measurements must be passed again."""


class Moved(NamedTuple):
    """Bytes of the total (received and sent together) today and in the current period of the data plan, as the tray
    shows them. Imported bytes are included."""

    today: int
    month: int
    """Bytes in the current period of the data plan, only of traffic that counts for the plan."""
    since: date
    """First day of the period."""


class HistoryKeeper:
    """Holds measurements and passes them to a thread that writes them. Call it in the scheduler's thread only. The file
    is not opened before the first minute is over, so that the agent starts quickly."""

    def __init__(
        self, scheduler: Scheduler, file: Path, settings: Settings, alert: Callable[[PlanAlert], None]
    ) -> None:
        """`alert`: called in the scheduler's thread when the user is to be notified about the data plan."""
        self._file = file
        self._settings = settings
        self._alert = alert
        self._writer: HistoryWriter | None = None
        """Used in the worker's thread only; None until the first minute is written."""
        self._worker = Worker("history", scheduler.call_soon)
        """The thread for all tasks. Starting one for each minute would add a tenth to the cost of a minute."""
        self._is_on = settings.history.on
        self._held: list[Measurement] = []
        self._since: float | None = None
        """Unix time at which the minute of `_held` began; `None` before the first tick, -1 once it is over."""
        self._minute = -1
        """Minute of the hour in which a tick needs no closer look."""
        self.moved: Moved | None = None
        """Bytes of today and of the period, as of the last stored minute; `None` if unknown."""
        self._earlier: tuple[tuple[date, int, DataPlan], date, int] | None = None
        """First day of the current period, and its bytes before today; before them the key for which they were read:
        today, hour, data plan."""

    @property
    def faults(self) -> tuple[Message, ...]:
        """Return messages for the user about faults of the history, for the subcommand `status`."""
        writer = self._writer
        return writer.faults if writer else ()

    def apply(self, settings: Settings) -> None:
        """Use these settings from the next minute on. If they turn the history off, close the file."""
        was_on, self._is_on, self._settings = self._is_on, settings.history.on, settings
        if was_on and not self._is_on:
            self._hand_over(is_end=True)
            self._since, self._minute = None, -1

    def take(self, tick: Tick, interval: AppInterval | None) -> None:
        """Add a tick. `interval`: bytes of the apps since the last reading; None if the sockets were not read. At the
        first tick of a minute, everything held is passed to the thread.

        It runs each second, when its code and data have left the processor's caches, so it touches little.
        """
        if not self._is_on:
            return
        if (
            tick.at.minute != self._minute
            or tick.gap is not None
            or len(self._held) * len(tick.interfaces) > _MOST_ROWS
        ):
            self._make_room(tick)
        self._held.append(tick)
        if interval is not None and (interval.apps or interval.late):
            self._held.append((tick.at, interval))

    def _make_room(self, tick: Tick) -> None:
        """Pass what is held to the thread if its minute is over before `tick` or if it is too much. If the thread is
        still busy, the next tick tries again."""
        if len(self._held) >= _MOST_HELD:
            self._held = [None]
        since = tick.at.timestamp() // 60 * 60
        is_over = self._since is not None and since != self._since
        if is_over or len(self._held) * len(tick.interfaces) > _MOST_ROWS:
            if self._worker.pending:
                self._since, self._minute = -1.0 if is_over else since, -1
                return
            self._hand_over(is_commit=is_over)
        self._since, self._minute = since, tick.at.minute

    def load_events(self, most: int, done: Callable[[EventMemory | None], None]) -> None:
        """Read what the detectors need from the history in the thread, with at most `most` events. Then call `done`
        with it, or with `None` if the history is off or cannot be read."""
        if not self._is_on:
            done(None)
            return

        def failed(error: Exception) -> None:
            _log.warning("What happened in the past is not known: %s", error)
            done(None)

        kept, plan = self._settings.history, self._settings.plan
        self._worker.submit(lambda: self._opened(kept, plan).event_memory(time.time(), most), done, failed)

    def write_events(self, events: Iterable[Event], seen: Iterable[int] | None, done: Callable[[bool], None]) -> None:
        """Store events in the thread. `seen`: IDs of events to mark as seen; None: all. Then call `done` with whether
        that succeeded; True if the history is off."""
        if not self._is_on:
            done(True)
            return

        def failed(error: Exception) -> None:
            _log.warning("Events are not stored yet: %s", error)
            done(False)

        kept, plan = self._settings.history, self._settings.plan
        self._worker.submit(lambda: self._opened(kept, plan).write_events(events, seen), lambda _: done(True), failed)

    def stop(self) -> None:
        """Store everything and close the file, because the agent ends. Wait `_LONGEST_END` at most."""
        self._hand_over(is_end=True)
        if not self._worker.close(_LONGEST_END):
            _log.warning("The disk does not answer; the last minutes of the history are not written.")

    def _hand_over(self, *, is_commit: bool = False, is_end: bool = False) -> None:
        task = _Task(self._held, self._settings, is_commit, is_end)
        self._held = []
        self._worker.submit(partial(self._record_or_reset, task), self._warn, partial(self._fail, task))

    def _record_or_reset(self, task: _Task) -> PlanAlert | None:
        """Record a task; runs in the thread. After an unexpected error close the file, so that the next task opens it
        again. Return a notification about the data plan, or None."""
        try:
            return self._record(task)
        except Exception:
            writer, self._writer = self._writer, None
            if writer:
                writer.close()
            raise

    def _opened(self, kept: History, plan: DataPlan) -> HistoryWriter:
        """Return the writer with these settings, created if missing; runs in the thread. Raise _NotLoadedError."""
        writer = self._writer
        if writer is None:
            try:
                from netwatch_tray.history.writer import HistoryWriter  # noqa: PLC0415  SQLite: not during the start
            except OSError as error:  # such as no free file descriptor
                raise _NotLoadedError(
                    "The history cannot be opened now: {reason}. Trying again in a minute.", reason=error
                ) from error
            writer = self._writer = HistoryWriter(self._file, kept, plan)
        writer.apply(kept, plan)
        return writer

    def _record(self, task: _Task) -> PlanAlert | None:
        if task.is_end and self._writer is None and not task.held:
            return None
        plan = task.settings.plan
        writer = self._opened(task.settings.history, plan)
        if not task.is_end:
            now = next((each.at.timestamp() for each in reversed(task.held) if isinstance(each, Tick)), time.time())
            alert = writer.record(_taken_from(task.held), commit=task.is_commit)
            if task.is_commit:
                self.moved = self._read_moved(writer, now, plan)
            return alert
        writer.close(task.held)
        self._writer = self.moved = None
        return None

    def _read_moved(self, writer: HistoryWriter, now: float, plan: DataPlan) -> Moved | None:
        """Return the bytes of today and of the period, None if they cannot be read; runs in the thread. `now`: Unix
        time of the last tick.

        Those of today are read each minute. Those of the days before change only by imports, so they are read once an
        hour: reading them each minute would add a fifth to its cost.
        """
        today = date.fromtimestamp(now)  # noqa: DTZ012  the user's own days
        wanted, counts = (today, int(now // 3600), plan), plan.counts
        try:
            if self._earlier is None or self._earlier[0] != wanted:
                first = plan_period(today, plan).first
                self._earlier = wanted, first, self._read_earlier(writer, first, today, counts)
            _wanted, since, earlier = self._earlier
            used = counted = writer.used(today, today)
            if counts != "all":
                counted = writer.used(today, today, counts)
        except HistoryError as error:
            _log.debug("The amounts of this month are not known: %s", error)
            return None
        return Moved(used, earlier + counted, since)

    def _read_earlier(self, writer: HistoryWriter, since: date, today: date, counts: Counts) -> int:
        """Return the bytes from the day `since` to yesterday that count for the data plan. Raise HistoryError."""
        if since == today:
            return 0
        yesterday = today - timedelta(days=1)
        if not writer.has_imports:  # then the reader, which takes 0.1 MB, need not be loaded
            return writer.used(since, yesterday, counts)
        from netwatch_tray.history.reader import HistoryReader  # noqa: PLC0415  as the writer

        with contextlib.closing(HistoryReader(self._file)) as reader:
            days = reader.days("total", None, since, yesterday, counts=counts)
        return sum(day.both for day in days.values())

    def _warn(self, alert: PlanAlert | None) -> None:
        if alert is not None:
            self._alert(alert)

    def _fail(self, task: _Task, error: Exception) -> None:
        if isinstance(error, HistoryError):  # the worker has logged any other
            _log.warning("%s", error)
        if isinstance(error, _NotLoadedError):
            self._held = [*task.held, *self._held]


def _taken_from(held: list[Measurement]) -> Iterator[Measurement]:
    """Yield the measurements and empty the list, so that each tick is freed while it is in the processor's caches."""
    held.reverse()
    while held:
        yield held.pop()
