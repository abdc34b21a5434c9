"""Compares two files of `./dev bench all --json FILE`: a row for each figure, the ones that became worst first.

    ./dev bench compare OLD NEW

The first column is how many times worse the new figure is; below 1 it is better. Compare runs of the same machine at
the same load: identical programs vary by a tenth, and under load by more.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import NamedTuple

from benchmarks._harness import Row
from benchmarks._results import Results, load


class Change(NamedTuple):
    worse: float
    """How many times worse the new value is: new ÷ old, or old ÷ new if more is better."""
    old: Row
    new: Row


def changes(old: Results, new: Results) -> list[Change]:
    """Return the changes of all figures that are in both files, the greatest deterioration first."""
    before, after = old.rows(), new.rows()
    found = [Change(_worse(before[name], after[name]), before[name], after[name]) for name in before if name in after]
    return sorted(found, key=lambda change: (-change.worse, change.new.name))


def _worse(old: Row, new: Row) -> float:
    before, after = (new.value, old.value) if new.more_is_better else (old.value, new.value)
    if before > 0:
        return after / before
    return 1.0 if after <= before else math.inf


def lines(old: Results, new: Results) -> list[str]:
    """Return the lines of the comparison, as they are printed."""
    found = changes(old, new)
    width = max((len(change.new.name) for change in found), default=0)
    text = [
        f"{change.worse:6.2f}  {change.new.name:{width}}  {change.old.value:10.4g} -> {change.new.value:<10.4g} "
        f"{change.new.unit}"
        for change in found
    ]
    for title, one, other in (("Only in the old file", old, new), ("Only in the new file", new, old)):
        missing = sorted(one.rows().keys() - other.rows().keys())
        if missing:
            text.append(f"{title}: {', '.join(missing)}")
    return text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    chosen = parser.parse_args()
    print(*lines(load(chosen.old), load(chosen.new)), sep="\n")


if __name__ == "__main__":
    main()
