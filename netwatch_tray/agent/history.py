"""Hands what is measured to the history, once a minute, in a thread: a slow disk must not hold up the tray."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from netwatch_tray.engine.connections import Interval
from netwatch_tray.engine.scheduler import Scheduler
from netwatch_tray.model import Tick
from netwatch_tray.settings import Settings

if TYPE_CHECKING:
    from netwatch_tray.history.recorder import Measurement
    from netwatch_tray.history.usage import Alert
    from netwatch_tray.history.writer import HistoryWriter

_log = logging.getLogger(__name__)

_MOST_ROWS = 12_000
"""Interfaces times ticks held at a time, 5 MB; a host of containers hands over more often than once a minute."""
_MOST_HELD = 900
"""Measurements held while the disk does not answer."""
_LONGEST_END = 5.0
"""Seconds that the end of the agent waits for the disk."""

_Held = Tick | tuple[datetime, Interval] | None
"""A tick, what the apps moved until then, or a mark: from here some are missing."""


class HistoryKeeper:
    """Belongs to the scheduler's thread. Nothing is opened or even imported before the first minute is over."""

    def __init__(self, scheduler: Scheduler, file: Path, settings: Settings, alert: Callable[[Alert], None]) -> None:
        """`alert`: called in the scheduler's thread when a part of the data plan is used up."""
        self._scheduler = scheduler
        self._file = file
        self._settings = settings
        self._alert = alert
        self._writer: HistoryWriter | None = None
        """Touched by the thread alone while there is one."""
        self._thread: threading.Thread | None = None
        self._held: list[_Held] = []
        self._rows = 0
        self._minute: int | None = None

    @property
    def faults(self) -> tuple[str, ...]:
        """For `status`, in words."""
        return tuple(filter(None, (self._writer.fault, self._writer.note))) if self._writer else ()

    def take(self, tick: Tick, interval: Interval | None) -> None:
        """The newest tick, and what the apps moved since the one before, if that was read."""
        if len(self._held) >= _MOST_HELD:
            self._held, self._rows = [None], 0
        minute = int(tick.at.timestamp()) // 60
        is_over = minute != self._minute and self._minute is not None
        self._minute = minute
        if (is_over or self._rows > _MOST_ROWS) and self._thread is None:
            self._hand_over(commit=is_over)
        elif is_over:  # the minute before is still being written: with the next tick
            self._minute = minute - 1
        self._held.append(tick)
        self._rows += len(tick.interfaces)
        if interval is not None and interval.apps:
            self._held.append((tick.at, interval))

    def stop(self) -> None:
        """Stores everything and closes the file, unless the disk does not answer."""
        if self._thread is not None:
            self._thread.join(_LONGEST_END)
            if self._thread.is_alive():
                _log.warning("The disk does not answer; the last minutes of the history are not written.")
                return
        self._hand_over(commit=True)
        if self._thread is not None:
            self._thread.join(_LONGEST_END)
            if not self._thread.is_alive() and self._writer is not None:
                self._writer.close()

    def _hand_over(self, *, commit: bool) -> None:
        held, self._held, self._rows = self._held, [], 0
        self._thread = threading.Thread(target=self._record, args=(held, commit), name="history", daemon=True)
        self._thread.start()

    def _record(self, held: list[_Held], commit: bool) -> None:
        """In the thread."""
        from netwatch_tray.history.writer import HistoryWriter  # noqa: PLC0415  SQLite: not while the agent starts

        alert = None
        try:
            if self._writer is None:
                kept, plan = self._settings.history, self._settings.plan
                self._writer = HistoryWriter(self._file, most_bytes=kept.size_mb * 1_000_000, plan=plan)
            alert = self._writer.record(_measurements(held), commit=commit)
        finally:
            self._scheduler.call_soon(lambda: self._finish(alert))

    def _finish(self, alert: Alert | None) -> None:
        self._thread = None
        if alert is not None:
            self._alert(alert)


def _measurements(held: list[_Held]) -> list[Measurement]:
    from netwatch_tray.history.recorder import MISSED, AppInterval, AppTraffic  # noqa: PLC0415  as above

    found: list[Measurement] = []
    for each in held:
        if each is None:
            found.append(MISSED)
        elif isinstance(each, Tick):
            found.append(each)
        else:
            at, interval = each
            apps = tuple(
                AppTraffic(app.key, app.name, app.is_carrier, traffic.rx, traffic.tx)
                for app, traffic in interval.apps.values()
            )
            found.append(AppInterval(at.timestamp(), interval.elapsed_s, apps))
    return found
