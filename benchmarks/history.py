"""What the history costs with 10 interfaces and 60 apps.

CPU and bytes written: ticks of 1 Hz are given to the agent's keeper, and its thread is included, with the packing of
each hour. The processor's caches are overwritten before each tick is made, and entirely between two minutes, because in
reality other programs run meanwhile. So the keeper's code has left the caches, and a tick is in them while the keeper
takes it, but not when its minute is summed. Measured in real time beside other programs, a second costs more than here,
and a minute as much. All interfaces carry traffic in each second, most apps in each minute. Bytes written are what was
handed to the kernel (/proc/self/io, wchar).

File and queries: a simulated year, with minutes in its last month, ticks in its last day, and hours before, as they
would be stored. Cold: the file is dropped from the page cache, and opening it is included.
"""

from __future__ import annotations

import itertools
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from queue import SimpleQueue

from benchmarks._harness import Row, options, report
from netwatch_tray.agent.history import HistoryKeeper
from netwatch_tray.engine.apps import AppName
from netwatch_tray.engine.ledger import AppInterval
from netwatch_tray.engine.scheduler import Scheduler
from netwatch_tray.history.batch import Batch, RecordedMinute
from netwatch_tray.history.networks import Network
from netwatch_tray.history.packing import TickBytes, Value
from netwatch_tray.history.reader import HistoryReader
from netwatch_tray.history.series import TOTAL, Series, SeriesKind
from netwatch_tray.history.store import Store
from netwatch_tray.model import InterfaceTick, Tick, Total, Traffic, Why, WhyCode
from netwatch_tray.settings import DataPlan, Settings

INTERFACES, APPS = 10, 60
START = 1_767_225_600
DAY, HOUR, MONTH, YEAR = 86400, 3600, 30 * 86400, 365 * 86400
RANGES = {"1h": HOUR, "24h": DAY, "7d": 7 * DAY, "30d": MONTH, "1y": YEAR}
MINUTES_MEASURED = 240
"""A part of a day, because CPU time and writes repeat each hour."""
CACHE = memoryview(bytearray(64 << 20))
ZEROS = memoryview(bytes(len(CACHE)))
IN_SECOND = 16 << 20
"""Bytes of `CACHE` that are overwritten before a tick. After all of it a tick costs the same."""
PARTS = itertools.cycle([CACHE[at : at + IN_SECOND] for at in range(0, len(CACHE), IN_SECOND)])
"""In turn, because the latest one is in the processor's caches."""

_random = random.Random(1)  # noqa: S311  the same traffic each time


def amount() -> int:
    """Return the bytes of a random second: from hardly any to those of a download."""
    return int(_random.lognormvariate(9, 2.5))


