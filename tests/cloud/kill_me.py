"""Stores and sends snapshots until it is killed. Arguments: spool, server, key, number of the run, 1 to send only."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from uploading import FAST, HOST_ID, host, snapshot

from netwatch_tray.cloud import wire
from netwatch_tray.cloud.account import Account, Identity, Key, parse_endpoint
from netwatch_tray.cloud.client import ServerClient
from netwatch_tray.cloud.privacy import Scope
from netwatch_tray.cloud.spool import Spool
from netwatch_tray.cloud.uploader import Uploader

spool = Spool(Path(sys.argv[1]))
account = Account(parse_endpoint(sys.argv[2]), Key(sys.argv[3]), Identity(host_id=HOST_ID, secret="00" * 16))
client = ServerClient(account, f"run/{sys.argv[4]}", timeout=60.0)
uploader = Uploader(spool, client, host, pace=FAST._replace(timeout=60.0))
uploader.start()
if sys.argv[5] == "1":
    while spool.counts(HOST_ID).waiting:
        time.sleep(0.005)
    uploader.stop()
    uploader.wait(60)
    sys.exit()
while True:
    made = snapshot(datetime.now(UTC))
    spool.append(HOST_ID, datetime.now(UTC).timestamp(), wire.encode(made), Scope())
    print(made.timestamp, flush=True)
    uploader.wake()
    time.sleep(0.001)
