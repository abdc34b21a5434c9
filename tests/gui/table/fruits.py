"""Records, columns and a model that the tests of tables share."""

from __future__ import annotations

from typing import NamedTuple

from netwatch_tray.window.table.column import Column
from netwatch_tray.window.table.model import SortedModel


class Fruit(NamedTuple):
    key: int
    name: str
    weight: int | None


def columns() -> list[Column[Fruit]]:
    return [
        Column(
            id="name",
            title="Name",
            text=lambda fruit: fruit.name,
            order=lambda fruit: fruit.name,
            widest="mmmmmmmm",
            stretch=1,
        ),
        Column(
            id="weight",
            title="Weight",
            text=lambda fruit: str(fruit.weight),
            order=lambda fruit: fruit.weight,
            widest="00000",
            numeric=True,
            drop_order=2,
        ),
        Column(id="key", title="Key", text=lambda fruit: f"#{fruit.key}", widest="00000000", drop_order=1),
    ]


def fruit_model() -> SortedModel[Fruit]:
    return SortedModel(columns(), key=lambda fruit: fruit.key)


def shown(model: SortedModel[Fruit]) -> list[Fruit]:
    return [model.record(row) for row in range(model.rowCount())]
