"""The sources of all measurements of one machine. A recording is another set of them (recording.replay)."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from netwatch_tray.collect.connections import open_openings, open_refusals, open_source
from netwatch_tray.collect.country import Countries
from netwatch_tray.collect.hosts_file import HostsFile
from netwatch_tray.collect.interfaces import OpenedSource, open_interfaces
from netwatch_tray.collect.process import ProcessFinder
from netwatch_tray.collect.processes import open_finder
from netwatch_tray.collect.sockets import ConnectionSource, Openings, Refusals

if TYPE_CHECKING:
    from netwatch_tray.collect.helper_client import HelperClient


HELPER_SOCKET = "/run/netwatch-tray-helper.socket"
"""helper.protocol.SOCKET, repeated so that an agent without a helper does not load the protocol."""


class Sources:
    """The best sources of this machine, opened on request."""

    is_live = True
    """Whether the sources measure this machine now, rather than replay a recording."""
    speed: float = 1.0
    """Seconds of measurements per second."""
    _countries: Countries | None = None

    def now(self) -> float:
        """Return the Unix time of the measurements."""
        return time.time()

    def interfaces(self) -> OpenedSource:
        """Open the source of interface counters. Raise UnsupportedError if none works here."""
        return open_interfaces()

    def connections(self) -> ConnectionSource:
        """Open the source of sockets. Raise UnsupportedError if none works here."""
        return open_source()

    def openings(self) -> Openings | None:
        """Return a counter of opened connections that is cheap to read, or `None` if this system has none."""
        return open_openings()

    def refusals(self) -> Refusals | None:
        """Return a counter of packets that this machine refused.

        Return `None` if this system has no such counter, or this user may not read it.
        """
        return open_refusals()

    def finder(self) -> ProcessFinder:
        """Return the finder of socket owners."""
        return open_finder()

    def countries(self) -> Countries:
        """Return the lookup of countries by address, always the same object."""
        if self._countries is None:
            self._countries = Countries()
        return self._countries

    def hosts_file(self) -> HostsFile:
        """Return a new reader of the names that the administrator has given to addresses."""
        return HostsFile()

    def helper(self) -> HelperClient | None:
        """Return a client of the helper, or None if it is not set up."""
        if not os.path.exists(HELPER_SOCKET):  # noqa: PTH110  each five seconds
            return None
        from netwatch_tray.collect.helper_client import HelperClient  # noqa: PLC0415  half a megabyte

        return HelperClient(HELPER_SOCKET)
