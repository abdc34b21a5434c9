"""Which connections count as a beacon."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterable

from hypothesis import given, strategies as st

from netwatch_tray.engine.apps import AppName
from netwatch_tray.engine.detectors import Moment
from netwatch_tray.engine.detectors.beacon import LONGEST_S, TIMES, BeaconWatch
from netwatch_tray.engine.entries import Ended
from netwatch_tray.event import Beacon, Finding
from netwatch_tray.model import Traffic

APP, OTHER = AppName("executable:/usr/bin/agent", "agent"), AppName("executable:/usr/bin/browser", "browser")
USER = AppName("user:ann", "user ann")


def ended(
    at: float,
    remote: str = "home.example",
    app: AppName = APP,
    *,
    port: int = 443,
    pid: int | None = 7,
    is_incoming: bool = False,
    is_own: bool = False,
    crosses_uplink: bool = True,
) -> Ended:
    return Ended(app, pid, remote, port, is_incoming, is_own, crosses_uplink, Traffic(1000, 200), at)


def found(ends: Iterable[Ended], watch: BeaconWatch | None = None) -> list[Finding]:
    """Return the findings if each end is reported separately."""
    watch = watch or BeaconWatch()
    return [
        each
        for end in sorted(ends, key=lambda end: end.boottime)
        for each in watch.take([end], Moment(1.7e9 + end.boottime, end.boottime))
    ]


def begun(ends: Iterable[Ended]) -> list[Finding]:
    return [each for each in found(ends) if not each.goes_on]


def jittered(period: float, jitter: float, count: int, seed: int = 1) -> list[float]:
    chance, at, times = random.Random(seed), 1000.0, []
    for _ in range(count):
        times.append(at)
        at += period * (1 + chance.uniform(-jitter, jitter))
    return times


def test_beacon_with_jitter_is_found_beside_a_browser() -> None:
    chance = random.Random(2)
    browser = [
        ended(1000 + chance.expovariate(1) * 300, f"site{chance.randrange(40)}.example", OTHER) for _ in range(600)
    ]
    (beacon,) = begun([*browser, *(ended(at) for at in jittered(20, 0.05, 30))])
    assert isinstance(beacon.evidence, Beacon)
    assert 19 < beacon.evidence.period < 21
    assert beacon.evidence.variation < 0.05
    assert beacon.evidence.size == 1200
    assert (beacon.app, beacon.app_name, beacon.host, beacon.pid) == (APP.key, "agent", "home.example", 7)


def test_one_end_too_few_raises_no_finding() -> None:
    times = jittered(60, 0, TIMES)
    assert begun(map(ended, times[:-1])) == []
    assert len(begun(map(ended, times))) == 1


def test_continuing_beacon_updates_its_evidence() -> None:
    findings = found(map(ended, jittered(30, 0.02, 200)))
    assert [each.goes_on for each in findings] == [False] + [True] * (len(findings) - 1)
    assert 5 <= len(findings) <= 11
    last = findings[-1].evidence
    assert isinstance(last, Beacon)
    assert 170 < last.times <= 200
    assert len({each.since for each in findings}) == 1


def test_too_short_or_long_periods_raise_no_finding() -> None:
    assert begun(map(ended, jittered(4, 0, 30))) == []
    assert begun(map(ended, jittered(LONGEST_S + 60, 0, 30))) == []
    assert len(begun(map(ended, jittered(LONGEST_S, 0, 30)))) == 1


def test_irregular_connections_raise_no_finding() -> None:
    for seed in range(100):
        chance = random.Random(seed)
        times = itertools.accumulate(chance.expovariate(1 / 60) for _ in range(40))
        assert begun(map(ended, times)) == []


def test_few_ends_must_be_more_regular_than_many() -> None:
    assert begun(map(ended, jittered(20, 0.14, 6, seed=4))) == []
    assert len(begun(map(ended, jittered(20, 0.14, 12, seed=4)))) == 1


def test_inbound_own_and_local_connections_raise_no_finding() -> None:
    times = jittered(15, 0, 20)
    assert begun(ended(at, is_incoming=True) for at in times) == []
    assert begun(ended(at, is_own=True) for at in times) == []
    assert begun(ended(at, crosses_uplink=False) for at in times) == []


def test_regular_ports_and_apps_raise_no_finding() -> None:
    times = jittered(600, 0, 20)
    for port in (4460, 995, 993, 853):
        assert begun(ended(at, port=port) for at in times) == []
    manager = AppName("unit:NetworkManager.service", "NetworkManager")
    assert begun(ended(at, app=manager, port=80) for at in times) == []


def test_simultaneous_connections_are_one_contact() -> None:
    assert len(begun(ended(at + more) for at in jittered(20, 0.03, 10) for more in (0.0, 0.2, 0.4))) == 1


def test_beacon_is_found_if_its_owner_is_known_only_sometimes() -> None:
    times = jittered(20, 0.03, 12)
    ends = [ended(at) if number % 3 else ended(at, app=USER, pid=None) for number, at in enumerate(times)]
    (beacon,) = begun(ends)
    assert beacon.app == APP.key


def test_another_app_at_the_same_remote_does_not_hide_the_beacon() -> None:
    others = [ended(at, app=OTHER) for at in jittered(33, 0.9, 20, seed=3)]
    (beacon,) = begun([*others, *(ended(at) for at in jittered(20, 0.03, 24))])
    assert beacon.app == APP.key


def test_beacon_that_pauses_less_than_an_hour_is_one_finding() -> None:
    times = [*jittered(20, 0.02, 20), *(3000 + at for at in jittered(20, 0.02, 20))]
    assert len(begun(map(ended, times[:39]))) == 1
    later = [*jittered(20, 0.02, 20), *(9000 + at for at in jittered(20, 0.02, 20))]
    assert len(begun(map(ended, later))) == 2


@given(st.permutations(jittered(20, 0.04, 12)))
def test_order_within_a_reading_does_not_matter(times: list[float]) -> None:
    now = Moment(1.7e9, max(times))
    (expected,) = [each for each in BeaconWatch().take([*map(ended, sorted(times))], now) if not each.goes_on]
    assert [each for each in BeaconWatch().take([*map(ended, times)], now) if not each.goes_on] == [expected]
