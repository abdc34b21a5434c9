"""Gateway and DNS server are probed while the results are used, and no longer."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import cast

import pytest

from netwatch_tray.agent.probes import Probes
from netwatch_tray.collect import health
from netwatch_tray.collect.health import Health, Reachability
from netwatch_tray.engine.scheduler import Scheduler
from netwatch_tray.errors import CollectError, Message
from netwatch_tray.model import InterfaceTick, Tick, Total

FOUND = Health(Reachability("192.0.2.1", 0.001, 0.0), None)


class Source:
    """A source of which every other probe fails."""

    count = 0

    def probe(self) -> Health:
        Source.count += 1
        if Source.count % 2 == 0:
            raise CollectError("no route")
        return FOUND


@pytest.fixture
def scheduler(monkeypatch: pytest.MonkeyPatch) -> Iterator[Scheduler]:
    monkeypatch.setattr(health, "HealthSource", Source)
    monkeypatch.setattr(health, "PERIOD_S", 0.01)
    Source.count = 0
    scheduler = Scheduler()
    yield scheduler
    scheduler.close()


def test_probes_repeat_until_they_are_turned_off(scheduler: Scheduler) -> None:
    found: list[Health] = []
    failures: list[Message] = []
    watch = Probes(scheduler, [found.append], failures.append)

    def check() -> None:
        if len(found) == 3:
            watch.apply(is_wanted=False)
            scheduler.after(0.1, scheduler.stop)

    watch.apply(is_wanted=True)
    watch.apply(is_wanted=True)  # the settings were changed elsewhere
    scheduler.every(0.005, check)
    scheduler.run()
    assert found[:3] == [FOUND] * 3
    assert len(found) == 3
    assert failures == [Message("no route")] * 2
    assert not any(thread.name == "health" and thread.is_alive() for thread in threading.enumerate())


def test_nothing_is_probed_by_default(scheduler: Scheduler) -> None:
    watch = Probes(scheduler, [], lambda _: None)
    watch.apply(is_wanted=False)
    scheduler.after(0.05, scheduler.stop)
    scheduler.run()
    watch.stop()
    assert Source.count == 0


def tick(uplink: int) -> Tick:
    interface = cast("InterfaceTick", SimpleNamespace(index=uplink, is_uplink=True))
    total = Total(rx_rate=None, tx_rate=None, uplinks=())
    return Tick(at=datetime.now(UTC), interval_s=1.0, gap=None, total=total, interfaces=(interface,))


def test_gateway_and_dns_are_probed_at_once_in_another_network(
    scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "PERIOD_S", 3600.0)
    uplinks = [(1, 1, 2), (2, 3), (3,)]

    def arrive(_result: object) -> None:
        for uplink in uplinks.pop(0):
            watch.tick(tick(uplink))
        if not uplinks:
            scheduler.after(0.05, scheduler.stop)

    watch = Probes(scheduler, [arrive], arrive)
    watch.tick(tick(1))
    watch.apply(is_wanted=True)
    scheduler.run()
    assert Source.count == 3
    watch.stop()


def test_a_probe_that_began_in_the_previous_network_is_repeated(
    scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "PERIOD_S", 3600.0)
    arrived: list[object] = []

    def arrive(result: object) -> None:
        arrived.append(result)
        if len(arrived) == 2:
            scheduler.stop()

    watch = Probes(scheduler, [arrive], arrive)
    watch.apply(is_wanted=True)
    watch.tick(tick(1))
    watch.tick(tick(2))  # the first result is delivered in the loop, so its probe is pending until then
    watch.tick(tick(3))
    scheduler.run()
    assert len(arrived) == Source.count == 2
    watch.stop()
