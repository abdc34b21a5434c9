"""What a data plan covers: everything, metered networks, or the Internet alone."""

from __future__ import annotations

import json
import tempfile
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st
from machine import START, Machine

from netwatch_tray import paths
from netwatch_tray.cli import main
from netwatch_tray.engine.ledger import AppInterval
from netwatch_tray.history.packing import LedgerEntry, less
from netwatch_tray.history.reader import HistoryReader
from netwatch_tray.history.recorder import Measurement
from netwatch_tray.history.usage import PlanAlert
from netwatch_tray.model import Traffic
from netwatch_tray.settings import Counts, DataPlan, History

_DAY = datetime.fromtimestamp(START + 60, UTC).astimezone().date()
_MB = 10**6


def _moved(machine: Machine, rx: int, lan: int) -> list[Measurement]:
    """Return measurements of a tick in which `rx` bytes were received, `lan` of them from the local network."""
    machine.wait()
    machine.carry(2, rx, 0)
    tick = machine.tick()
    nothing = Traffic()
    interval = AppInterval(elapsed_s=1.0, apps={}, processes={}, local=nothing, lan=Traffic(lan, 0))
    return [tick, (tick.at, interval)]


@given(amounts=st.lists(st.tuples(st.integers(0, 10**8), st.integers(0, 10**8)), min_size=1, max_size=8))
@settings(max_examples=20, deadline=None)
def test_internet_traffic_is_total_minus_local_traffic(amounts: list[tuple[int, int]]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        file, machine = Path(directory) / "history.sqlite3", Machine()
        writer = machine.writer(file)
        measured: list[Measurement] = [machine.tick()]
        for rx, lan in amounts:
            measured += _moved(machine, rx, min(rx, lan))
        writer.record(measured)
        used: dict[Counts, int] = {counts: writer.used(_DAY, _DAY, counts) for counts in ("all", "metered", "internet")}
        writer.close()
        with closing(HistoryReader(file)) as reader:
            stored: dict[Counts, int] = {
                counts: sum(day.both for day in reader.days("total", None, _DAY, _DAY, counts=counts).values())
                for counts in used
            }
    whole, local = sum(rx for rx, _lan in amounts), sum(min(each) for each in amounts)
    assert used == {"all": whole, "metered": 0, "internet": whole - local}
    assert stored == used


def test_plan_that_counts_the_internet_alerts_by_internet_traffic(tmp_path: Path) -> None:
    machine = Machine()
    plan = DataPlan(cap_gb=0.1, counts="internet")
    writer = machine.writer(tmp_path / "history.sqlite3")
    writer.apply(History(), plan)
    alerts: list[PlanAlert | None] = [writer.record([machine.tick()])]
    for rx, lan in ((90 * _MB, 80 * _MB), (65 * _MB, 0), (10 * _MB, 0)):
        alerts.append(writer.record(_moved(machine, rx, lan)))
    writer.close()
    assert [each and (each.percent, each.used) for each in alerts] == [None, None, None, (80, 85 * _MB)]


def test_usage_internet_leaves_out_local_traffic(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    machine = Machine()
    writer = machine.writer(tmp_path / "history.sqlite3")
    writer.record([machine.tick(), *_moved(machine, 90 * _MB, 80 * _MB)])
    writer.close()
    monkeypatch.setattr(paths, "history_file", lambda: tmp_path / "history.sqlite3")
    for options, amount in (((), 90 * _MB), (("--internet",), 10 * _MB)):
        assert main(["usage", "--by", "month", "--json", *options]) == 0
        (month,) = json.loads(capsys.readouterr().out)
        assert month["rx"] == amount


@pytest.mark.parametrize(
    ("local", "left"),
    [(None, (100, 50, 10, 5, 9)), ((30, 20, 0, 0, 0), (70, 30, 10, 5, 9)), ((200, 200, 0, 0, 0), (10, 5, 10, 5, 9))],
)
def test_local_traffic_is_not_subtracted_from_gaps_and_never_exceeds_the_total(
    local: LedgerEntry | None, left: LedgerEntry
) -> None:
    assert less((100, 50, 10, 5, 9), local) == left
