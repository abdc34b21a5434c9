"""The window: CPU time of the GUI thread for a refresh, a frame and a redraw; CPU time and memory of the process.

The first half runs offscreen in this process, against an agent that sends the real protocol over a real socket. As in
the program, Qt has no threads to fill areas, and what is loaded at the start is left out of garbage collection:

- `refresh`: 10 000 connections sorted by rate, of which 1 % change every 2 s. It includes everything that the GUI
  thread does in those 2 s: reading, decoding, sorting and painting.
- `scroll_frame`: one frame of 1280x800 while that table is scrolled by a whole page at a time, so that nothing of the
  previous frame can be reused; 60 fps leave 16.7 ms.
- `chart`: setting and drawing one more second of a series of 3 600 points. `chart_whole`: the same when nothing of the
  previous picture can be reused, as after a resize.
- `app_details`: choosing another app or range on the page Apps at 1280x800, until everything is drawn, with what the
  history has read already. `app_details_first`: the first time, when the details are made.
- `amounts`: drawing anew the bars, rates and 365 gaps of each range from 24 hours on; the worst range counts.
- `year_heatmap`: drawing a year of days anew.

The second half starts the program in a private session with a real X server, and an empty Qt window for comparison. The
CPU time until it is open is that of all threads, from exec to one second after the window is visible. The growth of the
agent is its PSS after 50 windows minus its PSS after the first.
"""

from __future__ import annotations

import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from unittest.mock import patch

from benchmarks._harness import HERE, Row, options, report
from benchmarks.agent import Usage, pss_mb

os.environ.update(QT_QPA_PLATFORM="offscreen", QT_SCALE_FACTOR="1", QT_NO_GUI_THREADPOOL="1")  # the last as the program
sys.path[:0] = [str(HERE.parent / each) for each in ("tests", "tests/gui", "tools")]

# ruff: noqa: E402  Qt reads the environment when it starts
import psutil
from desktop import Session
from PySide6.QtCore import QEventLoop, QSettings, Qt, QTimer
from PySide6.QtGui import QFont
from PySide6.QtWidgets import QApplication, QWidget
from synthetic import CannedFeed, Clock, SyntheticHistory, messages
from windows import FakeAgent, Opened

from netwatch_tray.feed.protocol import ConnectionsMessage, encode
from netwatch_tray.history.results import Used
from netwatch_tray.kinds import TcpState
from netwatch_tray.model import Connection, GapReason
from netwatch_tray.units import Units
from netwatch_tray.window.chart.amount_chart import AmountChart
from netwatch_tray.window.chart.amounts import Amounts, Slot, Width, edges
from netwatch_tray.window.chart.chart import Chart
from netwatch_tray.window.chart.series import GapSpan, Point
from netwatch_tray.window.data.agent_link import AgentLink
from netwatch_tray.window.pages.usage.heat_map import HeatMap
from netwatch_tray.window.shell.application import keep_what_is_loaded
from netwatch_tray.window.shell.main_window import MainWindow
from netwatch_tray.window.widgets.theme import Theme

CONNECTIONS = 10_000
CHURN = 100
PERIOD_MS = 2000
REFRESHES = 8
FRAMES = 200
POINTS = 3600
REDRAWS = 60
DETAILS = 60
WINDOWS = 50
PROGRAM = [sys.executable, "-m", "netwatch_tray"]
EMPTY_WINDOW = """
from PySide6.QtWidgets import QApplication, QWidget
application = QApplication([])
window = QWidget()
window.setWindowTitle("Nothing")
window.resize(960, 640)
window.show()
application.exec()
"""

_random = random.Random(7)  # noqa: S311  the same figures in every run are the point


def socket(number: int) -> Connection:
    moves = number % 4 == 0
    return Connection(
        key=f"{number:x}", protocol="TCP", local_address="192.0.2.24", local_port=1024 + number % 60000,
        remote_address=f"198.51.{number // 250}.{number % 250}", remote_port=443, state=TcpState.ESTABLISHED,
        pid=1000 + number % 300, process=f"program{number % 300}", app=f"program{number % 300}",
        rx_rate=_random.expovariate(1e-5) if moves else 0.0, tx_rate=_random.expovariate(1e-4) if moves else 0.0,
        rtt_s=0.02, since=1.7e9 + number,
    )  # fmt: skip


def spent(milliseconds: int) -> float:
    """Return the CPU time of this thread, ms, while Qt processes events for this long."""
    loop = QEventLoop()
    QTimer.singleShot(milliseconds, loop.quit)
    begin = time.thread_time_ns()
    loop.exec()
    return (time.thread_time_ns() - begin) / 1e6


def wall(call: Callable[[], object]) -> float:
    begin = time.perf_counter_ns()
    call()
    return (time.perf_counter_ns() - begin) / 1e6


