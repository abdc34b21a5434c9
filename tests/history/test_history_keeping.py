"""Deleting, backing up, restoring and merging histories, also while an agent records and whatever ends it."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import needs
import pytest
from hypothesis import given, settings, strategies as st
from machine import START, Machine

from netwatch_tray.engine.apps import AppName
from netwatch_tray.engine.ledger import AppInterval
from netwatch_tray.errors import HistoryError, NoHistoryYetError
from netwatch_tray.history import keeping
from netwatch_tray.history.reader import HistoryReader
from netwatch_tray.history.writer import HistoryWriter
from netwatch_tray.model import Traffic

FIRST = datetime.fromtimestamp(START).astimezone().date()


def record(file: Path, days: int, *, rx: int = 1_000_000, name: str = "eth0", wall: float = START) -> Machine:
    """Record an hour of each of so many days, some bytes each 10 minutes."""
    machine = Machine(wall=wall, interfaces={2: [name, "ethernet", True, 0, 0]})
    writer = machine.writer(file)
    for _ in range(days):
        record_hour(machine, writer, rx)
        machine.wait(23 * 3600)
    writer.close()
    return machine


def record_hour(machine: Machine, writer: HistoryWriter, rx: int = 1_000_000) -> None:
    machine.wait(5)
    measured = [machine.tick()]
    for _ in range(720):
        machine.carry(2, rx // 720, rx // 1440)
        machine.wait(5)
        measured.append(machine.tick())
    writer.record(measured)


def days_of(file: Path) -> dict[date, int]:
    with closing(HistoryReader(file)) as reader:
        days = reader.days("total", None, date.min, date.max)
        assert reader._rows.query("PRAGMA integrity_check") == [("ok",)]
    return {day: used.both for day, used in days.items() if used.both}


def curve_bytes(file: Path, start: float = START, days: int = 40) -> int:
    with closing(HistoryReader(file)) as reader:
        return reader.bytes_between("total", None, int(start), int(start) + days * 86400).both


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "history.sqlite3"


def test_deleting_days_removes_all_of_them_and_nothing_else(file: Path) -> None:
    record(file, 6)
    before = days_of(file)
    assert len(before) == 6
    first, last = FIRST + timedelta(days=1), FIRST + timedelta(days=3)
    assert keeping.delete_days(file, first, last) == 3
    after = days_of(file)
    assert after == {day: used for day, used in before.items() if not first <= day <= last}
    with closing(HistoryReader(file)) as reader:
        edges = [START + number * 86400.0 for number in range(7)]
        _tier, slots = reader.slots("total", None, edges)
        assert [bool(slot.used.both) for slot in slots] == [True, False, False, False, True, True]
        assert not [
            gap for gap in reader.gaps(START + 1.2 * 86400, START + 3 * 86400) if gap.name is None and gap.finish
        ]
    assert keeping.delete_days(file, first, last) == 0, "a second time there is nothing"


def test_names_without_data_are_deleted_from_the_file(file: Path) -> None:
    machine = Machine()
    writer = machine.writer(file)
    for day, app in enumerate(("secret-app", "curl")):
        machine.wait(86400 * day + 5)
        record_hour(machine, writer)
        interval = AppInterval(
            elapsed_s=10.0, apps={app: (AppName(app, app), Traffic(5, 1))}, processes={}, local=Traffic()
        )
        writer.record([(datetime.fromtimestamp(machine.wall, UTC), interval)])
    writer.close()
    assert b"secret-app" in file.read_bytes()
    keeping.delete_days(file, FIRST, FIRST)
    with closing(HistoryReader(file)) as reader:
        assert reader.names("app") == ["curl"]
    wal = file.with_name(file.name + "-wal")
    assert b"secret-app" not in file.read_bytes() + (wal.read_bytes() if wal.exists() else b"")


def test_all_days_can_be_deleted_while_the_agent_records(file: Path) -> None:
    machine = Machine()
    writer = machine.writer(file)
    record_hour(machine, writer)
    assert days_of(file)
    keeping.delete_days(file, date.min, date.max)
    assert not days_of(file)
    record_hour(machine, writer, rx=1440)
    assert writer.fault is None
    assert sum(days_of(file).values()) == 2160, "what passed since, and nothing from memory"
    assert curve_bytes(file) == 2160
    writer.close()


def test_deleting_and_backing_up_without_a_history_is_refused(file: Path) -> None:
    with pytest.raises(NoHistoryYetError):
        keeping.delete_days(file, date.min, date.max)
    with pytest.raises(NoHistoryYetError):
        keeping.back_up(file, file.with_name("copy"))
    assert not file.exists()


def test_a_backup_restores_every_day_also_on_a_running_agent(file: Path, tmp_path: Path) -> None:
    machine = record(file, 3)
    backup = tmp_path / "backup.sqlite3"
    assert keeping.back_up(file, backup) == backup.stat().st_size
    assert backup.stat().st_mode & 0o777 == 0o600
    kept = days_of(backup)
    assert kept == days_of(file)
    writer = machine.writer(file)
    record_hour(machine, writer)
    assert days_of(file) != kept
    keeping.restore(file, backup)
    assert days_of(file) == kept
    assert curve_bytes(file) == sum(kept.values())
    record_hour(machine, writer, rx=1440)
    assert writer.fault is None
    assert sum(days_of(file).values()) == sum(kept.values()) + 2160
    writer.close()


def test_backup_replaces_regular_files_only(file: Path, tmp_path: Path) -> None:
    record(file, 1)
    target = tmp_path / "target"
    os.mkfifo(target)
    with pytest.raises(HistoryError, match="regular file"):
        keeping.back_up(file, target)
    assert target.is_fifo()
    target.unlink()
    target.write_text("an earlier backup")
    keeping.back_up(file, target)
    assert days_of(target) == days_of(file)


def test_merging_two_histories_adds_them_up_and_only_once(file: Path, tmp_path: Path) -> None:
    record(file, 3)
    other = tmp_path / "laptop.sqlite3"
    record(other, 4, rx=7_200_000, name="wlan0", wall=START + 86400)
    own, theirs = days_of(file), days_of(other)
    keeping.merge(file, other)
    both = {day: own.get(day, 0) + theirs.get(day, 0) for day in own.keys() | theirs.keys()}
    assert days_of(file) == dict(sorted(both.items()))
    assert curve_bytes(file) == sum(both.values())
    with closing(HistoryReader(file)) as reader:
        assert reader.names("interface") == ["eth0", "wlan0"]
    for again in (other, file):
        copy = tmp_path / f"again-{again.name}"
        keeping.back_up(again, copy)
        with pytest.raises(HistoryError, match="they would count twice"):
            keeping.merge(file, copy)
    assert days_of(file) == dict(sorted(both.items()))


def test_merge_does_not_take_over_the_other_machines_counters(file: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.sqlite3"
    record(other, 1)
    keeping.merge(file, other)
    merged = sum(days_of(file).values())
    machine = Machine(wall=START + 20 * 86400)
    machine.carry(2, 10**12, 10**12)
    writer = machine.writer(file)
    record_hour(machine, writer, rx=1440)
    writer.close()
    assert sum(days_of(file).values()) == merged + 2160


@pytest.mark.parametrize("content", [b"", b"no history", os.urandom(4096), b"SQLite format 3\0" + bytes(4080)])
def test_file_that_is_not_a_history_is_refused_and_changes_nothing(file: Path, tmp_path: Path, content: bytes) -> None:
    record(file, 1)
    before = days_of(file)
    odd = tmp_path / "odd.sqlite3"
    odd.write_bytes(content)
    for action in (keeping.restore, keeping.merge):
        with pytest.raises(HistoryError) as refused:
            action(file, odd)
        assert str(odd) in str(refused.value), "not the name of a copy"
    assert days_of(file) == before
    assert odd.read_bytes() == content, "it is only read"


@given(first=st.integers(-2, 8), length=st.integers(0, 6))
@settings(max_examples=25, deadline=None)
def test_deleting_any_range_keeps_days_and_curve_consistent(
    recorded: Path, tmp_path_factory: pytest.TempPathFactory, first: int, length: int
) -> None:
    file = tmp_path_factory.mktemp("range") / "history.sqlite3"
    keeping.back_up(recorded, file)
    begin = FIRST + timedelta(days=first)
    keeping.delete_days(file, begin, begin + timedelta(days=length))
    assert curve_bytes(file) == sum(days_of(file).values())


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("recorded") / "history.sqlite3"
    record(file, 7)
    return file


_KILLED = """
import sys
from datetime import date
from pathlib import Path
from netwatch_tray.history import keeping
file, other, action = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
print("ready", flush=True)
if action == "delete":
    keeping.delete_days(file, date.min, date.max)
