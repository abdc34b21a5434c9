"""What the sender's spool has in memory, against what another process reads from the file."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from netwatch_tray.cloud.privacy import Scope
from netwatch_tray.cloud.spool import Spool
from netwatch_tray.errors import NetWatchError

HOSTS = st.sampled_from(["one", "two"])
START = 1_800_000_000.0


class SenderAndReader(RuleBasedStateMachine):
    """Counts and batches are the same in both after each step."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = Path(tempfile.mkdtemp())
        file = self.directory / "spool.sqlite3"
        self.now = START
        self.sender = Spool(file, to_send=True, most_bytes=600, now=lambda: self.now)
        self.reader = Spool(file, now=lambda: self.now)

    def teardown(self) -> None:
        self.sender.close()
        self.reader.close()
        shutil.rmtree(self.directory)

    @rule(host=HOSTS, age=st.sampled_from([0.0, 15.0, 80_000.0]), size=st.integers(0, 90), level=st.integers(0, 2))
    def append(self, host: str, age: float, size: int, level: int) -> None:
        self.sender.append(host, self.now - age, bytes(range(size)), Scope(level=level))

    @rule(host=HOSTS, most=st.integers(1, 3))
    def deliver(self, host: str, most: int) -> None:
        self.sender.delivered([each.id for each in self.sender.batch(host, most, 1 << 20)])

    @rule(host=HOSTS)
    def set_aside(self, host: str) -> None:
        self.sender.set_aside([each.id for each in self.sender.batch(host, 1, 1 << 20)], "refused")

    @rule(host=HOSTS)
    def fail(self, host: str) -> None:
        self.sender.failed([each.id for each in self.sender.batch(host, 2, 1 << 20)], 2, "failed")

    @rule(level=st.integers(0, 2))
    def drop_beyond(self, level: int) -> None:
        self.sender.drop_beyond(Scope(level=level))

    @rule(seconds=st.sampled_from([1.0, 40_000.0, -100_000.0]))
    def let_time_pass(self, seconds: float) -> None:
        self.now = max(START - 200_000.0, self.now + seconds)

    @rule(host=HOSTS)
    def fail_to_commit(self, host: str) -> None:
        def refuse(action: int, *_: object) -> int:
            return sqlite3.SQLITE_DENY if action == sqlite3.SQLITE_INSERT else sqlite3.SQLITE_OK

        self.sender._database.set_authorizer(refuse)
        with pytest.raises(NetWatchError, match="cannot be used"):
            self.sender.append(host, self.now, b"{}", Scope())
        self.sender._database.set_authorizer(None)

    @invariant()
    def both_are_equal(self) -> None:
        for host in ("one", "two"):
            # First, because both drop what is too old.
            assert self.sender.batch(host, 9, 1 << 20) == self.reader.batch(host, 9, 1 << 20)
        for each in (None, "one", "two"):
            assert self.sender.counts(each) == self.reader.counts(each)


TestSenderAndReader = SenderAndReader.TestCase
TestSenderAndReader.settings = settings(max_examples=12, stateful_step_count=15, deadline=None)


def test_a_delivered_snapshot_is_deleted_without_a_sync(tmp_path: Path) -> None:
    """An appended one is synced again."""
    spool = Spool(tmp_path / "spool.sqlite3", to_send=True)
    for _ in range(2):
        spool.append("host", time.time(), b"{}", Scope())
        assert spool._database.execute("PRAGMA synchronous").fetchone() == (2,)
        spool.delivered([each.id for each in spool.batch("host", 1, 100)])
        assert spool._database.execute("PRAGMA synchronous").fetchone() == (1,)
    assert spool.counts("host")[:4] == (0, 0, 0, 2)
    spool.close()


def test_a_delivered_batch_is_deleted_with_a_sync(tmp_path: Path) -> None:
    """Otherwise a power failure would bring back all batches of an outage, of which only the first is listed."""
    spool = Spool(tmp_path / "spool.sqlite3", to_send=True)
    for _ in range(3):
        spool.append("host", time.time(), b"{}", Scope())
    spool.delivered([spool.batch("host", 1, 100)[0].id])
    assert spool._database.execute("PRAGMA synchronous").fetchone() == (1,)
    spool.delivered([each.id for each in spool.batch("host", 2, 100)])
    assert spool._database.execute("PRAGMA synchronous").fetchone() == (2,)
    assert spool.counts("host")[:4] == (0, 0, 0, 3)
    spool.close()
