"""Publishes the connection list while somebody looks at it."""

from __future__ import annotations

import threading
from collections.abc import Callable

from netwatch_tray.collect.connections import ConnectionSource, SocketSample, open_source
from netwatch_tray.engine.connections import ConnectionTable
from netwatch_tray.engine.scheduler import Scheduler, Timer
from netwatch_tray.errors import CollectError, UnsupportedError
from netwatch_tray.feed.protocol import ConnectionsMessage

PERIOD = 2.0
"""Seconds between readings."""


class ConnectionPublisher:
    """Reads the source in a thread of its own, one reading at a time, between `start` and `stop`."""

    def __init__(self, scheduler: Scheduler, publish: Callable[[ConnectionsMessage], None]) -> None:
        self._scheduler = scheduler
        self._publish = publish
        self._table = ConnectionTable()
        self._source: ConnectionSource | None = None
        self._fault: str | None = None
        self._timer: Timer | None = None
        self._reading = False
        self._read_once = False

    def start(self) -> None:
        """Reads at once and then every PERIOD seconds; again while started: nothing."""
        if self._timer is None:
            self._timer = self._scheduler.every(PERIOD, self._begin)
            self._begin()

    def stop(self) -> None:
        """No reading begins after this. The table is forgotten: it would be old when the next person looks."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._source is not None and not self._reading:
            self._source.close()
            self._source = None
        self._table, self._read_once = ConnectionTable(), False

    def everything(self) -> ConnectionsMessage | None:
        """The whole list, for a fresh subscriber; None before the first reading: the list is on its way."""
        if not self._read_once and self._fault is None:
            return None
        changes = self._table.reset()
        return ConnectionsMessage(reset=True, added=changes.added, source=self._source_name(), fault=self._fault)

    def _begin(self) -> None:
        if self._reading:  # the one before is late: its result is as good as the next one's
            return
        try:
            self._source = self._source or open_source()
        except UnsupportedError as error:
            self._failed(str(error))
            return
        self._reading = True
        threading.Thread(target=self._read, args=(self._source,), name="connections", daemon=True).start()

    def _read(self, source: ConnectionSource) -> None:
        """In the thread: everything but the reading itself is handed back to the loop."""
        try:
            sample = source.read()
        except CollectError as error:
            message = str(error)
            self._scheduler.call_soon(lambda: self._finished(source, None, message))
        else:
            self._scheduler.call_soon(lambda: self._finished(source, sample, None))

    def _finished(self, source: ConnectionSource, sample: SocketSample | None, fault: str | None) -> None:
        self._reading = False
        if self._timer is None:  # nobody looks any more
            source.close()
            self._source = None
        elif sample is None:
            self._failed(fault)
        else:
            first, self._read_once, self._fault = not self._read_once, True, None
            changes = self._table.update(sample)
            self._publish(
                ConnectionsMessage(
                    reset=first,
                    added=changes.added,
                    changed=changes.changed,
                    removed=changes.removed,
                    source=source.name,
                )
            )

    def _failed(self, fault: str | None) -> None:
        if fault != self._fault:
            self._fault = fault
            self._publish(ConnectionsMessage(source=self._source_name(), fault=fault))

    def _source_name(self) -> str | None:
        return self._source.name if self._source else None
