"""Make docs/performance.md of docs/performance.json, which `./dev bench all --json docs/performance.json` writes.

A test fails as long as the page is out of date.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

# ruff: noqa: E402  the benchmarks are found from the root
from benchmarks._harness import Row
from benchmarks._results import Measured, Results, load

STORED, PAGE = ROOT / "docs" / "performance.json", ROOT / "docs" / "performance.md"

GOALS: dict[str, float] = {
    "agent.pss_mb": 18, "agent.cpu_ms_per_min": 40, "agent.cpu_ms_per_min_unchanged": 24, "agent.start_cpu_ms": 90,
    "history.cpu_ms_per_min": 1.8,
    "helper.pss_mb": 13, "helper.cpu_ms_per_min_quiet": 15, "helper.ns_per_udp_packet": 150,
    "helper.end_to_end_ns_per_side": 300, "helper.agent_extra_pss_mb": 5, "helper.agent_extra_cpu_ms_per_min": 10,
    "helper.agent_extra_cpu_ms_per_min_quiet": 10,
    "terminal.start_cpu_ms": 700, "terminal.cpu_ms_per_min": 400,
    "upload.pss_mb": 10, "upload.cpu_ms_per_min": 15, "otlp.cpu_ms_per_min": 15, "otlp.pss_mb": 10,
    "window.open_cpu_ms": 300, "window.rss_mb": 82, "window.refresh_ms.10000": 8.5, "window.chart_whole_ms.3600": 4,
    "window.amounts_ms": 10, "window.app_details_ms": 10, "window.year_heatmap_ms": 5,
}  # fmt: skip
"""Limits: the highest permitted value of a figure, by the name of the figure."""

HEAD = """# Performance

What the program costs, measured by `./dev bench all`. CPU time is the scheduler's own accounting, and memory is PSS
where nothing else is said. Identical programs vary by about a tenth, and beside other work CPU times rise by a third
and more, since processors and caches are shared: the load of each run is given. To show what a change
gains, it is measured in the same run as the version before it.

This page is made from [performance.json](performance.json):

    ./dev bench all --json docs/performance.json    # or with names of benchmarks, which replaces these alone
    .venv/bin/python tools/performance.py
    ./dev bench compare OLD.json NEW.json           # worst first

A figure above its goal is bold.
"""


def page(results: Results) -> str:
    """Return the text of the page."""
    sections = (_section(name, measured) for name, measured in sorted(results.benchmarks.items()) if measured.rows)
    return "\n".join([HEAD, f"Machine: {results.machine}.\n", *sections])


def _section(name: str, measured: Measured) -> str:
    before, after = measured.load
    run = f"{measured.at}, commit {measured.commit}, load {before:.1f} to {after:.1f}, {measured.seconds:.0f} s."
    table = ["| row | value | unit | goal |", "|---|---:|---|---:|", *map(_line, measured.rows)]
    return "\n".join([f"## {name}\n", f"{measured.about} {run}\n", *table, ""])


def _line(row: Row) -> str:
    goal = GOALS.get(row.name)
    value = f"{row.value:.0f}" if abs(row.value) >= 1000 else f"{row.value:.3g}"
    if goal is not None and row.value > goal:
        value = f"**{value}**"
    return f"| `{row.name}` | {value} | {row.unit} | {'' if goal is None else f'≤ {goal:g}'} |"


def main() -> None:
    PAGE.write_text(page(load(STORED)))


if __name__ == "__main__":
    main()
