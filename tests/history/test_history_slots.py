"""Slots of a chart add up to what the same span has by every other query."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st
from machine import START, Machine

from netwatch_tray.history.packing import HOURS, MINUTES
from netwatch_tray.history.reader import HistoryReader


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HistoryReader]:
    """Return a history of six hours with traffic in each minute, a burst, and a sleep in which bytes passed."""
    file: Path = tmp_path_factory.mktemp("slots") / "history.sqlite3"
    machine = Machine()
    writer = machine.writer(file)
    measured = [machine.tick()]
    for minute in range(180):
        for _ in range(12):
            machine.carry(2, 5000 + minute, 700)
            machine.wait(5)
            measured.append(machine.tick())
        if minute == 100:
            machine.carry(2, 10**9, 10**8)
            machine.wait(1)
            measured.append(machine.tick())
            machine.wait(4)
        if minute == 120:
            machine.carry(2, 123_456, 654)
            machine.sleep(7000)
            measured.append(machine.tick())
        writer.record(measured)
        measured = []
    writer.close()
    with closing(HistoryReader(file)) as reader:
        yield reader


@given(borders=st.lists(st.integers(0, 360), min_size=2, max_size=12, unique=True).map(sorted))
@settings(max_examples=60, deadline=None)
def test_slots_of_minutes_add_up_to_the_whole_span(reader: HistoryReader, borders: list[int]) -> None:
    edges = [START + minute * 60 for minute in borders]
    tier, found = reader.slots("total", None, edges)
    whole = reader.bytes_between("total", None, int(edges[0]), int(edges[-1]))
    assert tier == MINUTES
    assert [(each.start, each.end) for each in found] == list(pairwise(edges))
    assert sum(each.used.rx for each in found) == whole.rx
    assert sum(each.used.tx for each in found) == whole.tx
    assert sum(each.used.gap_rx for each in found) == whole.gap_rx
    assert sum(each.used.covered_s for each in found) == pytest.approx(whole.covered_s)


def test_long_ranges_use_the_hourly_tier_and_keep_the_peak(reader: HistoryReader) -> None:
    edges = [START + day * 86400.0 for day in range(-3, 3)]
    tier, found = reader.slots("total", None, edges)
    assert tier == HOURS
    assert [bool(each.used.both) for each in found] == [False, False, False, True, False]
    own = found[3]
    today = datetime.fromtimestamp(START).astimezone().date()
    days = reader.days("total", None, today, today)
    assert own.used.rx == sum(each.rx for each in days.values())
    assert own.rx_peak == pytest.approx(10**9, rel=0.01)
    assert own.rx_peak_at == START + 3600


def test_time_of_a_slots_peak_is_exact_to_the_minute(reader: HistoryReader) -> None:
    _tier, (before, own, after) = reader.slots("total", None, [START, START + 3600, START + 7200, START + 10800])
    assert own.rx_peak_at is not None
    assert 100 * 60 <= own.rx_peak_at - START <= 102 * 60
    assert max(before.rx_peak, after.rx_peak) < own.rx_peak