class Ticks:
    """Makes the ticks of a busy machine."""

    def __init__(self) -> None:
        self._at = START
        self._counters = [[0, 0] for _ in range(INTERFACES)]

    def second(self) -> tuple[Tick, AppInterval | None]:
        interval = None
        if self._at % 10 == 9:
            moved = (AppName(f"executable:/usr/bin/app{n}", f"app{n}") for n in _random.sample(range(APPS), APPS // 3))
            apps = {app.key: (app, Traffic(amount(), 9)) for app in moved}
            interval = AppInterval(elapsed_s=10.0, apps=apps, processes={}, local=Traffic())
        tick = self._tick()
        self._at += 1
        return tick, interval

    def _tick(self) -> Tick:
        interfaces = []
        for index, counters in enumerate(self._counters):
            rx, tx = amount(), amount()
            counters[0] += rx
            counters[1] += tx
            interfaces.append(
                InterfaceTick(
                    index=index, name=f"eth{index}", kind="ethernet", is_up=True, is_uplink=index == 0,
                    why=Why(WhyCode.DEFAULT_ROUTE), rx_bytes=counters[0], tx_bytes=counters[1],
                    rx_packets=0, tx_packets=0, rx_errors=0, tx_errors=0, rx_drops=0, tx_drops=0,
                    rx_delta=rx, tx_delta=tx, rx_rate=float(rx), tx_rate=float(tx),
                )
            )  # fmt: skip
        return Tick(
            at=datetime.fromtimestamp(self._at, UTC),
            interval_s=1.0,
            gap=None,
            total=Total(
                rx_rate=interfaces[0].rx_rate,
                tx_rate=interfaces[0].tx_rate,
                uplinks=("eth0",),
                rx_delta=interfaces[0].rx_delta or 0,
                tx_delta=interfaces[0].tx_delta or 0,
                counted=(0,),
            ),
            interfaces=tuple(interfaces),
        )


def written() -> int:
    fields = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(fields["wchar"])


def pass_second() -> None:
    next(PARTS)[:] = ZEROS[:IN_SECOND]


def pass_minute() -> None:
    CACHE[:] = ZEROS


def reading_the_clock() -> int:
    """Return the ns that reading the clock takes."""
    found = []
    for _ in range(100):
        pass_second()
        begin = started()
        found.append(time.process_time_ns() - begin)
    return int(statistics.median(found))


def started() -> int:
    """Read the clock of CPU time twice, so that its own code is in the caches."""
    time.process_time_ns()
    return time.process_time_ns()


class Callbacks(Scheduler):
    """A stand-in for the agent's loop that only collects the callbacks of threads."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting: SimpleQueue[Callable[[], None]] = SimpleQueue()

    def call_soon(self, callback: Callable[[], None]) -> None:
        self.waiting.put(callback)


def running_costs(directory: Path) -> list[Row]:
    settings = Settings(plan=DataPlan(cap_gb=100))
    scheduler = Callbacks()
    keeper = HistoryKeeper(scheduler, directory / "day.sqlite3", settings, lambda _alert: None)
    ticks = Ticks()
    clock = reading_the_clock()
    cpu, before = 0, 0
    for number in range(MINUTES_MEASURED + 60):
        if number == 60:  # tables exist, and an hour was packed once
            cpu, before = 0, written()
        for second in range(60):
            if second:
                pass_second()
            else:
                pass_minute()
            tick, interval = ticks.second()
            begin = started()
            keeper.take(tick, interval)
            if number and not second:  # the previous minute was handed over
                scheduler.waiting.get()()
            cpu += time.process_time_ns() - begin - clock
            del tick, interval
        assert not keeper.faults, keeper.faults
    keeper.stop()
    scheduler.close()
    mb_a_day = (written() - before) / 1e6 * 1440 / MINUTES_MEASURED
    return [
        Row("history.cpu_ms_per_min", cpu / 1e6 / MINUTES_MEASURED, "ms/min"),
        Row("history.mb_written_per_day", mb_a_day, "MB"),
    ]


def value(seconds: int) -> Value:
    rx, tx = amount() * seconds, amount() * seconds
    return 10 * seconds, rx, tx, rx // seconds * 4, tx // seconds * 4


def simulate_year(file: Path) -> None:
    store = Store(file)
    network = Network("abcdef", "ethernet")
    interfaces = [TOTAL, *(Series("interface", f"eth{n}/ethernet", f"eth{n}") for n in range(INTERFACES))]
    apps = [Series("app", f"executable:/usr/bin/app{n}", f"app{n}") for n in range(APPS)]
    end = START + YEAR
    at, step = START, HOUR
    while at < end:
        if at >= end - MONTH - DAY:
            step = 60
        values = {series: value(step) for series in interfaces}
        # A third of the apps has traffic in a minute, two thirds in an hour.
        values |= {series: value(step) for series in _random.sample(apps, APPS * (1 if step == 60 else 2) // 3)}
        times, elapsed, lines = [], [], dict[Series, TickBytes]()
        if at >= end - DAY - HOUR:
            times, elapsed = [n * 1000 + 7 for n in range(60)], [1000] * 60
            lines = {series: ([amount() for _ in range(60)], [amount() for _ in range(60)]) for series in interfaces}
        store.write(Batch(minutes=[RecordedMinute(at, times, elapsed, values, lines)]), network)
        at += step
        store.tidy(at, 10**9)
    store.close()


def drop_from_cache(file: Path) -> None:
    descriptor = os.open(file, os.O_RDONLY)
    os.fsync(descriptor)
    if sys.platform == "linux":
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(descriptor)


def milliseconds(call: Callable[[], object]) -> float:
    begin = time.perf_counter_ns()
    call()
    return (time.perf_counter_ns() - begin) / 1e6


def queries(file: Path) -> list[Row]:
    end = START + YEAR
    rows = []
    asked: tuple[tuple[SeriesKind, str, str], ...] = (("interface", "eth3", ""), ("app", "app7", ".app"))
    for kind, name, suffix in asked:
        for label, length in RANGES.items():
            reader = HistoryReader(file)
            warm = [milliseconds(partial(reader.curve, kind, name, end - length, end)) for _ in range(21)]
            reader.close()
            cold = []
            for _ in range(5):
                drop_from_cache(file)
                cold.append(milliseconds(partial(ask_once, file, kind, name, end - length, end)))
            rows.append(Row(f"history.query_ms.{label}{suffix}", statistics.median(warm), "ms"))
            rows.append(Row(f"history.query_cold_ms.{label}{suffix}", statistics.median(cold), "ms"))
    return rows


def ask_once(file: Path, kind: SeriesKind, name: str, start: int, end: int) -> None:
    reader = HistoryReader(file)
    reader.curve(kind, name, start, end)
    reader.close()


def main() -> None:
    chosen = options(__doc__)
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:  # a real disk, where /tmp may be memory
        directory = Path(name)
        rows = running_costs(directory)
        file = directory / "year.sqlite3"
        simulate_year(file)
        rows.append(Row("history.year_mb", file.stat().st_size / 1e6, "MB"))
        rows += queries(file)
    report(rows, chosen)


if __name__ == "__main__":
    main()
