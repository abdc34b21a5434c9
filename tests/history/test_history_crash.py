"""Killed at any moment, the program leaves an intact file with everything up to its last commit."""

from __future__ import annotations

import random
import select
import signal
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

from machine import START

from netwatch_tray.history.reader import HistoryReader

ROUNDS = 200

RECORDS = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from machine import Machine
from netwatch_tray.history.boot import Boot

began = int(sys.argv[3])
machine = Machine(wall=1767225600.0 + began * 60, boottime=1000.0 + began * 60)
machine.uptime = machine.boottime
machine.carry(2, began * 60_000, began * 60_000)
machine.start_agent()
writer = machine.writer(Path(sys.argv[1]))
for minute in range(began + 1, 10**6):
    ticks = []
    for _ in range(12):
        machine.carry(2, 5000, 5000)
        machine.wait(5)
        ticks.append(machine.tick())
    writer.record(ticks)
    if writer.fault:
        sys.exit(writer.fault)
    print(minute, flush=True)
"""
"""Arguments: file, this directory, minutes recorded before. Records minutes of 60 kB each way as fast as it can and
prints the number of each once it is committed."""


def test_no_committed_minute_is_lost_in_200_kills(tmp_path: Path) -> None:
    chance = random.Random(7)
    file = tmp_path / "history.sqlite3"
    committed = 0
    kills_while_writing = 0
    for _ in range(ROUNDS):
        process = subprocess.Popen(
            [sys.executable, "-c", RECORDS, str(file), str(Path(__file__).parent), str(committed)],
            stdout=subprocess.PIPE,
        )
        try:
            assert process.stdout is not None
            assert process.stdout.readline(), "nothing was recorded"
            time.sleep(chance.uniform(0, 0.03))  # the moment of the kill is what this test is about
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait(60)
        rest = process.stdout.read().split(b"\n") if select.select([process.stdout], [], [], 60)[0] else []
        process.stdout.close()
        last = max([int(number) for number in rest[:-1]], default=committed + 1)
        reader = HistoryReader(file)
        used = reader.bytes_between("total", None, int(START), int(START) + 86400 * 30)
        days = reader.days("total", None, date.min, date.max).values()
        assert reader._rows.query("PRAGMA integrity_check") == [("ok",)]
        reader.close()
        kept = (used.rx + 5000) // 60_000
        assert used.rx == used.tx == kept * 60_000 - 5000, "the first tick has no delta"
        assert sum(day.rx for day in days) == used.rx
        assert kept in (last, last + 1), "committed minutes, and at most the current one"
        kills_while_writing += kept == last + 1
        committed = kept
    assert committed > ROUNDS
