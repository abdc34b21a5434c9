"""What the benchmarks share: rows and their printing, the C limits, private network namespaces, medians of CPU time."""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent


class Row(NamedTuple):
    """One figure of a benchmark: name, value and unit. Ratios have the unit `x`."""

    name: str
    value: float
    unit: str
    more_is_better: bool = False
    """Whether a higher value is better: False for costs, True for ratios to the cost of other programs."""


def report(rows: Sequence[Row], options: argparse.Namespace) -> None:
    """Print the rows as a table or, with `--json`, as JSON in the last line."""
    if options.json:
        print(json.dumps([row._asdict() for row in rows]))
    else:
        width = max(len(row.name) for row in rows)
        for row in rows:
            print(f"{row.name:{width}}  {row.value:10.4g} {row.unit}")


def options(description: str | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--json", action="store_true", help="end with one line: a JSON list of name, value, unit")
    return parser.parse_args()


def compiled(name: str) -> Path:
    """Return the path of the C program with this name, compiled if its source is newer."""
    source = HERE / "limits" / f"{name}.c"
    program = Path(tempfile.gettempdir()) / f"netwatch-tray-{os.getuid()}" / name
    if not program.exists() or program.stat().st_mtime < source.stat().st_mtime:
        program.parent.mkdir(mode=0o700, exist_ok=True)
        subprocess.run(["cc", "-O2", "-o", program, source], check=True)
    return program


@contextmanager
def namespace(name: str) -> Iterator[list[str]]:
    """Create a network namespace, and delete it afterwards. Yield the words to put before a command so that it runs in
    it. Needs root."""
    full = f"nwt-bench-{os.getpid()}-{name}"
    subprocess.run(["ip", "netns", "add", full], check=True)
    try:
        yield ["ip", "netns", "exec", full]
    finally:
        subprocess.run(["ip", "netns", "delete", full], check=True)


def add_interfaces(inside: list[str], count: int) -> None:
    """Add interfaces to a fresh namespace until it has `count`, the loopback included: pairs of veth, and one bridge if
    the number to add is odd."""
    pairs, odd = divmod(count - 1, 2)
    lines = [f"link add p{number}a type veth peer name p{number}b" for number in range(pairs)]
    lines += ["link add br0 type bridge"] * odd
    subprocess.run([*inside, "ip", "-batch", "-"], input="\n".join(lines), text=True, check=True)


def cpu_median(call: Callable[[], object], rounds: int, pause: float = 0.0) -> float:
    """Return the median CPU time of one call in µs. `pause`: seconds to sleep before each call, so that the processor's
    caches are as cold as they are in the agent."""
    times = []
    for _ in range(rounds):
        if pause:
            time.sleep(pause)
        start = time.process_time_ns()
        call()
        times.append(time.process_time_ns() - start)
    return statistics.median(times) / 1000


def python(*arguments: str) -> list[str]:
    return [sys.executable, *arguments]
