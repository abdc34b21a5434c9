"""The agent's part: the loop waits for nothing, and nothing that was measured is lost on its way to the server."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from ingest_server import KEY, IngestServer
from uploading import wait_for

from netwatch_tray import paths
from netwatch_tray.cloud import account, reporter as reporter_module
from netwatch_tray.cloud.account import Endpoint, Key
from netwatch_tray.cloud.reporter import Reporter
from netwatch_tray.cloud.spool import Spool
from netwatch_tray.cloud.uploader import PACE
from netwatch_tray.collect.interfaces import open_interfaces
from netwatch_tray.engine.monitor import Monitor
from netwatch_tray.engine.scheduler import Scheduler
from netwatch_tray.errors import NetWatchError
from netwatch_tray.settings import Upload


class Loop:
    """A scheduler that runs in a thread, as the agent's does, and ticks when it is told to."""

    def __init__(self) -> None:
        self.scheduler = Scheduler()
        self._source = open_interfaces().source
        self._monitor = Monitor(self._source, 1e-6, {})  # this loop ticks when it likes
        self._monitor.tick()
        self.told: list[str] = []
        self._reporters: list[Reporter] = []
        self._thread = threading.Thread(target=self.scheduler.run)
        self._thread.start()

    def start(self, upload: Upload, *, environment: dict[str, str] | None = None) -> Reporter:
        """In place of the one before, as when the settings change."""
        environment = {"NETWATCH_API_KEY": KEY} if environment is None else environment
        before = self._reporters[-1] if self._reporters else None

        def start() -> None:
            if before:
                before.stop(drain=False)
            self._reporters.append(
                Reporter(self.scheduler, upload, environment, lambda: None, self.told.append, after=before)
            )

        self.do(start)
        made = self._reporters[-1]
        wait_for(lambda: made.status != "starting", "it begins")
        made._interval = 1e-6  # a snapshot with each tick
        return made

    def tick(self, reporter: Reporter) -> None:
        self.do(lambda: reporter.tick(self._monitor.tick()))

    def do(self, callback: Any) -> None:
        """In the loop's thread; until it is done."""
        is_done = threading.Event()
        self.scheduler.call_soon(lambda: (callback(), is_done.set()))
        assert is_done.wait(60), "the loop waits for something"

    def close(self) -> None:
        for reporter in self._reporters[-1:]:
            self.do(lambda reporter=reporter: reporter.stop(drain=True))
            reporter.wait()
        self.scheduler.stop()
        self._thread.join()
        self.scheduler.close()
        self._source.close()


@pytest.fixture
def loop() -> Iterator[Loop]:
    made = Loop()
    yield made
    made.close()


