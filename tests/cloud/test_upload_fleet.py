"""1 000 hosts on a virtual clock: within the servers' limits each snapshot is stored once, also after an outage.

The time is virtual and chance has a seed, so load changes nothing here. Keys share nothing, so each is simulated alone.
"""

from __future__ import annotations

import logging

import pytest
from fleet_simulation import LIMIT, WINDOW, Fleet, Rules

from netwatch_tray.cloud import uploader
from netwatch_tray.cloud.uploader import PACE

HOUR = 3600.0


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    """Log only warnings, because logging would take longer than the simulation."""
    caplog.set_level(logging.WARNING, uploader.__name__)


def _finish(fleet: Fleet) -> None:
    """Stop measuring, and run until everything was sent."""
    fleet.stop_measuring()
    for _ in range(300):
        if not fleet.pending:
            break
        fleet.run(60)
    assert fleet.pending == 0
    assert len(fleet.server.rows) == fleet.made
    assert set(fleet.server.rows.values()) == {1}
    assert fleet.server.broken == []


def _survive_an_outage(fleet: Fleet) -> int:
    """Take the server away for an hour. Return how many snapshots are pending at the end of it."""
    fleet.server.is_down = True
    fleet.run(HOUR)
    fleet.server.is_down = False
    return fleet.pending


def test_thousand_hosts_with_ten_per_key_catch_up_after_an_outage() -> None:
    for key in range(100):
        fleet = Fleet(10, seed=key, loses=0.01)
        fleet.run(600)
        assert _survive_an_outage(fleet) >= 10 * 240 - 10
        fleet.run(1800)
        delays = fleet.take_delays()
        assert delays[-1] < HOUR + 1800
        assert fleet.pending < 10 * 40
        _finish(fleet)


def test_thousand_hosts_with_a_hundred_per_key_catch_up_after_an_outage() -> None:
    for key in range(10):
        fleet = Fleet(100, seed=key, loses=0.01)
        fleet.run(HOUR)
        before = fleet.pending
        assert before <= 100 * PACE.longest_gap / 15
        backlog = _survive_an_outage(fleet)
        assert backlog >= 100 * 240
        accepted, refused = fleet.server.accepted, fleet.server.refused
        fleet.run(2 * HOUR)
        accepted, refused = fleet.server.accepted - accepted, fleet.server.refused - refused
        assert accepted > 0.7 * 2 * HOUR / WINDOW * LIMIT, "the limit is used"
        assert refused < 3 * accepted, "they wait longer after each refusal"
        assert fleet.pending < backlog / 4
        _finish(fleet)


@pytest.mark.parametrize("rules", ["cloud", "dashboard"])
def test_hosts_with_separate_keys_are_never_refused(rules: Rules) -> None:
    for key in range(20):
        fleet = Fleet(1, seed=key, rules=rules, loses=0.02)
        fleet.run(600)
        _survive_an_outage(fleet)
        before = fleet.server.accepted
        fleet.run(61)
        assert fleet.server.accepted > before, "back within a minute"
        fleet.run(300)
        assert fleet.pending <= 1
        assert fleet.server.refused == 0
        _finish(fleet)


def test_server_without_a_rate_limit_gets_each_snapshot_once() -> None:
    """The dashboard limits hosts alone, and would store a repeated snapshot twice."""
    fleet = Fleet(50, rules="dashboard", loses=0.05)
    fleet.run(600)
    _survive_an_outage(fleet)
    fleet.run(600)
    assert fleet.pending <= 50 * 3
    assert fleet.server.refused == 0
    _finish(fleet)


def test_large_snapshots_are_sent_in_smaller_batches() -> None:
    fleet = Fleet(10, size=25_000)
    fleet.run(600)
    _survive_an_outage(fleet)
    _finish(fleet)
