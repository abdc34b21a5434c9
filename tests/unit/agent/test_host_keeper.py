"""Hosts of apps over restarts of the agent."""

from __future__ import annotations

from pathlib import Path

import pytest

from netwatch_tray.agent.host_keeper import HostKeeper
from netwatch_tray.engine.app_hosts import AppHosts
from netwatch_tray.engine.entries import Peer
from netwatch_tray.engine.scheduler import Scheduler
from netwatch_tray.history.host_days import HostDays
from netwatch_tray.model import Traffic

HOUR = 3600
BEGIN = 1.7e9 // HOUR * HOUR
APP = "executable:/usr/bin/curl"


class Run:
    """One run of the agent."""

    def __init__(self, directory: Path, at: float = BEGIN, *, days: int = 7, names: bytes | None = None) -> None:
        self.at = at
        self.ledger = AppHosts(lambda: self.at)
        self.scheduler = Scheduler()
        self.keeper = HostKeeper(self.scheduler, directory, self.ledger, lambda: names, days)

    def book(self, rx: int) -> None:
        self.ledger.book(APP, Peer("192.0.2.1", "internet", None, "a.example", "TLS"), Traffic(rx, 1))

    def found(self) -> list[int]:
        return [each.rx_bytes for each in self.ledger.of(APP)]

    def settle(self) -> None:
        """Run the loop until nothing is being written."""

        def check() -> None:
            if not self.keeper._worker.pending:
                self.scheduler.stop()

        self.scheduler.every(0.02, check)
        self.scheduler.run()

    def end(self) -> None:
        self.keeper.stop()
        self.scheduler.close()


def test_hosts_and_names_outlive_a_restart(tmp_path: Path) -> None:
    first = Run(tmp_path, names=b"names")
    assert first.keeper.kept_names is None
    first.book(5)
    first.at += 2 * HOUR
    first.book(6)
    first.end()
    second = Run(tmp_path, first.at + 60)
    assert (second.found(), second.keeper.kept_names) == ([11], b"names")
    assert second.ledger.since == BEGIN
    second.book(100)
    second.end()
    third = Run(tmp_path, second.at + 23 * HOUR)
    assert third.found() == [106]
    third.end()
    assert [each.rx_bytes for each in HostDays(tmp_path).amounts(APP, 0, 1e10)] == [111]


def test_hosts_are_not_stored_by_default(tmp_path: Path) -> None:
    run = Run(tmp_path / "hosts", days=0, names=b"names")
    run.book(5)
    run.end()
    assert list(tmp_path.iterdir()) == []


def test_stored_hosts_are_deleted_when_storing_is_turned_off(tmp_path: Path) -> None:
    first = Run(tmp_path / "hosts", names=b"names")
    first.book(5)
    first.end()
    assert (tmp_path / "hosts").exists()
    second = Run(tmp_path / "hosts")
    second.keeper.apply(0)
    second.book(6)
    second.end()
    assert list(tmp_path.iterdir()) == []


def test_hosts_are_stored_once_storing_is_turned_on(tmp_path: Path) -> None:
    run = Run(tmp_path, days=0)
    run.book(5)
    run.keeper.apply(30)
    run.book(6)
    run.end()
    again = Run(tmp_path)
    assert again.found() == [11]
    again.end()


@pytest.mark.parametrize("content", [b"", b"garbage"])
def test_damaged_files_do_not_stop_the_agent(tmp_path: Path, content: bytes, expected_logs: list[str]) -> None:
    expected_logs += ["The hosts of 2023-11-14 cannot be read", "Names of hosts cannot be read"]
    first = Run(tmp_path, names=b"names")
    first.book(5)
    first.end()
    for file in tmp_path.iterdir():
        file.write_bytes(content)
    second = Run(tmp_path)
    assert (second.found(), second.keeper.kept_names) == ([], None)
    second.book(6)
    second.end()
    third = Run(tmp_path)
    assert third.found() == [6]
    third.end()


def test_data_of_a_failed_write_is_in_the_next_write(tmp_path: Path, expected_logs: list[str]) -> None:
    expected_logs.append("cannot be kept in")
    directory = tmp_path / "hosts"
    run = Run(directory)
    run.book(5)
    directory.write_text("in the way")
    run.keeper.apply(6)
    run.settle()
    directory.unlink()
    run.end()
    again = Run(directory)
    assert again.found() == [5]
    again.end()


@pytest.mark.parametrize("days", [0, 7])
def test_agent_runs_where_the_directory_cannot_be_examined(tmp_path: Path, days: int) -> None:
    run = Run(tmp_path / ("x" * 300), days=days)  # stat(2) refuses the name, as it does below a directory of others
    run.book(5)
    run.keeper.apply(0)
    run.end()
    assert run.found() == [5]
