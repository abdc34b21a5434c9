"""Stores the remote hosts of apps, and the names of hosts, beyond the end of the agent, if the user turned that on."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from netwatch_tray import paths
from netwatch_tray.engine.app_hosts import AppHosts
from netwatch_tray.engine.scheduler import Scheduler, Timer
from netwatch_tray.errors import HistoryError, ParseError
from netwatch_tray.worker import Worker

if TYPE_CHECKING:
    from netwatch_tray.history.host_days import HostDays

_log = logging.getLogger(__name__)

_PERIOD = 900.0
"""Seconds between two writes."""
_LONGEST_END = 2.0
"""Most seconds that the agent waits for the disk when it exits."""


class HostKeeper:
    """Stores the hosts of apps in files, one a day: reads them when the agent starts, writes them every 15 minutes and
    at exit. If the setting is 0 days, it deletes the files."""

    def __init__(
        self, scheduler: Scheduler, directory: Path, app_hosts: AppHosts, names: Callable[[], bytes | None], days: int
    ) -> None:
        """`app_hosts`: the object whose hours are stored. `names`: returns the encoded names of hosts to store, or
        None. `days`: number of days to keep files; 0: store nothing."""
        self._scheduler = scheduler
        self._directory = directory
        self._app_hosts, self._names = app_hosts, names
        self._worker = Worker("hosts", scheduler.call_soon)
        self._days = 0
        self._timer: Timer | None = None
        self._written = 0
        """Number of the last hour that was written. It is written again, because it may not have been complete."""
        self.kept_names: bytes | None = None
        """Encoded names of hosts that the previous run stored; None if there are none."""
        self._restore_for(days)
        self.apply(days)

    def apply(self, days: int) -> None:
        """Keep the files of this many days from now on. With 0, delete all files and store nothing."""
        before, self._days = self._days, days
        if days and self._timer is None:
            self._timer = self._scheduler.every(_PERIOD, self._write)
        if not days:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            self._written = 0
            if paths.exists(self._directory):
                self._submit(self._open().delete)
        elif before and days < before:
            self._write()

    def stop(self) -> None:
        """Write a last time, because the agent ends. Wait `_LONGEST_END` at most."""
        if self._days:
            self._write()
        self._worker.close(_LONGEST_END)

    def _restore_for(self, days: int) -> None:
        if not days or not paths.exists(self._directory):
            return
        stored, hour = self._open(), self._app_hosts.hour
        try:
            self._app_hosts.restore(stored.read(hour - 24, hour + 24))
        except ParseError as error:
            _log.warning("The hosts of the previous run are lost. %s", error)
        self.kept_names = stored.read_names()

    def _write(self) -> None:
        hours, written = self._app_hosts.hours(), self._written
        self._written = self._app_hosts.hour
        oldest = self._written - self._days * 24
        changed = {number: packed for number, packed in hours.items() if number >= written}
        self._submit(partial(_store, self._open(), changed, oldest, self._names()))

    def _open(self) -> HostDays:
        from netwatch_tray.history.host_days import HostDays  # noqa: PLC0415  only where hosts are kept

        return HostDays(self._directory)

    def _submit(self, task: Callable[[], None]) -> None:
        self._worker.submit(task, lambda _result: None, self._fail)

    def _fail(self, error: Exception) -> None:
        self._written = 0
        if isinstance(error, HistoryError):  # the worker has logged any other
            _log.warning("%s", error)


def _store(stored: HostDays, hours: dict[int, bytes], oldest: int, names: bytes | None) -> None:
    stored.write(hours, oldest)
    if names is not None:
        stored.write_names(names)
