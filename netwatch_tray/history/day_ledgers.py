"""The sums of each local day. A ledger is one row of the table `usage`: the bytes of all series of a day in one
network."""

from __future__ import annotations

import sqlite3
import time

from netwatch_tray.history.packing import CorruptRowError, Ledger, less, pack_ledger
from netwatch_tray.history.rows import Rows

_MOST = (1 << 63) - 1
_NOTHING = (0, 0, 0, 0, 0)


class DayLedgers:
    """Adds to the ledgers of local days, and sums them. Those of one day are cached, because each commit adds to them.

    Only the process that holds the lock of the history writes them, so the cache agrees with the file. Not thread-safe.
    """

    def __init__(self, connection: sqlite3.Connection, rows: Rows) -> None:
        self._connection = connection
        self._rows = rows
        self._day: str | None = None
        self._ledgers: dict[int, Ledger] = {}
        """Ledgers of the day `_day`, by ID of the network."""

    def forget(self) -> None:
        """Drop the cache. Call this after a transaction was rolled back, or other code wrote to the table."""
        self._day = None

    def add(self, at: float, network: int, entries: Ledger) -> None:
        """Add `entries` to the ledger of a network for the local day that contains the Unix time `at`. Raise
        sqlite3.Error."""
        day = time.strftime("%Y-%m-%d", time.localtime(at))
        ledgers = self._of(day)
        ledger = ledgers.setdefault(network, {})
        for series, (rx, tx, gap_rx, gap_tx, covered) in entries.items():
            old_rx, old_tx, old_gap_rx, old_gap_tx, old_covered = ledger.get(series, _NOTHING)
            ledger[series] = (
                old_rx + rx, old_tx + tx, old_gap_rx + gap_rx, old_gap_tx + gap_tx, old_covered + covered,
            )  # fmt: skip
        try:
            packed = pack_ledger(ledger)
        except CorruptRowError:
            ledger = ledgers[network] = self._rows.mended(ledger, day, _MOST)
            packed = pack_ledger(ledger)
        # An update leaves the index as it is: a replacement writes a page of it each minute.
        self._connection.execute(
            "INSERT INTO usage VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET data = excluded.data", (day, network, packed)
        )

    def used(
        self, series: int, first_day: str, last_day: str, *, metered_only: bool = False, without: int | None = None
    ) -> int:
        """Return the bytes of a series from `first_day` to `last_day` (ISO dates), received and sent together.

        `series`, `without`: IDs of series; the bytes of `without`, those that stayed in the local network, are
        subtracted. `metered_only`: count only metered networks. Raise sqlite3.Error.
        """
        metered: set[int] = set()
        if metered_only:
            metered = {each for (each,) in self._connection.execute("SELECT id FROM network WHERE metered = 1")}
        if first_day == last_day:
            found = list(self._of(first_day).items())
        else:
            query = "SELECT network, day, data FROM usage WHERE day BETWEEN ? AND ?"
            rows = self._connection.execute(query, (first_day, last_day))
            found = [(network, self._rows.ledger(day, data)) for network, day, data in rows]
        ledgers = [ledger for network, ledger in found if not metered_only or network in metered]
        entries = [
            less(ledger[series], None if without is None else ledger.get(without))
            for ledger in ledgers
            if series in ledger
        ]
        return sum(entry[0] + entry[1] for entry in entries)

    def _of(self, day: str) -> dict[int, Ledger]:
        if day != self._day:
            found = self._connection.execute("SELECT network, data FROM usage WHERE day = ?", (day,)).fetchall()
            self._ledgers = {network: self._rows.ledger(day, data) for network, data in found}
            self._day = day
        return self._ledgers
