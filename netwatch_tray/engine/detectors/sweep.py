"""Detects a sweep: an app of this machine tries one port on many hosts, to find those that respond."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator

from netwatch_tray.engine.apps import SEARCHING_KEY
from netwatch_tray.engine.detectors import Cooldown, Moment, SocketsSeen, recall
from netwatch_tray.event import Finding, PortScan, Severity
from netwatch_tray.kinds import TcpState

HOSTS = 20
"""An app is reported if at least this number of hosts do not respond to it. A program that cannot reach its servers
tries a few addresses; the peers of a torrent client have different ports."""
WINDOW_S = 30.0
"""Seconds within which the hosts must be tried, as in `scan`. Slower sweeps are not detected."""
_WEB = frozenset({80, 443})
"""Ports that are ignored, because a browser without a network fails to reach dozens of hosts on them."""
_MOST = 64
"""Most pairs of app and port that are remembered, and most hosts of each pair."""


class SweepWatch:
    """Finds apps that try many hosts. Only connections without a response count: their SYN packet was repeated, or they
    ended without any bytes."""

    def __init__(self) -> None:
        self._tried: OrderedDict[tuple[str, int], OrderedDict[str, float]] = OrderedDict()
        """By app and port, the most recent pair last: boot-time clock of the last attempt by host, oldest first."""
        self._cooldown = Cooldown()

    def take(self, seen: SocketsSeen, now: Moment, /) -> Iterator[Finding]:
        for row in seen.rows:
            if row.state is not TcpState.SYN_SENT or not row.retransmits or row.app is None or row.app == SEARCHING_KEY:
                continue
            if row.remote_address is not None and row.scope != "machine":
                yield from self._try(row.app, seen.name_of(row.app), row.pid, row.remote_port, row.remote_address, now)
        for ended in seen.ended:
            if any(ended.moved) or ended.is_incoming or ended.is_own or not ended.crosses_uplink:
                continue
            yield from self._try(ended.app.key, ended.app.name, ended.pid, ended.port, ended.remote, now)

    def _try(
        self, app: str, name: str | None, pid: int | None, port: int | None, host: str, now: Moment
    ) -> Iterator[Finding]:
        if port is None or port in _WEB:
            return
        hosts = recall(self._tried, (app, port), OrderedDict[str, float], _MOST)
        hosts[host] = now.boottime
        hosts.move_to_end(host)
        while len(hosts) > _MOST or now.boottime - next(iter(hosts.values())) > WINDOW_S:
            hosts.popitem(last=False)
        key = f"{app} {port}"
        if len(hosts) >= HOSTS and self._cooldown.begins(key, now):
            seconds = now.boottime - next(iter(hosts.values()))
            yield Finding(
                evidence=PortScan(
                    inbound=False,
                    ports=1,
                    hosts=len(hosts),
                    seconds=seconds,
                    port=port,
                    rule_count=HOSTS,
                    rule_seconds=WINDOW_S,
                ),
                severity=Severity.ALERT,
                key=key,
                at=now.at,
                since=now.at - seconds,
                app=app,
                app_name=name,
                pid=pid,
            )
