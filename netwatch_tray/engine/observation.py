"""Connections, apps and sums from all sources: combines table, routes, app ledger, helper and the uplinks' counters."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING

from netwatch_tray.collect.sockets import Socket, SocketSample
from netwatch_tray.collect.sources import Sources
from netwatch_tray.engine.connections import NOWHERE, ConnectionTable
from netwatch_tray.engine.ledger import AppInterval, Reconciliation, reconcile
from netwatch_tray.engine.monitor import Monitor
from netwatch_tray.engine.routes import Routes
from netwatch_tray.engine.rows import ConnectionChanges
from netwatch_tray.errors import ParseError
from netwatch_tray.model import Scope, Tick, Traffic

if TYPE_CHECKING:
    from netwatch_tray.collect.helper_readings import Reading
    from netwatch_tray.engine.app_hosts import AppHosts
    from netwatch_tray.engine.datagrams import Datagrams
    from netwatch_tray.engine.streams import Streams
    from netwatch_tray.engine.topology import Membership

_log = logging.getLogger(__name__)


class Observation:
    """Connections, apps and sums, updated with each reading. Not thread-safe.

    The caller passes ticks of the interfaces to `count`, samples of the sockets to `take`, and readings of the helper
    to `take_reading`. What the helper reports is merged into the next sample, so that only `take` changes the table.
    """

    def __init__(
        self,
        monitor: Monitor,
        sources: Sources | None = None,
        app_hosts: AppHosts | None = None,
        kept_names: bytes | None = None,
    ) -> None:
        """`monitor`: has the interfaces, and which of them are uplinks. `sources`: by default this machine's.
        `app_hosts`: stores the bytes of each app by remote host; None: they are not stored. `kept_names`: result of
        Hosts.packed of a previous run."""
        self._sources = sources = sources or Sources()
        self._monitor = monitor
        self.table = ConnectionTable(
            sources.finder(), sources.now, sources.countries(), sources.hosts_file(), app_hosts=app_hosts
        )
        self._routes = NOWHERE
        self._memberships: Mapping[int, Membership] | None = None
        """The mapping from which `_routes` was made; compared by identity."""
        self._uplink_rx = self._uplink_tx = 0
        """Bytes counted by the uplinks since the last reconciliation."""
        self._open: AppInterval | None = None
        """Bytes of the connections since the last reconciliation."""
        self._moved: AppInterval | None = None
        self._sums: Reconciliation | None = None
        self._datagrams: Datagrams | None = None
        self._streams: Streams | None = None
        """`_datagrams` and `_streams` are created by the first reading of a helper."""
        self._uncounted = self._uncounted_at_sums = Traffic()
        self._kept_names = kept_names

    @property
    def sums(self) -> Reconciliation | None:
        """Return how the bytes of the uplinks were divided among apps and remainder in the last interval; `None` if
        there was none yet, or it was too long."""
        return self._sums if self._sums is not None and self._sums.elapsed_s is not None else None

    @property
    def counts_udp(self) -> bool:
        """Return whether a helper counts UDP, so that its bytes are in the rows, apps and sums."""
        return self._datagrams is not None and self._datagrams.is_counting

    @property
    def uncounted(self) -> Traffic:
        """Return the UDP payload of the last interval that the helper could assign to no socket: part of
        `sums.other`."""
        return self._uncounted_at_sums

    def take_reading(self, reading: Reading) -> None:
        """Add a reading of the helper. It becomes visible with the next sample of sockets."""
        if self._datagrams is None or self._streams is None:
            # Loaded where a helper runs: they cost the agent memory.
            from netwatch_tray.engine.datagrams import Datagrams  # noqa: PLC0415
            from netwatch_tray.engine.hosts import Hosts  # noqa: PLC0415
            from netwatch_tray.engine.streams import Streams  # noqa: PLC0415

            self._datagrams, self._streams = Datagrams(), Streams()
            self.table.hosts = Hosts(self._sources.now)
            if self._kept_names is not None:
                try:
                    self.table.hosts.restore(self._kept_names)
                except ParseError as error:
                    _log.warning("%s", error)
                self._kept_names = None
        self._datagrams.count(reading, self.table.owners.note_creators(reading.owners))
        self._streams.count(reading)
        self._uncounted = self._uncounted.plus(Traffic(reading.losses.rx_bytes, reading.losses.tx_bytes))
        if self.table.hosts is not None:
            self.table.name_peers(self.table.hosts.take(reading.packets, reading.owners, self._process_of))

    def lose_helper(self) -> None:
        """Call this when the helper is lost. Until its next reading the bytes of UDP are unknown, and no reports of
        closed TCP connections are waited for."""
        if self._datagrams is not None:
            self._datagrams.stop()
        if self._streams is not None:
            self._streams.stop()

    def count(self, tick: Tick) -> None:
        """Add the bytes that the uplinks counted in a tick; `take` compares them with those of the connections."""
        self._uplink_rx += tick.total.rx_delta
        self._uplink_tx += tick.total.tx_delta

    def take(
        self, sample: SocketSample, *, is_monotonic: bool, with_tick: bool = True, is_last: bool = False
    ) -> ConnectionChanges:
        """Add a sample of the sockets. Return the rows that changed.

        `is_monotonic`: the attribute of the source, see ConnectionSource. `with_tick`: whether the interfaces were read
        at the same moment, so that both can be compared. `is_last`: whether no other sample follows, so that all bytes
        must be booked now.
        """
        if self._memberships is not self._monitor.memberships:
            self._memberships = self._monitor.memberships
            self._routes = Routes(self._monitor.interfaces, self._memberships)
        if self._datagrams is not None:
            sample = self._datagrams.merge(sample, self._routes.is_own)
            if dropped := self._datagrams.take_dropped():
                _log.warning("%d amounts of UDP were dropped; their bytes stay without an app", dropped)
        if self._streams is not None:
            sample = self._streams.merge(sample, self._socket_of, self._is_behind, is_last=is_last)
            if dropped := self._streams.take_dropped():
                _log.warning("%d reports of TCP connections were dropped; their bytes stay without an app", dropped)
        changes = self.table.update(sample, self._routes, is_monotonic=is_monotonic, is_last=is_last)
        interval = self.table.interval
        self._moved = self._moved.plus(interval) if self._moved else interval
        self._open = self._open.plus(interval) if self._open else interval
        # The bytes of the uplinks are known at ticks only, so a reading between two ticks cannot be compared with them.
        if with_tick or interval.elapsed_s is None:
            self._sums = reconcile(Traffic(self._uplink_rx, self._uplink_tx), self._open, self._sums)
            self._uplink_rx, self._uplink_tx, self._open = 0, 0, None
            self._uncounted_at_sums, self._uncounted = self._uncounted, Traffic()
        return changes

    def _process_of(self, cookie: int) -> int | None:
        entry = self.table.entry(f"{cookie:x}")
        return None if entry is None else entry.pid

    def _socket_of(self, key: str) -> Socket | None:
        entry = self.table.entry(key)
        return None if entry is None else entry.found

    def _is_behind(self, key: str, found: Socket) -> bool:
        return self._routes.is_inside(found.local_address) and self.table.owners.knows_maker(key, found)

    def scope_of(self, address: str) -> Scope | None:
        """Return how far away an address is (this machine, local network, Internet), as of the last sample; `None` if
        the text is not an address."""
        return self._routes.scope_of(address)

    def take_moved(self) -> AppInterval | None:
        """Return the bytes of all apps since the last call, or `None` if there was no sample since."""
        moved, self._moved = self._moved, None
        return moved
