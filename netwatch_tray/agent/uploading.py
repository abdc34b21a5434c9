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
"""Environment variables that no child process of the agent needs."""


class Uploading:
    """Uploading, as the settings choose. Nothing of `cloud` is loaded before the settings turn it on."""

    def __init__(
        self,
        scheduler: Scheduler,
        connections: ConnectionWatch,
        notify: Callable[[str, Message, Message], None],
        *,
        is_allowed: bool,
    ) -> None:
        """`notify`: called with a key, a heading, and what the user has to do before anything is sent. `is_allowed`:
        False on a recording."""
        self._scheduler, self._connections, self._notify = scheduler, connections, notify
        self._is_allowed = is_allowed
        self._service: UploadService | None = None
        self._export: OtlpService | None = None
        self._shared: SharedReadings | None = None
        """Made when the first of them is."""
        self._key_file: tuple[int, int] | None = None
        """Identity of the file of the key when the service began."""
        self.dns: Callable[[], DnsCounts | None] = lambda: None
        """Returns what was counted of DNS since the agent started."""
        self._secrets = {name: value for name in _SECRETS if (value := os.environ.pop(name, None))}

    @property
    def status(self) -> Message | None:
        """Return the state of uploading as a message, or None if it is off."""
        return self._service.status if self._service else None

    @property
    def fault(self) -> Message | None:
        """Return why snapshots are not sent at the moment, or None if nothing prevents that."""
        return self._service.fault if self._service else None

    @property
    def otlp_status(self) -> Message | None:
        """Return the state of the export to an OpenTelemetry collector as a message, or None if it is off."""
        return self._export.status if self._export else None

    @property
    def otlp_fault(self) -> Message | None:
        """Return why nothing is exported at the moment, or None if nothing prevents that."""
        return self._export.fault if self._export else None

    @property
    def wants_health(self) -> bool:
        """Return whether any service sends probes of gateway and DNS server, or will do so in a moment."""
        return any(each.wants_health for each in self._services)

    @property
    def _services(self) -> Iterator[UploadService]:
        yield from filter(None, (self._service, self._export))

    @property
    def has_new_key(self) -> bool:
        """Return whether another key was stored in its file since the service began."""
        return self._service is not None and self._key_file != _key_file()

    def apply(self, upload: Upload) -> None:
        """Upload by these settings; a second call replaces the service."""
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
        """Export by these settings; a second call replaces the service."""
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
        self._connections.on_reading = self._connections_read if any(self._services) else None

    def _connections_read(self, table: ConnectionTable) -> None:
        for each in self._services:
            each.connections_read(table)

    def tick(self, tick: Tick) -> None:
        """Add a tick to the services. Call it with each tick, in order."""
        if self._service:
            self._service.tick(tick)
        if self._export:
            self._export.tick(tick)

    def health(self, health: Health) -> None:
        """Add a probe of gateway and DNS server. Call it for each probe."""
        for each in self._services:
            each.health(health)

    def health_failed(self, fault: Message) -> None:
        """Report why a probe failed."""
        for each in self._services:
            each.health_failed(fault)

    def take(self, outcome: Outcome) -> None:
        """Add the outcome of a finding. Call it for each finding."""
        for each in self._services:
            each.take(outcome)

    def stop(self) -> None:
        """Send pending snapshots if that is quick, and wait for the end for a few seconds at most."""
        for each in self._services:
            each.stop(drain=True)
        for each in self._services:
            each.wait()


def _key_file() -> tuple[int, int] | None:
    return paths.identity(str(paths.upload_key_file()))
