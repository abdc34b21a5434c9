"""Who uses the network: connections grouped by what a person calls a program, and the sums that must come out."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Mapping
from typing import NamedTuple

import msgspec

from netwatch_tray.collect.processes import Process
from netwatch_tray.model import App

_HELPERS = frozenset(
    "WebKitNetworkProcess WebKitWebProcess WebKitGPUProcess QtWebEngineProcess plugin-container".split()
)
"""Programs that work for the one that started them, wherever they lie."""
_SHARED_DIRECTORIES = re.compile(r"^(?:/usr|/usr/local|/opt/homebrew|/home/[^/]+/\.local|/nix/[^/]+/[^/]+)?/s?bin$|^$")
"""Where unrelated programs lie side by side, so that being started by a neighbour means nothing."""
_BUNDLE = re.compile(r"^(.*?/([^/]+)\.app)/")
_SNAP = re.compile(r"^/snap/([^/]+)/")
_FLATPAK = re.compile(r"^app-flatpak-(.+?)-\d+\.scope$")
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


class Traffic(NamedTuple):
    """Bytes."""

    rx: int = 0
    tx: int = 0

    def plus(self, other: Traffic) -> Traffic:
        return Traffic(self.rx + other.rx, self.tx + other.tx)

    def minus(self, other: Traffic) -> Traffic:
        return Traffic(self.rx - other.rx, self.tx - other.tx)


def app_of(process: Process, parent_of: Callable[[Process], Process | None]) -> AppName:
    """The app a process belongs to: its container or system service, its bundle, snap or flatpak, or its executable.

    A helper counts under the process that started it, as a browser's children do under the browser.
    """
    unit = process.unit
    if unit is not None and not unit.endswith(".scope") and not unit.startswith(("app-", "dbus-")):
        return app_of_unit(unit)
    flatpak = _FLATPAK.match(unit or "")
    if flatpak is not None:
        return AppName(f"flatpak:{flatpak[1]}", flatpak[1].rpartition(".")[2])
    process = _leader(process, parent_of)
    executable = process.executable
    if executable is None:
        return AppName(f"name:{process.name}", process.name, process.name in _CARRIERS)
    bundle = _BUNDLE.match(executable)
    if bundle is not None:
        return AppName(f"bundle:{bundle[1]}", bundle[2])
    snap = _SNAP.match(executable)
    if snap is not None:
        return AppName(f"snap:{snap[1]}", snap[1])
    name = os.path.basename(executable)  # noqa: PTH119  text, not a path to open
    if process.script is not None:
        return AppName(f"script:{executable} {process.script}", process.script)
    return AppName(f"executable:{executable}", name, name in _CARRIERS)


def app_of_unit(unit: str) -> AppName:
    """The app that a systemd unit or a container is."""
    name = unit.removesuffix(".service").removesuffix(".scope")
    return AppName(f"unit:{unit}", name, name.partition("@")[0] in _CARRIERS)


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
        is_neighbour = os.path.dirname(parent.executable) == directory  # noqa: PTH120  text, not a path to open
        if name not in _HELPERS and (not is_neighbour or _SHARED_DIRECTORIES.match(directory)):
            break
        process = parent
    return process


class _Account:
    """An app's bytes and who is there now."""

    __slots__ = ("app", "connections", "local", "now", "pids", "total")

    def __init__(self, app: AppName) -> None:
        self.app = app
        self.connections = 0
        self.pids: Counter[int] = Counter()
        """Connections of each process."""
        self.total = Traffic()
        self.local = Traffic()
        self.now = Traffic()
        """Over the uplinks in the interval under way."""


