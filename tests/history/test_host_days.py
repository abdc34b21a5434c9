"""Hosts of apps on the disk: what is kept, for how long, and what damage costs."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from netwatch_tray.engine.app_hosts import AppHosts
from netwatch_tray.engine.entries import Peer
from netwatch_tray.errors import HistoryError
from netwatch_tray.history import host_days
from netwatch_tray.history.host_days import HostDays
from netwatch_tray.model import Traffic

HOUR = 3600
NOON = int(1.7e9 // 86400) * 24 + 12
"""An hour, by number since 1970."""
APP = "executable:/usr/bin/curl"


def packed(rx: int, host: str = "a.example", hour: int = NOON) -> dict[int, bytes]:
    ledger = AppHosts(lambda: hour * HOUR)
    ledger.book(APP, Peer("192.0.2.1", "internet", None, host, "TLS"), Traffic(rx, 1))
    return ledger.hours()


def found(days: HostDays, start: int = NOON - 9999, end: int = NOON + 9999) -> dict[str | None, int]:
    return {each.host: each.rx_bytes for each in days.amounts(APP, start * HOUR, end * HOUR)}


def test_stored_hours_are_found_by_app_and_time(tmp_path: Path) -> None:
    days = HostDays(tmp_path / "hosts")
    assert not days.exists
    assert found(days) == {}
    for hour in (NOON, NOON + 1, NOON + 12, NOON + 36):
        days.write(packed(1 << (hour - NOON), hour=hour), 0)
    assert len(list(tmp_path.glob("hosts/*"))) == 3
    assert found(days) == {"a.example": 1 + 2 + (1 << 12) + (1 << 36)}
    assert found(days, NOON + 1, NOON + 13) == {"a.example": 2 + (1 << 12)}
    assert found(days, NOON + 1, NOON + 12) == {"a.example": 2}
    assert days.amounts("other", 0, 1e10) == ()


def test_an_hour_that_is_written_again_is_replaced(tmp_path: Path) -> None:
    days = HostDays(tmp_path)
    days.write(packed(1), 0)
    days.write(packed(5) | packed(7, hour=NOON + 1), 0)
    assert found(days) == {"a.example": 12}


def test_files_of_hosts_are_readable_by_the_user_only(tmp_path: Path) -> None:
    days = HostDays(tmp_path / "hosts")
    days.write(packed(1), 0)
    days.write_names(b"names")
    assert (tmp_path / "hosts").stat().st_mode & 0o777 == 0o700
    assert {file.stat().st_mode & 0o777 for file in tmp_path.glob("hosts/*")} == {0o600}


def test_old_days_are_deleted_and_the_oldest_when_there_is_too_much(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    days = HostDays(tmp_path)
    for day in range(10):
        days.write(packed(1, hour=NOON + 24 * day), NOON + 24 * (day - 5))
    assert found(days) == {"a.example": 6}
    size = next(tmp_path.glob("*.hosts")).stat().st_size
    monkeypatch.setattr(host_days, "MOST_BYTES", 3 * size + size // 2)
    days.write(packed(1, hour=NOON + 24 * 9), 0)
    assert found(days) == {"a.example": 3}
    assert found(days, NOON + 24 * 9) == {"a.example": 1}


def test_hosts_of_a_span_or_of_all_days_can_be_deleted(tmp_path: Path) -> None:
    days = HostDays(tmp_path / "hosts")
    for day in range(4):
        days.write(packed(1 << day, hour=NOON + 24 * day), 0)
    days.delete_between((NOON + 24) * HOUR, (NOON + 48) * HOUR)
    assert found(days) == {"a.example": 1 + 8}
    days.write_names(b"names")
    days.delete()
    assert not (tmp_path / "hosts").exists()
    days.delete()


def test_other_files_are_not_deleted(tmp_path: Path) -> None:
    (tmp_path / "notes.hosts").write_text("mine")
    days = HostDays(tmp_path)
    days.write(packed(1), NOON + 240)
    assert [file.name for file in tmp_path.iterdir()] == ["notes.hosts"]
    with pytest.raises(HistoryError, match="not empty"):
        days.delete()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 200), st.binary(max_size=3), st.booleans())
def test_damaged_file_loses_only_its_day_and_raises_nothing(
    tmp_path: Path, expected_logs: list[str], at: int, by: bytes, is_cut: bool
) -> None:
    expected_logs[:] = ["cannot be read"]
    days = HostDays(tmp_path / "hosts")
    days.write(packed(1) | packed(2, hour=NOON + 24), 0)
    days.write_names(b"names")
    for file in (min(tmp_path.glob("hosts/*.hosts")), tmp_path / "hosts" / "names"):
        whole = file.read_bytes()
        file.write_bytes(whole[:at] if is_cut else whole[:at] + by + whole[at + len(by) :])
    assert found(days) in ({"a.example": 3}, {"a.example": 2})
    assert days.read_names() in (b"names", None)
    days.write(packed(4), 0)
    assert found(days) == {"a.example": 6}


def test_only_the_hour_with_garbage_is_dropped(tmp_path: Path, expected_logs: list[str]) -> None:
    expected_logs.append("An hour of hosts cannot be read")
    days = HostDays(tmp_path)
    days.write(packed(1) | {NOON + 1: b"garbage"}, 0)
    assert found(days) == {"a.example": 1}


def test_a_directory_that_cannot_be_written_is_reported(tmp_path: Path) -> None:
    (tmp_path / "hosts").write_text("a file")
    with pytest.raises(HistoryError, match="cannot be kept"):
        HostDays(tmp_path / "hosts").write(packed(1), 0)
