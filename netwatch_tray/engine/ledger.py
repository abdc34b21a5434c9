"""The bytes of each app. Each byte is booked (counted for an app, once and for good), so sums are exact. Pure.

All bytes here are payload of sockets (without headers). An interval is the time between two samples of the sockets.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import msgspec

from netwatch_tray.engine.apps import OTHERS, OTHERS_KEY, SEARCHING_KEY, UNSEEN_KEY, AppName
from netwatch_tray.model import App, Traffic

_MOST_APPS = 500
_NONE = Traffic()


class AppInterval(msgspec.Struct, frozen=True, kw_only=True):
    """The bytes that were booked in an interval, and those still held because the owner of their socket is unknown.

    Bytes of connections that closed in the interval are included, as are those of UDP while a helper counts them.
    """

    elapsed_s: float | None
    """Seconds between the samples; `None` for the first sample, and if the previous one is too long ago for a rate."""
    apps: Mapping[str, tuple[AppName, Traffic]]
    """Traffic over the uplinks in the interval, by app key."""
    processes: Mapping[int, Traffic]
    """Bytes over the uplinks that were booked in the interval, by PID."""
    local: Traffic
    """Traffic in the interval that crossed no uplink."""
    overrun: bool = False
    """Whether connections closed faster than the kernel could report. The last bytes of some are missing then, so they
    are part of the remainder (bytes of the uplinks without an app)."""
    late: Mapping[str, tuple[AppName, Traffic]] = {}
    """Like `apps`, but moved in earlier intervals, because the owner was found only now. Not part of any rate."""
    searching: Traffic = _NONE
    """Bytes over the uplinks in the interval that are not booked, because the owner is still being searched for. In a
    result of `plus`: those of the later interval."""
    held: Traffic = _NONE
    """All bytes over the uplinks that are not booked yet: `searching`, and those of earlier intervals."""
    lan: Traffic = _NONE
    """Bytes over the uplinks in the interval, booked or held, that are known to have stayed in the local network."""
    udp: Traffic = _NONE
    """Bytes of UDP over the uplinks in the interval, booked or held. Bytes booked for a tunnel's process are left out,
    because the connections inside the tunnel count them."""

    @property
    def amounts(self) -> Mapping[str, tuple[AppName, Traffic]]:
        """Return the bytes booked in the interval over the uplinks by app key: the sum of `apps` and `late`."""
        return _sum(self.apps, self.late) if self.late else self.apps

    def plus(self, later: AppInterval) -> AppInterval:
        """Return the sum of this interval and `later`, which follows it directly."""
        processes = dict(self.processes)
        for pid, moved in later.processes.items():
            processes[pid] = processes.get(pid, _NONE).plus(moved)
        known = self.elapsed_s is not None and later.elapsed_s is not None
        return AppInterval(
            elapsed_s=(self.elapsed_s or 0.0) + (later.elapsed_s or 0.0) if known else None,
            apps=_sum(self.apps, later.apps),
            processes=processes,
            local=self.local.plus(later.local),
            overrun=self.overrun or later.overrun,
            late=_sum(self.late, later.late),
            searching=later.searching,
            held=later.held,
            lan=self.lan.plus(later.lan),
            udp=self.udp.plus(later.udp),
        )


def _sum(
    one: Mapping[str, tuple[AppName, Traffic]], other: Mapping[str, tuple[AppName, Traffic]]
) -> dict[str, tuple[AppName, Traffic]]:
    summed = dict(one)
    for key, (name, moved) in other.items():
        summed[key] = (name, summed[key][1].plus(moved) if key in summed else moved)
    return summed


class _Account:
    """The bytes booked for an app, and its open connections."""

    __slots__ = ("app", "connections", "late", "local", "now", "pids", "total")

    def __init__(self, app: AppName) -> None:
        self.app = app
        self.connections = 0
        self.pids: Counter[int] = Counter()
        """Number of open connections by PID."""
        self.total = _NONE
        """Bytes over the uplinks since the start."""
        self.local = _NONE
        """Bytes that crossed no uplink, since the start."""
        self.now = _NONE
        """The part of `total` that moved and was booked in the current interval."""
        self.late = _NONE
        """The part of `total` that moved earlier and was booked in the current interval."""


class _Held:
    """The bytes of a socket whose owner is being searched for, so that they are not booked yet."""

    __slots__ = ("crossing", "late", "local")

    def __init__(self) -> None:
        self.crossing = _NONE
        """Bytes over the uplinks."""
        self.local = _NONE
        """Bytes that crossed no uplink."""
        self.late = _NONE
        """The part of `crossing` that moved before the current interval."""


class AppLedger:
    """The bytes of each app since the agent started, closed connections included.

    A byte is booked once and never moved. The bytes of a socket without a known owner are held under the socket's key
    until `release` names an app.
    """

    def __init__(self) -> None:
        self._accounts: dict[str, _Account] = {}
        self._held: dict[str, _Held] = {}
        self._processes: dict[int, Traffic] = {}
        self._local = self._udp = self._lan = _NONE
        self.interval = AppInterval(elapsed_s=None, apps={}, processes={}, local=_NONE)
        """The latest complete interval, as of `close_interval`."""

    def join(self, app: AppName, pid: int | None) -> None:
        """Add an open connection to the app."""
        account = self._account(app)
        account.connections += 1
        if pid is not None:
            account.pids[pid] += 1

    def leave(self, app: AppName, pid: int | None) -> None:
        """Remove a connection that was added by `join`: it closed, or it belongs to another app."""
        account = self._account(app)
        account.connections -= 1
        if pid is not None:
            account.pids[pid] -= 1
            if not account.pids[pid]:
                del account.pids[pid]

    def credit(
        self, app: AppName, pid: int | None, traffic: Traffic, *, crosses_uplink: bool, is_udp: bool = False
    ) -> None:
        """Book bytes of the current interval for an app, and for its process if `pid` is not None."""
        account = self._account(app)
        if crosses_uplink:
            if is_udp and not app.is_tunnel_process:
                self._udp = self._udp.plus(traffic)
            account.total = account.total.plus(traffic)
            account.now = account.now.plus(traffic)
            self._credit_process(pid, traffic)
        else:
            account.local = account.local.plus(traffic)
            self._local = self._local.plus(traffic)

    def hold(self, key: str, traffic: Traffic, *, crosses_uplink: bool, is_udp: bool = False) -> None:
        """Add bytes of the current interval to those held for the socket `key`, until `release` books them."""
        held = self._held.get(key)
        if held is None:
            held = self._held[key] = _Held()
        if crosses_uplink:
            if is_udp:
                self._udp = self._udp.plus(traffic)
            held.crossing = held.crossing.plus(traffic)
        else:
            held.local = held.local.plus(traffic)
            self._local = self._local.plus(traffic)

    def note_lan(self, traffic: Traffic) -> None:
        """Add to `AppInterval.lan`: bytes that stayed in the local network. `credit` or `hold` also gets them."""
        self._lan = self._lan.plus(traffic)

    def release(self, key: str, app: AppName, pid: int | None) -> None:
        """Book all bytes held for the socket `key`, because its owner is known now."""
        held = self._held.pop(key, None)
        if held is None:
            return
        account = self._account(app)
        account.total = account.total.plus(held.crossing)
        account.now = account.now.plus(held.crossing.minus(held.late))
        account.late = account.late.plus(held.late)
        account.local = account.local.plus(held.local)
        self._credit_process(pid, held.crossing)

    def close_interval(self, elapsed_s: float | None, *, overrun: bool = False) -> None:
        """Complete the current interval, make it the attribute `interval`, and begin the next one.

        `elapsed_s`: its length; None if no rate can be computed. `overrun`: see `AppInterval`.
        """
        moved, late = {}, {}
        for key, account in self._accounts.items():
            if any(account.now):
                moved[key] = (account.app, account.now)
                account.now = _NONE
            if any(account.late):
                late[key] = (account.app, account.late)
                account.late = _NONE
        searching, all_held = _NONE, _NONE
        for held in self._held.values():
            searching = searching.plus(held.crossing.minus(held.late))
            all_held = all_held.plus(held.crossing)
            held.late = held.crossing
        if len(self._accounts) > _MOST_APPS:
            self._fold_idle()
        self.interval = AppInterval(
            elapsed_s=elapsed_s,
            apps=moved,
            processes=self._processes,
            local=self._local,
            overrun=overrun,
            late=late,
            searching=searching,
            held=all_held,
            lan=self._lan,
            udp=self._udp,
        )
        self._processes, self._local, self._udp, self._lan = {}, _NONE, _NONE, _NONE

    def name_of(self, key: str) -> str | None:
        """Return the name of an app, or `None` if it has no account."""
        account = self._accounts.get(key)
        return None if account is None else account.app.name

    def apps(self) -> tuple[App, ...]:
        """Return all apps with open connections or bytes, with rates of the latest complete interval.

        Held bytes are those of the pseudo app `SEARCHING`.
        """
        found = []
        for key, account in self._accounts.items():
            now = self.interval.apps[key][1] if key in self.interval.apps else _NONE
            total, local = account.total, account.local
            if key == SEARCHING_KEY:
                now = self.interval.searching
                for held in self._held.values():
                    total, local = total.plus(held.crossing), local.plus(held.local)
            if account.connections or any(total) or any(local):
                found.append(_summary(account, total, local, now, self.interval.elapsed_s))
        return tuple(found)

    def _account(self, app: AppName) -> _Account:
        """Return the account of an app, created if missing, and make it the most recently used one."""
        account = self._accounts.pop(app.key, None)
        if account is None:
            account = _Account(app)
        self._accounts[app.key] = account
        return account

    def _credit_process(self, pid: int | None, traffic: Traffic) -> None:
        if pid is not None and any(traffic):
            self._processes[pid] = self._processes.get(pid, _NONE).plus(traffic)

    def _fold_idle(self) -> None:
        """Merge the least recently used accounts without connections into `OTHERS`, so that their number is bounded.

        It would grow without bound, because each run of a container or unit may be an app with a name of its own.
        """
        others = self._account(OTHERS)
        lasting = {OTHERS_KEY, UNSEEN_KEY, SEARCHING_KEY}
        idle = [key for key, account in self._accounts.items() if not account.connections and key not in lasting]
        for key in idle[: len(self._accounts) - _MOST_APPS * 9 // 10]:
            account = self._accounts.pop(key)
            others.total, others.local = others.total.plus(account.total), others.local.plus(account.local)


def _summary(account: _Account, total: Traffic, local: Traffic, now: Traffic, elapsed_s: float | None) -> App:
    return App(
        key=account.app.key,
        name=account.app.name,
        processes=len(account.pids),
        connections=account.connections,
        rx_bytes=total.rx,
        tx_bytes=total.tx,
        rx_rate=now.rx / elapsed_s if elapsed_s else None,
        tx_rate=now.tx / elapsed_s if elapsed_s else None,
        local_rx_bytes=local.rx,
        local_tx_bytes=local.tx,
        is_tunnel_process=account.app.is_tunnel_process,
    )


class Reconciliation(msgspec.Struct, frozen=True, kw_only=True):
    """How the bytes that the uplinks counted in an interval are divided: among apps, and the remainder (`other`).

    Exact to the byte, for each direction, where "before" is the previous interval:
    uplink + ahead + held before = apps + other + ahead before + held.
    """

    elapsed_s: float | None
    """Length of the interval in seconds; `None` if it is the first or too long for rates. Then the next interval does
    not use its `ahead`."""
    uplink: Traffic
    apps: Mapping[str, Traffic]
    """Payload over the uplinks booked in the interval, by key of the app. Connections of tunnel processes are left out,
    because the connections inside the tunnels are in here."""
    tcp: Traffic
    """TCP payload over the uplinks in the interval. `tcp` + `udp` = `apps` + the change of `held`, or 0 if that is
    negative, because held bytes turned out to be a tunnel's."""
    udp: Traffic
    """UDP payload over the uplinks in the interval; 0 if no helper counts it."""
    local: Traffic
    """Payload that crossed no uplink, so no part of `uplink`. If both ends of a connection are on this machine, each
    counts."""
    lan: Traffic
    """Payload over the uplinks that is known to have stayed in the local network, so at most `uplink` - `lan` went to
    the Internet. It is part of `tcp`, `udp` and the traffic of tunnels."""
    other: Traffic
    """The remainder, which no connection accounts for: headers, retransmissions, ICMP, forwarded traffic, and UDP while
    no helper counts it. It is never distributed over the apps."""
    ahead: Traffic
    """Payload that the sockets have counted, but not yet the interfaces, because it waits in a queue."""
    held: Traffic
    """Payload that is not booked at the end of the interval, because its owner is still being searched for."""


