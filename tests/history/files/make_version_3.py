"""Make `version-3.sqlite3.gz` beside this file with the program that wrote version 3 of the history.

Run once, at commit 4ead5a8, from its root: `PYTHONPATH=. python tests/history/files/make_version_3.py`.

The file is `version-2.sqlite3.gz` as version 3 brought it up to date.
"""

from __future__ import annotations

import contextlib
import gzip
import sqlite3
import tempfile
from pathlib import Path

from netwatch_tray.history.store import Store

HERE = Path(__file__).parent


def main() -> None:
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "history.sqlite3"
        file.write_bytes(gzip.decompress((HERE / "version-2.sqlite3.gz").read_bytes()))
        Store(file).close()
        with contextlib.closing(sqlite3.connect(file)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (HERE / "version-3.sqlite3.gz").write_bytes(gzip.compress(file.read_bytes(), mtime=0))


if __name__ == "__main__":
    main()
