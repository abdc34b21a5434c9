"""Runs the benchmarks one after another and writes the figures of all into one file.

    ./dev bench all [NAME …] [--json FILE]

Without names all but `endurance` and `soak`, which take an hour and half an hour to check rather than to measure, and
`package`, which builds one. With names the figures of these are replaced in FILE, and the others stay. `./dev bench
compare OLD NEW` compares two files.
"""

from __future__ import annotations

import argparse
import ast
import os
import platform
import subprocess
import sys
import time
from datetime import UTC, datetime
from operator import attrgetter
from pathlib import Path

import msgspec

from benchmarks._harness import HERE, Row, python, report
from benchmarks._results import Measured, Results, load, names, save, source

_LEFT_OUT = frozenset({"endurance", "package", "soak"})


class _Printed(msgspec.Struct):
    """A row (figure) of a benchmark, as `_harness.report` prints it in JSON."""

    name: str
    value: float
    unit: str
    more_is_better: bool = False


def measure(name: str) -> Measured:
    """Run one benchmark in a separate process. What it prints in addition to its rows goes to stderr."""
    before, began = os.getloadavg()[0], time.monotonic()
    command = python("-m", f"benchmarks.{name}", "--json")
    done = subprocess.run(command, cwd=HERE.parent, stdout=subprocess.PIPE, text=True, check=False)
    *printed, last = done.stdout.splitlines() or [""]
    if printed:
        print(*printed, sep="\n", file=sys.stderr)
    fault = f"exit code {done.returncode}" if done.returncode else ""
    try:
        rows = [Row(*row) for row in map(attrgetter(*Row._fields), msgspec.json.decode(last, type=list[_Printed]))]
    except msgspec.MsgspecError:
        rows, fault = [], fault or "no rows"
    return Measured(
        about=about(source(name)),
        at=datetime.now(UTC).date().isoformat(),
        commit=commit(),
        load=(before, os.getloadavg()[0]),
        seconds=time.monotonic() - began,
        fault=fault,
        rows=rows,
    )


def about(file: Path) -> str:
    """Return the first paragraph of a module's docstring."""
    description = ast.get_docstring(ast.parse(file.read_text())) or ""
    return " ".join(description.partition("\n\n")[0].split())


def commit() -> str:
    """Return the commit that is checked out; `+`: with changes; `unknown` without git or outside a repository."""
    command = ["git", "describe", "--always", "--dirty=+", "--match="]
    try:
        return subprocess.run(command, cwd=HERE.parent, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def machine() -> str:
    return f"{platform.system()} {platform.release()}, {os.cpu_count()} processors, Python {platform.python_version()}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(names()))
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures into this file")
    chosen = parser.parse_args()
    if unknown := set(chosen.names) - set(names()):
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}")
    results = Results(machine())
    if chosen.names and chosen.json and chosen.json.exists():
        results.benchmarks = load(chosen.json).benchmarks
    failed = []
    for name in chosen.names or [each for each in names() if each not in _LEFT_OUT]:
        print(f"bench: {name}", file=sys.stderr, flush=True)
        results.benchmarks[name] = measured = measure(name)
        report(measured.rows, argparse.Namespace(json=False))
        if measured.fault:
            failed.append(f"{name} ({measured.fault})")
        if chosen.json:
            save(results, chosen.json)
    if failed:
        print(f"bench: failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