def refreshes(opened: Opened) -> Iterator[float]:
    """Yield the cost of each refresh, ms: one connection in a hundred changes, a tenth of these is replaced."""
    there = {each.key: each for each in map(socket, range(CONNECTIONS))}
    opened.say(ConnectionsMessage(reset=True, added=tuple(there.values())))
    spent(PERIOD_MS)
    serial = CONNECTIONS
    for _ in range(REFRESHES):
        chosen = _random.sample(list(there), CHURN)
        removed, changed = chosen[: CHURN // 10], chosen[CHURN // 10 :]
        added = [socket(serial + number) for number in range(len(removed))]
        serial += len(added)
        for key in removed:
            del there[key]
        there.update((each.key, each) for each in added)
        again = [socket(int(key, 16)) for key in changed]
        opened.agent.write(encode(ConnectionsMessage(added=tuple(added), changed=tuple(again), removed=tuple(removed))))
        yield spent(PERIOD_MS)


def frames(opened: Opened) -> Iterator[float]:
    table = opened.window.connections.table
    bar = table.verticalScrollBar()
    bar.setValue(0)
    for _ in range(FRAMES):
        bar.setValue((bar.value() + table.viewport().height()) % bar.maximum())
        yield wall(QApplication.processEvents)


def tables(application: QApplication) -> list[Row]:
    with tempfile.TemporaryDirectory() as directory:
        agent = FakeAgent(Path(directory) / "feed")
        memory = QSettings(f"{directory}/window.ini", QSettings.Format.IniFormat)
        opened = Opened(agent, memory, Qt.ColorScheme.Light)
        opened.window.resize(1280, 800)
        opened.window.turn_to(1)
        opened.connect()
        application.processEvents()
        keep_what_is_loaded()
        refresh = list(refreshes(opened))
        scrolled = list(frames(opened))
        opened.window.close()
        agent.stop()
    return [
        Row("window.refresh_ms.10000", statistics.median(refresh), "ms"),
        Row("window.scroll_frame_ms.10000", statistics.median(scrolled), "ms"),
        Row("window.scroll_worst_frame_ms.10000", max(scrolled), "ms"),
    ]


def series(count: int) -> list[Point]:
    now = datetime(2026, 11, 14, 14, 24, tzinfo=UTC).timestamp()
    return [
        Point(now + second, _random.uniform(2e6, 9e6), _random.uniform(1e5, 9e5)) for second in range(-count + 1, 1)
    ]


def charts(application: QApplication) -> list[Row]:
    chart = Chart(Theme(application, Qt.ColorScheme.Light))
    chart.resize(900, 300)
    chart.set_range(POINTS, "last hour")
    points = series(POINTS + 2 * REDRAWS)
    chart.show()
    application.processEvents()

    def draw(end: int) -> None:
        shown = points[end - POINTS : end]
        begin = time.thread_time_ns()
        chart.set_series(None, shown, shown[-1].at, 1.0)
        chart.repaint()
        taken.append((time.thread_time_ns() - begin) / 1e6)

    taken: list[float] = []
    for end in range(POINTS, POINTS + REDRAWS):
        draw(end)
    one_more = statistics.median(taken[1:])
    taken.clear()
    for end in range(POINTS + REDRAWS, POINTS + 2 * REDRAWS):
        chart.resize(900, 300 + end % 2)
        draw(end)
    whole = statistics.median(taken)
    chart.close()
    return [Row("window.chart_ms.3600", one_more, "ms"), Row("window.chart_whole_ms.3600", whole, "ms")]


class ReadHistory:
    """A synthetic history of a year that also measures the time of its queries, to be subtracted."""

    def __init__(self) -> None:
        self._history = SyntheticHistory()
        self.spent_ns = 0

    def submit(self, query: Any, on_result: Callable[[Any], None], on_error: Callable[..., None]) -> None:
        found: list[Any] = []
        begin = time.thread_time_ns()
        self._history.submit(query, found.append, on_error)
        self.spent_ns += time.thread_time_ns() - begin
        on_result(found[0])


def details(application: QApplication) -> list[Row]:
    clock, history = Clock(), ReadHistory()
    feeds = [CannedFeed(messages())]
    link = AgentLink(feeds.pop)
    link.received.connect(clock.follow)
    with tempfile.TemporaryDirectory() as directory, patch("time.time", lambda: clock.now):
        memory = QSettings(f"{directory}/window.ini", QSettings.Format.IniFormat)
        window = MainWindow(Theme(application, Qt.ColorScheme.Light), link, memory, history)
        window.resize(1280, 800)
        window.turn_to(2)
        window.show()
        link.try_now()
        application.processEvents()
        names = [row.name for row in window.apps.table.model().records() if not row.is_rest]
        taken = []
        for turn in range(DETAILS):
            history.spent_ns = 0
            begin = time.thread_time_ns()
            if turn % 2:
                window.apps.choose_range(turn // 2 % window.apps.strip.range_count)
            else:
                window.apps.open_details(names[turn // 2 % len(names)])
            application.processEvents()
            taken.append((time.thread_time_ns() - begin - history.spent_ns) / 1e6)
        window.close()
    return [
        Row("window.app_details_ms", statistics.median(taken[1:]), "ms"),
        Row("window.app_details_first_ms", taken[0], "ms"),
    ]


def usage(application: QApplication) -> list[Row]:
    """Measure the pictures that are drawn from the history, each in the range that takes longest."""
    theme, taken = Theme(application, Qt.ColorScheme.Light), []
    chart, heat_map = AmountChart(theme), HeatMap(theme)
    today = date(2026, 11, 14)
    days = {
        today - timedelta(days=number): Used(10**10 + number * 10**8, 10**9, 0, 0, 86400.0) for number in range(318)
    }
    for widget, size in ((chart, (1280, 420)), (heat_map, (976, 640))):
        widget.resize(*size)
        widget.show()
    heat_map.show_year(2026, days, today, Units(), 0)
    application.processEvents()
    ranges: tuple[tuple[int, Width], ...] = ((1, "hour"), (7, "quarter"), (30, "day"), (365, "week"))
    for span, width in ranges:
        drawn = []
        for number in range(REDRAWS):
            chart.show_amounts(f"{span} {number}", amounts(span, width))
            drawn.append(painted_ms(chart))
        taken.append(statistics.median(drawn))
    heat = statistics.median(painted_ms(heat_map) for _ in range(REDRAWS))
    chart.close()
    heat_map.close()
    return [Row("window.amounts_ms", max(taken), "ms"), Row("window.year_heatmap_ms", heat, "ms")]


def painted_ms(widget: QWidget) -> float:
    begin = time.thread_time_ns()
    widget.repaint()
    return (time.thread_time_ns() - begin) / 1e6


def amounts(days: int, width: Width) -> Amounts:
    """Return amounts up to now, with a night in each day."""
    end = datetime(2026, 11, 14, 14, 24, tzinfo=UTC).timestamp()
    borders = edges(end - days * 86400, end, width)
    slots = [
        Slot(begin, finish, 10**10, 10**9, True, finish - begin, 1e6, 1e5, _random.uniform(2e6, 9e6), 1e6, begin, begin)
        for begin, finish in pairwise(borders)
    ]
    step = days * 86400 / 372
    points = [Point(borders[0] + step * number, _random.uniform(0, 2e6), 1e5) for number in range(372)]
    nights = [GapSpan(end - day * 86400, end - day * 86400 + 21600, GapReason.ASLEEP) for day in range(days, 0, -1)]
    return Amounts(width, slots, points, step, nights, end, 3600.0, is_current=True)


def opened_window(desktop: Session, program: Sequence[str], title: str) -> tuple[float, float]:
    """Return the CPU time until the window is open, ms, and its RSS then, MB."""
    pid = desktop.spawn("window", program)
    desktop.wait_for(lambda: desktop.windows(title), 20, "the window is visible")
    time.sleep(1)
    found = Usage.of(pid).cpu_ns / 1e6, psutil.Process(pid).memory_info().rss / 1e6
    desktop.stop("window")
    return found


def processes() -> list[Row]:
    subprocess.run([sys.executable, "-m", "compileall", "-q", HERE.parent / "netwatch_tray"], check=True)
    with Session() as desktop:
        desktop.start_host("xfce")
        pid = desktop.spawn("agent", PROGRAM)
        desktop.wait_for(desktop.items, 20, "the icon registers")
        time.sleep(70)  # a minute of history, so that the window has something to read
        opened_window(desktop, [*PROGRAM, "window"], "NetWatch")
        before = pss_mb(pid)
        ours = [opened_window(desktop, [*PROGRAM, "window"], "NetWatch") for _ in range(WINDOWS)]
        after = pss_mb(pid)
        empty = [opened_window(desktop, [sys.executable, "-c", EMPTY_WINDOW], "Nothing") for _ in range(5)]
    cpu, memory = (statistics.median(values) for values in zip(*ours, strict=True))
    empty_cpu, empty_memory = (statistics.median(values) for values in zip(*empty, strict=True))
    return [
        Row("window.open_cpu_ms", cpu, "ms"),
        Row("window.rss_mb", memory, "MB"),
        Row("window.vs_empty_cpu", cpu / empty_cpu, "x"),
        Row("window.vs_empty_rss", memory / empty_memory, "x"),
        Row("window.agent_growth_mb.50", after - before, "MB"),
    ]


def main() -> None:
    chosen = options(__doc__)
    application = QApplication([])
    font = QFont("DejaVu Sans")
    font.setPixelSize(13)
    application.setFont(font)
    report(
        [*charts(application), *usage(application), *tables(application), *details(application), *processes()], chosen
    )


if __name__ == "__main__":
    main()
