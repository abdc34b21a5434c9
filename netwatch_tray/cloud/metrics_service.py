"""Serves metrics for Prometheus while they are turned on: numbers from the ticks, and numbers that are
read on request."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from typing import TypeVar

from netwatch_tray.cloud import metrics
from netwatch_tray.cloud.metrics_server import MetricsServer
from netwatch_tray.cloud.privacy import is_sent
from netwatch_tray.collect import disks
from netwatch_tray.collect.health import Health
from netwatch_tray.collect.system import SystemSource
from netwatch_tray.engine.events import Outcome
from netwatch_tray.engine.scheduler import Scheduler, Timer
from netwatch_tray.errors import CollectError
from netwatch_tray.event import EventKind
from netwatch_tray.kinds import TcpState
from netwatch_tray.model import Tick
from netwatch_tray.settings import Settings
from netwatch_tray.worker import Worker

DISK_PATIENCE = 2.0
"""Seconds for which a response waits until the disks are read. After that it has no file systems.
Prometheus waits ten."""

_Found = TypeVar("_Found")


class MetricsService:
    """Serves metrics from its construction until `close`, in the scheduler's loop. Only the disks are read in a thread.

    However often clients send requests, the system is read at most once a tick.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        settings: Settings,
        states: Callable[[], Mapping[TcpState, int] | None],
        *,
        with_events: bool,
    ) -> None:
        """`states`: returns the number of TCP sockets by state at the last reading. `with_events`: whether events are
        detected, so that their numbers are known.

        Raise OSError or SettingsError if it cannot listen on the address of the settings.
        """
        self._scheduler = scheduler
        self._upload = settings.upload
        self._states = states
        self._system = SystemSource()
        _found(self._system.sample)  # the start of the first interval
        self._tick: Tick | None = None
        self._text: bytes | None = None
        """Text of the metrics at the last tick; None if no client has requested it since."""
        self._health: Health | None = None
        self._with_events = with_events
        self._events: Counter[EventKind] = Counter()
        self._alerts: Counter[EventKind] = Counter()
        self._worker = Worker("metrics", scheduler.call_soon)
        self._timeout: Timer | None = None
        self._server = MetricsServer(scheduler, settings.metrics.address, settings.metrics.port, self._make)

    @property
    def url(self) -> str:
        return self._server.url

    def tick(self, tick: Tick) -> None:
        """Add a tick. Call it for every tick, in order."""
        self._tick = tick
        self._text = None

    def health(self, health: Health) -> None:
        """Add the result of probing gateway and DNS server. Call it for every probe."""
        self._health = health

    def take(self, outcome: Outcome) -> None:
        """Count what became of a finding (merged into an event, new, notified …). Call it for every finding."""
        if outcome.is_new:
            self._events[outcome.events[-1].kind] += 1
        if outcome.is_new_alert:
            self._alerts[outcome.events[-1].kind] += 1

    def close(self) -> None:
        """Free the port, without waiting for a disk that does not respond."""
        self._stop_waiting()
        self._server.close()
        self._worker.close(0)

    def _make(self) -> None:
        """Make the text of the metrics at the last tick, and publish it at once, or when the thread has
        read the disks."""
        if self._text is not None:
            self._server.publish(self._text)
        elif self._timeout is None:  # else it is being made
            reading = self._read()
            if self._worker.pending:  # the disk has not responded since an earlier request
                self._publish(metrics.render(reading))
                return
            self._timeout = self._scheduler.after(DISK_PATIENCE, lambda: self._publish(metrics.render(reading)))
            is_named = not self._upload.hide_names
            self._worker.submit(partial(_with_disks, reading, is_named=is_named), self._arrived, lambda _error: None)

    def _read(self) -> metrics.Reading:
        tick = self._tick
        interfaces = () if tick is None or tick.is_unread else tick.interfaces
        return metrics.Reading(
            interfaces=tuple(each for each in interfaces if is_sent(each, all_interfaces=self._upload.all_interfaces)),
            states=self._states(),
            system=_found(self._system.sample),
            health=self._health,
            events=self._events if self._with_events else None,
            alerts=self._alerts if self._with_events else None,
        )

    def _arrived(self, text: str) -> None:
        """Publish the text when the thread has added the disks to it. Do nothing if that took too long and the text was
        published without them."""
        if self._timeout is not None:
            self._publish(text)

    def _publish(self, text: str) -> None:
        self._stop_waiting()
        self._text = text.encode()
        self._server.publish(self._text)

    def _stop_waiting(self) -> None:
        if self._timeout is not None:
            self._timeout.cancel()
            self._timeout = None


def _with_disks(reading: metrics.Reading, *, is_named: bool) -> str:
    """Return the text with the numbers of the disks. Runs in the thread. `is_named`: whether names of file systems may
    be served."""
    return metrics.render(
        reading._replace(usages=_found(disks.usages) if is_named else None, traffic=_found(disks.traffic))
    )


def _found(source: Callable[[], _Found]) -> _Found | None:
    """Return what `source` returns, or None if it raises an error; its metrics are then missing from the text."""
    try:
        return source()
    except CollectError:
        return None
