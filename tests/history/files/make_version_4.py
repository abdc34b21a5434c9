"""Make `version-4.sqlite3.gz` beside this file with the program that wrote version 4 of the history.

Run once, at commit 4922ec6, from its root: `PYTHONPATH=. python tests/history/files/make_version_4.py`.

The file is `version-3.sqlite3.gz` as version 4 brought it up to date, with an event.
"""

from __future__ import annotations

import contextlib
import gzip
import sqlite3
import tempfile
from pathlib import Path

from netwatch_tray.event import Event, Offline, Severity
from netwatch_tray.history.store import Store

HERE = Path(__file__).parent
EVENT = Event(
    id=7,
    first=1_760_000_000.0,
    last=1_760_000_300.0,
    severity=Severity.NOTICE,
    key="line",
    evidence=Offline(until=1_760_000_300.0, interfaces=("eth0",)),
)


def main() -> None:
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "history.sqlite3"
        file.write_bytes(gzip.decompress((HERE / "version-3.sqlite3.gz").read_bytes()))
        store = Store(file)
        store.write_events([EVENT], ())
        store.close()
        with contextlib.closing(sqlite3.connect(file)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (HERE / "version-4.sqlite3.gz").write_bytes(gzip.compress(file.read_bytes(), mtime=0))


if __name__ == "__main__":
    main()
