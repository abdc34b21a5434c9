"""The services that send data to a NetWatch server and to an OpenTelemetry collector, while the settings turn
them on."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from netwatch_tray import paths
from netwatch_tray.agent.connections import ConnectionWatch
from netwatch_tray.engine.connections import ConnectionTable
from netwatch_tray.engine.events import Outcome
from netwatch_tray.engine.scheduler import Scheduler
from netwatch_tray.errors import Message, message
from netwatch_tray.model import Tick
from netwatch_tray.settings import Otlp, Upload

if TYPE_CHECKING:
    from netwatch_tray.cloud.collector import SharedReadings
    from netwatch_tray.cloud.otlp_service import OtlpService
    from netwatch_tray.cloud.upload_service import UploadService
    from netwatch_tray.collect.health import Health
    from netwatch_tray.engine.detectors.questions import DnsCounts

_SECRETS = (
    "NETWATCH_API_KEY",
    "OTEL_EXPORTER_OTLP_HEADERS",
    "OTEL_EXPORTER_OTLP_METRICS_HEADERS",
    "OTEL_EXPORTER_OTLP_LOGS_HEADERS",
)
"""Environment variables with keys. They are removed from the environment, so that child processes do not inherit
them."""


class Uploading:
    """Starts and stops the services that upload, as the settings require. The package `cloud` is not imported
    before."""

    def __init__(
        self,
        scheduler: Scheduler,
        connections: ConnectionWatch,
        notify: Callable[[str, Message, Message], None],
        *,
        is_allowed: bool,
    ) -> None:
        """`notify`: called with a key, a heading and a text, to notify the user of what has to be done before anything
        is sent. `is_allowed`: False while a recording is replayed; then nothing is sent."""
        self._scheduler, self._connections, self._notify = scheduler, connections, notify
        self._is_allowed = is_allowed
        self._service: UploadService | None = None
        self._export: OtlpService | None = None
        self.is_on = False
        """Whether there is any service, so that `tick` has to be called."""
        self._shared: SharedReadings | None = None
        """Readings that both services share; created with the first service."""
        self._key_file: tuple[int, int] | None = None
        """Device and inode of the file with the API key when the service was started; None if there was no file."""
        self.dns: Callable[[], DnsCounts | None] = lambda: None
        """Returns the numbers of DNS queries and responses since the agent started; None without a helper."""
        self._secrets = {name: value for name in _SECRETS if (value := os.environ.pop(name, None))}

    @property
    def status(self) -> Message | None:
        """Return a message about the state of uploading to a NetWatch server, or None if it is off."""
        return self._service.status if self._service else None

    @property
    def fault(self) -> Message | None:
        """Return a message why nothing is uploaded at the moment, or None if nothing prevents it."""
        return self._service.fault if self._service else None

    @property
    def otlp_status(self) -> Message | None:
        """Return a message about the state of the export to an OpenTelemetry collector, or None if it is off."""
        return self._export.status if self._export else None

    @property
    def otlp_fault(self) -> Message | None:
        """Return a message why nothing is exported at the moment, or None if nothing prevents it."""
        return self._export.fault if self._export else None

    @property
    def wants_health(self) -> bool:
        """Return whether a service uploads the results of probing gateway and DNS server, or will do so soon."""
        return any(each.wants_health for each in self._services)

    @property
    def _services(self) -> Iterator[UploadService]:
        yield from filter(None, (self._service, self._export))

    @property
    def has_new_key(self) -> bool:
        """Return whether the file with the API key was replaced since the service was started."""
        return self._service is not None and self._key_file != _key_file()

    def apply(self, upload: Upload) -> None:
        """Stop the service that uploads, and start another one if these settings turn it on."""
        self._key_file = _key_file()
        before, self._service = self._service, None
        if before:
            before.stop(drain=False)
        if upload.on and self._is_allowed:
            from netwatch_tray.cloud.upload_service import UploadService  # noqa: PLC0415  6 MB with TLS and SQLite

            self._service = UploadService(
                self._scheduler,
                upload,
                {**os.environ, **self._secrets},
                self._connections.read_with_tick,
                partial(self._notify, "upload", message("Nothing is uploaded")),
                dns=self.dns,
                shared=self._readings(),
                after=before,
            )
        self._follow_connections()

    def apply_otlp(self, otlp: Otlp) -> None:
        """Stop the service that exports, and start another one if these settings turn it on."""
        before, self._export = self._export, None
        if before:
            before.stop(drain=False)
        if otlp.on and self._is_allowed:
            from netwatch_tray.cloud.otlp_service import OtlpService  # noqa: PLC0415  as above

            self._export = OtlpService(
                self._scheduler,
                otlp,
                {**os.environ, **self._secrets},
                self._connections.read_with_tick,
                partial(self._notify, "otlp", message("Nothing is exported to OpenTelemetry")),
                shared=self._readings(),
                after=before,
            )
        self._follow_connections()

    def _readings(self) -> SharedReadings:
        from netwatch_tray.cloud.collector import SharedReadings  # noqa: PLC0415  as above

        self._shared = self._shared or SharedReadings()
        return self._shared

    def _follow_connections(self) -> None:
        self.is_on = self._service is not None or self._export is not None
        self._connections.on_reading = self._connections_read if self.is_on else None

    def _connections_read(self, table: ConnectionTable) -> None:
        for each in self._services:
            each.connections_read(table)

    def tick(self, tick: Tick) -> None:
        """Pass a tick to the services. Call this with each tick, in order."""
        if self._service:
            self._service.tick(tick)
        if self._export:
            self._export.tick(tick)

    def health(self, health: Health) -> None:
        """Pass the result of probing gateway and DNS server to the services."""
        for each in self._services:
            each.health(health)

    def health_failed(self, fault: Message) -> None:
        """Pass the reason why probing failed to the services."""
        for each in self._services:
            each.health_failed(fault)

    def take(self, outcome: Outcome) -> None:
        """Pass what a finding of the detectors changed to the services. Call this with each finding."""
        for each in self._services:
            each.take(outcome)

    def stop(self) -> None:
        """Stop all services, because the agent ends. They may send pending snapshots; this waits some seconds at
        most."""
        for each in self._services:
            each.stop(drain=True)
        for each in self._services:
            each.wait()


def _key_file() -> tuple[int, int] | None:
    return paths.identity(str(paths.upload_key_file()))
