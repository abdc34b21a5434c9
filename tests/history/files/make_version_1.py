"""Make the files beside this one with the program that wrote version 1 of the history.

Run once, at commit 1d139ba, from its root: `PYTHONPATH=.:tests/history python tests/history/files/make_version_1.py`.

- `version-1`: an hour of traffic with apps, sleep, a run that ended, an interface that left, an import, an alert.
- `negative`: the same; then curl moved -2 bytes in a minute in which it sent 24.
- `set-aside`: `negative`, as that program set it aside a minute later, and `after`: the history that it began then.
"""

from __future__ import annotations

import contextlib
import gzip
import logging
import os
import sqlite3
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

from machine import START, Machine

from netwatch_tray.engine.apps import AppName, Traffic
from netwatch_tray.engine.connections import Interval
from netwatch_tray.history.imports import Import, add_imports
from netwatch_tray.history.writer import HistoryWriter
from netwatch_tray.settings import DataPlan

BROWSER, CURL = (AppName(f"executable:/usr/bin/{name}", name) for name in ("browser", "curl"))


def minute(machine: Machine, writer: HistoryWriter, traffic: Traffic, app: AppName = BROWSER) -> None:
    ticks = []
    for _ in range(12):
        machine.carry(2, 5000, 50)
        machine.carry(3, 70, 7)
        machine.wait(5)
        ticks.append(machine.tick())
    moved = Interval(elapsed_s=10.0, apps={app.key: (app, traffic)}, processes={}, local=Traffic())
    writer.record([*ticks[:-1], (ticks[-1].at, moved), ticks[-1]])


def keep(file: Path, name: str) -> None:
    """Save a compressed copy of a history, with the contents of its WAL."""
    copy = file.with_name("copy.sqlite3")
    copy.unlink(missing_ok=True)
    with contextlib.closing(sqlite3.connect(file)) as source, contextlib.closing(sqlite3.connect(copy)) as target:
        source.backup(target)
    packed = gzip.compress(copy.read_bytes(), mtime=0)
    (Path(__file__).parent / f"{name}.sqlite3.gz").write_bytes(packed)


def main() -> None:
    logging.disable()
    os.environ["TZ"] = "UTC"
    time.tzset()
    interfaces = {2: ["eth0", "ethernet", True, 0, 0], 3: ["wg0", "wireguard", False, 0, 0]}
    plan = DataPlan(cap_gb=0.001)
    with tempfile.TemporaryDirectory() as directory:
        file, machine = Path(directory) / "history.sqlite3", Machine(wall=START - 2.5, interfaces=interfaces)
        writer = machine.writer(file, plan)
        for _ in range(30):
            minute(machine, writer, Traffic(700, 30))
        machine.carry(2, 123, 45)
        machine.sleep(600)
        for _ in range(25):
            minute(machine, writer, Traffic(700, 30))
        writer.close()
        machine.carry(2, 77, 7)
        machine.wait(300)
        machine.start_agent()
        writer = machine.writer(file, plan)
        minute(machine, writer, Traffic(700, 30))
        del machine.interfaces[3]
        minute(machine, writer, Traffic(700, 30))
        writer.close()
        add_imports(file, [Import("eth0", "month", date(2025, 11, 1), 900, 90)], {"eth0"})
        keep(file, "version-1")

        machine.start_agent()
        writer = machine.writer(file, plan)
        minute(machine, writer, Traffic(700, 30))
        minute(machine, writer, Traffic(-2, 24), CURL)
        keep(file, "negative")
        for _ in range(3):
            minute(machine, writer, Traffic(700, 30))
        writer.close()
        (aside,) = file.parent.glob("history.damaged-*.sqlite3")
        keep(aside, "set-aside")
        keep(file, "after")


if __name__ == "__main__":
    sys.exit(main())
