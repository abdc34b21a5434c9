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
    """What it measures: the first paragraph of the docstring of the benchmark's module."""
    at: str
    """Day on which it ran (UTC)."""
    commit: str
    load: tuple[float, float]
    """Load average of the machine over one minute, before and after the run (proc_loadavg(5))."""
    seconds: float
    fault: str = ""
    """Why the benchmark failed, so that there are no rows; empty if it succeeded."""
    rows: list[Row] = []
    """The measured figures. In the file each is an array: name, value, unit, whether more is better."""


class Results(msgspec.Struct):
    """Results of benchmarks, by their names."""

    machine: str
    benchmarks: dict[str, Measured] = {}

    def rows(self) -> dict[str, Row]:
        return {row.name: row for each in self.benchmarks.values() for row in each.rows}


def names() -> list[str]:
    """Return the benchmarks that `./dev bench` can run, without `all` and `compare`."""
    return sorted(name for name, module in dev.benchmarks().items() if not module.startswith("_"))


def source(name: str) -> Path:
    """Return the file whose module docstring describes a benchmark."""
    module = HERE / f"{name}.py"
    return module if module.exists() else HERE / name / "__main__.py"


def load(file: Path) -> Results:
    """Read results. Raise OSError, or msgspec.MsgspecError for a file that `save` has not written."""
    return msgspec.json.decode(file.read_bytes(), type=Results)


def save(results: Results, file: Path) -> None:
    """Replace the file. A long run calls this after each benchmark, so that nothing is lost when it is interrupted."""
    new = file.with_name(f"{file.name}.new")
    new.write_bytes(msgspec.json.format(msgspec.json.encode(results), indent=1) + b"\n")
    new.replace(file)