class AppLedger:
    """The bytes of each app since the agent started; what a closed connection carried stays."""

    def __init__(self) -> None:
        self._accounts: dict[str, _Account] = {}

    def join(self, app: AppName, pid: int | None) -> None:
        """A connection of the app's is there."""
        account = self._account(app)
        account.connections += 1
        if pid is not None:
            account.pids[pid] += 1

    def leave(self, app: AppName, pid: int | None) -> None:
        """A connection that had joined is gone, or another app's."""
        account = self._account(app)
        account.connections -= 1
        if pid is not None:
            account.pids[pid] -= 1
            if not account.pids[pid]:
                del account.pids[pid]

    def credit(self, app: AppName, traffic: Traffic, *, crosses_uplink: bool) -> None:
        account = self._account(app)
        if crosses_uplink:
            account.total = account.total.plus(traffic)
            account.now = account.now.plus(traffic)
        else:
            account.local = account.local.plus(traffic)

    def move(self, source: AppName, target: AppName, crossing: Traffic, local: Traffic) -> None:
        """Bytes that turn out to be another app's; the interval they were measured in stays as it was told."""
        giver, taker = self._account(source), self._account(target)
        giver.total, taker.total = giver.total.minus(crossing), taker.total.plus(crossing)
        giver.local, taker.local = giver.local.minus(local), taker.local.plus(local)

    def close_interval(self) -> dict[str, tuple[AppName, Traffic]]:
        """What each app exchanged over the uplinks since the last call, where it was anything."""
        moved = {}
        for key, account in self._accounts.items():
            if any(account.now):
                moved[key] = (account.app, account.now)
                account.now = Traffic()
        if len(self._accounts) > _MOST_APPS:
            self._fold_idle()
        return moved

    def apps(self, moved: Mapping[str, tuple[AppName, Traffic]], elapsed_s: float | None) -> tuple[App, ...]:
        """All that have connections or bytes, with the rates of an interval that was closed."""
        return tuple(
            _summary(account, moved[key][1] if key in moved else Traffic(), elapsed_s)
            for key, account in self._accounts.items()
            if account.connections or any(account.total) or any(account.local)
        )

    def _account(self, app: AppName) -> _Account:
        account = self._accounts.get(app.key)
        if account is None:
            account = self._accounts[app.key] = _Account(app)
        return account

    def _fold_idle(self) -> None:
        """Keeps the accounts bounded where each run of a container or unit has a name of its own: oldest first."""
        others = self._account(_OTHERS)
        lasting = {OTHERS_KEY, UNSEEN_KEY, SEARCHING_KEY}
        idle = [key for key, account in self._accounts.items() if not account.connections and key not in lasting]
        for key in idle[: len(self._accounts) - _MOST_APPS * 9 // 10]:
            account = self._accounts.pop(key)
            others.total, others.local = others.total.plus(account.total), others.local.plus(account.local)


def _summary(account: _Account, now: Traffic, elapsed_s: float | None) -> App:
    return App(
        key=account.app.key,
        name=account.app.name,
        processes=len(account.pids),
        connections=account.connections,
        rx_bytes=account.total.rx,
        tx_bytes=account.total.tx,
        rx_rate=now.rx / elapsed_s if elapsed_s else None,
        tx_rate=now.tx / elapsed_s if elapsed_s else None,
        local_rx_bytes=account.local.rx,
        local_tx_bytes=account.local.tx,
        is_carrier=account.app.is_carrier,
    )


class Reconciliation(msgspec.Struct, frozen=True, kw_only=True):
    """Where an interval's uplink bytes went. To the byte: uplink + ahead = apps + other + the ahead before it."""

    uplink: Traffic
    apps: Mapping[str, Traffic]
    """TCP payload over the uplinks, by app; tunnels' own connections left out, since what they carry is in here."""
    local: Traffic
    """TCP payload that crossed no uplink, counted at each end that is here; no part of `uplink`."""
    other: Traffic
    """UDP, QUIC, ICMP, headers, retransmissions: what no connection accounts for. Never spread over the apps."""
    ahead: Traffic
    """Payload that the connections told of earlier than the interfaces, because it still waited in a queue."""


def reconcile(
    uplink: Traffic, apps: Mapping[str, tuple[AppName, Traffic]], local: Traffic, ahead: Traffic
) -> Reconciliation:
    """Accounts for an interval; `ahead` is the one of the interval before, at first none."""
    own = {key: traffic for key, (app, traffic) in apps.items() if not app.is_carrier}
    rest_rx = uplink.rx - sum(traffic.rx for traffic in own.values()) - ahead.rx
    rest_tx = uplink.tx - sum(traffic.tx for traffic in own.values()) - ahead.tx
    return Reconciliation(
        uplink=uplink,
        apps=own,
        local=local,
        other=Traffic(max(0, rest_rx), max(0, rest_tx)),
        ahead=Traffic(max(0, -rest_rx), max(0, -rest_tx)),
    )
