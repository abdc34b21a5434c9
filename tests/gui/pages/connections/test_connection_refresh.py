"""The rows that a user looks at, and the selection, stay while the list below them changes."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from PySide6.QtCore import QEvent, QObject
from PySide6.QtWidgets import QApplication
from windows import Open, Opened, connection

from netwatch_tray.feed.protocol import ConnectionsMessage
from netwatch_tray.model import Connection
from netwatch_tray.window.pages.connections.grouping import Grouping
from netwatch_tray.window.pages.connections.rows import Group

_COUNT = 400
_APPS = 12


def _one(number: int, rate: float) -> Connection:
    app = f"app{number % _APPS:02}"
    return connection(number, app, app=app, rx_rate=rate, tx_rate=rate / 7, remote_address=f"198.51.100.{number % 200}")


def _churn(opened: Opened, rounds: int = 25) -> Iterator[None]:
    """Send refreshes, each of which changes, closes and opens some connections. Yield after each."""
    chance = random.Random(3)
    there = list(range(_COUNT))
    opened.say(ConnectionsMessage(reset=True, added=tuple(_one(each, chance.uniform(0, 9e6)) for each in there)))
    yield
    for turn in range(rounds):
        gone = [there.pop(chance.randrange(len(there))) for _ in range(4)]
        gone = [each for each in gone if each not in (100, 101)]
        fresh = range(_COUNT + 10 * turn, _COUNT + 10 * turn + 4)
        there += fresh
        opened.say(
            ConnectionsMessage(
                added=tuple(_one(each, chance.uniform(0, 9e6)) for each in fresh),
                changed=tuple(_one(each, chance.uniform(0, 9e6)) for each in chance.sample(there, 40)),
                removed=tuple(f"key{each}" for each in gone),
            )
        )
        yield


@pytest.mark.parametrize("grouping", ["none", "app", "remote"])
def test_selection_scroll_position_and_folded_groups_survive_refreshes(
    open_window: Open, monkeypatch: pytest.MonkeyPatch, grouping: str
) -> None:
    monkeypatch.setattr("netwatch_tray.window.pages.connections.page._CLOSED_STAY_S", 0.0)
    opened = open_window(size=(1280, 800))
    opened.window.turn_to(1)
    page, model = opened.window.connections, opened.window.connections.table.model()
    page.bar.group_by(Grouping(grouping))
    model._settled.setInterval(0)  # else a timer moves rows between two refreshes
    churn = _churn(opened)
    next(churn)
    folded = set()
    for line in [model.record(row) for row in range(model.rowCount())][::3]:
        if isinstance(line, Group) and line.key not in (f"app{100 % _APPS:02}", "198.51.100.100"):
            page._folding.fold(line, fold=True)
            folded.add(line.key)
    assert bool(folded) == (grouping != "none")
    chosen = model.row_of("key100")
    assert chosen is not None
    page.table.selectRow(chosen)
    page.table.verticalScrollBar().setValue(3007)
    bar, followed = page.table.verticalScrollBar(), 0
    while True:
        top = page.table.rowAt(0)
        looked_at, offset = model.key(top), page.table.rowViewportPosition(top)
        if next(churn, "over") == "over":
            break
        assert [model.key(index.row()) for index in page.table.selectionModel().selectedRows()] == ["key100"]
        assert model.key(page.table.currentIndex().row()) == "key100"
        groups = [line for line in map(model.record, range(model.rowCount())) if isinstance(line, Group)]
        assert {line.key for line in groups if line.folded} == folded & {line.key for line in groups}
        row = model.row_of(looked_at)
        if (
            row is not None and 0 < bar.value() < bar.maximum()
        ):  # else it has closed, or there is nothing more to scroll
            assert page.table.rowViewportPosition(row) == offset
            followed += 1
    assert followed > 10


class _Paints(QObject):
    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def eventFilter(self, _watched: QObject, event: QEvent) -> bool:  # noqa: N802  the name Qt calls
        self.count += event.type() == QEvent.Type.Paint
        return False


@pytest.mark.parametrize("width", [1280, 900])
def test_a_refresh_draws_the_table_once(open_window: Open, application: QApplication, width: int) -> None:
    opened = open_window(size=(width, 800))
    opened.window.turn_to(1)
    table = opened.window.connections.table
    table.model()._settled.setInterval(0)
    churn = _churn(opened, 6)
    next(churn)
    application.processEvents()
    assert table.isColumnHidden(3), "names of hosts are not known"
    paints = _Paints()
    table.viewport().installEventFilter(paints)
    for turn, _ in enumerate(churn, 1):
        application.processEvents()
        assert paints.count == turn
    table.viewport().removeEventFilter(paints)
