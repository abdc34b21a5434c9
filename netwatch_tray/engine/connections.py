"""The table of connections: turns each reading of the sockets into rows with owner and rates, and into bytes by app.

A sample is one reading of all sockets. The key of a socket is its cookie in hexadecimal, where the system has cookies.
The owner of a new socket (its process) is searched for in small steps; until then its app is `SEARCHING`.
"""

from __future__ import annotations

import gc
import math
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from netwatch_tray.collect import own_sockets
from netwatch_tray.collect.country import Countries
from netwatch_tray.collect.hosts_file import HostsFile
from netwatch_tray.collect.namespaces import shares_network
from netwatch_tray.collect.process import Process, ProcessFinder
from netwatch_tray.collect.processes import open_finder
from netwatch_tray.collect.sockets import Socket, SocketSample
from netwatch_tray.engine.apps import SEARCHING, UNSEEN, AppName
from netwatch_tray.engine.entries import UNMOVED, Departed, Ended, Entry, Listeners
from netwatch_tray.engine.ledger import AppInterval, AppLedger
from netwatch_tray.engine.owners import Owners
from netwatch_tray.engine.routes import Routes
from netwatch_tray.engine.rows import ConnectionChanges, Rows
from netwatch_tray.kinds import TcpState
from netwatch_tray.model import App, Connection, Traffic

if TYPE_CHECKING:
    from netwatch_tray.engine.app_hosts import AppHosts
    from netwatch_tray.engine.hosts import Hosts

_LONGEST_INTERVAL = 30.0
"""Seconds between two samples up to which rates are computed. Beyond, the machine slept or nobody read the sockets."""
_SEARCH_WITHIN_UPDATE = 0.01
"""Seconds of each update spent on the search for owners; enough for a new connection of a program that has others."""

_LONGEST_SEARCH = 10.0
"""Seconds after which the bytes of a socket without a known owner are booked for its presumed owner."""
_ORPHANS_PERIOD = 10.0
"""Seconds between searches for sockets whose process exited; see `_look_for_orphans`."""
_MOST_DEPARTED = 4096
"""Most closed sockets whose counters are kept, because the socket may be listed again or its last bytes come later."""
_BURST = 2000
"""Number of sockets open at a time from which on their memory is given back when most are closed; takes about 20 ms."""

NOWHERE = Routes({}, {})
"""Routes without any interface: every connection that is not loopback counts as crossing an uplink."""


