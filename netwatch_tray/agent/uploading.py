"""The upload service, while the settings want one."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from netwatch_tray.agent.connections import ConnectionWatch
from netwatch_tray.engine.scheduler import Scheduler
from netwatch_tray.errors import Message
from netwatch_tray.event import Event
from netwatch_tray.model import Tick
from netwatch_tray.settings import Upload

if TYPE_CHECKING:
    from netwatch_tray.cloud.upload_service import UploadService
    from netwatch_tray.collect.health import Health
    from netwatch_tray.engine.detectors.questions import DnsCounts


class Uploading:
    """Loads nothing of `cloud` before the settings turn uploading on."""

    def __init__(
        self, scheduler: Scheduler, connections: ConnectionWatch, notify: Callable[[Message], None], *, is_allowed: bool
    ) -> None:
        """`notify`: called with what the user has to do before anything is sent. `is_allowed`: False on a recording."""
        self._scheduler, self._connections, self._notify = scheduler, connections, notify
        self._is_allowed = is_allowed
        self._service: UploadService | None = None
        self.on_health: Callable[[Health], None] = lambda _: None
        """Called with each probe of gateway and DNS server."""
        self.dns: Callable[[], DnsCounts | None] = lambda: None
        """Returns what DNS did since the start of the agent."""
        # No child of the agent needs it.
        key = os.environ.pop("NETWATCH_API_KEY", None)
        self._secrets = {"NETWATCH_API_KEY": key} if key else {}

    @property
    def status(self) -> Message | None:
        """Return the state of uploading in words; None: it is off."""
        return self._service.status if self._service else None

    @property
    def fault(self) -> Message | None:
        """Return why snapshots are not sent at the moment, if something prevents that."""
        return self._service.fault if self._service else None

    @property
    def probes(self) -> bool:
        """Return whether gateway and DNS server are probed, see `UploadService.probes`."""
        return self._service is not None and self._service.probes

    def apply(self, upload: Upload) -> None:
        """Upload by these settings; a second call replaces the service."""
        before, self._service, self._connections.on_reading = self._service, None, None
        if before:
            before.stop(drain=False)
        if upload.on and self._is_allowed:
            from netwatch_tray.cloud.upload_service import UploadService  # noqa: PLC0415  6 MB with TLS and SQLite

            self._service = UploadService(
                self._scheduler,
                upload,
                {**os.environ, **self._secrets},
                self._connections.read_with_tick,
                self._notify,
                on_health=self.on_health,
                dns=self.dns,
                after=before,
            )
            self._connections.on_reading = self._service.connections_read

    def tick(self, tick: Tick) -> None:
        """Call with each tick, in order."""
        if self._service:
            self._service.tick(tick)

    def alerted(self, event: Event) -> None:
        """Call with each event that became an alert."""
        if self._service:
            self._service.alerted(event)

    def stop(self) -> None:
        """Send pending snapshots if that is quick, and wait for the end a few seconds at most."""
        if self._service:
            self._service.stop(drain=True)
            self._service.wait()
