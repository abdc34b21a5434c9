"""Faults of the history file while it is written."""

from __future__ import annotations

import contextlib
import os
import random
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import needs
import nobody
import pytest
from machine import START, Machine

from netwatch_tray.errors import HistoryError
from netwatch_tray.history import schema
from netwatch_tray.history.batch import Batch, RecordedMinute
from netwatch_tray.history.networks import Network
from netwatch_tray.history.packing import HOURS, MINUTES
from netwatch_tray.history.reader import HistoryReader
from netwatch_tray.history.series import TOTAL, Series, SeriesKind
from netwatch_tray.history.store import Store
from netwatch_tray.history.writer import HistoryWriter


def minute(machine: Machine, writer: HistoryWriter) -> None:
    ticks = []
    for _ in range(12):
        machine.carry(2, 5000, 50)
        machine.wait(5)
        ticks.append(machine.tick())
    writer.record(ticks)


def received(file: Path) -> int:
    reader = HistoryReader(file)
    try:
        return reader.bytes_between("total", None, int(START), int(START) + 10**6).rx
    finally:
        reader.close()


@pytest.mark.parametrize("kind", ["total", "interface", "app"])
def test_time_before_and_after_the_measurements_is_unknown(tmp_path: Path, kind: SeriesKind) -> None:
    file, machine = tmp_path / "history.sqlite3", Machine()
    writer = machine.writer(file)
    for _ in range(3):
        minute(machine, writer)
    writer.close()
    with contextlib.closing(HistoryReader(file)) as reader:
        for begin, end in ((-90_000, -50_000), (5000, 9000), (50_000, 200_000), (10**6, 10**7)):
            curve = reader.curve(kind, None, START + begin, START + end)
            assert len(curve.at) == len(curve.rx) == len(curve.tx_peak)
            assert not any(curve.rx), "unknown or nothing"
            assert all(each is None for each in curve.rx[2:])
            assert not reader.bytes_between(kind, None, int(START) + begin, int(START) + end).both


def test_damaged_file_is_set_aside_and_its_new_name_reported(tmp_path: Path, expected_logs: list[str]) -> None:
    file, machine = tmp_path / "history.sqlite3", Machine()
    file.write_bytes(b"no database at all " * 500)
    expected_logs += ["was renamed to", "Nothing in history.damaged-"]
    writer = machine.writer(file)
    minute(machine, writer)
    writer.close()
    (aside,) = tmp_path.glob("history.damaged-*")
    assert writer.note is not None
    assert str(aside) in str(writer.note)
    assert received(file) == 11 * 5000


def test_newer_file_is_refused_and_left_untouched(tmp_path: Path, expected_logs: list[str]) -> None:
    file, machine = tmp_path / "history.sqlite3", Machine()
    writer = machine.writer(file)
    minute(machine, writer)
    writer.close()
    with sqlite3.connect(file) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    before = file.read_bytes()
    expected_logs.append("newer version")
    writer = machine.writer(file)
    minute(machine, writer)
    assert writer.fault is not None
    writer.close()
    assert file.read_bytes() == before
    with pytest.raises(HistoryError, match="newer version"):
        HistoryReader(file)


def test_damage_is_found_when_a_damaged_page_is_written(tmp_path: Path, expected_logs: list[str]) -> None:
    file, machine = tmp_path / "history.sqlite3", Machine()
    writer = machine.writer(file)
    for _ in range(3):
        minute(machine, writer)
    writer.close()
    with file.open("r+b") as damaged:
        damaged.seek(4096)
        damaged.write(b"\xa5" * (file.stat().st_size - 4096))
    expected_logs += ["was renamed to", "history.damaged-"]
    writer = machine.writer(file)
    for _ in range(2):
        minute(machine, writer)
    writer.close()
    assert writer.fault is None
    assert received(file) == 23 * 5000, "everything since the first tick of the new file"


