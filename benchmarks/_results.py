"""The figures of all benchmarks in one file: `./dev bench all --json FILE` writes it.

Its readers compare two of them (`_compare`) and make docs/performance.md (tools/performance.py).
"""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks._harness import HERE, Row

sys.path.insert(0, str(HERE.parent / "tools"))


import dev
import msgspec


class Measured(msgspec.Struct, kw_only=True):
    """One run of a benchmark."""

    about: str
    """The first paragraph of its description."""
    at: str
    """Day, UTC."""
    commit: str
    load: tuple[float, float]
    """Of the machine, averages of a minute (proc_loadavg(5)), before and after."""
    seconds: float
    fault: str = ""
    """Why there are no rows."""
    rows: list[Row] = []
    """Written as arrays: name, value, unit, whether more is better."""


class Results(msgspec.Struct):
    """By name of the benchmark."""

    machine: str
    benchmarks: dict[str, Measured] = {}

    def rows(self) -> dict[str, Row]:
        return {row.name: row for each in self.benchmarks.values() for row in each.rows}


def names() -> list[str]:
    """Return the benchmarks that `./dev bench` knows, without what runs or compares them."""
    return sorted(name for name, module in dev.benchmarks().items() if not module.startswith("_"))


def source(name: str) -> Path:
    """Return the file that describes a benchmark."""
    module = HERE / f"{name}.py"
    return module if module.exists() else HERE / name / "__main__.py"


def load(file: Path) -> Results:
    """Raise OSError; msgspec.MsgspecError for a file that `save` has not written."""
    return msgspec.json.decode(file.read_bytes(), type=Results)


def save(results: Results, file: Path) -> None:
    """Replace the file as a whole: a long run writes it after each benchmark."""
    new = file.with_name(f"{file.name}.new")
    new.write_bytes(msgspec.json.format(msgspec.json.encode(results), indent=1) + b"\n")
    new.replace(file)
