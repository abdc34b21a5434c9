"""Who uses the network: connections grouped by what a person calls a program, and the sums that must come out."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Mapping
from typing import NamedTuple

import msgspec

from netwatch_tray.collect.processes import Process
from netwatch_tray.collect.runtimes import is_runtime
from netwatch_tray.collect.systemd import desktop_app, short_name
from netwatch_tray.model import App, Traffic

_HELPERS = frozenset(
    "WebKitNetworkProcess WebKitWebProcess WebKitGPUProcess QtWebEngineProcess plugin-container".split()
)
"""Programs that work for the one that started them, wherever they lie."""
_SHARED_DIRECTORIES = re.compile(r"^(?:/usr|/usr/local|/opt/homebrew|/home/[^/]+/\.local|/nix/[^/]+/[^/]+)?/s?bin$|^$")
"""Where unrelated programs lie side by side, so that being started by a neighbour means nothing."""
_BUNDLE = re.compile(r"^(.*?/([^/]+)\.app)/")
_SNAP = re.compile(r"^/snap/([^/]+)/")
_APP_IMAGE = re.compile(r"^.*/\.mount_([^/]{0,6}?)\w{6}/")
"""Where an AppImage is mounted: six characters of its name, then six random ones for each run."""
_CARRIERS = frozenset("openvpn openconnect vpnc tailscaled sstpc openfortivpn".split())
_MOST_GENERATIONS = 16
_MOST_APPS = 500

UNSEEN_KEY, SEARCHING_KEY, OTHERS_KEY = "exited", "searching", "others"


class AppName(NamedTuple):
    """What connections are grouped by, and how a person calls it."""

    key: str
    name: str
    is_carrier: bool = False


UNSEEN = AppName(UNSEEN_KEY, "Exited before seen")
SEARCHING = AppName(SEARCHING_KEY, "Being looked for")
_OTHERS = AppName(OTHERS_KEY, "Other apps")


def app_of(process: Process, parent_of: Callable[[Process], Process | None]) -> AppName:
    """The app a process belongs to: its container or system service, its bundle, snap or flatpak, or its executable.

    A helper counts under the process that started it, as a browser's children do under the browser.
    """
    unit = process.unit
    if unit is not None and not unit.endswith(".scope") and not unit.startswith(("app-", "dbus-")):
        return app_of_unit(unit)
    desktop = desktop_app(unit)
    if desktop is not None and desktop[0] == "flatpak":
        return _app_of_desktop(*desktop)
    process = _leader(process, parent_of)
    executable = process.executable
    if executable is None:
        return AppName(f"name:{process.name}", process.name, process.name in _CARRIERS)
    bundle = _BUNDLE.match(executable)
    if bundle is not None and not (is_runtime(bundle[2]) and process.script is not None):
        return AppName(f"bundle:{bundle[1]}", bundle[2])
    snap = _SNAP.match(executable)
    if snap is not None:
        return AppName(f"snap:{snap[1]}", snap[1])
    name = os.path.basename(executable)  # noqa: PTH119  text, not a path to open
    executable = _APP_IMAGE.sub(r"appimage:\1/", executable)
    desktop = desktop_app(process.unit)
    if desktop is not None and is_runtime(name) and _was_launched(process, parent_of):
        return _app_of_desktop(*desktop, process.desktop_name)
    if process.script is not None:
        return AppName(f"script:{executable} {process.script}", process.script)
    return AppName(f"executable:{executable}", name, name in _CARRIERS)


def app_of_unit(unit: str) -> AppName:
    """The app that a systemd unit or a container is."""
    desktop = desktop_app(unit)
    if desktop is not None:
        return _app_of_desktop(*desktop)
    name = unit.removesuffix(".service").removesuffix(".scope")
    return AppName(f"unit:{unit}", name, name.partition("@")[0] in _CARRIERS)


def _app_of_desktop(launcher: str | None, app_id: str, name: str | None = None) -> AppName:
    kind = "flatpak" if launcher == "flatpak" else "desktop"
    return AppName(f"{kind}:{app_id}", name or short_name(app_id))


def _was_launched(process: Process, parent_of: Callable[[Process], Process | None]) -> bool:
    """Return whether a runtime is what the desktop launched in this unit, and not a command given in a terminal or a
    program of another app: then every process above it in the unit is the same runtime, or a script that wraps it."""
    above: Process | None = process
    for _ in range(_MOST_GENERATIONS):
        above = None if above is None else parent_of(above)
        if above is None or above.unit != process.unit:
            return True
        if above.executable != process.executable and above.script is None:
            return False
    return False


def app_of_user(user: str) -> AppName:
    """For sockets of which only the owner's name may be known."""
    return AppName(f"user:{user}", f"user {user}")


