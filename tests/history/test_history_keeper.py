"""The agent never waits for the disk, and closes a history that is switched off."""

from __future__ import annotations

import errno
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from datetime import date, datetime
from pathlib import Path
from typing import Any, get_args

import pytest
from machine import START, Machine

from netwatch_tray.agent import history
from netwatch_tray.agent.history import HistoryKeeper, Moved
from netwatch_tray.engine.scheduler import Scheduler
from netwatch_tray.history.imports import Import, add_imports
from netwatch_tray.history.reader import HistoryReader
from netwatch_tray.history.usage import PlanAlert
from netwatch_tray.history.writer import HistoryWriter
from netwatch_tray.settings import Counts, DataPlan, History, Settings


class Loop(Scheduler):
    """Runs callbacks of the thread when the test calls `turn`."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = threading.Semaphore(0)

    def call_soon(self, callback: Callable[[], None]) -> None:
        super().call_soon(callback)
        self.asked.release()

    def turn(self) -> None:
        assert self.asked.acquire(timeout=60), "the thread ended"
        self._soon.popleft()()


def run(machine: Machine, keeper: HistoryKeeper, seconds: int) -> None:
    for _ in range(seconds):
        machine.carry(2, 10, 0)
        machine.wait()
        keeper.take(machine.tick(), None)


def received(file: Path) -> int:
    reader = HistoryReader(file)
    try:
        return reader.bytes_between("total", None, int(START) - 100, int(START) + 10**6).rx
    finally:
        reader.close()


@pytest.fixture
def slow_disk(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Return an event; nothing is recorded until it is set."""
    answers = threading.Event()
    record = HistoryWriter.record

    def wait(*arguments: Any, **more: Any) -> Any:
        answers.wait(120)
        return record(*arguments, **more)

    monkeypatch.setattr(HistoryWriter, "record", wait)
    return answers


def test_finished_minutes_are_stored_and_the_last_one_at_exit(tmp_path: Path) -> None:
    loop, machine, file = Loop(), Machine(), tmp_path / "history.sqlite3"
    keeper = HistoryKeeper(loop, file, Settings(), lambda _alert: None)
    run(machine, keeper, 60)
    loop.turn()
    assert received(file) == 58 * 10, "the minute that is over, from its first tick on"
    run(machine, keeper, 30)
    keeper.stop()
    loop.close()
    assert received(file) == 89 * 10


def test_a_minute_is_over_after_a_sleep_of_whole_hours(tmp_path: Path) -> None:
    loop, machine, file = Loop(), Machine(), tmp_path / "history.sqlite3"
    keeper = HistoryKeeper(loop, file, Settings(), lambda _alert: None)
    run(machine, keeper, 20)
    machine.sleep(2 * 3600)
    run(machine, keeper, 1)
    loop.turn()
    assert received(file) == 19 * 10, "all up to the sleep"
    keeper.stop()
    loop.close()
    assert received(file) == 20 * 10


def test_ticks_of_many_interfaces_are_handed_over_before_the_minute_is_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "_MOST_ROWS", 20)
    loop, machine, file = Loop(), Machine(), tmp_path / "history.sqlite3"
    keeper = HistoryKeeper(loop, file, Settings(), lambda _alert: None)
    for seconds in (22, 21):
        run(machine, keeper, seconds)
        loop.turn()
        assert len(keeper._held) == 1
    run(machine, keeper, 17)
    loop.turn()
    assert received(file) == 58 * 10, "the whole minute is one commit"
    keeper.stop()
    loop.close()
    assert received(file) == 59 * 10


def test_ticks_do_not_wait_for_an_unresponsive_disk(tmp_path: Path, slow_disk: threading.Event) -> None:
    loop, machine, file = Loop(), Machine(), tmp_path / "history.sqlite3"
    keeper = HistoryKeeper(loop, file, Settings(), lambda _alert: None)
    run(machine, keeper, 400)  # would take more than 20 s if one of them waited
    slow_disk.set()
    loop.turn()
    run(machine, keeper, 1)
    loop.turn()
    keeper.stop()
    loop.close()
    assert received(file) == 400 * 10


def test_stop_returns_although_the_disk_does_not_respond(
    tmp_path: Path, slow_disk: threading.Event, monkeypatch: pytest.MonkeyPatch, expected_logs: list[str]
) -> None:
    monkeypatch.setattr(history, "_LONGEST_END", 0.01)
    expected_logs.append("The disk does not answer")
    loop, machine = Loop(), Machine()
    keeper = HistoryKeeper(loop, tmp_path / "history.sqlite3", Settings(), lambda _alert: None)
    run(machine, keeper, 61)
    keeper.stop()
    assert not slow_disk.is_set(), "stop waited for the disk"
    loop.close()
    slow_disk.set()
    assert keeper._worker.close(60)


