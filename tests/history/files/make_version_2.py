"""Make `version-2.sqlite3.gz` beside this file with the program that wrote version 2 of the history.

Run once, at commit 74b876b, from its root: `PYTHONPATH=.:tests/history python tests/history/files/make_version_2.py`.

The file holds a gap for each reason that version 2 knew as a sentence and for one that it did not know, series of each
kind, networks of several kinds, days in three networks, hours that are packed and minutes that are not, an import and
an alert.
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

from netwatch_tray.engine.apps import AppName
from netwatch_tray.engine.connections import Interval
from netwatch_tray.history.imports import Import, add_imports
from netwatch_tray.history.networks import Network
from netwatch_tray.history.recorder import CLOCK_SET, NOT_WRITTEN, TOTAL, Batch, Gap, Minute, Series
from netwatch_tray.history.store import Store
from netwatch_tray.history.writer import HistoryWriter
from netwatch_tray.model import JUMPED, PAUSED, RESET, UNREADABLE, Traffic
from netwatch_tray.settings import DataPlan

BROWSER = AppName("executable:/usr/bin/browser", "browser")
TUNNEL = AppName("executable:/usr/bin/tunnel", "tunnel", is_tunnel_process=True)
NETWORKS = ("wifi", "wifi", "cellular", "wireguard", "gretap", "offline")
SENTENCES = (
    PAUSED,
    UNREADABLE,
    RESET,
    JUMPED,
    NOT_WRITTEN,
    f"{CLOCK_SET} forward",
    f"{CLOCK_SET} back",
    "another source of counters",
    "nothing measured for 17 s",
    "paused until now",
    "a sentence of another program",
)


def minute(machine: Machine, writer: HistoryWriter) -> None:
    ticks = []
    for _ in range(12):
        machine.carry(2, 5000, 50)
        machine.carry(3, 70, 7)
        machine.wait(5)
        ticks.append(machine.tick())
    moved = {each.key: (each, Traffic(700, 30)) for each in (BROWSER, TUNNEL)}
    interval = Interval(elapsed_s=10.0, apps=moved, processes={}, local=Traffic())
    writer.record([*ticks[:-1], (ticks[-1].at, interval), ticks[-1]])


def compressed(file: Path) -> bytes:
    """Return the compressed file with the contents of its WAL."""
    copy = file.with_name("copy.sqlite3")
    with contextlib.closing(sqlite3.connect(file)) as source, contextlib.closing(sqlite3.connect(copy)) as target:
        source.backup(target)
    return gzip.compress(copy.read_bytes(), mtime=0)


def main() -> None:
    logging.disable()
    os.environ["TZ"] = "UTC"
    time.tzset()
    interfaces = {2: ["eth0", "ethernet", True, 0, 0], 3: ["wg0", "wireguard", False, 0, 0]}
    plan = DataPlan(cap_gb=0.001)
    with tempfile.TemporaryDirectory() as directory:
        file, machine = Path(directory) / "history.sqlite3", Machine(wall=START - 2.5, interfaces=interfaces)
        writer = machine.writer(file, plan)
        for _ in range(40):
            minute(machine, writer)
        machine.carry(2, 123, 45)
        machine.sleep(600)
        for _ in range(25):
            minute(machine, writer)
        writer.close()
        machine.carry(2, 77, 7)
        machine.wait(300)
        machine.start_agent()
        writer = machine.writer(file, plan)
        minute(machine, writer)
        del machine.interfaces[3]
        minute(machine, writer)
        writer.close()
        add_imports(file, [Import("eth0", "month", date(2025, 11, 1), 900, 90)], {"eth0"})

        store = Store(file)
        eth0 = Series("interface", "eth0/ethernet", "eth0")
        for number, kind in enumerate(NETWORKS):
            at = int(START) + 86400 * (1 + number)
            values = {TOTAL: (600, 1000, 10, 20, 20), eth0: (600, 1000, 10, 20, 20)}
            store.write(Batch(minutes=[Minute(at, [], [], values, {})]), Network(f"{number:012}", kind, number % 2 > 0))
        at = START + 86400 * 7
        for number, sentence in enumerate(SENTENCES):
            carried = {TOTAL: (number + 1, 1), eth0: (number + 1, 1)}
            start = at + 100 * number
            gap = Gap(start=start, finish=start + 17, reason=sentence, carried=carried)
            store.write(Batch(gaps=[gap]), Network("000000000000", "wifi"))
        store.close()
        with contextlib.closing(sqlite3.connect(file)) as connection, connection:
            # What salvage makes of rows whose series is lost.
            connection.execute("INSERT INTO series VALUES (77, 'lost', 'history.damaged 5', 'history.damaged 5', 1)")
        (Path(__file__).parent / "version-2.sqlite3.gz").write_bytes(compressed(file))


if __name__ == "__main__":
    sys.exit(main())
