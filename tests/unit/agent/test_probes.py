"""Gateway and DNS server are probed while that is wanted, and not a moment longer."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from netwatch_tray.agent.probes import Probes
from netwatch_tray.collect import health
from netwatch_tray.collect.health import Health, Reachability
from netwatch_tray.engine.scheduler import Scheduler
from netwatch_tray.errors import CollectError

FOUND = Health(Reachability("192.0.2.1", 0.001, 0.0), None)


class Source:
    """Fails at every other probe."""

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


def test_probes_come_again_and_again_until_they_are_not_wanted(scheduler: Scheduler) -> None:
    found: list[Health] = []
    watch = Probes(scheduler, found.append)

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
    assert not any(thread.name == "health" and thread.is_alive() for thread in threading.enumerate())


def test_nothing_is_probed_unless_wanted(scheduler: Scheduler) -> None:
    watch = Probes(scheduler, lambda _: None)
    watch.apply(is_wanted=False)
    scheduler.after(0.05, scheduler.stop)
    scheduler.run()
    watch.stop()
    assert Source.count == 0
