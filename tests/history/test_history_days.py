"""Local days (midnight, daylight saving, travel, a clock that is set), billing months and alerts of the data plan."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, strategies as st
from machine import START, Machine

from netwatch_tray.history.reader import HistoryReader
from netwatch_tray.history.results import Used
from netwatch_tray.history.usage import Days, PlanAlert, billing_month, outlook, period_of
from netwatch_tray.history.writer import HistoryWriter
from netwatch_tray.model import GapReason
from netwatch_tray.settings import DataPlan

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.fixture
def at_place(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Return a function that moves to a time zone."""

    def go(zone: str) -> None:
        monkeypatch.setenv("TZ", zone)  # as when the zone of the system changes: the program is not notified

    yield go
    monkeypatch.undo()
    time.tzset()


def days(file: Path) -> dict[str, Used]:
    reader = HistoryReader(file)
    try:
        return {day.isoformat(): used for day, used in reader.days("total", None, date.min, date.max).items()}
    finally:
        reader.close()


def run(machine: Machine, writer: HistoryWriter, seconds: int, rx: int = 0) -> PlanAlert | None:
    """Record second by second, with `rx` bytes in each. Return the alert that is due."""
    ticks = []
    for _ in range(seconds):
        machine.carry(2, rx, 0)
        machine.wait()
        ticks.append(machine.tick())
    return writer.record(ticks)


@pytest.mark.parametrize(("day", "hours"), [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25), (date(2026, 6, 1), 24)])
def test_days_have_23_or_25_hours_with_daylight_saving(
    tmp_path: Path, at_place: Callable[[str], None], day: date, hours: int
) -> None:
    at_place("Europe/Berlin")
    midnight = datetime(day.year, day.month, day.day, tzinfo=BERLIN).timestamp()
    machine = Machine(wall=midnight - 60)
    writer = machine.writer(tmp_path / "history.sqlite3")
    writer.record([machine.tick()])
    run(machine, writer, 60, 1)  # to the last second of the day before
    run(machine, writer, 60, 10)
    machine.sleep(hours * 3600 - 120)
    run(machine, writer, 60, 100)
    run(machine, writer, 60, 1000)
    writer.close()
    found = days(tmp_path / "history.sqlite3")
    assert [used.rx for used in found.values()] == [59, 1 + 10 * 59 + 10 + 100 * 59, 100 + 1000 * 60 - 1000 + 1000]
    assert list(found)[1] == day.isoformat()


def test_days_follow_a_change_of_time_zone(tmp_path: Path, at_place: Callable[[str], None]) -> None:
    at_place("America/New_York")
    machine = Machine(wall=datetime(2026, 5, 4, 20, tzinfo=UTC).timestamp())  # 16 o'clock there, the 5th in Tokyo
    file = tmp_path / "history.sqlite3"
    writer = machine.writer(file)
    writer.record([machine.tick()])
    run(machine, writer, 60, 7)
    at_place("Asia/Tokyo")
    machine.sleep(3600)
    run(machine, writer, 60, 9)
    writer.close()
    assert {day: used.rx for day, used in days(file).items()} == {"2026-05-04": 60 * 7, "2026-05-05": 60 * 9}


def test_setting_the_clock_is_a_gap_that_loses_no_bytes(tmp_path: Path) -> None:
    machine = Machine()
    file = tmp_path / "history.sqlite3"
    writer = machine.writer(file)
    writer.record([machine.tick()])
    run(machine, writer, 120, 5)
    machine.wall += 86400 * 40
    run(machine, writer, 60, 5)
    machine.wall -= 86400 * 40
    run(machine, writer, 120, 5)
    writer.close()
    reader = HistoryReader(file)
    reasons = [gap.reason for gap in reader.gaps(0, 1e12)]
    used = reader.bytes_between("total", None, int(START) - 10**7, int(START) + 10**8)
    reader.close()
    assert sorted(reasons) == [GapReason.CLOCK_SET_BACK, GapReason.CLOCK_SET_FORWARD]
    assert used.rx == sum(each.rx for each in days(file).values()) == 300 * 5