def _leader(process: Process, parent_of: Callable[[Process], Process | None]) -> Process:
    """The process that others of its kind work for."""
    for _ in range(_MOST_GENERATIONS):
        if process.executable is None:
            break
        directory, name = os.path.split(process.executable)
        parent = parent_of(process)
        if parent is None or parent.executable is None:
            break
        if parent.executable == process.executable and is_runtime(name):
            # Electron's helpers are named by what they have: a directory of data instead of the app.
            works_for = process.script in {None, parent.script} or name.lower().startswith("electron")
        else:
            is_neighbour = os.path.dirname(parent.executable) == directory  # noqa: PTH120  text, not a path to open
            works_for = name in _HELPERS or (is_neighbour and not _SHARED_DIRECTORIES.match(directory))
        if not works_for:
            break
        process = parent
    return process


class _Account:
    """The bytes booked for an app, and who has connections now."""

    __slots__ = ("app", "connections", "late", "local", "now", "pids", "total")

    def __init__(self, app: AppName) -> None:
        self.app = app
        self.connections = 0
        self.pids: Counter[int] = Counter()
        """Connections of each process."""
        self.total = Traffic()
        """Over the uplinks."""
        self.local = Traffic()
        """Over no uplink."""
        self.now = Traffic()
        """The part of `total` that moved and was booked in the interval under way."""
        self.late = Traffic()
        """The part of `total` that moved earlier and was booked in the interval under way."""


class _Held:
    """The bytes of a socket whose owner is being looked for."""

    __slots__ = ("crossing", "late", "local")

    def __init__(self) -> None:
        self.crossing = Traffic()
        """Over the uplinks."""
        self.local = Traffic()
        """Over no uplink."""
        self.late = Traffic()
        """The part of `crossing` that moved before the interval under way."""


class Booked(NamedTuple):
    """What was booked in an interval: bytes over the uplinks, by the app's key, where there were any."""

    moved: Mapping[str, tuple[AppName, Traffic]]
    """Moved in this interval."""
    late: Mapping[str, tuple[AppName, Traffic]]
    """Moved in earlier intervals by sockets whose owner was found only in this one."""
    searching: Traffic
    """Moved in this interval by sockets whose owner is still being looked for; not booked yet."""
    held: Traffic
    """All bytes not booked yet, `searching` included."""


