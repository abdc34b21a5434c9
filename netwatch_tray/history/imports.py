"""Usage that another program measured, kept apart from what this one did.

It is stored as it was told, so that the same export may be imported again and again. What counts is decided when it
is asked for: only what ended before this program's own first day, and of a month only what its days do not tell.
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
"""Each with the next longer one."""


class Import(NamedTuple):
    """What an interface carried in a local day, month or year."""

    name: str
    span: Span
    first: date
    rx: int
    tx: int


class Amount(NamedTuple):
    """What of that is not told by a shorter span as well."""

    name: str
    days: Days
    rx: int
    tx: int


def counted_in_total(file: Path) -> set[str]:
    """The interfaces that ever made this machine's total. Raises HistoryError: there is no history yet."""
    with closing(schema.open_for_reading(file)) as connection, explained(file):
        rows = connection.execute("SELECT names FROM uplinks").fetchall()
    return {name for (names,) in rows for name in names.split("\n") if name}


def add_imports(file: Path, imports: Iterable[Import], counted: Collection[str]) -> None:
    """All or nothing, also while the agent records. What is there already grows to what is told now, never shrinks.

    `counted`: interfaces whose bytes belong to the total. Raises HistoryError.
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


def amounts(imports: Iterable[Import], until: date) -> list[Amount]:
    """Each byte once, oldest first. `until`: from that day on nothing counts."""
    told: dict[Span, dict[tuple[str, date], tuple[int, int]]] = {"day": {}, "month": {}, "year": {}}
    for name, span, first, rx, tx in imports:
        told[span][name, first] = rx, tx
    found = []
    inside: dict[tuple[str, date], tuple[int, int]] = {}
    for span, longer in SPANS.items():
        outside: dict[tuple[str, date], tuple[int, int]] = {}
        for name, first in sorted(told[span].keys() | inside.keys()):
            rx, tx = told[span].get((name, first), (0, 0))
            known_rx, known_tx = inside.get((name, first), (0, 0))
            amount = Amount(name, period_of(first, span), max(0, rx - known_rx), max(0, tx - known_tx))
            if amount.days.last < until and (amount.rx or amount.tx):
                found.append(amount)
            if longer is not None:  # with what its days tell, where that is more than it says itself
                key = name, period_of(first, longer).first
                sum_rx, sum_tx = outside.get(key, (0, 0))
                outside[key] = sum_rx + max(rx, known_rx), sum_tx + max(tx, known_tx)
        inside = outside
    return sorted(found, key=lambda amount: (amount.days, amount.name))
