"""A damaged row loses only that row, in files of earlier versions and in new ones."""

from __future__ import annotations

import contextlib
import gzip
import json
import sqlite3
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, strategies as st
from machine import START, Machine

from netwatch_tray.cli import main
from netwatch_tray.engine.apps import AppName
from netwatch_tray.engine.ledger import AppInterval
from netwatch_tray.history import packing, schema
from netwatch_tray.history.batch import Batch, RecordedMinute
from netwatch_tray.history.networks import Network
from netwatch_tray.history.packing import HOURS, MINUTES, TENS, CorruptRowError
from netwatch_tray.history.reader import HistoryReader
from netwatch_tray.history.recorder import Recorder
from netwatch_tray.history.series import TOTAL, Series, SeriesKind
from netwatch_tray.history.store import Store
from netwatch_tray.history.writer import HistoryWriter
from netwatch_tray.model import GapReason, Traffic

FILES = Path(__file__).parent / "files"
NETWORK = Network("a" * 12, "ethernet")
ETH0 = Series("interface", "eth0/ethernet", "eth0")
MEASURED = 30 + 25 + 1 + 1
"""Minutes of the files, each with 12 times 5000 bytes received; see files/make_version_1.py."""


def unpacked(name: str, directory: Path) -> Path:
    file = directory / "history.sqlite3"
    file.write_bytes(gzip.decompress((FILES / f"{name}.sqlite3.gz").read_bytes()))
    return file


def by_name(file: Path, kind: SeriesKind) -> dict[str, tuple[int, int]]:
    with contextlib.closing(HistoryReader(file)) as reader:
        found = {name: (used.rx, used.tx) for name, used in reader.by_name(kind, date.min, date.max).items()}
        assert reader.lost == 0
    return found


def app(name: str, rx: int, tx: int) -> dict[str, tuple[AppName, Traffic]]:
    return {name: (AppName(name, name), Traffic(rx, tx))}


def interval(moved: dict[str, tuple[AppName, Traffic]], elapsed_s: float | None = 10.0) -> AppInterval:
    return AppInterval(elapsed_s=elapsed_s, apps=moved, processes={}, local=Traffic())


def test_local_network_traffic_is_a_series_beside_the_apps(tmp_path: Path) -> None:
    file, machine = tmp_path / "history.sqlite3", Machine()
    writer = machine.writer(file)
    writer.record([machine.tick()])
    for _ in range(3):
        machine.carry(2, 5000, 50)
        machine.wait(5)
        tick = machine.tick()
        moved = AppInterval(elapsed_s=5.0, apps=app("nas", 900, 9), processes={}, local=Traffic(), lan=Traffic(800, 8))
        writer.record([(tick.at, moved), tick])
    writer.close()
    assert by_name(file, "lan") == {"Local network": (2400, 24)}
    assert by_name(file, "app") == {"nas": (2700, 27)}
    with contextlib.closing(HistoryReader(file)) as reader:
        (day,) = reader.days("lan", None, date.min, date.max).values()
        assert (day.rx, day.tx) == (2400, 24)
        assert sum(rx or 0 for rx in reader.curve("lan", None, START, START + 60).rx) > 0
        other = reader.remainder(date.min, date.max).other
    assert (other.rx, other.tx) == (15_000 - 2700, 150 - 27)


def minute(machine: Machine, writer: HistoryWriter, moved: dict[str, tuple[AppName, Traffic]] | None = None) -> None:
    ticks = []
    for _ in range(12):
        machine.carry(2, 5000, 50)
        machine.wait(5)
        ticks.append(machine.tick())
    writer.record([*ticks[:-1], (ticks[-1].at, interval(moved or {})), ticks[-1]])


def test_file_of_version_1_keeps_every_amount(tmp_path: Path) -> None:
    file = unpacked("version-1", tmp_path)
    with pytest.raises(schema.HistoryError, match="older version"):
        HistoryReader(file)
    inode = file.stat().st_ino
    Store(file).close()
    assert file.stat().st_ino == inode
    received = MEASURED * 60_000 - 5000 + 123 + 77
    assert by_name(file, "interface")["eth0"] == (received + 900, MEASURED * 600 - 50 + 45 + 7 + 90)
    assert by_name(file, "app") == {"browser": (MEASURED * 700, MEASURED * 30)}
    with contextlib.closing(HistoryReader(file)) as reader:
        assert [gap.reason for gap in reader.gaps(0, 1e12)] == [
            GapReason.ASLEEP,
            GapReason.NOT_RUNNING,
            GapReason.REMOVED,
        ]
        for tier in (TENS, MINUTES, HOURS):
            assert list(reader.rows("total", None, int(START), int(START) + 86400, tier)) or tier == HOURS