elif action == "restore":
    keeping.restore(file, other)
elif action == "merge":
    keeping.merge(file, other)
else:
    keeping.back_up(file, other.with_name("killed-backup"))
print("done", flush=True)
"""


@pytest.mark.parametrize("action", ["delete", "restore", "merge", "backup"])
def test_kill_during_a_change_leaves_all_or_nothing_of_it(recorded: Path, tmp_path: Path, action: str) -> None:
    chance = random.Random(action)
    other = tmp_path / "other.sqlite3"
    record(other, 2, rx=360_000, wall=START + 86400)
    before, theirs = days_of(recorded), days_of(other)
    after = {
        "delete": {},
        "restore": theirs,
        "merge": {day: before.get(day, 0) + theirs.get(day, 0) for day in sorted(before.keys() | theirs.keys())},
        "backup": before,
    }[action]
    for attempt in range(12):
        file = tmp_path / f"{attempt}.sqlite3"
        keeping.back_up(recorded, file)
        process = subprocess.Popen(
            [sys.executable, "-c", _KILLED, str(file), str(other), action], stdout=subprocess.PIPE
        )
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == b"ready\n"
            time.sleep(chance.uniform(0, 0.15))  # the moment of the kill is what this test is about
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait(60)
            process.stdout.close()
        assert days_of(file) in (before, after)
        copy = other.with_name("killed-backup")
        assert not copy.exists() or days_of(copy) == before
        copy.unlink(missing_ok=True)


@pytest.mark.parametrize("action", ["restore", "merge", "backup"])
def test_a_full_disk_changes_nothing(tmp_path: Path, recorded: Path, action: str) -> None:
    needs.root()
    other = tmp_path / "other.sqlite3"
    record(other, 4, rx=360_000, name="wlan0", wall=START + 86400)
    disk = tmp_path / "disk"
    disk.mkdir()
    size = 3 * recorded.stat().st_size // 1024 + 400
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}k", "tmpfs", disk], check=True)
    actions: dict[str, Callable[[Path], object]] = {
        "restore": lambda file: keeping.restore(file, other),
        "merge": lambda file: keeping.merge(file, other),
        "backup": lambda file: keeping.back_up(file, disk / "copy"),
    }
    try:
        file, filler = disk / "history.sqlite3", disk / "filler"
        keeping.back_up(recorded, file)
        before = days_of(file)
        with suppress(OSError), filler.open("wb", buffering=0) as written:
            while True:
                written.write(bytes(1024))
        with pytest.raises(HistoryError):
            actions[action](file)
        assert not list(disk.glob(".*.part")), "nothing half is left"
        assert not (disk / "copy").exists()
        filler.unlink()
        assert days_of(file) == before
        actions[action](file)
    finally:
        subprocess.run(["umount", disk], check=True)