def test_the_loop_does_not_wait_for_a_disk_that_hangs(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = threading.Event()
    append = Spool.append
    monkeypatch.setattr(Spool, "append", lambda *arguments: (answers.wait(120), append(*arguments)))
    with IngestServer() as server:
        reporter = loop.start(Upload(on=True, endpoint=server.url))
        for _ in range(5):
            loop.tick(reporter)
            assert "waiting" in reporter.status
        assert server.requests == []
        answers.set()
        loop.tick(reporter)
        wait_for(lambda: len(server.stored()) > 0, "they are sent")
        wait_for(lambda: _waiting() + len(server.stored()) == 5, "each but the first tick, which begins an interval")


def test_a_full_disk_is_told_once_and_loses_nothing(
    loop: Loop, monkeypatch: pytest.MonkeyPatch, expected_logs: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    expected_logs.append("disk is full. Until then the last 100 snapshots are held in memory")
    append = Spool.append
    is_full = True

    def full(*arguments: Any) -> None:
        if is_full:
            raise NetWatchError("The disk is full.")
        append(*arguments)

    monkeypatch.setattr(Spool, "append", full)
    with IngestServer() as server:
        reporter = loop.start(Upload(on=True, endpoint=server.url))
        for _ in range(4):
            loop.tick(reporter)
            wait_for(lambda: reporter._storing is None, "the disk was tried")
        assert "The disk is full." in reporter.status
        assert caplog.text.count("disk is full") == 1
        is_full = False
        loop.tick(reporter)
        wait_for(lambda: _waiting() + len(server.stored()) == 4, "all are kept or sent")
        wait_for(lambda: "full" not in reporter.status, "all is well again")


def test_without_a_key_the_person_is_told_what_to_do(loop: Loop, expected_logs: list[str]) -> None:
    expected_logs.append("Uploading is on, but cannot begin")
    reporter = loop.start(Upload(on=True, endpoint="https://netwatch.example"), environment={})
    loop.tick(reporter)
    assert loop.told == [reporter.status]
    assert "There is no API key for https://netwatch.example" in reporter.status
    assert "upload setup" in reporter.status
    assert not paths.spool_file().exists()


def test_a_keyring_that_opens_later_is_asked_again(
    loop: Loop, monkeypatch: pytest.MonkeyPatch, expected_logs: list[str]
) -> None:
    expected_logs.append("Uploading is on, but cannot begin: The keyring is locked.")
    monkeypatch.setattr(reporter_module, "PACE", PACE._replace(paused=0.05))
    tries = 0

    def locked(endpoint: Endpoint) -> Key:
        nonlocal tries
        tries += 1
        if tries < 4:
            raise NetWatchError("The keyring is locked.")
        assert endpoint.is_secure
        return Key(KEY)

    monkeypatch.setattr(account, "load_key", locked)
    reporter = loop.start(Upload(on=True, endpoint="https://netwatch.invalid"), environment={})
    wait_for(lambda: "Nothing was sent yet" in reporter.status, "it begins")
    assert loop.told == ["The keyring is locked."]
    assert tries == 4


def test_a_key_that_is_refused_is_told_to_the_person(loop: Loop, expected_logs: list[str]) -> None:
    expected_logs.append("Uploading is paused")
    with IngestServer(key="another") as server:
        reporter = loop.start(Upload(on=True, endpoint=server.url))
        for _ in range(3):
            loop.tick(reporter)
        wait_for(lambda: bool(loop.told), "the person is told")
        (told,) = loop.told
        assert told.startswith("The server does not accept the API key. Enter it again: netwatch-tray upload setup")


def test_who_chooses_to_tell_less_tells_nothing_more_from_then_on(loop: Loop, expected_logs: list[str]) -> None:
    """What waits from before would tell it still."""
    expected_logs.append("Uploading is paused")
    with IngestServer(key="not yet") as server:
        upload = Upload(on=True, endpoint=server.url, level="system")
        reporter = loop.start(upload)
        for _ in range(4):
            loop.tick(reporter)
        wait_for(lambda: _waiting() == 3, "they wait")
        wait_for(lambda: "does not accept the API key" in reporter.status, "it is paused")
        server.key = KEY
        reporter = loop.start(Upload(on=True, endpoint=server.url, level="rates"))
        for _ in range(3):
            loop.tick(reporter)
        wait_for(lambda: len(server.stored()) > 0, "what is chosen now is sent")
        assert all(found["system"] is None for found in server.snapshots.values())
        assert "3 dropped" in reporter.status


def test_the_file_of_waiting_snapshots_is_closed_in_the_end(loop: Loop, home: Path) -> None:
    with IngestServer() as server:
        loop.tick(loop.start(Upload(on=True, endpoint=server.url)))
        last = loop.start(Upload(on=True, endpoint=server.url, interval=20))
        loop.do(lambda: last.stop(drain=True))
        last.wait()
        assert not [file.path for file in psutil.Process().open_files() if file.path.startswith(str(home))]


def _waiting() -> int:
    spool = Spool(paths.spool_file())
    try:
        return spool.level().waiting
    finally:
        spool.close()