def test_file_of_another_program_is_left_untouched(tmp_path: Path, expected_logs: list[str]) -> None:
    file, machine = tmp_path / "history.sqlite3", Machine()
    with contextlib.closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE photos (id)")
    before = file.read_bytes()
    expected_logs.append("not a history of this program")
    writer = machine.writer(file)
    minute(machine, writer)
    assert writer.fault is not None
    assert "Move it away" in str(writer.fault)
    writer.close()
    assert file.read_bytes() == before
    assert not list(tmp_path.glob("history.damaged-*"))


def test_older_file_is_migrated_and_keeps_its_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, machine = tmp_path / "history.sqlite3", Machine()
    writer = machine.writer(file)
    minute(machine, writer)
    writer.close()
    steps = ("CREATE TABLE later (a INTEGER);\nINSERT INTO later VALUES (1);", "ALTER TABLE later ADD b INTEGER;")
    monkeypatch.setattr(schema, "MIGRATIONS", schema.MIGRATIONS + steps)
    monkeypatch.setattr(schema, "VERSION", schema.VERSION + 2)
    with pytest.raises(HistoryError, match="older version"):
        HistoryReader(file)
    writer = machine.writer(file)
    minute(machine, writer)
    writer.close()
    assert received(file) == 23 * 5000
    with contextlib.closing(sqlite3.connect(file)) as connection:
        assert connection.execute("SELECT * FROM later").fetchall() == [(1, None)]


def test_failed_migration_leaves_the_file_unchanged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, expected_logs: list[str]
) -> None:
    file, machine = tmp_path / "history.sqlite3", Machine()
    writer = machine.writer(file)
    minute(machine, writer)
    writer.close()
    with monkeypatch.context() as newer:
        newer.setattr(
            schema, "MIGRATIONS", (*schema.MIGRATIONS, "CREATE TABLE later (a);\nINSERT INTO nowhere VALUES (1);")
        )
        newer.setattr(schema, "VERSION", schema.VERSION + 1)
        expected_logs.append("no such table: nowhere")
        writer = machine.writer(file)
        minute(machine, writer)
        writer.close()
    writer = machine.writer(file)
    minute(machine, writer)
    writer.close()
    assert received(file) == 35 * 5000


RECORDS_A_SECOND = """
from datetime import UTC, datetime
from pathlib import Path
from netwatch_tray.history.writer import HistoryWriter
from netwatch_tray.model import Tick, Total
from netwatch_tray.settings import DataPlan, History
total = Total(rx_rate=None, tx_rate=None, uplinks=())
writer = HistoryWriter(Path(sys.argv[1]), History(), DataPlan())
writer.record([Tick(at=datetime.now(UTC), interval_s=None, gap=None, total=total, interfaces=())])
print(writer.fault)
writer.close()
"""
READS = """
from pathlib import Path
from netwatch_tray.history.reader import HistoryReader
reader = HistoryReader(Path(sys.argv[1]))
print(reader.bytes_between("total", None, 0, 1 << 40).rx)
reader.close()
"""