def reconcile(uplink: Traffic, interval: AppInterval, before: Reconciliation | None) -> Reconciliation:
    """Divide the bytes that the uplinks counted in an interval among its apps and the remainder.

    `uplink`: bytes that the uplinks counted. `interval`: what the sockets carried in the same time. `before`: the
    result for the previous interval, None if there is none.
    """
    apps = {key: traffic for key, (app, traffic) in interval.amounts.items() if not app.is_tunnel_process}
    held, held_before = interval.held, before.held if before else _NONE
    # Below 0 only where bytes that were held turn out to be a tunnel's.
    payload_rx = sum(traffic.rx for traffic in apps.values()) + held.rx - held_before.rx
    payload_tx = sum(traffic.tx for traffic in apps.values()) + held.tx - held_before.tx
    payload = Traffic(max(0, payload_rx), max(0, payload_tx))
    udp = Traffic(min(interval.udp.rx, payload.rx), min(interval.udp.tx, payload.tx))
    ahead = before.ahead if before and before.elapsed_s is not None else _NONE
    rest_rx, rest_tx = uplink.rx - payload_rx - ahead.rx, uplink.tx - payload_tx - ahead.tx
    return Reconciliation(
        elapsed_s=interval.elapsed_s,
        uplink=uplink,
        apps=apps,
        tcp=payload.minus(udp),
        udp=udp,
        local=interval.local,
        lan=Traffic(min(interval.lan.rx, uplink.rx), min(interval.lan.tx, uplink.tx)),
        other=Traffic(max(0, rest_rx), max(0, rest_tx)),
        ahead=Traffic(max(0, -rest_rx), max(0, -rest_tx)),
        held=held,
    )
