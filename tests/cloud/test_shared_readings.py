"""Upload and export that draft at the same tick read the system once; at another tick they read it again."""

from __future__ import annotations

import pytest

from netwatch_tray import clock
from netwatch_tray.cloud.collector import Recent, SharedReadings
from netwatch_tray.collect import disks
from netwatch_tray.collect.system import SystemSource
from netwatch_tray.errors import CollectError


class Clock:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr(clock, "boottime", lambda: self.now)


def test_a_reading_is_made_once_a_tick(monkeypatch: pytest.MonkeyPatch) -> None:
    time = Clock(monkeypatch)
    recent = Recent()
    made: list[float] = []

    def source() -> float:
        made.append(time.now)
        return time.now

    assert [recent.read("a", source), recent.read("a", source), recent.read("b", source)] == [1000.0] * 3
    time.now += 0.49
    assert recent.read("a", source) == 1000.0
    time.now += 0.51
    assert recent.read("a", source) == 1001.0
    assert made == [1000.0, 1000.0, 1001.0]


def test_a_failed_reading_is_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    Clock(monkeypatch)
    recent = Recent()

    def fail() -> int:
        raise CollectError("not readable")

    for _ in range(2):
        with pytest.raises(CollectError):
            recent.read("a", fail)
    assert recent.read("a", lambda: 1) == 1


def test_processor_use_is_measured_over_each_services_own_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    """Although both read the same counters."""
    time = Clock(monkeypatch)
    shared = SharedReadings()
    files = {"stat": b"cpu 0 0 0 100 0 0 0 0\n", "meminfo": b"MemTotal: 9 kB\nMemAvailable: 3 kB\n"}
    monkeypatch.setattr("netwatch_tray.collect.system.ProcReadings._read", lambda _self, name: files[name])
    monkeypatch.setattr(shared, "_system", type(shared._system)())
    short, long = SystemSource(shared), SystemSource(shared)
    assert (short.sample().cpu_pct, long.sample().cpu_pct) == (None, None)
    time.now += 15
    files["stat"] = b"cpu 10 0 0 190 0 0 0 0\n"
    assert short.sample().cpu_pct == 10.0
    time.now += 15
    files["stat"] = b"cpu 60 0 0 240 0 0 0 0\n"
    assert (short.sample().cpu_pct, long.sample().cpu_pct) == (50.0, 30.0)


def test_disks_are_read_once_a_tick(monkeypatch: pytest.MonkeyPatch) -> None:
    Clock(monkeypatch)
    calls: list[str] = []

    def usages() -> tuple[disks.Usage, ...]:
        calls.append("usages")
        return ()

    def traffic() -> disks.Traffic | None:
        calls.append("traffic")
        return None

    monkeypatch.setattr(disks, "usages", usages)
    monkeypatch.setattr(disks, "traffic", traffic)
    shared = SharedReadings()
    for _ in range(2):
        assert shared.usages() == ()
        assert shared.traffic() is None
    assert calls == ["usages", "traffic"]
