"""Files with random damage: readers leave out damaged rows, the writer continues, nothing is raised."""

from __future__ import annotations

import contextlib
import random
from datetime import date
from pathlib import Path

import pytest
from machine import START, Machine

from netwatch_tray.engine.apps import AppName
from netwatch_tray.engine.ledger import AppInterval
from netwatch_tray.errors import HistoryError
from netwatch_tray.history import damaged_file
from netwatch_tray.history.imports import Import, add_imports
from netwatch_tray.history.packing import HOURS, MINUTES, TENS
from netwatch_tray.history.reader import HistoryReader
from netwatch_tray.model import Traffic
from netwatch_tray.settings import DataPlan

ROUNDS = 300


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Return a history with rows in each of its tables."""
    file, machine = tmp_path_factory.mktemp("whole") / "history.sqlite3", Machine()
    writer = machine.writer(file, DataPlan(cap_gb=0.000_001))
    apps = {"a": (AppName("a", "browser"), Traffic(700, 30))}
    for _ in range(70):
        ticks = []
        for _ in range(12):
            machine.carry(2, 5000, 50)
            machine.wait(5)
            ticks.append(machine.tick())
        moved = AppInterval(elapsed_s=10.0, apps=apps, processes={}, local=Traffic())
        writer.record([*ticks, (ticks[-1].at, moved)])
    machine.sleep(1000)
    machine.interfaces[3] = ["wg0", "wireguard", False, 0, 0]
    writer.record([machine.tick()])
    writer.close()
    add_imports(
        file, [Import("eth0", "day", date(2025, 12, 1), 5, 5), Import("eth0", "year", date(2024, 1, 1), 5, 5)], ()
    )
    return file.read_bytes()


def ask_everything(file: Path) -> int:
    """Return how many rows were left out or mended."""
    start, end = START, START + 5000
    with contextlib.closing(HistoryReader(file)) as reader:
        for kind in ("total", "interface", "app"):
            reader.names(kind)
            for span in (600, 5000, 86400, 86400 * 40):
                reader.curve(kind, None, end - span, end)
            reader.bytes_between(kind, None, int(start), int(end))
            reader.days(kind, None, date.min, date.max)
            reader.by_name(kind, date.min, date.max)
            reader.undated(kind, None, date.min, date.max)
            reader.carried(kind, None, 0, 1e12)
            for tier in (TENS, MINUTES, HOURS):
                list(reader.rows(kind, None, int(start) - 86400, int(end), tier))
        reader.by_network(date.min, date.max)
        reader.gaps(0, 1e12)
        reader.is_complete(date(2026, 1, 1), date(2026, 1, 2))
        reader.begin()
        return reader.lost


def damaged(whole: bytes, seed: int) -> bytes:
    chance = random.Random(seed)
    data = bytearray(whole)
    for _ in range(chance.choice([1, 3, 30, 300])):
        data[chance.randrange(100 if chance.random() < 0.1 else 0, len(data))] = chance.choice(
            [0, 0xFF, chance.randrange(256)]
        )
    return bytes(data)


def test_queries_of_damaged_files_return_the_rest_and_report_the_damage(
    whole: bytes, tmp_path: Path, expected_logs: list[str]
) -> None:
    expected_logs.append("Part of the history is damaged")
    file = tmp_path / "history.sqlite3"
    file.write_bytes(whole)
    assert ask_everything(file) == 0
    refused = lost = 0
    for seed in range(ROUNDS):
        file.write_bytes(damaged(whole, seed))
        try:
            lost += ask_everything(file) > 0
        except HistoryError:
            refused += 1
    assert lost >= ROUNDS // 50
    assert refused < ROUNDS // 2


def test_writer_continues_on_damaged_files(
    whole: bytes, tmp_path: Path, expected_logs: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(damaged_file, "MOST_MISSES", 100)  # what arrives is test_history_salvage's
    monkeypatch.setattr(damaged_file.shutil, "which", lambda _name: None)
    expected_logs += ["was renamed to", "history.damaged-", "Part of the history is damaged"]
    set_aside = 0
    for seed in range(ROUNDS // 3):
        folder = tmp_path / str(seed)
        folder.mkdir()
        file = folder / "history.sqlite3"
        file.write_bytes(damaged(whole, seed))
        inode = file.stat().st_ino
        machine = Machine(wall=START + 90_000)
        writer = machine.writer(file, DataPlan(cap_gb=1))
        for _ in range(2):
            ticks = []
            for _ in range(12):
                machine.carry(2, 5000, 50)
                machine.wait(5)
                ticks.append(machine.tick())
            writer.record(ticks)
        writer.close()
        assert writer.note is not None or file.stat().st_ino == inode
        set_aside += writer.note is not None
        assert writer.fault is None or "newer version" in str(writer.fault)
    assert set_aside > ROUNDS // 20
