"""The table of connections: what a source reads becomes rows with owners and rates, and each app's bytes."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping

import msgspec

from netwatch_tray.collect.processes import Process, ProcessFinder, UserNames, open_finder
from netwatch_tray.collect.sockets import Socket, SocketSample
from netwatch_tray.engine.apps import (
    SEARCHING,
    UNSEEN,
    AppLedger,
    AppName,
    Traffic,
    app_of,
    app_of_unit,
    app_of_user,
)
from netwatch_tray.engine.routes import Route, Routes
from netwatch_tray.model import App, Connection

_LONGEST_INTERVAL = 30.0
"""Seconds; beyond it the machine slept or nobody looked, and a mean over it would be no rate."""
_SEARCH_WITHIN_UPDATE = 0.01
"""Seconds; enough for the usual new connection of a program that has others."""

_PERIOD_OF_HEIRS = 10.0
"""Seconds."""
_MOST_PROCESSES = 2000
"""Whose app is remembered."""

NOWHERE = Routes({}, {})
"""No interface is known: only loopback can be told from the rest."""


class ConnectionChanges(msgspec.Struct, frozen=True, kw_only=True):
    """What a client needs to bring its list up to date; with `reset` it forgets everything first."""

    reset: bool = False
    added: tuple[Connection, ...] = ()
    changed: tuple[Connection, ...] = ()
    removed: tuple[str, ...] = ()
    """Keys."""


class Interval(msgspec.Struct, frozen=True, kw_only=True):
    """TCP payload between two samples, closed connections included."""

    elapsed_s: float | None
    """`None`: the first sample, or too long ago for a rate."""
    apps: Mapping[str, tuple[AppName, Traffic]]
    """Over the uplinks, by the app's key."""
    processes: Mapping[int, Traffic]
    """Over the uplinks, by pid."""
    local: Traffic
    """Over no uplink."""
    overrun: bool = False
    """Connections closed faster than the kernel could tell: last bytes of some are missing, and so in the remainder."""

    def plus(self, later: Interval) -> Interval:
        """Both as one, where `later` follows upon this."""
        apps = dict(self.apps)
        for key, (name, moved) in later.apps.items():
            apps[key] = (name, apps[key][1].plus(moved) if key in apps else moved)
        processes = dict(self.processes)
        for pid, moved in later.processes.items():
            processes[pid] = processes[pid].plus(moved) if pid in processes else moved
        known = self.elapsed_s is not None and later.elapsed_s is not None
        return Interval(
            elapsed_s=(self.elapsed_s or 0.0) + (later.elapsed_s or 0.0) if known else None,
            apps=apps,
            processes=processes,
            local=self.local.plus(later.local),
            overrun=self.overrun or later.overrun,
        )


class _Entry:
    """What is known of an open socket."""

    __slots__ = ("app", "counted", "found", "local", "process", "route", "row", "rx_rate", "since", "total", "tx_rate")

    def __init__(self, found: Socket, route: Route, since: float | None) -> None:
        self.found = found
        self.route = route
        self.since = since
        self.app = SEARCHING
        self.process: Process | None = None
        self.counted = Traffic()
        """The socket's counters when they were last told."""
        self.rx_rate: float | None = None
        self.tx_rate: float | None = None
        self.total = Traffic()
        """Credited to `app` so far, over uplinks …"""
        self.local = Traffic()
        """… and not."""
        self.row: Connection | None = None

    @property
    def pid(self) -> int | None:
        return None if self.process is None else self.process.pid


