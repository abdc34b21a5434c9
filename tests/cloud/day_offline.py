"""Simulates more than a day without a network; prints the growth of memory, and what the spool holds."""

from __future__ import annotations

import gc
import random
import sys
from datetime import UTC, datetime
from pathlib import Path

import psutil
from msgspec.structs import replace
from uploading import HOST_ID, account_at, host, snapshot

from netwatch_tray import clock
from netwatch_tray.cloud import wire
from netwatch_tray.cloud.client import ServerClient
from netwatch_tray.cloud.privacy import Scope
from netwatch_tray.cloud.spool import Spool
from netwatch_tray.cloud.uploader import Uploader

STEP = 120
"""Seconds between snapshots."""
STEPS = 26 * 3600 // STEP
WARM = 60
"""Steps until batches have their full size."""
START = 1_800_000_000

chance = random.Random(1)
now = float(START)
clock.boottime = lambda: now


def busy(at: float) -> wire.Snapshot:
    """Return a snapshot of the maximal size: a hundred connections, twenty-five processes."""
    connections = tuple(
        wire.ConnectionDetail(
            protocol="TCP",
            local_addr=f"192.0.2.7:{chance.randrange(65536)}",
            remote_addr=f"[2001:db8:{chance.randrange(65536):x}::{chance.randrange(65536):x}]:443",
            state="ESTABLISHED",
            pid=chance.randrange(65536),
            process_name="firefox-esr",
            kernel_rtt_us=chance.random() * 1e5,
            rx_bytes=chance.randrange(10**9),
            tx_bytes=chance.randrange(10**7),
        )
        for _ in range(100)
    )
    processes = tuple(
        wire.ProcessBandwidth(
            process_name="firefox-esr",
            pid=chance.randrange(65536),
            rx_bytes=chance.randrange(10**9),
            tx_bytes=chance.randrange(10**7),
            rx_rate=chance.random() * 1e6,
            tx_rate=chance.random() * 1e4,
            connection_count=4,
            user="ada",
            mem_rss_bytes=chance.randrange(10**9),
            started_at=wire.timestamp(datetime.fromtimestamp(START, UTC)),
            cmd="/usr/lib/firefox-esr/firefox-esr",
        )
        for _ in range(25)
    )
    history = tuple(chance.randrange(10**8) for _ in range(60))
    made = snapshot(datetime.fromtimestamp(at, UTC))
    interfaces = (replace(made.interfaces[0], rx_history=history, tx_history=history),)
    return replace(made, interfaces=interfaces, connections=connections, processes=processes)


spool = Spool(Path(sys.argv[1]), most_bytes=int(sys.argv[2]), now=lambda: now)
uploader = Uploader(spool, ServerClient(account_at("http://127.0.0.1:9"), "test/1", timeout=1.0), host)
warm = most = tries = 0
for step in range(STEPS):
    now += STEP
    spool.append(HOST_ID, now, wire.encode(busy(now)), Scope(3))
    if uploader._not_before <= now:
        assert not uploader.send_once()
        tries += 1
    if step % 10 == 0:
        gc.collect()
        used = psutil.Process().memory_info().rss
        warm = max(warm, used) if step <= WARM else warm
        most = max(most, used)
counts = spool.counts(HOST_ID)
size = sum(file.stat().st_size for file in Path(sys.argv[1]).parent.iterdir())
print(most - warm, spool._bytes, size, counts.waiting, counts.dropped, counts.delivered, tries)
spool.close()