def test_amounts_below_0_of_version_1_are_repaired_in_place(tmp_path: Path, expected_logs: list[str]) -> None:
    expected_logs.append("app curl, 2026-01-01 01:13 (below 0, counts as 0)")
    expected_logs.append("app curl, 2026-01-01 (below 0, counts as 0)")
    file = unpacked("negative", tmp_path)
    inode = file.stat().st_ino
    with contextlib.closing(sqlite3.connect(file)) as connection:
        ((minutes, ledgers),) = connection.execute(
            "SELECT (SELECT count(*) FROM recent), (SELECT count(*) FROM usage)"
        ).fetchall()
    store = Store(file)
    note = store.rows.note
    store.close()
    assert note is not None
    assert "set to 0: 2, first" in str(note)
    assert file.stat().st_ino == inode
    assert not list(tmp_path.glob("*damaged*"))
    assert by_name(file, "app") == {"browser": ((MEASURED + 1) * 700, (MEASURED + 1) * 30), "curl": (0, 24)}
    with contextlib.closing(sqlite3.connect(file)) as connection:
        rows = connection.execute("SELECT minute FROM recent").fetchall()
        assert len(rows) == minutes
        assert all(packing.unpack_minute(data) for (data,) in rows)
        rows = connection.execute("SELECT data FROM usage").fetchall()
        assert len(rows) == ledgers
        assert all(packing.unpack_ledger(data) for (data,) in rows)


def test_recording_continues_in_a_file_with_amounts_below_0(tmp_path: Path, expected_logs: list[str]) -> None:
    expected_logs.append("below 0, counts as 0")
    file = unpacked("negative", tmp_path)
    machine = Machine(wall=START + 90 * 60 - 2.5)
    writer = machine.writer(file)
    for _ in range(3):
        minute(machine, writer)
    assert writer.fault is None
    assert writer.note is None
    assert writer._store is not None
    assert writer.faults == (writer._store.rows.note,)
    writer.close()
    assert not list(tmp_path.glob("*damaged*"))
    assert by_name(file, "interface")["eth0"][0] > (MEASURED + 2) * 60_000


values = st.dictionaries(
    st.integers(0, 1 << 62), st.tuples(*[st.one_of(st.integers(-(2**65), 2**65), st.none())] * 5), max_size=5
)


@given(values)
def test_packed_minutes_and_ledgers_can_be_unpacked(stored: dict[int, tuple[Any, ...]]) -> None:
    for pack, unpack in (
        (packing.pack_minute, packing.unpack_minute),
        (packing.pack_ledger, packing.unpack_ledger),
    ):
        try:
            packed = pack(stored)
        except CorruptRowError:
            found, faulty = packing.mended(stored)
            assert faulty
            assert unpack(pack(found)) == found
            for series in stored.keys() - set(faulty):
                assert found[series] == stored[series]
        else:
            assert unpack(packed) == stored


@given(
    st.lists(st.integers(-5, 70_000), max_size=5),
    st.lists(st.integers(-5, 5000), max_size=5),
    st.lists(st.one_of(st.none(), st.integers(-(2**65), 2**65)), max_size=5),
)
def test_packed_ticks_can_be_unpacked(times: list[int], elapsed: list[int], rx: list[int | None]) -> None:
    with contextlib.suppress(CorruptRowError):
        fine = packing.unpack_fine(packing.pack_fine(times, elapsed, {3: (rx, rx)}))
        assert packing.unpack_line(fine, 3) is not None


@given(st.lists(st.integers(-(2**65), 2**65), min_size=60, max_size=60))
def test_packed_columns_can_be_unpacked(numbers: list[int]) -> None:
    columns = packing.Columns(numbers, numbers, numbers, numbers, numbers)
    try:
        packed = packing.pack_columns(columns)
    except CorruptRowError:
        assert min(numbers) < 0 or max(numbers) >> 63
    else:
        assert packing.unpack_columns(packed, MINUTES).rx == numbers


IMPOSSIBLE = [(600, -1, 5, 0, 0), (600, 2**62 + 1, 5, 0, 0), (600, 2**70, 5, 0, 0)]


