"""The agent's export to an OpenTelemetry collector, which works like uploading to a NetWatch server.

Measuring, levels and the spool are those of uploading. Metrics and log records ("signals") wait in a spool of their
own, and each signal has an uploader, because a collector receives them at two URLs.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping

import msgspec

from netwatch_tray import paths
from netwatch_tray.cloud import otlp_target, wire
from netwatch_tray.cloud.account import Identity
from netwatch_tray.cloud.collector import SharedReadings, SnapshotCollector
from netwatch_tray.cloud.otlp_json import Attributes
from netwatch_tray.cloud.otlp_logs import log_element
from netwatch_tray.cloud.otlp_metrics import MetricsEncoder
from netwatch_tray.cloud.otlp_uploader import OtlpUploader
from netwatch_tray.cloud.spool import Spool
from netwatch_tray.cloud.upload_service import Resolved, UploadService
from netwatch_tray.cloud.uploader import Uploader
from netwatch_tray.engine.connections import ConnectionTable
from netwatch_tray.engine.events import Outcome
from netwatch_tray.engine.scheduler import Scheduler
from netwatch_tray.errors import Message, NetWatchError, joined
from netwatch_tray.event import Event
from netwatch_tray.settings import Otlp, Upload

_MAX_EVENTS = 100
"""Most events held in memory while they cannot be written to the spool."""


def measured_by(otlp: Otlp) -> Upload:
    """Return settings of uploading under which a SnapshotCollector measures what the metrics need.

    No metric needs connections, and events are sent as log records, not in snapshots.
    """
    return msgspec.structs.replace(_as_upload(otlp), level="apps" if otlp.level == "events" else otlp.level)


def _as_upload(otlp: Otlp) -> Upload:
    return Upload(
        on=otlp.on,
        endpoint=otlp.endpoint,
        interval=otlp.interval,
        level=otlp.level,
        hide_addresses=otlp.hide_addresses,
        hide_names=otlp.hide_names,
        all_interfaces=otlp.all_interfaces,
    )


class OtlpService(UploadService):
    """Exports from its construction until `stop`. The agent has one only while the export is turned on."""

    def __init__(
        self,
        scheduler: Scheduler,
        otlp: Otlp,
        environment: Mapping[str, str],
        connections: Callable[[], ConnectionTable | None],
        notify: Callable[[Message], None],
        *,
        shared: SharedReadings | None = None,
        after: UploadService | None = None,
    ) -> None:
        """`otlp`: the settings of the export. The other arguments are as in UploadService."""
        self._otlp = otlp
        self._encoder = MetricsEncoder()
        self._resource: Attributes = {}
        self._identity: Identity | None = None
        self._logs: OtlpUploader | None = None
        self._events: deque[Event] = deque(maxlen=_MAX_EVENTS)
        """Events that are not in the spool yet."""
        super().__init__(scheduler, _as_upload(otlp), environment, connections, notify, shared=shared, after=after)

    def take(self, outcome: Outcome) -> None:
        if self._upload.level == "events" and outcome.is_notable:
            self._events.append(outcome.events[-1])
            self._store_soon()

    @property
    def status(self) -> Message:
        fault = self._logs.state().fault if self._logs is not None else None
        return joined([super().status, fault]) if fault and fault != super().fault else super().status

    @property
    def fault(self) -> Message | None:
        return super().fault or (self._logs.state().fault if self._logs is not None else None)

    def stop(self, *, drain: bool) -> None:
        if self._logs is not None:
            self._logs.stop(drain=drain)
        super().stop(drain=drain)

    def _connect(self) -> Resolved:
        metrics = otlp_target.target(self._otlp, "metrics", self._environment)
        self._identity = identity = otlp_target.identity(metrics.endpoint)
        with self._opened(paths.otlp_spool_file()) as spool:
            collector = SnapshotCollector(measured_by(self._otlp), identity, all_moved=True, shared=self._shared)
            self._resource = otlp_target.resource(collector.host(), self._environment)
            uploader = OtlpUploader(spool, metrics, "metrics", identity.host_id, notify=self._notify_soon)
            if self._upload.level == "events":
                logs = otlp_target.target(self._otlp, "logs", self._environment)
                self._logs = OtlpUploader(spool, logs, "logs", _stream_of_logs(identity), notify=self._notify_soon)
            return Resolved(str(metrics.endpoint), self._otlp.interval, collector, uploader)

    def _begin(self, found: Resolved) -> None:
        super()._begin(found)
        if self._logs is not None:
            self._logs.start()

    def _encode(self, snapshot: wire.Snapshot) -> bytes:
        return self._encoder.encode(snapshot, self._resource)

    def _store(self, collector: SnapshotCollector, spool: Spool, uploader: Uploader) -> Message | None:
        fault = super()._store(collector, spool, uploader)
        while fault is None and self._events and self._logs is not None and self._identity is not None:
            event = self._events.popleft()
            element = log_element(event, self._upload, self._identity, self._resource, time.time())
            try:
                spool.append(_stream_of_logs(self._identity), event.last, element, self._scope)
            except NetWatchError as error:
                self._events.appendleft(event)
                fault = error.message
            else:
                self._logs.wake()
        return fault

    def _stored(self, fault: Message | None) -> None:
        super()._stored(fault)
        if fault is None and self._events:  # they came meanwhile
            self._store_soon()

    def _end(self) -> None:
        if self._logs is not None:
            self._logs.wait()
        super()._end()


def _stream_of_logs(identity: Identity) -> str:
    return f"{identity.host_id} logs"
