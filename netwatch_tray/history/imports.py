"""Usage that another program (vnStat) measured. It is stored separately from what this program recorded.

It is stored as the other program reported it, so the same export may be imported repeatedly. What counts is decided on
reading: only spans that ended before this program's first day, and of a month only the part that its days do not cover.
A span is a local day, month or year.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Literal, NamedTuple

from netwatch_tray.history import schema
from netwatch_tray.history.schema import explained
from netwatch_tray.history.usage import Days, period_of

Span = Literal["day", "month", "year"]
SPANS: dict[Span, Span | None] = {"day": "month", "month": "year", "year": None}
"""The lengths of imports, shortest first, each with the next longer one (None: there is none)."""


class Import(NamedTuple):
    """Traffic of an interface in a local day, month or year, as the other program reported it."""

    name: str
    span: Span
    first: date
    rx: int
    tx: int


class ImportedAmount(NamedTuple):
    """Imported traffic of an interface without what is counted by shorter spans: of a month, without that of its
    days."""

    name: str
    days: Days
    rx: int
    tx: int


def counted_in_total(file: Path) -> set[str]:
    """Return the names of all interfaces that were ever part of the total. Raise HistoryError if there is no
    history."""
    with closing(schema.open_for_reading(file)) as connection, explained(file):
        rows = connection.execute("SELECT names FROM uplinks").fetchall()
    return {name for (names,) in rows for name in names.split("\n") if name}


def add_imports(file: Path, imports: Iterable[Import], counted: Collection[str]) -> None:
    """Store imports, all or none, even while the agent records. Of an amount that is stored already, the larger value
    is kept.

    `counted`: names of interfaces whose bytes belong to the total. Raise HistoryError.
    """
    with closing(schema.open_for_writing(file)) as connection, explained(file):
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(
            "INSERT INTO imported VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
            "rx = max(rx, excluded.rx), tx = max(tx, excluded.tx), counted = excluded.counted",
            [
                (each.name, each.span, each.first.isoformat(), each.rx, each.tx, each.name in counted)
                for each in imports
            ],
        )
        connection.execute("COMMIT")


def amounts(imports: Iterable[Import], until: date) -> list[ImportedAmount]:
    """Return the imported traffic without counting any byte twice, oldest first. `until`: only spans that end before
    this day are returned."""
    reported: dict[Span, dict[tuple[str, date], tuple[int, int]]] = {"day": {}, "month": {}, "year": {}}
    for name, span, first, rx, tx in imports:
        reported[span][name, first] = rx, tx
    found = []
    inside: dict[tuple[str, date], tuple[int, int]] = {}
    for span, longer in SPANS.items():
        outside: dict[tuple[str, date], tuple[int, int]] = {}
        for name, first in sorted(reported[span].keys() | inside.keys()):
            rx, tx = reported[span].get((name, first), (0, 0))
            known_rx, known_tx = inside.get((name, first), (0, 0))
            amount = ImportedAmount(name, period_of(first, span), max(0, rx - known_rx), max(0, tx - known_tx))
            if amount.days.last < until and (amount.rx or amount.tx):
                found.append(amount)
            if longer is not None:  # the sum of its parts if that exceeds its own amount
                key = name, period_of(first, longer).first
                sum_rx, sum_tx = outside.get(key, (0, 0))
                outside[key] = sum_rx + max(rx, known_rx), sum_tx + max(tx, known_tx)
        inside = outside
    return sorted(found, key=lambda amount: (amount.days, amount.name))
