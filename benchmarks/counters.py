"""Interface counters: our poll beside psutil, the walk through /sys/class/net and the bare C dump.

All contenders run in the same private namespace, in turns, so that a noisy machine is noisy for all of them. Medians
of CPU time per poll. `counters.1hz.*`: the same with ten interfaces and a second between polls, when caches are cold.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil

from benchmarks._harness import Row, add_interfaces, compiled, cpu_median, namespace, options, python, report
from netwatch_tray.collect.linux.rtnetlink import StatsSource

SIZES = (2, 10, 100, 1000)
TURNS = 5
POLLS_AT_1HZ = 15
STRACED = 100


def sysfs_walk() -> dict[str, tuple[int, ...]]:
    """Return the counters as netwatch-sdk reads them on Linux: from a file for each."""
    files = "rx_bytes tx_bytes rx_packets tx_packets rx_errors tx_errors rx_dropped tx_dropped".split()
    found = {}
    for device in Path("/sys/class/net").iterdir():
        if device.is_dir():
            (device / "operstate").read_text()
            found[device.name] = tuple(int((device / "statistics" / file).read_text()) for file in files)
    return found


def psutil_poll() -> None:
    """Read counters and states, which takes two calls of psutil; this program reads both in one."""
    psutil.net_io_counters(pernic=True, nowrap=False)
    psutil.net_if_stats()


def c_poll(rounds: int, pause_ms: int = 0) -> float:
    printed = subprocess.run([compiled("getstats"), str(rounds), str(pause_ms)], capture_output=True, check=True).stdout
    return float(printed.split()[1])


def measure(count: int) -> dict[str, float]:
    """Return the CPU time of a poll by each contender, µs: the median of its turns. Run it inside the namespace."""
    source = StatsSource()
    contenders: dict[str, tuple[Callable[[], object], int]] = {
        "ours": (source.sample, max(20, 4000 // count)),
        "psutil": (psutil_poll, max(3, 400 // count)),
        "sysfs": (sysfs_walk, max(2, 200 // count)),
    }
    turns: dict[str, list[float]] = {name: [] for name in ("c", *contenders)}
    for _ in range(TURNS):
        turns["c"].append(c_poll(max(20, 4000 // count)))
        for name, (call, rounds) in contenders.items():
            turns[name].append(cpu_median(call, rounds))
    source.close()
    return {name: statistics.median(times) for name, times in turns.items()}


def measure_at_1hz() -> dict[str, float]:
    source = StatsSource()
    times = {
        "c": c_poll(POLLS_AT_1HZ, 1000),
        "ours": cpu_median(source.sample, POLLS_AT_1HZ, 1.0),
        "psutil": cpu_median(psutil_poll, POLLS_AT_1HZ, 1.0),
    }
    source.close()
    return times


def poll(rounds: int) -> None:
    source = StatsSource()
    for _ in range(rounds):
        source.sample()


def system_calls(inside: list[str]) -> float:
    """Return the system calls of a poll: those of a run with many polls minus those of a run without any."""
    counts = []
    for rounds in (0, STRACED):
        command = python("-m", "benchmarks.counters", "--polls", str(rounds))
        traced = subprocess.run(
            [*inside, "strace", "-f", "-qq", "-o", "/dev/stdout", *command], capture_output=True, check=True
        )
        counts.append(len(traced.stdout.splitlines()))
    return (counts[1] - counts[0]) / STRACED


def inside_call(inside: list[str], *arguments: str) -> dict[str, float]:
    command = [*inside, *python("-m", "benchmarks.counters", *arguments)]
    result: dict[str, float] = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    return result


def main() -> None:
    chosen = options(__doc__)
    rows = []
    for count in SIZES:
        with namespace(str(count)) as inside:
            add_interfaces(inside, count)
            times = inside_call(inside, "--measure", str(count))
            print(f"{count} interfaces, CPU µs per poll:", {name: round(time, 2) for name, time in times.items()})
            rows.append(Row(f"counters.vs_c.{count}", times["ours"] / times["c"], "x"))
            rows.append(Row(f"counters.vs_psutil.{count}", times["psutil"] / times["ours"], "x", more_is_better=True))
            rows.append(Row(f"counters.vs_sysfs.{count}", times["sysfs"] / times["ours"], "x", more_is_better=True))
            if count == 10:
                cold = inside_call(inside, "--at-1hz")
                print("10 interfaces at 1 Hz:", {name: round(time, 2) for name, time in cold.items()})
                rows.append(Row("counters.1hz.vs_c.10", cold["ours"] / cold["c"], "x"))
                rows.append(Row("counters.1hz.vs_psutil.10", cold["psutil"] / cold["ours"], "x", more_is_better=True))
            if count == 100:
                rows.append(Row("counters.syscalls.100", system_calls(inside), "calls"))
    report(rows, chosen)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["--measure", number]:
            print(json.dumps(measure(int(number))))
        case ["--at-1hz"]:
            print(json.dumps(measure_at_1hz()))
        case ["--polls", number]:
            poll(int(number))
        case _:
            main()