def test_a_history_that_is_switched_off_is_closed_without_waiting(tmp_path: Path, slow_disk: threading.Event) -> None:
    loop, machine, file = Loop(), Machine(), tmp_path / "history.sqlite3"
    keeper = HistoryKeeper(loop, file, Settings(), lambda _alert: None)
    run(machine, keeper, 61)
    keeper.apply(Settings(history=History(on=False)))
    slow_disk.set()
    loop.turn()  # the minute
    loop.turn()  # the rest, and the end
    assert not list(tmp_path.glob("*-wal")), "the file is still open"
    assert received(file) == 60 * 10
    run(machine, keeper, 200)
    keeper.apply(Settings())
    run(machine, keeper, 61)
    loop.turn()
    keeper.stop()
    loop.close()
    assert received(file) == (60 + 200 + 61) * 10, "what passed meanwhile is in the gap"


def test_plan_alert_is_called_in_the_loop(tmp_path: Path) -> None:
    loop, machine, alerts = Loop(), Machine(), list[PlanAlert]()
    settings = Settings(plan=DataPlan(cap_gb=580 / 1e9))
    keeper = HistoryKeeper(loop, tmp_path / "history.sqlite3", settings, alerts.append)
    run(machine, keeper, 60)
    assert not alerts
    loop.turn()
    assert [alert.percent for alert in alerts] == [100]
    keeper.stop()
    loop.close()


def test_unexpected_error_in_the_thread_makes_a_gap_and_loses_no_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, expected_logs: list[str]
) -> None:
    loop, machine, file = Loop(), Machine(), tmp_path / "history.sqlite3"
    keeper = HistoryKeeper(loop, file, Settings(), lambda _alert: None)
    run(machine, keeper, 60)
    loop.turn()
    with monkeypatch.context() as broken:
        broken.setattr(HistoryWriter, "record", lambda *_, **__: 1 // 0)
        expected_logs.append("Unexpected error")
        run(machine, keeper, 60)
        loop.turn()
    run(machine, keeper, 60)
    loop.turn()
    keeper.stop()
    loop.close()
    assert received(file) == 179 * 10


def test_usage_of_today_is_known_from_the_first_minute_on(tmp_path: Path) -> None:
    loop, machine = Loop(), Machine()
    keeper = HistoryKeeper(loop, tmp_path / "history.sqlite3", Settings(), lambda _: None)
    assert keeper.moved is None
    for minutes in (1, 2, 3):
        run(machine, keeper, 60)
        loop.turn()
        reader = HistoryReader(tmp_path / "history.sqlite3")
        today = datetime.fromtimestamp(START).date()  # noqa: DTZ006  the user's own day
        (used,) = reader.days("total", None, today, today).values()
        reader.close()
        assert keeper.moved == Moved(used.both, used.both, today.replace(day=1))
        assert (minutes - 1) * 600 < used.both <= minutes * 600
    keeper.apply(Settings(history=History(on=False)))
    keeper.stop()
    assert keeper.moved is None


@pytest.mark.parametrize("counts", get_args(Counts))
@pytest.mark.parametrize("imported", [0, 7_000])
def test_usage_of_the_period_has_its_earlier_days(tmp_path: Path, imported: int, counts: Counts) -> None:
    """The reader, which knows imports, is not loaded without any."""
    file, machine = tmp_path / "history.sqlite3", Machine(wall=START + 2.5 * 86_400)
    earlier = machine.writer(file)
    earlier.record([machine.tick()])
    machine.carry(2, 500, 0)
    machine.wait()
    earlier.record([machine.tick()])
    earlier.close()
    if imported:
        add_imports(file, [Import("eth0", "day", date(2026, 1, 2), imported, 0)], {"eth0"})

    machine.wait(2 * 86_400)
    machine.start_agent()
    loop = Loop()
    plan = DataPlan(counts=counts)
    keeper = HistoryKeeper(loop, file, Settings(plan=plan), lambda _: None)
    run(machine, keeper, 60)
    loop.turn()
    today = datetime.fromtimestamp(machine.wall).date()  # noqa: DTZ006  the user's own day
    with closing(HistoryReader(file)) as reader:
        days = reader.days("total", None, today.replace(day=1), today, counts=counts)
    period = sum(day.both for day in days.values())
    assert keeper.moved is not None
    assert (keeper.moved.month, keeper.moved.since) == (period, today.replace(day=1))
    # An unknown network is not metered; imports are of unknown networks.
    assert (period >= imported + 500) == (counts != "metered")
    keeper.stop()
    loop.close()


def test_a_minute_is_kept_while_the_writer_cannot_be_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, expected_logs: list[str]
) -> None:
    expected_logs.append("The history cannot be opened now: Too many open files. Trying again in a minute.")
    file, loop, machine = tmp_path / "history.sqlite3", Loop(), Machine()
    keeper = HistoryKeeper(loop, file, Settings(), lambda _alert: None)
    name = HistoryWriter.__module__

    class NoDescriptors:
        @staticmethod
        def find_spec(wanted: str, *_: object) -> None:
            if wanted == name:
                raise OSError(errno.EMFILE, "Too many open files")

    with monkeypatch.context() as patch:
        patch.delitem(sys.modules, name)
        patch.setattr(sys, "meta_path", [NoDescriptors, *sys.meta_path])
        run(machine, keeper, 61)
        loop.turn()
    run(machine, keeper, 60)
    loop.turn()
    keeper.stop()
    loop.close()
    assert received(file) == 120 * 10
