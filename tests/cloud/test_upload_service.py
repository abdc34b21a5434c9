"""The agent's part in uploading: the loop never blocks, and no snapshot is lost on its way to the server."""

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
from netwatch_tray.cloud import account, upload_service
from netwatch_tray.cloud.account import Endpoint, Key
from netwatch_tray.cloud.privacy import Scope
from netwatch_tray.cloud.spool import Spool
from netwatch_tray.cloud.upload_service import UploadService
from netwatch_tray.cloud.uploader import PACE, Uploader
from netwatch_tray.collect.health import Health, Reachability
from netwatch_tray.collect.interfaces import open_interfaces
from netwatch_tray.engine.monitor import Monitor
from netwatch_tray.engine.scheduler import Scheduler
from netwatch_tray.errors import Message, NetWatchError
from netwatch_tray.settings import Upload


class Loop:
    """A scheduler in a thread, as in the agent, which ticks on request."""

    def __init__(self) -> None:
        self.scheduler = Scheduler()
        self._source = open_interfaces().source
        self._monitor = Monitor(self._source, 1e-6, {})  # this loop ticks when it likes
        self._monitor.tick()
        self.told: list[Message] = []
        self._services: list[UploadService] = []
        self._thread = threading.Thread(target=self.scheduler.run)
        self._thread.start()

    def start(self, upload: Upload, *, environment: dict[str, str] | None = None) -> UploadService:
        """Start a service in place of the previous one, as when the settings change."""
        environment = {"NETWATCH_API_KEY": KEY} if environment is None else environment
        before = self._services[-1] if self._services else None

        def start() -> None:
            if before:
                before.stop(drain=False)
            self._services.append(
                UploadService(self.scheduler, upload, environment, lambda: None, self.told.append, after=before)
            )

        self.do(start)
        made = self._services[-1]
        wait_for(lambda: str(made.status) != "starting", "it begins")
        made._interval = 1e-6  # a snapshot with each tick
        return made

    @property
    def last(self) -> UploadService:
        return self._services[-1]

    def tick(self, service: UploadService) -> None:
        def tick() -> None:
            measured = self._monitor.tick()
            assert measured is not None
            service.tick(measured)

        self.do(tick)

    def do(self, callback: Any) -> None:
        """Run a callback in the loop's thread, and wait for it."""
        is_done = threading.Event()

        def run() -> None:
            callback()
            is_done.set()

        self.scheduler.call_soon(run)
        assert is_done.wait(60), "the loop waits for something"

    def close(self) -> None:
        for service in self._services[-1:]:
            self.do(lambda service=service: service.stop(drain=True))
            service.wait()
        self.scheduler.stop()
        self._thread.join()
        self.scheduler.close()
        self._source.close()


@pytest.fixture
def loop() -> Iterator[Loop]:
    made = Loop()
    yield made
    made.close()


