"""What may happen to the file while it is written."""

from __future__ import annotations

import contextlib
import sqlite3
import subprocess
from pathlib import Path

import pytest
from machine import START, Machine

from netwatch_tray.errors import HistoryError
from netwatch_tray.history.reader import HistoryReader
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


def test_a_damaged_file_is_set_aside_with_its_name_told(tmp_path: Path, expected_logs: list[str]) -> None:
    file, machine = tmp_path / "history.sqlite3", Machine()
    file.write_bytes(b"no database at all " * 500)
    expected_logs.append("was set aside as")
    writer = machine.writer(file)
    minute(machine, writer)
    writer.close()
    (aside,) = tmp_path.glob("history.damaged-*")
    assert writer.note is not None
    assert str(aside) in writer.note
    assert received(file) == 11 * 5000


def test_a_newer_file_is_refused_and_stays_untouched(tmp_path: Path, expected_logs: list[str]) -> None:
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


def test_two_programs_do_not_record_into_one_file(tmp_path: Path, expected_logs: list[str]) -> None:
    file, machine = tmp_path / "history.sqlite3", Machine()
    first, second = machine.writer(file), machine.writer(file)
    minute(machine, first)
    expected_logs.append("Another program records")
    minute(machine, second)
    first.close()
    assert received(file) == 11 * 5000


def test_a_file_removed_while_it_is_written_is_begun_anew(tmp_path: Path, expected_logs: list[str]) -> None:
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


def test_a_full_disk_loses_nothing_once_there_is_room(tmp_path: Path, expected_logs: list[str]) -> None:
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
    finally:
        subprocess.run(["umount", tmp_path], check=True)
