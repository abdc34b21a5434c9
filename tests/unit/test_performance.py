"""The file of all figures, its comparison and the page that is made from it."""

from __future__ import annotations

import math
import sys
from pathlib import Path

import performance
import pytest

from benchmarks import _all, _compare
from benchmarks._harness import Row
from benchmarks._results import Measured, Results, load, names, save, source


def results(*rows: Row, machine: str = "here") -> Results:
    measured = Measured(about="Costs.", at="2026-11-27", commit="abc", load=(0.5, 1.0), seconds=3.0, rows=[*rows])
    return Results(machine, {"one": measured})


def test_page_of_figures_agrees_with_the_stored_file() -> None:
    made = performance.page(load(performance.STORED))
    assert performance.PAGE.read_text() == made, "run .venv/bin/python tools/performance.py"


def test_each_goal_belongs_to_a_stored_figure() -> None:
    assert performance.GOALS.keys() <= load(performance.STORED).rows().keys()


def test_a_figure_above_its_goal_is_bold() -> None:
    text = performance.page(results(Row("agent.pss_mb", 18.04, "MB"), Row("agent.start_cpu_ms", 91.2, "ms")))
    assert "| `agent.pss_mb` | **18** | MB | ≤ 18 |" in text
    assert "| `agent.start_cpu_ms` | **91.2** | ms | ≤ 90 |" in text
    assert "**" not in performance.page(results(Row("agent.pss_mb", 17.9, "MB"), Row("other", 2500.4, "ms")))


def test_a_file_is_read_as_it_was_saved(tmp_path: Path) -> None:
    saved = results(Row("a", 1.5, "ms"), Row("b", 2.0, "x", more_is_better=True))
    save(saved, tmp_path / "all.json")
    assert load(tmp_path / "all.json") == saved
    assert [file.name for file in tmp_path.iterdir()] == ["all.json"]


def test_comparison_lists_the_largest_regression_first() -> None:
    old = results(
        Row("same", 2, "ms"), Row("slower", 2, "ms"), Row("peer", 4, "x", more_is_better=True), Row("0", 0, "B")
    )
    new = results(
        Row("0", 1, "B"), Row("peer", 2, "x", more_is_better=True), Row("same", 2, "ms"), Row("slower", 3, "ms")
    )
    found = [(change.new.name, change.worse) for change in _compare.changes(old, new)]
    assert found == [("0", math.inf), ("peer", 2.0), ("slower", 1.5), ("same", 1.0)]


def test_figures_that_only_one_file_has_are_named() -> None:
    printed = _compare.lines(
        results(Row("a", 1, "ms"), Row("b", 1, "ms")), results(Row("b", 2, "ms"), Row("c", 1, "ms"))
    )
    assert printed[0].split() == ["2.00", "b", "1", "->", "2", "ms"]
    assert printed[1:] == ["Only in the old file: a", "Only in the new file: c"]


def test_benchmarks_are_found_and_described_by_their_modules() -> None:
    assert {"agent", "history", "window"} <= set(names())
    assert not {"all", "_all", "limits"} & set(names())
    assert _all.about(source("history")) == "What the history costs with 10 interfaces and 60 apps."


@pytest.mark.parametrize(
    ("program", "fault", "rows"),
    [
        ('print(\'noise\'); print(\'[{"name": "a", "value": 1.5, "unit": "ms"}]\')', "", [Row("a", 1.5, "ms")]),
        ("print('nothing of it')", "no rows", []),
        ("import sys; sys.exit(3)", "exit code 3", []),
        ("print('[{\"other\": 1}]')", "no rows", []),
    ],
)
def test_rows_are_read_from_the_last_line_that_a_benchmark_prints(
    program: str, fault: str, rows: list[Row], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "it.py").write_text(f'"""What it is."""\n{program}\n')
    monkeypatch.setattr(_all, "python", lambda *_: [sys.executable, str(tmp_path / "it.py")])
    monkeypatch.setattr(_all, "source", lambda _name: tmp_path / "it.py")
    measured = _all.measure("it")
    assert (measured.about, measured.fault, measured.rows) == ("What it is.", fault, rows)


def test_some_benchmarks_replace_their_figures_and_keep_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "all.json"
    save(results(Row("old", 1, "ms")), file)
    done = results(Row("new", 2, "ms")).benchmarks["one"]
    monkeypatch.setattr(_all, "measure", lambda _name: done)
    monkeypatch.setattr("sys.argv", ["all", "history", "--json", str(file)])
    assert _all.main() == 0
    assert load(file).rows().keys() == {"old", "new"}
    monkeypatch.setattr("sys.argv", ["all", "--json", str(file)])
    assert _all.main() == 0
    assert load(file).rows().keys() == {"new"}
