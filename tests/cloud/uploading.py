"""Helpers of the tests of spool, client and uploader."""

from __future__ import annotations

import ssl
import subprocess
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import needs
import psutil
import pytest
from ingest_server import KEY, IngestServer

from netwatch_tray.cloud import wire
from netwatch_tray.cloud.account import Account, Identity, Key, parse_endpoint
from netwatch_tray.cloud.client import Response, ServerClient
from netwatch_tray.cloud.privacy import Scope
from netwatch_tray.cloud.spool import Spool
from netwatch_tray.cloud.uploader import Pace, Uploader
from netwatch_tray.errors import ParseError

needs_root_file_system = pytest.mark.skipif(
    "/" not in {each.mountpoint for each in psutil.disk_partitions(all=True)},
    reason="in a chroot the root directory is no mount, so the kernel names no file system for it",
)
HOST_ID = "6f1c2d3e-0000-4000-8000-123456789abc"
FAST = Pace(gap=0.002, longest_wait=0.02, paused=0.01, timeout=0.25)


def snapshot(at: datetime, rx_bytes: int = 1000) -> wire.Snapshot:
    return wire.Snapshot(
        timestamp=wire.timestamp(at),
        interfaces=(
            wire.InterfaceMetric(
                name="eth0",
                is_up=True,
                rx_bytes=rx_bytes,
                tx_bytes=500,
                rx_bytes_delta=10,
                tx_bytes_delta=5,
                rx_packets=10,
                tx_packets=5,
                rx_errors=0,
                tx_errors=0,
                rx_drops=0,
                tx_drops=0,
                rx_rate=1.5,
                tx_rate=0.0,
            ),
        ),
    )


def fill(spool: Spool, count: int, host_id: str = HOST_ID) -> set[tuple[str, str]]:
    """Append snapshots of the last seconds. Return host ID and timestamp of each."""
    keys = set()
    for number in range(count):
        at = datetime.now(UTC) - timedelta(seconds=count - number)
        made = snapshot(at, rx_bytes=number)
        spool.append(host_id, at.timestamp(), wire.encode(made), Scope())
        keys.add((host_id, made.timestamp))
    return keys


def account(server: IngestServer, key: str = KEY) -> Account:
    return account_at(server.url, key)


def account_at(url: str, key: str = KEY) -> Account:
    return Account(parse_endpoint(url), Key(key), Identity(host_id=HOST_ID, secret="00" * 16))


def host() -> wire.HostInfo:
    return wire.HostInfo(host_id=HOST_ID, hostname="tested")


def certificate(directory: Path, name: str) -> tuple[Path, Path]:
    """Create a self-signed certificate for a name or an address; return its file and that of its key."""
    needs.programs("openssl")
    files = directory / f"{name}.pem", directory / f"{name}.key"
    kind = "IP" if name[0].isdigit() else "DNS"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
            *("-subj", "/CN=test", "-addext", f"subjectAltName={kind}:{name}", "-days", "2"),
            *("-out", files[0], "-keyout", files[1]),
        ],
        check=True,
        capture_output=True,
    )
    return files


def server_side(files: tuple[Path, Path]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*files)
    return context


class Witness(ServerClient):
    """A client that records which snapshots the server reported as stored, and which were sent again."""

    def __init__(self, account: Account, timeout: float = FAST.timeout) -> None:
        super().__init__(account, "test/1", timeout=timeout)
        self.stored: set[str] = set()
        self.repeated: set[str] = set()
        self.statuses: set[int] = set()
        """Statuses of responses."""

    def post(self, body: bytes) -> Response:
        sent = [each.timestamp for each in wire.decode_envelope(body).snapshots]
        self.repeated |= self.stored & set(sent)
        answer = super().post(body)
        self.statuses.add(answer.status)
        if answer.status in {200, 207}:
            try:
                response = wire.decode_response(answer.body)
            except ParseError:
                return answer
            self.stored |= {sent[result.index] for result in response.results if result.status == 200}
        return answer


def uploader(spool: Spool, client: ServerClient, pace: Pace = FAST) -> Uploader:
    return Uploader(spool, client, host, pace=pace)


def wait_for(condition: Callable[[], bool], what: str, seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.005)


def spool_in(directory: Path) -> Spool:
    return Spool(directory / "spool.sqlite3")
