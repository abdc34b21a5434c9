"""Hands what is measured to the history, once a minute, in a thread: a slow disk must not hold up the tray."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
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
        self._is_stopped = False
        self._held: list[Measurement] = []
        self._rows = 0
        self._minute: int | None = None

    @property
    def faults(self) -> tuple[str, ...]:
        """For `status`, in words."""
        writer = self._writer
        return tuple(filter(None, (writer.fault, writer.note))) if writer else ()

    def apply(self, settings: Settings) -> None:
        """Holds from the next minute on; a history that is switched off is closed as soon as the disk allows."""
        self._settings = settings
        if self._thread is None:
            self._close_if_off()

    def take(self, tick: Tick, interval: Interval | None) -> None:
        """The newest tick, and what the apps moved since the one before, if that was read."""
        if not self._settings.history.on:
            return
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
        """Stores everything and closes the file, unless the disk does not answer in time."""
        deadline = time.monotonic() + _LONGEST_END
        self._is_stopped = True
        if self._is_idle_at(deadline):
            self._hand_over(close=True)
        if not self._is_idle_at(deadline):
            _log.warning("The disk does not answer; the last minutes of the history are not written.")

    def _is_idle_at(self, deadline: float) -> bool:
        if self._thread is None:
            return True
        self._thread.join(max(0.0, deadline - time.monotonic()))
        return not self._thread.is_alive()

    def _close_if_off(self) -> None:
        if not self._settings.history.on and (self._held or self._writer is not None):
            self._hand_over(close=True)
            self._minute = None

    def _hand_over(self, *, commit: bool = False, close: bool = False) -> None:
        held, self._held, self._rows = self._held, [], 0
        arguments = held, self._settings, commit, close
        self._thread = threading.Thread(target=self._work, args=arguments, name="history", daemon=True)
        self._thread.start()

    def _work(self, held: list[Measurement], settings: Settings, commit: bool, close: bool) -> None:
        """In the thread."""
        alert = None
        try:
            alert = self._record(held, settings, commit, close)
        except Exception:  # noqa: BLE001  the guard of the thread: a bug in here must not end the history for good
            _log.exception("Unexpected error; the history goes on with the next minute")
            writer, self._writer = self._writer, None
            if writer:
                writer.close()
        finally:
            if not self._is_stopped:
                self._scheduler.call_soon(lambda: self._finish(alert))

    def _record(self, held: list[Measurement], settings: Settings, commit: bool, close: bool) -> Alert | None:
        from netwatch_tray.history.writer import HistoryWriter  # noqa: PLC0415  SQLite: not while the agent starts

        if self._writer is None:
            self._writer = HistoryWriter(self._file, settings.history, settings.plan)
        writer = self._writer
        writer.choose(settings.history, settings.plan)
        if not close:
            return writer.record(held, commit=commit)
        writer.close(held)
        self._writer = None
        return None

    def _finish(self, alert: Alert | None) -> None:
        self._thread = None
        if alert is not None:
            self._alert(alert)
        self._close_if_off()