def test_a_hanging_disk_does_not_block_the_loop(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = threading.Event()
    append = Spool.append
    monkeypatch.setattr(Spool, "append", lambda *arguments: (answers.wait(120), append(*arguments)))
    with IngestServer() as server:
        service = loop.start(Upload(on=True, endpoint=server.url))
        for _ in range(5):
            loop.tick(service)
            assert "waiting" in str(service.status)
        assert server.requests == []
        answers.set()
        loop.tick(service)
        wait_for(lambda: len(server.stored()) > 0, "they are sent")
        wait_for(lambda: _waiting() + len(server.stored()) == 5, "each but the first tick, which begins an interval")


def test_a_snapshot_drafted_while_another_is_stored_waits_for_no_tick(
    loop: Loop, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = UploadService._store
    is_stored, may_return = threading.Event(), threading.Event()

    def slow(*arguments: Any) -> Message | None:
        fault = store(*arguments)
        is_stored.set()
        assert may_return.wait(60)
        return fault

    monkeypatch.setattr(UploadService, "_store", slow)
    with IngestServer() as server:
        service = loop.start(Upload(on=True, endpoint=server.url))
        for _ in range(2):
            loop.tick(service)
        assert is_stored.wait(60)
        loop.tick(service)  # the thread has seen that none is left, and the loop does not know it yet
        may_return.set()
        wait_for(lambda: _waiting() + len(server.stored()) == 2, "both are kept or sent")


def test_a_full_disk_is_reported_once_and_loses_nothing(
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
        service = loop.start(Upload(on=True, endpoint=server.url))
        for _ in range(4):
            loop.tick(service)
            wait_for(lambda: service._worker.pending == 0, "the disk was tried")
        assert "The disk is full." in str(service.status)
        assert caplog.text.count("disk is full") == 1
        is_full = False
        loop.tick(service)
        wait_for(lambda: _waiting() + len(server.stored()) == 4, "all are kept or sent")
        wait_for(lambda: "full" not in str(service.status), "all is well again")


def test_a_snapshot_whose_storage_cannot_be_read_afterwards_is_stored_once(
    loop: Loop, monkeypatch: pytest.MonkeyPatch, expected_logs: list[str]
) -> None:
    expected_logs.append("The spool cannot be read.")
    append = Spool.append
    stored = []
    wake = Uploader.wake
    is_readable = False

    def count(spool: Spool, host_id: str, at: float, body: bytes, scope: Scope) -> None:
        stored.append(at)
        append(spool, host_id, at, body, scope)

    def fail(uploader: Uploader) -> None:
        if not is_readable:
            raise NetWatchError("The spool cannot be read.")
        wake(uploader)

    monkeypatch.setattr(Spool, "append", count)
    monkeypatch.setattr(Uploader, "wake", fail)
    with IngestServer() as server:
        service = loop.start(Upload(on=True, endpoint=server.url))
        for _ in range(3):
            loop.tick(service)
            wait_for(lambda: service._worker.pending == 0, "the snapshot was stored")
        assert "The spool cannot be read." in str(service.status)
        is_readable = True
        loop.tick(service)
        wait_for(lambda: service._worker.pending == 0, "the last snapshot was stored")
        assert len(stored) == len(set(stored)) > 0
        wait_for(lambda: "cannot be read" not in str(service.status), "all is well again")


def test_missing_key_notifies_the_user_with_advice(loop: Loop, expected_logs: list[str]) -> None:
    expected_logs.append("Sending is on, but cannot begin")
    service = loop.start(Upload(on=True, endpoint="https://netwatch.example", level="system"), environment={})
    loop.tick(service)
    assert loop.told == [service.status]
    assert "There is no API key for https://netwatch.example" in str(service.status)
    assert "upload setup" in str(service.status)
    assert not service.wants_health
    assert not paths.spool_file().exists()


def test_a_locked_keyring_is_tried_again(loop: Loop, monkeypatch: pytest.MonkeyPatch, expected_logs: list[str]) -> None:
    expected_logs.append("Sending is on, but cannot begin: The keyring is locked.")
    monkeypatch.setattr(upload_service, "PACE", PACE._replace(paused=0.05))
    tries = 0

    def locked(endpoint: Endpoint) -> Key:
        nonlocal tries
        tries += 1
        if tries < 4:
            raise NetWatchError("The keyring is locked.")
        assert endpoint.is_secure
        return Key(KEY)

    monkeypatch.setattr(account, "load_key", locked)
    service = loop.start(Upload(on=True, endpoint="https://netwatch.invalid", level="system"), environment={})
    wait_for(lambda: "Nothing was sent yet" in str(service.status), "it begins")
    assert loop.told == [Message("The keyring is locked.")]
    assert tries == 4
    assert service.wants_health


def test_a_refused_key_notifies(loop: Loop, expected_logs: list[str]) -> None:
    expected_logs.append("Sending is paused")
    with IngestServer(key="another") as server:
        service = loop.start(Upload(on=True, endpoint=server.url))
        for _ in range(3):
            loop.tick(service)
        wait_for(lambda: bool(loop.told), "the user is notified")
        (told,) = loop.told
        assert str(told).startswith(
            "The server does not accept the API key. Enter it again: netwatch-tray upload setup"
        )


def test_a_lower_level_drops_pending_snapshots_of_a_higher_one(loop: Loop, expected_logs: list[str]) -> None:
    """Pending snapshots would still contain data of the higher level."""
    expected_logs.append("Sending is paused")
    with IngestServer(key="not yet") as server:
        upload = Upload(on=True, endpoint=server.url, level="system")
        service = loop.start(upload)
        for _ in range(4):
            loop.tick(service)
        wait_for(lambda: _waiting() == 3, "they wait")
        wait_for(lambda: "does not accept the API key" in str(service.status), "it is paused")
        server.key = KEY
        service = loop.start(Upload(on=True, endpoint=server.url, level="rates"))
        for _ in range(3):
            loop.tick(service)
        wait_for(lambda: len(server.stored()) > 0, "what is chosen now is sent")
        assert all(found["system"] is None for found in server.snapshots.values())
        assert not service.wants_health
        assert "3 dropped" in str(service.status)


def test_stop_closes_the_spool(loop: Loop, home: Path) -> None:
    with IngestServer() as server:
        loop.tick(loop.start(Upload(on=True, endpoint=server.url)))
        last = loop.start(Upload(on=True, endpoint=server.url, interval=20))
        loop.do(lambda: last.stop(drain=True))
        last.wait()
        assert not [file.path for file in psutil.Process().open_files() if file.path.startswith(str(home))]


def test_a_probe_before_the_key_is_found_is_in_the_first_snapshot(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    resolve = account.resolve

    def late(*arguments: Any) -> Any:
        loop.do(lambda: loop.last.health(Health(Reachability("192.0.2.1", 0.001, 0.0), None)))
        return resolve(*arguments)

    monkeypatch.setattr(account, "resolve", late)
    with IngestServer() as server:
        service = loop.start(Upload(on=True, endpoint=server.url, level="system"))
        for _ in range(3):
            loop.tick(service)
        wait_for(lambda: len(server.stored()) > 0, "it is sent")
        assert {found["health"]["gateway_ip"] for found in server.snapshots.values()} == {"192.0.2.1"}
        loop.do(lambda: service.health_failed(Message("No route.")))
        assert "No route." in str(service.status)


def test_a_probe_from_before_a_fault_is_in_no_snapshot(
    loop: Loop, monkeypatch: pytest.MonkeyPatch, expected_logs: list[str]
) -> None:
    """No probes are sent while uploading cannot begin, so the last probe may be hours old."""
    expected_logs.append("Sending is on, but cannot begin: The keyring is locked.")
    monkeypatch.setattr(upload_service, "PACE", PACE._replace(paused=0.05))
    resolve, tries = account.resolve, 0

    def locked(*arguments: Any) -> Any:
        nonlocal tries
        tries += 1
        if tries == 1:
            loop.do(lambda: loop.last.health(Health(Reachability("192.0.2.1", 0.001, 0.0), None)))
            raise NetWatchError("The keyring is locked.")
        return resolve(*arguments)

    monkeypatch.setattr(account, "resolve", locked)
    with IngestServer() as server:
        service = loop.start(Upload(on=True, endpoint=server.url, level="system"))
        wait_for(lambda: "Nothing was sent yet" in str(service.status), "it begins")
        service._interval = 1e-6  # as `start` sets it, which was before the second try
        for _ in range(3):
            loop.tick(service)
        wait_for(lambda: len(server.stored()) > 0, "it is sent")
        assert {str(found["health"]) for found in server.snapshots.values()} == {"None"}


def _waiting() -> int:
    spool = Spool(paths.spool_file())
    try:
        return spool.counts().waiting
    finally:
        spool.close()
