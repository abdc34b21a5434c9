"""Serves metrics for Prometheus over HTTP while the settings turn that on."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from netwatch_tray.agent.connections import ConnectionWatch
from netwatch_tray.engine.events import Outcome
from netwatch_tray.engine.scheduler import Scheduler, Timer
from netwatch_tray.errors import Message, NetWatchError, message
from netwatch_tray.model import Tick
from netwatch_tray.settings import Settings

if TYPE_CHECKING:
    from netwatch_tray.cloud.metrics_service import MetricsService
    from netwatch_tray.collect.health import Health

_log = logging.getLogger(__name__)

_RETRY_S = 10.0
"""Seconds after which a port that could not be opened is tried again."""


class Metrics:
    """Starts and stops the server of metrics as the settings require. The package `cloud` is not imported before."""

    def __init__(self, scheduler: Scheduler, connections: ConnectionWatch, *, is_allowed: bool) -> None:
        """`is_allowed`: False while a recording is replayed; then no metrics are served."""
        self._scheduler, self._connections, self._is_allowed = scheduler, connections, is_allowed
        self._settings: Settings | None = None
        self._service: MetricsService | None = None
        self.is_on = False
        """Whether metrics are served, so that `tick` has to be called."""
        self._retry: Timer | None = None
        self._fault: Message | None = None
        """Message why metrics are turned on but not served; None if they are served or off."""

    @property
    def status(self) -> Message | None:
        """Return a message with the address of the metrics, or why they are not served; None if they are off."""
        return message("at {url}", url=self._service.url) if self._service else self._fault

    @property
    def faults(self) -> tuple[Message, ...]:
        """Return a message why metrics are turned on but not served; empty if they are served or off."""
        return (self._fault,) if self._fault else ()

    def apply(self, settings: Settings) -> None:
        """Start, restart or stop the server if the settings of metrics have changed."""
        before, self._settings = self._settings, settings
        if before is None or _of(before) != _of(settings):
            self.stop()
            self._start()

    def tick(self, tick: Tick) -> None:
        """Add a tick to the metrics. Call this with each tick, in order."""
        if self._service:
            self._service.tick(tick)

    def health(self, health: Health) -> None:
        """Add the result of probing gateway and DNS server to the metrics."""
        if self._service:
            self._service.health(health)

    def take(self, outcome: Outcome) -> None:
        """Add what a finding of the detectors changed to the metrics. Call this with each finding."""
        if self._service:
            self._service.take(outcome)

    def stop(self) -> None:
        self._fault = None
        if self._retry:
            self._retry.cancel()
            self._retry = None
        if self._service:
            self._service.close()
            self._service, self.is_on = None, False

    def _start(self) -> None:
        settings = self._settings
        self._retry = None
        if settings is None or not settings.metrics.on or not self._is_allowed:
            return
        from netwatch_tray.cloud.metrics_service import MetricsService  # noqa: PLC0415  only where the user wants it

        try:
            self._service = MetricsService(
                self._scheduler,
                settings,
                lambda: table.states() if (table := self._connections.table) else None,
                with_events=settings.events.on,
            )
        except NetWatchError as error:
            self._fail(error.message)
        except OSError as error:
            where = settings.metrics
            self._fail(
                message(
                    "Metrics cannot be served at port {port} of {address}: {reason}. The agent keeps trying.",
                    port=where.port, address=where.address, reason=error,
                )
            )  # fmt: skip
            self._retry = self._scheduler.after(_RETRY_S, self._start)
        else:
            self._fault, self.is_on = None, True
            _log.info("Metrics are served at %s.", self._service.url)

    def _fail(self, fault: Message) -> None:
        if fault != self._fault:
            _log.warning("%s", fault)
        self._fault = fault


def _of(settings: Settings) -> tuple[object, ...]:
    return settings.metrics, settings.events.on, settings.upload.hide_names, settings.upload.all_interfaces