@pytest.fixture
def shared() -> Iterator[Path]:
    """Yield a directory that every user can read."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        directory.chmod(0o755)
        yield directory


def as_nobody(code: str, file: Path) -> str:
    found = subprocess.run(nobody.python(code, str(file)), capture_output=True, text=True, timeout=60, check=True)
    return found.stdout.strip()


def test_unwritable_directory_is_reported(shared: Path) -> None:
    file = shared / "history.sqlite3"
    output = as_nobody(RECORDS_A_SECOND, file)
    assert (
        output
        == f"The history {file} cannot be written: Permission denied. Live rates still work; check who owns its folder."
    )
    assert not list(shared.iterdir())
    os.chown(shared, nobody.UID, nobody.UID)
    assert as_nobody(RECORDS_A_SECOND, file) == "None"
    assert file.stat().st_mode & 0o777 == 0o600
    file.chmod(0o400)
    assert "cannot be written: Permission denied" in as_nobody(RECORDS_A_SECOND, file)


def test_history_in_a_read_only_directory_can_be_read(shared: Path) -> None:
    file, machine = shared / "history.sqlite3", Machine()
    writer = machine.writer(file)
    minute(machine, writer)
    writer.close()
    file.chmod(0o644)
    assert as_nobody(READS, file) == str(11 * 5000)


def test_too_large_file_drops_hours_then_minutes_but_no_days(tmp_path: Path) -> None:
    file, network = tmp_path / "history.sqlite3", Network("a" * 12, "ethernet")
    chance = random.Random(3)
    store = Store(file)
    for hour in range(24 * 50):
        at = int(START) + 3600 * hour
        rx, tx, rx_peak, tx_peak = (chance.getrandbits(40) for _ in range(4))
        value = (36000, rx, tx, rx_peak, tx_peak)
        series = {Series("app", f"app{number}", f"app{number}"): value for number in range(10)}
        store.write(Batch(minutes=[RecordedMinute(at, [], [], {TOTAL: (36000, 7, 0, 0, 0), **series}, {})]), network)
        if hour % 200 == 199:
            store.tidy(at + 3600, 10**9)
    whole = store._compactor.bytes_in_use()
    now = START + 50 * 86400
    for most_bytes in (whole - 100_000, whole // 4):
        store._packed_hour = 0
        store.tidy(now, most_bytes)
        assert store._compactor.bytes_in_use() <= most_bytes
        store.close()
        reader = HistoryReader(file)
        assert sum(used.rx for used in reader.days("total", None, date.min, date.max).values()) == 24 * 50 * 7
        assert list(reader.rows("total", None, int(now) - 86400, int(now), MINUTES)), "the last day is there"
        hours = list(reader.rows("total", None, 0, int(now), HOURS))
        assert hours
        assert hours[0].at > START + 20 * 86400
        reader.close()
        store = Store(file)
    store.close()


def test_second_program_does_not_record_into_the_same_file(tmp_path: Path, expected_logs: list[str]) -> None:
    file, machine = tmp_path / "history.sqlite3", Machine()
    first, second = machine.writer(file), machine.writer(file)
    minute(machine, first)
    expected_logs.append("Another program records")
    minute(machine, second)
    first.close()
    assert received(file) == 11 * 5000


def test_removed_file_is_replaced_by_a_new_one(tmp_path: Path, expected_logs: list[str]) -> None:
    file, machine = tmp_path / "history.sqlite3", Machine()
    writer = machine.writer(file)
    minute(machine, writer)
    for part in tmp_path.glob("history.sqlite3*"):
        if not part.name.endswith(".lock"):
            part.unlink()
    expected_logs.append("removed or replaced")
    minute(machine, writer)
    writer.close()
    assert received(file) == 12 * 5000


def test_full_disk_loses_nothing_once_there_is_room(tmp_path: Path, expected_logs: list[str]) -> None:
    needs.root()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", tmp_path], check=True)
    try:
        file, machine, filler = tmp_path / "history.sqlite3", Machine(), tmp_path / "filler"
        writer = machine.writer(file)
        minute(machine, writer)
        with contextlib.suppress(OSError), filler.open("wb", buffering=0) as written:
            while True:
                written.write(bytes(1024))
        expected_logs.append("The disk is full")
        for _ in range(20):
            minute(machine, writer)
        assert writer.fault is not None
        filler.unlink()
        minute(machine, writer)
        assert writer.fault is None
        writer.close()
        assert received(file) == (22 * 12 - 1) * 5000
        with contextlib.closing(HistoryReader(file)) as reader:
            days = reader.days("total", None, date.min, date.max).values()
        assert sum(day.rx for day in days) == (22 * 12 - 1) * 5000, "no commit that failed is in the ledger"
    finally:
        subprocess.run(["umount", tmp_path], check=True)
