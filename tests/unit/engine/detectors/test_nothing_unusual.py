"""Ordinary traffic is no event, and findings stay bounded whatever happens."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, cast

import msgspec
import pytest
import synthetic_desktop as desktop
from hypothesis import given, strategies as st
from test_beacon import ended
from test_listener import listening

from netwatch_tray.collect.health import Health, Reachability
from netwatch_tray.collect.helper_readings import Refusal
from netwatch_tray.engine.apps import AppName
from netwatch_tray.engine.connections import ConnectionTable
from netwatch_tray.engine.detectors import Cooldown, Moment, SocketsSeen
from netwatch_tray.engine.detectors.beacon import BeaconWatch
from netwatch_tray.engine.detectors.listener import ListenerWatch
from netwatch_tray.engine.detectors.new_app import NewAppWatch
from netwatch_tray.engine.detectors.nxdomain import Answered, NxdomainWatch
from netwatch_tray.engine.detectors.packets import PacketDetectors
from netwatch_tray.engine.detectors.scan import PortScanWatch, Refused
from netwatch_tray.engine.detectors.sweep import SweepWatch
from netwatch_tray.engine.detectors.tunnel import Below, TunnelWatch
from netwatch_tray.engine.detectors.upload import Usual
from netwatch_tray.engine.detectors.watch import Detectors
from netwatch_tray.engine.ledger import AppInterval
from netwatch_tray.event import Finding
from netwatch_tray.model import Scope, Traffic
from netwatch_tray.settings import Events

if TYPE_CHECKING:
    from netwatch_tray.engine.observation import Observation

_HOUR = 3600


def an_hour(seed: int) -> list[Finding]:
    detectors, table = Detectors(Events(rate_mb=1.0)), ConnectionTable(desktop.Finder())
    found: list[Finding] = []
    at = 0
    apps = [*(f"executable:/usr/lib/{name}/{name}" for name in desktop._PIDS), "unit:NetworkManager.service"]
    detectors.know(apps)
    day = desktop.tick(0).at.astimezone().date()
    detectors.compare_with(day, dict.fromkeys(apps, Usual(5_000_000, 9_000_000, 20_000_000, 28)), {})
    for sample in desktop.samples(_HOUR, seed):
        now = Moment(desktop.START + sample.boottime - desktop.BOOT, sample.boottime)
        changes = table.update(sample)
        found += detectors.sockets(changes, table, now)
        moved: AppInterval | None = table.interval
        while at < sample.boottime - desktop.BOOT:
            at += 1
            now = Moment(desktop.START + at, desktop.BOOT + at)
            found += detectors.tick(desktop.tick(at), moved, desktop.INTERFACES, now)
            moved = None
            if at % 30 == 0:
                answering = Reachability("192.0.2.1", 0.001, 0.0)
                found += detectors.health(Health(answering, answering), now)
    for number, counts in enumerate(desktop.refusals(_HOUR, seed)):
        found += detectors.refused(counts, Moment(desktop.START + number * 60, desktop.BOOT + number * 60))
    return found


@pytest.mark.parametrize("seed", range(3))
def test_hour_of_desktop_traffic_raises_no_finding(seed: int) -> None:
    assert an_hour(seed) == []


class Apps:
    """A stand-in for an observation; one app owns all sockets."""

    @property
    def table(self) -> Apps:
        return self

    def app_of(self, _cookie: int) -> tuple[str, str]:
        return "executable:/usr/lib/firefox/firefox", "firefox"

    def scope_of(self, _address: str) -> Scope:
        return "internet"


def test_hour_of_ordinary_names_raises_no_finding() -> None:
    packets, found = PacketDetectors(), []
    for reading in desktop.readings(_HOUR):
        now = Moment(desktop.START + reading.boottime - desktop.BOOT, reading.boottime)
        found += packets.take(reading, cast("Observation", Apps()), now)
    assert found == []
    assert packets.dns.queries == packets.dns.responses == sum(packets.dns.latencies) > 1000


_remotes = st.integers(0, 3).map("host{}".format)
_gaps = st.sampled_from([0.0, 1.0, 5.0, 20.0, 20.5, 60.0, 600.0, 3600.0])
_events = st.lists(st.tuples(_gaps, _remotes, st.integers(1, 3), st.booleans()), max_size=120)
_Take = Callable[[str, int, bool, Moment], Iterable[Finding]]


def beacons() -> _Take:
    watch = BeaconWatch()
    return lambda remote, app, is_known, now: watch.take(
        [ended(now.boottime, remote, AppName(f"app{app}", ""), pid=app if is_known else None)], now
    )


def sweeps() -> _Take:
    watch = SweepWatch()

    def take(remote: str, app: int, _is_known: bool, now: Moment) -> Iterable[Finding]:
        ends = [
            msgspec.structs.replace(
                ended(now.boottime, f"{remote}{host}", AppName(f"app{app}", ""), port=22), moved=Traffic()
            )
            for host in range(8)
        ]
        return watch.take(SocketsSeen((), ends, lambda _key: None), now)

    return take


def scans() -> _Take:
    watch = PortScanWatch()
    return lambda remote, app, _is_known, now: watch.take(
        Refused([(Refusal(remote, 1, port), "local") for port in range(app * 10, app * 10 + 15)]), now
    )


def tunnels() -> _Take:
    watch = TunnelWatch()
    return lambda remote, app, _is_known, now: [
        each for number in range(20) for each in watch.take(Below(remote, f"{app}q7x{number}kz5w9e2m8v4", None), now)
    ]


def storms() -> _Take:
    watch = NxdomainWatch()
    return lambda remote, app, _is_known, now: [
        each for number in range(10) for each in watch.take(Answered(f"{remote}{number}", (f"app{app}", "")), now)
    ]


@pytest.mark.parametrize("rule", [beacons, sweeps, scans, tunnels, storms])
@given(events=_events)
def test_no_finding_comes_twice_within_its_cooldown(
    rule: Callable[[], _Take], events: list[tuple[float, str, int, bool]]
) -> None:
    take, boottime, last = rule(), 1000.0, dict[str, float]()
    for gap, remote, app, is_known in events:
        boottime += gap
        for finding in take(remote, app, is_known, Moment(1.7e9 + boottime, boottime)):
            if finding.goes_on:
                assert finding.key in last
                continue
            assert boottime - last.get(finding.key, -1e9) >= Cooldown().seconds
            last[finding.key] = boottime


def test_memory_is_bounded_for_any_observations() -> None:
    beacon, sweep, scan, tunnel, storm, listener, new_app = (
        BeaconWatch(),
        SweepWatch(),
        PortScanWatch(),
        TunnelWatch(),
        NxdomainWatch(),
        ListenerWatch(),
        NewAppWatch(),
    )
    for number in range(20_000):
        now = Moment(1.7e9 + number, 1000.0 + number)
        app = AppName(f"executable:/{number}", "")
        end = msgspec.structs.replace(ended(now.boottime, f"host{number}", app, port=22), moved=Traffic())
        list(beacon.take([end], now))
        list(sweep.take(SocketsSeen((), [end], lambda _key: None), now))
        list(scan.take(Refused([(Refusal(f"host{number}", 1, number % 65536), "local")]), now))
        list(tunnel.take(Below(f"domain{number}", "www", None), Moment(now.at, 1000.0)))  # in one window
        list(storm.take(Answered(f"domain{number}", (app.key, "")), now))
        list(listener.take(SocketsSeen([listening(port=80, app=app.key)], (), lambda _key: None), now))
        list(new_app.take(SocketsSeen((), [end], lambda _key: None), now))
    assert len(beacon._ends) <= 1024
    assert len(sweep._tried) <= 64
    assert len(scan._sources) <= 128
    assert len(tunnel._domains) <= 256
    assert len(storm._apps) <= 64
    assert len(listener._known) <= 1024
    assert len(new_app._waiting) <= 64
