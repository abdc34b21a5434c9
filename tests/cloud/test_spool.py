"""The queue on disk: ordered, bounded, counted, and intact after crashes and damage."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
import zlib
from pathlib import Path

import pytest
from uploading import HOST_ID, fill, spool_in

from netwatch_tray.cloud.privacy import Scope
from netwatch_tray.cloud.spool import LONGEST_AGE, Spool
from netwatch_tray.errors import NetWatchError

DAY = 24 * 3600


class Clock:
    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def test_a_batch_is_oldest_first_within_both_limits(tmp_path: Path) -> None:
    spool = spool_in(tmp_path)
    now = time.time()
    for age in (30, 10, 20):
        spool.append(HOST_ID, now - age, b"x" * 100 + str(age).encode(), Scope())
    assert [stored.body[100:] for stored in spool.batch(HOST_ID, 2, 1 << 20)] == [b"30", b"20"]
    assert [stored.body[100:] for stored in spool.batch(HOST_ID, 9, 206)] == [b"30", b"20"]
    assert len(spool.batch(HOST_ID, 9, 1)) == 1, "one, however large"
    spool.close()


def test_snapshots_survive_reopening_until_delivered(tmp_path: Path) -> None:
    spool = spool_in(tmp_path)
    fill(spool, 10)
    spool.close()
    spool = spool_in(tmp_path)
    batch = spool.batch(HOST_ID, 4, 1 << 20)
    spool.delivered([each.id for each in batch])
    assert spool.counts(HOST_ID)[:4] == (6, 0, 0, 4)
    spool.close()
    spool = spool_in(tmp_path)
    assert spool.counts()[:4] == (6, 0, 0, 4)
    assert spool.batch(HOST_ID, 1, 1 << 20)[0].id == batch[-1].id + 1
    spool.close()


@pytest.mark.parametrize("body", [b"", b"no zlib", zlib.compress(b"x" * 5000)[:-9]])
def test_only_the_damaged_snapshot_is_dropped(tmp_path: Path, body: bytes, expected_logs: list[str]) -> None:
    expected_logs.append("were dropped: 2.")
    spool = spool_in(tmp_path)
    fill(spool, 5)
    first, second, *rest = (each.id for each in spool.batch(HOST_ID, 5, 1 << 20))
    with sqlite3.connect(tmp_path / "spool.sqlite3") as database:
        database.execute("UPDATE snapshot SET body = ? WHERE id IN (?, ?)", (body, first, second))
    database.close()
    assert [each.id for each in spool.batch(HOST_ID, 2, 1 << 20)] == rest[:2]
    assert spool.counts(HOST_ID)[:3] == (3, 0, 2)
    spool.delivered(rest)
    assert spool.counts(HOST_ID)[:4] == (0, 0, 2, 3)
    spool.close()


def test_an_account_gets_only_its_own_snapshots(tmp_path: Path) -> None:
    spool = spool_in(tmp_path)
    fill(spool, 3)
    assert spool.batch("another-host-id", 100, 1 << 20) == []
    assert spool.counts("another-host-id").waiting == 0
    spool.close()


def test_snapshots_older_than_a_day_are_dropped_and_counted(tmp_path: Path) -> None:
    """The network is down for two days, with a snapshot each minute."""
    clock = Clock(1_800_000_000.0)
    most = 1 << 20
    spool = Spool(tmp_path / "spool.sqlite3", most_bytes=most, now=clock)
    appended = 0
    body = os.urandom(600)  # does not compress, as a full spool's worst case
    for _ in range(2 * DAY // 60):
        clock.now += 60
        spool.append(HOST_ID, clock.now, body, Scope())
        appended += 1
    size = sum(file.stat().st_size for file in tmp_path.iterdir())
    level = spool.counts(HOST_ID)
    assert level.waiting + level.dropped == appended
    assert level.waiting == DAY / 60 + 1
    oldest = spool.batch(HOST_ID, 1, most)[0].at
    assert clock.now - oldest <= LONGEST_AGE
    assert size < 2.5 * most
    spool.close()


def test_a_full_spool_drops_the_oldest(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool.sqlite3", most_bytes=10_000)
    now = time.time()
    for number in range(50):
        spool.append(HOST_ID, now - 50 + number, os.urandom(1000), Scope())
    level = spool.counts()
    assert (level.waiting, level.dropped) == (9, 41)
    assert spool.batch(HOST_ID, 1, 1)[0].at == pytest.approx(now - 9)
    spool.close()


def test_snapshots_from_a_clock_far_ahead_are_dropped_once_it_is_right(tmp_path: Path) -> None:
    clock = Clock(1_800_000_000.0)
    spool = Spool(tmp_path / "spool.sqlite3", now=clock)
    spool.append(HOST_ID, clock.now, b"{}", Scope())
    clock.now -= 3 * DAY
    assert spool.batch(HOST_ID, 10, 100) == []
    assert spool.counts().dropped == 1
    spool.close()


def test_a_clock_that_is_not_set_yet_drops_nothing(tmp_path: Path) -> None:
    """A machine without a battery starts in 1970, and its clock is set only some minutes later."""
    clock = Clock(1_800_000_000.0)
    spool = Spool(tmp_path / "spool.sqlite3", now=clock)
    spool.append(HOST_ID, clock.now, b"{}", Scope())
    clock.now = 12.0
    assert len(spool.batch(HOST_ID, 10, 100)) == 1
    clock.now = 1_800_000_300.0
    assert len(spool.batch(HOST_ID, 10, 100)) == 1
    assert spool.counts().dropped == 0
    spool.close()


def test_snapshots_beyond_the_chosen_scope_are_dropped(tmp_path: Path) -> None:
    spool = spool_in(tmp_path)
    scopes = [Scope(level, *hides) for level in range(4) for hides in ((False, False), (True, False), (True, True))]
    for number, scope in enumerate(scopes):
        spool.append(HOST_ID, time.time() - 100 + number, b"%d" % number, scope)
    spool.drop_beyond(Scope(2, hides_addresses=True))
    left = [scopes[int(stored.body)] for stored in spool.batch(HOST_ID, 100, 1 << 20)]
    assert left == [scope for scope in scopes if scope.level <= 2 and scope.hides_addresses]
    assert spool.counts().dropped == len(scopes) - len(left)
    spool.close()


def test_refused_snapshots_are_kept_for_a_day_with_the_reason(tmp_path: Path) -> None:
    clock = Clock(1_800_000_000.0)
    spool = Spool(tmp_path / "spool.sqlite3", now=clock)
    for _ in range(2):
        spool.append(HOST_ID, clock.now, b"{}", Scope())
    first, second = spool.batch(HOST_ID, 2, 100)
    spool.set_aside([first.id], "HTTP 422")
    for _ in range(3):
        spool.failed([second.id], 3, "it stumbles")
    assert spool.batch(HOST_ID, 2, 100) == []
    assert spool.counts(HOST_ID) == (0, 2, 0, 0, "it stumbles")
    clock.now += DAY + 1
    spool.batch(HOST_ID, 2, 100)
    assert spool.counts(HOST_ID) == (0, 0, 2, 0, None)
    spool.close()


@pytest.mark.parametrize("content", [b"this is no database" * 100, b"SQLite format 3\0" + bytes(5000)])
def test_a_damaged_file_is_renamed_and_logged(content: bytes, tmp_path: Path, expected_logs: list[str]) -> None:
    (tmp_path / "spool.sqlite3").write_bytes(content)
    expected_logs.append("is damaged")
    spool = spool_in(tmp_path)
    fill(spool, 1)
    assert spool.counts().waiting == 1
    assert (tmp_path / "spool.sqlite3.damaged").read_bytes() == content
    spool.close()


def test_the_file_has_mode_0600(tmp_path: Path) -> None:
    spool = spool_in(tmp_path)
    fill(spool, 1)
    assert {file.stat().st_mode & 0o777 for file in tmp_path.glob("spool*")} == {0o600}
    spool.close()


def test_an_unwritable_directory_raises_net_watch_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(NetWatchError, match="Snapshots cannot be kept"):
        Spool(tmp_path / "file" / "spool.sqlite3")


def test_processes_may_create_the_spool_at_once(tmp_path: Path) -> None:
    begin = threading.Barrier(8)
    made: list[Spool] = []

    def open_it() -> None:
        begin.wait()
        made.append(Spool(tmp_path / "spool.sqlite3"))

    threads = [threading.Thread(target=open_it) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(made) == 8
    for number, spool in enumerate(made):
        spool.append("host", time.time(), b"{}", Scope())
        assert spool.counts("host").waiting == number + 1
        spool.close()


def test_a_second_sender_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("netwatch_tray.cloud.spool._PATIENCE", 0.05)
    file = tmp_path / "spool.sqlite3"
    first = Spool(file, to_send=True)
    with pytest.raises(NetWatchError, match="Another agent sends the snapshots"):
        Spool(file, to_send=True)
    reader = Spool(file)
    assert reader.counts().waiting == 0
    reader.close()
    first.close()
    Spool(file, to_send=True).close()


def test_the_next_sender_waits_for_the_lock(tmp_path: Path) -> None:
    file = tmp_path / "spool.sqlite3"
    first = Spool(file, to_send=True)
    threading.Timer(0.3, first.close).start()
    Spool(file, to_send=True).close()


def test_counting_reads_no_bodies_in_new_and_earlier_files(tmp_path: Path) -> None:
    """Snapshots are counted at each interval: during an outage the bodies of a day would be read four
    times a minute."""
    file = tmp_path / "spool.sqlite3"
    spool = Spool(file)
    spool._database.execute("DROP INDEX snapshot_pending")
    spool.close()
    spool = Spool(file)
    for number in range(3):
        spool.append("host", time.time(), b"{}" * number, Scope())
    executed: list[str] = []
    for host in ("host", None):
        spool._database.set_trace_callback(executed.append)
        assert spool.counts(host).waiting == 3
        spool._database.set_trace_callback(None)
    plans = [
        row[3]
        for statement in executed
        if "FROM snapshot" in statement
        for row in spool._database.execute(f"EXPLAIN QUERY PLAN {statement}")
    ]
    assert len(plans) == 2
    assert all("COVERING INDEX snapshot_pending" in plan for plan in plans)
    spool.close()
