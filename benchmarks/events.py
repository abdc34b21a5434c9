"""What looking for events costs the agent: `./dev bench events`.

    python -m benchmarks.events [--json]

The detectors run over an hour of a desktop in virtual time (tests/synthetic_desktop.py), each call after the caches
were emptied, as between two ticks a second apart. CPU time is that of the calls alone; memory is the difference between
two processes that do the same, with and without the detectors. The rows:

    events.cpu_ms_per_min          without the helper
    events.pss_mb
    events.cpu_ms_per_min.helper   with the helper: names, refusals
    events.pss_mb.helper           with the list of public suffixes
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from benchmarks._harness import HERE, Row, options, report
from netwatch_tray.engine.connections import ConnectionTable

sys.path.insert(0, str(HERE.parent / "tests"))

import synthetic_desktop as desktop

if TYPE_CHECKING:
    from netwatch_tray.engine.ledger import AppInterval
    from netwatch_tray.engine.observation import Observation

_SECONDS = 3600
_ROUNDS = 3
_CACHE = 8 << 20
"""Bytes that are read between two calls, to empty the processor's caches."""


class _Measured:
    """Measures calls while the caches are cold."""

    def __init__(self) -> None:
        self.cpu_s = 0.0
        self._other = bytearray(_CACHE)

    def call(self, function: Callable[..., Any], *arguments: Any) -> None:
        self._other.count(1)
        began = time.thread_time()
        function(*arguments)
        self.cpu_s += time.thread_time() - began


class _App:
    """A stand-in for an observation, in which one app owns all sockets."""

    def app_of(self, _cookie: int) -> tuple[str, str]:
        return "executable:/usr/lib/firefox/firefox", "firefox"

    def scope_of(self, _address: str) -> str:
        return "internet"

    @property
    def table(self) -> _App:
        return self


def run(mode: str) -> dict[str, float]:
    """Return the CPU time of the calls, ms per minute, and the PSS of the process, MB. `mode`: none,
    plain or helper."""
    measured, table = _Measured(), ConnectionTable(desktop.Finder())
    readings = list(desktop.readings(_SECONDS))
    detectors = _detectors() if mode != "none" else None
    at = 0
    for sample in desktop.samples(_SECONDS):
        changes = table.update(sample)
        moved: AppInterval | None = table.interval
        if detectors is not None:
            measured.call(detectors.sockets, changes, table, _moment(sample.boottime - desktop.BOOT))
        while at < sample.boottime - desktop.BOOT:
            at += 1
            if detectors is None:
                continue
            measured.call(detectors.tick, desktop.tick(at), moved, desktop.INTERFACES, _moment(at))
            moved = None
            if mode == "helper" and at % 5 == 0:
                observation = cast("Observation", _App())
                measured.call(detectors.reading, readings[at // 5 - 1], observation, _moment(at))
    counts = list(desktop.refusals(_SECONDS))
    if detectors is not None:
        for minute, each in enumerate(counts):
            measured.call(detectors.refused, each, _moment(minute * 60.0))
    return {"cpu": measured.cpu_s * 1000 / (_SECONDS / 60), "pss": _pss_mb()}


def _detectors() -> Any:
    from netwatch_tray.engine.detectors.upload import Usual  # noqa: PLC0415  what is measured
    from netwatch_tray.engine.detectors.watch import Detectors  # noqa: PLC0415
    from netwatch_tray.settings import Events  # noqa: PLC0415

    detectors = Detectors(Events())
    apps = [f"executable:/usr/bin/app{number}" for number in range(300)]
    detectors.know(apps)
    usual = {app: Usual(number, number, number, 28) for number, app in enumerate(apps)}
    detectors.compare_with(desktop.tick(0).at.astimezone().date(), usual, {})
    return detectors


def _moment(at: float) -> Any:
    from netwatch_tray.engine.detectors import Moment  # noqa: PLC0415

    return Moment(desktop.START + at, desktop.BOOT + at)


def _pss_mb() -> float:
    with open("/proc/self/smaps_rollup", encoding="ascii") as found:  # noqa: PTH123
        return next(int(line.split()[1]) for line in found if line.startswith("Pss:")) / 1024


def _in_a_process(mode: str) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.events", "--mode", mode]
    done = subprocess.run(command, cwd=HERE.parent, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def main() -> None:
    if sys.argv[1:2] == ["--mode"]:
        print(json.dumps(run(sys.argv[2])))
        return
    chosen = options(__doc__)
    found = {mode: [_in_a_process(mode) for _ in range(_ROUNDS)] for mode in ("none", "plain", "helper")}
    median = {
        mode: {name: statistics.median(each[name] for each in runs) for name in ("cpu", "pss")}
        for mode, runs in found.items()
    }
    report(
        [
            Row("events.cpu_ms_per_min", median["plain"]["cpu"], "ms"),
            Row("events.pss_mb", median["plain"]["pss"] - median["none"]["pss"], "MB"),
            Row("events.cpu_ms_per_min.helper", median["helper"]["cpu"], "ms"),
            Row("events.pss_mb.helper", median["helper"]["pss"] - median["none"]["pss"], "MB"),
        ],
        chosen,
    )


if __name__ == "__main__":
    main()