class ConnectionTable:
    """All connections as of the last sample, by key."""

    def __init__(self, finder: ProcessFinder | None = None, now: Callable[[], float] = time.time) -> None:
        """`finder`: who owns what; by default this system's. `now`: Unix time, seconds."""
        self._finder = finder or open_finder()
        self._now = now
        self._users = UserNames()
        self._entries: dict[str, _Entry] = {}
        self._last_boottime: float | None = None
        self._unsettled: set[str] = set()
        """Keys whose rate is not 0: unknown yet, or moving at the last sample."""
        self._touched: set[str] = set()
        """Keys whose row must be made again."""
        self._listeners: dict[int | None, _Entry] = {}
        """By port."""
        self._ended: set[int] = set()
        """Pids of owners that are no more, whose sockets were looked for again."""
        self._last_look_for_heirs = 0.0
        self._apps_of_processes: dict[Process, AppName] = {}
        self._routes = NOWHERE
        self._ledger = AppLedger()
        self._processes: dict[int, Traffic] = {}
        self._local = Traffic()
        self.interval = Interval(elapsed_s=None, apps={}, processes={}, local=Traffic())

    def update(self, sample: SocketSample, routes: Routes = NOWHERE) -> ConnectionChanges:
        """Takes in a sample; returns what that changed."""
        elapsed, is_first = self._elapsed(sample.boottime), self._last_boottime is None
        self._last_boottime = sample.boottime
        self._reroute(routes)
        for key in self._unsettled - sample.changed.keys():
            self._settle(key)
        for key, found in sample.changed.items():
            self._change(key, found, elapsed, is_first=is_first)
        removed = self._remove(sample.removed)
        if sample.boottime - self._last_look_for_heirs >= _PERIOD_OF_HEIRS:
            self._last_look_for_heirs = sample.boottime
            self._look_for_heirs()
        self.search(_SEARCH_WITHIN_UPDATE)
        self._close_interval(elapsed, overrun=sample.overrun)
        added, changed = [], []
        for key in self._touched:
            entry = self._entries.get(key)
            if entry is None:
                continue
            before, entry.row = entry.row, self._row(key, entry)
            if before is None:
                added.append(entry.row)
            elif before != entry.row:
                changed.append(entry.row)
        self._touched = set()
        return ConnectionChanges(added=tuple(added), changed=tuple(changed), removed=removed)

    def search(self, budget_s: float) -> bool:
        """Looks on for owners, for about that long; True: there is more to do, call again soon."""
        for key, process in self._finder.search(budget_s).items():
            entry = self._entries.get(key)
            # Where a search anew finds nobody, who had it before still says more.
            if entry is not None and (process is not None or entry.process is None):
                self._assign(key, entry, process)
        return self._finder.is_searching

    def reset(self) -> ConnectionChanges:
        """Everything, for a client that has nothing yet."""
        rows = (entry.row for entry in self._entries.values())
        return ConnectionChanges(reset=True, added=tuple(row for row in rows if row is not None))

    def apps(self) -> tuple[App, ...]:
        """All apps with connections or bytes; rates are those of the last interval."""
        return self._ledger.apps(self.interval.apps, self.interval.elapsed_s)

    def states(self) -> dict[str, int]:
        """How many TCP sockets are in each state."""
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
            if route != entry.route:
                entry.route = route
                self._touched.add(key)

    def _settle(self, key: str) -> None:
        """Nothing moved since the last sample."""
        self._unsettled.discard(key)
        entry = self._entries.get(key)
        if entry is not None and (entry.rx_rate, entry.tx_rate) != (0.0, 0.0):
            entry.rx_rate = entry.tx_rate = 0.0
            self._touched.add(key)

    def _change(self, key: str, found: Socket, elapsed: float | None, *, is_first: bool) -> None:
        self._touched.add(key)
        entry = self._entries.get(key)
        if entry is None:
            entry = _Entry(found, self._routes.of(found), None if is_first else self._now())
            self._entries[key] = entry
            self._ledger.join(SEARCHING, None)
            self._finder.look_for({key: found})
            if found.state == "LISTEN":
                self._listeners[found.local_port] = entry
        elif found.inode != entry.found.inode and found.inode is not None:  # only now did a program accept it
            self._finder.look_for({key: found})
        entry.found = found
        # Counters start with the connection: of one that is new, all of it was since the last sample.
        traffic = _traffic(entry, found)
        if traffic is None:
            entry.rx_rate = entry.tx_rate = None
            self._unsettled.discard(key)
            return
        self._unsettled.add(key)
        if elapsed is None:
            entry.rx_rate = entry.tx_rate = None
        else:
            entry.rx_rate, entry.tx_rate = max(0, traffic.rx) / elapsed, max(0, traffic.tx) / elapsed
        if not is_first:
            self._credit(entry, traffic)

    def _remove(self, removed: Mapping[str, Socket]) -> tuple[str, ...]:
        """Credits the last bytes; also those of connections that came and went unseen, to who listens there."""
        keys = []
        for key, gone in removed.items():
            entry = self._entries.pop(key, None)
            self._unsettled.discard(key)
            if entry is None:
                passing = _Entry(gone, self._routes.of(gone), None)
                passing.app = self._listening_app(gone) or UNSEEN
                self._credit(passing, _traffic(passing, gone) or Traffic())
                continue
            keys.append(key)
            if self._listeners.get(gone.local_port) is entry:
                del self._listeners[gone.local_port]
            if entry.app is SEARCHING:
                self._hand_over(entry, self._without_process(gone) or UNSEEN, None)
            self._credit(entry, _traffic(entry, gone) or Traffic())
            self._ledger.leave(entry.app, entry.pid)
        self._finder.forget(removed)
        return tuple(keys)

    def _look_for_heirs(self) -> None:
        """Sockets outlive the process that had them where it passed them on: `ssh -f`, a server that is replaced."""
        ended = self._finder.ended({entry.pid for entry in self._entries.values() if entry.pid is not None})
        new, self._ended = ended - self._ended, ended
        if new:
            self._finder.look_for({key: entry.found for key, entry in self._entries.items() if entry.pid in new})

    def _assign(self, key: str, entry: _Entry, process: Process | None) -> None:
        """Gives a socket, and what it has carried so far, to its app."""
        self._touched.add(key)
        if process is None:
            app = self._without_process(entry.found) or UNSEEN
        else:
            if process not in self._apps_of_processes:
                if len(self._apps_of_processes) >= _MOST_PROCESSES:
                    self._apps_of_processes.clear()
                self._apps_of_processes[process] = app_of(process, self._parent)
            app = self._apps_of_processes[process]
        self._hand_over(entry, app, process)

    def _hand_over(self, entry: _Entry, app: AppName, process: Process | None) -> None:
        self._ledger.leave(entry.app, entry.pid)
        if app != entry.app:
            self._ledger.move(entry.app, app, entry.total, entry.local)
        entry.app, entry.process = app, process
        self._ledger.join(app, entry.pid)

    def _without_process(self, found: Socket) -> AppName | None:
        """By what the kernel tells of everybody's sockets: the unit, the user, or else who listens on the port."""
        unit = self._unit(found)
        if unit is not None:
            return app_of_unit(unit)
        if found.uid is not None:
            return app_of_user(self._users[found.uid])
        return self._listening_app(found)

    def _unit(self, found: Socket) -> str | None:
        return None if found.cgroup is None else self._finder.unit(found.cgroup)

    def _parent(self, process: Process) -> Process | None:
        return None if process.parent is None else self._finder.process(process.parent)

    def _listening_app(self, found: Socket) -> AppName | None:
        listener = self._listeners.get(found.local_port)
        return None if listener is None else listener.app

    def _credit(self, entry: _Entry, traffic: Traffic) -> None:
        if not any(traffic):
            return
        crosses = entry.route.crosses_uplink
        self._ledger.credit(entry.app, traffic, crosses_uplink=crosses)
        if not crosses:
            entry.local = entry.local.plus(traffic)
            self._local = self._local.plus(traffic)
            return
        entry.total = entry.total.plus(traffic)
        pid = entry.pid
        if pid is not None:
            self._processes[pid] = self._processes.get(pid, Traffic()).plus(traffic)

    def _close_interval(self, elapsed: float | None, *, overrun: bool) -> None:
        self.interval = Interval(
            elapsed_s=elapsed,
            apps=self._ledger.close_interval(),
            processes=self._processes,
            local=self._local,
            overrun=overrun,
        )
        self._processes, self._local = {}, Traffic()

    def _row(self, key: str, entry: _Entry) -> Connection:
        found, process = entry.found, entry.process
        unit = process.unit if process is not None else self._unit(found)
        return Connection(
            key=key,
            protocol=found.protocol,
            local_address=found.local_address,
            local_port=found.local_port,
            remote_address=found.remote_address,
            remote_port=found.remote_port,
            state=found.state,
            pid=found.pid if process is None else process.pid,
            process=found.process if process is None else process.name,
            app=entry.app.key,
            uid=found.uid,
            user=None if found.uid is None else self._users[found.uid],
            unit=unit,
            interface=entry.route.interface,
            rx_bytes=found.rx_bytes,
            tx_bytes=found.tx_bytes,
            rx_rate=entry.rx_rate,
            tx_rate=entry.tx_rate,
            rtt_s=found.rtt_s,
            retransmits=found.retransmits,
            is_incoming=found.is_incoming,
            since=entry.since,
        )


def _traffic(entry: _Entry, found: Socket) -> Traffic | None:
    """What a socket carried since its counters were last told; `None`: they are not told."""
    if found.rx_bytes is None or found.tx_bytes is None:
        return None
    before, entry.counted = entry.counted, Traffic(found.rx_bytes, found.tx_bytes)
    return entry.counted.minus(before)