@pytest.mark.parametrize("value", IMPOSSIBLE)
def test_only_the_impossible_value_is_dropped(
    tmp_path: Path, value: tuple[int, int, int, int, int], expected_logs: list[str]
) -> None:
    expected_logs += [f"app bad, 2026-01-01 00:0{number}" for number in range(3)]
    store = Store(tmp_path / "history.sqlite3")
    bad, good = Series("app", "bad", "bad"), Series("app", "good", "good")
    sums = {TOTAL: (600, 700, 70, 9, 9), ETH0: (600, 700, 70, 9, 9), bad: value, good: (600, 3, 4, 1, 1)}
    lines: dict[Series, packing.TickBytes] = {TOTAL: ([700], [70]), ETH0: ([-700], [70])}
    if value[1] > 0:
        expected_logs.append("(its seconds are left out)")
    else:
        lines[ETH0] = ([700], [70])
    for number in range(3):
        store.write(Batch(minutes=[RecordedMinute(int(START) + 60 * number, [5], [1000], sums, lines)]), NETWORK)
    store.tidy(START + 3600, 10**9)
    lost = store.rows.lost
    store.close()
    assert lost == (3 if value[1] < 0 else 6)
    found = by_name(tmp_path / "history.sqlite3", "app")
    assert found["good"] == (9, 12)
    assert found.get("bad") == ((0, 15) if value[1] < 0 else None)
    assert by_name(tmp_path / "history.sqlite3", "total") == {"Total": (2100, 210)}
    with contextlib.closing(HistoryReader(tmp_path / "history.sqlite3")) as reader:
        assert sum(row.rx for row in reader.rows("total", None, int(START), int(START) + 3600, MINUTES)) == 2100


def spoil(file: Path, table: str, column: str, data: object, condition: str) -> None:
    with contextlib.closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(f"UPDATE {table} SET {column} = ? WHERE {condition}", (data,))  # noqa: S608  of this test


BAD_BLOBS = [b"", b"\xc1", b"\x81\x01\x95\xcd\x02\x58\xfe\x18\x00\x02", msgspec.msgpack.encode([1]), 7, "text"]


@pytest.mark.parametrize("data", BAD_BLOBS)
@pytest.mark.parametrize("where", ["recent minute", "recent fine", "chunk data", "usage data", "state data"])
def test_only_the_damaged_row_is_dropped(tmp_path: Path, data: object, where: str, expected_logs: list[str]) -> None:
    file, machine = tmp_path / "history.sqlite3", Machine(wall=START - 2.5)
    writer = machine.writer(file)
    for _ in range(100):
        minute(machine, writer, app("browser", 700, 30))
    writer.close()
    table, column = where.split()
    condition = {"recent": "id = 80", "chunk": "id = (SELECT max(id) FROM chunk)"}.get(table, "1")
    spoil(file, table, column, data, condition)
    expected_logs.append("is damaged")
    inode = file.stat().st_ino
    with contextlib.closing(HistoryReader(file)) as reader:
        day = sum(used.rx for used in reader.days("total", None, date.min, date.max).values())
        assert day == (0 if table == "usage" else 99 * 60_000 + 55_000)
        start = int(START)
        minutes = list(reader.rows("total", None, start, start + 86400, MINUTES))
        assert len(minutes) == (99 if where == "recent minute" else 100)
        assert sum(row.rx for row in minutes) == 99 * 60_000 + 55_000 - 60_000 * (where == "recent minute")
        seconds = reader.curve("total", None, START + 4800, START + 6000)
        assert len([each for each in seconds.rx if each is not None]) > 100
        reader.bytes_between("app", "browser", start, start + 86400)
        reader.by_network(date.min, date.max)
    machine.start_agent()
    machine.wall += 3600
    writer = machine.writer(file)
    for _ in range(3):
        minute(machine, writer, app("browser", 700, 30))
    assert writer.fault is None
    assert writer.note is None
    assert writer.faults or table == "chunk", "reported in `status`"
    writer.close()
    assert file.stat().st_ino == inode
    with contextlib.closing(HistoryReader(file)) as reader:
        minutes = list(reader.rows("total", None, start, start + 86400, MINUTES))
        assert len(minutes) == (102 if where == "recent minute" else 103)


HOSTILE = [
    "caf\udce9",
    "\udc80\udc81",
    "a\0b",
    "line\nfeed",
    "\x1b[31m",
    "\u2028",
    "=cmd",
    "",
    " ",
    "\U0001f600",
    "x" * 999,
]


