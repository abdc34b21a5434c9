"""Through every fault of server and network each snapshot arrives, and none is sent again once known to be stored."""

from __future__ import annotations

import os
import random
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, TypedDict

import pytest
from ingest_server import FAULTS, KEY, IngestServer, scripted
from uploading import (
    FAST,
    HOST_ID,
    Witness,
    account,
    certificate,
    fill,
    server_side,
    spool_in,
    uploader,
    wait_for,
)

from netwatch_tray.cloud.spool import MOST_BYTES

KILLS = 50
LIST_FAULTS = ("none", "hang", "reset", "half an answer", "slow", "drip", "hang up", "500", "not HTTP")
"""Of the list of what is stored."""
_HERE = Path(__file__).parent


class Tls(TypedDict):
    """The arguments of IngestServer for TLS."""

    tls: ssl.SSLContext
    bad_tls: ssl.SSLContext


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tls]:
    """Create the server's certificates, a trusted and an untrusted one."""
    directory = tmp_path_factory.mktemp("certificates")
    good, bad = certificate(directory, "127.0.0.1"), certificate(directory, "127.0.0.2")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(good[0]))
        yield Tls(tls=server_side(good), bad_tls=server_side(bad))


@pytest.mark.parametrize("rules", ["cloud", "dashboard"])
@pytest.mark.parametrize("seed", range(50))
def test_every_snapshot_arrives_through_a_random_script_of_faults(
    seed: int,
    rules: Literal["cloud", "dashboard"],
    tls: Tls,
    tmp_path: Path,
    expected_logs: list[str],
) -> None:
    chance = random.Random(f"{rules} {seed}")
    script = [chance.choice(FAULTS) for _ in range(chance.randint(3, 12))]
    list_script = [chance.choice(LIST_FAULTS) for _ in range(chance.randint(0, 4))]
    with IngestServer(rules=rules, script=scripted(script), list_script=scripted(list_script), **tls) as server:
        spool = spool_in(tmp_path)
        keys = fill(spool, chance.choice([1, 7, 60, 150]))
        client = Witness(account(server), timeout=0.25)
        sender = uploader(spool, client)
        sender.start()
        while server.script:  # measuring goes on meanwhile
            keys |= fill(spool, 2)
            sender.wake()
            time.sleep(0.01)
        wait_for(lambda: spool.counts(HOST_ID).waiting == 0, f"all is sent through {script}")
        sender.stop()
        assert sender.wait(60)
        assert server.stored() == keys
        assert client.repeated == set()
        if client.statuses & {401, 402, 307}:
            expected_logs.append("Sending is paused")
        assert set(server.rows.values()) == {1}, "also at the server that would store a second row"
        assert spool.counts(HOST_ID)[:3] == (0, 0, 0)
        assert server.complaints == []
        spool.close()


@pytest.mark.parametrize("fault", FAULTS)
def test_each_upload_fault_is_reported_and_loses_no_snapshot(
    fault: str, tls: Tls, tmp_path: Path, expected_logs: list[str]
) -> None:
    if fault in {"401", "402", "redirect"}:
        expected_logs.append("Sending is paused")
    with IngestServer(script=scripted([fault]), **tls) as server:
        spool = spool_in(tmp_path)
        keys = fill(spool, 4)
        # Only what hangs is cut off soon: anything else may be slow on a loaded machine.
        client = Witness(account(server), timeout=1.0 if fault in {"drip", "hang", "stored, hang"} else 60.0)
        sender = uploader(spool, client)
        went_well = sender.send_once()
        state = sender.state()
        assert went_well == (fault in {"slow", "hang up"})
        assert (state.fault is None) == went_well
        for _ in range(10):
            sender.send_once()
        assert sender.state().fault is None
        assert server.stored() == keys
        assert client.repeated == set()
        client.close()
        spool.close()


