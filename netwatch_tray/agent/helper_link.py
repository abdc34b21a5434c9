"""The agent's connection to the helper: when to read it, and where its readings go."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from netwatch_tray import clock
from netwatch_tray.engine.scheduler import READ, Scheduler
from netwatch_tray.errors import Message, joined, message

if TYPE_CHECKING:
    from netwatch_tray.collect.helper_client import HelperClient
    from netwatch_tray.collect.helper_readings import Reading

_PERIOD = 5.0
"""Seconds."""
_PATIENCE, _PATIENCE_AFTER_NONE = 0.2, 0.02
"""Seconds that the loop waits for a response when the sockets are read, and how long if there was none the last time.
It usually takes one or two thousandths, and longer beside busy processes. Without it the makers of sockets that have
closed would be unknown."""


def describe(client: HelperClient | None) -> Message:
    """Return what the helper provides, or why there is none."""
    if client is None:
        return message("The helper is not set up.")
    if client.reason is not None:
        return client.reason
    if client.info is None:
        return message("The helper is starting.")
    running = message("Running, process {pid}: bytes of UDP and QUIC, names of hosts.", pid=client.info.pid)
    limits = []
    if not client.info.is_whole_system:
        limits.append(message("It counts the programs of this container only."))
    if not client.info.reports_ends:
        limits.append(message("This kernel does not let it report the last bytes of TCP connections."))
    elif not client.info.reports_elsewhere:
        limits.append(message("TCP of containers is counted on Linux 5.15 and newer."))
    return joined([running, *limits])


def status_of(link: HelperLink | None) -> Message:
    """Return what the helper provides, or why there is none. `link`: None where the sockets have no cookies."""
    if link is None:
        return message("The helper needs Linux, with sockets listed by sock_diag.")
    return link.status


def is_offered(link: HelperLink | None) -> bool:
    """Return whether a helper could be set up here, and is not."""
    return link is not None and not link.is_set_up and "FLATPAK_ID" not in os.environ


class HelperLink:
    """The link to the helper. It requests a reading every five seconds, because the helper keeps only some 500 packets,
    and the process that made a socket may exit soon. Without a helper, no module of its client is loaded."""

    def __init__(
        self,
        scheduler: Scheduler,
        connect: Callable[[], HelperClient | None],
        take: Callable[[Reading], None],
        lose: Callable[[], None],
    ) -> None:
        """`connect`: returns a client, or None if no helper is set up. `take`: called with each reading. `lose`: called
        when the connection to the helper is lost."""
        self._scheduler = scheduler
        self._connect, self._take_reading, self._lose = connect, take, lose
        self._client: HelperClient | None = None
        self._watched: int | None = None
        self._has_read = False
        self._answers = True
        """Whether the helper responded in time when the loop last waited for it."""
        self._requested_at = 0.0
        """Boot-time clock."""
        self.tick()

    @property
    def is_set_up(self) -> bool:
        """Return whether there is a helper to connect to, running or not."""
        return self._client is not None and self._client.is_set_up

    @property
    def status(self) -> Message:
        """Return what the helper provides, or why there is none."""
        return describe(self._client)

    def tick(self) -> None:
        """Request a reading every five seconds. Call once a second. What the helper sends is taken when it arrives."""
        now = clock.boottime()
        if now - self._requested_at < _PERIOD:
            return
        self._requested_at = now
        if self._client is None:
            self._client = self._connect()
        else:
            self._take()
            self._client.request()
        self._watch()

    def read(self) -> None:
        """Request a reading, and wait for it for a short time, so that the amounts are those up to now."""
        if self._client is not None and self._client.info is not None:
            self._requested_at = clock.boottime()
            reading = self._client.read(_PATIENCE if self._answers else _PATIENCE_AFTER_NONE)
            self._answers = reading is not None
            if reading is not None:
                self._has_read = True
                self._take_reading(reading)
            self._take()

    def close(self) -> None:
        if self._watched is not None:
            self._scheduler.unwatch(self._watched)
            self._watched = None
        if self._client is not None:
            self._client.close()

    def _take(self, _events: int = 0) -> None:
        if self._client is None:
            return
        while (reading := self._client.take()) is not None:
            self._has_read = True
            self._take_reading(reading)
        if self._client.info is None and self._has_read:
            self._has_read = False
            self._lose()
        self._watch()

    def _watch(self) -> None:
        """Watch the client's descriptor, which is another one after each connection."""
        descriptor = None if self._client is None else self._client.descriptor
        if descriptor == self._watched:
            return
        if self._watched is not None:
            self._scheduler.unwatch(self._watched)
        self._watched = descriptor
        if descriptor is not None:
            self._scheduler.watch(descriptor, READ, self._take)