def test_hostile_names_lose_no_minute(tmp_path: Path) -> None:
    file = tmp_path / "history.sqlite3"
    machine = Machine(
        wall=START - 2.5,
        interfaces={2: ["eth0", "ethernet", True, 0, 0]}
        | {10 + number: [name, "ethernet", True, 0, 0] for number, name in enumerate(HOSTILE)},
    )
    writer = machine.writer(file)
    moved = {name: (AppName(name, name), Traffic(5, 7)) for name in HOSTILE}
    for _ in range(70):
        for number in range(len(HOSTILE)):
            machine.carry(10 + number, 10, 1)
        minute(machine, writer, moved)
    assert writer.faults == ()
    writer.close()
    machine.start_agent()
    writer = machine.writer(file)
    minute(machine, writer, moved)
    assert writer.faults == ()
    writer.close()
    found = by_name(file, "app")
    assert len(found) == len(HOSTILE)
    assert set(found.values()) == {(71 * 5, 71 * 7)}
    interfaces = by_name(file, "interface")
    assert sum(rx for rx, _tx in interfaces.values()) == sum(rx for rx, _tx in by_name(file, "total").values())
    assert sum(rx for rx, _tx in interfaces.values()) == 71 * 60_000 - 5000 + 69 * 10 * len(HOSTILE)


def test_interfaces_with_the_same_name_lose_no_bytes(tmp_path: Path) -> None:
    """Names that are not UTF-8 are equal after they were decoded with replacement."""
    file = tmp_path / "history.sqlite3"
    machine = Machine(interfaces={number: ["\ufffd", "ethernet", True, 0, 0] for number in (2, 3)})
    writer = machine.writer(file)
    for _ in range(3):
        machine.carry(3, 11, 11)
        minute(machine, writer)
    machine.carry(3, 7, 7)
    machine.sleep(100)
    minute(machine, writer)
    assert writer.faults == ()
    writer.close()
    expected = (47 * 5000 + 22 + 7, 47 * 50 + 22 + 7)
    found = by_name(file, "interface")
    assert tuple(map(sum, zip(*found.values(), strict=True))) == expected
    assert by_name(file, "total") == {"Total": expected}


def test_interface_renamed_during_sleep_keeps_its_bytes(tmp_path: Path) -> None:
    file, machine = tmp_path / "history.sqlite3", Machine()
    writer = machine.writer(file)
    minute(machine, writer)
    machine.interfaces[2][0] = "lan0"
    machine.carry(2, 4000, 400)
    machine.sleep(600)
    minute(machine, writer)
    writer.close()
    assert by_name(file, "interface") == {"eth0": (55_000, 550), "lan0": (64_000, 1000)}
    assert by_name(file, "total") == {"Total": (119_000, 1550)}
    with contextlib.closing(HistoryReader(file)) as reader:
        assert GapReason.REMOVED in {gap.reason for gap in reader.gaps(START, START + 86_400)}


@pytest.mark.parametrize("swapped", [False, True])
def test_interface_renamed_between_two_runs_keeps_its_bytes(tmp_path: Path, *, swapped: bool) -> None:
    file, machine = tmp_path / "history.sqlite3", Machine()
    machine.interfaces[3] = ["eth1", "ethernet", False, 7, 7]
    writer = machine.writer(file)
    minute(machine, writer)
    writer.close()
    machine.interfaces[2][0] = "eth1" if swapped else "lan0"
    machine.interfaces[3][0] = "eth0" if swapped else "eth1"
    machine.carry(2, 4000, 400)
    machine.wait(600)
    machine.start_agent()
    writer = machine.writer(file)
    writer.record([machine.tick()])
    writer.close()
    renamed = "eth1" if swapped else "lan0"
    assert by_name(file, "interface")["eth0"] == (55_000, 550)
    assert by_name(file, "interface")[renamed] == (4000, 400)
    assert by_name(file, "total") == {"Total": (59_000, 950)}
    with contextlib.closing(HistoryReader(file)) as reader:
        assert reader.is_complete(date.fromtimestamp(START - 86_400), date.fromtimestamp(START + 86_400))  # noqa: DTZ012  as the program does


@pytest.mark.parametrize(
    ("seconds", "step", "reason"),
    [(4, -3, GapReason.CLOCK_SET_BACK), (1, -30, GapReason.CLOCK_SET_BACK), (1, 30, GapReason.CLOCK_SET_FORWARD)],
)
def test_gap_of_a_clock_step_has_its_direction(seconds: int, step: int, reason: GapReason) -> None:
    machine = Machine()
    recorder = Recorder(None, machine.which_boot())
    recorder.take(machine.tick())
    machine.wait(seconds)
    machine.wall += step
    recorder.take(machine.tick())
    assert [gap.reason for gap in recorder.batch(machine.boottime).gaps] == [reason]