@pytest.mark.parametrize("later", [0.0, 3 * 3600, 40 * 86400])
def test_begin_is_exact_to_the_minute_and_later_to_the_hour(tmp_path: Path, later: float) -> None:
    machine = Machine(wall=START // 3600 * 3600 + 25 * 60)
    writer = machine.writer(tmp_path / "history.sqlite3")
    writer.record([machine.tick()])
    run(machine, writer, 120, 1)
    if later:
        machine.sleep(later)
        run(machine, writer, 120, 1)
    writer.close()
    reader = HistoryReader(tmp_path / "history.sqlite3")
    begin = reader.begin()
    reader.close()
    assert begin in {START // 3600 * 3600 + 25 * 60, *([START // 3600 * 3600] if later > 30 * 86400 else [])}


def test_counter_that_jumps_is_a_gap(tmp_path: Path) -> None:
    machine = Machine()
    file = tmp_path / "history.sqlite3"
    writer = machine.writer(file)
    writer.record([machine.tick()])
    run(machine, writer, 60, 5)
    machine.carry(2, 2**63, 0)
    run(machine, writer, 60, 5)
    writer.close()
    assert sum(used.rx for used in days(file).values()) == 119 * 5
    reader = HistoryReader(file)
    assert not reader.is_complete(date(2025, 12, 31), date(2026, 1, 2))
    reader.close()


def test_each_threshold_is_reported_once_a_billing_month_across_restarts(tmp_path: Path) -> None:
    plan = DataPlan(cap_gb=0.001, billing_day=3)
    machine = Machine()  # on the 1st: the month that began on the 3rd of December
    file = tmp_path / "history.sqlite3"
    writer = machine.writer(file, plan)
    writer.record([machine.tick()])
    assert run(machine, writer, 60, 13_000) is None  # 78 %
    first = run(machine, writer, 60, 1_000)
    assert first is not None
    assert (first.percent, first.used, first.cycle) == (80, 840_000, Days(date(2025, 12, 3), date(2026, 1, 2)))
    assert run(machine, writer, 60, 1_000) is None
    writer.close()
    machine.start_agent()
    writer = machine.writer(file, plan)
    assert run(machine, writer, 60, 0) is None
    second = run(machine, writer, 60, 2_000)
    assert second is not None
    assert second.percent == 100
    assert run(machine, writer, 60, 9_000) is None
    machine.sleep(3 * 86400)
    assert run(machine, writer, 60, 0) is None, "another month"
    both = run(machine, writer, 60, 20_000)
    assert both is not None
    assert (both.percent, both.used) == (100, 1_200_000), "the lower threshold is not reported after the higher one"
    assert run(machine, writer, 60, 1) is None
    writer.close()


def test_threshold_reached_at_exit_is_reported_at_next_start(tmp_path: Path) -> None:
    plan = DataPlan(cap_gb=0.001)
    machine = Machine()
    file = tmp_path / "history.sqlite3"
    writer = machine.writer(file, plan)
    writer.record([machine.tick()])
    machine.carry(2, 900_000, 0)
    machine.wait()
    writer.close([machine.tick()])
    machine.start_agent()
    writer = machine.writer(file, plan)
    alert = run(machine, writer, 60)
    writer.close()
    assert alert is not None
    assert (alert.percent, alert.used) == (80, 900_000)


def test_changed_plan_applies_at_once(tmp_path: Path) -> None:
    machine = Machine()
    writer = machine.writer(tmp_path / "history.sqlite3")
    writer.record([machine.tick()])
    assert run(machine, writer, 60, 100_000) is None
    writer.apply(writer._kept, DataPlan(cap_gb=0.007))
    alert = run(machine, writer, 60)
    writer.close()
    assert alert is not None
    assert (alert.percent, alert.used) == (80, 6_000_000)


@given(st.dates(date(1990, 1, 1), date(2090, 1, 1)), st.integers(1, 31))
def test_billing_months_are_contiguous(day: date, billing_day: int) -> None:
    month = billing_month(day, billing_day)
    assert month.first <= day <= month.last
    assert 28 <= month.length <= 31
    after = date.fromordinal(month.last.toordinal() + 1)
    assert billing_month(after, billing_day).first == after


def test_period_of_a_day_is_week_month_billing_month_or_year() -> None:
    day = date(2026, 11, 22)  # a Sunday
    assert period_of(day, "week") == Days(date(2026, 11, 16), day)
    assert period_of(day, "month") == Days(date(2026, 11, 1), date(2026, 11, 30))
    assert period_of(day, "billing", DataPlan(billing_day=31)) == Days(date(2026, 10, 31), date(2026, 11, 29))
    assert period_of(day, "year").length == 365


def test_outlook_projects_use_to_the_end_of_the_period() -> None:
    cycle = Days(date(2026, 11, 1), date(2026, 11, 30))
    view = outlook(45, 100, cycle, date(2026, 11, 15), 0.5)
    assert (view.days_left, view.allowance, view.projection) == (16, 55 // 16, round(45 * 30 / 14.5))
    assert outlook(450, 100, cycle, date(2026, 11, 30), 0.5).allowance == 0
    assert outlook(45, None, cycle, date(2026, 11, 1), 0.1).allowance is None
    assert outlook(45, None, cycle, date(2026, 11, 1), 0.1).projection is None


@pytest.mark.parametrize("was_uplink", [True, False])
def test_uplink_of_the_kind_of_container_ends_has_all_its_bytes_in_its_days(tmp_path: Path, was_uplink: bool) -> None:
    machine = Machine(interfaces={2: ["eth0", "veth", was_uplink, 0, 0], 3: ["veth1a2b3c", "veth", False, 0, 0]})
    machine.interfaces[4] = ["eth1", "ethernet", not was_uplink, 0, 0]
    file = tmp_path / "history.sqlite3"
    writer = machine.writer(file)
    writer.record([machine.tick()])
    run(machine, writer, 60, 5)
    machine.wait()
    ticks = [machine.tick()]
    machine.interfaces[2][2], machine.interfaces[4][2] = True, False  # in the middle of a minute
    for each in (2, 3):
        machine.carry(each, 7, 0)
    machine.wait()
    writer.record([*ticks, machine.tick()])
    run(machine, writer, 60, 5)
    machine.sleep(40 * 86400)
    run(machine, writer, 2, 0)
    writer.close()
    reader = HistoryReader(file)
    used = reader.by_name("interface", date.min, date.max)
    hours = reader.bytes_between("interface", "eth0", int(START), int(START) + 3600)
    reader.close()
    minutes_before_it_was_an_uplink = 0 if was_uplink else 60 * 5
    assert {name: each.rx for name, each in used.items()} == {"eth0": 120 * 5 + 7 - minutes_before_it_was_an_uplink}
    assert hours.rx == 120 * 5 + 7


@pytest.mark.parametrize("is_uplink_again", [True, False])
def test_uplink_that_is_made_again_within_a_minute_keeps_its_bytes(tmp_path: Path, is_uplink_again: bool) -> None:
    """At first it has no route, so whether it is an uplink again shows later."""
    machine = Machine(interfaces={2: ["eth0", "veth", True, 0, 0], 4: ["eth1", "ethernet", False, 0, 0]})
    file = tmp_path / "history.sqlite3"
    writer = machine.writer(file)
    ticks = [machine.tick()]

    def carry(index: int, rx: int) -> None:
        for _ in range(10):
            machine.carry(index, rx, 0)
            machine.wait()
            ticks.append(machine.tick())

    carry(2, 5)
    del machine.interfaces[2]
    machine.interfaces[7] = ["eth0", "veth", False, 0, 0]
    machine.interfaces[4][2] = True
    carry(7, 0)
    carry(7, 3)
    machine.interfaces[7][2], machine.interfaces[4][2] = is_uplink_again, not is_uplink_again
    carry(7, 3)
    writer.record(ticks)
    writer.close()
    reader = HistoryReader(file)
    used = reader.bytes_between("interface", "eth0", int(START), int(START) + 3600)
    days = reader.by_name("interface", date.min, date.max)["eth0"]
    reader.close()
    assert used.rx == days.rx == 10 * 5 + 20 * 3
