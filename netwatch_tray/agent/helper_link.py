"""The agent's connection to the helper: decides when to request a reading, and passes it on."""

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
"""Seconds between requests."""
_PATIENCE, _PATIENCE_AFTER_NONE = 0.2, 0.02
"""Seconds that `read` waits for a response: normally, and if there was none the last time. A response usually takes 1
to 2 ms, and longer on a busy machine. Without it the creators of sockets that have closed would be unknown."""


def describe(client: HelperClient | None) -> Message:
    """Return a message about what the helper provides, or why none is connected. `client`: None if none is set up."""
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
    """Return a message about what the helper provides, or why none is connected. `link`: None if the source of the
    sockets has no cookies, so that a helper would be of no use."""
    if link is None:
        return message("The helper needs Linux, with sockets listed by sock_diag.")
    return link.status


def is_offered(link: HelperLink | None) -> bool:
    """Return whether a helper could be used here but is not set up, so that the window may offer it."""
    return link is not None and not link.is_set_up and "FLATPAK_ID" not in os.environ


class HelperLink:
    """Requests a reading of the helper every five seconds. More rarely would lose data: the helper keeps about 500
    packets, and the process that created a socket may exit soon. Without a helper, no module of its client is
    loaded."""

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
        """Whether the helper responded in time at the last call of `read`."""
        self._requested_at = 0.0
        """Boot-time clock of the last request."""
        self.tick()

    @property
    def is_set_up(self) -> bool:
        """Return whether a helper is installed, whether or not it runs now."""
        return self._client is not None and self._client.is_set_up

    @property
    def status(self) -> Message:
        """Return a message about what the helper provides, or why none is connected."""
        return describe(self._client)

    def tick(self) -> None:
        """Request a reading if five seconds have passed since the last request. Call this once a second. The response
        is processed when it arrives."""
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
        """Request a reading and wait shortly for it. Called before the sockets are read, so that both are of one
        time."""
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
        """Make the loop watch the client's file descriptor, which changes whenever the client connects or
        disconnects."""
        descriptor = None if self._client is None else self._client.descriptor
        if descriptor == self._watched:
            return
        if self._watched is not None:
            self._scheduler.unwatch(self._watched)
        self._watched = descriptor
        if descriptor is not None:
            self._scheduler.watch(descriptor, READ, self._take)