def _environment() -> dict[str, str]:
    """Return the environment for scripts of this directory, which import what the tests import."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}


def test_stored_snapshots_survive_kill_9(tmp_path: Path) -> None:
    """A process that stores and sends is killed repeatedly. Every snapshot that it reported as stored arrives."""
    chance = random.Random(8)
    said: set[str] = set()
    with IngestServer() as server:
        for run in range(KILLS + 1):
            last = run == KILLS
            child = subprocess.Popen(
                [
                    sys.executable,
                    _HERE / "kill_me.py",
                    tmp_path / "spool.sqlite3",
                    server.url,
                    KEY,
                    str(run),
                    str(int(last)),
                ],
                stdout=subprocess.PIPE,
                text=True,
                env=_environment(),
            )
            assert child.stdout is not None
            if not last:
                for _ in range(chance.randint(1, 25)):
                    said.add(child.stdout.readline().strip())
                child.kill()
            said |= set(child.stdout.read().split())
            assert child.wait(60) == (0 if last else -9)
            child.stdout.close()
        received = {at for _host, at in server.stored()}
        assert "" not in said
        assert said <= received
        assert len(received - said) <= KILLS  # stored, but killed before it could say so
        assert server.complaints == []
        again = _received_again_without_need(server)
        assert not again, f"sent again although nothing interrupted it: {again}"


def test_a_day_offline_bounds_memory_and_file(tmp_path: Path) -> None:
    """Snapshots of the maximal size for 26 hours, with continuous attempts to send."""
    child = subprocess.run(
        [sys.executable, _HERE / "day_offline.py", tmp_path / "spool.sqlite3", str(MOST_BYTES)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env=_environment(),
    )
    assert child.returncode == 0, child.stderr
    grown, bodies, size, waiting, dropped, delivered, tries = map(int, child.stdout.split())
    assert waiting + dropped == 26 * 3600 // 120
    assert waiting == 24 * 3600 // 120 + 1
    assert (delivered, tries > 100) == (0, True)
    assert grown < 6_000_000  # all of them would be some 20 MB; the allocator keeps a part of what was freed
    # At the usual interval a day is eight times as much, and has to have room.
    assert bodies < MOST_BYTES / 8
    assert size < bodies * 1.4  # with indexes, journal and what is free in pages


def test_a_restart_after_a_lost_response_makes_no_duplicate(tmp_path: Path) -> None:
    with IngestServer(rules="dashboard", script=scripted(["stored, hang"])) as server:
        spool = spool_in(tmp_path)
        keys = fill(spool, 3)
        client = Witness(account(server), timeout=0.3)
        assert not uploader(spool, client).send_once()
        client.close()
        keys |= fill(spool, 2)
        later = Witness(account(server), timeout=60.0)
        assert uploader(spool, later).send_once()
        later.close()
        assert server.stored() == keys
        assert set(server.rows.values()) == {1}
        spool.close()


def test_server_without_a_snapshot_list_gets_one_list_request(tmp_path: Path) -> None:
    with IngestServer(script=scripted(["stored, reset", "500", "stored, reset"])) as server:
        spool = spool_in(tmp_path)
        client = Witness(account(server), timeout=60.0)
        sender = uploader(spool, client)
        keys = fill(spool, 3)
        while spool.counts().waiting:
            sender.send_once()
        client.close()
        assert server.stored() == keys
        assert server.listed == 1
        spool.close()


def test_snapshots_missing_in_the_servers_list_are_sent_again(tmp_path: Path) -> None:
    with IngestServer(rules="dashboard", script=scripted(["reset"])) as server:
        spool = spool_in(tmp_path)
        client = Witness(account(server), timeout=60.0)
        sender = uploader(spool, client)
        keys = fill(spool, 3)
        assert not sender.send_once()
        assert sender.send_once()
        client.close()
        assert server.stored() == keys
        assert spool.counts().delivered == 3
        spool.close()


def _received_again_without_need(server: IngestServer) -> list[str]:
    """Return snapshots that were sent twice although the first sender was not killed in between."""
    last_of_run = {request.agent: request for request in server.requests}
    first: dict[tuple[str, str], object] = {}
    found = []
    for request in server.requests:
        for key in request.keys:
            before = first.setdefault(key, request)
            if before is not request and before is not last_of_run[before.agent]:  # type: ignore[attr-defined]
                found.append(key[1])
            first[key] = request
    return found


def test_the_dashboards_rate_limit_is_kept(tmp_path: Path) -> None:
    """The dashboard stores duplicates, and refuses a host's request that comes too soon."""
    pace = FAST._replace(gap=0.6, timeout=20.0)
    with IngestServer(rules="dashboard", least_gap=0.2) as server:
        spool = spool_in(tmp_path)
        keys = fill(spool, 230)
        sender = uploader(spool, Witness(account(server), timeout=pace.timeout), pace)
        sender.start()
        wait_for(lambda: spool.counts(HOST_ID).waiting == 0, "all is sent")
        sender.stop()
        assert sender.wait(60)
        assert server.stored() == keys
        assert set(server.rows.values()) == {1}
        assert {request.answer for request in server.requests} == {200}
        assert [len(request.keys) for request in server.requests] == [100, 100, 30]
        assert server.connections == 1
        spool.close()