class AppLedger:
    """The bytes of each app since the agent started; those of closed connections stay.

    A byte is booked once, for good. The bytes of a socket without a known owner are held under the socket's key until
    `release` names an app, so that no booking is ever taken back.
    """

    def __init__(self) -> None:
        self._accounts: dict[str, _Account] = {}
        self._held: dict[str, _Held] = {}

    def join(self, app: AppName, pid: int | None) -> None:
        """Add an open connection of the app's."""
        account = self._account(app)
        account.connections += 1
        if pid is not None:
            account.pids[pid] += 1

    def leave(self, app: AppName, pid: int | None) -> None:
        """Remove a connection that had joined: it closed, or belongs to another app."""
        account = self._account(app)
        account.connections -= 1
        if pid is not None:
            account.pids[pid] -= 1
            if not account.pids[pid]:
                del account.pids[pid]

    def credit(self, app: AppName, traffic: Traffic, *, crosses_uplink: bool) -> None:
        """Book bytes that moved in the interval under way."""
        account = self._account(app)
        if crosses_uplink:
            account.total = account.total.plus(traffic)
            account.now = account.now.plus(traffic)
        else:
            account.local = account.local.plus(traffic)

    def hold(self, key: str, traffic: Traffic, *, crosses_uplink: bool) -> None:
        """Keep bytes that moved in the interval under way until the owner of the socket `key` is known."""
        held = self._held.get(key)
        if held is None:
            held = self._held[key] = _Held()
        if crosses_uplink:
            held.crossing = held.crossing.plus(traffic)
        else:
            held.local = held.local.plus(traffic)

    def release(self, key: str, app: AppName) -> Traffic:
        """Book what was held for a socket; return the bytes over the uplinks."""
        held = self._held.pop(key, None)
        if held is None:
            return Traffic()
        account = self._account(app)
        account.total = account.total.plus(held.crossing)
        account.now = account.now.plus(held.crossing.minus(held.late))
        account.late = account.late.plus(held.late)
        account.local = account.local.plus(held.local)
        return held.crossing

    def close_interval(self) -> Booked:
        """Return what was booked since the last call and begin the next interval."""
        moved, late = {}, {}
        for key, account in self._accounts.items():
            if any(account.now):
                moved[key] = (account.app, account.now)
                account.now = Traffic()
            if any(account.late):
                late[key] = (account.app, account.late)
                account.late = Traffic()
        searching, all_held = Traffic(), Traffic()
        for held in self._held.values():
            searching = searching.plus(held.crossing.minus(held.late))
            all_held = all_held.plus(held.crossing)
            held.late = held.crossing
        if len(self._accounts) > _MOST_APPS:
            self._fold_idle()
        return Booked(moved, late, searching, all_held)

    def apps(self, moved: Mapping[str, tuple[AppName, Traffic]], elapsed_s: float | None) -> tuple[App, ...]:
        """All apps with connections or bytes; `SEARCHING` has those that are held.

        `moved`: over the uplinks in an interval that was closed, for the rates.
        """
        found = []
        for key, account in self._accounts.items():
            now = moved[key][1] if key in moved else Traffic()
            total, local = account.total, account.local
            if key == SEARCHING_KEY:
                for held in self._held.values():
                    total, local = total.plus(held.crossing), local.plus(held.local)
            if account.connections or any(total) or any(local):
                found.append(_summary(account, total, local, now, elapsed_s))
        return tuple(found)

    def _account(self, app: AppName) -> _Account:
        account = self._accounts.get(app.key)
        if account is None:
            account = self._accounts[app.key] = _Account(app)
        return account

    def _fold_idle(self) -> None:
        """Keep the accounts bounded where each run of a container or unit has a name of its own: oldest first."""
        others = self._account(_OTHERS)
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
        is_carrier=account.app.is_carrier,
    )


class Reconciliation(msgspec.Struct, frozen=True, kw_only=True):
    """Where an interval's uplink bytes went.

    To the byte, each way: uplink + ahead + held before = apps + other + ahead before + held.
    """

    uplink: Traffic
    apps: Mapping[str, Traffic]
    """TCP payload over the uplinks, booked in the interval, by app; tunnels' own connections are left out, because what
    they carry is in here."""
    tcp: Traffic
    """TCP payload that moved in the interval: `apps`, and the change of what is held."""
    local: Traffic
    """TCP payload that crossed no uplink, counted at each end that is here; no part of `uplink`."""
    other: Traffic
    """UDP, QUIC, ICMP, headers, retransmissions: what no connection accounts for. Never spread over the apps."""
    ahead: Traffic
    """Payload that the sockets counted earlier than the interfaces, because it still waited in a queue."""
    held: Traffic
    """Payload at the end of the interval whose owner is being looked for."""


_NONE = Traffic()


def reconcile(
    uplink: Traffic,
    apps: Mapping[str, tuple[AppName, Traffic]],
    local: Traffic,
    ahead: Traffic,
    held: Traffic = _NONE,
    held_before: Traffic = _NONE,
) -> Reconciliation:
    """Account for an interval. `ahead` and `held_before`: of the interval before, at first none."""
    own = {key: traffic for key, (app, traffic) in apps.items() if not app.is_carrier}
    # Below 0 only where bytes that were held turn out to be a tunnel's.
    tcp_rx = sum(traffic.rx for traffic in own.values()) + held.rx - held_before.rx
    tcp_tx = sum(traffic.tx for traffic in own.values()) + held.tx - held_before.tx
    rest_rx, rest_tx = uplink.rx - tcp_rx - ahead.rx, uplink.tx - tcp_tx - ahead.tx
    return Reconciliation(
        uplink=uplink,
        apps=own,
        tcp=Traffic(max(0, tcp_rx), max(0, tcp_tx)),
        local=local,
        other=Traffic(max(0, rest_rx), max(0, rest_tx)),
        ahead=Traffic(max(0, -rest_rx), max(0, -rest_tx)),
        held=held,
    )
