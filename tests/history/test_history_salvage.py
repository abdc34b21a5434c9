"""A corrupt history is set aside, and every row of it that can be read is carried over into the new one."""

from __future__ import annotations

import contextlib
import gzip
import random
import sqlite3
import subprocess
from datetime import date
from pathlib import Path
from typing import Any

import needs
import pytest
from machine import START, Machine

from netwatch_tray.engine.apps import AppName
from netwatch_tray.engine.ledger import AppInterval
from netwatch_tray.event import Event, Offline, Severity
from netwatch_tray.history import damaged_file, schema
from netwatch_tray.history.batch import Batch, RecordedMinute
from netwatch_tray.history.imports import Import, add_imports
from netwatch_tray.history.networks import Network
from netwatch_tray.history.packing import HOURS, MINUTES, TickBytes
from netwatch_tray.history.reader import HistoryReader
from netwatch_tray.history.series import TOTAL, Series
from netwatch_tray.history.store import Store
from netwatch_tray.history.writer import HistoryWriter
from netwatch_tray.model import GapReason, Traffic

PAGE = 4096
FILES = Path(__file__).parent / "files"
SERIES = [
    TOTAL,
    Series("interface", "eth0/ethernet", "eth0"),
    *(Series("app", f"/bin/a{n}", f"a{n}") for n in range(8)),
]
HOURS_RECORDED = 60


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Return a history of some days with rows in each table, on more than a hundred pages."""
    file = tmp_path_factory.mktemp("whole") / "history.sqlite3"
    chance = random.Random(5)
    machine = Machine(wall=START - 2.5)
    writer = machine.writer(file)
    minute(machine, writer)
    machine.sleep(1000)
    machine.interfaces[3] = ["wg0", "wireguard", False, 0, 0]
    minute(machine, writer)
    writer.close()
    add_imports(file, [Import("eth0", "day", date(2025, 12, day), 5, 5) for day in range(1, 20)], ["eth0"])
    store = Store(file)
    for hour in range(1, HOURS_RECORDED):
        for part in range(0, 60, 20):
            at = int(START) + 3600 * hour + 60 * part
            values = {series: (600, chance.getrandbits(30), chance.getrandbits(30), 9, 9) for series in SERIES}
            lines: dict[Series, TickBytes] = {SERIES[1]: ([chance.getrandbits(30)], [5])}
            store.write(
                Batch(minutes=[RecordedMinute(at, [5], [1000], values, lines)]),
                Network(f"{hour // 20}", "wifi", None, f"Café {hour // 20}"),
            )
        store.tidy(START + 3600 * (hour + 1), 10**9)
    store.write_events([offline(number, START + 600 * number) for number in range(1, 20)], ())
    store.close()
    return file.read_bytes()


def offline(number: int, last: float) -> Event:
    return Event(
        id=number,
        first=last - 5,
        last=last,
        severity=Severity.NOTICE,
        key=f"line {number}",
        evidence=Offline(until=last, interfaces=("eth0",)),
    )


def minute(machine: Machine, writer: HistoryWriter) -> None:
    ticks = []
    for _ in range(12):
        machine.carry(2, 5000, 50)
        machine.wait(5)
        ticks.append(machine.tick())
    apps = {"curl": (AppName("curl", "curl"), Traffic(7, 3))}
    interval = AppInterval(elapsed_s=10.0, apps=apps, processes={}, local=Traffic())
    writer.record([*ticks[:-1], (ticks[-1].at, interval), ticks[-1]])


def readable(file: Path, like: bytes, directory: Path) -> dict[str, set[tuple[Any, ...]]]:
    """Return the rows of the undamaged file that can still be read by their key in the damaged one."""
    sound = directory / "sound.sqlite3"
    sound.write_bytes(like)
    found: dict[str, set[tuple[Any, ...]]] = {}
    with (
        contextlib.closing(sqlite3.connect(sound)) as whole,
        contextlib.closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as damaged,
    ):
        for table, columns in damaged_file.TABLES.items():
            listed = ", ".join(columns)
            rows = found[table] = set()
            key = columns[0] if table in damaged_file.KEYED else None
            for row in whole.execute(f"SELECT {listed} FROM {table}"):  # noqa: S608
                with contextlib.suppress(sqlite3.Error, UnicodeDecodeError):
                    if key is None:
                        if row in damaged.execute(f"SELECT {listed} FROM {table}").fetchall():  # noqa: S608
                            rows.add(row)
                    elif row in damaged.execute(f"SELECT {listed} FROM {table} WHERE {key} = ?", row[:1]):  # noqa: S608
                        rows.add(row)
    return found


def carried_over(file: Path) -> dict[str, set[tuple[Any, ...]]]:
    with contextlib.closing(sqlite3.connect(file)) as connection:
        return {
            table: set(connection.execute(f"SELECT {', '.join(columns)} FROM {table}"))  # noqa: S608
            for table, columns in damaged_file.TABLES.items()
        }


def set_aside(data: bytes, directory: Path) -> Path:
    file = directory / "history.sqlite3"
    file.with_name("history.damaged-20260101-000000.sqlite3").write_bytes(data)
    return file


def check_all_readable_rows_arrive(data: bytes, whole: bytes, directory: Path) -> None:
    file = set_aside(data, directory)
    store = Store(file)
    note = store.restore()
    store.close()
    assert note is not None
    assert "not carried over yet" not in str(note)
    (aside,) = schema.set_aside_files(file)
    assert aside.read_bytes() == data, "the damaged file stays as it was"
    expected, found = readable(aside, whole, directory), carried_over(file)
    renumbered = {"recent": 1, "usage": 1, "gap": 1}
    for table, rows in expected.items():
        start = renumbered.get(table, 0)
        if table in ("gap_bytes", "once"):  # IDs are new; times are those of the new file
            continue
        lost = {row[start:] for row in rows} - {row[start:] for row in found[table]}
        assert not lost, f"{table}: {len(lost)} of {len(rows)}"
    assert not list(directory.glob(".salvage-*"))
    with contextlib.closing(sqlite3.connect(file)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_undamaged_file_is_carried_over_completely(whole: bytes, tmp_path: Path) -> None:
    check_all_readable_rows_arrive(whole, whole, tmp_path)
    found = carried_over(tmp_path / "history.sqlite3")
    assert [table for table, rows in found.items() if not rows] == ["alert"]
    before = tmp_path / "before.sqlite3"
    before.write_bytes(whole)
    with (
        contextlib.closing(HistoryReader(before)) as old,
        contextlib.closing(HistoryReader(tmp_path / "history.sqlite3")) as new,
    ):
        assert new.by_name("total", date.min, date.max) == old.by_name("total", date.min, date.max)
        assert new.gaps(0, 1e12) == old.gaps(0, 1e12)
        assert new.carried("total", None, 0, 1e12) == old.carried("total", None, 0, 1e12)


@pytest.mark.parametrize("how", ["zeros", "noise", "ones"])
def test_rows_around_any_lost_page_are_carried_over(
    whole: bytes, tmp_path: Path, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(damaged_file, "MOST_MISSES", 4000)
    monkeypatch.setattr(damaged_file.shutil, "which", lambda _name: None)  # without `sqlite3 .recover`
    fill = {"zeros": bytes(PAGE), "ones": b"\xff" * PAGE, "noise": random.Random(3).randbytes(PAGE)}[how]
    for page in range(1, len(whole) // PAGE, 7 if how == "noise" else 13):
        directory = tmp_path / str(page)
        directory.mkdir()
        data = whole[: page * PAGE] + fill + whole[(page + 1) * PAGE :]
        check_all_readable_rows_arrive(data, whole, directory)


def test_random_damage_is_carried_over_once(whole: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(damaged_file, "MOST_MISSES", 2000)
    for seed in range(20):
        chance = random.Random(seed)
        data = bytearray(whole)
        for _ in range(chance.choice([3, 30, 300])):
            data[chance.randrange(PAGE, len(data))] = chance.randrange(256)
        directory = tmp_path / str(seed)
        directory.mkdir()
        store = Store(set_aside(bytes(data), directory))
        note = store.restore()
        assert note is not None
        assert "not carried over yet" not in str(note)
        assert store.restore() is None, "once"
        store.close()


@pytest.mark.parametrize("kept", [0.9, 0.5, 0.1])
def test_truncated_file_is_carried_over(
    whole: bytes, tmp_path: Path, kept: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(damaged_file, "MOST_MISSES", 4000)
    check_all_readable_rows_arrive(whole[: int(len(whole) * kept)], whole, tmp_path)


@pytest.mark.parametrize("start", [b"no database at all", bytes(PAGE), bytes(100)])
def test_file_without_its_first_page_is_carried_over(whole: bytes, tmp_path: Path, start: bytes) -> None:
    file = set_aside(start + whole[len(start) :], tmp_path)
    store = Store(file)
    note = store.restore()
    store.close()
    assert note is not None
    assert "carried over (days: " in str(note)
    found, expected = carried_over(file), carried_over_of(whole, tmp_path)
    for table in ("series", "chunk", "network", "imported", "state"):
        assert found[table] == expected[table]


def carried_over_of(data: bytes, directory: Path) -> dict[str, set[tuple[Any, ...]]]:
    file = directory / "original.sqlite3"
    file.write_bytes(data)
    return carried_over(file)


def test_recording_continues_with_what_was_carried_over(whole: bytes, tmp_path: Path, expected_logs: list[str]) -> None:
    expected_logs += ["was renamed to", "was carried over (days: "]
    file = tmp_path / "history.sqlite3"
    file.write_bytes(whole[: 28 * PAGE] + bytes(PAGE) + b"\xff" * (3 * PAGE) + whole[32 * PAGE :])
    (tmp_path / "history.damaged-20250101-000000.sqlite3").write_bytes(b"nothing of use")
    expected_logs.append("Nothing in history.damaged-20250101-000000.sqlite3 could be read")
    file.rename(tmp_path / "history.damaged-20260101-000000.sqlite3")
    expected_logs.remove("was renamed to")
    machine = Machine(wall=START + 3600 * HOURS_RECORDED)
    writer = machine.writer(file)
    for _ in range(3):
        minute(machine, writer)
    assert writer.fault is None
    assert any("carried over" in str(each) for each in writer.faults)
    writer.close()
    with contextlib.closing(HistoryReader(file)) as reader:
        assert len(list(reader.rows("total", None, int(START), int(START) + 86400 * 9, HOURS))) > HOURS_RECORDED // 2
        assert len(reader.days("total", None, date.min, date.max)) >= 2
        assert list(reader.rows("app", "curl", int(START), int(START) + 86400 * 9, MINUTES))


def test_data_of_a_file_with_damaged_header_is_merged_into_a_new_one(
    whole: bytes, tmp_path: Path, expected_logs: list[str]
) -> None:
    expected_logs += ["was renamed to", "was carried over (days: "]
    file = tmp_path / "history.sqlite3"
    file.write_bytes(b"\0" * 100 + whole[100:])
    machine = Machine(wall=START + 3600 * HOURS_RECORDED)
    writer = machine.writer(file)
    minute(machine, writer)
    assert writer.fault is None
    assert writer.note is not None
    assert "renamed to" in str(writer.note)
    assert "carried over (days: 3" in str(writer.note)
    writer.close()
    with contextlib.closing(HistoryReader(file)) as reader:
        assert len(list(reader.rows("total", None, int(START), int(START) + 86400 * 9, HOURS))) >= HOURS_RECORDED - 1
        assert GapReason.NOT_RUNNING in [gap.reason for gap in reader.gaps(START + 3600, 1e12)], "the state as well"


def test_full_disk_leaves_the_damaged_file_for_the_next_start(
    whole: bytes, tmp_path: Path, expected_logs: list[str]
) -> None:
    needs.root()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={len(whole) // 1024 + 350}k", "tmpfs", tmp_path], check=True)
    try:
        file = set_aside(whole, tmp_path)
        machine = Machine(wall=START + 3600 * HOURS_RECORDED)
        expected_logs += ["is not carried over yet", "was carried over (days: 3"]
        writer = machine.writer(file)
        minute(machine, writer)
        writer.close()
        (aside,) = schema.set_aside_files(file)
        assert aside.read_bytes() == whole
        subprocess.run(["mount", "-o", "remount,size=20m", tmp_path], check=True)
        machine.start_agent()
        writer = machine.writer(file)
        minute(machine, writer)
        writer.close()
        with contextlib.closing(HistoryReader(file)) as reader:
            assert len(reader.days("total", None, date(2026, 1, 1), date.max)) == 3
    finally:
        subprocess.run(["umount", tmp_path], check=True)


def test_damaged_file_renamed_by_version_1_is_merged_once(tmp_path: Path, expected_logs: list[str]) -> None:
    expected_logs.append("What can be read of history.damaged-20260101-011300.sqlite3")
    file = tmp_path / "history.sqlite3"
    aside = tmp_path / "history.damaged-20260101-011300.sqlite3"
    file.write_bytes(gzip.decompress((FILES / "after.sqlite3.gz").read_bytes()))
    aside.write_bytes(gzip.decompress((FILES / "set-aside.sqlite3.gz").read_bytes()))
    inode = file.stat().st_ino
    for _ in range(3):
        machine = Machine(wall=START + 3 * 3600)
        writer = machine.writer(file)
        minute(machine, writer)
        writer.close()
    assert file.stat().st_ino == inode
    with contextlib.closing(HistoryReader(file)) as reader:
        apps = reader.by_name("app", date(2026, 1, 1), date(2026, 1, 1))
        assert (apps["browser"].rx, apps["browser"].tx) == ((57 + 1 + 3) * 700, (57 + 1 + 3) * 30)
        assert (apps["curl"].rx, apps["curl"].tx) == (3 * 7, 24 + 3 * 3)
        assert [gap.reason for gap in reader.gaps(0, START + 7200)][:2] == [GapReason.ASLEEP, GapReason.NOT_RUNNING]
        assert reader.lost == 0


def test_whole_file_of_an_earlier_version_lacks_nothing(tmp_path: Path) -> None:
    aside = tmp_path / "history.damaged-20260101-000200.sqlite3"
    store = Store(aside)
    values = dict.fromkeys(SERIES, (600, 100, 10, 2, 2))
    store.write(Batch(minutes=[RecordedMinute(int(START), [], [], values, {})]), Network("n", "wifi"))
    store.close()
    with contextlib.closing(sqlite3.connect(aside)) as connection:
        connection.execute("DROP TABLE network_name")
        connection.execute("PRAGMA user_version = 4")
    store = Store(tmp_path / "history.sqlite3")
    restored = store.restore()
    store.close()
    assert str(restored).startswith("All of history.damaged-20260101-000200.sqlite3 was carried over (days: 1")


def test_minute_in_both_files_counts_once(tmp_path: Path) -> None:
    """Version 1 set a file aside after it had stored a minute, and stored the same minute in the new file."""
    parts = []
    for directory in ("old", "new"):
        (tmp_path / directory).mkdir()
        file = tmp_path / directory / "history.sqlite3"
        store = Store(file)
        for number in range(0 if directory == "old" else 2, 3 if directory == "old" else 5):
            values = dict.fromkeys(SERIES, (600, 100 + number, 10, 2, 2))
            store.write(
                Batch(minutes=[RecordedMinute(int(START) + 60 * number, [], [], values, {})]), Network("n", "wifi")
            )
        store.close()
        parts.append(file)
    parts[0].rename(tmp_path / "new" / "history.damaged-20260101-000200.sqlite3")
    store = Store(parts[1])
    assert store.restore() is not None
    store.close()
    with contextlib.closing(HistoryReader(parts[1])) as reader:
        used = reader.by_name("total", date.min, date.max)["Total"]
        assert (used.rx, used.tx, used.covered_s) == (sum(range(100, 105)), 50, 300.0)
        rows = list(reader.rows("total", None, int(START), int(START) + 3600, MINUTES))
        assert [row.rx for row in rows] == [100, 101, 102, 103, 104]