class ConnectionTable:
    """All connections as of the last sample, and the bytes of each app since the start."""

    def __init__(
        self,
        finder: ProcessFinder | None = None,
        now: Callable[[], float] = time.time,
        countries: Countries | None = None,
        hosts_file: HostsFile | None = None,
        shares_network: Callable[[int], bool | None] = shares_network,
        app_hosts: AppHosts | None = None,
    ) -> None:
        """`now`: returns the Unix time. `shares_network`: returns whether a PID is in this network namespace.
        `app_hosts`: stores the bytes of each app by remote host; None: they are not stored."""
        self._finder = finder or open_finder()
        self.owners = Owners(self._finder, shares_network)
        self._rows = Rows(self._finder, self.owners, countries, hosts_file)
        self._app_hosts = app_hosts
        self._now = now
        self._entries: dict[str, Entry] = {}
        self._last_boottime: float | None = None
        self._unsettled: set[str] = set()
        """Keys of connections whose rate was computed at the last sample; set to 0 if the next one lists no change."""
        self._touched: set[str] = set()
        """Keys of connections whose row must be made again at the end of `update`."""
        self._listeners = Listeners()
        self._searching: dict[str, float] = {}
        """Deadlines of the searches for owners (boot-time clock) by key of the socket, earliest first."""
        self._most = 0
        """The highest number of open sockets since `_give_back_memory` last freed memory."""
        self._ending: dict[str, float] = {}
        """Boot-time clock at which a connection ended, by key, while its owner is still being searched for."""
        self.ended: tuple[Ended, ...] = ()
        """The connections whose end the last sample reported; empty for sources that report no ends."""
        self._departed: dict[str, Departed] = {}
        """Closed sockets that may be listed again, oldest first; see `update`."""
        self._ended: set[int] = set()
        """PIDs of processes that exited, whose sockets `_look_for_orphans` has already searched for again."""
        self._last_look_for_orphans = 0.0
        self._routes = NOWHERE
        self._ledger = AppLedger()
        self.hosts: Hosts | None = None
        """Names of the remote hosts; None if there is no source of them."""

    @property
    def interval(self) -> AppInterval:
        """Return the bytes of all apps between the last two samples."""
        return self._ledger.interval

    def update(
        self,
        sample: SocketSample,
        routes: Routes = NOWHERE,
        *,
        is_monotonic: bool = True,
        is_last: bool = False,
    ) -> ConnectionChanges:
        """Update table and ledger with a reading of the sockets. Return the rows that changed.

        `is_monotonic`: whether counters of the source never fall, see ConnectionSource. A closed socket that is listed
        again, or whose last bytes are reported later, continues from its highest counters, so that no byte is counted
        twice. `is_last`: whether this is the last sample, so that all bytes must be booked now.
        """
        elapsed, is_first = self._elapsed(sample.boottime), self._last_boottime is None
        self._last_boottime = sample.boottime
        self._reroute(routes)
        for key in self._unsettled - sample.changed.keys():
            self._settle(key)
        search_until = sample.boottime + _LONGEST_SEARCH
        for key, found in sample.changed.items():
            self._change(key, found, elapsed, search_until, is_first=is_first)
        gone = self._remove(sample.removed, may_return=not is_monotonic)
        if sample.boottime - self._last_look_for_orphans >= _ORPHANS_PERIOD:
            self._last_look_for_orphans = sample.boottime
            self._look_for_orphans()
        self.search(_SEARCH_WITHIN_UPDATE)
        self._give_up_searching(math.inf if is_last else sample.boottime)
        self._note_ended(sample.ended, gone)
        self._ledger.close_interval(elapsed, overrun=sample.overrun)
        added, changed, waiting = [], [], set()
        for key in self._touched:
            entry = self._entries.get(key)
            if entry is None:
                continue
            before, entry.row = entry.row, self._rows.row(key, entry, routes, self.hosts)
            if entry.unbooked is not UNMOVED and not self._book(key, entry, is_last=is_last):
                waiting.add(key)
            if before is None:
                added.append(entry.row)
            elif before != entry.row:
                changed.append(entry.row)
        self._touched = waiting
        self._give_back_memory()
        removed = tuple(key for key, entry in gone.items() if entry.row is not None)
        return ConnectionChanges(added=tuple(added), changed=tuple(changed), removed=removed)

    def search(self, budget_s: float) -> bool:
        """Continue the search for the owners of sockets for about `budget_s` seconds. Return whether some remain."""
        for key, process in self._finder.search(budget_s).items():
            entry = self._entries.get(key)
            # A repeated search without a result does not replace the owner found before.
            if entry is not None and (process is not None or entry.process is None):
                if process is None and entry.app is SEARCHING and self._listeners.will_accept(entry.found):
                    continue
                self._assign(key, entry, process)
        return self._finder.is_searching

    def name_peers(self, cookies: Iterable[int]) -> None:
        """Include the rows of these sockets in the next update, because names of their peers are known now."""
        for cookie in cookies:
            entry = self._entries.get(f"{cookie:x}")
            if entry is not None:
                self._touched.add(f"{cookie:x}")
                self._touched.update(entry.peers)

    def entry(self, key: str) -> Entry | None:
        """Return the entry of an open socket as of the last sample, or `None` if there is no socket with this key."""
        return self._entries.get(key)

    def rows(self) -> tuple[Connection, ...]:
        """Return all connections as of the last sample."""
        return tuple(entry.row for entry in self._entries.values() if entry.row is not None)

    def apps(self) -> tuple[App, ...]:
        """Return all apps with connections or bytes; rates are those of the last interval."""
        return self._ledger.apps()

    def app_of(self, cookie: int) -> tuple[str, str] | None:
        """Return key and name of the app that owns a socket, or else of the app that created it; `None` if unknown."""
        key = f"{cookie:x}"
        entry = self._entries.get(key)
        if entry is not None and entry.app is not SEARCHING:
            return entry.app.key, entry.app.name
        creator = self.owners.creator(key)
        return None if creator is None else (creator[0].key, creator[0].name)

    def app_name(self, key: str) -> str | None:
        """Return the name of the app with this key, or `None` if there is no such app."""
        return self._ledger.name_of(key)

    def states(self) -> dict[TcpState, int]:
        """Return the number of TCP sockets in each state."""
        return Counter(entry.found.state for entry in self._entries.values() if entry.found.state is not None)

    def _elapsed(self, boottime: float) -> float | None:
        if self._last_boottime is None:
            return None
        elapsed = boottime - self._last_boottime
        return elapsed if 0 < elapsed <= _LONGEST_INTERVAL else None

    def _reroute(self, routes: Routes) -> None:
        if routes is self._routes:
            return
        self._routes = routes
        for key, entry in self._entries.items():
            route = routes.of(entry.found)
            if route != entry.route or (entry.row is not None and entry.row.scope != routes.scope(entry.found)):
                entry.route = route
                self._touched.add(key)

    def _settle(self, key: str) -> None:
        """Set the rates of a connection to 0, because the new sample lists no change of its counters."""
        self._unsettled.discard(key)
        entry = self._entries.get(key)
        if entry is not None and (entry.rx_rate, entry.tx_rate) != (0.0, 0.0):
            entry.rx_rate = entry.tx_rate = 0.0
            self._touched.add(key)

    def _change(self, key: str, found: Socket, elapsed: float | None, search_until: float, *, is_first: bool) -> None:
        self._touched.add(key)
        entry = self._entries.get(key)
        if entry is None:
            entry = Entry(found, self._routes.of(found), None if is_first else self._now())
            entry.name_by = search_until
            departed = self._departed.pop(key, None)
            if departed is not None:
                entry.rx, entry.tx = departed.rx, departed.tx
            self._entries[key] = entry
            whole = None if found.part_of is None else self._entries.get(found.part_of)
            if whole is None:
                self._count(entry, joins=True)
                self._searching[key] = search_until
                self._finder.look_for({key: found})
            else:
                whole.peers += (key,)
                entry.app, entry.process = whole.app, whole.process
                self._count(entry, joins=True)
            if found.state == TcpState.LISTEN:
                self._listeners.add(key, entry)
        elif found.inode != entry.found.inode and found.inode is not None:  # only now did a program accept it
            self._finder.look_for({key: found})
        if (found.remote_address, found.remote_port) != (entry.found.remote_address, entry.found.remote_port):
            self._book(key, entry, is_last=True)
            entry.host = None
        self._renew(entry, found)
        # Counters start with the connection: of one that is new, all of it was since the last sample.
        traffic = entry.advance(found)
        if traffic is None:
            entry.rx_rate = entry.tx_rate = None
            self._unsettled.discard(key)
            return
        self._unsettled.add(key)
        if elapsed is None:
            entry.rx_rate = entry.tx_rate = None
        else:
            entry.rx_rate, entry.tx_rate = traffic.rx / elapsed, traffic.tx / elapsed
        if not is_first:
            self._credit(key, entry, traffic)

    def _remove(self, removed: Mapping[str, Socket], *, may_return: bool) -> dict[str, Entry]:
        """Remove closed sockets and book their last bytes, also of those that opened and closed between two samples.
        Return the entry of each by key. `may_return`: whether the source may list them again."""
        entries = {}
        for key, gone in removed.items():
            entry = self._entries.pop(key, None)
            self._unsettled.discard(key)
            if entry is None:
                entries[key] = self._credit_passing(key, gone)
                continue
            entries[key] = entry
            self._listeners.remove(key, entry.found.local_port)
            if entry.app is SEARCHING:
                self._hand_over(key, entry, *self._presumed_owner(key, gone))
            self._credit(key, entry, entry.advance(gone) or UNMOVED)
            self._book(key, entry, is_last=True)
            self._count(entry, joins=False)
            if gone.part_of is not None and (whole := self._entries.get(gone.part_of)) is not None:
                whole.peers = tuple(each for each in whole.peers if each != key)
            elif gone.protocol == "UDP":  # its last bytes may come later
                self.owners.remember(key, entry.app, entry.process)
            if (may_return or gone.state != TcpState.CLOSED) and (entry.rx or entry.tx):
                self._departed[key] = Departed(entry.rx, entry.tx, entry.app, entry.process)
        while len(self._departed) > _MOST_DEPARTED:
            del self._departed[next(iter(self._departed))]
        self._finder.forget(removed)
        return entries

    def _credit_passing(self, key: str, gone: Socket) -> Entry:
        """Book the bytes of a closed socket that is not in the table, because it opened and closed between two samples
        or is reported a second time. Bytes already booked are not booked again. Return an entry for it."""
        own_key, passing = key, Entry(gone, self._routes.of(gone), None)
        departed = self._departed.pop(key, None)
        whole = None if gone.part_of is None else self._entries.get(gone.part_of)
        if departed is not None:
            passing.rx, passing.tx = departed.rx, departed.tx
            passing.app, passing.process = departed.app, departed.process
        elif whole is not None and gone.part_of is not None:
            key, passing.app, passing.process = gone.part_of, whole.app, whole.process
        elif self.owners.creator(gone.part_of or key) is None and (listening := self._listeners.of(gone)) is not None:
            key, passing.app = listening[0], listening[1].app
        else:
            passing.app, passing.process = self._presumed_owner(key, gone)
        self._credit(key, passing, passing.advance(gone) or UNMOVED)
        if departed is not None and gone.state != TcpState.CLOSED:
            self._departed[own_key] = Departed(passing.rx, passing.tx, passing.app, passing.process)
        if not self._book(own_key, passing, is_last=True):
            # Held until the owner of this socket is known, whose own peer it is not.
            holder = self._entries[key]
            holder.unbooked = holder.unbooked.plus(passing.unbooked)
            self._touched.add(key)
        return passing

    def _note_ended(self, ended: Mapping[str, float], gone: Mapping[str, Entry]) -> None:
        """Set the attribute `ended` from the sample's ends (boot-time clock by key). A connection whose owner may still
        be found is kept for a later call. `gone`: entries that this sample removed."""
        self._ending.update(ended)
        found = []
        for key, boottime in list(self._ending.items()):
            entry = gone.get(key) or self._entries.get(key)
            if entry is not None and entry.app is SEARCHING:
                continue
            del self._ending[key]
            if entry is not None and entry.found.remote_address is not None:
                found.append(self._end_of(key, entry, entry.found.remote_address, boottime))
        self.ended = tuple(found)

    def _end_of(self, key: str, entry: Entry, remote: str, boottime: float) -> Ended:
        is_incoming = entry.found.is_incoming
        return Ended(
            app=entry.app,
            pid=entry.pid,
            remote=self._rows.peer(key, entry, self._routes, self.hosts).name or remote,
            port=entry.found.remote_port,
            is_incoming=self._listeners.of(entry.found) is not None if is_incoming is None else is_incoming,
            is_own=own_sockets.is_own(key),
            crosses_uplink=entry.route.crosses_uplink,
            moved=Traffic(entry.rx, entry.tx),
            boottime=boottime,
        )

    def _look_for_orphans(self) -> None:
        """Search again for the owners of sockets whose process exited: a child may have inherited them (`ssh -f`)."""
        ended = self._finder.ended({entry.pid for entry in self._entries.values() if entry.pid is not None})
        new, self._ended = ended - self._ended, ended
        if new:
            self._finder.look_for(
                {
                    key: entry.found
                    for key, entry in self._entries.items()
                    if entry.pid in new and entry.found.part_of is None
                }
            )

    def _assign(self, key: str, entry: Entry, process: Process | None) -> None:
        """Assign a socket to the app of `process`, or to its presumed owner if `process` is None."""
        if process is None:
            app, process = self._presumed_owner(key, entry.found)
        else:
            app = self.owners.app_of(process)
        self._hand_over(key, entry, app, process)

    def _hand_over(self, key: str, entry: Entry, app: AppName, process: Process | None) -> None:
        """Make `app` the owner of a socket: bytes that were held for it are booked for this app, as are later ones."""
        self._touched.add(key)
        self._book(key, entry, is_last=True)
        self._count(entry, joins=False)
        if entry.app is SEARCHING:
            self._searching.pop(key, None)
            self._ledger.release(key, app, None if process is None else process.pid)
        entry.app, entry.process = app, process
        self._count(entry, joins=True)
        for peer in entry.peers:
            if peer in self._entries:
                self._hand_over(peer, self._entries[peer], app, process)

    def _renew(self, entry: Entry, found: Socket) -> None:
        if found.state != entry.found.state:
            self._count(entry, joins=False)
            entry.found = found
            self._count(entry, joins=True)
        entry.found = found

    def _count(self, entry: Entry, *, joins: bool) -> None:
        if not entry.is_over:
            (self._ledger.join if joins else self._ledger.leave)(entry.app, entry.pid)

    def _give_up_searching(self, boottime: float) -> None:
        """Assign sockets whose deadline in `_searching` is over to their presumed owners. The search goes on and may
        still replace these."""
        overdue = []
        for key, deadline in self._searching.items():
            if deadline > boottime:
                break
            overdue.append(key)
        for key in overdue:
            self._assign(key, self._entries[key], None)

    def _presumed_owner(self, key: str, found: Socket) -> tuple[AppName, Process | None]:
        """Return the owner to use for a socket without a process: its creator if the helper reported it, else its
        systemd unit or user, else the app that listens on its port, else `UNSEEN`."""
        creator = self.owners.creator(found.part_of or key)
        if creator is not None:
            return creator
        app = self.owners.presumed(found)
        if app is None and (listening := self._listeners.of(found)) is not None and listening[1].app is not SEARCHING:
            app = listening[1].app
        return app or UNSEEN, None

    def _credit(self, key: str, entry: Entry, traffic: Traffic) -> None:
        if traffic is UNMOVED:
            return
        crosses, is_udp = entry.route.crosses_uplink, entry.found.protocol == "UDP"
        if crosses and self._routes.stays_local(entry.found, entry.route):
            self._ledger.note_lan(traffic)
        if entry.app is SEARCHING:
            self._ledger.hold(key, traffic, crosses_uplink=crosses, is_udp=is_udp)
        else:
            self._ledger.credit(entry.app, entry.pid, traffic, crosses_uplink=crosses, is_udp=is_udp)
        if self._app_hosts is not None and crosses:
            entry.unbooked = entry.unbooked.plus(traffic)

    def _book(self, key: str, entry: Entry, *, is_last: bool) -> bool:
        """Store new bytes by remote host. Return False if they wait for owner or name. `is_last`: not for the name."""
        if entry.unbooked is UNMOVED or self._app_hosts is None:
            return True
        if entry.app is SEARCHING:
            return False
        peer = self._rows.peer(key, entry, self._routes, self.hosts)
        may_be_named = peer.name is None and peer.address is not None and self.hosts is not None
        if may_be_named and not is_last and entry.name_by > (self._last_boottime or 0.0):
            return False
        self._app_hosts.book(entry.app.key, peer, entry.unbooked)
        entry.unbooked = UNMOVED
        return True

    def _give_back_memory(self) -> None:
        """Free memory after most of many sockets closed: otherwise dicts keep the memory of their largest size."""
        count = len(self._entries)
        self._most = max(self._most, count)
        if self._most >= _BURST and count <= self._most // 4:
            self._most = count
            self._entries, self._searching = dict(self._entries), dict(self._searching)
            self._unsettled, self._departed = set(self._unsettled), dict(self._departed)
            gc.collect()
