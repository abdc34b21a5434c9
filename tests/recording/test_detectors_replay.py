"""A recording of a desktop's usual traffic, and of one download: the detectors find nothing."""

from __future__ import annotations

import gzip
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

import pytest

from netwatch_tray.engine.detectors import Moment
from netwatch_tray.engine.detectors.upload import Usual
from netwatch_tray.engine.detectors.watch import Detectors
from netwatch_tray.engine.monitor import Monitor
from netwatch_tray.engine.observation import Observation
from netwatch_tray.event import Beacon, Finding
from netwatch_tray.recording.replay import Replay
from netwatch_tray.settings import Events

FILES = Path(__file__).parent / "files"


def replayed(file: Path, apps: Iterable[str]) -> tuple[list[Finding], set[str], int]:
    """Return what is found, all apps, and how many connections ended. `apps`: what the history has."""
    found: list[Finding] = []
    ended = 0
    detectors = Detectors(Events())
    detectors.know(apps)
    with closing(Replay(file, keeps_time=True)) as source:
        monitor = Monitor(source.interfaces().source, 1.0, {})
        observation, connections = Observation(monitor, source), source.connections()
        while not source.has_ended:
            tick = monitor.tick()
            if tick is not None:
                observation.count(tick)
                detectors.compare_with(
                    tick.at.astimezone().date(), dict.fromkeys(apps, Usual(1_000_000, 5_000_000, 9_000_000, 28)), {}
                )
            if source.has_reading:
                sample = connections.read()
                changes = observation.take(sample, is_monotonic=connections.is_monotonic)
                observation.table.search(0.01)
                ended += len(observation.table.ended)
                found += detectors.sockets(changes, observation.table, Moment(source.now(), sample.boottime))
            if tick is not None:
                boottime = source._connections.boottime if source._connections else 0.0
                moved = observation.take_moved()
                found += detectors.tick(tick, moved, monitor.interfaces, Moment(source.now(), boottime))
        return found, {app.key for app in observation.table.apps()}, ended


@pytest.mark.parametrize(("name", "least"), [("desktop.rec.gz", 200), ("sample.rec.gz", 0)])
def test_usual_traffic_raises_no_finding(name: str, least: int) -> None:
    _, apps, _ = replayed(FILES / name, ())
    found, _, ended = replayed(FILES / name, apps)
    assert found == []
    assert ended >= least


def test_recorded_apps_are_new_apps_if_the_history_is_empty() -> None:
    found, apps, _ = replayed(FILES / "desktop.rec.gz", ())
    assert {each.kind.label for each in found} == {"new-app"}
    assert {each.app for each in found} <= apps
    assert len(found) == 5


def test_the_same_checks_for_mail_at_another_port_are_a_beacon(tmp_path: Path) -> None:
    lines = gzip.decompress((FILES / "desktop.rec.gz").read_bytes()).decode()
    assert lines.count('"remote_port":995,') > 10
    file = tmp_path / "beacon.rec"
    file.write_text(lines.replace('"remote_port":995,', '"remote_port":8995,'))
    _, apps, _ = replayed(file, ())
    (beacon,) = replayed(file, apps)[0]
    assert isinstance(beacon.evidence, Beacon)
    assert 19 < beacon.evidence.period < 22
