"""Checks the size of modules and classes of the program: part of `./dev lint`.

What is larger has several responsibilities, as a rule. An exception needs a reason that a reader accepts.
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "netwatch_tray"
MOST_LINES = 450
MOST_METHODS = 25

EXCEPTIONS = {
    "engine/connections.py:ConnectionTable": "one invariant over all of them: each byte of a socket is booked once",
    "history/reader.py:HistoryReader": "a query a method; what they share is in tiers and rows",
    "tui/state.py:State": "what keys change and views read; each of them is a few lines",
    "window/chart/amount_chart.py:AmountChart": "the same interface as Plot's; drawing is in amount_layers",
    "window/chart/plot.py:Plot": "the widget's interface and Qt's handlers; drawing is in layers, series and viewport",
    "window/pages/apps/page.py:AppsPage": "the interface of a page is 12 of them; what it shows is in widgets and rows",
    "window/table/view.py:TableView": "14 of them are Qt's handlers; columns, order and fitting are apart",
}
"""Modules (`path/in/package.py`) and classes (`path.py:Class`) that may exceed the limits, each with the reason."""


class Excess(NamedTuple):
    """A module or a class above the limit."""

    name: str
    """Name of the module or class, as in the keys of `EXCEPTIONS`."""
    text: str


def excesses(file: Path) -> list[Excess]:
    """Return the modules and classes of a file that are too large."""
    source = file.read_text("utf-8")
    name = file.relative_to(SOURCES).as_posix()
    found = []
    lines = source.count("\n")
    if lines > MOST_LINES:
        found.append(Excess(name, f"{lines} lines, more than {MOST_LINES}"))
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ClassDef):
            methods = sum(isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef) for each in node.body)
            if methods > MOST_METHODS:
                found.append(Excess(f"{name}:{node.name}", f"{methods} methods, more than {MOST_METHODS}"))
    return found


def main() -> None:
    found = [each for file in sorted(SOURCES.rglob("*.py")) for each in excesses(file)]
    wrong = [f"{each.name}: {each.text}" for each in found if each.name not in EXCEPTIONS]
    wrong += [f"{name}: no longer needs an exception" for name in EXCEPTIONS.keys() - {each.name for each in found}]
    if wrong:
        sys.exit("\n".join(wrong))


if __name__ == "__main__":
    main()
