"""Opens the sources of all measurements of this machine. A replay of a recording (recording.replay) has other sources
with the same methods."""

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
"""Same value as helper.protocol.SOCKET, so that an agent without a helper does not import the protocol."""


class Sources:
    """Opens the best sources of this machine, each when it is requested."""

    is_live = True
    """Whether the sources measure this machine now; False if they replay a recording."""
    speed: float = 1.0
    """How many seconds of measurements pass in a second of real time; 1 unless a recording is replayed."""
    _countries: Countries | None = None

    def now(self) -> float:
        """Return the Unix time now; during a replay, that of the recording."""
        return time.time()

    def interfaces(self) -> OpenedSource:
        """Open the source of interface counters. Raise UnsupportedError if none works here."""
        return open_interfaces()

    def connections(self) -> ConnectionSource:
        """Open the source of sockets. Raise UnsupportedError if none works here."""
        return open_source()

    def openings(self) -> Openings | None:
        """Return an object that counts opened connections and is cheap to read; None if this system has no such
        counter."""
        return open_openings()

    def refusals(self) -> Refusals | None:
        """Return an object that counts packets refused by this machine.

        None if this system has no such counter, or this user may not read it.
        """
        return open_refusals()

    def finder(self) -> ProcessFinder:
        """Return the finder of socket owners."""
        return open_finder()

    def countries(self) -> Countries:
        """Return the object that looks up the country of an address, the same one at each call."""
        if self._countries is None:
            self._countries = Countries()
        return self._countries

    def hosts_file(self) -> HostsFile:
        """Return a new object that looks up names of addresses in the hosts file."""
        return HostsFile()

    def helper(self) -> HelperClient | None:
        """Return a client of the helper, or None if it is not set up."""
        if not os.path.exists(HELPER_SOCKET):  # noqa: PTH110  each five seconds
            return None
        from netwatch_tray.collect.helper_client import HelperClient  # noqa: PLC0415  half a megabyte

        return HelperClient(HELPER_SOCKET)
