"""Queries of the history: curves, sums and usage. They never change the file, which the agent may write meanwhile.

A series is what bytes are recorded for: the total, an interface, an app … (`history.series`). A tier is a length of
values: ticks, ten seconds, minutes, hours (`history.tiers`). A gap is time without measurements; of most gaps the bytes
are known, but not when they passed.

A row that cannot be read is left out and reported, see `rows`. HistoryError is raised only if the whole file cannot be
read. Each call takes at most ten milliseconds. Do not call it in the thread that paints the window.

Of all methods: `start` and `end` are Unix times, `first` and `last` local days, both included. A `name` of None stands
for the sum of all series of the kind. All may raise HistoryError.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from functools import reduce
from itertools import pairwise
from operator import add
from pathlib import Path
from typing import TypeVar, cast

from netwatch_tray.event import Event, EventKind
from netwatch_tray.history import event_rows, known_networks, schema
from netwatch_tray.history.codes import LOST, SERIES_KINDS
from netwatch_tray.history.imports import SPANS, Import, ImportedAmount, Span, amounts
from netwatch_tray.history.packing import HOURS, MINUTES, SPAN, Ledger, LedgerEntry, less
from netwatch_tray.history.results import (
    NOTHING,
    Curve,
    GapBytes,
    NetworkUse,
    Remainder,
    SlotUse,
    StoredGap,
    TierRow,
    Used,
)
from netwatch_tray.history.rows import Rows, moment
from netwatch_tray.history.series import TOTAL, SeriesKind
from netwatch_tray.history.tiers import TICKS, Tiers, curve_of
from netwatch_tray.history.usage import LATEST, Days, midnight, midnight_after
from netwatch_tray.model import GapReason
from netwatch_tray.settings import Counts

_FINE_SLOTS_S = 2 * 86400
_OF_SOCKETS = ("app", "carrier", "lan")
"""Kinds of series whose bytes are counted at sockets. They have no values shorter than a minute."""
_NUMBER = (int, float)
_MAYBE = type(None)
_MOVED_BY_MINUTE_S = 2 * HOURS

Key = TypeVar("Key", int, str)


class HistoryReader:
    """Queries of the history. The file is open until `close`. Not thread-safe."""

    def __init__(self, file: Path) -> None:
        """Open the file. Raise NoHistoryYetError if there is none, HistoryError if this version cannot read it."""
        self._connection = schema.open_for_reading(file)
        self._rows = Rows(self._connection, file)
        self._tiers = Tiers(self._rows)

    @property
    def lost(self) -> int:
        """Return how many damaged rows and values were left out or set to 0 since the reader was created."""
        return self._rows.lost

    def close(self) -> None:
        self._connection.close()

    def names(self, kind: SeriesKind) -> list[str]:
        """Return the names of all series of a kind, such as all apps, that were ever recorded or imported."""
        query = "SELECT name FROM series WHERE kind = ? UNION SELECT name FROM imported WHERE ? ORDER BY name"
        found = self._rows.typed("names", (str,), query, SERIES_KINDS[kind], kind == "interface")
        return [name for (name,) in found]

    def keys(self, kind: SeriesKind) -> dict[str, str]:
        """Return the key of each series of a kind by its name. If several have the same name, that of the latest."""
        query = "SELECT name, key FROM series WHERE kind = ? ORDER BY id"
        return dict(self._rows.typed("series", (str, str), query, SERIES_KINDS[kind]))

    def begin(self) -> float | None:
        """Return the Unix time of the first measurement, rounded down to the minute, or to the hour if it is more than
        30 days ago; `None` if there is none."""
        oldest, _newest = self._tiers.extent()
        hour = next(self.rows("total", None, oldest, oldest + SPAN[HOURS] + 3600, HOURS), None)
        if hour is None:
            return None
        minute = next(self.rows("total", None, hour.at, hour.at + 3600, MINUTES), hour)
        return minute.at

    def written_until(self) -> float:
        """Return the Unix time at which the last stored minute ends; 0 if there is none."""
        (end,) = self._rows.one("SELECT max(start) + 60 FROM recent WHERE start BETWEEN 0 AND ?", LATEST)
        return float(end or 0)

    def curve(self, kind: SeriesKind, name: str | None, start: float, end: float, most_points: int = 1200) -> Curve:
        """Return the rates of a series as at most about `most_points` points, each as long as suits the range."""
        with self._snapshot():
            ids = self._ids(kind, name)
            step = self._tiers.choose(start, end, most_points)
            if kind in _OF_SOCKETS:
                step = max(step, MINUTES)
            if step == TICKS:
                return self._tiers.ticks(ids, start, end)
            factor = max(1, -(-int((end - start) / step) // most_points))
            first = int(start // step) * step
            size = -(-math.ceil((end - first) / step) // factor) * factor
            columns = self._tiers.values(ids, step, first, size)
            if kind in _OF_SOCKETS:  # stored only where bytes moved; elsewhere in the measured time it is 0
                columns.covered = self._tiers.measured(step, first, size, self.gaps(first, first + size * step))
            return curve_of(columns, step, first, factor)

    def bytes_between(self, kind: SeriesKind, name: str | None, start: int, end: int) -> Used:
        """Return the traffic of a series. The times are rounded to minutes in the last 30 days, before that to hours.

        The bytes of a gap count at its end, because that is when they were measured.
        """
        with self._snapshot():
            oldest, newest = self._tiers.extent()
            start, end = max(start, oldest), min(end, newest)
            tier = MINUTES if self._tiers.reaches(MINUTES, start) else HOURS
            first = start // tier * tier
            columns = self._tiers.values(self._ids(kind, name), tier, first, max(0, -(-(end - first) // tier)))
            carried = self.carried(kind, name, first, end)
        gap_rx, gap_tx = sum(each.rx for each in carried), sum(each.tx for each in carried)
        return Used(sum(columns.rx) + gap_rx, sum(columns.tx) + gap_tx, gap_rx, gap_tx, sum(columns.covered) / 10)

    def moved_by_name(self, kind: SeriesKind, start: int, end: int) -> dict[str, int]:
        """Return the bytes of each interface or app by name, received and sent together, without those of gaps. Ranges
        up to two hours are rounded to minutes, longer ones to hours."""
        with self._snapshot():
            query = "SELECT id, name FROM series WHERE kind = ?"
            names = dict(self._rows.typed("series", (int, str), query, SERIES_KINDS[kind]))
            tier = MINUTES if end - start <= _MOVED_BY_MINUTE_S and self._tiers.reaches(MINUTES, start) else HOURS
            first = start // tier * tier
            sums = self._tiers.sums(names, tier, first, max(0, -(-(end - first) // tier)))
        found: dict[str, int] = {}
        for series, moved in sums.items():
            found[names[series]] = found.get(names[series], 0) + moved
        return found

    def slots(self, kind: SeriesKind, name: str | None, edges: Sequence[float]) -> tuple[int, list[SlotUse]]:
        """Return the length in seconds of the stored values that were used (60 or 3600), and the traffic of each slot:
        the time between two consecutive `edges` (Unix times).

        Values of minutes are used if all slots together are at most two days, or an edge is not a whole hour, and
        minutes that old are kept.
        """
        start, end = int(edges[0]), math.ceil(edges[-1])
        with self._snapshot():
            oldest, _newest = self._tiers.extent()
            is_fine = end - start <= _FINE_SLOTS_S or any(edge % HOURS for edge in edges)
            tier = MINUTES if is_fine and self._tiers.reaches(MINUTES, max(start, oldest)) else HOURS
            first = start // tier * tier
            size = -(-(end - first) // tier)
            columns = self._tiers.values(self._ids(kind, name), tier, first, size)
            if kind in _OF_SOCKETS:
                columns.covered = self._tiers.measured(tier, first, size, self.gaps(first, first + size * tier))
            carried = self.carried(kind, name, first, end)
        found = []
        for begin, finish in pairwise(edges):
            part = slice(round((begin - first) / tier), round((finish - first) / tier))
            in_gaps = [each for each in carried if begin <= each.finish < finish]
            gap_rx, gap_tx = sum(each.rx for each in in_gaps), sum(each.tx for each in in_gaps)
            rx, tx = sum(columns.rx[part]) + gap_rx, sum(columns.tx[part]) + gap_tx
            used = Used(rx, tx, gap_rx, gap_tx, sum(columns.covered[part]) / 10)
            peaks = [max(column[part], default=0) for column in (columns.rx_peak, columns.tx_peak)]
            places = [
                first + column.index(peak, part.start) * tier if peak else None
                for column, peak in zip((columns.rx_peak, columns.tx_peak), peaks, strict=True)
            ]
            found.append(SlotUse(begin, finish, used, *map(float, peaks), *places))
        return tier, found

    def first_day(self) -> date | None:
        """Return the first local day with recorded or imported usage, or None if there is none."""
        (own,) = self._rows.one("SELECT min(day) FROM usage")
        (imported,) = self._rows.one("SELECT min(first) FROM imported WHERE counted AND span = 'day'")
        return min(filter(None, (day and self._date(day) for day in (own, imported))), default=None)

    def days(
        self,
        kind: SeriesKind,
        name: str | None,
        first: date,
        last: date,
        *,
        counts: Counts = "all",
        network: str | None = None,
        with_names: bool = False,
    ) -> dict[date, Used]:
        """Return the usage of each local day from `first` to `last` that has any, oldest first.

        `counts`: `metered` counts only metered networks; `internet` subtracts the bytes that stayed in the local
        network, from the total only. `network`: key of the only network to count; `with_names`: see `by_network`. With
        `metered` or `network`, imported days are left out, because their network is unknown.
        """
        with self._snapshot():
            ids = set(self._ids(kind, name))
            without = set(self._ids("lan", None)) if counts == "internet" and kind == "total" else set()
            covered = known_networks.covered(self._rows, counts, network, with_names=with_names)
            found: dict[date, Used] = {}
            for day, place, ledger in self._ledgers(first, last):
                if covered is not None and place not in covered:
                    found.setdefault(day, NOTHING)
                    continue
                for series in ledger.keys() & ids:
                    local = next((ledger[each] for each in ledger.keys() & without), None)
                    found[day] = found.get(day, NOTHING).plus(_used(less(ledger[series], local)))
            for amount in self._imported(kind, name, first, last) if covered is None else ():
                if amount.days.length == 1:
                    day = amount.days.first
                    found[day] = found.get(day, NOTHING).plus(_used_before(amount))
        return dict(sorted(found.items()))

    def undated(self, kind: SeriesKind, name: str | None, first: date, last: date) -> list[tuple[Days, Used]]:
        """Return the usage of imported months and years wholly in the range, without that of their imported days."""
        with self._snapshot():
            imported = self._imported(kind, name, first, last)
        return [(amount.days, _used_before(amount)) for amount in imported if amount.days.length > 1]

    def by_name(
        self, kind: SeriesKind, first: date, last: date, *, network: str | None = None, with_names: bool = False
    ) -> dict[str, Used]:
        """Return the usage of each interface or app by name, the largest first.

        `network`: key of the only network to count; None: all. `with_names`: see `by_network`.
        """
        with self._snapshot():
            query = "SELECT id, name FROM series WHERE kind = ?"
            names = dict(self._rows.typed("series", (int, str), query, SERIES_KINDS[kind]))
            covered = known_networks.covered(self._rows, "all", network, with_names=with_names)
            sums = _sums(
                (series, entry)
                for _day, place, ledger in self._ledgers(first, last)
                if covered is None or place in covered
                for series, entry in ledger.items()
            )
            imported = self._imported(kind, None, first, last) if covered is None else []
        found: dict[str, Used] = {}
        for series in sums.keys() & names.keys():
            name = names[series]
            found[name] = found.get(name, NOTHING).plus(_used(sums[series]))
        for amount in imported:
            found[amount.name] = found.get(amount.name, NOTHING).plus(_used_before(amount))
        return dict(sorted(found.items(), key=lambda item: (-item[1].both, item[0])))

    def remainder(self, first: date, last: date) -> Remainder:
        """Return the bytes of the total that belong to no app."""
        with self._snapshot():
            kinds = dict(self._rows.typed("series", (int, int), "SELECT id, kind FROM series"))
            sums = _sums(
                (kinds.get(series, LOST), entry)
                for *_, ledger in self._ledgers(first, last)
                for series, entry in ledger.items()
            )
            imported = self._imported("total", None, first, last)
        total, apps = (_used(sums.get(SERIES_KINDS[kind], (0, 0, 0, 0, 0))) for kind in ("total", "app"))
        return Remainder.of(total, [apps], reduce(Used.plus, map(_used_before, imported), NOTHING))

    def by_network(self, first: date, last: date, *, with_names: bool = False) -> list[NetworkUse]:
        """Return the total of each network, the largest first.

        `with_names`: also read the names of networks; those with the same name are summed as one network.
        """
        with self._snapshot():
            known = known_networks.read(self._rows, with_names=with_names)
            unknown = NetworkUse("?", "offline", NOTHING, 0)  # the row of the network is lost
            (total,) = self._ids("total", None) or [0]
            found: dict[str, NetworkUse] = {}
            for _day, place, ledger in self._ledgers(first, last):
                if total in ledger:
                    network = known.get(place, unknown)
                    used = found.get(network.key, network).used.plus(_used(ledger[total]))
                    found[network.key] = network._replace(used=used)
        return sorted(found.values(), key=lambda use: (-use.used.both, use.key))

    def networks(self, *, with_names: bool = False) -> list[NetworkUse]:
        """Return every network in the history, with usage 0. `with_names`: see `by_network`."""
        with self._snapshot():
            return list(dict.fromkeys(known_networks.read(self._rows, with_names=with_names).values()))

    def gaps(self, start: float, end: float) -> list[StoredGap]:
        """Return the gaps that overlap the range, oldest first."""
        rows = self._rows.typed(
            "gaps",
            (_NUMBER, (int, float, _MAYBE), int, (str, _MAYBE), int),
            "SELECT start, finish, reason, name, complete FROM gap LEFT JOIN series ON series.id = series "
            "WHERE start < ? AND (finish IS NULL OR finish > ?) ORDER BY start, gap.id",
            min(end, LATEST),
            max(start, 0),
        )
        return [
            StoredGap(
                max(0.0, start),
                finish if finish is None else min(finish, LATEST),
                GapReason(reason),
                name,
                bool(complete),
            )
            for start, finish, reason, name, complete in rows
        ]

    def events(
        self, start: float, end: float, kinds: Collection[EventKind] | None = None, most: int = event_rows.MOST
    ) -> list[Event]:
        """Return the newest `most` events whose last finding is in the range, oldest first.

        `kinds`: only these kinds; `None`: all. If the agent sends the same event over the feed, that one is newer.
        """
        return event_rows.select(self._rows, start, end, kinds, most)

    def carried(self, kind: SeriesKind, name: str | None, start: float, end: float) -> list[GapBytes]:
        """Return the bytes of gaps that ended in the range, oldest first."""
        rows = self._rows.typed(
            "gaps",
            (_NUMBER, _NUMBER, int, str, int, int),
            "SELECT start, finish, reason, name, rx, tx FROM gap_bytes JOIN gap ON gap.id = gap "
            "JOIN series ON series.id = gap_bytes.series "
            "WHERE finish >= ? AND finish < ? AND kind = ? AND (? IS NULL OR name = ?) ORDER BY start, gap.id, name",
            max(start, 0),
            min(end, LATEST),
            SERIES_KINDS[kind],
            name,
            name,
        )
        found = [GapBytes(max(0.0, start), finish, GapReason(reason), *row) for start, finish, reason, *row in rows]
        for each in found:
            if each.rx < 0 or each.tx < 0:
                self._rows.report(f"{each.name}, {moment(each.finish)} (a gap carried less than nothing, left out)")
        return [each for each in found if each.rx >= 0 and each.tx >= 0]

    def is_complete(self, first: date, last: date) -> bool:
        """Return whether the bytes of all gaps that ended on these days are known, which is not so if counters were
        reset in one. Gaps of removed interfaces are ignored."""
        start, end = midnight(first), midnight_after(last)
        (lost,) = self._rows.one(
            "SELECT count(*) FROM gap WHERE complete = 0 AND finish >= ? AND finish < ? AND reason != ?",
            start,
            end,
            int(GapReason.REMOVED),
        )
        return not lost

    def rows(self, kind: SeriesKind, name: str | None, start: int, end: int, tier: int) -> Iterator[TierRow]:
        """Yield the stored values of the series with this name, or of all of the kind, one series after the other.
        Unknown values are skipped. `tier`: length of the values (TENS, MINUTES or HOURS)."""
        wanted = "SELECT id, name FROM series WHERE kind = ? AND (? IS NULL OR name = ?) ORDER BY name, id"
        oldest, newest = self._tiers.extent()
        end = min(end, newest)
        first = max(start, oldest) // tier * tier
        spans = [(max(first, span), min(end, span + SPAN[tier])) for span in self._tiers.chunk_starts(tier, first, end)]
        for series, series_name in self._rows.typed("series", (int, str), wanted, SERIES_KINDS[kind], name, name):
            for begin, finish in spans:
                size = -(-(finish - begin) // tier)
                columns = self._tiers.values([series], tier, begin, size)
                for place, covered in enumerate(columns.covered):
                    if covered:
                        yield TierRow(
                            begin + place * tier,
                            tier,
                            series_name,
                            columns.rx[place],
                            columns.tx[place],
                            columns.rx_peak[place],
                            columns.tx_peak[place],
                            covered / 10,
                        )

    def _ledgers(self, first: date, last: date) -> Iterator[tuple[date, int, Ledger]]:
        """Yield day, ID of the network, and ledger (bytes by series) for each day and network, oldest first."""
        query = "SELECT day, network, data FROM usage WHERE day BETWEEN ? AND ? ORDER BY day"
        for day, network, data in self._rows.query(query, first.isoformat(), last.isoformat()):
            local = self._date(day)
            if local is not None:
                yield local, network, self._rows.ledger(day, data)

    def _date(self, text: object) -> date | None:
        try:
            return date.fromisoformat(str(text))
        except ValueError as error:
            self._rows.report(f"a day ({error})")
            return None

    def _imported(self, kind: SeriesKind, name: str | None, first: date, last: date) -> list[ImportedAmount]:
        """Return imported usage that lies wholly in the range and before the first recorded day."""
        if kind not in ("total", "interface"):
            return []
        wanted = name if kind == "interface" else None  # the total has none
        rows = self._rows.typed(
            "imports",
            (str, str, str, int, int),
            "SELECT name, span, first, rx, tx FROM imported WHERE (? OR counted) AND (? IS NULL OR name = ?)",
            kind == "interface",
            wanted,
            wanted,
        )
        if not rows:
            return []
        (own,) = self._rows.one("SELECT min(day) FROM usage")
        imports = [
            Import(each, cast("Span", span), day, rx, tx)
            for each, span, begin, rx, tx in rows
            if span in SPANS and min(rx, tx) >= 0 and (day := self._date(begin)) is not None
        ]
        found = amounts(imports, (own and self._date(own)) or date.max)
        if kind == "total":
            found = [amount._replace(name=TOTAL.name) for amount in found]
        return [amount for amount in found if first <= amount.days.first and amount.days.last <= last]

    def _ids(self, kind: SeriesKind, name: str | None) -> list[int]:
        """Return the IDs of the series with this name, or of all series of the kind if it is None."""
        query = "SELECT id FROM series WHERE kind = ? AND (? IS NULL OR name = ?)"
        return [
            series for (series,) in self._rows.query(query, SERIES_KINDS[kind], name, name) if isinstance(series, int)
        ]

    @contextmanager
    def _snapshot(self) -> Iterator[None]:
        """Run the queries of the block in one read transaction, so that all see the same state of the file."""
        self._rows.query("BEGIN")
        try:
            yield
        finally:
            self._connection.rollback()


def _used(entry: LedgerEntry) -> Used:
    rx, tx, gap_rx, gap_tx, covered = entry
    return Used(rx, tx, gap_rx, gap_tx, covered / 10)


def _used_before(amount: ImportedAmount) -> Used:
    return Used(amount.rx, amount.tx, 0, 0, 0.0, amount.rx + amount.tx)


def _sums(entries: Iterable[tuple[Key, LedgerEntry]]) -> dict[Key, LedgerEntry]:
    """Return the sum of the ledger entries by key; the same key may occur several times in `entries`."""
    sums: dict[Key, LedgerEntry] = {}
    for key, entry in entries:
        old = sums.get(key)
        sums[key] = entry if old is None else cast("LedgerEntry", tuple(map(add, old, entry)))
    return sums