def test_apps_and_remainder_are_the_total_across_gaps(tmp_path: Path) -> None:
    file, machine = tmp_path / "history.sqlite3", Machine()
    writer = machine.writer(file)
    minute(machine, writer, app("browser", 700, 30))
    machine.carry(2, 4000, 400)
    machine.sleep(600)  # asleep
    minute(machine, writer, app("browser", 700, 30))
    machine.interfaces[2][3:] = [11, 11]  # reset
    minute(machine, writer, app("browser", 700, 30))
    writer.close()
    machine.carry(2, 90_000, 9000)
    machine.wait(300)
    machine.start_agent()  # not running
    writer = machine.writer(file)
    minute(machine, writer, app("browser", 70_000_000, 30))
    writer.close()
    day = date(2026, 1, 1)
    with contextlib.closing(HistoryReader(file)) as reader:
        total = reader.days("total", None, day, day)[day]
        apps = reader.by_name("app", day, day)["browser"]
        rest = reader.remainder(day, day)
        assert total.gap_rx == rest.unmeasured.rx == 0 or total.rx < apps.rx
        assert apps.tx + rest.unmeasured.tx + rest.other.tx == total.tx
        assert rest.unmeasured.tx == total.gap_tx == 400 + 50 + 9000 + 50
        assert rest.other.rx == rest.unmeasured.rx == 0, "the apps had more than there was"


HUGE = [(2**64, 1), (2**200, 1), (1, 2**57)]


@pytest.mark.parametrize(("rx", "tx"), HUGE)
def test_amounts_of_apps_that_no_link_carries_are_left_out(
    tmp_path: Path, rx: int, tx: int, expected_logs: list[str]
) -> None:
    expected_logs.append("app huge, 2026-01-01 00:")
    file, machine = tmp_path / "history.sqlite3", Machine()
    writer = machine.writer(file)
    minute(machine, writer, app("huge", rx, tx) | app("good", 5, 7))
    minute(machine, writer, app("good", 5, 7))
    assert writer.fault is None
    assert "app huge" in str(writer.faults[0])
    writer.close()
    assert by_name(file, "app") == {"good": (10, 14)}


def test_interval_of_length_zero_has_no_peak(tmp_path: Path) -> None:
    file, machine = tmp_path / "history.sqlite3", Machine()
    writer = machine.writer(file)
    at = datetime.fromtimestamp(START, UTC)
    moved = [(at, interval(app("browser", 2**50, 0), elapsed)) for elapsed in (5e-324, 0.0, -1.0, None)]
    writer.record([machine.tick(), *moved])
    assert writer.faults == ()
    writer.close()
    assert by_name(file, "app") == {"browser": (2**52, 0)}


def test_usage_survives_a_clock_set_to_year_9999(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("STATE", "CONFIG"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path))
    (tmp_path / "netwatch-tray").mkdir()
    file, machine = tmp_path / "netwatch-tray" / "history.sqlite3", Machine()
    writer = machine.writer(file)
    minute(machine, writer)
    writer.close()
    with contextlib.closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("INSERT INTO imported VALUES ('eth0', 'year', '9999-01-01', 5, 5, 1)")
        connection.execute("INSERT INTO imported VALUES ('eth0', 'month', '9999-12-01', 5, 5, 1)")
        connection.execute("INSERT INTO imported VALUES ('eth0', 'day', '0001-01-01', 5, 5, 1)")
        connection.execute("INSERT INTO usage SELECT '9999-12-31', network, data FROM usage")
        connection.execute("INSERT INTO usage SELECT '0001-01-01', network, data FROM usage WHERE day LIKE '2026%'")
    ranges = [(), ("--from", "0001-01-01", "--to", "9999-12-31"), ("--to", "9999-12-31"), ("--from", "0001-01-01")]
    for days in ranges:
        for what in (*(("--by", each) for each in ("day", "week", "month", "billing", "year")),):
            assert main(["usage", *what, *days]) == 0
        for table in ("--interfaces", "--apps", "--networks"):
            assert main(["usage", table, *days]) == 0
        capsys.readouterr()
        for step in ("10s", "minute", "hour", "day"):
            for rows in ((), ("--interfaces",), ("--apps",)):
                assert main(["export", "--step", step, "--json", *rows, *days]) == 0
                assert all(json.loads(line) for line in capsys.readouterr().out.splitlines())
